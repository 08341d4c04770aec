package incident_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/incident"
	"mailvigil/verdict"
)

var noon = time.Date(2025, 9, 16, 12, 0, 0, 0, time.UTC)

// at is so many minutes after noon.
func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func hours(n int) int { return 60 * n }

// guessing is an attack from some addresses, from one minute to another.
func guessing(from, to int, ongoing bool, sources ...string) verdict.Incident {
	return verdict.Incident{
		ID: "incident-1", Kind: verdict.Attack, Name: "somebody is guessing passwords", Text: "Somebody guesses.",
		Onset: at(from), OnsetInterval: [2]time.Time{at(from - 5), at(from + 5)}, End: at(to), Ongoing: ongoing,
		Services: []string{"imap"}, Cause: []map[string]string{{"outcome": "failure", "service": "imap"}}, Sources: sources,
		Observed: 400, Expected: 20, Excess: 380, Targeted: 7,
	}
}

// storm is what clients of a system do.
func storm(from, to int, ongoing bool, os string) verdict.Incident {
	in := verdict.Incident{
		ID: "incident-1", Kind: verdict.Benign, Name: "phones or other clients connect more often than usual", Text: "Phones.",
		Onset: at(from), OnsetInterval: [2]time.Time{at(from - 5), at(from + 5)}, End: at(to), Ongoing: ongoing,
		Services: []string{"activesync"}, Observed: 5000, Expected: 1000, Excess: 4000,
	}
	if os != "" {
		in.Cause = []map[string]string{{"os": os, "service": "activesync"}}
	}
	return in
}

func with(in verdict.Incident, f func(*verdict.Incident)) verdict.Incident {
	f(&in)
	return in
}

func told(list ...verdict.Incident) *verdict.Verdict {
	v := &verdict.Verdict{Verdict: verdict.Quiet}
	for i, in := range list {
		in.ID = fmt.Sprintf("incident-%d", i+1)
		v.Incidents = append(v.Incidents, in)
	}
	return v
}

// kinds are the significant changes in short: "#1 opened".
func kinds(changes []incident.Change) (list []string) {
	for _, c := range changes {
		if c.Significant {
			list = append(list, fmt.Sprintf("#%d %s", c.Incident.Number, c.Kind))
		}
	}
	return list
}

func texts(changes []incident.Change) string {
	var list []string
	for _, c := range changes {
		if c.Significant {
			list = append(list, c.Text)
		}
	}
	return strings.Join(list, " | ")
}

// states are the incidents in short: "#1 open".
func states(b *incident.Book) (list []string) {
	for _, in := range b.All() {
		list = append(list, fmt.Sprintf("#%d %s", in.Number, in.Status))
	}
	return list
}

