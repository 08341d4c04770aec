package abuse

import (
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
