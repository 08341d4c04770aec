package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"mailvigil/internal/api"
	"mailvigil/internal/archive"
	"mailvigil/internal/config"
	"mailvigil/internal/health"
	"mailvigil/maillog"
	"mailvigil/simulate"
)

// worldLine is a line of a simulated organisation, with the time at which it is
// written: its own, that of the line before where it states none.
type worldLine struct {
	at   time.Time
	file string
	text []byte // with its newline
}

// worldLog is what happens in a simulated organisation.
type worldLog struct {
	truth simulate.Truth
	lines []worldLine
}

func brussels(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

var worldLogs struct {
	sync.Mutex
	all map[string]*worldLog
}

// worldOf is a small organisation in a fortnight, made once for all tests.
func worldOf(t testing.TB, s simulate.Scenario, accounts int) *worldLog {
	t.Helper()
	worldLogs.Lock()
	defer worldLogs.Unlock()
	key := fmt.Sprint(s, accounts)
	if l := worldLogs.all[key]; l != nil {
		return l
	}
	loc := brussels(t)
	w, err := simulate.New(simulate.Options{
		Seed: 4, Accounts: accounts, Days: 14, Location: loc, Scenario: s, Start: time.Date(2025, time.September, 8, 0, 0, 0, 0, loc),
	})
	if err != nil {
		t.Fatal(err)
	}
	var files []*worldFile
	err = w.Write(func(name string) (io.WriteCloser, error) {
		files = append(files, &worldFile{name: name})
		return files[len(files)-1], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	l := &worldLog{truth: w.Truth()}
	parsers := make(map[string]*maillog.Parser)
	at := make(map[string]time.Time)
	for _, f := range files {
		log := f.name[:strings.LastIndex(f.name, "-")]
		p := parsers[log]
		if p == nil {
			i := slices.IndexFunc(simulate.Sources(), func(s simulate.Source) bool { return s.String() == log })
			p = maillog.NewParser(maillog.Options{Format: simulate.Sources()[i].Format(), Location: loc, Reference: w.Truth().End})
			parsers[log] = p
		}
		var e maillog.Event
		for line := range bytes.Lines(f.Bytes()) {
			if p.Parse(bytes.TrimSuffix(line, []byte("\n")), &e).Kind == maillog.Parsed {
				if t := time.Unix(0, e.Time); t.After(at[log]) {
					at[log] = t
				}
			}
			l.lines = append(l.lines, worldLine{at[log], log, line})
		}
	}
	slices.SortStableFunc(l.lines, func(a, b worldLine) int { return a.at.Compare(b.at) })
	if worldLogs.all == nil {
		worldLogs.all = make(map[string]*worldLog)
	}
	worldLogs.all[key] = l
	return l
}

type worldFile struct {
	name string
	bytes.Buffer
}

func (*worldFile) Close() error { return nil }

// handWaker wakes a follower by hand, and says when it has nothing left to read.
type handWaker struct {
	look bool
	idle func()
}

func (*handWaker) Watch(string) error { return nil }
func (*handWaker) Close() error       { return nil }

func (w *handWaker) C() <-chan struct{} {
	w.idle()
	return nil
}

func (w *handWaker) Take() ([]string, bool) {
	look := w.look
	w.look = false
	return nil, look
}

// organisation is a watch over a simulated organisation, whose clock the test
// moves. Nothing happens by itself.
type organisation struct {
	t       testing.TB
	dir     string
	config  string // YAML
	lines   []worldLine
	written int64 // lines that are in the logs
	clock   time.Time
	passed  time.Duration
	hold    func(*worldLine) bool // lines that are not written; nil for none
	waker   *handWaker
	told    *strings.Builder // what the watch says of itself

	w      *watching
	m      moments
	client *api.Client
}

// organise starts a watch at a time of a world, whose past is in its logs. It
// has not read any of it.
func organise(t testing.TB, l *worldLog, from time.Time, yaml string) *organisation {
	t.Helper()
	// Sockets have short names; t.TempDir has a long one.
	dir, err := os.MkdirTemp("", "mv")
	if err != nil {
		t.Fatal(err)
	}
	o := &organisation{t: t, dir: dir, config: yaml, lines: l.lines, clock: from, told: new(strings.Builder)}
	t.Cleanup(func() {
		if o.w != nil {
			o.stop()
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the watch said:\n%s", o.told)
		}
	})
	o.write()
	o.start()
	return o
}

func (o *organisation) logs() string   { return filepath.Join(o.dir, "logs") }
func (o *organisation) data() string   { return filepath.Join(o.dir, "data") }
func (o *organisation) socket() string { return filepath.Join(o.dir, "s") }
func (o *organisation) file() string   { return filepath.Join(o.dir, "mailvigil.yaml") }

// write appends what has happened up to now to the logs.
func (o *organisation) write() {
	o.t.Helper()
	out := make(map[string]*bytes.Buffer)
	n := 0
	for ; n < len(o.lines) && o.lines[n].at.Before(o.clock); n++ {
		l := &o.lines[n]
		if o.hold != nil && o.hold(l) {
			continue
		}
		if out[l.file] == nil {
			out[l.file] = new(bytes.Buffer)
		}
		out[l.file].Write(l.text)
		o.written++
	}
	o.lines = o.lines[n:]
	for name, b := range out {
		o.append(name, b.Bytes())
	}
}

// append appends to a log.
func (o *organisation) append(name string, text []byte) {
	o.t.Helper()
	path := filepath.Join(o.logs(), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		o.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.Write(text)
		// Lines that state no year have that of their file.
		err = errors.Join(err, f.Close(), os.Chtimes(path, o.clock, o.clock))
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// open opens the watch, and returns what it says if it does not start.
func (o *organisation) open() error {
	o.t.Helper()
	if err := os.WriteFile(o.file(), []byte(o.config), 0o600); err != nil {
		o.t.Fatal(err)
	}
	cfg, err := config.Load(o.file())
	if err != nil {
		o.t.Fatal(err)
	}
	if err := os.MkdirAll(o.logs(), 0o755); err != nil {
		o.t.Fatal(err)
	}
	o.waker = &handWaker{idle: func() {}}
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: o.told, now: func() time.Time { return o.clock }}
	w, err := a.newWatch(o.t.Context(), watchOptions{
		paths: []string{o.logs()}, data: o.data(), file: o.file(), config: cfg, zone: brussels(o.t),
		waker: o.waker, elapsed: func() time.Duration { return o.passed },
	})
	if err != nil {
		return err
	}
	if err := w.listen(o.t.Context(), o.socket()); err != nil {
		return errors.Join(err, w.close())
	}
	o.w, o.m, o.client = w, moments{}, api.NewClient(o.socket())
	return nil
}

func (o *organisation) start() {
	o.t.Helper()
	if err := o.open(); err != nil {
		o.t.Fatal(err)
	}
}

// stop ends the watch as a signal does: what was taken is written.
func (o *organisation) stop() {
	o.t.Helper()
	err := o.w.publish(context.Background())
	if err = errors.Join(err, o.w.close()); err != nil {
		o.t.Error(err)
	}
	o.w = nil
}

// crash ends the watch as a kill does: what was not written is lost.
func (o *organisation) crash() {
	o.t.Helper()
	if err := o.w.close(); err != nil {
		o.t.Error(err)
	}
	o.w = nil
}

// take takes all that is in the logs.
func (o *organisation) take() {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	idle := false
	o.waker.look = true
	o.waker.idle = func() { idle = true; cancel() }
	for !idle {
		// What the goroutine that writes ahead does.
		for o.w.store.Held() >= aheadAt {
			if err := o.w.store.WriteAhead(); err != nil {
				o.t.Fatal(err)
			}
		}
		if err := o.w.followOne(ctx); err != nil && !idle {
			o.t.Fatal(err)
		}
	}
}

// step lets the watch do what is due.
func (o *organisation) step() { o.w.step(o.t.Context(), &o.m) }

// pass lets time pass, and the watch see what happens in it.
func (o *organisation) pass(d time.Duration) {
	o.t.Helper()
	o.clock, o.passed = o.clock.Add(d), o.passed+d
	o.write()
	o.take()
	o.step()
}

// until passes time in steps until a time.
func (o *organisation) until(end time.Time, by time.Duration, each func()) {
	o.t.Helper()
	for o.clock.Before(end) {
		o.pass(min(by, end.Sub(o.clock)))
		if each != nil {
			each()
		}
	}
}

// begin has the watch read the past.
func (o *organisation) begin() {
	o.t.Helper()
	o.take()
	o.pass(5 * time.Second)
	if !o.w.began {
		o.t.Fatal("the logs were read, and the watch does not think so")
	}
}

func (o *organisation) status() *api.Status {
	o.t.Helper()
	s, err := o.client.Status(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}

// incidents are all that there ever were, the oldest first.
func (o *organisation) incidents() []api.Summary {
	o.t.Helper()
	p, err := o.client.Incidents(o.t.Context(), api.Query{Limit: 100})
	if err != nil {
		o.t.Fatal(err)
	}
	slices.Reverse(p.Incidents)
	return p.Incidents
}

func (o *organisation) incident(number int64) *api.Incident {
	o.t.Helper()
	in, err := o.client.Incident(o.t.Context(), number)
	if err != nil {
		o.t.Fatal(err)
	}
	return in
}

// told are the changes of an incident.
func changesOf(in *api.Incident) (kinds []string) {
	for _, e := range in.History {
		kinds = append(kinds, e.What)
	}
	return kinds
}

// archived counts the lines of the archive by their text.
func (o *organisation) archived() map[string]int {
	o.t.Helper()
	recorded, err := o.w.state.Segments(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	var list []archive.Segment
	for _, s := range recorded {
		list = append(list, segmentOf(s))
	}
	out := make(map[string]int)
	problems, err := archive.Select(o.t.Context(), o.w.store.Folder(), list, archive.Wanted{Raw: true, NoEvent: true}, func(_ *maillog.Event, g archive.Origin) error {
		out[fmt.Sprintf("%s:%d %s", g.File, g.Offset, g.Raw)]++
		return nil
	})
	for _, p := range problems {
		err = errors.Join(err, p)
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return out
}

// whole demands that each line of the logs is in the archive, once.
func (o *organisation) whole() {
	o.t.Helper()
	n := int64(0)
	for line, times := range o.archived() {
		if times != 1 {
			o.t.Errorf("archived %d times: %s", times, line)
		}
		n += int64(times)
	}
	if n != o.written {
		o.t.Errorf("%d lines are archived, %d were written", n, o.written)
	}
}

// answers gives the watch a probe's answer.
func (o *organisation) answers(probe, service string, kind health.Kind, text string) {
	o.w.answered(o.t.Context(), health.Result{Probe: probe, Service: service, Time: o.clock, Duration: 20 * time.Millisecond, Kind: kind, Text: text})
}
