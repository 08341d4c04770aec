// Package explain finds what sets an excess apart: given the leaves of a
// window, rows of attribute values with an observed and an expected count, it
// answers with the smallest set of attribute=value combinations that accounts
// for the difference, with what is general drift, and with "nothing localised"
// where that is the truth.
//
// It knows nothing of mail, time or files and imports no package of ours, so
// that it can be used as a library. It does not decide whether there is an
// excess worth explaining (anomaly) nor what a cause means (verdict). The
// pipeline calls it with the leaves of an alarm's window; the command line
// calls it with a CSV file.
package explain

import (
	"math"
	"slices"
)

// Options are the settings of Explain. The zero value is meant to be right.
type Options struct {
	// Workers bounds the goroutines of one call. 0: one.
	Workers int
	// Windows is the number of past windows behind the expectation, whose
	// own noise is then allowed for. 0: the expectation is taken as exact.
	Windows int
	// MaxCauses and MaxDepth bound the answer. 0: 8 causes of 4 items; a
	// small dense cube is searched to its full depth.
	MaxCauses, MaxDepth int
	// MinExcess is the least excess, in events, that a cause may have.
	MinExcess float64
	// Implies names for an attribute those that its value fixes (an ASN its
	// country), so that a cause is not described twice.
	Implies map[string][]string

	past float64 // windows behind the expectation where that is no whole number
}

// windows is how many past windows the expectation is worth; 0: it is exact.
func (o Options) windows() float64 {
	if o.past > 0 {
		return o.past
	}
	return float64(o.Windows)
}

// Item is one attribute=value pair.
type Item struct{ Attribute, Value string }

// Cause is a combination of items whose leaves depart together.
type Cause struct {
	Where []Item // sorted by attribute

	// Observed and Expected are sums over the leaves that match Where and no
	// earlier cause. Expected includes the general drift.
	Observed, Expected float64
	Excess             float64 // Observed − Expected; negative for a drop
	Lift               float64 // Observed / Expected; +Inf where nothing was expected
	// Share is this cause's part of all departures, rises and drops alike,
	// every event counted once.
	Share float64
	// Score is the evidence, a log likelihood ratio in units of the noise
	// found in the data, less the cost of the description.
	Score float64
	// Confidence, 0 to 1, is how likely this description is right, against
	// noise and against those with an item more or less.
	Confidence float64
	// Stability, 0 to 1, is the share of resamples, each with its counts drawn
	// anew, in which this description comes again.
	Stability float64
}

// Result is what Explain answers.
type Result struct {
	Observed, Expected float64 // sums over the table, Expected as given
	Drift              float64 // factor that applies to everything; 0 where nothing was observed
	Causes             []Cause // strongest first
	Localised          bool    // at least one cause was found

	// Unexplained is the excess (signed) of the leaves no cause claims,
	// beyond the drift; UnexplainedShare its part of all departures.
	Unexplained, UnexplainedShare float64
	// ScatteredRows is how many single rows that no cause claims depart beyond
	// noise, Scattered their excess (signed). Uneven tells that they are more
	// than chance gives: what they have in common is not among the attributes.
	ScatteredRows int
	Scattered     float64
	Uneven        bool

	// Heterogeneity is the noise of the unclaimed rest in units of what
	// counting alone gives: 1 is even, above it leaves depart for reasons
	// the attributes do not name.
	Heterogeneity float64
}

const (
	defaultCauses = 8
	defaultDepth  = 4

	// minLift is the smallest factor that is called a cause, either way.
	minLift = 1.15
	// margin is the evidence demanded beyond the cost of having looked at
	// every combination. exp(−margin)/√(π·margin) bounds the chance that
	// noise alone yields a cause of a given depth.
	margin       = 6
	sparseMargin = 7
	// leastScattered is how many single rows must depart for a rest to be
	// called uneven, where they are not a five-hundredth of all rows.
	leastScattered = 5
)

// Contrast finds what sets one set of events apart from another, without time:
// the table's observed counts are those of the one, its expected counts those
// of the other, as they are. The sets may differ in size. Expected counts of
// the answer are the other set's, scaled to the size of the first; their own
// noise is allowed for. The table is only read.
func Contrast(t *Table, o Options) Result {
	var all tally
	for i, v := range t.observed {
		all.add(tally{v, t.expected[i]})
	}
	if all.v == 0 || all.f == 0 {
		return Explain(t, o)
	}
	scale := all.v / all.f
	scaled := *t
	scaled.expected = make([]float64, len(t.expected))
	for i, f := range t.expected {
		scaled.expected[i] = count(f * scale)
	}
	scaled.tallies = make([][]tally, len(t.tallies))
	for a, list := range t.tallies {
		scaled.tallies[a] = slices.Clone(list)
		for i := range list {
			scaled.tallies[a][i].f *= scale
		}
	}
	o.past = 1 / scale
	return Explain(&scaled, o)
}