func text(x any) string {
	b, err := json.Marshal(x)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// restored is the book as it is after a restart.
func restored(b *incident.Book) *incident.Book {
	var list []incident.Incident
	for _, in := range b.All() {
		var copied incident.Incident
		if err := json.Unmarshal([]byte(text(in)), &copied); err != nil {
			panic(err)
		}
		list = append(list, copied)
	}
	return incident.NewBook(incident.Options{}, list, 0)
}

// step is a moment of an incident's life, with what has to come of it.
type step struct {
	at   int // minutes after noon
	told []verdict.Incident
	// do is what a person does before the verdict is heard; without told, no
	// verdict is heard, and silent hears one that tells nothing.
	do     func(b *incident.Book, now time.Time) ([]incident.Change, error)
	silent bool
	want   []string
	says   string // a part of what is said
}

func closing(name string, as incident.ClosedAs) func(*incident.Book, time.Time) ([]incident.Change, error) {
	return func(b *incident.Book, now time.Time) ([]incident.Change, error) {
		return b.Close(now, "bea", name, as, "because")
	}
}

func TestLives(t *testing.T) {
	one := []verdict.Incident{guessing(0, 10, true, "192.0.2.1", "192.0.2.2")}
	cases := []struct {
		name  string
		steps []step
		end   []string
	}{
		{"it goes on, and is told once", []step{
			{at: 10, told: one, want: []string{"#1 opened"}, says: "Somebody is guessing passwords."},
			{at: 11, told: []verdict.Incident{guessing(0, 11, true, "192.0.2.1", "192.0.2.2", "192.0.2.3")}},
			{at: 12, told: []verdict.Incident{guessing(1, 12, true, "192.0.2.1", "192.0.2.2", "192.0.2.3")}},
		}, []string{"#1 open"}},
		{"noise is none", []step{
			{at: 10, told: []verdict.Incident{{Kind: verdict.Background, Name: "password guessing from the Internet", Onset: at(0), End: at(10)}}},
		}, nil},
		{"it grows: worth telling, then not again", []step{
			{at: 10, told: one, want: []string{"#1 opened"}},
			{at: 11, told: []verdict.Incident{with(one[0], func(x *verdict.Incident) { x.Compromised = []string{"anna"}; x.Services = []string{"imap", "webmail"} })}, want: []string{"#1 updated"}, says: "Opened as well: anna. It touches webmail as well."},
			{at: 12, told: []verdict.Incident{with(one[0], func(x *verdict.Incident) { x.Compromised = []string{"anna"}; x.Services = []string{"imap", "webmail"} })}},
			{at: 13, told: []verdict.Incident{with(one[0], func(x *verdict.Incident) { x.Compromised = []string{"anna"}; x.Observed, x.Excess = 900, 880 })}, want: []string{"#1 updated"}, says: "It has grown to 900 events where 20 were expected."},
			{at: 14, told: []verdict.Incident{with(one[0], func(x *verdict.Incident) { x.Compromised = []string{"anna"}; x.Observed, x.Excess = 1500, 1480 })}},
			{at: 15, told: []verdict.Incident{with(one[0], func(x *verdict.Incident) { x.Compromised = []string{"anna", "b", "c", "d", "e"} })}, want: []string{"#1 updated"}, says: "4 more accounts were opened."},
		}, []string{"#1 open"}},
		{"another explanation is told once it stands, a graver one at once", []step{
			{at: 10, told: []verdict.Incident{storm(0, 10, true, "iOS")}, want: []string{"#1 opened"}},
			{at: 11, told: []verdict.Incident{with(storm(0, 11, true, "iOS"), func(x *verdict.Incident) { x.Name = "more people than usual are at work" })}},
			{at: 12, told: []verdict.Incident{storm(0, 12, true, "iOS")}},
			{at: 13, told: []verdict.Incident{with(storm(0, 13, true, "iOS"), func(x *verdict.Incident) { x.Name = "more people than usual are at work" })}},
			{at: 22, told: []verdict.Incident{with(storm(0, 22, true, "iOS"), func(x *verdict.Incident) { x.Name = "more people than usual are at work" })}},
			{at: 23, told: []verdict.Incident{with(storm(0, 23, true, "iOS"), func(x *verdict.Incident) { x.Name = "more people than usual are at work" })}, want: []string{"#1 updated"}, says: "It is now explained otherwise: more people"},
			{at: 24, told: []verdict.Incident{with(storm(0, 24, true, "iOS"), func(x *verdict.Incident) {
				x.Kind, x.Name = verdict.Attack, "a stranger is in the accounts"
			})}, want: []string{"#1 updated"}, says: "It is now thought to be an attack: a stranger is in the accounts."},
			{at: 25, told: []verdict.Incident{storm(0, 25, true, "iOS")}},
			{at: 26, told: []verdict.Incident{with(storm(0, 26, true, "iOS"), func(x *verdict.Incident) {
				x.Kind, x.Name = verdict.Attack, "a stranger is in the accounts"
			})}},
		}, []string{"#1 open"}},
		{"an onset that is thought to be earlier for a moment", []step{
			{at: 200, told: []verdict.Incident{guessing(190, 200, true, "192.0.2.1")}, want: []string{"#1 opened"}},
			{at: 201, told: []verdict.Incident{guessing(0, 201, true, "192.0.2.1")}},
			{at: 202, told: []verdict.Incident{guessing(190, 202, true, "192.0.2.1")}},
			{at: 213, told: []verdict.Incident{guessing(0, 213, true, "192.0.2.1")}},
			{at: 223, told: []verdict.Incident{guessing(0, 223, true, "192.0.2.1")}, want: []string{"#1 updated"}, says: "It began 3 hours earlier than was thought."},
		}, []string{"#1 open"}},
		{"accounts are named from the beginning", []step{
			{at: 10, told: []verdict.Incident{with(one[0], func(x *verdict.Incident) { x.Compromised = []string{"anna"} })}, want: []string{"#1 opened"}, says: "Somebody is guessing passwords: anna."},
		}, []string{"#1 open"}},
		{"the cause is found later", []step{
			{at: 10, told: []verdict.Incident{with(storm(0, 10, true, ""), func(x *verdict.Incident) { x.Kind, x.Name = verdict.Undetermined, "none of these" })}, want: []string{"#1 opened"}, says: "It is not clear what it is: 5000 events where 1000 were expected (activesync)."},
			{at: 11, told: []verdict.Incident{storm(0, 11, true, "iOS")}},
			{at: 21, told: []verdict.Incident{storm(0, 21, true, "iOS")}, want: []string{"#1 updated"}, says: "What sets it apart: os iOS."},
		}, []string{"#1 open"}},
		{"it is over: quiet, with how long nothing happened", []step{
			{at: 10, told: one, want: []string{"#1 opened"}},
			{at: 20, told: []verdict.Incident{guessing(0, 15, false, "192.0.2.1", "192.0.2.2")}},
			{at: 74, want: nil},
			{at: 75, want: []string{"#1 quiet"}, says: "Nothing more of it for 60 minutes; it lasted 15 minutes."},
			{at: 76, told: []verdict.Incident{guessing(0, 15, false, "192.0.2.1", "192.0.2.2")}},
		}, []string{"#1 quiet"}},
		{"a verdict that tells nothing of it any more", []step{
			{at: 10, told: one, want: []string{"#1 opened"}},
			{at: 11, silent: true},
			{at: 70, silent: true, want: []string{"#1 quiet"}},
		}, []string{"#1 quiet"}},
		{"without a verdict, what was going on is not taken as over", []step{
			{at: 10, told: one, want: []string{"#1 opened"}},
			{at: hours(9)},
		}, []string{"#1 open"}},
		{"it is back soon: the same", []step{
			{at: 10, told: []verdict.Incident{guessing(0, 10, false, "192.0.2.1")}, want: []string{"#1 opened"}},
			{at: 80, silent: true, want: []string{"#1 quiet"}},
			{at: hours(20), told: []verdict.Incident{guessing(hours(20)-5, hours(20), true, "192.0.2.1")}, want: []string{"#1 reopened"}, says: "It is back after it was quiet for 20 hours."},
		}, []string{"#1 open"}},
		{"it is back late: another, that names the first", []step{
			{at: 10, told: []verdict.Incident{guessing(0, 10, false, "192.0.2.1")}, want: []string{"#1 opened"}},
			{at: 80, silent: true, want: []string{"#1 quiet"}},
			{at: hours(90), told: []verdict.Incident{guessing(0, 10, false, "192.0.2.1"), guessing(hours(90)-5, hours(90), true, "192.0.2.1")}, want: []string{"#2 opened"}, says: "The same was there before, as #1, until 16 September 2025."},
			{at: hours(90) + 1, told: []verdict.Incident{guessing(hours(90)-5, hours(90), true, "192.0.2.1"), guessing(0, 10, false, "192.0.2.1")}},
		}, []string{"#1 quiet", "#2 open"}},
		{"closed, and the same is judged again", []step{
			{at: 10, told: one, want: []string{"#1 opened"}},
			{at: 20, do: closing("#1", incident.WasAttack), told: []verdict.Incident{guessing(0, 20, true, "192.0.2.1", "192.0.2.2")}, want: []string{"#1 closed"}},
			{at: 21, told: []verdict.Incident{guessing(0, 20, false, "192.0.2.1", "192.0.2.2")}},
			{at: 22, told: []verdict.Incident{with(guessing(0, 20, false, "192.0.2.1", "192.0.2.2"), func(x *verdict.Incident) {
				x.Kind, x.Name = verdict.Undetermined, "none of these"
			})}},
			{at: 23, told: []verdict.Incident{with(guessing(2, 19, false), func(x *verdict.Incident) { x.Cause = []map[string]string{{"client": "curl"}} })}},
			{at: hours(24 * 20), told: []verdict.Incident{guessing(0, 20, false, "192.0.2.1")}},
		}, []string{"#1 closed"}},
		{"closed, and it goes on", []step{
			{at: 10, told: one, want: []string{"#1 opened"}},
			{at: 20, do: closing("1", incident.WasAttack), want: []string{"#1 closed"}},
			{at: 34, told: []verdict.Incident{guessing(0, 34, true, "192.0.2.1")}},
			{at: 36, told: []verdict.Incident{guessing(0, 36, true, "192.0.2.1")}, want: []string{"#1 reopened"}, says: "It is back after it was closed (attack)."},
		}, []string{"#1 open"}},
		{"closed as harmless, and it goes on: nobody is told", []step{
			{at: 10, told: []verdict.Incident{storm(0, 10, true, "iOS")}, want: []string{"#1 opened"}},
			{at: 20, do: closing("1", incident.WasBenign), want: []string{"#1 closed"}},
			{at: hours(30), told: []verdict.Incident{storm(0, hours(30), true, "iOS")}},
			{at: hours(99), told: []verdict.Incident{storm(0, hours(99), true, "iOS")}},
			{at: hours(100), told: []verdict.Incident{with(storm(0, hours(100), true, "iOS"), func(x *verdict.Incident) {
				x.Kind, x.Name = verdict.Attack, "a stranger is in the accounts"
			})}, want: []string{"#1 reopened"}, says: "It is now thought to be an attack"},
		}, []string{"#1 open"}},
		{"closed, and another account was opened in that time", []step{
			{at: 10, told: []verdict.Incident{with(one[0], func(x *verdict.Incident) { x.Compromised = []string{"anna"} })}, want: []string{"#1 opened"}},
			{at: 20, do: closing("1", incident.WasAttack), want: []string{"#1 closed"}},
			{at: 21, told: []verdict.Incident{with(one[0], func(x *verdict.Incident) { x.Compromised = []string{"anna"} })}},
			{at: 22, told: []verdict.Incident{with(one[0], func(x *verdict.Incident) { x.Compromised = []string{"anna", "bert"} })}, want: []string{"#1 reopened"}, says: "Opened as well: bert."},
		}, []string{"#1 open"}},
		{"two clients in the same minute are two, in any order", []step{
			{at: 10, told: []verdict.Incident{storm(0, 10, true, "iOS"), storm(0, 10, true, "Android")}, want: []string{"#1 opened", "#2 opened"}},
			{at: 11, told: []verdict.Incident{storm(0, 11, true, "Android"), storm(0, 11, true, "iOS")}},
			{at: 12, told: []verdict.Incident{storm(0, 12, true, "Android")}},
		}, []string{"#1 open", "#2 open"}},
		{"two attackers at the same time are two", []step{
			{at: 10, told: []verdict.Incident{guessing(0, 10, true, "192.0.2.1"), guessing(0, 10, true, "198.51.100.1")}, want: []string{"#1 opened", "#2 opened"}},
			{at: 11, told: []verdict.Incident{guessing(0, 11, true, "198.51.100.1"), guessing(0, 11, true, "192.0.2.1")}},
		}, []string{"#1 open", "#2 open"}},
		{"two become one", []step{
			{at: 10, told: []verdict.Incident{guessing(0, 10, true, "192.0.2.1"), guessing(0, 10, true, "198.51.100.1")}, want: []string{"#1 opened", "#2 opened"}},
			{at: 11, told: []verdict.Incident{guessing(0, 11, true, "192.0.2.1", "198.51.100.1")}, want: []string{"#2 merged", "#1 updated"}, says: "It is the same as #1. | #2 is the same and was merged into it."},
			{at: 12, told: []verdict.Incident{guessing(0, 12, true, "198.51.100.1", "192.0.2.1")}},
			{at: 13, told: []verdict.Incident{guessing(0, 13, true, "198.51.100.1"), guessing(0, 13, true, "192.0.2.1")}},
		}, []string{"#1 open", "#2 merged"}},
		{"one person's merge stands", []step{
			{at: 10, told: []verdict.Incident{guessing(0, 10, true, "192.0.2.1"), storm(0, 10, true, "iOS")}, want: []string{"#1 opened", "#2 opened"}},
			{at: 11, do: func(b *incident.Book, now time.Time) ([]incident.Change, error) {
				return b.Merge(now, "bea", "2", "1", "a botnet of phones")
			}, told: []verdict.Incident{guessing(0, 11, true, "192.0.2.1"), storm(0, 11, true, "iOS")}, want: []string{"#2 merged", "#1 updated"}, says: "merged into it: a botnet of phones"},
			{at: 12, told: []verdict.Incident{storm(0, 12, true, "iOS"), guessing(0, 12, true, "192.0.2.1")}},
		}, []string{"#1 open", "#2 merged"}},
		{"an attack is explained away only where no account was opened", []step{
			{at: 10, told: []verdict.Incident{with(one[0], func(x *verdict.Incident) { x.Compromised = []string{"anna"} })}, want: []string{"#1 opened"}},
			{at: 30, told: []verdict.Incident{with(one[0], func(x *verdict.Incident) {
				x.Kind, x.Name = verdict.Background, "the everyday noise of the Internet"
			})}},
		}, []string{"#1 open"}},
		{"a long incident keeps its beginning when verdicts look back less far", []step{
			{at: 10, told: []verdict.Incident{storm(0, 10, true, "iOS")}, want: []string{"#1 opened"}},
			{at: hours(100), told: []verdict.Incident{storm(hours(60), hours(100), true, "iOS")}},
		}, []string{"#1 open"}},
		{"nobody takes it up", []step{
			{at: 10, told: []verdict.Incident{storm(0, 10, false, "iOS")}, want: []string{"#1 opened"}},
			{at: 80, silent: true, want: []string{"#1 quiet"}},
			{at: hours(24 * 31), want: []string{"#1 closed"}, says: "nobody took it up"},
		}, []string{"#1 closed"}},
		{"an attack that nobody takes up stays", []step{
			{at: 10, told: []verdict.Incident{guessing(0, 10, false, "192.0.2.1")}, want: []string{"#1 opened"}},
			{at: 80, silent: true, want: []string{"#1 quiet"}},
			{at: hours(24 * 60)},
		}, []string{"#1 quiet"}},
	}
	for _, c := range cases {
		for _, restart := range []bool{false, true} {
			name := c.name
			if restart {
				name += ", with restarts"
			}
			t.Run(name, func(t *testing.T) {
				b := incident.NewBook(incident.Options{}, nil, 0)
				for _, s := range c.steps {
					if restart {
						b = restored(b)
					}
					before := text(b.All())
					next := b.Clone()
					var changes []incident.Change
					if s.do != nil {
						var err error
						if changes, err = s.do(next, at(s.at)); err != nil {
							t.Fatalf("minute %d: %v", s.at, err)
						}
					}
					if s.told != nil || s.silent {
						changes = append(changes, next.Apply(at(s.at), told(s.told...))...)
					} else if s.do == nil {
						changes = append(changes, next.Tick(at(s.at))...)
					}
					if got := kinds(changes); !slices.Equal(got, s.want) {
						t.Errorf("minute %d: got %v, want %v: %s", s.at, got, s.want, texts(changes))
					}
					if !strings.Contains(texts(changes), s.says) {
						t.Errorf("minute %d: %q is not said in %q", s.at, s.says, texts(changes))
					}
					if text(b.All()) != before {
						t.Errorf("minute %d: a clone changed its book", s.at)
					}
					b = next
				}
				if got := states(b); !slices.Equal(got, c.end) {
					t.Errorf("in the end %v, want %v", got, c.end)
				}
			})
		}
	}
}

func TestWhatAnIncidentIs(t *testing.T) {
	b := incident.NewBook(incident.Options{}, nil, 0)
	v := told(with(guessing(0, 10, true, "198.51.100.1", "192.0.2.1"), func(x *verdict.Incident) {
		x.Compromised, x.Findings = []string{"anna"}, []string{"finding-2"}
	}))
	v.Findings = []verdict.Finding{{ID: "finding-1", Title: "another"}, {ID: "finding-2", Title: "opened"}}
	b.Apply(at(10), v)
	in, err := b.Find("#1")
	if err != nil {
		t.Fatal(err)
	}
	if in.Severity != verdict.Critical || in.Targeted != 7 || len(in.Findings) != 1 || in.Findings[0].Title != "opened" || !slices.Equal(in.Sources, []string{"192.0.2.1", "198.51.100.1"}) {
		t.Errorf("got %s", text(in))
	}
	if !strings.HasPrefix(in.ID, "incident-20250916-") {
		t.Errorf("got %s", in.ID)
	}
	if other, err := b.Find(in.ID); err != nil || other != in {
		t.Errorf("by id: %v", err)
	}
	if _, err := b.Find("#7"); !errors.Is(err, incident.ErrNone) {
		t.Errorf("got %v", err)
	}
	long := incident.NewBook(incident.Options{}, nil, 0)
	long.Apply(at(10), told(storm(0, 10, true, "iOS")))
	long.Apply(at(hours(100)), told(storm(hours(60), hours(100), true, "iOS")))
	if in, _ := long.Find("1"); !in.Onset.Equal(at(0)) || !in.End.Equal(at(hours(100))) {
		t.Errorf("from %v to %v", in.Onset, in.End)
	}
}

func TestOutages(t *testing.T) {
	out := func(id, service string, from, to int) incident.Outage {
		o := incident.Outage{ID: id, Service: service, Probes: []string{service}, Onset: [2]time.Time{at(from - 1), at(from)}, Affected: "everybody", Text: "IMAP does not answer."}
		if to > 0 {
			o.End = at(to)
		}
		return o
	}
	b := incident.NewBook(incident.Options{}, nil, 0)
	hear := func(minute int, o incident.Outage, want ...string) string {
		t.Helper()
		changes := b.Fault(at(minute), o)
		if got := kinds(changes); !slices.Equal(got, want) {
			t.Errorf("minute %d: got %v, want %v: %s", minute, got, want, texts(changes))
		}
		b = restored(b)
		return texts(changes)
	}
	hear(3, out("imap-1", "imap", 1, 0), "#1 opened")
	hear(4, out("imap-1", "imap", 1, 0))
	in, _ := b.Find("1")
	if in.Kind != verdict.Fault || in.Severity != verdict.High || !in.Ongoing || !in.OnsetInterval[0].Equal(at(0)) || !in.OnsetInterval[1].Equal(at(1)) {
		t.Errorf("got %s", text(in))
	}
	// The logs tell of it too, first as something missing.
	missing := with(storm(2, 8, true, ""), func(x *verdict.Incident) {
		x.Kind, x.Name, x.Services, x.Observed, x.Expected, x.Excess = verdict.Undetermined, "none of these", []string{"imap"}, 0, 300, -300
	})
	if got := texts(b.Apply(at(8), told(missing))); got != "Only 0 events came where 300 were expected." {
		t.Errorf("said %q", got)
	}
	fault := with(missing, func(x *verdict.Incident) { x.Kind, x.Name = verdict.Fault, "the mail service itself failed" })
	b.Apply(at(9), told(fault))
	if got := states(b); !slices.Equal(got, []string{"#1 open"}) {
		t.Errorf("got %v", got)
	}
	if says := hear(12, out("imap-1", "imap", 1, 11), "#1 updated"); !strings.Contains(says, "IMAP answers again, after 10 minutes.") {
		t.Errorf("said %q", says)
	}
	// It is out again at once, and another service far away in time and kind.
	hear(15, out("imap-2", "imap", 14, 0), "#1 updated")
	hear(16, out("imap-2", "imap", 14, 16), "#1 updated")
	hear(17, out("smtp-1", "smtp", 17, 0), "#2 opened")
	// Two quiet.
	hear(18, out("smtp-1", "smtp", 17, 18), "#2 updated")
	if got := kinds(b.Apply(at(90), told())); !slices.Equal(got, []string{"#1 quiet", "#2 quiet"}) {
		t.Errorf("got %v", got)
	}
	// The same outage comes back, as package health may say.
	hear(100, out("smtp-1", "smtp", 17, 0), "#2 reopened")
	hear(101, out("smtp-1", "smtp", 17, 101), "#2 updated")
	if _, err := b.Close(at(110), "bea", "2", incident.WasFault, "the disk"); err != nil {
		t.Fatal(err)
	}
	hear(111, out("smtp-1", "smtp", 17, 101))
	hear(hours(5), out("smtp-9", "smtp", hours(5), 0), "#3 opened")
}

// What the probes told apart from the logs becomes one with it once the logs
// show the same service.
func TestOutageMerged(t *testing.T) {
	b := incident.NewBook(incident.Options{}, nil, 0)
	fault := func(services ...string) *verdict.Incident {
		return with(storm(0, 8, true, ""), func(x *verdict.Incident) {
			x.Kind, x.Name, x.Services = verdict.Fault, "the mail service itself failed", services
		})
	}
	b.Apply(at(5), told(fault("webmail")))
	b.Fault(at(6), incident.Outage{ID: "imap-1", Service: "imap", Probes: []string{"imap"}, Onset: [2]time.Time{at(0), at(1)}, Text: "IMAP is out."})
	b.Apply(at(7), told(fault("webmail")))
	if got := states(b); !slices.Equal(got, []string{"#1 open", "#2 open"}) {
		t.Errorf("before: %v", got)
	}
	b.Apply(at(8), told(fault("imap", "webmail")))
	if got := states(b); !slices.Equal(got, []string{"#1 open", "#2 merged"}) {
		t.Errorf("after: %v", got)
	}
	if in, _ := b.Find("1"); len(in.Outages) != 1 || in.Outages[0].ID != "imap-1" {
		t.Errorf("the outage is not with #1: %+v", in.Outages)
	}
}

func TestPeople(t *testing.T) {
	b := incident.NewBook(incident.Options{}, nil, 0)
	b.Apply(at(10), told(guessing(0, 10, true, "192.0.2.1"), storm(0, 10, true, "iOS")))
	type act = func() ([]incident.Change, error)
	plan := func(kind incident.FollowupKind, what, of string, when int) act {
		return func() ([]incident.Change, error) {
			return b.Plan(at(20), "bea", "1", incident.Followup{Kind: kind, What: what, Of: of, At: at(when)})
		}
	}
	steps := []struct {
		name string
		do   act
		want string
		says string
		err  error
	}{
		{"a note", func() ([]incident.Change, error) { return b.Note(at(11), "bea", "#1", " called Anna ") }, "#1 noted", "called Anna", nil},
		{"an empty note", func() ([]incident.Change, error) { return b.Note(at(11), "bea", "#1", " \n") }, "", "the note is empty", incident.ErrInput},
		{"a note that is no text", func() ([]incident.Change, error) { return b.Note(at(11), "bea", "#1", "\xff") }, "", "not UTF-8", incident.ErrInput},
		{"a book for a note", func() ([]incident.Change, error) { return b.Note(at(11), "bea", "#1", strings.Repeat("é", 10_001)) }, "", "keep the rest in a file", incident.ErrInput},
		{"a note to none", func() ([]incident.Change, error) { return b.Note(at(11), "bea", "#9", "x") }, "", `"#9"`, incident.ErrNone},
		{"an owner", func() ([]incident.Change, error) { return b.Assign(at(12), "bea", "1", "carl") }, "#1 assigned", "assigned to carl", nil},
		{"the same owner", func() ([]incident.Change, error) { return b.Assign(at(12), "bea", "1", "carl") }, "", "", nil},
		{"no owner", func() ([]incident.Change, error) { return b.Assign(at(12), "bea", "1", "") }, "#1 assigned", "nobody", nil},
		{"a severity", func() ([]incident.Change, error) { return b.SetSeverity(at(13), "bea", "1", verdict.Low) }, "#1 severity", "low", nil},
		{"no severity", func() ([]incident.Change, error) { return b.SetSeverity(at(13), "bea", "1", "bad") }, "", "there are info, low", incident.ErrInput},
		{"a due date", plan(incident.DueDate, "reset the password", "", 30), "#1 planned", "Due by 2025-09-16 12:30 UTC: reset the password", nil},
		{"what is awaited", plan(incident.Awaited, "the list of VPN users", "the network team", 40), "#1 planned", "Awaited of the network team by", nil},
		{"a reminder", plan(incident.Reminder, "look at the forwards", "", 50), "#1 planned", "", nil},
		{"in the past", plan(incident.Reminder, "x", "", 20), "", "has passed", incident.ErrInput},
		{"nothing to do", plan(incident.Reminder, "", "", 50), "", "empty", incident.ErrInput},
		{"of no kind", plan("later", "x", "", 50), "", "none of due", incident.ErrInput},
		{"none has come", func() ([]incident.Change, error) { return b.Tick(at(29)), nil }, "", "", nil},
		{"one is done", func() ([]incident.Change, error) { return b.Done(at(29), "carl", "1", 1) }, "#1 done", "reset the password", nil},
		{"done twice", func() ([]incident.Change, error) { return b.Done(at(29), "carl", "1", 1) }, "", "waits for nothing of the number 1", incident.ErrInput},
		{"one has come", func() ([]incident.Change, error) { return b.Tick(at(40)), nil }, "#1 due", "Still awaited of the network team: the list of VPN users", nil},
		{"once", func() ([]incident.Change, error) { return b.Tick(at(41)), nil }, "", "", nil},
		{"a reminder comes", func() ([]incident.Change, error) { return b.Tick(at(50)), nil }, "#1 due", "Reminder: look at the forwards", nil},
		{"closed as nothing", func() ([]incident.Change, error) { return b.Close(at(51), "bea", "1", "good", "x") }, "", "none of attack", incident.ErrInput},
		{"closed as lapsed", func() ([]incident.Change, error) { return b.Close(at(51), "bea", "1", incident.Lapsed, "x") }, "", "none of attack", incident.ErrInput},
		{"closed without a reason", func() ([]incident.Change, error) { return b.Close(at(51), "bea", "1", incident.WasAttack, "") }, "", "the reason is empty", incident.ErrInput},
		{"reopened though open", func() ([]incident.Change, error) { return b.Reopen(at(51), "bea", "1", "x") }, "", "#1 is not closed", incident.ErrStatus},
		{"merged with itself", func() ([]incident.Change, error) { return b.Merge(at(51), "bea", "1", "#1", "") }, "", "is one already", incident.ErrInput},
		{"closed", func() ([]incident.Change, error) {
			return b.Close(at(52), "bea", "1", incident.WasFalseAlarm, "our own test")
		}, "#1 closed", "Closed as false alarm: our own test", nil},
		{"closed twice", func() ([]incident.Change, error) { return b.Close(at(53), "bea", "1", incident.WasAttack, "x") }, "", "reopen it first", incident.ErrStatus},
		{"an owner of a closed one", func() ([]incident.Change, error) { return b.Assign(at(53), "bea", "1", "carl") }, "", "reopen it first", incident.ErrStatus},
		{"a note to a closed one", func() ([]incident.Change, error) { return b.Note(at(54), "bea", "1", "more") }, "#1 noted", "more", nil},
		{"reopened", func() ([]incident.Change, error) { return b.Reopen(at(55), "bea", "1", "it was none") }, "#1 reopened", "it was none", nil},
		{"merged", func() ([]incident.Change, error) { return b.Merge(at(56), "bea", "2", "1", "") }, "#2 merged", "", nil},
		{"a note to a merged one goes where it is now", func() ([]incident.Change, error) { return b.Note(at(57), "bea", "2", "again") }, "#1 noted", "again", nil},
		{"an owner of a merged one", func() ([]incident.Change, error) { return b.Assign(at(57), "bea", "2", "carl") }, "", "was merged into #1", incident.ErrStatus},
	}
	for _, s := range steps {
		before := text(b.All())
		changes, err := s.do()
		if !errors.Is(err, s.err) || (err != nil) != (s.err != nil) {
			t.Errorf("%s: %v", s.name, err)
		}
		said := texts(changes)
		if err != nil {
			said = err.Error()
		}
		first := ""
		if list := kinds(changes); len(list) > 0 {
			first = list[0]
		}
		if first != s.want || !strings.Contains(said, s.says) {
			t.Errorf("%s: %q, said %q", s.name, first, said)
		}
		if s.want == "" && text(b.All()) != before {
			t.Errorf("%s: something changed", s.name)
		}
	}
	in, _ := b.Find("1")
	if len(in.Notes) != 3 || in.Notes[0].Text != "called Anna" || in.Notes[0].By != "bea" || !slices.Equal(in.Absorbed, []string{b.All()[1].ID}) {
		t.Errorf("got %s", text(in))
	}
}

// What a closing teaches, and how long evidence is held.
func TestLessonsAndHolds(t *testing.T) {
	for as, want := range map[incident.ClosedAs]incident.LessonKind{
		incident.WasAttack: incident.Abnormal, incident.WasFault: incident.Abnormal, incident.WasBenign: incident.Fine, incident.WasFalseAlarm: incident.Fine,
	} {
		b := incident.NewBook(incident.Options{}, nil, 0)
		b.Apply(at(10), told(guessing(0, 10, true, "192.0.2.1")))
		in, _ := b.Find("1")
		if in.Lesson() != nil {
			t.Error("an open incident teaches")
		}
		if got := b.Holds(at(15)); len(got) != 1 || !got[0].From.Equal(at(-60)) || !got[0].To.Equal(at(15)) || !got[0].Until.IsZero() {
			t.Errorf("held while it is open: %+v", got)
		}
		if _, err := b.Close(at(20), "bea", "1", as, "x"); err != nil {
			t.Fatal(err)
		}
		in, _ = b.Find("1")
		if l := in.Lesson(); l.Kind != want || !l.From.Equal(at(0)) || !l.Until.Equal(at(10)) || !l.At.Equal(at(20)) || l.By != "bea" {
			t.Errorf("%s teaches %+v", as, l)
		}
		if got := b.Holds(at(20)); len(got) != 1 || !got[0].Until.Equal(at(20+hours(24*30))) {
			t.Errorf("held after it: %+v", got)
		}
		if got := b.Holds(at(20 + hours(24*30))); len(got) != 0 {
			t.Errorf("held for ever: %+v", got)
		}
	}
	b := incident.NewBook(incident.Options{HoldFor: -1, LapseAfter: time.Hour}, nil, 0)
	b.Apply(at(10), told(storm(0, 10, false, "iOS")))
	b.Tick(at(80))
	b.Tick(at(200))
	if in, _ := b.Find("1"); in.Status != incident.Closed || in.Lesson() != nil || len(b.Holds(at(200))) != 0 {
		t.Errorf("lapsed: %s", text(in))
	}
}

// What an attacker sends does not make incidents large without bound.
func TestBounds(t *testing.T) {
	b := incident.NewBook(incident.Options{}, nil, 0)
	for i := range 60 {
		var sources []string
		for k := range 1000 {
			sources = append(sources, fmt.Sprintf("2001:db8:%x:%x::/64", i, k))
		}
		// The account keeps it the same, while the addresses change.
		b.Apply(at(hours(30)+10*i), told(with(guessing(10*i, 10*i+9, true, sources...), func(x *verdict.Incident) { x.Compromised = []string{"anna"} })))
	}
	if got := states(b); !slices.Equal(got, []string{"#1 open"}) {
		t.Fatalf("got %v", got)
	}
	in, _ := b.Find("1")
	if len(in.Sources) > 10_000 || len(in.Parts) > 32 {
		t.Errorf("%d sources, %d parts", len(in.Sources), len(in.Parts))
	}
}

// Closed incidents are forgotten once nothing that comes can be of them.
func TestForget(t *testing.T) {
	b := incident.NewBook(incident.Options{}, nil, 0)
	b.Apply(at(10), told(guessing(0, 10, false, "192.0.2.1")))
	if _, err := b.Close(at(100), "bea", "1", incident.WasAttack, "x"); err != nil {
		t.Fatal(err)
	}
	b.Apply(at(hours(24*179)), told())
	if got := states(b); !slices.Equal(got, []string{"#1 closed"}) {
		t.Errorf("got %v", got)
	}
	b.Apply(at(hours(24*181)), told())
	if got := states(b); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	b.Apply(at(hours(24*182)), told(storm(hours(24*182)-10, hours(24*182), true, "iOS")))
	if got := states(b); !slices.Equal(got, []string{"#2 open"}) {
		t.Errorf("the number was given again: %v", got)
	}
}
