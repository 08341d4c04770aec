package verdict

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"mailvigil/abuse"
	"mailvigil/traffic"
)

// Thresholds of Judge.
const (
	handsFrom    = 4.0 // weight from which a finding alone says that a stranger signed in
	sureEnough   = 0.5 // probability of a kind below which an excess is undetermined
	joinAttacks  = 72 * time.Hour
	maxSources   = 10_000
	maxFindings  = 2000
	maxEvidence  = 50                  // lines of one incident
	findingLines = 5                   // lines of one finding
	bruteForce   = abuse.Code("T1110") // where it cannot be told how
	manyFailures = 1000                // refused sign-ins that are said of short logs, where they outnumber the others
	muchMissing  = 0.2                 // share of the time that may not be missing of any log for quiet to be said
	shortHistory = 5 * 24 * time.Hour  // logs shorter than this cannot be called quiet
)

// Judge weighs a case. Evidence stays as references into the files; whoever
// called fills in the lines (see Cite). The case is left as it is.
func Judge(c *Case) *Verdict {
	v := &Verdict{
		SchemaVersion: SchemaVersion, Verdict: Quiet, Focus: NoFocus,
		Timezone: c.location().String(), Coverage: c.Coverage,
	}
	j := judge{c: c, v: v, told: make(map[string]told), of: make(map[string]*Excess), doubtful: make(map[string]bool), atRandom: make(map[string]bool), swept: make(map[netip.Addr]bool), attackers: make(map[string]bool), claimed: make([]bool, len(c.Strange))}
	j.short = c.Judged < 24*time.Hour || c.History < shortHistory
	for _, x := range largestFirst(c.Excesses) {
		j.excess(x)
	}
	j.aims()
	j.strangers()
	j.passedOn()
	j.sweeps()
	j.moves()
	j.arrivals()
	j.infected()
	j.imported()
	j.background()
	j.findings()
	for i := range v.Incidents {
		v.Incidents[i].mergeExtents()
	}
	j.order()
	j.conclude()
	return v
}

type judge struct {
	c         *Case
	v         *Verdict
	n         int
	attackers map[string]bool // the addresses of all attacks
	// claimed are the findings of c.Strange that an incident already tells.
	claimed []bool
	told    map[string]told    // by incident
	of      map[string]*Excess // by incident
	// undecided holds what would decide an excess that nothing explains.
	undecided []string
	// doubtful are accounts that signed in from where an attack came from,
	// more likely by their owners than not.
	doubtful map[string]bool
	// atRandom are the attacks, by incident, that mostly tried names that do not
	// exist.
	atRandom map[string]bool
	inside   []string            // addresses of our own from which an attack came
	swept    map[netip.Addr]bool // machines that an incident already tells of
	targeted bool                // an attack knows who works here
	short    bool                // the logs are too short to say what is normal
}

// told is what a verdict needs of an incident and the incident does not hold.
type told struct {
	headline string
	p        float64 // how probable its kind is
}

