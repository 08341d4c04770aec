package restrict

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"mailvigil/traffic"
)

// Request is what the gate knows of a request before it is answered. What is not
// known stays zero, and no condition on it holds. Account and Groups stay empty
// until a sign-in has succeeded: a refusal by account would tell strangers which
// accounts there are.
type Request struct {
	Service, Action string // the words of maillog; the action of a new sign-in is login
	Account         string // whose mailbox, as enrich writes it
	Groups          []string
	Device          string
	Addr            netip.Addr // the client's true address
	Network         traffic.Network
	Agent           traffic.Agent
	UserAgent       string
	Mechanism       string
	URL             string
	// SignedIn is when the session signed in. Where every request carries the
	// password, it is the time of the request.
	SignedIn        time.Time
	PasswordChanged time.Time // of the account, zero where not known
}

// Outcome of a decision, the mildest first.
type Outcome uint8

// The outcomes.
const (
	Allow  Outcome = iota
	Slow           // answer after Delay
	SignIn         // end the session and have it sign in anew
	Deny
)

func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "unknown"
}

var outcomeNames = [...]string{"allow", "slow_down", "sign_in_again", "refuse"}

// MessageKey names the text that a refused person sees.
type MessageKey string

// The keys of messages. A restriction's own Message comes before them.
const (
	MessageNone     MessageKey = ""
	MessageClosed   MessageKey = "restrict.closed"   // refused for now
	MessageNoLogin  MessageKey = "restrict.no_login" // no new sign-ins for now
	MessageSignIn   MessageKey = "restrict.sign_in"
	MessagePassword MessageKey = "restrict.password" // refused until the password is changed
)

// Decision about one request at one moment.
type Decision struct {
	Outcome Outcome
	// By is the restriction that decided, or that exempts; nil where none did,
	// or where the exemption is one of Options. It is shared: read it only.
	By *Restriction
	// Exempt: it was let through whatever else applies.
	Exempt bool
	// Until is when By no longer applies as things stand: the end of tonight's
	// window, or of the restriction. Another may apply then.
	Until time.Time
	// RetryAfter is for the answer's header, in whole seconds: no longer than
	// until Until, and no longer than LongestRetry, since it may be lifted sooner.
	RetryAfter time.Duration
	Delay      time.Duration // of Slow
	Message    MessageKey
	// Rehearsed is the dry run that would have decided if it were none; nil where
	// none applies.
	Rehearsed *Restriction
}

// LongestRetry bounds Decision.RetryAfter.
const LongestRetry = 15 * time.Minute

// Options of a Set.
type Options struct {
	// Zone gives the zone of a name; needed where there are nightly windows.
	Zone func(name string) (*time.Location, error)
	// Exempt is let through always: probes, the way to the console.
	Exempt []Where
}

// Set is many restrictions, made ready for decisions. It does not change and may
// be used by many at the same time.
//
// A request is looked up by its device, account, groups, network, country, and by
// the prefixes that contain its address; restrictions that name none of these are
// gone through one after the other, so a Set should hold few of those.
type Set struct {
	rules   []rule
	hits    index // what restricts
	exempts index // restrictions that exempt
	always  index // exemptions of Options
	windows []nightly
	edges   []int64 // of spans, Unix nanoseconds, sorted
}

// nightly is one window that some restrictions share, and the time that their
// spans cover at most.
type nightly struct {
	window
	from, until int64
}

// rule is a restriction made ready.
type rule struct {
	r           *Restriction
	from, until int64 // Unix nanoseconds
	begin, end  time.Time
	window      int32 // of Set.windows, -1 for none
	outcome     Outcome
	message     MessageKey
	dry         bool
	since       time.Time // sessions or passwords from then on are fresh
	except      *index
}

