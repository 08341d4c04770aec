package abuse

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"time"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

// Aim is slow guessing against a few people: each try from an address that is
// used once or twice, so that no address stands out, and so seldom that no hour
// does. What stands out is whom they are after.
type Aim struct {
	Accounts []string // who is guessed at, in order
	Sources  []netip.Addr
	First    int64 // Unix nanoseconds, of the run of tries
	Sure     int64 // by when it had begun at the latest, as far as everyday tries leave a doubt
	Last     int64
	Count    int64
	Usual    float64 // how many such addresses most accounts see in as long a time
	Wide     bool    // it is after everybody; then Usual is how many such tries there are in as many days
	Services []maillog.Service
	Refs     []traffic.Ref

	providers map[uint32]bool // of the sources
}

// An account is aimed at where so many strangers' addresses tried it, once or
// twice each, and so many times as many as nine of ten accounts see. Whoever
// tries everybody aims at nobody: then nine of ten see as many.
const (
	minAimed   = 20
	aimedRatio = 5
	seldomUsed = 3 // tries of an address, and names it tries, at the most
	aimedPause = 12 * time.Hour
	fewPeople  = 20 // accounts, below which there is no telling what is usual
	everyDay   = 48 * time.Hour
)

type aimedTry struct {
	at      int64
	n       int64
	account string
	source  *Source
	refs    []traffic.Ref
}

// Aims finds them, in logs that begin at a time (Unix nanoseconds). A run of tries that was there when the logs began is everyday here,
// whatever it is: nothing says that it began.
func (p *Profiles) Aims(begin int64) []Aim {
	by := make(map[string][]aimedTry)
	for k, st := range p.stales {
		s, a := p.sources[k.source], p.accounts[k.account]
		if s == nil || a == nil || st.n > seldomUsed || s.Failure > 2*seldomUsed || len(s.Failed) > seldomUsed {
			continue
		}
		n := s.Network.Value()
		if ours(n) || len(s.Signed) > 0 {
			continue
		}
		// A phone of its own shows another of its carrier's addresses each time.
		if a.devices[st.device] != nil || a.usesProvider(n, st.first) || n.ASN == 0 && a.usesNear(k.source) {
			continue
		}
		by[k.account] = append(by[k.account], aimedTry{st.first, st.n, k.account, s, st.refs})
	}
	if len(p.accounts) < fewPeople || len(by) == 0 {
		return nil
	}
	counts := make([]int, 0, len(p.accounts))
	for name := range p.accounts {
		counts = append(counts, len(by[name]))
	}
	slices.Sort(counts)
	usual := counts[len(counts)*9/10]
	var tries []aimedTry
	for _, list := range by {
		if len(list) >= max(minAimed, aimedRatio*usual) {
			tries = append(tries, list...)
		}
	}
	slices.SortFunc(tries, func(a, b aimedTry) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.account, b.account), a.source.Addr.Compare(b.source.Addr))
	})
	var out []Aim
	for len(tries) > 0 {
		n := 1
		for n < len(tries) && tries[n].at-tries[n-1].at <= int64(aimedPause) {
			n++
		}
		if n >= minAimed && tries[0].at >= begin+int64(everyDay) {
			out = append(out, aimOf(tries[:n], usual))
		}
		tries = tries[n:]
	}
	if len(out) == 0 {
		out = p.wide(begin, by)
	}
	return out
}

// wideShare is the share of all accounts that a guesser tries who is after
// everybody.
const wideShare = 0.3

