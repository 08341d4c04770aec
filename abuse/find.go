package abuse

import (
	"cmp"
	"fmt"
	"math"
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
	Session  string
	First    int64 // Unix nanoseconds
	Last     int64
	Count    int64
	Accounts []string // of a source: whom it tried, as far as remembered
	Tried    int      // how many names it tried
	Messages int64    // messages fetched
	Hours    uint32   // hours of UTC day in which it was, a bit each; 0 where not known
	Days     uint64   // days since 1970 modulo 64 on which it was, a bit each
	Sources  []netip.Addr
	Services []maillog.Service
	Refs     []traffic.Ref
	Against  []string // what speaks against the finding
}

// Thresholds of Find. They are stated in tries and people, not tuned to an
// organisation: a person forgets one password, a shared address holds many
// people who mostly succeed.
const (
	minNameless   = 5              // failures without a name, from an address at which nobody signs in
	minNamelessIn = 20             // the same, from a hosting address at which somebody signed in afterwards
	minStrangers  = 3              // names tried from a source that never signed in there
	sharedRatio   = 5              // strangers per person who belongs there, below which an address is shared, not hostile
	belongsAfter  = 12 * time.Hour // whoever signs in for so long from an address belongs there
	minGuesses    = 10             // tries for one account from a hosting address strange to it
	minStaleTries = 10
	minStaleSpan  = 24 * time.Hour
	minHistory    = 48 * time.Hour     // how long an account must be known before a place can be new
	together      = 7 * 24 * time.Hour // within which people who come to a network travel together
	takeoverFrom  = 4.5                // score from which a new place is held against somebody
	unsureFrom    = 0                  // score from which it is one of a crowd that guesses from there
	manyMailboxes = 3                  // new mailboxes of one device from which it is not a person's
	burst         = 60                 // messages sent an hour from which it is more than a person writes
	burstRatio    = 10                 // times what the account sends elsewhere
)

// Outlook for phones does not connect itself: Microsoft's cloud does, from
// addresses that look like those of any rented machine.
const (
	outlookMobile = "Outlook mobile"
	microsoft     = 8075
)

// Strangers counts the names that failed from the source and never signed in
// from it, and the people who belong there: those who signed in before the
// first failure, or whose sign-ins are spread over half a day and more. An
// office, a home or a carrier's shared address has people.
//
// Some servers do not say for whom a sign-in failed. Somebody's own device
// with an old password then looks like a guesser, so failures without names
// count only where nobody belongs.
func (s *Source) Strangers() (strangers, people int) {
	for name := range s.Failed {
		if s.Signed[name] == nil {
			strangers++
		}
	}
	for _, w := range s.Signed {
		if s.Failure == 0 || w.first < s.First || w.last-w.first >= int64(belongsAfter) {
			people++
		}
	}
	if len(s.Failed) == 0 && people == 0 {
		if s.Nameless >= minNameless && len(s.Signed) == 0 || s.Nameless >= minNamelessIn && rented(s.Network.Value()) {
			strangers = minStrangers
		}
	}
	return strangers, people
}

// Hostile reports whether a source tried the passwords of strangers: several
// names that do not belong there, more than got in, and few or no people who
// do belong.
func (s *Source) Hostile() bool {
	if ours(s.Network.Value()) {
		return false
	}
	strangers, people := s.Strangers()
	return strangers >= minStrangers && strangers >= len(s.Signed) && strangers >= sharedRatio*people &&
		s.Failure >= s.Success/4
}

// Stranger reports whether nobody had signed in from the source before a time
// (Unix nanoseconds), and it is none of the organisation's own.
func (s *Source) Stranger(before int64) bool {
	if ours(s.Network.Value()) {
		return false
	}
	for _, w := range s.Signed {
		if w.first < before {
			return false
		}
	}
	return true
}

// ours are the organisation's own servers and offices. Nothing is held
// against them: what they do, they do for people elsewhere.
func ours(n traffic.Network) bool {
	return n.Kind == traffic.KindInternal || n.Kind == traffic.KindOffice
}

