package anomaly_test

import (
	"testing"
	"time"

	"mailvigil/anomaly"
)

// TestOnsetDay: nights that come back are dated to the first of them, over the
// change of the clock too, and quiet days to none in particular.
func TestOnsetDay(t *testing.T) {
	for _, c := range []struct {
		name  string
		world world
		clock anomaly.Clock
		day   float64 // of the first window
	}{
		{
			"five nights",
			world{start: monday, days: 20, peak: 40, phi: 2, weekend: 0.4, night: 0.1, level: 0.03, effects: []effect{{from: 14.5, until: 19.6, hours: [2]float64{1, 5}, factor: 1.6}}},
			anomaly.Clock{From: 60, Until: 300},
			15 + 1.0/24,
		},
		{
			"over midnight",
			world{start: monday, days: 20, peak: 40, phi: 2, weekend: 0.4, night: 0.1, effects: []effect{{from: 13.5, until: 19.6, hours: [2]float64{22, 3}, factor: 1.8}}},
			anomaly.Clock{From: 22 * 60, Until: 3 * 60},
			13 + 22.0/24,
		},
		{
			"a rise of an eighth that no hour shows",
			world{start: monday, days: 20, peak: 60, phi: 1, night: 0.5, effects: []effect{{from: 16, until: 99, factor: 1.12}}},
			anomaly.Clock{},
			16,
		},
		{
			"across the night the clock goes forward",
			world{start: time.Date(2026, 3, 16, 0, 0, 0, 0, berlin()), days: 20, peak: 40, phi: 1, night: 0.5, effects: []effect{{from: 12.5, until: 99, hours: [2]float64{1, 5}, factor: 1.6}}},
			anomaly.Clock{From: 60, Until: 300},
			13 + 0.0/24, // midnight and an hour less: the clock had gone forward
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(5) {
				counts := c.world.counts(seed)
				r := anomaly.Scan(c.world.slot(0), counts, c.world.options())
				got, ok := anomaly.OnsetDay(c.world.slot(0), counts, r.Expected, c.clock, c.world.start.Location())
				if !ok {
					t.Fatal("no day")
				}
				if d := day(c.world, got.Onset) - c.day; d < -0.05 || d > 0.05 {
					t.Errorf("seed %d: day %.2f (%.2f to %.2f), want %.2f", seed, day(c.world, got.Onset), day(c.world, got.Interval[0]), day(c.world, got.Interval[1]), c.day)
				}
				if got.Interval[0] > got.Onset || got.Interval[1] < got.Onset {
					t.Errorf("seed %d: out of order: %+v", seed, got)
				}
			}
		})
	}
	w := world{start: monday, days: 3, peak: 40, night: 0.5}
	if _, ok := anomaly.OnsetDay(w.slot(0), w.counts(1), w.counts(1), anomaly.Clock{}, w.start.Location()); ok {
		t.Error("a day of three was dated")
	}
}
