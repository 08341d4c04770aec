// Package restrict says what is refused to whom, when, until when and why: the
// Restriction, the Set of many of them that decides about a request, the
// Forecast of whom one will hit, and what an incident proposes.
//
// It is pure. It neither refuses nor lifts anything: internal/gate asks the Set,
// people ask for restrictions. Clocks, zones and past use are handed in.
//
// One rule settles overlaps. What is exempt is let through. Else the strictest
// that applies decides: refuse, then sign in again, then slow down, the longer
// delay before the shorter. Of equals the one that ends last as things stand is
// told, so that nobody is promised to be back too early; of those, the one with
// the smaller id.
package restrict

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// SchemaVersion of the JSON form of a Restriction. It changes when a key is
// removed or means something else; new keys may come at any time.
const SchemaVersion = 1

// Restriction is what is refused to whom, when, until when, and why.
//
// The zero values of What and When mean all services, and at once. There is no
// zero value for the end: Validate refuses a restriction without.
type Restriction struct {
	SchemaVersion int    `json:"schema_version"`
	ID            string `json:"id,omitempty"` // from Identify, "" of a proposal
	What          What   `json:"what,omitzero"`
	Whom          Whom   `json:"whom"`
	// Except is left alone by this restriction, whatever Whom says. An event
	// that has every attribute of any one set belongs to it.
	Except []Where `json:"except,omitempty"`
	When   When    `json:"when"`
	How    How     `json:"how"`
	// Delay of SlowDown, in seconds.
	Delay int `json:"delay_seconds,omitempty"`
	// Password, where set, spares accounts whose password was changed.
	Password *Password `json:"until_password_changed,omitempty"`

	Reason  string `json:"reason"`            // internal: why
	Message string `json:"message,omitempty"` // shown to whom is refused; "" for the text of the message key

	AskedBy  string    `json:"asked_by"`
	AskedAt  time.Time `json:"asked_at,omitzero"`
	Incident string    `json:"incident,omitempty"` // that it answers

	// Share of the active accounts that it hits by its Forecast, 0 to 1; nil
	// where none was made.
	Share  *float64 `json:"forecast_share,omitempty"`
	Second Second   `json:"second_person,omitzero"`

	// DryRun restrictions refuse nothing: a Decision names them.
	DryRun bool `json:"dry_run,omitempty"`

	LiftedBy string    `json:"lifted_by,omitempty"`
	LiftedAt time.Time `json:"lifted_at,omitzero"`
}

// What is restricted; an empty list means all.
type What struct {
	Services []string `json:"services,omitempty"` // as maillog names them, or the operator's own
	Actions  []string `json:"actions,omitempty"`
}

// Whom it hits: either everyone, or whoever has every attribute of any one set.
type Whom struct {
	Everyone bool    `json:"everyone,omitempty"`
	AnyOf    []Where `json:"any_of,omitempty"`
}

// Where is a set of attribute=value pairs that all hold, as in the cause of an
// incident. A version may be a range: ">=18.4", "<19", ">=18.4 <19".
type Where map[string]string

