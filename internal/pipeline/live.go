package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"mailvigil/abuse"
	"mailvigil/anomaly"
	"mailvigil/baseline"
	"mailvigil/internal/enrich"
	"mailvigil/internal/intake"
	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// Origin says where an archived line was read.
type Origin struct {
	Source string // the log, over its rotations
	Log    int64  // tells the files of a source apart that bear the same name one after the other
	File   string // as it was called when it was read
	Line   int64  // from 1
	Offset int64  // in the decompressed stream
}

// Span is a time, both ends included.
type Span struct{ First, Last time.Time }

// Archive is what a watch reads again in place of files. It holds every line
// that Live was given, once a look begins.
type Archive interface {
	// Events calls fn for the events of a time, from included, to not, until fn
	// returns an error, which it returns as it is. They come log by log in the
	// order in which they were read, or nearly so. An Event is valid until fn
	// returns.
	Events(ctx context.Context, from, to time.Time, fn func(*maillog.Event, Origin) error) error
	// Lines gives the raw lines of some origins, each with a time in which its
	// event was; what is not there is left out.
	Lines(ctx context.Context, wanted map[Origin]Span) (map[Origin]string, error)
}

// Live is the path of events as they come. It counts as the first pass of
// Investigate does; a look judges what was counted so far exactly as
// Investigate would judge files that end now. It is not safe for concurrent
// use.
type Live struct {
	opt     Options
	archive Archive
	ignore  map[string]bool // accounts that are not counted
	found   []string        // what the survey found, for people

	enricher *enrich.Enricher
	worker   *enrich.Worker
	sources  map[string]*logSource
	origins  map[fileOf]int32
	files    []*intake.File // one for each of origins
	logs     []int64        // what tells them apart, likewise
	tallies  []tally
	places   []map[int64]*times // of the events of each file, by blockLines of its lines
	counting *counting
	cells    *traffic.Cells
	last     int64 // the latest time of an event

	event  maillog.Event
	record traffic.Record

	problems []intake.Problem
	before   judged
	scanned  *run // of the last look, with its series; nil before it
}

// logSource is a log that is being read.
type logSource struct {
	parser *maillog.Parser
	format maillog.Format
	last   int64 // the time of its last event, Unix nanoseconds
}

// fileOf is a file of a log.
type fileOf struct {
	source string
	log    int64
	file   string
}

// times are those of some events, Unix nanoseconds.
type times struct{ first, last int64 }

// judged is what the last look saw, so that the next one knows whether there
// is anything new.
type judged struct {
	at      traffic.Slot
	whole   traffic.Slot // when everything was last looked at anew
	outline string
	strange string
	verdict *verdict.Verdict
}

// keepDays is how much of the past is counted: what the profiles of a week and
// the days of sources remember.
const keepDays = 60

// lookBack is how far back a look tells what happened: what was over before
// then is known to whoever keeps the incidents.
const lookBack = 3 * 24 * time.Hour

// lookAnew is after how long all is looked at again although it seems unchanged.
const lookAnew = 15

// NewLive returns a Live. The options are those of Investigate, after a Survey
// of what there is; Since and Until have no effect. Events of the accounts to
// ignore, such as those of probes, are not counted.
func NewLive(o Options, found []string, archive Archive, ignore []string) *Live {
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.AlarmsPerMonth <= 0 {
		o.AlarmsPerMonth = 1
	}
	o.Workers = max(o.Workers, 1)
	l := &Live{
		opt: o, archive: archive, found: found, ignore: make(map[string]bool),
		enricher: enrich.New(o.Enrich),
		sources:  make(map[string]*logSource), origins: make(map[fileOf]int32),
		counting: newCounting(), cells: new(traffic.Cells),
	}
	l.worker = l.enricher.Worker()
	l.record.Event = &l.event
	l.before.at = math.MinInt64 / 2
	l.Ignore(ignore)
	return l
}

// Ignore replaces the accounts that are not counted.
func (l *Live) Ignore(accounts []string) {
	clear(l.ignore)
	for _, a := range accounts {
		l.ignore[l.enricher.Account([]byte(a))] = true
	}
}

// Calendar replaces the days off; nil is Monday to Friday.
func (l *Live) Calendar(c baseline.Calendar) {
	l.opt.Calendar = c
	l.before.whole = math.MinInt64 / 2
}

// Know replaces what people said of times.
func (l *Live) Know(feedback []anomaly.Feedback, announced []Announcement) {
	l.opt.Feedback, l.opt.Announced = feedback, announced
	l.before.whole = math.MinInt64 / 2
}

// Alarms sets how many false alarms a month are accepted.
func (l *Live) Alarms(perMonth float64) {
	l.opt.AlarmsPerMonth = perMonth
	l.before.whole = math.MinInt64 / 2
}

