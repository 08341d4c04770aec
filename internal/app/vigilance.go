package app

import (
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/api"
	"mailvigil/internal/config"
	"mailvigil/internal/report"
)

func (a *app) vigilanceCommand() *cobra.Command {
	var c control
	cmd := &cobra.Command{
		Use:   "vigilance",
		Short: "Make the watch look harder for a while",
		Long: `Raised vigilance lowers the thresholds and looks at more, at the price of more
false alarms. It falls back by itself.`,
		Example: `  mailvigil vigilance
  mailvigil vigilance raise --for 2h --reason "the vote"
  mailvigil vigilance lower`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command \"vigilance %s\"; there are raise and lower", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := c.client().Status(cmd.Context())
			if err != nil {
				return err
			}
			return a.tellVigilance(&c, &s.Vigilance, s.Timezone)
		},
	}
	c.register(cmd, "the vigilance")
	cmd.AddCommand(a.vigilanceRaise(), a.vigilanceLower())
	return cmd
}

func (a *app) vigilanceRaise() *cobra.Command {
	var c control
	var span time.Duration
	var reason string
	cmd := &cobra.Command{
		Use:     "raise --for DURATION --reason TEXT",
		Short:   "Look harder for a stated time",
		Example: "  mailvigil vigilance raise --for 2h --reason \"the vote\"",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case !cmd.Flags().Changed("for"):
				return usagef("--for is missing: say for how long, as in --for 2h")
			case span < time.Minute || span > longestVigilance:
				return usagef("--for %s is not from a minute to a week; write as in 30m or 12h, and raise it again where it takes longer", span)
			case reason == "":
				return usagef("--reason is missing: say why, for those who see the alarms")
			}
			ctx, client := cmd.Context(), c.client()
			v, err := client.Raise(ctx, api.Raise{Seconds: int64(span / time.Second), Reason: reason})
			if err != nil {
				return err
			}
			return a.tellVigilance(&c, v, zoneOf(cmd, client))
		},
	}
	c.register(cmd, "the vigilance")
	cmd.Flags().DurationVar(&span, "for", 0, "for how long: `DURATION` as in 30m or 2h")
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that says why")
	return cmd
}

func (a *app) vigilanceLower() *cobra.Command {
	var c control
	var reason string
	cmd := &cobra.Command{
		Use:     "lower",
		Short:   "Look as usual again",
		Example: "  mailvigil vigilance lower",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, client := cmd.Context(), c.client()
			v, err := client.Lower(ctx, reason)
			if err != nil {
				return err
			}
			return a.tellVigilance(&c, v, zoneOf(cmd, client))
		},
	}
	c.register(cmd, "the vigilance")
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that says why")
	return cmd
}

// zoneOf asks for the watch's zone; it matters to how a time is shown alone.
func zoneOf(cmd *cobra.Command, client *api.Client) string {
	if s, err := client.Status(cmd.Context()); err == nil {
		return s.Timezone
	}
	return ""
}

func (a *app) tellVigilance(c *control, v *api.Vigilance, timezone string) error {
	if all, err := a.told(c, v); all || err != nil {
		return err
	}
	zone, err := config.Zone(timezone)
	if err != nil {
		zone = config.Local()
	}
	return report.Vigilance(a.stdout, v, a.now(), a.reportOptions(zone))
}
