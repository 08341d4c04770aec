package explain

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// kind describes a family of generated cubes.
type kind struct {
	name       string
	sizes      []int
	mean       float64 // of a leaf
	skew       float64 // Weibull shape; 0: even
	zero       float64 // largest share of empty leaves
	noise      float64 // largest relative noise
	poisson    bool    // whole numbers with counting noise
	dispersion float64 // gamma mixing of the counts: variance μ + dispersion·μ²
	causes     int     // most groups of causes; 0: none
	siblings   int
	deepest    bool
	least      float64 // smallest relative change
	rises      bool
}

func (k kind) leaves() int {
	n := 1
	for _, size := range k.sizes {
		n *= size
	}
	return n
}

var kinds = []kind{
	{name: "proportional drops, skewed amounts", sizes: []int{10, 12, 10, 8, 5}, mean: 150, skew: .75, zero: .25, noise: .25, causes: 3, siblings: 3, least: .2},
	{name: "single leaves", sizes: []int{10, 24, 10, 15}, mean: 150, skew: .75, zero: .25, noise: .1, causes: 5, siblings: 1, deepest: true, least: .5},
	{name: "rises, even amounts", sizes: []int{9, 7, 6, 11}, mean: 40, noise: .15, causes: 3, siblings: 2, least: .3, rises: true},
	{name: "counts", sizes: []int{8, 6, 12, 5}, mean: 20, skew: .9, poisson: true, causes: 2, siblings: 2, least: .5, rises: true},
	{name: "overdispersed counts", sizes: []int{8, 6, 12, 5}, mean: 30, poisson: true, dispersion: .1, causes: 2, siblings: 2, least: .6, rises: true},
	{name: "three attributes", sizes: []int{20, 30, 12}, mean: 60, skew: 1, noise: .1, causes: 2, siblings: 2, least: .3},
}

func value(a, v int) string { return string(rune('a'+a)) + strconv.Itoa(v+1) }

func poisson(rng *rand.Rand, mu float64) float64 {
	if mu > 50 {
		return math.Max(0, math.Round(mu+math.Sqrt(mu)*rng.NormFloat64()))
	}
	n, p, limit := 0.0, 1.0, math.Exp(-mu)
	for {
		p *= rng.Float64()
		if p <= limit {
			return n
		}
		n++
	}
}

// gamma draws from a gamma distribution of mean 1 and the variance given
// (Marsaglia and Tsang).
func gamma(rng *rand.Rand, variance float64) float64 {
	if variance == 0 {
		return 1
	}
	shape, boost := 1/variance, 1.0
	if shape < 1 {
		boost = math.Pow(rng.Float64(), 1/shape)
		shape++
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := math.Pow(1+c*x, 3)
		if v > 0 && math.Log(rng.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v * boost * variance
		}
	}
}

