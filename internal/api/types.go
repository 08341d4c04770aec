package api

import (
	"math"
	"slices"
	"time"

	"mailvigil/verdict"
)

// Texts, names and reasons in these types may come from logs: they are data
// that an attacker may have written, and are escaped where they are shown.

// Status is how the watch and the service it watches do.
type Status struct {
	Version  string    `json:"version"`
	Since    time.Time `json:"since" doc:"When this process began to watch."`
	Time     time.Time `json:"time" doc:"Now, on this host's clock."`
	Timezone string    `json:"timezone" doc:"The organisation's zone, an IANA name."`
	// LastSlot is the start of the last minute that was judged.
	LastSlot time.Time `json:"last_slot,omitzero" doc:"Start of the last minute of event time that was closed and judged. Missing until there is one."`

	Services  []Service `json:"services"`
	Incidents []Summary `json:"incidents" doc:"Those that are open or quiet, most severe first."`
	Problems  []Problem `json:"problems" doc:"What is wrong with the watch itself, worst first."`
	Intake    []Source  `json:"intake"`
	Archive   Archive   `json:"archive"`
	Vigilance Vigilance `json:"vigilance"`
	Probes    []Probe   `json:"probes"`
	Expected  []Expect  `json:"expected" doc:"Announced changes of now and later."`

	Configuration Configuration `json:"configuration"`

	Assessment *Assessment `json:"assessment,omitempty" doc:"Glitch or attack, of the last hour; missing where nothing is wrong."`
}

// Assessment answers "glitch or attack?" from what the probes saw and what the
// logs say.
type Assessment struct {
	Answer  string    `json:"answer" enum:"quiet,glitch,attack,both,unseen,undetermined"`
	Text    string    `json:"text"`
	For     []string  `json:"for" doc:"What speaks for it, from either side."`
	Missing []string  `json:"missing" doc:"What nobody looked at."`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
}

// ServiceState is what people can do with a service.
type ServiceState string

// The states.
const (
	ServiceOpen      ServiceState = "open"
	ServiceWindow    ServiceState = "window" // shut by a nightly window
	ServiceSuspended ServiceState = "suspended"
	ServiceFault     ServiceState = "fault"
	ServiceUnknown   ServiceState = "unknown" // no lines, and no probe asks
)

// Service is one service now.
type Service struct {
	Service string       `json:"service" doc:"Word of the service, as in imap or webmail."`
	State   ServiceState `json:"state" enum:"open,window,suspended,fault,unknown"`
	// Observed and Expected count events of the last closed span; they are nil
	// where nothing is known.
	Observed *float64 `json:"observed,omitempty" doc:"Events in the span."`
	Expected *float64 `json:"expected,omitempty"`
	Lower    *float64 `json:"lower,omitempty" doc:"Ends of the band that is usual."`
	Upper    *float64 `json:"upper,omitempty"`
	Span     int      `json:"span_seconds" doc:"Length of the span that was counted."`
	Unusual  bool     `json:"unusual"`
	Text     string   `json:"text,omitempty" doc:"What is to be known of it, in words."`
}

// Source is one place where lines come from.
type Source struct {
	Name     string    `json:"name" doc:"A file, or the address of a listener."`
	Kind     string    `json:"kind" doc:"file, syslog, journald, http or otlp."`
	Format   string    `json:"format,omitempty"`
	Position int64     `json:"position_bytes" doc:"How far a file was read and kept."`
	Size     int64     `json:"size_bytes"`
	Behind   int64     `json:"behind_bytes" doc:"What waits to be read or kept."`
	Lines    int64     `json:"lines" doc:"Read since the process began; so are the other counts."`
	Rejected int64     `json:"rejected" doc:"Lines that could not be understood."`
	Lost     int64     `json:"lost" doc:"What is known to be lost, as datagrams under load."`
	Last     time.Time `json:"last,omitzero" doc:"Time of the last event."`
	Text     string    `json:"text,omitempty" doc:"What is wrong with it, in words."`
}

// Archive is what is kept of the events.
type Archive struct {
	Segments int64     `json:"segments"`
	Events   int64     `json:"events"`
	Bytes    int64     `json:"bytes"`
	Held     int64     `json:"held_bytes" doc:"Kept for incidents beyond the retention."`
	Most     int64     `json:"most_bytes,omitempty" doc:"What it may take, 0 where that is not bounded."`
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
}

