package anomaly_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"mailvigil/anomaly"
	"mailvigil/traffic"
)

// TestOnset: one hour after the onset, over steps of minutes, of five
// minutes, and of days.
func TestOnset(t *testing.T) {
	for _, c := range []struct {
		name   string
		step   int
		mean   float64
		phi    float64
		theta  float64
		window int
		after  int     // steps
		median float64 // steps
	}{
		{"a rise of half, minutes", 1, 40, 1, 1.5, 360, 60, 2},
		{"a rise of half, bursty minutes", 1, 40, 4, 1.5, 360, 60, 5},
		{"+30 %, minutes", 1, 40, 1, 1.3, 360, 60, 5},
		{"a drop to a half, minutes", 1, 40, 1, 0.5, 360, 60, 2},
		{"silence, minutes", 1, 5, 1, 0, 360, 60, 1},
		{"night counts tripled, minutes", 1, 1, 1, 3, 360, 60, 5},
		{"five minutes", 5, 200, 2, 1.3, 100, 12, 1},
		{"days", 1440, 20000, 50, 1.2, 28, 5, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(4, 2))
			w := world{phi: c.phi}
			const tries = 300
			errors := make([]float64, 0, tries)
			covered, sized := 0, 0
			for range tries {
				at := c.window - c.after
				observed, expected, phi := make([]float64, c.window), make([]float64, c.window), make([]float64, c.window)
				for i := range observed {
					expected[i], phi[i] = c.mean*(1+0.3*math.Sin(float64(i)/20)), c.phi
					mean := expected[i]
					if i >= at {
						mean *= c.theta
					}
					observed[i] = w.draw(r, mean)
				}
				got := anomaly.Onset(1000, c.step, observed, expected, phi)
				want := 1000 + traffic.Slot(at*c.step)
				errors = append(errors, math.Abs(float64(got.Onset-want))/float64(c.step))
				if got.Interval[0] <= want && want <= got.Interval[1] {
					covered++
				}
				if got.SizeInterval[0] <= c.theta+1e-2 && c.theta <= got.SizeInterval[1] {
					sized++
				}
			}
			slices.Sort(errors)
			median := errors[tries/2]
			t.Logf("median error %.0f steps, interval holds the onset %.2f, the size %.2f", median, float64(covered)/tries, float64(sized)/tries)
			if median > c.median {
				t.Errorf("median error %.0f steps, want at most %.0f", median, c.median)
			}
			if x := float64(covered) / tries; x < 0.86 {
				t.Errorf("the 90 %% interval holds the onset %.2f of the time", x)
			}
			if x := float64(sized) / tries; x < 0.8 {
				t.Errorf("the 90 %% interval holds the size %.2f of the time", x)
			}
		})
	}
}

func TestOnsetOfLittle(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name                    string
		observed, expected, phi []float64
	}{
		{"nothing", nil, nil, nil},
		{"one step", []float64{3}, []float64{1}, []float64{1}},
		{"nothing seen", []float64{nan, -1}, []float64{1, 1}, []float64{1, 1}},
		{"nothing expected", []float64{0, 5}, []float64{0, 0}, []float64{0, 0}},
		{"large counts", []float64{1e9, 2e9}, []float64{1e9, 1e9}, []float64{1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := anomaly.Onset(10, 1, c.observed, c.expected, c.phi)
			if got.Interval[0] > got.Onset || got.Interval[1] < got.Onset || got.Onset < 10 || math.IsNaN(got.Size) || !(got.SizeInterval[0] <= got.SizeInterval[1]) {
				t.Errorf("%+v", got)
			}
		})
	}
}
