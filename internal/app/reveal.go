package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"

	"github.com/spf13/cobra"

	"mailvigil/internal/pseudonym"
)

func (a *app) revealCommand() *cobra.Command {
	var key, reason string
	cmd := &cobra.Command{
		Use:   "reveal --key FILE --reason TEXT [WORD…]",
		Short: "Find the names behind pseudonyms",
		Long: `Says what words of a report stand for that was made with --pseudonyms --key.
Without WORD it reads a report (HTML, JSON, CSV or text) from standard input and
writes it with the names. Raw lines stay left out: the file and number of each are
named, and the file still has it.

Whoever looks up a name says why. Words, time and reason are added to the key file.`,
		Example: `  mailvigil reveal --key names.key --reason "to call the owner" account-3k9xw2m7qd
  mailvigil reveal --key names.key --reason "case 17" < shared.json > verdict.json`,
		RunE: func(_ *cobra.Command, words []string) error {
			if key == "" {
				return usagef("--key is missing: the file that was named when the report was made")
			}
			if reason == "" {
				return usagef("--reason is missing: say in a few words why names are looked up")
			}
			k, err := pseudonym.OpenExisting(key)
			if err != nil {
				return err
			}
			if len(words) == 0 {
				return a.revealAll(k, reason)
			}
			names := make([]string, len(words))
			for i, w := range words {
				if names[i], err = k.Name(w); err != nil {
					return err
				}
			}
			// First recorded, then told.
			if err := k.Record(words, reason, a.now()); err != nil {
				return err
			}
			for i, w := range words {
				fmt.Fprintf(a.stdout, "%s\t%s\n", printable(w), printable(names[i]))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "key `FILE` of the pseudonyms")
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that says why names are looked up")
	return cmd
}

func (a *app) revealAll(k *pseudonym.Key, reason string) error {
	in, err := io.ReadAll(a.stdin)
	if err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	escape := printable
	switch start := bytes.TrimLeft(in, " \t\r\n"); {
	case bytes.HasPrefix(start, []byte("{")):
		escape = func(s string) string {
			b, err := json.Marshal(s)
			if err != nil {
				return ""
			}
			return string(b[1 : len(b)-1])
		}
	case bytes.HasPrefix(start, []byte("<")):
		escape = html.EscapeString
	}
	out, words := k.Reveal(string(in), escape)
	if len(words) == 0 {
		return fmt.Errorf("there is no word of this key in it; is it a report, and this its key?")
	}
	if err := k.Record(words, reason, a.now()); err != nil {
		return err
	}
	if _, err := io.WriteString(a.stdout, out); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
