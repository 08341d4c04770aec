package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/config"
	"mailvigil/internal/intake"
	"mailvigil/internal/message"
	"mailvigil/internal/pipeline"
)

func (a *app) traceCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "trace [PATH:LINE]",
		Short: "Show what one line becomes at each stage",
		Long: `Follows one line of a log: its format, the event, what enrichment adds, where
it is counted, and what is found in it. The lines before it in the same file are
read too, since facts are joined over several. Without PATH:LINE the line is
read from standard input; of several lines the last is followed.`,
		Example: `  mailvigil trace /var/log/dovecot.log:4711
  tail -n 1 /var/log/nginx/access.log | mailvigil trace --tz Europe/Brussels`,
		Args: atMost(1, "one line is followed at a time"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, zone, err := s.load()
			if err != nil {
				return err
			}
			path, line := "-", int64(0)
			if len(args) == 1 {
				if path, line, err = place(args[0]); err != nil {
					return err
				}
			}
			return a.trace(cmd.Context(), path, line, cfg, zone)
		},
	}
	s.register(cmd)
	return cmd
}

func (a *app) trace(ctx context.Context, path string, line int64, cfg *config.Config, zone *time.Location) (err error) {
	set, err := intake.Discover(ctx, []string{path}, intake.Options{Location: zone, Now: a.now(), Stdin: a.stdin})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	if len(set.Files) == 0 {
		return noLogs([]string{path}, set)
	}
	o, err := a.pipelineOptions(cfg, zone)
	if err != nil {
		return err
	}
	if line == 0 {
		stats, err := set.Files[0].Read(ctx, nil, func(intake.Line) error { return nil })
		if err != nil {
			return err
		}
		line = stats.Lines
	}
	stages, err := pipeline.Trace(ctx, set, line, o)
	if err != nil {
		return err
	}
	for i, st := range stages {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		fmt.Fprintln(a.stdout, strings.ToUpper(st.Name))
		for _, f := range st.Fields {
			fmt.Fprintf(a.stdout, "  %-15s %s\n", f.Name, message.Safe(f.Value))
		}
	}
	return nil
}

// place splits PATH:LINE at the last colon; paths may hold others.
func place(text string) (path string, line int64, err error) {
	if i := strings.LastIndexByte(text, ':'); i > 0 {
		if n, err := strconv.ParseInt(text[i+1:], 10, 64); err == nil && n > 0 {
			return text[:i], n, nil
		}
	}
	return "", 0, usagef("%q names no line; write PATH:LINE as in /var/log/dovecot.log:4711, lines counted from 1", text)
}
