package verdict

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"mailvigil/abuse"
	"mailvigil/maillog"
	"mailvigil/traffic"
)

// A hypothesis weighs one explanation for an excess: log-odds against "none
// of these", and in words what speaks for it and against it. The weights are
// judgements, stated here and nowhere else; they say how much a fact moves a
// careful analyst, and they are not fitted to any data.
type hypothesis struct {
	name  string // as people read it
	kind  Kind
	weigh func(x *Excess, c *Case, w *weighing)
}

type weighing struct {
	odds    float64
	pro     []string
	against []string
}

func (w *weighing) add(odds float64, text string, args ...any) {
	w.odds += odds
	if text == "" {
		return
	}
	t := fmt.Sprintf(text, args...)
	if odds >= 0 {
		w.pro = append(w.pro, t)
	} else {
		w.against = append(w.against, t)
	}
}

// strangers is what speaks against every harmless explanation.
func (w *weighing) strangers(m *Makeup) {
	if m.Outsiders > 0.3 && (m.NotThere > 0.3 || Crowd(m)) {
		w.add(-5*m.Outsiders, "%s of the events name no account and come from addresses at which nobody had signed in", percent(m.Outsiders))
	}
	if m.Hostile > 0.05 {
		w.add(-6*m.Hostile, "%s of the events come from addresses that tried the passwords of strangers", percent(m.Hostile))
	}
	if m.Intruded > 0.05 {
		w.add(-8*m.Intruded, "%s of the events come from a network or client new to the accounts", percent(m.Intruded))
	}
	if m.Swept > 0.3 {
		w.add(-5*m.Swept, "%s of the events come from one machine that opens most mailboxes", percent(m.Swept))
	}
}

// impossible puts the hypothesis out of the question.
func (w *weighing) impossible() { w.odds = math.Inf(-1) }

// The names of the hypotheses, as people read them.
const (
	nameGuessing     = "somebody is guessing passwords"
	nameIntruder     = "a stranger is in the accounts"
	nameFlood        = "somebody floods the service with requests"
	nameStorm        = "phones or other clients connect more often than usual"
	nameElsewhere    = "people connect from elsewhere"
	nameAtWork       = "more people than usual are at work"
	nameMachinery    = "one machine or mailbox is busy"
	nameCopying      = "a migration or a backup copies the mailboxes"
	nameMoved        = "a network that many people use has changed"
	nameGathering    = "many people work at a new place"
	nameArrived      = "more people have their mail here"
	nameOldPasswords = "devices with an old password"
	nameFault        = "the mail service itself failed"
	nameAnnounced    = "a change that was announced"
	nameNoise        = "the everyday noise of the Internet"
	nameEveryday     = "everyday ups and downs"
	nameNone         = "none of these"
)

var hypotheses = []hypothesis{
	{nameGuessing, Attack, guessing},
	{nameIntruder, Attack, intruder},
	{nameFlood, Attack, flood},
	{nameStorm, Benign, clientStorm},
	{nameElsewhere, Benign, elsewhere},
	{nameAtWork, Benign, atWork},
	{nameMachinery, Benign, machinery},
	{nameCopying, Benign, copying},
	{nameOldPasswords, Benign, oldPasswords},
	{nameFault, Fault, serviceFault},
	{nameAnnounced, Background, announcedChange},
	{nameNoise, Background, noise},
	{nameEveryday, Background, everyday},
}

// noneOdds is the weight of "none of these"; surest is the highest probability
// that is claimed of anything: the weights are judgements, and the logs are not
// the world.
const (
	noneOdds = 0.5
	surest   = 0.99
)

