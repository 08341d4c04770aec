package incident

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailvigil/internal/message"
	"mailvigil/verdict"
)

// Bounds of one incident: an attacker does not choose our memory.
const (
	maxParts    = 32
	maxSources  = 10_000
	maxFindings = 200
)

// Book holds the incidents. It is not safe for concurrent use.
//
// Whoever changes it works on a Clone, keeps its Changes, and takes the clone
// for the book once they are kept: if that fails, nothing has happened, and the
// next verdict says the same again.
type Book struct {
	opt  Options
	last int64 // number given
	all  map[string]*Incident
}

// NewBook returns a Book of incidents that were kept, of which last is the
// highest number ever given. Of a new installation there are none.
func NewBook(o Options, kept []Incident, last int64) *Book {
	b := &Book{opt: o.filled(), last: last, all: make(map[string]*Incident, len(kept))}
	for i := range kept {
		in := kept[i]
		b.all[in.ID] = &in
		b.last = max(b.last, in.Number)
	}
	return b
}

// Clone returns a Book that can be changed without changing this one.
func (b *Book) Clone() *Book {
	return &Book{opt: b.opt, last: b.last, all: maps.Clone(b.all)}
}

// All are the incidents by number.
func (b *Book) All() []*Incident {
	return slices.SortedFunc(maps.Values(b.all), func(x, y *Incident) int { return cmp.Compare(x.Number, y.Number) })
}

