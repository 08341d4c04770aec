package abuse

import (
	"maps"
	"slices"
	"unique"

	"mailvigil/traffic"
)

// With gives the Profiles as they were with what another reader saw besides.
// Both must be settled; p is not changed and shares what the other has not
// touched, so that many what-ifs cost little more than the accounts and sources
// in them. The other must not be used afterwards.
func (p *Profiles) With(o *Profiles) *Profiles {
	q := &Profiles{
		accounts: maps.Clone(p.accounts), sources: maps.Clone(p.sources), stales: maps.Clone(p.stales), webmails: maps.Clone(p.webmails),
		Names: p.Names.Clone(), Forgotten: p.Forgotten, crowdedWebmail: p.crowdedWebmail, names: p.names,
	}
	for name := range o.accounts {
		if a := q.accounts[name]; a != nil {
			q.accounts[name] = a.clone()
		}
	}
	for key := range o.sources {
		if s := q.sources[key]; s != nil {
			q.sources[key] = s.clone()
		}
	}
	for key := range o.stales {
		if s := q.stales[key]; s != nil {
			c := *s
			c.refs = slices.Clone(s.refs)
			q.stales[key] = &c
		}
	}
	for key := range o.webmails {
		if w := q.webmails[key]; w != nil {
			c := *w
			q.webmails[key] = &c
		}
	}
	q.Merge(o)
	return q
}

func (a *Account) clone() *Account {
	c := *a
	c.places = make(map[unique.Handle[traffic.Network]]*Place, len(a.places))
	for n, pl := range a.places {
		x := *pl
		x.Agents, x.Devices = slices.Clone(pl.Agents), slices.Clone(pl.Devices)
		x.Sources, x.Refs = slices.Clone(pl.Sources), slices.Clone(pl.Refs)
		c.places[n] = &x
	}
	c.agents = cloneSeen(a.agents)
	c.devices = cloneSeen(a.devices)
	return &c
}

func cloneSeen[K comparable](m map[K]*seen) map[K]*seen {
	out := make(map[K]*seen, len(m))
	for k, v := range m {
		x := *v
		out[k] = &x
	}
	return out
}

func (s *Source) clone() *Source {
	c := *s
	c.Failed, c.Refs = maps.Clone(s.Failed), slices.Clone(s.Refs)
	if s.Signed != nil {
		c.Signed = make(map[string]*signIns, len(s.Signed))
		for k, v := range s.Signed {
			x := *v
			c.Signed[k] = &x
		}
	}
	return &c
}

// AccountNames are those that signed in, in no order.
func (p *Profiles) AccountNames() []string { return slices.Collect(maps.Keys(p.accounts)) }

// FewestMoved is how many accounts a Move has at the least: where fewer signed
// in, there is none more.
const FewestMoved = minMoved
