package incident

import (
	"maps"
	"slices"
	"time"

	"mailvigil/verdict"
)

// How one thing is known again
//
// A verdict is made anew every minute over the whole of the recent past. The
// ids in it, the order and even how many things it tells may change, while the
// thing is the same. So each is compared by its marks with every part of every
// incident: who and what it is made of, where, when. Marks are worth points,
// which are judgements and stand here alone:
//
//	+3  an account in other hands is the same
//	+3  at least half of the fewer sources are the same; +1 some are; -3 none is
//	+3  a cause is the same; +2 one is a part of the other; -2 they contradict
//	    each other; +1 one of them, or both, name none
//	+1  the kind is of the same family, or one of them is undetermined
//	+1  the name is the same
//	+1  they touch the same service; -2 none is the same
//	+1  the onset is the same, by its intervals or within an hour
//	+1  they overlap in time
//
// Nothing is the same that is further apart in time than Options.Together; and
// an attack, a fault and something harmless are the same only if an account,
// the sources or a cause say so. From same points on, it can be the same; from
// surely on, it is, even where the verdict tells of two things.
//
// Limits: an attacker who changes addresses and methods at once is another
// incident; two clients that begin to misbehave in the same minute at the same
// service are one until the verdict has told them apart.
const (
	same   = 4
	surely = 6
	// old is enough where an incident was closed and all was known by then: a
	// cause that is judged otherwise later does not make another thing of it.
	old = 3
)

// sameOnset is how far apart onsets of the same thing may be judged.
const sameOnset = time.Hour

// family of a kind.
func family(k verdict.Kind) string {
	switch k {
	case verdict.Attack:
		return "attack"
	case verdict.Fault:
		return "fault"
	case verdict.Undetermined:
		return ""
	}
	return "harmless"
}

// likeness gives the points of two things that were judged, whatever the time
// between them, and that time.
func likeness(a, b *verdict.Incident) (points int, gap time.Duration) {
	gap = apart(a.Onset, a.End, b.Onset, b.End)
	marked := false
	mark := func(n int) {
		points += n
		marked = marked || n >= 2
	}
	accounts := common(a.Compromised, b.Compromised)
	if accounts > 0 {
		mark(3)
	}
	if fewer := min(len(a.Sources), len(b.Sources)); fewer > 0 {
		switch both := common(a.Sources, b.Sources); {
		case both*2 >= fewer:
			mark(3)
		case both > 0:
			mark(1)
		case accounts == 0:
			mark(-3)
		}
	}
	mark(causes(a.Cause, b.Cause))
	fa, fb := family(a.Kind), family(b.Kind)
	if fa == fb || fa == "" || fb == "" {
		points++
	} else if !marked {
		return 0, gap
	}
	if a.Name == b.Name {
		points++
	}
	points += services(a.Services, b.Services)
	if apart(a.OnsetInterval[0], a.OnsetInterval[1], b.OnsetInterval[0], b.OnsetInterval[1]) == 0 || a.Onset.Sub(b.Onset).Abs() <= sameOnset {
		points++
	}
	if gap == 0 {
		points++
	}
	return points, gap
}

// exact counts the marks of two things that are the very same: of what is alike,
// the one that did not change at all is meant.
func exact(a, b *verdict.Incident) (n int) {
	return number(a.Kind == b.Kind) + number(a.Name == b.Name) + number(slices.Equal(a.Services, b.Services)) +
		number(slices.Equal(a.Compromised, b.Compromised)) + number(slices.Equal(a.Sources, b.Sources)) +
		number(slices.EqualFunc(a.Cause, b.Cause, maps.Equal))
}

func services(a, b []string) int {
	switch {
	case len(a) == 0 && len(b) == 0 || common(a, b) > 0:
		return 1
	case len(a) == 0 || len(b) == 0:
		return 0
	}
	return -2
}

// broad attributes set nothing apart: everybody has them.
var broad = []string{"service", "action", "outcome", "status"}

// particular is what of a cause sets it apart.
func particular(cause []map[string]string) (list []map[string]string) {
	for _, c := range cause {
		c = maps.Clone(c)
		maps.DeleteFunc(c, func(k, _ string) bool { return slices.Contains(broad, k) })
		if len(c) > 0 {
			list = append(list, c)
		}
	}
	return list
}

// causes gives the points of two causes: of the pair of sets that fits best.
func causes(a, b []map[string]string) int {
	pa, pb := particular(a), particular(b)
	if len(pa) == 0 || len(pb) == 0 {
		return 1
	}
	best := -2
	for _, x := range pa {
		for _, y := range pb {
			shared, differ := 0, 0
			for k, v := range x {
				if w, ok := y[k]; ok && w == v {
					shared++
				} else if ok {
					differ++
				}
			}
			switch {
			case shared == len(x) && shared == len(y):
				best = max(best, 3)
			case differ > 0:
			case shared == min(len(x), len(y)):
				best = max(best, 2)
			default:
				best = max(best, 0) // of different attributes: nothing is said
			}
		}
	}
	return best
}

// common counts what two lists have in common.
func common(a, b []string) (n int) {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) == 0 {
		return 0
	}
	set := make(map[string]bool, len(a))
	for _, x := range a {
		set[x] = true
	}
	for _, x := range b {
		if set[x] {
			n++
			delete(set, x)
		}
	}
	return n
}

// apart is the time between two stretches of time, 0 where they touch.
func apart(from, to, from2, to2 time.Time) time.Duration {
	switch {
	case from2.After(to):
		return from2.Sub(to)
	case from.After(to2):
		return from.Sub(to2)
	}
	return 0
}

// outageGap is how far apart an outage and what logs tell of it may be, since
// probes ask every minute or so.
const outageGap = 30 * time.Minute

// outLikeness gives the points of an outage and something judged: a fault of the
// same service at the same time is it, and so may be that fewer came.
func outLikeness(o *Outage, j *verdict.Incident, now time.Time) int {
	if services([]string{o.Service}, j.Services) < 0 || apart(o.Onset[1], o.until(now), j.Onset, j.End) > outageGap {
		return 0
	}
	switch {
	case j.Kind == verdict.Fault:
		return surely
	case j.Kind == verdict.Undetermined && j.Excess < 0:
		return same
	}
	return 0
}

// until is the end of an outage, now as long as it lasts.
func (o *Outage) until(now time.Time) time.Time {
	if o.End.IsZero() {
		return now
	}
	return o.End
}
