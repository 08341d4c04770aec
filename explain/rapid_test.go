package explain

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawn is a table of random shape: some causes, some noise, counts or amounts,
// complete or with rows missing.
type drawn struct {
	attributes []string
	leaves     []leaf
	options    Options
}

func drawTable(t *rapid.T, amounts bool) drawn {
	d := rapid.IntRange(1, 4).Draw(t, "attributes")
	var k study
	for range d {
		k.sizes = append(k.sizes, rapid.IntRange(2, 7).Draw(t, "values"))
	}
	k.counts = !amounts && rapid.Bool().Draw(t, "counts")
	k.mean = rapid.SampledFrom([]float64{.3, 4, 60, 2000}).Draw(t, "mean")
	k.shape = rapid.SampledFrom([]float64{0, .7, 1}).Draw(t, "shape")
	k.zero = rapid.SampledFrom([]float64{0, .3}).Draw(t, "empty")
	k.noise = .15
	k.dispersion = rapid.SampledFrom([]float64{0, .1}).Draw(t, "dispersion")
	k.past = rapid.SampledFrom([]int{0, 4}).Draw(t, "past")
	k.causes, k.depth = 2, d
	if rapid.Bool().Draw(t, "sparse") {
		k.rows = 300
	}
	table, _ := k.draw(rapid.Uint64().Draw(t, "seed"), rapid.Bool().Draw(t, "causes"), rapid.Bool().Draw(t, "near"))
	out := drawn{attributes: table.Attributes, leaves: unpack(table), options: Options{Windows: rapid.SampledFrom([]int{0, k.past}).Draw(t, "told")}}
	if amounts {
		for i := range out.leaves { // no whole numbers, whatever the scale
			out.leaves[i].observed *= 1 + 1./64
			out.leaves[i].expected *= 1 + 1./64
		}
	}
	return out
}

// rowsOf returns, for each cause, the leaves that it picks out beyond those of
// the causes before it, since every event is counted once: two descriptions of
// the same leaves are the same cause in other words, and which of them is said
// goes by the order of the attributes.
func rowsOf(d drawn, r Result) []string {
	var out []string
	taken := make(map[string]bool)
	for _, c := range r.Causes {
		var rows []string
	leaves:
		for _, l := range d.leaves {
			for _, it := range c.Where {
				if l.values[slices.Index(d.attributes, it.Attribute)] != it.Value {
					continue leaves
				}
			}
			if key := fmt.Sprint(l.values); (l.observed > 0 || l.expected > 0) && !taken[key] {
				rows = append(rows, key)
			}
		}
		for _, key := range rows {
			taken[key] = true
		}
		slices.Sort(rows)
		out = append(out, fmt.Sprint(slices.Compact(rows)))
	}
	slices.Sort(out)
	return out
}

func TestRapidOrderOfRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawTable(t, false)
		want := Explain(pack(d.attributes, d.leaves), d.options)
		got := Explain(pack(d.attributes, rapid.Permutation(d.leaves).Draw(t, "rows")), d.options)
		if !slices.Equal(names(got), names(want)) {
			t.Fatalf("%s, want %s", brief(got), brief(want))
		}
	})
}

func TestRapidOrderOfAttributes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawTable(t, false)
		want := Explain(pack(d.attributes, d.leaves), d.options)
		at := make([]int, len(d.attributes))
		for i := range at {
			at[i] = i
		}
		at = rapid.Permutation(at).Draw(t, "attributes")
		pick := func(list []string) []string {
			out := make([]string, len(at))
			for i, a := range at {
				out[i] = list[a]
			}
			return out
		}
		var turned []leaf
		for _, l := range d.leaves {
			turned = append(turned, leaf{pick(l.values), l.observed, l.expected})
		}
		got := Explain(pack(pick(d.attributes), turned), d.options)
		// Of two readings that are exactly as good the one of the earlier
		// attribute is named.
		asGood := slices.EqualFunc(got.Causes, want.Causes, func(x, y Cause) bool { return abs(x.Score-y.Score) <= 1e-6*abs(y.Score) && abs(x.Share-y.Share) < 1e-6 })
		if !asGood && !slices.Equal(rowsOf(d, got), rowsOf(d, want)) {
			t.Fatalf("%s, want %s", brief(got), brief(want))
		}
	})
}

func TestRapidHalves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Halves of counts need not be whole numbers, which say something.
		d := drawTable(t, true)
		want := Explain(pack(d.attributes, d.leaves), d.options)
		var leaves []leaf
		for _, l := range d.leaves {
			if rapid.Bool().Draw(t, "split") {
				l = leaf{l.values, l.observed / 2, l.expected / 2}
				leaves = append(leaves, l)
			}
			leaves = append(leaves, l)
		}
		got := Explain(pack(d.attributes, leaves), d.options)
		if !slices.Equal(names(got), names(want)) {
			t.Fatalf("%s, want %s", brief(got), brief(want))
		}
	})
}

func TestRapidScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Of counts, more are more evidence; amounts have no unit.
		d := drawTable(t, true)
		want := Explain(pack(d.attributes, d.leaves), d.options)
		factor := rapid.SampledFrom([]float64{1. / 1024, .5, 2, 1 << 20}).Draw(t, "factor")
		var leaves []leaf
		for _, l := range d.leaves {
			leaves = append(leaves, leaf{l.values, factor * l.observed, factor * l.expected})
		}
		got := Explain(pack(d.attributes, leaves), d.options)
		if !slices.Equal(names(got), names(want)) {
			t.Fatalf("%s, want %s", brief(got), brief(want))
		}
	})
}

func TestRapidShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawTable(t, false)
		r := Explain(pack(d.attributes, d.leaves), d.options)
		share, excess := r.UnexplainedShare, r.Unexplained
		for _, c := range r.Causes {
			share += c.Share
			excess += c.Excess
			for _, p := range []float64{c.Share, c.Confidence, c.Stability} {
				if !(p >= 0 && p <= 1) {
					t.Fatalf("share, confidence and stability must lie between 0 and 1: %+v", c)
				}
			}
		}
		if !(share <= 1+1e-9) {
			t.Fatalf("shares add up to %v: %+v", share, r)
		}
		// Every event is counted once.
		if all := r.Observed - r.Drift*r.Expected; math.Abs(excess-all) > 1e-6*(r.Observed+r.Expected) {
			t.Fatalf("the parts of the excess add up to %v, want %v: %+v", excess, all, r)
		}
	})
}
