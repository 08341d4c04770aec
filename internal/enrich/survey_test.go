package enrich

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"mailvigil/maillog"
)

// logins are successful logins of n people from one address.
func logins(service maillog.Service, ip string, n int) []maillog.Event {
	var events []maillog.Event
	for i := range n {
		events = append(events, maillog.Event{
			Service: service, Action: maillog.Login, Outcome: maillog.Success,
			Account: fmt.Appendf(nil, "Person%d@parl.example", i), ClientIP: netip.MustParseAddr(ip),
		})
	}
	return events
}

// server is one login that states the server's address.
func server(ip string) []maillog.Event {
	return []maillog.Event{{Service: maillog.IMAP, ServerIP: netip.MustParseAddr(ip)}}
}

func failures(ip string, n int) []maillog.Event {
	events := logins(maillog.IMAP, ip, n)
	for i := range events {
		events[i].Outcome = maillog.Failure
	}
	return events
}

func named(host string, events []maillog.Event) []maillog.Event {
	for i := range events {
		events[i].Hostname = []byte(host)
	}
	return events
}

func TestSurvey(t *testing.T) {
	// everybody is at home, each at their own address.
	var homes []maillog.Event
	for i := range 400 {
		e := logins(maillog.IMAP, fmt.Sprintf("81.241.%d.%d", i/200, 1+i%200), 1)
		e[0].Account = fmt.Appendf(nil, "person%d@parl.example", i)
		homes = append(homes, e...)
	}
	for _, c := range []struct {
		name   string
		events [][]maillog.Event
		own    []string
		relays []string
	}{
		{
			"a webmail host inside",
			[][]maillog.Event{homes, logins(maillog.IMAP, "10.20.39.12", 212)},
			nil,
			[]string{"10.20.39.12/32"},
		},
		{
			"a proxy inside that the web server sees everybody through",
			[][]maillog.Event{homes, logins(maillog.ActiveSync, "10.20.39.5", 90)},
			nil,
			[]string{"10.20.39.5/32"},
		},
		{
			"a machine inside that has guessed passwords is blamed",
			[][]maillog.Event{homes, logins(maillog.IMAP, "10.4.1.77", 12), failures("10.4.1.77", 300)},
			nil, nil,
		},
		{
			"guessing through the webmail host does not make it a guesser",
			[][]maillog.Event{homes, logins(maillog.IMAP, "10.20.39.12", 212), failures("10.20.39.12", 3000)},
			nil,
			[]string{"10.20.39.12/32"},
		},
		{
			"an office",
			[][]maillog.Event{homes, server("193.74.53.25"), logins(maillog.IMAP, "193.74.53.6", 80), logins(maillog.Webmail, "193.74.53.6", 80), logins(maillog.IMAP, "193.74.53.7", 60), logins(maillog.Webmail, "193.74.53.7", 60)},
			[]string{"193.74.53.0/24"},
			[]string{"193.74.53.25/32"},
		},
		{
			"a webmail host beside the server is no office",
			[][]maillog.Event{homes, server("193.74.53.25"), logins(maillog.IMAP, "193.74.53.30", 80), logins(maillog.Webmail, "81.241.0.1", 1)},
			nil,
			[]string{"193.74.53.25/32", "193.74.53.30/32"},
		},
		{
			"an office, with Dovecot's log alone",
			[][]maillog.Event{homes, server("193.74.53.25"), logins(maillog.IMAP, "193.74.53.6", 80)},
			[]string{"193.74.53.0/24"},
			[]string{"193.74.53.25/32"},
		},
		{
			"an office elsewhere, by its name",
			[][]maillog.Event{homes, named("gw1.parl.example", logins(maillog.Submission, "198.51.100.9", 40)), logins(maillog.Webmail, "198.51.100.9", 40)},
			[]string{"198.51.100.9/32"},
			nil,
		},
		{
			"a carrier's shared address is nobody's",
			[][]maillog.Event{homes, server("193.74.53.25"), logins(maillog.IMAP, "37.185.175.92", 60), logins(maillog.ActiveSync, "37.185.175.92", 60)},
			nil,
			[]string{"193.74.53.25/32"},
		},
		{
			"a name that only ends like ours",
			[][]maillog.Event{homes, named("gw.notparl.example", logins(maillog.IMAP, "198.51.100.9", 60)), logins(maillog.Webmail, "198.51.100.9", 1)},
			nil, nil,
		},
		{
			"a rented server's neighbours are strangers",
			[][]maillog.Event{homes, server("104.236.7.25"), logins(maillog.IMAP, "104.236.7.9", 60), logins(maillog.Webmail, "104.236.7.9", 60)},
			[]string{"104.236.7.9/32"},
			[]string{"104.236.7.25/32"},
		},
		{
			"an office with an address for every machine",
			[][]maillog.Event{homes, server("2001:db8:1::25"), logins(maillog.IMAP, "2001:db8:1:4::1", 20), logins(maillog.IMAP, "2001:db8:1:5::1", 30)},
			[]string{"2001:db8:1::/48"},
			[]string{"2001:db8:1::25/128"},
		},
		{
			"a family at home",
			[][]maillog.Event{homes, logins(maillog.IMAP, "192.168.1.1", 3)},
			nil, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			events := slices.Concat(c.events...)
			s, backwards := NewSurvey(Config{Networks: sampleNetworks(t)}), NewSurvey(Config{Networks: sampleNetworks(t)})
			for i := range events {
				s.Observe(&events[i])
				backwards.Observe(&events[len(events)-1-i])
			}
			if !slices.Equal(s.Found(), backwards.Found()) {
				t.Errorf("the order of the events matters: %q, %q", s.Found(), backwards.Found())
			}
			got := s.Config()
			if !slices.Equal(got.Own, prefixes(c.own...)) {
				t.Errorf("own %v, want %v", got.Own, c.own)
			}
			if !slices.Equal(got.Relays, prefixes(c.relays...)) {
				t.Errorf("relays %v, want %v", got.Relays, c.relays)
			}
			if !slices.Equal(got.Domains, []string{"parl.example"}) {
				t.Errorf("domains %v", got.Domains)
			}
			found := s.Found()
			if want := 1 + len(c.own) + len(c.relays); len(found) != want {
				t.Errorf("%d sentences, want %d: %q", len(found), want, found)
			}
		})
	}
}

