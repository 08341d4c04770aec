package app

import (
	"fmt"

	"github.com/spf13/cobra"
)

const timelineOf = `SELECT time, service, action, outcome, reason, client_ip, country, asn, coalesce(device, user_agent) AS client, session, status, file, line
FROM events WHERE ` + ofAccount + `
ORDER BY time, source, file, line`

func (a *app) timelineCommand() *cobra.Command {
	var (
		q       question
		account string
	)
	cmd := &cobra.Command{
		Use:   "timeline --account NAME",
		Short: "Show what was done with an account, event by event",
		Long: `Lists every event of an account in the order of time, with the line that states
it. On a terminal the first 1000 are shown; --json and --csv have all.

It asks the archive of the watch, and is recorded as "mailvigil query" is.`,
		Example: `  mailvigil timeline --account anna.peeters --since "2026-03-02 08:00" --until "2026-03-02 09:00"
  mailvigil timeline --account anna.peeters --json anna.jsonl`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if account == "" {
				return usagef("say whose events, with --account NAME")
			}
			return a.answer(cmd.Context(), &q, fmt.Sprintf("timeline --account %q", account), timelineOf, account)
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "`NAME` of an account, in any case of letters")
	q.register(cmd)
	return cmd
}
