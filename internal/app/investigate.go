package app

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/config"
	"mailvigil/verdict"
)

// investigation is what one run of investigate was asked for.
type investigation struct {
	paths        []string // empty: the configuration's, else the usual places
	config       *config.Config
	zone         *time.Location
	since, until time.Time // zero: open
	quiet        bool      // no report and no progress, the exit code says it
	json         string    // file for the Verdict, "" for none
}

func (a *app) investigateCommand() *cobra.Command {
	var (
		s            settings
		since, until string
		in           investigation
	)
	cmd := &cobra.Command{
		Use:   "investigate [PATH…]",
		Short: "Say what happened in the logs of the past",
		Long: `Reads files and folders of logs (plain, .gz or .zst, "-" for standard input),
whatever they are called: each format is known by its content. Without PATH it
looks where mail and web servers usually write.

Exit code: 0 quiet, 10 benign or fault, 20 attack or mixed, 30 undetermined,
1 error, 2 wrong command line.`,
		Example: `  mailvigil investigate --tz Europe/Brussels /var/log/nginx /var/log/dovecot
  mailvigil investigate --since "2024-04-05 18:00" --json verdict.json logs/
  zcat mail.log.gz | mailvigil investigate --quiet -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if in.config, in.zone, err = s.load(); err != nil {
				return err
			}
			if in.since, in.until, err = window(since, until, in.zone); err != nil {
				return err
			}
			in.paths = args
			v, err := a.investigate(cmd.Context(), in)
			if err != nil {
				return err
			}
			if code := exitCode(v.Verdict); code != 0 {
				return &exitError{code}
			}
			return nil
		},
	}
	s.register(cmd)
	jsonFlag(cmd, &in.json, "the verdict")
	flags := cmd.Flags()
	flags.StringVar(&since, "since", "", "look at nothing before `TIME` (RFC 3339, or local as in 2024-04-05 or \"2024-04-05 18:30\")")
	flags.StringVar(&until, "until", "", "look at nothing from `TIME` on")
	flags.BoolVarP(&in.quiet, "quiet", "q", false, "no report and no progress; the exit code says the verdict")
	return cmd
}

// exitCode is the contract with scripts.
func exitCode(k verdict.Kind) int {
	switch k {
	case verdict.Quiet:
		return 0
	case verdict.Benign, verdict.Fault:
		return 10
	case verdict.Attack, verdict.Mixed:
		return 20
	}
	return 30
}

// investigate runs the pipeline and shows what it found.
func (a *app) investigate(_ context.Context, _ investigation) (*verdict.Verdict, error) {
	return nil, errors.New("investigate is not wired yet")
}
