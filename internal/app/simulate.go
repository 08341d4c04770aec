package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/config"
	"mailvigil/simulate"
)

func (a *app) simulateCommand() *cobra.Command {
	var (
		o                          simulate.Options
		scenario, tz, start, truth string
		scenarios                  []string
		force                      bool
	)
	for _, s := range simulate.Scenarios() {
		scenarios = append(scenarios, string(s))
	}
	cmd := &cobra.Command{
		Use:   "simulate FOLDER",
		Short: "Write the mail logs of an organisation that does not exist",
		Long: `Writes the logs that nginx, Dovecot, Postfix and Roundcube would write for an
organisation of so many people, in files by day as logrotate names them. The
same flags give the same bytes on any machine. What happens beside everyday
life is the scenario: ` + strings.Join(scenarios, ", ") + `.

400 people fill about 13 MB and 60,000 lines a day.`,
		Example: `  mailvigil simulate --scenario spray --truth truth.json /tmp/parliament
  mailvigil investigate --tz Europe/Brussels /tmp/parliament`,
		Args: cobra.MatchAll(atLeast(1, "the folder to write to"), atMost(1, "one folder at a time")),
		RunE: func(cmd *cobra.Command, args []string) error {
			// The zero value of an option is its default, so what was asked
			// for in so many words is checked here.
			switch {
			case o.Accounts < 1:
				return usagef("--accounts %d: there must be at least one", o.Accounts)
			case o.Days < 1:
				return usagef("--days %d: there must be at least one", o.Days)
			case o.Strength == 0:
				return usagef("--strength 0: --scenario %s is how nothing happens", simulate.Quiet)
			}
			zone, err := config.Zone(tz)
			if err != nil {
				return usagef("--tz: %v", err)
			}
			o.Location, o.Scenario = zone, simulate.Scenario(scenario)
			if o.Start, err = time.ParseInLocation(time.DateOnly, start, zone); err != nil {
				return usagef("--start: %q is no date; write %s", start, demoStart)
			}
			w, err := simulate.New(o)
			if err != nil {
				if near := config.Closest(scenario, scenarios); near != "" && near != scenario {
					return usagef("there is no scenario %q; did you mean %s?", printable(scenario), near)
				}
				return usagef("%v", strings.TrimPrefix(err.Error(), simulate.ErrOptions.Error()+": "))
			}
			if !force {
				if err := emptyFolder(args[0]); err != nil {
					return err
				}
			}
			lines, err := writeWorld(cmd.Context(), w, args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "Wrote %d lines into %s.\n", lines, printable(args[0]))
			if truth == "" {
				return nil
			}
			return a.writeJSON(truth, w.Truth())
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Accounts, "accounts", 400, "`NUMBER` of people")
	f.IntVar(&o.Days, "days", 14, "`NUMBER` of days")
	f.Uint64Var(&o.Seed, "seed", 1, "`NUMBER` that all chance follows from")
	f.StringVar(&scenario, "scenario", string(simulate.Quiet), "what happens: `NAME`")
	f.Float64Var(&o.Strength, "strength", 1, "of the scenario, a `FACTOR`")
	f.StringVar(&start, "start", demoStart, "first `DATE`")
	f.StringVar(&tz, "tz", demoZone, "`ZONE` that the organisation lives in")
	f.StringVar(&o.Domain, "domain", "parl.example", "mail `DOMAIN`")
	f.StringVar(&truth, "truth", "", "write what really happens as JSON to `FILE`, - for standard output")
	f.BoolVar(&force, "force", false, "write also into a folder that is not empty")
	_ = cmd.RegisterFlagCompletionFunc("tz", cobra.FixedCompletions(config.Zones(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("scenario", cobra.FixedCompletions(scenarios, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// emptyFolder refuses a folder that holds something: simulated lines among
// real logs would be found by the next investigation.
func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("write the simulated logs: %w", err)
	case len(entries) > 0:
		return usagef("%s is not empty; name another folder, or add --force to write among what it holds", printable(dir))
	}
	return nil
}

// writeWorld writes a World's logs into a folder and counts their lines.
func writeWorld(ctx context.Context, w *simulate.World, dir string) (lines int64, err error) {
	err = w.Write(func(name string) (io.WriteCloser, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		f, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		return &lineCounter{f, &lines}, nil
	})
	if err != nil {
		return lines, fmt.Errorf("write the simulated logs: %w", err)
	}
	return lines, nil
}

// lineCounter counts what passes.
type lineCounter struct {
	io.WriteCloser
	lines *int64
}

func (c *lineCounter) Write(b []byte) (int, error) {
	*c.lines += int64(bytes.Count(b, []byte{'\n'}))
	return c.WriteCloser.Write(b)
}