// largestFirst sorts by size, so that the verdict does not depend on the order
// in which the excesses were found.
func largestFirst(list []Excess) []*Excess {
	out := make([]*Excess, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	slices.SortStableFunc(out, func(a, b *Excess) int {
		return cmp.Or(
			cmp.Compare(math.Abs(b.Observed-b.Expected), math.Abs(a.Observed-a.Expected)),
			a.Onset.Compare(b.Onset), cmp.Compare(a.Family, b.Family), cmp.Compare(a.Service, b.Service))
	})
	return out
}

func (j *judge) id() string {
	j.n++
	return fmt.Sprintf("incident-%d", j.n)
}

// excess makes an incident of an excess.
func (j *judge) excess(x *Excess) {
	list, best, p := weigh(x, j.c)
	in := Incident{
		ID: j.id(), Kind: best.kind, Name: best.name,
		Onset: x.Onset, OnsetInterval: x.Interval, End: x.End, Ongoing: x.Ongoing,
		Services: x.Services, Cause: x.Cause, Share: round(x.Share),
		Observed: x.Observed, Expected: round(x.Expected), Excess: round(x.Observed - x.Expected),
		Hypotheses: list, Split: x.Split, Plot: x.Plot, Hours: x.Hours, Evidence: refs(x.Refs),
	}
	if x.Sweep != nil && x.Makeup.Swept >= 0.3 {
		j.swept[x.Sweep.Source] = true
	}
	if in.Name == nameOldPasswords && !x.First.IsZero() && x.First.Before(in.Onset) {
		in.Onset = x.First
		in.OnsetInterval[0] = x.First.Add(-5 * time.Minute) // some gave up sooner, and are not counted
	}
	j.of[in.ID] = x
	sources, messages := len(x.Sources), int64(0)
	switch best.kind {
	case Attack:
		sources, messages = j.attack(x, &in)
	case Undetermined:
		what := j.c.what(x) + " " + j.c.span(&in)
		if x.Sweep != nil && x.Makeup.Swept >= 0.3 {
			j.undecided = append(j.undecided, askSweep(x.Sweep))
		} else if x.Up {
			j.undecided = append(j.undecided, "who was behind the "+what+", and with which client")
		} else {
			j.undecided = append(j.undecided, "why there were fewer "+what+": whether people were away, the service was down or logs are missing")
		}
	}
	in.Text = j.c.detail(x, &in, sources)
	if in.Name == nameIntruder && len(in.Compromised) > 0 {
		in.Text = stranger(&in, sources, traffic.Network{}, messages)
	}
	switch m := &x.Makeup; {
	case in.Name == nameFlood:
		j.count(&in, flooding, High, fmt.Sprintf("%s flooded the service with requests", one(len(x.Sources), "address", "addresses")))
	case in.Name == nameNoise && m.NotThere > 0.3:
		j.count(&in, scanning, Info, fmt.Sprintf("%s asked for what is not there", one(m.OutsideSources, "address", "addresses")))
	}
	j.told[in.ID] = told{j.c.headline(x, &in), p}
	j.v.Incidents = append(j.v.Incidents, in)
}

// attack adds whom an attack took and from where, and returns from how many
// addresses it came and how many messages it fetched. Only findings of a stranger's success make an account
// compromised, never the failures of others against it.
func (j *judge) attack(x *Excess, in *Incident) (addresses int, messages int64) {
	intruded := in.Name == nameIntruder
	in.Targeted = x.Targets
	if in.Name == nameGuessing && !x.Begun.IsZero() {
		in.Onset, in.OnsetInterval = x.Begun, x.BegunWithin
	}
	m := &x.Makeup
	j.targeted = j.targeted || m.Existing >= 0.5
	j.atRandom[in.ID] = in.Name == nameGuessing && m.Named > 0.5 && m.Existing < 0.5
	sources := setOf(x.Sources)
	var hands []abuse.Finding
	seen := make(map[string]bool)
	take := func(f abuse.Finding) {
		if key := fmt.Sprint(f.Account, f.Source, f.First, f.Title); !seen[key] {
			seen[key] = true
			hands = append(hands, f)
		}
	}
	for _, f := range x.Hands {
		if f.Weight >= handsFrom {
			take(f)
		}
	}
	from, to := x.Onset.Add(-joinAttacks).UnixNano(), x.End.Add(joinAttacks).UnixNano()
	for i, f := range j.c.Strange {
		if !j.claimed[i] && f.Weight >= handsFrom && f.First >= from && f.First <= to && (intruded || comesFrom(f, sources)) {
			j.claimed[i] = true
			take(f)
		}
	}
	opened := make(map[string]bool)
	last := int64(0)
	for _, f := range hands {
		j.opened(in, f, opened)
		messages += f.Messages
		for _, s := range f.Sources {
			sources[s.String()] = true
		}
		j.hold(in, f, Critical, f.Title)
		if intruded {
			in.Onset = earlier(in.Onset, time.Unix(0, f.First).In(j.c.location()))
			last = max(last, f.Last)
		}
	}
	if last > 0 {
		in.End = time.Unix(0, last).In(j.c.location())
	}
	for i, f := range j.c.Strange {
		if opened[f.Account] {
			j.claimed[i] = true
		} else if f.Weight < handsFrom && comesFrom(f, sources) {
			j.doubtful[f.Account] = true
		}
	}
	in.Compromised = sorted(opened)
	in.Targeted = max(in.Targeted, len(in.Compromised))
	in.Sources = sorted(sources)
	outside := maps.Clone(sources)
	if x.Inside != "" {
		// Behind it sit our own people: it is not to be refused.
		delete(outside, x.Inside)
		j.inside = append(j.inside, x.Inside)
	}
	maps.Copy(j.attackers, outside)
	in.Sources = in.Sources[:min(len(in.Sources), maxSources)]
	return len(sources), messages
}

// aims makes an incident of slow guessing against a few people, which no hour
// shows, or adds to the incident that some of it made.
func (j *judge) aims() {
	for i := range j.c.Aims {
		m := &j.c.Aims[i]
		sources := make(map[string]bool, len(m.Sources))
		for _, s := range m.Sources {
			sources[s.String()] = true
		}
		hands := m.Aimed(j.c.Unsure)
		for k, f := range j.c.Strange {
			if j.claimed[k] || f.Weight < handsFrom || f.First < m.First || f.First > m.Last+int64(joinAttacks) {
				continue
			}
			if _, aimed := slices.BinarySearch(m.Accounts, f.Account); aimed {
				j.claimed[k] = true
				hands = append(hands, f)
			}
		}
		first, sure, last := time.Unix(0, m.First).In(j.c.location()), time.Unix(0, m.Sure).In(j.c.location()), time.Unix(0, m.Last).In(j.c.location())
		in := j.guessingAmong(sources)
		if in == nil {
			j.v.Incidents = append(j.v.Incidents, Incident{
				ID: j.id(), Kind: Attack, Name: nameGuessing, Onset: first, End: last, Share: 1,
				Cause: []map[string]string{{"outcome": "failure"}}, Expected: round(m.Usual * float64(len(m.Accounts))),
				Observed: float64(m.Count), Evidence: refs(m.Refs),
			})
			in = &j.v.Incidents[len(j.v.Incidents)-1]
			for _, s := range m.Services {
				in.Services = append(in.Services, s.String())
			}
			if len(in.Services) == 1 {
				in.Cause[0]["service"] = in.Services[0]
			}
			in.Excess = round(in.Observed - in.Expected)
			w := weighing{odds: 0.5}
			if m.Wide {
				in.Expected, in.Excess = m.Usual, round(in.Observed-m.Usual)
				w.add(3, "%s tried %s, once or twice each, where %s usual in as many days", one(len(m.Sources), "address", "addresses"), one(len(m.Accounts), "account", "accounts"), one(int(m.Usual), "such try is", "such tries are"))
			} else {
				w.add(3, "%s tried %s, once or twice each, where nine of ten accounts saw %s", one(len(m.Sources), "address", "addresses"), one(len(m.Accounts), "account", "accounts"), one(int(m.Usual), "such address", "such addresses"))
			}
			if len(hands) > 0 {
				w.add(3, "%s opened meanwhile", one(distinct(hands), "account was", "accounts were"))
			}
			w.against = append(w.against, "one person's device with an old password, behind a network that changes its address each time, looks the same")
			if len(m.Accounts) > 1 {
				w.pro = append(w.pro, fmt.Sprintf("it is after %d people at once", len(m.Accounts)))
				w.odds++
			}
			p := surest / (1 + math.Exp(-w.odds))
			in.Hypotheses = []Hypothesis{{nameGuessing, roundDown(p), w.pro, w.against}, {Name: nameOldPasswords, Probability: roundDown(1 - p)}}
			j.told[in.ID] = told{p: p}
		}
		if first.Before(in.Onset) || !first.After(in.OnsetInterval[0]) {
			in.Onset = first
		}
		if in.Onset.Equal(first) {
			in.OnsetInterval = [2]time.Time{first.Add(-time.Minute), sure}
		}
		if last.After(in.End) {
			in.End = last
		}
		in.Ongoing = in.Ongoing || !j.c.Coverage.To.IsZero() && j.c.Coverage.To.Sub(in.End) < aimGoesOn
		opened := setOf(in.Compromised)
		for _, f := range hands {
			j.opened(in, f, opened)
			for _, s := range f.Sources {
				sources[s.String()] = true
			}
			j.hold(in, f, Critical, f.Title)
			if at := time.Unix(0, f.Last).In(j.c.location()); at.After(in.End) {
				in.End = at
			}
		}
		for k, f := range j.c.Strange {
			if opened[f.Account] {
				j.claimed[k] = true
			}
		}
		in.Compromised = sorted(opened)
		in.Targeted = max(in.Targeted, len(m.Accounts))
		maps.Copy(j.attackers, sources)
		for _, s := range in.Sources {
			sources[s] = true
		}
		in.Sources = sorted(sources)
		count := len(in.Sources)
		in.Sources = in.Sources[:min(count, maxSources)]
		// Whoever mostly tries names that do not exist aims at nobody here.
		j.targeted = j.targeted || !j.atRandom[in.ID]
		in.Text = j.c.detail(&Excess{Family: "failures", Up: true}, in, count)
		j.told[in.ID] = told{j.c.headline(&Excess{Family: "failures", Up: true}, in), j.told[in.ID].p}
	}
}

// AgainstImported is said of findings that others made, in words of their own.
const AgainstImported = "it was imported: these logs do not show on what it rests"

// aimGoesOn is how long after its last try slow guessing may still go on.
const aimGoesOn = 6 * time.Hour

// guessingAmong is the attack that tells of a good part of some sources already.
func (j *judge) guessingAmong(sources map[string]bool) *Incident {
	for i := range j.v.Incidents {
		in := &j.v.Incidents[i]
		if in.Kind != Attack || in.Name != nameGuessing {
			continue
		}
		both := 0
		for _, s := range in.Sources {
			if sources[s] {
				both++
			}
		}
		if both*2 >= min(len(in.Sources), len(sources)) {
			return in
		}
	}
	return nil
}

// opened notes whose account a stranger used. Of a session without a sign-in
// that is not always known. Whoever has stolen one aims at somebody.
func (j *judge) opened(in *Incident, f abuse.Finding, accounts map[string]bool) {
	if f.Account != "" {
		accounts[f.Account] = true
	}
	in.extent(&f, j.c.location())
	if f.Code == abuse.WebSession {
		j.targeted = true
		if f.Session != "" && !slices.Contains(in.Stolen, f.Session) {
			in.Stolen = append(in.Stolen, f.Session)
			slices.Sort(in.Stolen)
		}
	}
}

// strangers makes an incident of accounts in which a stranger signed in
// without any excess: a takeover makes no noise.
func (j *judge) strangers() {
	var hands []abuse.Finding
	for i, f := range j.c.Strange {
		if !j.claimed[i] && f.Weight >= handsFrom {
			hands = append(hands, f)
		}
	}
	slices.SortStableFunc(hands, func(a, b abuse.Finding) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Account, b.Account))
	})
	for len(hands) > 0 {
		n := 1
		last := hands[0].Last
		for n < len(hands) && hands[n].First <= last+int64(joinAttacks) {
			last = max(last, hands[n].Last)
			n++
		}
		j.takeover(hands[:n])
		hands = hands[n:]
	}
}

