package explain

import (
	"encoding/json"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// The study draws tables of differently made kinds with known causes, and
// tables of noise alone, and prints what Explain makes of them:
//
//	go test ./explain -run Study -study 50 -v
//
// "make causes" runs a large one.
var (
	studySize = flag.Int("study", 3, "tables of each kind in the study")
	studySeed = flag.Uint64("study-seed", 1, "seed of the study")
	studyJSON = flag.String("study-json", "", "file for the study's figures")
)

// study is a kind of table.
type study struct {
	name       string
	sizes      []int
	rows       int     // leaves drawn at random; 0: every combination
	shape      float64 // Weibull shape of a leaf's expectation; 0: even
	mean       float64
	zero       float64 // share of leaves that are empty
	counts     bool    // whole numbers with counting noise
	dispersion float64 // of counts: variance μ + dispersion·μ²
	noise      float64 // of amounts: standard deviation in parts of the leaf
	past       int     // the expectation is a mean of that many noisy values; 0: exact
	causes     int     // at most
	depth      int     // items of a cause at most
	additive   bool    // each leaf of a cause gains the same, not the same part
	direction  int     // 1 rises, −1 drops, 0 both
}

var studies = []study{
	{name: "counts, even, 3 attributes", sizes: []int{12, 20, 9}, mean: 15, counts: true, causes: 2, depth: 3, direction: 1},
	{name: "counts, skewed, 4 attributes", sizes: []int{8, 6, 12, 5}, mean: 20, shape: .8, counts: true, causes: 3, depth: 3},
	{name: "counts, additive causes", sizes: []int{8, 6, 12, 5}, mean: 20, shape: .8, counts: true, causes: 2, depth: 3, additive: true, direction: 1},
	{name: "counts, overdispersed, past means", sizes: []int{10, 7, 15}, mean: 40, shape: 1, counts: true, dispersion: .1, past: 4, causes: 2, depth: 2},
	{name: "few counts a leaf, 5 attributes", sizes: []int{6, 8, 5, 10, 4}, mean: 1.5, shape: .8, counts: true, past: 4, causes: 2, depth: 2, direction: 1},
	{name: "amounts, skewed, drops", sizes: []int{10, 12, 10, 8}, mean: 150, shape: .7, zero: .2, noise: .15, causes: 3, depth: 4, direction: -1},
	{name: "amounts below 1, moving mean", sizes: []int{9, 14, 6}, mean: .05, shape: .7, zero: .3, noise: .2, past: 5, causes: 2, depth: 3},
	{name: "amounts, few leaves, past means", sizes: []int{6, 5, 8}, mean: 900, shape: .6, zero: .3, noise: .1, past: 3, causes: 1, depth: 3},
	{name: "amounts, additive causes", sizes: []int{9, 7, 6, 11}, mean: 40, shape: 1, noise: .1, causes: 2, depth: 3, additive: true},
	{name: "sparse counts, 8 attributes", sizes: []int{4, 6, 10, 30, 8, 5, 12, 200}, rows: 8000, mean: 4, shape: .8, counts: true, past: 4, causes: 2, depth: 2, direction: 1},
	{name: "sparse counts, 12 attributes", sizes: []int{4, 6, 10, 30, 8, 5, 12, 200, 3, 7, 2000, 9}, rows: 12000, mean: 6, shape: .8, counts: true, past: 4, causes: 2, depth: 2, direction: 1},
	{name: "sparse counts, overdispersed", sizes: []int{4, 6, 10, 30, 8, 5}, rows: 6000, mean: 8, shape: .8, counts: true, dispersion: .3, past: 4, causes: 2, depth: 2, direction: 1},
}

// wanted is a cause that was put into a table.
type wanted struct {
	name       string
	detectable bool
}

// draw makes a table. A cause is called undetectable where its departure is
// less than √(2·ln N) standard deviations of its cell as they would be without
// the cause, N the number of cells of its shape, since noise alone reaches that
// somewhere, plus two as they are with it, since it then falls short of that
// seldom; or, in a sparse table, less than half a percent of all events.
//
// A table near the limit has causes that depart by half to one and a half times
// of that, since what is plain says little about how sure the rest is.
func (k study) draw(seed uint64, causes, near bool) (*Table, []wanted) {
	rng := rand.New(rand.NewPCG(seed, 41))
	d := len(k.sizes)
	n := k.rows
	if n == 0 {
		n = 1
		for _, size := range k.sizes {
			n *= size
		}
	}
	codes := make([][]int, n)
	for i := range codes {
		codes[i] = make([]int, d)
		for a, at := d-1, i; a >= 0; a-- {
			if k.rows == 0 {
				codes[i][a] = at % k.sizes[a]
				at /= k.sizes[a]
			} else {
				u := rng.Float64()
				codes[i][a] = int(u * u * float64(k.sizes[a]))
			}
		}
	}
	mu := make([]float64, n)
	total := 0.0
	for i := range mu {
		mu[i] = k.mean
		if k.shape > 0 {
			mu[i] *= math.Pow(-math.Log(1-rng.Float64()), 1/k.shape)
		}
		if rng.Float64() < k.zero {
			mu[i] = 0
		}
		total += mu[i]
	}
	drift := 1.0
	if rng.IntN(2) == 0 {
		drift = math.Exp(.3 * (rng.Float64() - .5))
	}
	now := slices.Clone(mu)
	for i := range now {
		now[i] *= drift
	}
	variance := func(m float64) float64 {
		if !k.counts {
			return k.noise * k.noise * m * m
		}
		return m + k.dispersion*m*m
	}

	var want []wanted
	taken := make([]bool, n)
	if causes {
	causes:
		for range 1 + rng.IntN(k.causes) {
			for range 50 {
				attrs := rng.Perm(d)[:1+rng.IntN(min(d, k.depth))]
				slices.Sort(attrs)
				like := codes[rng.IntN(n)]
				var rows []int
				sum, spread, lost := 0.0, 0.0, false
				for i, c := range codes {
					if slices.ContainsFunc(attrs, func(a int) bool { return c[a] != like[a] }) {
						continue
					}
					rows = append(rows, i)
					sum += now[i]
					v := variance(now[i])
					if k.past > 0 {
						v *= 1 + 1/float64(k.past)
					}
					spread += v
					lost = lost || taken[i]
				}
				if lost || sum == 0 || sum > .3*total || k.rows > 0 && len(rows) < 30 {
					continue
				}
				// From hardly visible to plain.
				lift := 1 + .25*math.Pow(20, rng.Float64())
				if k.direction < 0 || k.direction == 0 && rng.IntN(2) == 0 {
					lift = .75 * rng.Float64()
				}
				cells := lnChoose(d, len(attrs))
				for _, a := range attrs {
					cells += math.Log(float64(k.sizes[a]))
				}
				if near {
					departure := (.5 + rng.Float64()) * (math.Sqrt(2*cells) + 2) * math.Sqrt(spread) / sum
					if departure < .15 || lift < 1 && departure > 1 {
						continue
					}
					lift = 1 + math.Copysign(departure, lift-1)
				}
				for _, i := range rows {
					taken[i] = true
					if k.additive {
						now[i] = max(0, now[i]+(lift-1)*sum/float64(len(rows)))
					} else {
						now[i] *= lift
					}
				}
				changed, after := 0.0, 0.0
				for _, i := range rows {
					changed += now[i]
					after += variance(now[i])
					if k.past > 0 {
						after += variance(mu[i]*drift) / float64(k.past)
					}
				}
				var where []Item
				for _, a := range attrs {
					where = append(where, Item{string(rune('a' + a)), value(a, like[a])})
				}
				departure := abs(changed - sum)
				want = append(want, wanted{
					name: name(where),
					detectable: departure >= math.Sqrt(2*cells*spread)+2*math.Sqrt(after) &&
						(k.rows == 0 || departure >= .005*total*drift),
				})
				continue causes
			}
		}
	}

	var attributes []string
	for a := range d {
		attributes = append(attributes, string(rune('a'+a)))
	}
	noisy := func(m float64) float64 {
		if k.counts {
			return poisson(rng, m*gamma(rng, k.dispersion))
		}
		return max(0, m*(1+k.noise*rng.NormFloat64()))
	}
	t := NewTable(attributes...)
	values := make([]string, d)
	for i, c := range codes {
		for a, v := range c {
			values[a] = value(a, v)
		}
		f := mu[i]
		if k.past > 0 {
			f = 0
			for range k.past {
				f += noisy(mu[i]) / float64(k.past)
			}
		}
		t.Add(values, noisy(now[i]), f)
	}
	return t, want
}

// studyKind is what was found in the tables of one kind.
type studyKind struct {
	Kind         string  `json:"kind"`
	Noise        string  `json:"noise"` // Poisson, overdispersed or amounts
	Tables       int     `json:"tables"`
	Causes       int     `json:"causes"`
	Undetectable int     `json:"undetectable"`
	F1           float64 `json:"f1"`         // of the detectable causes
	Precision    float64 `json:"precision"`  // a cause found that is undetectable counts neither way
	Recall       float64 `json:"recall"`     // of the detectable causes
	RecallAll    float64 `json:"recall_all"` // of all
	FalseAlarms  int     `json:"false_alarms"`

	right, rightAll, wrong, missed int
}

func (f *studyKind) add(g studyKind) {
	f.Tables += g.Tables
	f.Causes += g.Causes
	f.Undetectable += g.Undetectable
	f.FalseAlarms += g.FalseAlarms
	f.right += g.right
	f.rightAll += g.rightAll
	f.wrong += g.wrong
	f.missed += g.missed
	part := func(a, b int) float64 { return float64(a) / math.Max(1, float64(b)) }
	f.Precision, f.Recall = part(f.right, f.right+f.wrong), part(f.right, f.right+f.missed)
	f.F1 = part(2*f.right, 2*f.right+f.wrong+f.missed)
	f.RecallAll = part(f.rightAll, f.Causes)
}

// studyConfidence compares the causes given with a confidence in a range with
// how many of them were right.
type studyConfidence struct {
	From   float64 `json:"from"`
	To     float64 `json:"to"`
	Causes int     `json:"causes"`
	Said   float64 `json:"said"` // on average
	Right  float64 `json:"right"`
}

func (k study) noiseName() string {
	switch {
	case !k.counts:
		return "amounts"
	case k.dispersion > 0:
		return "overdispersed"
	}
	return "Poisson"
}

func TestStudy(t *testing.T) {
	if testing.Short() {
		t.Skip("measures over many tables")
	}
	edges := []float64{0, .5, .8, .87, .93, .97, .99, 1}
	bins := make([]studyConfidence, len(edges)-1)
	for b := range bins {
		bins[b].From, bins[b].To = edges[b], edges[b+1]
	}
	count := func(c Cause, right bool) {
		b, found := slices.BinarySearch(edges, c.Confidence)
		if !found {
			b--
		}
		bin := &bins[min(b, len(bins)-1)]
		bin.Causes++
		bin.Said += c.Confidence
		if right {
			bin.Right++
		}
	}
	const nearTables = 2 // near the limit, for each other one
	near := 0
	var kinds []studyKind
	sum := studyKind{Kind: "all"}
	t.Logf("%-36s %6s %6s %12s %6s %9s %6s %12s", "KIND", "TABLES", "CAUSES", "UNDETECTABLE", "F1", "PRECISION", "RECALL", "FALSE ALARMS")
	show := func(f studyKind) {
		t.Logf("%-36s %6d %6d %12d %6.3f %9.3f %6.3f %12d", f.Kind, f.Tables, f.Causes, f.Undetectable, f.F1, f.Precision, f.Recall, f.FalseAlarms)
	}
	for i, k := range studies {
		f := studyKind{Kind: k.name, Noise: k.noiseName()}
		for n := range *studySize {
			seed := *studySeed<<32 + uint64(i)<<20 + uint64(n)
			one := studyKind{Tables: 1}
			table, want := k.draw(seed, true, false)
			r := Explain(table, Options{Workers: 2}) // the same settings for all
			got := names(r)
			for _, w := range want {
				one.Causes++
				found := slices.Contains(got, w.name)
				if found {
					one.rightAll++
				}
				switch {
				case !w.detectable:
					one.Undetectable++
				case found:
					one.right++
				default:
					one.missed++
				}
			}
			for _, c := range r.Causes {
				right := slices.ContainsFunc(want, func(w wanted) bool { return w.name == name(c.Where) })
				if !right {
					one.wrong++
				}
				count(c, right)
			}
			null, _ := k.draw(seed+1<<18, false, false)
			if r := Explain(null, Options{Workers: 2}); r.Localised {
				one.FalseAlarms++
				for _, c := range r.Causes {
					count(c, false)
				}
			}
			f.add(one)
			for m := range uint64(nearTables) {
				table, want := k.draw(seed+(m+2)<<18, true, true)
				near++
				for _, c := range Explain(table, Options{Workers: 2}).Causes {
					count(c, slices.ContainsFunc(want, func(w wanted) bool { return w.name == name(c.Where) }))
				}
			}
		}
		kinds = append(kinds, f)
		sum.add(f)
		show(f)
	}
	show(sum)
	for b := range bins {
		if bin := &bins[b]; bin.Causes > 0 {
			bin.Said /= float64(bin.Causes)
			bin.Right /= float64(bin.Causes)
			t.Logf("of %4d causes given with %.3f on average, right %.3f", bin.Causes, bin.Said, bin.Right)
		}
	}
	if *studyJSON != "" {
		data, err := json.Marshal(map[string]any{"seed": *studySeed, "kinds": kinds, "all": sum, "near": near, "confidence": bins})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(*studyJSON, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if sum.F1 < .93 {
		t.Errorf("F1 %.3f, want at least .93", sum.F1)
	}
	if least := 1 + sum.Tables/100; sum.FalseAlarms > least {
		t.Errorf("a false cause in %d of %d tables of noise alone, want at most %d", sum.FalseAlarms, sum.Tables, least)
	}
}
