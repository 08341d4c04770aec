// Package verdict weighs what was found: it sets hypotheses side by side,
// tests them against anomalies, causes and findings, and gives the Verdict.
//
// It is pure. It does not read logs, and it decides nothing about anybody's
// access: it says what is thought, how surely, and on which lines that rests.
package verdict

import (
	"time"

	"mailvigil/traffic"
)

// Kind is what a verdict or an incident comes to.
type Kind string

// The kinds. Background, everyday noise, is said of incidents only, Quiet and
// Mixed of verdicts only.
const (
	Quiet        Kind = "quiet"
	Benign       Kind = "benign"
	Attack       Kind = "attack"
	Fault        Kind = "fault"
	Mixed        Kind = "mixed"
	Undetermined Kind = "undetermined"
	Background   Kind = "background"
)

// Focus says whom an attack was aimed at.
type Focus string

// The focuses; NoFocus wherever there is no attack.
const (
	Targeted      Focus = "targeted"
	Opportunistic Focus = "opportunistic"
	NoFocus       Focus = "none"
)

// Severity of a finding.
type Severity string

// The severities, mildest first.
const (
	Info     Severity = "info"
	Low      Severity = "low"
	Medium   Severity = "medium"
	High     Severity = "high"
	Critical Severity = "critical"
)

// SchemaVersion of the JSON form of a Verdict, described in
// docs/verdict.schema.json.
const SchemaVersion = 1

// Verdict is the answer of one investigation.
type Verdict struct {
	SchemaVersion int              `json:"schema_version"`
	Verdict       Kind             `json:"verdict"`
	Missing       []string         `json:"missing"` // what would decide it
	Focus         Focus            `json:"focus"`
	Confidence    float64          `json:"confidence"`
	Text          string           `json:"text"` // one sentence
	Next          []string         `json:"next"` // what to do now, most urgent first
	Timezone      string           `json:"timezone"`
	Incidents     []Incident       `json:"incidents"` // most important first
	Findings      []Finding        `json:"findings"`
	LeftOut       int              `json:"findings_left_out"` // that had no room in Findings
	Infected      []InfectedClient `json:"infected_clients"`
	Sensitivity   []Sensitivity    `json:"sensitivity"`
	Coverage      Coverage         `json:"coverage"`
	Manifest      []Used           `json:"manifest"` // what the verdict was made of
	// Ledger comes last, so that the verdict without it is the text before it.
	Ledger *Recorded `json:"ledger,omitempty"`

	seen float64 // of a quiet verdict: the share of attacks that would have been seen, as supposed
}

// Used is a file that the verdict was made of. With the same files, the same
// verdict can be made again.
type Used struct {
	Kind   UsedKind `json:"kind"`
	File   string   `json:"file"`   // as shown to people
	Size   int64    `json:"size"`   // bytes as stored that were read
	SHA256 string   `json:"sha256"` // of these bytes, "" where they could not all be read
}

// Recorded says where a tamper-evident ledger holds the hash of the verdict: of
// its JSON form without this.
type Recorded struct {
	Entry      int64  `json:"entry"`      // its number, from 0
	Checkpoint string `json:"checkpoint"` // of the ledger with it, signed
}

// UsedKind is what a Used is.
type UsedKind string

// The kinds of file that a verdict is made of.
const (
	UsedLog           UsedKind = "log"
	UsedConfiguration UsedKind = "configuration"
	UsedNetworks      UsedKind = "networks" // network data
	UsedFindings      UsedKind = "findings" // of others
)

// Incident is one thing that happened, with its cause.
type Incident struct {
	ID            string              `json:"id"`
	Kind          Kind                `json:"kind"`
	Name          string              `json:"name"`
	Text          string              `json:"text"`
	Onset         time.Time           `json:"onset"`
	OnsetInterval [2]time.Time        `json:"onset_interval"` // 90 %
	End           time.Time           `json:"end"`
	Ongoing       bool                `json:"ongoing"`
	Services      []string            `json:"services"`
	Cause         []map[string]string `json:"cause"`
	Share         float64             `json:"share_explained"`
	Observed      float64             `json:"observed"`
	Expected      float64             `json:"expected"`
	Excess        float64             `json:"excess_events"`
	Compromised   []string            `json:"accounts_compromised"`
	Targeted      int                 `json:"accounts_targeted"`
	Extent        []Extent            `json:"extent"` // what was done with each account in hostile hands
	Sources       []string            `json:"sources"`
	Stolen        []string            `json:"sessions_stolen"`
	Findings      []string            `json:"findings"`
	Hypotheses    []Hypothesis        `json:"hypotheses"`
	Evidence      []Evidence          `json:"evidence"`
	// Split says how the excess divides among its causes, every event counted
	// once, with what no cause claims last.
	Split []Part `json:"split"`
	// Plot is what the service did around the incident.
	Plot *Plot `json:"plot,omitempty"`
	// Hours is the same by the hour, from the first hour of a local day on.
	Hours *Plot `json:"hours,omitempty"`
}

