package anomaly_test

import (
	"math"
	"testing"
	"time"

	"mailvigil/anomaly"
	"mailvigil/baseline"
)

func TestDbg(t *testing.T) {
	base := world{start: monday, days: 16, peak: 100, phi: 1.5, weekend: 0.3, night: 0.05, level: 0.02}
	with := func(name string, f func(*world)) world { w := base; w.name = name; f(&w); return w }
	ws := []world{
		with("quiet", func(w *world) {}),
		with("storm from day 8 to the end", func(w *world) { w.effects = []effect{{from: 8.1, until: 99, factor: 2}} }),
		with("night storm day 8 to the end", func(w *world) {
			w.effects = []effect{{from: 7.9, until: 99, hours: [2]float64{22, 6}, factor: 3}}
		}),
		with("night storm webmail", func(w *world) {
			w.peak = 12
			w.effects = []effect{{from: 7.9, until: 99, hours: [2]float64{22, 6}, factor: 1, add: 3}}
		}),
		with("four nights", func(w *world) {
			w.effects = []effect{{from: 7.9, until: 12, hours: [2]float64{23, 4}, factor: 1, add: 10}}
		}),
		with("storm of a week", func(w *world) { w.effects = []effect{{from: 7.1, until: 14.1, factor: 2}} }),
		with("outage", func(w *world) { w.effects = []effect{{from: 9.4, until: 9.6, factor: 0}} }),
		with("outage over night", func(w *world) { w.effects = []effect{{from: 9.7, until: 10.4, factor: 0}} }),
		with("burst", func(w *world) { w.effects = []effect{{from: 9.4, until: 9.4 + 1.0/1440, factor: 1, add: 1000}} }),
		with("slow rise", func(w *world) { w.effects = []effect{{from: 9.3, until: 9.8, factor: 1.25}} }),
		with("contaminated", func(w *world) {
			w.effects = []effect{{from: 4, until: 9, hours: [2]float64{1, 5}, factor: 3}, {from: 12, until: 12.9, hours: [2]float64{1, 5}, factor: 3}}
		}),
		with("from the second night", func(w *world) {
			w.effects = []effect{{from: 1, until: 99, hours: [2]float64{1, 5}, factor: 3}}
		}),
		with("dst spring", func(w *world) { w.start = time.Date(2026, 3, 16, 0, 0, 0, 0, berlin()) }),
		with("dst autumn", func(w *world) { w.start = time.Date(2026, 10, 12, 0, 0, 0, 0, berlin()) }),
		with("rare attack", func(w *world) {
			w.peak, w.phi = 0.005, 1
			w.effects = []effect{{from: 9, until: 9.3, factor: 1, add: 0.5}}
		}),
	}
	for _, w := range ws {
		for seed := range uint64(3) {
			r := anomaly.Scan(w.slot(0), w.counts(seed), w.options())
			t.Logf("%s seed %d: ready %d", w.name, seed, (r.Ready-w.slot(0))/1440)
			for _, e := range r.Episodes {
				t.Logf("   start %.3f end %.3f onset %.3f (%.3f–%.3f) ongoing %v up %v z %.1f size %.2f (%.2f–%.2f) obs %.0f exp %.0f per month %.2g", day(w, e.Start), day(w, e.End), day(w, e.Onset), day(w, e.OnsetInterval[0]), day(w, e.OnsetInterval[1]), e.Ongoing, e.Up, e.Z, e.Size, e.SizeInterval[0], e.SizeInterval[1], e.Observed, e.Expected, e.AlarmsPerMonth)
			}
			if seed == 0 {
				t.Logf("   rises %.2f", r.SmallestRise)
				for _, e := range anomaly.Join(r.Episodes, 24*60) {
					t.Logf("   JOINED start %.3f end %.3f onset %.3f up %v", day(w, e.Start), day(w, e.End), day(w, e.Onset), e.Up)
				}
			}
		}
	}
	_ = math.NaN
	_ = baseline.Options{}
}