func guessing(x *Excess, _ *Case, w *weighing) {
	if x.Family != "failures" || !x.Up {
		w.impossible()
		return
	}
	m := x.Makeup
	w.odds = -3
	w.add(3*m.Hostile, "%s of the failures come from addresses that tried the passwords of strangers", percent(m.Hostile))
	if f := x.crowd(); f > 2 {
		w.add(math.Min(3, 1.5*math.Log2(f)), "%s addresses take part, %.0f times as many a day as usual", number(float64(len(x.Sources))), f)
	}
	if named := m.Named > 0.2; named && m.Existing >= 0.4 {
		w.add(2, "they know the names: %s of the tries are for accounts that exist", percent(m.Existing))
	}
	if n := distinct(x.Hands); n > 0 {
		w.add(4, "%s opened from these addresses", one(n, "account was", "accounts were"))
	}
	if s := x.scale(); s > 3 {
		w.add(math.Min(3, math.Log2(s)), "it is %.0f times as much as on a usual day", s)
	}
	if x.Nights > 1 {
		w.add(0.5, "it came back on %d days", x.Nights)
	}
	if m.OwnFailures > 0.2 {
		w.add(-5*m.OwnFailures, "%s of the failures come from where the account itself signs in", percent(m.OwnFailures))
	}
}

// noise: bots try lists of usual names everywhere, in bursts. They do not know
// who works here, and they get nowhere.
func noise(x *Excess, _ *Case, w *weighing) {
	m := x.Makeup
	if x.Family == "traffic" && x.Up && m.Hostile > 0.2 && m.Intruded < 0.1 {
		w.odds = -1
		w.add(5*m.Hostile, "%s of the events come from addresses that try the passwords of strangers", percent(m.Hostile))
		if len(x.Hands) > 0 {
			w.add(-5, "accounts were opened from these addresses")
		}
		return
	}
	// Who asks for what is not there looks for doors, not for mailboxes
	// (ATT&CK T1595, Active Scanning).
	if x.Family == "traffic" && x.Up && m.NotThere > 0.3 {
		w.odds = -1
		w.add(6*m.NotThere, "%s of the requests ask for what is not there, without an account, from addresses at which nobody had signed in", percent(m.NotThere))
		if m.Intruded > 0.05 {
			w.add(-8*m.Intruded, "%s of the events come from a network or client new to the accounts", percent(m.Intruded))
		}
		return
	}
	if x.Family != "failures" || !x.Up {
		w.impossible()
		return
	}
	if m.Named > 0.2 {
		w.add(5*(0.4-m.Existing), "%s of the tries are for accounts that exist", percent(m.Existing))
	}
	if f := x.crowd(); f <= 2 {
		w.add(1, "no more than %s", one(len(x.Sources), "address takes part", "addresses take part"))
	} else {
		w.add(-math.Min(3, 1.5*math.Log2(f)), "%.0f times as many addresses a day take part as usual", f)
	}
	if s := x.scale(); s <= 3 {
		w.add(2, "it is no more than %.1f times a usual day's failures", s)
	}
	if n := distinct(x.Hands); n > 0 {
		w.add(-5, "%s opened from these addresses", one(n, "account was", "accounts were"))
	} else {
		w.add(0.5, "no account was opened from these addresses")
	}
}

// flooders and floodRatio: so many addresses at which nobody ever signed in, so
// many times as many as usual, are no visitors who strayed.
const (
	flooders   = 50
	floodRatio = 5
)

// Crowd reports whether far more addresses than usual take part at which nobody
// ever signed in.
func Crowd(m *Makeup) bool {
	return m.OutsideSources >= flooders && float64(m.OutsideSources) >= floodRatio*m.OutsideUsual
}

// flood: a crowd of addresses that never sign in asks for the same pages again
// and again, until the service gives up (ATT&CK T1499, Endpoint Denial of
// Service). A page that many people were sent to looks like it for an hour, but
// these come once or twice each, and some of them sign in.
func flood(x *Excess, _ *Case, w *weighing) {
	m := x.Makeup
	if !x.Up || x.Family == "failures" || m.Outsiders < 0.5 || !Crowd(&m) {
		w.impossible()
		return
	}
	w.odds = -2
	w.add(5*m.Outsiders, "%s of the requests name no account and come from addresses at which nobody had signed in", percent(m.Outsiders))
	w.add(1.5, "%s such addresses take part, where %s are usual", number(float64(m.OutsideSources)), number(m.OutsideUsual))
	if each := m.Outsiders * m.Events / float64(m.OutsideSources); each >= 5 {
		w.add(1.5, "each asks %s times", number(each))
	} else {
		w.add(-4.5, "each asks only %.1f times, as a visitor does", each)
	}
	if x.Family == "errors" {
		w.add(1, "the service gave up on many of them")
	}
	w.add(-0.5, "a page that many people were sent to can look the same")
}

