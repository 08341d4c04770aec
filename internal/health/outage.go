package health

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mailvigil/internal/message"
)

// Rule says when answers make an outage. It is stated to the operator as it
// stands here.
//
// An outage begins at the first failure of a run, and lies between the last
// success before it and that failure. It is told once one probe has failed
// Failures times in a row, once two probes of the same service fail at a time,
// or once one has failed Unsteady times of its last ten. It ends at the first
// of Successes right answers in a row of every probe that it had reached. One
// that begins again within Return of its end is the same one; each return
// doubles the right answers that end it, up to sixteen, so that what comes and
// goes is one outage and not ten. What is zero has its value of DefaultRule.
//
// Slow answers and backlogs follow the same rule in a lane of their own, save
// that two probes at a time tell nothing; a failure counts for neither side
// there. What is wrong with the asking itself is no outage.
type Rule struct {
	Failures, Successes, Unsteady int
	Return                        time.Duration
	// Reconnects is for how long after an outage clients are expected to come
	// back all at once.
	Reconnects time.Duration
}

// DefaultRule is what holds where the configuration states nothing else.
func DefaultRule() Rule {
	return Rule{Failures: 3, Successes: 2, Unsteady: 4, Return: 15 * time.Minute, Reconnects: 15 * time.Minute}
}

const (
	window     = 10 // answers that Unsteady looks at
	mostNeeded = 16
	kept       = 50 // ended outages
	sourceLife = 7 * 24 * time.Hour
)

// expiryWarnings are how long before its end a certificate is told, each once.
var expiryWarnings = [...]time.Duration{21 * 24 * time.Hour, 7 * 24 * time.Hour, 24 * time.Hour}

// Outage is a time in which a service did not do what its users ask, or, where
// Slow is set, did it badly.
type Outage struct {
	ID      string `json:"id"` // service and first failure, stable
	Service string `json:"service"`
	Slow    bool   `json:"slow,omitempty"`
	// Probes that failed, in order of their first failure.
	Probes []string `json:"probes"`
	// Onset is the last success, zero where there was none, and the first
	// failure.
	Onset [2]time.Time `json:"onset"`
	Told  time.Time    `json:"told"`
	// End is the last failure and the first success after it; both are zero
	// while it lasts.
	End [2]time.Time `json:"end,omitzero"`
	// Kind and Text are of the newest failure.
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
	// Returns is how often it came back after it had ended.
	Returns int `json:"returns,omitempty"`
	// Others are the services that were out at the same time.
	Others []string `json:"others,omitempty"`
	// Affected says who cannot do what, Sentence the whole, for people.
	Affected string `json:"affected"`
	Sentence string `json:"sentence"`
}

// Open reports whether it lasts.
func (o *Outage) Open() bool { return o.End[1].IsZero() }

// ChangeType says what became of an outage.
type ChangeType string

// The changes.
const (
	Opened   ChangeType = "opened"
	Updated  ChangeType = "updated" // more probes, or another kind of failure
	Returned ChangeType = "returned"
	Ended    ChangeType = "ended"
	Warned   ChangeType = "warned" // of a certificate, or of a probe that cannot ask
)

// Change is what a result changed.
type Change struct {
	Type   ChangeType `json:"type"`
	Time   time.Time  `json:"time"`
	Outage *Outage    `json:"outage,omitempty"` // a copy; nil where Type is Warned
	Probe  string     `json:"probe"`
	Text   string     `json:"text"`
}

