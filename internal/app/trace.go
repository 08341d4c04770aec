package app

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) traceCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "trace [PATH:LINE]",
		Short: "Show what one line becomes at each stage",
		Long: `Follows one line of a log: its format, the event, what enrichment adds, where
it is counted, and what is found in it. Without PATH:LINE the line is read from
standard input.`,
		Example: `  mailvigil trace /var/log/dovecot.log:4711
  tail -n 1 /var/log/nginx/access.log | mailvigil trace --tz Europe/Brussels`,
		Args: atMost(1, "one line is followed at a time"),
		RunE: func(_ *cobra.Command, args []string) error {
			if _, _, err := s.load(); err != nil {
				return err
			}
			if len(args) == 1 {
				if _, _, err := place(args[0]); err != nil {
					return err
				}
			}
			return errors.New("trace is not wired yet")
		},
	}
	s.register(cmd)
	return cmd
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
