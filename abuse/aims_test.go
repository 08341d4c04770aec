package abuse_test

import (
	"fmt"
	"testing"
	"time"

	"mailvigil/abuse"
	"mailvigil/maillog"
)

// Slow guessing against a few people, and what looks like it.
func TestAims(t *testing.T) {
	stranger := func(i int) string { return fmt.Sprintf("192.0.%d.%d", 2+i/250, i%250) }
	tries := func(d *diary, n int, from time.Duration, every time.Duration, whom func(i int) string) {
		for i := range n {
			d.fails(1, entry{at: from + time.Duration(i)*every, account: whom(i), addr: stranger(i), network: cloud})
		}
	}
	for _, tc := range []struct {
		name     string
		life     func(d *diary)
		accounts int // 0: no aim
		sources  int
	}{
		{"two people, each try from another address, for days", func(d *diary) {
			people(d, 30)
			tries(d, 120, 6*day, 40*time.Minute, func(i int) string { return person(i % 2) })
		}, 2, 120},
		{"a quiet fortnight", func(d *diary) { people(d, 30) }, 0, 0},
		{"everybody is tried, for three days", func(d *diary) {
			people(d, 30)
			tries(d, 864, 6*day, 5*time.Minute, func(i int) string { return person(i % 30) })
		}, 30, 864},
		{"everybody is tried, every day", func(d *diary) {
			people(d, 30)
			tries(d, 4000, 0, 5*time.Minute, func(i int) string { return person(i % 30) })
		}, 0, 0},
		{"everybody's phones have an old password, at a carrier that changes their address", func(d *diary) {
			people(d, 30)
			for i := range 864 {
				d.fails(1, entry{at: 6*day + time.Duration(i)*5*time.Minute, account: person(i % 30), addr: fmt.Sprintf("203.0.%d.%d", 114+i/250, 1+i%250), network: mobile})
			}
		}, 0, 0},
		{"it was there when the logs began", func(d *diary) {
			people(d, 30)
			tries(d, 400, 0, 40*time.Minute, func(int) string { return person(0) })
		}, 0, 0},
		{"a phone with an old password, at a carrier that changes its address", func(d *diary) {
			people(d, 30)
			for i := range 120 {
				d.fails(1, entry{at: 6*day + time.Duration(i)*40*time.Minute, account: person(0), addr: fmt.Sprintf("203.0.113.%d", 10+i), network: mobile})
			}
		}, 0, 0},
		{"the same where providers are not known", func(d *diary) {
			for i := range 30 {
				d.days(14, entry{at: 8 * time.Hour, account: person(i), addr: fmt.Sprintf("198.51.100.%d", i+1), network: noData})
			}
			for i := range 120 {
				d.fails(1, entry{at: 6*day + time.Duration(i)*40*time.Minute, account: person(0), addr: fmt.Sprintf("198.51.%d.9", 101+i), network: noData})
			}
		}, 0, 0},
		{"a device of a name that nobody has", func(d *diary) {
			people(d, 30)
			tries(d, 120, 6*day, 40*time.Minute, func(int) string { return "admin" })
		}, 0, 0},
		{"a few strangers here and there", func(d *diary) {
			people(d, 30)
			tries(d, 15, 6*day, 7*time.Hour, func(i int) string { return person(0) })
		}, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d diary
			tc.life(&d)
			got := d.profiles().Aims(start.UnixNano())
			if tc.accounts == 0 {
				if len(got) > 0 {
					t.Fatalf("%+v", got)
				}
				return
			}
			if len(got) != 1 {
				t.Fatalf("%d aims", len(got))
			}
			m := got[0]
			if len(m.Accounts) != tc.accounts || len(m.Sources) != tc.sources || m.First != start.Add(6*day).UnixNano() || len(m.Services) != 1 || m.Services[0] != maillog.IMAP || len(m.Refs) == 0 {
				t.Errorf("%+v", m)
			}
			if sure := time.Duration(m.Sure - m.First); sure < 15*time.Minute || sure > 4*time.Hour {
				t.Errorf("sure after %v", sure)
			}
			in := abuse.Finding{Account: m.Accounts[0], Network: cloud.Value(), First: m.First + int64(day), Weight: 1}
			out := abuse.Finding{Account: "somebody else", Network: cloud.Value(), First: m.First + int64(day), Weight: 1}
			if hands := m.Aimed([]abuse.Finding{in, out}); len(hands) != 1 || hands[0].Account != in.Account || hands[0].Weight != 4 {
				t.Errorf("opened: %+v", hands)
			}
		})
	}
}

// noData is what is known of a network where there is no network data.
var noData = network(0, "", "", "")

// Where everybody is guessed at, a doubtful sign-in is one of the guesser's only
// where it comes from a provider that he uses.
func TestAimedWide(t *testing.T) {
	var d diary
	people(&d, 30)
	for i := range 864 {
		d.fails(1, entry{at: 6*day + time.Duration(i)*5*time.Minute, account: person(i % 30), addr: fmt.Sprintf("192.0.%d.%d", 2+i/250, i%250), network: cloud})
	}
	aims := d.profiles().Aims(start.UnixNano())
	if len(aims) != 1 || !aims[0].Wide {
		t.Fatalf("%+v", aims)
	}
	at := start.Add(7 * day).UnixNano()
	doubtful := []abuse.Finding{
		{Account: person(1), First: at, Network: cloud.Value(), Weight: 1},
		{Account: person(2), First: at, Network: vpn.Value(), Weight: 3},
		{Account: person(3), First: at, Weight: 3},
	}
	if got := aims[0].Aimed(doubtful); len(got) != 1 || got[0].Account != person(1) {
		t.Errorf("%+v", got)
	}
}
