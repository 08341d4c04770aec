package traffic

import (
	"cmp"
	"math"
	"slices"
	"unique"

	"mailvigil/maillog"
)

// Leaf is one combination of the attributes that have few values. It is
// comparable and can be a map key.
type Leaf struct {
	Service maillog.Service
	Action  maillog.Action
	Outcome maillog.Outcome
	Status  uint16
	Agent   unique.Handle[Agent]
	Network unique.Handle[Network]
}

// LeafOf returns the leaf that an event counts in.
func LeafOf(r *Record) Leaf {
	e := r.Event
	return Leaf{e.Service, e.Action, e.Outcome, e.Status, r.Agent, r.Network}
}

// Compare orders leaves by their values, so that results do not depend on
// the order in which files were read.
func (l Leaf) Compare(o Leaf) int {
	if c := cmp.Or(
		cmp.Compare(l.Service, o.Service), cmp.Compare(l.Action, o.Action),
		cmp.Compare(l.Outcome, o.Outcome), cmp.Compare(l.Status, o.Status)); c != 0 {
		return c
	}
	if l.Agent != o.Agent {
		a, b := l.Agent.Value(), o.Agent.Value()
		if c := cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Version, b.Version),
			cmp.Compare(a.OS, b.OS), cmp.Compare(a.OSVersion, b.OSVersion)); c != 0 {
			return c
		}
	}
	if l.Network != o.Network {
		a, b := l.Network.Value(), o.Network.Value()
		return cmp.Or(cmp.Compare(a.ASN, b.ASN), cmp.Compare(a.Country, b.Country),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ASName, b.ASName))
	}
	return 0
}

// Bounds of a Counter. An organisation of some thousand people has some
// thousand leaves; whoever forges user agents from many networks must not
// choose our memory, so the leaves beyond the bound keep their service,
// action, outcome and status only.
const (
	maxLeaves   = 1 << 16
	compactFrom = 1 << 20 // cells
	maxCells    = 1 << 22 // after putting together: 64 MB
)

// What the leaves beyond the bound count under.
var (
	anyAgent   = unique.Make(Agent{})
	anyNetwork = unique.Make(Network{})
)

type cell struct {
	slot Slot
	leaf uint32
	n    uint32
}

// Counter collects the Cells of one reader. It is not safe for concurrent
// use: give each reader its own and merge them in Close.
type Counter struct {
	ids    map[Leaf]uint32
	leaves []Leaf

	// The slot being counted: a log is nearly in order, so that most events
	// fall into the slot of the one before.
	slot    Slot
	open    []uint32 // by leaf
	touched []uint32 // leaves of open that are not zero

	cells   []cell
	compact int // length of cells at which they are put together

	recent []leafOf // leaves by party and what it did
}

// leafOf remembers the leaf of a deed.
type leafOf struct {
	key uint64 // Record.Deed, 0: free
	id  uint32
}

// 2^recentBits are remembered: as many as stay in a core's cache.
const recentBits = 14

// NewCounter returns an empty Counter.
func NewCounter() *Counter {
	return &Counter{ids: make(map[Leaf]uint32), slot: math.MinInt64, compact: compactFrom}
}

// Add counts one event.
func (c *Counter) Add(r *Record) {
	if s := SlotOf(r.Event.Time); s != c.slot {
		c.flush()
		c.slot = s
	}
	id := c.leaf(r)
	if c.open[id] == 0 {
		c.touched = append(c.touched, id)
	}
	c.open[id]++
}

// leaf is the number of the leaf that an event counts in.
func (c *Counter) leaf(r *Record) uint32 {
	key := r.Deed()
	if key == 0 {
		return c.id(LeafOf(r))
	}
	if c.recent == nil {
		c.recent = make([]leafOf, 1<<recentBits)
	}
	x := &c.recent[DeedSlot(key, recentBits)]
	if x.key != key {
		x.key, x.id = key, c.id(LeafOf(r))
	}
	return x.id
}

func (c *Counter) id(l Leaf) uint32 {
	if id, ok := c.ids[l]; ok {
		return id
	}
	if len(c.leaves) >= maxLeaves {
		l.Agent, l.Network = anyAgent, anyNetwork
		if id, ok := c.ids[l]; ok {
			return id
		}
	}
	return c.add(l)
}

func (c *Counter) add(l Leaf) uint32 {
	id := uint32(len(c.leaves))
	c.ids[l] = id
	c.leaves = append(c.leaves, l)
	c.open = append(c.open, 0)
	return id
}

