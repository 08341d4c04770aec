package main

import "testing"

// TestPromise is a small part of what "make calibrate" measures, so that a
// change that breaks it is seen at once.
func TestPromise(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates organisations")
	}
	q := alarms(2)
	t.Logf("%+v", q)
	// Four months with one alarm allowed in each: more than nine come by
	// chance once in a hundred.
	if q.Episodes > 9 {
		t.Errorf("%d false alarms in %.0f organisation-months", q.Episodes, q.Months)
	}
	if x := q.Tail["1e-2"]; x[0] < 0.5 || x[0] > 2 || x[1] < 0.5 || x[1] > 2 {
		t.Errorf("the 1e-2 tails are exceeded %.2f and %.2f times as often as they should", x[0], x[1])
	}
	clean := see(rise{Rate: 400, Phi: 1}, 20, oracleThreshold(400, 1, 1, 20))
	if clean.Seen < 0.85 || clean.Oracle < 0.95 {
		t.Errorf("a rise of 30 %% at 400 in five minutes: seen %.2f, by the oracle %.2f", clean.Seen, clean.Oracle)
	}
	attacked := see(rise{Rate: 400, Phi: 1, Attacked: true}, 20, oracleThreshold(400, 1, 1, 20))
	if attacked.Seen < 0.75 {
		t.Errorf("the same after five attacked nights: seen %.2f", attacked.Seen)
	}
	if tiny := see(rise{Rate: 20, Phi: 2}, 20, 99); tiny.Seen > 0.3 {
		t.Errorf("a rise that cannot be seen was, %.2f of the time", tiny.Seen)
	}
}

func TestPoissonUpper(t *testing.T) {
	for _, c := range []struct {
		n    int
		want float64
	}{{0, 2.996}, {5, 10.513}, {83, 99.6}} {
		if got := poissonUpper(c.n); got < c.want-0.3 || got > c.want+0.3 {
			t.Errorf("upper end for %d: %.2f, want %.2f", c.n, got, c.want)
		}
	}
}