// rented are networks in which anybody can have an address for an hour.
func rented(n traffic.Network) bool {
	return n.Kind == traffic.KindHosting || n.Kind == traffic.KindVPN
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

// HostileDays counts the hostile sources of each day, by days since 1970
// modulo 64.
func (p *Profiles) HostileDays() (days [64]int) {
	for _, s := range p.HostileSources() {
		for set := s.Days; set != 0; set &= set - 1 {
			days[bits.TrailingZeros64(set)]++
		}
	}
	return days
}

// HostileADay is the median number of hostile sources on the days on which
// there were any, of the last 64 (0 where there were none).
func (p *Profiles) HostileADay() float64 {
	days := p.HostileDays()
	busy := slices.DeleteFunc(days[:], func(n int) bool { return n == 0 })
	if len(busy) == 0 {
		return 0
	}
	slices.Sort(busy)
	return float64(busy[len(busy)/2])
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
			Refs: append([]traffic.Ref{w.ref}, s.Refs...),
		}
		for other := range s.Failed {
			if other != name {
				f.Tried++
			}
		}
		f.Title = fmt.Sprintf("signed in from an address that had tried %d other accounts", f.Tried)
		if len(s.Failed) == 0 {
			f.Weight = 3
			f.Title = fmt.Sprintf("signed in from an address that had failed %d times before", s.Failure)
		}
		if a := p.accounts[name]; a != nil {
			// Where networks are not known, all addresses are one place, which
			// says nothing of this one.
			if pl := a.places[s.Network]; pl != nil && s.Network.Value().ASN != 0 {
				f.Messages = pl.Messages
				if pl.First < s.First-int64(24*time.Hour) {
					f.Weight -= 3
					f.Against = append(f.Against, "the account has used this provider before, from another address")
				} else if a.First < s.First-int64(minHistory) {
					f.Weight++
					if a.newCountry(s.Network.Value().Country, w.first) {
						f.Weight++
					}
				}
				if a.familiarClient(pl, s.First, nil) {
					f.Weight -= 3
					f.Against = append(f.Against, "the client or device is one the account has used before")
				}
			}
			// A machine at home that guesses at others does so at one service, and
			// its owner comes in by another.
			if n, pl := s.Network.Value(), a.places[s.Network]; pl != nil && pl.Services&s.Services == 0 && n.Kind == traffic.KindResidential && !a.newCountry(n.Country, w.first) {
				f.Weight -= 4
				f.Against = append(f.Against, "it came in by another service than the one that was guessed at: it may be the account's own home, with a machine in other hands")
			}
			// Of whom nothing was seen before, it may be the home as well.
			if n := s.Network.Value(); a.First >= s.First-int64(24*time.Hour) && !rented(n) && n.ASN != 0 {
				f.Weight -= 3
				f.Against = append(f.Against, "the account was hardly seen before: it may be its own home, with a machine in other hands")
			}
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b Finding) int { return cmp.Compare(a.Account, b.Account) })
	return out
}

// Doubtful returns sign-ins after failures that named nobody, from a country
// that is new to the account. It may be a traveller whose device had an old
// password, so nothing is held against anybody on this alone; in the middle of
// an attack from many such addresses it is one of them.
func (p *Profiles) Doubtful() []Finding {
	var out []Finding
	for _, s := range p.sources {
		if len(s.Failed) > 0 || s.Nameless < minStrangers || len(s.Signed) != 1 || ours(s.Network.Value()) || s.Hostile() {
			continue
		}
		for name, w := range s.Signed {
			a := p.accounts[name]
			if a == nil || a.First > s.First-int64(minHistory) || w.first < s.First || !a.newCountry(s.Network.Value().Country, w.first) {
				continue
			}
			f := Finding{
				Code: ValidAccount, Account: name, Source: s.Addr, Network: s.Network.Value(), Weight: 2,
				First: s.First, Last: max(s.Last, w.last), Count: w.n,
				Sources: []netip.Addr{s.Addr}, Services: services(s.Services),
				Refs:  append([]traffic.Ref{w.ref}, s.Refs...),
				Title: fmt.Sprintf("signed in from an address that had failed %d times before, in a country new to the account", s.Failure),
			}
			if pl := a.places[s.Network]; pl != nil {
				f.Messages = pl.Messages
				if a.familiarClient(pl, s.First, nil) {
					continue
				}
			}
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.First, b.First), a.Source.Compare(b.Source))
	})
	return out
}

// Infected returns the hostile sources that are also where somebody here
// connects from every day: not a stranger, but a machine in a stranger's hands
// at home. One finding per account that belongs there.
func (p *Profiles) Infected() []Finding {
	var out []Finding
	for _, s := range p.sources {
		if n := s.Network.Value(); s.Failure == 0 || ours(n) || rented(n) || n.Kind == traffic.KindMobile {
			continue // an address that many share: the machine may be anybody's
		}
		// Its owner's phone and webmail go on beside it: how much succeeds from
		// there says nothing of it.
		if strangers, people := s.Strangers(); strangers < max(minStrangers, sharedRatio*people) {
			continue
		}
		for name, w := range s.Signed {
			if w.first >= s.First || w.last-w.first < int64(belongsAfter) {
				continue
			}
			strangers, _ := s.Strangers()
			out = append(out, Finding{
				Code: PasswordSpraying, Account: name, Source: s.Addr, Network: s.Network.Value(), Weight: 2,
				First: s.First, Last: s.Last, Count: s.Failure, Tried: strangers,
				Sources: []netip.Addr{s.Addr}, Services: services(s.Services),
				Refs:  append([]traffic.Ref{w.ref}, s.Refs...),
				Title: fmt.Sprintf("a machine at the account's usual address tried the passwords of %d others", strangers),
			})
		}
	}
	slices.SortFunc(out, func(a, b Finding) int {
		return cmp.Or(a.Source.Compare(b.Source), cmp.Compare(a.Account, b.Account))
	})
	return out
}

