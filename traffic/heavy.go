package traffic

import (
	"cmp"
	"maps"
	"slices"
)

// Heavy keeps the heavy hitters of an attribute with any number of values in
// bounded memory (Misra & Gries 1982, with the batched decrement of Agarwal
// et al., "Mergeable Summaries", 2012). A value that makes up more than
// 1/capacity of the weight is never lost; a kept count is too low by at most
// Missed.
type Heavy[K cmp.Ordered] struct {
	capacity int
	counts   map[K]int64
	missed   int64
}

// NewHeavy returns a Heavy that keeps the capacity heaviest values, and at
// most twice as many at a time.
func NewHeavy[K cmp.Ordered](capacity int) *Heavy[K] {
	return &Heavy[K]{capacity: capacity, counts: make(map[K]int64)}
}

// Add counts weight for a value.
func (h *Heavy[K]) Add(k K, weight int64) {
	h.counts[k] += weight
	if len(h.counts) > 2*h.capacity {
		h.shrink()
	}
}

func (h *Heavy[K]) shrink() {
	all := make([]int64, 0, len(h.counts))
	for _, n := range h.counts {
		all = append(all, n)
	}
	slices.Sort(all)
	cut := all[len(all)-h.capacity-1]
	for k, n := range h.counts {
		if n <= cut {
			delete(h.counts, k)
		} else {
			h.counts[k] = n - cut
		}
	}
	h.missed += cut
}

// Merge adds what another Heavy has seen.
func (h *Heavy[K]) Merge(o *Heavy[K]) {
	for k, n := range o.counts {
		h.counts[k] += n
	}
	h.missed += o.missed
	if len(h.counts) > 2*h.capacity {
		h.shrink()
	}
}

// Missed is the most by which any count is too low.
func (h *Heavy[K]) Missed() int64 { return h.missed }

// Count of a value: 0 where it is not among the kept ones.
func (h *Heavy[K]) Count(k K) int64 { return h.counts[k] }

// Hitter is a value with its count.
type Hitter[K cmp.Ordered] struct {
	Value K
	Count int64
}

// Top returns the n heaviest values, heaviest first, equal ones by value.
func (h *Heavy[K]) Top(n int) []Hitter[K] {
	out := make([]Hitter[K], 0, len(h.counts))
	for k, c := range h.counts {
		out = append(out, Hitter[K]{k, c})
	}
	slices.SortFunc(out, func(a, b Hitter[K]) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return out[:min(n, len(out))]
}

// Clone gives a copy.
func (h *Heavy[K]) Clone() *Heavy[K] {
	c := *h
	c.counts = maps.Clone(h.counts)
	return &c
}
