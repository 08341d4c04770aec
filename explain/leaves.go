package explain

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// item is a value of an attribute within leaves: code is never 0.
type item struct{ attr, code int }

// cell is a combination of items on different attributes, with its evidence.
type cell struct {
	items []item // by attribute
	net   float64
	gain  float64 // by which it was preferred to the wider cell it was split from

	common float64 // evidence that its rows gain alike; 0: they rise by the same factor

	*inside        // once looked for, see within
	wider   []sums // the cell without its first item, its second, …, once described
}

// inside is what a cell is made of.
type inside struct {
	rows []int32
	own  sums
	by   [][]sums // attribute, code → sums of its rows; nil for the cell's own attributes
}

// sums are what adds up over rows: observed and expected as given, both in
// units of the rows' own noise, and the part of that noise that is counting
// (see estimate).
type sums struct{ v, f, x, y, p float64 }

func (a *sums) add(b sums) {
	a.v += b.v
	a.f += b.f
	a.x += b.x
	a.y += b.y
	a.p += b.p
}

// less returns a without b, which is a part of it.
func (a sums) less(b sums) sums {
	return sums{a.v - b.v, a.f - b.f, a.x - b.x, a.y - b.y, a.p - b.p}
}

// leaves is a table made ready for the search: equal rows merged, values
// renumbered per attribute in the order of their names. Code 0 stands for the
// unknown value and for values too small to be searched.
type leaves struct {
	t       *Table
	values  [][]uint32 // attribute, code → the table's value id
	columns [][]uint16 // attribute → code per row
	rows    []tally
	full    []sums    // per row, where the search reads them all; else see row
	units   []float64 // per row: see bursts; nil for a complete cube and where none are
	hists   [][]tally // attribute, code → what its rows add up to
	total   tally     // of all rows left
	filled  bool      // most combinations of values occur: a complete cube
	counts  bool      // observed counts are whole numbers

	asked  []cellRows // of a large table, see of
	drawn  *drawnRows // of a large table, see sample
	spaced *spacedRows

	behind   float64 // see size
	upper    float64 // see side
	rounds   int
	drift    float64
	poisson  float64 // a: a leaf's variance is a·m + κ·m²
	relative float64 // κ
	bias     float64 // see weighing
	largest  float64 // |excess| of the largest accepted cause
	observed float64
	mass     float64 // events observed and expected of the rows left
}

const (
	denseCells      = 1 << 19
	denseAttributes = 8
	maxItems        = 63
)

// prepare merges equal rows and reports whether the table is a small dense
// cube.
func prepare(t *Table, o Options) (*leaves, bool) {
	s := &leaves{t: t, counts: true, drift: 1, upper: 1}
	if w := o.windows(); w > 0 {
		s.behind = 1 / (1 + w)
	}
	s.sum(o.Workers)
	cells, known := 1.0, 1.0 // combinations of values, and of known ones
	dense := len(t.Attributes) <= denseAttributes
	for _, values := range t.values {
		cells *= float64(len(values))
		known *= math.Max(1, float64(len(values)-1))
		dense = dense && len(values) <= math.MaxUint16
	}
	dense = dense && cells <= denseCells

	hists := t.tallies
	var keep [][]uint32
	if !dense {
		keep = heavy(t, hists, s.floor(o))
	}
	recode := make([][]uint16, len(t.Attributes)) // value id → code
	for a := range t.Attributes {
		var ids []uint32
		if dense {
			for id := 1; id < len(t.values[a]); id++ {
				ids = append(ids, uint32(id))
			}
		} else {
			ids = keep[a]
		}
		slices.SortFunc(ids, func(i, j uint32) int { return strings.Compare(t.values[a][i], t.values[a][j]) })
		recode[a] = make([]uint16, len(t.values[a]))
		for i, id := range ids {
			recode[a][id] = uint16(i + 1)
		}
		s.values = append(s.values, append([]uint32{0}, ids...))
	}
	s.hists = make([][]tally, len(s.values))
	for a := range s.hists {
		s.hists[a] = make([]tally, len(s.values[a]))
		for id, h := range hists[a] {
			s.hists[a][recode[a][id]].add(h)
		}
	}
	s.merge(recode, dense, o.Workers)
	if dense && len(s.rows) <= ordered {
		s.order()
	}
	s.filled = dense && float64(len(s.rows)) >= 0.25*known
	if !s.filled {
		s.units = s.bursts(hists, o)
	}
	return s, dense
}

