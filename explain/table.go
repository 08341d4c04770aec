package explain

import (
	"fmt"
	"slices"
)

// Table is a set of leaves: rows of attribute values with an observed and an
// expected count. Rows with the same values may repeat; they add up. An empty
// value means that the attribute is not known of the row; it sets nothing
// apart. A Table is not safe for concurrent use while rows are added.
type Table struct {
	// Attributes in order of preference: of two that pick out the same rows
	// the earlier one is named. Not to be changed once rows were added.
	Attributes []string

	columns            [][]uint32
	values             [][]string // by attribute and id
	ids                []map[string]uint32
	observed, expected []float64
	tallies            [][]tally // by attribute and id
}

// NewTable returns an empty table of the attributes.
func NewTable(attributes ...string) *Table {
	t := &Table{
		Attributes: attributes,
		columns:    make([][]uint32, len(attributes)),
		values:     make([][]string, len(attributes)),
		ids:        make([]map[string]uint32, len(attributes)),
		tallies:    make([][]tally, len(attributes)),
	}
	for a := range attributes {
		t.values[a] = []string{""}
		t.ids[a] = map[string]uint32{"": 0}
		t.tallies[a] = make([]tally, 1)
	}
	return t
}

// Grow makes room for so many more rows, where their number is known.
func (t *Table) Grow(rows int) {
	for a := range t.columns {
		t.columns[a] = slices.Grow(t.columns[a], rows)
	}
	t.observed = slices.Grow(t.observed, rows)
	t.expected = slices.Grow(t.expected, rows)
}

// Len returns the number of rows added.
func (t *Table) Len() int { return len(t.observed) }

// ID returns the number of a value of the attribute at index a, for AddIDs.
// The empty value is 0.
func (t *Table) ID(a int, value string) uint32 {
	id, ok := t.ids[a][value]
	if !ok {
		id = uint32(len(t.values[a]))
		t.values[a] = append(t.values[a], value)
		t.ids[a][value] = id
		t.tallies[a] = append(t.tallies[a], tally{})
	}
	return id
}

// Add adds a row with one value per attribute, in their order. A count that
// is negative, not a number or below 1e-12 is taken as 0 (a sliding sum may
// round below zero), one above 1e15 as that. It panics where the number of values is not that of the attributes.
func (t *Table) Add(values []string, observed, expected float64) {
	if len(values) != len(t.Attributes) {
		panic(fmt.Sprintf("explain: %d values for %d attributes", len(values), len(t.Attributes)))
	}
	v, f := count(observed), count(expected)
	for a, value := range values {
		t.put(a, t.ID(a, value), v, f)
	}
	t.observed = append(t.observed, v)
	t.expected = append(t.expected, f)
}

func (t *Table) put(a int, id uint32, v, f float64) {
	t.columns[a] = append(t.columns[a], id)
	h := &t.tallies[a][id]
	h.v += v
	h.f += f
}

// AddIDs is Add for values already numbered by ID. The slice is not kept.
func (t *Table) AddIDs(ids []uint32, observed, expected float64) {
	if len(ids) != len(t.Attributes) {
		panic(fmt.Sprintf("explain: %d values for %d attributes", len(ids), len(t.Attributes)))
	}
	v, f := count(observed), count(expected)
	for a, id := range ids {
		if int(id) >= len(t.values[a]) {
			panic(fmt.Sprintf("explain: attribute %s has no value numbered %d", t.Attributes[a], id))
		}
		t.put(a, id, v, f)
	}
	t.observed = append(t.observed, v)
	t.expected = append(t.expected, f)
}

// tally is what was observed and expected of one value. It is kept as rows are
// added, so that a search need not read every row to know which values matter.
type tally struct{ v, f float64 }

func (a *tally) add(b tally) {
	a.v += b.v
	a.f += b.f
}

// Counts beyond these are no counts; between them no sum or square overflows.
const (
	leastCount = 1e-12
	mostCount  = 1e15
)

func count(x float64) float64 {
	if x >= leastCount {
		return min(x, mostCount)
	}
	return 0
}
