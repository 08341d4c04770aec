package state_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mailvigil/internal/incident"
	"mailvigil/internal/state"
)

// TestMakeSample writes the sample of the newest version, which is kept before
// the next one changes the tables:
//
//	STATE_SAMPLE=testdata/version-3.db go test ./internal/state -run MakeSample
func TestMakeSample(t *testing.T) {
	out := os.Getenv("STATE_SAMPLE")
	if out == "" {
		t.Skip("STATE_SAMPLE names no file")
	}
	dir, ctx := t.TempDir(), t.Context()
	s := open(t, dir)
	first, second := segment("2025-09-16/imap-1.parquet", 1758000000000000000), segment("2025-09-16/smtp-1.parquet", 1758000100000000000)
	positions := map[string]json.RawMessage{"file:/var/log/mail.log": json.RawMessage(`{"inode":7,"offset":4711}`)}
	b := incident.NewBook(incident.Options{}, nil, 0)
	changes := b.Apply(noon, attack(noon, "anna@parl.example"))
	noted, err := b.Note(noon, "bea", "1", "called Anna")
	_, asked := s.Expect(ctx, state.Expectation{From: noon, Until: noon.Add(time.Hour), What: "iOS rollout", By: "bea"})
	_, raised := s.RaiseVigilance(ctx, state.Vigilance{Level: "high", From: noon, Until: noon.Add(time.Hour), Why: "a feeling", By: "bea"})
	first.Written = 1758000200000000000
	if err := errors.Join(err, asked, raised,
		s.PutMessages(ctx, []state.Message{{Key: "mail-1", Receiver: "bea", Incident: 1, Made: noon, Due: noon, Waits: true, Item: json.RawMessage(`{}`)}}),
		s.Publish(ctx, []state.Segment{first, second}, nil, positions),
		s.SaveIncidents(ctx, append(changes, noted...)),
		s.SaveModel(ctx, state.Model{Name: "baseline", Version: 1, At: noon, Data: []byte{1, 2, 3}}),
		s.AddProbes(ctx, []state.ProbeResult{{Probe: "imap", At: noon, OK: true, Took: time.Second}}),
		s.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, out, read(t, filepath.Join(dir, state.File)))
}