// few is a number of people that a busy hour of theirs shows in the counts of
// a small organisation, and says nothing about the others.
const few = 10

// everyday: people are not a Poisson process. A busy hour of one mailbox, a
// slow afternoon, a service restarted at night.
func everyday(x *Excess, c *Case, w *weighing) {
	if x.Family == "errors" && x.Up && restart(x, c) {
		w.odds = 1.5
		w.add(2, "it lasted %s at night, as a restart does", length(x.lasted()))
		return
	}
	if x.Family != "traffic" && x.Family != "hosting" {
		w.impossible()
		return
	}
	m := x.Makeup
	w.odds = 1.5
	if x.Up && x.lasted() < 4*time.Hour {
		w.add(1.5, "it lasted no more than %s", length(x.lasted()))
	}
	w.add(math.Max(-4, math.Min(3, -4*math.Log10(x.scale()/0.1))), "it is %s what a usual day brings", share(x.scale()))
	if !x.Up {
		switch {
		case x.lasted() <= 30*time.Minute:
			w.add(1.5, "it lasted %s, as a restart does", length(x.lasted()))
		case silence(x):
			w.add(-3, "phones and mail programs ask by themselves, and next to none of them came through")
		case x.lasted() >= workingDay && x.missing() < 0.98 && byPeople(x):
			w.add(4, "it lasted %s and some still came, as on a holiday", length(x.lasted()))
		case x.missing() < 0.8:
			w.add(2.5, "the service was not silent: %s of the usual came", percent(1-x.missing()))
		}
	}
	if x.Chance {
		w.add(1, "counts alone bring about as much every few weeks, by chance")
	}
	if week := 7 * 24 * time.Hour; x.Before < week {
		w.add(2*(1-x.Before.Hours()/week.Hours()), "only %s of logs come before it", length(x.Before))
	}
	if x.Up && m.Hosting < 0.5 && !atOffice(x) {
		switch {
		case m.TopAccount > 0.5 || m.TopSource > 0.5:
			w.add(1.5, "one account or address makes most of it")
		case max(m.Accounts, m.Sources) < few:
			w.add(1, "only a few people make it")
		}
	}
	if x.Up { // who still came says nothing of those who did not
		w.strangers(&m)
	}
}

// workingDay is how long people at their desks are away on a holiday that falls
// on one.
const workingDay = 9 * time.Hour

// copying: one machine opens most mailboxes, in turn and with the right
// passwords. A migration does that, a backup too, and so does whoever has
// stolen all the passwords. Only people can tell them apart for certain: that
// it says what it is makes it more likely that it has nothing to hide, though
// anybody can say so.
func copying(x *Excess, _ *Case, w *weighing) {
	m := x.Makeup
	if !x.Up || m.Swept < 0.3 || x.Sweep == nil || x.Family == "failures" || x.Family == "errors" {
		w.impossible()
		return
	}
	weighSweep(x.Sweep, w)
}

func weighSweep(s *abuse.Sweep, w *weighing) {
	w.odds = sweepOdds
	w.pro = append(w.pro, fmt.Sprintf("one machine, %s, opened %d of %d mailboxes without a failure", s.Source, len(s.Accounts), s.Of))
	if s.Client != "" {
		w.add(1.5, "it says that it is %s, a tool for copying mailboxes", s.Client)
		if len(s.Accounts)*2 >= s.Of {
			w.add(0.5, "it leaves hardly anybody out")
		}
	}
	w.against = append(w.against, "somebody who holds everybody's password would look the same, and can call his tool what he likes")
}

// sweepOdds is the weight, of a machine that opens most mailboxes, of both a
// migration and a stranger, before anything tells them apart.
const sweepOdds = 3

