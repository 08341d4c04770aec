package enrich

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

// Survey looks at a sample of Events before the run and finds what the
// configuration does not state: the mail domain, the servers, the hosts that
// log in for others, and the networks the people sit in. It remembers
// successful logins only, which nobody can forge, and is bounded in any case.
//
// How it tells a relay from an office. A webmail host, a gateway or a relay
// logs in for many people and speaks IMAP or submission alone: it is what
// serves the browsers and phones, and is never among them. Behind an office's
// shared address the same people also use the browser. Private addresses that
// many people share are never anybody's own, whatever they speak.
type Survey struct {
	config    Config
	seed      maphash.Seed
	accounts  map[uint64]struct{}
	domains   map[string]int
	servers   map[netip.Addr]int
	addresses map[netip.Addr]*shared
	web       map[netip.Addr]struct{} // addresses that browsers and phones came from
	failed    map[netip.Addr]int      // failed logins
	named     int                     // successes of an account with its domain
	found     []string
}

// shared is what is known of one address with successful logins.
type shared struct {
	accounts  map[uint64]struct{}
	successes int
	host      string // reverse name, where stated
}

// Bounds of what a Survey remembers.
const (
	maxSurveyAccounts  = 1 << 18
	maxSurveyAddresses = 1 << 16
	maxSurveyServers   = 1 << 8
	maxSurveyDomains   = 1 << 8
)

// manyAccounts is how many people an address logs in for before it can be
// nobody's own; in a large organisation, one account in fifty.
const manyAccounts = 8

// NewSurvey returns a Survey that completes c.
func NewSurvey(c Config) *Survey {
	return &Survey{
		config:    c,
		seed:      maphash.MakeSeed(),
		accounts:  map[uint64]struct{}{},
		domains:   map[string]int{},
		servers:   map[netip.Addr]int{},
		addresses: map[netip.Addr]*shared{},
		web:       map[netip.Addr]struct{}{},
		failed:    map[netip.Addr]int{},
	}
}

// Observe looks at one Event.
func (s *Survey) Observe(ev *maillog.Event) {
	if ip := ev.ServerIP.Unmap().WithZone(""); ip.IsValid() && !ip.IsUnspecified() && !ip.IsLoopback() {
		if _, ok := s.servers[ip]; ok || len(s.servers) < maxSurveyServers {
			s.servers[ip]++
		}
	}
	ip := ev.ClientIP.Unmap().WithZone("")
	if !ip.IsValid() || ip.IsLoopback() {
		return
	}
	if overHTTP(ev.Service) && len(s.web) < maxSurveyAddresses {
		s.web[ip] = struct{}{}
	}
	if len(ev.Account) == 0 {
		return
	}
	if _, ok := s.failed[ip]; ev.Outcome == maillog.Failure && (ok || len(s.failed) < maxSurveyAddresses) {
		s.failed[ip]++
	}
	if ev.Outcome != maillog.Success {
		return
	}
	a := s.addresses[ip]
	if a == nil {
		if len(s.addresses) >= maxSurveyAddresses {
			return
		}
		a = &shared{accounts: map[uint64]struct{}{}}
		s.addresses[ip] = a
	}
	a.successes++
	name := strings.ToLower(string(ev.Account[:min(len(ev.Account), maxAccount)]))
	local := name
	if at := strings.LastIndexByte(name, '@'); at > 0 {
		local = name[:at]
		s.named++
		domain := canonicalDomain(name[at+1:])
		if _, ok := s.domains[domain]; domain != "" && (ok || len(s.domains) < maxSurveyDomains) {
			s.domains[domain]++
		}
	}
	id := maphash.String(s.seed, local[strings.LastIndexByte(local, '\\')+1:])
	if len(s.accounts) < maxSurveyAccounts {
		s.accounts[id] = struct{}{}
		a.accounts[id] = struct{}{}
	}
	if len(ev.Hostname) > 0 && a.host == "" {
		a.host = strings.ToLower(string(ev.Hostname[:min(len(ev.Hostname), 255)]))
	}
}

func overHTTP(s maillog.Service) bool {
	switch s {
	case maillog.Webmail, maillog.OWA, maillog.ActiveSync, maillog.DAV, maillog.EWS, maillog.MAPI,
		maillog.Autodiscover, maillog.JMAP, maillog.Admin, maillog.Web:
		return true
	}
	return false
}

// Found says what Config added, in sentences for people.
func (s *Survey) Found() []string {
	s.Config()
	return s.found
}

// Config returns the configuration completed. What was configured stands: the
// domains are only looked for where none is given, and networks are added.
func (s *Survey) Config() Config {
	c := s.config
	c.Own, c.Relays = slices.Clone(c.Own), slices.Clone(c.Relays)
	s.found = nil
	if len(c.Domains) == 0 {
		c.Domains = s.findDomains()
	}
	s.findServers(&c)
	s.findShared(&c)
	return c
}

