package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"mailvigil/abuse"
	"mailvigil/anomaly"
	"mailvigil/explain"
	"mailvigil/internal/message"
	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// look goes from counts to the case that verdict judges.
func (r *run) look(ctx context.Context) (*verdict.Case, error) {
	return r.weigh(ctx, r.scan(nil, nil, interval{}))
}

// weigh is look from the scanned series on.
func (r *run) weigh(ctx context.Context, all []*series) (*verdict.Case, error) {
	ready := r.cells.Start + traffic.Slot(r.cells.Slots)
	for _, s := range all {
		if s.result.Ready < ready && s.family == everyday {
			ready = s.result.Ready
		}
	}
	xs := r.told(all)
	windows := r.plan(xs)
	if err := r.sift(ctx, windows); err != nil {
		return nil, err
	}
	r.series, r.excess = all, xs
	c := &verdict.Case{
		Location: r.opt.Location,
		Hostile:  r.recent(r.profiles.Guessing()),
		Infected: r.recent(r.profiles.Infected()),
		Stale:    r.recent(r.profiles.Stale()),
		Imported: r.imports(),
		Guessers: r.guessers(),
		Failed:   r.signIns(maillog.Failure),
		Signed:   r.signIns(maillog.Success),
		Accounts: r.profiles.Accounts(),
		History:  time.Duration(r.cells.Slots) * time.Minute,
		Judged:   time.Duration(r.cells.Start+traffic.Slot(r.cells.Slots)-ready) * time.Minute,
		Coverage: r.coverage(),
		Missing:  r.missing(),
		Say:      r.say,
	}
	if closed, open := r.closedDoors(); open == 1 {
		c.Unseen = closed
	}
	r.suspect(c)
	c.Moves = r.moves(r.profiles)
	sessions, doubtful, err := r.stolenSessions(ctx)
	if err != nil {
		return nil, err
	}
	looked, unsure, err := r.secondLook(ctx, c.Unsure)
	if err != nil {
		return nil, err
	}
	c.Strange, c.Unsure = slices.Concat(c.Strange, r.recent(looked), r.recent(sessions)), unsure
	c.Sessions = r.recent(doubtful)
	// Where logs are missing before them, they were only not seen.
	if m, ok := r.profiles.Arrivals(r.cells.Start.Unix() * int64(time.Second)); ok && m.Last >= r.since && !slices.ContainsFunc(r.gaps, func(g gap) bool { return g.from < traffic.SlotOf(m.First) }) {
		c.Arrivals = []abuse.Arrival{m}
	}
	r.sweeps(c)
	r.explain(windows, c)
	return c, nil
}

// told are the excesses that were not over before Since.
func (r *run) told(all []*series) []*excess {
	since := traffic.SlotOf(r.since)
	return slices.DeleteFunc(r.excesses(all), func(x *excess) bool { return x.whole().to <= since })
}

// notSeen is the share of the past that may be missing of a log for it to be
// said that nobody was at a place before.
const notSeen = 0.2

// moves leaves out those of which too much of the past is missing.
func (r *run) moves(p *abuse.Profiles) []abuse.Move {
	return slices.DeleteFunc(p.Moves(), func(m abuse.Move) bool {
		return m.Last < r.since || r.missingOf(traffic.SlotOf(m.First), m.Services) >= notSeen
	})
}

// guessers counts them for each day of the logs, the last 60.
func (r *run) guessers() []verdict.Guessers {
	counts := r.profiles.HostileDays()
	const seconds = 86400
	last := (r.cells.Start + traffic.Slot(r.cells.Slots) - 1).Unix() / seconds
	first := max(r.cells.Start.Unix()/seconds, last-59)
	var out []verdict.Guessers
	for d := first; d <= last; d++ {
		out = append(out, verdict.Guessers{Day: time.Unix(d*seconds+seconds/2, 0).In(r.opt.Location), Addresses: counts[uint64(d)%64]})
	}
	return out
}

