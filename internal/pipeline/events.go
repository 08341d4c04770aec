package pipeline

import (
	"context"
	"math"

	"mailvigil/internal/intake"
	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// Stream is Events of one log without the lines that state them, as a
// simulation makes them.
type Stream struct {
	Name   string // in place of a file's
	Format maillog.Format
	// Events yields them in the order in which the log has them. It is asked
	// several times, and yields the same each time. An Event is not kept, and
	// not changed.
	Events func(yield func(*maillog.Event) bool)
}

// InvestigateEvents is Investigate without lines: what it cites are the names
// of Streams and the numbers of Events in them, without their text. It is for
// measuring on many simulated organisations; Workers above 1 have no effect
// on how Streams are read, so run several side by side.
func InvestigateEvents(ctx context.Context, streams []Stream, o Options) (*verdict.Verdict, error) {
	set := new(intake.Set)
	for i := range streams {
		set.Files = append(set.Files, &intake.File{Name: streams[i].Name, Format: streams[i].Format, Source: streams[i].Name})
	}
	o.streams = streams
	return Investigate(ctx, set, o)
}

// surveyStreams is the survey, on the head of each Stream and every few Events
// of all the rest.
func (r *run) surveyStreams(observe func(*maillog.Event)) {
	for i := range r.opt.streams {
		n := 0
		r.opt.streams[i].Events(func(e *maillog.Event) bool {
			if n++; n <= surveyHead || n%surveyEvery == 0 {
				observe(e)
			}
			return n < surveyed*surveyLines
		})
	}
}

// firstStreams is the first pass, secondStreams the second.
func (r *run) firstStreams(ctx context.Context, v visitor) error {
	r.tallies = make([]tally, len(r.opt.streams))
	worker := r.enricher.Worker()
	for i := range r.opt.streams {
		t := &r.tallies[i]
		t.first, t.last, t.done = math.MaxInt64, math.MinInt64, true
		rec := traffic.Record{Ref: traffic.Ref{File: int32(i)}}
		r.opt.streams[i].Events(func(e *maillog.Event) bool {
			t.parsed++
			if e.Time < r.until {
				t.first, t.last = min(t.first, e.Time), max(t.last, e.Time)
				rec.Event, rec.Ref.Line = e, t.parsed
				worker.Enrich(e, &rec)
				v.visit(&rec)
			}
			return t.parsed%blockLines > 0 || ctx.Err() == nil
		})
		t.read.Lines = t.parsed
	}
	return ctx.Err()
}

func (r *run) secondStreams(ctx context.Context, v visitor) error {
	worker := r.enricher.Worker()
	for i := range r.opt.streams {
		n := int64(0)
		rec := traffic.Record{Ref: traffic.Ref{File: int32(i)}}
		r.opt.streams[i].Events(func(e *maillog.Event) bool {
			n++
			if e.Time < r.until && v.wants(e.Time) {
				rec.Event, rec.Ref.Line = e, n
				worker.Enrich(e, &rec)
				v.visit(&rec)
			}
			return n%blockLines > 0 || ctx.Err() == nil
		})
	}
	return ctx.Err()
}
