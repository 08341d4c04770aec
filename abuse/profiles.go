// Package abuse finds what is held against accounts, sources and devices:
// guessing, spraying, a stranger in a mailbox, a forgotten device.
//
// It is pure and works in two steps. Profiles remembers, in bounded memory,
// where each account is used from and what each source tried; counts only
// add up, so that readers of different files can be merged. Find then says
// what stands out, with the lines behind it and what speaks against it. The
// package does not weigh findings against benign causes: verdict does.
package abuse

import (
	"cmp"
	"iter"
	"maps"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"unique"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

// Bounds. Whoever forges names or walks through an IPv6 prefix must not
// choose our memory. Accounts that never signed in are not profiled at all:
// they are counted by traffic's heavy hitters only.
const (
	maxAccounts   = 200_000 // accounts that signed in at least once
	maxSources    = 100_000
	maxPlaces     = 24      // networks per account
	maxKnown      = 16      // clients and devices per account
	maxSigned     = 4096    // accounts listed per source that signed in: an office has many
	maxFailed     = 1024    // names listed per source that failed
	maxNames      = 300_000 // names listed in all sources together
	maxStale      = 20_000
	maxUnknown    = 8_192
	refsPerRecord = 3
)

// Place is a network that an account was used from.
type Place struct {
	Network  unique.Handle[traffic.Network]
	First    int64 // Unix nanoseconds
	Last     int64
	Success  int64 // authenticated events
	Sessions int64 // logins
	Sent     int64 // messages submitted, as far as lines tell: sign-ins at submission count as one
	Messages int64 // messages fetched
	Bytes    int64
	Hours    uint32 // hours of UTC day in which it was used, a bit each
	Days     uint64 // days since 1970 modulo 64 on which it was used, a bit each
	Services uint16 // a bit per maillog.Service
	Known    int64  // successes with a client or device that the line names
	Agents   []unique.Handle[traffic.Agent]
	Devices  []string     // the smallest maxKnown of them, in order
	Sources  []netip.Addr // the smallest maxKnown of them, in order
	Refs     []traffic.Ref
}

// seen is the first and last time, and how often.
type seen struct {
	first, last int64
	n           int64
}

func (s *seen) add(at int64) {
	if s.n == 0 || at < s.first {
		s.first = at
	}
	s.last = max(s.last, at)
	s.n++
}

func (s *seen) merge(o seen) {
	if s.n == 0 || o.first < s.first {
		s.first = o.first
	}
	s.last = max(s.last, o.last)
	s.n += o.n
}

// signIns is when an account signed in from a source, with the first line.
type signIns struct {
	seen
	ref traffic.Ref
}

func (s *signIns) merge(o *signIns) {
	if o.first < s.first || o.first == s.first && compareRefs(o.ref, s.ref) < 0 {
		s.ref = o.ref
	}
	s.seen.merge(o.seen)
}

// Account is what is remembered of one account.
type Account struct {
	Name    string
	Success int64
	First   int64
	Last    int64
	places  map[unique.Handle[traffic.Network]]*Place
	agents  map[unique.Handle[traffic.Agent]]*seen
	devices map[string]*seen
	// By service: events that signed in, and events that named a client.
	signed, stated [16]int32
}

// Source is what is remembered of one address; of an IPv6 address, of its
// /64, which is one household or one machine.
type Source struct {
	Addr     netip.Addr
	Network  unique.Handle[traffic.Network]
	First    int64 // of its failures
	Last     int64
	Success  int64
	Failure  int64
	Days     uint64 // days since 1970 modulo 64 on which it failed, a bit each
	Services uint16
	Failed   map[string]int64    // accounts, or names, that failed from here, at most maxFailed
	Signed   map[string]*signIns // accounts that signed in from here, at most maxSigned
	More     int64               // failures for names beyond those in Failed
	Nameless int64               // failures whose line does not say for whom
	Refs     []traffic.Ref       // of failures
}

// stale is one account failing from one source, perhaps one device.
type staleKey struct {
	account string
	source  netip.Addr
}

type stale struct {
	seen
	device string // the smallest of those stated
	refs   []traffic.Ref
}

// Profiles remembers accounts and sources. It is not safe for concurrent use.
// Once all events are added, Settle must be called before anything is asked.
type Profiles struct {
	accounts map[string]*Account
	sources  map[netip.Addr]*Source
	stales   map[staleKey]*stale
	webmails map[webmailKey]*Webmail
	// Names counts failures by name, whether or not there is such an account.
	Names *traffic.Heavy[string]
	// Forgotten counts sources that had to make room for others.
	Forgotten int64

	visits []*[visitPage]visit // by Party of the epoch, not entered yet
	top    int                 // how many of them may be in use
	epoch  int32

	crowdedWebmail bool // some uses of the webmail had no room

	names       int // in all of sources' Failed
	lastAccount *Account
	lastSource  *Source
}

// NewProfiles returns empty Profiles.
func NewProfiles() *Profiles {
	return &Profiles{
		accounts: make(map[string]*Account),
		sources:  make(map[netip.Addr]*Source),
		stales:   make(map[staleKey]*stale),
		webmails: make(map[webmailKey]*Webmail),
		Names:    traffic.NewHeavy[string](maxUnknown),
	}
}

// SourceKey is the address under which a source is remembered: an IPv4
// address itself, an IPv6 address without its lower 64 bits.
func SourceKey(a netip.Addr) netip.Addr {
	if a.Is6() && !a.Is4In6() {
		p, _ := a.Prefix(64)
		return p.Addr()
	}
	return a.Unmap()
}

// Add remembers one event. Of those that name no account, only refused logins
// teach something: whose address it was. (A web server's 401 without an
// account is the usual first step of a login, and no login.)
func (p *Profiles) Add(r *traffic.Record) {
	if r.Account == "" {
		if r.Event.Outcome == maillog.Failure && r.Event.Action == maillog.Login && r.Addr.IsValid() {
			p.source(SourceKey(r.Addr), r.Network).fail(r).Nameless++
		} else if r.Event.Outcome == maillog.Success {
			p.webmail(r)
		}
		return
	}
	switch r.Event.Outcome {
	case maillog.Success:
		if proven(r.Event) {
			p.success(r)
		}
	case maillog.Failure:
		p.failure(r)
	case maillog.OutcomeNone:
		p.use(r)
	}
}

// proven reports whether a success shows that the account's password was
// known. A web server writes down whatever name a client claims: behind a
// redirect, a page that everybody may read or a script of the sign-in page,
// nobody has checked it, and anybody could make us believe that anybody was
// anywhere.
func proven(e *maillog.Event) bool {
	if e.Status == 0 || e.Action == maillog.Login {
		return true
	}
	switch e.Service {
	case maillog.ServiceNone, maillog.Web, maillog.Autodiscover:
		return false
	case maillog.Webmail, maillog.OWA:
		return e.Action != maillog.Request
	}
	return e.Status < 300
}

// use remembers what a session that signed in earlier says of itself: the
// client behind an IMAP ID, how much was fetched when it ended. Its sign-in
// may stand in a file that another reader has, or before the logs begin. (Of
// web servers' lines only those with an outcome tell anything: the account in
// a request that was not found is a claim.)
func (p *Profiles) use(r *traffic.Record) {
	e := r.Event
	if e.Action != maillog.Logout && e.Action != maillog.Request || e.Status != 0 || !r.Addr.IsValid() {
		return
	}
	v, single := p.visit(r), visit{}
	if v == nil {
		v = single.of(r)
	}
	v.add(e)
	v.used++
	if v == &single {
		p.enter(v)
	}
}

func (p *Profiles) success(r *traffic.Record) {
	v, single := p.visit(r), visit{}
	if v == nil {
		v = single.of(r)
	}
	v.signedIn(r)
	if v == &single {
		p.enter(v)
	}
}

func (pl *Place) agent(g unique.Handle[traffic.Agent]) {
	if len(pl.Agents) < maxKnown && !slices.Contains(pl.Agents, g) {
		pl.Agents = append(pl.Agents, g)
	}
}

func (p *Profiles) failure(r *traffic.Record) {
	e := r.Event
	p.Names.Add(r.Account, 1)
	if !r.Addr.IsValid() {
		return
	}
	key := SourceKey(r.Addr)
	s := p.source(key, r.Network).fail(r)
	switch {
	case s.Failed[r.Account] > 0:
		s.Failed[r.Account]++
	case len(s.Failed) < maxFailed:
		if s.Failed == nil {
			s.Failed = make(map[string]int64, 1)
		}
		s.Failed[r.Account] = 1
		p.names++
	default:
		s.More++
	}

	k := staleKey{r.Account, key}
	st := p.stales[k]
	if st == nil {
		if len(p.stales) >= maxStale {
			p.dropStales()
		}
		st = &stale{}
		p.stales[k] = st
	}
	st.add(e.Time)
	if len(e.Device) > 0 && (st.device == "" || string(e.Device) < st.device) {
		st.device = string(e.Device)
	}
	st.refs = keepRef(st.refs, r.Ref)
}

// fail counts a failure from the source.
func (s *Source) fail(r *traffic.Record) *Source {
	e := r.Event
	if s.Failure == 0 || e.Time < s.First {
		s.First = e.Time
	}
	s.Last = max(s.Last, e.Time)
	s.Failure++
	s.Days |= 1 << (uint64(e.Time/86400e9) % 64)
	s.Services |= 1 << e.Service
	s.Refs = keepRef(s.Refs, r.Ref)
	return s
}

// dropStales forgets the pairs that failed once or twice: a device with an
// old password fails often.
func (p *Profiles) dropStales() {
	for limit := int64(2); len(p.stales) >= maxStale/2; limit *= 2 {
		for k, s := range p.stales {
			if s.n <= limit {
				delete(p.stales, k)
			}
		}
	}
}

// account returns the account, used at a time, or nil where there are too
// many.
func (p *Profiles) account(name string, at int64) *Account {
	a := p.lastAccount
	if a == nil || a.Name != name {
		a = p.accounts[name]
	}
	if a == nil {
		if len(p.accounts) >= maxAccounts {
			return nil
		}
		a = &Account{
			Name: name, First: at, Last: at,
			places:  make(map[unique.Handle[traffic.Network]]*Place, 2),
			agents:  make(map[unique.Handle[traffic.Agent]]*seen, 2),
			devices: make(map[string]*seen, 1),
		}
		p.accounts[name] = a
	}
	a.First, a.Last = min(a.First, at), max(a.Last, at)
	p.lastAccount = a
	return a
}

func (a *Account) place(n unique.Handle[traffic.Network], at int64) *Place {
	pl := a.places[n]
	if pl == nil {
		if len(a.places) >= maxPlaces {
			// The least used place makes room; it will come back if it matters.
			var least *Place
			for _, x := range a.places {
				if least == nil || x.Success < least.Success || x.Success == least.Success && x.Last < least.Last {
					least = x
				}
			}
			delete(a.places, least.Network)
		}
		pl = &Place{Network: n, First: at, Last: at}
		a.places[n] = pl
	}
	pl.First, pl.Last = min(pl.First, at), max(pl.Last, at)
	return pl
}

func (p *Profiles) source(key netip.Addr, n unique.Handle[traffic.Network]) *Source {
	if p.names >= maxNames {
		p.dropSources()
	}
	if s := p.lastSource; s != nil && s.Addr == key {
		return s
	}
	s := p.sources[key]
	if s == nil {
		if len(p.sources) >= maxSources {
			p.dropSources()
		}
		s = &Source{Addr: key, Network: n}
		p.sources[key] = s
	}
	p.lastSource = s
	return s
}

// dropSources forgets the sources that did least, as far up as it takes for no
// more than half of what is allowed to be left. All that did equally little go
// together, so that it does not matter in which order they are looked at. An
// attacker who uses each address once stays visible in the counts by network,
// not here.
func (p *Profiles) dropSources() {
	var sources, names [1024]int // by what they did, the last stands for more
	did := func(s *Source) int { return int(min(s.Failure+s.Success, int64(len(sources)-1))) }
	for _, s := range p.sources {
		sources[did(s)]++
		names[did(s)] += len(s.Failed)
	}
	least, left, listed := 0, len(p.sources), p.names
	for ; least < len(sources)-1 && (left > maxSources/2 || listed > maxNames/2); least++ {
		left -= sources[least]
		listed -= names[least]
	}
	if left > maxSources/2 || listed > maxNames/2 {
		least++ // so many that did so much: all begin anew
	}
	for k, s := range p.sources {
		if did(s) < least {
			delete(p.sources, k)
			p.names -= len(s.Failed)
			p.Forgotten++
		}
	}
	p.lastSource = nil
}

func note[K comparable](m map[K]*seen, k K, what seen) {
	if w := m[k]; w != nil {
		w.merge(what)
	} else if len(m) < maxKnown {
		m[k] = &what
	}
}

// Merge adds what another reader saw. The other must not be used afterwards.
func (p *Profiles) Merge(o *Profiles) {
	p.Settle()
	o.Settle()
	p.lastAccount, p.lastSource = nil, nil
	for name, b := range o.accounts {
		a := p.accounts[name]
		if a == nil {
			p.accounts[name] = b
			continue
		}
		a.First, a.Last = min(a.First, b.First), max(a.Last, b.Last)
		a.Success += b.Success
		for i := range a.signed {
			a.signed[i] += b.signed[i]
			a.stated[i] += b.stated[i]
		}
		for k, v := range b.agents {
			mergeSeen(a.agents, k, v)
		}
		for k, v := range b.devices {
			mergeSeen(a.devices, k, v)
		}
		for n, y := range b.places {
			x := a.places[n]
			if x == nil {
				a.places[n] = y
				continue
			}
			x.merge(y)
		}
	}
	for k, y := range o.sources {
		if x := p.sources[k]; x != nil {
			p.names -= len(x.Failed)
			x.merge(y)
			p.names += len(x.Failed)
			continue
		}
		p.sources[k] = y
		p.names += len(y.Failed)
	}
	if len(p.sources) > 2*maxSources || p.names > 2*maxNames {
		p.dropSources()
	}
	for k, y := range o.stales {
		x := p.stales[k]
		if x == nil {
			p.stales[k] = y
			continue
		}
		x.seen.merge(y.seen)
		for _, r := range y.refs {
			x.refs = keepRef(x.refs, r)
		}
		if x.device == "" || y.device != "" && y.device < x.device {
			x.device = y.device
		}
	}
	for k, y := range o.webmails {
		if x := p.webmails[k]; x != nil {
			x.merge(y)
		} else {
			p.webmails[k] = y
		}
	}
	p.crowdedWebmail = p.crowdedWebmail || o.crowdedWebmail
	p.Names.Merge(o.Names)
	p.Forgotten += o.Forgotten
}

func mergeSeen[K comparable](m map[K]*seen, k K, v *seen) {
	if w := m[k]; w != nil {
		w.merge(*v)
	} else {
		m[k] = v
	}
}

func (pl *Place) merge(o *Place) {
	pl.First, pl.Last = min(pl.First, o.First), max(pl.Last, o.Last)
	pl.Success += o.Success
	pl.Sessions += o.Sessions
	pl.Messages += o.Messages
	pl.Sent += o.Sent
	pl.Bytes += o.Bytes
	pl.Hours |= o.Hours
	pl.Days |= o.Days
	pl.Services |= o.Services
	pl.Known += o.Known
	for _, g := range o.Agents {
		pl.agent(g)
	}
	for _, d := range o.Devices {
		pl.Devices = keep(pl.Devices, d, strings.Compare)
	}
	for _, a := range o.Sources {
		pl.Sources = keep(pl.Sources, a, netip.Addr.Compare)
	}
	for _, r := range o.Refs {
		pl.Refs = keepRef(pl.Refs, r)
	}
}

func (s *Source) merge(o *Source) {
	if s.Failure == 0 || o.Failure > 0 && o.First < s.First {
		s.First = o.First
	}
	s.Last = max(s.Last, o.Last)
	s.Success += o.Success
	s.Failure += o.Failure
	s.More += o.More
	s.Nameless += o.Nameless
	s.Days |= o.Days
	s.Services |= o.Services
	if s.Failed == nil {
		s.Failed = o.Failed
	} else {
		for k, n := range o.Failed {
			s.Failed[k] += n
		}
	}
	if s.Signed == nil {
		s.Signed = o.Signed
	} else {
		for k, v := range o.Signed {
			if w := s.Signed[k]; w != nil {
				w.merge(v)
			} else {
				s.Signed[k] = v
			}
		}
	}
	for _, r := range o.Refs {
		s.Refs = keepRef(s.Refs, r)
	}
}

// keep adds a value to a list of the smallest maxKnown, so that it does not
// matter who came first.
func keep[T any](list []T, x T, compare func(a, b T) int) []T {
	i, found := slices.BinarySearchFunc(list, x, compare)
	switch {
	case found || i == maxKnown:
		return list
	case len(list) == maxKnown:
		list = list[:maxKnown-1]
	}
	return slices.Insert(list, i, x)
}

// keepRef adds a line to the few first ones, whichever reader saw them.
func keepRef(list []traffic.Ref, r traffic.Ref) []traffic.Ref {
	if n := len(list); n == refsPerRecord && compareRefs(r, list[n-1]) >= 0 {
		return list // nearly always: files are read in order
	}
	i, found := slices.BinarySearchFunc(list, r, compareRefs)
	if found {
		return list
	}
	return slices.Insert(list[:min(len(list), refsPerRecord-1)], i, r)
}

func compareRefs(a, b traffic.Ref) int {
	if a.File != b.File {
		return cmp.Compare(a.File, b.File)
	}
	return cmp.Compare(a.Line, b.Line)
}

// DayCount is on how many days (of the last 64) the source failed.
func (s *Source) DayCount() int { return bits.OnesCount64(s.Days) }

// Accounts returns how many accounts signed in at least once.
func (p *Profiles) Accounts() int { return len(p.accounts) }

// Account returns what is remembered of an account that signed in, or nil.
func (p *Profiles) Account(name string) *Account { return p.accounts[name] }

// Sources are all addresses remembered, in no order.
func (p *Profiles) Sources() iter.Seq[*Source] { return maps.Values(p.sources) }

// Source returns what is remembered of an address, or nil.
func (p *Profiles) Source(a netip.Addr) *Source { return p.sources[SourceKey(a)] }
