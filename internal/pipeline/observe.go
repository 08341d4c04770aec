package pipeline

import (
	"context"
	"net/netip"
	"unique"

	"mailvigil/abuse"
	"mailvigil/internal/enrich"
	"mailvigil/internal/intake"
	"mailvigil/traffic"
)

// Observed is what logs show of addresses and networks.
type Observed struct {
	profiles *abuse.Profiles
	worker   *enrich.Worker
}

// Observe reads the files of a set once, for what they show of addresses.
func Observe(ctx context.Context, set *intake.Set, o Options) (*Observed, error) {
	r, err := first(ctx, set, o)
	if err != nil {
		return nil, err
	}
	return &Observed{r.profiles, r.enricher.Worker()}, nil
}

// Worker enriches as the run did, with what it found of the organisation.
func (o *Observed) Worker() *enrich.Worker { return o.worker }

// Address is how many accounts signed in from an address (of IPv6, from its
// /64), and how often it failed to sign in.
func (o *Observed) Address(a netip.Addr) (accounts int, failures int64) {
	s := o.profiles.Source(a)
	if s == nil {
		return 0, 0
	}
	return s.SignedIn(), s.Failure
}

// Network is how a network is used.
func (o *Observed) Network(n unique.Handle[traffic.Network]) enrich.Use {
	return enrich.Use(o.profiles.Use(n))
}
