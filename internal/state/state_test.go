package state_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/state"
)

var noon = time.Date(2025, 9, 16, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

func open(t *testing.T, dir string) *state.Store {
	t.Helper()
	s, err := state.Open(t.Context(), dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func segment(name string, first int64) state.Segment {
	return state.Segment{Name: name, Day: "2025-09-16", Service: "imap", First: first, Last: first + 9, Rows: 10, Bytes: 1000, SHA256: strings.Repeat("a", 64)}
}

func contains(s, part string) bool { return strings.Contains(s, part) }

// must fails the test on an error of a call that returns something.
func must[T any](x T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func TestPublish(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a folder with 100%#?")
	s, ctx := open(t, dir), t.Context()
	a, b, c := segment("a", 10), segment("b", 20), segment("c", 30)
	positions := map[string]json.RawMessage{"file:1": json.RawMessage(`{"offset":7}`), "file:2": json.RawMessage(`1`)}
	if err := s.Publish(ctx, []state.Segment{b, a}, nil, positions); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(ctx, []state.Segment{a}, nil, nil); err != nil {
		t.Errorf("the same segment again: %v", err)
	}
	other := a
	other.SHA256 = strings.Repeat("b", 64)

	refused := []struct {
		name        string
		add, remove []state.Segment
		positions   map[string]json.RawMessage
		is          error
		says        string
	}{
		{name: "another segment of the same name", add: []state.Segment{c, other}, says: "another segment"},
		{name: "remove what is not there", add: []state.Segment{c}, remove: []state.Segment{a, segment("z", 1)}, is: state.ErrNone},
		{name: "a position that is no JSON", add: []state.Segment{c}, positions: map[string]json.RawMessage{"x": json.RawMessage("{")}, says: "no JSON"},
		{name: "no name", add: []state.Segment{{}}, says: "no name"},
		{name: "ends before it begins", add: []state.Segment{{Name: "x", First: 2, Last: 1}}, says: "before it begins"},
	}
	for _, r := range refused {
		t.Run(r.name, func(t *testing.T) {
			err := s.Publish(ctx, r.add, r.remove, r.positions)
			if err == nil || r.is != nil && !errors.Is(err, r.is) || !strings.Contains(err.Error(), r.says) {
				t.Errorf("got %v", err)
			}
			equal(t, "segments", must(s.Segments(ctx))(t), []state.Segment{a, b})
			equal(t, "positions", must(s.Positions(ctx))(t), positions)
		})
	}

	// Compaction: one in the place of two, while the reading goes on.
	if err := s.Publish(ctx, []state.Segment{c}, []state.Segment{a, b}, map[string]json.RawMessage{"file:1": nil, "file:2": json.RawMessage(`2`)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	equal(t, "segments", must(s.Segments(ctx))(t), []state.Segment{c})
	equal(t, "positions", must(s.Positions(ctx))(t), map[string]json.RawMessage{"file:2": json.RawMessage(`2`)})
	equal(t, "from its last event on", len(must(s.SegmentsBetween(ctx, 39, 100, "imap"))(t)), 1)
	equal(t, "after its last event", len(must(s.SegmentsBetween(ctx, 40, 100, ""))(t)), 0)
	equal(t, "until its first event", len(must(s.SegmentsBetween(ctx, 0, 30, ""))(t)), 0)
	equal(t, "of another service", len(must(s.SegmentsBetween(ctx, 0, 100, "smtp"))(t)), 0)
}

func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := state.Open(t.Context(), dir, clock)
	var held *state.HeldError
	if !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Fatalf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestStopped(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Publish(ctx, []state.Segment{segment("a", 1)}, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	equal(t, "segments", must(s.Segments(t.Context()))(t), []state.Segment{})
}