// sum adds up all rows and finds whether they are counts.
func (s *leaves) sum(workers int) {
	type part struct {
		tally
		amounts bool
	}
	n := s.t.Len()
	parts := make([]part, (n+chunk-1)/chunk)
	each(len(parts), workers, func(k int) {
		var p part
		for i := k * chunk; i < min(n, (k+1)*chunk); i++ {
			v := s.t.observed[i]
			p.add(tally{v, s.t.expected[i]})
			p.amounts = p.amounts || v != math.Trunc(v)
		}
		parts[k] = p
	})
	for _, p := range parts {
		s.total.add(p.tally)
		s.counts = s.counts && !p.amounts
	}
	s.observed = s.total.v
}

// ordered is up to how many rows a cube is added up in one order, whatever the
// order of its rows and attributes: where there are few, two readings may be
// exactly as good, and rounding must not choose between them.
const ordered = 1 << 12

// coarse rounds to twelve digits, of which whole numbers of less lose nothing:
// rows that were added up from the same events in another order are then equal.
func coarse(x float64) float64 {
	const low = 1<<12 - 1
	return math.Float64frombits((math.Float64bits(x) + low/2) &^ low)
}

// order sorts the rows by the names of attributes and values, and adds them up
// in that order.
func (s *leaves) order() {
	byName := make([]int, len(s.columns))
	for a := range byName {
		byName[a] = a
	}
	slices.SortFunc(byName, func(a, b int) int { return strings.Compare(s.t.Attributes[a], s.t.Attributes[b]) })
	at := make([]int, len(s.rows))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(i, j int) int {
		for _, a := range byName {
			if c := cmp.Compare(s.columns[a][i], s.columns[a][j]); c != 0 {
				return c
			}
		}
		return 0
	})
	rows := make([]tally, len(at))
	s.total = tally{}
	for k, i := range at {
		rows[k] = tally{coarse(s.rows[i].v), coarse(s.rows[i].f)}
		s.total.add(rows[k])
	}
	s.rows = rows
	for a, col := range s.columns {
		sorted := make([]uint16, len(at))
		clear(s.hists[a])
		for k, i := range at {
			sorted[k] = col[i]
			s.hists[a][col[i]].add(rows[k])
		}
		s.columns[a] = sorted
	}
}

// mergeParts is into how many parts rows are shared out by their hash: each is
// small enough for a processor's cache, and none needs another's lock.
const mergeParts = 1 << mergeBits

const mergeBits = 6

// chunk is how many rows one goroutine takes at a time.
const chunk = 1 << 14

