package main

import (
	"math"
	"testing"
	"time"
)

// The bounds are those of the tables in Clopper and Pearson's paper and of R's
// binom.test.
func TestClopperPearson(t *testing.T) {
	for _, tc := range []struct {
		seen, n   int
		low, high float64
	}{
		{10, 10, 0.6915, 1}, {0, 10, 0, 0.3085}, {5, 10, 0.1871, 0.8129}, {45, 50, 0.7819, 0.9667}, {0, 0, 0, 1},
	} {
		low, high := clopperPearson(tc.seen, tc.n)
		if math.Abs(low-tc.low) > 1e-4 || math.Abs(high-tc.high) > 1e-4 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", tc.seen, tc.n, low, high, tc.low, tc.high)
		}
	}
}

func TestListed(t *testing.T) {
	got := listed("everyday\nlife is the scenario: quiet, phone-storm,\nspray.\n\n400 people")
	if len(got) != 3 || got[1] != "phone-storm" || got[2] != "spray" {
		t.Errorf("got %q", got)
	}
}

func TestScore(t *testing.T) {
	on := time.Date(2025, 9, 16, 1, 0, 0, 0, time.UTC)
	truth := outcome{Verdict: "mixed", Focus: "targeted", Incidents: []incident{
		{Kind: "attack", Onset: on, Compromised: []string{"anna", "bert"}, Sources: []string{"192.0.2.1"}},
		{Kind: "benign", Onset: on, Cause: []byte(`{"os": "iOS"}`)},
	}}
	found := outcome{Verdict: "attack", Focus: "targeted", Incidents: []incident{
		{Kind: "attack", Onset: on.Add(4 * time.Minute), Interval: []time.Time{on, on.Add(time.Hour)}, Compromised: []string{"anna", "cleo"}, Sources: []string{"192.0.2.1"}},
		{Kind: "benign", Onset: on, Cause: []byte(`[{"os": "iOS", "service": "activesync"}]`)},
	}}
	r := &row{}
	r.score("7", truth, found)
	r.finish()
	if r.Right != 0 || r.Focus != 1 || len(r.Wrong) != 1 || r.Wrong[0] != "7: attack" {
		t.Errorf("verdict: %+v", r)
	}
	if want := (tally{2, 2, 1}); r.Compromised != want {
		t.Errorf("accounts %+v, want %+v", r.Compromised, want)
	}
	if want := (tally{1, 1, 1}); r.Sources != want || r.Causes != want {
		t.Errorf("sources %+v, causes %+v", r.Sources, r.Causes)
	}
	if r.Covered != 1 || r.Onset != 4 || r.Called != 0 {
		t.Errorf("onset %+v", r)
	}
	quiet := &row{}
	quiet.score("1", outcome{Verdict: "quiet"}, found)
	if quiet.Called != 1 {
		t.Error("a quiet world called an attack is not counted")
	}
}
