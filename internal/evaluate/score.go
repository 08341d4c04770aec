package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// incident holds what truth and verdict both say of one.
type incident struct {
	Kind         string              `json:"kind"`
	Name         string              `json:"name"`
	Onset        time.Time           `json:"onset"`
	End          time.Time           `json:"end"`
	Interval     []time.Time         `json:"onset_interval"`
	Services     []string            `json:"services"`
	Cause        causes              `json:"cause"`
	Alternatives []map[string]string `json:"cause_alternatives"`
	Also         map[string]string   `json:"cause_also_true"`
	Compromised  []string            `json:"accounts_compromised"`
	Sources      []string            `json:"sources"`
	Infected     []infected          `json:"infected_clients"`
	Hypotheses   []posterior         `json:"hypotheses"`
}

// causes are a list in a verdict and one alone in a truth.
type causes []map[string]string

func (c *causes) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		*c = causes{nil}
		return json.Unmarshal(data, &(*c)[0])
	}
	return json.Unmarshal(data, (*[]map[string]string)(c))
}

type infected struct {
	Account string `json:"account"`
	IP      string `json:"ip"`
}

type posterior struct {
	Name        string  `json:"name"`
	Probability float64 `json:"probability"`
}

// outcome is a truth or a verdict.
type outcome struct {
	Verdict    string     `json:"verdict"`
	Focus      string     `json:"focus"`
	Confidence float64    `json:"confidence"`
	Incidents  []incident `json:"incidents"`
	Infected   []infected `json:"infected_clients"`
	Missing    []string   `json:"missing"` // of a verdict: what would decide it
}

func hostile(verdict string) bool { return verdict == "attack" || verdict == "mixed" }

// result is one world that was looked at.
type result struct {
	*world
	truth, found outcome
}

func (r *result) right() bool { return r.truth.Verdict == r.found.Verdict }

// fraction is so many of so many, with exact 95 % bounds.
type fraction struct {
	Part  int     `json:"part"`
	Of    int     `json:"of"`
	Share float64 `json:"share"` // -1 of none
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

func (f *fraction) add(yes bool) {
	f.Of++
	if yes {
		f.Part++
	}
}

func (f *fraction) finish() {
	f.Share = -1
	if f.Of > 0 {
		f.Share = round(float64(f.Part) / float64(f.Of))
	}
	low, high := clopperPearson(f.Part, f.Of)
	f.Low, f.High = round(low), round(high)
}

func (f fraction) String() string {
	if f.Of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d of %d", f.Part, f.Of)
}

// bounds is the share with its bounds.
func (f fraction) bounds() string {
	if f.Of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %% (%.1f to %.1f)", 100*f.Share, 100*f.Low, 100*f.High)
}

// tally is how many there were, found and rightly found.
type tally struct {
	True      int     `json:"true"`
	Found     int     `json:"found"`
	Right     int     `json:"right"`
	Precision float64 `json:"precision"` // -1 where nothing was found
	Recall    float64 `json:"recall"`    // -1 where there is nothing
	// Of each world alone, the mean over those in which there is any: a flood
	// out of a thousand addresses counts no more than a theft from one.
	EachPrecision mean `json:"each_precision"`
	EachRecall    mean `json:"each_recall"`
}

func (t *tally) add(truth, found map[string]bool) {
	t.True += len(truth)
	t.Found += len(found)
	right := 0
	for k := range found {
		if truth[k] {
			right++
		}
	}
	t.Right += right
	if len(found) > 0 {
		t.EachPrecision.add(float64(right) / float64(len(found)))
	}
	if len(truth) > 0 {
		t.EachRecall.add(float64(right) / float64(len(truth)))
	}
}

func (t *tally) finish() {
	t.EachPrecision.finish()
	t.EachRecall.finish()
	t.Precision, t.Recall = -1, -1
	if t.Found > 0 {
		t.Precision = round(float64(t.Right) / float64(t.Found))
	}
	if t.True > 0 {
		t.Recall = round(float64(t.Right) / float64(t.True))
	}
}

func share(x float64) string {
	if x < 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", x)
}

func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }

