package explain

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
)

func BenchmarkCube(b *testing.B) {
	for _, k := range kinds[:2] {
		table, _ := generate(k, 1)
		b.Run(fmt.Sprintf("%dx%d", table.Len(), len(k.sizes)), func(b *testing.B) {
			for b.Loop() {
				Explain(table, Options{Workers: 2})
			}
		})
	}
}

// wideTable has n leaves of twelve attributes, five with thousands of values,
// and about ten events a leaf; one client version of one service doubles.
func wideTable(n int) *Table {
	sizes := []int{8, 12, 5, 9, 20, 40, 6, 60, 2000, 5000, 20000, 50000}
	rng := rand.New(rand.NewPCG(7, 7))
	var names []string
	for a := range sizes {
		names = append(names, fmt.Sprintf("a%d", a))
	}
	t := NewTable(names...)
	ids := make([][]uint32, len(sizes))
	for a, size := range sizes {
		for v := range size {
			ids[a] = append(ids[a], t.ID(a, fmt.Sprint(v)))
		}
	}
	leaf := make([]uint32, len(sizes))
	for range n {
		for a, size := range sizes {
			u := rng.Float64()
			leaf[a] = ids[a][int(u*u*float64(size))] // the first values are the heavy ones
		}
		f := 20 * rng.Float64()
		mu := f
		if leaf[0] == ids[0][3] && leaf[5] == ids[5][6] {
			mu *= 2
		}
		t.AddIDs(leaf, poisson(rng, mu), f)
	}
	return t
}

func BenchmarkWide(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		table := wideTable(n)
		b.Run(fmt.Sprintf("%dx12", n), func(b *testing.B) {
			b.ReportAllocs()
			var before, after syscall.Rusage
			syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			for b.Loop() {
				if r := Explain(table, Options{Workers: 2}); len(r.Causes) != 1 || name(r.Causes[0].Where) != "a0=3&a5=6" {
					b.Fatal(brief(r))
				}
			}
			// What the processors did, whatever else the machine was doing.
			syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			b.ReportMetric(float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano())/1e6/float64(b.N), "cpu-ms/op")
		})
	}
}