// suspect fills in what the profiles alone hold against sign-ins and say of
// whom is aimed at.
func (r *run) suspect(c *verdict.Case) {
	takeovers, unsure := r.profiles.Newcomers()
	c.Strange = nil
	for _, s := range r.profiles.HostileSources() {
		c.Strange = append(c.Strange, r.profiles.SuccessAfterFailures(s)...)
	}
	c.Strange, c.Unsure = r.recent(append(c.Strange, takeovers...)), r.recent(unsure)
	c.Aims = slices.DeleteFunc(r.profiles.Aims(r.cells.Start.Unix()*int64(time.Second)), func(m abuse.Aim) bool { return m.Last < r.since })
}

func (r *run) signIns(o maillog.Outcome) float64 {
	return r.cells.Total(func(l *traffic.Leaf) bool { return l.Action == maillog.Login && l.Outcome == o })
}

// say puts a cause in words, with the name of a network beside its number.
func (r *run) say(cause map[string]string) string {
	asn := cause["asn"]
	if asn == "" {
		return message.Cause(cause)
	}
	for i := range r.cells.Leaves {
		if n := r.cells.Leaves[i].Network.Value(); n.ASName != "" && strconv.FormatUint(uint64(n.ASN), 10) == asn {
			named := maps.Clone(cause)
			named["asn"] = asn + " (" + n.ASName + ")"
			return message.Cause(named)
		}
	}
	return message.Cause(cause)
}

// announced is the change that was announced for when an excess began.
func (r *run) announced(x *excess) string {
	for _, a := range r.opt.Announced {
		if s := x.whole().from; s >= traffic.SlotOf(a.From.UnixNano())-beforeAnnounced && s < traffic.SlotOf(a.Until.UnixNano()) {
			return a.What
		}
	}
	return ""
}

// beforeAnnounced is how much sooner than announced a change may begin:
// somebody always goes first, and onsets are not known to the minute.
const beforeAnnounced = 30

// sweeps tells the machines that open everybody's mailbox from the strangers
// in some: what such a machine did is held against no account before it is
// weighed what it is.
func (r *run) sweeps(c *verdict.Case) {
	c.Sweeps = slices.DeleteFunc(r.profiles.Sweeps(), func(s abuse.Sweep) bool { return s.Last < r.since })
	swept := make(map[netip.Addr]bool)
	for _, s := range c.Sweeps {
		swept[s.Source] = true
	}
	theirs := func(f abuse.Finding) bool {
		return len(f.Sources) > 0 && !slices.ContainsFunc(f.Sources, func(a netip.Addr) bool { return !swept[a] })
	}
	c.Strange, c.Unsure = slices.DeleteFunc(c.Strange, theirs), slices.DeleteFunc(c.Unsure, theirs)
}

// recent leaves out what was over before Since.
func (r *run) recent(list []abuse.Finding) []abuse.Finding {
	return slices.DeleteFunc(list, func(f abuse.Finding) bool { return f.Last < r.since })
}

// accepted is an excess that was explained, and what it explains.
type accepted struct {
	*verdict.Excess
	series *series
	span   interval
	claims func(*leafKey) bool
	fault  bool
}

// afterFault is how long after a fault the rush of everybody reconnecting
// still belongs to it; silent is the share of the expected that must be
// missing for less traffic to be a fault; mostClaimed is the share of an excess
// from which it is the doing of an earlier one; mostPassedOn is how many lines
// one request to the webmail brings about at the most: a session signs in, names
// its client, looks and leaves.
const (
	afterFault  = traffic.Slot(4 * time.Hour / time.Minute)
	silent      = 0.8
	mostClaimed = 0.6

	mostPassedOn = 5
)

