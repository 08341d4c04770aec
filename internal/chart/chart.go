// Package chart plots observed against expected counts over time, as text for
// a terminal and as SVG for pages, and turns a terminal's text into a picture.
//
// It draws what it is given: it computes no band and finds no onset.
// internal/report and internal/console call it.
package chart

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Series is what is plotted: counts in equal steps of time.
type Series struct {
	Title string
	Start time.Time
	Step  time.Duration
	// Observed counts. Negative or NaN: the logs do not cover the step.
	Observed []float64
	// Expected, with Lower and Upper around it. They may be shorter than
	// Observed, or absent; negative or NaN where nothing is known.
	Expected, Lower, Upper []float64
	// Onset is when the departure began: earliest, likeliest, latest.
	Onset *[3]time.Time
}

// Options of a plot. The zero value is plain ASCII, 80 columns, UTC.
type Options struct {
	// Width and Height are columns and rows of the whole plot for Terminal
	// (80 × 18 if zero), pixels for SVG (800 × 300 if zero).
	Width, Height int
	Color         bool // ANSI colours, Terminal only
	Unicode       bool // block characters, Terminal only
	Location      *time.Location
	// Inline leaves out the background and the style, for pages that show SVG
	// within themselves and carry Style once. SVG only.
	Inline bool
}

func (o Options) location() *time.Location {
	if o.Location == nil {
		return time.UTC
	}
	return o.Location
}

// column is one or several steps of a series, averaged, so that counts stay
// counts per step whatever the width of the plot.
type column struct {
	observed, expected, lower, upper float64 // NaN where not known
	slack                            float64 // what is too little to be seen
}

// above and below say whether c leaves the band by more than the eye can see
// in the plot: marks at every breath of the counts would hide those that
// matter. They are false where either is not known.
func (c column) above() bool { return c.observed > c.upper+c.slack }
func (c column) below() bool { return c.observed < c.lower-c.slack }

// withSlack sets what is too little to be seen in a plot that ends at top.
func withSlack(cols []column, top float64) {
	for i := range cols {
		cols[i].slack = top / 24 // half a row of twelve
	}
}

// columns averages the steps of s, k of them into one column. Steps that were
// not seen do not count. A peak of one step is flattened by it; the band is
// averaged alike, and is wider than that of a sum of k independent steps would
// be, so a plot shows rather too little excess than too much.
func (s *Series) columns(k int) []column {
	n := (len(s.Observed) + k - 1) / k
	out := make([]column, n)
	for i := range out {
		lo, hi := i*k, min((i+1)*k, len(s.Observed))
		out[i] = column{
			observed: mean(s.Observed, s.Observed, lo, hi), expected: mean(s.Expected, s.Observed, lo, hi),
			lower: mean(s.Lower, s.Observed, lo, hi), upper: mean(s.Upper, s.Observed, lo, hi),
		}
	}
	return out
}

// mean of v[lo:hi] over the steps that were seen, so that observed and
// expected speak of the same steps; where none was seen, over those that have
// a value.
func mean(v, seen []float64, lo, hi int) float64 {
	var sum, all float64
	var n, m int
	for i := lo; i < min(hi, len(v)); i++ {
		if !known(v[i]) {
			continue
		}
		all, m = all+v[i], m+1
		if known(seen[i]) {
			sum, n = sum+v[i], n+1
		}
	}
	switch {
	case n > 0:
		return sum / float64(n)
	case m > 0:
		return all / float64(m)
	}
	return math.NaN()
}

// known leaves out NaN, negative counts, and numbers that no count reaches.
func known(v float64) bool { return v >= 0 && v < 1e15 }

// end is the time after the last step.
func (s *Series) end() time.Time {
	return s.Start.Add(time.Duration(len(s.Observed)) * s.Step)
}

// fraction is where t lies between the start of s and its end.
func (s *Series) fraction(t time.Time) float64 {
	return float64(t.Sub(s.Start)) / float64(time.Duration(len(s.Observed))*s.Step)
}

