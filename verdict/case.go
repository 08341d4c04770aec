package verdict

import (
	"math"
	"time"

	"mailvigil/abuse"
	"mailvigil/traffic"
)

// Case is everything that was found, before it is weighed.
type Case struct {
	Location *time.Location
	Excesses []Excess        // most important first; what an earlier one explains is left out
	Hostile  []abuse.Finding // sources that tried the passwords of strangers
	Strange  []abuse.Finding // accounts in which a stranger signed in
	Unsure   []abuse.Finding // sign-ins from new places that alone are held against nobody
	Sessions []abuse.Finding // sessions used where nobody signed in, that may be their owners' own
	Aims     []abuse.Aim     // slow guessing against a few people
	Sweeps   []abuse.Sweep   // machines that opened a large part of all mailboxes
	Moves    []abuse.Move    // networks to which many people moved at once
	Arrivals []abuse.Arrival // many accounts that came into use at once
	Infected []abuse.Finding // machines at people's usual addresses that try strangers' passwords
	Guessers []Guessers      // how many addresses guessed on each day of the logs, in order
	Imported []Imported      // what others found
	Stale    []abuse.Finding // devices with an old password
	Failed   float64         // refused sign-ins
	Signed   float64         // successful ones
	Accounts int             // accounts that signed in at least once
	History  time.Duration   // time the logs cover
	Judged   time.Duration   // part of it in which departures could be seen
	Coverage Coverage
	Missing  float64  // the largest share of the time that is missing of any log
	Unseen   []string // ways into the mail service that no log shows, where one alone is shown

	// Say puts a cause in plain words.
	Say func(map[string]string) string
}

// Excess is one departure from the expected, with its cause.
type Excess struct {
	Service  string // "" is all services
	Family   string // "traffic", "failures", "errors", "hosting"
	Up       bool
	Services []string // all services that the same thing touched
	Onset    time.Time
	Interval [2]time.Time // 90 % of the onset
	// Begun is when the first of the strangers came, and within which time, where
	// there are any. It is the onset if it is they.
	Begun       time.Time
	BegunWithin [2]time.Time
	// First is the first failure of those that fail where they always sign in and
	// had not failed before, zero where there is none.
	First time.Time

	End      time.Time
	Ongoing  bool
	Nights   int // local days on which it was seen
	Observed float64
	Expected float64
	Before   time.Duration       // how long the logs had gone on when it began
	Cause    []map[string]string // empty where nothing sets the excess apart
	Share    float64             // of the excess, that the cause explains
	Makeup   Makeup
	Plot     *Plot
	Hours    *Plot  // the same by the hour
	Split    []Part // the excess by cause
	Refs     []traffic.Ref
	Sources  []string // strangers' addresses among the failures, IPv6 as /64
	Usual    float64  // how many strangers' addresses there are on a usual day
	Busiest  int      // how many of Sources failed on the day on which most did
	Targets  int      // accounts that strangers tried
	Day      float64  // what the series counts on a usual day (of failures: what all services count)
	Hands    []abuse.Finding
	Inside   string       // the organisation's own address from which somebody tried others' passwords
	Sweep    *abuse.Sweep // that took part, if any
	Effects  []string     // what else the same thing did, in words
	// Chance says that the counts alone would not have been worth an alarm:
	// the budget of all series told none of it.
	Chance bool
	// Announced is the change that was announced for the time it falls in, in
	// words; "" for none.
	Announced string
}

// scale is the size of the excess in usual days.
func (x *Excess) scale() float64 {
	return math.Abs(x.Observed-x.Expected) / math.Max(x.Day, 1)
}

// crowd is how many times as many strangers' addresses take part a day as on
// a usual one. A handful more is no crowd.
func (x *Excess) crowd() float64 {
	aDay := float64(len(x.Sources)) / float64(max(1, x.Nights))
	return max(aDay, float64(x.Busiest)) / math.Max(x.Usual, 10)
}

// lasted is how long it went on.
func (x *Excess) lasted() time.Duration { return x.End.Sub(x.Onset) }

// missing is the share of the expected that did not come.
func (x *Excess) missing() float64 { return 1 - x.Observed/math.Max(x.Expected, 1) }

// Makeup says who and what the events of an excess are made of. Shares are
// of events, between 0 and 1.
type Makeup struct {
	Events         float64
	Accounts       int
	KnownAccounts  int     // had signed in before the onset
	TopAccount     float64 // share of the busiest account
	Sources        int
	TopSource      float64
	TopAccountName string
	TopSourceName  string
	TopSourceKind  traffic.Kind
	FamiliarSource float64 // account and address had met before the onset
	FamiliarDevice float64 // account and device had met before the onset
	Named          float64 // events that name an account
	Failures       float64
	Errors         float64
	Hostile        float64 // from addresses that tried the passwords of strangers
	Existing       float64 // of the failures from such addresses: for accounts that exist
	OwnFailures    float64 // failures of an account from an address it signs in from
	Internal       float64
	Relayed        float64 // passed on by our own hosts, which show no client's address
	Hosting        float64
	Intruded       float64 // from the addresses of a stranger in the accounts
	Outsiders      float64 // without an account, from addresses at which nobody had signed in
	NotThere       float64 // of these, requests that the server turned down as wrong (HTTP 4xx)
	OutsideSources int     // how many such addresses
	OutsideUsual   float64 // how many such addresses there are at such hours
	Swept          float64 // from machines that opened a large part of all mailboxes
	TopAction      string
	TopActionShare float64
}

// Guessers is how many addresses tried the passwords of strangers on a day.
type Guessers struct {
	Day       time.Time
	Addresses int
}

// Imported is a finding of antivirus, EDR or a mail filter.
type Imported struct {
	At       time.Time // zero where not stated
	Title    string
	Tool     string
	Code     string
	Severity Severity
	Account  string
	ClientIP string
	Device   string
	Owners   []InfectedClient // whose machine it is, where it is one
	Evidence Evidence
}
