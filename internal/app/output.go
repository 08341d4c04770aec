package app

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

// writeJSON writes v to the file of --json, - being standard output.
func (a *app) writeJSON(path string, v any) error {
	return a.output(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		// HTML is not what reads it, and <session> ids stay readable.
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	})
}

func (a *app) output(path string, write func(io.Writer) error) (err error) {
	if path == "-" {
		return write(a.stdout)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	// What a full disk did not take shows only when the file is closed.
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("write the result: %w", cerr)
		}
	}()
	return write(f)
}

// printable makes text from outside safe for a terminal: what is no letter,
// mark, number, punctuation or space is shown as an escape.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) || r == utf8.RuneError }) < 0 {
		return s
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