// Explain finds the causes of the difference between a table's observed and
// expected counts. The table is only read.
//
// Causes are found greedily: the best combination is accepted, its leaves are
// set aside, drift and noise are estimated again on the rest, and so on until
// no combination stands out. A cube that is small and mostly filled is
// enumerated exactly; anything else is searched by a beam over the values
// that carry enough events.
func Explain(t *Table, o Options) Result {
	if o.MaxCauses <= 0 {
		o.MaxCauses = defaultCauses
	}
	if o.Workers <= 0 {
		o.Workers = 1
	}
	var r Result
	if len(t.tallies) > 0 {
		for _, h := range t.tallies[0] {
			r.Observed += h.v
			r.Expected += h.f
		}
	}
	r.Drift, r.Heterogeneity = 1, 1
	switch {
	case r.Observed == 0 && r.Expected == 0:
		return r
	case r.Observed == 0: // everything stopped: nothing sets any of it apart
		r.Drift = 0
		return r
	}

	s, dense := prepare(t, o)
	var next func() (cell, bool)
	if dense {
		if o.MaxDepth <= 0 {
			o.MaxDepth = len(t.Attributes)
		}
		next = newCube(s, o).best
	} else {
		if o.MaxDepth <= 0 {
			o.MaxDepth = defaultDepth
		}
		next = newBeam(s, o).best
	}

	type found struct {
		cause Cause
		sums  sums
		rows  int
	}
	var all []found
	for len(all) < o.MaxCauses {
		s.estimate(o)
		c, ok := next()
		if !ok {
			break
		}
		c = s.simplest(c, o)
		cause := Cause{Where: s.where(c), Score: c.net, Confidence: s.confidence(&c, o.Workers), Stability: s.stability(&c, o.Workers)}
		s.within(&c, o.Workers)
		all = append(all, found{cause, s.take(c, o.Workers), len(c.rows)})
	}
	s.estimate(o)

	r.Drift = s.drift
	r.Heterogeneity, r.ScatteredRows, r.Scattered = s.rest(o.Workers)
	r.Uneven = float64(r.ScatteredRows) >= math.Max(leastScattered, 0.002*float64(len(s.rows)))
	rest := s.total
	// Where many rows depart that have nothing in common, the first of them are
	// no causes: what made them depart was not recorded.
	single := func(c found) bool { return c.rows == 1 && s.filled }
	singles := 0
	for _, c := range all {
		if single(c) {
			singles++
		}
	}
	if r.Uneven && len(all) == o.MaxCauses && r.ScatteredRows >= 2*singles {
		all = slices.DeleteFunc(all, func(c found) bool {
			if !single(c) {
				return false
			}
			rest.add(tally{c.sums.v, c.sums.f})
			r.ScatteredRows++
			r.Scattered += c.sums.v - s.drift*c.sums.f
			return true
		})
	}
	// The first causes were judged by a drift that the later ones still bent.
	all = slices.DeleteFunc(all, func(c found) bool {
		if lifted(c.sums.v, s.drift*c.sums.f) {
			return false
		}
		rest.add(tally{c.sums.v, c.sums.f})
		return true
	})
	r.Unexplained = rest.v - s.drift*rest.f
	departures := abs(r.Unexplained)
	for _, c := range all {
		departures += abs(c.sums.v - s.drift*c.sums.f)
	}
	for _, f := range all {
		c := f.cause
		c.Observed, c.Expected = f.sums.v, s.drift*f.sums.f
		c.Excess = c.Observed - c.Expected
		c.Lift = ratio(c.Observed, c.Expected)
		if departures > 0 {
			c.Share = abs(c.Excess) / departures
		}
		r.Causes = append(r.Causes, c)
	}
	if departures > 0 {
		r.UnexplainedShare = abs(r.Unexplained) / departures
	}
	slices.SortStableFunc(r.Causes, func(a, b Cause) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	r.Localised = len(r.Causes) > 0
	return r
}
