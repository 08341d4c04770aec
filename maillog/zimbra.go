package maillog

import "bytes"

// zimbra reads a line of Zimbra's audit.log or mailbox.log:
//
//	2026-02-21 00:03:02,616 WARN  [qtp9-137:https://mail/service/soap/AuthRequest] [name=anna@parl.example;oip=198.51.100.7;port=52016;ua=zclient/8.8;] security - cmd=Auth; account=anna@parl.example; protocol=soap; error=authentication failed for [anna@parl.example], invalid password;
//
// The brackets hold the context. "oip" is the client as Zimbra's proxy saw it,
// "ip" the host that talked to the mail store; both are read only before
// "ua" and "via", which the client writes.
func (p *Parser) zimbra(line []byte, ev *Event) Result {
	s, rest, ok := parseStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format = Zimbra
	_, rest, ok = cut(rest, " [") // level
	if !ok {
		return rejected(whyCut)
	}
	thread, rest, ok := cut(rest, "] [")
	if !ok {
		return rejected(whyCut)
	}
	// A message follows "] ": the context may hold any text, and of what the
	// components say only two are read.
	const auth, soap = "] security - cmd=Auth; account=", "] SoapEngine - handler exception"
	i := lastIndex(rest, auth)
	var said []byte
	if i >= 0 {
		said = rest[i+len(auth):]
	} else {
		if i = lastIndex(rest, soap); i < 0 {
			return zimbraComponent(thread, rest, ev)
		}
		said = bytes.TrimPrefix(rest[i+len(soap):], []byte(": "))
	}
	context := rest[:i]
	name := zimbraContext(context, ev)
	ev.Action, ev.Outcome = Login, Failure
	ev.Service = zimbraService(thread, context)
	switch {
	case contains(said, "invalid password"):
		ev.Reason = reasonMismatch
	case contains(said, "account not found"):
		ev.Reason = reasonUnknownUser
	case contains(said, "account lockout"), contains(said, "account(or domain) status is"):
		ev.Outcome, ev.Reason = Denied, reasonDisabled
	}
	if rest[i+2] == 'S' { // SoapEngine
		who, ok := after(said, "authentication failed for [")
		if !ok {
			// What it is an exception of stands in the lines after it.
			if len(said) > 0 || name == nil || !p.opt.Mixed {
				return ignored
			}
			ev.Account = name
			return parsed
		}
		end := lastIndex(who, "]")
		if end < 0 {
			return rejected(whyCut)
		}
		ev.Account = who[:end]
		return parsed
	}
	who, rest, ok := cut(said, "; protocol=")
	if !ok {
		return rejected(whyCut)
	}
	ev.Account = who
	protocol, rest, _ := cut(rest, ";")
	switch string(protocol) {
	case "imap":
		ev.Service = IMAP
	case "pop3":
		ev.Service = POP3
	case "smtp":
		ev.Service = Submission
	case "zsync":
		ev.Service = ActiveSync
	case "http_dav":
		ev.Service = DAV
	}
	if !hasPrefix(rest, " error=") {
		ev.Outcome, ev.Reason = Success, ""
	}
	return parsed
}

// zimbraComponent reads what other components say of a refused login: "[ip=…;]
// imap - authentication failed for [anna], invalid password".
func zimbraComponent(thread, b []byte, ev *Event) Result {
	i := index(b, " - authentication failed for [")
	if i < 0 {
		return ignored
	}
	zimbraContext(b[:i], ev)
	who := b[i+len(" - authentication failed for ["):]
	end := lastIndex(who, "]")
	if end < 0 {
		return rejected(whyCut)
	}
	ev.Service, ev.Action, ev.Outcome, ev.Account = zimbraService(thread, b[:i]), Login, Failure, who[:end]
	return parsed
}

func beginsZimbra(line []byte) bool {
	if len(line) < 32 || line[10] != ' ' || line[19] != ',' {
		return false
	}
	_, rest, ok := parseStamp(line)
	if !ok {
		return false
	}
	for _, level := range [...]string{" INFO  [", " WARN  [", " ERROR [", " FATAL [", " DEBUG [", " TRACE ["} {
		if hasPrefix(rest, level) {
			return true
		}
	}
	return false
}

// zimbraContext reads "name=…;oip=…;port=…;ua=…;".
func zimbraContext(b []byte, ev *Event) (name []byte) {
	seen := false
	for len(b) > 0 {
		field, rest, _ := cut(b, ";")
		b = rest
		key, value, _ := cut(field, "=")
		switch string(key) {
		case "name":
			name = value
		case "oip":
			if a, ok := parseAddr(value); ok && !seen {
				ev.ClientIP, seen = a, true
			}
		case "ip":
			if a, ok := parseAddr(value); ok && !seen {
				ev.ClientIP = a
			}
		case "ua":
			ev.UserAgent = value
			return name
		case "via":
			return name
		}
	}
	return name
}

// zimbraService tells the service of a SOAP request: that of who asked for it.
func zimbraService(thread, context []byte) Service {
	switch {
	case contains(context, "oproto=smtp"), contains(thread, ":smtp://"):
		return Submission
	case hasPrefix(thread, "Imap"):
		return IMAP
	case hasPrefix(thread, "Pop3"):
		return POP3
	case contains(thread, "/service/admin/"):
		return Admin
	}
	return Webmail
}
