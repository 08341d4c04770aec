package health_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/health"
)

var start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// probes of two services; a and b ask for the same.
var probes = []health.Probe{{Name: "a", Service: "imap", Account: "probe@parl.example"}, {Name: "b", Service: "imap", Account: "probe@parl.example"}, {Name: "c", Service: "webmail", Account: "other@parl.example"}}

func result(minute float64, probe string, kind health.Kind) health.Result {
	r := health.Result{Probe: probe, Service: "imap", Time: start.Add(time.Duration(minute * float64(time.Minute))), Kind: kind}
	if probe == "c" {
		r.Service = "webmail"
	}
	if kind != health.OK {
		r.Text = "the words for " + string(kind)
	}
	return r
}

// play gives one probe's answers, a minute apart, and writes down what they
// change: . right, x refused, t timed out, s slow, - not asked, ! cannot ask.
func play(t *health.Tracker, answers map[string]string) (story []string) {
	longest := 0
	for _, a := range answers {
		longest = max(longest, len(a))
	}
	kinds := map[byte]health.Kind{'.': health.OK, 'x': health.Refused, 't': health.Timeout, 's': health.Slow, '!': health.Setup}
	for minute := range longest {
		for i, name := range []string{"a", "b", "c"} {
			if minute >= len(answers[name]) || answers[name][minute] == '-' {
				continue
			}
			for _, c := range t.Observe(result(float64(minute)+float64(i)/10, name, kinds[answers[name][minute]])) {
				at := int(c.Time.Sub(start).Minutes())
				if c.Outage == nil {
					story = append(story, fmt.Sprintf("%d %s", at, c.Type))
					continue
				}
				lane := ""
				if c.Outage.Slow {
					lane = " slow"
				}
				story = append(story, fmt.Sprintf("%d %s %s%s %s", at, c.Type, c.Outage.Service, lane, strings.Join(c.Outage.Probes, "+")))
			}
		}
	}
	return story
}