// figures is what a number of worlds came to.
type figures struct {
	Name         string   `json:"name"`
	Strength     float64  `json:"strength,omitempty"`
	Verdict      fraction `json:"verdict_right"`
	Undetermined fraction `json:"undetermined"`
	Called       fraction `json:"called_attack"` // of the worlds without one
	Seen         fraction `json:"attack_seen"`   // of the worlds with one
	Focus        fraction `json:"focus_right"`   // of the worlds with an attack
	Causes       mean     `json:"cause_f1"`      // of benign incidents and faults
	AttackCauses mean     `json:"attack_cause_f1"`
	Compromised  tally    `json:"compromised"`
	Sources      tally    `json:"sources"`
	Infected     tally    `json:"infected"`
	OnsetError   median   `json:"onset_error_minutes"`
	Covered      fraction `json:"onset_covered"`
	Width        median   `json:"onset_interval_minutes"`
	Few          fraction `json:"incidents_at_most_one_more"`
	Wrong        []string `json:"wrong,omitempty"` // what was said instead, and how to write the logs again
}

// mean of some numbers.
type mean struct {
	Mean float64 `json:"mean"` // -1 of none
	N    int     `json:"n"`
	sum  float64
}

func (m *mean) add(x float64) { m.sum, m.N = m.sum+x, m.N+1 }
func (m *mean) finish() {
	m.Mean = -1
	if m.N > 0 {
		m.Mean = round(m.sum / float64(m.N))
	}
}

// median of some numbers.
type median struct {
	Median float64 `json:"median"` // -1 of none
	N      int     `json:"n"`
	all    []float64
}

func (m *median) add(x float64) { m.all = append(m.all, x) }
func (m *median) finish() {
	m.Median, m.N = -1, len(m.all)
	if slices.Sort(m.all); m.N > 0 {
		m.Median = round(m.all[m.N/2])
	}
}

// score adds up what worlds came to.
func score(name string, strength float64, list []*result) *figures {
	f := &figures{Name: name, Strength: strength}
	for _, r := range list {
		f.add(r)
	}
	for _, x := range []interface{ finish() }{
		&f.Verdict, &f.Undetermined, &f.Called, &f.Seen, &f.Focus, &f.Causes, &f.AttackCauses, &f.Compromised, &f.Sources,
		&f.Infected, &f.OnsetError, &f.Covered, &f.Width, &f.Few,
	} {
		x.finish()
	}
	return f
}

func (f *figures) add(r *result) {
	truth, found := &r.truth, &r.found
	f.Verdict.add(r.right())
	f.Undetermined.add(found.Verdict == "undetermined")
	if !r.right() {
		f.Wrong = append(f.Wrong, fmt.Sprintf("%s instead of %s: %s", found.Verdict, truth.Verdict, r.command()))
	}
	if hostile(truth.Verdict) {
		f.Seen.add(hostile(found.Verdict))
		f.Focus.add(truth.Focus == found.Focus)
	} else {
		f.Called.add(hostile(found.Verdict))
	}
	attacked := func(i *incident) bool { return i.Kind == "attack" }
	f.Compromised.add(gather(truth, attacked, func(i *incident) []string { return i.Compromised }),
		gather(found, attacked, func(i *incident) []string { return i.Compromised }))
	// Where the truth lists no address the attack has none of its own.
	if from := gather(truth, attacked, func(i *incident) []string { return i.Sources }); !hostile(truth.Verdict) || len(from) > 0 {
		f.Sources.add(from, gather(found, attacked, func(i *incident) []string { return i.Sources }))
	}
	ill, named := make(map[string]bool), make(map[string]bool)
	for _, in := range truth.Incidents {
		for _, m := range in.Infected {
			ill[m.Account+" "+m.IP] = true
		}
	}
	for _, m := range found.Infected {
		named[m.Account+" "+m.IP] = true
	}
	f.Infected.add(ill, named)

	told, real := told(found), told(truth)
	f.Few.add(len(told) <= len(real)+1)
	for _, in := range real {
		// Where nothing sets it apart, there is no cause to be named.
		if len(in.Cause) > 0 && len(in.Cause[0]) > 0 {
			c := causeScore(in, told[:min(len(told), len(real)+1)])
			if in.Kind == "attack" {
				f.AttackCauses.add(c)
			} else {
				f.Causes.add(c)
			}
		}
		best := nearest(in, told)
		if best == nil {
			continue
		}
		f.OnsetError.add(best.Onset.Sub(in.Onset).Abs().Minutes())
		if len(best.Interval) == 2 {
			f.Covered.add(!in.Onset.Before(best.Interval[0].Add(-time.Second)) && !in.Onset.After(best.Interval[1].Add(time.Second)))
			f.Width.add(best.Interval[1].Sub(best.Interval[0]).Minutes())
		}
	}
}

