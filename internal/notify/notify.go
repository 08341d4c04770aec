// Package notify tells people what became of an incident: by e-mail, by signed
// webhooks and through chat services, grouped, at a bounded rate, in the hours
// that each receiver states, and again until somebody has seen it.
//
// It decides neither what an incident is nor how grave. internal/app hands it
// notices and an Outbox that outlives the process; what it cannot deliver it
// keeps and tries again, and says so. A receiver that fails holds up nothing
// but its own messages.
package notify

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Severity of an incident, from info to critical.
type Severity int

// The severities, in the words of the findings.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severities = []string{"info", "low", "medium", "high", "critical"}

func (s Severity) String() string {
	if s < Info || s > Critical {
		return fmt.Sprintf("severity %d", int(s))
	}
	return severities[s]
}

// ParseSeverity reads a severity's word.
func ParseSeverity(word string) (Severity, error) {
	if i := slices.Index(severities, word); i >= 0 {
		return Severity(i), nil
	}
	return Info, fmt.Errorf("%q is no severity; it is one of info, low, medium, high, critical", word)
}

// MarshalText and UnmarshalText write the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word.
func (s *Severity) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSeverity(string(text))
	return err
}

// Change is what became of an incident.
type Change string

// The changes. Reminder and Escalation are made here; Test is of no incident.
const (
	Opened     Change = "opened"
	Updated    Change = "updated"
	Merged     Change = "merged"
	Reopened   Change = "reopened"
	Quiet      Change = "quiet" // it is over, and waits to be closed
	Closed     Change = "closed"
	Reminder   Change = "reminder"
	Escalation Change = "escalation"
	Test       Change = "test"
)

// over reports whether nobody needs to act any more.
func (c Change) over() bool { return c == Quiet || c == Closed || c == Merged }

// Notice is one change of one incident, as people are to be told. Its texts
// may come from logs; they are made safe where they are shown.
type Notice struct {
	Incident int64    `json:"incident"` // number; 0 for a test
	Severity Severity `json:"severity"`
	Kind     string   `json:"kind"` // benign, attack, fault, mixed, undetermined, background
	Change   Change   `json:"change"`
	// Time is when it changed.
	Time time.Time `json:"time"`
	// Sentence says it all; Details are more of them, What is to be done next.
	Sentence string   `json:"sentence"`
	Details  []string `json:"details,omitempty"`
	What     []string `json:"what_to_do,omitempty"`
	Services []string `json:"services,omitempty"`
	Plot     *Plot    `json:"plot,omitempty"`
	// Link is where to read more, "" for nowhere.
	Link         string `json:"link,omitempty"`
	Acknowledged bool   `json:"acknowledged,omitempty"`
	// MailDown states that mail is not delivered, so that e-mail about it may
	// come late: what comes another way goes first.
	MailDown bool `json:"mail_down,omitempty"`
}

// Plot is a picture, with the words that stand for it where it is not shown.
type Plot struct {
	PNG []byte `json:"png"`
	Alt string `json:"alt"`
}

// Hours are those of a day in which a receiver is not to be woken, on the
// clock of a zone. They may span midnight; equal ends are none.
type Hours struct {
	From, Until Clock
	Zone        *time.Location
}

// Clock is a time of day in minutes after midnight, 0 to 1440.
type Clock int

// Receiver is a person, a team or a program that is told.
type Receiver struct {
	Name string
	// Sender brings the messages; Mail states that it is by e-mail.
	Sender Sender
	Mail   bool
	// From is the lowest severity that it is told of.
	From Severity
	// Kinds and Services are what it is told of, empty for all.
	Kinds, Services []string
	// Late receivers are told by an escalation alone.
	Late  bool
	Quiet Hours
	// Hourly is how many messages an hour it is sent, 0 for no limit.
	Hourly int
}

// wants reports whether a notice is for the receiver by its kind and severity.
func (r *Receiver) wants(n *Notice) bool {
	return n.Severity >= r.From &&
		(len(r.Kinds) == 0 || slices.Contains(r.Kinds, n.Kind)) &&
		(len(r.Services) == 0 || slices.ContainsFunc(n.Services, func(s string) bool { return slices.Contains(r.Services, s) }))
}

// Step of an escalation: who is told where nobody has acknowledged an incident
// for so long.
type Step struct {
	After time.Duration
	To    []string // names of receivers
}

// Message is what a Sender brings.
type Message struct {
	// Key is the same whenever the message is sent again, and of no other
	// message. It has letters, digits, "-" and "." alone.
	Key string
	// Notices are in order of their time, at least one.
	Notices []Notice
	// Again is the number of earlier tries.
	Again int
	Made  time.Time
	Zone  *time.Location
}

// Sender brings a message to one receiver. An error may be wrapped by
// Permanent or Later; it holds no password, token or address with one.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// permanent and later say what to do about an error.
type (
	permanent struct{ error }
	later     struct {
		error
		after time.Duration
	}
)

func (e permanent) Unwrap() error { return e.error }
func (e later) Unwrap() error     { return e.error }

// Permanent marks an error that trying again does not help.
func Permanent(err error) error { return permanent{err} }

// Later marks an error after which the receiver asked to be left alone.
func Later(err error, after time.Duration) error { return later{err, after} }

// Purpose is why an item lies in the outbox.
type Purpose string

// The purposes. Escalations and reminders wait from the beginning of an
// incident, and are dropped when somebody acknowledges it or when it is over.
const (
	ForChange     Purpose = "change"
	ForEscalation Purpose = "escalation"
	ForReminder   Purpose = "reminder"
)

// Status of an item.
type Status string

// The statuses.
const (
	Waiting Status = "waiting"
	Sent    Status = "sent"
	Dropped Status = "dropped" // not needed any more
	Folded  Status = "folded"  // said in another message
	Failed  Status = "failed"  // given up
)

// Item is a message on its way to one receiver.
type Item struct {
	Key      string    `json:"key"`
	Receiver string    `json:"receiver"`
	Incident int64     `json:"incident"`
	Purpose  Purpose   `json:"purpose"`
	Notices  []Notice  `json:"notices"`
	Made     time.Time `json:"made"`
	Due      time.Time `json:"due"`
	// Tries is how often it was sent; it is counted up before each try, so
	// that a try which the process did not outlive is one.
	Tries  int       `json:"tries,omitempty"`
	Status Status    `json:"status"`
	Sent   time.Time `json:"sent,omitzero"`
	// Problem is why the newest try failed.
	Problem string `json:"problem,omitempty"`
}

// Outbox keeps items until they are delivered, and for a while after that. Each
// call is durable when it returns. It may be called from several goroutines.
type Outbox interface {
	// Put adds items, and replaces those with the same key, all or none.
	Put(ctx context.Context, items ...Item) error
	// Waiting lists the items that wait, in order of Due.
	Waiting(ctx context.Context) ([]Item, error)
	// Of lists the items of an incident, in any status.
	Of(ctx context.Context, incident int64) ([]Item, error)
	// Since lists the items that a receiver was sent since a time.
	Since(ctx context.Context, receiver string, t time.Time) ([]Item, error)
}
