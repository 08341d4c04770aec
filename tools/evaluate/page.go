package main

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
)

//go:embed page.md
var prose string

// writePage writes the figures below the prose that says what they mean.
func writePage(path string, s *summary) error {
	var b strings.Builder
	b.WriteString(prose)
	t := s.Total
	fmt.Fprintf(&b, "\n## Figures\n\n%d worlds of %s people, seeds %s. The verdict is right in %d of %d (95 %% bounds %.2f to %.2f); %d of the %d worlds without an attack are called one.\n\n",
		t.Runs, s.Accounts, s.Seeds, t.Right, t.Runs, t.Range[0], t.Range[1], t.Called, t.Runs-t.Attacks)
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	for _, r := range append(append([]*row(nil), s.Rows...), t) {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r.cells(), " | "))
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}
