package app

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man FOLDER",
		Short:   "Write the man pages into a folder",
		Example: "  mailvigil man /usr/local/share/man/man1",
		Args:    cobra.MatchAll(atLeast(1, "the folder to write the man pages to"), atMost(1, "one folder is enough")),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("make the folder: %w", err)
			}
			// The pages are kept in the repository and compared: a date would
			// make them differ every month.
			header := &doc.GenManHeader{Source: "Mailvigil", Manual: "Mailvigil", Date: &time.Time{}}
			cmd.Root().DisableAutoGenTag = true
			if err := doc.GenManTree(cmd.Root(), header, args[0]); err != nil {
				return fmt.Errorf("write the man pages: %w", err)
			}
			return nil
		},
	}
}
