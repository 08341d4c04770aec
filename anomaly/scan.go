package anomaly

import (
	"math"
	"slices"

	"mailvigil/baseline"
	"mailvigil/traffic"
)

// Result of a Scan.
type Result struct {
	Expected, Lower, Upper []float64 // per minute, as known when the minute came
	// P is the probability of counts as far from the expected, either way, as
	// the tests saw them in each minute; NaN where it was not judged.
	P        []float64
	Ready    traffic.Slot // the first slot that was judged; the slot after the last where none was
	Episodes []Episode    // in the order of time
	// SmallestRise is, by hour of the local day, the smallest rise (0.3 is
	// +30 %) that this series shows within 15 minutes nine times in ten;
	// +Inf where none does or nothing was judged.
	SmallestRise [24]float64

	saves []save // see Options.Saves
}

// save is a scan as it stood before a minute.
type save struct {
	at       int
	episodes int
	detector Detector
	model    baseline.Model
}

// Scan runs one series of the past through model and detector in event time,
// exactly as a live run would: it answers first, learns a day later, and
// heeds suspicion. A count that is NaN or negative was not seen.
func Scan(start traffic.Slot, counts []float64, o Options) Result {
	s := newScanner(start, counts, o)
	for i := range counts {
		s.step(i)
	}
	return s.result()
}

// scanner is one series on its way through a detector.
type scanner struct {
	start  traffic.Slot
	counts []float64
	d      *Detector
	r      Result
	rises  [24][]float64
	saved  int // minutes between two saves, 0: none are kept
}

func newScanner(start traffic.Slot, counts []float64, o Options) *scanner {
	n := len(counts)
	buffer := make([]float64, 4*n)
	return &scanner{start: start, counts: counts, d: NewDetector(o), saved: o.Saves, r: Result{
		Expected: buffer[:n:n], Lower: buffer[n : 2*n : 2*n], Upper: buffer[2*n : 3*n : 3*n], P: buffer[3*n:],
		Ready: start + traffic.Slot(n),
	}}
}

// resume goes on from a save, with other counts from there on. What it says
// minute by minute is left out.
func resume(start traffic.Slot, counts []float64, from *save, before *Result) *scanner {
	d, m := from.detector, from.model
	d.model = &m
	d.episode.highs = slices.Clone(d.episode.highs)
	return &scanner{start: start, counts: counts, d: &d, r: Result{
		Ready: before.Ready, Episodes: slices.Clone(before.Episodes[:from.episodes]),
	}}
}

func (c *scanner) step(i int) {
	d, r, s := c.d, &c.r, c.start+traffic.Slot(i)
	if c.saved > 0 && i%c.saved == 0 {
		x := save{at: i, episodes: len(r.Episodes), detector: *d, model: *d.model}
		x.detector.episode.highs = slices.Clone(d.episode.highs)
		r.saves = append(r.saves, x)
	}
	j := d.Step(s, c.counts[i])
	if r.Expected == nil {
		if j.Over {
			r.Episodes = append(r.Episodes, d.Episode())
		}
		return
	}
	r.Expected[i], r.Lower[i], r.Upper[i] = j.Expected, j.Lower, j.Upper
	r.P[i] = math.NaN()
	if j.Ready {
		r.P[i] = min(1, 2*tail(math.Abs(j.Z)))
	}
	if j.Over {
		r.Episodes = append(r.Episodes, d.Episode())
	}
	if d.judged && i%window == 0 && i >= len(c.counts)-7*24*60 {
		h := d.model.Hour(s)
		c.rises[h] = append(c.rises[h], d.SmallestRise(s))
	}
}

func (c *scanner) result() Result {
	d, r := c.d, &c.r
	if d.judged {
		r.Ready = d.ready
	}
	if d.active {
		if d.recovery.sum == 0 && d.episode.End > d.episode.Start && d.episode.End < d.episode.Start+180 {
			d.date(d.episode.End, min(d.episode.Start, d.episode.OnsetInterval[0]))
		}
		r.Episodes = append(r.Episodes, d.Episode())
	}
	if r.Expected == nil {
		return *r
	}
	for h, x := range c.rises {
		r.SmallestRise[h] = math.Inf(1)
		if len(x) > 0 {
			slices.Sort(x)
			r.SmallestRise[h] = x[len(x)/2]
		}
	}
	return *r
}

// families groups series that lean on each other, each group in the order of
// its indices, parents first.
func families(n int, parents []int) [][]int {
	root := make([]int, n)
	var out [][]int
	group := make(map[int]int)
	for i := range n {
		root[i] = i
		if i < len(parents) && parents[i] >= 0 && parents[i] < i {
			root[i] = root[parents[i]]
		}
		g, ok := group[root[i]]
		if !ok {
			g = len(out)
			group[root[i]] = g
			out = append(out, nil)
		}
		out[g] = append(out[g], i)
	}
	return out
}