// Problems replaces what could not be read, as intake says it.
func (l *Live) Problems(list []intake.Problem) { l.problems = list }

// Begin says that a log is read from its file's beginning on, or, where the
// lines before were given to Warm, from behind them. Where nobody knows the
// format, each line tells its own.
func (l *Live) Begin(source string, f maillog.Format, reference time.Time) {
	s := l.sources[source]
	if s == nil {
		s = &logSource{format: f, parser: maillog.NewParser(maillog.Options{Format: f, Mixed: f == maillog.FormatNone, Location: l.opt.Location, Reference: reference})}
		l.sources[source] = s
		return
	}
	s.format = f
	s.parser.NextFile(reference, f)
}

// Warm reads a line that was counted before, for the sessions and queue ids
// that later ones refer to.
func (l *Live) Warm(source string, line []byte) {
	if s := l.sources[source]; s != nil {
		s.parser.Parse(line, &l.event)
	}
}

// Line reads a line of a log that was begun and counts its event. The Record is
// nil where the line states none; it is valid until the next call.
func (l *Live) Line(source string, log int64, file string, line intake.Line) (*traffic.Record, maillog.Result) {
	s := l.sources[source]
	if s == nil {
		return nil, maillog.Result{Kind: maillog.Rejected, Why: "of a log that was not begun"}
	}
	i := l.origin(fileOf{source, log, file}, s.format)
	t := &l.tallies[i]
	t.read.Lines++
	t.read.Bytes += int64(len(line.Bytes)) + 1
	if line.Overlong {
		res := maillog.Result{Kind: maillog.Rejected, Why: fmt.Sprintf("longer than %d bytes", len(line.Bytes))}
		t.reject(line, res.Why)
		return nil, res
	}
	res := s.parser.Parse(line.Bytes, &l.event)
	switch res.Kind {
	case maillog.Ignored:
		t.ignored++
		return nil, res
	case maillog.Rejected:
		t.reject(line, res.Why)
		return nil, res
	}
	l.record.Ref = traffic.Ref{File: i, Line: line.Number, Offset: line.Offset}
	s.last = l.event.Time
	l.count(t, &l.event)
	return &l.record, res
}

// count counts an event whose place in the logs the record names.
func (l *Live) count(t *tally, e *maillog.Event) {
	t.parsed++
	t.first, t.last = min(t.first, e.Time), max(t.last, e.Time)
	l.last = max(l.last, e.Time)
	places, block := l.places[l.record.Ref.File], l.record.Ref.Line/blockLines
	if p := places[block]; p == nil {
		places[block] = &times{e.Time, e.Time}
	} else {
		p.first, p.last = min(p.first, e.Time), max(p.last, e.Time)
	}
	l.record.Event = e
	l.worker.Enrich(e, &l.record)
	if len(l.ignore) > 0 && l.ignore[l.record.Account] {
		return
	}
	l.counting.visit(&l.record)
}

// origin numbers the files of logs, for the references to lines.
func (l *Live) origin(k fileOf, f maillog.Format) int32 {
	i, ok := l.origins[k]
	if !ok {
		i = int32(len(l.files))
		l.origins[k] = i
		l.files = append(l.files, &intake.File{Path: k.file, Name: k.file, Source: k.source, Format: f, Compression: "plain"})
		l.logs, l.places = append(l.logs, k.log), append(l.places, make(map[int64]*times))
		l.tallies = append(l.tallies, tally{first: math.MaxInt64, last: math.MinInt64, done: true})
	}
	return i
}

// Learn counts what the archive holds, up to a time, so that a watch that was
// started again knows what is normal.
func (l *Live) Learn(ctx context.Context, now time.Time) error {
	err := l.archive.Events(ctx, now.AddDate(0, 0, -keepDays), now.Add(time.Hour), func(e *maillog.Event, o Origin) error {
		i := l.origin(fileOf{o.Source, o.Log, o.File}, e.Format)
		l.tallies[i].read.Lines++
		l.record.Ref = traffic.Ref{File: i, Line: o.Line, Offset: o.Offset}
		l.count(&l.tallies[i], e)
		return nil
	})
	l.record.Event = &l.event
	return err
}

