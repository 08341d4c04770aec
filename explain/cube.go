package explain

import "math/bits"

// cube searches a small dense table exactly: every cell of every subset of
// the attributes, each subset's sums made from a finer one's.
type cube struct {
	s       *leaves
	o       Options
	size    []int   // values of an attribute, the unknown included
	finer   []int   // subset of attributes → the attribute it sums out
	bySize  [][]int // sets of so many attributes
	cuboids [][]sums
}

func newCube(s *leaves, o Options) *cube {
	n := len(s.values)
	c := &cube{s: s, o: o, finer: make([]int, 1<<n), cuboids: make([][]sums, 1<<n), bySize: make([][]int, n+1)}
	for a := range s.values {
		c.size = append(c.size, len(s.values[a]))
	}
	for set := 1; set < 1<<n; set++ {
		cells, out := 1, -1
		for a := range n {
			if set>>a&1 == 1 {
				cells *= c.size[a]
			} else if out < 0 || c.size[a] < c.size[out] {
				out = a
			}
		}
		c.finer[set] = out
		c.cuboids[set] = make([]sums, cells)
		c.bySize[bits.OnesCount(uint(set))] = append(c.bySize[bits.OnesCount(uint(set))], set)
	}
	return c
}

// stride returns how far apart two neighbouring values of attribute a lie in
// the cuboid of a set.
func (c *cube) stride(set, a int) int {
	n := 1
	for b := a + 1; b < len(c.size); b++ {
		if set>>b&1 == 1 {
			n *= c.size[b]
		}
	}
	return n
}

func (c *cube) fill() {
	full := len(c.cuboids) - 1
	leaves := c.cuboids[full]
	clear(leaves)
	for i := range c.s.rows {
		at := 0
		for a, col := range c.s.columns {
			at = at*c.size[a] + int(col[i])
		}
		leaves[at].add(c.s.row(i))
	}
	// A set's finer one has a bit more.
	n := len(c.size)
	for size := n - 1; size > 0; size-- {
		each(len(c.bySize[size]), c.o.Workers, func(i int) { c.sumOut(c.bySize[size][i]) })
	}
}

// sumOut fills the cuboid of a set from its finer one.
func (c *cube) sumOut(set int) {
	a := c.finer[set]
	from := c.cuboids[set|1<<a]
	to := c.cuboids[set]
	inner := c.stride(set|1<<a, a)
	for i := range to {
		hi, lo := i/inner, i%inner
		var sum sums
		for v, at := 0, hi*inner*c.size[a]+lo; v < c.size[a]; v, at = v+1, at+inner {
			sum.add(from[at])
		}
		to[i] = sum
	}
}

// best returns the cell with the most evidence beyond its cost.
func (c *cube) best() (cell, bool) {
	c.fill()
	found := make([]cell, len(c.cuboids))
	each(len(found), c.o.Workers, func(set int) {
		if set == 0 || bits.OnesCount(uint(set)) > c.o.MaxDepth {
			return
		}
		best := &found[set]
		cost := c.s.cost(c.items(set, 0))
		for i, a := range c.cuboids[set] {
			// No evidence exceeds d²/y, and most cells have far less.
			if d := a.x - a.y; d*d < a.y*(margin+cost) {
				continue
			}
			net, ok := c.s.judge(a, cost, c.o)
			if !ok || best.items != nil && net <= best.net {
				continue
			}
			if items := c.items(set, i); known(items) {
				*best = cell{items: items, net: net}
			}
		}
	})
	var best cell
	for _, f := range found {
		if f.items != nil && (best.items == nil || f.net > best.net) {
			best = f
		}
	}
	if best.items == nil {
		return best, false
	}
	for {
		child, ok := c.s.split(best, c.o)
		if !ok {
			return c.s.common(child, c.o), true
		}
		best = child
	}
}

func (c *cube) items(set, at int) []item {
	items := make([]item, bits.OnesCount(uint(set)))
	n := len(items)
	for a := len(c.size) - 1; a >= 0; a-- {
		if set>>a&1 == 1 {
			n--
			items[n] = item{a, at % c.size[a]}
			at /= c.size[a]
		}
	}
	return items
}

func known(items []item) bool {
	for _, it := range items {
		if it.code == 0 {
			return false
		}
	}
	return true
}