func (c *Counter) flush() {
	for _, id := range c.touched {
		c.cells = append(c.cells, cell{c.slot, id, c.open[id]})
		c.open[id] = 0
	}
	c.touched = c.touched[:0]
	if len(c.cells) >= c.compact {
		c.cells = together(c.cells)
		if len(c.cells) > maxCells {
			c.fold()
		}
		c.compact = min(max(compactFrom, 2*len(c.cells)), maxCells+compactFrom)
	}
}

// fold takes the agent and network from the leaves that hold least, more and
// more of them until half of the allowed cells are left: of a forged user
// agent that comes once, no more than the count needs to stay.
func (c *Counter) fold() {
	clear(c.recent)
	for least := uint64(2); len(c.cells) > maxCells/2 && least < 1<<40; least *= 4 {
		totals := make([]uint64, len(c.leaves))
		for _, x := range c.cells {
			totals[x.leaf] += uint64(x.n)
		}
		to := make([]uint32, len(totals))
		for id, n := range totals {
			to[id] = uint32(id)
			bare := c.leaves[id]
			if n > least || bare.Agent == anyAgent && bare.Network == anyNetwork {
				continue
			}
			bare.Agent, bare.Network = anyAgent, anyNetwork
			other, ok := c.ids[bare]
			if !ok {
				other = c.add(bare)
			}
			to[id] = other
			c.ids[c.leaves[id]] = other // what comes later counts there too
		}
		for i := range c.cells {
			c.cells[i].leaf = to[c.cells[i].leaf]
		}
		c.cells = together(c.cells)
	}
}

// together adds up cells of the same slot and leaf.
func together(cells []cell) []cell {
	slices.SortFunc(cells, func(a, b cell) int {
		if a.slot != b.slot {
			return cmp.Compare(a.slot, b.slot)
		}
		return cmp.Compare(a.leaf, b.leaf)
	})
	out := cells[:0]
	for _, c := range cells {
		if n := len(out); n > 0 && out[n-1].slot == c.slot && out[n-1].leaf == c.leaf {
			out[n-1].n += c.n
			continue
		}
		out = append(out, c)
	}
	return out
}

// Cells are closed counts: per leaf, the slots in which it was seen.
type Cells struct {
	Start  Slot // of the first cell
	Slots  int  // from the first to the last
	Leaves []Leaf
	counts [][]count // by leaf, in the order of time

	ids map[Leaf]int // where a leaf stands; nil where nothing was taken
}

type count struct {
	slot uint32 // since Start
	n    uint32
}

// Close puts the counts of several readers together. The Counters must not
// be used afterwards. Slots before from or after to (both inclusive) are left
// out: a line with a broken clock must not stretch the time looked at.
func Close(from, to Slot, counters ...*Counter) *Cells {
	first, last := Slot(math.MaxInt64), Slot(math.MinInt64)
	ids := make(map[Leaf]uint32)
	var leaves []Leaf
	for _, c := range counters {
		c.flush()
		c.cells = slices.DeleteFunc(together(c.cells), func(x cell) bool { return x.slot < from || x.slot > to })
		for _, x := range c.cells {
			first, last = min(first, x.slot), max(last, x.slot)
			c.open[x.leaf] = 1 // seen between from and to
		}
		for i, l := range c.leaves {
			if _, ok := ids[l]; !ok && c.open[i] > 0 {
				ids[l] = 0
				leaves = append(leaves, l)
			}
		}
	}
	if first > last {
		return &Cells{}
	}
	slices.SortFunc(leaves, Leaf.Compare)
	for i, l := range leaves {
		ids[l] = uint32(i)
	}
	out := &Cells{Start: first, Slots: int(last-first) + 1, Leaves: leaves, counts: make([][]count, len(leaves))}
	for _, c := range counters {
		for i, l := range c.leaves {
			c.open[i] = ids[l] // from here on its place in Leaves
		}
		for _, x := range c.cells {
			id := c.open[x.leaf]
			out.counts[id] = append(out.counts[id], count{uint32(x.slot - first), x.n})
		}
	}
	if len(counters) > 1 {
		for i := range out.counts {
			out.counts[i] = joined(out.counts[i])
		}
	}
	return out
}

// joined puts the counts of several readers in the order of time, one a slot.
func joined(counts []count) []count {
	slices.SortFunc(counts, func(a, b count) int { return cmp.Compare(a.slot, b.slot) })
	out := counts[:0]
	for _, c := range counts {
		if n := len(out); n > 0 && out[n-1].slot == c.slot {
			out[n-1].n += c.n
			continue
		}
		out = append(out, c)
	}
	return out
}

