package verdict

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailvigil/abuse"
	"mailvigil/traffic"
)

// The sentences people read. A headline says what happened and since when; the
// text of an incident says how much of it there was. Both are written for
// somebody who was woken up for them.

// likely is the probability from which a headline says "attack" rather than
// "probably an attack".
const likely = 0.8

// say puts a cause in plain words; a few places are enough for a sentence.
func (c *Case) say(cause []map[string]string) string {
	const most = 2
	var out []string
	for _, m := range cause[:min(len(cause), most)] {
		var words string
		if c.Say != nil {
			words = c.Say(m)
		} else {
			var pairs []string
			for _, k := range slices.Sorted(maps.Keys(m)) {
				pairs = append(pairs, k+"="+m[k])
			}
			words = strings.Join(pairs, ", ")
		}
		if words != "" {
			out = append(out, words)
		}
	}
	if len(out) == 0 {
		return ""
	}
	if n := len(cause) - most; n > 0 {
		out = append(out, fmt.Sprintf("%d more", n))
	}
	return list(out)
}

// day names a time as people do.
func (c *Case) day(t time.Time) string { return t.In(c.location()).Format("Monday 2 January 15:04") }

func (c *Case) location() *time.Location {
	if c.Location == nil {
		return time.UTC
	}
	return c.Location
}

// span says when an incident was.
func (c *Case) span(in *Incident) string {
	from, to := in.Onset.In(c.location()), in.End.In(c.location())
	switch {
	case in.Onset.IsZero():
		return "at a time that is not known"
	case in.Ongoing || in.End.IsZero():
		return "since " + c.day(from)
	case to.Sub(from) < time.Minute:
		return "on " + c.day(from)
	case from.Year() == to.Year() && from.YearDay() == to.YearDay():
		return "on " + from.Format("Monday 2 January") + " from " + from.Format("15:04") + " to " + to.Format("15:04")
	}
	return "from " + c.day(from) + " to " + c.day(to)
}

// tense is the verb of a headline: what goes on has been, what is over was.
func (in *Incident) tense(goesOn, over string) string {
	if in.Ongoing {
		return goesOn
	}
	return over
}

// what names the events of an excess.
func (c *Case) what(x *Excess) string {
	switch x.Family {
	case "failures":
		return "failed sign-ins"
	case "errors":
		return "errors of the mail service"
	case "hosting":
		return "connections from hosting networks"
	}
	switch {
	case x.Service != "":
		return or(c.say([]map[string]string{{"service": x.Service}}), "mail requests")
	case len(x.Services) == 1:
		return or(c.say([]map[string]string{{"service": x.Services[0]}}), "mail requests")
	}
	return "mail requests"
}

// size compares what was counted with what was expected.
func (in *Incident) size() string { return compare(in.Observed, in.Expected) }

func compare(observed, expected float64) string {
	count := func(x float64) string {
		if n := number(x); n != "0" {
			return n
		}
		return "none"
	}
	was := "were"
	if n := number(expected); n == "0" || n == "1" {
		was = "was"
	}
	return count(observed) + " where " + count(expected) + " " + was + " expected"
}

// times is how often the usual came, "" where a factor says nothing.
func (in *Incident) times() string {
	switch f := in.Observed / math.Max(in.Expected, 1); {
	case in.Expected < 5 || f < 1.1:
		return ""
	case f < 10:
		return fmt.Sprintf("%.1f times the usual", f)
	default:
		return number(f) + " times the usual"
	}
}

