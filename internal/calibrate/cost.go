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
	Allocations int64   `json:"allocations_per_update"`
	Bytes       int     `json:"bytes_per_series"`
}

func costOf() cost {
	r := rand.New(rand.NewPCG(1, 1))
	counts, _ := flat(r, rise{Rate: 500, Phi: 2, Level: 0.02}, 14, 1<<30)
	best := testing.BenchmarkResult{}
	for range 3 {
		b := testing.Benchmark(func(b *testing.B) {
			d := anomaly.NewDetector(anomaly.Options{Options: baseline.Options{Location: time.UTC}, Candidates: anomaly.Candidates, AlarmsPerMonth: anomaly.Candidates})
			b.ReportAllocs()
			for i := range b.N {
				d.Step(traffic.Slot(i), counts[i%len(counts)])
			}
		})
		if best.N == 0 || b.NsPerOp() < best.NsPerOp() {
			best = b
		}
	}
	return cost{
		Nanoseconds: float64(best.T.Nanoseconds()) / float64(best.N), Allocations: best.AllocsPerOp(),
		Bytes: int(unsafe.Sizeof(anomaly.Detector{}) + unsafe.Sizeof(baseline.Model{})),
	}
}
