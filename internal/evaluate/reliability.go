package main

import (
	"fmt"
	"slices"
	"time"
)

// bin is what came true of what was said with about the same probability.
type bin struct {
	From float64  `json:"from"`
	To   float64  `json:"to"`
	Said mean     `json:"said"`
	True fraction `json:"true"`
}

// reliability says whether probabilities mean what they say: of what is said
// with 0.8, four in five should be true. The Brier score is the mean square of
// the distance between what is said and what is true (Brier 1950): 0 is
// perfect, 0.25 what "one half" always earns.
type reliability struct {
	Bins  []bin `json:"bins"`
	Brier mean  `json:"brier"`
}

func newReliability() *reliability {
	r := new(reliability)
	edges := []float64{0, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 1}
	for i := range len(edges) - 1 {
		r.Bins = append(r.Bins, bin{From: edges[i], To: edges[i+1]})
	}
	return r
}

func (r *reliability) add(said float64, came bool) {
	i := slices.IndexFunc(r.Bins, func(b bin) bool { return said < b.To })
	if i < 0 {
		i = len(r.Bins) - 1
	}
	r.Bins[i].Said.add(said)
	r.Bins[i].True.add(came)
	if came {
		said = 1 - said
	}
	r.Brier.add(said * said)
}

func (r *reliability) finish() *reliability {
	for i := range r.Bins {
		r.Bins[i].Said.finish()
		r.Bins[i].True.finish()
	}
	r.Brier.finish()
	return r
}

// ofVerdicts holds the confidence of verdicts against whether they are right.
// One that is undetermined claims nothing.
func ofVerdicts(list []*result) *reliability {
	out := newReliability()
	for _, r := range list {
		if r.found.Verdict != "undetermined" {
			out.add(r.found.Confidence, r.right())
		}
	}
	return out.finish()
}

// The hypotheses, as verdict names them.
const (
	guessing     = "somebody is guessing passwords"
	intruder     = "a stranger is in the accounts"
	flood        = "somebody floods the service with requests"
	storm        = "phones or other clients connect more often than usual"
	elsewhere    = "people connect from elsewhere"
	atWork       = "more people than usual are at work"
	machinery    = "one machine or mailbox is busy"
	copying      = "a migration or a backup copies the mailboxes"
	moved        = "a network that many people use has changed"
	gathering    = "many people work at a new place"
	arrived      = "more people have their mail here"
	oldPasswords = "devices with an old password"
	fault        = "the mail service itself failed"
	noise        = "the everyday noise of the Internet"
	everyday     = "everyday ups and downs"
	none         = "none of these"
)

// explains says which hypotheses are true of what was simulated, by the label
// of the story. Where nothing was, noise and everyday ups and downs are.
var explains = map[string][]string{
	"":                  {noise, everyday, none},
	"phone-storm":       {storm},
	"night-sitting":     {atWork},
	"delegation":        {elsewhere, gathering},
	"new-office":        {moved, elsewhere, gathering},
	"carrier-change":    {moved, elsewhere},
	"password-day":      {oldPasswords},
	"migration":         {copying},
	"newsletter":        {machinery},
	"monitoring":        {machinery},
	"outage":            {fault},
	"spray":             {guessing, intruder},
	"stuffing":          {guessing, intruder},
	"slow-guessing":     {guessing, intruder},
	"one-account":       {guessing},
	"takeover":          {intruder},
	"fake-phone":        {intruder},
	"stolen-session":    {intruder},
	"sending-burst":     {intruder},
	"walking":           {guessing, intruder},
	"flood":             {flood},
	"proxy-spray":       {guessing, intruder},
	"reading":           {intruder},
	"impossible-travel": {intruder},
	"download":          {intruder},
	"forwarding":        {intruder},
	"phone-door":        {guessing, intruder},
	"crisis-night":      {atWork, storm},
	"away-session":      {elsewhere, moved, gathering},
	"backup":            {copying, machinery},
	"growth":            {atWork, arrived},
	"mail-program":      {storm},
	"office-line":       {moved, elsewhere, gathering},
	"webmail-fault":     {fault},
	"auth-fault":        {fault},
	"network-fault":     {fault},
	"scan":              {noise},
	"infected-home":     {noise, everyday},
}

func known(hypothesis string) bool {
	for _, list := range explains {
		if slices.Contains(list, hypothesis) {
			return true
		}
	}
	return false
}

// ofHypotheses holds the posteriors of all hypotheses of all incidents that
// were told against what was simulated at that time. unknown are names that
// explains does not know.
func ofHypotheses(list []*result) (_ *reliability, unknown []string, err error) {
	out := newReliability()
	for _, r := range list {
		for _, in := range told(&r.found) {
			accepted, some := explains[""], false
			for _, real := range r.truth.Incidents {
				names, ok := explains[real.Name]
				if !ok {
					return nil, nil, fmt.Errorf("no hypothesis is named for %q: add it to explains", real.Name)
				}
				if in.Onset.Before(real.End.Add(time.Hour)) && real.Onset.Before(in.End.Add(time.Hour)) {
					if !some {
						accepted, some = nil, true
					}
					accepted = append(slices.Clone(accepted), names...)
				}
			}
			for _, h := range in.Hypotheses {
				if !known(h.Name) && !slices.Contains(unknown, h.Name) {
					unknown = append(unknown, h.Name)
				}
				out.add(h.Probability, slices.Contains(accepted, h.Name))
			}
		}
	}
	slices.Sort(unknown)
	return out.finish(), unknown, nil
}
