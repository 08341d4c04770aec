package maillog

import "bytes"

// apacheError reads a line of Apache's error log, of 2.2 and of 2.4:
//
//	[Sat Feb 21 00:03:02.880562 2026] [auth_basic:error] [pid 10:tid 140] [client 198.51.100.7:50229] AH01618: user anna not found: /dav
//
// The address stands in the brackets before the text.
func (p *Parser) apacheError(line []byte, ev *Event) Result {
	s, rest, ok := apacheStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format = ApacheError
	return p.apacheMessage(rest, ev)
}

// apacheSyslog reads what Apache sends to syslog: error lines without their
// time, and access lines.
func (p *Parser) apacheSyslog(_, msg []byte, ev *Event) Result {
	if hasPrefix(msg, "[") {
		return p.apacheMessage(msg, ev)
	}
	if beginsCombined(msg) {
		return p.combined(msg, ev)
	}
	return ignored
}

func beginsApacheError(line []byte) bool {
	_, rest, ok := apacheStamp(line)
	return ok && hasPrefix(rest, "[")
}

// apacheStamp reads "[Sat Feb 21 00:03:02.880562 2026] " off the start.
func apacheStamp(b []byte) (s stamp, rest []byte, ok bool) {
	if len(b) < 28 || b[0] != '[' || b[4] != ' ' || b[8] != ' ' || b[11] != ' ' {
		return s, nil, false
	}
	s.month = monthOf(b[5:])
	if s.day = two(b, 9); b[9] == ' ' && isDigit(b[10]) {
		s.day = int(b[10] - '0')
	}
	rest, ok = s.timeOfDay(b[12:])
	if !ok || len(rest) < 7 || rest[0] != ' ' || rest[5] != ']' || rest[6] != ' ' || two(rest, 1) < 0 || two(rest, 3) < 0 {
		return s, nil, false
	}
	s.year = two(rest, 1)*100 + two(rest, 3)
	return s, rest[7:], true
}

// apacheMessage reads the brackets "[module:level] [pid …] [client …]" and
// the text.
func (p *Parser) apacheMessage(b []byte, ev *Event) Result {
	var module []byte
	for first := true; hasPrefix(b, "["); first = false {
		inside, rest, ok := cut(b[1:], "] ")
		if !ok {
			return rejected(whyCut)
		}
		if first {
			module, _, _ = cut(inside, ":")
		}
		b = rest
		peer, ok := after(inside, "client ")
		if !ok {
			if peer, ok = after(inside, "remote "); !ok { // before the request is read
				continue
			}
		}
		// "198.51.100.7:50229", and 2.2's address without a port; of IPv6 the
		// brackets are left out.
		addr, ok := parseAddr(peer)
		if i := bytes.LastIndexByte(peer, ':'); i > 0 && string(module) != "error" {
			if a, withPort := parseAddr(peer[:i]); withPort {
				addr, ok = a, true
			}
		}
		if !ok {
			return rejected(whyAddress)
		}
		ev.ClientIP = addr
		break // what follows may be the client's
	}
	if !ev.ClientIP.IsValid() {
		return ignored
	}
	if len(b) > 9 && hasPrefix(b, "AH") && hasPrefix(b[7:], ": ") {
		b = b[9:]
	}
	if rest, ok := after(b, "Digest: "); ok {
		b = rest
	}
	ev.Service, ev.Action, ev.Outcome = Web, Login, Failure
	switch {
	case hasPrefix(b, "user "):
		return p.apacheUser(b[len("user "):], ev)
	case hasPrefix(b, "client denied by server configuration: "):
		// mod_evasive says so of those that it slows down, in a line of its own.
		if string(module) == "evasive20" {
			return ignored
		}
		ev.Action, ev.Outcome, ev.Reason = Request, Denied, reasonPolicy
	case hasPrefix(b, "Authorization of user "):
		name, _, ok := cut(b[len("Authorization of user "):], " to access ")
		if !ok {
			return rejected(whyCut)
		}
		ev.Account, ev.Outcome, ev.Reason = name, Denied, reasonPolicy
	case hasPrefix(b, "client used wrong authentication scheme"), hasPrefix(b, "invalid qop "), hasPrefix(b, "unknown algorithm "),
		hasPrefix(b, "realm mismatch - got "), hasPrefix(b, "invalid opaque "), hasPrefix(b, "missing user, realm, nonce, "):
		ev.Reason = reasonProtocol
	case hasPrefix(b, "invalid nonce "):
		// A nonce that the server made before it was started anew is no
		// offence; one that it never made is.
		if !contains(b, " received - length is not ") && !contains(b, " received - user attempted time travel") {
			return ignored
		}
		ev.Reason = reasonProtocol
	case hasPrefix(b, "auth_ldap authenticate: user "):
		name, why, ok := cut(b[len("auth_ldap authenticate: user "):], " authentication failed; URI ")
		if !ok {
			return ignored
		}
		ev.Account = name
		if contains(why, "[User not found]") {
			ev.Reason = reasonUnknownUser
		} else if contains(why, "[ldap_simple_bind() to check user credentials failed][Invalid credentials]") {
			ev.Reason = reasonMismatch
		}
	case hasPrefix(b, "ModSecurity: Access denied "):
		ev.Action, ev.Outcome, ev.Reason = Request, Denied, reasonPolicy
	case hasPrefix(b, "Invalid URI in request "), hasPrefix(b, "invalid URI path ("), hasPrefix(b, "request failed: "), hasPrefix(b, "uri mismatch - "):
		ev.Action, ev.Outcome, ev.Reason = Probe, Denied, reasonProtocol
	case hasPrefix(b, "No hostname was provided via SNI "):
		ev.Action, ev.Outcome, ev.Reason = Probe, Denied, reasonPolicy
	default:
		return ignored
	}
	return parsed
}

// apacheUser reads what follows "user ": "NAME not found: URI", "NAME:
// authentication failure for …", "NAME: password mismatch: …", "`NAME' in
// realm `…' not found: …".
func (p *Parser) apacheUser(b []byte, ev *Event) Result {
	for _, c := range [...]struct {
		said, reason string
		outcome      Outcome
	}{
		{"' in realm `", reasonUnknownUser, Failure},
		{": authentication failure for \"", reasonMismatch, Failure},
		{": password mismatch", reasonMismatch, Failure},
		{": authorization failure for \"", reasonPolicy, Denied},
		{" not found", reasonUnknownUser, Failure},
	} {
		if i := index(b, c.said); i >= 0 {
			ev.Account = unescapeLog(&p.account, bytes.TrimPrefix(b[:i], []byte("`")))
			ev.Outcome, ev.Reason = c.outcome, c.reason
			return parsed
		}
	}
	return ignored
}
