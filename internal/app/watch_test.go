package app

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/api"
	"mailvigil/internal/health"
	"mailvigil/simulate"
)

// untilOpened passes time until the first incident, or a time.
func (o *organisation) untilOpened(end time.Time, by time.Duration) *api.Incident {
	o.t.Helper()
	for len(o.incidents()) == 0 {
		if !o.clock.Before(end) {
			o.t.Fatalf("there is no incident at %s", o.clock)
		}
		o.pass(by)
	}
	return o.incident(o.incidents()[0].Number)
}

// An attack becomes an incident while it goes on, grows, is quiet when it is
// over, and goes on through a stop, a crash and a closing: people see all of it
// over the control socket.
func TestWatchAttack(t *testing.T) {
	if testing.Short() {
		t.Skip("watches a night of a simulated organisation")
	}
	l := worldOf(t, simulate.Spray, 60)
	attack := l.truth.Incidents[0]
	o := organise(t, l, attack.Onset.Truncate(time.Minute), "")
	o.begin()
	if got := o.incidents(); len(got) > 0 {
		t.Errorf("before the attack: %+v", got)
	}
	in := o.untilOpened(attack.Onset.Add(3*time.Hour), 5*time.Minute)
	if in.Kind != "attack" || in.Status != api.StatusOpen || !in.Ongoing || in.Onset.Sub(attack.Onset).Abs() > 15*time.Minute {
		t.Errorf("opened as %+v", in.Summary)
	}
	if len(in.Parts) == 0 || len(in.Parts[0].Evidence) == 0 || in.Parts[0].Evidence[0].Text == "" {
		t.Errorf("no line is cited: %d parts, %+v", len(in.Parts), in.Parts[0].Evidence)
	}
	if s := o.status(); len(s.Incidents) != 1 || s.Incidents[0].Number != in.Number || len(s.Problems) > 0 {
		t.Errorf("the status has %+v and %+v", s.Incidents, s.Problems)
	}

	// Started anew it knows the incident, and all lines.
	o.stop()
	o.start()
	o.begin()
	o.until(attack.Onset.Add(5*time.Hour), 30*time.Minute, nil)
	o.crash()
	o.start()
	o.begin()
	o.until(attack.Onset.Add(11*time.Hour), time.Hour, nil)
	o.whole()
	again := o.incident(in.Number)
	if got := o.incidents(); len(got) != 1 || again.ID != in.ID || !again.Opened.Equal(in.Opened) {
		t.Errorf("after two starts: %+v", got)
	}
	if again.Observed <= in.Observed || !slices.Contains(changesOf(again), "updated") {
		t.Errorf("it did not grow: %v where there were %v; %v", again.Observed, in.Observed, changesOf(again))
	}
	if n := len(slices.DeleteFunc(changesOf(again), func(k string) bool { return k != "opened" })); n != 1 {
		t.Errorf("it was opened %d times: %v", n, changesOf(again))
	}

	// A person's word holds: what was known of it opens nothing again.
	if _, err := o.client.Close(t.Context(), in.Number, api.Closing{As: "benign", Why: "our own test"}); err != nil {
		t.Fatal(err)
	}
	o.pass(20 * time.Minute)
	o.stop()
	o.start()
	o.begin()
	o.until(o.clock.Add(time.Hour), 20*time.Minute, nil)
	if got := o.incidents(); len(got) != 1 || got[0].Status != api.StatusClosed {
		t.Errorf("after it was closed: %+v", got)
	}
	lessons, err := o.w.state.Lessons(t.Context())
	if err != nil || len(lessons) == 0 {
		t.Errorf("the closing taught nothing: %v, %v", lessons, err)
	}
}

const withProbe = `
probes:
  checks:
    - name: mailbox
      probe: imap
      server: 127.0.0.1:1
      security: tls
      account: probe@parl.example
      password_file: /nowhere
`

