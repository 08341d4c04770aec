package abuse

import (
	"math/bits"
	"net/netip"
	"unique"

	"mailvigil/traffic"
)

// Use is how a network is used by those who signed in from it.
type Use struct {
	Accounts  int
	Addresses int
	Pairs     int // of an account and an address
	Phones    int // accounts that named phones alone there
	Computers int // accounts that named something else
}

// Use says how a network is used. Of each account it knows at most maxKnown
// addresses.
func (p *Profiles) Use(n unique.Handle[traffic.Network]) Use {
	var u Use
	addresses := make(map[netip.Addr]bool)
	for _, a := range p.accounts {
		pl := a.places[n]
		if pl == nil || pl.Success == 0 {
			continue
		}
		u.Accounts++
		u.Pairs += len(pl.Sources)
		for _, s := range pl.Sources {
			addresses[s] = true
		}
		if len(pl.Agents) == 0 {
			continue
		}
		phones := true
		for _, g := range pl.Agents {
			phones = phones && phone(g.Value().OS)
		}
		if phones {
			u.Phones++
		} else {
			u.Computers++
		}
	}
	u.Addresses = len(addresses)
	return u
}

func phone(os string) bool { return os == "iOS" || os == "Android" }

// SignedIn is how many accounts signed in from the source.
func (s *Source) SignedIn() int { return len(s.Signed) }

// OwnPhone reports whether a Record is of a phone that the account of a
// finding had used before it, at a network that it had used before it on
// several days, in another country than that of the finding.
func (p *Profiles) OwnPhone(r *traffic.Record, f *Finding) bool {
	a := p.accounts[r.Account]
	n := r.Network.Value()
	if a == nil || n.Kind == traffic.KindInternal || rented(n) || n.Country == "" || f.Network.Country == "" || n.Country == f.Network.Country {
		return false
	}
	pl := a.places[r.Network]
	if pl == nil || pl.First > f.First-int64(minHistory) || bits.OnesCount64(pl.Days) < habitDays {
		return false
	}
	if d := a.devices[string(r.Event.Device)]; d != nil && phone(r.Agent.Value().OS) {
		return d.first <= f.First-int64(minHistory)
	}
	return false
}

// habitDays is on how many days somebody must have been at a place for it to be
// one of his own.
const habitDays = 3

// Belonging is how many accounts belong at an address: whose sign-ins from it
// are spread over half a day and more.
func (p *Profiles) Belonging(addr netip.Addr) int {
	n := 0
	if s := p.sources[SourceKey(addr)]; s != nil {
		for _, w := range s.Signed {
			if w.last-w.first >= int64(belongsAfter) {
				n++
			}
		}
	}
	return n
}