func top(cols []column) float64 {
	m := 0.0
	for _, c := range cols {
		for _, v := range []float64{c.observed, c.upper, c.expected} {
			if v > m {
				m = v
			}
		}
	}
	return m
}

// scale finds round numbers for the y axis: the smallest top of at least m
// that is reached in one of the given numbers of equal round steps, and of
// those that reach it in the last.
func scale(m float64, steps []int) (top float64, n int) {
	m = max(m, 0.1)
	for _, k := range steps {
		magnitude := math.Pow(10, math.Floor(math.Log10(m/float64(k))))
		for _, round := range []float64{1, 2, 2.5, 4, 5, 10, 20} {
			// A quarter of a unit is no round number for counts below ten.
			if round == 2.5 && magnitude <= 1 {
				continue
			}
			t := round * magnitude * float64(k)
			if t >= m*(1-1e-9) {
				if n == 0 || t <= top*(1+1e-9) {
					top, n = t, k
				}
				break
			}
		}
	}
	return top, n
}

// label writes a count for an axis: 0.5, 12, 2500, 40k.
func label(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'f', -1, 32) + "M"
	case v >= 1e4:
		return strconv.FormatFloat(v/1e3, 'f', -1, 32) + "k"
	default:
		return strconv.FormatFloat(v, 'f', -1, 32)
	}
}

// tick is a mark on the time axis.
type tick struct {
	at  time.Time
	day bool // midnight
}

// ticks are round local times within s, at most n of them. Local midnight and
// noon stay at their place when the clocks change.
func (s *Series) ticks(n int, loc *time.Location) []tick {
	start, end := s.Start.In(loc), s.end()
	if n < 1 || !end.After(start) {
		return nil
	}
	hours := end.Sub(start).Hours()
	var minutes int
	for _, minutes = range []int{1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2 * 1440, 7 * 1440, 14 * 1440, 30 * 1440} {
		if hours*60/float64(minutes) <= float64(n) {
			break
		}
	}
	for hours*60/float64(minutes) > float64(n) {
		minutes *= 2
	}
	var out []tick
	y, m, d := start.Date()
	last := time.Time{}
	for i := 0; ; i++ {
		t := time.Date(y, m, d, 0, i*minutes, 0, 0, loc)
		if !t.Before(end) {
			return out
		}
		// A clock that is set back gives a time twice; one mark is enough.
		if t.Before(start) || !t.After(last) {
			continue
		}
		last = t
		out = append(out, tick{t, t.Hour() == 0 && t.Minute() == 0})
	}
}

// stamp writes a time, with the date where it is another day than ref.
func stamp(t, ref time.Time) string {
	if t.Year() == ref.Year() && t.YearDay() == ref.YearDay() {
		return t.Format("15:04")
	}
	return t.Format("Mon 2 Jan 15:04")
}

// onsetText says when the onset was: "onset 02:14 (02:10 to 02:20)".
func (s *Series) onsetText(loc *time.Location) string {
	onset, _ := s.onset()
	lo, at, hi := onset[0].In(loc), onset[1].In(loc), onset[2].In(loc)
	text := "onset " + at.Format("Mon 2 Jan 15:04")
	if hi.After(lo) {
		text += " (between " + stamp(lo, at) + " and " + stamp(hi, at) + ")"
	}
	return text
}

// onset gives the onset where it lies within the plot. Without an interval,
// its three times are the same.
func (s *Series) onset() ([3]time.Time, bool) {
	if s.Onset == nil || s.Onset[1].Before(s.Start) || !s.Onset[1].Before(s.end()) {
		return [3]time.Time{}, false
	}
	o := *s.Onset
	if o[0].IsZero() || o[2].IsZero() || o[0].After(o[1]) || o[2].Before(o[1]) {
		o[0], o[2] = o[1], o[1]
	}
	return o, true
}

func repeat(s string, n int) string { return strings.Repeat(s, max(0, n)) }