// An outage is one incident, a fault, whether the logs or the probes tell it
// first; that everybody comes back afterwards is none.
func TestWatchOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("watches a day of a simulated organisation")
	}
	l := worldOf(t, simulate.Outage, 60)
	truth := l.truth.Incidents[0]
	over := truth.Onset.Add(3 * time.Hour)
	o := organise(t, l, truth.Onset.Add(-5*time.Minute).Truncate(time.Minute), withProbe)
	o.begin()
	asked := func() {
		if o.clock.Before(truth.Onset) || o.clock.After(over) {
			o.answers("mailbox", "imap", health.OK, "")
		} else {
			o.answers("mailbox", "imap", health.Unreachable, "no answer")
		}
	}
	asked()
	o.until(truth.Onset.Add(15*time.Minute), 5*time.Minute, asked)
	var fault *api.Incident
	for _, s := range o.incidents() {
		if s.Kind != "fault" || s.Status != api.StatusOpen {
			t.Errorf("not a fault that goes on: %+v", s)
		}
		if in := o.incident(s.Number); len(in.Outages) > 0 {
			fault = in
		}
	}
	if fault == nil {
		t.Fatalf("the probe's outage is no incident: %+v", o.incidents())
	}
	x := fault.Outages[0]
	if x.Onset.Sub(truth.Onset).Abs() > 5*time.Minute || !x.LastSuccess.Before(x.Onset) || x.Affected == "" {
		t.Errorf("the outage is %+v; it began %s", x, truth.Onset)
	}
	s := o.status()
	if p := s.Probes[0]; p.State != "failed" || p.Text == "" {
		t.Errorf("the probe is %+v", p)
	}
	for _, x := range s.Services {
		if x.Service == "imap" && (x.State != api.ServiceFault || x.Text == "") {
			t.Errorf("IMAP is %+v", x)
		}
	}
	o.until(over.Add(90*time.Minute), 30*time.Minute, asked)
	open := 0
	for _, s := range o.incidents() {
		if s.Kind != "fault" {
			t.Errorf("besides the fault: %+v", s)
		}
		if s.Status == api.StatusMerged {
			continue
		}
		open++
		in := o.incident(s.Number)
		if len(in.Outages) != 1 {
			t.Fatalf("#%d has %d outages", s.Number, len(in.Outages))
		}
		if x := in.Outages[0]; x.End.Sub(x.Onset) < 2*time.Hour || x.End.Sub(x.Onset) > 4*time.Hour {
			t.Errorf("it lasted three hours; told are %s to %s", x.Onset, x.End)
		}
		if s.Onset.Sub(truth.Onset).Abs() > 5*time.Minute {
			t.Errorf("it began %s; told is %s", truth.Onset, s.Onset)
		}
	}
	if open != 1 {
		t.Errorf("%d incidents are left: %+v", open, o.incidents())
	}
}

// A mail server that is gone writes nothing. The probe tells the difference from
// a night in which nothing happens, and the incident says what was out.
func TestWatchServerGone(t *testing.T) {
	if testing.Short() {
		t.Skip("watches hours of a simulated organisation")
	}
	l := worldOf(t, simulate.Quiet, 60)
	from := l.truth.Start.AddDate(0, 0, 11).Add(10 * time.Hour)
	o := organise(t, l, from, withProbe)
	o.hold = func(x *worldLine) bool {
		return strings.HasPrefix(x.file, "dovecot") && x.at.After(from) && x.at.Before(from.Add(2*time.Hour))
	}
	o.begin()
	o.answers("mailbox", "imap", health.OK, "")
	for range 4 {
		o.pass(2 * time.Minute)
		o.answers("mailbox", "imap", health.Refused, "nothing listens")
	}
	o.until(from.Add(time.Hour), 10*time.Minute, func() { o.answers("mailbox", "imap", health.Refused, "nothing listens") })
	got := o.incidents()
	if len(got) != 1 || got[0].Kind != "fault" || !got[0].Ongoing || len(o.incident(1).Outages) != 1 {
		t.Errorf("got %+v", got)
	}
}

// Quiet days open nothing, and most minutes read nothing again.
func TestWatchQuiet(t *testing.T) {
	if testing.Short() {
		t.Skip("watches quiet days of a simulated organisation")
	}
	l := worldOf(t, simulate.Quiet, 60)
	from := l.truth.Start.AddDate(0, 0, 11)
	o := organise(t, l, from.Add(10*time.Hour), "")
	o.begin()
	v, anew, looks := o.w.live.Verdict(), 0, 0
	o.until(from.Add(11*time.Hour), 2*time.Minute, func() {
		if looks++; o.w.live.Verdict() != v {
			v, anew = o.w.live.Verdict(), anew+1
		}
	})
	if anew > looks/4 {
		t.Errorf("%d of %d looks read the archive", anew, looks)
	}
	o.until(from.AddDate(0, 0, 2), 3*time.Hour, nil)
	for range 3 { // after hours in one go, minutes are closed one by one again
		o.pass(time.Minute)
	}
	o.pass(2 * publishAfter) // what came last is written
	if got := o.incidents(); len(got) > 0 {
		t.Errorf("quiet days have incidents: %+v", got)
	}
	if s := o.status(); s.LastSlot.Before(o.clock.Add(-3*time.Minute)) || s.Archive.Events != o.written || len(s.Problems) > 0 {
		t.Errorf("the status: last slot %s at %s, %d events of %d lines, %+v", s.LastSlot, o.clock, s.Archive.Events, o.written, s.Problems)
	}
	o.whole()
}

