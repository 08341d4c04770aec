package restrict

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mailvigil/maillog"
)

// Bounds of one restriction.
const (
	longestText = 2000    // bytes of reason and message
	mostSets    = 200_000 // attribute sets
)

// Validate returns everything that is wrong with a restriction, joined, each with
// what to write instead. It does not check that its zone exists: whoever loads
// the zone does.
func (r *Restriction) Validate() error {
	var all []error
	add := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }

	for _, s := range r.What.Services {
		if !word(s) {
			all = append(all, badService(s))
		}
	}
	for _, a := range r.What.Actions {
		if !isAction(a) {
			all = append(all, badAction(a))
		}
	}
	switch {
	case r.Whom.Everyone && len(r.Whom.AnyOf) > 0:
		add("whom: it says everyone and names some: leave one of them out")
	case !r.Whom.Everyone && len(r.Whom.AnyOf) == 0:
		add("whom: it hits nobody: say everyone, or name accounts, devices, addresses or another attribute in any_of")
	case len(r.Whom.AnyOf)+len(r.Except) > mostSets:
		add("whom: more than %d sets of attributes: name a group, a prefix or a network instead", mostSets)
	}
	for i, w := range r.Whom.AnyOf {
		if _, err := w.compile(); err != nil {
			add("whom: any_of %d: %w", i+1, err)
		}
	}
	for i, w := range r.Except {
		if _, err := w.compile(); err != nil {
			add("except %d: %w", i+1, err)
		}
	}
	all = append(all, r.when()...)
	all = append(all, r.how()...)
	all = append(all, r.people()...)
	return errors.Join(all...)
}

func (r *Restriction) when() (all []error) {
	add := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	from := r.When.From
	if from.IsZero() {
		from = r.AskedAt
	}
	switch until := r.When.Until; {
	case until.IsZero():
		add("when: it has no end: say until when, or for how many days; every restriction ends")
	case !from.IsZero() && !until.After(from):
		add("when: it ends (%s) before it begins (%s): write a later until", until.Format(time.RFC3339), from.Format(time.RFC3339))
	case !from.IsZero() && until.Sub(from) > LongestTime:
		add("when: it lasts longer than a year: choose an earlier end, and ask anew when it comes")
	}
	for _, t := range []time.Time{r.When.From, r.When.Until, r.AskedAt, r.LiftedAt, r.Second.ApprovedAt} {
		if !t.IsZero() && (t.Year() < 1970 || t.Year() > 2200) {
			add("when: the year %d cannot be meant: write a time such as 2025-11-30T06:00:00+01:00", t.Year())
			break
		}
	}
	if n := r.When.Nightly; n != nil {
		if n.From < 0 || n.From >= day || n.To < 0 || n.To >= day {
			add("when: nightly: from and to are times of day: write them as in 01:00 and 06:00")
		} else if n.From == n.To {
			add("when: nightly: from and to are both %s: leave nightly out for the whole day", n.From)
		}
		if n.Timezone == "" || n.Timezone == "Local" {
			add("when: nightly: no timezone: write its name as in Europe/Brussels")
		}
	}
	return all
}

func (r *Restriction) how() (all []error) {
	add := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	switch r.How {
	case Refuse, RefuseNewLogins, RequireFreshLogin, SlowDown, Exempt:
	default:
		add("how: %s is no way to restrict: write refuse, refuse_new_logins, require_fresh_login, slow_down or exempt", show(string(r.How)))
	}
	switch {
	case r.How == SlowDown && (r.Delay < 1 || r.Delay > LongestDelay):
		add("how: slow_down by %d seconds: write delay_seconds from 1 to %d; mail servers give up on longer ones", r.Delay, LongestDelay)
	case r.How != SlowDown && r.Delay != 0:
		add("how: delay_seconds is for slow_down: leave it out, or write slow_down")
	}
	if a := r.What.Actions; len(a) > 0 {
		switch onlyLogin := len(a) == 1 && a[0] == "login"; {
		case r.How == RefuseNewLogins && !slices.Contains(a, "login"):
			add("how: refuse_new_logins hits sign-ins alone: add the action login, or leave actions out")
		case r.How == RequireFreshLogin && onlyLogin:
			add("how: require_fresh_login lets sign-ins through: leave the action login out")
		}
	}
	if p := r.Password; p != nil {
		if p.Campaign == "" {
			add("until_password_changed: no campaign: name the one that asks for the change; its end is the latest end of this")
		}
		if r.How != Refuse && r.How != RefuseNewLogins {
			add("until_password_changed goes with refuse or refuse_new_logins, not with %s: change how", show(string(r.How)))
		}
	}
	if r.How == Exempt {
		switch {
		case r.DryRun:
			add("how: exempt refuses nothing, so there is nothing to rehearse: leave dry_run out")
		case len(r.Except) > 0:
			add("how: exempt with except: leave except out, and exempt fewer in whom")
		case r.Whom.Everyone && len(r.What.Services) == 0:
			add("how: exempt for everyone everywhere would undo every restriction: lift them instead")
		}
	}
	return all
}

