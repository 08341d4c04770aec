package anomaly_test

import (
	"math"
	"testing"

	"mailvigil/anomaly"
)

// TestRescan: going on from a save finds what a scan of everything does, of
// the series that changed and of those that lean on it, and leaves what was
// found before as it is.
func TestRescan(t *testing.T) {
	w := world{start: monday, days: 16, peak: 30, phi: 1.5, weekend: 0.4, night: 0.3}
	o := w.options()
	o.Parents, o.Saves = []int{-1, 0, -1}, 36*60
	series := [][]float64{w.counts(1), w.counts(2), w.counts(3)}
	before := anomaly.ScanAll(w.slot(0), series, o, 2)
	from, until := w.slot(11+1.0/24), w.slot(11.5)
	changed := make([][]float64, len(series))
	copy(changed, series)
	changed[0] = append([]float64(nil), series[0]...)
	for i := from; i < from+3*60; i++ {
		changed[0][i-w.slot(0)] *= 3
	}
	want := anomaly.ScanAll(w.slot(0), changed, o, 1)
	quiet := len(before[0].Episodes)
	got := anomaly.Rescan(w.slot(0), changed, before, []bool{true, false, false}, from, until, o, 1)
	if len(got[0].Episodes) <= quiet {
		t.Fatalf("%d episodes after a rise to three times the usual, %d before", len(got[0].Episodes), quiet)
	}
	for k := range got {
		for i, e := range got[k].Episodes {
			if e.Start >= until {
				t.Errorf("series %d: an episode after the end of the scan", k)
			}
			x := want[k].Episodes[i]
			if e.Onset != x.Onset || e.Start != x.Start || math.Abs(e.Size-x.Size) > 1e-9 || e.Told != x.Told {
				t.Errorf("series %d: %+v, want %+v", k, e, x)
			}
		}
	}
	again := anomaly.ScanAll(w.slot(0), series, o, 2)
	for k := range before {
		if len(before[k].Episodes) != len(again[k].Episodes) {
			t.Errorf("series %d: what was found before has changed", k)
		}
	}
	// Without a save before it, all is scanned anew.
	early := anomaly.Rescan(w.slot(0), changed, make([]anomaly.Result, 3), []bool{true, true, true}, from, until, o, 1)
	if len(early[0].Episodes) != len(want[0].Episodes) {
		t.Errorf("%d episodes without saves, want %d", len(early[0].Episodes), len(want[0].Episodes))
	}
}
