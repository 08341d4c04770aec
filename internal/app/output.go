package app

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
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