func (j *judge) takeover(hands []abuse.Finding) {
	in := Incident{ID: j.id(), Kind: Attack, Name: nameIntruder, Share: 1}
	first, last := int64(math.MaxInt64), int64(0)
	weight, messages := 0.0, int64(0)
	network, oneNetwork := hands[0].Network, true
	var lines []traffic.Ref
	opened, sources := make(map[string]bool), make(map[string]bool)
	services, against := make(map[string]bool), make(map[string]bool)
	for _, f := range hands {
		first, last = min(first, f.First), max(last, f.Last)
		weight = max(weight, f.Weight)
		j.opened(&in, f, opened)
		in.Observed += float64(f.Count)
		messages += f.Messages
		for _, s := range f.Sources {
			sources[s.String()] = true
		}
		for _, s := range f.Services {
			services[s.String()] = true
		}
		for _, a := range f.Against {
			against[a] = true
		}
		oneNetwork = oneNetwork && f.Network.ASN == network.ASN
		if len(lines) < maxEvidence {
			lines = append(lines, f.Refs...)
		}
		j.hold(&in, f, Critical, f.Title)
	}
	// Where the address had guessed before, it began with that.
	for _, f := range j.c.Hostile {
		if f.First < first && f.First > first-int64(joinAttacks) && sources[f.Source.String()] {
			first = f.First
		}
	}
	in.Excess = in.Observed
	in.Onset = time.Unix(0, first).In(j.c.location())
	in.OnsetInterval = [2]time.Time{in.Onset.Add(-time.Minute), in.Onset.Add(time.Minute)}
	in.End = time.Unix(0, last).In(j.c.location())
	in.Compromised, in.Sources, in.Services = sorted(opened), sorted(sources), sorted(services)
	in.Sources = in.Sources[:min(len(in.Sources), maxSources)]
	maps.Copy(j.attackers, sources)
	in.Targeted = len(in.Compromised)
	cause := make(map[string]string)
	if oneNetwork && network.ASN != 0 {
		cause["asn"] = fmt.Sprint(network.ASN)
	}
	if d := hands[0].Device; d != "" && len(opened) > 1 && !slices.ContainsFunc(hands, func(f abuse.Finding) bool { return f.Device != d }) {
		cause = map[string]string{"device": d} // no person's: it has the mailboxes of several
	}
	if len(in.Services) == 1 {
		cause["service"] = in.Services[0]
	}
	if len(cause) > 0 {
		in.Cause = []map[string]string{cause}
	}
	p := surest / (1 + math.Exp(-(weight - 2)))
	reasons := sorted(against)
	in.Hypotheses = []Hypothesis{
		{nameIntruder, roundDown(p), titles(hands), reasons[:min(len(reasons), 5)]},
		{Name: nameElsewhere, Probability: roundDown(1 - p)},
	}
	in.Evidence = refs(lines)
	if !oneNetwork {
		network = traffic.Network{}
	}
	in.Text = stranger(&in, len(sources), network, messages)
	j.told[in.ID] = told{j.c.intrusion(&in), p}
	j.v.Incidents = append(j.v.Incidents, in)
}

