package incident_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/incident"
	"mailvigil/verdict"
)

// TestReplays hears what the pipeline said of simulated organisations as time
// went on, and compares with what is to become of it. Each line of a .jsonl is
// one verdict: made of the first 14 days of "mailvigil simulate --accounts 120
// --scenario NAME" by "mailvigil investigate --sensitivity off --until TIME",
// of which the marks of incidents alone are kept. UPDATE=1 writes the .txt anew.
func TestReplays(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) < 4 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var out strings.Builder
			b := incident.NewBook(incident.Options{}, nil, 0)
			lines := bufio.NewScanner(f)
			lines.Buffer(nil, 1<<20)
			var last struct {
				At      time.Time        `json:"at"`
				Verdict *verdict.Verdict `json:"verdict"`
			}
			for lines.Scan() {
				last.Verdict = nil
				if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
					t.Fatal(err)
				}
				for _, c := range b.Apply(last.At, last.Verdict) {
					if c.Significant {
						fmt.Fprintf(&out, "%s  #%d %s: %s\n", last.At.Format("2 15:04"), c.Incident.Number, c.Kind, c.Text)
					}
				}
				b = restored(b)
			}
			if err := lines.Err(); err != nil {
				t.Fatal(err)
			}
			for _, in := range b.All() {
				fmt.Fprintf(&out, "#%d is %s, %s, %s: %s; %s, from %s to %s, %d opened, %d sources\n", in.Number, in.Status, in.Kind, in.Severity, in.Name,
					strings.Join(in.Services, " "), in.Onset.Format("2 15:04"), in.End.Format("2 15:04"), len(in.Accounts), len(in.Sources))
			}
			golden := strings.TrimSuffix(file, "jsonl") + "txt"
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", out.String(), want)
			}

			// Closed, none of it comes back.
			for _, in := range b.All() {
				if in.Status == incident.Open || in.Status == incident.Quiet {
					if _, err := b.Close(last.At, "bea", in.ID, incident.WasBenign, "because"); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, later := range []time.Duration{time.Minute, time.Hour, 50 * time.Hour} {
				if changes := b.Apply(last.At.Add(later), last.Verdict); len(kinds(changes)) > 0 {
					t.Errorf("after all was closed: %v: %s", kinds(changes), texts(changes))
				}
			}
		})
	}
}
