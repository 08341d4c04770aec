package verdict

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"mailvigil/abuse"
	"mailvigil/traffic"
)

// Thresholds of Judge.
const (
	handsFrom   = 4.0 // weight from which a finding alone says that a stranger signed in
	sureEnough  = 0.5 // probability of a kind below which an excess is undetermined
	joinAttacks = 72 * time.Hour
	maxSources  = 500
	maxFindings = 200
)

// Judge weighs a case. Evidence stays as references into the files; whoever
// called fills in the lines (see Cite).
func Judge(c *Case) *Verdict {
	v := &Verdict{
		SchemaVersion: SchemaVersion, Verdict: Quiet, Focus: NoFocus,
		Timezone: c.Location.String(), Coverage: c.Coverage,
	}
	j := judge{c: c, v: v}
	claimed := make(map[int]bool) // findings of c.Strange that an excess already tells
	for i := range c.Excesses {
		j.excess(&c.Excesses[i], claimed)
	}
	j.strangers(claimed)
	j.background()
	j.findings()
	j.order()
	j.conclude()
	return v
}

type judge struct {
	c *Case
	v *Verdict
	n int
	// undecided holds what would decide an excess that nothing explains.
	undecided []string
}

func (c *Case) say(cause []map[string]string) string {
	var out []string
	for _, m := range cause {
		out = append(out, c.Say(m))
	}
	return strings.Join(out, "; ")
}

func (j *judge) id(prefix string) string {
	j.n++
	return fmt.Sprintf("%s-%d", prefix, j.n)
}

// excess makes an incident of an excess.
func (j *judge) excess(x *Excess, claimed map[int]bool) {
	list, best, p := weigh(x, j.c)
	in := Incident{
		ID: j.id("incident"), Kind: best.kind, Name: best.name,
		Onset: x.Onset, OnsetInterval: x.Interval, End: x.End, Ongoing: x.Ongoing,
		Services: x.Services, Cause: x.Cause, Share: round(x.Share),
		Observed: x.Observed, Expected: round(x.Expected), Excess: round(x.Observed - x.Expected),
		Hypotheses: list, Plot: x.Plot,
	}
	in.Evidence = j.refs(x.Refs)
	if best.kind == Attack {
		in.Sources = x.Sources
		in.Targeted = x.Targets
		hands, last := x.Hands, int64(0)
		for i, f := range j.c.Strange {
			if !claimed[i] && f.Weight >= handsFrom && f.First >= x.Onset.Add(-joinAttacks).UnixNano() && f.First <= x.End.Add(joinAttacks).UnixNano() &&
				(best.name == "a stranger is in the accounts" || shareSource(f.Sources, x.Sources)) {
				hands = append(hands, f)
				claimed[i] = true
			}
		}
		for _, f := range hands {
			in.Compromised = appendNew(in.Compromised, f.Account)
			for _, s := range f.Sources {
				in.Sources = appendNew(in.Sources, s.String())
			}
			in.Findings = append(in.Findings, j.find(f, Critical))
			if best.name == "a stranger is in the accounts" {
				in.Onset = earlier(in.Onset, time.Unix(0, f.First).In(j.c.Location))
				last = max(last, f.Last)
			}
		}
		if last > 0 {
			in.End = time.Unix(0, last).In(j.c.Location)
		}
		for i, f := range j.c.Strange {
			if !claimed[i] && overlapping(hands, f) {
				claimed[i] = true
			}
		}
		if in.Targeted < len(in.Compromised) {
			in.Targeted = len(in.Compromised)
		}
		slices.Sort(in.Compromised)
		slices.Sort(in.Sources)
		in.Sources = in.Sources[:min(len(in.Sources), maxSources)]
	}
	if in.Kind == Undetermined {
		j.undecided = append(j.undecided, "the requests behind the excess of "+x.what()+": who made them, and with which client")
	}
	in.Text = j.tell(x, &in, p)
	j.v.Incidents = append(j.v.Incidents, in)
}

