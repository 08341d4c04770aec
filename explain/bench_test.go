package explain

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"
)

func BenchmarkCube(b *testing.B) {
	for _, k := range kinds[:2] {
		table, _ := generate(k, 1)
		b.Run(fmt.Sprintf("%dx%d", table.Len(), len(k.sizes)), func(b *testing.B) {
			m := newMeter()
			for b.Loop() {
				m.run(func() { Explain(table, Options{Workers: 2}) })
			}
			m.report(b)
		})
	}
}

// wideTable has n leaves of some attributes, of every twelve four with thousands
// of values, and about ten events a leaf, and up to five causes of one to three
// items.
func wideTable(n, attributes, causes int) (*Table, []string) {
	sizes := []int{8, 12, 2000, 9, 20, 40, 6, 60, 5, 5000, 20000, 50000}
	for len(sizes) < attributes {
		sizes = append(sizes, sizes...)
	}
	sizes = sizes[:attributes]
	all := []struct {
		items  map[int]int
		factor float64
	}{
		{map[int]int{0: 3, 1: 6}, 2}, {map[int]int{7: 11}, .4}, {map[int]int{1: 2, 3: 1, 6: 2}, 3}, {map[int]int{2: 1}, 4}, {map[int]int{8: 4, 4: 9}, 1.8},
	}[:causes]
	rng := rand.New(rand.NewPCG(7, 7))
	var titles []string
	for a := range sizes {
		titles = append(titles, fmt.Sprintf("a%02d", a))
	}
	t := NewTable(titles...)
	t.Grow(n)
	ids := make([][]uint32, len(sizes))
	for a, size := range sizes {
		for v := range size {
			ids[a] = append(ids[a], t.ID(a, fmt.Sprint(v)))
		}
	}
	leaf := make([]uint32, len(sizes))
	codes := make([]int, len(sizes))
	for range n {
		for a, size := range sizes {
			u := rng.Float64()
			codes[a] = int(u * u * float64(size)) // the first values are the heavy ones
			leaf[a] = ids[a][codes[a]]
		}
		f := 20 * rng.Float64()
		mu := f
	causes:
		for _, c := range all {
			for a, v := range c.items {
				if codes[a] != v {
					continue causes
				}
			}
			mu *= c.factor
			break
		}
		t.AddIDs(leaf, poisson(rng, mu), f)
	}
	var want []string
	for _, c := range all {
		var where []Item
		for a, v := range c.items {
			where = append(where, Item{titles[a], fmt.Sprint(v)})
		}
		want = append(want, name(where))
	}
	slices.Sort(want)
	return t, want
}

// meter reports the median and the longest of single runs, and what the
// processors did, whatever else the machine was doing.
type meter struct {
	before syscall.Rusage
	runs   []time.Duration
}

func (m *meter) run(do func()) {
	start := time.Now()
	do()
	m.runs = append(m.runs, time.Since(start))
}

func (m *meter) report(b *testing.B) {
	var after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	spent := after.Utime.Nano() + after.Stime.Nano() - m.before.Utime.Nano() - m.before.Stime.Nano()
	slices.Sort(m.runs)
	b.ReportMetric(float64(spent)/1e6/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(m.runs[len(m.runs)/2].Microseconds())/1e3, "median-ms")
	b.ReportMetric(float64(m.runs[len(m.runs)-1].Microseconds())/1e3, "worst-ms")
	b.ReportMetric(float64(after.Maxrss)/1024, "peak-MB") // of the process until now
}

func newMeter() *meter {
	m := &meter{}
	syscall.Getrusage(syscall.RUSAGE_SELF, &m.before)
	return m
}

func BenchmarkWide(b *testing.B) {
	for _, c := range []struct{ leaves, attributes, causes int }{
		{10_000, 12, 1},
		{30_000, 12, 1},
		{100_000, 3, 1},
		{100_000, 6, 1},
		{100_000, 12, 1},
		{100_000, 24, 1},
		{300_000, 12, 1},
		{1_000_000, 12, 0},
		{1_000_000, 12, 1},
		{1_000_000, 12, 3},
		{1_000_000, 12, 5},
	} {
		b.Run(fmt.Sprintf("%dx%d/causes=%d", c.leaves, c.attributes, c.causes), func(b *testing.B) {
			table, want := wideTable(c.leaves, c.attributes, c.causes)
			b.ReportAllocs()
			m := newMeter()
			for b.Loop() {
				m.run(func() {
					if r := Explain(table, Options{Workers: 2}); !slices.Equal(names(r), want) {
						b.Fatal(brief(r))
					}
				})
			}
			m.report(b)
		})
	}
}
