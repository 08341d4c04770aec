package abuse_test

import (
	"testing"
	"time"
)

// Many accounts that come into use at once, with what looks like it.
func TestArrivals(t *testing.T) {
	for _, tc := range []struct {
		name string
		life func(d *diary)
		want int
	}{
		{"a quiet fortnight", func(*diary) {}, 0},
		{"a house that was merged in", func(d *diary) {
			for i := 30; i < 38; i++ {
				d.days(4, entry{at: 8*day + time.Duration(i)*time.Minute, account: person(i), addr: ownAddress(person(i)), network: home, agent: mail})
			}
		}, 8},
		{"one new colleague after the other", func(d *diary) {
			for i := 30; i < 38; i++ {
				d.days(3, entry{at: time.Duration(i-25) * day, account: person(i), addr: ownAddress(person(i)), network: home, agent: mail})
			}
		}, 0},
		{"forgotten mailboxes that a machine opens every night", func(d *diary) {
			for i := 30; i < 38; i++ {
				d.days(4, entry{at: 8*day + time.Duration(i)*time.Minute, account: person(i), addr: "192.0.2.9", network: cloud})
				d.days(4, entry{at: 8*day + time.Duration(i)*time.Minute, account: person(i), addr: "10.0.0.9", network: internal})
			}
		}, 0},
		{"people who look in once", func(d *diary) {
			for i := 30; i < 38; i++ {
				d.add(entry{at: 8*day + time.Duration(i)*time.Minute, account: person(i), addr: ownAddress(person(i)), network: home, agent: mail})
			}
		}, 0},
		{"a service whose logs begin later", func(d *diary) {
			for i := 30; i < 38; i++ {
				d.days(4, entry{at: 8*day + time.Duration(i)*time.Minute, account: person(i), addr: ownAddress(person(i)), network: home, service: 3, agent: mail})
			}
		}, 0},
		{"people who are away in the first days", func(d *diary) {
			for i := 30; i < 38; i++ {
				d.days(6, entry{at: 3*day + time.Duration(i)*time.Minute, account: person(i), addr: ownAddress(person(i)), network: home, agent: mail})
			}
		}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d diary
			people(&d, 30)
			tc.life(&d)
			m, ok := d.profiles().Arrivals(start.UnixNano())
			if ok != (tc.want > 0) || ok && (m.Accounts != tc.want || m.Of != 38 || len(m.Refs) == 0 || len(m.Services) != 1 || m.Last-m.First >= int64(time.Hour)) {
				t.Errorf("found %v: %+v, want %d", ok, m, tc.want)
			}
		})
	}
}