func intruder(x *Excess, _ *Case, w *weighing) {
	m := x.Makeup
	if x.Up && m.Swept >= 0.3 && m.Swept >= m.Intruded && x.Sweep != nil && x.Family != "failures" && x.Family != "errors" {
		w.odds = sweepOdds
		w.pro = append(w.pro, "the machine and its network are new to nearly all of the accounts")
		return
	}
	if !x.Up || x.Family == "failures" || x.Family == "errors" || m.Intruded < 0.1 {
		w.impossible()
		return
	}
	w.odds = -1
	w.add(6*m.Intruded, "%s of the events come from a network and a client that are new to the accounts", percent(m.Intruded))
	if m.Hosting > 0.5 {
		w.add(1, "the addresses belong to a hosting provider")
	}
	if m.FamiliarDevice > 0.3 {
		w.add(-4*m.FamiliarDevice, "%s of the events come from devices known to the accounts", percent(m.FamiliarDevice))
	}
}

func clientStorm(x *Excess, c *Case, w *weighing) {
	if x.Family == "failures" || x.Family == "errors" || !x.Up {
		w.impossible()
		return
	}
	m := x.Makeup
	w.odds = -1
	if !everywhere(x) {
		w.add(-1, "no client or version stands out by itself")
	} else if causeHas(x, "os_version", "client_version", "device") {
		w.add(3, "what sets the excess apart is the client: %s", c.say(x.Cause))
	} else if causeHas(x, "os", "client") {
		w.add(1.5, "what sets the excess apart is the client: %s", c.say(x.Cause))
	} else {
		w.add(-1, "no client or version stands out")
	}
	if m.Internal > 0.5 {
		w.add(-3*m.Internal, "%s of the events come from hosts of our own, where nobody's phone or computer is", percent(m.Internal))
	}
	// What a handful of people do is theirs, whichever client they have.
	if people := max(m.Accounts, m.Sources); people < few && m.Events > 0 && m.FamiliarDevice < 0.05 {
		w.add(-2, "no more than %s", one(people, "account or address takes part", "accounts or addresses take part"))
	}
	if m.Named > 0.5 && m.FamiliarDevice > 0.05 {
		w.add(2*m.FamiliarDevice, "%s of the events come from devices that the accounts used before", percent(m.FamiliarDevice))
	}
	if m.KnownAccounts > 0 && m.Accounts > 0 && m.Accounts-m.KnownAccounts <= m.Accounts/10 {
		w.add(1, "%s", m.inUse())
	}
	if m.TopActionShare > 0.6 && (m.TopAction == "sync" || m.TopAction == "ping" || m.TopAction == "foldersync" || m.TopAction == "login" || m.TopAction == "logout") {
		w.add(0.5, "%s of the excess is the command %q", percent(m.TopActionShare), m.TopAction)
	}
	w.strangers(&m)
}

// everywhere reports whether a part of the cause is a client wherever it is or a
// place whichever the client, or the cause is neither: an update does not ask
// where its users are, nor a journey what they use. A client here and another
// there are people.
func everywhere(x *Excess) bool {
	both := false
	for _, c := range x.Cause {
		client := c["os"] != "" || c["os_version"] != "" || c["client"] != "" || c["client_version"] != "" || c["device"] != ""
		place := c["country"] != "" || c["asn"] != "" || c["prefix"] != "" || c["ip"] != ""
		if client != place {
			return true
		}
		both = both || client
	}
	return !both
}

func elsewhere(x *Excess, c *Case, w *weighing) {
	if x.Family == "failures" || x.Family == "errors" || !x.Up {
		w.impossible()
		return
	}
	m := x.Makeup
	w.odds = -1.5
	if atOffice(x) {
		w.add(-2, "they are at the office")
	} else if !everywhere(x) {
		w.add(-1.5, "no place stands out by itself")
	} else if causeHas(x, "country", "asn", "network_kind", "prefix", "ip") {
		w.add(3, "what sets the excess apart is where it comes from: %s", c.say(x.Cause))
	} else {
		w.add(-1.5, "no place stands out")
	}
	if m.Accounts > 1 && m.KnownAccounts*10 >= m.Accounts*8 {
		w.add(1, "%s", m.inUse())
	}
	if m.FamiliarDevice > 0.3 {
		w.add(2*m.FamiliarDevice, "%s of the events come from devices that the accounts used before", percent(m.FamiliarDevice))
	}
	if m.FamiliarSource > 0.3 {
		w.add(-3*m.FamiliarSource, "%s of the events come from where these people always connect", percent(m.FamiliarSource))
	}
	if m.Internal > 0.3 {
		w.add(-4*m.Internal, "%s of the events come from hosts of our own", percent(m.Internal))
	}
	if m.Hosting > 0.5 {
		w.add(-3*m.Hosting, "the addresses belong to a hosting provider, where nobody sits")
	}
	w.strangers(&m)
}

