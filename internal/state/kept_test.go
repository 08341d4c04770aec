package state_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"mailvigil/internal/incident"
	"mailvigil/internal/state"
	"mailvigil/verdict"
)

// attack is a verdict of one attack that went on until a time.
func attack(end time.Time, accounts ...string) *verdict.Verdict {
	onset := noon.Add(-time.Hour)
	return &verdict.Verdict{Verdict: verdict.Attack, Incidents: []verdict.Incident{{
		ID: "incident-1", Kind: verdict.Attack, Name: "somebody is guessing passwords", Text: "They <guess>.",
		Onset: onset, OnsetInterval: [2]time.Time{onset.Add(-time.Minute), onset}, End: end, Ongoing: true,
		Services: []string{"imap"}, Cause: []map[string]string{{"asn": "64500"}}, Sources: []string{"192.0.2.1", "2001:db8::/64"},
		Observed: 500, Expected: 10, Excess: 490, Compromised: accounts, Findings: []string{"finding-1"},
		Evidence: []verdict.Evidence{{ID: "line-1", File: "mail.log", Line: 7, SHA256: "00", Text: "a line of Anna"}},
	}}, Findings: []verdict.Finding{{ID: "finding-1", Code: "T1110", Title: "guessed", Severity: verdict.Medium}}}
}

