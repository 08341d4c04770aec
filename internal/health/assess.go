package health

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mailvigil/internal/message"
)

// Seen is what the probes saw in a stretch of time. Times of day are told in the
// zone of From.
type Seen struct {
	From, Until time.Time
	// Asked is how many answers there are from that time, Failed how many of
	// them failed.
	Asked, Failed int
	// Outages that touch it.
	Outages []Outage
}

// Told is what the logs say of the same time.
type Told struct {
	// Silent: they say nothing at all, so they cannot speak against anything.
	Silent bool
	// Errors is how many events ended in the service's own error, Usual how
	// many do in as much time.
	Errors, Usual int
	Incidents     []Incident
}

// Incident is what the watch holds of a case.
type Incident struct {
	Number   int64
	Kind     string // benign, attack, fault, mixed, undetermined
	Text     string // one sentence
	Onset    time.Time
	Services []string
}

// Assessment answers "glitch or attack?".
type Assessment struct {
	Answer  string   `json:"answer"` // quiet, glitch, attack, both, unseen, undetermined
	Text    string   `json:"text"`   // for people
	For     []string `json:"for"`    // what speaks for it, from either side
	Missing []string `json:"missing,omitempty"`
}

// Assess sets what the probes saw beside what the logs say. It weighs nothing
// anew: whether there is an attack is the verdict's to say, whether there is an
// outage the Tracker's. An attack that began before the outage, on the same
// service, is named as its possible cause and never as a proven one.
func Assess(seen Seen, told Told) Assessment {
	a := Assessment{For: []string{}}
	var attacks, faults []Incident
	for _, i := range told.Incidents {
		switch i.Kind {
		case "attack", "mixed":
			attacks = append(attacks, i)
		case "fault":
			faults = append(faults, i)
		}
	}
	down := slices.DeleteFunc(slices.Clone(seen.Outages), func(o Outage) bool { return o.Slow })
	for _, o := range seen.Outages {
		a.For = append(a.For, "The probes: "+o.Sentence)
	}
	if len(seen.Outages) == 0 && seen.Asked > 0 {
		a.For = append(a.For, fmt.Sprintf("The probes: %d of %d answers were right.", seen.Asked-seen.Failed, seen.Asked))
	}
	for _, i := range slices.Concat(attacks, faults) {
		a.For = append(a.For, fmt.Sprintf("The logs: %s (incident %d).", strings.TrimSuffix(message.Safe(i.Text), "."), i.Number))
	}
	manyErrors := told.Errors >= 10 && told.Errors > 3*told.Usual
	if manyErrors {
		a.For = append(a.For, fmt.Sprintf("The logs: %d requests ended in an error of the service, usually %d do.", told.Errors, told.Usual))
	}
	if told.Silent {
		a.Missing = append(a.Missing, "The logs say nothing of this time: see whether they are written and reach the watch.")
	}
	if seen.Asked == 0 {
		a.Missing = append(a.Missing, "No probe asked in this time: a probe of each service would tell an outage.")
	}
	first, related := cause(down, attacks)
	switch {
	case len(attacks) > 0 && len(seen.Outages) > 0:
		a.Answer = "both"
		a.Text = "Both: the service is disturbed and the logs show an attack. Nothing shows that one caused the other."
		if related {
			a.Text = fmt.Sprintf("Both: the logs show an attack that began before the outage of the same service, at %s; it may be the cause.", first.In(seen.From.Location()).Format("15:04 MST"))
		}
	case len(attacks) > 0:
		a.Answer, a.Text = "attack", "An attack, by the logs; the service answers as it should."
		if seen.Asked == 0 {
			a.Text = "An attack, by the logs; whether the service answers is not known."
		}
	case len(seen.Outages) > 0 && told.Silent:
		a.Answer, a.Text = "undetermined", "The service is disturbed, and the logs are silent, so an attack cannot be ruled out by them."
	case len(seen.Outages) > 0:
		a.Answer, a.Text = "glitch", "A glitch, by what is known: the service is disturbed and the logs show no attack."
	case len(faults) > 0 || manyErrors:
		a.Answer = "glitch"
		a.Text = "A glitch that the probes do not meet: the logs show a fault, and the probes were answered. It may concern some people alone."
		if seen.Asked == 0 {
			a.Text = "A glitch, by the logs: they show a fault and no attack."
		}
	case told.Silent && seen.Asked == 0:
		a.Answer, a.Text = "unseen", "Nobody looked: the logs are silent and no probe asked."
	case told.Silent:
		a.Answer, a.Text = "undetermined", "The service answers as it should, and the logs are silent: what people do is not seen."
	default:
		a.Answer, a.Text = "quiet", "Neither: the logs show no attack and no fault."
		if seen.Asked > 0 {
			a.Text = "Neither: the service answers as it should, and the logs show no attack."
		}
	}
	return a
}

// cause finds an attack on a service that began before its outage did.
func cause(outages []Outage, attacks []Incident) (time.Time, bool) {
	for _, o := range outages {
		for _, i := range attacks {
			if slices.Contains(i.Services, o.Service) && i.Onset.Before(o.Onset[1]) {
				return i.Onset, true
			}
		}
	}
	return time.Time{}, false
}
