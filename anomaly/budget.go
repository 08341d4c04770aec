package anomaly

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"mailvigil/traffic"
)

// Budget keeps the promise of at most N false alarms a month over all series
// of an organisation.
//
// Detectors raise candidates; the Budget says which of them are told. A
// candidate is told when its probability, times the looks that a month offers
// to chance in all series, is below N, and more improbable than that by what
// the alarms of late have cost: each one told that nobody confirms raises the
// bar by penalty, which is worked off at N·penalty a month. So whatever the
// counts are like, and however wrong the model, over T months at most
// N·T + (strength of the strongest)/penalty alarms are told: the bar rises as
// fast as it is worked off (adaptive conformal inference, Gibbs and Candès
// 2021, on the scale of surprise). What is confirmed is refunded.
//
// Series share their noise: what comes within an hour of a told alarm, while
// that goes on, belongs to the same alarm and costs nothing.
type Budget struct {
	warm   traffic.Slot // when the series began to be judged
	alarms float64      // a month
	base   float64      // surprise needed while nothing was told
	bar    float64      // more than that, for what was told
	at     traffic.Slot
	told   []told
	own    []ownBar // of each series
}

// ownBar is what a series has to exceed besides, for what it told.
type ownBar struct {
	bar          float64
	at           traffic.Slot
	from, raised float64 // the strength at which the last alarm was told, and what its growth cost
}

// told is one alarm that counts, of one or several series.
type told struct {
	at, last traffic.Slot
	cost     float64
	series   int
}

const (
	month = 30 * 24 * 60 // minutes
	// barStep is by how much an unconfirmed alarm raises the bar: a false one
	// is told for every e³ candidates of a stationary series, and a real
	// attack is far beyond.
	barStep = 3.0
	// barUse is the share of the alarms allowed that the bar aims at, so that
	// chance keeps them below what was promised, and barRoom how far it may
	// fall where less is told than that.
	barUse  = 0.8
	barRoom = 0.4
	// together is how soon after an alarm another one is part of it, minutes.
	together = 60
	// Candidates is how many candidates detectors may raise for each alarm
	// that may be told.
	Candidates = 5
	// toldLooks is what looks is to a detector alone. It may be lower: what a
	// series tells too often, the bar takes back.
	toldLooks = 6 * 8640
	// While little is known of a series' tails, more is asked: so much at
	// first, and nothing after two weeks.
	warmBar = 6.0
	// A series that told an alarm must show more the next time, and so much
	// less with every minute.
	ownStep   = 4.0
	growStep  = 1
	growMost  = 20
	ownMemory = 45 * 24 * 60
	warmTime  = 14 * 24 * 60
)

// NewBudget returns a Budget for o.Series series and o.AlarmsPerMonth alarms.
func NewBudget(o Options) *Budget {
	n := o.AlarmsPerMonth
	if !(n > 0) {
		n = 1
	}
	return &Budget{own: make([]ownBar, max(1, o.Series)), alarms: n, base: math.Log(max(2, toldLooks*float64(max(1, o.Series))/n))}
}

func (b *Budget) advance(s traffic.Slot) {
	if s > b.at {
		b.bar = max(-barRoom, b.bar-barStep*barUse*b.alarms*float64(s-b.at)/month)
		b.at = s
	}
}

// Offer asks whether a candidate may be told, at the time at which it is as
// strong as it is; times must not go back. An episode that grows is offered
// again. What comes back the next night is a new alarm unless the first was
// confirmed: only then is it known to be no false one, and refunded.
func (b *Budget) Offer(s traffic.Slot, series int, strength float64) bool {
	b.advance(s)
	if n := len(b.told); n > 0 && s <= b.told[n-1].last+together && strength >= b.base {
		b.told[n-1].last = s
		return true
	}
	own := &b.own[series]
	own.bar = max(0, own.bar-ownStep*float64(s-own.at)/ownMemory)
	own.at = s
	need := b.base + b.surcharge(s) + own.bar
	if strength < need+b.bar {
		return false
	}
	if len(b.own) > 1 {
		own.bar = min(own.bar+ownStep, 2*ownStep)
	}
	own.from, own.raised = strength, 0
	b.told = append(b.told, told{at: s, last: s, cost: barStep, series: series})
	if len(b.told) > 64 {
		b.told = slices.Delete(b.told, 0, 32)
	}
	b.bar += barStep
	return true
}

// Lasts says that an alarm of a series told earlier is still going on, and how
// strong it has become. The further it goes beyond what was asked, the heavier
// the series' tail, if it is a false one: that much more is asked of the next.
func (b *Budget) Lasts(s traffic.Slot, series int, strength float64) {
	if n := len(b.told); n > 0 && s > b.told[n-1].last {
		b.told[n-1].last = s
	}
	own := &b.own[series]
	if cost := min(growStep*(strength-own.from), growMost); cost > own.raised {
		own.bar += cost - own.raised
		own.raised = cost
	}
}

