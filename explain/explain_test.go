package explain

import (
	"compress/gzip"
	"encoding/csv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func name(where []Item) string {
	parts := make([]string, len(where))
	for i, it := range where {
		parts[i] = it.Attribute + "=" + it.Value
	}
	slices.Sort(parts)
	return strings.Join(parts, "&")
}

func names(r Result) []string {
	var out []string
	for _, c := range r.Causes {
		out = append(out, name(c.Where))
	}
	slices.Sort(out)
	return out
}

// matches counts exact matches of sets of causes.
type matches struct{ right, false, missed int }

func (t *matches) add(got, want []string) {
	for _, w := range want {
		if slices.Contains(got, w) {
			t.right++
		} else {
			t.missed++
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.false++
		}
	}
}

func (t *matches) f1() float64 { return 2 * float64(t.right) / float64(2*t.right+t.false+t.missed) }

// TestSharedCauses measures exact-set F1 on labelled instances, where they
// are at hand.
func TestSharedCauses(t *testing.T) {
	if testing.Short() {
		t.Skip("explains hundreds of labelled tables")
	}
	for _, set := range []struct {
		name string
		goal float64
	}{{"S", 0.90}, {"L", 0.98}} {
		t.Run(set.name, func(t *testing.T) {
			dir := filepath.Join("..", "..", "shared", "causes", set.name)
			f, err := os.Open(filepath.Join(dir, "injection_info.csv"))
			if err != nil {
				t.Skipf("the labelled instances are not here: %v", err)
			}
			defer f.Close()
			infos, err := csv.NewReader(f).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			var sum matches
			var longest time.Duration
			for _, info := range infos[1:] {
				table := readGzip(t, filepath.Join(dir, info[0]+".csv.gz"))
				start := time.Now()
				r := Explain(table, Options{Workers: 2})
				longest = max(longest, time.Since(start))
				want := strings.Split(info[1], ";")
				slices.Sort(want)
				got := names(r)
				sum.add(got, want)
				if !slices.Equal(got, want) {
					t.Logf("%s: got %v, want %v", info[0], got, want)
				}
			}
			t.Logf("%s: F1 %.3f (%d right, %d false, %d missed), longest %v", set.name, sum.f1(), sum.right, sum.false, sum.missed, longest)
			if sum.f1() < set.goal {
				t.Errorf("%s: F1 %.3f, want at least %.2f", set.name, sum.f1(), set.goal)
			}
		})
	}
}

func readGzip(t *testing.T, path string) *Table {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	table, err := ReadCSV(z)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestContrast(t *testing.T) {
	for _, c := range []struct {
		name  string
		ratio float64 // size of the other set
		want  []string
	}{
		{"sets of one size", 1, []string{"a=a3"}},
		{"the other ten times as large", 10, []string{"a=a3"}},
		{"the other a quarter", .25, []string{"a=a3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(5) {
				rng := rand.New(rand.NewPCG(seed, 3))
				table, null := NewTable("a", "b", "c"), NewTable("a", "b", "c")
				for i := range 1000 {
					values := []string{value(0, i/100), value(1, i/10%10), value(2, i%10)}
					mu := 20 * gamma(rng, .5)
					other := poisson(rng, mu*c.ratio)
					null.Add(values, poisson(rng, mu), other)
					if i/100 == 2 {
						mu *= 3
					}
					table.Add(values, poisson(rng, mu), other)
				}
				if r := Contrast(table, Options{}); !slices.Equal(names(r), c.want) {
					t.Errorf("seed %d: %s, want %v", seed, brief(r), c.want)
				}
				if r := Contrast(null, Options{}); r.Localised {
					t.Errorf("seed %d: %s where nothing differs", seed, brief(r))
				}
			}
		})
	}
}