// Guessing gives one finding per hostile source, and one per account that a
// single stranger's address keeps trying.
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
		if s.More > 0 {
			f.Title = fmt.Sprintf("tried the passwords of more than %d accounts, %d failures", strangers, s.Failure)
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
	for k, st := range p.stales {
		if s := p.sources[k.source]; s != nil && !s.Hostile() && p.guessed(k, st, s) {
			out = append(out, Finding{
				Code: PasswordGuessing, Source: s.Addr, Network: s.Network.Value(), Weight: 1,
				First: st.first, Last: st.last, Count: st.n, Tried: 1, Accounts: []string{k.account},
				Services: services(s.Services), Refs: st.refs, Sources: []netip.Addr{s.Addr},
				Title:   fmt.Sprintf("tried the password of %s %d times, from a network it has never used", k.account, st.n),
				Against: []string{"a device of its own with an old password, behind a VPN, looks the same"},
			})
		}
	}
	slices.SortFunc(out, func(a, b Finding) int {
		return cmp.Or(a.Source.Compare(b.Source), cmp.Compare(b.Tried, a.Tried), slices.Compare(a.Accounts, b.Accounts))
	})
	return out
}

// guessed tells somebody who guesses at one account from a forgotten device:
// it comes from a rented machine in a network that the account never used, it
// is no device of the account, and nobody ever signed in there.
func (p *Profiles) guessed(k staleKey, st *stale, s *Source) bool {
	n := s.Network.Value()
	if st.n < minGuesses || len(s.Signed) > 0 || !rented(n) {
		return false
	}
	a := p.accounts[k.account]
	return a == nil || a.devices[st.device] == nil && !a.usesProvider(n, math.MaxInt64)
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
		if src != nil && (src.Hostile() || p.guessed(k, st, src)) {
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

// provider is how the organisation as a whole knows a network.
type provider struct {
	accounts int     // that use it
	first    int64   // when the first of them came
	strange  int     // of them, accounts for which it is new
	guests   []guest // of these, accounts that came with a client of their own
}

type guest struct {
	name string
	at   int64
}

// Takeovers looks for accounts in a stranger's hands without any failure: a
// network that is new for the account and for the organisation, a client
// that is new or does not say what it is, many sessions or messages, several
// accounts in the same hands.
//
// None of these alone is held against anybody: people travel, buy phones and
// work at night. What is unfamiliar adds up, what is familiar counts against.
func (p *Profiles) Takeovers() []Finding {
	held, _ := p.Newcomers()
	return held
}

// Newcomers returns, beside the Takeovers, the sign-ins from new places with
// clients new to the account that are not enough to be held against anybody.
func (p *Profiles) Newcomers() (takeovers, unsure []Finding) {
	providers := make(map[uint32]*provider)
	names := make([]string, 0, len(p.accounts))
	begin := int64(math.MaxInt64) // of all that is known
	for name, a := range p.accounts {
		names = append(names, name)
		begin = min(begin, a.First)
		first := make(map[uint32]int64, len(a.places))
		for n, pl := range a.places {
			asn := n.Value().ASN
			if at, ok := first[asn]; !ok || pl.First < at {
				first[asn] = pl.First
			}
		}
		for asn, at := range first {
			o := providers[asn]
			if o == nil {
				o = &provider{first: at}
				providers[asn] = o
			}
			o.accounts++
			o.first = min(o.first, at)
		}
	}
	slices.Sort(names)

	type candidate struct {
		a  *Account
		pl *Place
	}
	crowded := p.crowdedDevices()
	var cands []candidate
	sharing := make(map[netip.Addr]int) // source → accounts for whom it is new
	for _, name := range names {
		a := p.accounts[name]
		var last uint32
		for _, pl := range a.newPlaces(begin) {
			cands = append(cands, candidate{a, pl})
			for _, s := range pl.Sources {
				sharing[s]++
			}
			n := pl.Network.Value()
			if n.ASN == last || a.usesProvider(n, pl.First) {
				continue // counted already: a provider can have several networks
			}
			last = n.ASN
			o := providers[n.ASN]
			o.strange++
			// A device of many is nobody's own.
			if a.familiarClient(pl, pl.First, nil) && !slices.ContainsFunc(pl.Devices, func(d string) bool { return crowded[d] >= manyMailboxes }) {
				o.guests = append(o.guests, guest{name, pl.First})
			}
		}
	}

	var out []Finding
	var held []*Place // of the account at hand
	for i, c := range cands {
		a, pl := c.a, c.pl
		if i > 0 && cands[i-1].a != a {
			held = nil
		}
		n := pl.Network.Value()
		if a.usesProvider(n, pl.First-int64(minHistory), held...) {
			continue // the same provider, from another country
		}
		score := 0.0
		var against []string
		speaks := func(weight float64, text string) {
			score -= weight
			against = append(against, text)
		}
		switch {
		case n.ASN == microsoft && pl.uses(outlookMobile):
			speaks(2, "Outlook for phones connects from Microsoft's addresses")
		case rented(n):
			score += 2
		case n.Kind == traffic.KindMobile || n.Kind == traffic.KindResidential:
			speaks(1, "the network serves homes or phones")
		}
		if a.newCountry(n.Country, pl.First) {
			score++
		}
		familiar := a.familiarClient(pl, pl.First, held)
		if familiar {
			speaks(5, "the client or device is one the account has used before")
		} else if pl.Known == 0 && a.statesClients(pl) {
			score += 1.5
		} else if len(held) > 0 && a.familiarClient(pl, pl.First, nil) {
			score += 3 // known from the stranger alone: he came back
		}
		place := score
		// The hours in which it was used, at the most.
		hours := int64(max(1, bits.OnesCount32(pl.Hours)*bits.OnesCount64(pl.Days)))
		if pl.Sessions >= 15*hours {
			score += 1.5
		}
		if pl.Messages >= 100 && pl.Messages >= 50*hours {
			score += 2.5
		}
		// Company explains a new place, not what is sent from it.
		sent := !familiar && pl.Sent/hours >= burst && pl.Sent/hours >= burstRatio*a.usualSending(pl)
		company := 1.0
		if sent {
			company = 0.5
		}
		if n.ASN != 0 {
			o := providers[n.ASN]
			if o.first < pl.First-int64(24*time.Hour) && o.accounts-o.strange >= 2 {
				speaks(3*company, "other people of the organisation use this network")
			}
			others := 0
			for _, g := range o.guests {
				if g.name != a.Name && max(g.at-pl.First, pl.First-g.at) <= int64(together) {
					others++
				}
			}
			if others >= 2 {
				speaks(4*company, fmt.Sprintf("%d other people came to this network with devices of their own: they travel together", others))
			}
		}
		shared := 0
		for _, s := range pl.Sources {
			shared = max(shared, sharing[s])
		}
		// Two who hide behind the same VPN meet at one of its addresses.
		if shared >= 3 || shared == 2 && !rented(n) {
			score++
		}
		mailboxes := 0
		for _, d := range pl.Devices {
			mailboxes = max(mailboxes, crowded[d])
		}
		if mailboxes >= manyMailboxes && !familiar {
			score += 2.5
		}
		if sent {
			score += 6
			if rented(n) && pl.First-a.First < int64(minHistory) {
				speaks(7, "a mailing service that was given an account of its own looks the same")
			}
		}
		// Where nothing was done that speaks against it, that the client does not say
		// what it is does not either: a secretary who opens a mailbox beside her
		// own, from home and behind a VPN, may have a client that never does.
		if silent := !familiar && pl.Known == 0; silent && score >= takeoverFrom && score <= place && !slices.ContainsFunc(pl.Sources, p.hostile) && a.statesClients(pl) {
			score -= 1.5
		}
		if score < takeoverFrom && (familiar || score < unsureFrom) {
			continue
		}
		f := Finding{
			Code: ValidAccount, Account: a.Name, Network: n, Weight: score,
			First: pl.First, Last: pl.Last, Count: pl.Success, Messages: pl.Messages,
			Sources: slices.Clone(pl.Sources), Services: services(pl.Services), Refs: pl.Refs, Against: against,
			Hours: pl.Hours, Days: pl.Days,
			Title: fmt.Sprintf("signed in %d times from a network new to the account, %d messages fetched", pl.Sessions, pl.Messages),
		}
		if !familiar {
			f.Title = fmt.Sprintf("signed in %d times from a network new to the account, with a client new to it, %d messages fetched", pl.Sessions, pl.Messages)
		}
		switch {
		case sent:
			f.Title = fmt.Sprintf("sent %d messages, %d an hour, from a network new to the account", pl.Sent, pl.Sent/hours)
			f.Against = append(f.Against, "a mailing to many people from a new place looks the same")
		case mailboxes >= manyMailboxes:
			f.Title = fmt.Sprintf("one device, new to the account, opened %d mailboxes from a network new to them", mailboxes)
			f.Against = append(f.Against, "a device through which somebody reads several mailboxes on purpose looks the same")
			f.Device = pl.Devices[0]
		}
		if len(pl.Sources) == 1 {
			f.Source = pl.Sources[0]
		}
		if score < takeoverFrom {
			unsure = append(unsure, f)
			continue
		}
		held = append(held, pl)
		out = append(out, f)
	}
	return out, unsure
}

// Doubt is what a second look at a sign-in from a new place shows.
type Doubt struct {
	Deeds    Deeds
	Searches int64 // the most that anybody else searched in those hours, from one address
	Beside   int   // how often its owner was at the office within minutes, at the same service
	Phone    int   // how often a phone of its owner's was elsewhere within minutes (OwnPhone)
	Moved    bool  // that phone was at several places: it was not left at home
	Company  bool  // another account signs in there for which the place is not in doubt
}

// What a second look must show to be held against somebody: searches beyond
// everybody's, and how often the owner was elsewhere at the same time.
const (
	manySearches   = 15
	besideSometime = 3
)

// Weigh adds to a finding what the second look shows, and reports whether it is
// to be held against somebody now. Whoever travels or hides behind a VPN reads
// and writes; that he has his mail forwarded from the first day on, or goes
// through it with searches beyond everybody's, is another matter. At a home in
// another country nobody is while he sits in the office here; what comes out of
// a rented machine may be his own computer behind a VPN, left running.
func (d *Doubt) Weigh(f *Finding) bool {
	if n := d.Deeds.Forwards + d.Deeds.Rules; n > 0 {
		f.Weight += 4
		f.Title += fmt.Sprintf(", and changed forwarding or mail rules %d times", n)
		f.Against = append(f.Against, "somebody who travels and sets a note of his absence looks the same")
	}
	if n := d.Deeds.Searches; n >= manySearches && n >= 2*d.Searches && 4*n >= d.Deeds.Read {
		f.Weight += 4.5
		f.Title += fmt.Sprintf(", and searched the mailbox %d times", n)
	}
	if k := f.Network.Kind; !d.Company && (k == traffic.KindResidential || k == traffic.KindMobile) {
		switch {
		case d.Beside >= besideSometime:
			f.Weight += 4.5
			f.Title += fmt.Sprintf(", %d times while its owner was at the office", d.Beside)
		case d.Phone >= besideSometime && d.Moved:
			f.Weight += 4.5
			f.Title += fmt.Sprintf(", %d times while its owner's phone was in use here", d.Phone)
			f.Against = append(f.Against, "somebody who travels and lent his phone to another looks the same")
		}
	}
	return f.Weight >= takeoverFrom
}

// Sweeps finds the machines that opened a large part of all mailboxes, one
// after the other and without a failure, where most of them had never been
// opened from: a migration or a new backup, or somebody who holds everybody's
// password. One finding per machine; Against and Clients say which it may be.
func (p *Profiles) Sweeps() []Sweep {
	var out []Sweep
	for _, s := range p.sources {
		n := s.Network.Value()
		if ours(n) || len(s.Signed) < minSwept || float64(len(s.Signed)) < sweptShare*float64(len(p.accounts)) || s.Failure*20 > int64(len(s.Signed)) {
			continue
		}
		w := Sweep{Source: s.Addr, Network: n, First: math.MaxInt64, Of: len(p.accounts)}
		fresh, tools, used := 0, 0, uint16(0)
		for name, in := range s.Signed {
			a := p.accounts[name]
			if a == nil {
				continue
			}
			w.Accounts = append(w.Accounts, name)
			w.First, w.Last, w.Count = min(w.First, in.first), max(w.Last, in.last), w.Count+in.n
			w.Refs = keepRef(w.Refs, in.ref)
			pl := a.places[s.Network]
			if pl == nil || a.First < in.first-int64(minHistory) && pl.First >= in.first-int64(minHistory) {
				fresh++
			}
			if pl != nil {
				w.Messages += pl.Messages
				used |= pl.Services
				for _, g := range pl.Agents {
					if c := g.Value().Client; slices.Contains(copiers, c) {
						tools++
						w.Client = c
						break
					}
				}
			}
		}
		if fresh*10 < len(s.Signed)*7 {
			continue // people belong there
		}
		if tools*10 < len(s.Signed)*9 {
			w.Client = ""
		}
		slices.Sort(w.Accounts)
		w.Services = services(used)
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b Sweep) int { return a.Source.Compare(b.Source) })
	return out
}

// Sweep is one machine that opened a large part of all mailboxes.
type Sweep struct {
	Source      netip.Addr
	Network     traffic.Network
	Accounts    []string
	Of          int    // accounts that there are
	Client      string // the tool for copying mailboxes that it says it is, "" where it says nothing of the kind
	First, Last int64  // Unix nanoseconds
	Count       int64  // sign-ins
	Messages    int64
	Services    []maillog.Service
	Refs        []traffic.Ref
}

// A sweep is of so many mailboxes, and of such a share of all.
const (
	minSwept   = 15
	sweptShare = 0.3
)

// copiers are the tools that copy mailboxes from server to server, by what they
// say in IMAP's ID (RFC 2971). Anybody can say it.
var copiers = []string{"imapsync", "OfflineIMAP", "mbsync", "isync", "fetchmail", "getmail", "MigrationWiz", "CloudM", "imapcopy", "MailStore", "larch", "dsync"}

// Walked returns the accounts that, between two times (Unix nanoseconds), were
// opened at a source with a client that was new to them and that hardly anybody
// here had used before: whoever goes through the mailboxes of others from a
// desk in the office has nothing else that sets him apart. Two at the least;
// one is somebody with a new client.
func (p *Profiles) Walked(source netip.Addr, from, to int64) []Finding {
	s := p.Source(source)
	if s == nil {
		return nil
	}
	with := make(map[string][]string)
	for name, in := range s.Signed {
		a := p.accounts[name]
		if a == nil || in.last < from || a.First > from-int64(minHistory) {
			continue
		}
		pl := a.places[s.Network]
		if pl == nil {
			continue
		}
		for _, g := range pl.Agents {
			w := a.agents[g]
			if w == nil || w.first < from || w.first > to || a.usedClient(g.Value().Client, from) {
				continue
			}
			if c := g.Value().Client; !slices.Contains(with[c], name) {
				with[c] = append(with[c], name)
			}
		}
	}
	var out []Finding
	for client, names := range with {
		before := 0
		for _, a := range p.accounts {
			if a.usedClient(client, from) {
				before++
			}
		}
		if client == "" || len(names) < 2 || before*4 > len(names) {
			continue
		}
		for _, name := range names {
			a, in := p.accounts[name], s.Signed[name]
			f := Finding{
				Code: ValidAccount, Account: name, Source: s.Addr, Network: s.Network.Value(), Weight: 4.5,
				First: math.MaxInt64, Sources: []netip.Addr{s.Addr}, Refs: append([]traffic.Ref{in.ref}, s.Refs...),
				Title:   fmt.Sprintf("opened with %s, which the account had never used, from an address that had just tried others", client),
				Against: []string{"many share this address; a client given to several people at once looks the same"},
			}
			for g, w := range a.agents {
				if g.Value().Client == client {
					f.First, f.Last, f.Count = min(f.First, w.first), max(f.Last, w.last), f.Count+w.n
				}
			}
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Account, b.Account))
	})
	return out
}

