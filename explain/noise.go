package explain

import (
	"cmp"
	"math"
	"slices"
)

// The median and the 70 % quantile of a squared standard normal variable.
const (
	chi2Median  = 0.4549
	chi2Seventy = 1.0742
)

// estimate finds the general drift and the noise of the rows left, and gives
// every row its counts in units of its noise.
//
// A leaf's variance is taken as a·m + κ·m², m its size: a is 1 for counts
// that arrive independently, κ the relative noise of forecasts and bursts.
// Dividing both counts of a leaf by a + κ·m makes their sums over any cell
// behave like Poisson counts, and weighs leaves by what they can tell: a few
// noisy heavy leaves do not drown the rest.
func (s *leaves) estimate(o Options) {
	// Setting a cause's rows aside may take away what else its events would
	// have been (a failed request is not a successful one): of successive
	// estimates the one nearest to 1 stays.
	candidates := s.findDrift()
	if s.rounds > 0 {
		candidates = append(candidates, s.drift)
	}
	s.drift = nearest(candidates)
	s.rounds++
	if !s.counts && s.behind == 0 {
		s.upper = s.side(o.Workers)
	}
	s.poisson, s.relative = s.leafNoise(o)
	if s.filled || s.rounds > 1 {
		if g := s.fitting(candidates, o.Workers); g != s.drift {
			s.drift = g
			s.poisson, s.relative = s.leafNoise(o)
		}
	}
	s.bias = s.weighing(o.Workers)
}

// weighing returns by what factor rows in units of their noise depart on the
// whole, beyond what their counts do. A row whose expectation is too small by
// chance is thought less noisy, hence weighs more, and exceeds its expectation:
// where rows are noisy, everything seems to rise. The median over the values of
// all attributes is taken, since causes are in few of them.
func (s *leaves) weighing(workers int) float64 {
	s.bias = 1
	some := s.even(workers)
	rows := make([]sums, len(some.rows))
	for i, r := range some.rows {
		rows[i] = s.weigh(r, unit(some.units, i))
	}
	all := make([][]weighted, len(s.values))
	each(len(all), workers, func(a int) {
		hist := make([]sums, len(s.values[a]))
		for k, r := range rows {
			hist[some.columns[a][k]].add(r)
		}
		for _, h := range hist {
			if g := s.drift * h.f; g > 0 && h.v > 0 && h.y > 0 {
				all[a] = append(all[a], weighted{h.x / h.y * g / h.v, h.y})
			}
		}
	})
	if ratios := slices.Concat(all...); len(ratios) > 0 {
		return half(ratios)
	}
	return 1
}

// nearest returns the factor nearest to 1.
func nearest(candidates []float64) float64 {
	return slices.MinFunc(candidates, func(x, y float64) int { return cmp.Compare(abs(math.Log(x)), abs(math.Log(y))) })
}

// fitting returns the candidate that the leaves of a complete cube speak for,
// where they clearly speak for another than the one nearest to 1: a rise in one
// place and less everywhere else may add up to no change at all. Each leaf's
// residual counts as far as three times its noise, so that those of a cause
// weigh no more than others.
func (s *leaves) fitting(candidates []float64, workers int) float64 {
	first := s.drift
	slices.Sort(candidates)
	candidates = slices.DeleteFunc(slices.Compact(candidates), func(g float64) bool {
		return abs(math.Log(g/first)) < 0.005 || !s.filled && abs(math.Log(g)) > moderate
	})
	if len(candidates) == 0 {
		return first
	}
	const enough = 1 << 16 // rows of a complete cube
	all, columns := s.rows, s.columns
	if !s.filled {
		some := s.even(workers)
		all, columns = some.rows, some.columns
	}
	every := 1 + len(all)/enough
	rows := make([]int, 0, 1+len(all)/every)
	per, own := make([]float64, 0, cap(rows)), make([]float64, 0, cap(rows)) // 1/noise; the loss at first
	loss := func(k int, g float64) float64 {
		r := all[rows[k]]
		return min(3, abs(r.v-g*r.f)*per[k])
	}
	for i := 0; i < len(all); i += every {
		r := all[i]
		if m := max(r.v, first*r.f); m > 0 {
			rows = append(rows, i)
			per = append(per, 1/math.Sqrt(m*(s.poisson+s.relative*m)))
			own = append(own, loss(len(rows)-1, first))
		}
	}
	best, most := first, clearly
	if s.rounds > 1 && s.filled {
		most = rather // what had bent the totals and the medians is gone
	}
	for _, g := range candidates {
		gain, squares := 0.0, 0.0
		for k := range rows {
			d := own[k] - loss(k, g)
			gain += d
			squares += d * d
		}
		// Of few leaves two candidates may be exactly as good: rounding must not
		// choose between them.
		if t := gain / math.Sqrt(squares); t > most+rounding {
			best, most = g, t
		}
	}
	if best == first {
		return first
	}
	// Where most of an attribute's values rise alike and some are as expected,
	// those that are speak for no drift: that is a level of its own, no mean.
	for a, hist := range s.hists {
		gains, squares := make([]float64, len(hist)), make([]float64, len(hist))
		for k, i := range rows {
			code := columns[a][i]
			d := loss(k, 1) - loss(k, best)
			gains[code] += d
			squares[code] += d * d
		}
		stay := 0.0
		for code, h := range hist {
			if gains[code] < -3*math.Sqrt(squares[code]) && abs(h.v-h.f) < 0.03*h.f {
				stay += h.f
			}
		}
		if stay >= 0.1*s.total.f {
			return 1
		}
	}
	return best
}