// Vigilance is how hard the watch looks.
type Vigilance struct {
	Raised bool      `json:"raised"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero" doc:"When it falls back by itself."`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Cost   string    `json:"cost,omitempty" doc:"What it costs in false alarms, in words."`
}

// Probe is one question that is put to the service, with its last answer.
type Probe struct {
	Name     string    `json:"name"`
	Service  string    `json:"service"`
	State    string    `json:"state" enum:"ok,degraded,failed,unknown"`
	Time     time.Time `json:"time,omitzero" doc:"When it was last asked."`
	Duration float64   `json:"duration_seconds"`
	Text     string    `json:"text,omitempty" doc:"What is wrong, and where to look."`
}

// Problem is something that is wrong with the watch itself.
type Problem struct {
	Code  string    `json:"code" doc:"Stable, for programs."`
	Grave bool      `json:"grave" doc:"Without a remedy, something is lost or not seen."`
	Since time.Time `json:"since,omitzero"`
	Text  string    `json:"text"`
	Next  string    `json:"next" doc:"What to do."`
}

// Configuration says what holds.
type Configuration struct {
	File    string    `json:"file,omitempty"`
	Read    time.Time `json:"read,omitzero" doc:"When what holds was read."`
	Problem string    `json:"problem,omitempty" doc:"Why a newer one does not hold."`
}

// IncidentStatus is where an incident stands.
type IncidentStatus string

// The statuses. Quiet is over by itself, and waits for somebody's word.
const (
	StatusOpen   IncidentStatus = "open"
	StatusQuiet  IncidentStatus = "quiet"
	StatusClosed IncidentStatus = "closed"
	StatusMerged IncidentStatus = "merged"
)

// Summary is an incident in a list.
type Summary struct {
	Number   int64          `json:"number"`
	Status   IncidentStatus `json:"status" enum:"open,quiet,closed,merged"`
	Kind     string         `json:"kind" enum:"attack,fault,mixed,undetermined,benign,background"`
	Severity string         `json:"severity" enum:"info,low,medium,high,critical"`
	Name     string         `json:"name"`
	Text     string         `json:"text" doc:"What happened, in a sentence."`
	Services []string       `json:"services"`
	Onset    time.Time      `json:"onset,omitzero"`
	// The interval is missing where it is not known.
	OnsetFrom time.Time `json:"onset_from,omitzero" doc:"It is 90 % sure that it began between this time and onset_until."`
	OnsetTo   time.Time `json:"onset_until,omitzero"`
	End       time.Time `json:"end,omitzero"`
	Ongoing   bool      `json:"ongoing"`
	Accounts  int       `json:"accounts" doc:"Accounts in other hands."`
	Owner     string    `json:"owner,omitempty"`
	Due       time.Time `json:"due,omitzero" doc:"The next date at which something is due, awaited or to be thought of."`
	DueKind   string    `json:"due_kind,omitempty" doc:"due, awaited or reminder."`
	DueWhat   string    `json:"due_what,omitempty" doc:"What it is, and from whom it is awaited."`
	Updated   time.Time `json:"updated"`
}

// Incident is all that is known of one.
type Incident struct {
	Summary
	ID       string              `json:"id"`
	Timezone string              `json:"timezone" doc:"The organisation's zone, an IANA name."`
	Opened   time.Time           `json:"opened"`
	Cause    []map[string]string `json:"cause"`
	Share    float64             `json:"share_explained"`
	Observed float64             `json:"observed"`
	Expected float64             `json:"expected"`
	Excess   float64             `json:"excess_events"`

	Compromised []string          `json:"accounts_compromised"`
	Targeted    int               `json:"accounts_targeted"`
	Sources     []string          `json:"sources"`
	Parts       []Part            `json:"parts" doc:"What was judged, the most important first."`
	Findings    []verdict.Finding `json:"findings"`
	Outages     []Outage          `json:"outages"`
	Next        []string          `json:"next" doc:"What to do now, most urgent first."`

	Notes     []Note     `json:"notes"`
	Followups []Followup `json:"followups" doc:"What is due, awaited, or to be thought of."`
	Closing   *Closed    `json:"closing,omitempty"`
	// Assessment is missing only where the state could not be read.
	Assessment *Assessment `json:"assessment,omitempty" doc:"Glitch or attack, of the incident's time."`
	History    []Event     `json:"history" doc:"What became of it, oldest first."`

	MergedInto int64   `json:"merged_into,omitempty"`
	Absorbed   []int64 `json:"absorbed" doc:"Those merged into this one."`
	Earlier    int64   `json:"earlier,omitempty" doc:"Of which this is the return."`
}