// Compile makes a Set. It keeps pointers into list, which must not change
// afterwards. Restrictions are validated; the error names the one that is wrong.
// Those that have ended stay in, so that a clock that was wrong lifts nothing:
// leave them out of list.
func Compile(list []Restriction, o Options) (*Set, error) {
	s := &Set{rules: make([]rule, 0, len(list))}
	known := make(map[Nightly]int32)
	for i := range list {
		r := &list[i]
		if err := r.Validate(); err != nil {
			return nil, fmt.Errorf("restriction %s: %w", show(r.ID), err)
		}
		begin, end := r.Span()
		x := rule{r: r, begin: begin, end: end, from: begin.UnixNano(), until: end.UnixNano(), window: -1, dry: r.DryRun}
		if n := r.When.Nightly; n != nil {
			at, ok := known[*n]
			if !ok {
				if o.Zone == nil {
					return nil, fmt.Errorf("restriction %s: no zones were given for %s", show(r.ID), show(n.Timezone))
				}
				loc, err := o.Zone(n.Timezone)
				if err != nil {
					return nil, fmt.Errorf("restriction %s: timezone %s: %w: write its name as in Europe/Brussels", show(r.ID), show(n.Timezone), err)
				}
				at = int32(len(s.windows))
				known[*n] = at
				s.windows = append(s.windows, nightly{n.window(loc), math.MaxInt64, math.MinInt64})
			}
			x.window = at
			w := &s.windows[at]
			w.from, w.until = min(w.from, x.from), max(w.until, x.until)
		}
		switch r.How {
		case Refuse:
			x.outcome, x.message = Deny, MessageClosed
		case RefuseNewLogins:
			x.outcome, x.message = Deny, MessageNoLogin
		case RequireFreshLogin:
			x.outcome, x.message, x.since = SignIn, MessageSignIn, begin
		case SlowDown:
			x.outcome = Slow
		}
		if p := r.Password; p != nil {
			x.message, x.since = MessagePassword, p.Since
			if p.Since.IsZero() {
				x.since = begin
			}
		}
		if len(r.Except) > 0 {
			x.except = new(index)
			if err := x.except.addAll(r.Except, 0); err != nil {
				return nil, fmt.Errorf("restriction %s: %w", show(r.ID), err)
			}
			x.except.build()
		}
		id := uint32(len(s.rules))
		s.rules = append(s.rules, x)
		into := &s.hits
		if r.How == Exempt {
			into = &s.exempts
		}
		if r.Whom.Everyone {
			into.add(nil, id)
		} else if err := into.addAll(r.Whom.AnyOf, id); err != nil {
			return nil, fmt.Errorf("restriction %s: %w", show(r.ID), err)
		}
		if x.from < x.until {
			s.edges = append(s.edges, x.from, x.until)
		}
	}
	if err := s.always.addAll(o.Exempt, 0); err != nil {
		return nil, fmt.Errorf("exemptions: %w", err)
	}
	s.hits.build()
	s.exempts.build()
	s.always.build()
	slices.Sort(s.edges)
	s.edges = slices.Compact(s.edges)
	return s, nil
}

// Decide about a request at the moment now. It does not allocate.
func (s *Set) Decide(now time.Time, q *Request) Decision {
	if s.always.any(q) {
		return Decision{Exempt: true}
	}
	ns := now.UnixNano()
	var d Decision
	s.exempts.each(q, func(id uint32) bool {
		x := &s.rules[id]
		if !s.applies(x, q, now, ns) {
			return true
		}
		if d.By == nil || s.before(x, d.By, d.Until, now) {
			d.By, d.Until = x.r, s.endOf(x, now)
		}
		return true
	})
	if d.By != nil {
		d.Exempt = true
		return d
	}
	var best, dry *rule
	s.hits.each(q, func(id uint32) bool {
		x := &s.rules[id]
		top := &best
		if x.dry {
			top = &dry
		}
		if x == *top || !s.applies(x, q, now, ns) {
			return true
		}
		if *top == nil || s.stricter(x, *top, now) {
			*top = x
		}
		return true
	})
	if dry != nil && (best == nil || s.stricter(dry, best, now)) {
		d.Rehearsed = dry.r
	}
	if best == nil {
		return d
	}
	d.By, d.Outcome, d.Message = best.r, best.outcome, best.message
	d.Until = s.endOf(best, now)
	if best.outcome == Slow {
		d.Delay = time.Duration(best.r.Delay) * time.Second
		return d
	}
	left := min(d.Until.Sub(now), LongestRetry)
	d.RetryAfter = max((left + time.Second - 1).Truncate(time.Second), time.Second)
	return d
}

