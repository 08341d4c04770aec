package anomaly_test

import (
	"testing"

	"mailvigil/anomaly"
)

func TestFalseAlarms(t *testing.T) {
	var all, months float64
	for _, w := range []world{
		{name: "Poisson, busy", peak: 400, weekend: 0.3, night: 0.05},
		{name: "Poisson", peak: 60, weekend: 0.3, night: 0.05},
		{name: "Poisson, quiet nights", peak: 10, weekend: 0.25, night: 0.02},
		{name: "overdispersed", peak: 100, phi: 4, weekend: 0.3, night: 0.05},
		{name: "overdispersed, small", peak: 8, phi: 4, weekend: 0.3, night: 0.05},
		{name: "growth", peak: 100, phi: 1.5, weekend: 0.3, night: 0.05, growth: 0.05},
		{name: "shared noise", peak: 200, phi: 2, weekend: 0.3, night: 0.05, level: 0.04},
		{name: "more shared noise", peak: 200, phi: 2, weekend: 0.3, night: 0.05, level: 0.08},
		{name: "cron bursts", peak: 50, phi: 1.5, weekend: 0.3, night: 0.05, cron: 60},
		{name: "no weekend", peak: 50, phi: 1.5, night: 0.2},
		{name: "rare", peak: 0.02, night: 0.5},
	} {
		t.Run(w.name, func(t *testing.T) {
			w.start, w.days = monday, 16
			const n = 20
			var episodes, z float64
			for seed := range uint64(n) {
				r := anomaly.Scan(w.slot(0), w.counts(seed), w.options())
				episodes += float64(len(r.Episodes))
				for _, e := range r.Episodes {
					t.Logf("seed %d day %.3f len %d up %v z %.1f size %.2f obs %.0f exp %.0f", seed, float64(e.Start-w.slot(0))/1440, e.End-e.Start, e.Up, e.Z, e.Size, e.Observed, e.Expected)
					z += e.Z
				}
			}
			m := float64(n*(w.days-3)) / 30
			t.Logf("%s: %.0f episodes in %.1f series-months: %.2f a month", w.name, episodes, m, episodes/m)
			all += episodes
			months += m
		})
	}
	t.Logf("%.2f a month", all/months)
}
