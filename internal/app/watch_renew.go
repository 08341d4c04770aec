package app

import (
	"context"
	"fmt"
	"time"

	"mailvigil/internal/archive"
	"mailvigil/internal/health"
	"mailvigil/internal/intake"
	"mailvigil/internal/pipeline"
	"mailvigil/maillog"
)

// renewAfter is after how long everything is counted anew from the archive:
// what the counts remember is of the last two months, and what the
// organisation's networks are is looked at again.
const renewAfter = 24 * time.Hour

// counted makes a Live that reads an archive, with what a survey of the logs
// finds out about the organisation.
func (w *watching) counted(ctx context.Context, a pipeline.Archive) (*pipeline.Live, error) {
	set, err := intake.Discover(ctx, existing(w.paths), intake.Options{Location: w.zone})
	if err != nil {
		return nil, err
	}
	o := w.options
	var found []string
	if len(set.Files) > 0 {
		if o.Enrich, found, err = pipeline.Survey(ctx, set, o); err != nil {
			return nil, err
		}
	}
	if err := set.Close(); err != nil {
		return nil, err
	}
	return pipeline.NewLive(o, found, a, health.Accounts(w.probing.probes)), nil
}

// segmentsOnly answers from some segments alone. It is for counting beside the
// watch, which goes on publishing others.
type segmentsOnly struct {
	folder   string
	segments []archive.Segment
}

// Events implements pipeline.Archive. Segments that cannot be read are told
// where the watch itself reads them.
func (s segmentsOnly) Events(ctx context.Context, from, to time.Time, fn func(*maillog.Event, pipeline.Origin) error) error {
	_, err := archive.Read(ctx, s.folder, s.segments, from, to, func(e *maillog.Event, o archive.Origin) error {
		return fn(e, originOf(&o))
	})
	return err
}

// Lines implements pipeline.Archive; nothing is cited while it counts.
func (segmentsOnly) Lines(context.Context, map[pipeline.Origin]pipeline.Span) (map[pipeline.Origin]string, error) {
	return nil, nil
}

func originOf(o *archive.Origin) pipeline.Origin {
	return pipeline.Origin{Source: o.Source, Log: o.Log, File: o.File, Line: o.Line, Offset: o.Offset}
}

// renewal is a Live in the making, beside the one that goes on.
type renewal struct {
	live *pipeline.Live
	have map[string]bool // segments that it counted, by name
	err  error
}

// renew counts anew beside the watch, a day after the last time. Meanwhile
// segments are not put together, so that none is counted twice. It is called by
// the goroutine that publishes.
func (w *watching) renew(ctx context.Context, now time.Time) {
	if w.renewing != nil {
		// Whoever takes a batch may be waiting for room, which this goroutine
		// makes.
		if !w.taking.TryLock() {
			return
		}
		defer w.taking.Unlock()
		select {
		case r := <-w.renewing:
			w.renewing = nil
			if r.err == nil {
				r.err = w.exchange(ctx, r, now)
			}
			if r.err != nil && ctx.Err() == nil {
				w.log.Error("the past could not be counted anew; what was counted holds on, and it is tried again tomorrow", "error", r.err)
			}
		default:
		}
		return
	}
	if w.learnt.IsZero() {
		w.learnt = now
	}
	if now.Sub(w.learnt) < renewAfter {
		return
	}
	w.learnt = now
	segments := *w.listed.Load()
	done := make(chan renewal, 1)
	w.renewing = done
	w.beside.Go(func() {
		r := renewal{have: make(map[string]bool, len(segments))}
		for _, s := range segments {
			r.have[s.Name] = true
		}
		if r.live, r.err = w.counted(ctx, segmentsOnly{w.store.Folder(), segments}); r.err == nil {
			r.err = r.live.Learn(ctx, now)
		}
		done <- r
	})
}

// exchange counts what came since, and puts the new Live in the place of the
// one before. The caller holds taking.
func (w *watching) exchange(ctx context.Context, r renewal, now time.Time) error {
	w.publishing.Lock()
	defer w.publishing.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	all, err := w.everything(ctx)
	if err != nil {
		return err
	}
	var since []archive.Segment
	for _, s := range all {
		if !r.have[s.Name] {
			since = append(since, s)
		}
	}
	r.live.ReadFrom(segmentsOnly{w.store.Folder(), since})
	if err := r.live.Learn(ctx, now.Add(time.Hour)); err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	r.live.ReadFrom(w)
	r.live.Adopt(w.live)
	r.live.Close(w.live.Closed())
	w.live = r.live
	w.log.Info("counted the past anew from the archive", "segments", len(all))
	return nil
}