// signIns appends to the mailbox server's log.
func (o *organisation) signIn(account, ip string, ok bool) {
	stamp, session := o.clock.In(brussels(o.t)).Format(time.Stamp), fmt.Sprintf("s%d", o.written)
	line := fmt.Sprintf("%s imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<%s>, method=PLAIN, rip=%s, lip=10.12.1.40, TLS, session=<%s>\n", stamp, account, ip, session)
	if ok {
		line = fmt.Sprintf("%s imap-login: Info: Login: user=<%s>, method=PLAIN, rip=%s, lip=10.12.1.40, mpid=7, TLS, session=<%s>\n", stamp, account, ip, session)
	}
	o.append("dovecot/dovecot.log", []byte(line))
	o.written++
}

// accounts are those that sign in.
func accountsOf(l *worldLog) (names []string) {
	for _, x := range l.lines {
		if _, after, ok := bytes.Cut(x.text, []byte(": Login: user=<")); ok {
			name, _, _ := bytes.Cut(after, []byte(">"))
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// One line can be a finding: a password that fits after many that did not. It is
// told within two seconds, without a minute that ends.
func TestWatchOneLine(t *testing.T) {
	l := worldOf(t, simulate.Quiet, 60)
	o := organise(t, l, l.truth.Start.AddDate(0, 0, 11).Add(10*time.Hour), "")
	o.begin()
	names := accountsOf(l)
	for _, name := range names[:12] {
		o.signIn(name, "203.0.113.66", false)
		o.pass(10 * time.Second)
	}
	o.pass(5 * time.Second)
	compromised := func() (n int) {
		for _, in := range o.incidents() {
			n += in.Accounts
		}
		return n
	}
	if compromised() > 0 {
		t.Fatalf("before the line: %+v", o.incidents())
	}
	o.signIn(names[13], "203.0.113.66", true)
	slot := o.w.live.Closed()
	o.pass(time.Second)
	o.pass(time.Second)
	if !o.w.live.Closed().Equal(slot) {
		t.Fatal("a minute ended, so this tells nothing")
	}
	if compromised() != 1 {
		t.Errorf("two seconds after the line: %+v", o.incidents())
	}
}

// What was announced is expected: the same outage opens nothing.
func TestWatchExpected(t *testing.T) {
	if testing.Short() {
		t.Skip("watches hours of a simulated organisation")
	}
	l := worldOf(t, simulate.Outage, 60)
	truth := l.truth.Incidents[0]
	o := organise(t, l, truth.Onset.Add(-5*time.Minute).Truncate(time.Minute), "")
	o.begin()
	e, err := o.client.Expect(t.Context(), api.Expect{What: "the servers move", From: o.clock, Until: o.clock.Add(5 * time.Hour)})
	if err != nil || e.By == "" {
		t.Fatal(e, err)
	}
	o.until(truth.Onset.Add(2*time.Hour), 20*time.Minute, nil)
	if got := o.incidents(); len(got) > 0 {
		t.Errorf("announced, and told: %+v", got)
	}
	if s := o.status(); len(s.Expected) != 1 || s.Expected[0].What != "the servers move" {
		t.Errorf("the status expects %+v", s.Expected)
	}
}

// Vigilance is raised for a time, over a restart, and falls back by itself.
func TestWatchVigilance(t *testing.T) {
	l := worldOf(t, simulate.Quiet, 60)
	o := organise(t, l, l.truth.Start.AddDate(0, 0, 11).Add(10*time.Hour), "")
	o.begin()
	v, err := o.client.Raise(t.Context(), api.Raise{Seconds: 3600, Reason: "a threat"})
	if err != nil || !v.Raised || !v.Until.Equal(o.clock.Add(time.Hour)) || v.Cost == "" {
		t.Fatal(v, err)
	}
	o.pass(2 * time.Minute)
	o.stop()
	o.start()
	o.begin()
	if v := o.status().Vigilance; !v.Raised || v.Reason != "a threat" {
		t.Errorf("after a start: %+v", v)
	}
	o.pass(time.Hour)
	if v := o.status().Vigilance; v.Raised {
		t.Errorf("after its time: %+v", v)
	}
	if !strings.Contains(o.told.String(), "vigilance has fallen back") || len(o.w.asked.vigilance) > 0 {
		t.Errorf("it did not fall back: %+v", o.w.asked.vigilance)
	}
}
