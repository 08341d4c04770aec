package maillog

import "bytes"

// imapd reads a message of a program that calls itself imapd, pop3d or alike,
// as the daemons of Cyrus, Courier and the University of Washington all do.
// Their words differ.
func (p *Parser) imapd(tag, msg []byte, ev *Event) Result {
	ev.Service = daemonService(tag)
	switch {
	case hasPrefix(msg, "badlogin: "), hasPrefix(msg, "login: "), hasPrefix(msg, "event=login."), hasPrefix(msg, "client id sessionid=<"):
		ev.Format = Cyrus
		return p.cyrus(msg, ev)
	case hasPrefix(msg, "LOGIN"), hasPrefix(msg, "LOGOUT, "), hasPrefix(msg, "DISCONNECTED, "), hasPrefix(msg, "TIMEOUT, "),
		hasPrefix(msg, "Maximum connection limit reached for "):
		ev.Format = Courier
		return courier(msg, ev)
	}
	ev.Format = UWIMAP
	return uwimap(msg, ev)
}

func (p *Parser) cyrusSyslog(tag, msg []byte, ev *Event) Result {
	if i := bytes.IndexByte(tag, '/'); i >= 0 {
		tag = tag[i+1:]
	}
	ev.Service = daemonService(tag)
	return p.cyrus(msg, ev)
}

// daemonService tells the service of a daemon by its name.
func daemonService(tag []byte) Service {
	switch {
	case contains(tag, "pop3"):
		return POP3
	case contains(tag, "imap"):
		return IMAP
	case contains(tag, "sieve"):
		return Sieve
	case contains(tag, "http"):
		return DAV
	case contains(tag, "lmtp"), contains(tag, "smtp"), contains(tag, "nntp"):
		return SMTP
	}
	return ServiceNone
}

// cyrus reads a message of Cyrus: "badlogin: CLIENT MECH …", "login: CLIENT
// NAME MECH+TLS User logged in SESSIONID=<…>", and the logfmt of 3.13. The
// client stands first, before anything that it could have written.
func (p *Parser) cyrus(msg []byte, ev *Event) Result {
	switch {
	case hasPrefix(msg, "event=login."):
		return p.cyrusLogfmt(msg, ev)
	case hasPrefix(msg, "badlogin: "):
		rest, why := clientBlock(msg[len("badlogin: "):], ev)
		if why != "" {
			return rejected(why)
		}
		return cyrusFailure(rest, ev)
	case hasPrefix(msg, "login: "):
		rest, why := clientBlock(msg[len("login: "):], ev)
		if why != "" {
			return rejected(why)
		}
		i := lastIndex(rest, " User logged in")
		if i < 0 {
			return rejected(whyCut)
		}
		ev.Session = cyrusSession(rest[i:], " SESSIONID=<")
		rest = rest[:i]
		j := bytes.LastIndexByte(rest, ' ')
		if j < 1 || rest[0] != ' ' {
			return rejected(whyCut)
		}
		ev.Mechanism, _, _ = cut(rest[j+1:], "+TLS")
		ev.Account = rest[1:j]
		ev.Action, ev.Outcome = Login, Success
		if s, fresh := p.sessions.find(ev.Session, true); s != nil {
			if fresh {
				*s = session{}
			}
			s.client = ev.ClientIP
		}
		return parsed
	case hasPrefix(msg, "client id sessionid=<"):
		// "client id sessionid=<cyrus-7-1-0> userid=<anna>: ("name" "…")"
		ev.Session = cyrusSession(msg, " sessionid=<")
		if _, rest, ok := cut(msg, " userid=<"); ok {
			name, said, ok := cut(rest, ">:")
			if !ok {
				return rejected(whyCut)
			}
			ev.Account, ev.UserAgent = name, bytes.TrimLeft(said, " ")
		}
		if s, _ := p.sessions.find(ev.Session, false); s != nil {
			ev.ClientIP, ev.Joined = s.client, true
		}
		ev.Action = Request
		return parsed
	}
	return ignored
}

func cyrusSession(b []byte, before string) []byte {
	i := index(b, before)
	if i < 0 {
		return nil
	}
	id, _, ok := cut(b[i+len(before):], ">")
	if !ok || !token(id) {
		return nil
	}
	return id
}