// Expectation is a time in which a rise of one service's traffic is no news.
// It excuses numbers alone: a finding on an account stays one.
type Expectation struct {
	Service string    `json:"service"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Text    string    `json:"text"`
}

// answer is one of a probe's last ten.
type answer struct {
	Time time.Time `json:"time"`
	Bad  bool      `json:"bad,omitempty"`
}

// run is what a probe answered lately, in one lane.
type run struct {
	Recent  []answer  `json:"recent"`
	Before  time.Time `json:"before,omitzero"` // last success before First
	First   time.Time `json:"first,omitzero"`  // first failure of the run, zero where the newest is good
	Last    time.Time `json:"last,omitzero"`   // last failure
	Bad     int       `json:"bad,omitempty"`   // failures of the run
	Good    int       `json:"good,omitempty"`  // successes since the last failure
	GoodAt  time.Time `json:"good_at,omitzero"`
	Newest  time.Time `json:"newest,omitzero"` // last success
	Kind    Kind      `json:"kind,omitempty"`
	Text    string    `json:"text,omitempty"`
	Service string    `json:"service"`
}

func (r *run) bad() int {
	n := 0
	for _, a := range r.Recent {
		if a.Bad {
			n++
		}
	}
	return n
}

func (r *run) observe(res Result, bad bool) {
	r.Service = res.Service
	r.Recent = append(r.Recent, answer{res.Time, bad})
	if len(r.Recent) > window {
		r.Recent = slices.Delete(r.Recent, 0, 1)
	}
	if bad {
		if r.Bad == 0 {
			r.Before, r.First = r.Newest, res.Time
		}
		r.Bad, r.Good, r.Last = r.Bad+1, 0, res.Time
		r.Kind, r.Text = res.Kind, res.Text
		return
	}
	if r.Good == 0 {
		r.GoodAt = res.Time
	}
	r.Bad, r.Good, r.Newest, r.First = 0, r.Good+1, res.Time, time.Time{}
}

// onset of what this run shows: of its own run of failures, or of the first
// failure of its last ten answers where it was told for being unsteady.
func (r *run) onset(unsteady bool) [2]time.Time {
	if !unsteady && r.Bad > 0 {
		return [2]time.Time{r.Before, r.First}
	}
	var before time.Time
	for _, a := range r.Recent {
		if a.Bad {
			return [2]time.Time{before, a.Time}
		}
		before = a.Time
	}
	return [2]time.Time{r.Before, r.Last}
}

// State is what a Tracker knows, to be kept over a restart.
type State struct {
	Down    map[string]*run      `json:"down"`
	Slow    map[string]*run      `json:"slow"`
	Outages []*Outage            `json:"outages"` // oldest first
	Warned  map[string]time.Time `json:"warned"`  // what was warned of → until when that holds
	Newest  time.Time            `json:"newest,omitzero"`
	// Sources are the addresses that probes asked from → when last.
	Sources map[string]time.Time `json:"sources,omitempty"`
}

// Tracker makes outages of results. It is used by one goroutine.
type Tracker struct {
	rule  Rule
	zone  *time.Location
	names map[string]bool // of the probes there are
	s     State
}

// NewTracker begins where a State ended, or anew with a zero one. What it knew
// of probes that are no more is forgotten, and outages that only they saw end
// at their last failure.
func NewTracker(rule Rule, zone *time.Location, probes []Probe, s State) *Tracker {
	d := DefaultRule()
	rule.Failures = cmp.Or(max(rule.Failures, 0), d.Failures)
	rule.Successes = cmp.Or(max(rule.Successes, 0), d.Successes)
	rule.Unsteady = cmp.Or(max(rule.Unsteady, 0), d.Unsteady)
	rule.Return = cmp.Or(max(rule.Return, 0), d.Return)
	rule.Reconnects = cmp.Or(max(rule.Reconnects, 0), d.Reconnects)
	if zone == nil {
		zone = time.UTC
	}
	t := &Tracker{rule: rule, zone: zone, names: map[string]bool{}, s: s}
	for _, p := range probes {
		t.names[p.Name] = true
	}
	for _, lane := range []*map[string]*run{&t.s.Down, &t.s.Slow} {
		if *lane == nil {
			*lane = map[string]*run{}
		}
		maps.DeleteFunc(*lane, func(name string, _ *run) bool { return !t.names[name] })
	}
	if t.s.Warned == nil {
		t.s.Warned = map[string]time.Time{}
	}
	if t.s.Sources == nil {
		t.s.Sources = map[string]time.Time{}
	}
	for _, o := range t.s.Outages {
		if o.Open() && !slices.ContainsFunc(o.Probes, func(name string) bool { return t.names[name] }) {
			end := cmp.Or(t.s.Newest, o.Onset[1])
			o.End = [2]time.Time{end, end}
			o.Sentence = fmt.Sprintf("%s is not asked any more, so nobody knows whether its outage ended.", capital(message.Service(o.Service)))
		}
	}
	return t
}

// State is a copy of what is known, for the next NewTracker.
func (t *Tracker) State() State {
	s := State{Down: cloneRuns(t.s.Down), Slow: cloneRuns(t.s.Slow), Warned: maps.Clone(t.s.Warned), Newest: t.s.Newest, Sources: maps.Clone(t.s.Sources)}
	for _, o := range t.s.Outages {
		s.Outages = append(s.Outages, o.clone())
	}
	return s
}

func cloneRuns(runs map[string]*run) map[string]*run {
	out := make(map[string]*run, len(runs))
	for name, r := range runs {
		c := *r
		c.Recent = slices.Clone(r.Recent)
		out[name] = &c
	}
	return out
}

func (o *Outage) clone() *Outage {
	c := *o
	c.Probes, c.Others = slices.Clone(o.Probes), slices.Clone(o.Others)
	return &c
}

// Outages are those that last and the newest that ended, oldest first.
func (t *Tracker) Outages() []Outage {
	out := make([]Outage, 0, len(t.s.Outages))
	for _, o := range t.s.Outages {
		out = append(out, *o.clone())
	}
	return out
}

// Sources are the probes' own addresses of the last week, sorted: with their
// accounts they tell what the probes did from what people do. A webmail asks
// IMAP from its own address, so an account is the surer sign.
func (t *Tracker) Sources() []string { return slices.Sorted(maps.Keys(t.s.Sources)) }

// Expected are the times in which clients come back after an outage, those
// that last included: what lasts is expected to end at any moment.
func (t *Tracker) Expected() []Expectation {
	var out []Expectation
	for _, o := range t.s.Outages {
		if o.Slow {
			continue // nobody lost a connection
		}
		until := o.End[1]
		if o.Open() {
			until = t.s.Newest
		}
		out = append(out, Expectation{
			Service: o.Service, From: o.Onset[1], Until: until.Add(t.rule.Reconnects),
			Text: fmt.Sprintf("clients come back after the outage of %s", message.Service(o.Service)),
		})
	}
	return out
}

// Observe takes the next result of a probe; results of one probe come in the
// order of their time.
func (t *Tracker) Observe(r Result) (changes []Change) {
	if !t.names[r.Probe] {
		return nil
	}
	if r.Time.After(t.s.Newest) {
		t.s.Newest = r.Time
	}
	if r.Source != "" {
		t.s.Sources[r.Source] = r.Time
	}
	maps.DeleteFunc(t.s.Sources, func(_ string, last time.Time) bool { return r.Time.Sub(last) > sourceLife })
	maps.DeleteFunc(t.s.Warned, func(_ string, until time.Time) bool { return until.Before(r.Time) })
	if r.Kind == Setup {
		// Once a day: it stays wrong until somebody corrects it.
		return t.warn(nil, "setup "+r.Probe, r, r.Time.Add(24*time.Hour), fmt.Sprintf("The probe %s cannot ask: %s", message.Safe(r.Probe), r.Text))
	}
	delete(t.s.Warned, "setup "+r.Probe)
	changes = t.certificate(r)
	changes = append(changes, t.lane(t.s.Down, r, r.Kind.Failed(), false)...)
	if !r.Kind.Failed() {
		changes = append(changes, t.lane(t.s.Slow, r, r.Kind.Degraded(), true)...)
	}
	return changes
}

func (t *Tracker) warn(changes []Change, key string, r Result, until time.Time, text string) []Change {
	if _, told := t.s.Warned[key]; told {
		return changes
	}
	t.s.Warned[key] = until
	return append(changes, Change{Type: Warned, Time: r.Time, Probe: r.Probe, Text: text})
}

// certificate warns once for each time left, of the nearest one alone.
func (t *Tracker) certificate(r Result) []Change {
	if r.CertificateEnds.IsZero() {
		return nil
	}
	left := r.CertificateEnds.Sub(r.Time)
	for i := len(expiryWarnings) - 1; i >= 0; i-- {
		if left < expiryWarnings[i] {
			// Several probes see the same certificate, and it is told once.
			key := fmt.Sprintf("certificate %d %d", r.CertificateEnds.Unix(), i)
			return t.warn(nil, key, r, r.CertificateEnds.Add(24*time.Hour),
				fmt.Sprintf("The certificate that %s sees ends in %s, on %s. Renew it and reload the server.",
					message.Safe(r.Probe), roughly(left), r.CertificateEnds.In(t.zone).Format("2 January 2006 15:04")))
		}
	}
	return nil
}

func (t *Tracker) lane(lane map[string]*run, r Result, bad, slow bool) []Change {
	mine := lane[r.Probe]
	if mine == nil {
		mine = &run{}
		lane[r.Probe] = mine
	}
	mine.observe(r, bad)
	i := slices.IndexFunc(t.s.Outages, func(o *Outage) bool { return o.Open() && o.Service == r.Service && o.Slow == slow })
	if i < 0 {
		return t.begin(lane, r, mine, bad, slow)
	}
	o := t.s.Outages[i]
	if !bad {
		return t.end(lane, r, o)
	}
	changed := o.Kind != mine.Kind
	if !slices.Contains(o.Probes, r.Probe) {
		o.Probes = append(o.Probes, r.Probe)
		changed = true
	}
	o.Kind, o.Text = mine.Kind, mine.Text
	if !changed {
		return nil
	}
	return []Change{t.change(Updated, r, o)}
}

func (t *Tracker) begin(lane map[string]*run, r Result, mine *run, bad, slow bool) []Change {
	if !bad {
		return nil
	}
	unsteady := mine.Bad < t.rule.Failures && mine.bad() >= t.rule.Unsteady
	failing := map[string][2]time.Time{r.Probe: mine.onset(unsteady)}
	if !slow {
		for name, other := range lane {
			if name != r.Probe && other.Service == r.Service && other.Bad > 0 {
				failing[name] = other.onset(false)
			}
		}
	}
	if mine.Bad < t.rule.Failures && !unsteady && len(failing) < 2 {
		return nil
	}
	names := slices.SortedFunc(maps.Keys(failing), func(a, b string) int {
		return cmp.Or(failing[a][1].Compare(failing[b][1]), cmp.Compare(a, b))
	})
	// One that ended a moment ago has not ended.
	for _, o := range slices.Backward(t.s.Outages) {
		if o.Service != r.Service || o.Slow != slow || o.Open() || r.Time.Sub(o.End[1]) > t.rule.Return {
			continue
		}
		o.End, o.Returns = [2]time.Time{}, o.Returns+1
		for _, name := range names {
			if !slices.Contains(o.Probes, name) {
				o.Probes = append(o.Probes, name)
			}
		}
		o.Kind, o.Text = mine.Kind, mine.Text
		return []Change{t.change(Returned, r, o)}
	}
	o := &Outage{Service: r.Service, Slow: slow, Probes: names, Onset: failing[names[0]], Told: r.Time, Kind: mine.Kind, Text: mine.Text}
	o.ID = fmt.Sprintf("%s-%s", o.Service, o.Onset[1].UTC().Format("20060102T150405.000Z"))
	if slow {
		o.ID += "-slow"
	}
	t.s.Outages = append(t.s.Outages, o)
	for len(t.s.Outages) > kept {
		i := slices.IndexFunc(t.s.Outages, func(o *Outage) bool { return !o.Open() })
		if i < 0 {
			break
		}
		t.s.Outages = slices.Delete(t.s.Outages, i, i+1)
	}
	return []Change{t.change(Opened, r, o)}
}

func (t *Tracker) end(lane map[string]*run, r Result, o *Outage) []Change {
	need := min(t.rule.Successes<<min(o.Returns, 4), max(mostNeeded, t.rule.Successes))
	var end [2]time.Time
	for _, name := range o.Probes {
		p := lane[name]
		if p == nil {
			continue // a probe that is no more, or that has not answered since
		}
		if p.Good < need {
			return nil
		}
		if p.Last.After(end[0]) {
			end[0] = p.Last
		}
		if p.GoodAt.After(end[1]) {
			end[1] = p.GoodAt
		}
	}
	// What was failing when it ended is no sign that it has returned.
	for _, name := range o.Probes {
		if p := lane[name]; p != nil {
			p.Recent = p.Recent[:0]
		}
	}
	o.End = end
	return []Change{t.change(Ended, r, o)}
}

func (t *Tracker) change(what ChangeType, r Result, o *Outage) Change {
	o.Others = nil
	for _, other := range t.s.Outages {
		if other != o && other.Open() && !other.Slow && other.Service != o.Service && !slices.Contains(o.Others, other.Service) {
			o.Others = append(o.Others, other.Service)
		}
	}
	slices.Sort(o.Others)
	o.Affected = affected(o)
	o.Sentence = t.sentence(o)
	return Change{Type: what, Time: r.Time, Outage: o.clone(), Probe: r.Probe, Text: o.Sentence}
}

// heads say what is wrong with a service.
var heads = map[Kind]string{
	Refused: "%s refuses connections", Unreachable: "%s cannot be reached", Timeout: "%s does not answer in time",
	TLS: "%s offers no valid secure connection", Auth: "%s refuses the probe's sign-in", Protocol: "%s answers with an error",
	Lost: "%s takes messages that do not arrive", Slow: "%s is slow", Backlog: "%s has more messages waiting than usual",
}

func affected(o *Outage) string {
	service := message.Service(o.Service)
	if o.Slow {
		return "everybody who uses " + service + " waits longer"
	}
	switch o.Kind {
	case Auth:
		return "whoever signs in to " + service + " anew, if it is not the probe's account alone"
	case TLS:
		return "clients of " + service + " that check certificates, as phones do"
	case Lost:
		return "whoever sends or awaits mail"
	}
	return "everybody who uses " + service
}

func (t *Tracker) sentence(o *Outage) string {
	service := message.Service(o.Service)
	var b strings.Builder
	if !o.Open() {
		what := "answers again"
		if o.Slow {
			what = "is as fast as before"
		}
		fmt.Fprintf(&b, "%s %s since %s. ", capital(service), what, t.clock(o.End[1], o.Onset[1]))
		least, most := o.End[0].Sub(o.Onset[1]), o.End[1].Sub(o.Onset[0])
		switch {
		case o.Onset[0].IsZero():
			fmt.Fprintf(&b, "It was out for %s or longer, from %s or before.", roughly(least), t.clock(o.Onset[1], o.End[1]))
		case roughly(least) == roughly(most):
			fmt.Fprintf(&b, "It was out for %s, from %s.", roughly(least), t.clock(o.Onset[1], o.End[1]))
		default:
			fmt.Fprintf(&b, "It was out for %s to %s, from %s.", roughly(least), roughly(most), t.clock(o.Onset[1], o.End[1]))
		}
		if o.Slow {
			return strings.ReplaceAll(b.String(), "was out", "was so")
		}
		return b.String()
	}
	fmt.Fprintf(&b, heads[o.Kind], capital(service))
	switch {
	case o.Onset[0].IsZero():
		fmt.Fprintf(&b, ", since %s or before", t.clock(o.Onset[1], o.Told))
	default:
		fmt.Fprintf(&b, ", since between %s and %s", t.clock(o.Onset[0], o.Told), t.clock(o.Onset[1], o.Told))
	}
	switch o.Returns {
	case 0:
	case 1:
		b.WriteString("; it was back for a while")
	default:
		fmt.Fprintf(&b, "; it was back %d times", o.Returns)
	}
	fmt.Fprintf(&b, ". %s.", capital(o.Text))
	if len(o.Others) > 0 && !o.Slow {
		var names []string
		for _, s := range o.Others {
			names = append(names, message.Service(s))
		}
		fmt.Fprintf(&b, " Out at the same time: %s; look first at what they share, which may be this machine's own network.", strings.Join(names, ", "))
	}
	return b.String()
}

// clock says a time of day, to the second, with the date where it is another
// day than the one that the reader thinks of.
func (t *Tracker) clock(at, near time.Time) string {
	at, near = at.In(t.zone), near.In(t.zone)
	if at.Year() == near.Year() && at.YearDay() == near.YearDay() {
		return at.Format("15:04:05")
	}
	return at.Format("Mon 2 Jan 15:04:05")
}

func capital(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	return strings.ToUpper(string(r[0])) + string(r[1:])
}
