package main

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"mailvigil/anomaly"
	"mailvigil/baseline"
	"mailvigil/traffic"
)

// dated is how well onsets and sizes are found an hour after them.
type dated struct {
	Rate     float64 `json:"rate_5min"`
	Factor   float64 `json:"factor"`
	Found    int     `json:"found"`
	Tries    int     `json:"tries"`
	Error    float64 `json:"median_error_minutes"`
	Coverage float64 `json:"coverage_90"`
	Size     float64 `json:"size_coverage_90"`
}

func onsets(tries int) []dated {
	var out []dated
	for _, rate := range []float64{100, 400, 2000} {
		for _, factor := range []float64{1.5, 2, 3} {
			out = append(out, dated{Rate: rate, Factor: factor, Tries: tries})
		}
	}
	start := traffic.SlotOf(localNight().UnixNano())
	var mu sync.Mutex
	each(len(out), func(i int) {
		d := out[i]
		var errs []float64
		for t := range tries {
			r := rand.New(rand.NewPCG(uint64(t)+77, uint64(d.Rate*10+d.Factor)))
			at := 14*minutesOfDay + 60 + r.IntN(20*60)
			counts, mean := flat(r, rise{Rate: d.Rate, Phi: 1.5, Level: 0.02}, 15, 1<<30)
			for k := at; k < len(counts); k++ {
				counts[k] = draw(r, mean[k]*d.Factor, 1.5)
			}
			counts = counts[:min(at+61, len(counts))]
			res := anomaly.ScanAll(start, [][]float64{counts}, anomaly.Options{Options: baseline.Options{Location: time.UTC}}, 1)
			for _, e := range res[0].Episodes {
				if !e.Up || e.End < start+traffic.Slot(at) {
					continue
				}
				d.Found++
				errs = append(errs, math.Abs(float64(e.Onset-start)-float64(at)))
				if true := start + traffic.Slot(at); e.OnsetInterval[0] <= true && true <= e.OnsetInterval[1] {
					d.Coverage++
				}
				if e.SizeInterval[0] <= d.Factor && d.Factor <= e.SizeInterval[1] {
					d.Size++
				}
				break
			}
		}
		d.Error = median(errs)
		d.Coverage /= float64(max(1, d.Found))
		d.Size /= float64(max(1, d.Found))
		mu.Lock()
		out[i] = d
		mu.Unlock()
	})
	return out
}