// Close ends the slots before a time: what comes later of them is counted, but
// no longer waited for. It reports whether there is a slot that was not closed
// before.
func (l *Live) Close(now time.Time) bool {
	last := traffic.SlotOf(now.UnixNano()) - 1
	if l.cells.Slots > 0 && last < l.cells.Start+traffic.Slot(l.cells.Slots) {
		return false
	}
	l.counting.settle()
	from, to, ok := span(l.counting.days)
	if !ok {
		return false
	}
	first := int64(math.MaxInt64)
	for i := range l.tallies {
		if f := l.tallies[i].first; f >= from*dayNs {
			first = min(first, f)
		}
	}
	if first == math.MaxInt64 {
		first = from * dayNs
	}
	start := max(traffic.SlotOf(first), last-keepDays*24*60)
	if end := traffic.SlotOf((to + 1) * dayNs); l.cells.Slots == 0 && end < last-keepDays*24*60 {
		return false // the logs ended long ago
	}
	l.cells.Take(l.counting.counter, start, last)
	if old := last - l.cells.Start - keepDays*24*60; old > 24*60 {
		l.cells = l.cells.From(l.cells.Start + old)
	}
	return true
}

// Closed is the end of the last slot that was closed, zero before the first.
func (l *Live) Closed() time.Time {
	if l.cells.Slots == 0 {
		return time.Time{}
	}
	return time.Unix((l.cells.Start + traffic.Slot(l.cells.Slots)).Unix(), 0)
}

// Counted reports whether enough was counted to look.
func (l *Live) Counted() bool { return l.cells.Slots > 0 }

// snapshot is the run that Investigate would have after its first pass.
func (l *Live) snapshot() *run {
	l.counting.settle()
	l.counting.profiles.Settle()
	r := &run{
		set: &intake.Set{Files: l.files, Problems: l.problems}, opt: l.opt, until: math.MaxInt64,
		enricher: l.enricher, found: l.found, cells: l.cells, profiles: l.counting.profiles,
		tallies: slices.Clone(l.tallies), days: l.counting.days, hours: l.counting.hours,
		mix: make(map[maillog.Service]map[maillog.Format]int64),
	}
	r.opt.live = l
	r.opt.Sensitivity = Sensitivity{}
	end := l.cells.Start + traffic.Slot(l.cells.Slots)
	r.since = time.Unix(end.Unix(), 0).Add(-lookBack).UnixNano()
	l.counting.addMix(r.mix)
	r.findGaps()
	return r
}

// Strange says in a word what the profiles alone hold against sign-ins, so that
// a change is seen within a second of its line. It costs no reading.
func (l *Live) Strange() bool {
	if !l.Counted() {
		return false
	}
	r := l.snapshot()
	c := new(verdict.Case)
	r.suspect(c)
	return outlineOf(c.Strange) != l.before.strange
}

// outlineOf names findings, without what changes with every further line.
func outlineOf(list []abuse.Finding) string {
	names := make([]string, 0, len(list))
	for i := range list {
		f := &list[i]
		names = append(names, fmt.Sprint(f.Code, f.Accounts, len(f.Sources), f.First))
	}
	slices.Sort(names)
	return strings.Join(names, "\n")
}

// outline is what the excesses amount to, without what changes with every
// minute: which series, since when, and how much on a scale of quarters.
func outline(xs []*excess) string {
	var b strings.Builder
	for _, x := range xs {
		size := math.Round(4 * math.Log2(1+x.size()))
		going := x.episodes[len(x.episodes)-1].Ongoing
		fmt.Fprintln(&b, x.series.service, x.series.family, x.up, len(x.intervals), size, going)
	}
	return b.String()
}

// Look judges what was counted up to the last slot that was closed. It returns
// nil where nothing has changed since the look before, so that the verdict of
// that one stands. The archive must hold what was counted.
func (l *Live) Look(ctx context.Context) (*verdict.Verdict, error) {
	if !l.Counted() {
		return nil, nil
	}
	r := l.snapshot()
	all := r.scan(nil, nil, interval{})
	if r.series = all; len(all) > 0 {
		l.scanned = r
	}
	strange := new(verdict.Case)
	r.suspect(strange)
	now := judged{
		at:      l.cells.Start + traffic.Slot(l.cells.Slots),
		outline: outline(r.told(all)), strange: outlineOf(strange.Strange),
	}
	now.whole = now.at
	if b := &l.before; b.verdict != nil && now.outline == b.outline && now.strange == b.strange && now.at-b.whole < lookAnew {
		b.at = now.at
		return nil, nil
	}
	found, err := r.weigh(ctx, all)
	if err != nil {
		return nil, err
	}
	v := verdict.Judge(found)
	v.Coverage.CannotTell = append(v.Coverage.CannotTell, unmeasured)
	if err := r.extents(ctx, v); err != nil {
		return nil, err
	}
	v.Charge()
	if err := r.cite(ctx, v); err != nil {
		return nil, err
	}
	now.verdict = v
	l.before = now
	return v, nil
}

// Verdict is that of the last look, nil before the first.
func (l *Live) Verdict() *verdict.Verdict { return l.before.verdict }

// Series is what a service does, against what is normal.
type Series struct {
	Service string // "" for all services together
	Family  string // "traffic", "failures", "errors" or "hosting"
	Plot    *verdict.Plot
}

