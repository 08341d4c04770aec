package explain

import (
	"cmp"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// split looks below a cell: where one attribute has a few values (at most
// four) that account for the departure so well that naming them all is
// cheaper than naming the cell, it returns the strongest of them. Where the
// other values depart the same way, only less surprisingly, the cell itself
// is the description: what comes from a network that was hardly used before
// is not split by the one device that did use it.
func (s *leaves) split(c cell, o Options) (cell, bool) {
	if len(c.items) >= o.MaxDepth {
		return c, false
	}
	s.within(&c, o.Workers)
	whole := c.own
	up := whole.x > whole.y
	base := s.score(whole)
	best, bestGain := c, float64(margin)/2
	for a, hist := range c.by {
		if hist == nil {
			continue
		}
		order := make([]int, 0, len(hist))
		for code := 1; code < len(hist); code++ {
			if hist[code].x > 0 || hist[code].y > 0 {
				order = append(order, code)
			}
		}
		slices.SortStableFunc(order, func(i, j int) int {
			d := cmp.Compare(hist[j].x*(hist[i].y+.5), hist[i].x*(hist[j].y+.5))
			if !up {
				d = -d
			}
			return d
		})
		each := math.Log(float64(len(hist) - 1))
		var sum sums
		for m := 1; m <= 4 && m < len(order); m++ {
			sum.add(hist[order[m-1]])
			gain := s.score(sum) - base - float64(m)*each
			if gain <= bestGain || s.alike(sum, whole) || s.departs(whole.less(sum), up) {
				continue
			}
			var strongest cell
			for _, code := range order[:m] {
				child := with(c.items, item{a, code})
				if net, ok := s.judge(hist[code], s.cost(child), o); ok && (strongest.items == nil || net > strongest.net) {
					strongest = cell{items: child, net: net, gain: gain}
				}
			}
			if strongest.items != nil {
				best, bestGain = strongest, gain
			}
		}
	}
	return best, len(best.items) > len(c.items)
}

// common returns the cell wider than c in which each row gains or loses as much
// as those of c, where there is one. Where an attacker adds the same everywhere,
// the places with least traffic are the most surprising, and c is only one of
// them. Each row outside of c speaks for it by the logarithm of how much
// likelier its count is with what a row of c gained (seven tenths of it, since c
// was chosen for being extreme) than without: at most 3, so that a few places
// that depart alike remain causes of their own.
func (s *leaves) common(c cell, o Options) cell {
	if len(c.items) < 2 {
		return c
	}
	s.within(&c, o.Workers)
	gain := 0.7 * (c.own.v - s.drift*c.own.f) / float64(len(c.rows))
	type support struct {
		sums
		ln, n float64
	}
	by := make([]support, 1<<len(c.items)) // by which of the items a row has
	for i, r := range s.rows {
		mask := 0
		for n, it := range c.items {
			if int(s.columns[it.attr][i]) == it.code {
				mask |= 1 << n
			}
		}
		if mask == 0 {
			continue
		}
		a := s.row(i)
		b := &by[mask]
		b.add(a)
		b.n++
		if mask == len(by)-1 {
			continue
		}
		least := 0.05 * a.y // no row can lose more than all
		g := max(gain*(a.x+a.y)/(r.v+s.drift*r.f), least-a.y)
		if a.y == 0 {
			b.ln += min(3, 3*r.v/gain)
			continue
		}
		b.ln += min(3, a.x*math.Log1p(g/a.y)-g)
	}
	for n := range c.items {
		for m := range by {
			if m>>n&1 == 0 {
				b, part := &by[m], by[m|1<<n]
				b.add(part.sums)
				b.ln += part.ln
				b.n += part.n
			}
		}
	}
	best := c
	for m := 1; m < len(by)-1; m++ {
		b := by[m]
		if b.n < 3*float64(len(c.rows)) || b.ln < commonEvidence || b.ln <= best.common || !lifted(b.x, b.y) {
			continue
		}
		var items []item
		for n, it := range c.items {
			if m>>n&1 == 1 {
				items = append(items, it)
			}
		}
		best = cell{items: items, net: c.net + s.cost(c.items) + b.ln - s.cost(items), common: b.ln}
	}
	return best
}

// commonEvidence is what rows must say together for a gain they have in common.
const commonEvidence = 6

// departs tells whether sums depart enough to be a cause of their own, in the
// direction given.
func (s *leaves) departs(a sums, up bool) bool {
	return a.x > a.y == up && lifted(a.x, a.y) && s.score(a) >= margin
}

// simplest returns the description with the fewest items that picks out
// nearly the same departure as c without widening it: a removed or exchanged
// item may cost a tenth of the excess and bring in expected events worth a
// tenth of it. Among descriptions of one length the earlier attributes win
// unless they do worse.
func (s *leaves) simplest(c cell, o Options) cell {
	s.within(&c, o.Workers)
	own := c.own
	excess := own.v - s.drift*own.f
	// Items that nearly all of the cell shares can take part.
	pool := slices.Clone(c.items)
	for a, hist := range c.by {
		if len(pool) >= 16 {
			break
		}
		for code := 1; code < len(hist); code++ {
			e := hist[code].v - s.drift*hist[code].f
			if abs(e-excess) <= 0.1*abs(excess) {
				pool = append(pool, item{a, code})
				break
			}
		}
	}
	slices.SortFunc(pool, func(a, b item) int { return cmp.Compare(a.attr, b.attr) })
	// One pass gives the sums by which of the pool's items a row has; adding
	// each set's sums to its subsets gives every description's.
	by := make([]sums, 1<<len(pool))
	singles := make([][]item, len(pool))
	for n := range pool {
		singles[n] = pool[n : n+1]
	}
	lists := s.of(singles, o.Workers)
	// What single items hold is known, and most are plainly another departure.
	tolerance, tie := s.tolerance()
	skip := make([]bool, len(by))
	for n, it := range pool {
		h := s.hists[it.attr][it.code]
		lost := abs(h.v-s.drift*h.f-excess) / abs(excess)
		wider := s.drift * (h.f - own.f) / abs(excess)
		skip[1<<n] = !s.filled && max(lost, wider) > 1.01*tolerance && s.drawn != nil
	}
	size := chunk
	if len(pool) > 8 {
		size = len(s.rows)
	}
	parts := make([][]sums, (len(s.rows)+size-1)/size)
	each(len(parts), o.Workers, func(part int) {
		from, to := part*size, min(len(s.rows), (part+1)*size)
		mask := make([]uint16, to-from)
		for n, rows := range lists {
			for _, i := range between(rows, from, to) {
				mask[int(i)-from] |= 1 << n
			}
		}
		sums := make([]sums, len(by))
		for n, rows := range lists {
			for _, i := range between(rows, from, to) {
				// Each row once, with the first of its items.
				if m := mask[int(i)-from]; m&(1<<n-1) == 0 && !skip[m] {
					sums[m].add(s.row(int(i)))
				}
			}
		}
		parts[part] = sums
	})
	for _, part := range parts {
		for m := range by {
			by[m].add(part[m])
		}
	}
	for n := range pool {
		for m := range by {
			if m>>n&1 == 0 {
				by[m].add(by[m|1<<n])
			}
		}
	}
	type option struct {
		items  []item
		a      sums
		mask   int
		misfit float64 // excess lost and expected events gained, in parts of the excess
	}
	var options []option
	for m := 1; m < len(by); m++ {
		var items []item
		for n, it := range pool {
			if m>>n&1 == 1 {
				items = append(items, it)
			}
		}
		if len(items) > len(c.items) || skip[m] || s.repeats(items, o) {
			continue
		}
		a := by[m]
		lost := abs(a.v-s.drift*a.f-excess) / abs(excess)
		wider := math.Max(0, s.drift*(a.f-own.f)) / abs(excess)
		if _, ok := s.judge(a, s.cost(items), o); ok && lost <= tolerance && wider <= tolerance {
			options = append(options, option{items, a, m, lost + wider})
		}
	}
	best := -1
	for i, p := range options {
		if best < 0 {
			best = i
			continue
		}
		b := options[best]
		switch {
		case len(p.items) != len(b.items):
			if len(p.items) < len(b.items) {
				best = i
			}
		case abs(p.misfit-b.misfit) > tie:
			if p.misfit < b.misfit {
				best = i
			}
		default:
			if slices.CompareFunc(p.items, b.items, func(x, y item) int { return cmp.Compare(x.attr, y.attr) }) < 0 {
				best = i
			}
		}
	}
	mask := 0
	if best < 0 {
		for n, it := range pool {
			if slices.Contains(c.items, it) {
				mask |= 1 << n
			}
		}
	} else {
		p := options[best]
		mask = p.mask
		if !slices.Equal(p.items, c.items) {
			c = cell{items: p.items, net: s.score(p.a) - s.cost(p.items), gain: c.gain, common: c.common}
		}
	}
	for n := range pool {
		if mask>>n&1 == 1 {
			rest := mask &^ (1 << n)
			if skip[rest] {
				by[rest] = s.roughly(pool[bits.TrailingZeros(uint(rest))])
			}
			c.wider = append(c.wider, by[rest])
		}
	}
	return c
}

// roughly returns the sums of an item in a large table: its counts as they are,
// the noise they are measured by as the sample shows it.
func (s *leaves) roughly(it item) sums {
	h := s.hists[it.attr][it.code]
	var a sums
	for _, k := range s.drawn.of(it) {
		a.add(s.drawn.full[k])
	}
	level := s.bias * s.drift
	a.y *= level / s.drawn.level
	per := ratio(a.x+a.y, a.v+level*a.f)
	x, y := h.v*per, level*h.f*per
	return sums{h.v, h.f, x, y, (x + y) * ratio(a.p, a.x+a.y)}
}

// tolerance is the part of an excess by which two descriptions may differ and
// yet be called the same, and be called equally good. In a complete cube a
// neighbour that is merely small is still a neighbour: only what picks out the
// very same rows is the same.
func (s *leaves) tolerance() (same, tie float64) {
	if s.filled {
		return 1e-9, 1e-9
	}
	return 0.1, 0.02
}

// alike tells whether a wider cell holds nearly the same excess as a narrower
// one, and little more of what was expected.
func (s *leaves) alike(narrow, wide sums) bool {
	same, _ := s.tolerance()
	excess := narrow.v - s.drift*narrow.f
	lost := abs(wide.v - s.drift*wide.f - excess)
	return lost <= same*abs(excess) && s.drift*(wide.f-narrow.f) <= same*abs(excess)
}

// confidence is how likely a cell is the right description: that it is no noise,
// by its evidence, and that it is none of the descriptions next to it, those with
// an item less and those with one more, by its smallest lead over them. How often
// either was right was counted over the 5,162 causes named in 4,800 generated tables
// of twelve kinds, half of them with causes near what can be seen at all, and in
// 2,400 of noise alone (TestStudy, seeds 5 and 6), and follows a power of it by
// greatest likelihood; docs/explain-figures.md has the check on another seed. Descriptions of
// the same departure in other words do not count as rivals.
func (s *leaves) confidence(c *cell, workers int) float64 {
	lead := c.net
	if c.common > 0 {
		lead = min(lead, c.common)
	}
	for _, r := range s.rivals(c, workers) {
		lead = min(lead, r.lead)
	}
	right := func(lead, even, power float64) float64 { // even is right every second time
		return 1 / (1 + math.Pow(even/max(lead, 1e-3), power))
	}
	return right(c.net-4, 0.439, 1.909) * right(lead, 0.0892, 0.898)
}

// rival is a description next to another, and the lead of that one over it.
type rival struct {
	sums
	cost, lead float64
	wider      bool
}

// rivals returns what a cell could be mistaken for: its neighbours with an item
// less and with one more.
func (s *leaves) rivals(c *cell, workers int) []rival {
	s.within(c, workers)
	excess := c.own.v - s.drift*c.own.f
	same, _ := s.tolerance()
	var out []rival
	consider := func(a sums, cost float64, wider bool) {
		if abs(a.v-s.drift*a.f-excess) <= same*abs(excess) {
			return // the same departure in other words
		}
		lead := c.net - s.score(a) + cost
		if wider {
			lead = max(lead, c.gain)
		}
		out = append(out, rival{a, cost, max(lead, 0), wider})
	}
	if len(c.items) > 1 {
		for i := range c.items {
			consider(c.wider[i], s.cost(slices.Delete(slices.Clone(c.items), i, i+1)), true)
		}
	}
	if c.common > 0 {
		return out // its parts may well be more surprising
	}
	for a, hist := range c.by {
		if hist == nil {
			continue
		}
		cost := s.cost(with(c.items, item{attr: a}))
		for code := 1; code < len(hist); code++ {
			consider(hist[code], cost, false)
		}
	}
	return out
}

const (
	resamples    = 200
	nearestCells = 24
)

// stability is the share of resamples in which the cell comes again. Each
// resample draws the counts anew, with the noise that was found, of the cell, of
// its parts, and of what surrounds it; the cell comes again where it passes for a
// cause and is still ahead of its neighbours. Leaves are not drawn: a cause of
// one leaf would be missing from a third of all draws, whatever its size.
func (s *leaves) stability(c *cell, workers int) float64 {
	rivals := s.rivals(c, workers)
	slices.SortStableFunc(rivals, func(a, b rival) int { return cmp.Compare(a.lead, b.lead) })
	rivals = rivals[:min(nearestCells, len(rivals))]
	rng := rand.New(rand.NewPCG(1, 2)) // the same draws every time
	own, cost := c.own, s.cost(c.items)
	bonus := c.net - (s.score(own) - cost) // what common says beside
	up := own.x > own.y
	again := 0
draws:
	for range resamples {
		x := s.redraw(rng, own)
		if net := s.score(x) - cost + bonus; net < s.margin() || x.x > x.y != up || !lifted(x.x, x.y) {
			continue
		}
		for _, r := range rivals {
			var a sums
			if r.wider {
				if c.gain > 0 {
					continue // it was preferred for what is in it, not for its lead
				}
				a = s.redraw(rng, r.less(own))
				a.add(x)
			} else {
				// A part of what was drawn, as chance shares it out.
				part := 0.0
				if own.x > 0 {
					part = min(1, r.x/own.x)
				}
				a = r.sums
				a.x = max(0, a.x+part*(x.x-own.x)+math.Sqrt(s.spread(r.sums)*(1-part))*rng.NormFloat64())
			}
			if s.score(a)-r.cost > s.score(x)-cost+bonus {
				continue draws
			}
		}
		again++
	}
	return float64(again) / resamples
}

// spread is the variance of what is observed of a cell, in units of noise.
func (s *leaves) spread(a sums) float64 {
	if a.x+a.y <= 0 {
		return 0
	}
	counting := math.Min(1, a.p/(a.x+a.y))
	return max(0, counting*a.x+(1-counting)*math.Max(a.x, a.y))
}

func (s *leaves) redraw(rng *rand.Rand, a sums) sums {
	a.x = max(0, a.x+math.Sqrt(s.spread(a))*rng.NormFloat64())
	return a
}

// repeats tells whether one of the items is implied by another.
func (s *leaves) repeats(items []item, o Options) bool {
	for _, it := range items {
		for _, name := range o.Implies[s.t.Attributes[it.attr]] {
			for _, other := range items {
				if s.t.Attributes[other.attr] == name {
					return true
				}
			}
		}
	}
	return false
}
