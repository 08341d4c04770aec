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
	alarms float64 // a month
	base   float64 // surprise needed while nothing was told
	bar    float64 // more than that, for what was told
	at     traffic.Slot
	told   []told
}

// told is one alarm that counts, of one or several series.
type told struct {
	at, last traffic.Slot
	cost     float64
}

const (
	month = 30 * 24 * 60 // minutes
	// barStep is by how much an unconfirmed alarm raises the bar: a false one
	// is told for every e³ candidates of a stationary series, and a real
	// attack is far beyond.
	barStep = 3.0
	// together is how soon after an alarm another one is part of it, minutes.
	together = 60
	// Candidates is how many candidates detectors may raise for each alarm
	// that may be told.
	Candidates = 5
)

// NewBudget returns a Budget for o.Series series and o.AlarmsPerMonth alarms.
func NewBudget(o Options) *Budget {
	n := o.AlarmsPerMonth
	if !(n > 0) {
		n = 1
	}
	return &Budget{alarms: n, base: math.Log(max(2, looks*float64(max(1, o.Series))/n))}
}

func (b *Budget) advance(s traffic.Slot) {
	if s > b.at {
		b.bar = max(0, b.bar-barStep*b.alarms*float64(s-b.at)/month)
		b.at = s
	}
}

// Offer asks whether a candidate may be told, at the time at which it is as
// strong as it is; times must not go back. An episode that grows is offered
// again. What comes back after an alarm that was told is no new one.
func (b *Budget) Offer(s traffic.Slot, strength float64, again bool) bool {
	b.advance(s)
	if again && strength >= b.base {
		return true
	}
	if n := len(b.told); n > 0 && s <= b.told[n-1].last+together && strength >= b.base {
		b.told[n-1].last = s
		return true
	}
	if strength < b.base+b.bar {
		return false
	}
	b.told = append(b.told, told{s, s, barStep})
	if len(b.told) > 64 {
		b.told = slices.Delete(b.told, 0, 32)
	}
	b.bar += barStep
	return true
}

// Lasts says that an alarm told earlier is still going on.
func (b *Budget) Lasts(s traffic.Slot) {
	if n := len(b.told); n > 0 && s > b.told[n-1].last {
		b.told[n-1].last = s
	}
}

// Confirm refunds the alarm that was told at s: it was no false one. It does
// nothing where none was told then, or where it was refunded already.
func (b *Budget) Confirm(s traffic.Slot) {
	for i := range b.told {
		if t := &b.told[i]; t.at == s && t.cost > 0 {
			b.bar, t.cost = max(0, b.bar-t.cost), 0
		}
	}
}

// Bar is how improbable an episode must be now to be told: -ln of its
// probability.
func (b *Budget) Bar(s traffic.Slot) float64 {
	b.advance(s)
	return b.base + b.bar
}

// ScanAll scans the series of one organisation, which share o.AlarmsPerMonth;
// o.Series is taken from their number. It marks the episodes that are told.
func ScanAll(start traffic.Slot, series [][]float64, o Options, workers int) []Result {
	o.Series = len(series)
	out := make([]Result, len(series))
	each := o
	if !(each.AlarmsPerMonth > 0) {
		each.AlarmsPerMonth = 1
	}
	each.AlarmsPerMonth *= Candidates
	each.Candidates = Candidates
	next := make(chan int, len(series))
	for i := range series {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for range max(1, min(workers, len(series))) {
		wg.Go(func() {
			for i := range next {
				out[i] = Scan(start, series[i], each)
			}
		})
	}
	wg.Wait()
	Tell(NewBudget(o), out)
	return out
}

// Tell runs the episodes of several series past a Budget in the order of time
// and marks those that are told.
func Tell(b *Budget, results []Result) {
	type offer struct {
		high
		series int
		e      *Episode
	}
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
	before := make([]*Episode, len(results))
	for _, f := range offers {
		if f.e.Told {
			b.Lasts(f.slot)
			continue
		}
		last := before[f.series]
		again := f.e.Again && last != nil && last.Up == f.e.Up && f.e.Onset-last.End <= chainGap
		if b.Offer(f.slot, f.surprise, again) {
			f.e.Told, f.e.ToldAt = true, f.slot
			before[f.series] = f.e
		}
	}
}