// Find returns an incident by its id or its number, as people write it: 3 or #3.
func (b *Book) Find(name string) (*Incident, error) {
	if in := b.all[name]; in != nil {
		return in, nil
	}
	if n, err := strconv.ParseInt(strings.TrimPrefix(name, "#"), 10, 64); err == nil {
		for _, in := range b.all {
			if in.Number == n {
				return in, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: %q; \"mailvigil incidents\" lists them", ErrNone, name)
}

// Holds are the times of which evidence is kept.
func (b *Book) Holds(now time.Time) (list []Hold) {
	for _, in := range b.All() {
		h := Hold{Incident: in.ID, From: in.Onset.Add(-b.opt.HoldBefore), To: in.End}
		switch in.Status {
		case Merged:
			continue // its heir holds it
		case Closed:
			h.Until = in.Closing.At.Add(b.opt.HoldFor)
			if b.opt.HoldFor < 0 || !h.Until.After(now) {
				continue
			}
		default:
			if in.Ongoing {
				h.To = latest(h.To, now)
			}
		}
		list = append(list, h)
	}
	return list
}

// edit puts a copy in the place of an incident and returns it.
func (b *Book) edit(id string) *Incident {
	in := *b.all[id]
	// What is changed in place or appended to must not be shared.
	in.Parts, in.Outages = slices.Clone(in.Parts), slices.Clone(in.Outages)
	in.Notes, in.Followups, in.Absorbed = slices.Clone(in.Notes), slices.Clone(in.Followups), slices.Clone(in.Absorbed)
	b.all[id] = &in
	return &in
}

// heir is the incident that has all of another.
func (b *Book) heir(id string) *Incident {
	for b.all[id].Status == Merged && b.all[b.all[id].MergedInto] != nil {
		id = b.all[id].MergedInto
	}
	return b.all[id]
}

// change notes a significant change.
func (in *Incident) change(kind ChangeKind, now time.Time, by, text string) Change {
	in.Changes++
	in.Updated = now
	return Change{ID: fmt.Sprintf("%s/%d", in.ID, in.Changes), Kind: kind, At: now, By: by, Significant: true, Text: text, Incident: in}
}

// Apply hears a verdict over the time until now, and then does what Tick does.
// The verdict has to be over the whole of the recent past, as every verdict of
// the pipeline is: what it does not tell any more is taken as gone. The book
// keeps parts of it; the caller does not change it afterwards.
func (b *Book) Apply(now time.Time, v *verdict.Verdict) []Change {
	now = utc(now)
	b.forget(now)
	r := round{b: b, now: now, v: v, told: important(v), of: make(map[string][]int)}
	r.assign()
	for _, in := range b.All() {
		if list := r.of[in.ID]; len(list) > 0 {
			r.renew(in.ID, list)
		} else if in.Status != Merged && slices.ContainsFunc(in.Parts, func(p Part) bool { return p.Current }) {
			r.vanished(in.ID)
		}
	}
	for _, list := range r.groups() {
		r.open(list)
	}
	r.merge()
	return append(r.changes, b.Tick(now)...)
}

// round is one hearing of a verdict.
type round struct {
	b       *Book
	now     time.Time
	v       *verdict.Verdict
	told    []*verdict.Incident // by importance
	of      map[string][]int    // incident → of told
	fits    map[string][]int    // the same for the part, in the same order; -1 is a new part
	fresh   []int               // of told, that belong to none yet
	changes []Change
}

// important sorts what a verdict tells by importance, in an order that does not
// depend on the verdict's.
func important(v *verdict.Verdict) []*verdict.Incident {
	list := make([]*verdict.Incident, len(v.Incidents))
	for i := range v.Incidents {
		list[i] = &v.Incidents[i]
	}
	text := func(x *verdict.Incident) string {
		y := *x
		y.ID, y.Findings = "", nil // numbered anew each time
		return encode(y)
	}
	slices.SortStableFunc(list, func(x, y *verdict.Incident) int {
		if c := cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(abs(y.Excess), abs(x.Excess)), x.Onset.Compare(y.Onset)); c != 0 {
			return c
		}
		return strings.Compare(text(x), text(y))
	})
	return list
}

// rank is the order of importance, as package verdict has it.
func rank(x *verdict.Incident) int {
	switch {
	case x.Kind == verdict.Attack && len(x.Compromised) > 0:
		return 0
	case x.Kind == verdict.Attack:
		return 1
	case x.Kind == verdict.Fault:
		return 2
	case x.Kind == verdict.Undetermined:
		return 3
	case x.Kind == verdict.Benign:
		return 4
	}
	return 5
}

// assign finds out what belongs to which incident: the pairs that fit best
// first, each part and each thing told once. What is left belongs to an incident
// all the same if it is surely it; else it is a new one. Noise is none: it only
// takes the place of what was thought before.
func (r *round) assign() {
	type pair struct {
		in      *Incident
		part, i int
		points  int
		closed  int
		noise   int // everyday noise explains what nothing else does
		exact   int // marks that are the very same
		between time.Duration
	}
	var pairs []pair
	for _, in := range r.b.All() {
		if in.Status == Merged {
			continue
		}
		for i, x := range r.told {
			for k := range in.Parts {
				j := &in.Parts[k].Judged
				if apart(j.Onset, j.End, x.Onset, x.End) > r.b.opt.Together {
					continue // before lists of sources are compared
				}
				p := pair{in: in, part: k, i: i, noise: number(x.Kind == verdict.Background), exact: exact(j, x)}
				p.points, _ = likeness(j, x)
				p.between = j.Onset.Sub(x.Onset).Abs() + j.End.Sub(x.End).Abs()
				least := same
				if in.Status == Closed {
					p.closed = 1
					if !r.b.news(in, x) {
						least = old
					}
				}
				if x.Kind == verdict.Background && j.Kind == verdict.Attack && len(j.Compromised) > 0 {
					continue // an opened account is not explained away by noise
				}
				if p.points >= least {
					pairs = append(pairs, p)
				}
			}
			if in.Status == Closed {
				continue
			}
			for k := range in.Outages {
				if n := outLikeness(&in.Outages[k], x, r.now); n > 0 {
					pairs = append(pairs, pair{in: in, part: -1, i: i, points: n})
				}
			}
		}
	}
	slices.SortStableFunc(pairs, func(x, y pair) int {
		return cmp.Or(cmp.Compare(x.noise, y.noise), cmp.Compare(y.points, x.points), cmp.Compare(x.closed, y.closed), cmp.Compare(y.exact, x.exact), cmp.Compare(x.between, y.between),
			cmp.Compare(x.in.Number, y.in.Number), cmp.Compare(x.i, y.i), cmp.Compare(x.part, y.part))
	})
	type place struct {
		id   string
		part int
	}
	r.fits = make(map[string][]int)
	taken, done := make(map[place]bool), make([]bool, len(r.told))
	take := func(p pair, part int) {
		done[p.i] = true
		r.of[p.in.ID] = append(r.of[p.in.ID], p.i)
		r.fits[p.in.ID] = append(r.fits[p.in.ID], part)
	}
	for _, p := range pairs {
		if at := (place{p.in.ID, p.part}); !done[p.i] && (p.part < 0 || !taken[at]) {
			taken[at] = true
			take(p, p.part)
		}
	}
	for _, p := range pairs {
		if !done[p.i] && p.noise == 0 && (p.points >= surely || p.closed == 1 && !r.b.news(p.in, r.told[p.i])) {
			take(p, -1)
		}
	}
	for i, x := range r.told {
		if !done[i] && x.Kind != verdict.Background {
			r.fresh = append(r.fresh, i)
		}
	}
}

// news reports whether something told of a closed incident is more than was
// known when it was closed: an account in other hands that was not known, or
// that it went on. Of what was closed as harmless, only going on as an attack
// is: whoever closed it knew of the rest.
func (b *Book) news(in *Incident, x *verdict.Incident) bool {
	for _, a := range x.Compromised {
		if !slices.Contains(in.Closing.Accounts, a) {
			return true
		}
	}
	if !x.End.After(in.Closing.Through.Add(b.opt.LateBy)) {
		return false
	}
	switch in.Closing.As {
	case WasBenign, WasFalseAlarm:
		return x.Kind == verdict.Attack
	}
	return x.Kind != verdict.Background
}

// renew takes over what is told of an incident now.
func (r *round) renew(id string, list []int) {
	before := r.b.all[id]
	in := r.b.edit(id)
	if in.Status == Closed && !slices.ContainsFunc(list, func(i int) bool { return r.b.news(in, r.told[i]) }) {
		// It stays closed, and is known by what it was. Until when it went on is
		// noted, so that what comes is measured from there.
		for n, i := range list {
			if part := r.fits[id][n]; part >= 0 {
				in.Parts[part].goesOn(r.told[i], r.now)
			}
		}
		in.sum(nil)
		r.quietly(before, in)
		return
	}
	wholly := r.now.Sub(in.Opened) < young
	for k := range in.Parts {
		in.Parts[k].Current = false
	}
	for n, i := range list {
		x := *r.told[i]
		part := r.fits[id][n]
		if part < 0 {
			in.Parts = append(in.Parts, Part{Judged: x, Seen: r.now, Current: true})
			continue
		}
		p := &in.Parts[part]
		if !wholly {
			x = grown(&p.Judged, x)
		}
		*p = Part{Judged: x, Seen: r.now, Current: true}
	}
	in.Parts = first(absorbed(in.Parts))
	in.sum(r.v)
	var what []string
	kind := ChangeUpdated
	switch {
	case in.Status == Closed:
		kind = ChangeReopened
		what = append(what, fmt.Sprintf("It is back after it was closed (%s).", strings.ReplaceAll(string(in.Closing.As), "_", " ")))
		in.Closing = nil
		in.Status, in.QuietSince = Open, time.Time{}
	case in.Status == Quiet && in.End.After(before.End) && r.now.Sub(in.End) < r.b.opt.QuietAfter:
		kind = ChangeReopened
		what = append(what, fmt.Sprintf("It is back after it was quiet for %s.", span(in.End.Sub(before.End))))
		in.Status, in.QuietSince = Open, time.Time{}
	}
	what = append(what, in.grew(r.now, r.b.opt.Settle)...)
	if kind == ChangeUpdated && len(what) == 0 {
		r.quietly(before, in)
		return
	}
	r.changes = append(r.changes, in.change(kind, r.now, "", strings.Join(what, " ")))
}

// goesOn notes until when something went on.
func (p *Part) goesOn(x *verdict.Incident, now time.Time) {
	if n, _ := likeness(&p.Judged, x); n >= same && x.Kind != verdict.Background && x.End.After(p.Judged.End) {
		p.Judged.End, p.Judged.Ongoing, p.Seen = x.End, x.Ongoing, now
	}
}

// quietly notes that something changed that nobody has to be told, if it did.
func (r *round) quietly(before, in *Incident) {
	// When it was seen is not a change of its own.
	x, y := *before, *in
	x.Parts, y.Parts = unseen(before.Parts), unseen(in.Parts)
	if encode(x) == encode(y) {
		r.b.all[in.ID] = before
		return
	}
	in.Updated = r.now
	r.changes = append(r.changes, Change{Kind: ChangeUpdated, At: r.now, Text: "It goes on as it was.", Incident: in})
}

func unseen(parts []Part) []Part {
	parts = slices.Clone(parts)
	for i := range parts {
		parts[i].Seen = time.Time{}
	}
	return parts
}

// vanished notes that no verdict tells of an incident any more.
func (r *round) vanished(id string) {
	before := r.b.all[id]
	in := r.b.edit(id)
	for k := range in.Parts {
		in.Parts[k].Current = false
	}
	in.sum(nil)
	r.quietly(before, in)
}

// young is how long an incident is judged wholly anew. Later its beginning may
// lie before what verdicts look at, so that it only grows.
const young = 24 * time.Hour

// grown keeps of a part what a verdict over a shorter time may not see.
func grown(before *verdict.Incident, x verdict.Incident) verdict.Incident {
	if before.Onset.Before(x.Onset) {
		x.Onset, x.OnsetInterval = before.Onset, before.OnsetInterval
	}
	if family(before.Kind) != family(x.Kind) {
		return x // whose accounts and sources were an attack's
	}
	x.Compromised = union(before.Compromised, x.Compromised)
	x.Sources = union(before.Sources, x.Sources)
	x.Stolen = union(before.Stolen, x.Stolen)
	x.Sources = x.Sources[:min(len(x.Sources), maxSources)]
	return x
}

// absorbed leaves out parts that are not told any more and that are surely the
// same as a part that is: the verdict has joined them. An account that was opened
// is not forgotten so.
func absorbed(parts []Part) []Part {
	return slices.DeleteFunc(slices.Clone(parts), func(p Part) bool {
		return !p.Current && slices.ContainsFunc(parts, func(q Part) bool {
			n, gap := likeness(&p.Judged, &q.Judged)
			return q.Current && gap == 0 && n >= surely && len(without(p.Judged.Compromised, q.Judged.Compromised)) == 0
		})
	})
}

// first puts the most important parts first, and leaves out the last of too many.
func first(parts []Part) []Part {
	slices.SortStableFunc(parts, func(p, q Part) int {
		return cmp.Or(-cmp.Compare(number(p.Current), number(q.Current)), cmp.Compare(rank(&p.Judged), rank(&q.Judged)), -p.Seen.Compare(q.Seen))
	})
	return parts[:min(len(parts), maxParts)]
}

// sum makes the whole of an incident out of its parts and outages. Without a
// verdict its findings stay.
func (in *Incident) sum(v *verdict.Verdict) {
	in.Ongoing = false
	in.Services, in.Accounts, in.Sources, in.Cause = []string{}, []string{}, []string{}, []map[string]string{}
	in.Targeted = 0
	begun := false
	seen := make(map[string]bool)
	during := func(onset time.Time, within [2]time.Time, end time.Time) {
		if !begun || onset.Before(in.Onset) {
			in.Onset, in.OnsetInterval = utc(onset), [2]time.Time{utc(within[0]), utc(within[1])}
		}
		if !begun || end.After(in.End) {
			in.End = utc(end)
		}
		begun = true
	}
	for i := range in.Parts {
		p := &in.Parts[i]
		j := &p.Judged
		if i == 0 {
			in.Kind, in.Name, in.Text = j.Kind, j.Name, j.Text
			in.Share, in.Observed, in.Expected, in.Excess = j.Share, j.Observed, j.Expected, j.Excess
		}
		during(j.Onset, j.OnsetInterval, j.End)
		in.Ongoing = in.Ongoing || p.Current && j.Ongoing && j.Kind != verdict.Background
		in.Services, in.Sources = union(in.Services, j.Services), union(in.Sources, j.Sources)
		if j.Kind == verdict.Attack {
			in.Accounts = union(in.Accounts, j.Compromised)
		}
		in.Targeted = max(in.Targeted, j.Targeted)
		for _, c := range j.Cause {
			if key := encode(c); !seen[key] {
				seen[key] = true
				in.Cause = append(in.Cause, c)
			}
		}
	}
	in.Sources = in.Sources[:min(len(in.Sources), maxSources)]
	for i := range in.Outages {
		o := &in.Outages[i]
		within := o.Onset
		if within[0].IsZero() {
			within[0] = within[1]
		}
		if len(in.Parts) == 0 || in.Kind != verdict.Attack && in.Kind != verdict.Fault {
			in.Kind, in.Name, in.Text = verdict.Fault, outageName, o.Text
		}
		end := o.End
		if end.IsZero() {
			end, in.Ongoing = latest(in.End, o.Onset[1]), true
		}
		during(o.Onset[1], within, end)
		in.Services = union(in.Services, []string{o.Service})
	}
	if v != nil {
		in.findings(v)
	}
	if in.SeverityBy == "" {
		in.Severity = in.severity()
	}
}

// outageName is the name of an incident that probes alone tell of.
const outageName = "a service does not answer"

// findings takes over those that the current parts name.
func (in *Incident) findings(v *verdict.Verdict) {
	named := make(map[string]bool)
	for i := range in.Parts {
		if in.Parts[i].Current {
			for _, id := range in.Parts[i].Judged.Findings {
				named[id] = true
			}
		}
	}
	in.Findings = []verdict.Finding{}
	for i := range v.Findings {
		if named[v.Findings[i].ID] && len(in.Findings) < maxFindings {
			in.Findings = append(in.Findings, v.Findings[i])
		}
	}
}

var severities = []verdict.Severity{verdict.Info, verdict.Low, verdict.Medium, verdict.High, verdict.Critical}

// severity is how bad an incident is: an opened account is critical, an attack
// and a service that is out are high; what is over or not known is medium.
func (in *Incident) severity() verdict.Severity {
	switch in.Kind {
	case verdict.Attack:
		if len(in.Accounts) > 0 {
			return verdict.Critical
		}
		return verdict.High
	case verdict.Fault:
		if in.Ongoing {
			return verdict.High
		}
		return verdict.Medium
	case verdict.Undetermined:
		return verdict.Medium
	case verdict.Benign:
		return verdict.Low
	}
	return verdict.Info
}

// groups puts together what is told of new things: what is surely the same is
// one incident, here too.
func (r *round) groups() (list [][]int) {
next:
	for _, i := range r.fresh {
		for k, g := range list {
			if slices.ContainsFunc(g, func(j int) bool {
				n, gap := likeness(r.told[i], r.told[j])
				return gap <= r.b.opt.Together && n >= surely
			}) {
				list[k] = append(g, i)
				continue next
			}
		}
		list = append(list, []int{i})
	}
	return list
}

// open makes a new incident of what is told, the most important first.
func (r *round) open(list []int) {
	x := r.told[list[0]]
	earlier := (*Incident)(nil)
	for _, in := range r.b.All() {
		if in.Status == Merged || !in.Opened.Before(r.now) {
			continue
		}
		for k := range in.Parts {
			if n, gap := likeness(&in.Parts[k].Judged, x); n >= same && gap > r.b.opt.Together && in.End.Before(x.Onset) {
				earlier = in // the newest such
			}
		}
	}
	in := &Incident{}
	for _, i := range list[:min(len(list), maxParts)] {
		in.Parts = append(in.Parts, Part{Judged: *r.told[i], Seen: r.now, Current: true})
	}
	in.sum(r.v)
	text := in.begins()
	if earlier != nil {
		in.Earlier = earlier.ID
		text += fmt.Sprintf(" The same was there before, as #%d, until %s.", earlier.Number, day(earlier.End, x.Onset))
	}
	r.changes = append(r.changes, r.b.add(in, r.now, text))
	r.of[in.ID] = list
}

// add gives a new incident its number and takes it in.
func (b *Book) add(in *Incident, now time.Time, text string) Change {
	b.last++
	in.Number, in.Status, in.Opened = b.last, Open, now
	hash := sha256.Sum256(fmt.Appendf(nil, "%d %s %s %s %s", in.Number, in.Kind, in.Name, in.Onset, encode(in.Cause)))
	in.ID = "incident-" + in.Onset.Format("20060102") + "-" + hex.EncodeToString(hash[:4])
	if in.Findings == nil {
		in.Findings = []verdict.Finding{}
	}
	in.Parts, in.Outages = append([]Part{}, in.Parts...), append([]Outage{}, in.Outages...)
	in.Notes, in.Followups, in.Absorbed = []Note{}, []Followup{}, []string{}
	in.tell()
	b.all[in.ID] = in
	return in.change(ChangeOpened, now, "", text)
}

// merge makes one of open incidents that a verdict tells as one: those that
// nothing was told of, and that are surely what was told of another.
func (r *round) merge() {
	for _, other := range r.b.All() {
		if other.Status != Open && other.Status != Quiet || len(r.of[other.ID]) > 0 || len(other.Parts)+len(other.Outages) == 0 {
			continue
		}
		for _, in := range r.b.All() {
			if in.ID == other.ID || in.Status != Open && in.Status != Quiet || !r.one(in, other) {
				continue
			}
			r.changes = append(r.changes, r.b.join(in, other, r.now, "", "")...)
			break
		}
	}
}

// one reports whether all of other is surely told of in: its parts, and where it
// has none, its outages.
func (r *round) one(in, other *Incident) bool {
	if len(other.Parts) == 0 {
		for k := range other.Outages {
			if o := &other.Outages[k]; !slices.ContainsFunc(in.Parts, func(p Part) bool {
				return p.Current && outLikeness(o, &p.Judged, r.now) >= surely
			}) {
				return false
			}
		}
	}
	for k := range other.Parts {
		if !slices.ContainsFunc(in.Parts, func(p Part) bool {
			n, gap := likeness(&other.Parts[k].Judged, &p.Judged)
			return p.Current && gap == 0 && n >= surely
		}) {
			return false
		}
	}
	return true
}

// join merges two incidents. The one that was first stays.
func (b *Book) join(x, y *Incident, now time.Time, by, why string) []Change {
	if y.Number < x.Number {
		x, y = y, x
	}
	in, gone := b.edit(x.ID), b.edit(y.ID)
	in.Parts = first(absorbed(append(in.Parts, gone.Parts...)))
	in.Outages = append(in.Outages, gone.Outages...)
	in.Notes = append(in.Notes, gone.Notes...)
	slices.SortStableFunc(in.Notes, func(a, b Note) int { return a.At.Compare(b.At) })
	for _, f := range gone.Followups {
		f.N = len(in.Followups) + 1
		in.Followups = append(in.Followups, f)
	}
	in.Owner = cmp.Or(in.Owner, gone.Owner)
	in.Absorbed = append(append(in.Absorbed, gone.Absorbed...), gone.ID)
	found := append(slices.Clone(in.Findings), gone.Findings...)
	in.sum(nil)
	in.Findings = found[:min(len(found), maxFindings)]
	if in.Status == Quiet && gone.Status == Open {
		in.Status, in.QuietSince = Open, time.Time{}
	}
	in.tell()
	gone.Status, gone.MergedInto = Merged, in.ID
	gone.Parts, gone.Findings, gone.Outages = []Part{}, []verdict.Finding{}, []Outage{}
	if why != "" {
		why = ": " + why
	}
	return []Change{
		gone.change(ChangeMerged, now, by, fmt.Sprintf("It is the same as #%d%s.", in.Number, why)),
		in.change(ChangeUpdated, now, by, fmt.Sprintf("#%d is the same and was merged into it%s.", gone.Number, why)),
	}
}

// Fault hears of an outage, as it is known now. It belongs to the incident that
// has it already, else to a fault of the same service at the same time, else it
// opens one.
func (b *Book) Fault(now time.Time, o Outage) []Change {
	now = utc(now)
	o.Onset[0], o.Onset[1], o.End = utc(o.Onset[0]), utc(o.Onset[1]), utc(o.End)
	o.Probes = append([]string{}, o.Probes...)
	var found *Incident
	at := -1
	for _, in := range b.All() {
		for k := range in.Outages {
			if in.Outages[k].ID == o.ID {
				found, at = in, k
			}
		}
	}
	if found == nil {
		for _, in := range b.All() {
			if found == nil && (in.Status == Open || in.Status == Quiet) && b.hasFault(in, &o, now) {
				found = in
			}
		}
	}
	if found == nil {
		in := &Incident{Outages: []Outage{o}}
		in.sum(nil)
		return []Change{b.add(in, now, o.Text)}
	}
	before := found
	in := b.edit(found.ID)
	text := ""
	switch {
	case at < 0:
		in.Outages = append(in.Outages, o)
		text = o.Text
	case in.Outages[at].End.IsZero() && !o.End.IsZero():
		in.Outages[at] = o
		text = fmt.Sprintf("%s answers again, after %s.", sentence(message.Service(o.Service)), span(o.End.Sub(o.Onset[1])))
	case !in.Outages[at].End.IsZero() && o.End.IsZero():
		in.Outages[at] = o
		text = o.Text
	default:
		in.Outages[at] = o
	}
	in.sum(nil)
	kind := ChangeUpdated
	switch {
	case in.Status == Closed:
		if o.End.IsZero() && text != "" {
			kind, in.Status, in.Closing = ChangeReopened, Open, nil
		} else {
			text = ""
		}
	case in.Status == Quiet && o.End.IsZero():
		kind, in.Status, in.QuietSince = ChangeReopened, Open, time.Time{}
	}
	if text == "" {
		r := round{b: b, now: now}
		r.quietly(before, in)
		return r.changes
	}
	in.tell()
	return []Change{in.change(kind, now, "", text)}
}

func (b *Book) hasFault(in *Incident, o *Outage, now time.Time) bool {
	for i := range in.Outages {
		x := &in.Outages[i]
		if x.Service == o.Service && apart(x.Onset[1], x.until(now), o.Onset[1], o.until(now)) <= outageGap {
			return true
		}
	}
	return slices.ContainsFunc(in.Parts, func(p Part) bool { return outLikeness(o, &p.Judged, now) > 0 })
}

// Tick does what time alone does: what is over becomes quiet, followups come
// due, what nobody took up lapses.
func (b *Book) Tick(now time.Time) (changes []Change) {
	now = utc(now)
	for _, in := range b.All() {
		if in.Status != Open && in.Status != Quiet {
			continue
		}
		for k := range in.Followups {
			f := &in.Followups[k]
			if f.Told || !f.Done.IsZero() || f.At.After(now) {
				continue
			}
			in = b.edit(in.ID)
			in.Followups[k].Told = true
			changes = append(changes, in.change(ChangeDue, now, "", f.due()))
		}
		if calm := now.Sub(in.End); in.Status == Open && !in.Ongoing && calm >= b.opt.QuietAfter {
			in = b.edit(in.ID)
			in.Status, in.QuietSince = Quiet, now
			changes = append(changes, in.change(ChangeQuiet, now, "", fmt.Sprintf("Nothing more of it for %s; it lasted %s.", span(calm), span(in.End.Sub(in.Onset)))))
		}
		if in.Status == Quiet && b.opt.LapseAfter > 0 && now.Sub(in.QuietSince) >= b.opt.LapseAfter && in.Kind != verdict.Attack && in.Owner == "" && !in.waits() {
			in = b.edit(in.ID)
			in.close(now, Lapsed, "", "it has been quiet, and nobody took it up")
			changes = append(changes, in.change(ChangeClosed, now, "", fmt.Sprintf("It was quiet for %s and nobody took it up: closed, which teaches nothing.", span(now.Sub(in.QuietSince)))))
		}
	}
	return changes
}

// waits reports whether a followup is not done.
func (in *Incident) waits() bool {
	return slices.ContainsFunc(in.Followups, func(f Followup) bool { return f.Done.IsZero() })
}

// forget leaves out what nothing that comes can belong to.
func (b *Book) forget(now time.Time) {
	maps.DeleteFunc(b.all, func(_ string, in *Incident) bool {
		switch in.Status {
		case Closed:
			return now.Sub(latest(in.Closing.At, in.End)) > b.opt.Remember
		case Merged:
			return now.Sub(in.Updated) > b.opt.Remember
		}
		return false
	})
}

func encode(x any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(x); err != nil {
		panic(err) // plain values alone are encoded
	}
	return out.String()
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0)
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func abs(x float64) float64 { return max(x, -x) }

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// union of two lists, sorted, never nil.
func union(a, b []string) []string {
	list := append(append(make([]string, 0, len(a)+len(b)), a...), b...)
	slices.Sort(list)
	return slices.Compact(list)
}