// Part is one thing of a verdict that belongs to an incident, as
// docs/verdict.schema.json describes it.
type Part struct {
	ID          string               `json:"id"`
	Kind        string               `json:"kind"`
	Name        string               `json:"name"`
	Text        string               `json:"text"`
	Onset       time.Time            `json:"onset,omitzero"`
	OnsetFrom   time.Time            `json:"onset_from,omitzero"`
	OnsetTo     time.Time            `json:"onset_until,omitzero"`
	End         time.Time            `json:"end,omitzero"`
	Ongoing     bool                 `json:"ongoing"`
	Services    []string             `json:"services"`
	Cause       []map[string]string  `json:"cause"`
	Share       float64              `json:"share_explained"`
	Observed    float64              `json:"observed"`
	Expected    float64              `json:"expected"`
	Excess      float64              `json:"excess_events"`
	Compromised []string             `json:"accounts_compromised"`
	Targeted    int                  `json:"accounts_targeted"`
	Extent      []verdict.Extent     `json:"extent"`
	Sources     []string             `json:"sources"`
	Stolen      []string             `json:"sessions_stolen"`
	Findings    []string             `json:"findings"`
	Hypotheses  []verdict.Hypothesis `json:"hypotheses"`
	Evidence    []verdict.Evidence   `json:"evidence"`
	Split       []verdict.Part       `json:"split"`
	Plot        *verdict.Plot        `json:"plot,omitempty"`
	Hours       *verdict.Plot        `json:"hours,omitempty"`
}

// PartOf puts what was judged into a Part. The plots are copies; a count of
// theirs that is not known is -1.
func PartOf(in *verdict.Incident) Part {
	return Part{
		ID: in.ID, Kind: string(in.Kind), Name: in.Name, Text: in.Text,
		Onset: in.Onset, OnsetFrom: in.OnsetInterval[0], OnsetTo: in.OnsetInterval[1], End: in.End, Ongoing: in.Ongoing,
		Services: in.Services, Cause: in.Cause, Share: finite(in.Share), Observed: finite(in.Observed), Expected: finite(in.Expected), Excess: finite(in.Excess),
		Compromised: in.Compromised, Targeted: in.Targeted, Extent: in.Extent, Sources: in.Sources, Stolen: in.Stolen, Findings: in.Findings,
		Hypotheses: in.Hypotheses, Evidence: in.Evidence, Split: in.Split, Plot: plotOf(in.Plot), Hours: plotOf(in.Hours),
	}
}

// Judged is the reverse of PartOf, for those who show what was judged.
func (p *Part) Judged() verdict.Incident {
	return verdict.Incident{
		ID: p.ID, Kind: verdict.Kind(p.Kind), Name: p.Name, Text: p.Text,
		Onset: p.Onset, OnsetInterval: [2]time.Time{p.OnsetFrom, p.OnsetTo}, End: p.End, Ongoing: p.Ongoing,
		Services: p.Services, Cause: p.Cause, Share: p.Share, Observed: p.Observed, Expected: p.Expected, Excess: p.Excess,
		Compromised: p.Compromised, Targeted: p.Targeted, Extent: p.Extent, Sources: p.Sources, Stolen: p.Stolen, Findings: p.Findings,
		Hypotheses: p.Hypotheses, Evidence: p.Evidence, Split: p.Split, Plot: p.Plot, Hours: p.Hours,
	}
}

// finite is a number that JSON has.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

func plotOf(p *verdict.Plot) *verdict.Plot {
	if p == nil {
		return nil
	}
	known := func(counts []float64) []float64 {
		counts = slices.Clone(counts)
		for i, c := range counts {
			if math.IsNaN(c) || math.IsInf(c, 0) || c < 0 {
				counts[i] = -1
			}
		}
		return counts
	}
	c := *p
	c.Observed, c.Expected, c.Lower, c.Upper = known(p.Observed), known(p.Expected), known(p.Lower), known(p.Upper)
	return &c
}

