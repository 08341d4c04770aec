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

// rise is one setting in which a rise of 30 % is to be seen.
type rise struct {
	Rate     float64 `json:"rate_5min"`
	Phi      float64 `json:"phi"`
	Level    float64 `json:"level_noise"`
	Attacked bool    `json:"attacked_nights"`

	Tries  int     `json:"tries"`
	Seen   float64 `json:"seen"`
	Oracle float64 `json:"oracle"`
	Said   float64 `json:"smallest_rise"` // median of what the model says it can show
}

const (
	trainDays  = 21
	firstNight = 14 // of five that are attacked
	riseWindow = 15
)

var (
	riseRates = []float64{50, 100, 200, 400, 2000}
	riseHows  = []rise{
		{Phi: 1},
		{Phi: 2},
		{Phi: 1, Level: 0.02},
		{Phi: 1, Level: 0.04},
		{Phi: 2, Level: 0.04},
		{Phi: 1, Attacked: true},
		{Phi: 2, Attacked: true},
		{Phi: 1, Level: 0.04, Attacked: true},
		{Phi: 2, Level: 0.04, Attacked: true},
	}
)

// flat is a series of one rate, so that a rise meets it; attacks of the first
// half hour after one until five, in five of the nights that are learnt from.
func flat(r *rand.Rand, h rise, days int, onset int) (counts, mean []float64) {
	n := days * minutesOfDay
	level := wander(r, n, h.Level, 6*60)
	counts, mean = make([]float64, n), make([]float64, n)
	for i := range counts {
		mean[i] = h.Rate / 5 * math.Exp(level[i])
		m := mean[i]
		if day, hour := i/minutesOfDay, i%minutesOfDay/60; h.Attacked && day >= firstNight && day < firstNight+5 && hour >= 1 && hour < 5 {
			m *= 2
		}
		if i >= onset {
			m *= 1.3
		}
		counts[i] = draw(r, m, h.Phi)
	}
	return counts, mean
}

// oracle knows the true mean and spread of every minute, and sums fifteen.
func oracle(counts, mean []float64, phi float64, from, to int, hit func(i int, z float64) bool) {
	var y, m float64
	first := max(0, from-riseWindow+1)
	for i := first; i < to; i++ {
		y, m = y+counts[i], m+mean[i]
		if i >= from {
			if hit(i, (y-m)/math.Sqrt(phi*m)) {
				return
			}
		}
		if j := i - riseWindow + 1; j >= first {
			y, m = y-counts[j], m-mean[j]
		}
	}
}

// oracleThreshold is the deviate that the oracle exceeds in n episodes a month,
// episodes being an hour apart.
func oracleThreshold(rate, phi, n float64, months int) float64 {
	r := rand.New(rand.NewPCG(uint64(rate), uint64(phi)))
	var peaks []float64
	h := rise{Rate: rate, Phi: phi}
	for range months {
		counts, mean := flat(r, h, 30, 1<<30)
		last, best := -1000, 0.0
		oracle(counts, mean, phi, riseWindow, len(counts), func(i int, z float64) bool {
			if z > 3 {
				if i-last > 60 {
					if best > 0 {
						peaks = append(peaks, best)
					}
					best = 0
				}
				last, best = i, max(best, z)
			}
			return false
		})
	}
	return quantileFromTop(peaks, int(n*float64(months)))
}

func localNight() time.Time { return time.Date(2026, 1, 12, 0, 0, 0, 0, time.UTC) }

// see measures one setting.
func see(h rise, tries int, threshold float64) rise {
	start := traffic.SlotOf(localNight().UnixNano())
	var rises []float64
	for t := range tries {
		r := rand.New(rand.NewPCG(uint64(t), uint64(h.Rate*8+h.Phi*2+h.Level*1000)))
		onset := trainDays*minutesOfDay + 60 + r.IntN(220)
		counts, mean := flat(r, h, trainDays+1, onset)
		counts, mean = counts[:onset+riseWindow], mean[:onset+riseWindow]
		res := anomaly.ScanAll(start, [][]float64{counts}, anomaly.Options{Options: baseline.Options{Location: time.UTC}, Feedback: nights(h, start)}, 1)
		for _, e := range res[0].Episodes {
			if e.Up && e.Told && e.ToldAt >= start+traffic.Slot(onset) {
				h.Seen++
				break
			}
		}
		oracle(counts, mean, h.Phi, onset, len(counts), func(_ int, z float64) bool {
			if z > threshold {
				h.Oracle++
				return true
			}
			return false
		})
		rises = append(rises, res[0].SmallestRise[3])
	}
	h.Tries = tries
	h.Seen /= float64(tries)
	h.Oracle /= float64(tries)
	h.Said = median(rises)
	if math.IsInf(h.Said, 0) {
		h.Said = -1
	}
	return h
}

func seeAll(tries int) []rise {
	var out []rise
	for _, h := range riseHows {
		for _, rate := range riseRates {
			h.Rate = rate
			out = append(out, h)
		}
	}
	thresholds := map[[2]float64]float64{}
	var mu sync.Mutex
	each(len(riseRates)*2, func(i int) {
		rate, phi := riseRates[i/2], float64(1+i%2)
		t := oracleThreshold(rate, phi, 1, max(20, tries/2))
		mu.Lock()
		thresholds[[2]float64{rate, phi}] = t
		mu.Unlock()
	})
	each(len(out), func(i int) { out[i] = see(out[i], tries, thresholds[[2]float64{out[i].Rate, out[i].Phi}]) })
	return out
}

// nights is what the organisation says of the attacks, each at eight in the
// morning after it.
func nights(h rise, start traffic.Slot) (out []anomaly.Feedback) {
	if !h.Attacked {
		return nil
	}
	for day := traffic.Slot(firstNight); day < firstNight+5; day++ {
		at := start + day*minutesOfDay
		out = append(out, anomaly.Feedback{Kind: anomaly.Incident, From: at + 30, Until: at + 6*60, At: at + 8*60})
	}
	return out
}
