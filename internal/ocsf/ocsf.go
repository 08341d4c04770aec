// Package ocsf says what a line of a mail log states as an event of the Open
// Cybersecurity Schema Framework, which security databases and SIEMs read.
//
// Three classes are enough: Authentication (3002) for signing in and out, HTTP
// Activity (4002) for what goes through a web server, Email Activity (4009)
// for the mail protocols. The package encodes; it does not read lines, does
// not judge what they mean, and knows no files. It is called by internal/app.
//
// Source: ocsf/ocsf-schema at version 1.9.0, of August 2026: events/base_event,
// events/iam/authentication, events/network/http_activity and email_activity,
// objects/, dictionary.json. https://schema.ocsf.io shows the same.
package ocsf

import (
	"bytes"
	"time"

	"mailvigil/internal/jsonl"
	"mailvigil/maillog"
)

// Version is that of the schema. Of the attributes that are written, none is
// newer than 1.7.0.
const Version = "1.9.0"

// class is an event class. Its category is the thousands of its number.
type class int64

const (
	authentication class = 3002
	httpActivity   class = 4002
	emailActivity  class = 4009
)

// Line is where an event was read.
type Line struct {
	File   string // as shown to people; "" is standard input
	Number int64  // from 1
	Raw    []byte // the line itself; nil where it is not wanted
}

// Encoder encodes events. It is not safe for concurrent use.
type Encoder struct {
	w       jsonl.Writer
	product string // the object, encoded
	zone    *time.Location
	message []byte
}

// NewEncoder returns an Encoder for a release of Mailvigil. Times of the
// original are shown in the zone.
func NewEncoder(release string, zone *time.Location) *Encoder {
	var w jsonl.Writer
	w.Begin()
	w.String("name", "Mailvigil")
	w.String("vendor_name", "Mailvigil")
	w.String("version", release)
	return &Encoder{product: string(bytes.TrimSuffix(w.End(), []byte("\n"))), zone: zone}
}

// Encode returns the event as one line of JSON, which is valid until the next
// call.
func (e *Encoder) Encode(ev *maillog.Event, l Line) []byte {
	w := &e.w
	w.Begin()
	c := classOf(ev)
	e.base(c, ev, l)
	switch c {
	case authentication:
		e.authentication(ev)
	case httpActivity:
		e.http(ev)
		actor(w, ev)
		endpoints(w, ev)
		if ev.Bytes > 0 {
			w.Open("traffic")
			w.Int("bytes_in", ev.Bytes) // from the server to the client
			w.Close()
		}
	case emailActivity:
		// A sender and recipients are what a message states; the lines that
		// are read state who signed in. No recipients are known, and that is
		// what stands here: the schema asks for from or to.
		w.Int("direction_id", 0)
		w.Text("protocol_name", protocol(ev.Service))
		w.Open("email")
		w.Literal("to", "[]")
		if ev.Bytes > 0 && ev.Action == maillog.Send {
			w.Int("size", ev.Bytes)
		}
		w.Close()
		actor(w, ev)
		endpoints(w, ev)
	}
	unmapped(w, c, ev)
	if l.Raw != nil {
		w.Bytes("raw_data", l.Raw)
	}
	return w.End()
}

// base writes what every class has.
func (e *Encoder) base(c class, ev *maillog.Event, l Line) {
	w := &e.w
	id, name := activity(c, ev)
	t := time.Unix(0, ev.Time).In(e.zone)
	_, offset := t.Zone()
	w.Int("class_uid", int64(c))
	w.Int("category_uid", int64(c)/1000)
	w.Int("activity_id", id)
	w.String("activity_name", name)
	w.Int("type_uid", int64(c)*100+id)
	// One line is never more than that: what many of them mean, the verdict
	// says.
	w.Int("severity_id", 1)
	w.Int("time", t.UnixMilli())
	w.Int("timezone_offset", int64(offset/60))
	w.Bytes("message", e.sentence(ev))
	status, caption := int64(0), "Unknown"
	switch ev.Outcome {
	case maillog.OutcomeNone:
	case maillog.Success:
		status, caption = 1, "Success"
	default:
		status, caption = 2, "Failure"
	}
	w.Int("status_id", status)
	w.String("status", caption)
	switch {
	case ev.Reason != "":
		w.String("status_detail", ev.Reason)
	case status == 2:
		w.String("status_detail", ev.Outcome.String())
	}

	w.Open("metadata")
	w.Literal("product", e.product)
	w.String("version", Version)
	if c != authentication {
		w.Literal("profiles", `["host"]`) // the actor comes with it
	}
	w.String("log_name", ev.Format.String())
	w.Text("log_source", l.File)
	w.Int("sequence", l.Number)
	w.Time("original_time", t)
	w.Close()
}

