package app

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/chart"
	"mailvigil/internal/config"
	"mailvigil/internal/message"
	"mailvigil/internal/notify"
)

// notifyOptions makes what a Dispatcher needs of the configuration, save the
// outbox.
func notifyOptions(cfg *config.Config, zone *time.Location) (notify.Options, error) {
	o := notify.Options{Zone: zone}
	if cfg.Notify == nil {
		return o, nil
	}
	var err error
	if o.EscalateFrom, err = notify.ParseSeverity(cfg.Notify.EscalateFrom); err != nil {
		return o, err
	}
	o.Group, o.Remind = cfg.Notify.Group, cfg.Notify.Remind
	for _, s := range cfg.Notify.Escalation {
		o.Steps = append(o.Steps, notify.Step{After: s.After, To: s.To})
	}
	for _, c := range cfg.Notify.Receivers {
		r := notify.Receiver{Name: c.Name, Kinds: c.Kinds, Services: c.Services, Late: c.EscalationOnly, Hourly: c.Hourly}
		if r.From, err = notify.ParseSeverity(c.Severity); err != nil {
			return o, err
		}
		r.Quiet = notify.Hours{From: notify.Clock(c.QuietFrom), Until: notify.Clock(c.QuietUntil), Zone: zone}
		if c.Zone != nil {
			r.Quiet.Zone = c.Zone
		}
		switch m := cfg.Notify.Mail; {
		case len(c.Email) > 0:
			r.Mail = true
			r.Sender = &notify.Mail{
				Server: m.Server, Security: m.Security, Account: m.Account, PasswordFile: m.PasswordFile, CAFile: m.CAFile,
				From: m.From, To: c.Email,
			}
		case c.Webhook != "":
			r.Sender = &notify.Webhook{URL: c.Webhook, SecretFile: c.SecretFile}
		default:
			r.Sender = &notify.Chat{URLFile: c.ChatFile}
		}
		o.Receivers = append(o.Receivers, r)
	}
	return o, nil
}

func (a *app) notifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Try the messages to people",
		Long: `"watch" tells people of incidents as the configuration says under notify: who, of
what, and in which hours. "notify test" sends them a test message.`,
		Example: `  mailvigil notify test`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command \"notify %s\"; there is test", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.notifyTest())
	return cmd
}

func (a *app) notifyTest() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "test [RECEIVER…]",
		Short: "Send a test message to each receiver",
		Long: `Sends a message with a plot to each receiver of the configuration, or to those
that are named, whatever their hours and severities, and says who took it. What is
taken may still not arrive: ask them.

Exit code: 0 all were taken, 10 one was not, 1 error, 2 wrong command line.`,
		Example: `  mailvigil notify test
  mailvigil notify test --config mailvigil.yaml "on call"`,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return s.names(func(cfg *config.Config) (names []string) {
				if cfg.Notify != nil {
					for _, r := range cfg.Notify.Receivers {
						names = append(names, r.Name)
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
			for _, w := range cfg.Warnings {
				fmt.Fprintf(a.stderr, "Warning: %v\n", w)
			}
			return a.testReceivers(cmd.Context(), cfg, zone, args)
		},
	}
	s.registerConfig(cmd)
	return cmd
}

func (a *app) testReceivers(ctx context.Context, cfg *config.Config, zone *time.Location, names []string) error {
	o, err := notifyOptions(cfg, zone)
	if err != nil {
		return err
	}
	if len(o.Receivers) == 0 {
		return errors.New("the configuration has no receivers; add notify.receivers to it, as in the example of the documentation")
	}
	receivers, err := chosen(o.Receivers, names, "receiver", func(r notify.Receiver) string { return r.Name })
	if err != nil {
		return err
	}
	n, err := testNotice(a.now(), zone)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	failed := false
	for _, r := range receivers {
		answer := "taken"
		if err := notify.SendOnce(ctx, r, n, zone); err != nil {
			failed, answer = true, "not taken: "+err.Error()
		}
		fmt.Fprintf(w, "%s\t%s\n", message.Safe(r.Name), message.Safe(answer))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if failed {
		return &exitError{10}
	}
	return nil
}

// testNotice has all that a message may have, with counts of nothing.
func testNotice(now time.Time, zone *time.Location) (notify.Notice, error) {
	s := chart.Series{Title: "Example: 30 logins a minute, then twice as many", Start: now.Add(-time.Hour).Truncate(time.Minute), Step: time.Minute}
	for i := range 60 {
		v := float64(28 + i*7%5)
		if i >= 45 {
			v *= 2
		}
		s.Observed, s.Expected, s.Lower, s.Upper = append(s.Observed, v), append(s.Expected, 30), append(s.Lower, 22), append(s.Upper, 38)
	}
	options := chart.Options{Location: zone}
	picture, err := chart.PNG(s, options)
	if err != nil {
		return notify.Notice{}, fmt.Errorf("draw the plot: %w", err)
	}
	return notify.Notice{
		Severity: notify.Info, Kind: "benign", Change: notify.Test, Time: now,
		Sentence: "This is a test: Mailvigil can reach you.",
		What:     []string{"Nothing. Should you not know why you are told, ask whoever keeps Mailvigil."},
		Details:  []string{"Messages of incidents look like this one, with what happened in the place of these lines."},
		Plot:     &notify.Plot{PNG: picture, Alt: chart.Describe(s, options)},
	}, nil
}
