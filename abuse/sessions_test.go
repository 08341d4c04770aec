package abuse_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unique"

	"mailvigil/abuse"
	"mailvigil/maillog"
	"mailvigil/traffic"
)

var (
	firefox = agent("Firefox", "122", "Linux")
	chrome  = agent("Chrome", "120", "Windows")
)

// browses is a session at the webmail as a web server shows it: a sign-in, where
// there is one, and messages that are opened, none of which names an account.
func (d *diary) browses(at time.Duration, addr string, n unique.Handle[traffic.Network], a unique.Handle[traffic.Agent], signIn bool, deeds int) {
	e := entry{at: at, addr: addr, network: n, agent: a, service: maillog.Webmail, outcome: maillog.Success, status: 302}
	if signIn {
		d.add(e)
	}
	e.action, e.status = maillog.Read, 200
	for range deeds {
		e.at += 30 * time.Second
		d.add(e)
	}
}

// A use of the webmail without a sign-in is only told where sign-ins are shown.
func TestUnsigned(t *testing.T) {
	webmail := func(d *diary, people int, signIn bool) {
		for i := range people {
			d.lives(person(i), 10)
			d.browses(3*day+time.Duration(i)*time.Hour, ownAddress(person(i)), home, chrome, signIn, 12)
		}
	}
	for _, tc := range []struct {
		name string
		life func(d *diary)
		want int
	}{
		{"a session from an address without a sign-in", func(d *diary) {
			webmail(d, 20, true)
			d.browses(5*day, "192.0.2.66", cloud, firefox, false, 30)
		}, 1},
		{"a quiet week", func(d *diary) { webmail(d, 20, true) }, 0},
		{"its sign-in is in the webmail's own log", func(d *diary) {
			webmail(d, 20, true)
			d.add(entry{at: 5*day - time.Minute, account: person(3), addr: "192.0.2.66", network: cloud, service: maillog.Webmail})
			d.browses(5*day, "192.0.2.66", cloud, firefox, false, 30)
		}, 0},
		{"a single sign-on: nobody signs in at the webmail", func(d *diary) {
			webmail(d, 20, false)
			d.browses(5*day, "192.0.2.66", cloud, firefox, false, 30)
		}, 0},
		{"the end of a session whose address changed", func(d *diary) {
			webmail(d, 20, true)
			d.browses(5*day, "192.0.2.66", home, chrome, false, 5)
		}, 0},
		{"it may have begun before the logs", func(d *diary) {
			webmail(d, 20, true)
			d.browses(9*time.Hour, "192.0.2.66", cloud, firefox, false, 30)
		}, 0},
		{"the office", func(d *diary) {
			webmail(d, 20, true)
			d.browses(5*day, "203.0.113.200", office, firefox, false, 30)
		}, 0},
		{"somebody who only asks for the sign-in page", func(d *diary) {
			webmail(d, 20, true)
			for i := range 200 {
				d.add(entry{at: 5*day + time.Duration(i)*time.Second, addr: "192.0.2.66", network: cloud, agent: firefox, service: maillog.Webmail, action: maillog.List, outcome: maillog.Success, status: 200})
			}
		}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d diary
			tc.life(&d)
			got := d.profiles().Unsigned()
			if len(got) != tc.want {
				t.Fatalf("%+v, want %d", got, tc.want)
			}
			if tc.want == 1 && (got[0].Source != netip.MustParseAddr("192.0.2.66") || got[0].Count != 30 || got[0].First != start.Add(5*day+30*time.Second).UnixNano()) {
				t.Errorf("%+v", got[0])
			}
		})
	}
}

// A cookie in other hands, and what carries a session on elsewhere.
func TestStolen(t *testing.T) {
	var d diary
	for i := range 20 {
		d.lives(person(i), 10)
	}
	d.days(9, entry{at: 20 * time.Hour, account: person(0), addr: "192.0.2.80", network: vpn, agent: mail})
	p := d.profiles()
	at := start.Add(5 * day).UnixNano()
	cookie := func(addr string, n unique.Handle[traffic.Network], change func(*abuse.Cookie)) *abuse.Cookie {
		c := &abuse.Cookie{
			Webmail: abuse.Webmail{Source: netip.MustParseAddr(addr), Network: n, Agent: firefox, First: at, Last: at + int64(time.Hour), Count: 40},
			Account: person(1), How: "the session has the same token as its owner's", Session: "8ec5f9f53275e021", Opens: true,
		}
		change(c)
		return c
	}
	for _, tc := range []struct {
		name   string
		c      *abuse.Cookie
		held   bool
		speaks string
	}{
		{"another browser, at a rented machine", cookie("192.0.2.66", cloud, func(c *abuse.Cookie) { c.OtherClient = true }), true, ""},
		{"another browser, at somebody's home in another country", cookie("192.0.2.66", abroad, func(c *abuse.Cookie) { c.OtherClient = true }), true, ""},
		{"the same browser, beside its owner, from another country", cookie("192.0.2.66", cloud, func(c *abuse.Cookie) { c.SameClient, c.Beside = true, true }), true, "like that of its owner"},
		{"a session whose address changed", cookie("192.0.2.66", home, func(c *abuse.Cookie) { c.SameClient, c.GoesOn, c.Opens = true, true, false }), false, "its address may have changed"},
		{"the same where it is not known whose", cookie("192.0.2.66", home, func(c *abuse.Cookie) { c.Account, c.GoesOn, c.Opens = "", true, false }), false, "people of the organisation use this provider"},
		{"a VPN switched on in the middle", cookie("192.0.2.66", cloud, func(c *abuse.Cookie) { c.SameClient, c.GoesOn, c.Opens = true, true, false }), false, "its address may have changed"},
		{"a VPN that the account uses every day", cookie("192.0.2.81", vpn, func(c *abuse.Cookie) { c.Account, c.OtherClient = person(0), true }), false, "used this provider before"},
		{"its owner's own address", cookie(ownAddress(person(1)), home, func(c *abuse.Cookie) { c.OtherClient, c.Beside = true, true }), false, ""},
		{"at a rented machine, and it is not known whose", cookie("192.0.2.66", cloud, func(c *abuse.Cookie) { c.Account = "" }), true, "do not show whose"},
		{"not known whose, from where somebody of ours signs in", cookie("203.0.113.7", mobile, func(c *abuse.Cookie) { c.Account, c.OtherClient = "", true }), false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, held := p.Stolen(tc.c)
			if held != tc.held {
				t.Fatalf("held %v at %.1f, against it: %v", held, f.Weight, f.Against)
			}
			if !strings.Contains(fmt.Sprint(f.Against), tc.speaks) {
				t.Errorf("against it: %v, want %q", f.Against, tc.speaks)
			}
			if held && (f.Code != abuse.WebSession || f.Session != "8ec5f9f53275e021" || f.Account != tc.c.Account) {
				t.Errorf("%+v", f)
			}
		})
	}
}
