package app

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"mailvigil/internal/state"
)

// dataFolder is where the Debian package keeps what must not be lost.
const dataFolder = "/var/lib/mailvigil"

func dataFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "data", dataFolder, "the data `FOLDER`")
}

func (a *app) backupCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the state of a data folder into a file, while it is in use",
		Long: `Writes one moment's state of the data folder into a new file: incidents, what
people said of them, announced changes, positions in the logs, the list of
segments. "mailvigil watch" may run meanwhile. The copy is checked, and has its
name once it is whole and on the disk. It names people: keep it as safe as mail.

The segments of the archive are files of their own, which never change once they
are there: copy them afterwards as any files.`,
		Example: `  mailvigil backup --data /var/lib/mailvigil /var/backups/mailvigil.db`,
		Args:    cobra.MatchAll(atLeast(1, "the file to write"), atMost(1, "one file is written at a time")),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := state.Backup(cmd.Context(), dir, args[0]); err != nil {
				return err
			}
			info, err := os.Stat(args[0])
			if err != nil {
				return fmt.Errorf("look at the backup: %w", err)
			}
			_, err = fmt.Fprintf(a.stdout, "The state of %s is in %s, %d bytes.\n", printable(dir), printable(args[0]), info.Size())
			return err
		},
	}
	dataFlag(cmd, &dir)
	return cmd
}

func (a *app) restoreCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the state of a data folder",
		Long: `Checks a file that "mailvigil backup" wrote and puts it in the place of the state
of the data folder, which no "mailvigil watch" may have meanwhile. What was there,
damaged or not, is kept beside it under another name and never overwritten.

What followed logs hold since the backup is read again; segments that the backup
does not know are removed at the next start and written anew, as far as the logs
are still there.`,
		Example: `  mailvigil restore --data /var/lib/mailvigil /var/backups/mailvigil.db`,
		Args:    cobra.MatchAll(atLeast(1, "the backup to restore"), atMost(1, "one backup is restored at a time")),
		RunE: func(cmd *cobra.Command, args []string) error {
			kept, err := state.Restore(cmd.Context(), dir, args[0], a.now())
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(a.stdout, "The state of %s is that of %s.\n", printable(dir), printable(args[0])); err != nil || kept == "" {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "What was there before is kept as %s.\n", printable(kept))
			return err
		},
	}
	dataFlag(cmd, &dir)
	return cmd
}
