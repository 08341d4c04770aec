// Package incident is the life of an incident: opened by a verdict or an outage,
// known again from one verdict to the next, updated as it grows, merged, quiet,
// reopened, closed by a person, whose word teaches the baseline.
//
// It is pure: no clock, no files, no messages. A Book holds the incidents, and
// what happens to it comes back as Changes, which internal/state keeps,
// internal/notify tells and internal/api shows. It is called by internal/app.
// What is an incident at all, and what kind of one, package verdict says.
package incident

import (
	"errors"
	"time"

	"mailvigil/verdict"
)

// Status is where an incident stands.
type Status string

// The statuses. Quiet is over by itself, and still waits for somebody's word.
const (
	Open   Status = "open"
	Quiet  Status = "quiet"
	Closed Status = "closed"
	Merged Status = "merged" // into another, which has all of it
)

// Incident is one case. Its texts and names may come from logs: they are data
// that an attacker may have written, and are escaped where they are shown.
//
// An Incident that a Book or a Change hands out is never changed afterwards.
type Incident struct {
	ID     string `json:"id"`     // stable, for programs
	Number int64  `json:"number"` // for people: #1, #2
	Status Status `json:"status"`

	// What it is, as last judged.
	Kind       verdict.Kind     `json:"kind"`
	Name       string           `json:"name"`
	Text       string           `json:"text"`
	Severity   verdict.Severity `json:"severity"`
	SeverityBy string           `json:"severity_by,omitempty"` // who set it by hand

	Onset         time.Time           `json:"onset"`
	OnsetInterval [2]time.Time        `json:"onset_interval"`
	End           time.Time           `json:"end"` // the last of it that is known
	Ongoing       bool                `json:"ongoing"`
	Services      []string            `json:"services"`
	Cause         []map[string]string `json:"cause"`
	Share         float64             `json:"share_explained"`
	Observed      float64             `json:"observed"`
	Expected      float64             `json:"expected"`
	Excess        float64             `json:"excess_events"`
	Accounts      []string            `json:"accounts_compromised"`
	Targeted      int                 `json:"accounts_targeted"`
	Sources       []string            `json:"sources"`

	// Parts are what the verdicts said, each thing as it was last judged, the
	// most important first. Findings are those that the parts name.
	Parts    []Part            `json:"parts"`
	Findings []verdict.Finding `json:"findings"`
	Outages  []Outage          `json:"outages"`

	// What people say and do.
	Owner     string     `json:"owner"` // "" is nobody
	Notes     []Note     `json:"notes"`
	Followups []Followup `json:"followups"`
	Closing   *Closing   `json:"closing,omitempty"`

	Opened     time.Time `json:"opened"`
	Updated    time.Time `json:"updated"`
	QuietSince time.Time `json:"quiet_since,omitzero"`
	// Earlier is the incident of which this is the return, too late to be the
	// same.
	Earlier    string   `json:"earlier,omitempty"`
	MergedInto string   `json:"merged_into,omitempty"`
	Absorbed   []string `json:"absorbed"` // those merged into this one

	// Changes is how many significant changes there were.
	Changes int64  `json:"changes"`
	Told    Told   `json:"told"`
	Pending Settle `json:"pending"`
}

// Part is one thing of a verdict that belongs to an incident.
type Part struct {
	Judged  verdict.Incident `json:"judged"`
	Seen    time.Time        `json:"seen"`    // when it was last judged so
	Current bool             `json:"current"` // the last verdict still said it
}

// Outage is a service that probes find down, as package health tells it.
type Outage struct {
	ID       string       `json:"id"` // stable
	Service  string       `json:"service"`
	Probes   []string     `json:"probes"`
	Onset    [2]time.Time `json:"onset"`        // the last success (zero: none was seen), the first failure
	End      time.Time    `json:"end,omitzero"` // the first success after it, zero while it lasts
	Affected string       `json:"affected"`     // who cannot do what
	Text     string       `json:"text"`
}

