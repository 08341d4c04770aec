package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"mailvigil/verdict"
)

// Told is what people were last told of an incident. An update is significant
// if it differs from that by enough, so that an incident that grows minute by
// minute is told a few times and not every minute.
type Told struct {
	Kind     verdict.Kind     `json:"kind"`
	Name     string           `json:"name"`
	Severity verdict.Severity `json:"severity"`
	Services []string         `json:"services"`
	Accounts []string         `json:"accounts"`
	Cause    string           `json:"cause"`
	Onset    time.Time        `json:"onset"`
	Excess   float64          `json:"excess"`
	Sources  int              `json:"sources"`
}

// Settle is what has yet to stand for a while: another explanation, and since
// when; and since when an earlier onset is thought of.
type Settle struct {
	What  string    `json:"what,omitempty"`
	Since time.Time `json:"since,omitzero"`
	Onset time.Time `json:"onset,omitzero"`
}

// What is enough to be told again.
const (
	grewBy         = 2   // times the excess, or the sources
	grewByHarmless = 10  // times the excess of what is harmless
	fewSources     = 10  // below which sources are not counted out
	fewEvents      = 100 // below which an excess is not
	muchEarlier    = time.Hour
	namedAtOnce    = 3 // accounts
)

// tell notes that people are told all of it now.
func (in *Incident) tell() {
	in.Pending = Settle{}
	in.Told = Told{
		Kind: in.Kind, Name: in.Name, Severity: in.Severity, Services: in.Services, Accounts: in.Accounts,
		Cause: causeText(in.Cause), Onset: in.Onset, Excess: abs(in.Excess), Sources: len(in.Sources),
	}
}

// grew says what is worth telling since people were last told, in sentences, and
// notes that they are told it.
func (in *Incident) grew(now time.Time, settle time.Duration) (what []string) {
	t := in.Told
	say := func(text string, args ...any) { what = append(what, fmt.Sprintf(text, args...)) }

	// Two explanations, or onsets, that are about as probable change places from minute to
	// minute: another one is told once it stands, a graver one at once.
	cause := causeText(in.Cause)
	graver := (in.Kind == verdict.Attack || in.Kind == verdict.Fault) && slices.Index(gravest, in.Kind) < slices.Index(gravest, t.Kind)
	switch explained := in.Name + "\n" + cause; {
	case in.Kind == t.Kind && in.Name == t.Name && cause == t.Cause:
		in.Pending.What, in.Pending.Since = "", time.Time{}
	case !graver && explained != in.Pending.What:
		in.Pending.What, in.Pending.Since = explained, now
	case graver || now.Sub(in.Pending.Since) >= settle:
		switch {
		case in.Kind == verdict.Undetermined && t.Kind != verdict.Undetermined:
			say("It is no longer clear what it is.")
		case in.Kind != t.Kind:
			say("It is now thought to be %s: %s.", kindText[in.Kind], in.Name)
		case in.Name != t.Name:
			say("It is now explained otherwise: %s.", in.Name)
		}
		if cause != t.Cause && cause != "" {
			say("What sets it apart: %s.", cause)
		}
		t.Kind, t.Name, t.Cause = in.Kind, in.Name, cause
		in.Pending.What, in.Pending.Since = "", time.Time{}
	}

	if more := without(in.Accounts, t.Accounts); len(more) > namedAtOnce {
		say("%d more accounts were opened.", len(more))
	} else if len(more) > 0 {
		say("Opened as well: %s.", strings.Join(more, ", "))
	}
	t.Accounts = union(t.Accounts, in.Accounts)
	if more := without(in.Services, t.Services); len(more) > 0 {
		say("It touches %s as well.", strings.Join(more, ", "))
	}
	t.Services = union(t.Services, in.Services)
	if in.Kind == t.Kind && slices.Index(severities, in.Severity) > slices.Index(severities, t.Severity) {
		if len(what) == 0 {
			say("Its severity is now %s.", in.Severity)
		}
		t.Severity = in.Severity
	}
	switch {
	case !in.Onset.Before(t.Onset.Add(-muchEarlier)):
		in.Pending.Onset = time.Time{}
	case in.Pending.Onset.IsZero():
		in.Pending.Onset = now
	case now.Sub(in.Pending.Onset) >= settle:
		say("It began %s earlier than was thought.", span(t.Onset.Sub(in.Onset)))
		t.Onset, in.Pending.Onset = in.Onset, time.Time{}
	}
	// What goes on counts more as time goes by. Of what is harmless that is no news
	// until it is of another size.
	by := float64(grewBy)
	if in.Kind == verdict.Benign || in.Kind == verdict.Background {
		by = grewByHarmless
	}
	x, n := abs(in.Excess), len(in.Sources)
	if larger, more := x >= by*t.Excess && x >= fewEvents, n >= grewBy*t.Sources && n >= fewSources; larger || more {
		if in.Excess > 0 {
			say("It has grown to %.0f events where %.0f were expected.", in.Observed, in.Expected)
		} else {
			say("Only %.0f events came where %.0f were expected.", in.Observed, in.Expected)
		}
		if n >= fewSources {
			say("%d addresses take part.", n)
		}
		t.Excess, t.Sources = max(t.Excess, x), max(t.Sources, n)
	}
	in.Told = t
	return what
}

