package abuse_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unique"

	"mailvigil/abuse"
	"mailvigil/maillog"
	"mailvigil/traffic"
)

func network(asn uint32, name, country string, kind traffic.Kind) unique.Handle[traffic.Network] {
	return unique.Make(traffic.Network{ASN: asn, ASName: name, Country: country, Kind: kind})
}

func agent(client, version, os string) unique.Handle[traffic.Agent] {
	return unique.Make(traffic.Agent{Client: client, Version: version, OS: os})
}

var (
	home     = network(64500, "Home", "BE", traffic.KindResidential)
	mobile   = network(64501, "Mobile", "BE", traffic.KindMobile)
	abroad   = network(64502, "Hotel", "GR", traffic.KindUnknown)
	cloud    = network(64503, "Cloud", "NL", traffic.KindHosting)
	cloud2   = network(64504, "Other Cloud", "NL", traffic.KindHosting)
	vpn      = network(64505, "VPN", "CH", traffic.KindVPN)
	azure    = network(8075, "Microsoft", "IE", traffic.KindHosting)
	office   = network(64500, "Home", "BE", traffic.KindOffice)
	internal = network(0, "", "", traffic.KindInternal)

	nobody  = unique.Make(traffic.Agent{})
	mail    = agent("Apple Mail", "18.4", "iOS")
	mailNew = agent("Apple Mail", "26.0", "iOS")
	android = agent("Samsung Email", "6.1", "Android")
	outlook = agent("Outlook mobile", "4.25", "iOS")
)

const day = 24 * time.Hour

// start is a Monday, 2026-03-02 00:00 UTC.
var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// diary writes Records by hand. The zero fields of an entry are IMAP, a
// login, and no client.
type diary struct {
	records []traffic.Record
}

type entry struct {
	at       time.Duration // since start
	account  string
	addr     string
	network  unique.Handle[traffic.Network]
	service  maillog.Service
	action   maillog.Action
	outcome  maillog.Outcome
	status   uint16
	agent    unique.Handle[traffic.Agent]
	device   string
	messages int32
}

func (d *diary) add(e entry) {
	if e.service == maillog.ServiceNone {
		e.service = maillog.IMAP
	}
	if e.action == maillog.ActionNone {
		e.action = maillog.Login
	}
	if e.outcome == maillog.OutcomeNone && e.action == maillog.Login {
		e.outcome = maillog.Success
	}
	if e.agent == (unique.Handle[traffic.Agent]{}) {
		e.agent = nobody
	}
	r := traffic.Record{
		Event: &maillog.Event{
			Time: start.Add(e.at).UnixNano(), Service: e.service, Action: e.action, Outcome: e.outcome,
			Status: e.status, Messages: e.messages, Device: []byte(e.device),
		},
		Ref: traffic.Ref{Line: int64(len(d.records) + 1)}, Account: e.account, Agent: e.agent, Network: e.network,
	}
	if e.addr != "" {
		r.Addr = netip.MustParseAddr(e.addr)
	}
	d.records = append(d.records, r)
}

// days repeats an entry every day at the same hour, for some days.
func (d *diary) days(n int, e entry) {
	for range n {
		d.add(e)
		e.at += day
	}
}

// lives is an ordinary account: at home in the morning, on the phone at noon.
func (d *diary) lives(account string, days int) {
	d.days(days, entry{at: 8 * time.Hour, account: account, addr: ownAddress(account), network: home, agent: mail, device: "phone-" + account})
	d.days(days, entry{at: 12 * time.Hour, account: account, addr: "203.0.113.7", network: mobile, agent: mail, device: "phone-" + account})
}

// ownAddress is somebody's address at home.
func ownAddress(account string) string {
	n := 0
	for _, c := range account {
		n = (n*31 + int(c)) % 250
	}
	return fmt.Sprintf("198.51.100.%d", n+1)
}

// fails is one account failing n times, a second apart.
func (d *diary) fails(n int, e entry) {
	e.outcome = maillog.Failure
	for range n {
		d.add(e)
		e.at += time.Second
	}
}