// When it is in effect: from From (zero: from when it was asked for) until
// Until, and within that only in the Nightly window where there is one.
type When struct {
	From    time.Time `json:"from,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Nightly *Nightly  `json:"nightly,omitempty"`
}

// Nightly is a window of the local clock that comes every day. It may go over
// midnight. An instant is inside by what the local clock shows then, so 01:00 to
// 06:00 lasts four hours where the clock is put forward in between and six where
// it is put back.
type Nightly struct {
	From     Clock  `json:"from"`
	To       Clock  `json:"to"`       // no longer inside
	Timezone string `json:"timezone"` // IANA name
}

// How it is restricted.
type How string

// The ways.
const (
	// Refuse refuses everything.
	Refuse How = "refuse"
	// RefuseNewLogins refuses sign-ins, and leaves sessions alone.
	RefuseNewLogins How = "refuse_new_logins"
	// RequireFreshLogin refuses sessions that signed in before it began.
	RequireFreshLogin How = "require_fresh_login"
	// SlowDown answers after Delay.
	SlowDown How = "slow_down"
	// Exempt lets through what other restrictions hit.
	Exempt How = "exempt"
)

// Password spares accounts whose password was changed since Since (zero: since
// the restriction began). The restriction ends with its campaign at the latest:
// When.Until is the campaign's end.
type Password struct {
	Campaign string    `json:"campaign"`
	Since    time.Time `json:"since,omitzero"`
}

// Second is the second person that wide restrictions need.
type Second struct {
	Needed     bool      `json:"needed,omitempty"` // decided when it was asked for, see Policy
	ApprovedBy string    `json:"approved_by,omitempty"`
	ApprovedAt time.Time `json:"approved_at,omitzero"`
	// Campaign that it was approved with, once for all its restrictions.
	Campaign string `json:"campaign,omitempty"`
	// BreakGlass takes effect without approval and ends after BreakGlassTime
	// unless approved before.
	BreakGlass bool `json:"break_glass,omitempty"`
}

// BreakGlassTime is how long a restriction lasts that nobody approved.
const BreakGlassTime = 4 * time.Hour

// LongestTime is how long a restriction may last. What holds longer is a matter
// of the mail server's own configuration.
const LongestTime = 366 * 24 * time.Hour

// LongestDelay of SlowDown in seconds: Postfix gives up on its password check
// after ten, and others have their delays too.
const LongestDelay = 8

// Policy is what the organisation decided about restrictions.
type Policy struct {
	// WideFrom is the share of active accounts above which a second person is
	// needed; 0 for DefaultWide.
	WideFrom float64
}

// DefaultWide is the share of active accounts above which a restriction is wide.
const DefaultWide = 0.05

// Ask makes a restriction of a proposal: it names who asks and when, takes the
// share of active accounts that its Forecast says, decides whether a second
// person is needed, and gives it its ID. An exemption hits nobody and needs none;
// what is unlike a number between 0 and 1 counts as everybody.
func (p Policy) Ask(r Restriction, by string, at time.Time, share float64) Restriction {
	limit := p.WideFrom
	if limit <= 0 {
		limit = DefaultWide
	}
	if !(share >= 0 && share <= 1) {
		share = 1
	}
	r.SchemaVersion = SchemaVersion
	r.AskedBy, r.AskedAt, r.Share = by, at, &share
	r.Second.Needed = share > limit && r.How != Exempt && !r.DryRun
	r.ID = r.Identify()
	return r
}

// Identify makes an ID from what was asked, by whom and when: the same request
// asked twice is one restriction. Approval and lifting do not change it.
func (r *Restriction) Identify() string {
	c := *r
	c.ID, c.Share, c.LiftedBy, c.LiftedAt = "", nil, "", time.Time{}
	c.Second = Second{BreakGlass: r.Second.BreakGlass}
	c.AskedAt, c.When.From, c.When.Until = c.AskedAt.UTC(), c.When.From.UTC(), c.When.Until.UTC()
	data, err := json.Marshal(&c)
	if err != nil { // a time beyond the year 9999, which Validate refuses
		data = fmt.Append(nil, c.AskedAt.UnixNano(), c.AskedBy, c.Reason)
	}
	sum := sha256.Sum256(data)
	return "restriction-" + c.AskedAt.Format("20060102") + "-" + hex.EncodeToString(sum[:4])
}

// Parse reads the JSON form. Unknown keys are an error, since a condition that
// nobody understands would make a restriction hit others than was meant. It does
// not Validate.
func Parse(data []byte) (Restriction, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var r Restriction
	if err := d.Decode(&r); err != nil {
		return Restriction{}, fmt.Errorf("reading a restriction: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Restriction{}, errors.New("reading a restriction: something follows it: write one JSON object")
	}
	if r.SchemaVersion != SchemaVersion {
		return Restriction{}, fmt.Errorf("reading a restriction: schema_version is %d, this program reads %d: update the older of the two programs", r.SchemaVersion, SchemaVersion)
	}
	return r, nil
}

// Span is the time in which the restriction can be in effect: from Begin, until
// before End. It accounts for approval, break glass and lifting; the nightly
// window lies within. It is empty (Begin is not before End) where approval is
// awaited or where it was lifted before it began.
func (r *Restriction) Span() (begin, end time.Time) {
	begin, end = r.When.From, r.When.Until
	if begin.IsZero() {
		begin = r.AskedAt
	}
	approved := r.Second.ApprovedBy != "" && !r.Second.ApprovedAt.IsZero()
	switch {
	case approved && !r.Second.BreakGlass:
		begin = latest(begin, r.Second.ApprovedAt)
	case approved || !r.Second.Needed && !r.Second.BreakGlass:
	case r.Second.BreakGlass:
		end = earliest(end, r.AskedAt.Add(BreakGlassTime))
	default: // approval is awaited
		return begin, begin
	}
	if !r.LiftedAt.IsZero() {
		end = earliest(end, r.LiftedAt)
	}
	return begin, end
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Phase is where a restriction stands.
type Phase string

// The phases. Waiting is between two windows of a night.
const (
	Awaited   Phase = "approval_awaited"
	Scheduled Phase = "scheduled"
	InEffect  Phase = "in_effect"
	Waiting   Phase = "between_windows"
	Lifted    Phase = "lifted"
	Ended     Phase = "ended"
)

// Phase says where the restriction stands; loc is the zone of its nightly window
// and may be nil without one.
func (r *Restriction) Phase(now time.Time, loc *time.Location) Phase {
	begin, end := r.Span()
	switch {
	case !r.LiftedAt.IsZero() && !now.Before(r.LiftedAt):
		return Lifted
	case !r.When.Until.IsZero() && !now.Before(r.When.Until):
		return Ended
	case !begin.Before(end):
		return Awaited
	case !now.Before(end):
		return Ended
	case now.Before(begin):
		return Scheduled
	}
	if n := r.When.Nightly; n != nil {
		if w := n.window(loc); !w.inside(now) {
			return Waiting
		}
	}
	return InEffect
}
