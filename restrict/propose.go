package restrict

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mailvigil/verdict"
)

// Proposal is a restriction that would answer an incident. Nobody asked for it
// yet: Policy.Ask makes a restriction of it once somebody does.
type Proposal struct {
	Restriction Restriction
	// Covers says of the incident what it shuts.
	Covers string
	// Instead: it is wider than the proposal before it, and covers what that one
	// covers: for when that one does not suffice.
	Instead bool
}

// mostSources is how many addresses a proposal names one by one.
const mostSources = 1000

// Propose gives the narrowest restrictions that cover an incident, until so and
// so long after now. An attack alone is answered: benign causes, faults and what
// is undetermined need nothing shut, and whoever decides otherwise uses ForCause.
//
// Opened accounts come first: each of their sessions is to sign in again; new
// passwords are a campaign's matter. Then
// the sources: by device or address where the cause or the sources name them, else
// by the cause, without what is known only after the answer and without accounts.
// An account is never restricted because others failed against it: accounts come
// from Incident.Compromised alone. A cause of which then nothing but a service or
// an action is left is no proposal: it would close the service for everybody.
func Propose(in *verdict.Incident, now time.Time, long time.Duration) (out []Proposal) {
	if in.Kind != verdict.Attack {
		return nil
	}
	when := When{Until: now.Add(long)}
	add := func(r Restriction, covers string, instead bool) {
		r.SchemaVersion, r.When, r.Incident = SchemaVersion, when, in.ID
		r.Second.Needed = true // until a forecast says otherwise
		out = append(out, Proposal{r, covers, instead})
	}
	if len(in.Compromised) > 0 {
		add(Restriction{
			Whom: Whom{AnyOf: sets("account", in.Compromised)}, How: RequireFreshLogin,
			Reason: count(len(in.Compromised), "account was", "accounts were") + " opened by strangers, whose sessions are to end",
		}, "what strangers do in the accounts that they opened", false)
	}

	var causes []Where
	exact := true // every set of the cause names a device or an address
	for _, c := range in.Cause {
		w := atTheDoor(c)
		if !identifies(w) {
			causes, exact = nil, false
			break
		}
		if w["device"] == "" && w["ip"] == "" {
			exact = false
		}
		causes = append(causes, w)
	}
	exact = exact && len(causes) > 0
	before := false
	if sources := addresses(in.Sources); len(sources) > 0 && len(sources) <= mostSources && !exact {
		r := Restriction{
			What: What{Services: services(in)}, Whom: Whom{AnyOf: sources}, How: Refuse,
			Reason: "the attack came from " + count(len(sources), "address", "addresses"),
		}
		add(r, "all of the attack that was seen, by its addresses", false)
		before = true
	}
	if len(causes) > 0 {
		r, err := ForCause(in.Cause, nil, Refuse)
		if err == nil {
			r.What.Services = shared(causes, services(in))
			r.Reason = "this is what the attack has in common"
			covers := "the cause"
			if before {
				covers = "the cause, also from addresses that were not seen yet"
			}
			add(r, covers, before)
		}
	}
	return out
}

// ForCause makes a proposal that covers a cause, as somebody decides. Accounts
// other than those opened are taken out of it, and so are outcome and status,
// which are known only after the answer. Where nothing is left it is an error: to
// close a service for everybody is to be said in so many words.
func ForCause(cause []map[string]string, opened []string, how How) (Restriction, error) {
	r := Restriction{SchemaVersion: SchemaVersion, How: how, Second: Second{Needed: true}}
	if how == SlowDown {
		r.Delay = 2
	}
	for _, c := range cause {
		w := atTheDoor(c)
		if a := c["account"]; a != "" && slices.Contains(opened, a) {
			w["account"] = a
		}
		if !identifies(w) && w["account"] == "" {
			return Restriction{}, fmt.Errorf("of this cause nothing is left that tells its clients from others (%s): name an address, a network or a client, or close the service for everyone", show(Where(c).Text()))
		}
		if _, err := w.compile(); err != nil {
			return Restriction{}, fmt.Errorf("this cause cannot be restricted: %w", err)
		}
		r.Whom.AnyOf = append(r.Whom.AnyOf, w)
	}
	if len(r.Whom.AnyOf) == 0 {
		return Restriction{}, fmt.Errorf("there is no cause to restrict: say whom")
	}
	return r, nil
}

// atTheDoor is what of a cause is known of a request before it is answered, and
// is not whose mailbox it asks for.
func atTheDoor(c map[string]string) Where {
	w := Where(maps.Clone(c))
	for _, k := range []string{"outcome", "status", "account", "account_group"} {
		delete(w, k)
	}
	return w
}