// sprays is n names failing once each, a minute apart.
func (d *diary) sprays(n int, e entry) {
	for i := range n {
		e.account = fmt.Sprintf("victim-%d", i)
		d.fails(1, e)
		e.at += time.Minute
	}
}

// reads is a session with a number of messages fetched at its end.
func (d *diary) reads(e entry, messages int32) {
	d.add(e)
	e.action, e.outcome, e.messages = maillog.Logout, maillog.OutcomeNone, messages
	e.at += time.Minute
	d.add(e)
}

func (d *diary) profiles() *abuse.Profiles {
	p := abuse.NewProfiles()
	for i := range d.records {
		p.Add(&d.records[i])
	}
	return p
}

// all is everything that is found, a line each: code, whom, weight.
func all(p *abuse.Profiles) []string {
	var out []string
	for _, f := range found(p) {
		whom := f.Account
		if whom == "" {
			whom = f.Source.String()
		}
		out = append(out, fmt.Sprintf("%s %s %g", f.Code, whom, f.Weight))
	}
	return out
}

func found(p *abuse.Profiles) []abuse.Finding {
	out := p.Guessing()
	for _, s := range p.HostileSources() {
		out = append(out, p.SuccessAfterFailures(s)...)
	}
	return slices.Concat(out, p.Doubtful(), p.Takeovers(), p.Stale())
}

