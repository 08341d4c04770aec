package abuse

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

// Arrival is many accounts that came into use within a day and stayed: a house
// that was merged in, a year of pupils.
type Arrival struct {
	Accounts    int
	Of          int   // accounts that there are
	First, Last int64 // Unix nanoseconds, of their first sign-ins
	Services    []maillog.Service
	Refs        []traffic.Ref
}

// An arrival is of so many accounts and of such a share of all, within a day;
// some people are not there in the first days of any logs, so it must come later,
// and be many times as many as come on other days.
const (
	minArrived    = 6
	arrivedShare  = 0.08
	arrivedWithin = 24 * 3600e9
	arrivedAfter  = 4 * 24 * 3600e9
	arrivedRatio  = 4
)

// Arrivals finds the largest, in logs that begin at a time (Unix nanoseconds).
// Whoever opens mailboxes that were not used before does so from rented machines
// or from one of the organisation's own, or does not come back: those are none.
// Nor are the accounts of a service that itself was not seen before: its logs
// began later.
func (p *Profiles) Arrivals(begin int64) (Arrival, bool) {
	var began [16]int64 // when each was first used
	for i := range began {
		began[i] = math.MaxInt64
	}
	var all []*Account
	for _, a := range p.accounts {
		for _, pl := range a.places {
			for i := range began {
				if pl.Services&(1<<i) != 0 {
					began[i] = min(began[i], pl.First)
				}
			}
		}
		if a.First >= begin+arrivedAfter {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b *Account) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Name, b.Name))
	})
	from, to := 0, 0
	for i, k := 0, 0; k < len(all); k++ {
		for all[k].First > all[i].First+arrivedWithin {
			i++
		}
		if k+1-i > to-from {
			from, to = i, k+1
		}
	}
	m := Arrival{Of: len(p.accounts)}
	used := uint16(0)
	for _, a := range all[from:to] {
		stays := false
		for _, pl := range a.places {
			n := pl.Network.Value()
			if pl.Success == 0 || rented(n) || n.Kind == traffic.KindInternal || bits.OnesCount64(pl.Days) < 2 || slices.ContainsFunc(pl.Sources, p.hostile) {
				continue
			}
			for i := range began {
				if pl.Services&(1<<i) != 0 && began[i] < a.First-int64(minHistory) {
					stays = true
					used |= 1 << i
				}
			}
		}
		if !stays {
			continue
		}
		if m.Accounts == 0 {
			m.First = a.First
		}
		m.Accounts++
		m.Last = a.First
		for _, pl := range a.places {
			if pl.First == a.First {
				for _, ref := range pl.Refs {
					m.Refs = keepRef(m.Refs, ref)
				}
			}
		}
	}
	m.Services = services(used)
	others := len(all) - (to - from)
	return m, m.Accounts >= minArrived && float64(m.Accounts) >= arrivedShare*float64(len(p.accounts)) && m.Accounts >= arrivedRatio*others
}
