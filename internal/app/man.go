package app

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
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
			root := cmd.Root()
			root.DisableAutoGenTag = true
			all := []*cobra.Command{root}
			for i := 0; i < len(all); i++ {
				all = append(all, all[i].Commands()...)
			}
			for _, c := range all {
				page, err := manPage(c)
				if err != nil {
					return fmt.Errorf("write the man page of %s: %w", c.CommandPath(), err)
				}
				file := filepath.Join(args[0], strings.ReplaceAll(c.CommandPath(), " ", "-")+".1")
				if err := a.output(file, func(w io.Writer) error { _, err := w.Write(page); return err }); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// manPage has no date: the pages are kept in the repository and compared with
// what the program writes, so they change only with what they say.
func manPage(c *cobra.Command) ([]byte, error) {
	var page bytes.Buffer
	header := &doc.GenManHeader{Source: "Mailvigil", Manual: "Mailvigil", Date: &time.Time{}}
	if err := doc.GenMan(c, header, &page); err != nil {
		return nil, err
	}
	return bytes.Replace(page.Bytes(), []byte(time.Time{}.Format("Jan 2006")), nil, 1), nil
}
