package app

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mailvigil/maillog"
)

func (a *app) formatsCommand() *cobra.Command {
	var (
		markdown bool
		file     string
	)
	cmd := &cobra.Command{
		Use:   "formats",
		Short: "List the log formats that are read and what they can tell",
		Example: `  mailvigil formats
  mailvigil formats --json - | jq -r '.[].name'`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("json") {
				if markdown {
					return usagef("--json and --markdown ask for two things; leave out one of them")
				}
				return a.writeJSON(file, formatsDocument())
			}
			write := formatsList
			if markdown {
				write = formatsPage
			}
			var page bytes.Buffer
			write(&page)
			_, err := a.stdout.Write(page.Bytes())
			return err
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "as the page of the documentation")
	jsonFlag(cmd, &file, "the list")
	return cmd
}

// format is one of the list that formats --json writes.
type format struct {
	Name       string   `json:"name"`
	Software   string   `json:"software"`
	Source     string   `json:"source"`
	Tells      []string `json:"tells"`
	CannotTell []string `json:"cannot_tell"`
}

func formatsDocument() []format {
	list := []format{}
	for _, f := range maillog.Formats() {
		// Lists are never null, so that readers need not ask.
		list = append(list, format{
			f.Name, f.Software, f.Source,
			append([]string{}, f.Tells...), append([]string{}, f.CannotTell...),
		})
	}
	return list
}

// formatNames are what --format takes.
func formatNames() (names []string) {
	for _, f := range maillog.Formats() {
		names = append(names, f.Name)
	}
	return names
}

func formatsList(w *bytes.Buffer) {
	for i, f := range maillog.Formats() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", f.Name, f.Software)
		for _, tells := range f.Tells {
			fmt.Fprintf(w, "  + %s\n", tells)
		}
		for _, not := range f.CannotTell {
			fmt.Fprintf(w, "  - %s\n", not)
		}
		fmt.Fprintf(w, "  Source: %s\n", f.Source)
	}
}

func formatsPage(w *bytes.Buffer) {
	fmt.Fprint(w, `# Formats

<!-- Written by "make generate" from maillog.Formats; edit it there. -->

Every format is recognised by its content; file names do not matter. A line
that cannot be read is counted, sampled and reported.
`)
	for _, f := range maillog.Formats() {
		fmt.Fprintf(w, "\n## %s\n\n", f.Name)
		fmt.Fprintf(w, "%s. Source: %s.\n", trimStop(f.Software), trimStop(f.Source))
		bullets(w, "Its lines tell:", f.Tells)
		bullets(w, "They cannot tell:", f.CannotTell)
	}
}

func trimStop(s string) string { return strings.TrimSuffix(s, ".") }

func bullets(w *bytes.Buffer, title string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n\n", title)
	for _, item := range items {
		fmt.Fprintf(w, "- %s\n", item)
	}
}
