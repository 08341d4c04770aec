package abuse

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"
	"unique"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

// WebSession is the code of a session used from elsewhere without a sign-in
// (ATT&CK T1550.004, Web Session Cookie).
const WebSession Code = "T1550.004"

// Webmail is the use of a webmail from one source with one client, as a web
// server's lines show it: they do not name the account.
type Webmail struct {
	Source      netip.Addr
	Network     unique.Handle[traffic.Network]
	Agent       unique.Handle[traffic.Agent]
	First, Last int64 // Unix nanoseconds, of what only somebody signed in can do
	Count       int64
	signIns     int64
}

type webmailKey struct {
	source netip.Addr
	agent  unique.Handle[traffic.Agent]
}

// Bounds and thresholds of sessions without a sign-in.
const (
	maxWebmail   = 50_000
	minDeeds     = 8  // below it, it may be the end of a session that an address change cut off
	minSignedIn  = 10 // sources with a sign-in, below which the logs may not show sign-ins at all
	mostUnsigned = 0.2
	settled      = 24 * time.Hour // a session may have begun before the logs did
)

// signedIn are the requests that a webmail answers only to somebody signed in,
// and that ask for something of a mailbox. The list of messages is not among
// them: anybody can ask for it, and gets the sign-in page with the same status.
func signedIn(a maillog.Action) bool {
	switch a {
	case maillog.Read, maillog.Search, maillog.Download, maillog.Send, maillog.Delete, maillog.Rule, maillog.Forward:
		return true
	}
	return false
}

// webmail remembers a request to the webmail that names no account.
func (p *Profiles) webmail(r *traffic.Record) {
	e := r.Event
	if e.Service != maillog.Webmail || !r.Addr.IsValid() || e.Action != maillog.Login && !signedIn(e.Action) {
		return
	}
	v, single := p.visit(r), visit{}
	if v == nil {
		v = single.of(r)
	}
	if e.Action == maillog.Login {
		v.in++
	} else {
		if v.used == 0 {
			v.first, v.last = e.Time, e.Time
		}
		v.first, v.last = min(v.first, e.Time), max(v.last, e.Time)
		v.used++
	}
	if v == &single {
		p.enterWebmail(v)
	}
}

func (p *Profiles) enterWebmail(v *visit) {
	k := webmailKey{SourceKey(v.addr), v.agent}
	w := p.webmails[k]
	if w == nil {
		if len(p.webmails) >= maxWebmail {
			p.crowdedWebmail = true // who signed in where can no longer be told
			return
		}
		w = &Webmail{Source: k.source, Network: v.network, Agent: v.agent}
		p.webmails[k] = w
	}
	w.merge(&Webmail{First: v.first, Last: v.last, Count: v.used, signIns: v.in})
}

func (w *Webmail) merge(o *Webmail) {
	if o.Count > 0 {
		if w.Count == 0 {
			w.First, w.Last = o.First, o.Last
		}
		w.First, w.Last = min(w.First, o.First), max(w.Last, o.Last)
	}
	w.Count += o.Count
	w.signIns += o.signIns
}

// Unsigned returns the uses of the webmail from where nobody signed in at it,
// the busiest first. Where the logs do not show most sign-ins (a single sign-on,
// a missing file), there is nothing to be told from that one is missing, and
// none are returned.
func (p *Profiles) Unsigned() []Webmail {
	if p.crowdedWebmail {
		return nil
	}
	begin := int64(math.MaxInt64)
	for _, a := range p.accounts {
		begin = min(begin, a.First)
	}
	signed, unsigned := 0, 0
	var out []Webmail
	for _, w := range p.webmails {
		if w.Count < minDeeds {
			continue
		}
		if w.signIns > 0 || p.signsInAtWebmail(w.Source) {
			signed++
			continue
		}
		unsigned++
		if w.First >= begin+int64(settled) && !ours(w.Network.Value()) {
			out = append(out, *w)
		}
	}
	if signed < minSignedIn || float64(unsigned) > mostUnsigned*float64(signed+unsigned) {
		return nil
	}
	slices.SortFunc(out, func(a, b Webmail) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), a.Source.Compare(b.Source), cmp.Compare(a.First, b.First))
	})
	return out
}

