package maillog

// sendmail reads a message of Sendmail:
//
//	s1OHA28u032053: AUTH failure (LOGIN): authentication failure (-13) SASL(-13): …, user=anna, relay=host.example [198.51.100.7]
//
// What belongs to one message is joined by its queue id.
func (p *Parser) sendmail(_, msg []byte, ev *Event) Result {
	ev.Service = SMTP
	id, b, ok := cut(msg, ": ")
	if !ok || len(id) > 24 || !token(id) {
		id, b = nil, msg
	}
	ev.Session = id
	switch {
	case hasPrefix(b, "AUTH failure ("):
		return sendmailFailure(b[len("AUTH failure ("):], ev)
	case hasPrefix(b, "AUTH=server, relay="):
		return p.sendmailLogin(b[len("AUTH=server, relay="):], ev)
	case hasPrefix(b, "from="):
		return p.sendmailFrom(b, ev)
	case hasPrefix(b, "ruleset="):
		return p.sendmailRuleset(b[len("ruleset="):], ev)
	case hasPrefix(b, "<") && contains(b, ">... "): // "<anna@parl.example>... User unknown"
		p.sendmailRecipient(b, ev)
		return ignored
	case hasPrefix(b, "rejecting commands from "):
		return sendmailClient(b[len("rejecting commands from "):], Denied, reasonProtocol, ev)
	case hasPrefix(b, "lost input channel from "):
		if !p.opt.Mixed { // its rejections have lines of their own
			return ignored
		}
		return sendmailClient(b[len("lost input channel from "):], Refused, reasonIdle, ev)
	case hasPrefix(b, "timeout waiting for input from "):
		return sendmailClient(b[len("timeout waiting for input from "):], Refused, reasonIdle, ev)
	case hasPrefix(b, "STARTTLS=server, error: accept failed="):
		i := lastIndex(b, ", relay=")
		if i < 0 {
			return ignored
		}
		if why := clientAtEnd(b[i+len(", relay="):], ev); why != "" {
			return rejected(why)
		}
		ev.Action, ev.Outcome, ev.Reason = Probe, Refused, reasonTLS
		return parsed
	case hasPrefix(b, "STARTTLS"), hasPrefix(b, "to="):
		return ignored
	}
	// "host.example [198.51.100.7] (may be forged): WHAT"; the rest may be the
	// client's words.
	rest, why := clientBlock(b, ev)
	if why != "" {
		return ignored
	}
	if r, ok := after(rest, " (may be forged)"); ok {
		rest = r
	}
	ev.Action = Probe
	switch {
	case hasPrefix(rest, " did not issue MAIL/EXPN/VRFY/ETRN during connection to "):
		ev.Outcome, ev.Reason = Refused, reasonIdle
	case hasPrefix(rest, ": possible SMTP attack: command=AUTH, count="):
		ev.Action, ev.Outcome, ev.Reason = Login, Refused, reasonTooManyTries
	case hasPrefix(rest, ": possible SMTP attack: command="):
		ev.Outcome, ev.Reason = Refused, reasonTooManyTries
	case hasPrefix(rest, ": ") && hasSuffix(rest, " [rejected]"): // VRFY, EXPN, ETRN
		ev.Outcome, ev.Reason = Denied, reasonPolicy
	default:
		return ignored
	}
	return parsed
}

const reasonTooManyTries = "too many attempts in one connection"

func sendmailClient(b []byte, o Outcome, reason string, ev *Event) Result {
	if _, why := clientBlock(b, ev); why != "" {
		return rejected(why)
	}
	ev.Action, ev.Outcome, ev.Reason = Probe, o, reason
	return parsed
}

// sendmailFailure reads "MECH): WHY, user=NAME, relay=CLIENT". The name is the
// client's, and only the server speaks after it.
func sendmailFailure(b []byte, ev *Event) Result {
	mechanism, b, ok := cut(b, "): ")
	i := lastIndex(b, ", relay=")
	if !ok || !token(mechanism) || i < 0 {
		return rejected(whyCut)
	}
	if why := clientAtEnd(b[i+len(", relay="):], ev); why != "" {
		return rejected(why)
	}
	said, name, _ := cut(b[:i], ", user=")
	ev.Service, ev.Action, ev.Outcome = Submission, Login, Failure
	ev.Mechanism, ev.Account = mechanism, name
	switch {
	case hasPrefix(said, "user not found"):
		ev.Reason = reasonUnknownUser
	case hasPrefix(said, "generic failure"), hasPrefix(said, "no mechanism available"):
		ev.Outcome, ev.Reason = Error, reasonBackend
	case hasPrefix(said, "authentication failure"):
		ev.Reason = reasonMismatch
	}
	return parsed
}

