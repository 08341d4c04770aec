package anomaly_test

import (
	"testing"

	"mailvigil/anomaly"
)

var quietWorlds = []world{
	{name: "Poisson, busy", peak: 400, weekend: 0.3, night: 0.05},
	{name: "Poisson", peak: 60, weekend: 0.3, night: 0.05},
	{name: "Poisson, quiet nights", peak: 10, weekend: 0.25, night: 0.02},
	{name: "overdispersed", peak: 100, phi: 4, weekend: 0.3, night: 0.05},
	{name: "overdispersed, small", peak: 8, phi: 4, weekend: 0.3, night: 0.05},
	{name: "growth of 5 % a week", peak: 100, phi: 1.5, weekend: 0.3, night: 0.05, growth: 0.05},
	{name: "noise of 4 % that lasts six hours", peak: 200, phi: 2, weekend: 0.3, night: 0.05, level: 0.04},
	{name: "noise of 8 % that lasts six hours", peak: 200, phi: 2, weekend: 0.3, night: 0.05, level: 0.08},
	{name: "an hourly job", peak: 50, phi: 1.5, weekend: 0.3, night: 0.05, cron: 60},
	{name: "no weekend", peak: 50, phi: 1.5, night: 0.2},
	{name: "rare", peak: 0.02, night: 0.5},
}

// TestFalseAlarms counts episodes in fortnights in which nothing happens, the
// first of them with three days to learn from, each series alone with one
// false alarm a month allowed.
func TestFalseAlarms(t *testing.T) {
	if testing.Short() {
		t.Skip("measures over hundreds of simulated fortnights")
	}
	const seeds = 20
	var all, months float64
	for _, w := range quietWorlds {
		t.Run(w.name, func(t *testing.T) {
			w.start, w.days = monday, 16
			episodes := 0
			for seed := range uint64(seeds) {
				episodes += len(anomaly.Scan(w.slot(0), w.counts(seed), w.options()).Episodes)
			}
			m := float64(seeds*(w.days-3)) / 30
			t.Logf("%d episodes in %.1f series-months: %.2f a month", episodes, m, float64(episodes)/m)
			if float64(episodes) > 2*m {
				t.Errorf("%d episodes in %.1f quiet series-months, want at most 2 a month even in a hard world", episodes, m)
			}
			all += float64(episodes)
			months += m
		})
	}
	t.Logf("all: %.2f a month in %.0f series-months", all/months, months)
	if all > 0.7*months {
		t.Errorf("%.2f false alarms a month, want at most 0.7", all/months)
	}
}

// TestFalseAlarmsOfOrganisation lets fifty series share one false alarm.
func TestFalseAlarmsOfOrganisation(t *testing.T) {
	if testing.Short() {
		t.Skip("measures over hundreds of simulated fortnights")
	}
	const organisations, days, series = 3, 16, 50
	episodes := 0
	for org := range uint64(organisations) {
		for i := range uint64(series) {
			w := quietWorlds[i%6]
			w.start, w.days, w.level = monday, days, 0.02
			o := w.options()
			o.Series = series
			episodes += len(anomaly.Scan(w.slot(0), w.counts(1000+org*series+i), o).Episodes)
		}
	}
	months := float64(organisations*(days-3)) / 30
	t.Logf("%d episodes in %.1f organisation-months of %d series", episodes, months, series)
	if float64(episodes) > 2*months {
		t.Errorf("%d episodes in %.1f organisation-months, want about 1 a month and no more than 2", episodes, months)
	}
}

// TestThirtyPercent measures how often a rise of 30 % is seen within 15
// minutes, by base rate, after ten clean days.
func TestThirtyPercent(t *testing.T) {
	if testing.Short() {
		t.Skip("measures over hundreds of simulated fortnights")
	}
	for _, c := range []struct {
		name    string
		minute  float64 // events
		atLeast float64
	}{
		{"100 in five minutes", 20, 0.20},
		{"200 in five minutes", 40, 0.60},
		{"400 in five minutes", 80, 0.90},
		{"2000 in five minutes", 400, 0.98},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen, tries := 0, 0
			for seed := range uint64(100) {
				onset := 10 + (8+float64(seed%10))/24 + float64(seed%7)/1440
				w := world{
					start: monday, days: 11, peak: c.minute, night: 1, level: 0.005,
					effects: []effect{{from: onset, until: 99, factor: 1.3}},
				}
				r := anomaly.Scan(w.slot(0), w.counts(seed), w.options())
				tries++
				for _, e := range r.Episodes {
					if e.Up && e.Start >= w.slot(onset) && e.Start < w.slot(onset)+15 {
						seen++
						break
					}
				}
			}
			share := float64(seen) / float64(tries)
			t.Logf("%.2f seen", share)
			if share < c.atLeast {
				t.Errorf("%.2f of rises seen within 15 minutes, want %.2f", share, c.atLeast)
			}
		})
	}
}
