package traffic_test

import (
	"math/rand/v2"
	"testing"
	"unique"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

// TestTake counts the same events at once and as they come, with some late and
// some early, and expects the same Cells.
func TestTake(t *testing.T) {
	const begin, minutes = traffic.Slot(29_000_000), 600
	rng := rand.New(rand.NewPCG(1, 2))
	network := unique.Make(traffic.Network{ASN: 64500})
	agents := []unique.Handle[traffic.Agent]{unique.Make(traffic.Agent{Client: "a"}), unique.Make(traffic.Agent{Client: "b"})}
	record := func(slot traffic.Slot) *traffic.Record {
		return &traffic.Record{
			Event:   &maillog.Event{Time: slot.Unix()*1e9 + 5, Service: maillog.IMAP, Outcome: maillog.Success},
			Agent:   agents[rng.IntN(2)],
			Network: network,
		}
	}
	live, once, open := new(traffic.Cells), traffic.NewCounter(), traffic.NewCounter()
	for m := range traffic.Slot(minutes) {
		for range rng.IntN(5) {
			slot := begin + m
			switch rng.IntN(10) {
			case 0:
				slot = max(begin, slot-traffic.Slot(rng.IntN(30))) // late
			case 1:
				slot = min(begin+minutes-1, slot+3) // a clock that is ahead
			}
			r := record(slot)
			open.Add(r)
			once.Add(r)
		}
		live.Take(open, begin, begin+m)
		if live.Start != begin || live.Slots != int(m)+1 {
			t.Fatalf("after minute %d the Cells cover %d slots from %d", m, live.Slots, live.Start-begin)
		}
	}
	want := traffic.Close(begin, begin+minutes, once)
	for _, agent := range agents {
		of := func(l *traffic.Leaf) bool { return l.Agent == agent }
		a, b := live.Series(of), want.Series(of)
		for i, n := range b {
			if a[int(want.Start-begin)+i] != n {
				t.Fatalf("slot %d holds %v, want %v", i, a[int(want.Start-begin)+i], n)
			}
		}
	}
	if got := live.Total(func(*traffic.Leaf) bool { return true }); got != want.Total(func(*traffic.Leaf) bool { return true }) {
		t.Errorf("%v events in all, want %v", got, want.Total(func(*traffic.Leaf) bool { return true }))
	}

	later := live.From(begin + 100)
	if later.Start != begin+100 || later.Slots != minutes-100 {
		t.Errorf("From covers %d slots from %d", later.Slots, later.Start-begin)
	}
	all := func(*traffic.Leaf) bool { return true }
	a, b := later.Series(all), live.Series(all)
	for i, n := range a {
		if b[i+100] != n {
			t.Fatalf("From: slot %d holds %v, want %v", i, n, b[i+100])
		}
	}
	// What is taken later goes on where From left off.
	r := record(begin + minutes)
	open.Add(r)
	later.Take(open, 0, begin+minutes)
	if got := later.Series(all); got[len(got)-1] != 1 || len(got) != minutes-99 {
		t.Errorf("after From, Take gives %d slots, the last with %v", len(got), got[len(got)-1])
	}
}

func TestTakeOfNothing(t *testing.T) {
	c := new(traffic.Cells)
	c.Take(traffic.NewCounter(), 10, 19)
	if c.Start != 10 || c.Slots != 10 || c.Cells() != 0 {
		t.Errorf("Cells of nothing: %d slots from %d, %d counts", c.Slots, c.Start, c.Cells())
	}
}