func text(x any) string {
	b, err := json.Marshal(x)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// book reads the book as a process that starts does.
func book(t *testing.T, s *state.Store) *incident.Book {
	t.Helper()
	list, last, err := s.Incidents(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return incident.NewBook(incident.Options{}, list, last)
}

func save(t *testing.T, s *state.Store, changes []incident.Change, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SaveIncidents(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

func TestIncidentsRoundTrip(t *testing.T) {
	dir := t.TempDir()
	s, ctx := open(t, dir), t.Context()
	b := incident.NewBook(incident.Options{}, nil, 0)
	all := b.Apply(noon, attack(noon))
	save(t, s, all, nil)
	save(t, s, all, nil) // as after a crash before the caller knew
	more := b.Apply(noon.Add(time.Minute), attack(noon.Add(time.Minute), "anna@parl.example"))
	save(t, s, more, nil)
	all = append(all, more...)
	noted, err := b.Note(noon.Add(2*time.Minute), "bea", "#1", "called Anna")
	save(t, s, noted, err)
	all = append(all, noted...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir)
	equal(t, "the book", text(book(t, s).All()), text(b.All()))
	in := must(s.Incident(ctx, "#1"))(t)
	equal(t, "by number", text(in), text(b.All()[0]))
	equal(t, "by id", text(must(s.Incident(ctx, in.ID))(t)), text(in))
	if _, err := s.Incident(ctx, "#2"); !errors.Is(err, state.ErrNone) {
		t.Errorf("got %v", err)
	}
	var ids []string
	for _, c := range all {
		ids = append(ids, c.ID+c.Text)
	}
	var kept []string
	for _, c := range must(s.History(ctx, in.ID))(t) {
		kept = append(kept, c.ID+c.Text)
	}
	equal(t, "the history", kept, ids)

	// Whoever tells changes goes on where it stopped.
	first := must(s.ChangesAfter(ctx, 0, 1))(t)
	equal(t, "the first change", first[0].ID, all[0].ID)
	equal(t, "its incident", text(first[0].Incident), text(in))
	rest := must(s.ChangesAfter(ctx, first[0].N, 100))(t)
	equal(t, "the other changes", len(rest), len(all)-1)

	// The same number a second time, or another history, is refused whole.
	stranger := incident.NewBook(incident.Options{}, nil, 0)
	v := attack(noon)
	v.Incidents[0].Name = "another"
	if err := s.SaveIncidents(ctx, stranger.Apply(noon, v)); !errors.Is(err, state.ErrConflict) {
		t.Errorf("another #1: got %v", err)
	}
	other := all[0]
	other.Text = "something else"
	if err := s.SaveIncidents(ctx, []incident.Change{other}); !errors.Is(err, state.ErrConflict) {
		t.Errorf("another history: got %v", err)
	}
	equal(t, "what is kept", text(must(s.Incident(ctx, "1"))(t)), text(in))
}

func TestLessons(t *testing.T) {
	s, ctx := open(t, t.TempDir()), t.Context()
	b := incident.NewBook(incident.Options{}, nil, 0)
	save(t, s, b.Apply(noon, attack(noon)), nil)
	equal(t, "before it is closed", len(must(s.Lessons(ctx))(t)), 0)
	changes, err := b.Close(noon.Add(time.Minute), "bea", "1", incident.WasBenign, "a test of ours")
	save(t, s, changes, err)
	in, _ := b.Find("1")
	equal(t, "once it is closed", must(s.Lessons(ctx))(t), []incident.Lesson{*in.Lesson()})
	changes, err = b.Reopen(noon.Add(2*time.Minute), "bea", "1", "it was none")
	save(t, s, changes, err)
	equal(t, "reopened", len(must(s.Lessons(ctx))(t)), 0)
}

// A process that dies between a verdict and its record has recorded nothing, and
// says the same at the next verdict.
func TestCrashBeforeIncidentsAreKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := book(t, s)
	save(t, s, b.Apply(noon, attack(noon)), nil)
	lost := b.Clone()
	want := lost.Apply(noon.Add(time.Minute), attack(noon.Add(time.Minute), "anna@parl.example"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir)
	again := book(t, s)
	got := again.Apply(noon.Add(time.Minute), attack(noon.Add(time.Minute), "anna@parl.example"))
	equal(t, "what it says after the crash", text(got), text(want))
	equal(t, "the book", text(again.All()), text(lost.All()))
}

func TestListIncidents(t *testing.T) {
	s, ctx := open(t, t.TempDir()), t.Context()
	b := incident.NewBook(incident.Options{}, nil, 0)
	for i := range 3 {
		changes := b.Fault(noon.Add(time.Duration(i)*24*time.Hour), incident.Outage{
			ID: fmt.Sprint(i), Service: "imap", Onset: [2]time.Time{{}, noon.Add(time.Duration(i) * 24 * time.Hour)}, End: noon.Add(time.Duration(i)*24*time.Hour + time.Minute), Text: "IMAP did not answer.",
		})
		save(t, s, changes, nil)
	}
	changes, err := b.Close(noon.Add(72*time.Hour), "bea", "2", incident.WasFault, "the disk")
	save(t, s, changes, err)
	numbers := func(q state.Query) (list []int64) {
		for _, in := range must(s.ListIncidents(ctx, q))(t) {
			list = append(list, in.Number)
		}
		return list
	}
	equal(t, "all", numbers(state.Query{}), []int64{3, 2, 1})
	equal(t, "the newest", numbers(state.Query{Limit: 1}), []int64{3})
	equal(t, "closed", numbers(state.Query{Status: []incident.Status{incident.Closed, incident.Merged}}), []int64{2})
	equal(t, "since", numbers(state.Query{Since: noon.Add(60 * time.Hour)}), []int64{2})
	list, last, err := s.Incidents(ctx, noon.Add(100*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "what the book needs", len(list), 2)
	equal(t, "the last number", last, int64(3))
}

func TestExpireIncidents(t *testing.T) {
	dir := t.TempDir()
	s, ctx := open(t, dir), t.Context()
	b := incident.NewBook(incident.Options{}, nil, 0)
	save(t, s, b.Apply(noon, attack(noon, "anna@parl.example")), nil)
	changes, err := b.Note(noon, "bea", "1", "called Anna")
	save(t, s, changes, err)
	equal(t, "an open one", must(s.ExpireIncidents(ctx, noon.Add(time.Hour)))(t), 0)
	changes, err = b.Close(noon.Add(time.Minute), "bea", "1", incident.WasAttack, "Anna's password was changed")
	save(t, s, changes, err)
	equal(t, "a fresh one", must(s.ExpireIncidents(ctx, noon))(t), 0)
	lesson := must(s.Lessons(ctx))(t)[0]
	equal(t, "an old one", must(s.ExpireIncidents(ctx, noon.Add(time.Hour)))(t), 1)
	equal(t, "once more", must(s.ExpireIncidents(ctx, noon.Add(time.Hour)))(t), 0)
	in := must(s.Incident(ctx, "1"))(t)
	if in.Kind != verdict.Attack || in.Status != incident.Closed || in.Closing.As != incident.WasAttack || !in.Onset.Equal(noon.Add(-time.Hour)) {
		t.Errorf("too little is left: %s", text(in))
	}
	all := text(in) + text(must(s.History(ctx, in.ID))(t)) + text(must(s.Lessons(ctx))(t))
	for _, word := range []string{"nna", "bea", "192.0.2.1", "2001:db8", "64500", "guess>", "mail.log"} {
		if contains(all, word) {
			t.Errorf("%q is left in %s", word, all)
		}
	}
	lesson.By = ""
	equal(t, "the lesson", must(s.Lessons(ctx))(t), []incident.Lesson{lesson})
}

func TestExpectations(t *testing.T) {
	s, ctx := open(t, t.TempDir()), t.Context()
	e := must(s.Expect(ctx, state.Expectation{From: noon, Until: noon.Add(time.Hour), What: "iOS rollout", By: "bea"}))(t)
	equal(t, "kept", must(s.Expectations(ctx, noon))(t), []state.Expectation{e})
	equal(t, "over", len(must(s.Expectations(ctx, noon.Add(time.Hour)))(t)), 0)
	if err := s.Withdraw(ctx, e.ID, "carl"); err != nil {
		t.Fatal(err)
	}
	got := must(s.Expectations(ctx, noon))(t)[0]
	if !got.Withdrawn.Equal(noon) || got.WithdrawnBy != "carl" {
		t.Errorf("got %+v", got)
	}
	if err := s.Withdraw(ctx, e.ID, "carl"); !errors.Is(err, state.ErrNone) {
		t.Errorf("got %v", err)
	}
	for _, bad := range []state.Expectation{
		{From: noon, Until: noon, What: "x", By: "y"}, {From: noon, Until: noon.Add(1), By: "y"}, {From: noon, Until: noon.Add(1), What: "x"},
	} {
		if _, err := s.Expect(ctx, bad); err == nil {
			t.Errorf("accepted: %+v", bad)
		}
	}
}

func TestVigilance(t *testing.T) {
	s, ctx := open(t, t.TempDir()), t.Context()
	if _, err := s.RaiseVigilance(ctx, state.Vigilance{Level: "high", From: noon, Until: noon.Add(time.Hour), Why: "a feeling"}); err == nil {
		t.Error("raised by nobody")
	}
	v := must(s.RaiseVigilance(ctx, state.Vigilance{Level: "high", From: noon, Until: noon.Add(time.Hour), Why: "a feeling", By: "bea"}))(t)
	w := must(s.RaiseVigilance(ctx, state.Vigilance{Level: "high", From: noon.Add(10 * time.Minute), Until: noon.Add(2 * time.Hour), Why: "an attack", By: "mailvigil", Incident: "incident-1"}))(t)
	equal(t, "at first", must(s.VigilanceAt(ctx, noon))(t), []state.Vigilance{v})
	equal(t, "then", must(s.VigilanceAt(ctx, noon.Add(10*time.Minute)))(t), []state.Vigilance{v, w})
	equal(t, "it falls back by itself", must(s.VigilanceAt(ctx, noon.Add(time.Hour)))(t), []state.Vigilance{w})
	if err := s.LowerVigilance(ctx, noon.Add(90*time.Minute), "carl"); err != nil {
		t.Fatal(err)
	}
	equal(t, "lowered", len(must(s.VigilanceAt(ctx, noon.Add(90*time.Minute)))(t)), 0)
	all := must(s.VigilanceSince(ctx, noon.Add(time.Hour)))(t)
	if len(all) != 1 || all[0].EndedBy != "carl" || !all[0].Ended.Equal(noon.Add(90*time.Minute)) {
		t.Errorf("got %+v", all)
	}
}

func TestModels(t *testing.T) {
	s, ctx := open(t, t.TempDir()), t.Context()
	if _, err := s.Model(ctx, "baseline", 1); !errors.Is(err, state.ErrNone) {
		t.Errorf("got %v", err)
	}
	for _, m := range []state.Model{
		{Name: "baseline", Version: 1, At: noon, Data: []byte{0, 1, 2}},
		{Name: "baseline", Version: 2, At: noon.Add(time.Hour), Data: []byte{3}},
	} {
		if err := s.SaveModel(ctx, m); err != nil {
			t.Fatal(err)
		}
		equal(t, "kept", *must(s.Model(ctx, m.Name, m.Version))(t), m)
	}
	if _, err := s.Model(ctx, "baseline", 1); !errors.Is(err, state.ErrNone) {
		t.Errorf("of another form: got %v", err)
	}
}

func TestProbes(t *testing.T) {
	s, ctx := open(t, t.TempDir()), t.Context()
	var list []state.ProbeResult
	for i := range 1500 {
		list = append(list, state.ProbeResult{Probe: "imap", At: noon.Add(time.Duration(i) * time.Minute), OK: i%2 == 0, Took: time.Millisecond, Detail: json.RawMessage(`{}`)})
	}
	other := state.ProbeResult{Probe: "smtp", At: noon, Took: time.Second}
	if err := s.AddProbes(ctx, append(list, other)); err != nil {
		t.Fatal(err)
	}
	got := must(s.Probes(ctx, "imap", 10_000))(t)
	if len(got) != 1440 {
		t.Fatalf("%d are kept", len(got))
	}
	equal(t, "the newest", got[0], list[1499])
	equal(t, "the oldest", got[1439], list[60])
	equal(t, "another's", must(s.Probes(ctx, "smtp", 1))(t), []state.ProbeResult{other})
	if err := s.AddProbes(ctx, []state.ProbeResult{{Probe: "imap", Detail: json.RawMessage("{")}}); err == nil {
		t.Error("no JSON was accepted")
	}
}

func TestMessages(t *testing.T) {
	dir := t.TempDir()
	s, ctx := open(t, dir), t.Context()
	message := func(key string, due time.Time) state.Message {
		return state.Message{Key: key, Receiver: "bea", Incident: 1, Made: noon, Due: due, Waits: true, Item: json.RawMessage(`{"try":1}`)}
	}
	first, second := message("a", noon.Add(time.Hour)), message("b", noon)
	if err := s.PutMessages(ctx, []state.Message{first, second}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutMessages(ctx, []state.Message{message("c", noon), {Key: "d", Item: json.RawMessage("{")}}); err == nil {
		t.Error("no JSON was accepted")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	equal(t, "the first due first, and none of what failed", must(s.WaitingMessages(ctx))(t), []state.Message{second, first})
	second.Waits, second.Sent = false, noon.Add(time.Minute)
	if err := s.PutMessages(ctx, []state.Message{second}); err != nil {
		t.Fatal(err)
	}
	equal(t, "waiting", must(s.WaitingMessages(ctx))(t), []state.Message{first})
	equal(t, "of the incident", len(must(s.MessagesOf(ctx, 1))(t)), 2)
	equal(t, "of another", len(must(s.MessagesOf(ctx, 2))(t)), 0)
	equal(t, "sent since", must(s.MessagesSince(ctx, "bea", noon))(t), []state.Message{second})
	equal(t, "sent to another", len(must(s.MessagesSince(ctx, "anna", noon))(t)), 0)
	if err := s.Prune(ctx, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	equal(t, "what waits is not pruned", must(s.MessagesOf(ctx, 1))(t), []state.Message{first})
}