// Outage is a time in which probes found a service down.
type Outage struct {
	Service     string    `json:"service"`
	Probes      []string  `json:"probes"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	Onset       time.Time `json:"onset" doc:"The first failure."`
	End         time.Time `json:"end,omitzero" doc:"The first success after it; missing while it lasts."`
	Affected    string    `json:"affected" doc:"Who cannot do what."`
	Text        string    `json:"text"`
}

// Note is what somebody wrote down.
type Note struct {
	Time time.Time `json:"time"`
	By   string    `json:"by"`
	Text string    `json:"text"`
}

// Followup is something that an incident waits for.
type Followup struct {
	Number int       `json:"number"`
	Kind   string    `json:"kind" enum:"due,awaited,reminder"`
	What   string    `json:"what"`
	From   string    `json:"from,omitempty" doc:"From whom it is awaited."`
	Time   time.Time `json:"time" doc:"By when, or when to be reminded."`
	By     string    `json:"by"`
	Done   time.Time `json:"done,omitzero"`
	DoneBy string    `json:"done_by,omitempty"`
}

// Event is one thing that became of an incident.
type Event struct {
	Time time.Time `json:"time"`
	By   string    `json:"by,omitempty" doc:"Missing where it was Mailvigil."`
	What string    `json:"what" doc:"opened, updated, merged, quiet, reopened, closed, assigned, noted and so on."`
	Text string    `json:"text,omitempty"`
}

// Closed is how an incident was closed.
type Closed struct {
	As   string    `json:"as" doc:"attack, fault, benign, false_alarm, or lapsed where nobody closed it."`
	Why  string    `json:"why,omitempty"`
	By   string    `json:"by,omitempty"`
	Time time.Time `json:"time"`
}

// Query asks for incidents, the newest first.
type Query struct {
	Status []IncidentStatus // any of these; none means all
	Before int64            // numbers below this; 0 means from the newest
	Limit  int              // at least 1
}

// Page is one page of incidents.
type Page struct {
	Timezone  string    `json:"timezone" doc:"The organisation's zone, an IANA name."`
	Incidents []Summary `json:"incidents"`
	Before    int64     `json:"before,omitempty" doc:"Ask for the next page with this; missing on the last."`
}

// Closing asks to close an incident.
type Closing struct {
	As  string `json:"as" enum:"attack,fault,benign,false_alarm" doc:"What it was. It teaches what is normal."`
	Why string `json:"why" minLength:"1" maxLength:"4000" doc:"Why, for those who read it later."`
}

// Planning asks for a Followup.
type Planning struct {
	Kind string    `json:"kind" enum:"due,awaited,reminder" doc:"To be done by then, to come from somebody by then, or to be thought of then."`
	What string    `json:"what" minLength:"1" maxLength:"2000"`
	From string    `json:"from,omitempty" maxLength:"200" doc:"From whom it is awaited."`
	Time time.Time `json:"time" doc:"A time to come."`
}

// Merging asks to make one of two incidents.
type Merging struct {
	With int64  `json:"with" minimum:"1" doc:"Number of the other. The lower number stays."`
	Why  string `json:"why,omitempty" maxLength:"4000"`
}

// Expect is a change that was announced.
type Expect struct {
	ID    string    `json:"id,omitempty" readOnly:"true"`
	What  string    `json:"what" minLength:"1" maxLength:"400"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	By    string    `json:"by,omitempty" readOnly:"true"`
}

// Raise asks for vigilance.
type Raise struct {
	Seconds int64  `json:"for_seconds" minimum:"60" maximum:"604800"`
	Reason  string `json:"reason" minLength:"1" maxLength:"400"`
}

// Reloaded says what a new reading of the configuration changed.
type Reloaded struct {
	File    string   `json:"file"`
	Changed []string `json:"changed" doc:"Sections that are another now."`
	Restart []string `json:"restart" doc:"Sections that take effect at the next start."`
}

// Backup is a copy of the state.
type Backup struct {
	Path   string    `json:"path"`
	Bytes  int64     `json:"bytes"`
	SHA256 string    `json:"sha256"`
	Time   time.Time `json:"time"`
}