// before tells whether an exemption is named before another.
func (s *Set) before(x *rule, by *Restriction, until, now time.Time) bool {
	if e := s.endOf(x, now); !e.Equal(until) {
		return e.After(until)
	}
	return x.r.ID < by.ID
}

// stricter is the rule of overlaps.
func (s *Set) stricter(x, y *rule, now time.Time) bool {
	if x.outcome != y.outcome {
		return x.outcome > y.outcome
	}
	if x.r.Delay != y.r.Delay {
		return x.r.Delay > y.r.Delay
	}
	if a, b := s.endOf(x, now), s.endOf(y, now); !a.Equal(b) {
		return a.After(b)
	}
	return x.r.ID < y.r.ID
}

// endOf is when a rule that applies now ceases to.
func (s *Set) endOf(x *rule, now time.Time) time.Time {
	if x.window < 0 {
		return x.end
	}
	if e := s.windows[x.window].edge(now); !e.IsZero() {
		return earliest(x.end, e)
	}
	return x.end
}

// applies tells whether a rule whose Whom holds applies to a request.
func (s *Set) applies(x *rule, q *Request, now time.Time, ns int64) bool {
	return ns >= x.from && ns < x.until && x.meant(q) &&
		(x.window < 0 || s.windows[x.window].inside(now)) &&
		(x.except == nil || !x.except.any(q))
}

// meant tells whether a rule is about such a request, whenever it comes.
func (x *rule) meant(q *Request) bool {
	r := x.r
	if w := r.What.Services; len(w) > 0 && !slices.Contains(w, q.Service) {
		return false
	}
	if w := r.What.Actions; len(w) > 0 && !slices.Contains(w, q.Action) {
		return false
	}
	switch r.How {
	case RefuseNewLogins:
		if q.Action != "login" {
			return false
		}
	case RequireFreshLogin:
		// Without an account there is no session yet: it must be able to sign in.
		if q.Action == "login" || q.Account == "" || !q.SignedIn.Before(x.since) {
			return false
		}
	}
	return r.Password == nil || q.Account != "" && q.PasswordChanged.Before(x.since)
}

// Matches tells whether any restriction of the Set would hit a request if it were
// in effect. It is for forecasts, with a Set of one restriction.
func (s *Set) Matches(q *Request) (hit bool) {
	if s.always.any(q) {
		return false
	}
	s.hits.each(q, func(id uint32) bool {
		x := &s.rules[id]
		hit = x.meant(q) && (x.except == nil || !x.except.any(q))
		return !hit
	})
	return hit
}

// Next is the first instant after now at which the Set may decide otherwise than
// at the instant before; zero where it never will. Nothing changes in between.
func (s *Set) Next(now time.Time) (next time.Time) {
	ns := now.UnixNano()
	if i, found := slices.BinarySearch(s.edges, ns); found && i+1 < len(s.edges) {
		next = time.Unix(0, s.edges[i+1]).In(now.Location())
	} else if !found && i < len(s.edges) {
		next = time.Unix(0, s.edges[i]).In(now.Location())
	}
	for i := range s.windows {
		w := &s.windows[i]
		if ns < w.from || ns >= w.until {
			continue // the edges of spans come first, or nothing does
		}
		if e := w.edge(now); !e.IsZero() && (next.IsZero() || e.Before(next)) {
			next = e
		}
	}
	return next
}

// Begun are the restrictions that are in effect at now and were not at since,
// in the order of the list: whoever they hit may have to be cut off. What began
// and ended in between is not among them, nor are dry runs and exemptions.
func (s *Set) Begun(since, now time.Time) (out []*Restriction) {
	for i := range s.rules {
		x := &s.rules[i]
		if !x.dry && x.r.How != Exempt && s.inEffect(x, now) && !s.inEffect(x, since) {
			out = append(out, x.r)
		}
	}
	return out
}

func (s *Set) inEffect(x *rule, t time.Time) bool {
	ns := t.UnixNano()
	return ns >= x.from && ns < x.until && (x.window < 0 || s.windows[x.window].inside(t))
}
