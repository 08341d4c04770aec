package app

import (
	"testing"
	"time"

	"mailvigil/simulate"
)

// An attack becomes an incident while it goes on, grows, and is quiet when it
// is over; people see all of it over the control socket.
func TestWatchAttack(t *testing.T) {
	l := worldOf(t, simulate.Spray, 60)
	attack := l.truth.Incidents[0]
	began := time.Now()
	t.Logf("%d lines, attack %s %s %s", len(l.lines), attack.Onset, attack.End, l.truth.End)
	o := organise(t, l, attack.Onset.Truncate(time.Minute), "")
	o.begin()
	t.Logf("begun after %s; %v", time.Since(began), o.incidents())
	for range 24 {
		o.pass(5 * time.Minute)
		t.Logf("%s %s %+v", time.Since(began), o.clock, len(o.incidents()))
		for _, in := range o.incidents() {
			t.Log(in.Number, in.Status, in.Kind, in.Onset, in.Text)
		}
	}
	o.whole()
}
