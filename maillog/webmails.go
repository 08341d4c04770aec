package maillog

import "bytes"

// horde reads a message of Horde or its webmail IMP:
//
//	[horde] FAILED LOGIN for anna to horde (198.51.100.7) (forwarded for [203.0.113.9]) [pid 7 on line 163 of "/usr/share/horde/login.php"]
//
// The name comes first, and what the client claims to be forwarded for later:
// where two addresses could be the true one, none is named.
func (p *Parser) horde(_, msg []byte, ev *Event) Result {
	for range 2 { // "[notice] [horde] "
		if hasPrefix(msg, "[") {
			_, rest, ok := cut(msg, "] ")
			if !ok {
				return rejected(whyCut)
			}
			msg = rest
		}
	}
	ev.Service, ev.Action = Webmail, Login
	rest, ok := after(msg, "Login success for ")
	ev.Outcome = Success
	if !ok {
		if rest, ok = after(msg, "FAILED LOGIN for "); ok {
			ev.Outcome = Failure
		} else if rest, ok = after(msg, "User "); ok && contains(rest, " logged out of Horde (") {
			ev.Action, ev.Outcome = Logout, OutcomeNone
		} else {
			return ignored
		}
	}
	found := 0
	for off := 0; ; {
		i := index(rest[off:], " (")
		if i < 0 {
			break
		}
		i += off
		off = i + len(" (")
		value, next, ok := cut(rest[off:], ")")
		addr, isAddr := parseAddr(value)
		if !ok || !isAddr || len(next) > 0 && !hasPrefix(next, " (forwarded for [") && !hasPrefix(next, " [pid ") {
			continue
		}
		if found++; found > 1 {
			ev.ClientIP = ev.ServerIP
			continue
		}
		ev.ClientIP = addr
		who := rest[:i]
		if j := lastIndex(who, " to "); j >= 0 {
			who = who[:j]
		} else if j = lastIndex(who, " logged out of Horde"); j >= 0 {
			who = who[:j]
		}
		ev.Account = who
	}
	if found == 0 {
		return rejected(whyAddress)
	}
	return parsed
}

// hordeFile reads Horde's own log: "2026-02-21T00:03:02+01:00 NOTICE: HORDE
// [horde] …", and before Horde 4 "Feb 21 00:03:02 HORDE [notice] [horde] …".
func (p *Parser) hordeFile(line []byte, ev *Event) Result {
	s, rest, ok := parseStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	_, msg, ok := cut(rest, "HORDE")
	if !ok {
		return rejected(whyCut)
	}
	ev.Format = Horde
	return p.horde(nil, bytes.TrimLeft(msg, ": "), ev)
}

func beginsHorde(line []byte) bool {
	_, rest, ok := parseStamp(line)
	if !ok || !hasPrefix(rest, " ") {
		return false
	}
	if hasPrefix(rest, " HORDE [") {
		return true
	}
	level, rest, ok := cut(rest[1:], ": ")
	return ok && len(level) < 8 && (hasPrefix(rest, "HORDE: [") || hasPrefix(rest, "HORDE ["))
}

// squirrelmail reads a line of SquirrelMail's plugin squirrel_logger:
//
//	02/21/2026 00:03:02 [LOGIN_ERROR] anna (parl.example) from 198.51.100.7: Unknown user or password incorrect.
//
// The name is the client's; only the plugin's words follow the address.
func (p *Parser) squirrelmail(line []byte, ev *Event) Result {
	s, rest, ok := americanStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format, ev.Service = SquirrelMail, Webmail
	what, rest, ok := cut(rest[1:], "] ")
	if !ok {
		return rejected(whyCut)
	}
	switch string(what) {
	case "LOGIN":
		ev.Action, ev.Outcome = Login, Success
	case "LOGIN_ERROR":
		ev.Action, ev.Outcome = Login, Failure
	case "LOGOUT":
		ev.Action = Logout
	default:
		return ignored
	}
	i := lastIndex(rest, " from ")
	if i < 0 {
		return rejected(whyCut)
	}
	addr, after, ok := leadingAddr(rest[i+len(" from "):])
	if !ok {
		return rejected(whyAddress)
	}
	if len(after) == 0 || after[0] != ':' && after[0] != ' ' {
		return rejected(whyCut)
	}
	ev.ClientIP, ev.Account = addr, rest[:i]
	if j := lastIndex(ev.Account, " ("); j >= 0 && hasSuffix(ev.Account, ")") { // the domain
		ev.Account = ev.Account[:j]
	}
	return parsed
}

func beginsSquirrelmail(line []byte) bool {
	_, rest, ok := americanStamp(line)
	return ok && (hasPrefix(rest, "[LOG") || hasPrefix(rest, "[MASS_MAILING]") || hasPrefix(rest, "[OUTGOING_MAIL]") || hasPrefix(rest, "[ERROR]"))
}

// americanStamp reads "02/21/2026 00:03:02 " off the start of a line.
func americanStamp(b []byte) (s stamp, rest []byte, ok bool) {
	if len(b) < 21 || b[2] != '/' || b[5] != '/' || b[10] != ' ' || two(b, 6) < 0 || two(b, 8) < 0 {
		return s, nil, false
	}
	s.year, s.month, s.day = two(b, 6)*100+two(b, 8), two(b, 0), two(b, 3)
	rest, ok = s.timeOfDay(b[11:])
	if !ok || len(rest) < 2 || rest[0] != ' ' {
		return s, nil, false
	}
	return s, rest[1:], true
}
