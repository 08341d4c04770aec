package pipeline

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"mailvigil/anomaly"
	"mailvigil/baseline"
	"mailvigil/maillog"
	"mailvigil/traffic"
)

// family is which of a service's events a series counts. Failures and errors
// are watched apart from the rest: a few hundred wrong passwords vanish in a
// day's traffic, and stand out among failures.
type family string

const (
	everyday family = "traffic" // all but failures and errors
	failures family = "failures"
	faults   family = "errors"
	hosting  family = "hosting" // signed-in use from hosting networks, all services
)

// series is one watched series.
type series struct {
	service maillog.Service // ServiceNone: all
	family  family
	part    part // of it alone; zero is all of it
	counts  []float64
	result  anomaly.Result
}

func (s *series) match(l *traffic.Leaf) bool {
	if s.service != maillog.ServiceNone && l.Service != s.service || !s.part.match(l) {
		return false
	}
	switch s.family {
	case failures:
		return l.Outcome == maillog.Failure || l.Outcome == maillog.Denied
	case faults:
		return l.Outcome == maillog.Error || l.Outcome == maillog.Refused
	case hosting:
		return l.Outcome == maillog.Success && l.Network.Value().Kind == traffic.KindHosting
	}
	return l.Outcome == maillog.Success || l.Outcome == maillog.OutcomeNone
}

// gap is a time that the logs of a format do not cover.
type gap struct {
	format   maillog.Format
	from, to traffic.Slot // to is the first slot after it
}

// Logs that speak nearly every hour are missed after half a day; those of a
// small webmail that may sleep through a weekend after three days. Shorter
// silence is silence, which is a finding of its own.
const (
	gapHours     = 12
	gapHoursRare = 72
	rareBelow    = 0.7 // share of hours with a line, below which a log is rare
)

func (r *run) findGaps() {
	first := r.cells.Start.Unix() / 3600
	last := (r.cells.Start + traffic.Slot(r.cells.Slots) - 1).Unix() / 3600
	formats := make([]maillog.Format, 0, len(r.hours))
	for f := range r.hours {
		formats = append(formats, f)
	}
	slices.Sort(formats)
	for _, f := range formats {
		hours := r.hours[f]
		limit := int64(gapHours)
		if !aroundTheClock(hours) && float64(len(hours)) < rareBelow*float64(last-first+1) {
			limit = gapHoursRare
		}
		empty := first
		for h := first; h <= last+1; h++ {
			if h <= last && !hours[h] {
				continue
			}
			if h-empty >= limit {
				r.gaps = append(r.gaps, gap{f, traffic.Slot(empty * 60), traffic.Slot(h * 60)})
			}
			empty = h + 1
		}
	}
}

// aroundTheClock reports whether a log, where it speaks at all, does so day and
// night: then what is silent for a day is missing, even if half of all days are.
func aroundTheClock(hours map[int64]bool) bool {
	const pause = 3 // hours without a line, at the most, within a stretch
	list := slices.Sorted(maps.Keys(hours))
	stretches, span := 0, int64(0)
	for i := 0; i < len(list); {
		k := i
		for k+1 < len(list) && list[k+1]-list[k] <= pause {
			k++
		}
		stretches++
		span += list[k] - list[i] + 1
		i = k + 1
	}
	return stretches > 0 && span >= 20*int64(stretches) && int64(len(list))*10 >= 9*span
}

// missing is the largest share of the time that is missing of a log on which a
// service rests.
func (r *run) missing() float64 {
	return r.missingOf(r.cells.Start+traffic.Slot(r.cells.Slots), nil)
}

// missingOf is the same of the time before a slot and of some services; nil are
// all.
func (r *run) missingOf(until traffic.Slot, services []maillog.Service) float64 {
	most := 0.0
	by := make(map[maillog.Format]traffic.Slot)
	for _, g := range r.gaps {
		by[g.format] += max(0, min(g.to, until)-g.from)
	}
	for f, n := range by {
		for s, m := range r.mix {
			if services != nil && !slices.Contains(services, s) {
				continue
			}
			all := int64(0)
			for _, k := range m {
				all += k
			}
			if m[f]*5 >= all && m[f] > 0 {
				most = max(most, float64(n)/float64(max(1, until-r.cells.Start)))
			}
		}
	}
	return most
}

