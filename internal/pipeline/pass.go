package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"mailvigil/internal/enrich"
	"mailvigil/internal/intake"
	"mailvigil/maillog"
	"mailvigil/traffic"
)

// visitor takes the enriched events of one reader, in the order of its files.
type visitor interface {
	// wants says whether an event of that time is of interest at all, before
	// more is found out about it.
	wants(time int64) bool
	visit(r *traffic.Record)
}

// tally is what the first pass learnt of one unit; of one file, once the units
// are put together.
type tally struct {
	read                      intake.ReadStats
	parsed, ignored, rejected int64
	first, last               int64 // Unix nanoseconds of Events; first > last where there is none
	samples                   []rejected
	back                      int64 // line from which on times lie back, 0: none
	by                        time.Duration
	early                     int64 // the latest time among the first setBackEvents
	err                       error
	done                      bool
	blocks                    []block
}

// block is a run of lines, so that the second pass finds those of a time.
type block struct {
	offset      int64 // of its first line
	line        int64 // the number of its first line in the unit
	first, last int64 // Unix nanoseconds of its Events; first > last where there is none
}

// blockLines is how many lines a block has: few against a window, many against
// what a block takes of memory.
const blockLines = 4096

type rejected struct {
	line, offset    int64
	text, why, hash string
}

// samplesPerFile bounds how many rejected lines of one file are kept for
// people to look at, sampleBytes how much of each.
const (
	samplesPerFile = 3
	sampleBytes    = 400
)

// unit is what one reader reads in one go: a file, or a part of one. A Ref
// names the unit in place of the file, and counts its lines; cite makes a file
// and its line of both.
type unit struct {
	intake.Part
	file   int   // index in the set
	before int64 // lines of the file before the unit, known after the first pass
}

// minCut is the size from which a file is cut, so that one large file keeps
// every core busy. Below it the others do. Variable for tests.
var minCut = int64(32 << 20)

// warmUp is how much of a file is read before a part of it, for the sessions
// and queue ids that lines of the part refer to. What began before that is
// forgotten there, as it is where a reader begins with a file.
const warmUp = 8 << 20

// weight of a file: what it will take to read it.
func weight(f *intake.File) int64 {
	if f.Compression != "plain" {
		return f.Size * 8
	}
	return f.Size
}

// units cuts the files for so many readers, and share says which of them each
// reads: runs of neighbours of about the same weight, so that facts joined over
// several lines are lost at no more than one seam per reader. Both follow from
// the files alone, never from which reader was faster.
func units(files []*intake.File, readers int) []unit {
	var total int64
	for _, f := range files {
		total += weight(f)
	}
	var out []unit
	var sum int64
	for i, f := range files {
		var near []int64
		if f.Size >= minCut && f.Compression == "plain" && !f.Format.Headed() {
			for k := range int64(readers - 1) {
				if at := total/int64(readers)*(k+1) - sum; at > minCut/8 && at < f.Size-minCut/8 {
					near = append(near, at)
				}
			}
		}
		sum += weight(f)
		for _, p := range f.Cut(near) {
			out = append(out, unit{Part: p, file: i})
		}
	}
	return out
}

func (u *unit) weight() int64 {
	if u.Whole() {
		return weight(u.File)
	}
	return u.To - u.From
}

func share(weights []int64, readers int) [][]int {
	total := 0.0
	for _, w := range weights {
		total += float64(w)
	}
	out := make([][]int, readers)
	sum := 0.0
	for i, w := range weights {
		mid := sum + float64(w)/2
		sum += float64(w)
		k := 0
		if total > 0 {
			k = min(int(mid/total*float64(readers)), readers-1)
		}
		out[k] = append(out[k], i)
	}
	return out
}