// findDomains takes the domains of one success in twenty or more, the
// commonest first: a stray domain is some customer's or a test's.
func (s *Survey) findDomains() []string {
	var domains []string
	for domain, n := range s.domains {
		if n*20 >= s.named {
			domains = append(domains, domain)
		}
	}
	slices.SortFunc(domains, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.domains[b], s.domains[a]), cmp.Compare(a, b))
	})
	if len(domains) > 0 {
		s.say("%s is taken as the mail domain: %d of %d successes that name a domain name it", domains[0], s.domains[domains[0]], s.named)
	}
	return domains
}

func (s *Survey) findServers(c *Config) {
	servers := make([]netip.Addr, 0, len(s.servers))
	for ip := range s.servers {
		servers = append(servers, ip)
	}
	slices.SortFunc(servers, netip.Addr.Compare)
	for _, ip := range servers {
		if !contains(c.Relays, ip) {
			c.Relays = append(c.Relays, netip.PrefixFrom(ip, ip.BitLen()))
			s.say("%s is the mail server's own address: never blamed", ip)
		}
	}
}

// findShared judges the addresses that many accounts share.
func (s *Survey) findShared(c *Config) {
	many := max(manyAccounts, len(s.accounts)/50)
	var addrs []netip.Addr
	for ip, a := range s.addresses {
		if len(a.accounts) >= many && s.trusted(ip) && !contains(c.Relays, ip) && !contains(c.Own, ip) {
			addrs = append(addrs, ip)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	defer s.findOfficeV6(c, many)
	for _, ip := range addrs {
		a := s.addresses[ip]
		home, near := s.serverNetwork(ip)
		named := inDomain(a.host, c.Domains)
		_, web := s.web[ip]
		switch {
		case internal(ip):
			c.Relays = append(c.Relays, netip.PrefixFrom(ip, ip.BitLen()))
			s.say("%s logs in for %d accounts: taken as a webmail host, gateway or relay, never blamed", ip, len(a.accounts))
		case !near && !named:
			// Some provider's shared address, or a stranger's.
		case len(s.web) > 0 && !web:
			c.Relays = append(c.Relays, netip.PrefixFrom(ip, ip.BitLen()))
			s.say("%s logs in for %d accounts and never uses the web: taken as a webmail host, gateway or relay, never blamed", ip, len(a.accounts))
		default:
			office := netip.PrefixFrom(ip, ip.BitLen())
			// Among rented servers the neighbours are strangers.
			if near && c.Networks.Lookup(ip).Kind != traffic.KindHosting {
				office = home
			}
			if contains(c.Own, ip) {
				continue // its network was found by a neighbour
			}
			c.Own = append(c.Own, office)
			s.say("%s is taken as the organisation's own network: %s serves %d accounts there", office, ip, len(a.accounts))
		}
	}
}

// findOfficeV6 finds an office where every machine has its own address: many
// accounts in the /48 that a server of ours is in.
func (s *Survey) findOfficeV6(c *Config, many int) {
	people := map[netip.Prefix]map[uint64]struct{}{}
	for ip, a := range s.addresses {
		if !ip.Is6() || internal(ip) || contains(c.Relays, ip) || contains(c.Own, ip) {
			continue
		}
		if home, near := s.serverNetwork(ip); near && c.Networks.Lookup(ip).Kind != traffic.KindHosting {
			if people[home] == nil {
				people[home] = map[uint64]struct{}{}
			}
			maps.Copy(people[home], a.accounts)
		}
	}
	for _, home := range slices.SortedFunc(maps.Keys(people), netip.Prefix.Compare) {
		if n := len(people[home]); n >= many {
			c.Own = append(c.Own, home)
			s.say("%s is taken as the organisation's own network: it serves %d accounts", home, n)
		}
	}
}

// trusted keeps out a machine inside that guesses passwords and has guessed
// some: it has failures above all, and is not the way most people come in.
func (s *Survey) trusted(ip netip.Addr) bool {
	a := s.addresses[ip]
	return s.failed[ip] <= a.successes || len(a.accounts)*4 >= len(s.accounts)
}

// serverNetwork returns the network around ip, /24 or /48, and whether a
// public address of the mail server lies in it.
func (s *Survey) serverNetwork(ip netip.Addr) (netip.Prefix, bool) {
	bits := 24
	if ip.Is6() {
		bits = 48
	}
	network := netip.PrefixFrom(ip, bits).Masked()
	for server := range s.servers {
		if !internal(server) && network.Contains(server) {
			return network, true
		}
	}
	return network, false
}

func inDomain(host string, domains []string) bool {
	host = strings.TrimSuffix(host, ".")
	for _, d := range domains {
		d = canonicalDomain(d)
		if d != "" && (host == d || strings.HasSuffix(host, "."+d)) {
			return true
		}
	}
	return false
}

func (s *Survey) say(format string, args ...any) {
	s.found = append(s.found, fmt.Sprintf(format, args...))
}
