package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mailvigil/internal/access"
	"mailvigil/internal/api"
	"mailvigil/verdict"
)

// fakeWatch has a night's incidents, and does what it is told to them. What logs
// could have written is hostile.
type fakeWatch struct {
	mu        sync.Mutex
	now       time.Time
	zone      *time.Location
	incidents []*api.Incident // the oldest first
	vigilance api.Vigilance
	expected  []api.Expect
	quiet     bool
}

func newFakeWatch(kind string) (*fakeWatch, error) {
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		return nil, err
	}
	now := time.Date(2026, time.March, 2, 4, 7, 0, 0, zone)
	f := &fakeWatch{now: now, zone: zone, quiet: kind == "quiet"}
	if f.quiet {
		return f, nil
	}
	closed := &api.Incident{Summary: api.Summary{
		Number: 11, Status: api.StatusClosed, Kind: "fault", Severity: "medium", Name: "imap did not answer", Text: "IMAP did not answer for 12 minutes.",
		Services: []string{"imap"}, Onset: now.Add(-50 * time.Hour), End: now.Add(-49 * time.Hour), Owner: "tom", Updated: now.Add(-40 * time.Hour),
	}, ID: "b", Closing: &api.Closed{As: "fault", Why: "a full disk", By: "tom", Time: now.Add(-40 * time.Hour)}}
	quiet := &api.Incident{Summary: api.Summary{
		Number: 12, Status: api.StatusQuiet, Kind: "benign", Severity: "low", Name: "iOS update", Text: "Phones connect more often after an update to iOS 18.4.",
		Services: []string{"activesync"}, Onset: now.Add(-30 * time.Hour), End: now.Add(-20 * time.Hour), Updated: now.Add(-20 * time.Hour),
	}, ID: "c"}
	judged := verdict.Incident{
		ID: "d", Kind: verdict.Attack, Name: "password spraying", Text: "One address tried the passwords of 212 accounts and got into 1 of them.",
		Onset: now.Add(-113 * time.Minute), OnsetInterval: [2]time.Time{now.Add(-115 * time.Minute), now.Add(-110 * time.Minute)}, Ongoing: true,
		Services: []string{"imap"}, Cause: []map[string]string{{"ip": "203.0.113.9"}}, Share: 0.97, Observed: 2340, Expected: 310, Excess: 2030,
		Compromised: []string{"anna@parl.example"}, Targeted: 212, Sources: []string{"203.0.113.9"}, Findings: []string{"f1"},
		Hypotheses: []verdict.Hypothesis{{Name: "an attack", Probability: 0.97, For: []string{"212 accounts from 1 address"}, Against: []string{}}},
		Evidence:   []verdict.Evidence{{ID: "e1", File: "/var/log/mail.log", Line: 4711, Text: "imap-login: \x1b[31mred <script> user=<anna>"}},
	}
	open := &api.Incident{
		Summary: api.Summary{
			Number: 13, Status: api.StatusOpen, Kind: "attack", Severity: "high", Name: judged.Name, Text: judged.Text, Services: judged.Services,
			Onset: judged.Onset, OnsetFrom: judged.OnsetInterval[0], OnsetTo: judged.OnsetInterval[1], Ongoing: true, Accounts: 1, Due: now.Add(time.Hour), DueKind: "due", DueWhat: "reset the password of anna", Updated: now,
		},
		ID: "d", Opened: now.Add(-110 * time.Minute), Compromised: judged.Compromised, Targeted: 212, Sources: judged.Sources,
		Parts:     []api.Part{api.PartOf(&judged)},
		Findings:  []verdict.Finding{{ID: "f1", Code: "T1110.003", Title: "password spraying", Severity: verdict.High, ClientIP: "203.0.113.9"}},
		Followups: []api.Followup{{Number: 1, Kind: "due", What: "reset the password of anna", Time: now.Add(time.Hour), By: "tom"}},
		Notes:     []api.Note{{Time: now.Add(-time.Hour), By: "tom", Text: "seen \x1b[2J"}},
		History:   []api.Event{{Time: now.Add(-110 * time.Minute), What: "opened"}},
		Next:      []string{"Reset the password of anna@parl.example."},
		Assessment: &api.Assessment{
			Answer: "attack", Text: "An attack, by the logs; the service answers as it should.", From: judged.Onset, Until: now,
			For:     []string{"The probes: 113 of 113 answers were right.", "The logs: One address tried the passwords of 212 accounts and got into 1 of them (incident 13)."},
			Missing: []string{"No probe asked the webmail \x1b[1m."},
		},
	}
	f.incidents = []*api.Incident{closed, quiet, open}
	for _, in := range f.incidents {
		in.Timezone = zone.String()
	}
	return f, nil
}

