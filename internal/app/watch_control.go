package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailvigil/anomaly"
	"mailvigil/internal/api"
	"mailvigil/internal/incident"
	"mailvigil/internal/pipeline"
	"mailvigil/internal/state"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// listen opens the control socket, "none" for none.
func (w *watching) listen(ctx context.Context, socket string) error {
	// It answers until the last line is written.
	ctx, w.hush = context.WithCancel(context.WithoutCancel(ctx))
	if err := w.measure(ctx); err != nil || socket == "none" {
		return err
	}
	l, err := api.Listen(socket)
	if err != nil {
		return err
	}
	w.control.Go(func() {
		if err := api.Serve(ctx, l, w, w.roles.Load, w.log, version()); err != nil && ctx.Err() == nil {
			w.log.Error("the control socket failed; restart the watch to open it again", "error", err)
			w.tell("control", err.Error())
		}
	})
	return nil
}

// knowledgeOf is what people said of times, besides the configuration.
type knowledgeOf struct {
	expected  []state.Expectation
	vigilance []state.Vigilance
}

// Vigilance multiplies the false alarms that are accepted by this: from one a
// month to one a day.
const vigilant = 30

// know tells the pipeline what people said of times. The caller holds mu, or is
// alone.
func (w *watching) know(ctx context.Context, now time.Time) error {
	expected, err := w.state.Expectations(ctx, now.Add(-rememberIncidents))
	if err != nil {
		return err
	}
	lessons, err := w.state.Lessons(ctx)
	if err != nil {
		return err
	}
	raised, err := w.state.VigilanceAt(ctx, now)
	if err != nil {
		return err
	}
	feedback, announced := slices.Clone(w.options.Feedback), slices.Clone(w.options.Announced)
	for _, e := range expected {
		if e.Withdrawn.IsZero() {
			announced = append(announced, pipeline.Announcement{From: e.From, Until: e.Until, What: e.What})
			feedback = append(feedback, anomaly.Feedback{Kind: anomaly.Announced, From: traffic.SlotOf(e.From.UnixNano()), Until: traffic.SlotOf(e.Until.UnixNano()), At: traffic.SlotOf(e.At.UnixNano())})
		}
	}
	for _, l := range lessons {
		kind := anomaly.Fine
		if l.Kind == incident.Abnormal {
			kind = anomaly.Incident
		}
		feedback = append(feedback, anomaly.Feedback{Kind: kind, From: traffic.SlotOf(l.From.UnixNano()), Until: traffic.SlotOf(l.Until.UnixNano()), At: traffic.SlotOf(l.At.UnixNano())})
	}
	f, a := w.reconnects(now)
	feedback, announced = append(feedback, f...), append(announced, a...)
	w.asked = knowledgeOf{expected: expected, vigilance: raised}
	w.live.Know(feedback, announced)
	alarms := w.options.AlarmsPerMonth
	if len(raised) > 0 {
		alarms = vigilant * max(alarms, 1)
	}
	w.live.Alarms(alarms)
	return nil
}

// Status implements api.Watch.
func (w *watching) Status(ctx context.Context) (*api.Status, error) {
	segments := *w.listed.Load()
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	s := &api.Status{
		Version: version(), Since: w.since, Time: now, Timezone: w.zone.String(),
		Services: w.services(), Vigilance: w.vigilance(now), Configuration: api.Configuration{File: w.file, Read: w.reread},
		Probes: w.probeStates(), Incidents: []api.Summary{}, Problems: []api.Problem{}, Intake: []api.Source{}, Expected: []api.Expect{},
	}
	if err := w.reloader.Problem(); err != nil {
		s.Configuration.Problem = err.Error()
	}
	if end := w.live.Closed(); !end.IsZero() {
		s.LastSlot = end.Add(-time.Minute)
	}
	for _, in := range w.book.All() {
		if in.Status == incident.Open || in.Status == incident.Quiet {
			s.Incidents = append(s.Incidents, summaryOf(in))
		}
	}
	slices.SortStableFunc(s.Incidents, func(a, b api.Summary) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(severity(b.Severity), severity(a.Severity)), cmp.Compare(b.Number, a.Number)) // open before quiet
	})
	for _, of := range sortedKeys(w.trouble) {
		s.Problems = append(s.Problems, api.Problem{Code: of, Grave: of == "archive" || of == "state", Text: w.trouble[of], Next: "See docs/operations.md."})
	}
	read := w.follower.Status()
	for _, p := range read.Problems {
		s.Problems = append(s.Problems, api.Problem{Code: "intake", Text: p.Error(), Next: "See docs/watch-intake.md."})
	}
	for _, x := range read.Sources {
		s.Intake = append(s.Intake, api.Source{
			Name: x.Source, Kind: "file", Format: x.Format, Behind: x.Behind, Lines: x.Lines, Lost: x.LostBytes, Last: w.live.LastOf(x.Source),
		})
	}
	listeners, problems := w.listeners(ctx)
	s.Intake, s.Problems = append(s.Intake, listeners...), append(s.Problems, problems...)
	slices.SortFunc(s.Intake, func(a, b api.Source) int { return cmp.Compare(a.Name, b.Name) })
	for i, x := range segments {
		a := &s.Archive
		a.Segments++
		a.Events += x.Rows
		a.Bytes += x.Bytes
		if i == 0 || x.First.Before(a.From) {
			a.From = x.First
		}
		if x.Last.After(a.To) {
			a.To = x.Last
		}
	}
	var err error
	if s.Assessment, err = w.assessNow(ctx, now); err != nil {
		return nil, err
	}
	for _, e := range w.asked.expected {
		if e.Withdrawn.IsZero() && e.Until.After(now) {
			s.Expected = append(s.Expected, api.Expect{ID: strconv.FormatInt(e.ID, 10), What: e.What, From: e.From, Until: e.Until, By: e.By})
		}
	}
	return s, nil
}

