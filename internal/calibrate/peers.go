package main

import (
	"math"
	"math/rand/v2"
	"sync"
)

// peer is a method in common use, at its usual setting, on the same counts.
type peer struct {
	Name     string  `json:"name"`
	PerMonth float64 `json:"per_month"`
	Seen     float64 `json:"seen"`
}

// method says whether the quarter of an hour i is an alarm, of sums of
// fifteen minutes of the past (NaN where not seen).
type method struct {
	name  string
	alarm func(q []float64, i int) bool
}

const quarters = 96 // a day

var methods = []method{
	{"half more than last week, and 10 more", func(q []float64, i int) bool {
		return q[i] > 1.5*q[i-7*quarters] && q[i] > q[i-7*quarters]+10
	}},
	{"median ± 5 MAD of the same quarter of 14 days", func(q []float64, i int) bool {
		m, mad := around(q, i, quarters, 14)
		return math.Abs(q[i]-m) > 5*1.4826*mad+1
	}},
	{"STL-like: season of the week, trend of a day, residual beyond 4σ", func(q []float64, i int) bool {
		var res [14]float64
		trend := meanOf(q[i-quarters:i]) / max(1e-9, meanOf(q[i-8*quarters:i-7*quarters]))
		for d := range res {
			j := i - (d+1)*quarters
			if j < 8*quarters {
				res[d] = math.NaN()
				continue
			}
			res[d] = q[j] - q[j-7*quarters]
		}
		var s []float64
		for _, x := range res {
			if !math.IsNaN(x) {
				s = append(s, math.Abs(x))
			}
		}
		if len(s) == 0 {
			return false
		}
		return math.Abs(q[i]-trend*q[i-7*quarters]) > 4*1.4826*median(s)+1
	}},
	{"PromQL rules: mean of 26 hours ± 3σ", func(q []float64, i int) bool {
		w := q[i-104 : i]
		m := meanOf(w)
		v := 0.0
		for _, x := range w {
			if !math.IsNaN(x) {
				v += (x - m) * (x - m)
			}
		}
		return math.Abs(q[i]-m) > 3*math.Sqrt(v/float64(len(w)))+1
	}},
}

func meanOf(x []float64) float64 {
	s, n := 0.0, 0.0
	for _, v := range x {
		if !math.IsNaN(v) {
			s, n = s+v, n+1
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return s / n
}

func around(q []float64, i, step, n int) (m, mad float64) {
	var x []float64
	for d := 1; d <= n && i-d*step >= 0; d++ {
		if v := q[i-d*step]; !math.IsNaN(v) {
			x = append(x, v)
		}
	}
	m = median(x)
	for k := range x {
		x[k] = math.Abs(x[k] - m)
	}
	return m, median(x)
}

func quartersOf(counts []float64, offset int) []float64 {
	out := make([]float64, (len(counts)-offset)/riseWindow)
	for i := range out {
		for _, c := range counts[offset+i*riseWindow : offset+(i+1)*riseWindow] {
			out[i] += c
		}
	}
	return out
}

// peers runs them on some of the quiet organisations, and on one rise.
func peers(orgs int) []peer {
	out := make([]peer, len(methods))
	var mu sync.Mutex
	each(orgs, func(s int) {
		o := newOrganisation(uint64(s), orgDays, orgSeries, false)
		found := make([]float64, len(methods))
		for _, c := range o.series {
			q := quartersOf(c, 0)
			for m := range methods {
				last := -100
				for i := 15 * quarters; i < len(q); i++ {
					if !methods[m].alarm(q, i) {
						continue
					}
					if i > last+4 {
						found[m]++
					}
					last = i
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for m, n := range found {
			out[m].PerMonth += n
		}
	})
	const tries = 60
	for t := range tries {
		r := rand.New(rand.NewPCG(uint64(t), 5))
		onset := trainDays*minutesOfDay + 60 + r.IntN(220)
		counts, _ := flat(r, rise{Rate: 400, Phi: 2}, trainDays+1, onset)
		end := onset + riseWindow
		q := quartersOf(counts[:end], end%riseWindow)
		for m := range methods {
			if methods[m].alarm(q, len(q)-1) {
				out[m].Seen += 1.0 / tries
			}
		}
	}
	for m := range out {
		out[m].Name = methods[m].name
		out[m].PerMonth /= float64(orgs) * (orgDays - 15) / 30
	}
	return out
}
