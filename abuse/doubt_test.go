package abuse_test

import (
	"net/netip"
	"testing"
	"time"
	"unique"

	"mailvigil/abuse"
	"mailvigil/maillog"
	"mailvigil/traffic"
)

// What a second look shows, each with what looks like it.
func TestDoubt(t *testing.T) {
	far := traffic.Network{ASN: 64510, Country: "VN", Kind: traffic.KindResidential}
	for _, tc := range []struct {
		name  string
		doubt abuse.Doubt
		kind  traffic.Kind
		held  bool
	}{
		{"nothing more", abuse.Doubt{Deeds: abuse.Deeds{Read: 60}}, far.Kind, false},
		{"searched beyond everybody", abuse.Doubt{Deeds: abuse.Deeds{Read: 60, Searches: 30}, Searches: 5}, far.Kind, true},
		{"searched as others do", abuse.Doubt{Deeds: abuse.Deeds{Read: 60, Searches: 30}, Searches: 20}, far.Kind, false},
		{"its owner at the office", abuse.Doubt{Beside: 3}, far.Kind, true},
		{"its owner at the office, once", abuse.Doubt{Beside: 1}, far.Kind, false},
		{"its owner at the office, and a secretary elsewhere", abuse.Doubt{Beside: 9, Company: true}, far.Kind, false},
		{"its owner at the office, where his computer at home is behind a VPN", abuse.Doubt{Beside: 9}, traffic.KindVPN, false},
		{"its owner's phone moves about here", abuse.Doubt{Phone: 3, Moved: true}, far.Kind, true},
		{"its owner's phone was left at home", abuse.Doubt{Phone: 9}, far.Kind, false},
		{"its owner's phone moves about here, and a secretary elsewhere", abuse.Doubt{Phone: 9, Moved: true, Company: true}, far.Kind, false},
		{"its owner's phone moves about here, his computer is behind a VPN", abuse.Doubt{Phone: 9, Moved: true}, traffic.KindVPN, false},
		{"its owner's phone moves about here, where he is elsewhere is not known", abuse.Doubt{Phone: 9, Moved: true}, traffic.KindUnknown, false},
	} {
		f := abuse.Finding{Code: abuse.ValidAccount, Account: "anna", Network: far}
		f.Network.Kind = tc.kind
		if held := tc.doubt.Weigh(&f); held != tc.held {
			t.Errorf("%s: held %v, weight %.1f, want %v", tc.name, held, f.Weight, tc.held)
		}
	}
}

func TestOwnPhone(t *testing.T) {
	var d diary
	d.lives("anna", 6)
	p := d.profiles()
	f := abuse.Finding{Account: "anna", Network: traffic.Network{Country: "VN"}, First: start.Add(5 * day).UnixNano()}
	for _, tc := range []struct {
		name    string
		device  string
		agent   unique.Handle[traffic.Agent]
		network unique.Handle[traffic.Network]
		country string
		first   time.Duration
		own     bool
	}{
		{"her phone at home", "phone-anna", mail, home, "VN", 5 * day, true},
		{"her phone where it had never been", "phone-anna", mail, abroad, "VN", 5 * day, false},
		{"her phone in the same country as what is in doubt", "phone-anna", mail, home, "BE", 5 * day, false},
		{"another phone", "FAKE", mail, home, "VN", 5 * day, false},
		{"no phone", "phone-anna", agent("Outlook", "16", "Windows"), home, "VN", 5 * day, false},
		{"a phone that is as new as what is in doubt", "phone-anna", mail, home, "VN", day, false},
	} {
		f.Network.Country, f.First = tc.country, start.Add(tc.first).UnixNano()
		r := traffic.Record{Event: &maillog.Event{Device: []byte(tc.device)}, Account: "anna", Agent: tc.agent, Network: tc.network}
		if own := p.OwnPhone(&r, &f); own != tc.own {
			t.Errorf("%s: %v", tc.name, own)
		}
	}
}

func TestBelonging(t *testing.T) {
	var d diary
	d.lives("anna", 3)
	d.lives("bert", 3)
	d.add(entry{at: day, account: "carl", addr: "203.0.113.7", network: mobile})
	p := d.profiles()
	for addr, want := range map[string]int{"203.0.113.7": 2, ownAddress("anna"): 1, "192.0.2.66": 0} {
		if n := p.Belonging(netip.MustParseAddr(addr)); n != want {
			t.Errorf("%d belong at %s, want %d", n, addr, want)
		}
	}
}
