package abuse

import (
	"net/netip"
	"slices"

	"mailvigil/traffic"
)

// Residents are the accounts that belong at an address, in order: whose sign-ins
// from it are spread over half a day and more. An address that many share, the
// organisation's own and a rented one belong to nobody.
func (p *Profiles) Residents(addr netip.Addr) []string {
	s := p.sources[SourceKey(addr)]
	if s == nil {
		return nil
	}
	if n := s.Network.Value(); ours(n) || rented(n) || n.Kind == traffic.KindMobile {
		return nil
	}
	var out []string
	for name, w := range s.Signed {
		if w.last-w.first >= int64(belongsAfter) {
			out = append(out, name)
		}
	}
	if len(out) > sharedHome {
		return nil
	}
	slices.Sort(out)
	return out
}

// sharedHome is how many accounts may belong at an address for it to be a home.
const sharedHome = 8