// headline says what happened and when, without its kind.
func (c *Case) headline(x *Excess, in *Incident) string {
	when := c.span(in)
	switch in.Name {
	case nameGuessing:
		t := "somebody " + in.tense("has been guessing", "guessed") + " passwords " + when
		if n := len(in.Compromised); n > 0 {
			return t + ", and opened " + one(n, "account", "accounts")
		}
		return t + "; as far as these logs show, no account was opened"
	case nameIntruder:
		return c.intrusion(in)
	case nameFlood:
		return number(float64(len(x.Sources))) + " addresses " + in.tense("have been flooding", "flooded") + " the service with requests " + when
	case nameStorm:
		return or(c.say(in.Cause), c.what(x)) + in.tense(" have been ", " were ") + or(in.times(), "more than usual") + " " + when
	case nameElsewhere:
		return "people " + in.tense("have been connecting", "connected") + " from elsewhere " + when + c.aside(in)
	case nameAtWork:
		return "more people than usual " + in.tense("have been", "were") + " at work " + when
	case nameMachinery:
		return "one machine or mailbox of your own " + in.tense("has been", "was") + " busy " + when + c.aside(in)
	case nameCopying:
		t := "one machine"
		if x.Sweep != nil {
			t = "the machine " + x.Sweep.Source.String()
			if x.Sweep.Client != "" {
				t += " with " + x.Sweep.Client
			}
			return t + in.tense(" has been copying", " copied") + fmt.Sprintf(" %d of %d mailboxes ", len(x.Sweep.Accounts), x.Sweep.Of) + when + ", as a migration or a backup does"
		}
		return t + " copied most mailboxes " + when
	case nameOldPasswords:
		return "devices with an old password " + in.tense("have been failing", "failed") + " to sign in " + when
	case nameFault:
		t := "the mail service " + in.tense("has answered", "answered") + " with errors "
		if !x.Up {
			t = "there " + in.tense("have been", "were") + " next to no " + c.what(x) + " "
		}
		return strings.Join(append([]string{t + when}, x.Effects...), "; ")
	}
	return "there " + in.tense("have been ", "were ") + x.direction() + " " + c.what(x) + " than usual " + when
}

func (c *Case) intrusion(in *Incident) string {
	whose := "somebody's account"
	switch n := len(in.Compromised); {
	case n == 1 && in.Compromised[0] != "":
		whose = "the account " + in.Compromised[0]
	case n > 1:
		whose = fmt.Sprintf("%d accounts", n)
	}
	return "a stranger " + in.tense("has used ", "used ") + whose + " " + c.span(in)
}

// stranger says from where a stranger used accounts, and what was fetched.
func stranger(in *Incident, sources int, n traffic.Network, messages int64) string {
	t := "From " + one(sources, "address", "addresses")
	if n.ASName != "" {
		t += " of " + n.ASName
	}
	switch n := len(in.Compromised); n {
	case 0:
		t += " at which nobody had signed in"
	default:
		t += " that " + plural(n, "the account", "these accounts") + " had never used"
	}
	if messages > 0 {
		t += "; " + one(int(messages), "message was", "messages were") + " fetched"
	}
	return t + "."
}

func (c *Case) aside(in *Incident) string {
	if cause := c.say(in.Cause); cause != "" {
		return " (" + cause + ")"
	}
	return ""
}

func (x *Excess) direction() string {
	if x.Up {
		return "more"
	}
	return "fewer"
}

// detail says how much there was of an incident, in a sentence.
func (c *Case) detail(x *Excess, in *Incident, sources int) string {
	switch in.Name {
	case nameGuessing:
		t := fmt.Sprintf("%s from %s, tried on %s: ", one(int(in.Observed), "failed sign-in", "failed sign-ins"),
			one(sources, "address", "addresses"), one(in.Targeted, "account", "accounts"))
		if n := len(in.Compromised); n > 0 {
			return t + one(n, "account was", "accounts were") + " opened."
		}
		return t + "none was opened, as far as these logs show."
	case nameFlood:
		return fmt.Sprintf("%s: %s, from %s at which nobody had signed in. They signed in nowhere.", upper(c.what(x)), in.size(), one(sources, "address", "addresses"))
	case nameStorm:
		return "Clients do this, not people: " + in.size() + "."
	case nameElsewhere:
		if n := x.Makeup.Accounts; n > 0 {
			return fmt.Sprintf("%s of %s: %s.", upper(c.what(x)), one(n, "account", "accounts"), in.size())
		}
	case nameAtWork:
		t := upper(c.what(x)) + ": " + in.size()
		if atOffice(x) {
			return t + ", from the offices."
		} else if x.Makeup.FamiliarSource > 0.5 {
			return t + ", from where these people always connect."
		}
		return t + "."
	case nameAnnounced:
		return upper(c.what(x)) + " " + c.span(in) + ": " + in.size() + ". A change was announced for this time: " + x.Announced + "."
	case nameNoise, nameEveryday:
		// Told in a list by themselves, so they say when.
		t := upper(x.direction()) + " " + c.what(x) + " than usual " + c.span(in) + " (" + in.size() + ")"
		if in.Name == nameNoise && sources > 0 && len(x.Hands) == 0 {
			t += fmt.Sprintf(", from %s that opened no account", one(sources, "address", "addresses"))
		}
		return t + "."
	case nameNone:
		t := upper(c.what(x)) + ": " + in.size()
		if len(in.Cause) > 0 && x.Family != "failures" && x.Family != "errors" {
			t += "; what stands out is " + c.say(in.Cause)
		}
		return t + ". No explanation that was tried fits."
	}
	return upper(c.what(x)) + ": " + in.size() + "."
}