// strangers makes an incident of accounts in which a stranger signed in
// without any excess: a takeover makes no noise.
func (j *judge) strangers(claimed map[int]bool) {
	var hands []abuse.Finding
	for i, f := range j.c.Strange {
		if !claimed[i] && f.Weight >= handsFrom {
			hands = append(hands, f)
		}
	}
	slices.SortStableFunc(hands, func(a, b abuse.Finding) int { return cmp.Compare(a.First, b.First) })
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
	in := Incident{ID: j.id("incident"), Kind: Attack, Name: "a stranger is in the accounts", Share: 1}
	first, last := int64(math.MaxInt64), int64(0)
	weight := 0.0
	asn := hands[0].Network.ASN
	var refs []traffic.Ref
	var against []string
	for _, f := range hands {
		first, last = min(first, f.First), max(last, f.Last)
		weight = max(weight, f.Weight)
		in.Compromised = appendNew(in.Compromised, f.Account)
		in.Observed += float64(f.Count)
		for _, s := range f.Sources {
			in.Sources = appendNew(in.Sources, s.String())
		}
		for _, s := range f.Services {
			in.Services = appendNew(in.Services, s.String())
		}
		if f.Network.ASN != asn {
			asn = 0
		}
		in.Findings = append(in.Findings, j.find(f, Critical))
		refs = append(refs, f.Refs...)
		for _, a := range f.Against {
			against = appendNew(against, a)
		}
	}
	in.Excess = in.Observed
	in.Onset = time.Unix(0, first).In(j.c.Location)
	in.OnsetInterval = [2]time.Time{in.Onset.Add(-time.Minute), in.Onset.Add(time.Minute)}
	in.End = time.Unix(0, last).In(j.c.Location)
	if asn != 0 {
		cause := map[string]string{"asn": fmt.Sprint(asn)}
		if len(in.Services) == 1 {
			cause["service"] = in.Services[0]
		}
		in.Cause = []map[string]string{cause}
	}
	in.Targeted = len(in.Compromised)
	slices.Sort(in.Compromised)
	slices.Sort(in.Sources)
	slices.Sort(in.Services)
	p := 1 / (1 + math.Exp(-(weight - 2)))
	in.Hypotheses = []Hypothesis{
		{"a stranger is in the accounts", round(p), titles(hands), against},
		{"people connect from elsewhere", round(1 - p), nil, nil},
	}
	in.Evidence = j.refs(refs)
	in.Text = fmt.Sprintf("%s signed in to %s from %s since %s.", upper("somebody"), accounts(in.Compromised), j.from(in.Sources, hands[0].Network, asn != 0), in.Onset.Format("2 January 15:04"))
	j.v.Incidents = append(j.v.Incidents, in)
}

// background is the everyday noise: strangers' guessing that is no more than
// usual, and devices with an old password.
func (j *judge) background() {
	inAttack := make(map[string]bool)
	for _, in := range j.v.Incidents {
		for _, s := range in.Sources {
			inAttack[s] = true
		}
	}
	var tries int64
	var sources int
	first, last := int64(math.MaxInt64), int64(0)
	var refs []traffic.Ref
	for _, f := range j.c.Hostile {
		if inAttack[f.Source.String()] {
			continue
		}
		tries += f.Count
		sources++
		first, last = min(first, f.First), max(last, f.Last)
		if len(refs) < 5 && len(f.Refs) > 0 {
			refs = append(refs, f.Refs[0])
		}
	}
	if sources == 0 {
		return
	}
	on := time.Unix(0, first).In(j.c.Location)
	j.v.Incidents = append(j.v.Incidents, Incident{
		ID: j.id("incident"), Kind: Background, Name: "password guessing from the Internet",
		Text:  fmt.Sprintf("%d addresses tried passwords, %d times in all; no more than usual, and no account was opened from them.", sources, tries),
		Onset: on, OnsetInterval: [2]time.Time{on, on}, End: time.Unix(0, last).In(j.c.Location),
		Observed: float64(tries), Expected: float64(tries), Evidence: j.refs(refs),
	})
}