// usedClient reports whether the account used a client, of whichever version,
// before a time.
func (a *Account) usedClient(client string, before int64) bool {
	for g, w := range a.agents {
		if g.Value().Client == client && w.first < before {
			return true
		}
	}
	return false
}

// Move is a network to which many people came at once with the devices that
// they had before, most of them leaving another for it: a carrier that sends its customers
// through other addresses, an office that changed its line.
type Move struct {
	Address       netip.Addr      // of a place that is new to all of them: an office, a hall; zero of a network
	Prefix        netip.Prefix    // of several such addresses, else zero
	Network, From traffic.Network // From is what most of them left, zero where that is not clear
	Accounts      int
	Of            int // accounts that there are
	First, Last   int64
	Services      []maillog.Service
	Refs          []traffic.Ref
}

// A move is of so many people and of such a share of all, within movedWithin;
// of twice the share where it cannot be seen that they left another network:
// homes and phones can have the same provider.
const (
	minMoved    = 6
	movedShare  = 0.04
	movedWithin = 72 * time.Hour
)

// Moves finds them, the largest first.
func (p *Profiles) Moves() []Move {
	type mover struct {
		at   int64
		a    *Account
		pl   *Place
		left traffic.Network
	}
	begin := int64(math.MaxInt64)
	for _, a := range p.accounts {
		begin = min(begin, a.First)
	}
	users := make(map[uint32]int)
	movers := make(map[uint32][]mover)
	for _, a := range p.accounts {
		counted := make(map[uint32]bool, len(a.places))
		for _, pl := range a.places {
			n := pl.Network.Value()
			if pl.Success == 0 || n.ASN == 0 || counted[n.ASN] {
				continue
			}
			counted[n.ASN] = true
			users[n.ASN]++
			if ours(n) || rented(n) || pl.First-a.First < int64(minHistory) || pl.First-begin < int64(2*minHistory) || a.usesProvider(n, pl.First) || !a.familiarClient(pl, pl.First, nil) {
				continue
			}
			m := mover{at: pl.First, a: a, pl: pl}
			for _, other := range a.places {
				// Used on days enough to be a habit, and hardly since.
				if o := other.Network.Value(); !ours(o) && bits.OnesCount64(other.Days) >= 3 && other.First < pl.First && other.Last < pl.First+int64(24*time.Hour) && other.Last > pl.First-int64(4*24*time.Hour) {
					m.left = o
					break
				}
			}
			movers[n.ASN] = append(movers[n.ASN], m)
		}
	}
	var out []Move
	for asn, list := range movers {
		slices.SortFunc(list, func(a, b mover) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.a.Name, b.a.Name))
		})
		// The busiest stretch: one who travelled there before does not hide it.
		from, to := 0, 0
		for i, k := 0, 0; k < len(list); k++ {
			for list[k].at > list[i].at+int64(movedWithin) {
				i++
			}
			if k+1-i > to-from {
				from, to = i, k+1
			}
		}
		list = list[from:to]
		left := make(map[traffic.Network]int)
		gone := 0
		for _, m := range list {
			if m.left != (traffic.Network{}) {
				left[m.left]++
				gone++
			}
		}
		if len(list) < minMoved || float64(len(list)) < movedShare*float64(len(p.accounts)) || len(list)*10 < users[asn]*6 || gone*2 < len(list) && float64(len(list)) < 2*movedShare*float64(len(p.accounts)) {
			continue
		}
		m := Move{Network: list[0].pl.Network.Value(), Accounts: len(list), Of: len(p.accounts), First: list[0].at}
		for n, k := range left {
			if k*2 > len(list) {
				m.From = n
			}
		}
		used := uint16(0)
		for _, x := range list {
			m.Last = max(m.Last, x.pl.Last)
			used |= x.pl.Services
			for _, ref := range x.pl.Refs {
				m.Refs = keepRef(m.Refs, ref)
			}
		}
		m.Services = services(used)
		out = append(out, m)
	}
	out = append(out, p.gatherings(begin)...)
	slices.SortFunc(out, func(a, b Move) int {
		return cmp.Or(cmp.Compare(b.Accounts, a.Accounts), cmp.Compare(a.Network.ASN, b.Network.ASN), a.Address.Compare(b.Address))
	})
	return out
}

