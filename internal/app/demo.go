package app

import (
	"errors"

	"github.com/spf13/cobra"
)

func (a *app) demoCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Investigate a simulated parliament's fortnight",
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("demo is not wired yet")
		},
	}
	jsonFlag(cmd, &file, "the verdict")
	return cmd
}