// identifies tells whether a set tells some clients from others.
func identifies(w Where) bool {
	for k := range w {
		if k != "service" && k != "action" && k != "mechanism" && k != "url" {
			return true
		}
	}
	return false
}

// services of an incident that a restriction may name.
func services(in *verdict.Incident) (out []string) {
	for _, s := range in.Services {
		if word(s) {
			out = append(out, s)
		}
	}
	return out
}

// shared are the services to name where the sets do not all name theirs.
func shared(causes []Where, of []string) []string {
	for _, w := range causes {
		if w["service"] == "" {
			return of
		}
	}
	return nil
}

func sets(name string, values []string) (out []Where) {
	for _, v := range values {
		if v != "" {
			out = append(out, Where{name: v})
		}
	}
	return out
}

// addresses are the sources of an incident: addresses, or an IPv6 source's /64.
// What is neither is left out.
func addresses(sources []string) (out []Where) {
	for _, s := range sources {
		if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
			out = append(out, Where{"ip": a.String()})
		} else if p, err := netip.ParsePrefix(s); err == nil && p.Bits() > 0 && p == p.Masked() && !p.Addr().Is4In6() {
			out = append(out, Where{"prefix": s})
		}
	}
	return out
}

// Covers tells whether the restriction hits, while it is in effect, every request
// that a cause picks out: each of its sets lies within one set of Whom, and its
// service and action within What. Exceptions, exemptions and how it refuses are
// left aside: they are people's wish. What is known only after the answer can only
// make a cause narrower.
func (r *Restriction) Covers(cause []map[string]string) bool {
	if len(cause) == 0 || r.How == Exempt {
		return false
	}
	whom := make([][]condition, 0, len(r.Whom.AnyOf))
	for _, w := range r.Whom.AnyOf {
		c, err := w.compile()
		if err != nil {
			return false
		}
		whom = append(whom, c)
	}
	for _, c := range cause {
		if w := r.What.Services; len(w) > 0 && !slices.Contains(w, c["service"]) {
			return false
		}
		if w := r.What.Actions; len(w) > 0 && !slices.Contains(w, c["action"]) {
			return false
		}
		if !r.Whom.Everyone && !slices.ContainsFunc(whom, func(list []condition) bool {
			return !slices.ContainsFunc(list, func(x condition) bool { return !x.follows(c) })
		}) {
			return false
		}
	}
	return true
}

// follows tells whether the condition holds for whatever has these attributes.
func (c *condition) follows(cause map[string]string) bool {
	v := cause[attributeNames[c.attr]]
	switch c.attr {
	case attrIP, attrPrefix:
		if a, err := netip.ParseAddr(cause["ip"]); err == nil && c.prefix.Contains(a.Unmap()) {
			return true
		}
		p, err := netip.ParsePrefix(cause["prefix"])
		return err == nil && c.prefix.Bits() <= p.Bits() && c.prefix.Contains(p.Addr())
	case attrASN:
		return v == fmt.Sprint(c.asn)
	case attrClientVersion, attrOSVersion:
		return c.version(v)
	}
	return v != "" && v == c.text
}

// Narrowest is the index of the restriction that covers a cause and hits the
// fewest, -1 where none covers it. The smaller forecast comes first, where both
// have one; else everyone comes last and the narrowest attribute first, in the
// order device, account, ip, prefix, account_group, asn and so on; then more
// attributes, then fewer sets, then the order of the list.
func Narrowest(list []Restriction, cause []map[string]string) int {
	best := -1
	for i := range list {
		if list[i].Covers(cause) && (best < 0 || list[i].narrower(&list[best])) {
			best = i
		}
	}
	return best
}

func (r *Restriction) narrower(o *Restriction) bool {
	if r.Share != nil && o.Share != nil && *r.Share != *o.Share {
		return *r.Share < *o.Share
	}
	a, an := r.width()
	b, bn := o.width()
	switch {
	case a != b:
		return a < b
	case an != bn:
		return an > bn
	}
	return len(r.Whom.AnyOf) < len(o.Whom.AnyOf)
}

// width is the place of the widest set's narrowest attribute, and the number of
// attributes of that set.
func (r *Restriction) width() (place, n int) {
	if r.Whom.Everyone {
		return int(attributes), 0
	}
	for _, w := range r.Whom.AnyOf {
		first := int(attributes)
		for i, name := range attributeNames {
			if w[name] != "" {
				first = i
				break
			}
		}
		if first > place || n == 0 {
			place, n = first, len(w)
		}
	}
	return place, n
}

// String names a proposal for a log.
func (p Proposal) String() string {
	return strings.TrimSuffix(p.Restriction.Text(nil), ".") + ": " + p.Covers
}
