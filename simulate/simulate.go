// Package simulate makes an organisation's mail traffic with known causes:
// Events, and the same as the logs that the real software writes.
//
// It is what the rest is measured against: an investigation of a simulated
// world can be compared with the world's Truth. It does not imitate the
// protocols, only what their servers log, and nothing in it knows how the
// traffic will be judged. internal/app calls it for the demonstration, tests
// and benchmarks call it for everything else.
//
// Every everyday habit and every scenario is one file: a little data and a
// function that adds steps to a day. Each draws from its own stream of random
// numbers, derived from the seed, its name, the account and the day, so that
// one more of them leaves the bytes of the others as they were. Only whole
// numbers decide times, so that a seed gives the same bytes on any machine.
// A World holds its people and one day's steps, however many days it lasts.
package simulate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mailvigil/maillog"
)

// Options describe a World. The zero value of each field stands for the
// default named beside it; Start and Location have none.
type Options struct {
	Seed     uint64
	Accounts int       // people, 400
	Start    time.Time // a local midnight
	Days     int       // 14
	Location *time.Location
	Scenario Scenario // Quiet
	Strength float64  // of the scenario: 1, the default, is medium
	Domain   string   // parl.example
	// Course is another course of things in the same organisation: its people,
	// their places and devices stay, the days and what the scenario does are
	// drawn anew. 0 is one of them.
	Course uint64
}

// Scenario names what happens beside everyday life.
type Scenario string

// The scenarios.
const (
	// Quiet has everyday life alone.
	Quiet Scenario = "quiet"
	// PhoneStorm has the phones of one build repeat Sync after an update.
	PhoneStorm Scenario = "phone-storm"
	// Spray has a few usual passwords tried against every account in two
	// nights, from many addresses; where one fits it is used.
	Spray Scenario = "spray"
	// Stuffing tries pairs of name and password stolen elsewhere.
	Stuffing Scenario = "stuffing"
	// SlowGuessing tries a few people for days, no address twice.
	SlowGuessing Scenario = "slow-guessing"
	// OneAccount has one mailbox tried in one night, no address twice.
	OneAccount Scenario = "one-account"
	// Takeover empties mailboxes whose passwords were known already.
	Takeover Scenario = "takeover"
	// FakePhone empties mailboxes as a script that calls itself a phone.
	FakePhone Scenario = "fake-phone"
	// StolenSession reads webmail with copied cookies.
	StolenSession Scenario = "stolen-session"
	// SendingBurst sends some hundred messages out of one account.
	SendingBurst Scenario = "sending-burst"
	// Walking goes through mailboxes from a machine in the office.
	Walking Scenario = "walking"
	// Flood asks for the sign-in page more often than the server can answer.
	Flood Scenario = "flood"
	// Scan asks the web server for what was ever broken elsewhere.
	Scan Scenario = "scan"
	// InfectedHome has computers at home guess at other mailboxes.
	InfectedHome Scenario = "infected-home"
	// Cover is a phone storm, under the cover of which a spray runs.
	Cover Scenario = "cover"
	// Delegation has a tenth of the people travel far.
	Delegation Scenario = "delegation"
	// NewBuilding moves a fifth of the people into another network.
	NewBuilding Scenario = "new-building"
	// CarrierChange gives a mobile carrier's customers other addresses.
	CarrierChange Scenario = "carrier-change"
	// PasswordDay has everybody take a new password.
	PasswordDay Scenario = "password-day"
	// Migration copies every mailbox to another server.
	Migration Scenario = "migration"
	// Newsletter sends a message to everybody at night.
	Newsletter Scenario = "newsletter"
	// Monitoring has the monitoring host ask without end.
	Monitoring Scenario = "monitoring"
	// Outage takes the mail store away for hours; then all come back.
	Outage Scenario = "outage"
	// ProxySpray tries every account, no address twice.
	ProxySpray Scenario = "proxy-spray"
	// Reading has strangers read and search the webmail in the evenings.
	Reading Scenario = "reading"
	// ImpossibleTravel uses accounts far away while their owners work here.
	ImpossibleTravel Scenario = "impossible-travel"
	// Download fetches whole mailboxes on a working day.
	Download Scenario = "download"
	// Forwarding has mail forwarded, and hides that with rules.
	Forwarding Scenario = "forwarding"
	// PhoneDoor guesses passwords at ActiveSync.
	PhoneDoor Scenario = "phone-door"
	// CoverTakeover is a phone storm, under the cover of which mailboxes are
	// emptied without a failure.
	CoverTakeover Scenario = "cover-takeover"
	// CoverOutage is an outage, after which a spray runs.
	CoverOutage Scenario = "cover-outage"
	// CrisisNight has most people read and write until late.
	CrisisNight Scenario = "crisis-night"
	// AwaySession has most people work in another country for days.
	AwaySession Scenario = "away-session"
	// Backup has a machine of one's own copy every mailbox each night.
	Backup Scenario = "backup"
	// Growth has a third more people from one day on.
	Growth Scenario = "growth"
	// Sitting has the chamber sit far into the night.
	Sitting Scenario = "sitting"
	// MailProgram has computers' mail programs of one release connect again
	// and again.
	MailProgram Scenario = "mail-program"
	// OfficeLine gives the offices other addresses.
	OfficeLine Scenario = "office-line"
	// WebmailFault has the webmail answer with errors for hours.
	WebmailFault Scenario = "webmail-fault"
	// AuthFault has nobody sign in, whatever the password.
	AuthFault Scenario = "auth-fault"
	// NetworkFault cuts the line to the Internet for hours.
	NetworkFault Scenario = "network-fault"
	// Parliament is the demonstration: a phone storm, while sittings last
	// far into the night. Nothing in it is hostile beyond the usual noise.
	Parliament Scenario = "parliament"
)