// Part of an excess. Cause is empty for what no cause claims.
type Part struct {
	Cause    map[string]string `json:"cause"`
	Observed float64           `json:"observed"`
	Expected float64           `json:"expected"`
}

// Plot is a series of observed and expected counts in equal steps of time.
// Expected, Lower and Upper are as long as Observed; a negative Observed
// means that the logs do not cover the step.
type Plot struct {
	Title    string    `json:"title"`
	Start    time.Time `json:"start"`
	Step     int       `json:"step_seconds"`
	Observed []float64 `json:"observed"`
	Expected []float64 `json:"expected"`
	Lower    []float64 `json:"lower"`
	Upper    []float64 `json:"upper"`
}

// Hypothesis is an explanation that was tested.
type Hypothesis struct {
	Name        string   `json:"name"`
	Probability float64  `json:"probability"`
	For         []string `json:"for"`
	Against     []string `json:"against"`
}

// Evidence cites one raw line.
type Evidence struct {
	ID     string `json:"id"`
	File   string `json:"file"`
	Line   int64  `json:"line"`   // from 1
	Offset int64  `json:"offset"` // in the decompressed stream
	SHA256 string `json:"sha256"` // of the raw line without its newline
	Text   string `json:"text,omitempty"`

	ref traffic.Ref
}

// Finding is something held against an account, a source, a device or a
// session.
type Finding struct {
	ID       string     `json:"id"`
	Code     string     `json:"code"` // ATT&CK technique where one fits
	Title    string     `json:"title"`
	Severity Severity   `json:"severity"`
	Account  string     `json:"account,omitempty"`
	ClientIP string     `json:"client_ip,omitempty"`
	Device   string     `json:"device,omitempty"`
	Session  string     `json:"session,omitempty"`
	Evidence []Evidence `json:"evidence"`
	Against  []string   `json:"against"`
}

// InfectedClient is a home or office machine that takes part in abuse.
type InfectedClient struct {
	Account  string     `json:"account"`
	IP       string     `json:"ip"`
	Evidence []Evidence `json:"evidence"`
}

// Sensitivity says how surely an attack of a kind would have been seen.
type Sensitivity struct {
	Attack     string     `json:"attack"`
	Detected   float64    `json:"detected_share"`
	Interval   [2]float64 `json:"interval"`
	Injections int        `json:"injections"`
}

// Coverage says what was read, and what it cannot tell.
type Coverage struct {
	Files      int        `json:"files"`
	Lines      int64      `json:"lines"`
	Parsed     int64      `json:"parsed"`   // became Events
	Ignored    int64      `json:"ignored"`  // understood, and no Event
	Rejected   int64      `json:"rejected"` // damaged or unknown
	Bytes      int64      `json:"bytes"`
	From       time.Time  `json:"from"`
	To         time.Time  `json:"to"`
	Assumed    []string   `json:"assumed"` // found in the logs and taken as true: domain, offices, relays
	Gaps       []Gap      `json:"gaps"`
	LookedAt   []string   `json:"looked_at"` // for signs of malware
	CannotTell []string   `json:"cannot_tell"`
	Inputs     []Input    `json:"inputs"`
	Problems   []string   `json:"problems"` // files that could not be read, wholly or in part
	Samples    []Rejected `json:"samples"`  // a few rejected lines
}

// Gap is a time the logs of a service do not cover.
type Gap struct {
	Format string    `json:"format"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
}

// Input is one file that was read.
type Input struct {
	File     string    `json:"file"`
	Format   string    `json:"format"`
	Lines    int64     `json:"lines"`
	Rejected int64     `json:"rejected"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	SHA256   string    `json:"sha256"` // of the file as stored
}

// Rejected is a line that could not be read, and why.
type Rejected struct {
	Evidence
	Why string `json:"why"`
}
