package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailvigil/internal/chart"
	"mailvigil/internal/incident"
	"mailvigil/internal/notify"
	"mailvigil/internal/state"
	"mailvigil/verdict"
)

// outbox keeps messages in the state.
type outbox struct{ state *state.Store }

// Put implements notify.Outbox.
func (o outbox) Put(ctx context.Context, items ...notify.Item) error {
	list := make([]state.Message, len(items))
	for i, x := range items {
		text, err := json.Marshal(x)
		if err != nil {
			return fmt.Errorf("write a message down: %w", err)
		}
		list[i] = state.Message{
			Key: x.Key, Receiver: x.Receiver, Incident: x.Incident, Made: x.Made, Due: x.Due, Sent: x.Sent,
			Waits: x.Status == notify.Waiting, Item: text,
		}
	}
	return o.state.PutMessages(ctx, list)
}

func items(list []state.Message, err error) ([]notify.Item, error) {
	if err != nil {
		return nil, err
	}
	out := make([]notify.Item, len(list))
	for i, m := range list {
		if err := json.Unmarshal(m.Item, &out[i]); err != nil {
			return nil, fmt.Errorf("read the message %q: %w", m.Key, err)
		}
	}
	return out, nil
}

// Waiting implements notify.Outbox.
func (o outbox) Waiting(ctx context.Context) ([]notify.Item, error) {
	return items(o.state.WaitingMessages(ctx))
}

// Of implements notify.Outbox.
func (o outbox) Of(ctx context.Context, number int64) ([]notify.Item, error) {
	return items(o.state.MessagesOf(ctx, number))
}

// Since implements notify.Outbox.
func (o outbox) Since(ctx context.Context, receiver string, t time.Time) ([]notify.Item, error) {
	return items(o.state.MessagesSince(ctx, receiver, t))
}

// toldKey is the position of the last change of an incident that people were
// told of.
const toldKey = "told"

// tellPeople hands what happened to incidents to the dispatcher, in order, each
// once: after a crash it goes on behind the last one.
func (w *watching) tellPeople(ctx context.Context) error {
	d := w.dispatcher.Load()
	for {
		list, err := w.state.ChangesAfter(ctx, w.told, 100)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, c := range list {
			if n, ok := w.notice(&c.Change); ok && d != nil {
				if err := d.Tell(ctx, n); err != nil {
					return err
				}
			}
			w.told = c.N
		}
		position := json.RawMessage(strconv.FormatInt(w.told, 10))
		if err := w.state.Publish(ctx, nil, nil, map[string]json.RawMessage{toldKey: position}); err != nil {
			return err
		}
	}
}

// notice is what people are told of a change, if anything.
func (w *watching) notice(c *incident.Change) (n notify.Notice, ok bool) {
	in := c.Incident
	n = notify.Notice{
		Incident: in.Number, Kind: string(in.Kind), Time: c.At, Sentence: c.Text, Services: in.Services,
		Acknowledged: in.Owner != "" || in.Status == incident.Closed, What: nextOf(in),
	}
	if c := w.reloader.Current().Notify; c != nil && c.Link != "" {
		n.Link = c.Link + strconv.FormatInt(in.Number, 10)
	}
	var err error
	if n.Severity, err = notify.ParseSeverity(string(in.Severity)); err != nil {
		n.Severity = notify.Info
	}
	switch c.Kind {
	case incident.ChangeOpened, incident.ChangeReopened, incident.ChangeQuiet, incident.ChangeMerged, incident.ChangeClosed, incident.ChangeUpdated:
		n.Change = notify.Change(c.Kind)
	case incident.ChangeAssigned, incident.ChangeSeverity:
		n.Change = notify.Updated
	case incident.ChangeDue:
		n.Change = notify.Reminder
	default:
		return n, false
	}
	if n.Change == notify.Opened || n.Change == notify.Reopened {
		n.Sentence = strings.TrimSuffix(c.Text, ".") + ". " + in.Text
	}
	for i := range in.Parts {
		p := &in.Parts[i].Judged
		if p.Text != n.Sentence && len(n.Details) < 5 {
			n.Details = append(n.Details, p.Text)
		}
		if n.Plot == nil && p.Plot != nil {
			n.Plot = w.picture(p.Plot)
		}
	}
	for _, o := range in.Outages {
		n.MailDown = n.MailDown || o.End.IsZero() && slices.Contains([]string{"smtp", "submission", "imap"}, o.Service)
	}
	return n, true
}

// picture is the plot of an incident, nil where it cannot be drawn.
func (w *watching) picture(p *verdict.Plot) *notify.Plot {
	s := chart.Series{Title: p.Title, Start: p.Start, Step: time.Duration(p.Step) * time.Second, Observed: p.Observed, Expected: p.Expected, Lower: p.Lower, Upper: p.Upper}
	o := chart.Options{Location: w.zone}
	b, err := chart.PNG(s, o)
	if err != nil {
		w.log.Warn("a message goes without its plot", "error", err)
		return nil
	}
	return &notify.Plot{PNG: b, Alt: chart.Describe(s, o)}
}

// startMessages makes the dispatcher, where the configuration names receivers.
func (w *watching) startMessages(ctx context.Context) error {
	all, err := w.state.Positions(ctx)
	if err != nil {
		return err
	}
	if text, ok := all[toldKey]; ok {
		if err := json.Unmarshal(text, &w.told); err != nil {
			return fmt.Errorf("read which changes were told: %w; restore the data folder from a backup", err)
		}
	}
	d, err := w.newDispatcher(w.config)
	w.dispatcher.Store(d)
	return err
}