// passedOn takes away what the webmail's own host did in the mailboxes of those
// whose webmail a stranger used at that time: it is his doing.
func (j *judge) passedOn() {
	j.v.Incidents = slices.DeleteFunc(j.v.Incidents, func(in Incident) bool {
		x := j.of[in.ID]
		if x == nil || in.Kind == Attack || in.Kind == Fault || !x.Up || x.Family != "traffic" || x.Makeup.Relayed < 0.5 {
			return false
		}
		return slices.ContainsFunc(j.v.Incidents, func(by Incident) bool {
			return by.Kind == Attack && by.Name == nameIntruder && !in.Onset.After(by.End.Add(time.Hour)) && !in.End.Before(by.Onset) && onlyOf(in.Cause, by.Compromised)
		})
	})
}

// onlyOf reports whether a cause is of some accounts alone, apart from the host
// that passed them on.
func onlyOf(cause []map[string]string, accounts []string) bool {
	named := false
	for _, c := range cause {
		switch a := c["account"]; {
		case a != "" && slices.Contains(accounts, a):
			named = true
		case a != "" || c["network_kind"] != string(traffic.KindInternal):
			return false
		}
	}
	return named
}

// sweeps makes an incident of a machine that opened most mailboxes where it
// made no excess.
func (j *judge) sweeps() {
	for i := range j.c.Sweeps {
		s := &j.c.Sweeps[i]
		if j.swept[s.Source] {
			continue
		}
		first, last := time.Unix(0, s.First).In(j.c.location()), time.Unix(0, s.Last).In(j.c.location())
		x := &Excess{
			Family: "traffic", Up: true, Onset: first, Interval: [2]time.Time{first.Add(-time.Minute), first.Add(time.Minute)}, End: last,
			Observed: float64(s.Count), Cause: []map[string]string{{"ip": s.Source.String()}}, Share: 1,
			Makeup: Makeup{Events: float64(s.Count), Swept: 1}, Sweep: s, Refs: s.Refs,
		}
		for _, of := range s.Services {
			x.Services = append(x.Services, of.String())
		}
		j.excess(x)
	}
}

func askSweep(s *abuse.Sweep) string {
	return fmt.Sprintf("whether the machine %s, which opened %d of %d mailboxes, is yours or your provider's", s.Source, len(s.Accounts), s.Of)
}

// moves makes an incident of a network to which many people moved at once with
// the devices they had: nothing is more than before, it only comes from
// elsewhere.
func (j *judge) moves() {
	for i := range j.c.Moves {
		m := &j.c.Moves[i]
		if m.Address.IsValid() {
			j.gathering(m)
			continue
		}
		asn := fmt.Sprint(m.Network.ASN)
		if slices.ContainsFunc(j.v.Incidents, func(in Incident) bool {
			return slices.ContainsFunc(in.Cause, func(c map[string]string) bool {
				return c["asn"] == asn || c["country"] == m.Network.Country && c["country"] != ""
			})
		}) {
			continue // told already
		}
		first := time.Unix(0, m.First).In(j.c.location())
		in := Incident{
			ID: j.id(), Kind: Benign, Name: nameMoved, Onset: first, End: time.Unix(0, m.Last).In(j.c.location()),
			OnsetInterval: [2]time.Time{first.Add(-time.Hour), first}, Share: 1,
			Cause: []map[string]string{{"asn": asn}}, Evidence: refs(m.Refs),
		}
		if m.Network.Kind == traffic.KindMobile {
			in.Cause[0]["network_kind"] = string(m.Network.Kind)
		}
		for _, s := range m.Services {
			in.Services = append(in.Services, s.String())
		}
		in.Ongoing = j.c.Coverage.To.Sub(in.End) < time.Hour*12 && !j.c.Coverage.To.IsZero()
		w := weighing{odds: 1.5}
		w.add(1, "%d of %d accounts came to it within three days, with the devices and clients they had before", m.Accounts, m.Of)
		from := m.From.ASName
		if from != "" {
			w.add(0.5, "most of them left %s for it", from)
		}
		w.against = append(w.against, "people who travel together look the same")
		p := surest / (1 + math.Exp(-w.odds))
		in.Hypotheses = []Hypothesis{{nameMoved, roundDown(p), w.pro, w.against}, {Name: nameNone, Probability: roundDown(1 - p)}}
		to := or(m.Network.ASName, "AS"+asn)
		if m.Network.Country != "" {
			to += " (" + m.Network.Country + ")"
		}
		in.Text = fmt.Sprintf("%s came from %s with the devices they had before", one(m.Accounts, "account", "accounts"), to)
		if from != "" {
			in.Text += ", most of them no longer from " + from
		}
		in.Text += "."
		j.told[in.ID] = told{fmt.Sprintf("the network of %s has changed to %s %s", one(m.Accounts, "person", "people"), to, j.c.span(&in)), p}
		j.v.Incidents = append(j.v.Incidents, in)
	}
}

