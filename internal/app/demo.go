package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/chart"
	"mailvigil/internal/config"
	"mailvigil/internal/intake"
	"mailvigil/internal/report"
	"mailvigil/simulate"
	"mailvigil/verdict"
)

// The demo's parliament: the fortnight before a date that does not move, so
// that everybody sees the same night.
const (
	demoSeed     = 1
	demoAccounts = 400
	demoDays     = 14
	demoZone     = "Europe/Brussels"
	demoStart    = "2025-09-08"
)

func (a *app) demoCommand() *cobra.Command {
	var keep, picture string
	var out reports
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Investigate a simulated parliament's fortnight",
		Long: `Simulates the mail logs of a parliament in which webmail and phone traffic
rises at night, investigates them as it would real ones, and shows the verdict.
Everything is made up.`,
		Example: `  mailvigil demo
  mailvigil demo --html report.html       # the report as a page
  mailvigil demo --keep /tmp/parliament   # then look at the logs yourself`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := out.check(); err != nil {
				return err
			}
			return a.demo(cmd.Context(), out, keep, picture)
		},
	}
	out.register(cmd)
	cmd.Flags().StringVar(&keep, "keep", "", "write the simulated logs to `FOLDER` and keep them")
	cmd.Flags().StringVar(&picture, "svg", "", "draw the first page of the report, as in a terminal, into `FILE`")
	return cmd
}

func (a *app) demo(ctx context.Context, out reports, keep, picture string) (err error) {
	zone, err := config.Zone(demoZone)
	if err != nil {
		return err
	}
	dir := keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mailvigil-demo-"); err != nil {
			return fmt.Errorf("make a folder for the simulated logs: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	begin := a.now()
	fmt.Fprintf(a.stderr, "Simulating %d days of mail of a parliament of %d people …\n", demoDays, demoAccounts)
	start, err := time.ParseInLocation(time.DateOnly, demoStart, zone)
	if err != nil {
		return err
	}
	w, err := simulate.New(simulate.Options{
		Seed: demoSeed, Accounts: demoAccounts, Days: demoDays, Location: zone,
		Start: start, Scenario: simulate.Parliament,
	})
	if err != nil {
		return err
	}
	if _, err := writeWorld(ctx, w, dir); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "Done in %.0f s. Investigating them …\n\n", a.now().Sub(begin).Seconds())
	set, err := intake.Discover(ctx, []string{dir}, intake.Options{Location: zone, Now: a.now()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	if keep == "" {
		// The folder is gone when the report is read, and its name differs
		// from run to run: the files go by their names in it. Nothing has
		// seen the set yet.
		for _, f := range set.Files {
			if name, err := filepath.Rel(dir, f.Path); err == nil {
				f.Name = filepath.ToSlash(name)
			}
		}
	}
	v, err := a.run(ctx, set, investigation{config: &config.Config{}, zone: zone, out: out, sensitivity: "quick"})
	if err != nil || picture == "" {
		return err
	}
	return a.output(picture, func(w io.Writer) error {
		page, err := firstPage(v, zone)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, chart.TerminalSVG(page, 80))
		return err
	})
}

// pageLines is how much of a report a picture on a page may show.
const pageLines = 46

// firstPage is the start of the report as a terminal with colours shows it,
// after the command that asks for it, up to an empty line.
func firstPage(v *verdict.Verdict, zone *time.Location) (string, error) {
	var page strings.Builder
	page.WriteString("\x1b[2m$\x1b[0m mailvigil demo\n\n")
	if err := report.Terminal(&page, v, report.Options{Width: 80, Color: true, Unicode: true, Location: zone}); err != nil {
		return "", err
	}
	lines := strings.Split(page.String(), "\n")
	n := min(len(lines), pageLines)
	for n < len(lines) && n > 0 && lines[n] != "" {
		n--
	}
	return strings.Join(lines[:n], "\n"), nil
}
