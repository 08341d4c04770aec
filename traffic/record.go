// Package traffic counts: Events that were enriched become Cells, additive
// counts per slot and low-cardinality attributes, and heavy hitters of
// everything that has too many values for a Cell.
//
// Counts merge: two Counters that read different files give the same result
// as one that read both, in any order. The package knows nothing of what is
// normal (baseline) and nothing of what is hostile (abuse).
package traffic

import (
	"net/netip"
	"unique"

	"mailvigil/maillog"
)

// Slot is one minute of event time: Unix seconds divided by 60.
type Slot int64

// SlotOf returns the slot of a time in Unix nanoseconds.
func SlotOf(ns int64) Slot {
	const minute = 60 * 1e9
	s := ns / minute
	if ns%minute < 0 {
		s--
	}
	return Slot(s)
}

// Unix returns the slot's first second.
func (s Slot) Unix() int64 { return int64(s) * 60 }

// Agent is the client software behind a user agent or an IMAP ID.
// Empty fields are not known.
type Agent struct {
	Client    string // family: "Apple Mail", "Thunderbird", "Chrome", "Outlook"
	Version   string
	OS        string // "iOS", "Android", "Windows", "macOS", "Linux"
	OSVersion string // "26.0", "17.2.1"
}

// Network is what is known of an address without naming it.
type Network struct {
	ASN     uint32 // 0 where not known
	ASName  string
	Country string // ISO 3166 alpha-2, "" where not known
	Kind    Kind
}

// Kind is the kind of a network.
type Kind string

// The kinds of network. KindInternal is private address space and the
// organisation's own servers; KindOffice is where its people sit.
const (
	KindUnknown     Kind = ""
	KindInternal    Kind = "internal"
	KindOffice      Kind = "office"
	KindResidential Kind = "residential"
	KindMobile      Kind = "mobile"
	KindHosting     Kind = "hosting"
	KindVPN         Kind = "vpn"
	KindEducation   Kind = "education"
	KindGovernment  Kind = "government"
)

// Record is an Event with what enrichment adds to it. The handles can be
// compared and kept; Event is valid only as long as the line it came from.
type Record struct {
	Event *maillog.Event
	Ref   Ref

	// Account is one person's account, however it was spelt; "" where the
	// line names none.
	Account string
	// Agent and Network are never the zero Handle: where the line names no
	// client or no address they hold the empty value.
	Agent   unique.Handle[Agent]
	Network unique.Handle[Network]
	// Addr is the client's true address: invalid where the line has none or
	// where the address belongs to one of the organisation's own proxies,
	// webmail hosts or relays (Relay is true then).
	Addr  netip.Addr
	Relay bool

	// Party numbers who did it, from 1: Records of one reader and Epoch with
	// the same Party have the same service, account, address, client and
	// device, so that what follows from these need be found out only once. 0:
	// not known. A new Epoch numbers anew.
	Party int32
	Epoch int32
}

// Deed numbers what a party did, with what outcome: Records of one reader with
// the same Deed differ in nothing but time, place in the log, and amounts. 0:
// not known.
func (r *Record) Deed() uint64 {
	e := r.Event
	if r.Party == 0 || e.Status >= 1<<12 || e.Outcome >= 1<<4 {
		return 0
	}
	return uint64(r.Epoch)<<41 | uint64(r.Party)<<24 | uint64(e.Action)<<16 | uint64(e.Outcome)<<12 | uint64(e.Status)
}

// DeedSlot is a deed's place in a table of 2^bits that remembers some.
func DeedSlot(deed uint64, bits uint) uint64 { return deed * 0x9e3779b97f4a7c15 >> (64 - bits) }

// Ref says where the line of a Record stands, so that every statement can be
// followed to the raw line.
type Ref struct {
	File   int32 // index of the file in the run
	Line   int64 // from 1
	Offset int64 // in the decompressed stream
}