// cyrusFailure reads " MECH [REASON]", " plaintext NAME REASON" and since 2.5
// " MECH (NAME) [REASON]".
func cyrusFailure(b []byte, ev *Event) Result {
	ev.Action, ev.Outcome = Login, Failure
	if len(b) < 2 || b[0] != ' ' {
		return rejected(whyCut)
	}
	mechanism, rest, ok := cut(b[1:], " ")
	if !ok || !token(mechanism) {
		return rejected(whyCut)
	}
	ev.Mechanism = mechanism
	switch {
	case len(rest) == 0:
		return rejected(whyCut)
	case rest[0] == '(':
		i := lastIndex(rest, ") [")
		if i < 0 {
			if i = lastIndex(rest, ") "); i < 0 { // ") invalid user"
				return rejected(whyCut)
			}
		}
		ev.Account, rest = rest[1:i], rest[i:]
		if string(ev.Account) == "-notset-" { // the exchange did not get as far
			ev.Account = nil
		}
	case string(mechanism) == "plaintext" || string(mechanism) == "PLAIN" && contains(rest, " SASL("):
		i := lastIndex(rest, " SASL(")
		if i < 0 {
			if i = lastIndex(rest, " "); i < 0 {
				i = len(rest)
			}
		}
		ev.Account, rest = rest[:i], rest[i:]
	}
	switch {
	case contains(rest, "user not found"), contains(rest, "no secret in database"), hasSuffix(rest, " invalid user"):
		ev.Reason = reasonUnknownUser
	case contains(rest, "incorrect digest"), contains(rest, "checkpass failed"), contains(rest, "doesn't match what we generated"):
		ev.Reason = reasonMismatch
	case contains(rest, "user disabled"), contains(rest, "account disabled"):
		ev.Outcome, ev.Reason = Denied, reasonDisabled
	case contains(rest, "generic failure"), contains(rest, "no mechanism available"):
		ev.Outcome, ev.Reason = Error, reasonBackend
	}
	return parsed
}

// cyrusLogfmt reads the one line per login of Cyrus 3.13, whose values are
// quoted where they hold blanks:
//
//	event=login.bad sessionid=cyrus-7-1-0 r.clienthost="host.example [198.51.100.7]" u.username=anna login.mech=PLAIN login.tls=1
func (p *Parser) cyrusLogfmt(b []byte, ev *Event) Result {
	ev.Action = Login
	for len(b) > 0 {
		key, rest, ok := cut(b, "=")
		if !ok {
			return rejected(whyCut)
		}
		var value []byte
		if len(rest) > 0 && rest[0] == '"' {
			if value, rest, ok = quoted(rest); !ok {
				return rejected(whyCut)
			}
			if len(rest) > 0 && rest[0] != ' ' {
				return rejected(whyGlued)
			}
			if len(rest) > 0 {
				rest = rest[1:]
			}
		} else {
			value, rest, _ = cut(rest, " ")
		}
		b = rest
		switch string(key) {
		case "event":
			switch string(value) {
			case "login.good":
				ev.Outcome = Success
			case "login.bad":
				ev.Outcome = Failure
			default:
				return ignored
			}
		case "sessionid":
			ev.Session = value
		case "r.clienthost":
			if why := clientAtEnd(value, ev); why != "" {
				return rejected(why)
			}
		case "u.username":
			ev.Account = unescapeLog(&p.account, value)
		case "login.mech":
			ev.Mechanism = value
		case "error":
			if contains(value, "user not found") {
				ev.Reason = reasonUnknownUser
			}
		}
	}
	if !ev.ClientIP.IsValid() {
		return rejected(whyCut)
	}
	return parsed
}

func (p *Parser) courierSyslog(tag, msg []byte, ev *Event) Result {
	ev.Service = daemonService(tag)
	if ev.Service == SMTP {
		return courierSMTP(msg, ev)
	}
	return courier(msg, ev)
}

