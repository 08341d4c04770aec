package abuse

import (
	"cmp"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"time"
	"unique"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

// Code names what a finding holds against somebody: the ATT&CK technique
// where one fits (https://attack.mitre.org), else a word of ours.
type Code string

// The codes.
const (
	PasswordGuessing Code = "T1110.001" // many tries for few accounts
	PasswordSpraying Code = "T1110.003" // few tries for many accounts
	ValidAccount     Code = "T1078"     // a stranger signed in
	StalePassword    Code = "stale-password"
)

// Finding is something held against an account, a source or a device.
type Finding struct {
	Code     Code
	Title    string
	Weight   float64 // log-odds that this is hostile, as far as the finding alone can tell
	Account  string
	Source   netip.Addr // an IPv6 source is its /64
	Network  traffic.Network
	Device   string
	First    int64 // Unix nanoseconds
	Last     int64
	Count    int64
	Accounts []string // of a source: whom it tried, as far as remembered
	Tried    int      // how many names it tried
	Messages int64    // messages fetched
	Sources  []netip.Addr
	Services []maillog.Service
	Refs     []traffic.Ref
	Against  []string // what speaks against the finding
}

// Thresholds of Find. They are stated in tries and people, not tuned to an
// organisation: a person forgets one password, a shared address holds many
// people who mostly succeed.
const (
	minNameless   = 5   // failures without a name, from an address that had no success before
	minStrangers  = 3   // names tried from a source that never signed in there
	sharedRatio   = 2.0 // strangers per person who signs in there, below which an address is shared, not hostile
	minGuesses    = 10  // tries for one account from one stranger's address
	minStaleTries = 10
	minStaleSpan  = 24 * time.Hour
	minHistory    = 48 * time.Hour // how long an account must be known before a place can be new
	takeoverFrom  = 4.5            // score from which a new place is held against somebody
)

// Strangers counts the names that failed from the source and never signed in
// from it, and the people who do sign in there and did so before the first
// failure: an office, a home or a carrier's shared address.
func (s *Source) Strangers() (strangers, people int) {
	for name := range s.Failed {
		if s.Signed[name] == nil {
			strangers++
		}
	}
	if s.More > 0 {
		strangers += int(min(s.More, 1000)) // other names, not listed
	}
	for _, w := range s.Signed {
		if s.Failure == 0 || w.first < s.First {
			people++
		}
	}
	if len(s.Failed) == 0 && s.Nameless >= minNameless && people == 0 {
		// Some servers do not say for whom. Somebody's own device with an old
		// password looks the same, which is why success after such failures
		// weighs less (see SuccessAfterFailures).
		strangers = minStrangers
	}
	return strangers, people
}

// Hostile reports whether a source tried the passwords of strangers: several
// names that do not belong there, and few or no people who do.
func (s *Source) Hostile() bool {
	switch s.Network.Value().Kind {
	case traffic.KindInternal, traffic.KindOffice:
		return false
	}
	strangers, people := s.Strangers()
	return strangers >= minStrangers && float64(strangers) >= sharedRatio*float64(people) &&
		s.Failure >= s.Success/4
}

// HostileSources returns the sources that tried the passwords of strangers,
// in the order of address.
func (p *Profiles) HostileSources() []*Source {
	var out []*Source
	for _, s := range p.sources {
		if s.Failure > 0 && s.Hostile() {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *Source) int { return a.Addr.Compare(b.Addr) })
	return out
}

// SuccessAfterFailures returns the accounts that signed in from a hostile
// source after it began to try, and did not use it before.
func (p *Profiles) SuccessAfterFailures(s *Source) []Finding {
	var out []Finding
	for name, w := range s.Signed {
		if w.first < s.First {
			continue
		}
		f := Finding{
			Code: ValidAccount, Account: name, Source: s.Addr, Network: s.Network.Value(),
			First: w.first, Last: w.last, Count: w.n, Weight: 6,
			Sources: []netip.Addr{s.Addr}, Services: services(s.Services),
			Refs: slices.Concat(s.OK, s.Refs),
		}
		strangers, _ := s.Strangers()
		f.Tried = strangers + 1
		f.Title = fmt.Sprintf("signed in from an address that had tried %d other accounts", strangers)
		if len(s.Failed) == 0 {
			f.Weight = 3
			f.Title = fmt.Sprintf("signed in from an address that had failed %d times before", s.Failure)
		}
		if a := p.accounts[name]; a != nil {
			if pl := a.places[s.Network]; pl != nil {
				f.Messages = pl.Messages
				if pl.First < s.First-int64(24*time.Hour) {
					f.Weight -= 2
					f.Against = append(f.Against, "the account has used this provider before, from another address")
				} else if a.First < s.First-int64(minHistory) {
					f.Weight++
					if !a.usesCountry(s.Network.Value().Country, s.Network) {
						f.Weight++
					}
				}
			}
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b Finding) int { return cmp.Compare(a.Account, b.Account) })
	return out
}

// Guessing gives one finding per hostile source.
func (p *Profiles) Guessing() []Finding {
	var out []Finding
	for _, s := range p.HostileSources() {
		strangers, people := s.Strangers()
		f := Finding{
			Code: PasswordSpraying, Source: s.Addr, Network: s.Network.Value(), Weight: 2,
			First: s.First, Last: s.Last, Count: s.Failure, Tried: strangers,
			Services: services(s.Services), Refs: s.Refs, Sources: []netip.Addr{s.Addr},
			Title: fmt.Sprintf("tried the passwords of %d accounts, %d failures", strangers, s.Failure),
		}
		if len(s.Failed) == 0 {
			f.Tried = 0
			f.Title = fmt.Sprintf("failed to sign in %d times; the lines do not say for whom", s.Failure)
		}
		for name := range s.Failed {
			f.Accounts = append(f.Accounts, name)
		}
		slices.Sort(f.Accounts)
		if int64(strangers)*4 < s.Failure {
			f.Code = PasswordGuessing
		}
		if people > 0 {
			f.Against = append(f.Against, fmt.Sprintf("%d people had signed in from there before", people))
		}
		if d := s.DayCount(); d > 3 {
			f.Weight--
			f.Against = append(f.Against, fmt.Sprintf("it has tried on %d days: everyday noise of the Internet", d))
		}
		out = append(out, f)
	}
	return out
}

// Stale gives one finding per account and source that keep failing although
// the account signs in elsewhere: a device with an old password.
func (p *Profiles) Stale() []Finding {
	var out []Finding
	for k, st := range p.stales {
		a := p.accounts[k.account]
		if a == nil || st.n < minStaleTries || time.Duration(st.last-st.first) < minStaleSpan {
			continue
		}
		src := p.sources[k.source]
		if src != nil && src.Hostile() {
			continue
		}
		f := Finding{
			Code: StalePassword, Account: k.account, Source: k.source, Device: st.device,
			First: st.first, Last: st.last, Count: st.n, Weight: -3, Refs: st.refs,
			Title: fmt.Sprintf("a device with an old password has failed %d times: a device to be updated", st.n),
		}
		if src != nil {
			f.Network = src.Network.Value()
			if src.Signed[k.account] != nil {
				f.Against = append(f.Against, "the account also signs in from this address")
			}
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Account, b.Account), a.Source.Compare(b.Source))
	})
	return out
}