func TestFind(t *testing.T) {
	const hostile = "192.0.2.66"
	people := func(d *diary, n int, addr string, network unique.Handle[traffic.Network], at time.Duration) {
		for i := range n {
			d.days(5, entry{at: at + time.Duration(i)*time.Minute, account: fmt.Sprintf("person-%d", i), addr: addr, network: network})
		}
	}
	cases := []struct {
		name    string
		write   func(d *diary)
		want    []string
		against string // part of what speaks against the first finding
	}{
		{name: "a quiet day", write: func(d *diary) {
			for i := range 20 {
				d.lives(fmt.Sprintf("person-%d", i), 5)
			}
		}},

		// Spraying.
		{name: "spraying from a hosting address", write: func(d *diary) {
			d.lives("anna", 5)
			d.sprays(20, entry{at: 3 * day, addr: hostile, network: cloud})
		}, want: []string{"T1110.003 192.0.2.66 2"}},
		{name: "guessing at three accounts", write: func(d *diary) {
			for i := range 3 {
				d.fails(50, entry{at: 3 * day, account: fmt.Sprintf("victim-%d", i), addr: hostile, network: cloud})
			}
		}, want: []string{"T1110.001 192.0.2.66 2"}},
		{name: "spraying on every day is noise", write: func(d *diary) {
			for i := range 5 {
				d.sprays(20, entry{at: time.Duration(i) * day, addr: hostile, network: cloud})
			}
		}, want: []string{"T1110.001 192.0.2.66 1"}, against: "everyday noise"},
		{name: "an IPv6 sprayer changes its address within its /64", write: func(d *diary) {
			for i := range 6 {
				d.fails(1, entry{at: 3 * day, account: fmt.Sprintf("victim-%d", i), addr: fmt.Sprintf("2001:db8:1:2::%x", i+1), network: cloud})
			}
		}, want: []string{"T1110.003 2001:db8:1:2:: 2"}},
		{name: "two households next to each other are two sources", write: func(d *diary) {
			for i := range 4 {
				d.fails(1, entry{at: 3 * day, account: fmt.Sprintf("typo-%d", i), addr: fmt.Sprintf("2001:db8:1:%x::1", i/2), network: home})
			}
		}},
		{name: "an IPv4 address written as IPv6 is the same source", write: func(d *diary) {
			d.sprays(2, entry{addr: "::ffff:192.0.2.66", network: cloud})
			d.fails(1, entry{account: "victim-9", addr: hostile, network: cloud})
		}, want: []string{"T1110.003 192.0.2.66 2"}},

		// Shared addresses.
		{name: "an office in which some passwords are stale", write: func(d *diary) {
			d.days(1, entry{account: "stale-0", addr: hostile, network: home, outcome: maillog.Failure}) // the very first line
			people(d, 30, hostile, home, 9*time.Hour)
			for i := range 4 {
				d.days(5, entry{account: fmt.Sprintf("stale-%d", i), addr: hostile, network: home, outcome: maillog.Failure})
			}
		}},
		{name: "a small office at which more stale devices knock than people work", write: func(d *diary) {
			people(d, 2, hostile, home, 9*time.Hour)
			for i := range 5 {
				d.days(3, entry{account: fmt.Sprintf("stale-%d", i), addr: hostile, network: home, outcome: maillog.Failure})
			}
		}},
		{name: "a carrier's address that everybody uses once", write: func(d *diary) {
			d.sprays(4, entry{addr: hostile, network: mobile}) // four phones with old passwords, first of all
			for i := range 25 {
				d.add(entry{at: time.Hour, account: fmt.Sprintf("person-%d", i), addr: hostile, network: mobile})
			}
			d.sprays(4, entry{at: 2 * time.Hour, addr: hostile, network: mobile})
		}},
		{name: "the organisation's office and its own servers", write: func(d *diary) {
			d.sprays(50, entry{addr: "192.0.2.1", network: office})
			d.sprays(50, entry{addr: "10.0.0.1", network: internal})
		}},
		{name: "a webmail host's own address is nobody's", write: func(d *diary) {
			d.sprays(50, entry{network: internal})
		}},
		{name: "an infected machine in a home", write: func(d *diary) {
			d.lives("anna", 5)
			d.sprays(20, entry{at: 3 * day, addr: ownAddress("anna"), network: home})
		}, want: []string{"T1110.003 " + ownAddress("anna") + " 2"}, against: "1 people had signed in from there before"},

		// One device, one machine, one account that does too much.
		{name: "a script that calls itself a phone opens five mailboxes", write: func(d *diary) {
			for i := range 5 {
				d.lives(fmt.Sprintf("person-%d", i), 5)
				d.add(entry{
					at: 4*day + 2*time.Hour, account: fmt.Sprintf("person-%d", i), addr: hostile, network: cloud,
					service: maillog.ActiveSync, action: maillog.Sync, outcome: maillog.Success, status: 200, agent: mail, device: "SCRIPT",
				})
			}
		}, want: []string{"T1078 person-0 6.5", "T1078 person-1 6.5", "T1078 person-2 6.5", "T1078 person-3 6.5", "T1078 person-4 6.5"}},
		{name: "a phone with a shared mailbox or two, in a hotel", write: func(d *diary) {
			for i := range 3 {
				d.lives(fmt.Sprintf("person-%d", i), 5)
				d.add(entry{
					at: 4*day + 2*time.Hour, account: fmt.Sprintf("person-%d", i), addr: hostile, network: abroad,
					service: maillog.ActiveSync, action: maillog.Sync, outcome: maillog.Success, status: 200, agent: mail, device: "phone-person-0",
				})
			}
		}},
		{name: "hundreds of messages from where she always is", write: func(d *diary) {
			d.lives("anna", 5)
			for i := range 400 {
				d.add(entry{
					at: 4*day + 2*time.Hour + time.Duration(i)*10*time.Second, account: "anna", addr: ownAddress("anna"), network: home,
					service: maillog.Submission, action: maillog.Send, outcome: maillog.Success,
				})
			}
		}},
		{name: "a dozen messages from a hotel", write: func(d *diary) {
			d.lives("anna", 5)
			for i := range 12 {
				d.add(entry{
					at: 4*day + 2*time.Hour + time.Duration(i)*5*time.Minute, account: "anna", addr: hostile, network: abroad,
					service: maillog.Submission, action: maillog.Send, outcome: maillog.Success,
				})
			}
		}},
		{name: "a machine that empties three mailboxes of thirty", write: func(d *diary) {
			for i := range 30 {
				name := fmt.Sprintf("person-%d", i)
				d.lives(name, 5)
				if i < 3 {
					d.reads(entry{at: 4*day + 21*time.Hour + time.Duration(i)*time.Minute, account: name, addr: hostile, network: cloud}, 2000)
				}
			}
		}, want: []string{"T1078 person-0 8", "T1078 person-1 8", "T1078 person-2 8"}},

		// One person's own mistakes.
		{name: "five times mistyped, then signed in", write: func(d *diary) {
			d.lives("anna", 3)
			d.fails(5, entry{at: 3 * day, account: "anna", addr: ownAddress("anna"), network: home})
			d.add(entry{at: 3*day + time.Minute, account: "anna", addr: ownAddress("anna"), network: home})
		}},
		{name: "five times mistyped without a name, then signed in", write: func(d *diary) {
			d.fails(5, entry{addr: "198.51.100.99", network: home, service: maillog.Submission})
			d.add(entry{at: time.Minute, account: "anna", addr: "198.51.100.99", network: home})
		}},
		{name: "three spellings of the own name at home", write: func(d *diary) {
			d.lives("anna", 3)
			for i, name := range []string{"ana", "anna.k", "akowal"} {
				d.fails(2, entry{at: 3*day + time.Duration(i)*time.Minute, account: name, addr: ownAddress("anna"), network: home})
			}
		}},
		{name: "a home with one stale device", write: func(d *diary) {
			d.lives("anna", 5)
			for i := range 100 {
				d.fails(1, entry{at: time.Duration(i) * time.Hour, account: "anna", addr: ownAddress("anna"), network: home, device: "old-phone"})
			}
		}, want: []string{"stale-password anna -3"}, against: "also signs in from this address"},
		{name: "a stale device that was soon updated", write: func(d *diary) {
			d.lives("anna", 5)
			d.fails(100, entry{at: day, account: "anna", addr: ownAddress("anna"), network: home})
		}},
		{name: "a home device that fails without a name, day and night", write: func(d *diary) {
			for i := range 100 {
				d.fails(1, entry{at: time.Duration(i) * time.Hour, addr: ownAddress("anna"), network: home, service: maillog.Submission})
			}
			d.lives("anna", 5)
		}},

		// Guessing at one account.
		{name: "somebody guesses at one account for days", write: func(d *diary) {
			d.lives("anna", 5)
			for i := range 100 {
				d.fails(1, entry{at: time.Duration(i) * time.Hour, account: "anna", addr: hostile, network: cloud})
			}
		}, want: []string{"T1110.001 192.0.2.66 1"}, against: "behind a VPN, looks the same"},
		{name: "a stale device of one's own behind a VPN", write: func(d *diary) {
			d.lives("anna", 5)
			for i := range 100 {
				d.fails(1, entry{at: time.Duration(i) * time.Hour, account: "anna", addr: hostile, network: vpn, device: "phone-anna"})
			}
		}, want: []string{"stale-password anna -3"}},

		// Failures that do not say for whom.
		{name: "Postfix failures without a name", write: func(d *diary) {
			d.fails(5, entry{addr: hostile, network: cloud, service: maillog.Submission})
		}, want: []string{"T1110.003 192.0.2.66 2"}},
		{name: "four of them", write: func(d *diary) {
			d.fails(4, entry{addr: hostile, network: cloud, service: maillog.Submission})
		}},
		{name: "a web server's 401 without a name is no failed login", write: func(d *diary) {
			d.fails(50, entry{addr: hostile, network: cloud, service: maillog.ActiveSync, action: maillog.Sync, status: 401})
		}},
		{name: "a sign-in after many failures without a name, from a rented machine", write: func(d *diary) {
			d.lives("anna", 5)
			d.fails(60, entry{at: 4 * day, addr: hostile, network: cloud, service: maillog.Submission})
			d.add(entry{at: 4*day + time.Hour, account: "anna", addr: hostile, network: cloud, service: maillog.Submission})
		}, want: []string{"T1110.001 192.0.2.66 2", "T1078 anna 5"}},

		// Success after failures.
		{name: "an account opened by spraying", write: func(d *diary) {
			d.lives("anna", 5)
			d.sprays(20, entry{at: 3 * day, addr: hostile, network: cloud})
			d.add(entry{at: 3*day + time.Hour, account: "anna", addr: hostile, network: cloud})
		}, want: []string{"T1110.003 192.0.2.66 2", "T1078 anna 8", "T1078 anna 4.5"}},
		{name: "the same where networks are not known", write: func(d *diary) {
			unknown := network(0, "", "", traffic.KindUnknown)
			d.days(5, entry{at: 8 * time.Hour, account: "anna", addr: ownAddress("anna"), network: unknown, agent: mail})
			d.sprays(20, entry{at: 3 * day, addr: hostile, network: unknown})
			d.add(entry{at: 3*day + time.Hour, account: "anna", addr: hostile, network: unknown})
		}, want: []string{"T1110.003 192.0.2.66 2", "T1078 anna 6"}},
		{name: "somebody on a carrier's address on which a bot tries names", write: func(d *diary) {
			d.lives("anna", 5)
			d.sprays(20, entry{at: 3 * day, addr: "203.0.113.8", network: mobile})
			d.add(entry{at: 4 * day, account: "anna", addr: "203.0.113.8", network: mobile, agent: mailNew})
		}, want: []string{"T1110.003 203.0.113.8 2", "T1078 anna 0"}},
		{name: "somebody's home, with a machine in it that guesses at another service", write: func(d *diary) {
			d.lives("anna", 5)
			d.sprays(20, entry{at: 3 * day, addr: "192.0.2.90", network: network(64510, "Other Home", "BE", traffic.KindResidential), service: maillog.Submission})
			d.add(entry{at: 4 * day, account: "anna", addr: "192.0.2.90", network: network(64510, "Other Home", "BE", traffic.KindResidential), service: maillog.Webmail})
		}, want: []string{"T1110.003 192.0.2.90 2", "T1078 anna 3"}},
		{name: "the home of somebody of whom nothing was seen before", write: func(d *diary) {
			d.lives("bert", 5)
			d.sprays(20, entry{at: 3 * day, addr: "192.0.2.90", network: home, service: maillog.Submission})
			d.add(entry{at: 4 * day, account: "anna", addr: "192.0.2.90", network: home, service: maillog.Submission})
		}, want: []string{"T1110.003 192.0.2.90 2", "T1078 anna 3"}},
		{name: "who signed in there before the first failure is not accused", write: func(d *diary) {
			d.lives("anna", 5)
			d.sprays(20, entry{at: 3 * day, addr: ownAddress("anna"), network: home})
			d.add(entry{at: 4*day + time.Hour, account: "anna", addr: ownAddress("anna"), network: home})
		}, want: []string{"T1110.003 " + ownAddress("anna") + " 2"}},

		// Takeover without failure.
		{name: "a stranger with the password reads the mailbox", write: func(d *diary) {
			d.lives("anna", 5)
			d.reads(entry{at: 4 * day, account: "anna", addr: hostile, network: cloud}, 400)
		}, want: []string{"T1078 anna 7"}},
		{name: "a stranger with a client of his own signs in again and again", write: func(d *diary) {
			d.lives("anna", 5)
			for i := range 20 {
				d.add(entry{at: 4*day + time.Duration(i)*time.Minute, account: "anna", addr: hostile, network: cloud, agent: android})
			}
		}, want: []string{"T1078 anna 4.5"}},
		{name: "one session behind a VPN that broke off before it named its client", write: func(d *diary) {
			d.lives("anna", 5)
			d.add(entry{at: 4 * day, account: "anna", addr: hostile, network: vpn})
		}},
		{name: "a secretary behind a VPN whose client never says what it is", write: func(d *diary) {
			d.lives("anna", 5)
			for i := range 8 {
				d.reads(entry{at: 3*day + time.Duration(i)*3*time.Hour, account: "anna", addr: hostile, network: vpn}, 5)
			}
		}},
		{name: "a stranger behind a VPN who empties the mailbox with such a client", write: func(d *diary) {
			d.lives("anna", 5)
			d.reads(entry{at: 4 * day, account: "anna", addr: hostile, network: vpn}, 400)
		}, want: []string{"T1078 anna 7"}},
		{name: "several accounts in the same hands", write: func(d *diary) {
			for _, name := range []string{"anna", "bert", "carl"} {
				d.lives(name, 5)
				d.add(entry{at: 4 * day, account: name, addr: hostile, network: cloud})
			}
		}, want: []string{"T1078 anna 5.5", "T1078 bert 5.5", "T1078 carl 5.5"}},
		{name: "a stranger who changes to another network", write: func(d *diary) {
			d.lives("anna", 6)
			d.reads(entry{at: 4 * day, account: "anna", addr: hostile, network: cloud, agent: android}, 400)
			d.reads(entry{at: 5 * day, account: "anna", addr: "192.0.2.67", network: vpn, agent: android}, 400)
		}, want: []string{"T1078 anna 5.5", "T1078 anna 8.5"}},
		{name: "a VPN user with his own client", write: func(d *diary) {
			d.lives("anna", 5)
			for i := range 20 {
				d.reads(entry{at: 4*day + time.Duration(i)*2*time.Minute, account: "anna", addr: hostile, network: vpn, agent: mailNew}, 10)
			}
		}},
		{name: "a delegation with their own devices, one of whom bought a phone", write: func(d *diary) {
			for _, name := range []string{"anna", "bert", "carl", "dora"} {
				d.lives(name, 5)
				e := entry{at: 4 * day, account: name, addr: hostile, network: abroad, agent: mail, device: "phone-" + name}
				if name == "dora" {
					e.agent, e.device = android, "new"
				}
				for i := range 20 {
					e.at += time.Minute
					d.reads(e, 30)
					_ = i
				}
			}
		}},
		{name: "a VPN user whose client does not always say what it is", write: func(d *diary) {
			d.lives("anna", 5)
			d.days(5, entry{at: 9 * time.Hour, account: "anna", addr: ownAddress("anna"), network: home})
			d.days(5, entry{at: 10 * time.Hour, account: "anna", addr: ownAddress("anna"), network: home})
			d.add(entry{at: 4 * day, account: "anna", addr: hostile, network: vpn})
		}},
		{name: "a new phone at a new provider", write: func(d *diary) {
			d.lives("anna", 4)
			for i := range 20 {
				d.reads(entry{at: 4*day + time.Duration(i)*time.Minute, account: "anna", addr: "203.0.113.200", network: network(64510, "Other Mobile", "BE", traffic.KindMobile), agent: android, device: "new"}, 30)
			}
		}},
		{name: "a new provider at home, for weeks", write: func(d *diary) {
			d.lives("anna", 3)
			for i := range 20 * 24 {
				d.reads(entry{at: 3*day + time.Duration(i)*time.Hour, account: "anna", addr: "203.0.113.200", network: network(64511, "Fibre", "LU", traffic.KindUnknown), agent: android, device: "new"}, 20)
			}
		}},
		{name: "Outlook on the phone, by way of Microsoft", write: func(d *diary) {
			d.lives("anna", 5)
			for i := range 20 {
				d.reads(entry{at: 4*day + time.Duration(i)*time.Minute, account: "anna", addr: "192.0.2.99", network: azure, agent: outlook}, 5)
			}
		}},
		{name: "Outlook's cloud moves to another country", write: func(d *diary) {
			d.lives("anna", 5)
			d.days(3, entry{at: time.Hour, account: "anna", addr: "192.0.2.99", network: azure})
			for i := range 20 {
				d.reads(entry{at: 4*day + time.Duration(i)*time.Minute, account: "anna", addr: "192.0.2.98", network: network(8075, "Microsoft", "NL", traffic.KindHosting)}, 30)
			}
		}},
		{name: "an account known for less than two days", write: func(d *diary) {
			d.lives("anna", 2)
			d.reads(entry{at: 47 * time.Hour, account: "anna", addr: hostile, network: cloud}, 400)
		}},
		{name: "a session inside the organisation", write: func(d *diary) {
			d.lives("anna", 5)
			for i, n := range []unique.Handle[traffic.Network]{internal, office} {
				for j := range 40 {
					d.reads(entry{at: 4*day + time.Duration(j)*time.Second, account: "anna", addr: fmt.Sprintf("10.0.0.%d", i+1), network: n}, 400)
				}
			}
		}},
		{name: "the networks are not known", write: func(d *diary) {
			d.days(5, entry{account: "anna", addr: "198.51.100.1", network: network(0, "", "", traffic.KindUnknown)})
			d.reads(entry{at: 4 * day, account: "anna", addr: hostile, network: network(0, "", "", traffic.KindUnknown)}, 400)
		}},

		// What anybody can claim.
		{name: "a name claimed to a web server that does not check it", write: func(d *diary) {
			d.lives("anna", 5)
			e := entry{account: "anna", addr: hostile, network: cloud, action: maillog.Request, outcome: maillog.Success}
			for i := range 60 {
				e.at = 4*day + time.Duration(i)*time.Second
				for _, f := range []func(*entry){
					func(e *entry) { e.service, e.status = maillog.Web, 200 },
					func(e *entry) { e.service, e.status = maillog.Webmail, 200 },
					func(e *entry) { e.service, e.status = maillog.Autodiscover, 200 },
					func(e *entry) { e.service, e.action, e.status = maillog.ActiveSync, maillog.Sync, 301 },
					func(e *entry) { e.service, e.status, e.outcome = maillog.Web, 404, maillog.OutcomeNone },
				} {
					x := e
					f(&x)
					d.add(x)
				}
			}
		}},
		{name: "the same name, checked", write: func(d *diary) {
			d.lives("anna", 5)
			for i := range 60 {
				d.add(entry{at: 4*day + time.Duration(i)*time.Second, account: "anna", addr: hostile, network: cloud, service: maillog.ActiveSync, action: maillog.Sync, status: 200, outcome: maillog.Success, device: "rented"})
			}
			d.days(1, entry{at: 4 * day, account: "bert", addr: hostile, network: cloud2})
		}, want: nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var d diary
			c.write(&d)
			p := d.profiles()
			if got := all(p); !slices.Equal(got, c.want) {
				for _, f := range found(p) {
					t.Logf("%+v", f)
				}
				t.Fatalf("found %q, want %q", got, c.want)
			}
			if c.against != "" && !strings.Contains(strings.Join(found(p)[0].Against, "; "), c.against) {
				t.Errorf("against it: %q, want %q", found(p)[0].Against, c.against)
			}
		})
	}
}

