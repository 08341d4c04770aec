// Package health asks the mail service what its users ask of it, and tells
// outages from slow answers and from what is wrong with the asking.
//
// A Probe signs in, sends itself a message or looks at a certificate; the
// Monitor asks each in its turn; the Tracker makes outages of the answers by a
// stated rule. It reads no logs, opens no incident and sends no message:
// internal/app gives it the configuration and hands on what it finds. Assess
// sets what the probes saw beside what the logs say.
//
// Passwords are read from files at each asking and stand in no result, error
// or log.
package health

import (
	"context"
	"time"
)

// Kind says what is wrong with an answer.
type Kind string

// The kinds. Slow and Backlog are answers that came; Expiring is one that will
// not come for long; Setup is a fault of the asking, not of the service.
const (
	OK          Kind = ""
	Refused     Kind = "refused"     // nothing listens, or a firewall rejects
	Unreachable Kind = "unreachable" // no such name, no way there
	Timeout     Kind = "timeout"     // no answer in time
	TLS         Kind = "tls"         // no secure connection
	Auth        Kind = "auth"        // the sign-in was refused
	Protocol    Kind = "protocol"    // an answer that is an error, or none of the protocol
	Lost        Kind = "lost"        // accepted, but the message did not arrive
	Slow        Kind = "slow"        // right, but later than stated
	Backlog     Kind = "backlog"     // more messages wait than stated
	Expiring    Kind = "expiring"    // the certificate ends soon
	Setup       Kind = "setup"       // the probe cannot ask
)

// Failed reports whether the service did not do what it was asked.
func (k Kind) Failed() bool {
	switch k {
	case OK, Slow, Backlog, Expiring, Setup:
		return false
	}
	return true
}

// Degraded reports whether it did, but not well.
func (k Kind) Degraded() bool { return k == Slow || k == Backlog }

// Probe is one question to the service.
type Probe struct {
	Name    string // of the operator's choice, unique
	Service string // the word for it, as of maillog: imap, webmail, …
	// Interval between two askings, Timeout of one; an answer after Slow is
	// slow, 0 for never.
	Interval, Timeout, Slow time.Duration
	// Account is whose mailbox it asks for, "" for none.
	Account string
	// Ask asks once. It ends when the context does.
	Ask func(context.Context) (Answer, error)
}

// Answer is what was learnt from an answer beside that it came.
type Answer struct {
	// Ends is when the certificate ends, zero where none was seen.
	Ends time.Time
	// Queued is how many messages wait; more than Most of them are a backlog.
	// Most is 0 where that was not asked.
	Queued, Most int
	// Source is the probe's own address on the connection, "" where there was
	// none.
	Source string
}

// Result is one answer, judged.
type Result struct {
	Probe    string        `json:"probe"`
	Service  string        `json:"service"`
	Time     time.Time     `json:"time"` // when it was asked
	Duration time.Duration `json:"duration_ns"`
	Kind     Kind          `json:"kind,omitempty"`
	// Text says for an operator what is wrong and where to look, "" where
	// nothing is.
	Text string `json:"text,omitempty"`
	// CertificateEnds and Queued are as in Answer; Queued is nil where it was
	// not asked.
	CertificateEnds time.Time `json:"certificate_ends,omitzero"`
	Queued          *int      `json:"queued,omitempty"`
	Source          string    `json:"source,omitempty"`
}

// Accounts lists the accounts of the probes, so that what they do is left out
// of what is normal.
func Accounts(probes []Probe) []string {
	var accounts []string
	seen := map[string]bool{}
	for _, p := range probes {
		if p.Account != "" && !seen[p.Account] {
			seen[p.Account] = true
			accounts = append(accounts, p.Account)
		}
	}
	return accounts
}
