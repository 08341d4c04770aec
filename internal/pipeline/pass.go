package pipeline

import (
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
	visit(r *traffic.Record)
}

// tally is what one pass learnt of one file.
type tally struct {
	read                      intake.ReadStats
	parsed, ignored, rejected int64
	first, last               int64 // Unix nanoseconds of Events; first > last where there is none
	samples                   []rejected
	back                      int64 // line from which on times lie back, 0: none
	by                        time.Duration
	err                       error
	done                      bool
}

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

// share splits files among readers: runs of neighbouring files, so that facts
// joined over several lines are lost at no more than one seam per reader, of
// about the same number of bytes. The result depends on the files alone, never
// on which reader was faster.
func share(files []*intake.File, readers int) [][]int {
	weight := func(f *intake.File) float64 {
		if f.Compression != "plain" {
			return float64(f.Size) * 8
		}
		return float64(f.Size)
	}
	total := 0.0
	for _, f := range files {
		total += weight(f)
	}
	out := make([][]int, readers)
	sum := 0.0
	for i, f := range files {
		mid := sum + weight(f)/2
		sum += weight(f)
		k := 0
		if total > 0 {
			k = min(int(mid/total*float64(readers)), readers-1)
		}
		out[k] = append(out[k], i)
	}
	return out
}

// pass reads the files with several readers, each with a visitor of its own.
// pick leaves files out: it gets the index of a file in the set.
func (r *run) pass(ctx context.Context, visitors []visitor, pick func(int) bool) ([]tally, error) {
	tallies := make([]tally, len(r.set.Files))
	var picked []*intake.File
	var index []int
	for i, f := range r.set.Files {
		if pick == nil || pick(i) {
			picked = append(picked, f)
			index = append(index, i)
		}
	}
	var wg sync.WaitGroup
	for k, mine := range share(picked, len(visitors)) {
		wg.Go(func() {
			rd := reader{run: r, worker: r.enricher.Worker(), visitor: visitors[k]}
			for _, j := range mine {
				if ctx.Err() != nil {
					return
				}
				rd.file(ctx, index[j], &tallies[index[j]])
			}
		})
	}
	wg.Wait()
	return tallies, ctx.Err()
}

// reader carries what one goroutine needs from file to file.
type reader struct {
	run     *run
	worker  *enrich.Worker
	visitor visitor
	parser  *maillog.Parser
	source  string
}

func (rd *reader) file(ctx context.Context, i int, t *tally) {
	f := rd.run.set.Files[i]
	if rd.parser == nil || rd.source != f.Source {
		rd.parser = maillog.NewParser(maillog.Options{
			Format: f.Format, Location: rd.run.opt.Location, Reference: f.Reference,
		})
		rd.source = f.Source
	} else {
		rd.parser.NextFile(f.Reference, f.Format)
	}
	t.first, t.last = math.MaxInt64, math.MinInt64
	behind := 0
	var (
		ev  maillog.Event
		rec traffic.Record
	)
	rec.Event = &ev
	rec.Ref.File = int32(i)
	t.read, t.err = f.Read(ctx, rd.run.opt.Progress, func(l intake.Line) error {
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
		t.first, t.last = min(t.first, ev.Time), max(t.last, ev.Time)
		rec.Ref.Line, rec.Ref.Offset = l.Number, l.Offset
		rd.worker.Enrich(&ev, &rec)
		rd.visitor.visit(&rec)
		return nil
	})
	t.done = true
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
	surveyFiles = 3
	surveyHead  = 2_000
	surveyEvery = 8
	surveyLines = 150_000
)

// survey looks at a sample of events for what the configuration does not
// state: the domain, the organisation's own networks and relays.
func (r *run) survey(ctx context.Context) {
	s := enrich.NewSurvey(r.opt.Enrich)
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
		step := max(1, len(files)/surveyFiles)
		for i := len(files) - 1; i >= 0; i -= step {
			f := files[i]
			p := maillog.NewParser(maillog.Options{Format: f.Format, Location: r.opt.Location, Reference: f.Reference})
			n := 0
			// An error here will be met again, and told, in the first pass.
			_, _ = f.Read(ctx, nil, func(l intake.Line) error {
				n++
				if n <= surveyHead || n%surveyEvery == 0 {
					if p.Parse(l.Bytes, &ev).Kind == maillog.Parsed {
						s.Observe(&ev)
					}
				}
				if n >= surveyLines {
					return errEnough
				}
				return nil
			})
		}
	}
	r.opt.Enrich = s.Config()
	r.found = s.Found()
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