// A finding says what happened and rests on lines of its own.
func TestEvidence(t *testing.T) {
	var d diary
	d.lives("anna", 5)
	d.lives("bert", 5)
	first := int64(len(d.records) + 1)
	d.sprays(20, entry{at: 3 * day, addr: "192.0.2.66", network: cloud})
	d.add(entry{at: 3*day + time.Hour, account: "bert", addr: "192.0.2.66", network: cloud})
	d.add(entry{at: 3*day + 2*time.Hour, account: "anna", addr: "192.0.2.66", network: cloud})
	opened := int64(len(d.records))
	read := opened + 1
	d.reads(entry{at: 4 * day, account: "anna", addr: "192.0.2.70", network: cloud2}, 300)
	d.add(entry{at: 4*day + time.Hour, account: "anna", addr: "192.0.2.69", network: cloud2})
	d.sprays(1500, entry{at: 4 * day, addr: "192.0.2.67", network: vpn})
	p := d.profiles()

	guess := p.Guessing()
	if len(guess) != 2 {
		t.Fatalf("%d findings of guessing", len(guess))
	}
	f := guess[0]
	if f.Tried != 20 || f.Count != 20 || len(f.Accounts) != 20 || f.First != start.Add(3*day).UnixNano() || !reflect.DeepEqual(f.Services, []maillog.Service{maillog.IMAP}) {
		t.Errorf("%+v", f)
	}
	if want := []traffic.Ref{{Line: first}, {Line: first + 1}, {Line: first + 2}}; !slices.Equal(f.Refs, want) {
		t.Errorf("lines %v, want %v", f.Refs, want)
	}
	if want := "tried the passwords of more than 1024 accounts, 1500 failures"; guess[1].Title != want {
		t.Errorf("%q, want %q", guess[1].Title, want)
	}

	hands := p.SuccessAfterFailures(p.Source(f.Source))
	if len(hands) != 2 || hands[0].Account != "anna" || hands[1].Account != "bert" {
		t.Fatalf("opened: %+v", hands)
	}
	for i, f := range hands {
		if want := opened - int64(i); f.Refs[0].Line != want || f.Tried != 20 || f.Count != 1 {
			t.Errorf("%s: line %d, want %d; tried %d", f.Account, f.Refs[0].Line, want, f.Tried)
		}
	}

	var strange []abuse.Finding
	for _, f := range p.Takeovers() {
		if f.Network == cloud2.Value() {
			strange = append(strange, f)
		}
	}
	if len(strange) != 1 {
		t.Fatalf("%d takeovers", len(strange))
	}
	f = strange[0]
	sources := []netip.Addr{netip.MustParseAddr("192.0.2.69"), netip.MustParseAddr("192.0.2.70")}
	if f.Account != "anna" || f.Messages != 300 || f.Count != 2 || f.Source.IsValid() || !slices.Equal(f.Sources, sources) ||
		f.First != start.Add(4*day).UnixNano() || f.Last != start.Add(4*day+time.Hour).UnixNano() || f.Refs[0].Line != read {
		t.Errorf("%+v", f)
	}
}

