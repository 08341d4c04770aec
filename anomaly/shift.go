package anomaly

import (
	"math"

	"mailvigil/traffic"
)

// Shift finds when a series went from one level to a higher one, for counts
// of which no expectation is known: a cause that has hardly been seen before,
// such as phones of a new version, has no past to be measured against.
//
// Both levels are unknown. With counts over-dispersed by φ, the evidence for
// a change before slot τ of n is that of two Poisson rates with Jeffreys'
// priors, integrated out:
//
//	log p(τ) = lnΓ(½+S₁) − (½+S₁)·ln(n₁) + lnΓ(½+S₂) − (½+S₂)·ln(n₂),
//
// where S are the sums of counts/φ on either side (Chib 1998 for the model;
// the closed form is the gamma–Poisson's). φ comes from neighbouring slots,
// whose squared difference over their sum is φ on average at any level.
// Slots that are not seen (NaN) say nothing. The window must hold the change
// and both levels; where it holds no rise, ok is false.
func Shift(start traffic.Slot, counts []float64) (c Change, ok bool) {
	pairs, spread := 0.0, 0.0
	for i := 1; i < len(counts); i++ {
		if s := counts[i] + counts[i-1]; s > 0 { // false for NaN
			d := counts[i] - counts[i-1]
			spread += d * d / s
			pairs++
		}
	}
	if pairs == 0 {
		return c, false
	}
	phi := math.Max(1, spread/pairs)

	var total, seen float64
	for _, y := range counts {
		if !math.IsNaN(y) {
			total += y / phi
			seen++
		}
	}
	logs := make([]float64, len(counts))
	best := math.Inf(-1)
	var s1, n1 float64
	for tau := range counts {
		logs[tau] = math.Inf(-1)
		if n2 := seen - n1; n1 > 0 && n2 > 0 {
			s2 := total - s1
			if s2/n2 > s1/n1 {
				g1, _ := math.Lgamma(0.5 + s1)
				g2, _ := math.Lgamma(0.5 + s2)
				logs[tau] = g1 - (0.5+s1)*math.Log(n1) + g2 - (0.5+s2)*math.Log(n2)
				if logs[tau] > best {
					best = logs[tau]
					c.Onset = start + traffic.Slot(tau)
					c.Size = (s2 / n2) / math.Max(s1/n1, 0.5/n1)
				}
			}
		}
		if !math.IsNaN(counts[tau]) {
			s1 += counts[tau] / phi
			n1++
		}
	}
	if math.IsInf(best, -1) {
		return c, false
	}
	sum := 0.0
	for i := range logs {
		logs[i] = math.Exp(logs[i] - best)
		sum += logs[i]
	}
	c.Interval = [2]traffic.Slot{start + quantile(logs, 0.05*sum), start + quantile(logs, 0.95*sum)}
	c.SizeInterval = [2]float64{c.Size, c.Size}
	return c, true
}

// quantile returns the first index at which the running sum reaches q.
func quantile(weights []float64, q float64) traffic.Slot {
	for i, w := range weights {
		if q -= w; q <= 0 {
			return traffic.Slot(i)
		}
	}
	return traffic.Slot(len(weights) - 1)
}
