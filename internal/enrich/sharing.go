package enrich

import (
	"fmt"
	"math"

	"mailvigil/traffic"
)

// Use is how the organisation's people use a network, as the logs show it.
type Use struct {
	Accounts  int // that signed in from it
	Addresses int // that they signed in from
	Pairs     int // of an account and an address
	Phones    int // accounts of which phones alone were seen there
	Computers int // accounts of which something else was seen there
}

// Shared is how many accounts make an address a shared one: more than a
// household has, as behind an office, a carrier's exit or a VPN's.
const Shared = manyAccounts

// fewest is from how many accounts on the use of a network says something.
const fewest = 4

// Observed weighs the table's judgement against how the network is used.
//
// Each kind has a prior: the table's confidence for its kind, the rest shared
// out over the others; and for each of three observations a likelihood that is
// stated here (judgements, not fitted): whether phones alone come from it,
// whether an account comes from many of its addresses, and whether an address
// serves many accounts. A carrier's phones move through addresses that many
// share; a home has one address for weeks and one or two accounts; an office
// puts many computers behind few addresses that stay; rented servers have none
// of these. The product is normalised (naive Bayes). Kinds that use does not
// tell apart stay as the table says.
func (j Judged) Observed(u Use) Judged {
	if u.Accounts < fewest || u.Addresses == 0 {
		return j
	}
	named := u.Phones + u.Computers
	phones := 0.5
	if named > 0 {
		phones = float64(u.Phones) / float64(named)
	}
	moving := float64(u.Pairs) / float64(u.Accounts)   // addresses of an account
	crowded := float64(u.Pairs) / float64(u.Addresses) // accounts of an address
	candidates := []struct {
		kind                    traffic.Kind
		prior                   float64 // where the table says nothing
		phones, moving, crowded float64 // how likely the observation is of the kind
	}{
		{traffic.KindMobile, 0.3, pick3(phones, 0.5, 0.9, 0.05, 0.25, 0.7), pick3(moving, 2, 4, 0.1, 0.3, 0.6), pick3(crowded, 1.5, 3, 0.2, 0.4, 0.4)},
		{traffic.KindResidential, 0.5, pick3(phones, 0.5, 0.9, 0.5, 0.4, 0.1), pick3(moving, 2, 4, 0.6, 0.3, 0.1), pick3(crowded, 1.5, 3, 0.9, 0.08, 0.02)},
		{traffic.KindHosting, 0.1, pick3(phones, 0.5, 0.9, 0.7, 0.2, 0.1), pick3(moving, 2, 4, 0.6, 0.3, 0.1), pick3(crowded, 1.5, 3, 0.7, 0.2, 0.1)},
		{traffic.KindOffice, 0.15, pick3(phones, 0.5, 0.9, 0.8, 0.15, 0.05), pick3(moving, 2, 4, 0.6, 0.3, 0.1), pick3(crowded, 1.5, 3, 0.05, 0.25, 0.7)},
	}
	told := false
	for _, c := range candidates {
		told = told || c.kind == j.Kind
	}
	if j.Kind != traffic.KindUnknown && !told {
		return j
	}
	total, best := 0.0, Judged{}
	for _, c := range candidates {
		prior := c.prior
		switch {
		case j.Kind == c.kind:
			prior = j.Confidence
		case j.Kind != traffic.KindUnknown:
			prior = (1 - j.Confidence) / float64(len(candidates)-1)
		}
		p := prior * c.phones * c.moving * c.crowded
		total += p
		if p > best.Confidence {
			best = Judged{Kind: c.kind, Confidence: p}
		}
	}
	best.Confidence = math.Min(best.Confidence/total, 0.99)
	best.Why = fmt.Sprintf("%d accounts from %d addresses, %.0f %% of them with phones alone, %.1f addresses an account, %.1f accounts an address",
		u.Accounts, u.Addresses, 100*phones, moving, crowded)
	switch {
	case j.Kind != traffic.KindUnknown:
		best.Why = j.Why + " as " + string(j.Kind) + "; " + best.Why
	case j.Why != "":
		best.Why = j.Why + "; " + best.Why
	}
	return best
}

// pick3 chooses by where x lies: below low, between, from high on.
func pick3(x, low, high, below, between, above float64) float64 {
	switch {
	case x < low:
		return below
	case x < high:
		return between
	}
	return above
}
