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

// nginxClient finds ", client: ADDRESS, server: ". The client may have written
// it too: into the request or its headers, which come after, into a name that
// nginx's mail proxy repeats at the end, and, where nginx repeats a name
// first, before it. A name may even hold a newline, so that all of a line but
// its end is forged. Behind a name the last place counts if nginx's own words
// stand right before it and nothing that may hold blanks after it (requests
// with blanks are refused since 1.21.1). Where a second place could be the
// true one, known is false.
func nginxClient(text []byte) (said, fields []byte, client netip.Addr, known bool) {
	const mark, server = ", client: ", ", server: "
	var last, lastFields []byte
	var lastClient netip.Addr
	found := 0
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
			last, lastFields, lastClient = text[:i], rest[len(server)-1:], addr
			if found++; found == 1 {
				said, fields, client = last, lastFields, addr
			}
		}
	}
	switch {
	case found < 2:
		return said, fields, client, true
	case nginxOwnWords(said):
		return said, fields, client, !contains(fields, "\" was not found in \"") && !contains(fields, "\": password mismatch, client: ") &&
			!contains(fields, "' - not authenticated: ")
	case !contains(text, ", referrer: \"") && (hasSuffix(last, "\": password mismatch") || contains(last, " was not found in \"") && hasSuffix(last, "\"")):
		return last, lastFields, lastClient, true
	}
	return said, fields, client, false
}

// nginxOwnWords reports whether nothing that a client wrote stands in what
// nginx says before it names the client.
func nginxOwnWords(said []byte) bool {
	for _, s := range [...]string{
		"client login failed: ", "client logged in", "client sent ", "access forbidden by rule", "limiting requests, excess: ",
		"limiting connections by zone ", "SSL_do_handshake() failed", "SSL_read() failed", "recv() failed", "upstream ",
	} {
		if hasPrefix(said, s) {
			return true
		}
	}
	return false
}

func nginxSaid(said, server, fields []byte, ev *Event) Result {
	switch {
	case hasPrefix(said, "client login failed: "):
		return nginxLogin(server, fields, Failure, "", ev)
	case hasPrefix(said, "client logged in"):
		return nginxLogin(server, fields, Success, "", ev)
	case hasPrefix(said, "auth http server "), hasPrefix(fields, "login: \"") && hasPrefix(said, "connect() failed"),
		hasPrefix(fields, "login: \"") && hasPrefix(said, "upstream timed out"):
		return nginxLogin(server, fields, Error, reasonBackend, ev)
	case hasPrefix(said, "upstream sent invalid response: \"") && hasPrefix(fields, "login: \""):
		// auth_http let the client through and the server behind did not.
		switch reply := said[len("upstream sent invalid response: \""):]; {
		case hasPrefix(reply, "NO "), hasPrefix(reply, "-ERR"), hasPrefix(reply, "535 "):
			return nginxLogin(server, fields, Failure, "", ev)
		}
		return nginxLogin(server, fields, Error, reasonBackend, ev)
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

// nginxLogin reads the end of a line of the mail proxy: `login: "NAME",
// upstream: ADDRESS`.
func nginxLogin(server, fields []byte, o Outcome, reason string, ev *Event) Result {
	if ev.Service = portService(server); ev.Service == Web {
		ev.Service = ServiceNone // a port of its own
	}
	ev.Action, ev.Outcome, ev.Reason = Login, o, reason
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