// sentence is "imap login: failure (unknown user)".
func (e *Encoder) sentence(ev *maillog.Event) []byte {
	m := append(e.message[:0], serviceName(ev)...)
	m = append(m, ' ')
	m = append(m, ev.Action.String()...)
	if ev.Outcome != maillog.OutcomeNone {
		m = append(m, ": "...)
		m = append(m, ev.Outcome.String()...)
	}
	if ev.Reason != "" {
		m = append(m, " ("...)
		m = append(m, ev.Reason...)
		m = append(m, ')')
	}
	e.message = m
	return m
}

func (e *Encoder) authentication(ev *maillog.Event) {
	w := &e.w
	// The schema demands a user; where the line names none, the name is the
	// empty string, which cannot be anybody's.
	w.Open("user")
	w.Bytes("name", ev.Account)
	w.Close()
	w.Open("service")
	w.String("name", serviceName(ev))
	w.Close()
	if len(ev.Mechanism) > 0 {
		id, caption := authProtocol(ev.Mechanism)
		w.Int("auth_protocol_id", id)
		if caption != "" {
			w.String("auth_protocol", caption)
		} else {
			w.Bytes("auth_protocol", ev.Mechanism)
		}
	}
	w.Int("logon_type_id", 3)
	w.String("logon_type", "Network")
	w.Literal("is_remote", "true")
	if len(ev.Session) > 0 {
		w.Open("session")
		w.Bytes("uid", ev.Session)
		w.Close()
	}
	endpoints(w, ev)
	if overHTTP(ev) {
		e.http(ev)
	}
}

// http writes the request as far as the line states it, and the response.
func (e *Encoder) http(ev *maillog.Event) {
	w := &e.w
	w.Open("http_request")
	w.TextBytes("user_agent", ev.UserAgent)
	if len(ev.URL) > 0 {
		path, query, _ := bytes.Cut(ev.URL, []byte("?"))
		w.Open("url")
		if len(path) > 0 && path[0] != '/' { // a whole URL, or what a scanner sent
			w.Bytes("url_string", ev.URL)
		} else {
			w.Bytes("path", path)
			w.TextBytes("query_string", query)
		}
		w.Close()
	}
	w.Close()
	if ev.Status != 0 {
		w.Open("http_response")
		w.Int("code", int64(ev.Status))
		w.Close()
	}
}

// actor is who did it, outside Authentication.
func actor(w *jsonl.Writer, ev *maillog.Event) {
	if len(ev.Account) == 0 && len(ev.Session) == 0 {
		return
	}
	w.Open("actor")
	if len(ev.Account) > 0 {
		w.Open("user")
		w.Bytes("name", ev.Account)
		w.Close()
	}
	if len(ev.Session) > 0 {
		w.Open("session")
		w.Bytes("uid", ev.Session)
		w.Close()
	}
	w.Close()
}

// endpoints are the client with its device, and the service.
func endpoints(w *jsonl.Writer, ev *maillog.Event) {
	if ev.ClientIP.IsValid() || len(ev.Device) > 0 {
		w.Open("src_endpoint")
		if ev.ClientIP.IsValid() {
			w.Addr("ip", ev.ClientIP)
		}
		w.TextBytes("uid", ev.Device)
		if len(ev.Device) > 0 && len(ev.DeviceType) > 0 {
			w.Int("type_id", 99) // in the software's own words
			w.Bytes("type", ev.DeviceType)
		}
		w.Close()
	}
	w.Open("dst_endpoint")
	w.String("svc_name", serviceName(ev))
	if ev.ServerIP.IsValid() {
		w.Addr("ip", ev.ServerIP)
	}
	w.Close()
}