// courier reads a message of Courier's IMAP and POP3 servers:
//
//	LOGIN FAILED, user=anna, ip=[::ffff:198.51.100.7], port=[2525]
//
// The name is the client's; so the address is the last one stated.
func courier(msg []byte, ev *Event) Result {
	if rest, ok := after(msg, "Maximum connection limit reached for "); ok {
		addr, ok := parseAddr(rest)
		if !ok {
			return rejected(whyAddress)
		}
		if addr.Is4() { // one of IPv6 that was cut looks whole
			ev.ClientIP = addr
		}
		ev.Action, ev.Outcome, ev.Reason = Login, Refused, reasonTooMany
		return parsed
	}
	what, rest, ok := cut(msg, ", ")
	if !ok {
		return ignored
	}
	switch string(what) {
	case "LOGIN":
		ev.Action, ev.Outcome = Login, Success
	case "LOGIN FAILED":
		ev.Action, ev.Outcome = Login, Failure
	case "LOGOUT", "DISCONNECTED", "TIMEOUT":
		ev.Action = Logout
	default:
		return ignored
	}
	i := lastIndex(rest, "ip=[")
	if i < 0 {
		return rejected(whyCut)
	}
	value, tail, ok := cut(rest[i+len("ip=["):], "]")
	if !ok {
		return rejected(whyCut)
	}
	if ev.ClientIP, ok = parseAddr(value); !ok {
		return rejected(whyAddress)
	}
	who := rest[:i]
	if !hasSuffix(who, ", ") {
		if len(who) > 0 {
			return rejected(whyCut)
		}
		return parsed
	}
	who = who[:len(who)-2]
	if hasPrefix(who, "method=") {
		ev.Mechanism, who, _ = cut(who[len("method="):], ", ")
	}
	if hasPrefix(who, "user=") {
		ev.Account = who[len("user="):]
	}
	if ev.Action == Logout {
		for _, key := range [...]string{", body=", ", retr="} {
			if i := index(tail, key); i >= 0 {
				if n, _, ok := digits(tail[i+len(key):]); ok {
					ev.Bytes += n
				}
			}
		}
	}
	return parsed
}

// courierSMTP reads "error,relay=ADDRESS,from=<…>,to=<…>: 550 User unknown." and
// `error,relay=ADDRESS,msg="535 Authentication failed.",cmd: AUTH …`. The
// client's words come after its address.
func courierSMTP(msg []byte, ev *Event) Result {
	rest, ok := after(msg, "error,relay=")
	if !ok {
		return ignored
	}
	value, rest, ok := cut(rest, ",")
	if !ok {
		return rejected(whyCut)
	}
	if ev.ClientIP, ok = parseAddr(value); !ok {
		return rejected(whyAddress)
	}
	if hasPrefix(rest, "port=") {
		_, rest, _ = cut(rest, ",")
	}
	if reply, ok := after(rest, "msg=\""); ok {
		ev.Action, ev.Reason = Probe, reasonProtocol
		if ev.Outcome, ok = replyOutcome(reply); !ok {
			return rejected(whyCut)
		}
		if hasPrefix(reply, "535 ") {
			ev.Service, ev.Action, ev.Outcome, ev.Reason = Submission, Login, Failure, ""
			if _, said, ok := cut(reply, "\",cmd: AUTH "); ok {
				ev.Mechanism, _, _ = cut(said, " ")
				if !token(ev.Mechanism) {
					ev.Mechanism = nil
				}
			}
		}
		return parsed
	}
	i := lastIndex(rest, ">: ")
	if i < 0 {
		return ignored
	}
	if _, to, ok := cut(rest[:i], ",to=<"); ok {
		ev.Account = to
	}
	said := rest[i+len(">: "):]
	if ev.Outcome, ok = replyOutcome(said); !ok {
		return ignored
	}
	ev.Action, ev.Reason = Send, reasonPolicy
	if contains(said, "unknown") {
		ev.Reason = reasonRecipient
	}
	return parsed
}

// uwimap reads a message of the University of Washington's imapd and ipop3d:
//
//	Login failed user=anna auth=anna host=host.example [198.51.100.7]
//
// The host comes last.
func uwimap(msg []byte, ev *Event) Result {
	i := lastIndex(msg, " host=")
	if i < 0 {
		return ignored
	}
	said, who, _ := cut(msg[:i], " user=")
	switch string(said) {
	case "Login", "Auth", "Authenticated", "APOP", "Preauthenticated":
		ev.Action, ev.Outcome = Login, Success
	case "Login failed":
		ev.Action, ev.Outcome = Login, Failure
	case "Login disabled", "Login rejected", "Login excessive login failures":
		ev.Action, ev.Outcome, ev.Reason = Login, Denied, reasonPolicy
	case "Logout", "Autologout", "Killed (lost mailbox lock)":
		ev.Action = Logout
	default:
		mechanism, ok := after(said, "AUTHENTICATE ")
		if !ok {
			return ignored
		}
		if mechanism, _, ok = cut(mechanism, " failure"); !ok || !token(mechanism) {
			return rejected(whyCut)
		}
		ev.Action, ev.Outcome, ev.Mechanism = Login, Failure, mechanism
	}
	if i := lastIndex(who, " auth="); i >= 0 {
		who = who[:i]
	}
	ev.Account = who
	if _, why := clientBlock(msg[i+len(" host="):], ev); why != "" {
		return rejected(why)
	}
	return parsed
}