// findings lists what is not told by an incident: forgotten devices and the
// busiest of the hostile sources.
func (j *judge) findings() {
	for _, f := range j.c.Stale {
		if len(j.v.Findings) >= maxFindings {
			return
		}
		j.find(f, Info)
	}
	hostile := slices.Clone(j.c.Hostile)
	slices.SortStableFunc(hostile, func(a, b abuse.Finding) int { return cmp.Compare(b.Count, a.Count) })
	for _, f := range hostile {
		if len(j.v.Findings) >= maxFindings {
			return
		}
		j.find(f, Low)
	}
}

func (j *judge) find(f abuse.Finding, s Severity) string {
	id := fmt.Sprintf("finding-%d", len(j.v.Findings)+1)
	out := Finding{
		ID: id, Code: string(f.Code), Title: f.Title, Severity: s, Account: f.Account,
		Device: f.Device, Against: f.Against, Evidence: j.refs(f.Refs),
	}
	if f.Source.IsValid() {
		out.ClientIP = f.Source.String()
	}
	j.v.Findings = append(j.v.Findings, out)
	return id
}

// order puts the most important incident first: attacks with an opened
// account, attacks, faults, what is undetermined, benign ones, noise.
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
		return 5
	}
	slices.SortStableFunc(j.v.Incidents, func(a, b Incident) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(math.Abs(b.Excess), math.Abs(a.Excess)))
	})
}

// shortHistory is how long logs must be before "nothing unusual" can be said.
const shortHistory = 5 * 24 * time.Hour

// conclude says what it all comes to.
func (j *judge) conclude() {
	v := j.v
	kinds := make(map[Kind]*Incident)
	for i := range v.Incidents {
		in := &v.Incidents[i]
		if kinds[in.Kind] == nil {
			kinds[in.Kind] = in
		}
	}
	attack, benign, fault, open := kinds[Attack], kinds[Benign], kinds[Fault], kinds[Undetermined]
	certainty := func(in *Incident) float64 {
		if len(in.Hypotheses) == 0 {
			return 0.5
		}
		return in.Hypotheses[0].Probability
	}
	switch {
	case attack != nil && (benign != nil || fault != nil):
		other := cmp.Or(benign, fault)
		v.Verdict, v.Confidence = Mixed, min(certainty(attack), certainty(other))
		v.Text = attack.Text + " At the same time: " + lower(other.Text)
	case attack != nil:
		v.Verdict, v.Confidence, v.Text = Attack, certainty(attack), attack.Text
	case fault != nil:
		v.Verdict, v.Confidence, v.Text = Fault, certainty(fault), fault.Text
	case open != nil && benign == nil:
		v.Verdict, v.Confidence, v.Text = Undetermined, 1-certainty(open), open.Text
		v.Missing = append(v.Missing, j.undecided...)
	case benign != nil:
		v.Verdict, v.Confidence, v.Text = Benign, certainty(benign), benign.Text
	case j.c.Judged < 24*time.Hour || j.c.History < shortHistory:
		v.Verdict, v.Confidence = Undetermined, 0.5
		v.Text = "These logs are too short to say what is normal, and nothing in them stands out by itself."
		v.Missing = append(v.Missing, fmt.Sprintf("logs of at least %d days; these cover %.1f", int(shortHistory.Hours()/24), j.c.History.Hours()/24))
	default:
		v.Verdict = Quiet
		// What remains is what these logs cannot show; how much that is has
		// not been measured yet, so no more than this is claimed.
		v.Confidence = 0.9
		v.Text = "Nothing unusual: traffic, failures and errors are what these hours always look like, and no account was used by a stranger as far as these logs can tell."
	}
	if attack != nil {
		v.Focus = j.focus()
	}
	if len(v.Coverage.Gaps) > 0 {
		v.Confidence *= 0.9
		v.Missing = append(v.Missing, "the logs that are missing (see the gaps)")
	}
	v.Confidence = round(v.Confidence)
	j.next(attack, fault, benign, open)
}

