package enrich

import (
	"fmt"
	"net/netip"
	"testing"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

func prefixes(s ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, p := range s {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}

func TestEnrichAddress(t *testing.T) {
	w := New(Config{
		Own:      prefixes("193.74.53.0/24", "10.4.0.0/16", "2001:db8:1::/48"),
		Relays:   prefixes("10.20.5.12/32", "193.74.53.25/32", "2001:db8:1:2::25/128", "::ffff:198.51.100.7/128"),
		Networks: sampleNetworks(t),
	}).Worker()
	for _, c := range []struct {
		name, ip string
		kind     traffic.Kind
		asn      uint32
		country  string
		addr     string // "" where it is nobody's
		relay    bool
	}{
		{name: "no address"},
		{name: "home", ip: "81.241.0.9", kind: traffic.KindUnknown, asn: 5432, country: "BE", addr: "81.241.0.9"},
		{name: "rented server", ip: "104.236.0.9", kind: traffic.KindHosting, asn: 14061, country: "US", addr: "104.236.0.9"},
		{name: "home, IPv4 in IPv6", ip: "::ffff:81.241.0.9", asn: 5432, country: "BE", addr: "81.241.0.9"},
		{name: "office", ip: "193.74.53.8", kind: traffic.KindOffice, addr: "193.74.53.8"},
		{name: "office in private space", ip: "10.4.1.1", kind: traffic.KindOffice, addr: "10.4.1.1"},
		{name: "server in the office's network", ip: "193.74.53.25", kind: traffic.KindInternal, relay: true},
		{name: "webmail host", ip: "10.20.5.12", kind: traffic.KindInternal, relay: true},
		{name: "its neighbour is no relay", ip: "10.20.5.13", kind: traffic.KindInternal, addr: "10.20.5.13"},
		{name: "relay configured as IPv4 in IPv6", ip: "198.51.100.7", kind: traffic.KindInternal, relay: true},
		{name: "loopback", ip: "127.0.0.1", kind: traffic.KindInternal, addr: "127.0.0.1"},
		{name: "link-local with a zone", ip: "fe80::1%eth0", kind: traffic.KindInternal, addr: "fe80::1"},
		{name: "carrier's shared space", ip: "100.64.3.4", kind: traffic.KindInternal, addr: "100.64.3.4"},
		{name: "office, IPv6", ip: "2001:db8:1:2::30", kind: traffic.KindOffice, addr: "2001:db8:1:2::30"},
		{name: "relay in the same /64", ip: "2001:db8:1:2::25", kind: traffic.KindInternal, relay: true},
		{name: "and the office again", ip: "2001:db8:1:2::31", kind: traffic.KindOffice, addr: "2001:db8:1:2::31"},
		{name: "home, IPv6", ip: "2a02:a000::1", asn: 5432, country: "BE", addr: "2a02:a000::1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := maillog.Event{}
			if c.ip != "" {
				ev.ClientIP = netip.MustParseAddr(c.ip)
			}
			// Twice: looked up, then remembered.
			for range 2 {
				rec := traffic.Record{Relay: true, Addr: netip.MustParseAddr("192.0.2.1")}
				w.Enrich(&ev, &rec)
				n := rec.Network.Value()
				if n.Kind != c.kind || n.ASN != c.asn || n.Country != c.country {
					t.Errorf("network %+v", n)
				}
				if rec.Relay != c.relay {
					t.Errorf("relay %v", rec.Relay)
				}
				if rec.Addr.IsValid() != (c.addr != "") || c.addr != "" && rec.Addr.String() != c.addr {
					t.Errorf("addr %v, want %q", rec.Addr, c.addr)
				}
				if rec.Event != &ev {
					t.Error("Event is not referred to")
				}
			}
		})
	}
}

func TestEnrichWithoutNetworks(t *testing.T) {
	e := New(Config{})
	ev := maillog.Event{ClientIP: netip.MustParseAddr("81.241.0.9"), Account: []byte("anna"), UserAgent: []byte("curl/8")}
	var rec traffic.Record
	e.Worker().Enrich(&ev, &rec)
	if rec.Account != "anna" || rec.Agent.Value().Client != "curl" || rec.Network.Value() != (traffic.Network{}) || !rec.Addr.IsValid() {
		t.Errorf("%+v", rec)
	}
	if n := len(e.Missing()); n != 2 {
		t.Errorf("Missing says %d things: %q", n, e.Missing())
	}
}

// TestBounded forges more than every cache holds.
func TestBounded(t *testing.T) {
	w := New(Config{}).Worker()
	var rec traffic.Record
	for i := range 3 * maxAddresses {
		w.Enrich(&maillog.Event{
			Account:   fmt.Appendf(nil, "user%d", i),
			UserAgent: fmt.Appendf(nil, "Apple-iPhone1C1/2301.%d", i),
			ClientIP:  netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}),
		}, &rec)
		w.Enrich(&maillog.Event{ClientIP: netip.AddrFrom16([16]byte{0x20, 1, 0, 0, 0, byte(i >> 16), byte(i >> 8), byte(i)})}, &rec)
	}
	if len(w.accounts) > maxAccounts || len(w.agents) > maxAgents || len(w.v4) > maxAddresses || len(w.v6) > maxAddresses {
		t.Errorf("%d accounts, %d agents, %d IPv4, %d IPv6", len(w.accounts), len(w.agents), len(w.v4), len(w.v6))
	}
}

