package app

import (
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"
)

// whoByIP and whoByAccount count sign-ins apart from the rest, since the rest
// is mostly what software does by itself.
const (
	whoCounts = `count(*) FILTER (action = 'login' AND outcome = 'success') AS logins,
  count(*) FILTER (action = 'login' AND outcome IN ('failure', 'denied', 'refused')) AS failures,
  count(*) AS events, min(time) AS first, max(time) AS last`

	whoByIP = `SELECT coalesce(person, account) AS account, string_agg(DISTINCT service, ' ' ORDER BY service) AS services,
  ` + whoCounts + `, any_value(user_agent ORDER BY time DESC) AS client
FROM events WHERE client_ip = $1
GROUP BY coalesce(person, account) ORDER BY events DESC, account`

	whoByAccount = `SELECT client_ip, any_value(country) AS country, any_value(asn) AS asn, any_value(network_kind) AS network,
  string_agg(DISTINCT service, ' ' ORDER BY service) AS services,
  ` + whoCounts + `, any_value(user_agent ORDER BY time DESC) AS client
FROM events WHERE ` + ofAccount + `
GROUP BY client_ip ORDER BY events DESC, client_ip`

	// ofAccount finds an account by one person's name or as a line spells it.
	ofAccount = `(lower(account) = lower($1) OR lower(person) = lower($1))`
)

func (a *app) whoCommand() *cobra.Command {
	var (
		q           question
		ip, account string
	)
	cmd := &cobra.Command{
		Use:   "who --ip ADDRESS | --account NAME",
		Short: "Say who used an address, or from where an account was used",
		Long: `With --ip, lists the accounts that an address was used for, with services, sign-ins
that succeeded and failed, the first and the last time, and the client. With
--account, lists the addresses that an account was used from.

It asks the archive of the watch, and is recorded as "mailvigil query" is.`,
		Example: `  mailvigil who --ip 198.51.100.7 --since 2026-03-02
  mailvigil who --account anna.peeters --json -`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case (ip == "") == (account == ""):
				return usagef("say whom to look for, with --ip ADDRESS or --account NAME")
			case account != "":
				return a.answer(cmd.Context(), &q, fmt.Sprintf("who --account %q", account), whoByAccount, account)
			}
			addr, err := netip.ParseAddr(ip)
			if err != nil {
				return usagef("--ip: %q is no address; write it as in 198.51.100.7 or 2001:db8::7", ip)
			}
			// As the archive spells it.
			return a.answer(cmd.Context(), &q, "who --ip "+addr.String(), whoByIP, addr.WithZone("").String())
		},
	}
	cmd.Flags().StringVar(&ip, "ip", "", "`ADDRESS` of a client")
	cmd.Flags().StringVar(&account, "account", "", "`NAME` of an account, in any case of letters")
	q.register(cmd)
	return cmd
}

// noArguments is for commands that take flags alone.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%q is too much; name the account or the address with its flag", args[0])
	}
	return nil
}