// orgPlaces is how the organisation as a whole knows a network.
type orgPlaces struct {
	accounts int
	first    int64
}

// Takeovers looks for accounts in a stranger's hands without any failure: a
// network that is new for the account and for the organisation, a client
// that is new or does not say what it is, many sessions or messages, at
// hours that are not the account's, several accounts in the same hands.
//
// None of these alone is held against anybody: people travel, buy phones and
// work at night. What is unfamiliar adds up, what is familiar counts against.
func (p *Profiles) Takeovers() []Finding {
	org := make(map[uint32]*orgPlaces)
	names := make([]string, 0, len(p.accounts))
	for name, a := range p.accounts {
		names = append(names, name)
		for n, pl := range a.places {
			asn := n.Value().ASN
			o := org[asn]
			if o == nil {
				o = &orgPlaces{first: pl.First}
				org[asn] = o
			}
			o.accounts++
			o.first = min(o.first, pl.First)
		}
	}
	slices.Sort(names)

	type candidate struct {
		a  *Account
		pl *Place
	}
	var cands []candidate
	sharing := make(map[netip.Addr]int) // source → accounts for whom it is new
	network := make(map[uint32]int)     // ASN → accounts for whom it is new
	guests := make(map[uint32]int)      // ASN → of these, accounts that came with a client of their own
	for _, name := range names {
		a := p.accounts[name]
		for _, pl := range a.newPlaces() {
			cands = append(cands, candidate{a, pl})
			network[pl.Network.Value().ASN]++
			if a.familiarClient(pl) > 0 {
				guests[pl.Network.Value().ASN]++
			}
			for _, s := range pl.Sources {
				sharing[s]++
			}
		}
	}

	var out []Finding
	for _, c := range cands {
		a, pl := c.a, c.pl
		n := pl.Network.Value()
		score := 0.0
		var against []string
		switch n.Kind {
		case traffic.KindHosting, traffic.KindVPN:
			score += 2
		case traffic.KindMobile, traffic.KindResidential:
			score--
			against = append(against, "the network serves homes or phones")
		}
		if !a.usesCountry(n.Country, pl.Network) {
			score++
		}
		if familiar := a.familiarClient(pl); familiar > 0 {
			score -= 5
			against = append(against, "the client or device is one the account has used before")
		} else if pl.Known == 0 && a.statesClients(pl.Services) {
			score += 1.5
		}
		if rate := float64(pl.Sessions) / float64(max(1, bits.OnesCount32(pl.Hours))); rate >= 15 {
			score += 1.5
		}
		if hours := int64(bits.OnesCount32(pl.Hours)); pl.Messages >= 100 && pl.Messages >= 50*hours {
			score += 2.5
		}
		if o := org[n.ASN]; n.ASN != 0 && o.first < pl.First-int64(24*time.Hour) && o.accounts-network[n.ASN] >= 2 {
			score -= 3
			against = append(against, "other people of the organisation use this network")
		}
		if guests[n.ASN] >= 2 {
			score -= 4
			against = append(against, fmt.Sprintf("%d other people came to this network with devices of their own: they travel together", guests[n.ASN]))
		}
		shared := 0
		for _, s := range pl.Sources {
			shared = max(shared, sharing[s])
		}
		if shared >= 2 {
			score++
		}
		if score < takeoverFrom {
			continue
		}
		f := Finding{
			Code: ValidAccount, Account: a.Name, Network: n, Weight: score,
			First: pl.First, Last: pl.Last, Count: pl.Success, Messages: pl.Messages,
			Sources: slices.Clone(pl.Sources), Services: services(pl.Services), Refs: pl.Refs, Against: against,
			Title: fmt.Sprintf("signed in %d times from a network new to the account, with a client new to it, %d messages fetched", pl.Sessions, pl.Messages),
		}
		if len(pl.Sources) == 1 {
			f.Source = pl.Sources[0]
		}
		out = append(out, f)
	}
	return out
}