// signsInAtWebmail reports whether an account that uses the webmail signed in
// from the source: the webmail's own log tells of sign-ins too.
func (p *Profiles) signsInAtWebmail(source netip.Addr) bool {
	s := p.sources[source]
	if s == nil {
		return false
	}
	for name := range s.Signed {
		if a := p.accounts[name]; a != nil {
			if pl := a.places[s.Network]; pl != nil && pl.Services&(1<<maillog.Webmail) != 0 {
				return true
			}
		}
	}
	return false
}

// Cookie is what was found out of a session that is used where nobody signed
// in: what the lines around it show.
type Cookie struct {
	Webmail
	Account  string // whose mailbox, "" where that is not known
	How      string // by which account it is known, in words
	Session  string // as the webmail's own log names it, "" where not known
	SignedIn int64  // when its owner signed in, Unix nanoseconds, 0 where not known
	// Opens: the first request loads the whole page, as a browser does that was
	// given a cookie. One that goes on where it was asks for the next message.
	Opens bool
	// Goes on: a session with such a client had just ended elsewhere, so that it
	// may be the same one whose address changed.
	GoesOn bool
	// Beside: its owner uses the mailbox at the same time.
	Beside bool
	// SameClient and OtherClient: the client is, or is not, one of those where
	// its owner signed in. Neither, where that is not known.
	SameClient, OtherClient bool
	Deeds                   Deeds
	Refs                    []traffic.Ref
}

// Stolen weighs a session used from where nobody signed in. The cookie of a
// browser knows no place: a telephone that leaves the house, a provider that
// changes the address, a VPN that is switched on all carry a session on, with
// the same client, without a new page, and where it was is silent from then on.
func (p *Profiles) Stolen(c *Cookie) (f Finding, held bool) {
	n := c.Network.Value()
	score := 2.0
	var against []string
	speaks := func(weight float64, text string) {
		score -= weight
		against = append(against, text)
	}
	if c.Opens {
		score++
	}
	switch {
	case rented(n):
		score += 2
	case n.Kind == traffic.KindMobile || n.Kind == traffic.KindResidential:
		speaks(1, "the network serves homes or phones")
	}
	a := p.accounts[c.Account]
	switch {
	case a != nil:
		score++
		if s := p.sources[c.Source]; s != nil {
			if w := s.Signed[c.Account]; w != nil && w.first < c.First {
				return f, false // its owner's own address
			}
		}
		if a.usesProvider(n, c.First) {
			speaks(4, "the account has used this provider before")
		} else if a.newCountry(n.Country, c.First) {
			score++
		}
	default:
		if s := p.sources[c.Source]; s != nil {
			for _, w := range s.Signed {
				if w.first < c.First {
					return f, false // somebody of ours sits there
				}
			}
		}
		speaks(1, "the lines do not show whose session it is")
		if u := p.providerUsers(n, c.First); u >= 3 {
			speaks(3, fmt.Sprintf("%d people of the organisation use this provider", u))
		} else if u == 0 && n.ASN != 0 {
			score++
		}
	}
	switch {
	case c.OtherClient:
		score += 2
	case c.GoesOn && !c.Beside:
		speaks(4, "a session with such a client had just ended elsewhere: its address may have changed")
	case c.SameClient:
		speaks(1, "the client is like that of its owner")
	}
	if c.Beside {
		score++
	}
	f = Finding{
		Code: WebSession, Account: c.Account, Source: c.Source, Network: n, Weight: score, Session: c.Session,
		First: c.First, Last: c.Last, Count: c.Count, Messages: c.Deeds.Read + c.Deeds.Fetched,
		Sources: []netip.Addr{c.Source}, Services: []maillog.Service{maillog.Webmail}, Refs: c.Refs, Against: against,
	}
	f.Title = fmt.Sprintf("used the webmail %d times from an address that nobody had signed in from", c.Count)
	if c.How != "" {
		f.Title += "; " + c.How
	}
	return f, score >= takeoverFrom
}

// providerUsers counts the accounts that used a provider before a time.
func (p *Profiles) providerUsers(n traffic.Network, before int64) int {
	if n.ASN == 0 {
		return 0
	}
	users := 0
	for _, a := range p.accounts {
		if a.usesProvider(n, before) {
			users++
		}
	}
	return users
}
