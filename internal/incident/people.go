package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"mailvigil/verdict"
)

// maxText is how many characters somebody may write at once.
const maxText = 10_000

// input checks what somebody wrote.
func input(what, text string, needed bool) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case needed && text == "":
		return "", fmt.Errorf("%w: %s is empty", ErrInput, what)
	case !utf8.ValidString(text):
		return "", fmt.Errorf("%w: %s is not UTF-8", ErrInput, what)
	case utf8.RuneCountInString(text) > maxText:
		return "", fmt.Errorf("%w: %s has more than %d characters; keep the rest in a file and name it", ErrInput, what, maxText)
	}
	return text, nil
}

// live finds an incident that can be worked on, and copies it.
func (b *Book) live(name string) (*Incident, error) {
	in, err := b.Find(name)
	if err != nil {
		return nil, err
	}
	switch in.Status {
	case Merged:
		return nil, fmt.Errorf("%w: #%d was merged into #%d; name that one", ErrStatus, in.Number, b.heir(in.ID).Number)
	case Closed:
		return nil, fmt.Errorf("%w: #%d is closed; reopen it first (mailvigil incident reopen %d)", ErrStatus, in.Number, in.Number)
	}
	return in, nil
}

// Note adds what somebody writes down; to a closed incident too.
func (b *Book) Note(now time.Time, by, name, text string) ([]Change, error) {
	text, err := input("the note", text, true)
	if err != nil {
		return nil, err
	}
	in, err := b.Find(name)
	if err != nil {
		return nil, err
	}
	if in.Status == Merged {
		in = b.heir(in.ID)
	}
	in = b.edit(in.ID)
	now = utc(now)
	in.Notes = append(in.Notes, Note{At: now, By: by, Text: text})
	return []Change{in.change(ChangeNoted, now, by, text)}, nil
}

// Assign gives an incident an owner; "" is nobody.
func (b *Book) Assign(now time.Time, by, name, owner string) ([]Change, error) {
	owner, err := input("the owner", owner, false)
	if err != nil {
		return nil, err
	}
	in, err := b.live(name)
	if err != nil || in.Owner == owner {
		return nil, err
	}
	in = b.edit(in.ID)
	in.Owner = owner
	text := "It is assigned to " + owner + "."
	if owner == "" {
		text = "It is assigned to nobody."
	}
	return []Change{in.change(ChangeAssigned, utc(now), by, text)}, nil
}

// SetSeverity says by hand how bad it is; "" leaves it to Mailvigil again.
func (b *Book) SetSeverity(now time.Time, by, name string, s verdict.Severity) ([]Change, error) {
	if s != "" && !slices.Contains(severities, s) {
		return nil, fmt.Errorf("%w: %q is no severity; there are info, low, medium, high and critical", ErrInput, s)
	}
	in, err := b.live(name)
	if err != nil {
		return nil, err
	}
	in = b.edit(in.ID)
	in.Severity, in.SeverityBy = s, by
	if s == "" {
		in.SeverityBy = ""
		in.Severity = in.severity()
	}
	in.Told.Severity = in.Severity
	return []Change{in.change(ChangeSeverity, utc(now), by, fmt.Sprintf("Its severity is %s.", in.Severity))}, nil
}

// Plan sets what is due, awaited or to be thought of at a time.
func (b *Book) Plan(now time.Time, by, name string, f Followup) ([]Change, error) {
	what, err := input("what is to be done", f.What, true)
	if err != nil {
		return nil, err
	}
	of, err := input("of whom", f.Of, false)
	if err != nil {
		return nil, err
	}
	if f.Kind != DueDate && f.Kind != Awaited && f.Kind != Reminder {
		return nil, fmt.Errorf("%w: %q is none of due, awaited and reminder", ErrInput, f.Kind)
	}
	if !f.At.After(now) {
		return nil, fmt.Errorf("%w: %s has passed; name a time to come", ErrInput, f.At.Format(time.RFC3339))
	}
	in, err := b.live(name)
	if err != nil {
		return nil, err
	}
	in = b.edit(in.ID)
	f = Followup{N: len(in.Followups) + 1, Kind: f.Kind, What: what, Of: of, At: utc(f.At), By: by, Set: utc(now)}
	in.Followups = append(in.Followups, f)
	return []Change{in.change(ChangePlanned, utc(now), by, f.planned())}, nil
}