// unmapped are our own words, which say more than those of the schema.
func unmapped(w *jsonl.Writer, c class, ev *maillog.Event) {
	w.Open("unmapped")
	w.Text("service", ev.Service.String())
	w.Text("action", ev.Action.String())
	w.Text("outcome", ev.Outcome.String())
	if c == emailActivity {
		w.TextBytes("user_agent", ev.UserAgent)
		if ev.Status != 0 {
			w.Int("status", int64(ev.Status))
		}
	}
	if c == authentication && !overHTTP(ev) {
		w.TextBytes("user_agent", ev.UserAgent)
	}
	if c != authentication {
		w.TextBytes("mechanism", ev.Mechanism)
	}
	if ev.Bytes > 0 && (c == authentication || c == emailActivity && ev.Action != maillog.Send) {
		w.Int("bytes", ev.Bytes)
	}
	if ev.Messages > 0 {
		w.Int("messages", int64(ev.Messages))
	}
	w.True("joined", ev.Joined)
	w.Close()
}

// classOf chooses the class. What was done decides first, then the way it
// went.
func classOf(ev *maillog.Event) class {
	switch {
	case ev.Action == maillog.Login || ev.Action == maillog.Logout:
		return authentication
	case len(ev.URL) > 0 || ev.Status != 0:
		return httpActivity
	case ev.Action == maillog.Send || protocol(ev.Service) != "" || ev.Service == maillog.ServiceNone:
		return emailActivity
	}
	return httpActivity
}

// activity is the activity_id of an event in its class, with its caption.
func activity(c class, ev *maillog.Event) (id int64, name string) {
	switch c {
	case authentication:
		if ev.Action == maillog.Logout {
			return 2, "Logoff"
		}
		return 1, "Logon"
	case httpActivity:
		// The activity is the method, which events do not keep. ActiveSync's
		// is known: a command is posted (MS-ASHTTP 2.2.1).
		switch {
		case ev.Service != maillog.ActiveSync || ev.Action == maillog.Request || ev.Action == maillog.ActionNone:
		case ev.Action == maillog.EASOptions:
			return 5, "Options"
		default:
			return 6, "Post"
		}
		return 0, "Unknown"
	}
	switch {
	case ev.Action == maillog.Send && (len(ev.Account) > 0 || ev.Service != maillog.SMTP):
		return 1, "Send"
	case ev.Action == maillog.Send && ev.ClientIP.IsValid():
		return 2, "Receive"
	case ev.Action == maillog.Send || ev.Action == maillog.ActionNone:
		return 0, "Unknown"
	}
	return 99, ev.Action.String()
}

// protocol is the mail protocol of a service; "" for services over HTTP.
func protocol(s maillog.Service) string {
	switch s {
	case maillog.SMTP, maillog.Submission:
		return "SMTP"
	case maillog.IMAP:
		return "IMAP"
	case maillog.POP3:
		return "POP3"
	case maillog.Sieve:
		return "ManageSieve"
	}
	return ""
}

// serviceName is the service or, where the line does not say, the software.
func serviceName(ev *maillog.Event) string {
	if ev.Service == maillog.ServiceNone {
		return ev.Format.String()
	}
	return ev.Service.String()
}

func overHTTP(ev *maillog.Event) bool {
	return len(ev.URL) > 0 || ev.Status != 0 || len(ev.UserAgent) > 0 && protocol(ev.Service) == ""
}

// authProtocol maps a SASL mechanism, or how HTTP authenticated, onto
// auth_protocol_id. Passwords in the clear (PLAIN, LOGIN) and SCRAM have no
// number there: they are Other, in their own name.
func authProtocol(mechanism []byte) (id int64, caption string) {
	for _, m := range mechanisms {
		if bytes.EqualFold(mechanism, m.name) {
			return m.id, m.caption
		}
	}
	return 99, ""
}

var mechanisms = []struct {
	name    []byte
	id      int64
	caption string
}{
	{[]byte("NTLM"), 1, "NTLM"},
	{[]byte("GSSAPI"), 2, "Kerberos"},
	{[]byte("GSS-SPNEGO"), 2, "Kerberos"},
	{[]byte("KERBEROS_V4"), 2, "Kerberos"},
	{[]byte("Kerberos"), 2, "Kerberos"},
	{[]byte("DIGEST-MD5"), 3, "Digest"},
	{[]byte("Digest"), 3, "Digest"},
	{[]byte("OPENID20"), 4, "OpenID"},
	{[]byte("SAML20"), 5, "SAML"},
	{[]byte("SAML"), 5, "SAML"},
	{[]byte("OAUTHBEARER"), 6, "OAUTH 2.0"},
	{[]byte("XOAUTH2"), 6, "OAUTH 2.0"},
	{[]byte("Basic"), 11, "Basic Authentication"},
}
