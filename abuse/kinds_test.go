package abuse_test

import (
	"fmt"
	"testing"
	"time"
)

// Each kind with what looks like it.
func TestKinds(t *testing.T) {
	for _, tc := range []struct {
		name                 string
		life                 func(d *diary)
		taken, sweeps, moves int
	}{
		{"a quiet fortnight", func(d *diary) { people(d, 20) }, 0, 0, 0},
		{"one device opens six mailboxes from a rented machine", func(d *diary) {
			people(d, 20)
			for i := range 6 {
				d.add(entry{at: 8*day + time.Duration(i)*time.Minute, account: person(i), addr: "192.0.2.9", network: cloud, service: 3, agent: mail, device: "FAKE"})
			}
		}, 6, 0, 0},
		{"somebody with a new phone at a rented machine's address", func(d *diary) {
			people(d, 20)
			d.add(entry{at: 8 * day, account: person(0), addr: "192.0.2.9", network: vpn, service: 3, agent: mail, device: "NEW"})
		}, 0, 0, 0},
		{"a migration", func(d *diary) {
			people(d, 30)
			for i := range 30 {
				d.add(entry{at: 8*day + time.Duration(i)*time.Minute, account: person(i), addr: "192.0.2.9", network: cloud, agent: agent("imapsync", "2", "")})
			}
		}, -1, 1, 0},
		{"a carrier's address from the first day", func(d *diary) { people(d, 30) }, 0, 0, 0},
		{"a carrier moves its customers", func(d *diary) {
			people(d, 30)
			for i := range 12 {
				d.days(5, entry{at: 9*day + time.Duration(i)*time.Minute, account: person(i), addr: "192.0.2.70", network: abroad, agent: mail, device: "phone-" + person(i)})
			}
		}, 0, 0, 1},
		{"three people travel", func(d *diary) {
			people(d, 30)
			for i := range 3 {
				d.days(5, entry{at: 9*day + time.Duration(i)*time.Minute, account: person(i), addr: "192.0.2.70", network: abroad, agent: mail, device: "phone-" + person(i)})
			}
		}, 0, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d diary
			tc.life(&d)
			p := d.profiles()
			p.Settle()
			if got := len(p.Takeovers()); tc.taken >= 0 && got != tc.taken {
				t.Errorf("%d taken, want %d", got, tc.taken)
			}
			if got := len(p.Sweeps()); got != tc.sweeps {
				t.Errorf("%d sweeps, want %d", got, tc.sweeps)
			}
			if got := len(p.Moves()); got != tc.moves {
				t.Errorf("%d moves, want %d", got, tc.moves)
			}
		})
	}
}

func person(i int) string { return fmt.Sprintf("person-%d", i) }

func people(d *diary, n int) {
	for i := range n {
		d.lives(person(i), 14)
	}
}
