// Package maillog turns one line of a mail server's, webmail's or web
// server's log into an Event: what happened, to which account, from which
// address, and how it ended.
//
// It is pure: no files, no clock, no zones loaded. Whoever calls it
// (internal/intake and internal/pipeline) brings the bytes, the zone, and the
// date that a log without years is measured against. It does not decide what
// is suspicious, who an account is, or whom an address belongs to.
package maillog

import (
	"net/netip"
	"strconv"
)

// Event is one thing that happened at the mail service, as one line states it.
//
// The byte slices are views into the line that was parsed, or into memory of
// the Parser. They are valid until the next call of Parse; whoever keeps them
// longer copies them. Nothing in them is trusted: an attacker chooses user
// names, user agents and URLs.
type Event struct {
	Time    int64 // Unix nanoseconds
	Format  Format
	Service Service
	Action  Action
	Outcome Outcome
	Status  uint16 // HTTP status, 0 where the line has none

	// Reason says why, in our words, where the software says it: "password
	// mismatch", "unknown user". Always a constant of this package, so it is
	// safe to show.
	Reason string

	// ClientIP is the address as the software itself wrote it, never one
	// that the client could have written. It may belong to a proxy or to the
	// webmail host; internal/enrich knows those.
	ClientIP netip.Addr
	// ServerIP is the server's own address (Dovecot's lip), where stated.
	ServerIP netip.Addr

	Account    []byte // as the software wrote it, its escapes undone
	UserAgent  []byte // HTTP user agent, or the fields of an IMAP ID
	Device     []byte // a stated device identity: ActiveSync's DeviceId
	DeviceType []byte // ActiveSync's DeviceType
	Session    []byte
	Mechanism  []byte // SASL mechanism
	URL        []byte // request target of HTTP formats, with its query
	Hostname   []byte // reverse name of the client, where stated (Postfix); forgeable
	Bytes      int64  // sent to the client, or the size of a message
	Messages   int32  // messages fetched in a session, or recipients of one message

	// Joined is true where fields were filled from earlier lines: the
	// address of a Dovecot session, the account of a Postfix queue id.
	Joined bool
}

// Reset empties the Event so that it can be used for the next line.
func (e *Event) Reset() { *e = Event{} }

// Service is the door that was used.
type Service uint8

// The services. Web is a request to a mail host that belongs to none of them.
const (
	ServiceNone Service = iota
	Webmail
	OWA
	ActiveSync
	IMAP
	POP3
	Submission
	SMTP
	DAV
	EWS
	MAPI
	Autodiscover
	JMAP
	Admin
	Web
	Sieve // ManageSieve
	serviceEnd
)

var serviceNames = [serviceEnd]string{
	"", "webmail", "owa", "activesync", "imap", "pop3", "submission", "smtp",
	"dav", "ews", "mapi", "autodiscover", "jmap", "admin", "web",
	"sieve",
}

func (s Service) String() string { return name(serviceNames[:], uint8(s)) }

// Action is what was done at the service.
type Action uint8

// The actions. Those from EASSync on are ActiveSync's commands (MS-ASCMD).
const (
	ActionNone Action = iota
	Login
	Logout
	Request
	List
	Read
	Search
	Download
	Send
	Sync
	Ping
	Delete
	Rule
	Forward
	Setting
	Probe
	EASFolderSync
	EASProvision
	EASOptions
	EASItemOperations
	EASGetItemEstimate
	EASMeetingResponse
	EASMoveItems
	EASSendMail
	EASSmartReply
	EASSmartForward
	EASResolveRecipients
	EASValidateCert
	EASFolderCreate
	EASFolderDelete
	EASFolderUpdate
	EASGetAttachment
	EASGetHierarchy
	EASFind
	EASOther
	actionEnd
)

var actionNames = [actionEnd]string{
	"", "login", "logout", "request", "list", "read", "search", "download",
	"send", "sync", "ping", "delete", "rule", "forward", "setting", "probe",
	"foldersync", "provision", "options", "itemoperations", "getitemestimate",
	"meetingresponse", "moveitems", "sendmail", "smartreply", "smartforward",
	"resolverecipients", "validatecert", "foldercreate", "folderdelete",
	"folderupdate", "getattachment", "gethierarchy", "find", "other",
}

func (a Action) String() string { return name(actionNames[:], uint8(a)) }

// Outcome is how it ended.
type Outcome uint8

// The outcomes. OutcomeNone means that the line does not say.
const (
	OutcomeNone Outcome = iota
	Success
	Failure // wrong credentials
	Denied  // by policy
	Refused // by capacity or state
	Error   // the service's fault
	outcomeEnd
)

var outcomeNames = [outcomeEnd]string{"", "success", "failure", "denied", "refused", "error"}

func (o Outcome) String() string { return name(outcomeNames[:], uint8(o)) }

func name(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return "#" + strconv.Itoa(int(i))
}