// explain finds the cause of each excess, those of errors and silence first:
// a fault explains what comes after it. What an earlier cause explains is
// taken away before the next is looked at, so that an attack under the cover
// of a storm remains.
func (r *run) explain(windows []*window, c *verdict.Case) {
	rank := func(w *window) int {
		switch {
		case w.excess.series.family == faults:
			return 0
		case !w.excess.up:
			return 1
		case w.excess.series.family == failures:
			return 2
		case w.excess.series.family == everyday && front(w.excess.series.service):
			return 3 // before what it passes on
		case w.excess.series.family == everyday:
			return 4
		}
		return 5
	}
	order := slices.Clone(windows)
	slices.SortStableFunc(order, func(a, b *window) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)),
			cmp.Compare(b.excess.size(), a.excess.size()))
	})
	var done []*accepted
	for _, w := range order {
		if a, passedOn := r.absorb(w, done); a != nil {
			if !passedOn {
				r.mention(a, w)
			}
			continue
		}
		if w.excess.series.family == failures && !w.excess.up {
			continue // fewer failures than usual harm nobody
		}
		a := r.account(w, done, c)
		if same := sameCause(a, done); same != nil {
			r.mention(same, w)
			same.extend(a)
			continue
		}
		done = append(done, a)
	}
	slices.SortStableFunc(done, func(a, b *accepted) int {
		return cmp.Compare(math.Abs(b.Observed-b.Expected), math.Abs(a.Observed-a.Expected))
	})
	for _, a := range done {
		c.Excesses = append(c.Excesses, *a.Excess)
	}
}

// absorb returns the earlier excess of which this one is the doing, if any,
// and whether it is no more than what webmail or a gateway passed on.
func (r *run) absorb(w *window, done []*accepted) (of *accepted, passedOn bool) {
	// Whoever waits for an outage to try passwords is no part of the rush.
	x := w.excess
	foreign := x.series.family == failures && x.up && r.foreign(w)
	for _, a := range done {
		if a.fault && !foreign {
			// The rush is no longer than the fault is severe: twice its length
			// and four hours.
			length := a.span.to - a.span.from
			near := interval{a.span.from - 15, a.span.to + min(afterFault, 2*length+60)}
			begins := interval{x.intervals[0].from, x.intervals[0].from + 1}
			if near.overlaps(begins) && x.whole().to <= a.span.to+2*length+afterFault {
				return a, false
			}
		}
	}
	var excess, relayed float64
	claimed := make([]float64, len(done))
	for i := range w.rows {
		k := &w.rows[i]
		d := k.n - k.past
		excess += d
		if !k.addr.IsValid() {
			relayed += d
		}
		for j, a := range done {
			if a.claims != nil && a.Up == x.up && a.span.overlaps(x.whole()) && a.claims(&k.leafKey) {
				claimed[j] += d
			}
		}
	}
	for j, a := range done {
		if excess != 0 && claimed[j]/excess >= mostClaimed {
			return a, false
		}
		if !a.span.overlaps(x.whole()) || a.Up != x.up {
			continue
		}
		// A part of what was told is not told again.
		if s := x.series; s.part != (part{}) && a.series.service == s.service && a.series.family == s.family {
			return a, false
		}
		// The failures of one service are part of all failures.
		if a.Family == string(failures) && x.series.family == failures {
			return a, false
		}
		// Webmail and gateways open mailboxes on behalf of others: what they
		// pass on rises with what they are asked for.
		if front(a.series.service) && x.series.family == everyday && relayed/excess >= 0.5 && relayed <= mostPassedOn*(a.Observed-a.Expected) {
			return a, true
		}
	}
	return nil, false
}

// front reports whether a service opens mailboxes on behalf of others.
func front(s maillog.Service) bool { return s == maillog.Webmail || s == maillog.ActiveSync }

// mention adds to an incident what else it did.
func (r *run) mention(a *accepted, w *window) {
	s := w.excess.series
	if s.service != maillog.ServiceNone {
		if name := s.service.String(); !slices.Contains(a.Services, name) {
			a.Services = append(a.Services, name)
		}
	}
	if x := w.excess; s == a.series && x.up == a.Up {
		a.span = interval{min(a.span.from, x.whole().from), max(a.span.to, x.whole().to)}
		a.Observed += x.observed
		a.Expected += x.expected
		a.Nights += len(x.intervals)
		if end := r.time(x.whole().to); end.After(a.End) {
			a.End = end
		}
	}
	if !a.fault {
		return
	}
	if w.excess.up && s.family == everyday {
		text := "then everybody reconnected"
		if !slices.Contains(a.Effects, text) {
			a.Effects = append(a.Effects, text)
		}
	}
	if end := r.time(w.excess.whole().to); end.After(a.End) && !w.excess.up {
		a.End = end
	}
}

