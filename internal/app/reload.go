package app

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) reloadCommand() *cobra.Command {
	var c control
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Make the watch read its configuration anew",
		Long: `All of the new configuration holds, or none of it: what is wrong is told, and the
watch goes on with what it had. "systemctl reload mailvigil" does the same, and
tells it to the watch's log.`,
		Example: "  mailvigil config check && mailvigil reload",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := c.client().Reload(cmd.Context())
			if err != nil {
				return err
			}
			if all, err := a.told(&c, r); all || err != nil {
				return err
			}
			text := "Nothing is changed."
			if len(r.Changed) > 0 {
				text = "It holds now. Changed: " + strings.Join(r.Changed, ", ") + "."
			}
			if len(r.Restart) > 0 {
				text += " At the next start: " + strings.Join(r.Restart, ", ") + " (systemctl restart mailvigil)."
			}
			_, err = fmt.Fprintf(a.stdout, "%s: %s\n", printable(r.File), printable(text))
			return err
		},
	}
	c.register(cmd, "what changed")
	return cmd
}
