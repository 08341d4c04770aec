package explain

import (
	"cmp"
	"slices"
)

// beam searches a table too wide to enumerate: all single values, then the
// combinations that extend the most promising ones, a level at a time.
type beam struct {
	s *leaves
	o Options
}

func newBeam(s *leaves, o Options) *beam { return &beam{s, o} }

const (
	// sampleRows is how many rows the search looks at; what it nominates is
	// judged on all of them.
	sampleRows = 25_000
	nominees   = 8
)

// keep is how many cells a level needs: to nominate, and to extend.
const keep = 8

// beamWidth is how many cells of each level are extended by every other value.
var beamWidth = [...]int{32, 8, 4}

type candidate struct {
	cell
	sums
	ok bool
}

func (b *beam) best() (cell, bool) {
	s := b.s.sample(sampleRows, b.o.Workers)
	level := b.singles(s)
	var found []candidate
	for depth := 1; len(level) > 0; depth++ {
		slices.SortFunc(level, prefer)
		// A combination may be found by way of any of its parts.
		level = slices.CompactFunc(level, func(x, y candidate) bool { return slices.Equal(x.items, y.items) })
		found = append(found, level[:min(nominees, len(level))]...)
		if depth >= b.o.MaxDepth {
			break
		}
		width := beamWidth[min(depth, len(beamWidth))-1]
		from := level[:min(width, len(level))]
		if depth == 1 {
			from = b.widest(level, from)
		}
		level = b.extend(s, from)
	}
	slices.SortFunc(found, prefer)
	if s != b.s {
		found = slices.DeleteFunc(found[:min(nominees, len(found))], b.hopeless)
		cells := make([][]item, len(found))
		for i, c := range found {
			cells[i] = c.items
		}
		for i, a := range b.s.sumAll(cells, b.o.Workers) {
			c := &found[i]
			c.sums = a
			c.net, c.ok = b.s.judge(a, b.s.cost(c.items), b.o)
		}
		slices.SortFunc(found, prefer)
	}
	i := slices.IndexFunc(found, func(c candidate) bool { return c.ok })
	if i < 0 {
		return cell{}, false
	}
	c := b.widen(found[i], found)
	for {
		child, ok := b.s.split(c, b.o)
		if !ok {
			return child, true
		}
		c = child
	}
}

// hopeless tells of a cell as the sample shows it that all rows will not make it
// a cause: a sample errs, but by less than half of what a cause must have.
func (b *beam) hopeless(c candidate) bool {
	v, f := c.v, b.s.drift*c.f
	return abs(v-f) < b.s.floor(b.o)/2 || max(v, f) < min(v, f)*(1+minLift)/2
}

// widen returns the candidate that explains the most while adding to c little
// but excess: rows that rise at least fivefold. A scattered attack is one
// cause with some background in it rather than several without. Complete cubes
// are not widened: there, separate cells are separate causes.
func (b *beam) widen(c candidate, found []candidate) cell {
	s := b.s
	excess := c.v - s.drift*c.f
	if excess <= 0 {
		return c.cell
	}
	best := c
	for _, w := range found {
		if !w.ok || w.v-s.drift*w.f <= best.v-s.drift*best.f {
			continue
		}
		both, ok := union(c.items, w.items)
		if !ok {
			continue
		}
		common := sums{}
		for _, i := range s.having(s.of([][]item{c.items}, 1)[0], both) {
			common.add(s.row(int(i)))
		}
		shared := common.v - s.drift*common.f
		added := w.v - s.drift*w.f - shared
		if shared >= 0.9*excess && s.drift*(w.f-common.f) <= added/4 {
			best = w
		}
	}
	return best.cell
}

// union returns the items of both, unless they contradict each other.
func union(x, y []item) ([]item, bool) {
	out := slices.Clone(x)
	for _, it := range y {
		i := slices.IndexFunc(x, func(o item) bool { return o.attr == it.attr })
		if i < 0 {
			out = append(out, it)
		} else if x[i] != it {
			return nil, false
		}
	}
	return out, true
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

// singles returns every cell of one item, by the rows of s.
func (b *beam) singles(s *leaves) []candidate {
	t := b.tables(s, [][]item{nil})[0]
	var level []candidate
	for a, hist := range t {
		level = append(level, b.children(nil, s, nil, a, hist, len(hist))...)
	}
	return level
}

// extend returns the best of the cells that have the items of one of the level and
// one item more, by the rows of s.
func (b *beam) extend(s *leaves, level []candidate) []candidate {
	cells := make([][]item, len(level))
	for i, c := range level {
		cells[i] = c.items
	}
	tables := b.tables(s, cells)
	extended := make([][]candidate, len(level))
	each(len(level), b.o.Workers, func(i int) {
		for a, hist := range tables[i] {
			if hist != nil && !s.repeats(with(cells[i], item{attr: a}), b.o) {
				extended[i] = b.children(extended[i], s, cells[i], a, hist, keep)
			}
		}
	})
	return slices.Concat(extended...)
}

// tables returns the sums of cells by the values of the attributes they do not
// have: attribute, code.
func (b *beam) tables(s *leaves, cells [][]item) [][][]sums {
	out := make([][][]sums, len(cells))
	if s.drawn != nil {
		for i, items := range cells {
			if t := s.drawn.table(items); t != nil {
				t.asked = true
				out[i] = t.by
			}
		}
	}
	fresh := make([]bool, len(cells))
	each(len(cells), b.o.Workers, func(i int) {
		if out[i] == nil {
			fresh[i] = true
			out[i] = s.table(cells[i])
		}
	})
	if s.drawn != nil {
		for i, is := range fresh {
			if is {
				s.drawn.tables = append(s.drawn.tables, cellTable{cells[i], out[i], true})
			}
		}
	}
	return out
}

// children adds to a list in order of preference the cells that have the items
// and a value of attribute a, and keeps the first of them.
func (b *beam) children(list []candidate, s *leaves, items []item, a int, hist []sums, most int) []candidate {
	floor := s.floor(b.o)
	cost := s.cost(with(items, item{attr: a}))
	level := 1.0 // what the drift changed since the sums were made
	if s.drawn != nil {
		level = s.bias * s.drift / s.drawn.level
	}
	for code := 1; code < len(hist); code++ {
		h := hist[code]
		h.y *= level
		if most := max(h.v, s.drift*h.f); most == 0 || most < floor {
			continue
		}
		full := len(list) == most
		// No evidence exceeds d²/y, and most cells have far less.
		if d := h.x - h.y; full && d*d < h.y*(list[most-1].net+cost) {
			continue
		}
		net, ok := s.judge(h, cost, b.o)
		if full && net < list[most-1].net {
			continue
		}
		c := candidate{cell{items: with(items, item{a, code}), net: net}, h, ok}
		at, _ := slices.BinarySearchFunc(list, c, prefer)
		if full {
			if at == most {
				continue
			}
			list = list[:most-1]
		}
		list = slices.Insert(list, at, c)
	}
	return list
}