// gathering tells of a place at which many people began to work. What they do
// in the webmail its own host passes on, and shows as more of the same from one
// of our machines: that is the same incident.
func (j *judge) gathering(m *abuse.Move) {
	held := map[string]bool{m.Address.String(): true}
	for _, f := range j.c.Strange {
		if f.Weight >= handsFrom && comesFrom(f, held) {
			return // no place of our people
		}
	}
	first, last := time.Unix(0, m.First).In(j.c.location()), time.Unix(0, m.Last).In(j.c.location())
	place, cause := m.Address.String(), map[string]string{"ip": m.Address.String()}
	if m.Prefix.IsValid() {
		place = m.Prefix.String()
		cause = map[string]string{"prefix": place}
	}
	w := weighing{odds: 1.5}
	w.add(1.5, "%d of %d accounts began to sign in at %s within three days, and nobody had before", m.Accounts, m.Of, place)
	w.against = append(w.against, "somebody who holds the passwords of many looks the same")
	p := surest / (1 + math.Exp(-w.odds))
	hypotheses := []Hypothesis{{nameGathering, roundDown(p), w.pro, w.against}, {Name: nameNone, Probability: roundDown(1 - p)}}
	text := fmt.Sprintf("%s began to sign in at %s, where nobody had before.", one(m.Accounts, "account", "accounts"), place)
	headline := func(in *Incident) string {
		return fmt.Sprintf("%s %s at a new place, %s, %s", one(m.Accounts, "person", "people"), in.tense("have been", "were"), place, j.c.span(in))
	}
	var found *Incident
	for i := range j.v.Incidents {
		in := &j.v.Incidents[i]
		x := j.of[in.ID]
		if x == nil || in.Kind == Attack || in.Kind == Fault || !x.Up || x.Family != "traffic" || in.End.Before(first) || in.Onset.After(last) {
			continue
		}
		if slices.ContainsFunc(in.Cause, func(c map[string]string) bool { return c["ip"] == place || c["prefix"] == place }) {
			return // told already
		}
		near, asn := in.Onset.Sub(first).Abs() < 12*time.Hour, fmt.Sprint(m.Network.ASN)
		if j.within(x.Makeup.TopSourceName, m) && x.Makeup.TopSource > 0.3 && near && found == nil {
			found = in
			continue
		}
		if near && in.Name == nameElsewhere {
			return // the same people, told by another of their places
		}
		if slices.ContainsFunc(in.Cause, func(c map[string]string) bool {
			return c["asn"] == asn || near && c["prefix"] != "" || c["country"] != "" && c["country"] == m.Network.Country
		}) {
			return
		}
		if near && x.Makeup.Relayed > 0.5 && x.Makeup.TopAccount < 0.3 && found == nil {
			found = in
		}
	}
	if found != nil {
		in := found
		in.Kind, in.Name, in.Cause, in.Hypotheses, in.Share = Benign, nameGathering, []map[string]string{cause}, hypotheses, 0 // how much of it is theirs cannot be counted
		in.Onset, in.OnsetInterval = first, [2]time.Time{first.Add(-30 * time.Minute), first.Add(time.Minute)}
		in.Text = text
		for _, s := range m.Services {
			if !slices.Contains(in.Services, s.String()) {
				in.Services = append(in.Services, s.String())
			}
		}
		j.told[in.ID] = told{headline(in), p}
		return
	}
	in := Incident{
		ID: j.id(), Kind: Benign, Name: nameGathering, Onset: first, End: last, OnsetInterval: [2]time.Time{first.Add(-30 * time.Minute), first.Add(time.Minute)},
		Cause: []map[string]string{cause}, Share: 1, Hypotheses: hypotheses, Evidence: refs(m.Refs), Text: text,
	}
	for _, s := range m.Services {
		in.Services = append(in.Services, s.String())
	}
	in.Ongoing = j.c.Coverage.To.Sub(in.End) < time.Hour*12 && !j.c.Coverage.To.IsZero()
	j.told[in.ID] = told{headline(&in), p}
	j.v.Incidents = append(j.v.Incidents, in)
}

// within reports whether an address is one of a place.
func (*judge) within(addr string, m *abuse.Move) bool {
	a, err := netip.ParseAddr(addr)
	return err == nil && (a == m.Address || m.Prefix.IsValid() && m.Prefix.Contains(a))
}

// arrivals makes an incident of many accounts that came into use at once. What
// they bring about in the counts is the same incident.
func (j *judge) arrivals() {
	for i := range j.c.Arrivals {
		m := &j.c.Arrivals[i]
		first, last := time.Unix(0, m.First).In(j.c.location()), time.Unix(0, m.Last).In(j.c.location())
		w := weighing{odds: 1.5}
		w.add(1.5, "%d of %d accounts had not been seen before, came into use within a day and stayed", m.Accounts, m.Of)
		w.against = append(w.against, "logs that show only a part of the accounts until then look the same")
		p := surest / (1 + math.Exp(-w.odds))
		hypotheses := []Hypothesis{{nameArrived, roundDown(p), w.pro, w.against}, {Name: nameNone, Probability: roundDown(1 - p)}}
		in := (*Incident)(nil)
		for k := range j.v.Incidents {
			o := &j.v.Incidents[k]
			x := j.of[o.ID]
			if x == nil || o.Kind == Attack || o.Kind == Fault || !x.Up || x.Family != "traffic" || o.Onset.Sub(first).Abs() > 24*time.Hour {
				continue
			}
			if y := &x.Makeup; y.Accounts > 0 && (y.Accounts-y.KnownAccounts)*10 >= y.Accounts {
				in = o
				break
			}
		}
		if in == nil {
			j.v.Incidents = append(j.v.Incidents, Incident{ID: j.id(), End: j.c.Coverage.To, Ongoing: true, Evidence: refs(m.Refs)})
			in = &j.v.Incidents[len(j.v.Incidents)-1]
			if in.End.IsZero() {
				in.End = last
			}
		}
		in.Kind, in.Name, in.Cause, in.Hypotheses, in.Share = Benign, nameArrived, nil, hypotheses, 0
		in.Onset, in.OnsetInterval = first, [2]time.Time{first.Add(-30 * time.Minute), first.Add(time.Minute)}
		for _, s := range m.Services {
			if !slices.Contains(in.Services, s.String()) {
				in.Services = append(in.Services, s.String())
			}
		}
		in.Text = fmt.Sprintf("%s that had not been seen before came into use within a day and stayed.", one(m.Accounts, "account", "accounts"))
		j.told[in.ID] = told{fmt.Sprintf("%d more people have had their mail here since %s", m.Accounts, j.c.day(first)), p}
	}
}