// firstPass reads every unit with several readers, each with a visitor of its
// own. Files that are read in parts are hashed beside it.
func (r *run) firstPass(ctx context.Context, visitors []visitor) error {
	if r.opt.streams != nil {
		return r.firstStreams(ctx, visitors[0])
	}
	us := make([]tally, len(r.units))
	weights := make([]int64, len(r.units))
	for i := range r.units {
		weights[i] = r.units[i].weight()
	}
	var wg sync.WaitGroup
	for k, mine := range share(weights, len(visitors)) {
		wg.Go(func() {
			rd := reader{run: r, worker: r.enricher.Worker(), visitor: visitors[k]}
			for _, i := range mine {
				if ctx.Err() != nil {
					return
				}
				rd.first(ctx, i, &us[i])
			}
		})
	}
	r.tallies = make([]tally, len(r.set.Files))
	sums := make([]hashed, len(r.set.Files))
	wg.Go(func() {
		for i := range r.units {
			if u := &r.units[i]; !u.Whole() && u.From == 0 && ctx.Err() == nil {
				h := &sums[u.file]
				h.sum, h.changed, h.err = u.Sum(ctx)
			}
		}
	})
	wg.Wait()
	r.blocks = make([][]block, len(us))
	for i := range us {
		r.blocks[i], us[i].blocks = us[i].blocks, nil
		f := r.units[i].file
		r.units[i].before = r.tallies[f].read.Lines
		r.tallies[f].add(&us[i])
	}
	for f, h := range sums {
		t := &r.tallies[f]
		if t.read.SHA256 == [32]byte{} {
			t.read.SHA256 = h.sum
		}
		t.read.Changed = t.read.Changed || h.changed
		t.err = cmp.Or(t.err, h.err)
	}
	return ctx.Err()
}

// hashed is the hash of a file that was read in parts.
type hashed struct {
	sum     [32]byte
	changed bool
	err     error
}

// add puts the tally of a file's next unit behind those before it.
func (t *tally) add(u *tally) {
	if !t.done {
		*t = *u
		return
	}
	before := t.read.Lines
	if t.by == 0 {
		switch {
		case t.first <= t.last && u.first <= u.last && t.last-u.early > int64(setBack):
			t.by, t.back = time.Duration(t.last-u.early).Round(time.Minute), before+1
		case u.by > 0:
			t.by, t.back = u.by, u.back+before
		}
	}
	t.read.Lines += u.read.Lines
	t.read.Bytes += u.read.Bytes
	t.read.Stored += u.read.Stored
	t.read.Overlong += u.read.Overlong
	t.read.Skipped += u.read.Skipped
	t.read.Changed = t.read.Changed || u.read.Changed
	t.parsed += u.parsed
	t.ignored += u.ignored
	t.rejected += u.rejected
	t.first, t.last = min(t.first, u.first), max(t.last, u.last)
	for _, s := range u.samples {
		if len(t.samples) < samplesPerFile {
			s.line += before
			t.samples = append(t.samples, s)
		}
	}
	t.err = cmp.Or(t.err, u.err)
}

// stretch is what the second pass reads of a unit in one go.
type stretch struct {
	unit     int
	begin    block
	from, to int64  // offsets, of a plain file
	need     []bool // else: which of the unit's blocks are needed
}

// stretches are what holds blocks that are picked. Of a plain file these are
// runs of such blocks, none much longer than longStretch so that the readers
// have about the same to do; of one that can only be read from its beginning it
// is the unit up to its last one. What is nearer than a warm-up is one run.
func (r *run) stretches(pick func(first, last int64) bool) (out []stretch, weights []int64) {
	const longStretch = 64 << 20
	add := func(s stretch, weight int64) {
		out, weights = append(out, s), append(weights, weight)
	}
	for i := range r.units {
		u, blocks := &r.units[i], r.blocks[i]
		need, some := make([]bool, len(blocks)), false
		for j, b := range blocks {
			need[j] = b.first <= b.last && pick(b.first, b.last)
			some = some || need[j]
		}
		if !some {
			continue
		}
		if u.Compression != "plain" || u.Format.Headed() {
			add(stretch{unit: i, need: need}, u.weight())
			continue
		}
		near := int64(0)
		if !u.Format.Alone() {
			near = warmUp
		}
		end := func(j int) int64 {
			if j+1 < len(blocks) {
				return blocks[j+1].offset
			}
			return u.To
		}
		for j := 0; j < len(need); j++ {
			if !need[j] {
				continue
			}
			s := stretch{unit: i, begin: blocks[j], from: blocks[j].offset, to: end(j)}
			for k := j + 1; k < len(need) && s.to-s.from < longStretch && blocks[k].offset-s.to <= near; k++ {
				if need[k] {
					j, s.to = k, end(k)
				}
			}
			add(s, s.to-s.from)
		}
	}
	return out, weights
}

