package app

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/api"
	"mailvigil/internal/config"
	"mailvigil/internal/message"
)

func (a *app) expectCommand() *cobra.Command {
	var c control
	var from, until string
	cmd := &cobra.Command{
		Use:   "expect WHAT --from TIME --until TIME",
		Short: "Announce a change, so that it does not alarm",
		Long: `What is announced may make a service busier or quieter for that time, and nobody
is woken for it. Strangers in accounts are told all the same. Times are those of
the organisation's zone, which the watch knows.`,
		Example: `  mailvigil expect "iOS rollout" --from "2026-03-02 08:00" --until "2026-03-05 18:00"
  mailvigil expect "webmail moves to the new server" --until "2026-03-02 06:00"`,
		Args: cobra.MatchAll(atLeast(1, "what is expected"), atMost(1, "put what is expected in quotes")),
		RunE: func(cmd *cobra.Command, args []string) error {
			if until == "" {
				return usagef("--until is missing: say when it is over, as in --until \"2026-03-05 18:00\"")
			}
			ctx, client := cmd.Context(), c.client()
			s, err := client.Status(ctx)
			if err != nil {
				return err
			}
			zone, err := config.Zone(s.Timezone)
			if err != nil {
				zone = config.Local()
			}
			e := api.Expect{What: args[0], From: s.Time}
			if from != "" {
				if e.From, err = moment("from", from, zone); err != nil {
					return err
				}
			}
			if e.Until, err = moment("until", until, zone); err != nil {
				return err
			}
			const layout = "Mon 2 Jan 2006 15:04"
			if !e.From.Before(e.Until) {
				return usagef("it would end at %s, before it begins at %s (%s); swap them", e.Until.In(zone).Format(layout), e.From.In(zone).Format(layout), message.Zone(zone, e.From))
			}
			made, err := client.Expect(ctx, e)
			if err != nil {
				return err
			}
			if all, err := a.told(&c, made); all || err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "Announced: %s, from %s to %s (%s).\n", printable(made.What),
				made.From.In(zone).Format(layout), made.Until.In(zone).Format(layout), message.Zone(zone, made.From))
			return err
		},
	}
	c.register(cmd, "what was announced")
	cmd.Flags().StringVar(&from, "from", "", "`TIME` at which it begins, as in \"2026-03-02 08:00\" (default: now)")
	cmd.Flags().StringVar(&until, "until", "", "`TIME` at which it is over")
	return cmd
}

// longestVigilance is what the watch takes.
const longestVigilance = 7 * 24 * time.Hour