func (r *Restriction) people() (all []error) {
	add := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if r.SchemaVersion != SchemaVersion {
		add("schema_version is %d: write %d", r.SchemaVersion, SchemaVersion)
	}
	if r.ID == "" || !word(r.ID) {
		add("id: %s is none: take the one that Identify makes", show(r.ID))
	}
	if strings.TrimSpace(r.Reason) == "" {
		add("reason: there is none: say why, for those who read the record later")
	}
	for _, t := range []struct{ name, text string }{{"reason", r.Reason}, {"message", r.Message}} {
		switch {
		case len(t.text) > longestText:
			add("%s: longer than %d bytes: say it shorter", t.name, longestText)
		case !utf8.ValidString(t.text):
			add("%s: not UTF-8: save it as UTF-8", t.name)
		case strings.ContainsFunc(t.text, func(c rune) bool { return unicode.IsControl(c) && c != '\n' }):
			add("%s: it has control characters: leave them out", t.name)
		}
	}
	if strings.TrimSpace(r.AskedBy) == "" {
		add("asked_by: nobody: name who asks for it")
	}
	if r.AskedAt.IsZero() {
		add("asked_at: no time: say when it was asked for")
	}
	if r.Share != nil && (math.IsNaN(*r.Share) || *r.Share < 0 || *r.Share > 1) {
		add("forecast_share: %v is no share: write a number from 0 to 1", *r.Share)
	}
	s := &r.Second
	approved := s.ApprovedBy != "" || !s.ApprovedAt.IsZero()
	if r.Share == nil && !s.Needed && r.How != Exempt && !r.DryRun {
		add("forecast_share: there is no forecast: make one before it starts; without one a second person is needed")
	}
	switch {
	case approved && (s.ApprovedBy == "" || s.ApprovedAt.IsZero()):
		add("second_person: an approval has a name and a time: write approved_by and approved_at")
	case approved && s.ApprovedBy == r.AskedBy:
		add("second_person: %s asked for it and approved it: somebody else has to", show(s.ApprovedBy))
	case approved && s.ApprovedAt.Before(r.AskedAt) && s.Campaign == "":
		add("second_person: approved before it was asked for: ask for approval anew")
	case approved && s.BreakGlass && s.ApprovedAt.After(r.AskedAt.Add(BreakGlassTime)):
		add("second_person: it had ended unapproved after four hours: ask for it anew")
	case s.Campaign != "" && (r.Password == nil || r.Password.Campaign != s.Campaign):
		add("second_person: approved with the campaign %s, which this restriction is no part of: have it approved by itself", show(s.Campaign))
	}
	if s.BreakGlass && r.When.From.After(r.AskedAt) {
		add("second_person: break_glass takes effect at once: leave from out, or have it approved until then")
	}
	switch lifted := r.LiftedBy != "" || !r.LiftedAt.IsZero(); {
	case lifted && (r.LiftedBy == "" || r.LiftedAt.IsZero()):
		add("lifted: name who lifted it and when: write lifted_by and lifted_at")
	case lifted && r.LiftedAt.Before(r.AskedAt):
		add("lifted_at: lifted before it was asked for: write the time of lifting")
	}
	return all
}

// word is how services, groups of operators and ids are written.
func word(s string) bool {
	if s == "" || len(s) > 100 {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
	})
}

func badService(s string) error {
	return fmt.Errorf("service %s is no name of one: write it in small letters, as in webmail, activesync or imap", show(s))
}

// isAction tells whether an action is one that requests have.
func isAction(s string) bool {
	if s == "" {
		return false
	}
	for a := maillog.Login; ; a++ {
		switch name := a.String(); {
		case name == s:
			return true
		case strings.HasPrefix(name, "#"):
			return false
		}
	}
}

func badAction(s string) error {
	return fmt.Errorf("action %s is not known: write one such as login, read, send or sync", show(s))
}