// steady is the traffic of an afternoon: the same people again and again.
func steady() []maillog.Event {
	agents := []string{
		"Apple-iPhone14C2/2301.341", "Android-Mail/2025.08.29.643912460.Release", "",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0",
	}
	events := make([]maillog.Event, 4096)
	for i := range events {
		person := i * 2654435761 % 1024
		ip := netip.AddrFrom4([4]byte{81, 241, byte(person >> 8), byte(person)})
		if person%5 == 0 {
			ip = netip.AddrFrom16([16]byte{0x2a, 2, 0xa0, 0, 0, byte(person >> 8), byte(person), 0, 15: byte(i)})
		}
		events[i] = maillog.Event{
			Account:   fmt.Appendf(nil, "person.%d@parl.example", person),
			UserAgent: []byte(agents[person%len(agents)]),
			ClientIP:  ip,
		}
	}
	return events
}

func TestEnrichDoesNotAllocate(t *testing.T) {
	w := New(Config{Domains: []string{"parl.example"}, Networks: sampleNetworks(t)}).Worker()
	events := steady()
	var rec traffic.Record
	all := func() {
		for i := range events {
			w.Enrich(&events[i], &rec)
		}
	}
	all()
	if n := testing.AllocsPerRun(3, all); n != 0 {
		t.Errorf("%v allocations for %d events", n, len(events))
	}
}

func BenchmarkEnrich(b *testing.B) {
	w := New(Config{
		Domains: []string{"parl.example"}, Networks: sampleNetworks(b),
		Own: prefixes("193.74.53.0/24"), Relays: prefixes("10.20.5.12/32", "10.20.5.13/32"),
	}).Worker()
	events := steady()
	var rec traffic.Record
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.Enrich(&events[i%len(events)], &rec)
	}
}

// BenchmarkEnrichForged is the worst that can be sent: every Event new.
func BenchmarkEnrichForged(b *testing.B) {
	w := New(Config{Networks: sampleNetworks(b)}).Worker()
	events := make([]maillog.Event, 1<<18)
	for i := range events {
		events[i] = maillog.Event{
			Account:   fmt.Appendf(nil, "user%d", i),
			UserAgent: fmt.Appendf(nil, "Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.0", i, i),
			ClientIP:  netip.AddrFrom4([4]byte{byte(i >> 16), byte(i), 1, byte(i >> 8)}),
		}
	}
	var rec traffic.Record
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.Enrich(&events[i%len(events)], &rec)
	}
}