// sendmailLogin reads "CLIENT, authid=NAME, mech=PLAIN, bits=0" of a login
// that succeeded.
func (p *Parser) sendmailLogin(b []byte, ev *Event) Result {
	client, rest, ok := cut(b, ", authid=")
	if !ok {
		if client, rest, ok = cut(b, ", mech="); !ok {
			return rejected(whyCut)
		}
		ev.Mechanism, _, _ = cut(rest, ",")
	} else {
		i := lastIndex(rest, ", mech=")
		if i < 0 {
			return rejected(whyCut)
		}
		ev.Account = rest[:i]
		ev.Mechanism, _, _ = cut(rest[i+len(", mech="):], ",")
	}
	if why := clientAtEnd(client, ev); why != "" {
		return rejected(why)
	}
	ev.Service, ev.Action, ev.Outcome = Submission, Login, Success
	if m, _ := p.queue.find(ev.Session, true); m != nil && len(ev.Account) <= maxAccount && len(ev.Hostname) <= maxAccount {
		m.account = append(m.account[:0], ev.Account...)
		m.hostname = append(m.hostname[:0], ev.Hostname...)
		m.client, m.service, m.sent, m.refused = ev.ClientIP, ev.Service, false, false
	}
	return parsed
}

// sendmailRecipient remembers a recipient that does not exist until the line
// that names the client.
func (p *Parser) sendmailRecipient(b []byte, ev *Event) {
	to, _, _ := cut(b, ">... ")
	if m, fresh := p.queue.find(ev.Session, true); m != nil && len(to) <= maxAccount && (fresh || !m.sent) {
		if fresh {
			*m = message{account: m.account[:0], hostname: m.hostname[:0]}
		}
		if len(m.account) == 0 {
			m.account = append(m.account, to[1:]...)
			m.refused = true
		}
	}
}

// sendmailFrom reads "from=<SENDER>, size=108, class=0, nrcpts=1, msgid=<…>,
// proto=ESMTP, daemon=MTA, relay=CLIENT": a message sent by who logged in
// before it, or the client whose recipients were refused.
func (p *Parser) sendmailFrom(b []byte, ev *Event) Result {
	m, _ := p.queue.find(ev.Session, false)
	if m == nil || m.sent {
		return ignored
	}
	i := lastIndex(b, ", relay=")
	if i < 0 {
		return rejected(whyCut)
	}
	if why := clientAtEnd(b[i+len(", relay="):], ev); why != "" {
		return rejected(why)
	}
	m.sent = true
	ev.Action, ev.Account, ev.Joined = Send, m.account, true
	if m.refused {
		ev.Outcome, ev.Reason = Denied, reasonRecipient
		return parsed
	}
	i = lastIndex(b, ", size=")
	if i < 0 {
		return rejected(whyCut)
	}
	var ok bool
	if ev.Bytes, _, ok = digits(b[i+len(", size="):]); !ok {
		return rejected(whyCut)
	}
	if i = lastIndex(b, ", nrcpts="); i >= 0 {
		if n, _, ok := digits(b[i+len(", nrcpts="):]); ok {
			ev.Messages = int32(min(n, 1<<31-1))
		}
	}
	ev.Service, ev.Outcome = m.service, Success
	return parsed
}

// sendmailRuleset reads "check_rcpt, arg1=<RECIPIENT>, relay=CLIENT,
// reject=550 5.7.1 <RECIPIENT>… Relaying denied". The recipient is the
// client's and stands before and after its address: if there could be two,
// none is named.
func (p *Parser) sendmailRuleset(b []byte, ev *Event) Result {
	ruleset, rest, ok := cut(b, ", ")
	if !ok {
		return rejected(whyCut)
	}
	const relay, reject = ", relay=", ", reject="
	var reply []byte
	found := 0
	for off := 0; ; {
		i := index(rest[off:], relay)
		if i < 0 {
			break
		}
		i += off
		off = i + len(relay)
		client, said, ok := cut(rest[off:], reject)
		if !ok {
			break
		}
		var e Event
		if clientAtEnd(client, &e) != "" || len(client) > len(e.Hostname)+80 {
			continue
		}
		if found++; found > 1 {
			ev.ClientIP, ev.Hostname = ev.ServerIP, nil
			continue
		}
		ev.ClientIP, ev.Hostname, reply = e.ClientIP, e.Hostname, said
		if string(ruleset) == "check_rcpt" {
			if arg, ok := after(rest[:i], "arg1="); ok {
				ev.Account = angled(arg)
			}
		}
	}
	if found == 0 {
		if contains(rest, reject) {
			return rejected(whyAddress)
		}
		return ignored // discarded or quarantined by a milter
	}
	ev.Action, ev.Reason = Send, reasonPolicy
	if string(ruleset) == "check_relay" {
		ev.Action = Probe
	}
	if ev.Outcome, ok = replyOutcome(reply); !ok {
		return rejected(whyCut)
	}
	switch {
	case contains(reply, "Relaying denied"):
		ev.Reason = reasonRelay
	case hasSuffix(reply, "User unknown"):
		ev.Reason = reasonRecipient
	}
	// The line that names the sender says nothing new.
	if m, fresh := p.queue.find(ev.Session, false); m != nil && !fresh && m.refused {
		m.sent = true
	}
	return parsed
}
