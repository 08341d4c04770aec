package pipeline

import (
	"context"
	"math"
	"slices"

	"mailvigil/abuse"
	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// whatIf judges what the logs would have shown with these events besides, in
// the order of time. Nothing is read again: counts and profiles add up, only
// the series that the events count in are scanned anew, and only departures
// that overlap them are looked into, which are made of them alone; what else
// happened in those hours is taken as expected. The run is not changed.
func (r *run) whatIf(ctx context.Context, base *verdict.Case, events []maillog.Event) (*verdict.Verdict, error) {
	q := *r
	q.opt.Workers = 1
	q.opt.streams = []Stream{{Name: "what if", Events: func(yield func(*maillog.Event) bool) {
		for i := range events {
			if !yield(&events[i]) {
				return
			}
		}
	}}}
	count := newCounting()
	rec := traffic.Record{}
	worker := r.enricher.Worker()
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range events {
		e := &events[i]
		rec.Event, rec.Ref.Line = e, int64(i+1)
		first, last = min(first, e.Time), max(last, e.Time)
		worker.Enrich(e, &rec)
		count.visit(&rec)
	}
	count.profiles.Close()
	signedIn := count.profiles.Accounts()
	added := traffic.Close(r.cells.Start, r.cells.Start+traffic.Slot(r.cells.Slots)-1, count.counter)
	q.cells, q.profiles = r.cells.Plus(added), r.profiles.With(count.profiles)

	during := interval{traffic.SlotOf(first) - marginSlots, traffic.SlotOf(last) + marginSlots}
	all := q.scan(r.series, func(s *series) bool {
		return slices.ContainsFunc(added.Leaves, func(l traffic.Leaf) bool { return s.match(&l) })
	}, interval{during.from, during.to + afterwards})
	xs := slices.DeleteFunc(q.excesses(all), func(x *excess) bool {
		return !x.whole().overlaps(during) || !q.grew(x)
	})
	windows := q.plan(xs)
	if err := q.sift(ctx, windows); err != nil {
		return nil, err
	}
	c := *base
	c.Excesses = nil
	q.suspect(&c)
	if signedIn >= abuse.FewestMoved {
		c.Moves = r.moves(q.profiles)
	}
	q.sweeps(&c)
	q.explain(windows, &c)
	return verdict.Judge(&c), nil
}

// afterwards is how long after the last event the scan goes on, in minutes.
const afterwards = 2 * 60

// grew reports whether an excess is none of those that were there without the
// events, as large as it was.
func (r *run) grew(x *excess) bool {
	return !slices.ContainsFunc(r.excess, func(b *excess) bool {
		return b.series.same(x.series) && b.up == x.up &&
			b.whole().overlaps(x.whole()) && math.Abs(b.size()-x.size()) < 0.05*x.size()
	})
}