// The doors of a mail service: who comes in by one is not seen at the others.
var doors = []struct {
	name     string
	services []maillog.Service
}{
	{"the web server (webmail, and phones over ActiveSync)", []maillog.Service{maillog.Webmail, maillog.OWA, maillog.ActiveSync, maillog.DAV}},
	{"the mailbox server (IMAP, POP3 and the like)", []maillog.Service{maillog.IMAP, maillog.POP3, maillog.EWS, maillog.MAPI, maillog.JMAP}},
	{"mail submission (who sent)", []maillog.Service{maillog.Submission}},
}

// closedDoors are the doors that no log shows.
func (r *run) closedDoors() (closed []string, open int) {
	for _, d := range doors {
		n := int64(0)
		for _, s := range d.services {
			for _, k := range r.mix[s] {
				n += k
			}
		}
		if n == 0 {
			closed = append(closed, d.name)
		} else {
			open++
		}
	}
	return closed, open
}

// blind marks the slots in which the logs that a service's events mostly come
// from are missing: not seen is not zero.
func (r *run) blind(s *series) {
	for _, g := range r.gaps {
		var from, all int64
		for service, m := range r.mix {
			if s.service == maillog.ServiceNone || s.service == service {
				for f, n := range m {
					all += n
					if f == g.format {
						from += n
					}
				}
			}
		}
		if from*5 < all || from == 0 {
			continue
		}
		for t := max(g.from, r.cells.Start); t < g.to && int(t-r.cells.Start) < len(s.counts); t++ {
			s.counts[t-r.cells.Start] = math.NaN()
		}
	}
}

// minSeries is how many events a series must hold to be watched on its own.
const minSeries = 30

// savedEvery is how many minutes apart scans are kept for what-ifs.
const savedEvery = 36 * 60

// scan runs all series through baseline and anomaly. Where only some of what
// was scanned before has changed, and only for a while, the rest is taken from
// there.
func (r *run) scan(before []*series, changed func(*series) bool, during interval) []*series {
	all, parents := r.list()
	o := r.anomalyOptions()
	o.Parents = parents
	if r.opt.Sensitivity.Injections > 0 && before == nil {
		o.Saves = savedEvery
	}
	counts, results, anew := make([][]float64, len(all)), []anomaly.Result(nil), make([]bool, len(all))
	for i, x := range all {
		counts[i] = x.counts
	}
	if before != nil {
		results = make([]anomaly.Result, len(all))
		for i, x := range all {
			k := slices.IndexFunc(before, func(b *series) bool { return b.same(x) })
			if anew[i] = k < 0 || changed(x); k >= 0 {
				results[i] = before[k].result
			}
		}
	}
	for i, result := range anomaly.Rescan(r.cells.Start, counts, results, anew, during.from, during.to, o, r.opt.Workers) {
		all[i].result = result
	}
	return all
}

// list gives the series that are watched, and of each the index of that which
// it is a part of, or -1.
func (r *run) list() (all []*series, parents []int) {
	whole := make(map[family]int) // where the series of all services stands
	of := make(map[kept]int)      // where the series of one service stands
	add := func(s maillog.Service, f family, p part) {
		x := &series{service: s, family: f, part: p}
		n := 0.0
		x.counts = r.cells.Series(x.match)
		for _, c := range x.counts {
			n += c
		}
		if n < minSeries {
			return
		}
		r.blind(x)
		parent := -1
		if i, ok := whole[f]; ok {
			parent = i
		}
		if i, ok := of[kept{service: s, family: f}]; ok && p != (part{}) {
			parent = i
		}
		if s == maillog.ServiceNone {
			whole[f] = len(all)
		} else if p == (part{}) {
			of[kept{service: s, family: f}] = len(all)
		}
		all, parents = append(all, x), append(parents, parent)
	}
	services := make([]maillog.Service, 0, len(r.mix))
	for s := range r.mix {
		if s != maillog.ServiceNone {
			services = append(services, s)
		}
	}
	slices.Sort(services)
	add(maillog.ServiceNone, failures, part{})
	add(maillog.ServiceNone, faults, part{})
	add(maillog.ServiceNone, hosting, part{})
	for _, s := range services {
		if s != maillog.Web { // requests that are no business of the mail service
			add(s, everyday, part{})
		}
		add(s, failures, part{})
		add(s, faults, part{})
	}
	if r.opt.Detailed {
		for _, x := range r.details() {
			add(x.service, x.family, x.part)
		}
	}
	return all, parents
}