// scanFamily runs series that lean on each other minute by minute, so that
// each knows of its parent what a live run would.
func scanFamily(start traffic.Slot, series [][]float64, family []int, o Options, out []Result) {
	list := make([]*scanner, len(family))
	for k, i := range family {
		each := o
		if p := parentOf(o.Parents, family[:k], i); p >= 0 {
			each.Parent = list[p].d.model
		}
		list[k] = newScanner(start, series[i], each)
	}
	runFamily(list, 0, len(series[family[0]]))
	for k, i := range family {
		out[i] = list[k].result()
	}
}

func runFamily(list []*scanner, from, until int) {
	for m := from; m < until; m++ {
		for _, c := range list {
			c.step(m)
		}
	}
}

// parentOf is the place of a series' parent in a list, -1 where it is not there.
func parentOf(parents, list []int, i int) int {
	if i >= len(parents) {
		return -1
	}
	return slices.Index(list, parents[i])
}

// resumeFamily is scanFamily from the last save before a minute on, until
// another. It reports whether there was one.
func resumeFamily(start traffic.Slot, series [][]float64, family []int, o Options, before, out []Result, from, until int) bool {
	list := make([]*scanner, len(family))
	at := -1
	for k, i := range family {
		last := -1
		for n := range before[i].saves {
			if before[i].saves[n].at <= from {
				last = n
			}
		}
		if last < 0 || k > 0 && before[i].saves[last].at != at {
			return false
		}
		at = before[i].saves[last].at
		list[k] = resume(start, series[i], &before[i].saves[last], &before[i])
		if p := parentOf(o.Parents, family[:k], i); p >= 0 {
			list[k].d.model.LeanOn(list[p].d.model)
		}
	}
	runFamily(list, at, min(until, len(series[family[0]])))
	for k, i := range family {
		out[i] = list[k].result()
	}
	return true
}

// SmallestRise is the smallest rise around a slot (0.3 is +30 %) that is seen
// within 15 minutes nine times in ten, +Inf where no rise is.
//
// A rise ρ is seen when what it adds exceeds the threshold's deviates of
// harmless counts and, nine times in ten, 1.28 deviates of its own. Where the
// mean itself is uncertain by a variance v, no rise is seen whose own share
// of that, 1.28·(1+ρ)·√v, outgrows it.
func (d *Detector) SmallestRise(s traffic.Slot) float64 {
	e := d.model.Expect(s)
	if !e.Ready || e.Mean <= 0 {
		return math.Inf(1)
	}
	m := window * e.Mean
	scale := d.scaleOf(d.model.Hour(s))
	_, left := d.ahead(e.Uncertainty)
	// What the tail is heavier than the model's asks for a stronger rise.
	_, told := d.needs()
	harmless := told * scale * math.Sqrt(e.Dispersion*m+left*m*m)
	rho := 0.0
	for range 50 {
		k := 1 + rho
		next := (max(harmless, minExcess) + 1.28*math.Sqrt(e.Dispersion*m*k+left*m*m*k*k)) / m
		if next > 1e6 {
			return math.Inf(1)
		}
		if next-rho < 1e-4*next {
			return next
		}
		rho = next
	}
	return rho
}

// Join makes one episode of neighbours in the same direction that lie at most
// quiet minutes apart: an incident that comes back every night is one, from
// the first night's onset. Episodes must be in the order of time, as Scan
// returns them; quiet of a day joins night to night.
func Join(episodes []Episode, quiet int) []Episode {
	var joined []Episode
	last := map[bool]int{}
	for _, e := range episodes {
		i, ok := last[e.Up]
		if !ok || e.Onset-joined[i].End > traffic.Slot(quiet) {
			last[e.Up] = len(joined)
			joined = append(joined, e)
			continue
		}
		joined[i] = join(joined[i], e)
	}
	return joined
}

func join(a, b Episode) Episode {
	a.End, a.Ongoing = max(a.End, b.End), b.Ongoing
	a.Observed += b.Observed
	a.Expected += b.Expected
	a.noise += b.noise
	a.shared += b.shared
	a.setInterval()
	a.SizeInterval = [2]float64{min(a.SizeInterval[0], b.SizeInterval[0]), max(a.SizeInterval[1], b.SizeInterval[1])}
	if a.Expected > 0 {
		a.Size = a.Observed / a.Expected
	}
	if math.Abs(b.Z) > math.Abs(a.Z) {
		a.Z, a.P, a.AlarmsPerMonth = b.Z, b.P, b.AlarmsPerMonth
	}
	return a
}