// gatherings finds the addresses at which many people began to sign in within
// movedWithin, nobody before them, and again on another day: an office that
// moved, a hall where all meet. It must be in a country that most of them had
// used and no rented machine, and they must hardly fail there.
func (p *Profiles) gatherings(begin int64) []Move {
	var out []Move
	near := make(map[netip.Prefix][]*Source)
	for _, s := range p.sources {
		if len(s.Signed) > 0 && !ours(s.Network.Value()) {
			near[neighbours(s.Addr)] = append(near[neighbours(s.Addr)], s)
		}
	}
	for _, s := range p.sources {
		n := s.Network.Value()
		least := max(minMoved, int(movedShare*float64(len(p.accounts))))
		if len(s.Signed) < least || rented(n) || n.Kind == traffic.KindMobile || n.Kind == traffic.KindInternal || s.Failure*10 > s.Success {
			continue
		}
		m := Move{Address: s.Addr, Network: n, Of: len(p.accounts), First: math.MaxInt64}
		early, here := 0, 0
		for _, w := range s.Signed {
			m.First, m.Last = min(m.First, w.first), max(m.Last, w.last)
		}
		pool := 0 // people who used a neighbour before, as with a carrier that shares addresses
		for name := range s.Signed {
			if slices.ContainsFunc(near[neighbours(s.Addr)], func(o *Source) bool {
				w := o.Signed[name]
				return o != s && w != nil && w.first < m.First-int64(settled)
			}) {
				pool++
			}
		}
		if pool*4 > len(s.Signed) {
			continue
		}
		used := uint16(0)
		for name, w := range s.Signed {
			a := p.accounts[name]
			if a == nil || a.First > m.First-int64(minHistory) {
				continue
			}
			if w.first > m.First+int64(movedWithin) {
				continue
			}
			early++
			if !a.newCountry(n.Country, m.First) {
				here++
			}
			if pl := a.places[s.Network]; pl != nil {
				used |= pl.Services
			}
			m.Refs = keepRef(m.Refs, w.ref)
		}
		m.Accounts = early
		if early < least || here*2 < early || m.First-begin < int64(2*minHistory) || m.Last-m.First < int64(belongsAfter) {
			continue
		}
		m.Services = services(used)
		out = append(out, m)
	}
	return joined(out)
}

