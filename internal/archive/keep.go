package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"

	"mailvigil/maillog"
)

// Swap is what compacting makes of the list of segments: those to add and those
// to remove, recorded together in one transaction. Afterwards Remove deletes the
// files.
type Swap struct {
	Add, Remove []Segment
}

// Segments are merged once a run of them is this long.
const (
	mergeRun  = 8
	mergeMost = 64
	// A segment of this many rows is left alone while its day lasts, and one of
	// that many for ever: reading it costs more than opening it.
	wholeRows  = 1 << 16
	wholeLater = 1 << 19
	dayOver    = time.Hour // after its end
)

// Compact merges small segments of one day and service, where there are many,
// into one, and publishes it. An empty Swap says that there is nothing to do.
// Lines keep their order: only neighbours are merged, and each row is written
// again a few times at most, since like is merged with like.
//
// Segments that cannot be read are left alone and returned as problems.
func (s *Store) Compact(ctx context.Context, segments []Segment) (Swap, []*Problem, error) {
	var problems []*Problem
	bad := map[string]bool{}
	for {
		run := s.run(segments, bad)
		if run == nil {
			return Swap{}, problems, nil
		}
		d, found, err := s.merge(ctx, run)
		if err != nil {
			return Swap{}, problems, err
		}
		if len(found) == 0 {
			if err := s.name([]*made{d}); err != nil {
				_ = s.disk.remove(d.temporary)
				return Swap{}, problems, err
			}
			return Swap{Add: []Segment{d.Segment}, Remove: run}, problems, nil
		}
		for _, p := range found {
			bad[p.Segment.Name] = true
		}
		problems = append(problems, found...)
	}
}

// run finds neighbours that are worth merging.
func (s *Store) run(segments []Segment, bad map[string]bool) []Segment {
	sorted := slices.Clone(segments)
	slices.SortFunc(sorted, func(a, b Segment) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Service, b.Service), inTime(a, b))
	})
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].Day == sorted[0].Day && sorted[n].Service == sorted[0].Service {
			n++
		}
		whole := int64(wholeRows)
		if day, err := time.Parse(time.DateOnly, sorted[0].Day); err == nil && s.o.Now().Sub(day) > 24*time.Hour+dayOver {
			whole = wholeLater
		}
		// All of a run are below a bound, and together above it: so a row is
		// written again once for every fourfold of its segment.
		for bound := int64(4); bound <= whole; bound *= 4 {
			for i := 0; i < n; {
				j, rows := i, int64(0)
				for j < n && j-i < mergeMost && sorted[j].Rows < bound && !bad[sorted[j].Name] {
					rows += sorted[j].Rows
					j++
				}
				if j-i >= mergeRun && rows >= bound {
					return slices.Clone(sorted[i:j])
				}
				i = max(i+1, j)
			}
		}
		sorted = sorted[n:]
	}
	return nil
}

// merge writes the rows of segments into one.
func (s *Store) merge(ctx context.Context, run []Segment) (d *made, problems []*Problem, err error) {
	first, last, rows := run[0].First, run[0].Last, int64(0)
	for _, seg := range run {
		rows += seg.Rows
		if seg.First.Before(first) {
			first = seg.First
		}
		if seg.Last.After(last) {
			last = seg.Last
		}
	}
	day, err := time.Parse(time.DateOnly, run[0].Day)
	if err != nil {
		return nil, nil, fmt.Errorf("archive in %s: the segment %s is of no day: %w", s.folder, run[0].Name, err)
	}
	service, ok := services[run[0].Service]
	if !ok {
		return nil, nil, fmt.Errorf("archive in %s: the segment %s is of no service of this release; use the one that wrote it, or a later one", s.folder, run[0].Name)
	}
	abandoned := errors.New("a segment could not be read")
	written := run[0].written()
	for _, seg := range run {
		if w := seg.written(); w.After(written) {
			written = w
		}
	}
	d, err = s.encode(&s.merger, key{int32(day.Unix() / 86400), service}, first.UnixNano(), last.UnixNano(), written, func(out *parquet.GenericWriter[row]) (int64, error) {
		w := &Writer{out: out, batch: make([]row, 0, batchRows)}
		var err error
		problems, err = Select(ctx, s.folder, run, Wanted{Raw: true, NoEvent: true}, func(ev *maillog.Event, o Origin) error {
			r := Row{
				Event: ev, Why: o.Why, Source: o.Source, Line: Line{File: o.File, Number: o.Line, Offset: o.Offset, Raw: o.Raw},
				Person: o.Person, ASN: o.ASN, Country: o.Country, Kind: o.Kind, Log: o.Log,
			}
			if !o.Received.IsZero() {
				r.Received = o.Received.UnixNano()
			}
			return w.WriteRow(&r)
		})
		if err == nil && len(problems) > 0 {
			err = abandoned
		}
		if err == nil && w.events != rows {
			err = fmt.Errorf("%d rows were recorded, and %d read", rows, w.events)
		}
		if err == nil {
			err = w.flushBatch()
		}
		return w.events, err
	})
	if errors.Is(err, abandoned) {
		return nil, problems, nil
	}
	return d, problems, err
}