// wide finds the days on which far more strangers' addresses than on others
// tried existing accounts, once or twice each: somebody who is after everybody
// and never comes twice from the same address. Bots do not know the names, and
// those who do mostly stay at theirs.
func (p *Profiles) wide(begin int64, by map[string][]aimedTry) []Aim {
	const day = int64(24 * time.Hour)
	days := make(map[int64][]aimedTry)
	last := int64(0)
	for _, list := range by {
		for _, t := range list {
			d := (t.at - begin) / day
			days[d] = append(days[d], t)
			last = max(last, d)
		}
	}
	counts := make([]int, last+1)
	for d, list := range days {
		if d >= 0 {
			counts[d] = len(list)
		}
	}
	sorted := slices.Clone(counts)
	slices.Sort(sorted)
	usual := sorted[len(sorted)/2]
	for _, a := range p.accounts { // days without any are days as well
		last = max(last, (a.Last-begin)/day)
	}
	if int(last)+1 >= 2*len(counts) {
		usual = 0
	}
	var out []Aim
	for d := int64(everyDay) / day; d < int64(len(counts)); d++ {
		var tries []aimedTry
		n := 0
		for ; d < int64(len(counts)) && counts[d] >= max(minAimed, aimedRatio*usual); d++ {
			tries = append(tries, days[d]...)
			n++
		}
		who := make(map[string]bool)
		for _, t := range tries {
			who[t.account] = true
		}
		if n == 0 || len(who) < fewPeople || float64(len(who)) < wideShare*float64(len(p.accounts)) {
			continue
		}
		slices.SortFunc(tries, func(a, b aimedTry) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.account, b.account), a.source.Addr.Compare(b.source.Addr))
		})
		m := aimOf(tries, usual*n)
		m.Wide = true
		out = append(out, m)
	}
	return out
}

// usesNear reports whether the account signed in from a neighbour of an
// address, for addresses whose provider is not known.
func (a *Account) usesNear(addr netip.Addr) bool {
	bits := 16
	if addr.Is6() {
		bits = 32
	}
	near := netip.PrefixFrom(addr, bits).Masked()
	for _, pl := range a.places {
		if slices.ContainsFunc(pl.Sources, near.Contains) {
			return true
		}
	}
	return false
}

func aimOf(tries []aimedTry, usual int) Aim {
	m := Aim{First: tries[0].at, Usual: float64(usual), providers: make(map[uint32]bool)}
	accounts := make(map[string]int)
	sources := make(map[netip.Addr]bool)
	var at [16]int // sources by service
	for _, t := range tries {
		accounts[t.account]++
		m.Count += t.n
		m.Last = max(m.Last, t.at)
		if !sources[t.source.Addr] {
			sources[t.source.Addr] = true
			m.Sources = append(m.Sources, t.source.Addr)
			m.providers[t.source.Network.Value().ASN] = true
			for of := range at {
				if t.source.Services&(1<<of) != 0 {
					at[of]++
				}
			}
		}
		for _, ref := range t.refs {
			m.Refs = keepRef(m.Refs, ref)
		}
	}
	for name := range accounts {
		m.Accounts = append(m.Accounts, name)
	}
	slices.Sort(m.Accounts)
	slices.SortFunc(m.Sources, netip.Addr.Compare)
	set := uint16(0)
	for of, n := range at {
		if n*20 >= len(m.Sources) { // the rest are everyday tries among them
			set |= 1 << of
		}
	}
	m.Services = services(set)
	// Everyday tries come before it by chance: of so many, the first one or two
	// may be none of it. It has begun once the tries come at its own pace.
	pace := float64(m.Last-m.First) / float64(len(tries))
	m.Sure = min(m.Last, m.First+int64(math.Max(4*pace, float64(15*time.Minute))))
	return m
}

// Aimed returns the sign-ins from new places, of those that alone say too
// little, into accounts that were being guessed at. Where everybody is, that
// says nothing by itself: then they must come from a provider out of which it
// was guessed.
func (m *Aim) Aimed(unsure []Finding) []Finding {
	var out []Finding
	for _, f := range unsure {
		if m.Wide && (f.Network.ASN == 0 || !m.providers[f.Network.ASN]) {
			continue
		}
		if _, ok := slices.BinarySearch(m.Accounts, f.Account); ok && f.First >= m.First && f.First <= m.Last+int64(24*time.Hour) {
			f.Weight += aimedAt
			f.Title += ", while it was guessed at"
			out = append(out, f)
		}
	}
	return out
}

// aimedAt is what being guessed at for so long adds to a doubtful sign-in.
const aimedAt = 3
