package abuse

import (
	"net/netip"
	"strings"
	"unique"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

// visit adds up the use of a mailbox by one party (traffic.Record.Party):
// nearly all lines are the same devices again, and five maps for each of them
// cost more than reading the line. What is added up says the same as its
// events one by one: sums, the earliest and the latest, the first lines. It is
// entered into the Profiles by settle.
type visit struct {
	in, used        int64 // events that signed in, and those of use
	first, last     int64 // of both, Unix nanoseconds
	firstIn, lastIn int64 // of those that signed in
	sessions        int64
	messages, bytes int64
	days            uint64
	hours           uint32
	known           bool // the rest is filled in
	refs            uint8

	service maillog.Service
	account string
	device  string
	agent   unique.Handle[traffic.Agent]
	network unique.Handle[traffic.Network]
	addr    netip.Addr
	ref     traffic.Ref // of the earliest that signed in
	lines   [refsPerRecord]traffic.Ref
}

// visitPage is how many visits are made room for at a time.
const visitPage = 256

// visit returns that of the party of a Record, nil where it has none.
func (p *Profiles) visit(r *traffic.Record) *visit {
	if r.Party <= 0 {
		return nil
	}
	if r.Epoch != p.epoch {
		p.Settle()
		p.epoch = r.Epoch
	}
	i := int(r.Party) - 1
	for i/visitPage >= len(p.visits) {
		p.visits = append(p.visits, new([visitPage]visit))
	}
	p.top = max(p.top, i+1)
	v := &p.visits[i/visitPage][i%visitPage]
	if !v.known {
		v.of(r)
	}
	return v
}

// of says whose visit it is.
func (v *visit) of(r *traffic.Record) *visit {
	v.known = true
	v.service, v.account, v.device = r.Event.Service, r.Account, string(r.Event.Device)
	v.agent, v.network, v.addr = r.Agent, r.Network, r.Addr
	return v
}

func (v *visit) add(e *maillog.Event) {
	if v.in+v.used == 0 {
		v.first, v.last = e.Time, e.Time
	}
	v.first, v.last = min(v.first, e.Time), max(v.last, e.Time)
	v.messages += int64(e.Messages)
	v.bytes += max(e.Bytes, 0)
}

func (v *visit) signedIn(r *traffic.Record) {
	e := r.Event
	v.add(e)
	if v.in == 0 || e.Time < v.firstIn || e.Time == v.firstIn && compareRefs(r.Ref, v.ref) < 0 {
		v.firstIn, v.ref = e.Time, r.Ref
	}
	if v.in == 0 {
		v.lastIn = e.Time
	}
	v.lastIn = max(v.lastIn, e.Time)
	v.in++
	if e.Action == maillog.Login {
		v.sessions++
	}
	v.hours |= 1 << (uint64(e.Time/3600e9) % 24)
	v.days |= 1 << (uint64(e.Time/86400e9) % 64)
	if int(v.refs) < len(v.lines) { // a reader's lines come in order
		v.lines[v.refs] = r.Ref
		v.refs++
	}
}

// Settle enters what the visits added up. It must be called once all events
// are added, before anything is asked.
func (p *Profiles) Settle() {
	for i := range p.top {
		v := &p.visits[i/visitPage][i%visitPage]
		if v.in+v.used > 0 {
			p.enter(v)
		}
		*v = visit{}
	}
	p.top = 0
}

// Close settles, and gives back what only Add needs.
func (p *Profiles) Close() {
	p.Settle()
	p.visits = nil
}

func (p *Profiles) enter(v *visit) {
	if v.account == "" {
		p.enterWebmail(v)
		return
	}
	a := p.account(v.account, v.first)
	if a == nil {
		return
	}
	a.Last = max(a.Last, v.last)
	a.Success += v.in
	a.signed[v.service] += int32(v.in)
	if !v.addr.IsValid() {
		return
	}
	pl := a.place(v.network, v.first)
	pl.Last = max(pl.Last, v.last)
	pl.Messages += v.messages
	pl.Bytes += v.bytes
	a.names(pl, v)
	if v.in == 0 {
		return
	}
	pl.Success += v.in
	pl.Sessions += v.sessions
	if v.service == maillog.Submission {
		pl.Sent += v.sessions
	}
	pl.Hours |= v.hours
	pl.Days |= v.days
	pl.Services |= 1 << v.service
	key := SourceKey(v.addr)
	pl.Sources = keep(pl.Sources, key, netip.Addr.Compare)
	for _, ref := range v.lines[:v.refs] {
		pl.Refs = keepRef(pl.Refs, ref)
	}
	s := p.source(key, v.network)
	s.Success += v.in
	in := signIns{seen{v.firstIn, v.lastIn, v.in}, v.ref}
	if w := s.Signed[v.account]; w != nil {
		w.merge(&in)
	} else if len(s.Signed) < maxSigned {
		if s.Signed == nil {
			s.Signed = make(map[string]*signIns, 1)
		}
		s.Signed[v.account] = &in
	}
}

// names remembers the client and the device of a visit.
func (a *Account) names(pl *Place, v *visit) {
	n := v.in + v.used
	known := false
	if v.agent.Value() != (traffic.Agent{}) {
		known = true
		note(a.agents, v.agent, seen{v.first, v.last, n})
		pl.agent(v.agent)
	}
	if v.device != "" {
		known = true
		note(a.devices, v.device, seen{v.first, v.last, n})
		pl.Devices = keep(pl.Devices, v.device, strings.Compare)
	}
	if known {
		pl.Known += n
		a.stated[v.service] += int32(n)
	}
}
