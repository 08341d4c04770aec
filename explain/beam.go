package explain

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// beam searches a table too wide to enumerate: all single values, then the
// combinations that extend the most promising ones, a level at a time.
type beam struct {
	s *leaves
	o Options
}

func newBeam(s *leaves, o Options) *beam { return &beam{s, o} }

// How many cells of each level are extended by every other value.
var beamWidth = []int{32, 8, 4}

type candidate struct {
	cell
	sums
	ok bool
}

func (b *beam) best() (cell, bool) {
	var best candidate
	seen := map[string]bool{}
	level := b.extend(nil)
	for depth := 1; ; depth++ {
		slices.SortFunc(level, prefer)
		for _, c := range level {
			if c.ok {
				if best.items == nil || prefer(c, best) < 0 {
					best = c
				}
				break
			}
		}
		if depth >= b.o.MaxDepth || len(level) == 0 {
			break
		}
		width := beamWidth[min(depth, len(beamWidth))-1]
		from := level[:min(width, len(level))]
		if depth == 1 {
			from = b.widest(level, from)
		}
		extended := make([][]candidate, len(from))
		var wg sync.WaitGroup
		slots := make(chan struct{}, b.o.Workers)
		for i, c := range from {
			slots <- struct{}{}
			wg.Go(func() {
				extended[i] = b.extend(c.items)
				<-slots
			})
		}
		wg.Wait()
		level = nil
		for _, cs := range extended {
			for _, c := range cs {
				key := fmt.Sprint(c.items)
				if !seen[key] {
					seen[key] = true
					level = append(level, c)
				}
			}
		}
	}
	if best.items == nil {
		return cell{}, false
	}
	c := best.cell
	for {
		child, ok := b.s.split(c, b.o)
		if !ok {
			return c, true
		}
		c = child
	}
}

// widest adds to the cells that will be extended the two values of each
// attribute with most events: their rises and drops may cancel.
func (b *beam) widest(level, from []candidate) []candidate {
	from = slices.Clone(from)
	rest := slices.Clone(level[len(from):])
	slices.SortStableFunc(rest, func(x, y candidate) int { return cmp.Compare(y.v+y.f, x.v+x.f) })
	taken := make([]int, len(b.s.values))
	for _, c := range rest {
		if a := c.items[0].attr; taken[a] < 2 {
			taken[a]++
			from = append(from, c)
		}
	}
	return from
}

// prefer orders candidates: more evidence, then fewer items, then earlier
// attributes.
func prefer(x, y candidate) int {
	return cmp.Or(
		cmp.Compare(y.net, x.net),
		cmp.Compare(len(x.items), len(y.items)),
		slices.CompareFunc(x.items, y.items, func(a, b item) int {
			return cmp.Or(cmp.Compare(a.attr, b.attr), cmp.Compare(a.code, b.code))
		}))
}

// extend returns every cell that has the items and one more.
func (b *beam) extend(items []item) []candidate {
	s := b.s
	var rows []int32
	if items != nil {
		rows = s.matching(items)
	}
	var out []candidate
	for a := range s.values {
		if slices.ContainsFunc(items, func(it item) bool { return it.attr == a }) {
			continue
		}
		if items != nil && s.repeats(with(items, item{attr: a}), b.o) {
			continue
		}
		var hist []sums
		if items == nil {
			hist = s.histogram(a)
		} else {
			hist = make([]sums, len(s.values[a]))
			col := s.columns[a]
			for _, i := range rows {
				hist[col[i]].add(s.rows[i])
			}
		}
		for code := 1; code < len(hist); code++ {
			h := hist[code]
			if max(h.v, s.drift*h.f) < s.floor(b.o) || h.v == 0 && h.f == 0 {
				continue
			}
			next := with(items, item{a, code})
			net, ok := s.judge(h, s.cost(next), b.o)
			out = append(out, candidate{cell{items: next, net: net}, h, ok})
		}
	}
	return out
}