// merge adds up the rows whose codes are equal. Of equal rows the first stays,
// so that the order does not depend on the number of workers.
func (s *leaves) merge(recode [][]uint16, dense bool, workers int) {
	t := s.t
	n := t.Len()
	s.columns = make([][]uint16, len(recode))
	for a := range s.columns {
		s.columns[a] = make([]uint16, n)
	}
	s.rows = make([]tally, n)
	hashes := make([]uint32, n)
	each((n+chunk-1)/chunk, workers, func(part int) {
		from, to := part*chunk, min(n, (part+1)*chunk)
		var sums [chunk]uint64
		for a, codes := range recode {
			col := s.columns[a][from:to]
			for i, id := range t.columns[a][from:to] {
				c := codes[id]
				col[i] = c
				sums[i] = (sums[i] ^ uint64(c)) * 0x9E3779B97F4A7C15
			}
		}
		for i := from; i < to; i++ {
			s.rows[i] = tally{t.observed[i], t.expected[i]}
			hashes[i] = uint32(sums[i-from] >> 32)
		}
	})
	// A counting sort by part: order holds the rows of each in their order.
	const shift = 32 - mergeBits
	alike := twice(hashes, workers)
	var starts [mergeParts + 1]int
	for _, i := range alike {
		starts[hashes[i]>>shift+1]++
	}
	for p := range mergeParts {
		starts[p+1] += starts[p]
	}
	order := make([]int32, len(alike))
	next := starts
	for _, i := range alike {
		h := hashes[i]
		order[next[h>>shift]] = i
		next[h>>shift]++
	}
	gone := make([]bool, n)
	var dropped atomic.Int64
	each(mergeParts, workers, func(p int) {
		part := order[starts[p]:starts[p+1]]
		// Open addressing: a slot holds a row's hash and its number plus one.
		size := 1 << bits.Len(uint(len(part)+len(part)/2))
		slots := make([]uint64, size)
		for _, i := range part {
			own := uint64(hashes[i]) << 32
			for at := int(hashes[i]) & (size - 1); ; at = (at + 1) & (size - 1) {
				slot := slots[at]
				if slot == 0 {
					slots[at] = own | uint64(i+1)
					break
				}
				if j := int32(uint32(slot)) - 1; slot>>32 == own>>32 && s.same(int(i), int(j)) {
					s.rows[j].add(s.rows[i])
					s.rows[i] = tally{}
					gone[i] = true
					dropped.Add(1)
					break
				}
			}
		}
	})
	// The search passes over rows without events; what looks at all combinations
	// of values counts those that have some.
	if dense {
		for i, r := range s.rows {
			gone[i] = r == tally{}
		}
	}
	if dense || dropped.Load() > int64(n/4) {
		s.compact(gone, workers)
	}
}

// twice returns the rows whose hash another row may have too. Most rows are like no
// other, which a bit for each of many more hashes than there are rows tells at
// little cost (Bloom, 1970).
func twice(hashes []uint32, workers int) []int32 {
	n := len(hashes)
	size := 10 + max(0, bits.Len(uint(n))-6) // 16 to 32 bits a row
	shift := 32 - min(size, 32)
	once, again := make([]uint32, 1<<(32-shift-5)), make([]uint32, 1<<(32-shift-5))
	parts := (n + chunk - 1) / chunk
	each(parts, workers, func(part int) {
		for _, h := range hashes[part*chunk : min(n, (part+1)*chunk)] {
			at, bit := h>>shift>>5, uint32(1)<<(h>>shift&31)
			if atomic.OrUint32(&once[at], bit)&bit != 0 {
				atomic.OrUint32(&again[at], bit)
			}
		}
	})
	found := make([][]int32, parts)
	each(parts, workers, func(part int) {
		var rows []int32
		for i := part * chunk; i < min(n, (part+1)*chunk); i++ {
			if h := hashes[i]; again[h>>shift>>5]>>(h>>shift&31)&1 != 0 {
				rows = append(rows, int32(i))
			}
		}
		found[part] = rows
	})
	return slices.Concat(found...)
}

// compact drops rows.
func (s *leaves) compact(gone []bool, workers int) {
	s.asked, s.drawn, s.spaced = nil, nil, nil
	each(len(s.columns)+2, workers, func(a int) {
		switch {
		case a < len(s.columns):
			s.columns[a] = kept(s.columns[a], gone)
		case a == len(s.columns):
			s.rows = kept(s.rows, gone)
		case s.units != nil:
			s.units = kept(s.units, gone)
		}
	})
}

func kept[T any](list []T, gone []bool) []T {
	n := 0
	for i, x := range list {
		if !gone[i] {
			list[n] = x
			n++
		}
	}
	return list[:n]
}

func (s *leaves) same(i, j int) bool {
	for _, col := range s.columns {
		if col[i] != col[j] {
			return false
		}
	}
	return true
}

// each calls do for 0 to n−1 from at most that many goroutines and waits.
func each(n, workers int, do func(int)) {
	if workers <= 1 || n <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, workers) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// heavy returns per attribute the values worth searching: those whose events,