// Series adds up the leaves that match, one count a slot, Slots long.
func (c *Cells) Series(match func(*Leaf) bool) []float64 {
	out := make([]float64, c.Slots)
	for i := range c.Leaves {
		if match(&c.Leaves[i]) {
			for _, x := range c.counts[i] {
				out[x.slot] += float64(x.n)
			}
		}
	}
	return out
}

// Plus gives the Cells as they were with other events besides; slots outside
// the time that c covers are left out. Neither c nor o is changed, and the
// result shares with c what it has not added to.
func (c *Cells) Plus(o *Cells) *Cells {
	out := &Cells{Start: c.Start, Slots: c.Slots, Leaves: slices.Clone(c.Leaves), counts: slices.Clone(c.counts)}
	ids := make(map[Leaf]int, len(c.Leaves))
	for i, l := range c.Leaves {
		ids[l] = i
	}
	for k, l := range o.Leaves {
		id, ok := ids[l]
		if !ok {
			id = len(out.Leaves)
			out.Leaves, out.counts = append(out.Leaves, l), append(out.counts, nil)
		}
		list := slices.Clone(out.counts[id])
		for _, x := range o.counts[k] {
			if s := o.Start + Slot(x.slot) - c.Start; s >= 0 && int(s) < c.Slots {
				list = append(list, count{uint32(s), x.n})
			}
		}
		out.counts[id] = joined(list)
	}
	return out
}

// Total adds up the events of the leaves that match.
func (c *Cells) Total(match func(*Leaf) bool) float64 {
	var sum float64
	for i := range c.Leaves {
		if match(&c.Leaves[i]) {
			for _, x := range c.counts[i] {
				sum += float64(x.n)
			}
		}
	}
	return sum
}

// Count adds up the events of one leaf, by its index in Leaves.
func (c *Cells) Count(leaf int) float64 {
	var sum float64
	for _, x := range c.counts[leaf] {
		sum += float64(x.n)
	}
	return sum
}

// Cells returns how many counts are held: slots × leaves that are not zero.
func (c *Cells) Cells() int {
	n := 0
	for _, x := range c.counts {
		n += len(x)
	}
	return n
}

// Take moves what a Counter has counted up to a slot (inclusive) into the
// Cells, which cover the time up to it afterwards, whether anything happened or
// not. Later slots stay in the Counter, which goes on counting; earlier ones
// than the Cells cover are left out. It is for counting as events come: where
// the Cells are new, they begin at from.
func (c *Cells) Take(k *Counter, from, to Slot) {
	if c.Slots == 0 {
		c.Start = from
	}
	c.Slots = max(c.Slots, int(to-c.Start)+1)
	k.flush()
	k.cells = together(k.cells)
	if c.ids == nil {
		c.ids = make(map[Leaf]int, len(c.Leaves))
		for i, l := range c.Leaves {
			c.ids[l] = i
		}
	}
	place := make(map[uint32]int)
	later := k.cells[:0]
	for _, x := range k.cells {
		switch {
		case x.slot > to:
			later = append(later, x)
			continue
		case x.slot < c.Start:
			continue
		}
		id, ok := place[x.leaf]
		if !ok {
			l := k.leaves[x.leaf]
			if id, ok = c.ids[l]; !ok {
				id = len(c.Leaves)
				c.ids[l] = id
				c.Leaves, c.counts = append(c.Leaves, l), append(c.counts, nil)
			}
			place[x.leaf] = id
		}
		c.counts[id] = enter(c.counts[id], count{uint32(x.slot - c.Start), x.n})
	}
	k.cells = later
}

// enter adds a count to those of a leaf, which stay in the order of time: what
// comes is nearly always the latest.
func enter(counts []count, x count) []count {
	i := len(counts)
	for i > 0 && counts[i-1].slot > x.slot {
		i--
	}
	if i > 0 && counts[i-1].slot == x.slot {
		counts[i-1].n += x.n
		return counts
	}
	return slices.Insert(counts, i, x)
}

// From gives the Cells without the slots before one, and without the leaves
// that were seen only then. c is not changed, and shares nothing with the
// result.
func (c *Cells) From(start Slot) *Cells {
	cut := uint32(max(0, start-c.Start))
	out := &Cells{Start: c.Start + Slot(cut), Slots: max(0, c.Slots-int(cut))}
	for i, list := range c.counts {
		var kept []count
		for _, x := range list {
			if x.slot >= cut {
				kept = append(kept, count{x.slot - cut, x.n})
			}
		}
		if kept != nil {
			out.Leaves, out.counts = append(out.Leaves, c.Leaves[i]), append(out.counts, kept)
		}
	}
	return out
}