// extend makes one incident of two with the same cause.
func (a *accepted) extend(b *accepted) {
	a.span = interval{min(a.span.from, b.span.from), max(a.span.to, b.span.to)}
	if b.Onset.Before(a.Onset) {
		a.Onset, a.Interval = b.Onset, b.Interval
	}
	if b.End.After(a.End) {
		a.End, a.Ongoing = b.End, b.Ongoing
	}
	if a.Service == b.Service {
		a.Observed += b.Observed
		a.Expected += b.Expected
		a.Nights += b.Nights
	}
}

func sameCause(a *accepted, done []*accepted) *accepted {
	if len(a.Cause) == 0 {
		return nil
	}
	for _, b := range done {
		near := interval{b.span.from - joinWithin, b.span.to + joinWithin}
		if a.Family == b.Family && a.Up == b.Up && near.overlaps(a.span) && fmt.Sprint(withoutService(a.Cause)) == fmt.Sprint(withoutService(b.Cause)) {
			return b
		}
	}
	return nil
}

func withoutService(list []map[string]string) []map[string]string {
	var out []map[string]string
	for _, m := range list {
		c := make(map[string]string)
		for k, v := range m {
			if k != "service" {
				c[k] = v
			}
		}
		out = append(out, c)
	}
	return out
}

// minCause is the least share of an excess that a cause must explain to be
// named, keepCause the share from which no further cause is named.
const (
	minCause  = 0.15
	keepCause = 0.9
)

// account finds out what is left of an excess once the earlier causes are taken
// away, and who and what that is made of.
func (r *run) account(w *window, done []*accepted, c *verdict.Case) *accepted {
	x := w.excess
	left := func(k *leafKey) bool {
		for _, a := range done {
			if a.claims != nil && a.span.overlaps(x.whole()) && a.claims(k) {
				return false
			}
		}
		return true
	}
	table := func(without string) *explain.Table {
		names := make([]string, 0, len(attributes))
		for _, a := range attributes {
			if a.name != without {
				names = append(names, a.name)
			}
		}
		t := explain.NewTable(names...)
		values := make([]string, len(attributes))
		for i := range w.rows {
			k := &w.rows[i]
			if !left(&k.leafKey) {
				continue
			}
			values = values[:0]
			for _, a := range attributes {
				if a.name != without {
					values = append(values, a.of(&k.leafKey))
				}
			}
			t.Add(values, k.n, k.past)
		}
		return t
	}
	var causes []explain.Cause
	share := 0.0 // of the excess, that they explain
	if w.references() > 0 && x.up {
		options := explain.Options{Workers: r.opt.Workers, Windows: w.references(), Implies: implies}
		res := explain.Explain(table(""), options)
		if c := res.Causes; len(c) == 1 && len(c[0].Where) == 1 && c[0].Where[0].Attribute == "service" && x.series.service != maillog.ServiceNone {
			// The whole series is of one service, which sets nothing apart:
			// does one thing alone, where that is left out?
			if in := explain.Explain(table("service"), options); len(in.Causes) > 0 && in.Causes[0].Share >= oneMakes {
				res = in
			}
		}
		for _, cause := range res.Causes {
			if cause.Excess <= 0 || cause.Share < minCause || share >= keepCause {
				continue
			}
			share += cause.Share
			causes = append(causes, cause)
		}
	}
	e := &verdict.Excess{
		Family: string(x.series.family), Up: x.up, Observed: x.observed, Expected: x.expected,
		Service: x.series.service.String(),
		Chance:  !slices.ContainsFunc(x.episodes, func(e anomaly.Episode) bool { return e.Told }), Announced: r.announced(x),
	}
	a := &accepted{Excess: e, series: x.series, span: x.whole()}
	a.fault = x.series.family == faults || !x.up && x.observed < (1-silent)*x.expected
	own := r.causes(w, causes)
	switch x.series.family {
	case failures:
		e.Cause = []map[string]string{{"outcome": "failure"}}
		if x.series.service != maillog.ServiceNone {
			e.Cause[0]["service"] = x.series.service.String()
		}
		e.Share = 1 // the series counts nothing but failures
		if oneSource(own) {
			e.Cause, e.Share = own, min(share, 1)
		}
		a.claims = r.strangers(w)
	case faults:
		e.Cause, e.Share = r.faultCause(w)
	default:
		e.Cause, e.Share = own, min(share, 1)
		if len(own) > 0 {
			a.claims = claims(own)
		}
	}
	e.Services = r.services(w, own)
	r.when(x, own, e)
	e.Day = r.usualDay(x.series)
	e.Before = time.Duration(x.intervals[0].from-r.cells.Start) * time.Minute
	r.makeup(w, own, e, c)
	if x.up && (x.series.family == everyday || x.series.family == hosting) {
		r.nameOne(w, e, a)
		r.nameDevice(w, e, a)
	}
	if s := e.Sweep; s != nil && s.Client != "" && e.Makeup.Swept > 0.8 {
		// What one tool did everywhere is said best by its name.
		cause := map[string]string{"client": s.Client}
		if x.series.service != maillog.ServiceNone {
			cause["service"] = x.series.service.String()
		}
		e.Cause = []map[string]string{cause}
	}
	if x.series.family == failures && len(e.Sources) > 0 {
		a.claims = either(a.claims, addresses(e.Sources))
	}
	if m := &e.Makeup; m.Outsiders > 0.5 && e.Up && x.series.family != failures {
		// The errors are what a crowd that never signs in came to, not the
		// service's own doing.
		a.fault = a.fault && !verdict.Crowd(m)
		if verdict.Crowd(m) && x.series.family == faults && len(e.Services) == 1 {
			e.Cause, e.Share = []map[string]string{{"service": e.Services[0]}}, 1
		}
		a.claims = either(a.claims, addresses(e.Sources))
	}
	e.Plot, e.Hours = r.plot(x), r.hourly(x)
	e.Split = split(w, e.Cause, left)
	return a
}