// observed or expected, reach the floor (a conjunction never has more events
// than its items), at most maxItems of them: one half those that depart most
// from what is expected of them, the rest those with most events, so that a
// value whose rises and drops cancel is not lost.
func heavy(t *Table, hists [][]tally, floor float64) [][]uint32 {
	keep := make([][]uint32, len(hists))
	for a, hist := range hists {
		var ids []uint32
		for id := 1; id < len(hist); id++ {
			if math.Max(hist[id].v, hist[id].f) >= floor {
				ids = append(ids, uint32(id))
			}
		}
		byName := func(i, j uint32) int { return strings.Compare(t.values[a][i], t.values[a][j]) }
		if len(ids) > maxItems {
			slices.SortFunc(ids, func(i, j uint32) int {
				return cmp.Or(cmp.Compare(evidence(hist[j].v, hist[j].f), evidence(hist[i].v, hist[i].f)), byName(i, j))
			})
			rest := ids[(maxItems+1)/2:]
			slices.SortFunc(rest, func(i, j uint32) int {
				return cmp.Or(cmp.Compare(hist[j].v+hist[j].f, hist[i].v+hist[i].f), byName(i, j))
			})
			ids = ids[:maxItems]
		}
		keep[a] = ids
	}
	return keep
}

// floor is the least |excess| of a cause. A complete cube has none of its
// own: its expectation is known leaf by leaf, and the noise alone decides. In
// a sparse table the expectation of narrow cells is not known that well, and
// what is below a small part of all events or of the largest cause is not
// what an alarm asks about.
func (s *leaves) floor(o Options) float64 {
	if s.filled {
		return o.MinExcess
	}
	return math.Max(o.MinExcess, math.Max(0.002*s.observed, 0.02*s.largest))
}

// judge gives a cell's evidence beyond the cost of its description, and
// whether it may be accepted as a cause.
func (s *leaves) judge(a sums, cost float64, o Options) (net float64, ok bool) {
	net = s.score(a) - cost
	if net < s.margin() {
		return net, false
	}
	if excess := a.v - s.drift*a.f; abs(excess) < s.floor(o) {
		return net, false
	}
	return net, lifted(a.x, a.y)
}

// margin is the evidence demanded: in a sparse table, whose expectation is not
// known that well, a little more.
func (s *leaves) margin() float64 {
	if s.filled {
		return margin
	}
	return sparseMargin
}

// lifted tells whether a departure is large enough, as a factor either way, to
// be called a cause.
func lifted(v, f float64) bool {
	return v >= f*minLift || v*minLift <= f
}

// score is the evidence of a departure, a log likelihood ratio. Counting
// noise has the tails of a Poisson distribution, relative noise those of a
// normal one, whose variance goes with the larger of the two counts unless the
// rows say otherwise (see side); a cell has some of both.
func (s *leaves) score(a sums) float64 {
	if a.x+a.y == 0 {
		return 0
	}
	counting := math.Min(1, a.p/(a.x+a.y))
	e := 0.0
	if counting < 1 {
		d := a.x - a.y
		e = (1 - counting) * d * d / (2 * s.larger(a.x, a.y))
	}
	if counting > 0 {
		e += counting * evidence(a.x, a.y)
	}
	return e
}

// evidence is Kulldorff's log likelihood ratio of x events where y were
// expected, against x being what to expect. Half an event is added to the
// expectation of a rise, so that a value never seen before is not infinitely
// surprising.
func evidence(x, y float64) float64 {
	if x > y {
		y += 0.5
		if x <= y {
			return 0
		}
	}
	if x == 0 {
		return y
	}
	return x*math.Log(x/y) - (x - y)
}

// cost is the logarithm of how many cells of this shape could have been
// named.
func (s *leaves) cost(items []item) float64 {
	c := lnChoose(len(s.values), len(items))
	for _, it := range items {
		c += math.Log(float64(len(s.values[it.attr]) - 1))
	}
	return c
}

func lnChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// drawnRows are rows drawn in proportion to their events, each of which stands
// for those passed over as well; heavy rows stand for themselves.
type drawnRows struct {
	mass    float64 // of all rows when these were drawn
	picked  []int32
	weights []float64
	rows    []tally
	units   []float64
	columns [][]uint16
	postings
	full   []sums  // in units of noise as it was when the tables were made
	level  float64 // drift and bias of these
	tables []cellTable
}