func TestRule(t *testing.T) {
	tests := []struct {
		name    string
		answers map[string]string
		want    []string
	}{
		{"all is well", map[string]string{"a": "..........", "b": ".........."}, nil},
		{"a glitch", map[string]string{"a": "..xx......x......x..."}, nil},
		{"three in a row", map[string]string{"a": "..xxx..."}, []string{"4 opened imap a", "6 ended imap a"}},
		{"two probes at a time", map[string]string{"a": "..x...", "b": "..x..."}, []string{"2 opened imap a+b", "4 ended imap a+b"}},
		{"two probes one after the other", map[string]string{"a": "..x.....", "b": "....x..."}, nil},
		{"the second joins", map[string]string{"a": ".xxxxx..", "b": "....xx.."}, []string{"3 opened imap a", "4 updated imap a+b", "7 ended imap a+b"}},
		{"one right answer is no end", map[string]string{"a": ".xxx.x.x.."}, []string{"3 opened imap a", "9 ended imap a"}},
		{"another failure", map[string]string{"a": ".xxxtt.."}, []string{"3 opened imap a", "4 updated imap a", "7 ended imap a"}},
		{"unsteady", map[string]string{"a": ".x..x.x..x.."}, []string{"9 opened imap a", "11 ended imap a"}},
		{"comes and goes", map[string]string{"a": ".xxx..xxx...xxx....xxx........xxx................"}, []string{
			"3 opened imap a", "5 ended imap a", "8 returned imap a", "14 updated imap a", "",
		}},
		{"slow three times", map[string]string{"a": "..sss.."}, []string{"4 opened imap slow a", "6 ended imap slow a"}},
		{"two slow at a time", map[string]string{"a": "..s..", "b": "..s.."}, nil},
		{"slow is an answer", map[string]string{"a": ".xxsxxs"}, []string{"5 opened imap a"}},
		{"cannot ask", map[string]string{"a": "..!!!!!.."}, []string{"2 warned"}},
		{"two services", map[string]string{"a": ".xxx..", "c": ".xxx.."}, []string{"3 opened imap a", "3 opened webmail c", "5 ended imap a", "5 ended webmail c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := play(health.NewTracker(health.Rule{}, nil, probes, health.State{}), tt.answers)
			if tt.name == "comes and goes" {
				opened := 0
				for _, s := range got {
					if strings.Contains(s, "opened") {
						opened++
					}
				}
				if opened != 1 || len(got) > 8 || !strings.Contains(got[len(got)-1], "ended") {
					t.Errorf("%q, want one outage that ends", got)
				}
				return
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestFlapping: a service that comes and goes for hours is one outage.
func TestFlapping(t *testing.T) {
	tracker := health.NewTracker(health.Rule{}, nil, probes, health.State{})
	story := play(tracker, map[string]string{"a": strings.Repeat("xxx..", 60) + strings.Repeat(".", 60)})
	if n := len(tracker.Outages()); n != 1 {
		t.Errorf("%d outages, want 1: %q", n, story)
	}
	if len(story) > 12 {
		t.Errorf("%d changes are told of one outage: %q", len(story), story)
	}
	if o := tracker.Outages()[0]; o.Open() || !o.Onset[1].Equal(start) || o.Returns == 0 {
		t.Errorf("%+v, want one that began first and has ended", o)
	}
}

// TestInterval: onset and end are intervals between two answers.
func TestInterval(t *testing.T) {
	tracker := health.NewTracker(health.Rule{Reconnects: 10 * time.Minute}, time.UTC, probes, health.State{})
	play(tracker, map[string]string{"a": "..xxx"})
	minute := func(m int) time.Time { return start.Add(time.Duration(m) * time.Minute) }
	open := tracker.Outages()[0]
	if open.Onset != [2]time.Time{minute(1), minute(2)} || !open.Open() {
		t.Errorf("onset %v", open.Onset)
	}
	for _, want := range []string{"IMAP refuses connections", "since between 10:01:00 and 10:02:00", "The words for refused."} {
		if !strings.Contains(open.Sentence, want) {
			t.Errorf("%q lacks %q", open.Sentence, want)
		}
	}
	if e := tracker.Expected(); len(e) != 1 || !e[0].Until.Equal(minute(14)) || !e[0].From.Equal(minute(2)) {
		t.Errorf("while it lasts: %+v", e)
	}
	for m := 5; m < 8; m++ {
		tracker.Observe(result(float64(m), "a", health.OK))
	}
	closed := tracker.Outages()[0]
	if closed.End != [2]time.Time{minute(4), minute(5)} {
		t.Errorf("end %v", closed.End)
	}
	for _, want := range []string{"IMAP answers again since 10:05:00", "2 minutes to 4 minutes"} {
		if want == "2 minutes to 4 minutes" {
			want = "out for 2 minutes to 4 minutes"
		}
		if !strings.Contains(closed.Sentence, want) {
			t.Errorf("%q lacks %q", closed.Sentence, want)
		}
	}
	if e := tracker.Expected(); len(e) != 1 || !e[0].Until.Equal(minute(15)) || e[0].Service != "imap" {
		t.Errorf("after it: %+v", e)
	}
}

func TestNothingBefore(t *testing.T) {
	tracker := health.NewTracker(health.Rule{}, nil, probes, health.State{})
	play(tracker, map[string]string{"a": "xxx"})
	if o := tracker.Outages()[0]; !o.Onset[0].IsZero() || !strings.Contains(o.Sentence, "10:00:00 or before") {
		t.Errorf("%q", o.Sentence)
	}
}

// TestRestart: a tracker that is replaced at any moment by one with its state
// tells the same story.
func TestRestart(t *testing.T) {
	answers := map[string]string{"a": "..xxx..xx.x.....sss..", "b": "...xx..........!.....", "c": "x.x.x.x..........."}
	want := play(health.NewTracker(health.Rule{}, nil, probes, health.State{}), answers)
	if len(want) < 6 {
		t.Fatalf("too little happens: %q", want)
	}
	var got []string
	state := health.State{}
	for minute := range 21 {
		step := map[string]string{}
		for name, a := range answers {
			if minute < len(a) {
				step[name] = strings.Repeat("-", minute) + a[minute:minute+1]
			}
		}
		tracker := health.NewTracker(health.Rule{}, nil, probes, state)
		got = append(got, play(tracker, step)...)
		data, err := json.Marshal(tracker.State())
		if err != nil {
			t.Fatal(err)
		}
		state = health.State{}
		if err := json.Unmarshal(data, &state); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestProbeGone: an outage that no probe can end any more has ended.
func TestProbeGone(t *testing.T) {
	tracker := health.NewTracker(health.Rule{}, nil, probes, health.State{})
	play(tracker, map[string]string{"a": "..xxx"})
	next := health.NewTracker(health.Rule{}, nil, probes[2:], tracker.State())
	if o := next.Outages()[0]; o.Open() || !strings.Contains(o.Sentence, "not asked any more") {
		t.Errorf("%+v", o)
	}
	if tracker.Outages()[0].Open() == false {
		t.Error("the state that was handed out is shared")
	}
	if c := next.Observe(result(9, "a", health.Refused)); c != nil {
		t.Errorf("a probe that is no more tells %v", c)
	}
}

func TestCertificateWarnings(t *testing.T) {
	ends := start.Add(30 * 24 * time.Hour)
	tracker := health.NewTracker(health.Rule{}, nil, probes, health.State{})
	var days []int
	for day := range 31 {
		for _, name := range []string{"a", "b"} {
			r := result(float64(day)*24*60+30, name, health.OK)
			r.CertificateEnds = ends
			for _, c := range tracker.Observe(r) {
				if c.Type == health.Warned {
					days = append(days, int(ends.Sub(c.Time).Hours()/24))
				}
			}
		}
	}
	if want := []int{20, 6, 0}; !slices.Equal(days, want) {
		t.Errorf("warned %v days before, want %v", days, want)
	}
}

func TestAccounts(t *testing.T) {
	if got, want := health.Accounts(probes), []string{"probe@parl.example", "other@parl.example"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSources: the probes' addresses are known, and forgotten once they are not
// used.
func TestSources(t *testing.T) {
	tracker := health.NewTracker(health.Rule{}, nil, probes, health.State{})
	for minute, source := range map[float64]string{0: "192.0.2.1", 1: "2001:db8::1", 2: ""} {
		r := result(minute, "a", health.OK)
		r.Source = source
		tracker.Observe(r)
	}
	if got := tracker.Sources(); !slices.Equal(got, []string{"192.0.2.1", "2001:db8::1"}) {
		t.Errorf("%q", got)
	}
	r := result(8*24*60, "a", health.OK)
	r.Source = "192.0.2.9"
	tracker.Observe(r)
	if got := tracker.Sources(); !slices.Equal(got, []string{"192.0.2.9"}) {
		t.Errorf("a week later: %q", got)
	}
}

func BenchmarkObserve(b *testing.B) {
	tracker := health.NewTracker(health.Rule{}, nil, probes, health.State{})
	b.ReportAllocs()
	minute := 0.0
	for b.Loop() {
		minute++
		tracker.Observe(result(minute, "a", health.OK))
	}
}

func TestOthersAreNamed(t *testing.T) {
	tracker := health.NewTracker(health.Rule{}, nil, probes, health.State{})
	play(tracker, map[string]string{"a": ".xxx", "c": ".xxx"})
	last := tracker.Outages()[1]
	if !slices.Equal(last.Others, []string{"imap"}) || !strings.Contains(last.Sentence, "Out at the same time: IMAP") {
		t.Errorf("%q of %q", last.Others, last.Sentence)
	}
}

func TestAssess(t *testing.T) {
	outage := health.Outage{Service: "imap", Onset: [2]time.Time{start, start.Add(time.Minute)}, Sentence: "IMAP is out."}
	slow := health.Outage{Service: "imap", Slow: true, Sentence: "IMAP is slow."}
	attack := health.Incident{Number: 7, Kind: "attack", Text: "Passwords are tried.", Onset: start.Add(-time.Hour), Services: []string{"imap"}}
	later := attack
	later.Onset = start.Add(time.Hour)
	fault := health.Incident{Number: 8, Kind: "fault", Text: "Requests end in errors.", Onset: start}
	tests := []struct {
		name         string
		seen         health.Seen
		told         health.Told
		answer, text string
		missing      int
	}{
		{"nothing", health.Seen{Asked: 10}, health.Told{}, "quiet", "Neither", 0},
		{"an outage alone", health.Seen{Asked: 10, Failed: 3, Outages: []health.Outage{outage}}, health.Told{}, "glitch", "no attack", 0},
		{"slow alone", health.Seen{Asked: 10, Outages: []health.Outage{slow}}, health.Told{}, "glitch", "disturbed", 0},
		{"an attack alone", health.Seen{Asked: 10}, health.Told{Incidents: []health.Incident{attack}}, "attack", "answers as it should", 0},
		{"an attack first", health.Seen{Asked: 10, Failed: 3, Outages: []health.Outage{outage}}, health.Told{Incidents: []health.Incident{attack}}, "both", "may be the cause", 0},
		{"an attack later", health.Seen{Asked: 10, Failed: 3, Outages: []health.Outage{outage}}, health.Told{Incidents: []health.Incident{later}}, "both", "Nothing shows", 0},
		{"a fault of some", health.Seen{Asked: 10}, health.Told{Incidents: []health.Incident{fault}}, "glitch", "some people", 0},
		{"errors", health.Seen{Asked: 10}, health.Told{Errors: 90, Usual: 3}, "glitch", "some people", 0},
		{"silent logs", health.Seen{Asked: 10}, health.Told{Silent: true}, "undetermined", "silent", 1},
		{"silent logs and an outage", health.Seen{Asked: 10, Failed: 3, Outages: []health.Outage{outage}}, health.Told{Silent: true}, "undetermined", "cannot be ruled out", 1},
		{"nobody looked", health.Seen{}, health.Told{Silent: true}, "unseen", "Nobody", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := health.Assess(tt.seen, tt.told)
			if got.Answer != tt.answer || !strings.Contains(got.Text, tt.text) || len(got.Missing) != tt.missing {
				t.Errorf("%+v", got)
			}
		})
	}
}