// How many standard errors leaves must speak for another drift than the one
// nearest to 1: before any cause is set aside, and after.
const clearly, rather = 4.0, 1.5

// moderate bounds the drift, as a logarithm, that the rows of a sparse table may
// speak for once a cause is set aside. A greater one may be the other side of
// that cause: requests that fail do not succeed.
const moderate = 0.2

// findDrift returns candidates for the factor that applies to what no cause
// touches; of equally good ones that nearest to 1 is taken. A cause
// shifts the median lift of every attribute but those that name it, so of the
// medians, weighted by expected events and plain, the one nearest to 1 is
// taken; for a complete cube also that of the leaves. A median overrules the
// ratio of the totals only beyond twice its own standard error, since the
// least of many uncertain figures would always be too small.
func (s *leaves) findDrift() []float64 {
	total := s.total
	s.mass = total.v + total.f
	if total.f <= 0 || total.v <= 0 {
		return []float64{1}
	}
	overall := total.v / total.f
	list := []float64{overall}
	consider := func(lifts []weighted) {
		m, e := median(lifts)
		g := min(max(overall, m-2*e), m+2*e)
		if g > 0 {
			list = append(list, g)
		}
	}
	for _, hist := range s.hists {
		var lifts, plain []weighted
		var small tally
		for _, h := range hist {
			if (h.f >= 100 || !s.counts) && h.f >= 0.01*total.f {
				lifts = append(lifts, weighted{h.v / h.f, h.f})
				plain = append(plain, weighted{h.v / h.f, 1})
			} else {
				small.add(h)
			}
		}
		if small.f > 0 {
			lifts = append(lifts, weighted{small.v / small.f, small.f})
		}
		if len(lifts) >= 3 {
			consider(lifts)
		}
		if len(plain) >= 5 {
			consider(plain)
		}
	}
	if s.filled {
		var lifts []weighted
		for _, r := range s.rows {
			if r.f > 0 {
				lifts = append(lifts, weighted{r.v / r.f, r.v + r.f})
			}
		}
		if len(lifts) > 0 {
			consider(lifts)
		}
	}
	return list
}

// rounding is the share of all events below which a sum may be what adding and
// taking away left, and by how much figures must differ to be taken for different.
const rounding = 1e-9

// size is what a leaf's relative noise goes with. The expectation of amounts
// is itself a noisy forecast, so the larger of the two counts; of counted
// events, what is expected.
func (s *leaves) size(r tally) float64 {
	g := s.drift * r.f
	if s.counts {
		return g
	}
	if s.behind > 0 {
		return math.Sqrt(s.behind*r.v*r.v + (1-s.behind)*g*g)
	}
	return s.larger(r.v, g)
}

// larger is the size by which a departure is measured where nobody said how exact
// the expectation is.
func (s *leaves) larger(v, g float64) float64 {
	if v <= g || s.upper == 1 {
		return max(v, g)
	}
	return math.Sqrt(s.upper*v*v + (1-s.upper)*g*g)
}

