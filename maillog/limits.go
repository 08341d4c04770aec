package maillog

// mailu reads a line of Mailu's admin service, of which the limiter's are
// Events:
//
//	[2026-02-21 00:03:02,579] WARNING in limiter: Authentication attempt from 198.51.100.7 has been rate-limited.
//	[2026-02-21 00:03:02,579] WARNING in limiter: Authentication attempt from 198.51.100.7 for anna has been rate-limited.
func (p *Parser) mailu(line []byte, ev *Event) Result {
	s, b, ok := flaskStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format = Mailu
	_, said, ok := cut(b, " in limiter: ")
	if !ok {
		return ignored
	}
	rest, ok := after(said, "Authentication attempt from ")
	if !ok {
		return ignored
	}
	if ev.ClientIP, rest, ok = leadingAddr(rest); !ok {
		return rejected(whyAddress)
	}
	const limited = " has been rate-limited."
	if !hasSuffix(rest, limited) {
		return rejected(whyCut)
	}
	if name, ok := after(rest[:len(rest)-len(limited)], " for "); ok {
		ev.Account = name
	}
	ev.Action, ev.Outcome, ev.Reason = Login, Refused, reasonRate
	return parsed
}

func beginsMailu(line []byte) bool {
	_, b, ok := flaskStamp(line)
	return ok && contains(b[:min(len(b), 64)], " in ")
}

// flaskStamp reads "[2026-02-21 00:03:02,579] " off the start of a line.
func flaskStamp(b []byte) (s stamp, rest []byte, ok bool) {
	if len(b) < 28 || b[0] != '[' || !isDigit(b[1]) {
		return s, nil, false
	}
	if s, rest, ok = parseStamp(b[1:]); !ok {
		return s, nil, false
	}
	rest, ok = after(rest, "] ")
	return s, rest, ok
}

// netfilter reads a line of mailcow's netfilter, which bans addresses after
// failed logins that other logs tell of:
//
//	2026-02-21 00:03:02 CRIT: Banning 198.51.100.7/32 for 60 minutes
//
// A ban of a whole network names no client. Refused logins at mailcow's own
// pages stand nowhere else:
//
//	2026-02-21 00:03:02 WARN: 198.51.100.7 matched rule id 1 (mailcow UI: Invalid password for anna by 198.51.100.7)
func (p *Parser) netfilter(line []byte, ev *Event) Result {
	s, b, ok := parseStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format = MailcowNetfilter
	if rest, ok := after(b, " WARN: "); ok {
		return netfilterMatch(rest, ev)
	}
	rest, ok := after(b, " CRIT: Banning ")
	if !ok {
		return ignored
	}
	addr, rest, ok := leadingAddr(rest)
	if !ok {
		return rejected(whyAddress)
	}
	if !contains(rest, " for ") {
		return rejected(whyCut)
	}
	if hasPrefix(rest, "/32 ") || hasPrefix(rest, "/128 ") {
		ev.ClientIP = addr
	}
	ev.Action, ev.Outcome, ev.Reason = Login, Refused, reasonTooManyTries
	return parsed
}

// netfilterMatch reads "ADDRESS matched rule id 1 (WHAT)". The address is the
// last one of WHAT, after the name.
func netfilterMatch(b []byte, ev *Event) Result {
	value, rest, ok := cut(b, " matched rule id ")
	if !ok {
		return ignored
	}
	_, what, ok := cut(rest, " (")
	if !ok || !hasSuffix(what, ")") {
		return rejected(whyCut)
	}
	what = what[:len(what)-1]
	if name, ok := after(what, "mailcow UI: Invalid password for "); ok {
		i := lastIndex(name, " by ")
		if i < 0 {
			return rejected(whyCut)
		}
		ev.Account = name[:i]
	} else if !hasPrefix(what, "Rspamd UI: Invalid password by ") {
		return ignored // Dovecot, Postfix and SOGo say so themselves
	}
	if ev.ClientIP, ok = parseAddr(value); !ok {
		return rejected(whyAddress)
	}
	ev.Service, ev.Action, ev.Outcome = Web, Login, Failure
	return parsed
}

func beginsNetfilter(line []byte) bool {
	if len(line) < 26 || line[10] != ' ' || line[19] != ' ' {
		return false
	}
	_, b, ok := parseStamp(line)
	return ok && (hasPrefix(b, " CRIT: ") || hasPrefix(b, " WARN: ") || hasPrefix(b, " INFO: "))
}

// rblsmtpd reads what it says of a client on a block list:
//
//	rblsmtpd: 198.51.100.7 pid 19597: 451 https://blocklist.example/
func (p *Parser) rblsmtpd(_, msg []byte, ev *Event) Result {
	if i := index(msg, "rblsmtpd: "); i >= 0 { // behind a time of its own
		msg = msg[i+len("rblsmtpd: "):]
	}
	value, rest, ok := cut(msg, " pid ")
	if !ok {
		return ignored
	}
	if ev.ClientIP, ok = parseAddr(value); !ok {
		return ignored
	}
	_, said, ok := cut(rest, ": ")
	if !ok {
		return rejected(whyCut)
	}
	ev.Service, ev.Action, ev.Reason = SMTP, Probe, reasonListed
	if ev.Outcome, ok = replyOutcome(said); !ok {
		return rejected(whyCut)
	}
	return parsed
}
