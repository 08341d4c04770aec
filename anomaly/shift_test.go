package anomaly

import (
	"math"
	"math/rand/v2"
	"testing"

	"mailvigil/traffic"
)

func poisson(r *rand.Rand, mean float64) float64 {
	n, p, limit := 0, 1.0, math.Exp(-mean)
	for {
		if p *= r.Float64(); p <= limit {
			return float64(n)
		}
		n++
	}
}

func TestShift(t *testing.T) {
	for _, tc := range []struct {
		name          string
		before, after float64
		within        traffic.Slot // of the truth, in nine runs of ten
	}{
		{"from silence", 0, 3, 1},
		{"a step that nobody misses", 5, 30, 1},
		{"three times as much", 5, 15, 2},
		{"half as much again", 20, 30, 8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const runs, at, n = 200, 180, 270
			near, covered := 0, 0
			for seed := range uint64(runs) {
				r := rand.New(rand.NewPCG(seed, 7))
				counts := make([]float64, n)
				for i := range counts {
					mean := tc.before
					if i >= at {
						mean = tc.after
					}
					counts[i] = poisson(r, mean)
				}
				counts[20] = math.NaN()
				c, ok := Shift(1000, counts)
				if !ok {
					t.Fatalf("seed %d: no shift found", seed)
				}
				if d := c.Onset - 1000 - at; d >= -tc.within && d <= tc.within {
					near++
				}
				if c.Interval[0] <= 1000+at && 1000+at <= c.Interval[1] {
					covered++
				}
			}
			if near < runs*9/10 {
				t.Errorf("onset within %d slots in %d of %d runs", tc.within, near, runs)
			}
			if covered < runs*85/100 {
				t.Errorf("the 90 %% interval held the truth in %d of %d runs", covered, runs)
			}
		})
	}
}

func TestShiftFindsNone(t *testing.T) {
	for name, counts := range map[string][]float64{
		"no counts":   nil,
		"all zero":    make([]float64, 50),
		"one slot":    {7},
		"not seen":    {math.NaN(), math.NaN(), math.NaN()},
		"only a drop": {9, 9, 9, 0, 0, 0},
	} {
		if c, ok := Shift(0, counts); ok {
			t.Errorf("%s: found a rise at %d", name, c.Onset)
		}
	}
}
