package maillog

// domino reads a line of HCL (once IBM, Lotus) Domino's console log:
//
//	21-02-2026 00:03:02   smtp: anna [198.51.100.7] authentication failure using internet password
//
// The date follows the server's locale; of those with dashes, day before month
// and ISO are read. The name comes first, so all is read from the right.
func (p *Parser) domino(line []byte, ev *Event) Result {
	s, b, ok := dominoStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format = Domino
	task, rest, ok := cut(b, " ")
	if !ok {
		return rejected(whyCut)
	}
	ev.Service = dominoService(task)
	const failure = " authentication failure using internet password"
	if hasSuffix(rest, failure) {
		who := rest[:len(rest)-len(failure)]
		i := lastIndex(who, " ")
		if i < 0 {
			return rejected(whyCut)
		}
		value := who[i+1:]
		if len(value) > 2 && value[0] == '[' && value[len(value)-1] == ']' {
			value = value[1 : len(value)-1]
		}
		if ev.ClientIP, ok = parseAddr(value); !ok {
			return rejected(whyAddress)
		}
		ev.Action, ev.Outcome, ev.Account = Login, Failure, who[:i]
		return parsed
	}
	if said, ok := after(rest, "Server: Authentication failed for user "); ok {
		const host = " ; connecting host "
		i := lastIndex(said, host)
		if i < 0 {
			return rejected(whyCut)
		}
		if ev.ClientIP, ok = parseAddr(said[i+len(host):]); !ok {
			return rejected(whyAddress)
		}
		ev.Action, ev.Outcome, ev.Account = Login, Failure, said[:i]
		return parsed
	}
	if hasPrefix(rest, "Server [") {
		_, said, _ := cut(rest, "] ")
		if from, ok := after(said, "Connection from ["); ok && contains(from, "] rejected for policy reasons") {
			value, _, _ := cut(from, "]")
			if ev.ClientIP, ok = parseAddr(value); !ok {
				return rejected(whyAddress)
			}
			ev.Service, ev.Action, ev.Outcome, ev.Reason = SMTP, Probe, Denied, reasonPolicy
			return parsed
		}
	}
	return ignored
}

// dominoService: a login at the SMTP task is one for submission.
func dominoService(task []byte) Service {
	switch {
	case hasPrefixFold(task, "smtp"):
		return Submission
	case hasPrefixFold(task, "imap"):
		return IMAP
	case hasPrefixFold(task, "pop3"):
		return POP3
	case hasPrefixFold(task, "http"):
		return Webmail
	}
	return ServiceNone
}

func beginsDomino(line []byte) bool {
	_, _, ok := dominoStamp(line)
	return ok
}

// dominoStamp reads the time and the three blanks after it, behind the process
// where debug_threadid is set: "[28325:00010-3735542592] ".
func dominoStamp(b []byte) (s stamp, rest []byte, ok bool) {
	if hasPrefix(b, "[") {
		n, rest, ok := digits(b[1:])
		if !ok || n == 0 || !hasPrefix(rest, ":") {
			return s, nil, false
		}
		if _, b, ok = cut(rest, "] "); !ok {
			return s, nil, false
		}
	}
	if len(b) < 24 || b[10] != ' ' {
		return s, nil, false
	}
	switch {
	case b[4] == '-' && b[7] == '-' && two(b, 0) >= 0 && two(b, 2) >= 0:
		s.year, s.month, s.day = two(b, 0)*100+two(b, 2), two(b, 5), two(b, 8)
	case b[2] == '-' && b[5] == '-' && two(b, 6) >= 0 && two(b, 8) >= 0:
		s.year, s.month, s.day = two(b, 6)*100+two(b, 8), two(b, 3), two(b, 0)
	default:
		return s, nil, false
	}
	rest, ok = s.timeOfDay(b[11:])
	if !ok || !hasPrefix(rest, "   ") {
		return s, nil, false
	}
	return s, rest[3:], true
}
