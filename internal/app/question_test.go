package app_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/app"
	"mailvigil/internal/archive"
	"mailvigil/internal/state"
	"mailvigil/maillog"
)

// Questions see exactly the segments that the watch recorded, while it runs.
func TestQuestionsOfAWatch(t *testing.T) {
	data := t.TempDir()
	now := func() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }
	ctx := context.Background()
	st, err := state.Open(ctx, data, now)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close() // the watch holds it all the while
	store, err := archive.Open(filepath.Join(data, "archive"), archive.StoreOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	publish := func(account string) []archive.Segment {
		t.Helper()
		row := archive.Row{Event: &maillog.Event{Time: now().UnixNano(), Service: maillog.IMAP, Account: []byte(account)}}
		if err := store.Add(&row); err != nil {
			t.Fatal(err)
		}
		segments, err := store.Publish(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return segments
	}
	ask := func() (out, errs string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		code := app.Run(ctx, []string{"query", "--config", "/dev/null", "--data", data, "SELECT account FROM events ORDER BY account"}, nil, &stdout, &stderr, now)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr.String())
		}
		return stdout.String(), stderr.String()
	}
	if out, errs := ask(); out != "account\n" || !strings.Contains(errs, "the archive holds nothing of that time") {
		t.Errorf("of nothing: %q %q", out, errs)
	}
	var recorded []state.Segment
	for _, s := range publish("recorded") {
		recorded = append(recorded, state.Segment{Name: s.Name, Day: s.Day, Service: s.Service, First: s.First.UnixNano(), Last: s.Last.UnixNano(), Rows: s.Rows, Bytes: s.Bytes, SHA256: s.SHA256})
	}
	if err := st.Publish(ctx, recorded, nil, nil); err != nil {
		t.Fatal(err)
	}
	lost := publish("not recorded")
	if out, _ := ask(); out != "account\nrecorded\n" {
		t.Errorf("got %q", out)
	}
	if err := store.Remove(lost); err != nil {
		t.Fatal(err)
	}
}