// cellTable are the sums of a cell by the values of the attributes it does not
// have. It is kept as long as the search comes back to the cell.
type cellTable struct {
	items []item
	by    [][]sums
	asked bool
}

// table returns that of a cell.
func (d *drawnRows) table(items []item) *cellTable {
	for i := range d.tables {
		if t := &d.tables[i]; slices.Equal(t.items, items) {
			return t
		}
	}
	return nil
}

// forget takes rows, in their order, out of all that is known.
func (d *drawnRows) forget(rows []int32, workers int) {
	var gone []int32
	k := 0
	for _, i := range rows {
		for ; k < len(d.picked) && d.picked[k] <= i; k++ {
			if d.picked[k] == i {
				gone = append(gone, int32(k))
			}
		}
	}
	each(len(d.tables), workers, func(n int) {
		t := d.tables[n]
	rows:
		for _, k := range gone {
			for _, it := range t.items {
				if int(d.columns[it.attr][k]) != it.code {
					continue rows
				}
			}
			for a, hist := range t.by {
				if hist != nil {
					c := d.columns[a][k]
					hist[c] = hist[c].less(d.full[k])
				}
			}
		}
	})
	for _, k := range gone {
		d.rows[k], d.full[k] = tally{}, sums{}
	}
}

// changed is by what part the noise of rows may change before their sums are made
// anew: all alike hardly changes which cells are the most promising.
const changed = 0.1

// refresh gives the rows their counts in units of the noise as it is now, unless
// that is nearly as it was.
func (d *drawnRows) refresh(s *leaves, workers int) {
	d.tables = slices.DeleteFunc(d.tables, func(t cellTable) bool { return !t.asked })
	for i := range d.tables {
		d.tables[i].asked = false
	}
	level := s.bias * s.drift
	full := make([]sums, len(d.rows))
	parts := make([]tally, (len(full)+chunk/8-1)/(chunk/8))
	each(len(parts), workers, func(part int) {
		off, all := 0.0, 0.0
		for k := part * chunk / 8; k < min(len(full), (part+1)*chunk/8); k++ {
			w := d.weights[k]
			a := s.weigh(d.rows[k], unit(d.units, k))
			full[k] = sums{a.v * w, a.f * w, a.x * w, a.y * w, a.p * w}
			now := full[k].x + full[k].y
			all += now
			off += abs(now - d.full[k].x - d.full[k].y*level/d.level)
		}
		parts[part] = tally{off, all}
	})
	off, all := 0.0, 0.0
	for _, p := range parts {
		off += p.v
		all += p.f
	}
	if d.level == 0 || off > changed*all {
		d.full, d.level, d.tables = full, level, nil
	}
}

// postings are rows by what they hold: those with a code of an attribute lie
// between two starts.
type postings struct {
	starts [][]int32
	order  [][]int32
}

func (p *postings) of(it item) []int32 {
	return p.order[it.attr][p.starts[it.attr][it.code]:p.starts[it.attr][it.code+1]]
}

// sample returns about n rows that stand for all. The same rows serve until a
// quarter of the events they were drawn from is set aside.
func (s *leaves) sample(n, workers int) *leaves {
	if len(s.rows) <= n+n/2 {
		if s.full == nil {
			s.full = make([]sums, len(s.rows))
		}
		s.full = s.full[:len(s.rows)]
		for i, r := range s.rows {
			s.full[i] = s.inNoise(r, i)
		}
		return s
	}
	if s.drawn == nil || s.mass < 0.75*s.drawn.mass {
		s.drawn = s.draw(n, workers)
	}
	d := s.drawn
	d.refresh(s, workers)
	out := *s
	out.full, out.columns = d.full, d.columns
	out.rows, out.units, out.asked = nil, nil, nil
	return &out
}