// secondPass reads again what may hold events that the visitors want; pick says
// whether a stretch of time does.
func (r *run) secondPass(ctx context.Context, visitors []visitor, pick func(first, last int64) bool) error {
	if r.opt.streams != nil {
		return r.secondStreams(ctx, visitors[0])
	}
	if r.opt.live != nil {
		return r.secondArchive(ctx, visitors[0], pick)
	}
	list, weights := r.stretches(pick)
	var wg sync.WaitGroup
	errs := make([]error, len(list))
	for k, mine := range share(weights, len(visitors)) {
		wg.Go(func() {
			rd := reader{run: r, worker: r.enricher.Worker(), visitor: visitors[k]}
			for _, i := range mine {
				if ctx.Err() != nil {
					return
				}
				errs[i] = rd.second(ctx, &list[i])
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if t := &r.tallies[r.units[list[i].unit].file]; t.err == nil {
			t.err = err // it was there for the first pass
		}
	}
	return ctx.Err()
}

// reader carries what one goroutine needs from file to file.
type reader struct {
	run     *run
	worker  *enrich.Worker
	visitor visitor
	parser  *maillog.Parser
	file    *intake.File // that the parser read last
	at      int64        // how far
}

// begin makes the parser ready for the lines of a file from an offset on.
func (rd *reader) begin(ctx context.Context, f *intake.File, from int64) {
	switch {
	case rd.parser != nil && rd.file == f && rd.at == from:
		// The parser has just read what stands before.
	case rd.parser != nil && rd.file != nil && rd.file.Source == f.Source && from == 0:
		rd.parser.NextFile(f.Reference, f.Format)
	default:
		rd.parser = maillog.NewParser(maillog.Options{
			Format: f.Format, Location: rd.run.opt.Location, Reference: f.Reference,
		})
		if from > 0 && !f.Format.Alone() {
			var ev maillog.Event
			// What goes wrong here goes wrong again, and is told, where these
			// lines are read for themselves.
			_, _ = f.Stretch(ctx, f.LineAfter(max(0, from-warmUp)), from, func(l intake.Line) error {
				rd.parser.Parse(l.Bytes, &ev)
				return nil
			})
		}
	}
	rd.file, rd.at = f, from
}

// first reads a unit in the first pass.
func (rd *reader) first(ctx context.Context, i int, t *tally) {
	u := &rd.run.units[i]
	rd.begin(ctx, u.File, u.From)
	t.first, t.last, t.early = math.MaxInt64, math.MinInt64, math.MinInt64
	behind := 0
	var (
		ev  maillog.Event
		rec traffic.Record
		b   = block{first: math.MaxInt64, last: math.MinInt64}
	)
	rec.Event = &ev
	rec.Ref.File = int32(i)
	t.read, t.err = u.Read(ctx, rd.run.opt.Progress, func(l intake.Line) error {
		if l.Number%blockLines == 1 {
			if l.Number > 1 {
				t.blocks = append(t.blocks, b)
			}
			b = block{offset: l.Offset, line: l.Number, first: math.MaxInt64, last: math.MinInt64}
		}
		if l.Overlong {
			t.reject(l, fmt.Sprintf("longer than %d bytes", len(l.Bytes)))
			return nil
		}
		res := rd.parser.Parse(l.Bytes, &ev)
		switch res.Kind {
		case maillog.Ignored:
			t.ignored++
			return nil
		case maillog.Rejected:
			t.reject(l, res.Why)
			return nil
		}
		t.parsed++
		if ev.Time >= rd.run.until {
			return nil
		}
		if t.first <= t.last && t.last-ev.Time > int64(setBack) {
			if behind++; behind == setBackEvents && t.by == 0 {
				t.by = time.Duration(t.last - ev.Time).Round(time.Minute)
			}
			if behind == 1 && t.by == 0 {
				t.back = l.Number
			}
		} else {
			behind = 0
		}
		if t.parsed <= setBackEvents {
			t.early = max(t.early, ev.Time)
		}
		t.first, t.last = min(t.first, ev.Time), max(t.last, ev.Time)
		b.first, b.last = min(b.first, ev.Time), max(b.last, ev.Time)
		rec.Ref.Line, rec.Ref.Offset = l.Number, l.Offset
		rd.worker.Enrich(&ev, &rec)
		rd.visitor.visit(&rec)
		return nil
	})
	if b.line > 0 {
		t.blocks = append(t.blocks, b)
	}
	t.done = true
	rd.at = u.To
}

// second reads a stretch in the second pass.
func (rd *reader) second(ctx context.Context, s *stretch) error {
	u := &rd.run.units[s.unit]
	alone := u.Format.Alone()
	if s.need == nil {
		rd.begin(ctx, u.File, s.from)
	} else {
		rd.begin(ctx, u.File, u.From)
	}
	var (
		ev  maillog.Event
		rec traffic.Record
	)
	rec.Event = &ev
	rec.Ref.File = int32(s.unit)
	take := func(l *intake.Line, before int64) {
		if l.Overlong || rd.parser.Parse(l.Bytes, &ev).Kind != maillog.Parsed || ev.Time >= rd.run.until || !rd.visitor.wants(ev.Time) {
			return
		}
		rec.Ref.Line, rec.Ref.Offset = before+l.Number, l.Offset
		rd.worker.Enrich(&ev, &rec)
		rd.visitor.visit(&rec)
	}
	if s.need == nil {
		_, err := u.Stretch(ctx, s.from, s.to, func(l intake.Line) error {
			take(&l, s.begin.line-1)
			return nil
		})
		rd.at = s.to
		return err
	}
	last := len(s.need) - 1
	for !s.need[last] {
		last--
	}
	end := int64(last+1)*blockLines + 1
	fn := func(l intake.Line) error {
		if l.Number >= end {
			return errEnough
		}
		if !alone || s.need[(l.Number-1)/blockLines] {
			take(&l, 0)
		}
		return nil
	}
	var err error
	if u.Whole() {
		_, err = u.Peek(ctx, fn)
	} else {
		_, err = u.Stretch(ctx, u.From, u.To, fn)
	}
	rd.at = -1
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (t *tally) reject(l intake.Line, why string) {
	t.rejected++
	if len(t.samples) < samplesPerFile {
		t.samples = append(t.samples, rejected{l.Number, l.Offset, string(l.Bytes[:min(len(l.Bytes), sampleBytes)]), why, hash(l.Bytes)})
	}
}

// A clock was set back where so many events in a row lie so far behind one
// before them. Single ones do not mean it: Apache writes a request when it
// ends, with the time at which it began, and phones hold theirs for an hour.
const (
	setBack       = 30 * time.Minute
	setBackEvents = 50
)

// errEnough ends the reading of a file early without being an error.
var errEnough = errors.New("enough")

// How much the survey reads: of each source some files, of each file the head
// and, further on, every few lines, since a file that begins at midnight shows
// the offices later. Enough to know a webmail host by the mailboxes it opens.
const (
	surveyed    = 3
	surveyHead  = 2_000
	surveyEvery = 8
	surveyLines = 150_000
)

// survey looks at a sample of events for what the configuration does not
// state: the domain, the organisation's own networks and relays.
func (r *run) survey(ctx context.Context) {
	s := enrich.NewSurvey(r.opt.Enrich)
	if r.opt.streams != nil {
		r.surveyStreams(s.Observe)
	} else {
		r.surveyFiles(ctx, s.Observe)
	}
	r.opt.Enrich = s.Config()
	r.found = s.Found()
}

// surveyFiles is the survey of files.
func (r *run) surveyFiles(ctx context.Context, observe func(*maillog.Event)) {
	of := make(map[string][]*intake.File)
	var order []string
	for _, f := range r.set.Files {
		if of[f.Source] == nil {
			order = append(order, f.Source)
		}
		of[f.Source] = append(of[f.Source], f)
	}
	var ev maillog.Event
	for _, src := range order {
		files := of[src]
		step := max(1, len(files)/surveyed)
		for i := len(files) - 1; i >= 0; i -= step {
			f := files[i]
			p := maillog.NewParser(maillog.Options{Format: f.Format, Location: r.opt.Location, Reference: f.Reference})
			n := 0
			// An error here will be met again, and told, in the first pass.
			_, _ = f.Peek(ctx, func(l intake.Line) error {
				n++
				if n <= surveyHead || n%surveyEvery == 0 {
					if p.Parse(l.Bytes, &ev).Kind == maillog.Parsed {
						observe(&ev)
					}
				}
				if n >= surveyLines {
					return errEnough
				}
				return nil
			})
		}
	}
}

// span is the time that the body of the logs covers. A line whose clock was
// broken by years must not stretch it: days that hold next to nothing and lie
// apart from the rest are cut off.
func span(days map[int64]int64) (from, to int64, ok bool) {
	if len(days) == 0 {
		return 0, 0, false
	}
	var total int64
	peak, most := int64(0), int64(-1)
	for d, n := range days {
		total += n
		if n > most || n == most && d < peak {
			peak, most = d, n
		}
	}
	few := max(total/100_000, 2)
	walk := func(step int64) int64 {
		d, empty := peak, int64(0)
		for x := peak + step; empty < 45; x += step {
			if days[x] > few || days[x] > 0 && empty < 2 {
				d, empty = x, 0
			} else {
				empty++
			}
		}
		return d
	}
	return walk(-1), walk(1), true
}

const dayNs = int64(24 * time.Hour)