// newPlaces are the places first used when the account had been known long
// enough to have habits.
func (a *Account) newPlaces() []*Place {
	var out []*Place
	for _, pl := range a.places {
		if pl.Success > 0 && pl.First-a.First >= int64(minHistory) {
			out = append(out, pl)
		}
	}
	slices.SortFunc(out, func(x, y *Place) int {
		return cmp.Or(cmp.Compare(x.First, y.First), cmp.Compare(x.Network.Value().ASN, y.Network.Value().ASN))
	})
	return out
}

func (a *Account) usesCountry(country string, but unique.Handle[traffic.Network]) bool {
	for n, pl := range a.places {
		if n != but && pl.Success > 0 && n.Value().Country == country {
			return true
		}
	}
	return false
}

// familiarClient counts the clients and devices of a place that the account
// used before the place was new.
func (a *Account) familiarClient(pl *Place) int {
	n := 0
	for _, d := range pl.Devices {
		if w := a.devices[d]; w != nil && w.first < pl.First-int64(time.Hour) {
			n++
		}
	}
	for _, g := range pl.Agents {
		mine := g.Value()
		for h, w := range a.agents {
			// A client of another version is the same client, updated.
			if v := h.Value(); v.Client == mine.Client && v.OS == mine.OS && w.first < pl.First-int64(time.Hour) {
				n++
				break
			}
		}
	}
	return n
}

// statesClients reports whether the account's lines usually name a client at
// one of these services.
func (a *Account) statesClients(set uint16) bool {
	for i := range a.signed {
		if set&(1<<i) != 0 && a.signed[i] > 0 && a.stated[i]*5 >= a.signed[i] {
			return true
		}
	}
	return false
}

// Familiar says whether an account had used a source, a device, or had
// signed in at all, before a time (Unix nanoseconds).
func (p *Profiles) Familiar(account string, addr netip.Addr, device string, before int64) (known, source, dev bool) {
	a := p.accounts[account]
	if a == nil {
		return false, false, false
	}
	known = a.First < before
	if addr.IsValid() {
		if s := p.sources[SourceKey(addr)]; s != nil {
			w := s.Signed[account]
			source = w != nil && w.first < before
		}
	}
	if device != "" {
		w := a.devices[device]
		dev = w != nil && w.first < before
	}
	return known, source, dev
}

func services(set uint16) []maillog.Service {
	var out []maillog.Service
	for s := maillog.Service(1); s < 16; s++ {
		if set&(1<<s) != 0 {
			out = append(out, s)
		}
	}
	return out
}