func (s *leaves) draw(n, workers int) *drawnRows {
	// Each part is drawn from by itself, so that what is drawn does not depend
	// on the number of workers.
	step := s.mass / float64(n)
	parts := (len(s.rows) + chunk - 1) / chunk
	picks, weights := make([][]int32, parts), make([][]float64, parts)
	each(parts, workers, func(part int) {
		from, to := part*chunk, min(len(s.rows), (part+1)*chunk)
		picked := make([]int32, 0, 2*n/parts)
		weight := make([]float64, 0, cap(picked))
		sum := step / 2
		for i, t := range s.rows[from:to] {
			m := t.v + t.f
			if sum += m; sum < step && m < step {
				continue
			}
			picked = append(picked, int32(from+i))
			if m < step {
				sum -= step
				weight = append(weight, step/m)
			} else {
				sum -= m
				weight = append(weight, 1)
			}
		}
		picks[part], weights[part] = picked, weight
	})
	picked := slices.Concat(picks...)
	d := &drawnRows{
		mass: s.mass, picked: picked, weights: slices.Concat(weights...),
		rows: at(s.rows, picked), units: at(s.units, picked),
		columns:  make([][]uint16, len(s.columns)),
		postings: postings{make([][]int32, len(s.columns)), make([][]int32, len(s.columns))},
		full:     make([]sums, len(picked)),
	}
	each(len(d.columns), workers, func(a int) {
		col := at(s.columns[a], picked)
		starts := make([]int32, len(s.values[a])+1)
		for _, c := range col {
			starts[c+1]++
		}
		for c := range starts[1:] {
			starts[c+1] += starts[c]
		}
		order, next := make([]int32, len(col)), slices.Clone(starts)
		for k, c := range col {
			order[next[c]] = int32(k)
			next[c]++
		}
		d.columns[a], d.starts[a], d.order[a] = col, starts, order
	})
	return d
}

// at returns what a list holds of some rows; nil of none.
func at[T any](list []T, rows []int32) []T {
	if list == nil {
		return nil
	}
	out := make([]T, len(rows))
	for k, i := range rows {
		out[k] = list[i]
	}
	return out
}

// unit returns what a row owes to bursts, 0 where they are not measured.
func unit(units []float64, i int) float64 {
	if units == nil {
		return 0
	}
	return units[i]
}

// spacedRows are rows at even distances, by which the noise is told.
type spacedRows struct {
	every   int
	rows    []tally
	units   []float64
	columns [][]uint16
}

// even returns one row of so many that about enough remain.
func (s *leaves) even(workers int) *spacedRows {
	const enough = 1 << 14
	every := 1 + len(s.rows)/enough
	switch e := s.spaced; {
	case every == 1:
		return &spacedRows{1, s.rows, s.units, s.columns}
	case e == nil:
		s.spaced = &spacedRows{every: every, columns: make([][]uint16, len(s.columns))}
		each(len(s.columns), workers, func(a int) { s.spaced.columns[a] = spaced(s.columns[a], every) })
		if s.units != nil {
			s.spaced.units = spaced(s.units, every)
		}
		s.spaced.rows = spaced(s.rows, every)
	}
	return s.spaced
}

func spaced[T any](list []T, every int) []T {
	out := make([]T, 0, 1+len(list)/every)
	for i := 0; i < len(list); i += every {
		out = append(out, list[i])
	}
	return out
}

// row returns the sums of one row.
func (s *leaves) row(i int) sums {
	if s.full != nil {
		return s.full[i]
	}
	return s.inNoise(s.rows[i], i)
}

// inNoise gives row i, whose tally is r, its counts in units of its noise (see
// estimate).
func (s *leaves) inNoise(r tally, i int) sums {
	return s.weigh(r, unit(s.units, i))
}

func (s *leaves) weigh(r tally, unit float64) sums {
	g := s.drift * r.f
	phi := s.poisson + max(s.relative*s.size(r), s.drift*unit)
	per := 1 / phi
	x, y := r.v*per, s.bias*g*per
	return sums{r.v, r.f, x, y, (x + y) * s.poisson * per}
}

// rarest returns the items with the one of fewest events first: what it leaves
// is all that the others have to look at.
func (s *leaves) rarest(items []item) []item {
	if len(items) < 2 {
		return items
	}
	best, least := 0, math.Inf(1)
	for i, it := range items {
		if n := s.events(it); n < least {
			best, least = i, n
		}
	}
	items = slices.Clone(items)
	items[0], items[best] = items[best], items[0]
	return items
}

