package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"mailvigil/anomaly"
	"mailvigil/internal/api"
	"mailvigil/internal/health"
	"mailvigil/internal/incident"
	"mailvigil/internal/message"
	"mailvigil/internal/pipeline"
	"mailvigil/internal/state"
	"mailvigil/traffic"
)

// probing is the watch over the service from the outside, as its users meet it.
type probing struct {
	probes  []health.Probe
	rule    health.Rule
	tracker *health.Tracker
	last    map[string]health.Result
}

// healthModel is under which name and version the state of the probes is kept.
const (
	healthModel   = "health"
	healthVersion = 1
)

// startProbes makes the probes of the configuration, which go on where they
// were.
func (w *watching) startProbes(ctx context.Context) error {
	probes, rule := probesOf(w.config)
	var before health.State
	switch m, err := w.state.Model(ctx, healthModel, healthVersion); {
	case errors.Is(err, state.ErrNone):
	case err != nil:
		return err
	default:
		if json.Unmarshal(m.Data, &before) != nil {
			before = health.State{} // it is asked anew
		}
	}
	w.probing = probing{probes: probes, rule: rule, tracker: health.NewTracker(rule, w.zone, probes, before), last: make(map[string]health.Result)}
	return nil
}

// probe asks until the context ends.
func (w *watching) probe(ctx context.Context) {
	w.mu.Lock()
	probes := w.probing.probes
	w.mu.Unlock()
	if len(probes) > 0 {
		health.NewMonitor(probes, health.Options{}).Run(ctx, func(r health.Result) { w.answered(ctx, r) })
	}
}

// answered takes the answer to a probe: it is kept, and an outage becomes an
// incident.
func (w *watching) answered(ctx context.Context, r health.Result) {
	detail, err := json.Marshal(r)
	if err == nil {
		err = w.state.AddProbes(ctx, []state.ProbeResult{{Probe: r.Probe, At: r.Time, OK: !r.Kind.Failed(), Took: r.Duration, Detail: detail}})
	}
	if err != nil && ctx.Err() == nil {
		w.log.Error("the answer to a probe could not be kept", "probe", r.Probe, "error", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &w.probing
	p.last[r.Probe] = r
	changes := p.tracker.Observe(r)
	if len(changes) == 0 {
		if !r.Kind.Failed() && p.lasts(r.Probe) {
			w.knowAgain() // everybody may come back now
		}
		return
	}
	book := w.book.Clone()
	var moved []incident.Change
	for _, c := range changes {
		if c.Outage == nil {
			w.log.Warn(c.Text, "probe", c.Probe)
			w.troubleIs("probe "+c.Probe, c.Text)
			continue
		}
		if c.Outage.Slow {
			w.log.Warn(c.Outage.Sentence, "probe", c.Probe)
			continue
		}
		moved = append(moved, book.Fault(r.Time, outageOf(c.Outage))...)
	}
	if w.keep(ctx, book, moved) != nil {
		return
	}
	data, err := json.Marshal(p.tracker.State())
	if err == nil {
		err = w.state.SaveModel(ctx, state.Model{Name: healthModel, Version: healthVersion, At: r.Time, Data: data})
	}
	if err == nil {
		err = w.know(ctx, r.Time)
	}
	if err != nil && ctx.Err() == nil {
		w.log.Error("what the probes saw could not be kept", "error", err)
	}
}

func outageOf(o *health.Outage) incident.Outage {
	return incident.Outage{ID: o.ID, Service: o.Service, Probes: o.Probes, Onset: o.Onset, End: o.End[1], Affected: o.Affected, Text: o.Sentence}
}

// reconnects are the times after outages in which everybody comes back: a rise
// then is expected. The outage itself is not: what the logs tell of it stands.
func (w *watching) reconnects(now time.Time) (feedback []anomaly.Feedback, announced []pipeline.Announcement) {
	p := &w.probing
	if p.tracker == nil {
		return nil, nil
	}
	for _, o := range p.tracker.Outages() {
		from, back := o.End[0], o.End[1]
		if o.Open() {
			from = p.answering(&o)
			back = from
		}
		if o.Slow || from.IsZero() {
			continue // nobody lost a connection, or is back
		}
		until := back.Add(p.rule.Reconnects)
		feedback = append(feedback, anomaly.Feedback{
			Kind: anomaly.Announced, From: traffic.SlotOf(from.UnixNano()), Until: traffic.SlotOf(until.UnixNano()), At: traffic.SlotOf(now.UnixNano()),
		})
		announced = append(announced, pipeline.Announcement{From: from, Until: until, What: fmt.Sprintf("clients come back after the outage of %s", message.Service(o.Service))})
	}
	return feedback, announced
}

// answering is when a probe of an outage that lasts answered rightly, if that is
// the last it did: the outage may be over, and is not told to be yet.
func (p *probing) answering(o *health.Outage) (at time.Time) {
	for _, name := range o.Probes {
		if r, ok := p.last[name]; ok && !r.Kind.Failed() && r.Time.After(o.Onset[1]) && r.Time.After(at) {
			at = r.Time
		}
	}
	return at
}

// lasts reports whether a probe belongs to an outage that lasts.
func (p *probing) lasts(probe string) bool {
	return slices.ContainsFunc(p.tracker.Outages(), func(o health.Outage) bool {
		return o.Open() && !o.Slow && slices.Contains(o.Probes, probe)
	})
}

// probeStates are the probes with their last answers, for people.
func (w *watching) probeStates() []api.Probe {
	out := []api.Probe{}
	for _, p := range w.probing.probes {
		x := api.Probe{Name: p.Name, Service: p.Service, State: "unknown"}
		if r, ok := w.probing.last[p.Name]; ok {
			x.Time, x.Duration, x.Text = r.Time, r.Duration.Seconds(), r.Text
			switch {
			case r.Kind.Failed():
				x.State = "failed"
			case r.Kind.Degraded():
				x.State = "degraded"
			default:
				x.State, x.Text = "ok", ""
			}
		}
		out = append(out, x)
	}
	return out
}

// down reports whether probes find a service out, and says so.
func (w *watching) down(service string) (text string, is bool) {
	if w.probing.tracker == nil {
		return "", false
	}
	for _, o := range w.probing.tracker.Outages() {
		if o.Open() && !o.Slow && (o.Service == service || slices.Contains(o.Others, service)) {
			return o.Sentence, true
		}
	}
	return "", false
}
