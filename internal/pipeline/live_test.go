package pipeline_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/intake"
	"mailvigil/internal/pipeline"
	"mailvigil/maillog"
	"mailvigil/simulate"
	"mailvigil/verdict"
)

// logLine is a line with the time at which it came.
type logLine struct {
	at     int64
	source int
	line   intake.Line
}

// timeline reads the lines of a set in the order in which they came: that of
// their times, those without one after the line before.
func timeline(t testing.TB, set *intake.Set) []logLine {
	t.Helper()
	var out []logLine
	for i, f := range set.Files {
		p := maillog.NewParser(maillog.Options{Format: f.Format, Location: brussels(t), Reference: f.Reference})
		var ev maillog.Event
		at := int64(0)
		_, err := f.Read(context.Background(), nil, func(l intake.Line) error {
			if p.Parse(l.Bytes, &ev).Kind == maillog.Parsed {
				at = max(at, ev.Time)
			}
			l.Bytes = bytes.Clone(l.Bytes)
			out = append(out, logLine{at, i, l})
			return nil
		})
		if problem := (*intake.Problem)(nil); err != nil && !errors.As(err, &problem) {
			t.Fatal(err)
		}
	}
	slices.SortStableFunc(out, func(a, b logLine) int { return int(min(1, max(-1, a.at-b.at))) })
	return out
}

// memory is an archive in memory.
type memory struct {
	events []archived
	lines  map[pipeline.Origin]string
	reads  int
}

type archived struct {
	event  *maillog.Event
	origin pipeline.Origin
}