func (f *fakeWatch) lists(keep func(*api.Incident) bool) (all []api.Summary) {
	for _, in := range slices.Backward(f.incidents) {
		if keep(in) {
			all = append(all, in.Summary)
		}
	}
	return all
}

func (f *fakeWatch) Status(context.Context) (*api.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := func(v float64) *float64 { return &v }
	s := &api.Status{
		Version: "1.2.3", Since: f.now.Add(-20 * time.Hour), Time: f.now, Timezone: f.zone.String(), LastSlot: f.now.Add(-2 * time.Minute),
		Services:  []api.Service{{Service: "webmail", State: api.ServiceOpen, Observed: n(410), Expected: n(400), Lower: n(310.2), Upper: n(503), Span: 300}},
		Intake:    []api.Source{{Name: "/var/log/mail.log", Kind: "file", Lines: 90000}},
		Archive:   api.Archive{Segments: 812, Events: 1e8, Bytes: 31_200_000_000, From: f.now.Add(-80 * 24 * time.Hour), To: f.now},
		Vigilance: f.vigilance, Expected: f.expected,
		Probes: []api.Probe{{Name: "imap", Service: "imap", State: "ok", Time: f.now}},
	}
	if f.quiet {
		return s, nil
	}
	s.Assessment = &api.Assessment{Answer: "attack", Text: "An attack, by the logs; the service answers as it should.", From: f.now.Add(-time.Hour), Until: f.now, For: []string{"The probes: 60 of 60 answers were right."}}
	s.Incidents = f.lists(func(in *api.Incident) bool { return in.Status == api.StatusOpen })
	s.Services = append(s.Services, api.Service{Service: "imap", State: api.ServiceFault, Observed: n(2340), Lower: n(200), Upper: n(420), Span: 300, Unusual: true, Text: "sign-ins take 9 seconds"})
	s.Intake = append(s.Intake, api.Source{Name: "udp 0.0.0.0:514", Kind: "syslog", Lost: 12, Behind: 3_000_000, Text: "datagrams come faster than they are read"})
	s.Probes = append(s.Probes, api.Probe{Name: "webmail", Service: "webmail", State: "failed", Time: f.now.Add(-time.Minute), Text: "it refused the sign-in; see whether the account still exists"})
	s.Problems = []api.Problem{{Code: "disk", Grave: true, Since: f.now.Add(-time.Hour), Text: "The disk of /var/lib/mailvigil is full", Next: "Make room, or lower archive.bytes."}}
	return s, nil
}

func (f *fakeWatch) Incidents(_ context.Context, q api.Query) (*api.Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.lists(func(in *api.Incident) bool {
		return (len(q.Status) == 0 || slices.Contains(q.Status, in.Status)) && (q.Before == 0 || in.Number < q.Before)
	})
	p := &api.Page{Timezone: f.zone.String(), Incidents: all[:min(len(all), q.Limit)]}
	if len(all) > q.Limit {
		p.Before = p.Incidents[q.Limit-1].Number
	}
	return p, nil
}

func (f *fakeWatch) change(number int64, what, by string, change func(*api.Incident)) (*api.Incident, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, in := range f.incidents {
		if in.Number == number {
			if change != nil {
				if in.Status == api.StatusClosed {
					return nil, api.Refuse("incident %d is closed; it opens again by itself if it returns", number)
				}
				in.History = append(in.History, api.Event{Time: f.now, By: by, What: what})
				change(in)
			}
			c := *in
			return &c, nil
		}
	}
	return nil, api.NoIncident(number)
}

func (f *fakeWatch) Incident(_ context.Context, number int64) (*api.Incident, error) {
	return f.change(number, "", "", nil)
}

func (f *fakeWatch) Note(_ context.Context, by string, number int64, text string) (*api.Incident, error) {
	return f.change(number, "noted", by, func(in *api.Incident) {
		in.Notes = append(in.Notes, api.Note{Time: f.now, By: by, Text: text})
	})
}