// Done says that a followup was done, or came.
func (b *Book) Done(now time.Time, by, name string, n int) ([]Change, error) {
	in, err := b.live(name)
	if err != nil {
		return nil, err
	}
	k := slices.IndexFunc(in.Followups, func(f Followup) bool { return f.N == n })
	if k < 0 || !in.Followups[k].Done.IsZero() {
		return nil, fmt.Errorf("%w: #%d waits for nothing of the number %d; mailvigil incident show %d lists what it waits for", ErrInput, in.Number, n, in.Number)
	}
	in = b.edit(in.ID)
	f := &in.Followups[k]
	f.Done, f.DoneBy = utc(now), by
	return []Change{in.change(ChangeDone, utc(now), by, "Done: "+f.What)}, nil
}

// Merge makes one of two incidents, by a person's word. The one that was first
// stays.
func (b *Book) Merge(now time.Time, by, name, other, why string) ([]Change, error) {
	why, err := input("the reason", why, false)
	if err != nil {
		return nil, err
	}
	x, err := b.live(name)
	if err != nil {
		return nil, err
	}
	y, err := b.live(other)
	if err != nil {
		return nil, err
	}
	if x.ID == y.ID {
		return nil, fmt.Errorf("%w: #%d is one already", ErrInput, x.Number)
	}
	return b.join(x, y, utc(now), by, why), nil
}

func (in *Incident) close(now time.Time, as ClosedAs, by, why string) {
	in.Status = Closed
	in.Closing = &Closing{As: as, Why: why, By: by, At: now, Through: latest(now, in.End), Accounts: in.Accounts}
	for k := range in.Followups {
		if f := &in.Followups[k]; f.Done.IsZero() {
			f.Done, f.DoneBy = now, by
		}
	}
}

// Close says what an incident was. It is not opened again by what was known, and
// teaches the baseline (see Incident.Lesson).
func (b *Book) Close(now time.Time, by, name string, as ClosedAs, why string) ([]Change, error) {
	why, err := input("the reason", why, true)
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]ClosedAs{WasAttack, WasFault, WasBenign, WasFalseAlarm}, as) {
		return nil, fmt.Errorf("%w: %q is none of attack, fault, benign and false_alarm", ErrInput, as)
	}
	in, err := b.live(name)
	if err != nil {
		return nil, err
	}
	in = b.edit(in.ID)
	in.close(utc(now), as, by, why)
	return []Change{in.change(ChangeClosed, utc(now), by, fmt.Sprintf("Closed as %s: %s", strings.ReplaceAll(string(as), "_", " "), why))}, nil
}

// Reopen takes a closing back, and what it taught.
func (b *Book) Reopen(now time.Time, by, name, why string) ([]Change, error) {
	why, err := input("the reason", why, true)
	if err != nil {
		return nil, err
	}
	in, err := b.Find(name)
	if err != nil {
		return nil, err
	}
	if in.Status != Closed {
		return nil, fmt.Errorf("%w: #%d is not closed", ErrStatus, in.Number)
	}
	now = utc(now)
	in = b.edit(in.ID)
	in.Closing = nil
	in.Status, in.QuietSince = Open, time.Time{}
	if !in.Ongoing && now.Sub(in.End) >= b.opt.QuietAfter {
		in.Status, in.QuietSince = Quiet, now
	}
	in.tell()
	return []Change{in.change(ChangeReopened, now, by, why)}, nil
}