func atWork(x *Excess, c *Case, w *weighing) {
	if x.Family == "failures" || x.Family == "errors" || !x.Up {
		w.impossible()
		return
	}
	m := x.Makeup
	w.odds = -1
	if atOffice(x) {
		w.add(3, "it comes from the offices")
	} else if causeHas(x, "os", "os_version", "client", "client_version", "device", "account", "ip") {
		w.add(-2, "a client stands out: %s", c.say(x.Cause))
	} else if len(x.Cause) == 0 {
		w.add(1, "nothing sets the excess apart: it is spread as usual")
	}
	if f := x.Observed / math.Max(x.Expected, 1); f < 2.5 {
		w.add(-1.5, "it is only %.1f times the usual", f)
	}
	switch people := max(m.Accounts, m.Sources); {
	case m.Accounts >= 5 && m.TopAccount < 0.4:
		w.add(1, "%d accounts take part", m.Accounts)
	case people < few && !atOffice(x):
		w.add(-2, "no more than %d accounts or addresses take part", people)
	}
	if m.FamiliarSource > 0.5 {
		w.add(2*m.FamiliarSource, "%s of the events come from where these people always connect", percent(m.FamiliarSource))
	}
	w.strangers(&m)
}

func machinery(x *Excess, _ *Case, w *weighing) {
	if x.Family == "errors" || !x.Up {
		w.impossible()
		return
	}
	m := x.Makeup
	w.odds = -2
	if m.Internal > 0.5 {
		w.add(3*m.Internal, "%s of the events come from hosts of our own", percent(m.Internal))
	}
	if m.TopAccount > 0.7 && m.Accounts > 0 {
		w.add(2, "one account makes %s of the events", percent(m.TopAccount))
	}
	if m.TopSource > 0.7 && m.Hosting < 0.5 {
		w.add(1, "one address makes %s of the events", percent(m.TopSource))
	}
	w.strangers(&m)
}

func oldPasswords(x *Excess, _ *Case, w *weighing) {
	if x.Family != "failures" || !x.Up {
		w.impossible()
		return
	}
	m := x.Makeup
	w.odds = -1
	w.add(6*m.OwnFailures, "%s of the failures come from where the account itself signs in", percent(m.OwnFailures))
	if m.TopAccount > 0.7 {
		w.add(1, "one account makes %s of the failures", percent(m.TopAccount))
	}
	if m.Hostile > 0.05 {
		w.add(-5*m.Hostile, "%s come from addresses that tried the passwords of strangers", percent(m.Hostile))
	}
}

// restart reports whether something was as short as a restart, at an hour at
// which services are restarted.
func restart(x *Excess, c *Case) bool {
	return !x.Ongoing && x.lasted() <= 15*time.Minute && x.Onset.In(c.location()).Hour() < 6
}

// byPeople reports whether a service is used by people at their desks: phones
// and mail programs ask for mail on holidays too.
func byPeople(x *Excess) bool {
	switch x.Service {
	case maillog.Webmail.String(), maillog.OWA.String(), maillog.Submission.String():
		return true
	}
	return false
}

