package app

import (
	"github.com/spf13/cobra"

	"mailvigil/internal/config"
	"mailvigil/internal/report"
)

func (a *app) statusCommand() *cobra.Command {
	var c control
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how the mail service and the watch over it do",
		Long: `Asks the watch of this host: open incidents, each service with what is usual
now, probes, and what is wrong with the watch itself, with what to do.`,
		Example: `  mailvigil status
  mailvigil status --json - | jq .incidents`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := c.client().Status(cmd.Context())
			if err != nil {
				return err
			}
			if all, err := a.told(&c, s); all || err != nil {
				return err
			}
			return report.Status(a.stdout, s, a.reportOptions(config.Local()))
		},
	}
	c.register(cmd, "the status")
	return cmd
}
