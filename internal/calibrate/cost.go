package main

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"mailvigil/anomaly"
	"mailvigil/baseline"
	"mailvigil/traffic"
)

// cost is that of one series.
type cost struct {
	Nanoseconds float64 `json:"ns_per_update"`
	Allocations float64 `json:"allocations_per_update"`
	Bytes       int     `json:"bytes_per_series"`
}

// costOf times days of minutes and takes the fastest of them, which others on
// the same machine slow down least.
func costOf() cost {
	r := rand.New(rand.NewPCG(1, 1))
	const days = 120
	counts, _ := flat(r, rise{Rate: 500, Phi: 2, Level: 0.02}, days, 1<<30)
	d := anomaly.NewDetector(anomaly.Options{Options: baseline.Options{Location: time.UTC}, Candidates: anomaly.Candidates, AlarmsPerMonth: anomaly.Candidates})
	c := cost{Bytes: int(unsafe.Sizeof(anomaly.Detector{}) + unsafe.Sizeof(baseline.Model{}))}
	for day := range days {
		begin := time.Now()
		for i := day * minutesOfDay; i < (day+1)*minutesOfDay; i++ {
			d.Step(traffic.Slot(i), counts[i])
		}
		ns := float64(time.Since(begin).Nanoseconds()) / minutesOfDay
		if day > 14 && (c.Nanoseconds == 0 || ns < c.Nanoseconds) {
			c.Nanoseconds = ns
		}
	}
	next := traffic.Slot(days * minutesOfDay)
	c.Allocations = testing.AllocsPerRun(minutesOfDay, func() {
		d.Step(next, 100)
		next++
	})
	return c
}
