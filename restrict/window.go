package restrict

import (
	"errors"
	"fmt"
	"time"
)

// Clock is a time of the local day in minutes since 00:00, below 1440. As text
// it is "01:00".
type Clock int

const day = 24 * 60

func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// MarshalText implements encoding.TextMarshaler.
func (c Clock) MarshalText() ([]byte, error) {
	if c < 0 || c >= day {
		return nil, fmt.Errorf("%d is no minute of a day", int(c))
	}
	return []byte(c.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Clock) UnmarshalText(text []byte) (err error) {
	*c, err = ParseClock(string(text))
	return err
}

// ParseClock reads "01:00". "24:00" is midnight, as "00:00" is.
func ParseClock(s string) (Clock, error) {
	bad := errors.New(show(s) + " is no time of day: write hours and minutes as in 01:00")
	if len(s) != 5 || s[2] != ':' {
		return 0, bad
	}
	for _, i := range []int{0, 1, 3, 4} {
		if s[i] < '0' || s[i] > '9' {
			return 0, bad
		}
	}
	h, m := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	if m > 59 || h > 24 || h == 24 && m > 0 {
		return 0, bad
	}
	return Clock((h*60 + m) % day), nil
}

// Nights is the time of the next days windows of a night, seen from now: the one
// that now lies in counts as the first. loc is the zone that n names. It has no
// end where days is below 1.
func Nights(now time.Time, n Nightly, loc *time.Location, days int) When {
	w := n.window(loc)
	out := When{From: now, Nightly: &n}
	t := now
	if !w.inside(t) {
		t = w.edge(t)
	}
	if t.IsZero() {
		return out
	}
	past := w.night(t).AddDate(0, 0, days)
	for {
		e := w.edge(t)
		if e.IsZero() || !w.night(e.Add(-time.Second)).Before(past) {
			return out
		}
		if !w.inside(e) { // it leaves the window, for a second time where the clock was put back
			out.Until = e
		}
		t = e
	}
}

// night is the local date, at midnight UTC, on which the window began that an
// instant lies in, or that of any other instant.
func (w *window) night(t time.Time) time.Time {
	local := t.In(w.loc)
	date := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	if w.from > w.to && w.second(t) < w.to {
		return date.AddDate(0, 0, -1)
	}
	return date
}

// window is a Nightly with its zone, in seconds of the local day.
type window struct {
	from, to int
	loc      *time.Location
}

func (n *Nightly) window(loc *time.Location) window {
	if loc == nil {
		loc = time.UTC
	}
	return window{int(n.From) * 60, int(n.To) * 60, loc}
}

const daySeconds = day * 60

// second is the second of the local day at an instant, and does not allocate.
func (w *window) second(t time.Time) int {
	_, offset := t.In(w.loc).Zone()
	s := int((t.Unix() + int64(offset)) % daySeconds)
	if s < 0 {
		s += daySeconds
	}
	return s
}

// inside tells whether the local clock of the instant shows a time in the window.
func (w *window) inside(t time.Time) bool {
	s := w.second(t)
	if w.from <= w.to {
		return s >= w.from && s < w.to
	}
	return s >= w.from || s < w.to
}

// edge is the first instant after t at which the local clock enters or leaves the
// window. Between two changes of the clock local time runs evenly; at a change it
// jumps, which may lead in or out. It is zero for a window that is all of the day.
func (w *window) edge(t time.Time) time.Time {
	in := w.inside(t)
	t = t.Truncate(time.Second)
	for range 12 { // the next edge is a day away, and clocks change less often
		s := w.second(t)
		step := func(to int) int { return (to-s-1+daySeconds)%daySeconds + 1 }
		next := t.Add(time.Duration(min(step(w.from), step(w.to))) * time.Second)
		_, change := t.In(w.loc).ZoneBounds()
		if !change.IsZero() && !change.After(next) {
			next = change
		}
		next = next.In(t.Location())
		if w.inside(next) != in {
			return next
		}
		t = next
	}
	return time.Time{}
}