// begins says what a new incident is, with the accounts in other hands.
func (in *Incident) begins() string {
	switch n := len(in.Accounts); {
	case in.Kind == verdict.Undetermined: // whose name says nothing
		return fmt.Sprintf("It is not clear what it is: %.0f events where %.0f were expected (%s).", in.Observed, in.Expected, strings.Join(in.Services, ", "))
	case n > namedAtOnce:
		return fmt.Sprintf("%s: %d accounts were opened.", sentence(in.Name), n)
	case n > 0:
		return fmt.Sprintf("%s: %s.", sentence(in.Name), strings.Join(in.Accounts, ", "))
	}
	return sentence(in.Name) + "."
}

// gravest kinds first.
var gravest = []verdict.Kind{verdict.Attack, verdict.Fault, verdict.Undetermined, verdict.Benign, verdict.Background}

var kindText = map[verdict.Kind]string{
	verdict.Attack:     "an attack",
	verdict.Fault:      "a fault",
	verdict.Benign:     "harmless",
	verdict.Background: "everyday noise",
}

// causeText is a cause in the words of its attributes, sorted.
func causeText(cause []map[string]string) string {
	var sets []string
	for _, c := range particular(cause) {
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(c)) {
			parts = append(parts, strings.ReplaceAll(k, "_", " ")+" "+c[k])
		}
		sets = append(sets, strings.Join(parts, ", "))
	}
	slices.Sort(sets)
	return strings.Join(slices.Compact(sets), " or ")
}

func without(list, known []string) (more []string) {
	for _, x := range list {
		if !slices.Contains(known, x) {
			more = append(more, x)
		}
	}
	return more
}

// span is a length of time as people say it.
func span(d time.Duration) string {
	count := func(n int64, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch d = d.Round(time.Minute); {
	case d < time.Minute:
		return "less than a minute"
	case d < 2*time.Hour:
		return count(int64(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return count(int64(d.Round(time.Hour)/time.Hour), "hour")
	}
	return count(int64(d.Round(24*time.Hour)/(24*time.Hour)), "day")
}

// day is a day as the clock of another time shows it.
func day(t, as time.Time) string { return t.In(as.Location()).Format("2 January 2006") }

// sentence begins a text with a capital.
func sentence(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:n]) + s[n:]
}

// planned says what a followup is, and until when.
func (f *Followup) planned() string {
	at := f.At.Format("2006-01-02 15:04 MST")
	switch f.Kind {
	case DueDate:
		return fmt.Sprintf("Due by %s: %s", at, f.What)
	case Awaited:
		if f.Of != "" {
			return fmt.Sprintf("Awaited of %s by %s: %s", f.Of, at, f.What)
		}
		return fmt.Sprintf("Awaited by %s: %s", at, f.What)
	}
	return fmt.Sprintf("To be thought of at %s: %s", at, f.What)
}

// due says that the time of a followup has come.
func (f *Followup) due() string {
	switch f.Kind {
	case DueDate:
		return "Due now: " + f.What
	case Awaited:
		if f.Of != "" {
			return fmt.Sprintf("Still awaited of %s: %s", f.Of, f.What)
		}
		return "Still awaited: " + f.What
	}
	return "Reminder: " + f.What
}
