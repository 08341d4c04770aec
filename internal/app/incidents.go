package app

import (
	"github.com/spf13/cobra"

	"mailvigil/internal/api"
	"mailvigil/internal/config"
	"mailvigil/internal/report"
)

func (a *app) incidentsCommand() *cobra.Command {
	var c control
	var all bool
	var before int64
	var limit int
	cmd := &cobra.Command{
		Use:   "incidents",
		Short: "List the incidents, the newest first",
		Long: `Lists the incidents that are open, and those that are over and wait for somebody
to say what they were.`,
		Example: `  mailvigil incidents
  mailvigil incidents --all --json -`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := api.Query{Before: before, Limit: limit}
			if limit < 1 || limit > 500 {
				return usagef("--limit %d is not from 1 to 500; ask for more with --before", limit)
			}
			if !all {
				q.Status = []api.IncidentStatus{api.StatusOpen, api.StatusQuiet}
			}
			l, err := c.client().Incidents(cmd.Context(), q)
			if err != nil {
				return err
			}
			if done, err := a.told(&c, l); done || err != nil {
				return err
			}
			return report.Incidents(a.stdout, l, a.now(), !all, a.reportOptions(config.Local()))
		},
	}
	c.register(cmd, "the list")
	flags := cmd.Flags()
	flags.BoolVar(&all, "all", false, "also those that are closed, or were merged into others")
	flags.Int64Var(&before, "before", 0, "only those with a number below `NUMBER`, for the next page")
	flags.IntVar(&limit, "limit", 50, "at most `N`")
	return cmd
}
