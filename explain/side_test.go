package explain

import (
	"math"
	"math/rand/v2"
	"testing"
)

// amounts returns a cube whose observations or expectations are noisy, with a
// fifth of its leaves down to half, and one leaf that rose sixfold.
func amounts(seed uint64, observed bool) *Table {
	rng := rand.New(rand.NewPCG(seed, 3))
	t := NewTable("a", "b", "c")
	for a := range 10 {
		for b := range 12 {
			for c := range 8 {
				m := math.Exp(rng.NormFloat64())
				noisy := m * max(0.05, 1+0.2*rng.NormFloat64())
				v, f := noisy, m
				if !observed {
					v, f = m, noisy
				}
				switch {
				case a < 2:
					v /= 2
				case a == 5 && b == 6 && c == 2:
					v = 6 * m
				}
				t.Add([]string{value(0, a), value(1, b), value(2, c)}, v, f)
			}
		}
	}
	return t
}

// Where what is observed is noisy, a row that rose sixfold is plain; where the
// expectation is, it may be that. A cause that covers a fifth must not hide which.
func TestSide(t *testing.T) {
	for seed := range uint64(5) {
		for _, observed := range []bool{true, false} {
			table := amounts(seed, observed)
			s, _ := prepare(table, Options{})
			s.estimate(Options{})
			if plain := s.upper <= 0.65; plain != observed {
				t.Errorf("seed %d, noise of what is observed %v: %.2f of it may be that of the expectation", seed, observed, s.upper)
			}
			found := false
			for _, n := range names(Explain(table, Options{})) {
				found = found || n == name([]Item{{"a", value(0, 5)}, {"b", value(1, 6)}, {"c", value(2, 2)}})
			}
			if observed && !found {
				t.Errorf("seed %d: the row that rose sixfold was not found: %v", seed, names(Explain(table, Options{})))
			}
		}
	}
}