// matching returns the rows of a cell.
func (s *leaves) matching(items []item) []int32 {
	items = s.rarest(items)
	if s.drawn != nil && s.rows == nil {
		return s.having(s.drawn.of(items[0]), items[1:])
	}
	return s.having(s.holding(items[0], 0, len(s.columns[items[0].attr])), items[1:])
}

// holding returns the rows of a range that have an item.
func (s *leaves) holding(it item, from, to int) []int32 {
	code := uint16(it.code)
	rows := make([]int32, 0, 256)
	for i, c := range s.columns[it.attr][from:to] {
		if c == code {
			rows = append(rows, int32(from+i))
		}
	}
	return rows
}

// having returns those of the rows that have all of the items.
func (s *leaves) having(rows []int32, items []item) []int32 {
	if len(items) == 0 {
		return rows
	}
	var kept []int32
	col, code := s.columns[items[0].attr], uint16(items[0].code)
	for _, i := range rows {
		if col[i] == code {
			kept = append(kept, i)
		}
	}
	for _, it := range items[1:] {
		col, code := s.columns[it.attr], uint16(it.code)
		n := 0
		for _, i := range kept {
			if col[i] == code {
				kept[n] = i
				n++
			}
		}
		kept = kept[:n]
	}
	return kept
}

// cellRows are the rows of a cell.
type cellRows struct {
	items []item
	rows  []int32
}

// of returns the rows of cells. In a large table they are kept, since much the
// same cells are asked for after every cause that was set aside; the rows of that
// one, then without events, stay among them.
func (s *leaves) of(cells [][]item, workers int) [][]int32 {
	out := make([][]int32, len(cells))
	if len(s.rows) <= 8*chunk {
		each(len(cells), workers, func(n int) { out[n] = s.matching(cells[n]) })
		return out
	}
	find := func(items []item) int {
		return slices.IndexFunc(s.asked, func(c cellRows) bool { return slices.Equal(c.items, items) })
	}
	var lead, fresh [][]item
	want := func(list [][]item, items []item) [][]item {
		if find(items) >= 0 || slices.ContainsFunc(list, func(o []item) bool { return slices.Equal(o, items) }) {
			return list
		}
		return append(list, items)
	}
	// Of a cell's items one is looked for in all rows: one that was looked for
	// before, or that most cells have.
	times := make(map[item]int)
	for _, c := range cells {
		for _, it := range c {
			times[it]++
		}
	}
	from := func(items []item) (best []item) {
		for i := range items {
			one := items[i : i+1]
			switch {
			case find(one) >= 0 && (best == nil || find(best) < 0 || s.events(one[0]) < s.events(best[0])):
				best = one
			case best == nil || find(best) < 0 && times[one[0]] > times[best[0]]:
				best = one
			}
		}
		return best
	}
	for _, c := range cells {
		if find(c) < 0 {
			lead = want(lead, from(c))
		}
	}
	// The rows of these are looked for in ranges, since they may be few.
	const ranges = 8
	parts := make([][]int32, ranges*len(lead))
	each(len(parts), workers, func(n int) {
		from, to := n%ranges*len(s.rows)/ranges, (n%ranges+1)*len(s.rows)/ranges
		parts[n] = s.holding(lead[n/ranges][0], from, to)
	})
	for n, items := range lead {
		s.asked = append(s.asked, cellRows{slices.Clone(items), slices.Concat(parts[n*ranges : (n+1)*ranges]...)})
	}
	for _, c := range cells {
		fresh = want(fresh, c)
	}
	lists := make([]cellRows, len(fresh))
	each(len(fresh), workers, func(n int) {
		items := slices.Clone(fresh[n])
		lists[n] = cellRows{items, s.having(s.asked[find(from(items))].rows, items)}
	})
	s.asked = append(s.asked, lists...)
	for n, c := range cells {
		out[n] = s.asked[find(c)].rows
	}
	return out
}

func (s *leaves) events(it item) float64 {
	h := s.hists[it.attr][it.code]
	return h.v + h.f
}