// infected names the machines of our own people that take part in abuse. Their
// owners are told; nothing is held against the accounts.
func (j *judge) infected() {
	for _, f := range j.c.Infected {
		j.v.Infected = append(j.v.Infected, InfectedClient{Account: f.Account, IP: f.Source.String(), Evidence: refs(f.Refs)})
		if len(j.v.Infected) == maxFindings {
			return
		}
	}
}

// imported tells what others found, and names the machines of our people among
// them as infected. It makes no attack: what it rests on is not in these logs.
func (j *judge) imported() {
	known := make(map[infectedKey]bool)
	for _, m := range j.v.Infected {
		known[infectedKey{m.Account, m.IP}] = true
	}
	for i := range j.c.Imported {
		x := &j.c.Imported[i]
		for _, o := range x.Owners {
			if k := (infectedKey{o.Account, o.IP}); !known[k] && len(j.v.Infected) < maxFindings {
				known[k] = true
				o.Evidence = []Evidence{x.Evidence}
				j.v.Infected = append(j.v.Infected, o)
			}
		}
		if i >= maxFindings/4 {
			j.v.LeftOut++
			continue
		}
		title := x.Title
		if x.Tool != "" {
			title = x.Tool + ": " + title
		}
		f := Finding{
			ID: fmt.Sprintf("finding-%d", len(j.v.Findings)+1), Code: or(x.Code, importedCode), Title: title, Severity: x.Severity,
			Account: x.Account, ClientIP: x.ClientIP, Device: x.Device, Evidence: []Evidence{x.Evidence},
			Against: []string{AgainstImported},
		}
		j.v.Findings = append(j.v.Findings, f)
		for k := range j.v.Incidents {
			if in := &j.v.Incidents[k]; in.Kind == Attack && x.Account != "" && slices.Contains(in.Compromised, x.Account) {
				in.Findings = append(in.Findings, f.ID)
			}
		}
	}
}

type infectedKey struct{ account, ip string }

// importedCode is the code of a finding whose file states none.
const importedCode = "imported"

// background is the everyday noise: strangers' guessing that no excess made
// an attack of.
func (j *judge) background() {
	var tries int64
	first, last := int64(math.MaxInt64), int64(0)
	var lines []traffic.Ref
	sources := make(map[string]bool)
	for _, f := range j.c.Hostile {
		if j.attackers[f.Source.String()] {
			continue
		}
		tries += f.Count
		sources[f.Source.String()] = true
		first, last = min(first, f.First), max(last, f.Last)
		if len(lines) < 5 && len(f.Refs) > 0 {
			lines = append(lines, f.Refs[0])
		}
	}
	if len(sources) == 0 {
		return
	}
	owners := make(map[string]bool)
	for _, f := range j.c.Strange {
		if comesFrom(f, sources) {
			owners[f.Account] = true
		}
	}
	text := fmt.Sprintf("%s tried passwords, %s in all, as happens everywhere", one(len(sources), "address of the Internet", "addresses of the Internet"), one(int(tries), "time", "times"))
	if n := len(owners); n > 0 {
		text += fmt.Sprintf("; %s signed in from there as well, most likely %s", one(n, "account", "accounts"), plural(n, "its owner", "their owners"))
	} else {
		text += "; none of them opened an account, as far as these logs show"
	}
	text += j.compared()
	on := time.Unix(0, first).In(j.c.location())
	j.v.Incidents = append(j.v.Incidents, Incident{
		ID: j.id(), Kind: Background, Name: "password guessing from the Internet", Text: text + ".",
		Onset: on, OnsetInterval: [2]time.Time{on, on}, End: time.Unix(0, last).In(j.c.location()),
		Observed: float64(tries), Expected: float64(tries), Evidence: refs(lines),
	})
}

// compared says how the background of guessing compares with this organisation's
// own past: what other organisations see is not known here.
func (j *judge) compared() string {
	days := j.c.Guessers
	if len(days) < 7 {
		return ""
	}
	counts := make([]int, len(days))
	most := 0
	for i, d := range days {
		counts[i] = d.Addresses
		if d.Addresses > days[most].Addresses {
			most = i
		}
	}
	slices.Sort(counts)
	usual := counts[len(counts)/2]
	top := days[most]
	text := fmt.Sprintf(". On a usual day %s here", one(usual, "address guesses", "addresses guess"))
	if top.Addresses > usual {
		text += fmt.Sprintf("; the most were on %s, %s", top.Day.In(j.c.location()).Format("Monday 2 January"), number(float64(top.Addresses)))
		if usual > 0 {
			text += fmt.Sprintf(" (%.1f times as many)", float64(top.Addresses)/float64(usual))
		}
	}
	return text + ". How that compares with other organisations is not known: no rates of theirs were given"
}

// count is one finding of the whole of an incident.
func (j *judge) count(in *Incident, code abuse.Code, s Severity, title string) {
	if len(j.v.Findings) >= maxFindings {
		j.v.LeftOut++
		return
	}
	f := Finding{ID: fmt.Sprintf("finding-%d", len(j.v.Findings)+1), Code: string(code), Title: title, Severity: s, Evidence: slices.Clone(in.Evidence[:min(len(in.Evidence), findingLines)])}
	j.v.Findings = append(j.v.Findings, f)
	in.Findings = append(in.Findings, f.ID)
}

