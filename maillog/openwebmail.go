package maillog

// openWebmail reads a line of Open WebMail's log:
//
//	Sat Feb 21 00:03:02 2026 - [72926] (198.51.100.7) anna - login error - no such user - loginname=anna
//
// The address comes before the name.
func (p *Parser) openWebmail(line []byte, ev *Event) Result {
	s, b, ok := openWebmailStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format, ev.Service = OpenWebmail, Webmail
	_, b, ok = cut(b, "] (")
	if !ok {
		return rejected(whyCut)
	}
	value, b, ok := cut(b, ") ")
	if !ok {
		return rejected(whyCut)
	}
	if ev.ClientIP, ok = parseAddr(value); !ok {
		return rejected(whyAddress)
	}
	for _, c := range [...]struct {
		said    string
		action  Action
		outcome Outcome
	}{
		{" - login error - ", Login, Failure},
		{" - userinfo error - ", Login, Failure}, // its login error follows
		{" - login - ", Login, Success},
		{" - logout - ", Logout, OutcomeNone},
	} {
		name, said, ok := cut(b, c.said)
		if !ok {
			continue
		}
		if c.said == " - userinfo error - " && !p.opt.Mixed {
			return ignored
		}
		ev.Account, ev.Action, ev.Outcome = name, c.action, c.outcome
		if c.outcome == Failure && (hasPrefix(said, "no such user") || hasSuffix(said, " doesn't exist")) {
			ev.Reason = reasonUnknownUser
		}
		return parsed
	}
	return ignored
}

func beginsOpenWebmail(line []byte) bool {
	_, _, ok := openWebmailStamp(line)
	return ok
}

// openWebmailStamp reads "Sat Feb 21 00:03:02 2026 - [" off the start.
func openWebmailStamp(b []byte) (s stamp, rest []byte, ok bool) {
	if len(b) < 30 || b[3] != ' ' || b[7] != ' ' || b[10] != ' ' {
		return s, nil, false
	}
	if s, rest, ok = parseStamp(b[4:]); !ok || s.year != 0 || len(rest) < 9 || two(rest, 1) < 0 || two(rest, 3) < 0 {
		return s, nil, false
	}
	s.year = two(rest, 1)*100 + two(rest, 3)
	rest, ok = after(rest[5:], " - [")
	return s, rest, ok
}