// within looks for a cell's rows and adds them up by the values of all other
// attributes, once.
func (s *leaves) within(c *cell, workers int) {
	if c.inside != nil {
		return
	}
	c.inside = &inside{rows: s.of([][]item{c.items}, workers)[0], by: make([][]sums, len(s.values))}
	full := make([]sums, len(c.rows)) // side by side, since every attribute reads them
	for k, i := range c.rows {
		full[k] = s.row(int(i))
		c.own.add(full[k])
	}
	each(len(c.by), workers, func(a int) {
		if slices.ContainsFunc(c.items, func(it item) bool { return it.attr == a }) {
			return
		}
		hist := make([]sums, len(s.values[a]))
		col := s.columns[a]
		for k, i := range c.rows {
			hist[col[i]].add(full[k])
		}
		c.by[a] = hist
	})
}

// sumAll adds up the rows of each of some cells.
func (s *leaves) sumAll(cells [][]item, workers int) []sums {
	lists := s.of(cells, workers)
	// A range of rows at a time, so that all cells find them in the cache.
	parts := make([][]sums, (len(s.rows)+chunk-1)/chunk)
	each(len(parts), workers, func(part int) {
		out := make([]sums, len(cells))
		for n, rows := range lists {
			for _, i := range between(rows, part*chunk, (part+1)*chunk) {
				out[n].add(s.row(int(i)))
			}
		}
		parts[part] = out
	})
	out := make([]sums, len(cells))
	for _, part := range parts {
		for n, a := range part {
			out[n].add(a)
		}
	}
	return out
}

// between returns the rows, in their order, from one up to another.
func between(rows []int32, from, to int) []int32 {
	i, _ := slices.BinarySearch(rows, int32(from))
	j, _ := slices.BinarySearch(rows[i:], int32(to))
	return rows[i : i+j]
}

// take sums the rows of a cell and sets them aside.
func (s *leaves) take(c cell, workers int) sums {
	s.within(&c, workers)
	rows, a := c.rows, c.own
	// What is left of a value whose rows are all taken is rounding, and must
	// not pass for a value of its own.
	least := rounding * (s.total.v + s.total.f)
	left := func(x float64) float64 {
		if x < least {
			return 0
		}
		return x
	}
	part := func(attr, code int, b sums) {
		h := &s.hists[attr][code]
		h.v, h.f = left(h.v-b.v), left(h.f-b.f)
	}
	for attr, hist := range c.by {
		for code, b := range hist {
			part(attr, code, b)
		}
	}
	for _, it := range c.items {
		part(it.attr, it.code, a)
	}
	if s.filled || len(rows) > len(s.rows)/4 {
		gone := make([]bool, len(s.rows))
		for _, i := range rows {
			gone[i] = true
		}
		s.compact(gone, workers)
	} else { // few rows without events cost less than moving all the others
		if s.drawn != nil {
			s.drawn.forget(rows, workers)
		}
		for _, i := range rows {
			s.rows[i] = tally{}
			if e := s.spaced; e != nil && int(i)%e.every == 0 {
				e.rows[int(i)/e.every] = tally{}
			}
		}
	}
	s.full = nil
	s.total.v = left(s.total.v - a.v)
	s.total.f = left(s.total.f - a.f)
	s.largest = math.Max(s.largest, abs(a.v-s.drift*a.f))
	return a
}

func (s *leaves) where(c cell) []Item {
	w := make([]Item, len(c.items))
	for i, it := range c.items {
		w[i] = Item{s.t.Attributes[it.attr], s.t.values[it.attr][s.values[it.attr][it.code]]}
	}
	slices.SortFunc(w, func(a, b Item) int { return strings.Compare(a.Attribute, b.Attribute) })
	return w
}

// with returns the items and one more, by attribute.
func with(items []item, it item) []item {
	out := make([]item, 0, len(items)+1)
	out = append(append(out, items...), it)
	slices.SortFunc(out, func(a, b item) int { return cmp.Compare(a.attr, b.attr) })
	return out
}

func abs(x float64) float64 { return math.Abs(x) }

func ratio(a, b float64) float64 {
	if b == 0 {
		if a == 0 {
			return 1
		}
		return math.Inf(1)
	}
	return a / b
}
