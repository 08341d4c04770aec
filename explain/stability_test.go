package explain

import (
	"slices"
	"testing"
)

// TestStability draws the same truth anew many times, from hardly visible to
// plain, and compares how often its cause was found with how stable it was said
// to be where it was found.
func TestStability(t *testing.T) {
	if testing.Short() {
		t.Skip("measures over many tables")
	}
	const draws = 200
	last := 0.0
	for _, lift := range []float64{1.2, 1.25, 1.3, 1.35, 1.5, 2} {
		found, said := 0.0, 0.0
		for seed := range uint64(draws) {
			r := Explain(cross(100+seed, func(a, b, c int) float64 {
				if a == 2 && b == 4 {
					return lift
				}
				return 1
			}), Options{})
			i := slices.IndexFunc(r.Causes, func(c Cause) bool { return name(c.Where) == "a=a3&b=b5" })
			if i >= 0 {
				found++
				said += r.Causes[i].Stability
			}
		}
		if found == 0 {
			continue
		}
		said /= found
		t.Logf("lift %.2f: found in %.2f of all draws, said to come again in %.2f", lift, found/draws, said)
		if said < last-.05 {
			t.Errorf("lift %.2f: %.2f, less than the %.2f of a smaller one", lift, said, last)
		}
		last = said
		// Those that were found are the lucky ones, so more may be said where few are.
		if found/draws > .7 && abs(said-found/draws) > .15 {
			t.Errorf("lift %.2f: said to come again in %.2f, found in %.2f of all draws", lift, said, found/draws)
		}
	}
	if last < .99 {
		t.Errorf("a plain cause comes again in %.2f", last)
	}
}