// ErrOptions is wrapped by every error of New.
var ErrOptions = errors.New("simulate: options")

// World is an organisation and what happens to it. Nothing in it changes after
// New: it can be run any number of times, by several at once, and gives the
// same each time.
type World struct {
	opt      Options
	strength int64 // in thousandths
	course   uint64
	people   []*person
	stores   hosts
	office   []address
	releases []release
	// faultyBird is the day (since 1970) of a release of Thunderbird with a
	// fault in it; 0: there is none.
	faultyBird int64
	habits     []habit
	stories    []story
}

// Source is where a line is logged.
type Source uint8

// The sources, one file a day each.
const (
	Nginx Source = iota
	Dovecot
	Postfix
	Roundcube
	sourceEnd
)

var sourceFiles = [sourceEnd]string{"nginx/access.log", "dovecot/dovecot.log", "mail/mail.log", "roundcube/userlogins.log"}

// String is the name of the source's log file, without the date.
func (s Source) String() string { return sourceFiles[s] }

// sourceFormats are the formats of the sources' lines.
var sourceFormats = [sourceEnd]maillog.Format{maillog.Combined, maillog.Dovecot, maillog.Postfix, maillog.RoundcubeLogins}

// Format is that of the source's lines.
func (s Source) Format() maillog.Format { return sourceFormats[s] }

// Item is one line that a server logs, and the Event that it states. The
// slices in it are valid until the next Item.
type Item struct {
	Event  maillog.Event // its Format alone where the line states no Event
	Label  string        // the incident it belongs to, "" for everyday life
	Source Source
	Line   []byte // without its newline; nil where only Events are asked for
	// Stated is false where the line is no Event: chatter, a fact that
	// another line states as well, or a damaged line.
	Stated  bool
	Damaged bool
	// Person is the account's owner in the directory's spelling, "" where
	// the line is about nobody or about somebody unknown.
	Person string
}

