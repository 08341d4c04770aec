package simulate

import (
	"math/bits"
	"math/rand/v2"
)

// rng is the stream of random numbers of one habit, actor and day.
func (w *World) rng(habit string, actor, day int) *rand.Rand {
	return rand.New(rand.NewPCG(mix(w.opt.Seed^w.course^hash(habit)), mix(uint64(actor)<<32|uint64(uint32(day)))))
}

// hash is FNV-1a.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// mix is the finaliser of splitmix64: every bit of x moves every bit of it.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// wait draws the time to the next of events that happen once in mean on the
// average. It is an exponential time by whole numbers alone: the leading
// zeros of a random word are the whole part of -log2, the bits after them
// stand for its fraction. A logarithm in floating point may differ in its
// last bit from one machine to the next.
func wait(r *rand.Rand, mean int64) int64 {
	const ln2 = 43_680 // log(2), made smaller by what the straight line adds, in 1/65536
	x := r.Uint64() | 1
	zeros := bits.LeadingZeros64(x)
	fraction := int64(x << (zeros + 1) >> 48)
	log2 := int64(zeros+1)<<16 - fraction
	return mean / 1000 * (log2 * ln2 >> 16) / 65536 * 1000
}

// between draws a whole number from lo up to, not including, hi.
func between(r *rand.Rand, lo, hi int64) int64 {
	if hi <= lo {
		return lo
	}
	return lo + r.Int64N(hi-lo)
}

// chance says yes so many times in a thousand.
func chance(r *rand.Rand, thousandths int64) bool { return r.Int64N(1000) < thousandths }

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// size draws a number of bytes: most are near typical, a few far above.
func size(r *rand.Rand, typical int64) int64 {
	n := between(r, typical/4, typical*3/2)
	if chance(r, 60) {
		n += wait(r, typical*20_000) / 1000
	}
	return n
}