// verdictText is the sentence at the top: whether it is an attack, what
// happened, since when.
func verdictText(k Kind, p float64, headline string) string {
	probably := p < likely
	prefix := map[Kind]string{Attack: "Attack", Fault: "A fault, not an attack", Benign: "Not an attack"}[k]
	if probably {
		prefix = map[Kind]string{Attack: "Probably an attack", Fault: "Probably a fault, not an attack", Benign: "Probably not an attack"}[k]
	}
	if k == Undetermined {
		prefix = "It is not clear whether this is an attack"
	}
	return prefix + ": " + headline + "."
}

// next says what to do now, most urgent first. It never asks to lock accounts
// that were merely tried, nor for new passwords where nobody was in.
func (j *judge) next(attack, fault, benign, open *Incident) {
	add := func(text string, args ...any) { j.v.Next = append(j.v.Next, fmt.Sprintf(text, args...)) }
	if attack != nil {
		j.contain(add)
	}
	if fault != nil {
		add("Look at the mail server from %s on: its own error log, its disk and memory, and the services behind it.", j.c.day(fault.Onset))
	}
	if attack == nil && (fault != nil || benign != nil && benign.Name != nameCopying) {
		add("No password needs to be changed and no service closed.")
	}
	if benign != nil {
		switch benign.Name {
		case nameStorm:
			add("If the load hurts, slow down these clients only, for a limited time.")
		case nameElsewhere, nameMoved, nameGathering:
			add("To be sure, ask whether some of your people are there.")
		case nameMachinery:
			add("Ask whoever runs it what it is doing.")
		case nameCopying:
			add("Make sure that this machine is yours or your provider's. If nobody knows it, all passwords must be held for stolen.")
		case nameOldPasswords:
			add("Tell the owners of these devices to enter the new password.")
		}
		if benign.Ongoing {
			add("It goes on: run this again tomorrow to see whether it fades.")
		}
	}
	if n := len(j.v.Infected); n > 0 {
		var at []string
		for _, m := range j.v.Infected {
			switch {
			case m.IP == "":
				at = append(at, m.Account)
			default:
				at = append(at, m.IP+" ("+m.Account+")")
			}
		}
		why := plural(n, "it guesses", "they guess") + " passwords"
		if len(j.c.Infected) == 0 {
			why = "malware was found on " + plural(n, "it", "them")
		} else if len(j.c.Infected) < n {
			why = "they guess passwords, or malware was found on them"
		}
		add("Have the %s at %s cleaned: %s.", plural(n, "machine", "machines"), names(at, 4), why)
	}
	if open != nil {
		add("Find out %s.", strings.Join(j.undecided[:min(len(j.undecided), 3)], "; "))
	}
	if n := distinct(j.c.Stale); n > 0 && attack == nil {
		add("%s a device to be updated, which keeps failing with an old password: tell them when convenient.", one(n, "person has", "people have"))
	}
	if j.short && j.v.Verdict == Undetermined && open == nil {
		add("Run this again with older logs as well: at least %d days.", int(shortHistory.Hours()/24))
	}
	if j.v.Verdict == Undetermined && open == nil && len(j.c.Unseen) > 0 && !j.short {
		add("Find the logs named above, and run this again with all of them.")
	}
	if len(j.v.Coverage.Gaps) > 0 && (j.v.Verdict == Quiet || j.v.Verdict == Undetermined) {
		add("Find the logs that are missing, and run this again.")
	}
	if len(j.v.Next) == 0 {
		add("Nothing needs to be done.")
	}
}