// side returns how much of the relative noise may be that of the expectations of
// amounts, 0 to 1: the most that the rows do not clearly speak against. Noise of
// what is observed goes with what is expected, and departs as far up as down;
// that of an expectation goes with what is observed, and departs farther up. A
// rise is the more surprising the less of it there is.
//
// The skewness is that of quantiles (Hinkley, 1975), a median over the values of
// an attribute, since causes are in few of them, and the largest of the
// attributes, which is that of one the causes are in.
func (s *leaves) side(workers int) float64 {
	const leastRows, leastValues, tail = 20, 3, 0.06
	const enough = 1 << 12 // rows
	some := s.even(workers)
	rows := make([]tally, 0, enough+1)
	at := make([]int, 0, enough+1)
	for i := 0; i < len(some.rows); i += 1 + len(some.rows)/enough {
		if r := some.rows[i]; r.v > 0 && r.f > 0 {
			rows = append(rows, tally{r.v, s.drift * r.f})
			at = append(at, i)
		}
	}
	by := make([][][]int32, len(some.columns)) // attribute, code → rows
	each(len(by), workers, func(a int) {
		by[a] = make([][]int32, len(s.values[a]))
		for k, i := range at {
			code := some.columns[a][i]
			by[a][code] = append(by[a][code], int32(k))
		}
		by[a] = slices.DeleteFunc(by[a], func(rows []int32) bool { return len(rows) < leastRows })
	})
	by = slices.DeleteFunc(by, func(values [][]int32) bool { return len(values) < leastValues })
	if len(by) == 0 {
		return 1
	}
	// Two standard errors of a median of such skewnesses.
	clear := -2 * 1.2533 * 0.93 / math.Sqrt(float64(len(rows)))
	z := make([]float64, len(rows))
	skewed := func(b float64) float64 {
		for k, r := range rows {
			z[k] = (r.v - r.f) / math.Sqrt(b*r.v*r.v+(1-b)*r.f*r.f)
		}
		most := make([]float64, len(by))
		each(len(by), workers, func(a int) {
			found := make([]float64, 0, len(by[a]))
			own := make([]float64, 0, len(z))
			for _, rows := range by[a] {
				own = own[:0]
				for _, k := range rows {
					own = append(own, z[k])
				}
				k := int(tail * float64(len(own)))
				low, mid, high := nth(own, k), nth(own, len(own)/2), nth(own, len(own)-1-k)
				found = append(found, (high+low-2*mid)/max(high-low, rounding))
			}
			most[a] = middle(found)
		})
		return slices.Max(most)
	}
	upper := 1.0
	for _, b := range []float64{1, 0.8, 0.65, 0.5, 0.4, 0.3, 0.2, 0.1} {
		if skewed(b) >= clear {
			break
		}
		upper = b
	}
	return upper
}

// leastLeaves is the fewest leaves whose median residual says how noise goes with
// size. Amounts have no noise of their own, so that fewer must do to say how much
// there is at all.
const (
	leastLeaves  = 30
	leastAmounts = 5
)