// anomalyOptions are those of a search: what is found is not told to anybody
// before its cause was sought and weighed.
func (r *run) anomalyOptions() anomaly.Options {
	return anomaly.Options{
		Options:        baseline.Options{Location: r.opt.Location, Calendar: r.opt.Calendar},
		AlarmsPerMonth: r.opt.AlarmsPerMonth,
		KeepLevel:      true,
		Feedback:       r.opt.Feedback,
	}
}

// each runs f for 0..n-1 with the run's workers.
func (r *run) each(n int, f func(int)) {
	var wg sync.WaitGroup
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	for range min(r.opt.Workers, n) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	wg.Wait()
}

// interval of slots, to not included.
type interval struct{ from, to traffic.Slot }

func (i interval) overlaps(o interval) bool { return i.from < o.to && o.from < i.to }

// excess is something that departs from the expected: the alarms of one
// series that belong together.
type excess struct {
	series    *series
	up        bool
	episodes  []anomaly.Episode
	intervals []interval
	observed  float64
	expected  float64
	z         float64
}

func (x *excess) whole() interval {
	return interval{x.intervals[0].from, x.intervals[len(x.intervals)-1].to}
}

func (x *excess) size() float64 { return math.Abs(x.observed - x.expected) }

// joinWithin is how long after an alarm the next one of the same series and
// direction still belongs to it: trouble of the night comes back the next.
const joinWithin = traffic.Slot(26 * time.Hour / time.Minute)

// alike reports whether two alarms may be of one thing. Bursts of everyday
// guessing come at any time: a small one before or after the failures of an
// attack is none of it.
func alike(s *series, a, b anomaly.Episode) bool {
	if s.family != failures {
		return true
	}
	x, y := a.Observed-a.Expected, b.Observed-b.Expected
	return min(x, y) >= max(x, y)/8
}

// restWithin is how long nothing may have happened for a rise to be going on.
const restWithin = traffic.Slot(3 * time.Hour / time.Minute)

// excesses joins the alarms of each series.
func (r *run) excesses(all []*series) []*excess {
	var out []*excess
	for _, s := range all {
		for _, up := range []bool{true, false} {
			var x *excess
			if !up && s.part != (part{}) {
				continue // those who are missed here are mostly somewhere else
			}
			for _, e := range s.result.Episodes {
				if e.Up != up {
					continue
				}
				from, to := min(e.Onset, e.Start), max(e.End, e.Start+1)
				if up {
					// A series that is nearly always zero takes long to be at rest.
					for to > e.Start+1 && s.counts[to-1-r.cells.Start] == 0 {
						to--
					}
					e.Ongoing = e.Ongoing && e.End-to < restWithin
					e.End = to
				}
				if x == nil || from-x.intervals[len(x.intervals)-1].to > joinWithin || !alike(s, x.episodes[len(x.episodes)-1], e) {
					x = &excess{series: s, up: up}
					out = append(out, x)
				}
				if n := len(x.intervals); n > 0 && from < x.intervals[n-1].to {
					x.intervals[n-1].to = max(x.intervals[n-1].to, to)
				} else {
					x.intervals = append(x.intervals, interval{from, to})
				}
				x.episodes = append(x.episodes, e)
				x.observed += e.Observed
				x.expected += e.Expected
				x.z = max(x.z, math.Abs(e.Z))
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *excess) int { return cmp.Compare(b.size(), a.size()) })
	return out
}
