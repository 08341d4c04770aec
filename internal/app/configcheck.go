package app

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailvigil/internal/api"
	"mailvigil/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration",
		Example: `  mailvigil config check
  mailvigil config schema`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command \"config %s\"; there are check and schema", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.configCheck(), a.configSchema())
	return cmd
}

// checked is the JSON of config check.
type checked struct {
	File     string    `json:"file"`
	OK       bool      `json:"ok"`
	Problems []mistake `json:"problems"`
	Means    []string  `json:"means"`
	Warnings []mistake `json:"warnings"` // of what is right, and may not be meant
}

// mistake is one thing that is wrong, at a place of the file; line and column are
// 0 where it has none.
type mistake struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Text   string `json:"text"`
}

func (a *app) configCheck() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Find every mistake of the configuration at once",
		Long: `Tells each with file, line and column and what to write instead, and else in short
what the file means. Nothing is changed, and no log is opened.
Exit code: 0 where all is right, 1 where something is wrong.`,
		Example: `  mailvigil config check
  mailvigil config check /etc/mailvigil/mailvigil.yaml`,
		Args: atMost(1, "one file is checked at a time"),
		RunE: func(_ *cobra.Command, args []string) error {
			file := ""
			if len(args) == 1 {
				file = args[0]
			} else {
				var err error
				if file, err = config.Find(); err != nil {
					return err
				}
				if file == "" {
					return fmt.Errorf("there is no %s here, and none in %s; name the file, or make one with \"mailvigil init\"", config.Name, config.SystemFolder)
				}
			}
			return a.check(file, out)
		},
	}
	jsonFlag(cmd, &out, "the mistakes")
	return cmd
}

func (a *app) check(file, out string) error {
	c := checked{File: file, Problems: []mistake{}, Means: []string{}, Warnings: []mistake{}}
	cfg, err := config.Load(file)
	var text string
	switch {
	case err == nil:
		if _, err := calendarOf(cfg); err != nil {
			c.Problems = append(c.Problems, mistake{Text: err.Error()})
			text = printable(file+": "+err.Error()) + "\n"
		}
	default:
		problems := mistakesOf(err)
		if len(problems) == 0 {
			return err // it could not be read at all
		}
		for _, p := range problems {
			c.Problems = append(c.Problems, mistake{p.Line, p.Column, p.Text})
			text += printable(p.Error()) + "\n"
		}
	}
	c.OK = len(c.Problems) == 0
	if c.OK {
		c.Means = meaning(cfg)
		text = "ok: " + printable(file) + "\n"
		for _, m := range c.Means {
			text += "  " + printable(m) + "\n"
		}
		for _, p := range cfg.Warnings {
			c.Warnings = append(c.Warnings, mistake{p.Line, p.Column, p.Text})
			text += printable("warning: "+p.Error()) + "\n"
		}
	} else {
		text += fmt.Sprintf("%s. Nothing of the file holds before that is changed.\n", amountOf(len(c.Problems), "mistake"))
	}
	if out != "" {
		if err := a.writeJSON(out, c); err != nil {
			return err
		}
	}
	if out != "-" {
		if _, err := io.WriteString(a.stdout, text); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
	}
	if !c.OK {
		return &exitError{1}
	}
	return nil
}

// mistakesOf are the mistakes that an error joins.
func mistakesOf(err error) (problems []*config.Problem) {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return nil
	}
	for _, e := range joined.Unwrap() {
		var p *config.Problem
		if errors.As(e, &p) {
			problems = append(problems, p)
		}
	}
	return problems
}

func amountOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// meaning says in short what a configuration means, one line for each section
// that matters to how the watch behaves.
func meaning(cfg *config.Config) (lines []string) {
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if cfg.Zone != nil {
		line("Zone: %s", cfg.Zone)
	} else {
		line("Zone: this machine's, as none is named")
	}
	if len(cfg.Domains) > 0 {
		line("Domains: %s", strings.Join(cfg.Domains, ", "))
	}
	if n := len(cfg.Aliases); n > 0 {
		line("Other spellings of accounts: %d", n)
	}
	line("Own networks: %d; proxies and relays: %d, and those that the logs show", len(cfg.Networks.Own), len(cfg.Networks.Relays))
	days := amountOf(len(cfg.Holidays), "day") + " off"
	if cfg.Country != "" {
		days += ", and the public holidays of " + cfg.Country
	}
	line("Calendar: %s; known of past and coming times: %d", days, len(cfg.Known))
	if len(cfg.Logs) > 0 {
		line("Logs: %s", strings.Join(cfg.Logs, ", "))
	} else {
		line("Logs: those in the usual places")
	}
	if cfg.Ledger != "" {
		line("Ledger: %s", cfg.Ledger)
	}
	line("Data of the watch: %s", cmp.Or(cfg.Data, dataFolder))
	kept := amountOf(cfg.Archive.Kept(), "day")
	if cfg.Archive.Bytes > 0 {
		kept += fmt.Sprintf(", at most %.0f MB", float64(cfg.Archive.Bytes)/1e6)
	}
	line("Archive: %s", kept)
	if n := len(cfg.Intake.Listeners); n > 0 || cfg.Intake.Journal.Read {
		line("Network: %s; systemd's journal: %t", amountOf(n, "listener"), cfg.Intake.Journal.Read)
	}
	if p := cfg.Probes; p != nil {
		line("Probes: %d", len(p.Checks))
	}
	if n := cfg.Notify; n != nil {
		line("Told of incidents: %s", amountOf(len(n.Receivers), "receiver"))
	}
	line("Vigilance by itself: from an attack of severity %s on, for %s", cmp.Or(cfg.Vigilance.Severity, config.DefaultVigilanceSeverity), cmp.Or(cfg.Vigilance.For, config.DefaultVigilance))
	socket := cfg.Control.Socket
	if socket == "" {
		socket = api.DefaultSocket
	}
	line("Control socket: %s", socket)
	for _, role := range slices.Backward(config.RoleNames) {
		who := cfg.Control.Roles[role]
		if role == "administrator" {
			who = append([]string{"root", "the watch's own user"}, who...)
		}
		if len(who) > 0 {
			line("  %s: %s", role, strings.Join(who, ", "))
		}
	}
	if cfg.Metrics.Listen != "" {
		line("Metrics and health: http://%s/metrics, /healthz, /readyz", cfg.Metrics.Listen)
	}
	return lines
}

func (a *app) configSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [FILE]",
		Short: "Write the JSON Schema of the configuration",
		Long: `For editors, which complete and check with it, and for programs that write
configurations. "config check" finds more than a schema can say.`,
		Example: "  mailvigil config schema > mailvigil.schema.json",
		Args:    atMost(1, "one file is written"),
		RunE: func(_ *cobra.Command, args []string) error {
			schema, err := config.Schema()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				_, err = a.stdout.Write(schema)
				return err
			}
			if err := os.MkdirAll(filepath.Dir(args[0]), 0o755); err != nil {
				return fmt.Errorf("make the folder: %w", err)
			}
			return a.output(args[0], func(w io.Writer) error { _, err := w.Write(schema); return err })
		},
	}
}