// joined makes one place of addresses that stand next to each other and came
// into use together: a line of its own.
func joined(list []Move) []Move {
	slices.SortFunc(list, func(a, b Move) int { return a.Address.Compare(b.Address) })
	var out []Move
	for _, m := range list {
		if n := len(out) - 1; n >= 0 && neighbours(out[n].Address) == neighbours(m.Address) && max(out[n].First-m.First, m.First-out[n].First) <= int64(movedWithin) {
			o := &out[n]
			o.Prefix = neighbours(m.Address)
			// Who is at both is not known; the larger of them is not too many.
			o.Accounts, o.First, o.Last = max(o.Accounts, m.Accounts), min(o.First, m.First), max(o.Last, m.Last)
			for _, s := range m.Services {
				if !slices.Contains(o.Services, s) {
					o.Services = append(o.Services, s)
				}
			}
			slices.Sort(o.Services)
			continue
		}
		out = append(out, m)
	}
	return out
}

// neighbours is the prefix that a provider's shared addresses have in common.
func neighbours(a netip.Addr) netip.Prefix {
	bits := 24
	if a.Is6() {
		bits = 48
	}
	return netip.PrefixFrom(a, bits).Masked()
}

// crowdedDevices counts for how many accounts a device is new. A phone belongs
// to one person, with a shared mailbox or two.
func (p *Profiles) crowdedDevices() map[string]int {
	out := make(map[string]int)
	for _, a := range p.accounts {
		for d, w := range a.devices {
			if w.first-a.First >= int64(minHistory) {
				out[d]++
			}
		}
	}
	return out
}

