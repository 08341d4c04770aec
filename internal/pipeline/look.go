package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"mailvigil/anomaly"
	"mailvigil/explain"
	"mailvigil/internal/message"
	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// look goes from counts to the case that verdict judges.
func (r *run) look(ctx context.Context) (*verdict.Case, error) {
	all := r.scan()
	ready := r.cells.Start + traffic.Slot(r.cells.Slots)
	for _, s := range all {
		if s.result.Ready < ready && s.family == everyday {
			ready = s.result.Ready
		}
	}
	xs := r.excesses(all)
	windows := r.plan(xs)
	if err := r.sift(ctx, windows); err != nil {
		return nil, err
	}
	c := &verdict.Case{
		Location: r.opt.Location,
		Hostile:  r.profiles.Guessing(),
		Stale:    r.profiles.Stale(),
		Accounts: r.profiles.Accounts(),
		History:  time.Duration(r.cells.Slots) * time.Minute,
		Judged:   time.Duration(r.cells.Start+traffic.Slot(r.cells.Slots)-ready) * time.Minute,
		Coverage: r.coverage(),
		Say:      message.Cause,
	}
	for _, s := range r.profiles.HostileSources() {
		c.Strange = append(c.Strange, r.profiles.SuccessAfterFailures(s)...)
	}
	c.Strange = append(c.Strange, r.profiles.Takeovers()...)
	r.explain(windows, c)
	return c, nil
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
// missing for less traffic to be a fault; mostClaimed is the share of an excess from which it is
// the doing of an earlier one.
const (
	afterFault  = traffic.Slot(4 * time.Hour / time.Minute)
	silent      = 0.8
	mostClaimed = 0.6
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
		case w.excess.series.family == everyday:
			return 3
		}
		return 4
	}
	order := slices.Clone(windows)
	slices.SortStableFunc(order, func(a, b *window) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)),
			// one service alone says more than all of them together
			cmp.Compare(b.excess.size(), a.excess.size()))
	})
	var done []*accepted
	for _, w := range order {
		if a := r.absorb(w, done); a != nil {
			r.mention(a, w)
			continue
		}
		if w.excess.series.family == failures && !w.excess.up {
			continue // fewer failures than usual harm nobody
		}
		a := r.account(w, done, c)
		if a == nil {
			continue
		}
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

// absorb returns the earlier excess of which this one is the doing, if any.
func (r *run) absorb(w *window, done []*accepted) *accepted {
	x := w.excess
	for _, a := range done {
		if a.fault {
			// The rush is no longer than the fault is severe: twice its length
			// and four hours.
			length := a.span.to - a.span.from
			near := interval{a.span.from - 15, a.span.to + min(afterFault, 2*length+60)}
			begins := interval{x.intervals[0].from, x.intervals[0].from + 1}
			if near.overlaps(begins) && x.whole().to <= a.span.to+2*length+afterFault {
				return a
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
			return a
		}
		if !a.span.overlaps(x.whole()) || a.Up != x.up {
			continue
		}
		// The failures of one service are part of all failures.
		if a.Family == string(failures) && x.series.family == failures {
			return a
		}
		// Webmail and gateways open mailboxes on behalf of others: what they
		// pass on rises with what they are asked for.
		if passedOn := a.Service == maillog.Webmail.String() || a.Service == maillog.ActiveSync.String(); passedOn && relayed/excess >= 0.5 {
			return a
		}
	}
	return nil
}

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

// implies says which attributes fix which others.
var implies = map[string][]string{
	"asn":            {"country", "network_kind"},
	"ip":             {"prefix", "asn", "country", "network_kind"},
	"prefix":         {"asn", "country", "network_kind"},
	"os_version":     {"os"},
	"client_version": {"client"},
	"device":         {"account", "client", "os"},
}

// minCause is the least share of an excess that a cause must explain to be
// named, keepCause the share from which no further cause is named.
const (
	minCause  = 0.15
	keepCause = 0.9
)

// account finds out what an excess is made of. It returns nil where nothing
// is left of it once the earlier causes are taken away.
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
	names := make([]string, len(attributes))
	for i, a := range attributes {
		names[i] = a.name
	}
	table := explain.NewTable(names...)
	values := make([]string, len(attributes))
	for i := range w.rows {
		k := &w.rows[i]
		if !left(&k.leafKey) {
			continue
		}
		for j, a := range attributes {
			values[j] = a.of(&k.leafKey)
		}
		table.Add(values, k.n, k.past)
	}
	var causes []explain.Cause
	if w.references() > 0 && x.up {
		res := explain.Explain(table, explain.Options{Workers: r.opt.Workers, Windows: w.references(), Implies: implies})
		sum := 0.0
		for _, cause := range res.Causes {
			if cause.Excess <= 0 || cause.Share < minCause || sum >= keepCause {
				continue
			}
			sum += cause.Share
			causes = append(causes, cause)
		}
	}
	e := &verdict.Excess{
		Family: string(x.series.family), Up: x.up, Observed: x.observed, Expected: x.expected,
		Service: x.series.service.String(),
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
		if oneSource(own) {
			e.Cause = own
		}
		a.claims = r.strangers(w)
	case faults:
		e.Cause = r.faultCause(w)
	default:
		e.Cause = own
		if len(own) > 0 {
			a.claims = claims(own)
		}
	}
	for _, cause := range causes {
		e.Share += cause.Share
	}
	e.Share = min(e.Share, 1)
	if x.series.family == failures || x.series.family == faults {
		e.Share = 1
	}
	e.Services = r.services(w, own)
	r.when(x, own, e)
	e.Day = r.usualDay(x.series)
	e.Before = time.Duration(x.intervals[0].from-r.cells.Start) * time.Minute
	r.makeup(w, own, e, c)
	e.Plot = r.plot(x)
	return a
}

// oneSource reports whether failures have one cause that names somebody: a
// single address, account or device. Otherwise what sets them apart is that
// they fail: the addresses of a spray are many, and no provider of theirs is
// its cause.
func oneSource(own []map[string]string) bool {
	if len(own) != 1 {
		return false
	}
	for _, k := range []string{"ip", "account", "device", "prefix"} {
		if _, ok := own[0][k]; ok {
			return true
		}
	}
	return false
}

// causes puts explain's answer in the words of the contract. What holds of the
// whole series (its outcome) goes without saying; its service is said where
// there is only one.
func (r *run) causes(w *window, list []explain.Cause) []map[string]string {
	x := w.excess
	var out []map[string]string
	for _, c := range list {
		m := make(map[string]string)
		for _, i := range c.Where {
			if i.Attribute == "outcome" && x.series.family != hosting {
				continue
			}
			m[i.Attribute] = i.Value
		}
		if x.series.service != maillog.ServiceNone {
			m["service"] = x.series.service.String()
		}
		if _, ok := m["os_version"]; ok && m["os"] == "" {
			m["os"] = r.osOf(m["os_version"])
		}
		if x.series.family == failures {
			m["outcome"] = "failure"
		}
		if m["asn"] != "" && r.isOffice(w, m) {
			delete(m, "asn")
			m["network_kind"] = string(traffic.KindOffice)
		}
		if len(m) > 0 {
			out = append(out, m)
		}
	}
	return out
}

// isOffice reports whether what a cause picks out comes from the
// organisation's own offices: their name says more than their provider's.
func (r *run) isOffice(w *window, m map[string]string) bool {
	mine := claims([]map[string]string{m})
	var all, office float64
	for i := range w.rows {
		if k := &w.rows[i]; mine(&k.leafKey) {
			all += k.n
			if k.Network.Value().Kind == traffic.KindOffice {
				office += k.n
			}
		}
	}
	return all > 0 && office > 0.9*all
}

// osOf names the operating system that has a version, where only one has: a
// version alone says little to a person.
func (r *run) osOf(version string) string {
	name := ""
	for i := range r.cells.Leaves {
		if a := r.cells.Leaves[i].Agent.Value(); a.OSVersion == version {
			if name != "" && name != a.OS {
				return ""
			}
			name = a.OS
		}
	}
	return name
}

// claims is the set of leaves that a cause picks out, whatever the service.
func claims(list []map[string]string) func(*leafKey) bool {
	return func(k *leafKey) bool {
		for _, m := range list {
			ok := true
			for name, v := range m {
				if name != "service" && valueOf(k, name) != v {
					ok = false
					break
				}
			}
			if ok {
				return true
			}
		}
		return false
	}
}

// strangers claims all that comes from the addresses of strangers who fail in
// the window.
func (r *run) strangers(w *window) func(*leafKey) bool {
	set := make(map[string]bool)
	for i := range w.rows {
		k := &w.rows[i]
		if k.n > 0 && k.addr.IsValid() {
			if s := r.profiles.Source(k.addr); s != nil && s.Hostile() {
				set[k.addr.String()] = true
			}
		}
	}
	if len(set) == 0 {
		return nil
	}
	return func(k *leafKey) bool { return k.addr.IsValid() && set[k.addr.String()] }
}

// faultCause names the HTTP status that most errors carry, else the outcome.
func (r *run) faultCause(w *window) []map[string]string {
	byStatus := make(map[string]float64)
	total := 0.0
	for i := range w.rows {
		k := &w.rows[i]
		if d := k.n - k.past; d > 0 {
			byStatus[valueOf(&k.leafKey, "status")] += d
			total += d
		}
	}
	for s, n := range byStatus {
		if s != "" && n > total/2 {
			return []map[string]string{{"outcome": maillog.Error.String(), "status": s}}
		}
	}
	return []map[string]string{{"outcome": maillog.Error.String()}}
}

// usualDay is the median of what the series counts on a day; of failures and
// of hosting networks, what all services count together.
func (r *run) usualDay(s *series) float64 {
	if s.family == failures {
		s = &series{family: failures}
		s.counts = r.cells.Series(s.match)
	}
	if s.family == hosting {
		s = &series{family: everyday}
		s.counts = r.cells.Series(s.match)
	}
	byDay := make(map[string]float64)
	for i := 0; i < len(s.counts); i += 60 {
		day := r.time(r.cells.Start + traffic.Slot(i)).Format(time.DateOnly)
		for _, n := range s.counts[i:min(i+60, len(s.counts))] {
			if !math.IsNaN(n) {
				byDay[day] += n
			}
		}
	}
	days := make([]float64, 0, len(byDay))
	for _, n := range byDay {
		days = append(days, n)
	}
	slices.Sort(days)
	return days[len(days)/2]
}

// services lists what the events of the excess touched, a twentieth of them
// at the least.
func (r *run) services(w *window, own []map[string]string) []string {
	if s := w.excess.series.service; s != maillog.ServiceNone {
		return []string{s.String()}
	}
	by := make(map[string]float64)
	total := 0.0
	for i := range w.rows {
		k := &w.rows[i]
		if d := k.n - k.past; d > 0 && k.Service != maillog.ServiceNone {
			by[k.Service.String()] += d
			total += d
		}
	}
	var out []string
	for s, n := range by {
		if n >= total/20 {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

func (r *run) time(s traffic.Slot) time.Time {
	return time.Unix(s.Unix(), 0).In(r.opt.Location)
}

// when says when it began and ended, on the series of the cause itself where
// the Cells hold it: there the beginning is sharper than in the whole service.
func (r *run) when(x *excess, own []map[string]string, e *verdict.Excess) {
	eps := x.episodes
	var sharper func(*verdict.Excess)
	if counts, ok := r.causeSeries(x, own); ok {
		res := anomaly.Scan(r.cells.Start, counts, r.anomalyOptions(1))
		near := interval{x.whole().from - 12*60, x.whole().to + 60}
		var mine []anomaly.Episode
		for _, p := range res.Episodes {
			if p.Up == x.up && near.overlaps(interval{p.Onset, max(p.End, p.Onset+1)}) {
				mine = append(mine, p)
			}
		}
		if len(mine) > 0 {
			eps = mine
		}
		if x.up {
			sharper = func(e *verdict.Excess) { r.sharpen(counts, eps[0].Onset, e) }
		}
	}
	days := make(map[string]bool)
	for _, p := range eps {
		days[r.time(p.Onset).Format(time.DateOnly)] = true
	}
	first, last := eps[0], eps[len(eps)-1]
	e.Onset = r.time(first.Onset)
	e.Interval = [2]time.Time{r.time(first.OnsetInterval[0]), r.time(first.OnsetInterval[1] + 1)}
	e.End = r.time(last.End)
	e.Ongoing = last.Ongoing
	e.Nights = len(days)
	if sharper != nil {
		sharper(e)
	}
}

// sharpen dates the beginning on the counts of the cause alone. A cause that
// is new has no past to be measured against, only a level before and after.
func (r *run) sharpen(counts []float64, onset traffic.Slot, e *verdict.Excess) {
	const before, after = 4 * 60, 90
	from := max(0, int(onset-r.cells.Start)-before)
	to := min(len(counts), int(onset-r.cells.Start)+after)
	c, ok := anomaly.Shift(r.cells.Start+traffic.Slot(from), counts[from:to])
	if !ok || c.Size < 1.5 {
		return
	}
	// Where there was nothing at all before, it may have begun with the first
	// events, however few.
	first := from
	for first < to && counts[first] == 0 {
		first++
	}
	if s := r.cells.Start + traffic.Slot(first); first > from+before/2 {
		c.Interval[0] = min(c.Interval[0], s)
	}
	e.Onset = r.time(c.Onset)
	e.Interval = [2]time.Time{r.time(c.Interval[0]), r.time(max(c.Interval[1], r.underWay(counts, c.Onset)) + 1)}
}

// underWay is the end of the first quarter of an hour that holds half of what
// the quarters of the next hour and a half do: what rises slowly has begun by
// then.
func (r *run) underWay(counts []float64, onset traffic.Slot) traffic.Slot {
	const quarter, later = 15, 90
	from := int(onset - r.cells.Start)
	sum := func(a, n int) (s float64) {
		for _, y := range counts[min(a, len(counts)):min(a+n, len(counts))] {
			if !math.IsNaN(y) {
				s += y
			}
		}
		return s
	}
	level := sum(from, later) / later * quarter
	for i := from; i < from+later; i++ {
		if sum(i, quarter) >= level/2 {
			return r.cells.Start + traffic.Slot(i+quarter-1)
		}
	}
	return onset
}

// causeSeries counts the events of a cause per slot, where all its attributes
// are among those of a Cell.
func (r *run) causeSeries(x *excess, own []map[string]string) ([]float64, bool) {
	if len(own) == 0 || x.series.family == failures || x.series.family == faults {
		return nil, false
	}
	for _, m := range own {
		for name := range m {
			switch name {
			case "prefix", "ip", "account", "device":
				return nil, false
			}
		}
	}
	// People who are elsewhere use every service from there.
	place := true
	for _, m := range own {
		place = place && (m["asn"] != "" || m["country"] != "") && m["os"] == "" && m["client"] == ""
	}
	all := &series{family: x.series.family}
	n := 0.0
	counts := r.cells.Series(func(l *traffic.Leaf) bool {
		k := leafKey{Leaf: *l}
		for _, m := range own {
			ok := true
			for name, v := range m {
				if place && name == "service" {
					continue
				}
				if valueOf(&k, name) != v {
					ok = false
					break
				}
			}
			if ok {
				n++
				return x.series.match(l) || place && all.match(l)
			}
		}
		return false
	})
	return counts, n > 0
}

// plot shows the series around the excess: from two days before to a day
// after, in steps that leave a few hundred points.
func (r *run) plot(x *excess) *verdict.Plot {
	w := x.whole()
	from := max(r.cells.Start, w.from-2*24*60)
	to := min(r.cells.Start+traffic.Slot(r.cells.Slots), w.to+24*60)
	if to-from > 14*24*60 {
		to = from + 14*24*60
	}
	step := traffic.Slot(10)
	for (to-from)/step > 400 {
		step += 10
	}
	p := &verdict.Plot{Title: title(x.series), Start: r.time(from), Step: int(step) * 60}
	at := func(list []float64, s traffic.Slot) float64 {
		sum := 0.0
		for k := s; k < s+step && k < to; k++ {
			sum += list[k-r.cells.Start]
		}
		return sum
	}
	for s := from; s < to; s += step {
		o := at(x.series.counts, s)
		if math.IsNaN(o) {
			o = -1
		}
		p.Observed = append(p.Observed, o)
		mean := at(x.series.result.Expected, s)
		// The band is per minute: over a step the spread grows with its root.
		up := (at(x.series.result.Upper, s) - mean) / math.Sqrt(float64(step))
		down := (mean - at(x.series.result.Lower, s)) / math.Sqrt(float64(step))
		if math.IsNaN(mean) {
			mean, up, down = 0, 0, 0
		}
		p.Expected = append(p.Expected, mean)
		p.Upper = append(p.Upper, mean+up)
		p.Lower = append(p.Lower, max(0, mean-down))
	}
	return p
}

func title(s *series) string {
	name := message.Service(s.service.String())
	if s.service == maillog.ServiceNone {
		name = "all services"
	}
	switch s.family {
	case failures:
		return "failed sign-ins, " + name
	case faults:
		return "errors, " + name
	case hosting:
		return "use from hosting networks"
	}
	return name
}

// makeup says who and what the events of the excess are.
func (r *run) makeup(w *window, own []map[string]string, e *verdict.Excess, c *verdict.Case) {
	mine := func(*leafKey) bool { return true }
	if len(own) > 0 && e.Family != string(failures) {
		mine = claims(own)
	}
	before := e.Interval[0].UnixNano()
	intruders := make(map[string]map[string]bool) // source → accounts
	for _, f := range c.Strange {
		if f.Weight < 4 {
			continue
		}
		for _, s := range f.Sources {
			if intruders[s.String()] == nil {
				intruders[s.String()] = make(map[string]bool)
			}
			intruders[s.String()][f.Account] = true
		}
	}
	m := &e.Makeup
	accounts := make(map[string]float64)
	sources := make(map[string]float64)
	actions := make(map[string]float64)
	hostile := make(map[string]bool)
	known := 0
	var refs []*row
	for i := range w.rows {
		k := &w.rows[i]
		weight := k.n - k.past
		if weight <= 0 || !mine(&k.leafKey) {
			continue
		}
		m.Events += weight
		refs = append(refs, k)
		actions[k.Action.String()] += weight
		net := k.Network.Value()
		switch net.Kind {
		case traffic.KindInternal:
			m.Internal += weight
		case traffic.KindHosting, traffic.KindVPN:
			m.Hosting += weight
		}
		switch k.Outcome {
		case maillog.Failure, maillog.Denied:
			m.Failures += weight
		case maillog.Error, maillog.Refused:
			m.Errors += weight
		}
		if k.account != "" {
			m.Named += weight
			_, source, device := r.profiles.Familiar(k.account, k.addr, k.device, before)
			if source {
				m.FamiliarSource += weight
			}
			if device {
				m.FamiliarDevice += weight
			}
			accounts[k.account] += weight
		}
		if !k.addr.IsValid() {
			continue
		}
		addr := k.addr.String()
		sources[addr] += weight
		if s := r.profiles.Source(k.addr); s != nil {
			if s.Hostile() {
				m.Hostile += weight
				hostile[addr] = true
				if r.profiles.Account(k.account) != nil {
					m.Existing += weight
				}
				if s.First >= before-dayNs {
					m.Newcomers += weight
				}
			} else if k.Outcome == maillog.Failure && s.Signed[k.account] != nil {
				m.OwnFailures += weight
			}
		}
		if intruders[addr][k.account] {
			m.Intruded += weight
		}
	}
	if m.Events == 0 {
		return
	}
	for a := range accounts {
		if ok, _, _ := r.profiles.Familiar(a, w.rows[0].addr, "", before); ok {
			known++
		}
	}
	m.Accounts, m.KnownAccounts, m.Sources = len(accounts), known, len(sources)
	_, m.TopAccount = top(accounts, m.Events)
	_, m.TopSource = top(sources, m.Events)
	m.TopAction, m.TopActionShare = top(actions, m.Events)
	for _, p := range []*float64{&m.FamiliarSource, &m.FamiliarDevice} {
		if m.Named > 0 {
			*p /= m.Named
		}
	}
	if m.Hostile > 0 {
		m.Existing /= m.Hostile
		m.Newcomers /= m.Hostile
	}
	for _, p := range []*float64{&m.Failures, &m.Errors, &m.Hostile, &m.OwnFailures, &m.Internal, &m.Hosting, &m.Intruded, &m.Named} {
		*p /= m.Events
	}
	if e.Family == string(failures) {
		r.attackers(w, hostile, e, c)
	}
	slices.SortStableFunc(refs, func(a, b *row) int { return cmp.Compare(a.first, b.first) })
	for _, k := range refs[:min(len(refs), 5)] {
		e.Refs = append(e.Refs, k.ref)
	}
}

// attackers adds whom the strangers behind the failures tried, which accounts
// they opened, and when the first of them came.
//
// Everyday guessing goes on during an attack. Where the attack knows the names
// of the people here, the addresses that mostly try names that do not exist
// are not part of it; nor are those that were at it long before.
func (r *run) attackers(w *window, hostile map[string]bool, e *verdict.Excess, c *verdict.Case) {
	known := e.Makeup.Existing >= 0.5
	part := make(map[string]bool)
	tried := make(map[string]bool)
	before := e.Onset.UnixNano() - dayNs
	for _, f := range c.Hostile {
		addr := f.Source.String()
		if !hostile[addr] || f.First < before {
			continue
		}
		exist := 0
		for _, a := range f.Accounts {
			if r.profiles.Account(a) != nil {
				exist++
			}
		}
		if known && len(f.Accounts) > 0 && exist*2 < len(f.Accounts) {
			continue
		}
		part[addr] = true
		e.Sources = append(e.Sources, addr)
		for _, a := range f.Accounts {
			tried[a] = true
		}
	}
	e.Targets = len(tried)
	for _, f := range c.Strange {
		if f.Source.IsValid() && part[f.Source.String()] && f.Weight >= 4 {
			e.Hands = append(e.Hands, f)
		}
	}
	first, after := int64(math.MaxInt64), r.jump(w.excess)
	for i := range w.rows {
		k := &w.rows[i]
		if k.n > 0 && k.first >= after && part[address(k.addr)] {
			first = min(first, k.first)
		}
	}
	if first < math.MaxInt64 {
		e.Onset = time.Unix(0, first).In(r.opt.Location)
		e.Interval = [2]time.Time{e.Onset.Add(-time.Minute), e.Onset.Add(15 * time.Minute)}
	}
}

// jump is the earliest time (Unix nanoseconds) at which the failures of an
// excess may have gone from their usual level to that of the attack.
func (r *run) jump(x *excess) int64 {
	from := max(0, int(x.intervals[0].from-r.cells.Start)-6*60)
	to := min(int(x.intervals[0].to-r.cells.Start), len(x.series.counts))
	c, ok := anomaly.Shift(r.cells.Start+traffic.Slot(from), x.series.counts[from:to])
	if !ok {
		return math.MinInt64
	}
	return c.Interval[0].Unix() * int64(time.Second)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func top(m map[string]float64, total float64) (string, float64) {
	best, n := "", -1.0
	for k, v := range m {
		if v > n || v == n && k < best {
			best, n = k, v
		}
	}
	if n < 0 {
		return "", 0
	}
	return best, n / total
}

// coverage says what was read.
func (r *run) coverage() verdict.Coverage {
	c := verdict.Coverage{
		Files: len(r.set.Files),
		From:  r.time(r.cells.Start),
		To:    r.time(r.cells.Start + traffic.Slot(r.cells.Slots)),
	}
	seen := make(map[maillog.Format]bool)
	for i, t := range r.tallies {
		f := r.set.Files[i]
		c.Lines += t.read.Lines
		c.Bytes += t.read.Bytes
		c.Parsed += t.parsed
		c.Ignored += t.ignored
		c.Rejected += t.rejected
		in := verdict.Input{
			File: f.Name, Format: f.Format.String(), Lines: t.read.Lines, Rejected: t.rejected,
		}
		if t.read.SHA256 != [32]byte{} {
			in.SHA256 = fmt.Sprintf("%x", t.read.SHA256)
		}
		if t.first <= t.last {
			in.From, in.To = time.Unix(0, t.first).In(r.opt.Location), time.Unix(0, t.last).In(r.opt.Location)
			seen[f.Format] = true
		}
		c.Inputs = append(c.Inputs, in)
		if t.err != nil {
			c.Problems = append(c.Problems, t.err.Error())
		} else if t.read.Changed {
			c.Problems = append(c.Problems, f.Name+" changed while it was read; what it held at first was used")
		}
		for _, s := range t.samples {
			if len(c.Samples) < 10 {
				c.Samples = append(c.Samples, verdict.Rejected{
					Evidence: verdict.Evidence{File: f.Name, Line: s.line, Offset: s.offset, Text: s.text, SHA256: hash([]byte(s.text))},
					Why:      s.why,
				})
			}
		}
	}
	for _, p := range r.set.Problems {
		c.Problems = append(c.Problems, p.Error())
	}
	for _, g := range r.gaps {
		c.Gaps = append(c.Gaps, verdict.Gap{Format: g.format.String(), From: r.time(g.from), To: r.time(g.to)})
	}
	c.CannotTell = r.cannotTell(seen)
	return c
}

// cannotTell lists what these logs could not show.
func (r *run) cannotTell(seen map[maillog.Format]bool) []string {
	var out []string
	for _, f := range maillog.Formats() {
		if seen[f.Format] && len(f.CannotTell) > 0 {
			out = append(out, f.Software+" does not say "+strings.Join(f.CannotTell, ", or ")+".")
		}
	}
	absent := func(what string, fs ...maillog.Format) {
		for _, f := range fs {
			if seen[f] {
				return
			}
		}
		out = append(out, "There are no "+what)
	}
	absent("web server logs: what was done in webmail and by phones over ActiveSync is not seen.", maillog.Combined)
	absent("Dovecot logs: sign-ins over IMAP and what was read there are not seen.", maillog.Dovecot, maillog.DovecotSyslog)
	absent("Postfix logs: what was sent is not seen.", maillog.Postfix)
	if r.opt.NetworksMissing {
		out = append(out, "There is no network data: providers and countries of addresses are not known (docs/networks.md says how to get it).")
	}
	if n := r.profiles.Forgotten; n > 0 {
		out = append(out, fmt.Sprintf("%d addresses that did next to nothing were not remembered one by one.", n))
	}
	if to := r.cells.Slots; to > 0 {
		out = append(out, "How surely an attack would have been seen has not been measured in this run.")
	}
	return out
}
