// Package enrich adds to an Event what the line itself does not say: whose
// account it is however it was spelt, which network the address belongs to,
// which client and operating system are behind a user agent, and whether the
// address is one of the organisation's own machines.
//
// It does not judge, and it keeps no state of accounts or addresses beyond
// bounded caches. internal/pipeline calls it for every Event, internal/gate
// for look-ups.
package enrich

import (
	"encoding/binary"
	"net/netip"
	"unique"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

// Config is what is known of the organisation. Its zero value works.
type Config struct {
	// Domains are the organisation's own mail domains, the main one first.
	// A name without a domain belongs to the main one.
	Domains []string
	// Aliases leads from a spelling to the account that it means. A key and
	// value that begin with @ make one domain an alias of another.
	Aliases map[string]string
	// Own are the networks the organisation's people sit in.
	Own []netip.Prefix
	// Relays are its own servers: proxies, webmail hosts, ActiveSync
	// gateways, relays, monitoring hosts. Their addresses are nobody's.
	Relays []netip.Prefix
	// Networks may be nil: then no address has an ASN or a country.
	Networks *Networks
}

// Enricher is immutable and may be shared.
type Enricher struct {
	domain   string
	aliases  map[string]string
	own      []netip.Prefix
	relays   []netip.Prefix
	networks *Networks
}

// New returns an Enricher for c, which is copied.
func New(c Config) *Enricher {
	e := &Enricher{
		aliases:  make(map[string]string, len(c.Aliases)),
		own:      unmapPrefixes(c.Own),
		relays:   unmapPrefixes(c.Relays),
		networks: c.Networks,
	}
	if len(c.Domains) > 0 {
		e.domain = canonicalDomain(c.Domains[0])
	}
	for from, to := range c.Aliases {
		if key, target := e.spelling(from), e.spelling(to); key != "" && target != "" {
			e.aliases[key] = target
		}
	}
	return e
}

// Missing says what Records lack, in sentences for people.
func (e *Enricher) Missing() []string {
	var missing []string
	if e.networks == nil {
		missing = append(missing, "no network data: addresses have no ASN, no country and no kind of network (docs/networks.md says how to get it)")
	}
	if e.domain == "" {
		missing = append(missing, "the mail domain is not known: a name with and without its domain counts as two accounts")
	}
	return missing
}

// Sizes of a Worker's caches. A full cache is emptied: whoever forges ten
// million names makes us slower for a moment and chooses nothing else.
const (
	maxAddresses = 1 << 16
	maxAgents    = 1 << 13
	maxAccounts  = 1 << 15
	maxKey       = 512 // longer texts from a log are not worth remembering
)

// Worker enriches for one goroutine.
type Worker struct {
	e        *Enricher
	v4       map[uint32]address
	v6       map[uint64]address // by /64
	agents   map[string]unique.Handle[traffic.Agent]
	accounts map[string]string
	parties  *parties
}

// address is what a Worker remembers of one address.
type address struct {
	network unique.Handle[traffic.Network]
	relay   bool
	// mixed is true of an IPv6 /64 that holds a configured prefix longer
	// than itself: its addresses differ and are looked up one by one.
	mixed bool
}

var (
	noAgent   = unique.Make(traffic.Agent{})
	noNetwork = unique.Make(traffic.Network{})
)

// Worker returns a Worker with empty caches.
func (e *Enricher) Worker() *Worker {
	return &Worker{
		e:        e,
		v4:       make(map[uint32]address),
		v6:       make(map[uint64]address),
		agents:   make(map[string]unique.Handle[traffic.Agent]),
		accounts: make(map[string]string),
		parties:  newParties(),
	}
}

// Enrich fills rec with what is known of ev, which rec refers to afterwards.
func (w *Worker) Enrich(ev *maillog.Event, rec *traffic.Record) {
	rec.Event = ev
	h := w.parties.hash(ev)
	if h != 0 {
		if n := w.parties.find(h); n > 0 {
			known := &w.parties.list[n-1]
			rec.Account, rec.Agent, rec.Network = known.account, known.agent, known.network
			rec.Addr, rec.Relay = known.addr, known.relay
			rec.Party, rec.Epoch = n, w.parties.epoch
			return
		}
	}
	rec.Account = w.account(ev.Account)
	rec.Agent = w.agent(ev.UserAgent)
	rec.Network, rec.Addr, rec.Relay = noNetwork, netip.Addr{}, false
	if ev.ClientIP.IsValid() {
		addr := ev.ClientIP.Unmap().WithZone("")
		a := w.address(addr)
		rec.Network, rec.Relay = a.network, a.relay
		if !a.relay {
			rec.Addr = addr
		}
	}
	rec.Party = 0
	if h != 0 {
		rec.Party = w.parties.add(h, party{rec.Account, rec.Agent, rec.Network, rec.Addr, rec.Relay})
		rec.Epoch = w.parties.epoch
	}
}

func (w *Worker) account(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	if len(raw) > maxKey {
		return w.e.Account(raw)
	}
	if account, ok := w.accounts[string(raw)]; ok {
		return account
	}
	if len(w.accounts) >= maxAccounts {
		clear(w.accounts)
	}
	account := w.e.Account(raw)
	w.accounts[string(raw)] = account
	return account
}

func (w *Worker) agent(raw []byte) unique.Handle[traffic.Agent] {
	if len(raw) == 0 {
		return noAgent
	}
	raw = raw[:min(len(raw), maxKey)]
	if agent, ok := w.agents[string(raw)]; ok {
		return agent
	}
	if len(w.agents) >= maxAgents {
		clear(w.agents)
	}
	key := string(raw)
	agent := unique.Make(ParseAgent(key))
	w.agents[key] = agent
	return agent
}

func (w *Worker) address(addr netip.Addr) address {
	if addr.Is4() {
		b := addr.As4()
		key := binary.BigEndian.Uint32(b[:])
		a, ok := w.v4[key]
		if !ok {
			if len(w.v4) >= maxAddresses {
				clear(w.v4)
			}
			a = w.e.address(addr)
			w.v4[key] = a
		}
		return a
	}
	b := addr.As16()
	key := binary.BigEndian.Uint64(b[:8])
	a, ok := w.v6[key]
	if !ok {
		if len(w.v6) >= maxAddresses {
			clear(w.v6)
		}
		a = w.e.address(addr)
		a.mixed = w.e.splits(addr)
		w.v6[key] = a
	}
	if a.mixed {
		return w.e.address(addr)
	}
	return a
}

// address looks one address up. An office may lie in private space, and a
// relay in an office: the more particular statement is made first.
func (e *Enricher) address(addr netip.Addr) address {
	relay := contains(e.relays, addr)
	network := e.networks.Lookup(addr)
	switch {
	case relay:
		network.Kind = traffic.KindInternal
	case contains(e.own, addr):
		network.Kind = traffic.KindOffice
	case internal(addr):
		network.Kind = traffic.KindInternal
	}
	return address{network: unique.Make(network), relay: relay}
}

// splits says whether a configured prefix is longer than addr's /64 and lies
// in it.
func (e *Enricher) splits(addr netip.Addr) bool {
	net64 := netip.PrefixFrom(addr, 64).Masked()
	for _, list := range [][]netip.Prefix{e.own, e.relays} {
		for _, p := range list {
			if p.Bits() > 64 && net64.Contains(p.Addr()) {
				return true
			}
		}
	}
	return false
}

// sharedSpace is what carriers use between themselves and their customers
// (RFC 6598): it is nobody's address on the Internet.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

func internal(addr netip.Addr) bool {
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || sharedSpace.Contains(addr)
}

func contains(list []netip.Prefix, addr netip.Addr) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// unmapPrefixes copies list, with IPv4-mapped prefixes as IPv4.
func unmapPrefixes(list []netip.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(list))
	for _, p := range list {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		out = append(out, p.Masked())
	}
	return out
}