func serviceFault(x *Excess, c *Case, w *weighing) {
	switch {
	case x.Family == "errors" && x.Up:
		w.odds = 1
		w.add(3, "the service itself answered with errors: %s", compare(x.Observed, x.Expected))
		if m := x.Makeup; m.Outsiders > 0.5 && Crowd(&m) {
			w.add(-5*m.Outsiders, "%s of the errors went to addresses at which nobody had signed in", percent(m.Outsiders))
		}
		if restart(x, c) {
			w.add(-3, "it lasted %s at night, as a restart does", length(x.lasted()))
		}
	case !x.Up && x.Family == "traffic":
		w.odds = -2
		share := x.missing()
		w.add(6*math.Max(0, share-0.5), "%s of the usual traffic is missing", percent(share))
		if silence(x) {
			w.add(1, "phones and mail programs ask by themselves, and next to none of them came through")
		}
		if x.lasted() > 20*time.Hour {
			w.add(-2, "it lasts longer than faults do: people may simply be away")
		}
	default:
		w.impossible()
		return
	}
	if x.Makeup.Accounts == 1 {
		w.add(-2, "only one account is touched")
	}
}

// silence reports whether a service was dead for a while that phones and mail
// programs ask by themselves, whoever is at work. Where it goes on to the end
// of the logs they may simply end there; as long as a day and more, they may be
// missing.
func silence(x *Excess) bool {
	return !x.Up && !x.Ongoing && !byPeople(x) && x.Expected >= manyMissing && x.missing() >= 0.98 && x.lasted() > 30*time.Minute && x.lasted() < 12*time.Hour
}

// manyMissing is how many events must be missing for their silence to be none
// of chance, as bursty as they are.
const manyMissing = 100

// inUse says how many of the accounts are not new.
func (m *Makeup) inUse() string {
	if m.KnownAccounts == m.Accounts {
		return fmt.Sprintf("all %d accounts were in use before", m.Accounts)
	}
	return fmt.Sprintf("%d of %d accounts were in use before", m.KnownAccounts, m.Accounts)
}

// atOffice reports whether all of the cause is the organisation's own offices.
func atOffice(x *Excess) bool {
	for _, c := range x.Cause {
		if c["network_kind"] != string(traffic.KindOffice) {
			return false
		}
	}
	return len(x.Cause) > 0
}

func causeHas(x *Excess, names ...string) bool {
	for _, c := range x.Cause {
		for _, n := range names {
			if _, ok := c[n]; ok {
				return true
			}
		}
	}
	return false
}

// weigh sets the hypotheses side by side. The probabilities add up to one
// together with that of "none of these"; p is how sure the kind of the best is.
func weigh(x *Excess, c *Case) (list []Hypothesis, best hypothesis, p float64) {
	type scored struct {
		h hypothesis
		w weighing
	}
	var all []scored
	sum := math.Exp(noneOdds)
	for _, h := range hypotheses {
		var w weighing
		h.weigh(x, c, &w)
		if math.IsInf(w.odds, 0) || math.IsNaN(w.odds) {
			continue
		}
		sum += math.Exp(w.odds)
		all = append(all, scored{h, w})
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(b.w.odds, a.w.odds) })
	none := 1 - surest + surest*math.Exp(noneOdds)/sum
	kinds := make(map[Kind]float64)
	for _, s := range all {
		q := surest * math.Exp(s.w.odds) / sum
		kinds[harmless(s.h.kind)] += q
		if q >= 0.005 || len(list) == 0 {
			list = append(list, Hypothesis{s.h.name, roundDown(q), s.w.pro, s.w.against})
		}
	}
	list = append(list, Hypothesis{Name: nameNone, Probability: roundDown(none)})
	// First the kind, by what its hypotheses come to together, then the best
	// of that kind: two harmless causes that cannot be told apart are harmless.
	for _, s := range all {
		if q := kinds[harmless(s.h.kind)]; q >= sureEnough {
			return list, s.h, q
		}
	}
	most := 0.0
	for _, q := range kinds {
		most = max(most, q)
	}
	return list, hypothesis{name: nameNone, kind: Undetermined}, min(1-most, surest)
}

// harmless makes one kind of the two that harm nobody.
func harmless(k Kind) Kind {
	if k == Background {
		return Benign
	}
	return k
}

func round(x float64) float64 { return math.Round(x*1000) / 1000 }

// roundDown rounds probabilities, so that they never add up to more than one.
func roundDown(p float64) float64 { return math.Floor(p*1000+1e-6) / 1000 }
