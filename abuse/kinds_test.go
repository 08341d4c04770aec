package abuse_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"mailvigil/maillog"
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
		{"an office that moved", func(d *diary) {
			people(d, 30)
			for i := range 12 {
				d.days(4, entry{at: 9*day + 9*time.Hour + time.Duration(i)*time.Minute, account: person(i), addr: "192.0.2.90", network: home, agent: mail})
			}
		}, 0, 0, 1},
		{"a carrier's shared addresses, one of which is new", func(d *diary) {
			people(d, 30)
			for i := range 12 {
				d.days(4, entry{at: 9*day + 9*time.Hour + time.Duration(i)*time.Minute, account: person(i), addr: "192.0.2.90", network: home, agent: mail})
				d.days(12, entry{at: time.Duration(i) * time.Minute, account: person(i), addr: "192.0.2.91", network: home, agent: mail})
			}
		}, 0, 0, 0},
		{"an office with a line of two addresses", func(d *diary) {
			people(d, 30)
			for i := range 24 {
				d.days(4, entry{at: 9*day + 9*time.Hour + time.Duration(i)*time.Minute, account: person(i), addr: fmt.Sprintf("192.0.2.%d", 90+i%2), network: home, agent: mail})
			}
		}, 0, 0, 1},
		{"a meeting of an hour", func(d *diary) {
			people(d, 30)
			for i := range 12 {
				d.add(entry{at: 9*day + 9*time.Hour + time.Duration(i)*time.Minute, account: person(i), addr: "192.0.2.90", network: home, agent: mail})
			}
		}, 0, 0, 0},
		{"many are opened from a rented machine for days", func(d *diary) {
			people(d, 30)
			for i := range 8 {
				d.days(4, entry{at: 9*day + 9*time.Hour + time.Duration(i)*time.Minute, account: person(i), addr: "192.0.2.90", network: cloud, agent: android})
			}
		}, -1, 0, 0},
		{"somebody sends two hundred messages an hour from elsewhere", func(d *diary) {
			people(d, 20)
			for i := range 400 {
				d.add(entry{at: 9*day + time.Duration(i)*15*time.Second, account: person(0), addr: "192.0.2.9", network: abroad, service: maillog.Submission})
			}
		}, 1, 0, 0},
		{"a mailing from where the account always sends", func(d *diary) {
			people(d, 20)
			for i := range 400 {
				d.add(entry{at: 9*day + time.Duration(i)*15*time.Second, account: person(0), addr: ownAddress(person(0)), network: home, service: maillog.Submission})
			}
		}, 0, 0, 0},
		{"a dozen messages from a hotel", func(d *diary) {
			people(d, 20)
			for i := range 12 {
				d.add(entry{at: 9*day + time.Duration(i)*5*time.Minute, account: person(0), addr: "192.0.2.9", network: abroad, service: maillog.Submission, agent: mail, device: "phone-" + person(0)})
			}
		}, 0, 0, 0},
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

// Whoever goes through the mailboxes of others from a desk in the office brings
// a client that nobody here had.
func TestWalked(t *testing.T) {
	const desk = "203.0.113.200"
	at := 8*day + 20*time.Hour
	life := func(d *diary) {
		for i := range 20 {
			d.days(14, entry{at: 9 * time.Hour, account: person(i), addr: desk, network: office, agent: mail})
		}
	}
	for _, tc := range []struct {
		name string
		life func(d *diary)
		want int
	}{
		{"three mailboxes with a client that is new here", func(d *diary) {
			for i := range 3 {
				d.add(entry{at: at + time.Duration(i)*time.Minute, account: person(i), addr: desk, network: office, agent: android})
			}
		}, 3},
		{"one with a new client", func(d *diary) {
			d.add(entry{at: at, account: person(0), addr: desk, network: office, agent: android})
		}, 0},
		{"three with the client of all", func(d *diary) {
			for i := range 3 {
				d.add(entry{at: at, account: person(i), addr: desk, network: office, agent: mailNew})
			}
		}, 0},
		{"a client that others have had for long", func(d *diary) {
			for i := range 6 {
				d.days(5, entry{at: 10 * time.Hour, account: person(10 + i), addr: desk, network: office, agent: android})
			}
			for i := range 3 {
				d.add(entry{at: at, account: person(i), addr: desk, network: office, agent: android})
			}
		}, 0},
		{"a quiet evening", func(*diary) {}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d diary
			life(&d)
			tc.life(&d)
			p := d.profiles()
			got := p.Walked(netip.MustParseAddr(desk), start.Add(at-10*time.Minute).UnixNano(), start.Add(at+time.Hour).UnixNano())
			if len(got) != tc.want {
				t.Fatalf("%+v, want %d", got, tc.want)
			}
			for _, f := range got {
				if f.First < start.Add(at).UnixNano() || f.Source != netip.MustParseAddr(desk) || len(f.Against) == 0 {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}