func (f *fakeWatch) Assign(_ context.Context, by string, number int64, owner string) (*api.Incident, error) {
	return f.change(number, "assigned", by, func(in *api.Incident) { in.Owner = owner })
}

func (f *fakeWatch) Plan(_ context.Context, by string, number int64, x api.Followup) (*api.Incident, error) {
	return f.change(number, "planned", by, func(in *api.Incident) {
		x.Number, x.By = len(in.Followups)+1, by
		in.Followups = append(in.Followups, x)
	})
}

func (f *fakeWatch) Done(_ context.Context, by string, number int64, followup int) (*api.Incident, error) {
	return f.change(number, "done", by, func(in *api.Incident) {
		in.Followups[followup-1].Done, in.Followups[followup-1].DoneBy = f.now, by
	})
}

func (f *fakeWatch) Reopen(_ context.Context, by string, number int64, _ string) (*api.Incident, error) {
	for _, in := range f.incidents {
		if in.Number == number {
			in.Status, in.Closing = api.StatusOpen, nil
		}
	}
	return f.change(number, "reopened", by, func(*api.Incident) {})
}

func (f *fakeWatch) Merge(_ context.Context, by string, number int64, m api.Merging) (*api.Incident, error) {
	return f.change(min(number, m.With), "updated", by, func(in *api.Incident) { in.Absorbed = append(in.Absorbed, max(number, m.With)) })
}

func (f *fakeWatch) SetSeverity(_ context.Context, by string, number int64, severity string) (*api.Incident, error) {
	return f.change(number, "severity", by, func(in *api.Incident) {
		if in.Severity = severity; severity == "" {
			in.Severity = "high"
		}
	})
}

func (f *fakeWatch) Close(_ context.Context, by string, number int64, c api.Closing) (*api.Incident, error) {
	return f.change(number, "closed", by, func(in *api.Incident) {
		in.Status, in.Closing = api.StatusClosed, &api.Closed{As: c.As, Why: c.Why, By: by, Time: f.now}
	})
}

func (f *fakeWatch) Expect(_ context.Context, _ string, e api.Expect) (*api.Expect, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.ID = fmt.Sprint(len(f.expected) + 1)
	f.expected = append(f.expected, e)
	return &e, nil
}

func (f *fakeWatch) Raise(_ context.Context, by string, r api.Raise) (*api.Vigilance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.vigilance = api.Vigilance{Raised: true, Since: f.now, Until: f.now.Add(time.Duration(r.Seconds) * time.Second), By: by, Reason: r.Reason, Cost: "about 3 false alarms a day"}
	v := f.vigilance
	return &v, nil
}

func (f *fakeWatch) Lower(context.Context, string, string) (*api.Vigilance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.vigilance = api.Vigilance{}
	return &api.Vigilance{}, nil
}

func (f *fakeWatch) Reload(context.Context, string) (*api.Reloaded, error) {
	if f.quiet {
		return nil, api.Refuse("mailvigil.yaml:3:1: the file has no key \"timezon\"; did you mean \"timezone\"?\nThe configuration from before holds on.")
	}
	return &api.Reloaded{File: "mailvigil.yaml", Changed: []string{"probes"}, Restart: []string{"control.socket"}}, nil
}

func (f *fakeWatch) Backup(_ context.Context, _, path string) (*api.Backup, error) {
	return &api.Backup{Path: path, Time: f.now}, nil
}

// serveFake serves a fake watch at a socket until stop is called.
func serveFake(kind, path string) (stop func() error, err error) {
	f, err := newFakeWatch(kind)
	if err != nil {
		return nil, err
	}
	roles, err := access.New(nil, uint32(os.Getuid()), access.System{})
	if err != nil {
		return nil, err
	}
	l, err := api.Listen(path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- api.Serve(ctx, l, f, func() *access.Roles { return roles }, slog.New(slog.DiscardHandler), "1.2.3")
	}()
	return func() error { cancel(); return <-done }, nil
}

// fakewatch lets a watch with made-up incidents answer at a socket until the
// script ends: fakewatch busy|quiet SOCKET.
func fakewatch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fakewatch busy|quiet SOCKET")
	}
	stop, err := serveFake(args[0], ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Defer(func() {
		if err := stop(); err != nil {
			ts.Logf("%v", err)
		}
	})
}