// Everyday and strange days differ: how many hostile sources a day has.
func TestHostileADay(t *testing.T) {
	var d diary
	if n := d.profiles().HostileADay(); n != 0 {
		t.Errorf("%v on no day", n)
	}
	for i := range 5 {
		for j := range 1 + 10*(i/4) { // eleven on the last day
			d.sprays(5, entry{at: time.Duration(i) * day, addr: fmt.Sprintf("192.0.2.%d", 20*i+j), network: cloud})
		}
	}
	if n := d.profiles().HostileADay(); n != 1 {
		t.Errorf("%v a day, want 1", n)
	}
}

// A sign-in after a few failures without a name is doubtful only abroad, and
// not with a device of one's own.
func TestDoubtful(t *testing.T) {
	const at, addr = 4 * day, "192.0.2.66"
	for _, c := range []struct {
		name    string
		nobody  int // failures without a name
		named   int // failures of names, from the same address
		network unique.Handle[traffic.Network]
		agent   unique.Handle[traffic.Agent]
		others  int // other people who sign in there
		fresh   bool
		want    int
	}{
		{name: "three failures, then in, abroad", nobody: 3, network: abroad, want: 1},
		{name: "a traveller with his own client", nobody: 3, network: abroad, agent: mail},
		{name: "at home", nobody: 3, network: network(64530, "New Fibre", "BE", traffic.KindResidential)},
		{name: "two failures", nobody: 2, network: abroad},
		{name: "the lines name somebody: spraying tells that better", nobody: 3, named: 1, network: abroad},
		{name: "a hotel at which others sign in too", nobody: 3, network: abroad, others: 1},
		{name: "an office of one's own, abroad", nobody: 3, network: network(64502, "Hotel", "GR", traffic.KindOffice)},
		{name: "so many that the address is hostile", nobody: 20, network: cloud},
		{name: "an account nobody knew before", nobody: 3, network: abroad, fresh: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d diary
			if !c.fresh {
				d.lives("anna", 5)
			}
			d.fails(c.nobody, entry{at: at, addr: addr, network: c.network, service: maillog.Submission})
			d.sprays(c.named, entry{at: at, addr: addr, network: c.network})
			d.add(entry{at: at + time.Hour, account: "anna", addr: addr, network: c.network, agent: c.agent, messages: 7})
			in := int64(len(d.records))
			for i := range c.others {
				d.add(entry{at: at + 2*time.Hour, account: fmt.Sprintf("guest-%d", i), addr: addr, network: c.network})
			}
			got := d.profiles().Doubtful()
			if len(got) != c.want {
				t.Fatalf("%+v", got)
			}
			for _, f := range got {
				if f.Account != "anna" || f.Weight >= 4 || f.Refs[0].Line != in || f.Messages != 7 || f.Count != 1 {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}