// contain says what to do about the attacks, all of them together.
func (j *judge) contain(add func(string, ...any)) {
	var opened []string
	var since time.Time
	tried, unnamed := false, false
	for i := range j.v.Incidents {
		in := &j.v.Incidents[i]
		if in.Kind != Attack {
			continue
		}
		tried = tried || in.Name == nameGuessing
		unnamed = unnamed || in.Name == nameIntruder && len(in.Compromised) == 0
		if len(in.Compromised) > 0 {
			opened = append(opened, in.Compromised...)
			if since.IsZero() || in.Onset.Before(since) {
				since = in.Onset
			}
		}
	}
	slices.Sort(opened)
	opened = slices.Compact(opened)
	if n := len(opened); n > 0 {
		add("End all sessions of %s, and have %s changed: %s.", plural(n, "this account", fmt.Sprintf("these %d accounts", n)),
			plural(n, "its password", "their passwords"), names(opened, 8))
		add("Look in %s for forwarding and mail rules, and for mail sent, since %s.", plural(n, "it", "them"), j.c.day(since))
	} else if !unnamed {
		add("No password needs to be changed: as far as these logs show, no account was opened.")
	}
	if unnamed {
		add("Find out from the lines cited whose accounts the stranger used; end their sessions and have their passwords changed.")
	}
	for _, a := range opened {
		delete(j.doubtful, a)
	}
	if all := sorted(j.doubtful); len(all) > 0 {
		add("Ask %s of %s whether recent sign-ins were their own: they came from the same %s.", plural(len(all), "the owner", "the owners"), names(all, 8), plural(len(j.attackers), "address", "addresses"))
	}
	if len(j.inside) > 0 {
		add("Find out which machine of your own was behind %s at the time, and who sat at it. Do not refuse that address: your people share it.", names(j.inside, 4))
	}
	if n := len(j.attackers); n > 0 {
		text := fmt.Sprintf("Refuse sign-in from the %s listed for a limited time.", plural(n, "address", number(float64(n))+" addresses"))
		if tried {
			text += " Do not lock the accounts that were tried: that would shut out their owners."
		}
		add("%s", text)
	}
	add("Keep these log files: they are the evidence.")
}

// one is a number with its noun: "1 address", "2,640 addresses".
func one(n int, single, many string) string {
	return number(float64(n)) + " " + plural(n, single, many)
}

// number writes a count with its thousands apart.
func number(x float64) string {
	if math.IsNaN(x) || math.Abs(x) >= 1e15 {
		return "very many"
	}
	s := strconv.FormatInt(int64(math.Round(x)), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percent writes a share of something: "all", "77 %", "none".
func percent(x float64) string {
	switch {
	case x >= 0.9995:
		return "all"
	case x >= 0.995:
		return "more than 99 %"
	case x > 0 && x < 0.005:
		return "less than 1 %"
	}
	return fmt.Sprintf("%.0f %%", 100*x)
}

// share compares with a whole that can be exceeded: "20 % of", "3 times".
func share(x float64) string {
	if x >= 1.5 {
		return number(x) + " times"
	}
	return fmt.Sprintf("%.0f %% of", 100*x)
}

// length writes how long something lasted.
func length(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return one(int(d.Minutes()+0.5), "minute", "minutes")
	case d < 48*time.Hour:
		return one(int(d.Hours()+0.5), "hour", "hours")
	}
	return one(int(d.Hours()/24+0.5), "day", "days")
}

func list(items []string) string {
	if n := len(items); n > 1 {
		return strings.Join(items[:n-1], ", ") + " and " + items[n-1]
	}
	return strings.Join(items, "")
}

// names lists accounts, the first most of them by name.
func names(all []string, most int) string {
	if n := len(all) - most; n > 0 {
		return strings.Join(all[:most], ", ") + " and " + number(float64(n)) + " more"
	}
	return list(all)
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

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func titles(fs []abuse.Finding) []string {
	var out []string
	for _, f := range fs[:min(len(fs), 5)] {
		out = append(out, f.Account+" "+f.Title)
	}
	return out
}
