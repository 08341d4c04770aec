package traffic_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"mailvigil/traffic"
)

type weighted struct {
	value  string
	weight int64
}

// streams are orders of events that a summary might lose something over.
func streams(seed uint64) map[string][]weighted {
	rng := rand.New(rand.NewPCG(seed, 3))
	zipf := rand.NewZipf(rng, 1.2, 1, 5000)
	out := make(map[string][]weighted)
	add := func(name, value string, weight int64) {
		out[name] = append(out[name], weighted{value, weight})
	}
	for i := range 20_000 {
		add("zipf", fmt.Sprint(zipf.Uint64()), 1)
		add("all different", fmt.Sprint(i), 1)
		add("weights", fmt.Sprint(zipf.Uint64()), 1+rng.Int64N(100))
		add("all equal but one", fmt.Sprint(i%400), 1)
	}
	// The frequent value comes first, then whoever wants it forgotten sends
	// others in rounds, each as often as it takes.
	for range 2000 {
		add("heavy first", "heavy", 1)
		add("heavy last", fmt.Sprint(rng.IntN(1<<40)), 1)
	}
	for i := range 18_000 {
		add("heavy first", fmt.Sprint(i), 1)
		add("rounds", fmt.Sprint(i%130), 1)
		if i%40 == 0 {
			add("rounds", "heavy", 1)
		}
	}
	for range 2000 {
		add("heavy last", "heavy", 1)
	}
	return out
}

// guarantee checks what Misra and Gries promise: a kept count is never too
// high, too low by at most Missed, which is at most the whole weight divided
// by capacity+1; so a value heavier than that is kept.
func guarantee(t *testing.T, h *traffic.Heavy[string], capacity int, streams ...[]weighted) {
	t.Helper()
	truth := make(map[string]int64)
	var total int64
	for _, s := range streams {
		for _, w := range s {
			truth[w.value] += w.weight
			total += w.weight
		}
	}
	if h.Missed() > total/int64(capacity+1) {
		t.Errorf("missed %d of %d with room for %d", h.Missed(), total, capacity)
	}
	for v, n := range truth {
		if got := h.Count(v); got > n || got < n-h.Missed() {
			t.Errorf("%s came %d times, counted %d, missed %d", v, n, got, h.Missed())
		}
		if n > total/int64(capacity+1) && h.Count(v) == 0 {
			t.Errorf("%s, %d of %d, is lost", v, n, total)
		}
	}
	top := h.Top(1 << 30)
	if len(top) > 2*capacity {
		t.Errorf("%d values are kept, the bound is %d", len(top), 2*capacity)
	}
	if !slices.IsSortedFunc(top, func(a, b traffic.Hitter[string]) int {
		if a.Count != b.Count {
			return int(b.Count - a.Count)
		}
		return slices.Compare([]byte(a.Value), []byte(b.Value))
	}) {
		t.Error("Top is not in order")
	}
}

func heavy(capacity int, stream []weighted) *traffic.Heavy[string] {
	h := traffic.NewHeavy[string](capacity)
	for _, w := range stream {
		h.Add(w.value, w.weight)
	}
	return h
}

func TestHeavyGuarantee(t *testing.T) {
	for _, capacity := range []int{1, 2, 7, 64, 1000} {
		for seed := range uint64(3) {
			for name, s := range streams(seed) {
				t.Run(fmt.Sprintf("%s/%d/%d", name, capacity, seed), func(t *testing.T) {
					h := heavy(capacity, s)
					guarantee(t, h, capacity, s)
					if again := heavy(capacity, s); !reflect.DeepEqual(again.Top(capacity), h.Top(capacity)) {
						t.Error("the same stream gave something else")
					}
				})
			}
		}
	}
}

func TestHeavyMerge(t *testing.T) {
	const capacity = 50
	for name, s := range streams(9) {
		t.Run(name, func(t *testing.T) {
			a, b, c := s[:len(s)/5], s[len(s)/5:len(s)/2], s[len(s)/2:]
			h := heavy(capacity, a)
			h.Merge(heavy(capacity, b))
			h.Merge(heavy(capacity, c))
			guarantee(t, h, capacity, s)
			// The order of two does not matter.
			x, y := heavy(capacity, a), heavy(capacity, b)
			x.Merge(y)
			z := heavy(capacity, b)
			z.Merge(heavy(capacity, a))
			if !reflect.DeepEqual(x.Top(capacity), z.Top(capacity)) || x.Missed() != z.Missed() {
				t.Error("merging one way and the other differ")
			}
		})
	}
}

// Below its bound a Heavy counts exactly.
func TestHeavyExact(t *testing.T) {
	h := traffic.NewHeavy[int](10)
	for i := range 1000 {
		h.Add(i%20, 2)
	}
	if h.Missed() != 0 || h.Count(7) != 100 || h.Count(20) != 0 {
		t.Errorf("missed %d, 7 came %d times, 20 %d times", h.Missed(), h.Count(7), h.Count(20))
	}
	want := []traffic.Hitter[int]{{0, 100}, {1, 100}, {2, 100}}
	if got := h.Top(3); !slices.Equal(got, want) {
		t.Errorf("top %v, want %v", got, want)
	}
}

func BenchmarkHeavyAdd(b *testing.B) {
	for _, c := range []struct {
		name   string
		values int
	}{{"familiar", 4096}, {"forged", 1 << 20}} {
		b.Run(c.name, func(b *testing.B) {
			values := make([]string, c.values)
			for i := range values {
				values[i] = fmt.Sprintf("user-%d", i)
			}
			h := traffic.NewHeavy[string](8192)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				h.Add(values[i&(len(values)-1)], 1)
				i++
			}
		})
	}
}
