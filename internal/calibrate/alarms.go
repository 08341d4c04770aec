package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"mailvigil/anomaly"
	"mailvigil/baseline"
	"mailvigil/traffic"
)

const (
	orgSeries  = 50
	learnDays  = 14
	orgDays    = 74
	warmFrom   = 4
	sameWithin = 60 // minutes within which alarms of an organisation are one
)

// quiet is what organisations in which nothing happens were told.
type quiet struct {
	Months     float64 `json:"organisation_months"`
	Series     int     `json:"series"`
	Episodes   int     `json:"episodes"`
	PerMonth   float64 `json:"per_month"`
	Upper      float64 `json:"per_month_upper_95"`
	Candidates float64 `json:"candidates_per_month"`
	Warm       int     `json:"warm_episodes"`
	WarmMonths float64 `json:"warm_months"`
	WarmMonth  float64 `json:"warm_per_month"`

	// Of minutes judged, how many exceed the tail of this probability, as a
	// multiple of it, up and down.
	Tail map[string][2]float64 `json:"tail_exceedance"`
}

// toldEpisodes gives the times of a set of results' alarms, alarms that overlap
// or lie within an hour being one.
func toldEpisodes(results []anomaly.Result) []traffic.Slot {
	var told [][2]traffic.Slot
	for _, r := range results {
		for _, e := range r.Episodes {
			if e.Told {
				told = append(told, [2]traffic.Slot{e.ToldAt, max(e.End, e.ToldAt)})
			}
		}
	}
	slices.SortFunc(told, func(a, b [2]traffic.Slot) int { return int(a[0] - b[0]) })
	var out []traffic.Slot
	var end traffic.Slot
	for i, t := range told {
		if i == 0 || t[0] > end+sameWithin {
			out = append(out, t[0])
			end = t[1]
		}
		end = max(end, t[1])
	}
	return out
}

var tailsAsked = []struct {
	name string
	p    float64
}{{"1e-2", 1e-2}, {"1e-3", 1e-3}, {"1e-4", 1e-4}}

func alarms(orgs int) quiet {
	q := quiet{Series: orgSeries, Months: float64(orgs) * (orgDays - learnDays) / 30, WarmMonths: float64(orgs) * (learnDays - warmFrom) / 30}
	var mu sync.Mutex
	var windows float64
	beyond := make([][2]float64, len(tailsAsked))
	each(orgs, func(i int) {
		o := newOrganisation(uint64(i), orgDays, orgSeries, false)
		results := anomaly.ScanAll(o.start, o.series, anomaly.Options{Options: baseline.Options{Location: o.loc, Calendar: o.cal}}, 1)
		w, b := tails(o)
		mu.Lock()
		defer mu.Unlock()
		windows += w
		for i := range beyond {
			beyond[i][0] += b[i][0]
			beyond[i][1] += b[i][1]
		}
		for _, s := range toldEpisodes(results) {
			switch day := float64(s-o.start) / minutesOfDay; {
			case day >= learnDays:
				q.Episodes++
			case day >= warmFrom:
				q.Warm++
			}
		}
		for _, r := range results {
			for _, e := range r.Episodes {
				if e.Start >= o.start+learnDays*minutesOfDay {
					q.Candidates++
				}
			}
		}
	})
	q.Candidates /= q.Months
	q.PerMonth = float64(q.Episodes) / q.Months
	q.Upper = poissonUpper(q.Episodes) / q.Months
	q.WarmMonth = float64(q.Warm) / q.WarmMonths
	q.Tail = tailShares(windows, beyond)
	return q
}

// tails counts the exceedances of every tenth series of an organisation.
func tails(o *organisation) (windows float64, beyond [][2]float64) {
	beyond = make([][2]float64, len(tailsAsked))
	opt := anomaly.Options{Options: baseline.Options{Location: o.loc, Calendar: o.cal}}
	for k := 0; k < len(o.series); k += 10 {
		w, x := countTails(o.start, o.series[k], opt, learnDays*minutesOfDay, uint64(k))
		windows += w
		for i := range beyond {
			beyond[i][0] += x[i][0]
			beyond[i][1] += x[i][1]
		}
	}
	return windows, beyond
}

// countTails counts how often the judgement of windows that do not overlap
// exceeds the tail probabilities, up and down, after the first minutes.
func countTails(start traffic.Slot, counts []float64, o anomaly.Options, after int, seed uint64) (windows float64, beyond [][2]float64) {
	beyond = make([][2]float64, len(tailsAsked))
	r := rand.New(rand.NewPCG(9, seed))
	d := anomaly.NewDetector(o)
	for i, c := range counts {
		j := d.Step(start+traffic.Slot(i), c)
		if i%riseWindow != riseWindow-1 || i < after || !j.Ready {
			continue
		}
		p := d.Probability(r.Float64())
		if math.IsNaN(p) {
			continue
		}
		windows++
		for a, t := range tailsAsked {
			if p < t.p {
				beyond[a][0]++
			}
			if p > 1-t.p {
				beyond[a][1]++
			}
		}
	}
	return windows, beyond
}

func tailShares(windows float64, beyond [][2]float64) map[string][2]float64 {
	out := map[string][2]float64{}
	for i, t := range tailsAsked {
		out[t.name] = [2]float64{beyond[i][0] / max(1, windows) / t.p, beyond[i][1] / max(1, windows) / t.p}
	}
	return out
}

// poissonUpper is the upper end of the one-sided 95 % interval of a Poisson
// mean of which n were counted.
func poissonUpper(n int) float64 {
	lo, hi := float64(n), float64(n)+10+6*math.Sqrt(float64(n)+1)
	for range 60 {
		m := (lo + hi) / 2
		p, sum := math.Exp(-m), 0.0
		for k := 0; k <= n; k++ {
			sum += p
			p *= m / float64(k+1)
		}
		if sum > 0.05 {
			lo = m
		} else {
			hi = m
		}
	}
	return lo
}
