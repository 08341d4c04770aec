package app

import (
	"fmt"

	"github.com/spf13/cobra"
)

// Where the software names no session, what one client does without a pause of
// half an hour is one. Where it does, not every line of it names the client.
const sessionsOf = `WITH named AS (
  SELECT *, coalesce(device, user_agent) AS client, CASE WHEN session IS NULL THEN coalesce(device, user_agent) END AS stranger
  FROM events WHERE ` + ofAccount + `
), spaced AS (
  SELECT *, session IS NULL AND time - lag(time) OVER alike > INTERVAL 30 MINUTE AS apart FROM named
  WINDOW alike AS (PARTITION BY session, service, client_ip, stranger ORDER BY time, source, line)
), numbered AS (
  SELECT *, sum(CASE WHEN apart THEN 1 ELSE 0 END) OVER (PARTITION BY session, service, client_ip, stranger ORDER BY time, source, line) AS part FROM spaced
)
SELECT min(time) AS first, max(time) AS last, service, session, client_ip, any_value(country) AS country, any_value(asn) AS asn,
  count(*) AS events, count(*) FILTER (outcome IN ('failure', 'denied', 'refused')) AS failures, sum(bytes)::BIGINT AS bytes, max(client) AS client
FROM numbered GROUP BY session, service, client_ip, stranger, part
ORDER BY first, service, session, client_ip`

func (a *app) sessionsCommand() *cobra.Command {
	var (
		q       question
		account string
	)
	cmd := &cobra.Command{
		Use:   "sessions --account NAME",
		Short: "List the sessions of an account",
		Long: `Lists from when to when an account was used, at which service, from where and with
which client. Where the software names no session, what one client does without a
pause of half an hour is taken for one.

It asks the archive of the watch, and is recorded as "mailvigil query" is.`,
		Example: `  mailvigil sessions --account anna.peeters --since "2026-03-02 08:00" --until 2026-03-03
  mailvigil sessions --account anna.peeters --csv sessions.csv`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if account == "" {
				return usagef("say whose sessions, with --account NAME")
			}
			return a.answer(cmd.Context(), &q, fmt.Sprintf("sessions --account %q", account), sessionsOf, account)
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "`NAME` of an account, in any case of letters")
	q.register(cmd)
	return cmd
}
