package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"mailvigil/internal/intake"
)

// progress is what a reader of logs tells about itself. Its methods are called
// from another goroutine than the reader's.
type progress interface {
	// Stored returns how many bytes of the files, as they are stored, were
	// read, and how many there are; total is 0 where that is not known.
	Stored() (done, total int64)
	// Lines returns how many lines were read.
	Lines() int64
}

// searching is the progress of finding the files.
type searching struct{ intake.Search }

// Stored implements progress: what is kept of standard input and pipes.
func (s *searching) Stored() (done, total int64) { return s.Spooled.Load(), 0 }

// Lines implements progress.
func (s *searching) Lines() int64 { return 0 }

// Text is the whole line.
func (s *searching) Text() string {
	if name := s.Input(); name != "" {
		if n := s.Spooled.Load(); n > 0 {
			return "reading " + printable(name) + ": " + size(n)
		}
		return "waiting for " + printable(name) + ", Ctrl-C stops"
	}
	return fmt.Sprintf("looking at files: %d of %d", s.Looked.Load(), s.Listed.Load())
}

// discover finds the files, with progress on a terminal.
func (a *app) discover(ctx context.Context, paths []string, zone *time.Location, quiet bool) (*intake.Set, error) {
	var search searching
	stop := func() {}
	if !quiet {
		stop = a.watch(ctx, &search)
	}
	defer func() { stop() }()
	return intake.Discover(ctx, paths, intake.Options{Location: zone, Now: a.now(), Stdin: a.stdin, Search: &search.Search})
}

// watch draws a line of progress on stderr until the function it returns is
// called, which wipes the line away. Where stderr is no terminal it draws
// nothing: a log of a cron job is no place for it.
func (a *app) watch(ctx context.Context, p progress) (stop func()) {
	f, ok := a.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}
	}
	width := func() int {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
		return 80
	}
	return draw(ctx, f, p, width, a.now)
}

// draw repeats the line five times a second, which is as fast as one reads.
func draw(ctx context.Context, w io.Writer, p progress, width func() int, now func() time.Time) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	begin := now()
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				fmt.Fprint(w, "\r\x1b[K")
				return
			case <-tick.C:
				fmt.Fprint(w, "\r"+progressLine(p, now().Sub(begin), width()-1)+"\x1b[K")
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// progressLine is at most width columns wide.
func progressLine(p progress, elapsed time.Duration, width int) string {
	if t, ok := p.(interface{ Text() string }); ok {
		text := t.Text()
		return text[:min(len(text), max(0, width))]
	}
	done, total := p.Stored()
	lines := p.Lines()
	var facts []string
	share := 0.0
	if total > 0 {
		share = min(1, float64(done)/float64(total))
		facts = append(facts, fmt.Sprintf("%3.0f%%", 100*share), size(done)+" of "+size(total))
	} else {
		facts = append(facts, size(done))
	}
	if s := elapsed.Seconds(); s > 0 {
		facts = append(facts, count(float64(lines)/s)+" lines/s")
	}
	// The first seconds say little about the rest.
	if share > 0.01 && elapsed > time.Second {
		left := time.Duration(float64(elapsed) * (1 - share) / share)
		facts = append(facts, left.Round(time.Second).String()+" left")
	}
	text := strings.Join(facts, "  ")
	if bar := min(30, width-len(text)-4); total > 0 && bar >= 10 {
		full := int(share * float64(bar))
		text = "[" + strings.Repeat("=", full) + strings.Repeat(" ", bar-full) + "] " + text
	}
	if len(text) > width {
		text = text[:max(0, width)]
	}
	return text
}

func size(n int64) string {
	v, units := float64(n), []string{"B", "kB", "MB", "GB", "TB"}
	for v >= 1000 && len(units) > 1 {
		v, units = v/1000, units[1:]
	}
	if v < 10 && units[0] != "B" {
		return fmt.Sprintf("%.1f %s", v, units[0])
	}
	return fmt.Sprintf("%.0f %s", v, units[0])
}

func count(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.1fM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%.0fk", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}