// Note is what somebody wrote down.
type Note struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Text string    `json:"text"`
}

// FollowupKind is what becomes of a Followup in time.
type FollowupKind string

// The kinds.
const (
	DueDate  FollowupKind = "due"      // to be done by then
	Awaited  FollowupKind = "awaited"  // to come from somebody by then
	Reminder FollowupKind = "reminder" // to be thought of again then
)

// Followup is something that an incident waits for.
type Followup struct {
	N      int          `json:"n"` // its number in the incident, from 1
	Kind   FollowupKind `json:"kind"`
	What   string       `json:"what"`
	Of     string       `json:"of,omitempty"` // from whom it is awaited
	At     time.Time    `json:"at"`
	By     string       `json:"by"`
	Set    time.Time    `json:"set"`
	Done   time.Time    `json:"done,omitzero"`
	DoneBy string       `json:"done_by,omitempty"`
	Told   bool         `json:"told"` // that its time has come
}

// ClosedAs is what an incident was, by a person's word.
type ClosedAs string

// The words. Lapsed is no person's: it had been quiet for long, and nobody took
// it up; it teaches nothing.
const (
	WasAttack     ClosedAs = "attack"
	WasFault      ClosedAs = "fault"
	WasBenign     ClosedAs = "benign"      // it happened, and was harmless
	WasFalseAlarm ClosedAs = "false_alarm" // nothing happened
	Lapsed        ClosedAs = "lapsed"
)

// Closing is how it was closed.
type Closing struct {
	As  ClosedAs  `json:"as"`
	Why string    `json:"why"`
	By  string    `json:"by"` // "" is Mailvigil
	At  time.Time `json:"at"`
	// Through is until when things were known to whoever closed it. What is no
	// later does not open it again.
	Through time.Time `json:"through"`
	// Accounts were known to be in other hands.
	Accounts []string `json:"accounts"`
}

// LessonKind is what a closed incident teaches, in the words that the
// configuration has under "known".
type LessonKind string

// The kinds, which are those of anomaly.Feedback.
const (
	Fine     LessonKind = "fine"
	Abnormal LessonKind = "incident"
)

// Lesson is what is known of a time, for the baseline.
type Lesson struct {
	Incident string     `json:"incident"`
	Kind     LessonKind `json:"kind"`
	What     string     `json:"what"`
	By       string     `json:"by"`
	From     time.Time  `json:"from"`
	Until    time.Time  `json:"until"`
	At       time.Time  `json:"at"` // known since
}

// Lesson is what a closed incident teaches, nil where it teaches nothing: what
// was an attack or a fault must not become normal, what was harmless may.
func (in *Incident) Lesson() *Lesson {
	if in.Status != Closed || in.Closing == nil {
		return nil
	}
	l := &Lesson{Incident: in.ID, What: in.Name, By: in.Closing.By, From: in.Onset, Until: in.End, At: in.Closing.At}
	switch in.Closing.As {
	case WasAttack, WasFault:
		l.Kind = Abnormal
	case WasBenign, WasFalseAlarm:
		l.Kind = Fine
	default:
		return nil
	}
	if l.Until.After(in.Closing.At) {
		l.Until = in.Closing.At
	}
	if !l.Until.After(l.From) {
		l.Until = l.From.Add(time.Minute)
	}
	return l
}

