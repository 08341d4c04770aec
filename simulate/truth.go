package simulate

import (
	"slices"
	"time"
)

// Truth is what a World's scenario did, in the words of a Verdict.
type Truth struct {
	Scenario  Scenario   `json:"scenario"`
	Seed      uint64     `json:"seed"`
	Start     time.Time  `json:"start"`
	End       time.Time  `json:"end"`
	Verdict   string     `json:"verdict"` // quiet, benign or attack
	Focus     string     `json:"focus"`   // targeted, opportunistic or none
	Incidents []Incident `json:"incidents"`
}

// Incident is one thing that a scenario did.
type Incident struct {
	Kind     string            `json:"kind"`
	Name     string            `json:"name"` // the label of its Items
	Onset    time.Time         `json:"onset"`
	End      time.Time         `json:"end"` // of its last line in the World
	Services []string          `json:"services"`
	Cause    map[string]string `json:"cause"`
	// Alternatives pick out the same Events as Cause; Also is true of them
	// and says no more.
	Alternatives []map[string]string `json:"cause_alternatives,omitempty"`
	Also         map[string]string   `json:"cause_also_true,omitempty"`
	Lines        int64               `json:"lines"` // that carry its label
	Compromised  []string            `json:"accounts_compromised"`
	Targeted     int                 `json:"accounts_targeted"`
	Focus        string              `json:"focus"` // targeted or opportunistic, of an attack
	Sources      []string            `json:"sources"`
	Infected     []Infected          `json:"infected_clients,omitempty"`
}

// Infected is a person's computer that somebody else uses too.
type Infected struct {
	Account string `json:"account"`
	IP      string `json:"ip"`
}

// Truth tells what really happened. It runs the scenario alone, without
// everyday life where the scenario leaves that as it is.
func (w *World) Truth() Truth {
	t := Truth{
		Scenario: w.opt.Scenario, Seed: w.opt.Seed, Start: w.midnight(0), End: w.midnight(w.opt.Days),
		Verdict: "quiet", Focus: "none", Incidents: []Incident{},
	}
	byLabel := make(map[string]*Incident)
	for _, s := range w.stories {
		byLabel[s.label()] = &Incident{Name: s.label(), Cause: map[string]string{}, Compromised: []string{}, Sources: []string{}}
	}
	services := make(map[string]map[string]bool)
	sources := make(map[string]map[string]bool)
	people := make(map[string]map[string]bool)
	var habits []habit
	for _, s := range w.stories {
		if _, ok := s.(altering); ok {
			habits = w.habits // what it does, it does to others' steps
		}
	}
	w.run(true, habits, w.stories, func(_ *day, it *Item) bool {
		in := byLabel[it.Label]
		if in == nil {
			return true
		}
		at := time.Unix(0, it.Event.Time).In(w.opt.Location)
		if in.Lines++; it.Stated {
			if in.Onset.IsZero() {
				in.Onset = at
				services[it.Label], sources[it.Label], people[it.Label] = map[string]bool{}, map[string]bool{}, map[string]bool{}
			}
			in.End = at
			services[it.Label][it.Event.Service.String()] = true
			people[it.Label][it.Person] = true
			if ip := it.Event.ClientIP; ip.IsValid() && !ip.IsPrivate() {
				sources[it.Label][ip.String()] = true
			}
		}
		return true
	})
	for _, s := range w.stories {
		in := byLabel[s.label()]
		if in.Lines == 0 {
			continue // the World ends before it begins
		}
		in.Services = sorted(services[in.Name])
		s.incident(w, in)
		if in.Kind == "attack" {
			in.Sources, in.Targeted = sorted(sources[in.Name]), len(sorted(people[in.Name]))
			if asn := oneProvider(in.Sources); asn != "" {
				// Where all of it comes from one provider, that is true of it.
				if in.Also == nil {
					in.Also = map[string]string{}
				}
				in.Also["asn"] = asn
			}
			if in.Focus == "" {
				in.Focus = "targeted"
			}
			if t.Focus != "targeted" {
				t.Focus = in.Focus
			}
		}
		t.Incidents = append(t.Incidents, *in)
		if in.Kind == "background" {
			continue
		}
		switch t.Verdict {
		case "quiet", in.Kind:
			t.Verdict = in.Kind
		default:
			t.Verdict = "mixed"
		}
	}
	return t
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for s := range set {
		if s != "" {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}