// oneMakes is the share of an excess from which one account or address is named
// as its cause: the more particular cause tells more.
const oneMakes = 0.8

// nameOne names the one account or host of our own that makes nearly all of an
// excess, where the cause does not: where a single mailbox makes all the
// difference, all its attributes rise alike and none sets the excess apart.
func (r *run) nameOne(w *window, e *verdict.Excess, a *accepted) {
	name, key := "", ""
	m := &e.Makeup
	switch host, kind := m.TopSourceName, m.TopSourceKind; {
	case m.TopSource >= oneMakes && kind == traffic.KindInternal:
		name, key = host, "ip"
	case m.TopAccount >= oneMakes && m.Named > oneMakes:
		name, key = m.TopAccountName, "account"
	default:
		return
	}
	for _, c := range e.Cause {
		if c["ip"] != "" || c["account"] != "" || c["device"] != "" {
			return
		}
	}
	cause := map[string]string{key: name}
	if s := w.excess.series.service; s != maillog.ServiceNone {
		cause["service"] = s.String()
	}
	e.Cause = []map[string]string{cause}
	e.Share = max(e.Share, m.TopAccount)
	if key == "ip" {
		e.Share = m.TopSource
	}
	a.claims = either(a.claims, claims(e.Cause))
}

// addresses claims all that comes from some addresses.
func addresses(list []string) func(*leafKey) bool {
	set := make(map[string]bool, len(list))
	for _, a := range list {
		set[a] = true
	}
	return func(k *leafKey) bool { return k.addr.IsValid() && set[k.addr.String()] }
}

func either(a, b func(*leafKey) bool) func(*leafKey) bool {
	if a == nil {
		return b
	}
	return func(k *leafKey) bool { return a(k) || b(k) }
}

func (r *run) time(s traffic.Slot) time.Time {
	return time.Unix(s.Unix(), 0).In(r.opt.Location)
}

// foreign reports whether most of what was more than usual came from addresses
// of strangers.
func (r *run) foreign(w *window) bool {
	theirs := r.strangers(w)
	if theirs == nil {
		return false
	}
	var all, some float64
	for i := range w.rows {
		k := &w.rows[i]
		if d := k.n - k.past; d > 0 {
			all += d
			if theirs(&k.leafKey) {
				some += d
			}
		}
	}
	return all > 0 && some > all/2
}
