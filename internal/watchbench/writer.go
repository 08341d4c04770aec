package main

import (
	"context"
	"sync"
	"time"
)

// writer appends to the logs. Its methods may be called side by side.
type writer struct {
	world *world

	mu      sync.Mutex
	written int64
	buf     []byte

	halt chan struct{}
	done chan error
}

// start writes everyday life: what the organisation does at this time of the
// day, and requests for pages up to a rate, until stop or the context's end.
func (w *writer) start(ctx context.Context, rate int) {
	w.halt, w.done = make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		began, pages := time.Now(), 0
		for {
			select {
			case <-ctx.Done():
				w.done <- ctx.Err()
				return
			case <-w.halt:
				w.done <- nil
				return
			case now := <-tick.C:
				due := int(now.Sub(began).Seconds() * float64(rate))
				if err := w.everyday(now, pages, due); err != nil {
					w.done <- err
					return
				}
				pages = due
			}
		}
	}()
}

func (w *writer) stop() error {
	close(w.halt)
	return <-w.done
}

// everyday writes what has become due.
func (w *writer) everyday(now time.Time, from, to int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.world.today) > 0 && !w.world.today[0].at.After(now) {
		p := w.world.today[0]
		w.world.today = w.world.today[1:]
		if _, err := w.world.files[p.source].Write(p.line); err != nil {
			return err
		}
		w.written++
	}
	w.buf = w.buf[:0]
	stamp := stamps(now)[nginx]
	for i := from; i < to; i++ {
		w.buf = pageLine(w.buf, stamp, i)
	}
	w.written += int64(to - from)
	_, err := w.world.files[nginx].Write(w.buf)
	return err
}

// write writes one line.
func (w *writer) write(source int, line string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written++
	_, err := w.world.files[source].WriteString(line)
	return err
}

// phones writes n requests of phones, other ones for each turn.
func (w *writer) phones(n, turn int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = w.buf[:0]
	stamp := stamps(time.Now())[nginx]
	for i := range n {
		w.buf = stamped(w.buf, nginx, w.world.phones[(turn*n+i)%len(w.world.phones)], stamp)
	}
	w.written += int64(n)
	_, err := w.world.files[nginx].Write(w.buf)
	return err
}

// flood writes the lines of a day, with the present time, at a rate.
func (w *writer) flood(ctx context.Context, rate int, lasts time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := 0
	for _, lines := range w.world.flood {
		all += len(lines)
	}
	began := time.Now()
	done := make([]int, len(sources))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var now time.Time
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now = <-tick.C:
		}
		since := min(now.Sub(began), lasts)
		marks := stamps(now)
		for source, lines := range w.world.flood {
			// Each source has its share of all lines.
			due := int(since.Seconds() * float64(rate) * float64(len(lines)) / float64(all))
			w.buf = w.buf[:0]
			for ; done[source] < due; done[source]++ {
				w.buf = stamped(w.buf, source, lines[done[source]%len(lines)], marks[source])
				w.written++
			}
			if _, err := w.world.files[source].Write(w.buf); err != nil {
				return err
			}
		}
		if since == lasts {
			return nil
		}
	}
}