// leafNoise fits a and κ to the median squared residuals of leaves of about
// the same size; medians, so that causes do not count as noise.
func (s *leaves) leafNoise(o Options) (a, k float64) {
	least := 0.0
	if s.counts {
		least = 1
		if o.windows() > 0 {
			least += s.drift / o.windows()
		}
	}
	// Leaves are shared out by their size, in steps of a 32nd of an octave.
	const octave, shift = 32, 52 - 5
	some := s.even(o.Workers).rows
	sizes := make([]float64, 0, len(some))
	squares := make([]float64, 0, cap(sizes)) // of residuals, in units of the size
	smallest, greatest := math.Inf(1), 0.0
	for _, r := range some {
		m := s.size(r)
		if m < 2 && s.counts || m == 0 {
			continue // too few events to tell noise from rounding
		}
		d := r.v - s.drift*r.f
		sizes = append(sizes, m)
		squares = append(squares, d*d/m)
		smallest, greatest = min(smallest, m), max(greatest, m)
	}
	var ends []int // of each step's leaves in parts
	var sums, parts, ordered []float64
	if len(sizes) > 0 {
		step := func(m float64) int { return int((math.Float64bits(m) - math.Float64bits(smallest)) >> shift) }
		ends = make([]int, step(greatest)+2)
		sums = make([]float64, len(ends))
		for _, m := range sizes {
			ends[step(m)+1]++
		}
		for b := 1; b < len(ends); b++ {
			ends[b] += ends[b-1]
		}
		parts, ordered = make([]float64, len(sizes)), make([]float64, len(sizes))
		for i, m := range sizes {
			b := step(m)
			sums[b] += m
			parts[ends[b]], ordered[ends[b]] = squares[i], m
			ends[b]++
		}
		ends = ends[:len(ends)-1]
	}
	var bins []noiseBin
	var events float64
	enoughLeaves := leastLeaves
	if !s.counts && len(parts) < leastLeaves {
		enoughLeaves = leastAmounts
	}
	for from, b := 0, 0; len(parts)-from >= enoughLeaves; {
		// An octave of sizes, or more of them where leaves are few.
		for ends[b] == from {
			b++
		}
		sum := 0.0
		top := b + octave
		for ; b < len(ends) && (b < top || ends[b-1]-from < leastLeaves || len(parts)-ends[b-1] < leastLeaves); b++ {
			sum += sums[b]
		}
		n := float64(ends[b-1] - from)
		bins = append(bins, noiseBin{squares: parts[from:ends[b-1]], sizes: ordered[from:ends[b-1]], n: n, m: sum / n})
		from = ends[b-1]
	}
	scratch := make([]float64, len(parts))
	middles := func(a, k float64) { // of the squares in parts of a + κ·m
		at := 0
		starts := make([]int, len(bins))
		for i, b := range bins {
			starts[i] = at
			at += len(b.squares)
		}
		each(len(bins), o.Workers, func(i int) {
			b := &bins[i]
			own := scratch[starts[i] : starts[i]+len(b.squares)]
			for j, m := range b.sizes {
				own[j] = b.squares[j] / (a + k*m)
			}
			b.v = (a + k*b.m) * middle(own) / chi2Median
		})
	}
	middles(1, 0)
	bins = slices.DeleteFunc(bins, func(b noiseBin) bool { return b.v <= 0 })
	for _, b := range bins {
		events += b.n * b.m
	}
	if len(bins) == 0 {
		if s.counts {
			return least, 0
		}
		// No noise to be seen: only the smallest figure that keeps the
		// arithmetic finite.
		t := s.total
		return math.Max(1e-9*(t.v+t.f)/math.Max(1, float64(len(s.rows))), 1e-300), 1e-9
	}
	// A median of few leaves is uncertain, so it is taken a standard error higher.
	high := 1 + 2/math.Sqrt(float64(len(sizes)))
	for i := range bins {
		bins[i].weight = 1 / (bins[i].v * bins[i].v)
	}
	a, k = fitNoise(bins, least)
	// Weights by what was found in a bin favour those where it happens to be
	// small: what fits is taken instead, and where a bin spans many sizes, each
	// leaf is measured by its own.
	for range 2 {
		middles(a, k)
		for i := range bins {
			b := &bins[i]
			// Where a cause has most of a bin, it has no say.
			spread := math.Max(a+k*b.m, b.v/1.5)
			b.weight = 1 / (spread * spread)
		}
		a, k = fitNoise(bins, least)
	}
	a, k = math.Max(least, high*a), high*k
	return math.Max(a, 1e-9*events/float64(len(parts))), k
}

// noiseBin are leaves of about the same size.
type noiseBin struct {
	squares []float64 // of residuals, in units of the leaf's size
	sizes   []float64
	n, m    float64 // how many, and their mean size
	v       float64 // what stands for a + κ·m
	weight  float64
}