func (m *memory) Events(_ context.Context, from, to time.Time, fn func(*maillog.Event, pipeline.Origin) error) error {
	m.reads++
	for _, a := range m.events {
		if a.event.Time >= from.UnixNano() && a.event.Time < to.UnixNano() {
			if err := fn(a.event, a.origin); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Lines(_ context.Context, wanted map[pipeline.Origin]pipeline.Span) (map[pipeline.Origin]string, error) {
	out := make(map[pipeline.Origin]string)
	for o := range wanted {
		if text, ok := m.lines[o]; ok {
			out[o] = text
		}
	}
	return out, nil
}

// watched is a Live that is fed with the lines of a set as they came.
type watched struct {
	*pipeline.Live
	t      testing.TB
	set    *intake.Set
	memory *memory
}

func watch(t testing.TB, set *intake.Set, o pipeline.Options) *watched {
	t.Helper()
	o.Location = brussels(t)
	cfg, found, err := pipeline.Survey(context.Background(), set, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Enrich = cfg
	m := &memory{lines: make(map[pipeline.Origin]string)}
	w := &watched{pipeline.NewLive(o, found, m, nil), t, set, m}
	for _, f := range set.Files {
		w.Begin(f.Source, f.Format, f.Reference)
	}
	return w
}

// take feeds a line.
func (w *watched) take(l logLine) {
	f := w.set.Files[l.source]
	rec, _ := w.Line(f.Source, 7, f.Name, l.line)
	o := pipeline.Origin{Source: f.Source, Log: 7, File: f.Name, Line: l.line.Number, Offset: l.line.Offset}
	w.memory.lines[o] = string(l.line.Bytes)
	if rec != nil {
		w.memory.events = append(w.memory.events, archived{cloned(rec.Event), o})
	}
}

// cloned is an event that outlives its line.
func cloned(e *maillog.Event) *maillog.Event {
	c := *e
	for _, field := range []*[]byte{&c.Account, &c.UserAgent, &c.Device, &c.DeviceType, &c.Session, &c.Mechanism, &c.URL, &c.Hostname} {
		*field = bytes.Clone(*field)
	}
	return &c
}

func (w *watched) look() *verdict.Verdict {
	w.t.Helper()
	v, err := w.Look(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// comparable is what two runs over the same events must agree on: all but how
// the files were read, and which of many lines are cited.
func comparable(t testing.TB, v *verdict.Verdict) string {
	t.Helper()
	c := *v
	c.Incidents, c.Findings, c.Infected = slices.Clone(v.Incidents), slices.Clone(v.Findings), slices.Clone(v.Infected)
	for i := range c.Incidents {
		c.Incidents[i].Evidence = nil
		c.Incidents[i].Extent = slices.Clone(c.Incidents[i].Extent)
		for k := range c.Incidents[i].Extent {
			c.Incidents[i].Extent[k].Evidence = nil
		}
	}
	for i := range c.Findings {
		c.Findings[i].Evidence = nil
	}
	for i := range c.Infected {
		c.Infected[i].Evidence = nil
	}
	c.Coverage, c.Manifest, c.Sensitivity = verdict.Coverage{}, nil, nil
	b, err := json.MarshalIndent(&c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A watch says of a night what Investigate says of its files.
func TestLiveIsInvestigate(t *testing.T) {
	for _, s := range []simulate.Scenario{simulate.Spray, simulate.Quiet, simulate.PhoneStorm, simulate.Outage} {
		if testing.Short() && s != simulate.Spray {
			break
		}
		t.Run(string(s), func(t *testing.T) {
			w := world(t, s, 4, 120, 14)
			dir := t.TempDir()
			write(t, w, dir)
			set := discover(t, dir)
			live := watch(t, set, pipeline.Options{})
			end := w.Truth().Start.AddDate(0, 0, 13)
			if list := w.Truth().Incidents; len(list) > 0 {
				end = list[0].Onset.Truncate(time.Minute).Add(5 * time.Hour)
			}
			for _, l := range timeline(t, set) {
				if l.at < end.UnixNano() {
					live.take(l)
				}
			}
			if !live.Close(end) {
				t.Fatal("nothing was counted")
			}
			// An archive keeps each day and service apart.
			slices.SortStableFunc(live.memory.events, func(a, b archived) int {
				return cmp.Or(cmp.Compare(a.event.Time/86400e9, b.event.Time/86400e9), cmp.Compare(a.event.Service, b.event.Service))
			})
			got := live.look()
			want, err := pipeline.Investigate(context.Background(), set, pipeline.Options{Location: brussels(t), Workers: 1, Since: end.Add(-3 * 24 * time.Hour), Until: end})
			if err != nil {
				t.Fatal(err)
			}
			a, b := strings.Split(comparable(t, got), "\n"), strings.Split(comparable(t, want), "\n")
			for i := range a {
				if i >= len(b) || a[i] != b[i] {
					t.Fatalf("line %d differs:\nwatch:       %s\ninvestigate: %s\n%s\n%s", i, strings.Join(a[i:min(len(a), i+3)], " "), strings.Join(b[i:min(len(b), i+3)], " "), summary(got), summary(want))
				}
			}
			if len(a) != len(b) {
				t.Errorf("investigate says more: %s", b[len(a)])
			}
			for _, in := range got.Incidents {
				for _, e := range in.Evidence {
					if e.Text == "" || e.SHA256 == "" || e.Line == 0 {
						t.Errorf("%s cites %+v", in.Name, e)
					}
				}
			}
		})
	}
}

// Minute by minute, an attack is told soon after it began, a quiet minute reads
// nothing again, and what was told does not change for no reason.
func TestLiveMinutes(t *testing.T) {
	if testing.Short() {
		t.Skip("judges a fortnight a hundred times")
	}
	w := world(t, simulate.Spray, 4, 120, 14)
	dir := t.TempDir()
	write(t, w, dir)
	set := discover(t, dir)
	live := watch(t, set, pipeline.Options{})
	onset := w.Truth().Incidents[0].Onset
	minute := onset.Add(-30 * time.Minute).Truncate(time.Minute)
	var told time.Time
	quiet, anew := 0, 0
	for _, l := range timeline(t, set) {
		for ; l.at >= minute.UnixNano() && minute.Before(onset.Add(90*time.Minute)); minute = minute.Add(time.Minute) {
			if !live.Close(minute) {
				t.Fatal("a minute without a slot to close")
			}
			before := live.memory.reads
			v := live.look()
			switch {
			case v == nil:
				quiet++
				if live.memory.reads != before {
					t.Error("the archive was read though nothing had changed")
				}
			default:
				anew++
				if v.Verdict == verdict.Attack && told.IsZero() {
					told = minute
				}
				if v.Verdict == verdict.Attack && minute.Before(onset) {
					t.Errorf("an attack was told at %s, before it began: %s", minute, summary(v))
				}
			}
		}
		if !minute.Before(onset.Add(90 * time.Minute)) {
			break
		}
		live.take(l)
	}
	if told.IsZero() {
		t.Fatalf("no attack was told; the last verdict: %s", summary(live.Verdict()))
	}
	if quiet < anew {
		t.Errorf("%d minutes were looked at anew, %d not", anew, quiet)
	}
	t.Logf("told %s after the onset; %d minutes looked at anew, %d not", told.Sub(onset), anew, quiet)
}

// What the archive holds teaches a watch that was started again.
func TestLiveLearnsFromTheArchive(t *testing.T) {
	if testing.Short() {
		t.Skip("judges a fortnight twice")
	}
	w := world(t, simulate.Spray, 4, 120, 14)
	dir := t.TempDir()
	write(t, w, dir)
	set := discover(t, dir)
	first := watch(t, set, pipeline.Options{})
	end := w.Truth().Incidents[0].Onset.Truncate(time.Minute).Add(5 * time.Hour)
	middle := end.Add(-time.Hour)
	second := watch(t, set, pipeline.Options{})
	second.memory.lines = first.memory.lines
	started := false
	for _, l := range timeline(t, set) {
		if l.at >= end.UnixNano() {
			break
		}
		if l.at >= middle.UnixNano() && !started {
			started = true
			second.memory.events = slices.Clone(first.memory.events)
			if err := second.Learn(context.Background(), middle); err != nil {
				t.Fatal(err)
			}
		}
		first.take(l)
		if started {
			second.take(l)
		}
	}
	first.Close(end)
	second.Close(end)
	if a, b := summary(first.look()), summary(second.look()); a != b {
		t.Errorf("before: %s\nafter a start: %s", a, b)
	}
}

// Counting anew from the archive beside the watch changes nothing of what is
// told, and later lines join what earlier ones said.
func TestLiveRenewed(t *testing.T) {
	if testing.Short() {
		t.Skip("judges a fortnight four times")
	}
	w := world(t, simulate.Spray, 4, 120, 14)
	dir := t.TempDir()
	write(t, w, dir)
	set := discover(t, dir)
	live := watch(t, set, pipeline.Options{})
	end := w.Truth().Incidents[0].Onset.Truncate(time.Minute).Add(5 * time.Hour)
	middle := end.Add(-2 * time.Hour)
	renewed := false
	other := watch(t, set, pipeline.Options{})
	for _, l := range timeline(t, set) {
		if l.at >= end.UnixNano() {
			break
		}
		if l.at >= middle.UnixNano() && !renewed {
			renewed = true
			live.Close(middle)
			live.look()
			next := watch(t, set, pipeline.Options{})
			next.memory.events, next.memory.lines = live.memory.events, live.memory.lines
			if err := next.Learn(context.Background(), middle); err != nil {
				t.Fatal(err)
			}
			next.Adopt(live.Live)
			next.Live.Close(middle)
			if v := next.look(); v != nil {
				t.Errorf("it was looked at anew though nothing had changed: %s", summary(v))
			}
			live = next
		}
		live.take(l)
		other.take(l)
	}
	live.Close(end)
	other.Close(end)
	if a, b := summary(live.look()), summary(other.look()); a != b {
		t.Errorf("counted anew: %s\nin one go: %s", a, b)
	}
}
