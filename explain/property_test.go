package explain

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// leaf is a row of a table, taken out again to be changed.
type leaf struct {
	values             []string
	observed, expected float64
}

func unpack(t *Table) []leaf {
	out := make([]leaf, t.Len())
	for i := range out {
		for a := range t.Attributes {
			out[i].values = append(out[i].values, t.values[a][t.columns[a][i]])
		}
		out[i].observed, out[i].expected = t.observed[i], t.expected[i]
	}
	return out
}

func pack(attributes []string, leaves []leaf) *Table {
	t := NewTable(attributes...)
	for _, l := range leaves {
		t.Add(l.values, l.observed, l.expected)
	}
	return t
}

// TestInvariance changes what must not matter and compares the causes.
func TestInvariance(t *testing.T) {
	type table struct {
		name       string
		attributes []string
		leaves     []leaf
		options    Options
	}
	var tables []table
	for i, k := range kinds {
		if testing.Short() && k.leaves() > 5_000 {
			continue
		}
		c, _ := generate(k, uint64(3+i))
		tables = append(tables, table{k.name, c.Attributes, unpack(c), Options{}})
	}
	o := newOrganisation(3, 200, 12, .3)
	storm := o.table(func(add func(row)) {
		o.window(1, func(r row) {
			for range 5 {
				add(r)
				if r[systemVersion] != "26.0" {
					break
				}
			}
		})
	})
	tables = append(tables, table{"mail", mailAttributes, unpack(storm), Options{Windows: pastWindows, Implies: mailImplies}})

	rng := rand.New(rand.NewPCG(1, 2))
	for _, change := range []struct {
		name string
		do   func(tb table) *Table
	}{
		{"order of rows", func(tb table) *Table {
			ls := slices.Clone(tb.leaves)
			rng.Shuffle(len(ls), func(i, j int) { ls[i], ls[j] = ls[j], ls[i] })
			return pack(tb.attributes, ls)
		}},
		{"order of attributes", func(tb table) *Table {
			if tb.name == "mail" { // here the order is a preference
				return pack(tb.attributes, tb.leaves)
			}
			attributes := slices.Clone(tb.attributes)
			slices.Reverse(attributes)
			var ls []leaf
			for _, l := range tb.leaves {
				v := slices.Clone(l.values)
				slices.Reverse(v)
				ls = append(ls, leaf{v, l.observed, l.expected})
			}
			return pack(attributes, ls)
		}},
		{"a leaf in two halves", func(tb table) *Table {
			var ls []leaf
			for _, l := range tb.leaves {
				h := leaf{l.values, l.observed / 2, l.expected / 2}
				ls = append(ls, h, h)
			}
			return pack(tb.attributes, ls)
		}},
		{"both counts doubled", func(tb table) *Table {
			var ls []leaf
			for _, l := range tb.leaves {
				ls = append(ls, leaf{l.values, 2 * l.observed, 2 * l.expected})
			}
			return pack(tb.attributes, ls)
		}},
	} {
		for _, tb := range tables {
			t.Run(change.name+"/"+tb.name, func(t *testing.T) {
				want := Explain(pack(tb.attributes, tb.leaves), tb.options)
				got := Explain(change.do(tb), tb.options)
				if change.name == "both counts doubled" && tb.name != "proportional drops, skewed amounts" {
					// Twice the events are more evidence: causes may be
					// added, none may go.
					for _, n := range names(want) {
						if !slices.Contains(names(got), n) {
							t.Errorf("%s is gone: %v", n, names(got))
						}
					}
					return
				}
				if !slices.Equal(names(got), names(want)) {
					t.Errorf("%v, want %v", names(got), names(want))
				}
			})
		}
	}
}