// Charge adds findings of what strangers did in the accounts, once it is known
// (Extent.Count).
func (v *Verdict) Charge() {
	for i := range v.Incidents {
		in := &v.Incidents[i]
		for k := range in.Extent {
			x := &in.Extent[k]
			charge := func(code abuse.Code, s Severity, n int64, least int64, title string) {
				if n < least {
					return
				}
				if len(v.Findings) >= 2*maxFindings {
					v.LeftOut++
					return
				}
				f := Finding{ID: fmt.Sprintf("finding-%d", len(v.Findings)+1), Code: string(code), Title: title, Severity: s, Account: x.Account, Evidence: slices.Clone(x.Evidence)}
				v.Findings = append(v.Findings, f)
				in.Findings = append(in.Findings, f.ID)
			}
			charge(forwarding, Critical, x.Forwards+x.Rules, 1, "a stranger changed forwarding or mail rules")
			charge(collecting, High, x.Fetched+x.Shown, manyRead, "a stranger read or fetched many messages")
			charge(sendingBurst, High, x.Sent, manySent, "a stranger sent many messages")
		}
	}
}

// What a stranger did, in ATT&CK's codes where one fits, and how much of it is
// a finding of its own.
const (
	forwarding   = abuse.Code("T1114.003") // Email Forwarding Rule
	collecting   = abuse.Code("T1114.002") // Remote Email Collection
	flooding     = abuse.Code("T1499")     // Endpoint Denial of Service
	scanning     = abuse.Code("T1595")     // Active Scanning
	sendingBurst = abuse.Code("sending-burst")
	manyRead     = 50
	manySent     = 50
)

// findings lists what is not told by an incident: forgotten devices and the
// busiest of the hostile sources. Titles without numbers let a report tell
// many of them in one line.
func (j *judge) findings() {
	for i, f := range j.c.Stale {
		if i >= maxFindings/4 { // others have a claim to be named too
			j.v.LeftOut++
			continue
		}
		j.hold(nil, f, Info, "a device to be updated: it keeps failing with an old password")
	}
	for i, f := range j.c.Sessions {
		if i >= maxFindings/4 {
			j.v.LeftOut++
			continue
		}
		j.hold(nil, f, Low, "used the webmail from an address that nobody had signed in from")
	}
	hostile := make([]*abuse.Finding, len(j.c.Hostile))
	for i := range j.c.Hostile {
		hostile[i] = &j.c.Hostile[i]
	}
	part := func(f *abuse.Finding) int {
		if j.attackers[f.Source.String()] {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(hostile, func(a, b *abuse.Finding) int {
		return cmp.Or(cmp.Compare(part(a), part(b)), cmp.Compare(b.Count, a.Count))
	})
	for _, p := range hostile {
		f := *p
		title, severity := "tried the passwords of many accounts", Low
		switch {
		case f.Code == abuse.PasswordGuessing && f.Tried > 0:
			title = "tried many passwords on few accounts"
		case f.Tried == 0:
			f.Code = bruteForce
			title = "failed to sign in again and again; the lines do not say for whom"
		}
		switch daily, part := f.Weight < 2, j.attackers[f.Source.String()]; {
		case part && !daily:
			severity = Medium
		case daily && !part:
			severity = Info
		}
		j.hold(nil, f, severity, title)
	}
}

// hold lists a finding, as long as there is room, under its incident if it has
// one.
func (j *judge) hold(in *Incident, f abuse.Finding, s Severity, title string) {
	if len(j.v.Findings) >= maxFindings {
		j.v.LeftOut++
		return
	}
	out := Finding{
		ID: fmt.Sprintf("finding-%d", len(j.v.Findings)+1), Code: string(f.Code), Title: title, Severity: s,
		Account: f.Account, Device: f.Device, Session: f.Session, Against: f.Against, Evidence: refs(f.Refs[:min(len(f.Refs), findingLines)]),
	}
	if f.Source.IsValid() {
		out.ClientIP = f.Source.String()
	}
	j.v.Findings = append(j.v.Findings, out)
	if in != nil {
		in.Findings = append(in.Findings, out.ID)
	}
}

// order puts the most important incident first: attacks with an opened
// account, attacks, faults, what is undetermined, benign ones, noise, ups and
// downs.
func (j *judge) order() {
	rank := func(in *Incident) int {
		switch in.Kind {
		case Attack:
			if len(in.Compromised) > 0 {
				return 0
			}
			return 1
		case Fault:
			return 2
		case Undetermined:
			return 3
		case Benign:
			return 4
		}
		switch in.Name {
		case nameNoise:
			return 6
		case nameEveryday:
			return 7
		}
		return 5
	}
	slices.SortStableFunc(j.v.Incidents, func(a, b Incident) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(math.Abs(b.Excess), math.Abs(a.Excess)))
	})
}

