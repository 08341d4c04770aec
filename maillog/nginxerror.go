package maillog

import (
	"bytes"
	"net/netip"
)

// nginxError reads a line of nginx's error log, in which its mail proxy
// writes too:
//
//	2026/02/21 00:03:02 [info] 8#8: *15 client login failed: "Invalid login or password" while in http auth state, client: 198.51.100.7, server: 0.0.0.0:993, login: "anna"
func (p *Parser) nginxError(line []byte, ev *Event) Result {
	s, rest, ok := slashStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format = NginxError
	return p.nginxMessage(rest, ev)
}

// nginxSyslog reads what nginx sends to syslog: error lines, which state their
// time again, and access lines.
func (p *Parser) nginxSyslog(_, msg []byte, ev *Event) Result {
	if rest, ok := after(msg, "nginx: "); ok {
		msg = rest
	}
	if _, rest, ok := slashStamp(msg); ok {
		return p.nginxMessage(rest, ev)
	}
	if beginsCombined(msg) {
		return p.combined(msg, ev)
	}
	return ignored
}

func beginsNginxError(line []byte) bool {
	_, rest, ok := slashStamp(line)
	return ok && hasPrefix(rest, "[")
}

// slashStamp reads "2026/02/21 00:03:02 " off the start of a line.
func slashStamp(b []byte) (s stamp, rest []byte, ok bool) {
	if len(b) < 20 || b[4] != '/' || b[7] != '/' || b[10] != ' ' || two(b, 0) < 0 || two(b, 2) < 0 {
		return s, nil, false
	}
	s.year, s.month, s.day = two(b, 0)*100+two(b, 2), two(b, 5), two(b, 8)
	rest, ok = s.timeOfDay(b[11:])
	if !ok || !hasPrefix(rest, " ") {
		return s, nil, false
	}
	return s, rest[1:], true
}

// nginxMessage reads "[level] pid#tid: *connection TEXT, client: ADDRESS,
// server: NAME, …".
func (p *Parser) nginxMessage(b []byte, ev *Event) Result {
	_, text, ok := cut(b, ": ")
	if !ok || !hasPrefix(b, "[") {
		return rejected(whyCut)
	}
	if hasPrefix(text, "*") {
		_, text, _ = cut(text, " ")
	}
	if rest, ok := after(text, "client "); ok && p.opt.Mixed {
		// "client 198.51.100.7:54928 connected to 0.0.0.0:25"
		if addr, rest, ok := leadingAddr(rest[:max(0, index(rest, ":"))]); ok && len(rest) == 0 && contains(text, " connected to ") {
			ev.ClientIP, ev.Action = addr, Request
			return parsed
		}
	}
	said, fields, client, known := nginxClient(text)
	if fields == nil {
		return ignored
	}
	server, fields, _ := cut(fields, ", ")
	ev.Service = Web
	switch r := nginxSaid(said, server, fields, ev); {
	case r.Kind == Parsed:
	case r.Kind == Ignored && p.opt.Mixed: // its access log or a later line says what became of it
		ev.Action = Request
	default:
		return r
	}
	if known {
		ev.ClientIP = client
	}
	return parsed
}

// nginxClient finds ", client: ADDRESS, server: ". What it says before that
// may hold a user's name or a path, and only the referrer comes after it with
// blanks of the client's choice (requests with blanks are refused since
// 1.21.1). So the last place is the true one, unless a referrer is stated and
// there are several: then which is true cannot be told, and known is false.
func nginxClient(text []byte) (said, fields []byte, client netip.Addr, known bool) {
	const mark, server = ", client: ", ", server: "
	found := 0
	var first []byte
	for off := 0; ; {
		i := index(text[off:], mark)
		if i < 0 {
			break
		}
		i += off
		off = i + len(mark)
		value, rest, ok := cut(text[off:], ",")
		if !ok || !hasPrefix(rest, server[1:]) {
			continue
		}
		if addr, ok := parseAddr(value); ok {
			if found++; found == 1 {
				first = text[:i]
			}
			said, fields, client = text[:i], rest[len(server)-1:], addr
		}
	}
	if found > 1 && contains(text, ", referrer: \"") {
		return first, fields, client, false
	}
	return said, fields, client, true
}

func nginxSaid(said, server, fields []byte, ev *Event) Result {
	switch {
	case hasPrefix(said, "client login failed: "), hasPrefix(said, "client logged in"):
		// The mail proxy.
		ev.Service = portService(server)
		ev.Action, ev.Outcome = Login, Success
		if hasPrefix(said, "client login failed") {
			ev.Outcome = Failure
		}
		if i := index(fields, "login: \""); i >= 0 {
			name := fields[i+len("login: \""):]
			end := lastIndex(name, "\", upstream: ")
			if end < 0 {
				end = len(name) - 1
			}
			if end < 0 || name[end] != '"' {
				return rejected(whyCut)
			}
			ev.Account = name[:end]
		}
		return parsed
	case hasPrefix(said, "user \""):
		name := said[len("user \""):]
		ev.Action, ev.Outcome = Login, Failure
		if hasSuffix(name, "\": password mismatch") {
			ev.Account, ev.Reason = name[:len(name)-len("\": password mismatch")], reasonMismatch
			return parsed
		}
		if i := lastIndex(name, "\" was not found in \""); i >= 0 {
			ev.Account, ev.Reason = name[:i], reasonUnknownUser
			return parsed
		}
		return ignored
	case hasPrefix(said, "PAM: user '"): // ngx_http_auth_pam_module
		name := said[len("PAM: user '"):]
		i := lastIndex(name, "' - not authenticated: ")
		if i < 0 {
			return ignored
		}
		ev.Account = name[:i]
		ev.Action, ev.Outcome = Login, Failure
		return parsed
	case hasPrefix(said, "access forbidden by rule"), hasPrefix(said, "directory index of ") && hasSuffix(said, " is forbidden"):
		ev.Action, ev.Outcome, ev.Reason = Request, Denied, reasonPolicy
		return parsed
	case hasPrefix(said, "limiting requests, excess: "), hasPrefix(said, "limiting connections by zone "):
		ev.Action, ev.Outcome, ev.Reason = Request, Refused, reasonRate
		return parsed
	case hasPrefix(said, "SSL_do_handshake() failed"), hasPrefix(said, "SSL_read() failed"):
		ev.Service = portService(server)
		ev.Action, ev.Outcome, ev.Reason = Probe, Refused, reasonTLS
		return parsed
	}
	return ignored
}

const reasonRate = "too many requests"

// portService tells the service from the port at the end of "0.0.0.0:993".
func portService(server []byte) Service {
	n, _, ok := digits(server[bytes.LastIndexByte(server, ':')+1:])
	if !ok {
		return Web
	}
	switch n {
	case 143, 993:
		return IMAP
	case 110, 995:
		return POP3
	case 465, 587:
		return Submission
	case 25:
		return SMTP
	case 4190:
		return Sieve
	}
	return Web
}