// New makes the people of a World. It fails on options that cannot be.
func New(o Options) (*World, error) {
	if o.Accounts == 0 {
		o.Accounts = 400
	}
	if o.Days == 0 {
		o.Days = 14
	}
	if o.Scenario == "" {
		o.Scenario = Quiet
	}
	if o.Strength == 0 {
		o.Strength = 1
	}
	if o.Domain == "" {
		o.Domain = "parl.example"
	}
	switch {
	case o.Location == nil:
		return nil, fmt.Errorf("%w: a location is needed", ErrOptions)
	case o.Start.IsZero():
		return nil, fmt.Errorf("%w: a start is needed", ErrOptions)
	case o.Accounts < 1 || o.Accounts > 100_000:
		return nil, fmt.Errorf("%w: %d accounts; between 1 and 100000 can be simulated", ErrOptions, o.Accounts)
	case o.Days < 1 || o.Days > 3660:
		return nil, fmt.Errorf("%w: %d days; between 1 and 3660 can be simulated", ErrOptions, o.Days)
	case !(o.Strength >= 0.01 && o.Strength <= 100): // also not a number
		return nil, fmt.Errorf("%w: strength %v; between 0.01 and 100 is possible", ErrOptions, o.Strength)
	case !validDomain(o.Domain):
		return nil, fmt.Errorf("%w: domain %q is not a host name in lower case", ErrOptions, o.Domain)
	case !slices.Contains(Scenarios(), o.Scenario):
		return nil, fmt.Errorf("%w: no scenario %q; there are %v", ErrOptions, o.Scenario, Scenarios())
	}
	o.Start = o.Start.In(o.Location)
	if h, m, s := o.Start.Clock(); h != 0 || m != 0 || s != 0 || o.Start.Nanosecond() != 0 {
		return nil, fmt.Errorf("%w: start %v is not a midnight of %v", ErrOptions, o.Start, o.Location)
	}
	w := &World{opt: o, strength: int64(o.Strength * 1000), habits: everyday()}
	w.stores = newHosts(o.Domain)
	w.office = newOffice(w.rng("office", 0, 0), o.Domain)
	w.releases = appleReleases()
	w.stories = newStories(w)
	w.people = newPeople(w)
	if o.Course > 0 {
		w.course = mix(o.Course)
	}
	for _, s := range w.stories {
		s.prepare(w)
	}
	for _, p := range w.people {
		for _, d := range p.devices {
			d.editions = w.editions(d)
		}
		if p.stale != nil {
			p.stale.editions = w.editions(p.stale)
		}
	}
	return w, nil
}

func validDomain(d string) bool {
	return d != "" && len(d) <= 200 && strings.IndexFunc(d, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}) < 0
}

// midnight is the first instant of a day of the World, counted from 0.
func (w *World) midnight(day int) time.Time {
	y, m, d := w.opt.Start.Date()
	return time.Date(y, m, d+day, 0, 0, 0, 0, w.opt.Location)
}

// Events yields what happened, in the order of time, without the lines that
// state no Event. The lines are not written, which saves what that takes.
func (w *World) Events(yield func(*Item) bool) {
	w.run(true, w.habits, w.stories, func(_ *day, it *Item) bool { return !it.Stated || yield(it) })
}

// Lines yields every line that is logged, in the order of time.
func (w *World) Lines(yield func(*Item) bool) {
	w.run(false, w.habits, w.stories, func(_ *day, it *Item) bool { return yield(it) })
}

// Taken are the accounts that the scenario's attacks take over, in order.
func (w *World) Taken() []string {
	taken := make(map[string]bool)
	for _, s := range w.stories {
		in := Incident{Cause: map[string]string{}, Also: map[string]string{}}
		s.incident(w, &in)
		for _, name := range in.Compromised {
			taken[name] = true
		}
	}
	return sorted(taken)
}

// Story yields the Events of the scenario alone, without everyday life, in the
// order of time. A scenario that alters what others do has none of its own
// beyond what it adds.
func (w *World) Story(yield func(*Item) bool) {
	w.run(true, nil, w.stories, func(_ *day, it *Item) bool { return !it.Stated || it.Label == "" || yield(it) })
}
