package maillog

import "bytes"

// kerio reads a line of Kerio Connect's security, warning or mail log:
//
//	[21/Feb/2026 00:03:02] IMAP: Invalid password for user anna@parl.example. Attempt from IP address 198.51.100.7.
//
// In a line that quotes the client the address stands either before what it
// wrote or at the end.
func (p *Parser) kerio(line []byte, ev *Event) Result {
	s, b, ok := kerioStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format, ev.Service = Kerio, SMTP

	// The address first.
	for _, c := range [...]struct {
		start, has string
		action     Action
		outcome    Outcome
		reason     string
	}{
		{"Relay attempt from IP address ", "", Send, Denied, reasonRelay},
		{"Message from IP address ", " rejected: ", Send, Denied, reasonPolicy},
		{"IP address ", " found in DNS blacklist ", Send, Denied, reasonListed},
		{"Client with IP address ", " connection rejected ", Probe, Denied, reasonPolicy},
		{"SMTP Spam attack detected from ", "", Probe, Denied, reasonProtocol},
		{"Directory harvest attack from ", "", Probe, Denied, reasonTooManyTries},
		{"Failed SMTP login from ", "", Login, Failure, ""},
		{"Failed IMAP login from ", "", Login, Failure, ""},
		{"Failed POP3 login from ", "", Login, Failure, ""},
	} {
		rest, ok := after(b, c.start)
		if !ok {
			continue
		}
		addr, tail, ok := leadingAddr(bytes.TrimPrefix(rest, []byte("IP address ")))
		if !ok {
			return rejected(whyAddress)
		}
		if len(tail) == 0 || c.has != "" && !contains(tail, c.has) {
			return rejected(whyCut)
		}
		ev.ClientIP, ev.Action, ev.Outcome, ev.Reason = addr, c.action, c.outcome, c.reason
		if c.action == Login {
			ev.Service = kerioService(b[len("Failed "):])
			if _, m, ok := cut(tail, " with SASL method "); ok {
				ev.Mechanism, _, _ = cut(m, ".")
			}
		}
		return parsed
	}

	// The address last.
	if rest, ok := after(b, "Attempt to deliver to unknown recipient <"); ok {
		i := lastIndex(rest, ">, IP address ")
		if i < 0 {
			return rejected(whyCut)
		}
		if ev.ClientIP, ok = parseAddr(rest[i+len(">, IP address "):]); !ok {
			return rejected(whyAddress)
		}
		ev.Account, _, _ = cut(rest, ">, from <")
		ev.Action, ev.Outcome, ev.Reason = Send, Denied, reasonRecipient
		return parsed
	}
	if rest, ok := after(b, "Administration login into "); ok {
		i := lastIndex(rest, " from ")
		if i < 0 || !contains(rest[i:], " failed: ") {
			return ignored
		}
		if ev.ClientIP, _, ok = leadingAddr(rest[i+len(" from "):]); !ok {
			return rejected(whyAddress)
		}
		ev.Service, ev.Action, ev.Outcome = Admin, Login, Failure
		if hasSuffix(rest, "IP address not allowed") {
			ev.Outcome, ev.Reason = Denied, reasonPolicy
		}
		return parsed
	}
	i := lastIndex(b, ". Attempt from IP address ")
	if i < 0 {
		return ignored
	}
	value := b[i+len(". Attempt from IP address "):]
	if !hasSuffix(value, ".") {
		return rejected(whyCut)
	}
	if ev.ClientIP, ok = parseAddr(value[:len(value)-1]); !ok {
		return rejected(whyAddress)
	}
	_, said, ok := cut(b[:i], ": ")
	if !ok {
		return rejected(whyCut)
	}
	ev.Service, ev.Action, ev.Outcome = kerioService(b), Login, Failure
	switch {
	case hasPrefix(said, "Invalid password for user "):
		ev.Account, ev.Reason = said[len("Invalid password for user "):], reasonMismatch
	case hasPrefix(said, "User "):
		if i := lastIndex(said[len("User "):], " doesn't exist"); i >= 0 {
			ev.Account, ev.Reason = said[len("User "):][:i], reasonUnknownUser
		}
	}
	return parsed
}

func kerioService(b []byte) Service {
	switch {
	case hasPrefix(b, "SMTP"):
		return Submission
	case hasPrefix(b, "IMAP"):
		return IMAP
	case hasPrefix(b, "POP3"):
		return POP3
	case hasPrefix(b, "HTTP/WebDAV"), hasPrefix(b, "HTTP/CalDAV"), hasPrefix(b, "HTTP/CardDAV"):
		return DAV
	case hasPrefix(b, "HTTP/ActiveSync"):
		return ActiveSync
	case hasPrefix(b, "HTTP/WebAdmin"):
		return Admin
	}
	return Webmail
}

func beginsKerio(line []byte) bool {
	_, _, ok := kerioStamp(line)
	return ok
}

// kerioStamp reads "[21/Feb/2026 00:03:02] " off the start of a line.
func kerioStamp(b []byte) (s stamp, rest []byte, ok bool) {
	if len(b) < 24 || b[0] != '[' || b[3] != '/' || b[7] != '/' || b[12] != ' ' || b[21] != ']' || b[22] != ' ' || two(b, 8) < 0 || two(b, 10) < 0 {
		return s, nil, false
	}
	s.year, s.month, s.day = two(b, 8)*100+two(b, 10), monthOf(b[4:]), two(b, 1)
	_, ok = s.timeOfDay(b[13:21])
	return s, b[23:], ok && s.month > 0
}