// Policy says how much is kept.
type Policy struct {
	Days  int   // of lines, counted from their time; 0 for ever
	Bytes int64 // of segments; 0 for as many as there are
}

// Hold keeps what stands behind an incident.
type Hold struct{ From, To time.Time }

// Expiry is what goes, and what would go but is held.
type Expiry struct {
	Remove, Held []Segment
	Over         int64 // bytes above Policy.Bytes that only holds keep
}

// Expire decides which segments go. Whoever calls records it first, and then
// lets Remove delete the files. A line whose time lies in the future is as old
// as its writing.
func Expire(now time.Time, segments []Segment, p Policy, holds []Hold) (e Expiry) {
	age := func(s Segment) time.Time {
		if w := s.written(); !w.IsZero() && w.Before(s.Last) {
			return w
		}
		return s.Last
	}
	held := func(s Segment) bool {
		return slices.ContainsFunc(holds, func(h Hold) bool { return !s.Last.Before(h.From) && !s.First.After(h.To) })
	}
	sorted := slices.SortedStableFunc(slices.Values(segments), func(a, b Segment) int { return age(a).Compare(age(b)) })
	var bytes int64
	for _, s := range sorted {
		bytes += s.Bytes
	}
	for _, s := range sorted {
		old := p.Days > 0 && now.Sub(age(s)) > time.Duration(p.Days)*24*time.Hour
		many := p.Bytes > 0 && bytes > p.Bytes
		switch {
		case !old && !many:
		case held(s):
			e.Held = append(e.Held, s)
		default:
			e.Remove = append(e.Remove, s)
			bytes -= s.Bytes
		}
	}
	if p.Bytes > 0 {
		e.Over = max(0, bytes-p.Bytes)
	}
	return e
}

// Ref is a line, wherever segments were merged since.
type Ref struct {
	Source string
	Log    int64
	File   string
	Line   int64
	Offset int64
	// First and Last bound the time of its event, or when it was received.
	First, Last time.Time
}

// Lines returns the raw lines of refs, in their order; nil where a line is in
// none of the segments.
func Lines(ctx context.Context, folder string, segments []Segment, refs []Ref) ([][]byte, []*Problem, error) {
	type place struct {
		source, file      string
		log, line, offset int64
	}
	wanted := make(map[place][]int, len(refs))
	for i, r := range refs {
		p := place{r.Source, r.File, r.Log, r.Line, r.Offset}
		wanted[p] = append(wanted[p], i)
	}
	found := make([][]byte, len(refs))
	var problems []*Problem
	for _, seg := range inOrder(segments) {
		// The refs that may be in the segment bound what is read of it. Times
		// may have been cut to the microsecond on their way.
		var w Wanted
		for i := range refs {
			r := &refs[i]
			if r.Last.Before(seg.First.Truncate(time.Microsecond)) || r.First.After(seg.Last) {
				continue
			}
			if w.From.IsZero() || r.First.Before(w.From) {
				w.From = r.First
			}
			if r.Last.After(w.To) {
				w.To = r.Last
			}
		}
		if w.From.IsZero() {
			continue
		}
		w.From, w.To, w.Raw, w.NoEvent = w.From.Truncate(time.Microsecond), w.To.Truncate(time.Microsecond).Add(time.Microsecond), true, true
		more, err := Select(ctx, folder, []Segment{seg}, w, func(_ *maillog.Event, o Origin) error {
			for _, i := range wanted[place{o.Source, o.File, o.Log, o.Line, o.Offset}] {
				if found[i] == nil {
					found[i] = append([]byte{}, o.Raw...)
				}
			}
			return nil
		})
		if err != nil {
			return found, problems, err
		}
		problems = append(problems, more...)
	}
	return found, problems, nil
}
