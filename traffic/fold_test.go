package traffic

import (
	"fmt"
	"testing"
	"unique"

	"mailvigil/maillog"
)

// Forged user agents, each of them once, in slots without end: the cells stay
// bounded, nothing is lost, and what is real keeps its attributes.
func TestForgedAgentsStayBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("counts ten million events")
	}
	const slots, forged = 20_000, 500
	c := NewCounter()
	phone := unique.Make(Agent{Client: "iPhone Mail", OS: "iOS"})
	network := unique.Make(Network{ASN: 64500})
	agents := make([]unique.Handle[Agent], 1<<16)
	for i := range agents {
		agents[i] = unique.Make(Agent{Client: "forged", Version: fmt.Sprint(i)})
	}
	ev := maillog.Event{Service: maillog.ActiveSync, Action: maillog.Sync, Outcome: maillog.Success}
	most := 0
	for s := range slots {
		ev.Time = int64(s) * 60e9
		for range 5 {
			c.Add(&Record{Event: &ev, Agent: phone, Network: network})
		}
		for i := range forged {
			c.Add(&Record{Event: &ev, Agent: agents[(s*forged+i)%len(agents)], Network: network})
		}
		most = max(most, len(c.cells))
	}
	if limit := maxCells + compactFrom + forged; most > limit {
		t.Errorf("%d cells at a time, want at most %d", most, limit)
	}
	all := Close(0, slots, c)
	if n := all.Total(func(*Leaf) bool { return true }); n != slots*(5+forged) {
		t.Errorf("%.0f events counted, want %d", n, slots*(5+forged))
	}
	if n := all.Total(func(l *Leaf) bool { return l.Agent == phone }); n != slots*5 {
		t.Errorf("%.0f events of the real phone, want %d", n, slots*5)
	}
}