// cross fills a table of three attributes, ten values each, and lets change
// decide what is observed of a leaf where 50 events were expected.
func cross(seed uint64, change func(a, b, c int) float64) *Table {
	rng := rand.New(rand.NewPCG(seed, 9))
	t := NewTable("a", "b", "c")
	for i := range 1000 {
		a, b, c := i/100, i/10%10, i%10
		t.Add([]string{value(0, a), value(1, b), value(2, c)}, poisson(rng, 50*change(a, b, c)), 50)
	}
	return t
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(a, b, c int) float64
		want   []string
		drift  float64
	}{
		{"nothing", func(a, b, c int) float64 { return 1 }, nil, 1},
		{"drift alone", func(a, b, c int) float64 { return 1.3 }, nil, 1.3},
		{"one rises and one drops by as much", func(a, b, c int) float64 {
			switch a {
			case 2:
				return 1.5
			case 7:
				return .5
			}
			return 1
		}, []string{"a=a3", "a=a8"}, 1},
		{"one value offsets itself", func(a, b, c int) float64 {
			if a == 2 {
				return []float64{1.6, .4}[b%2]
			}
			return 1
		}, []string{"a=a3&b=b1", "a=a3&b=b10", "a=a3&b=b2", "a=a3&b=b3", "a=a3&b=b4", "a=a3&b=b5", "a=a3&b=b6", "a=a3&b=b7"}, 1},
		{"a cause on top of drift", func(a, b, c int) float64 {
			if a == 2 && b == 4 {
				return 2.6
			}
			return 1.3
		}, []string{"a=a3&b=b5"}, 1.3},
		{"two causes that overlap", func(a, b, c int) float64 {
			if a == 2 || b == 4 {
				return 2
			}
			return 1
		}, []string{"a=a3", "b=b5"}, 1},
		{"gone altogether", func(a, b, c int) float64 {
			if c == 9 {
				return 0
			}
			return 1
		}, []string{"c=c10"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(5) {
				r := Explain(cross(seed, c.change), Options{})
				if c.name == "one value offsets itself" {
					// Ten causes where eight are given: which eight is chance.
					if len(r.Causes) != 8 {
						t.Errorf("%d causes, want 8: %s", len(r.Causes), brief(r))
					}
					continue
				}
				if !slices.Equal(names(r), c.want) {
					t.Errorf("seed %d: %s, want %v", seed, brief(r), c.want)
				}
				if abs(r.Drift-c.drift) > .03 {
					t.Errorf("drift %.3f, want %.1f", r.Drift, c.drift)
				}
				share := r.UnexplainedShare
				for _, k := range r.Causes {
					share += k.Share
				}
				if share > 1+1e-9 {
					t.Errorf("shares add up to %v", share)
				}
			}
		})
	}
}

func TestDegenerate(t *testing.T) {
	million := NewTable("id", "kind")
	rng := rand.New(rand.NewPCG(4, 4))
	for i := range 200_000 {
		million.Add([]string{fmt.Sprint(i), fmt.Sprint(i % 7)}, poisson(rng, 1), 1)
	}
	one := NewTable("a")
	for i := range 12 {
		observed := 100.
		if i == 5 {
			observed = 300
		}
		one.Add([]string{value(0, i)}, observed, 100)
	}
	wide := NewTable(strings25()...)
	for i := range 2000 {
		v := make([]string, 25)
		for a := range v {
			v[a] = fmt.Sprint(rng.IntN(9))
		}
		observed := poisson(rng, 10)
		if v[24] == "3" {
			observed *= 3
		}
		_ = i
		wide.Add(v, observed, 10)
	}
	long := NewTable("id")
	for i := range 100_000 {
		observed := 1.
		if i == 77_777 {
			observed = 1000
		}
		long.Add([]string{fmt.Sprint(i)}, observed, 1)
	}
	wideOne := NewTable("id", "b")
	if !testing.Short() {
		for i := range 1_000_000 {
			observed := 1.
			if i%10 == 4 {
				observed = 2
			}
			wideOne.Add([]string{strconv.Itoa(i), value(1, i%10)}, observed, 1)
		}
	}
	stopped := NewTable("a", "b")
	for i := range 20 {
		stopped.Add([]string{value(0, i%5), value(1, i%4)}, 0, 30)
	}
	fresh := NewTable("a", "b") // nothing was expected at all
	fresh.Add([]string{"x", "y"}, 100, 0)
	bad := NewTable("a")
	bad.Add([]string{"x"}, math.NaN(), -1)
	for _, c := range []struct {
		name  string
		table *Table
		want  []string
	}{
		{"no attributes", NewTable(), nil},
		{"no rows", NewTable("a"), nil},
		{"counts that are none", bad, nil},
		{"one attribute", one, []string{"a=a6"}},
		{"an attribute that names every row", million, nil},
		{"one attribute of a hundred thousand values", long, []string{"id=77777"}},
		{"everything stopped", stopped, nil},
		{"an attribute of a million values beside another", wideOne, []string{"b=b5"}},
		{"twenty-five attributes", wide, []string{"z24=3"}},
		{"nothing expected", fresh, []string{"a=x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.table == wideOne && testing.Short() {
				t.Skip("a million values take a second")
			}
			if r := Explain(c.table, Options{}); !slices.Equal(names(r), c.want) {
				t.Errorf("%s, want %v", brief(r), c.want)
			}
		})
	}
}

func strings25() []string {
	var out []string
	for i := range 25 {
		out = append(out, fmt.Sprintf("z%d", i))
	}
	return out
}
