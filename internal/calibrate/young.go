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

// young is what a new part of a known service is expected to do in its first
// week after the three days that it takes to learn, alone and beside its
// whole.
type young struct {
	Parts    int     `json:"parts"`
	Alone    float64 `json:"error_alone"`
	Beside   float64 `json:"error_beside_its_whole"`
	EndAlone float64 `json:"weekend_error_alone"`
	EndWhole float64 `json:"weekend_error_beside_its_whole"`
}

// youngParts thins the busiest series of some organisations to a tenth, of
// which nothing was seen before the third week. The error is the median of
// |ln(expected/true)| over the hours of the week that follows its first three days.
func youngParts(orgs int) young {
	const longest = 14 + 7 + 10
	var mu sync.Mutex
	var all, ends [2][]float64
	y := young{}
	each(orgs, func(i int) {
		o := newOrganisation(uint64(1000+i), longest, 12, true)
		// It begins on a Monday, so that its first three days know no rest.
		born := 14
		for time.Unix((o.start+traffic.Slot(born*minutesOfDay+12*60)).Unix(), 0).In(o.loc).Weekday() != time.Monday {
			born++
		}
		judged, end := (born+3)*minutesOfDay, (born+10)*minutesOfDay
		whole := 0
		for k := range o.series {
			if meanOf(o.mean[k]) > meanOf(o.mean[whole]) {
				whole = k
			}
		}
		r := rand.New(rand.NewPCG(uint64(i), 3))
		busiest := o.series[whole][:end]
		part := make([]float64, end)
		for m := range part {
			part[m] = math.NaN()
			if m >= born*minutesOfDay {
				part[m] = poisson(r, busiest[m]/10)
			}
		}
		var errs, rests [2][]float64
		for with, parents := range [][]int{nil, {-1, 0}} {
			results := anomaly.ScanAll(o.start, [][]float64{busiest, part}, anomaly.Options{
				Options: baseline.Options{Location: o.loc, Calendar: o.cal}, Parents: parents,
			}, 1)
			rest := int32(0) // its first day of rest
			for h := judged; h+60 <= end; h += 60 {
				var expected, true float64
				for m := h; m < h+60; m++ {
					expected += results[1].Expected[m]
					true += o.mean[whole][m] / 10
				}
				e := math.Abs(math.Log(expected / true))
				errs[with] = append(errs[with], e)
				if c := o.clock[h]; c.rest && (rest == 0 || rest == c.day) {
					rest = c.day
					rests[with] = append(rests[with], e)
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		y.Parts++
		for k := range all {
			all[k], ends[k] = append(all[k], errs[k]...), append(ends[k], rests[k]...)
		}
	})
	y.Alone, y.Beside = median(all[0]), median(all[1])
	y.EndAlone, y.EndWhole = median(ends[0]), median(ends[1])
	return y
}