func severity(word string) int {
	return slices.Index([]string{"info", "low", "medium", "high", "critical"}, word)
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// services says how each service does in the last hour.
func (w *watching) services() []api.Service {
	out := []api.Service{}
	for _, s := range w.live.Series(time.Hour, time.Hour) {
		if s.Family != "traffic" || s.Plot == nil || len(s.Plot.Observed) == 0 {
			continue
		}
		x := api.Service{Service: s.Service, State: api.ServiceOpen, Span: 3600}
		n := len(s.Plot.Observed) - 1
		observed, expected, low, high := s.Plot.Observed[n], s.Plot.Expected[n], s.Plot.Lower[n], s.Plot.Upper[n]
		if observed >= 0 && !math.IsNaN(observed) {
			x.Observed = &observed
		} else {
			x.State = api.ServiceUnknown
		}
		if expected > 0 || high > 0 {
			x.Expected, x.Lower, x.Upper = &expected, &low, &high
			x.Unusual = x.Observed != nil && (observed < low || observed > high)
		}
		for _, in := range w.book.All() {
			if in.Status == incident.Open && in.Ongoing && in.Kind == verdict.Fault && slices.Contains(in.Services, s.Service) {
				x.State, x.Text = api.ServiceFault, in.Text
			}
		}
		if text, is := w.down(s.Service); is {
			x.State, x.Text = api.ServiceFault, text
		}
		out = append(out, x)
	}
	return out
}

func (w *watching) vigilance(now time.Time) api.Vigilance {
	var v api.Vigilance
	for _, x := range w.asked.vigilance {
		if x.Until.After(now) && x.Ended.IsZero() && x.Until.After(v.Until) {
			v = api.Vigilance{Raised: true, Since: x.From, Until: x.Until, By: x.By, Reason: x.Why, Cost: vigilanceCost}
		}
	}
	return v
}

const vigilanceCost = "about one false alarm a day instead of one a month"

// Incidents implements api.Watch.
func (w *watching) Incidents(ctx context.Context, q api.Query) (*api.Page, error) {
	var wanted []incident.Status
	for _, s := range q.Status {
		wanted = append(wanted, incident.Status(s))
	}
	list, err := w.state.ListIncidents(ctx, state.Query{Status: wanted})
	if err != nil {
		return nil, err
	}
	page := &api.Page{Timezone: w.zone.String(), Incidents: []api.Summary{}}
	for i := range list {
		if q.Before > 0 && list[i].Number >= q.Before {
			continue
		}
		if len(page.Incidents) == q.Limit {
			page.Before = page.Incidents[q.Limit-1].Number
			break
		}
		page.Incidents = append(page.Incidents, summaryOf(&list[i]))
	}
	return page, nil
}

// Incident implements api.Watch.
func (w *watching) Incident(ctx context.Context, number int64) (*api.Incident, error) {
	in, err := w.state.Incident(ctx, strconv.FormatInt(number, 10))
	if errors.Is(err, state.ErrNone) {
		return nil, api.NoIncident(number)
	}
	if err != nil {
		return nil, err
	}
	history, err := w.state.History(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &api.Incident{
		Summary: summaryOf(in), ID: in.ID, Timezone: w.zone.String(), Opened: in.Opened, Cause: in.Cause,
		Share: in.Share, Observed: in.Observed, Expected: in.Expected, Excess: in.Excess,
		Compromised: in.Accounts, Targeted: in.Targeted, Sources: in.Sources, Findings: in.Findings,
		Parts: []api.Part{}, Outages: []api.Outage{}, Notes: []api.Note{}, Followups: []api.Followup{}, History: []api.Event{}, Absorbed: []int64{},
		Next: nextOf(in),
	}
	for i := range in.Parts {
		out.Parts = append(out.Parts, api.PartOf(&in.Parts[i].Judged))
	}
	for _, o := range in.Outages {
		out.Outages = append(out.Outages, api.Outage{Service: o.Service, Probes: o.Probes, LastSuccess: o.Onset[0], Onset: o.Onset[1], End: o.End, Affected: o.Affected, Text: o.Text})
	}
	for _, n := range in.Notes {
		out.Notes = append(out.Notes, api.Note{Time: n.At, By: n.By, Text: n.Text})
	}
	for _, f := range in.Followups {
		out.Followups = append(out.Followups, api.Followup{Number: f.N, Kind: string(f.Kind), What: f.What, From: f.Of, Time: f.At, By: f.By, Done: f.Done, DoneBy: f.DoneBy})
	}
	if c := in.Closing; c != nil {
		out.Closing = &api.Closed{As: string(c.As), Why: c.Why, By: c.By, Time: c.At}
	}
	for _, h := range history {
		out.History = append(out.History, api.Event{Time: h.At, By: h.By, What: string(h.Kind), Text: h.Text})
	}
	if out.Assessment, err = w.assessIncident(ctx, in); err != nil {
		return nil, err
	}
	number64 := func(id string) int64 {
		if id == "" {
			return 0
		}
		other, err := w.state.Incident(ctx, id)
		if err != nil {
			return 0
		}
		return other.Number
	}
	out.MergedInto, out.Earlier = number64(in.MergedInto), number64(in.Earlier)
	for _, id := range in.Absorbed {
		out.Absorbed = append(out.Absorbed, number64(id))
	}
	return out, nil
}

// nextOf says what to do about an incident.
func nextOf(in *incident.Incident) []string {
	var next []string
	if in.Owner == "" {
		next = append(next, fmt.Sprintf("Take it: mailvigil incident assign %d.", in.Number))
	}
	switch in.Kind {
	case verdict.Attack, verdict.Mixed:
		if len(in.Accounts) > 0 {
			next = append(next, "Lock the accounts in other hands, end their sessions, and have their passwords changed.")
		}
		if len(in.Sources) > 0 {
			next = append(next, "Look at what these addresses did: mailvigil who --ip ADDRESS.")
		}
	case verdict.Fault:
		next = append(next, "Look at the mail service itself: this is no attack.")
	case verdict.Undetermined:
		next = append(next, "Find out what is missing: see the hypotheses.")
	}
	if in.Status != incident.Closed {
		next = append(next, fmt.Sprintf("When you know what it was: mailvigil incident close %d --as attack, fault, benign or false_alarm --why TEXT.", in.Number))
	}
	return next
}

func summaryOf(in *incident.Incident) api.Summary {
	s := api.Summary{
		Number: in.Number, Status: api.IncidentStatus(in.Status), Kind: string(in.Kind), Severity: string(in.Severity), Name: in.Name, Text: in.Text,
		Services: in.Services, Onset: in.Onset, OnsetFrom: in.OnsetInterval[0], OnsetTo: in.OnsetInterval[1], End: in.End, Ongoing: in.Ongoing,
		Accounts: len(in.Accounts), Owner: in.Owner, Updated: in.Updated,
	}
	if in.MergedInto != "" {
		s.Status = api.StatusMerged
	}
	for _, f := range in.Followups {
		if f.Done.IsZero() && (s.Due.IsZero() || f.At.Before(s.Due)) {
			s.Due, s.DueKind, s.DueWhat = f.At, string(f.Kind), f.What
			if f.Of != "" {
				s.DueWhat += ", from " + f.Of
			}
		}
	}
	return s
}

// act carries out what a person does to an incident.
func (w *watching) act(ctx context.Context, number int64, do func(book *incident.Book, now time.Time, name string) ([]incident.Change, error)) (*api.Incident, error) {
	err := func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		book := w.book.Clone()
		changes, err := do(book, w.now(), strconv.FormatInt(number, 10))
		switch {
		case errors.Is(err, incident.ErrNone):
			return api.NoIncident(number)
		case errors.Is(err, incident.ErrStatus), errors.Is(err, incident.ErrInput):
			// What an error is of is for programs; people read the rest.
			return api.Refuse("%s", strings.TrimPrefix(strings.TrimPrefix(err.Error(), incident.ErrStatus.Error()+": "), incident.ErrInput.Error()+": "))
		case err != nil:
			return err
		}
		return w.keep(ctx, book, changes)
	}()
	if err != nil {
		return nil, err
	}
	return w.Incident(ctx, number)
}

// Note implements api.Watch.
func (w *watching) Note(ctx context.Context, by string, number int64, text string) (*api.Incident, error) {
	return w.act(ctx, number, func(b *incident.Book, now time.Time, name string) ([]incident.Change, error) {
		return b.Note(now, by, name, text)
	})
}

// Assign implements api.Watch.
func (w *watching) Assign(ctx context.Context, by string, number int64, owner string) (*api.Incident, error) {
	return w.act(ctx, number, func(b *incident.Book, now time.Time, name string) ([]incident.Change, error) {
		return b.Assign(now, by, name, owner)
	})
}

// Close implements api.Watch.
func (w *watching) Close(ctx context.Context, by string, number int64, c api.Closing) (*api.Incident, error) {
	return w.act(ctx, number, func(b *incident.Book, now time.Time, name string) ([]incident.Change, error) {
		return b.Close(now, by, name, incident.ClosedAs(c.As), c.Why)
	})
}

// Plan implements api.Watch.
func (w *watching) Plan(ctx context.Context, by string, number int64, f api.Followup) (*api.Incident, error) {
	return w.act(ctx, number, func(b *incident.Book, now time.Time, name string) ([]incident.Change, error) {
		return b.Plan(now, by, name, incident.Followup{Kind: incident.FollowupKind(f.Kind), What: f.What, Of: f.From, At: f.Time})
	})
}

// Done implements api.Watch.
func (w *watching) Done(ctx context.Context, by string, number int64, followup int) (*api.Incident, error) {
	return w.act(ctx, number, func(b *incident.Book, now time.Time, name string) ([]incident.Change, error) {
		return b.Done(now, by, name, followup)
	})
}

// Reopen implements api.Watch.
func (w *watching) Reopen(ctx context.Context, by string, number int64, why string) (*api.Incident, error) {
	return w.act(ctx, number, func(b *incident.Book, now time.Time, name string) ([]incident.Change, error) {
		return b.Reopen(now, by, name, why)
	})
}

// Merge implements api.Watch.
func (w *watching) Merge(ctx context.Context, by string, number int64, m api.Merging) (*api.Incident, error) {
	in, err := w.act(ctx, number, func(b *incident.Book, now time.Time, name string) ([]incident.Change, error) {
		other := strconv.FormatInt(m.With, 10)
		if _, err := b.Find(other); errors.Is(err, incident.ErrNone) {
			return nil, api.NoIncident(m.With)
		}
		return b.Merge(now, by, name, other, m.Why)
	})
	if err == nil && in.MergedInto > 0 {
		return w.Incident(ctx, in.MergedInto)
	}
	return in, err
}

// SetSeverity implements api.Watch.
func (w *watching) SetSeverity(ctx context.Context, by string, number int64, severity string) (*api.Incident, error) {
	return w.act(ctx, number, func(b *incident.Book, now time.Time, name string) ([]incident.Change, error) {
		return b.SetSeverity(now, by, name, verdict.Severity(severity))
	})
}

// Expect implements api.Watch.
func (w *watching) Expect(ctx context.Context, by string, e api.Expect) (*api.Expect, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept, err := w.state.Expect(ctx, state.Expectation{From: e.From, Until: e.Until, What: e.What, By: by, At: w.now()})
	if err != nil {
		return nil, api.Refuse("%s", err)
	}
	e.ID, e.By = strconv.FormatInt(kept.ID, 10), by
	return &e, w.know(ctx, w.now())
}

// Raise implements api.Watch.
func (w *watching) Raise(ctx context.Context, by string, r api.Raise) (*api.Vigilance, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	_, err := w.state.RaiseVigilance(ctx, state.Vigilance{Level: "high", From: now, Until: now.Add(time.Duration(r.Seconds) * time.Second), Why: r.Reason, By: by})
	if err != nil {
		return nil, err
	}
	if err := w.know(ctx, now); err != nil {
		return nil, err
	}
	v := w.vigilance(now)
	return &v, nil
}

// Lower implements api.Watch.
func (w *watching) Lower(ctx context.Context, by, _ string) (*api.Vigilance, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if err := w.state.LowerVigilance(ctx, now, by); err != nil {
		return nil, err
	}
	if err := w.know(ctx, now); err != nil {
		return nil, err
	}
	v := w.vigilance(now)
	return &v, nil
}

// Reload implements api.Watch.
func (w *watching) Reload(ctx context.Context, by string) (*api.Reloaded, error) {
	w.log.Info("asked to read the configuration anew", "by", by)
	return w.reload(ctx)
}

// Backup implements api.Watch.
func (w *watching) Backup(ctx context.Context, _, path string) (*api.Backup, error) {
	if err := w.state.Backup(ctx, path); err != nil {
		return nil, api.Refuse("%s", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return nil, err
	}
	return &api.Backup{Path: path, Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil)), Time: w.now()}, nil
}