// fitNoise fits a + κ·m to bins by weighted least squares, with a no less than
// least and κ not negative.
func fitNoise(bins []noiseBin, least float64) (a, k float64) {
	var p, q, pq, b1, b2 float64
	for _, b := range bins {
		w := b.n * b.weight
		p += w
		q += w * b.m * b.m
		pq += w * b.m
		b1 += w * b.v
		b2 += w * b.m * b.v
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
	return math.Max(a, 1e-300), k
}

const (
	unitValues = 20 // fewest values of an attribute whose bursts are measured
	unitEvents = 4  // fewest events expected of such a value
	unitRows   = 4  // fewest rows, as they weigh, whose squares say what single rows do
)

// bursts returns for every row the variance, in parts of its expectation,
// that it owes to what it belongs to: a person, an address, a device is busy
// or idle as a whole. Where an attribute has many values, their relative
// variance κ beyond counting noise can be told from causes by its quantiles;
// a row of a value with f expected events then adds κ·f, since the squares of
// the values' expectations summed over a cell are the sum over its rows of
// the row's expectation times its value's. A value with a quiet past may burst
// like the median one; a value that is as busy as ever, though elsewhere, does
// not burst. The most bursty of a row's attributes decides; nil: none
// is. What an attribute of few values does cannot be told from a cause.
func (s *leaves) bursts(all [][]tally, o Options) []float64 {
	// Where rows depart each by itself, the square of their sum is the sum of
	// their squares, and no burst; which is known of an attribute all of whose
	// values are searched.
	s.mass = s.total.v + s.total.f
	s.drift = nearest(s.findDrift())
	type burst struct{ k, least, centre float64 }
	found := make([]burst, len(all))
	each(len(all), o.Workers, func(a int) {
		if len(all[a]) <= unitValues {
			return
		}
		own := make([]float64, len(all[a]))
		if len(s.values[a]) == len(all[a]) {
			sizes, squares := make([]float64, len(own)), make([]float64, len(own))
			for i, code := range s.columns[a] {
				m, d := s.rows[i].f, s.rows[i].v-s.drift*s.rows[i].f
				sizes[code] += m * m
				squares[code] += d * d
			}
			for code, id := range s.values[a] {
				if f := all[a][id].f; f*f >= unitRows*sizes[code] {
					own[id] = squares[code]
				}
			}
		}
		k, least, centre := unitNoise(all[a][1:], own[1:], o)
		found[a] = burst{k, least, centre}
	})
	var out []float64
	for a, hist := range all {
		k, least, centre := found[a].k, found[a].least, found[a].centre
		if k <= 0 {
			continue
		}
		if out == nil {
			out = make([]float64, len(s.rows))
		}
		by := make([]float64, len(s.values[a]))
		by[0] = k * least
		for code, id := range s.values[a][1:] {
			h := hist[id]
			f := math.Max(least, h.f)
			by[code+1] = k * f * math.Min(1, abs(h.v-centre*h.f)/(math.Sqrt(k)*f))
		}
		each((len(out)+chunk-1)/chunk, o.Workers, func(part int) {
			from, to := part*chunk, min(len(out), (part+1)*chunk)
			col := s.columns[a][from:to]
			for i := range out[from:to] {
				out[from+i] = max(out[from+i], by[col[i]])
			}
		})
	}
	return out
}

// unitNoise is the relative variance of an attribute's values around their
// middle, the median expectation of a value, and that middle as a factor. Bursts have heavier tails
// than the normal distribution: the larger of what the median and the 70 %
// quantile of the squared residuals say is taken.
func unitNoise(hist []tally, rows []float64, o Options) (k, least, centre float64) {
	lifts, fs := make([]weighted, 0, len(hist)), make([]float64, 0, len(hist))
	for _, h := range hist {
		if h.f > 0 {
			fs = append(fs, h.f)
		}
		if h.f >= unitEvents {
			lifts = append(lifts, weighted{h.v / h.f, h.f})
		}
	}
	if len(lifts) < unitValues {
		return 0, 0, 1
	}
	centre, _ = median(lifts)
	counting := 1.0
	if o.windows() > 0 {
		counting += centre / o.windows()
	}
	at50, at70 := make([]float64, 0, len(lifts)), make([]float64, 0, len(lifts))
	for i, h := range hist {
		if y := h.f * centre; y > 0 && h.f >= unitEvents {
			d := h.v - y
			own := max(counting*y, rows[i])
			at50 = append(at50, (d*d/chi2Median-own)/(y*y))
			at70 = append(at70, (d*d/chi2Seventy-own)/(y*y))
		}
	}
	if len(at50) == 0 {
		return 0, 0, 1
	}
	return math.Max(middle(at50), nth(at70, len(at70)*7/10)), middle(fs), centre
}

// rest looks at the rows left: what is their mean noise in units of counting noise,
// how many depart beyond what noise gives anywhere among so many, and their excess.
func (s *leaves) rest(workers int) (heterogeneity float64, scattered int, excess float64) {
	least := margin + math.Log(math.Max(1, float64(len(s.rows))))
	type part struct {
		chi, n float64
		rows   int
		excess float64
	}
	parts := make([]part, (len(s.rows)+chunk-1)/chunk)
	each(len(parts), workers, func(n int) {
		var p part
		for i := n * chunk; i < min(len(s.rows), (n+1)*chunk); i++ {
			r := s.rows[i]
			g := s.drift * r.f
			d := r.v - g
			if g >= 5 {
				p.chi += d * d / g
				p.n++
			}
			// What the noise of no row can make of it is not worth a closer look.
			if d*d < least*(s.poisson*max(r.v, g)) {
				continue
			}
			if a := s.inNoise(r, i); lifted(a.x, a.y) && s.score(a) >= least {
				p.rows++
				p.excess += d
			}
		}
		parts[n] = p
	})
	var all part
	for _, p := range parts {
		all.chi += p.chi
		all.n += p.n
		all.rows += p.rows
		all.excess += p.excess
	}
	if all.n == 0 {
		return 1, all.rows, all.excess
	}
	return all.chi / all.n, all.rows, all.excess
}

// table sums the rows of a cell by the values of the attributes it does not have.
func (s *leaves) table(items []item) [][]sums {
	full := s.full
	var rows []int32
	if len(items) > 0 {
		rows = s.matching(items)
		full = make([]sums, len(rows)) // side by side, since every attribute reads them
		for k, i := range rows {
			full[k] = s.full[i]
		}
	}
	by := make([][]sums, len(s.values))
	for a, col := range s.columns {
		if slices.ContainsFunc(items, func(it item) bool { return it.attr == a }) {
			continue
		}
		hist := make([]sums, len(s.values[a]))
		if len(items) == 0 {
			for i, code := range col {
				hist[code].add(full[i])
			}
		} else {
			for k, i := range rows {
				hist[col[i]].add(full[k])
			}
		}
		by[a] = hist
	}
	return by
}

type weighted struct{ x, w float64 }

// median returns the weighted median and its standard error. It changes its
// argument, which must not be empty.
func median(xs []weighted) (m, e float64) {
	m = half(xs)
	sum, squares := 0.0, 0.0
	for i := range xs {
		sum += xs[i].w
		squares += xs[i].w * xs[i].w
		xs[i].x = abs(xs[i].x - m)
	}
	return m, 1.2533 * 1.4826 * half(xs) * math.Sqrt(squares) / sum
}

// half returns the value below or at which half of the weight lies, by
// quickselect; it reorders its argument.
func half(xs []weighted) float64 {
	want := 0.0
	for _, x := range xs {
		want += x.w
	}
	want /= 2
	for len(xs) > 1 {
		a, b, c := xs[0].x, xs[len(xs)/2].x, xs[len(xs)-1].x
		pivot := max(min(a, b), min(max(a, b), c))
		// Below the pivot, at it, above it.
		lo, hi := 0, len(xs)
		var below, at float64
		for i := 0; i < hi; {
			switch x := xs[i]; {
			case x.x < pivot:
				below += x.w
				xs[lo], xs[i] = xs[i], xs[lo]
				lo++
				i++
			case x.x > pivot:
				hi--
				xs[hi], xs[i] = xs[i], xs[hi]
			default:
				at += x.w
				i++
			}
		}
		switch {
		case want <= below && lo > 0:
			xs = xs[:lo]
		case want <= below+at || hi == len(xs):
			return pivot
		default:
			want -= below + at
			xs = xs[hi:]
		}
	}
	return xs[0].x
}

// middle is the median; it reorders its argument.
func middle(xs []float64) float64 {
	n := len(xs)
	m := nth(xs, n/2)
	if n%2 == 1 {
		return m
	}
	return (slices.Max(xs[:n/2]) + m) / 2
}

// nth returns the k-th smallest value, from 0, by quickselect; it reorders its
// argument so that none before it is larger and none behind it smaller.
func nth(xs []float64, k int) float64 {
	lo, hi := 0, len(xs)-1
	for lo < hi {
		a, b, c := xs[lo], xs[(lo+hi)/2], xs[hi]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := lo, hi
		for i <= j {
			for xs[i] < pivot {
				i++
			}
			for xs[j] > pivot {
				j--
			}
			if i <= j {
				xs[i], xs[j] = xs[j], xs[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return xs[k]
		}
	}
	return xs[k]
}
