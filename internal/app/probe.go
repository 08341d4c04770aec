package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/config"
	"mailvigil/internal/health"
	"mailvigil/internal/message"
)

// probesOf makes the configured probes, and the rule by which their answers
// are an outage.
func probesOf(cfg *config.Config) ([]health.Probe, health.Rule) {
	rule := health.DefaultRule()
	if cfg.Probes == nil {
		return nil, rule
	}
	rule.Failures, rule.Successes, rule.Reconnects = cfg.Probes.Failures, cfg.Probes.Successes, cfg.Probes.Reconnects
	var probes []health.Probe
	for _, c := range cfg.Probes.Checks {
		p := health.Probe{Name: c.Name, Service: c.Service, Interval: c.Interval, Timeout: c.Timeout, Slow: c.Slow, Account: c.Account}
		server := health.Server{Address: c.Server, Security: health.Security(c.Security), CAFile: c.CAFile}
		page := health.Page{URL: c.URL, CAFile: c.CAFile}
		login := health.Login{Account: c.Account, PasswordFile: c.PasswordFile}
		switch c.Kind {
		case "imap":
			p.Ask = health.IMAP(server, login)
		case "pop3":
			p.Ask = health.POP3(server, login)
		case "round_trip":
			arrival := health.Server{Address: c.Arrival, Security: health.Security(c.ArrivalSecurity), CAFile: c.CAFile}
			p.Ask = health.RoundTrip(c.Name, server, arrival, login, c.Address)
		case "roundcube":
			p.Ask = health.Roundcube(page, login)
		case "web_form":
			p.Ask = health.WebForm(page, health.Form{User: c.UserField, Password: c.PasswordField, Success: c.Success}, login)
		case "activesync":
			p.Ask = health.ActiveSync(page, login)
		case "certificate":
			protocol := map[string]string{"imap": "imap", "pop3": "pop3"}[c.Service]
			p.Ask = health.Certificate(server, cmp.Or(protocol, "smtp"))
		case "queue":
			if c.Folder != "" {
				p.Ask = health.QueueFolder(c.Folder, c.Most)
			} else {
				p.Ask = health.QueueCommand(c.Command, c.Most)
			}
		}
		probes = append(probes, p)
	}
	return probes, rule
}

// registerConfig is for commands that read no logs.
func (s *settings) registerConfig(cmd *cobra.Command) {
	s.cmd = cmd
	cmd.Flags().StringVar(&s.config, "config", "", "configuration `FILE` (default: mailvigil.yaml here, else /etc/mailvigil/mailvigil.yaml)")
}

func (a *app) probeCommand() *cobra.Command {
	var (
		s    settings
		file string
	)
	cmd := &cobra.Command{
		Use:   "probe [NAME…]",
		Short: "Ask the mail service once what its users ask of it",
		Long: `Asks each probe of the configuration once, or those that are named, and prints
what they were answered and how soon. "watch" asks the same at intervals and
makes outages of the answers; one answer is none.

Exit code: 0 all answers are right, 10 one is wrong, slow or missing, 1 error, 2
wrong command line.`,
		Example: `  mailvigil probe
  mailvigil probe --config mailvigil.yaml webmail
  mailvigil probe --json - | jq -r '.[] | select(.kind) | .text'`,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return s.names(func(cfg *config.Config) (names []string) {
				if cfg.Probes != nil {
					for _, p := range cfg.Probes.Checks {
						names = append(names, p.Name)
					}
				}
				return names
			}, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, zone, err := s.load()
			if err != nil {
				return err
			}
			return a.probe(cmd.Context(), cfg, zone, args, file)
		},
	}
	s.registerConfig(cmd)
	jsonFlag(cmd, &file, "the answers")
	return cmd
}

// names are those of a configuration that were not given yet; completion says
// nothing where there is none.
func (s *settings) names(of func(*config.Config) []string, given []string) ([]string, cobra.ShellCompDirective) {
	path := s.config
	if path == "" {
		path, _ = config.Find()
	}
	cfg, err := config.Load(path)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.DeleteFunc(of(cfg), func(name string) bool { return slices.Contains(given, name) }), cobra.ShellCompDirectiveNoFileComp
}

func (a *app) probe(ctx context.Context, cfg *config.Config, zone *time.Location, names []string, file string) error {
	probes, _ := probesOf(cfg)
	if len(probes) == 0 {
		return errors.New("the configuration has no probes; add probes.checks to it, as in the example of the documentation")
	}
	probes, err := chosen(probes, names, "probe", func(p health.Probe) string { return p.Name })
	if err != nil {
		return err
	}
	results := health.AskAll(ctx, probes)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if file != "" {
		if err := a.writeJSON(file, results); err != nil {
			return err
		}
	}
	if file != "-" {
		if err := a.showResults(results, zone); err != nil {
			return err
		}
	}
	for _, r := range results {
		if r.Kind != health.OK {
			return &exitError{10}
		}
	}
	return nil
}

// chosen are those with the names, all where none is named.
func chosen[T any](all []T, names []string, what string, name func(T) string) ([]T, error) {
	if len(names) == 0 {
		return all, nil
	}
	var out []T
	for _, n := range names {
		i := slices.IndexFunc(all, func(v T) bool { return name(v) == n })
		if i < 0 {
			known := make([]string, 0, len(all))
			for _, v := range all {
				known = append(known, name(v))
			}
			if near := config.Closest(n, known); near != "" {
				return nil, usagef("there is no %s %q in the configuration; did you mean %q?", what, n, near)
			}
			return nil, usagef("there is no %s %q in the configuration; there are %s", what, n, strings.Join(known, ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

// showResults prints a line for each answer, and below it what is wrong.
func (a *app) showResults(results []health.Result, zone *time.Location) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROBE\tSERVICE\tANSWER\tTIME\tCERTIFICATE UNTIL\tQUEUE")
	for _, r := range results {
		answer := "ok"
		if r.Kind != health.OK {
			answer = string(r.Kind)
		}
		ends, queue := "-", "-"
		if !r.CertificateEnds.IsZero() {
			ends = r.CertificateEnds.In(zone).Format(time.DateOnly)
		}
		if r.Queued != nil {
			queue = fmt.Sprint(*r.Queued)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", message.Safe(r.Probe), message.Safe(r.Service), answer, r.Duration.Round(time.Millisecond), ends, queue)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		if r.Text != "" {
			if _, err := fmt.Fprintf(a.stdout, "\n%s: %s.\n", message.Safe(r.Probe), r.Text); err != nil {
				return err
			}
		}
	}
	return nil
}