// Series gives what was watched in the last look, a time of it back from its
// end in steps of whole minutes. It is empty before the first look.
func (l *Live) Series(back, step time.Duration) []Series {
	s := l.scanned
	if s == nil {
		return nil
	}
	end := s.cells.Start + traffic.Slot(len(s.series[0].counts))
	minutes := max(1, traffic.Slot(step/time.Minute))
	from := max(s.cells.Start, end-traffic.Slot(back/time.Minute)/minutes*minutes)
	out := make([]Series, 0, len(s.series))
	for _, x := range s.series {
		name := ""
		if x.service != maillog.ServiceNone {
			name = x.service.String()
		}
		out = append(out, Series{name, string(x.family), s.steps(&excess{series: x}, from, end, minutes)})
	}
	return out
}

// secondArchive is the second pass of a watch: it reads the stretches of time
// that are picked from the archive.
func (r *run) secondArchive(ctx context.Context, v visitor, pick func(first, last int64) bool) error {
	l := r.opt.live
	worker := r.enricher.Worker()
	var rec traffic.Record
	for _, i := range r.picked(pick) {
		from, to := time.Unix(i.from.Unix(), 0), time.Unix(i.to.Unix(), 0)
		err := l.archive.Events(ctx, from, to, func(e *maillog.Event, o Origin) error {
			if !v.wants(e.Time) {
				return nil
			}
			rec.Event = e
			rec.Ref = traffic.Ref{File: l.origin(fileOf{o.Source, o.Log, o.File}, e.Format), Line: o.Line, Offset: o.Offset}
			worker.Enrich(e, &rec)
			if len(l.ignore) == 0 || !l.ignore[rec.Account] {
				v.visit(&rec)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// mergePicked is how far apart two picked times are that are read in one go.
const mergePicked = 60

// picked are the times that hold picked slots.
func (r *run) picked(pick func(first, last int64) bool) []interval {
	var out []interval
	for i := range traffic.Slot(r.cells.Slots) {
		s := r.cells.Start + i
		at := s.Unix() * int64(time.Second)
		if !pick(at, at+int64(time.Minute)-1) {
			continue
		}
		if n := len(out); n > 0 && s-out[n-1].to <= mergePicked {
			out[n-1].to = s + 1
		} else {
			out = append(out, interval{s, s + 1})
		}
	}
	return out
}

// archived gives the lines of references from the archive.
func (r *run) archived(ctx context.Context, refs []traffic.Ref) (map[traffic.Ref]string, error) {
	l := r.opt.live
	wanted, back := make(map[Origin]Span, len(refs)), make(map[Origin]traffic.Ref, len(refs))
	for _, ref := range refs {
		p := l.places[ref.File][ref.Line/blockLines]
		if p == nil {
			continue
		}
		f := l.files[ref.File]
		o := Origin{Source: f.Source, Log: l.logs[ref.File], File: f.Name, Line: ref.Line, Offset: ref.Offset}
		wanted[o], back[o] = Span{time.Unix(0, p.first), time.Unix(0, p.last)}, ref
	}
	lines, err := l.archive.Lines(ctx, wanted)
	out := make(map[traffic.Ref]string, len(lines))
	for o, text := range lines {
		out[back[o]] = text
	}
	return out, err
}

// Said counts the events of a time, from included, to not, as far as it is
// closed, and how many of them the service ended in an error of its own. Usual is
// how many did in as much of the time before.
func (l *Live) Said(from, to time.Time) (events, errors int, usual float64) {
	if !l.Counted() {
		return 0, 0, 0
	}
	first, last := traffic.SlotOf(from.UnixNano())-l.cells.Start, traffic.SlotOf(to.UnixNano())-l.cells.Start
	first, last = max(0, first), min(last, traffic.Slot(l.cells.Slots))
	if first >= last {
		return 0, 0, 0
	}
	sum := func(counts []float64) (n float64) {
		for _, c := range counts {
			n += c
		}
		return n
	}
	events = int(sum(l.cells.Series(func(*traffic.Leaf) bool { return true })[first:last]))
	wrong := l.cells.Series((&series{family: faults}).match)
	errors = int(sum(wrong[first:last]))
	if first > 0 {
		usual = sum(wrong[:first]) * float64(last-first) / float64(first)
	}
	return events, errors, usual
}

// LastOf is the time of the event of a log that came last, zero where none did.
func (l *Live) LastOf(source string) time.Time {
	if s := l.sources[source]; s != nil && s.last != 0 {
		return time.Unix(0, s.last)
	}
	return time.Time{}
}

// Last is the time of the latest event, zero where there was none.
func (l *Live) Last() time.Time {
	if l.last == 0 {
		return time.Time{}
	}
	return time.Unix(0, l.last)
}