// generate draws a cube and the names of its causes.
func generate(k kind, seed uint64) (*Table, []string) {
	rng := rand.New(rand.NewPCG(seed, 17))
	d := len(k.sizes)
	n := k.leaves()
	var attributes []string
	for a := range k.sizes {
		attributes = append(attributes, string(rune('a'+a)))
	}
	noise, zero := k.noise*rng.Float64(), k.zero*rng.Float64()

	type group struct {
		attrs  []int
		cells  [][]int
		factor float64
		spread float64
	}
	var groups []group
	overlap := func(attrs, cell []int) bool {
		for _, g := range groups {
			for _, c := range g.cells {
				apart := false
				for i, a := range attrs {
					if j := slices.Index(g.attrs, a); j >= 0 && c[j] != cell[i] {
						apart = true
					}
				}
				if !apart {
					return true
				}
			}
		}
		return false
	}
	var want []string
	if k.causes > 0 {
		for range 1 + rng.IntN(k.causes) {
			depth := 1 + rng.IntN(d)
			if k.deepest {
				depth = d
			}
			attrs := rng.Perm(d)[:depth]
			slices.Sort(attrs)
			g := group{attrs: attrs, factor: k.least + rng.Float64()*(1-k.least) + noise, spread: .1 * rng.Float64()}
			if k.rises {
				g.factor = -2 * g.factor
			}
			for range 1 + rng.IntN(k.siblings) {
				for range 20 {
					cell := make([]int, depth)
					for i, a := range attrs {
						cell[i] = rng.IntN(k.sizes[a])
					}
					if !overlap(attrs, cell) && !slices.ContainsFunc(g.cells, func(c []int) bool { return slices.Equal(c, cell) }) {
						g.cells = append(g.cells, cell)
						break
					}
				}
			}
			groups = append(groups, g)
		}
	}
	for _, g := range groups {
		for _, c := range g.cells {
			var items []Item
			for i, a := range g.attrs {
				items = append(items, Item{attributes[a], value(a, c[i])})
			}
			want = append(want, name(items))
		}
	}
	t := NewTable(attributes...)
	values := make([]string, d)
	for i := range n {
		at := i
		code := make([]int, d)
		for a := d - 1; a >= 0; a-- {
			code[a] = at % k.sizes[a]
			at /= k.sizes[a]
			values[a] = value(a, code[a])
		}
		f := k.mean
		if k.skew > 0 {
			f *= math.Pow(-math.Log(1-rng.Float64()), 1/k.skew)
		}
		if rng.Float64() < zero {
			f = 0
		}
		v := f
		hit := false
		for _, g := range groups {
			for _, c := range g.cells {
				in := true
				for j, a := range g.attrs {
					in = in && code[a] == c[j]
				}
				if in && !hit {
					hit = true
					v = math.Max(0, f*(1-g.factor-g.spread*rng.NormFloat64()))
				}
			}
		}
		switch {
		case k.poisson:
			v = poisson(rng, v*gamma(rng, k.dispersion))
		case !hit:
			v = math.Max(0, v*(1+noise*rng.NormFloat64()))
			if rng.IntN(2) == 0 {
				v, f = f, v
			}
		}
		t.Add(values, v, f)
	}
	return t, want
}

func TestGeneratedCubes(t *testing.T) {
	instances := uint64(20)
	if testing.Short() {
		instances = 3
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			var sum matches
			for seed := range instances {
				table, want := generate(k, seed)
				slices.Sort(want)
				got := names(Explain(table, Options{}))
				sum.add(got, want)
				if !slices.Equal(got, want) {
					t.Logf("%d: got %v, want %v", seed, got, want)
				}
			}
			if sum.f1() < 0.8 {
				t.Errorf("%s: F1 %.3f, want at least 0.8", k.name, sum.f1())
			}
			t.Logf(k.name+": F1 %.3f (%d right, %d false, %d missed)", sum.f1(), sum.right, sum.false, sum.missed)
		})
	}
}

// TestNull asserts that noise alone yields no cause.
func TestNull(t *testing.T) {
	for _, k := range kinds {
		instances := uint64(100)
		if k.leaves() > 10_000 {
			instances = 30
		}
		if testing.Short() {
			instances = 5
		}
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			k.causes = 0
			wrong := 0
			for seed := range instances {
				table, _ := generate(k, 1000+seed)
				if r := Explain(table, Options{}); r.Localised {
					wrong++
					t.Logf("%d: %v score %.1f", seed, names(r), r.Causes[0].Score)
				}
			}
			if float64(wrong) > 0.01*float64(instances) {
				t.Errorf(k.name+": %d of %d tables of noise alone have a cause", wrong, instances)
			}
		})
	}
}

// TestConfidence compares what confidence promises with how often causes are
// right.
func TestConfidence(t *testing.T) {
	instances := uint64(20)
	if testing.Short() {
		instances = 2
	}
	var right, all, promised [5]float64
	for _, k := range kinds {
		for seed := range instances {
			table, want := generate(k, 5000+seed)
			for _, c := range Explain(table, Options{Workers: 2}).Causes {
				b := 4
				for i, limit := range []float64{.5, .8, .95, .99} {
					if c.Confidence < limit {
						b = i
						break
					}
				}
				all[b]++
				promised[b] += c.Confidence
				if slices.Contains(want, name(c.Where)) {
					right[b]++
				}
			}
		}
	}
	for b := range all {
		if all[b] > 0 {
			t.Logf("promised %.3f, right %.3f of %.0f", promised[b]/all[b], right[b]/all[b], all[b])
		}
	}
}