func TestSurveyKeepsWhatIsConfigured(t *testing.T) {
	c := Config{Domains: []string{"other.example"}, Relays: prefixes("10.20.0.0/16"), Own: prefixes("193.74.53.0/24")}
	s := NewSurvey(c)
	for _, events := range [][]maillog.Event{server("10.20.1.1"), logins(maillog.IMAP, "10.20.39.12", 50), logins(maillog.Webmail, "193.74.53.6", 50)} {
		for i := range events {
			s.Observe(&events[i])
		}
	}
	got := s.Config()
	if !slices.Equal(got.Domains, c.Domains) || !slices.Equal(got.Relays, c.Relays) || !slices.Equal(got.Own, c.Own) || len(s.Found()) != 0 {
		t.Errorf("%+v, found %q", got, s.Found())
	}
}

func TestSurveySentence(t *testing.T) {
	s := NewSurvey(Config{})
	events := logins(maillog.IMAP, "10.20.39.12", 212)
	for i := range events {
		s.Observe(&events[i])
	}
	want := "10.20.39.12 logs in for 212 accounts: taken as a webmail host, gateway or relay, never blamed"
	if !slices.Contains(s.Found(), want) {
		t.Errorf("found %q", s.Found())
	}
}

// TestSurveyBounded sends what anybody can send.
func TestSurveyBounded(t *testing.T) {
	s := NewSurvey(Config{})
	for i := range maxSurveyAddresses + 1000 {
		ip := netip.AddrFrom16([16]byte{0x20, 1, byte(i >> 16), byte(i >> 8), byte(i)})
		s.Observe(&maillog.Event{Service: maillog.IMAP, Outcome: maillog.Failure, Account: []byte("root"), ClientIP: ip})
		s.Observe(&maillog.Event{Service: maillog.Web, ClientIP: ip})
	}
	if len(s.addresses) != 0 || len(s.failed) > maxSurveyAddresses || len(s.web) > maxSurveyAddresses {
		t.Errorf("%d addresses, %d failed, %d on the web", len(s.addresses), len(s.failed), len(s.web))
	}
}