// focus: whoever knows the names of the people here, or got into their
// mailboxes, aims at this organisation; whoever tries names that do not exist
// tries everybody.
func (j *judge) focus() Focus {
	for _, in := range j.v.Incidents {
		if in.Kind == Attack && len(in.Compromised) > 0 {
			return Targeted
		}
	}
	for i := range j.c.Excesses {
		if x := &j.c.Excesses[i]; x.Family == "failures" && x.Makeup.Existing >= 0.5 {
			return Targeted
		}
	}
	return Opportunistic
}

// next says what to do now.
func (j *judge) next(attack, fault, benign, open *Incident) {
	add := func(text string, args ...any) { j.v.Next = append(j.v.Next, fmt.Sprintf(text, args...)) }
	if attack != nil {
		if n := len(attack.Compromised); n > 0 {
			add("End the sessions of %s and have the password changed.", accounts(attack.Compromised))
			add("Look for forwarding rules, and for messages sent, in %s since %s.", plural(n, "this account", "these accounts"), attack.Onset.Format("2 January 15:04"))
		}
		if n := len(attack.Sources); n > 0 {
			add("Refuse sign-in from the %d %s listed for a limited time; do not lock the accounts that were tried.", n, plural(n, "address", "addresses"))
		}
		add("Keep the log files named below: they are the evidence.")
	}
	if fault != nil {
		add("Look at the mail server itself from %s on: its own error log, disk, memory and the services behind it.", fault.Onset.Format("2 January 15:04"))
		add("Nothing here asks for password changes or for closing webmail.")
	}
	if benign != nil && attack == nil {
		add("Nothing here asks for password changes or for closing webmail.")
		if strings.HasPrefix(benign.Name, "phones") {
			add("Watch the load: if it hurts, slow down these clients only, for a limited time.")
		}
		if benign.Ongoing {
			add("It goes on: run this again tomorrow to see whether it fades.")
		}
	}
	if open != nil {
		add("Find out: %s.", strings.Join(j.undecided, "; "))
	}
	if len(j.c.Stale) > 0 && j.v.Verdict != Attack && j.v.Verdict != Mixed {
		add("%d %s with an old password: tell their owners.", len(j.c.Stale), plural(len(j.c.Stale), "device fails", "devices fail"))
	}
	if len(j.v.Next) == 0 {
		add("Nothing. Go back to sleep.")
	}
}

// what names the events of an excess in words.
func (x *Excess) what() string {
	s := "mail"
	if len(x.Services) == 1 {
		s = x.Services[0]
	} else if x.Service != "" {
		s = x.Service
	}
	switch x.Family {
	case "failures":
		return "failed sign-ins"
	case "errors":
		return "errors of the mail service"
	case "hosting":
		return "use from hosting networks"
	}
	return s + " traffic"
}