// told are the incidents that are more than everyday noise.
func told(o *outcome) []*incident {
	var out []*incident
	for i := range o.Incidents {
		if o.Incidents[i].Kind != "background" {
			out = append(out, &o.Incidents[i])
		}
	}
	return out
}

// nearest is the incident of the same kind that began nearest to a true one.
func nearest(in *incident, list []*incident) (best *incident) {
	for _, f := range list {
		if f.Kind == in.Kind && (best == nil || f.Onset.Sub(in.Onset).Abs() < best.Onset.Sub(in.Onset).Abs()) {
			best = f
		}
	}
	return best
}

func gather(o *outcome, which func(*incident) bool, of func(*incident) []string) map[string]bool {
	out := make(map[string]bool)
	for i := range o.Incidents {
		if in := &o.Incidents[i]; which(in) {
			for _, v := range of(in) {
				out[v] = true
			}
		}
	}
	return out
}

// lenient are attributes that a cause may name beyond what the truth needs:
// they often go without saying.
var lenient = []string{"client", "network_kind", "mechanism", "status", "action"}

// causeScore is the F1 of the attributes that a cause names, the best of all
// incidents that were told, of all their causes together and of each of the
// first three.
func causeScore(in *incident, told []*incident) (best float64) {
	wants := append([]map[string]string{}, in.Cause...)
	wants = append(wants, in.Alternatives...)
	also := pairs(append(in.Cause, in.Also)...)
	for _, s := range in.Services {
		also["service="+s] = true
	}
	if in.Kind == "fault" {
		wants = append(wants, map[string]string{"outcome": "error"})
		also["outcome=error"] = true
	}
	for _, f := range told {
		sets := []map[string]bool{pairs(f.Cause...)}
		for _, c := range f.Cause[:min(3, len(f.Cause))] {
			sets = append(sets, pairs(c))
		}
		for _, said := range sets {
			for _, w := range wants {
				best = max(best, f1(said, pairs(w), also))
			}
		}
	}
	return best
}

func pairs(list ...map[string]string) map[string]bool {
	out := make(map[string]bool)
	for _, m := range list {
		for k, v := range m {
			out[k+"="+v] = true
		}
	}
	return out
}

func f1(said, want, also map[string]bool) float64 {
	right, wrong := 0, 0
	for p := range said {
		name, _, _ := strings.Cut(p, "=")
		asked := false
		for w := range want {
			asked = asked || strings.HasPrefix(w, name+"=")
		}
		switch {
		case want[p]:
			right++
		case also[p], slices.Contains(lenient, name) && !asked:
		default:
			wrong++
		}
	}
	if right == 0 {
		return 0
	}
	precision, recall := float64(right)/float64(right+wrong), float64(right)/float64(len(want))
	return 2 * precision * recall / (precision + recall)
}