// usualSending is how many messages the account sends in an hour in which it
// sends, everywhere but at a place; at least 1.
func (a *Account) usualSending(but *Place) int64 {
	most := int64(1)
	for _, pl := range a.places {
		if pl != but && pl.First < but.First {
			hours := int64(max(1, bits.OnesCount32(pl.Hours)*bits.OnesCount64(pl.Days)))
			most = max(most, pl.Sent/hours)
		}
	}
	return most
}

// newPlaces are the places first used when the account had been known long
// enough to have habits; and those from which an account that had not signed in
// since the logs begin sends many messages at once.
func (a *Account) newPlaces(begin int64) []*Place {
	var out []*Place
	for _, pl := range a.places {
		known := a.First
		if pl.Sent >= 2*burst {
			known = begin
		}
		if pl.Success > 0 && pl.First-known >= int64(minHistory) && !ours(pl.Network.Value()) {
			out = append(out, pl)
		}
	}
	slices.SortFunc(out, func(x, y *Place) int {
		m, n := x.Network.Value(), y.Network.Value()
		return cmp.Or(cmp.Compare(x.First, y.First), cmp.Compare(m.ASN, n.ASN), cmp.Compare(m.Country, n.Country), cmp.Compare(m.Kind, n.Kind))
	})
	return out
}