// Hold keeps evidence: events of [From, To] are not removed before Until.
type Hold struct {
	Incident string    `json:"incident"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Until    time.Time `json:"until,omitzero"` // zero as long as it is not closed
}

// ChangeKind is what happened to an incident.
type ChangeKind string

// The kinds.
const (
	ChangeOpened   ChangeKind = "opened"
	ChangeUpdated  ChangeKind = "updated"
	ChangeMerged   ChangeKind = "merged" // into another
	ChangeQuiet    ChangeKind = "quiet"
	ChangeReopened ChangeKind = "reopened"
	ChangeClosed   ChangeKind = "closed"
	ChangeNoted    ChangeKind = "noted"
	ChangeAssigned ChangeKind = "assigned"
	ChangeSeverity ChangeKind = "severity" // set by hand
	ChangePlanned  ChangeKind = "planned"  // a followup was set
	ChangeDone     ChangeKind = "done"     // a followup was done
	ChangeDue      ChangeKind = "due"      // a followup's time has come
)

// Change is something that happened to an incident.
type Change struct {
	// ID is the incident's with the number of the change; "" where the change
	// is not significant.
	ID   string     `json:"id"`
	Kind ChangeKind `json:"kind"`
	At   time.Time  `json:"at"`
	By   string     `json:"by"` // "" is Mailvigil
	// Significant changes are told and stay in the history. Of the others, an
	// incident that goes on as it was, the newest state is enough.
	Significant bool      `json:"significant"`
	Text        string    `json:"text"` // what changed, in a sentence
	Incident    *Incident `json:"incident"`
}

// Options are the times by which incidents live. The zero value of each is its
// default.
type Options struct {
	// Together is how long it may be gone to be the same incident when it is
	// back. 72 hours, the time over which package verdict joins attacks: nobody
	// comes at the weekend, and on Monday it is the same attacker.
	Together time.Duration
	// QuietAfter is how long nothing may happen of it until it is quiet: 1 hour.
	QuietAfter time.Duration
	// Settle is how long another explanation has to stand to be told: 10
	// minutes. A graver one is told at once.
	Settle time.Duration
	// LateBy is how much later than its closing something may have happened and
	// still be of what was known: 15 minutes.
	LateBy time.Duration
	// LapseAfter is how long a quiet incident that is no attack and that nobody
	// took up stays: 30 days. Negative is for ever.
	LapseAfter time.Duration
	// HoldFor is how long after its closing evidence is held: 30 days. Negative
	// is not at all.
	HoldFor time.Duration
	// HoldBefore is how much before the onset is held: 1 hour.
	HoldBefore time.Duration
	// Remember is how long a closed incident is compared with what comes: 180
	// days. It has to be longer than verdicts look back.
	Remember time.Duration
}

func (o Options) filled() Options {
	for _, d := range []struct {
		to    *time.Duration
		value time.Duration
	}{
		{&o.Together, 72 * time.Hour},
		{&o.QuietAfter, time.Hour},
		{&o.Settle, 10 * time.Minute},
		{&o.LateBy, 15 * time.Minute},
		{&o.LapseAfter, 30 * 24 * time.Hour},
		{&o.HoldFor, 30 * 24 * time.Hour},
		{&o.HoldBefore, time.Hour},
		{&o.Remember, 180 * 24 * time.Hour},
	} {
		if *d.to == 0 {
			*d.to = d.value
		}
	}
	return o
}

// What a caller may branch on.
var (
	ErrNone   = errors.New("there is no such incident")
	ErrStatus = errors.New("not in this status") // of what cannot be done to a closed incident, or to one that is not
	ErrInput  = errors.New("not accepted")       // of what a person asked for
)

// Expired is what stays of a closed incident when its people have to go: which
// kind of thing there was, when, and how it was closed.
func (in *Incident) Expired() *Incident {
	out := *in
	out.Text, out.Owner, out.SeverityBy = "", "", ""
	out.Cause, out.Accounts, out.Sources = []map[string]string{}, []string{}, []string{}
	out.Parts, out.Findings, out.Outages = []Part{}, []verdict.Finding{}, []Outage{}
	out.Notes, out.Followups = []Note{}, []Followup{}
	out.Told, out.Pending = Told{}, Settle{}
	if in.Closing != nil {
		c := *in.Closing
		c.Why, c.By, c.Accounts = "", "", []string{}
		out.Closing = &c
	}
	return &out
}