// conclude says what it all comes to.
func (j *judge) conclude() {
	v := j.v
	kinds := make(map[Kind]*Incident)
	attacks := 0
	for i := range v.Incidents {
		in := &v.Incidents[i]
		if kinds[in.Kind] == nil {
			kinds[in.Kind] = in
		}
		if in.Kind == Attack {
			attacks++
		}
	}
	attack, benign, fault, open := kinds[Attack], kinds[Benign], kinds[Fault], kinds[Undetermined]
	say := func(k Kind, in *Incident) {
		t := j.told[in.ID]
		v.Verdict, v.Confidence, v.Text = k, t.p, verdictText(k, t.p, t.headline)
	}
	switch {
	case attack != nil:
		say(Attack, attack)
		if attacks > 1 {
			v.Text += fmt.Sprintf(" There %s.", plural(attacks-1, "is another attack", fmt.Sprintf("are %d more attacks", attacks-1)))
		}
		if other := cmp.Or(fault, benign); other != nil {
			t := j.told[other.ID]
			v.Verdict, v.Confidence = Mixed, min(v.Confidence, t.p)
			v.Text += " Beside it, " + map[Kind]string{Fault: "a fault", Benign: "not an attack"}[other.Kind] + ": " + t.headline + "."
		}
	case fault != nil:
		say(Fault, fault)
	case benign != nil:
		say(Benign, benign)
	case open != nil:
		say(Undetermined, open)
		v.Missing = append(v.Missing, j.undecided...)
	case j.short:
		v.Verdict, v.Confidence = Undetermined, 0.5
		v.Text = "No sign of an attack, but these logs are too short to say what is normal."
		if c := j.c; c.Failed >= manyFailures && c.Failed > c.Signed {
			v.Text = fmt.Sprintf("Most sign-ins fail (%s of %s), and these logs are too short to say whether that is usual here.", number(c.Failed), number(c.Failed+c.Signed))
		}
		if j.c.History < shortHistory {
			v.Missing = append(v.Missing, fmt.Sprintf("logs of at least %d days; these cover %.1f", int(shortHistory.Hours()/24), j.c.History.Hours()/24))
		} else {
			v.Missing = append(v.Missing, fmt.Sprintf("more logs: of these, %.0f hours could be compared with what is normal", j.c.Judged.Hours()))
		}
	case j.c.Missing >= muchMissing:
		v.Verdict, v.Confidence = Undetermined, 0.5
		v.Text = fmt.Sprintf("No sign of an attack in what is there, but %.0f %% of the time is missing of a log that would show one.", 100*j.c.Missing)
	case len(j.c.Unseen) > 0:
		v.Verdict, v.Confidence = Undetermined, 0.5
		v.Text = "No sign of an attack in these logs, but they show one way into the mail service alone: who came by another is not in them."
		for _, s := range j.c.Unseen {
			v.Missing = append(v.Missing, "the log of "+s+", if there is one")
		}
	default:
		v.Verdict = Quiet
		v.seen = sureOfAttacks * (1 - j.c.Missing) * math.Min(1, float64(j.c.Judged)/float64(fullMeasure))
		v.Confidence = quietConfidence(v.seen)
		v.Text = "No attack and nothing unusual: no more than everyday ups and downs, and no account used by a stranger, as far as these logs can tell."
	}
	if open != nil && v.Verdict != Undetermined {
		v.Text += " Not explained: " + j.told[open.ID].headline + "."
		if attack == nil {
			v.Confidence = min(v.Confidence, 1-suspicion(open))
		}
	}
	if attack != nil {
		v.Focus = j.focus()
	}
	if len(v.Coverage.Gaps) > 0 {
		v.Confidence *= 0.9
		v.Missing = append(v.Missing, "the logs of the times that are missing")
	}
	v.Confidence = round(v.Confidence)
	j.next(attack, fault, benign, open)
}

// What share of attacks would show in logs in which that is not measured: of
// the usual ones, over so long a time in which departures can be seen. The
// figure is a judgement, below what docs/evaluation.md measures for simulated
// attacks; a shorter time holds the beginning of fewer of them.
const (
	sureOfAttacks = 0.75
	fullMeasure   = 10 * 24 * time.Hour
)

// quietConfidence is how sure it is that nothing was where nothing was seen, by
// Bayes' rule, where such a share of attacks would be seen and where, before
// looking, it is as likely as not that there was one: whoever asks has a reason.
func quietConfidence(seen float64) float64 { return 1 / (2 - seen) }

// Measured says how sure a quiet verdict is once its Sensitivity is known: the
// mean share of attacks that would have been seen takes the place of what was
// supposed.
func (v *Verdict) Measured() {
	if v.Verdict != Quiet || len(v.Sensitivity) == 0 {
		return
	}
	sum := 0.0
	for _, s := range v.Sensitivity {
		sum += s.Detected
	}
	seen := sum / float64(len(v.Sensitivity))
	v.Confidence = round(min(v.Confidence/quietConfidence(v.seen)*quietConfidence(seen), surest))
	v.seen = seen
}

// suspicion is how probable it is that an incident is an attack all the same.
func suspicion(in *Incident) (p float64) {
	for _, h := range in.Hypotheses {
		if h.Name == nameGuessing || h.Name == nameIntruder {
			p += h.Probability
		}
	}
	return p
}

// focus: whoever knows the names of the people here, or got into their
// mailboxes without trying others, aims at this organisation; whoever mostly
// tries names that do not exist tries everybody, even where some fit.
func (j *judge) focus() Focus {
	for _, in := range j.v.Incidents {
		if in.Kind == Attack && len(in.Compromised) > 0 && !j.atRandom[in.ID] {
			return Targeted
		}
	}
	if j.targeted {
		return Targeted
	}
	return Opportunistic
}

// refs turns references into evidence; Cite fills in file and text.
func refs(list []traffic.Ref) []Evidence {
	var out []Evidence
	for _, r := range list[:min(len(list), maxEvidence)] {
		out = append(out, Evidence{Line: r.Line, Offset: r.Offset, ref: r})
	}
	return out
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, s := range list {
		set[s] = true
	}
	return set
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// distinct counts the accounts that findings tell of.
func distinct(fs []abuse.Finding) int {
	seen := make(map[string]bool)
	for _, f := range fs {
		seen[f.Account] = true
	}
	return len(seen)
}

// comesFrom reports whether a finding tells of one of the sources.
func comesFrom(f abuse.Finding, sources map[string]bool) bool {
	return slices.ContainsFunc(f.Sources, func(s netip.Addr) bool { return sources[s.String()] })
}

// Cite calls f for every piece of evidence in the verdict, so that file, hash
// and text of the line can be filled in.
func (v *Verdict) Cite(f func(ref traffic.Ref, e *Evidence)) {
	each := func(list []Evidence) {
		for i := range list {
			if list[i].File == "" { // an imported one stands in no log
				f(list[i].ref, &list[i])
			}
		}
	}
	for i := range v.Incidents {
		each(v.Incidents[i].Evidence)
		for k := range v.Incidents[i].Extent {
			each(v.Incidents[i].Extent[k].Evidence)
		}
	}
	for i := range v.Findings {
		each(v.Findings[i].Evidence)
	}
	for i := range v.Infected {
		each(v.Infected[i].Evidence)
	}
}