func (j *judge) tell(x *Excess, in *Incident, p float64) string {
	since := in.Onset.Format("2 January 15:04")
	until := ""
	if !in.Ongoing {
		until = " until " + in.End.Format("2 January 15:04")
	}
	nights := ""
	if x.Nights > 1 {
		nights = fmt.Sprintf(", on %d days", x.Nights)
	}
	factor := in.Observed / math.Max(in.Expected, 1)
	size := fmt.Sprintf("%.0f where %.0f were expected", in.Observed, in.Expected)
	if in.Expected >= 1 && factor >= 1.1 && factor < 20 {
		size = fmt.Sprintf("%.1f times the usual (%s)", factor, size)
	}
	switch in.Name {
	case "somebody is guessing passwords":
		t := fmt.Sprintf("Somebody has guessed passwords since %s%s%s: %s from %d %s", since, until, nights,
			plural(int(in.Observed), "one failed sign-in", fmt.Sprintf("%.0f failed sign-ins", in.Observed)), len(in.Sources), plural(len(in.Sources), "address", "addresses"))
		if len(in.Compromised) > 0 {
			return t + ", and " + accounts(in.Compromised) + plural(len(in.Compromised), " was opened.", " were opened.")
		}
		return t + "; no account was opened from them."
	case "a stranger is in the accounts":
		return fmt.Sprintf("A stranger has used %s since %s%s%s: %s.", accounts(in.Compromised), since, until, nights, j.c.say(in.Cause))
	case "phones or other clients connect more often than usual":
		return fmt.Sprintf("Clients, not people: %s connect more often than usual since %s%s; %s. No sign of an attack in it.", j.c.say(in.Cause), since, until, size)
	case "people connect from elsewhere":
		return fmt.Sprintf("People of the organisation connect from elsewhere since %s%s: %s; %s. No sign of an attack in it.", since, until, j.c.say(in.Cause), size)
	case "more people than usual are at work":
		return fmt.Sprintf("More people than usual are at work since %s%s%s: %s is %s, from where these people always connect.", since, until, nights, x.what(), size)
	case "a machine of our own is busy":
		return fmt.Sprintf("A machine is busy, not an attacker, since %s%s: %s; %s.", since, until, or(j.c.say(in.Cause), x.what()), size)
	case "devices with an old password":
		return fmt.Sprintf("Devices with an old password fail to sign in since %s%s: %s.", since, until, size)
	case "the mail service itself failed":
		t := fmt.Sprintf("The mail service failed from %s%s: %s", since, until, x.what()+", "+size)
		if !x.Up {
			t = fmt.Sprintf("The mail service was silent from %s%s: %s, %s", since, until, x.what(), size)
		}
		if len(x.Effects) > 0 {
			t += "; " + strings.Join(x.Effects, "; ")
		}
		return t + ". A fault, not an attack."
	}
	direction := "more"
	if !x.Up {
		direction = "less"
	}
	cause := ""
	if len(in.Cause) > 0 {
		cause = ", most of it " + j.c.say(in.Cause)
	}
	return fmt.Sprintf("There is %s %s than usual since %s%s (%s%s), and these logs do not say why.", direction, x.what(), since, until, size, cause)
}

func (j *judge) from(sources []string, n traffic.Network, same bool) string {
	where := fmt.Sprintf("%d addresses", len(sources))
	if len(sources) == 1 {
		where = sources[0]
	}
	if same && n.ASName != "" {
		where += " of " + n.ASName
	}
	return where + " that the accounts had never used"
}

// refs turns references into evidence; cite fills in file and text.
func (j *judge) refs(refs []traffic.Ref) []Evidence {
	var out []Evidence
	for _, r := range refs {
		out = append(out, Evidence{Line: r.Line, Offset: r.Offset, ref: r})
	}
	return out
}

func accounts(list []string) string {
	switch n := len(list); {
	case n == 0:
		return "no account"
	case n == 1:
		return list[0]
	case n <= 4:
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	default:
		return fmt.Sprintf("%d accounts (%s, …)", n, strings.Join(list[:2], ", "))
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func distinct(fs []abuse.Finding) int {
	seen := make(map[string]bool)
	for _, f := range fs {
		seen[f.Account] = true
	}
	return len(seen)
}

func titles(fs []abuse.Finding) []string {
	var out []string
	for _, f := range fs[:min(len(fs), 5)] {
		out = append(out, f.Account+" "+f.Title)
	}
	return out
}

func appendNew[T comparable](list []T, x T) []T {
	if slices.Contains(list, x) {
		return list
	}
	return append(list, x)
}

func shareSource[T fmt.Stringer](of []T, list []string) bool {
	for _, s := range of {
		if slices.Contains(list, s.String()) {
			return true
		}
	}
	return false
}

// overlapping reports whether a finding tells of an account that is already
// in the list.
func overlapping(list []abuse.Finding, f abuse.Finding) bool {
	for _, g := range list {
		if g.Account == f.Account {
			return true
		}
	}
	return false
}

// Cite calls f for every piece of evidence in the verdict, so that file, hash
// and text of the line can be filled in.
func (v *Verdict) Cite(f func(ref traffic.Ref, e *Evidence)) {
	each := func(list []Evidence) {
		for i := range list {
			f(list[i].ref, &list[i])
		}
	}
	for i := range v.Incidents {
		each(v.Incidents[i].Evidence)
	}
	for i := range v.Findings {
		each(v.Findings[i].Evidence)
	}
	for i := range v.Infected {
		each(v.Infected[i].Evidence)
	}
}
