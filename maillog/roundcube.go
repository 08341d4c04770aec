package maillog

import (
	"bytes"
	"net/netip"
)

// roundcubeFile reads a line of Roundcube's userlogins:
//
//	[21-Feb-2026 08:38:12 +0100]: <8ec5f9f5> Failed login for anna from 198.51.100.7 in session 8ec5f9f53275e021 (error: 0)
func (p *Parser) roundcubeFile(line []byte, ev *Event) Result {
	if len(line) < 30 || line[0] != '[' {
		return rejected(whyUnknown)
	}
	if hasPrefix(line[27:], "]: ") {
		if s, ok := parseCLF(line[1:27]); ok && p.time(&s, ev) {
			ev.Format = RoundcubeLogins
			return p.roundcube(line[30:], ev)
		}
	}
	return rejected(whyTime)
}

func beginsRoundcube(line []byte) bool {
	if line[0] != '[' || len(line) <= 28 || line[27] != ']' {
		return false
	}
	_, ok := parseCLF(line[1:27])
	return ok
}

func (p *Parser) roundcubeSyslog(_, msg []byte, ev *Event) Result { return p.roundcube(msg, ev) }

func (p *Parser) roundcube(msg []byte, ev *Event) Result {
	hasSession := hasPrefix(msg, "<")
	var prefix []byte
	if hasSession { // its first letters
		i := bytes.IndexByte(msg, '>')
		if i < 0 || i+2 > len(msg) || msg[i+1] != ' ' {
			return rejected(whyCut)
		}
		prefix, msg = msg[1:i], msg[i+2:]
	}
	switch {
	case hasPrefix(msg, "Successful login for "):
		ev.Outcome = Success
		msg = msg[len("Successful login for "):]
	case hasPrefix(msg, "Failed login for "):
		ev.Outcome = Failure
		msg = msg[len("Failed login for "):]
		i := lastIndex(msg, " (error: ")
		if i < 0 || msg[len(msg)-1] != ')' {
			return rejected(whyCut)
		}
		msg = msg[:i]
	case hasPrefix(msg, "FAILED login for "): // before 1.0
		ev.Outcome = Failure
		msg = msg[len("FAILED login for "):]
	case hasPrefix(msg, "IMAP Error: "), hasPrefix(msg, "PHP Error: "), hasPrefix(msg, "DB Error: "), hasPrefix(msg, "SMTP Error: "):
		return p.roundcubeError(prefix, msg, ev)
	default:
		return rejected(whyUnknown)
	}
	ev.Service, ev.Action = Webmail, Login
	if ev.Outcome == Failure && !p.opt.Mixed {
		// Where both logs go to syslog, the error has told of it.
		if s, _ := p.sessions.find(prefix, false); s != nil && s.reason == reasonTold {
			s.reason = ""
			return ignored
		}
	}

	// The name that was tried comes first and may hold " from 192.0.2.1 in
	// session x" itself; so everything is read from the right.
	if i := lastIndex(msg, " in session "); i >= 0 {
		ev.Session = msg[i+len(" in session "):]
		if !token(ev.Session) {
			return rejected(whyCut)
		}
		msg = msg[:i]
	} else if hasSession {
		return rejected(whyCut)
	}
	account, addr, why := roundcubeSource(msg)
	if why != "" {
		return rejected(why)
	}
	ev.ClientIP = addr
	if ev.Outcome == Success {
		if i := lastIndex(account, " (ID: "); i >= 0 {
			account = account[:i]
		}
	}
	if contains(account, "]: <") {
		return rejected(whyGlued)
	}
	ev.Account = account
	return parsed
}

// reasonTold marks a session whose failed login is an Event already.
const reasonTold = "told"

// roundcubeError reads a line of Roundcube's errors log:
//
//	IMAP Error: Login failed for anna against localhost from 198.51.100.7. AUTHENTICATE PLAIN: Authentication failed. in …/rcube_imap.php on line 200 (POST /?_task=login&_action=login)
//
// The name comes first, and the server's reply after the address may repeat
// it. The address is followed by the command that failed; where that is so of
// more than one, none is named.
func (p *Parser) roundcubeError(prefix, msg []byte, ev *Event) Result {
	rest, ok := after(msg, "IMAP Error: Login failed for ")
	if !ok {
		return ignored
	}
	ev.Service, ev.Action, ev.Outcome = Webmail, Login, Failure
	const from = " from "
	found := 0
	for off := 0; ; {
		i := index(rest[off:], from)
		if i < 0 {
			break
		}
		i += off
		off = i + len(from)
		addr, tail, ok := leadingAddr(rest[off:])
		if !ok {
			continue
		}
		if r, forwarded := after(bytes.TrimLeft(tail, " "), "(X-"); forwarded {
			if _, tail, ok = cut(r, ")"); !ok {
				continue
			}
		}
		if !roundcubeCommand(tail) {
			continue
		}
		if found++; found == 1 {
			ev.ClientIP, ev.Account = addr, rest[:i]
		} else {
			ev.ClientIP = ev.ServerIP
		}
	}
	if found == 0 {
		return rejected(whyAddress)
	}
	if i := lastIndex(ev.Account, " against "); i >= 0 {
		ev.Account = ev.Account[:i]
	}
	if s, fresh := p.sessions.find(prefix, true); s != nil {
		if fresh {
			*s = session{}
		}
		s.reason = reasonTold
	}
	return parsed
}

// roundcubeCommand reports whether Roundcube's words follow the address.
func roundcubeCommand(b []byte) bool {
	for _, s := range [...]string{
		". AUTHENTICATE ", ". LOGIN: ", ". Empty ", ". Could not connect to ", ". Unable to negotiate TLS", ". Connection ", ". STARTTLS: ",
		". Authentication failed", ". Login failed",
	} {
		if hasPrefix(b, s) {
			return true
		}
	}
	return false
}

// roundcubeSource splits "NAME from ADDRESS". Behind a proxy Roundcube writes
// "ADDRESS (X-Forwarded-For: …)", and the header is the client's to choose: it
// may hold " from 192.0.2.1 (X-…" as the name may. Where more than one place
// could be the true one, no address is named: the attempt counts, and is held
// against nobody. The name is then what stands before the first.
func roundcubeSource(msg []byte) (account []byte, addr netip.Addr, why string) {
	const from = " from "
	if !hasSuffix(msg, ")") {
		i := lastIndex(msg, from)
		if i < 0 {
			return nil, addr, whyCut
		}
		addr, ok := parseAddr(msg[i+len(from):])
		if !ok {
			return nil, addr, whyAddress
		}
		return msg[:i], addr, ""
	}
	found := 0
	for off := 0; ; {
		i := index(msg[off:], from)
		if i < 0 {
			break
		}
		i += off
		off = i + len(from)
		word := msg[off:]
		if j := bytes.IndexAny(word, " ("); j >= 0 && hasPrefix(bytes.TrimLeft(word[j:], " ("), "X-") {
			if a, ok := parseAddr(word[:j]); ok {
				if found++; found == 1 {
					account, addr = msg[:i], a
				}
			}
		}
	}
	switch found {
	case 0:
		return nil, addr, whyAddress
	case 1:
		return account, addr, ""
	}
	return account, netip.Addr{}, ""
}

// token reports whether b is a word that software made: a session, a queue
// id.
func token(b []byte) bool {
	for _, c := range b {
		if !tokenBytes[c] {
			return false
		}
	}
	return len(b) > 0
}

// tokenBytes are those of a token; it is never written to.
var tokenBytes = func() (t [256]bool) {
	for _, c := range []byte("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-,_+/=.") {
		t[c] = true
	}
	return t
}()
