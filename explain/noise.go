package explain

import (
	"math"
	"slices"
)

// chi2Median is the median of a squared standard normal variable.
const chi2Median = 0.4549

// estimate finds the general drift and the noise of the rows left, and gives
// every row its counts in units of its noise.
//
// A leaf's variance is taken as a·m + κ·m², m its size: a is 1 for counts
// that arrive independently, κ the relative noise of forecasts and bursts.
// Dividing both counts of a leaf by a + κ·m makes their sums over any cell
// behave like Poisson counts, and weighs leaves by what they can tell: a few
// noisy heavy leaves do not drown the rest.
func (s *leaves) estimate(o Options) {
	s.drift = s.findDrift()
	s.poisson, s.relative = s.leafNoise(o)
	for i := range s.rows {
		r := &s.rows[i]
		g := s.drift * r.f
		phi := s.poisson + s.relative*math.Max(r.v, g)
		r.x, r.y = r.v/phi, g/phi
		r.p = (r.x + r.y) * s.poisson / phi
	}
	s.structural = s.cellNoise()
}

// findDrift returns the factor that applies to what no cause touches. A cause
// shifts the median lift of every attribute but those that name it, so of the
// medians, weighted by expected events and plain, the one nearest to 1 is
// taken; for a complete cube also that of the leaves.
func (s *leaves) findDrift() float64 {
	var total sums
	for _, r := range s.rows {
		total.add(r)
	}
	if total.f <= 0 || total.v <= 0 {
		return 1
	}
	best := total.v / total.f
	consider := func(g float64) {
		if g > 0 && abs(math.Log(g)) < abs(math.Log(best)) {
			best = g
		}
	}
	var lifts []weighted
	for a := range s.values {
		hist := s.histogram(a)
		lifts = lifts[:0]
		var plain []weighted
		for _, h := range hist {
			if h.f > 0 {
				lifts = append(lifts, weighted{h.v / h.f, h.f})
				if h.f >= 30 {
					plain = append(plain, weighted{h.v / h.f, 1})
				}
			}
		}
		if len(lifts) >= 3 {
			consider(median(lifts))
		}
		if len(plain) >= 5 {
			consider(median(plain))
		}
	}
	if s.filled {
		lifts = lifts[:0]
		for _, r := range s.rows {
			if r.f > 0 {
				lifts = append(lifts, weighted{r.v / r.f, r.v + r.f})
			}
		}
		consider(median(lifts))
	}
	return best
}

// leafNoise fits a and κ to the median squared residuals of the leaves in
// octaves of their size; medians, so that causes do not count as noise.
func (s *leaves) leafNoise(o Options) (a, k float64) {
	least := 0.0
	if s.counts {
		least = 1
		if o.Windows > 0 {
			least += s.drift / float64(o.Windows)
		}
	}
	var octaves [128][]float64
	var sizes [128]float64
	for _, r := range s.rows {
		g := s.drift * r.f
		m := math.Max(r.v, g)
		if m < 2 && s.counts {
			continue // too few events to tell noise from rounding
		}
		_, e := math.Frexp(m)
		b := min(max(e+64, 0), 127)
		d := r.v - g
		octaves[b] = append(octaves[b], d*d/m)
		sizes[b] += m
	}
	// Least squares of (a + κ·m)/s² against 1, weighted by the leaves.
	var p, q, pq, b1, b2, n float64
	mean := 0.0
	for i, octave := range octaves {
		if len(octave) < 20 {
			continue
		}
		m := sizes[i] / float64(len(octave))
		v := middle(octave) / chi2Median
		if v <= 0 {
			continue
		}
		w := float64(len(octave))
		p += w / (v * v)
		q += w * m * m / (v * v)
		pq += w * m / (v * v)
		b1 += w / v
		b2 += w * m / v
		n += w
		mean += w * m
	}
	if n == 0 {
		if s.counts {
			return least, 0
		}
		// No noise to be seen: only the smallest figure that keeps the
		// arithmetic finite.
		t := s.rest()
		return math.Max(1e-9*(t.v+t.f)/math.Max(1, float64(len(s.rows))), 1e-300), 1e-9
	}
	if det := p*q - pq*pq; det > 1e-9*p*q {
		a, k = (b1*q-b2*pq)/det, (b2*p-b1*pq)/det
	} else {
		a, k = least, (b2-least*pq)/q // leaves of one size cannot tell them apart
	}
	if k < 0 {
		a, k = b1/p, 0
	}
	if a < least {
		a = least
		k = math.Max(0, (b2-a*pq)/q)
	}
	return math.Max(a, 1e-9*mean/n), k
}

// cellNoise is the relative variance of whole values beyond what their leaves
// show: a service or a network has good and bad days of its own. It is the
// median over an attribute's values, around their own middle since a cause
// elsewhere lifts them alike, then the lower quartile over the attributes.
func (s *leaves) cellNoise() float64 {
	var each []float64
	for a := range s.values {
		hist := s.histogram(a)
		var lifts []weighted
		for code, h := range hist {
			if code > 0 && h.y >= 25 {
				lifts = append(lifts, weighted{h.x / h.y, h.y})
			}
		}
		centre := median(lifts)
		var vs []float64
		for code, h := range hist {
			if y := h.y * centre; code > 0 && h.y >= 25 && y > 0 {
				d := h.x - y
				vs = append(vs, (d*d/chi2Median-y)/(y*y))
			}
		}
		if len(vs) >= 5 {
			each = append(each, math.Max(0, middle(vs)))
		}
	}
	if len(each) == 0 {
		return 0
	}
	slices.Sort(each)
	return each[(len(each)-1)/4]
}

// heterogeneity is the mean noise of the rows in units of counting noise.
func (s *leaves) heterogeneity() float64 {
	var chi, n float64
	for _, r := range s.rows {
		g := s.drift * r.f
		if g >= 5 {
			d := r.v - g
			chi += d * d / g
			n++
		}
	}
	if n == 0 {
		return 1
	}
	return chi / n
}

func (s *leaves) histogram(a int) []sums {
	hist := make([]sums, len(s.values[a]))
	for i, code := range s.columns[a] {
		hist[code].add(s.rows[i])
	}
	return hist
}

type weighted struct{ x, w float64 }

// median is the weighted median; it sorts its argument.
func median(xs []weighted) float64 {
	if len(xs) == 0 {
		return 0
	}
	slices.SortFunc(xs, func(a, b weighted) int {
		switch {
		case a.x < b.x:
			return -1
		case a.x > b.x:
			return 1
		}
		return 0
	})
	total := 0.0
	for _, x := range xs {
		total += x.w
	}
	sum := 0.0
	for _, x := range xs {
		sum += x.w
		if sum >= total/2 {
			return x.x
		}
	}
	return xs[len(xs)-1].x
}

// middle is the median; it sorts its argument.
func middle(xs []float64) float64 {
	slices.Sort(xs)
	n := len(xs)
	if n%2 == 1 {
		return xs[n/2]
	}
	return (xs[n/2-1] + xs[n/2]) / 2
}
