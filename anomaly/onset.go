package anomaly

import (
	"math"

	"mailvigil/traffic"
)

// Change is when a series left its expectation, and by how much.
type Change struct {
	Onset    traffic.Slot    // the most probable first slot
	Interval [2]traffic.Slot // the shortest with 90 % of the probability
	// Size is the factor θ that the counts are at since then; 1.3 is a rise
	// of 30 %, 0 silence.
	Size         float64
	SizeInterval [2]float64 // 90 %
}

// The gamma prior of θ: one event's worth of belief that nothing changed.
const (
	priorShape = 1.0
	priorRate  = 1.0
)

// Onset gives the posterior of the slot in which counts changed, given that
// they did and have not changed back before the window's end. Each step of
// the window is stepMinutes long: minutes, hours, or days. A negative or NaN
// count was not seen and says nothing.
//
// With φ dividing counts and expectations, and θ ~ Gamma(a, b) integrated
// out, a change at τ is as probable as
//
//	ln p(τ) = a·ln b − lnΓ(a) + lnΓ(a+Y) − (a+Y)·ln(b+M) + M
//
// where Y and M are the sums of observed/φ and expected/φ from τ to the end:
// one pass backwards. This is the single-change case of Bayesian change-point
// detection (Adams and MacKay 2007) with a flat prior on τ.
func Onset(start traffic.Slot, stepMinutes int, observed, expected, phi []float64) Change {
	n := min(len(observed), len(expected), len(phi))
	step := traffic.Slot(max(1, stepMinutes))
	if n == 0 {
		return Change{Onset: start, Interval: [2]traffic.Slot{start, start}, Size: 1, SizeInterval: [2]float64{0, math.Inf(1)}}
	}
	logs := make([]float64, n)
	lg, _ := math.Lgamma(priorShape)
	prior := priorShape*math.Log(priorRate) - lg
	var y, m float64
	best := math.Inf(-1)
	at, atY, atM := 0, 0.0, 0.0
	for i := n - 1; i >= 0; i-- {
		if observed[i] >= 0 && expected[i] >= 0 {
			f := max(phi[i], 1)
			y += observed[i] / f
			m += expected[i] / f
		}
		lg, _ = math.Lgamma(priorShape + y)
		logs[i] = prior + lg - (priorShape+y)*math.Log(priorRate+m) + m
		if logs[i] > best {
			best, at, atY, atM = logs[i], i, y, m
		}
	}
	var total float64
	for i, l := range logs {
		logs[i] = math.Exp(l - best)
		total += logs[i]
	}
	lo, hi := at, at
	for sum := logs[at]; sum < 0.9*total && (lo > 0 || hi < n-1); {
		// The likelier neighbour comes next: the shortest interval that holds it.
		if hi == n-1 || lo > 0 && logs[lo-1] >= logs[hi+1] {
			lo--
			sum += logs[lo]
		} else {
			hi++
			sum += logs[hi]
		}
	}
	shape, rate := priorShape+atY, priorRate+atM
	c := Change{
		Onset:        start + traffic.Slot(at)*step,
		Interval:     [2]traffic.Slot{start + traffic.Slot(lo)*step, start + traffic.Slot(hi)*step},
		Size:         shape / rate,
		SizeInterval: [2]float64{gammaQuantile(shape, -1.645) / rate, gammaQuantile(shape, 1.645) / rate},
	}
	// Another onset is another size.
	y, m = 0, 0
	for i := n - 1; i >= lo; i-- {
		if observed[i] >= 0 && expected[i] >= 0 {
			f := max(phi[i], 1)
			y += observed[i] / f
			m += expected[i] / f
		}
		if i <= hi && m > 0 {
			size := (priorShape + y) / (priorRate + m)
			c.SizeInterval[0], c.SizeInterval[1] = min(c.SizeInterval[0], size), max(c.SizeInterval[1], size)
		}
	}
	return c
}

// gammaQuantile is the quantile of a Gamma(shape, 1) at the standard normal
// deviate z, by Wilson and Hilferty (1931).
func gammaQuantile(shape, z float64) float64 {
	c := 1 / (9 * shape)
	x := max(0, 1-c+z*math.Sqrt(c))
	return shape * x * x * x
}