// newCountry reports whether a country is known and the account had not used
// it before a time.
func (a *Account) newCountry(country string, before int64) bool {
	if country == "" {
		return false
	}
	for n, pl := range a.places {
		if n.Value().Country == country && pl.First < before {
			return false
		}
	}
	return true
}

// usesProvider reports whether the account used a provider before a time, in
// whichever country. Places that are held against it do not count.
func (a *Account) usesProvider(provider traffic.Network, before int64, held ...*Place) bool {
	for n, pl := range a.places {
		if provider.ASN != 0 && n.Value().ASN == provider.ASN && pl.First < before && !slices.Contains(held, pl) {
			return true
		}
	}
	return false
}

// UsedProvider reports whether the account used a provider before a time
// (Unix nanoseconds).
func (a *Account) UsedProvider(n traffic.Network, before int64) bool {
	return a.usesProvider(n, before)
}

// familiarClient reports whether a client or a device of a place is one that
// the account used before a time. What was only ever seen in places that are
// held against it is the stranger's, not its own.
func (a *Account) familiarClient(pl *Place, before int64, held []*Place) bool {
	before -= int64(time.Hour) // a stranger's first steps are his own
	elsewhere := func(has func(*Place) bool) bool {
		if len(held) == 0 {
			return true
		}
		for _, x := range a.places {
			if x != pl && has(x) && !slices.Contains(held, x) {
				return true
			}
		}
		return false
	}
	for _, d := range pl.Devices {
		if w := a.devices[d]; w != nil && w.first < before && elsewhere(func(x *Place) bool { return slices.Contains(x.Devices, d) }) {
			return true
		}
	}
	// ActiveSync gives every device a name of its own; that it calls itself the
	// same sort of phone is no proof where none of the names is known.
	if len(pl.Devices) > 0 && pl.Services == 1<<maillog.ActiveSync {
		return false
	}
	for _, g := range pl.Agents {
		mine := g.Value()
		for h, w := range a.agents {
			// A client of another version is the same client, updated.
			v := h.Value()
			if v.Client == mine.Client && v.OS == mine.OS && w.first < before && elsewhere(func(x *Place) bool { return slices.Contains(x.Agents, h) }) {
				return true
			}
		}
	}
	return false
}

// uses reports whether a client of that name was seen at the place.
func (pl *Place) uses(client string) bool {
	return slices.ContainsFunc(pl.Agents, func(g unique.Handle[traffic.Agent]) bool { return g.Value().Client == client })
}

// hostile reports whether a source tried the passwords of strangers.
func (p *Profiles) hostile(source netip.Addr) bool {
	s := p.sources[source]
	return s != nil && s.Failure > 0 && s.Hostile()
}

// statesClients reports whether the account's lines name a client at one of the
// services used at a place: then so many lines without one are another client's.
// A client that is silent is always silent, so an account with some silent lines
// elsewhere has a client of that sort, and nothing follows from more of them.
func (a *Account) statesClients(pl *Place) bool {
	const (
		chance = 0.1
		stray  = 3 // lines without a client that say nothing: a line lost, a session that broke off
	)
	for i := range a.signed {
		if pl.Services&(1<<i) == 0 || a.signed[i] == 0 {
			continue
		}
		elsewhere := float64(int64(a.signed[i]) - pl.Success)
		silent := elsewhere - float64(a.stated[i])
		if elsewhere <= 0 || silent > max(stray, 0.1*elsewhere) {
			continue
		}
		if math.Pow(max(0, silent/elsewhere, 1/(1+elsewhere)), float64(pl.Success)) <= chance {
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