// Confirm refunds the alarm that was told at s: it was no false one. It does
// nothing where none was told then, or where it was refunded already.
func (b *Budget) Confirm(s traffic.Slot) {
	for i := range b.told {
		if t := &b.told[i]; t.at == s {
			b.bar, t.cost = max(-barRoom, b.bar-t.cost), 0
			b.own[t.series].bar = 0
		}
	}
}

// hear refunds the alarms that were told for an incident.
func (b *Budget) hear(f Feedback) {
	if f.Kind != Incident {
		return
	}
	for _, t := range b.told {
		if f.holds(t.at) {
			b.Confirm(t.at)
		}
	}
}

// Bar is how improbable an episode must be now to be told: -ln of its
// probability.
func (b *Budget) Bar(s traffic.Slot) float64 {
	b.advance(s)
	return b.base + b.bar + b.surcharge(s)
}

// Begin says when the series began to be judged.
func (b *Budget) Begin(s traffic.Slot) { b.warm = s }

func (b *Budget) surcharge(s traffic.Slot) float64 {
	return warmBar * max(0, 1-float64(max(0, s-b.warm))/warmTime)
}

// ScanAll scans the series of one organisation, which share o.AlarmsPerMonth;
// o.Series is taken from their number. It marks the episodes that are told.
func ScanAll(start traffic.Slot, series [][]float64, o Options, workers int) []Result {
	return Rescan(start, series, nil, nil, 0, 0, o, workers)
}

// Tell runs the episodes of several series past a Budget in the order of time
// and marks those that are told.
func Tell(b *Budget, results []Result, feedback []Feedback) {
	type offer struct {
		high
		series int
		e      *Episode
	}
	begin := traffic.Slot(math.MaxInt64)
	for i := range results {
		begin = min(begin, results[i].Ready)
	}
	b.Begin(begin)
	var offers []offer
	for i := range results {
		for k := range results[i].Episodes {
			e := &results[i].Episodes[k]
			for _, h := range e.highs {
				offers = append(offers, offer{h, i, e})
			}
		}
	}
	slices.SortStableFunc(offers, func(x, y offer) int { return cmp.Compare(x.slot, y.slot) })
	said := slices.Clone(feedback)
	slices.SortStableFunc(said, func(x, y Feedback) int { return cmp.Compare(x.At, y.At) })
	for _, f := range offers {
		for len(said) > 0 && said[0].At <= f.slot {
			b.hear(said[0])
			said = said[1:]
		}
		if f.e.Known == Fine || announced(feedback, f.slot) {
			continue
		}
		if f.e.Told {
			b.Lasts(f.slot, f.series, f.surprise)
			continue
		}
		if b.Offer(f.slot, f.series, f.surprise) {
			f.e.Told, f.e.ToldAt = true, f.slot
		}
	}
}

// Rescan is ScanAll where only some series have changed since before, the
// Results of the same series, and nothing before a slot: only those and what
// leans on them is scanned anew, from the last save before that slot on (see
// Options.Saves), until another. What is scanned anew says nothing of single
// minutes where it begins at a save. The budget of all series is spent again.
// Neither before nor what it holds is changed.
func Rescan(start traffic.Slot, series [][]float64, before []Result, changed []bool, from, until traffic.Slot, o Options, workers int) []Result {
	o.Series = len(series)
	out := make([]Result, len(series))
	each := o
	if !(each.AlarmsPerMonth > 0) {
		each.AlarmsPerMonth = 1
	}
	each.AlarmsPerMonth *= Candidates
	each.Candidates = Candidates
	groups := slices.DeleteFunc(families(len(series), o.Parents), func(g []int) bool {
		if slices.ContainsFunc(g, func(i int) bool { return i >= len(before) || changed[i] }) {
			return false
		}
		for _, i := range g {
			out[i] = before[i]
			out[i].Episodes = slices.Clone(before[i].Episodes)
			for k := range out[i].Episodes {
				out[i].Episodes[k].Told, out[i].Episodes[k].ToldAt = false, 0
			}
		}
		return true
	})
	next := make(chan []int, len(groups))
	for _, g := range groups {
		next <- g
	}
	close(next)
	var wg sync.WaitGroup
	for range max(1, min(workers, len(groups))) {
		wg.Go(func() {
			for g := range next {
				if before == nil || !resumeFamily(start, series, g, each, before, out, int(from-start), int(until-start)) {
					scanFamily(start, series, g, each, out)
				}
			}
		})
	}
	wg.Wait()
	Tell(NewBudget(o), out, o.Feedback)
	return out
}
