package abuse_test

import (
	"testing"
	"time"

	"mailvigil/maillog"
)

func TestInfected(t *testing.T) {
	for _, tc := range []struct {
		name string
		life func(d *diary)
		want []string
	}{
		{"a machine at home guesses at others", func(d *diary) {
			d.lives("anna", 10)
			d.sprays(20, entry{at: 5*day + 3*time.Hour, addr: ownAddress("anna"), network: home, service: maillog.Submission})
		}, []string{"anna"}},
		{"the same, beside a phone that asks all day", func(d *diary) {
			d.lives("anna", 10)
			for i := range 2000 {
				d.add(entry{
					at: time.Duration(i) * 5 * time.Minute, account: "anna", addr: ownAddress("anna"), network: home, agent: mail, device: "phone-anna",
					service: maillog.ActiveSync, action: maillog.Ping, outcome: maillog.Success, status: 200,
				})
			}
			d.sprays(20, entry{at: 5*day + 3*time.Hour, addr: ownAddress("anna"), network: home, service: maillog.Submission})
		}, []string{"anna"}},
		{"two people share the home", func(d *diary) {
			d.lives("anna", 10)
			d.days(10, entry{at: 20 * time.Hour, account: "bert", addr: ownAddress("anna"), network: home, agent: android})
			d.sprays(40, entry{at: 5 * day, addr: ownAddress("anna"), network: home})
		}, []string{"anna", "bert"}},
		{"a stranger's machine", func(d *diary) {
			d.lives("anna", 10)
			d.sprays(20, entry{at: 5 * day, addr: "192.0.2.66", network: home})
		}, nil},
		{"a rented machine that somebody also uses as a VPN", func(d *diary) {
			d.lives("anna", 10)
			d.days(10, entry{account: "anna", addr: "192.0.2.80", network: cloud})
			d.sprays(20, entry{at: 5 * day, addr: "192.0.2.80", network: cloud})
		}, nil},
		{"an old password at home", func(d *diary) {
			d.lives("anna", 10)
			d.fails(200, entry{at: 5 * day, account: "anna", addr: ownAddress("anna"), network: home})
		}, nil},
		{"the office, with some old passwords", func(d *diary) {
			for _, name := range []string{"anna", "bert", "cleo"} {
				d.days(10, entry{account: name, addr: "203.0.113.200", network: office})
			}
			d.sprays(20, entry{at: 5 * day, addr: "203.0.113.200", network: office})
		}, nil},
		{"a carrier's address that many share", func(d *diary) {
			d.lives("anna", 10)
			d.sprays(20, entry{at: 5 * day, addr: "203.0.113.7", network: mobile})
		}, nil},
		{"a home visited once", func(d *diary) {
			d.add(entry{account: "anna", addr: "192.0.2.80", network: home})
			d.sprays(20, entry{at: 5 * day, addr: "192.0.2.80", network: home})
		}, nil},
		{"whoever came after it began", func(d *diary) {
			d.sprays(20, entry{addr: "192.0.2.80", network: home})
			d.days(3, entry{at: day, account: "anna", addr: "192.0.2.80", network: home})
		}, nil},
		{"four names mistyped at home", func(d *diary) {
			d.lives("anna", 10)
			d.sprays(4, entry{at: 5 * day, addr: ownAddress("anna"), network: home})
		}, nil},
		{"a quiet week", func(d *diary) { d.lives("anna", 10) }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d diary
			tc.life(&d)
			var got []string
			for _, f := range d.profiles().Infected() {
				got = append(got, f.Account)
				if len(f.Refs) < 2 || f.Tried < 20 {
					t.Errorf("lines %v, %d tried", f.Refs, f.Tried)
				}
			}
			if len(got) != len(tc.want) {
				t.Fatalf("infected %q, want %q", got, tc.want)
			}
			for i := range got {
				if got[i] != tc.want[i] {
					t.Errorf("infected %q, want %q", got, tc.want)
				}
			}
		})
	}
}
