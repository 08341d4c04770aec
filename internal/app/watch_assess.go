package app

import (
	"context"
	"math"
	"slices"
	"time"

	"mailvigil/internal/api"
	"mailvigil/internal/health"
	"mailvigil/internal/incident"
	"mailvigil/verdict"
)

// A shorter time than leastAssessed says little; of now, the last hour is asked.
const (
	leastAssessed = 15 * time.Minute
	nowAssessed   = time.Hour
)

// assessIncident answers "glitch or attack?" of the time of an incident.
func (w *watching) assessIncident(ctx context.Context, in *incident.Incident) (*api.Assessment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	from, until := in.Onset, in.End
	if in.Ongoing || until.IsZero() || until.After(now) {
		until = now
	}
	if until.Sub(from) < leastAssessed {
		from = until.Add(-leastAssessed)
	}
	return w.assess(ctx, from, until, in)
}

// assessNow is the same of the last hour, nil where nothing is wrong. The caller
// holds mu.
func (w *watching) assessNow(ctx context.Context, now time.Time) (*api.Assessment, error) {
	wrong := slices.ContainsFunc(w.book.All(), func(in *incident.Incident) bool {
		return in.Status == incident.Open && in.Ongoing && in.Kind != verdict.Benign && in.Kind != verdict.Background
	})
	if t := w.probing.tracker; !wrong && t != nil {
		wrong = slices.ContainsFunc(t.Outages(), func(o health.Outage) bool { return o.Open() })
	}
	if !wrong {
		return nil, nil
	}
	return w.assess(ctx, now.Add(-nowAssessed), now, nil)
}

// assess sets what the probes saw in a time beside what the logs say of it. The
// caller holds mu.
func (w *watching) assess(ctx context.Context, from, until time.Time, of *incident.Incident) (*api.Assessment, error) {
	seen := health.Seen{From: from.In(w.zone), Until: until.In(w.zone)}
	touches := func(begin, end time.Time) bool {
		return begin.Before(until) && (end.IsZero() || end.After(from))
	}
	if t := w.probing.tracker; t != nil {
		for _, o := range t.Outages() {
			if touches(o.Onset[1], o.End[1]) {
				seen.Outages = append(seen.Outages, o)
			}
		}
	}
	for _, p := range w.probing.probes {
		answers, err := w.state.Probes(ctx, p.Name, math.MaxInt32)
		if err != nil {
			return nil, err
		}
		for _, a := range answers {
			if a.At.Before(from) || a.At.After(until) {
				continue
			}
			seen.Asked++
			if !a.OK {
				seen.Failed++
			}
		}
	}
	events, failed, usual := w.live.Said(from, until)
	told := health.Told{Silent: events == 0, Errors: failed, Usual: int(usual)}
	all := w.book.All()
	if of != nil {
		if !slices.ContainsFunc(all, func(in *incident.Incident) bool { return in.ID == of.ID }) {
			all = append(slices.Clone(all), of) // too old for the book
		}
		for _, o := range of.Outages {
			if !slices.ContainsFunc(seen.Outages, func(s health.Outage) bool { return s.ID == o.ID }) {
				seen.Outages = append(seen.Outages, health.Outage{ID: o.ID, Service: o.Service, Probes: o.Probes, Onset: o.Onset, End: [2]time.Time{o.End, o.End}, Affected: o.Affected, Sentence: o.Text})
			}
		}
	}
	for _, in := range all {
		end := in.End
		if in.Ongoing {
			end = time.Time{}
		}
		// What probes alone found is theirs to say.
		if in.Status == incident.Merged || len(in.Parts) == 0 || !touches(in.Onset, end) {
			continue
		}
		kind := in.Kind
		if c := in.Closing; c != nil { // a person's word holds
			switch c.As {
			case incident.WasAttack:
				kind = verdict.Attack
			case incident.WasFault:
				kind = verdict.Fault
			case incident.WasBenign, incident.WasFalseAlarm:
				kind = verdict.Benign
			}
		}
		told.Incidents = append(told.Incidents, health.Incident{Number: in.Number, Kind: string(kind), Text: in.Text, Onset: in.Onset, Services: in.Services})
	}
	a := health.Assess(seen, told)
	return &api.Assessment{Answer: a.Answer, Text: a.Text, For: a.For, Missing: a.Missing, From: seen.From, Until: seen.Until}, nil
}
