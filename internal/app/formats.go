package app

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"mailvigil/maillog"
)

func (a *app) formatsCommand() *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use:   "formats",
		Short: "List the log formats that are read and what they can tell",
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			if markdown {
				return formatsPage(a.stdout)
			}
			return formatsList(a.stdout)
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "as the page of the documentation")
	return cmd
}

func formatsList(w io.Writer) (err error) {
	for i, f := range maillog.Formats() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s\n  %s, read as %s\n", f.Name, f.Software, f.Format)
		for _, tells := range f.Tells {
			fmt.Fprintf(w, "  + %s\n", tells)
		}
		for _, not := range f.CannotTell {
			fmt.Fprintf(w, "  - %s\n", not)
		}
		_, err = fmt.Fprintf(w, "  Source: %s\n", f.Source)
	}
	return err
}

func formatsPage(w io.Writer) error {
	fmt.Fprint(w, `# Formats

<!-- Written by "make generate" from maillog.Formats; edit it there. -->

Every format is recognised by its content; file names do not matter. A line
that cannot be read is counted, sampled and reported.
`)
	for _, f := range maillog.Formats() {
		fmt.Fprintf(w, "\n## %s\n\n", f.Name)
		fmt.Fprintf(w, "Software: %s. Called `%s` in events. Source: %s.\n", trimStop(f.Software), f.Format, trimStop(f.Source))
		bullets(w, "Its lines tell:", f.Tells)
		bullets(w, "They cannot tell:", f.CannotTell)
	}
	return nil
}

func trimStop(s string) string { return strings.TrimSuffix(s, ".") }

func bullets(w io.Writer, title string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n\n", title)
	for _, item := range items {
		fmt.Fprintf(w, "- %s\n", item)
	}
}
