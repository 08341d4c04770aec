package pipeline_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"
	"time"

	"mailvigil/internal/pipeline"
	"mailvigil/maillog"
	"mailvigil/simulate"
	"mailvigil/verdict"
)

func asked(t *testing.T, o simulate.Options, ask pipeline.Sensitivity, keep func(*simulate.Item) bool) *verdict.Verdict {
	t.Helper()
	w, err := simulate.New(o)
	if err != nil {
		t.Fatal(err)
	}
	kept := w.Record(keep)
	var streams []pipeline.Stream
	for _, s := range simulate.Sources() {
		if kept.Len(s) > 0 {
			streams = append(streams, pipeline.Stream{Name: s.String(), Format: s.Format(), Events: kept.Of(s)})
		}
	}
	v, err := pipeline.InvestigateEvents(context.Background(), streams, pipeline.Options{Location: o.Location, Workers: 2, NetworksMissing: true, Sensitivity: ask})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSensitivity: what would have been found is told of each kind that the
// logs could show, is the same each time, grows with the strength, and changes
// nothing else. Without data on networks about half of the kinds are seen.
func TestSensitivity(t *testing.T) {
	if testing.Short() {
		t.Skip("investigates three fortnights, with dozens of what-ifs each")
	}
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	o := simulate.Options{Seed: 5, Accounts: 80, Days: 12, Start: time.Date(2025, 9, 8, 0, 0, 0, 0, zone), Location: zone}
	plain := asked(t, o, pipeline.Sensitivity{}, nil)
	if len(plain.Sensitivity) != 0 {
		t.Errorf("nobody asked, and it says %+v", plain.Sensitivity)
	}
	ask := pipeline.Sensitivity{Injections: 3, Strengths: []float64{1, 0.02}}
	first, again := asked(t, o, ask, nil), asked(t, o, ask, nil)
	if a, b := first.Sensitivity, again.Sensitivity; len(a) != len(b) || len(a) != 2*len(pipeline.InjectedScenarios()) {
		t.Fatalf("%d and %d statements for %d kinds at two strengths", len(a), len(b), len(pipeline.InjectedScenarios()))
	}
	strong, weak := 0.0, 0.0
	for i, s := range first.Sensitivity {
		if s != again.Sensitivity[i] {
			t.Errorf("%+v, and the next time %+v", s, again.Sensitivity[i])
		}
		if s.Injections != 3 || s.Interval[0] > s.Detected || s.Interval[1] < s.Detected || s.Interval[1] > 1 || s.Interval[0] < 0 {
			t.Errorf("%+v", s)
		}
		if i < len(pipeline.InjectedScenarios()) {
			strong += s.Detected
		} else {
			weak += s.Detected
		}
	}
	n := float64(len(pipeline.InjectedScenarios()))
	if strong < 0.35*n || weak > strong-0.1*n {
		t.Errorf("of %.0f kinds %.1f are found at their usual strength, %.1f at a fiftieth of it", n, strong, weak)
	}
	// How sure a quiet verdict is follows from what would have been seen; all
	// else is as if nobody had asked.
	a, _ := json.Marshal([]any{first.Verdict, first.Incidents, first.Findings, first.Coverage.Gaps, first.Manifest})
	b, _ := json.Marshal([]any{plain.Verdict, plain.Incidents, plain.Findings, plain.Coverage.Gaps, plain.Manifest})
	if string(a) != string(b) {
		t.Error("asking changed what was found")
	}
	// Where nothing shows a service, nothing is said of attacks on it.
	mail := asked(t, o, ask, func(it *simulate.Item) bool { return it.Event.Format == maillog.Postfix })
	for _, s := range mail.Sensitivity {
		if s.Attack == pipeline.InjectedText(simulate.Takeover) || s.Attack == pipeline.InjectedText(simulate.FakePhone) {
			t.Errorf("of logs of Postfix alone it is said: %+v", s)
		}
	}
}

// The bounds are those of the Beta(seen+½, missed+½) distribution.
func TestJeffreys(t *testing.T) {
	for _, c := range []struct {
		seen, n int
		want    [2]float64
	}{{5, 10, [2]float64{0.2618, 0.7382}}, {0, 8, [2]float64{0, 0.1512}}, {8, 8, [2]float64{0.8488, 1}}, {19, 20, [2]float64{0.8209, 0.9911}}} {
		got := pipeline.Jeffreys(c.seen, c.n)
		for i := range got {
			if math.Abs(got[i]-c.want[i]) > 0.003 {
				t.Errorf("%d of %d: %.4f, want %.4f", c.seen, c.n, got, c.want)
				break
			}
		}
	}
}
