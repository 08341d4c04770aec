package anomaly

import (
	"math"
	"testing"
)

// TestScore holds the approximation against tails that were summed.
func TestScore(t *testing.T) {
	for _, mean := range []float64{0.3, 2, 10, 80, 500} {
		for _, phi := range []float64{1, 1.5, 4, 20} {
			if phi > 4*mean+4 {
				continue // counts are clumps: no such series is judged by its tail
			}
			variance := phi * mean
			below := 0.0
			for y := 0; y < 3000; y++ {
				p := probability(float64(y), mean, variance)
				upper := 1 - below - p/2
				lower := below + p/2
				z := score(float64(y), mean, variance)
				for _, x := range []struct{ exact, got float64 }{{upper, tail(z)}, {lower, tail(-z)}} {
					if x.exact > 1e-7 && x.exact < 0.1 {
						if r := x.got / x.exact; !(r > 0.6 && r < 1.5) {
							t.Errorf("mean %g, φ %g, count %d: tail %.3g, want %.3g", mean, phi, y, x.got, x.exact)
						}
					}
				}
				below += p
			}
		}
	}
}

func probability(y, mean, variance float64) float64 {
	ly, _ := math.Lgamma(y + 1)
	if variance <= mean {
		return math.Exp(y*math.Log(mean) - mean - ly)
	}
	k := mean * mean / (variance - mean)
	a, _ := math.Lgamma(y + k)
	b, _ := math.Lgamma(k)
	return math.Exp(a - b - ly + k*math.Log(k/(k+mean)) + y*math.Log(mean/(k+mean)))
}

func TestDeviate(t *testing.T) {
	for _, z := range []float64{-3, -1, 0, 0.5, 1, 2, 3, 5, 8, 12, 20, 30} {
		if got := deviate(math.Log(tail(z))); math.Abs(got-z) > 1e-6 {
			t.Errorf("deviate(ln tail(%g)) = %g", z, got)
		}
	}
	if z := deviate(-1e6); z != 37 {
		t.Errorf("far out: %g", z)
	}
}

func FuzzScore(f *testing.F) {
	f.Add(3.0, 1.0, 2.0)
	f.Add(0.0, 0.0, 0.0)
	f.Add(0.0, 52.0, 51.0)
	f.Add(1e12, 1e-9, 1e3)
	f.Fuzz(func(t *testing.T, y, mean, variance float64) {
		if !(y >= 0 && y < 1e15) || !(mean >= 0 && mean < 1e15) || !(variance >= 0 && variance < 1e30) {
			t.Skip()
		}
		if z := score(y, mean, variance); math.IsNaN(z) {
			t.Errorf("score(%g, %g, %g) is no number", y, mean, variance)
		}
	})
}
