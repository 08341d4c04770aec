package anomaly_test

import (
	"testing"

	"mailvigil/anomaly"
)

// TestFeedback: what people said of the first night decides what the nights
// after it teach, and what is told of them.
func TestFeedback(t *testing.T) {
	w := world{start: monday, days: 16, peak: 30, phi: 1.5, weekend: 0.4, night: 0.3, effects: []effect{
		{from: 9.5, until: 99, hours: [2]float64{1, 5}, factor: 2},
	}}
	first := anomaly.Feedback{From: w.slot(10), Until: w.slot(10.25), At: w.slot(10.35)}
	scan := func(kind anomaly.Kind, change func(*anomaly.Feedback)) (expected float64, told int) {
		o := w.options()
		o.KeepLevel = false
		f := first
		f.Kind = kind
		if change != nil {
			change(&f)
		}
		if kind != 0 {
			o.Feedback = []anomaly.Feedback{f}
		}
		counts := w.counts(3)
		r := anomaly.ScanAll(w.slot(0), [][]float64{counts}, o, 1)[0]
		from := int(w.slot(15+2.0/24) - w.slot(0))
		for _, x := range r.Expected[from : from+120] {
			expected += x
		}
		for _, e := range r.Episodes {
			if e.Told {
				told++
			}
		}
		return expected, told
	}
	silent, _ := scan(0, nil)
	fine, once := scan(anomaly.Fine, nil)
	incident, often := scan(anomaly.Incident, nil)
	if fine < 1.2*silent {
		t.Errorf("five nights on %.0f are expected where the first was fine, %.0f where nothing was said", fine, silent)
	}
	if once != 1 || often <= once {
		t.Errorf("%d alarms where the first was fine, %d where it was an incident; want 1, and more", once, often)
	}
	if incident > 1.1*silent {
		t.Errorf("five nights on %.0f are expected where the first was an incident, %.0f where nothing was said", incident, silent)
	}
	all := func(f *anomaly.Feedback) { f.From, f.Until, f.At = w.slot(9.9), w.slot(99), w.slot(9.9) }
	announced, told := scan(anomaly.Announced, all)
	if told > 0 || announced < 1.2*silent {
		t.Errorf("announced: %d alarms, %.0f expected five nights on, %.0f where nothing was said", told, announced, silent)
	}
	late := func(f *anomaly.Feedback) { all(f); f.At = w.slot(99) }
	if x, told := scan(anomaly.Announced, late); told == 0 || x != silent {
		t.Errorf("what was said later was heeded before: %d alarms, %.0f expected, %.0f where nothing was said", told, x, silent)
	}
}

// TestIncidentRefunds: an alarm that was said to be right costs nothing.
func TestIncidentRefunds(t *testing.T) {
	o := anomaly.Options{Series: 10}
	b := anomaly.NewBudget(o)
	before := b.Bar(100000)
	if !b.Offer(100000, 3, before+1) {
		t.Fatal("an alarm beyond the bar was not told")
	}
	raised := b.Bar(100200)
	if raised <= before {
		t.Errorf("the bar is %.2f after an alarm, %.2f before it", raised, before)
	}
	if b.Offer(100200, 4, raised-0.1) {
		t.Error("an alarm below the bar was told")
	}
	b.Confirm(100000)
	if after := b.Bar(100200); after > before {
		t.Errorf("the bar is %.2f once the alarm was confirmed, %.2f before it", after, before)
	}
	b.Confirm(100000)
	b.Confirm(5)
	if after := b.Bar(100200); after > before {
		t.Errorf("confirming again moved the bar to %.2f", after)
	}
}
