package maillog

func knowsStalwart(j *jsonFields) bool { return j.has("createdAt") && j.has("type") }

// stalwart reads an event of Stalwart, from its webhook or a log in JSON:
//
//	{"createdAt":"2026-02-21T00:03:02Z","type":"auth.failed","data":{"listenerId":"imaps","localPort":993,"remoteIp":"203.0.113.5","accountName":"anna"}}
func (p *Parser) stalwart(ev *Event) Result {
	j := &p.json
	kind := j.field("type").raw()
	switch string(kind) {
	case "auth.success":
		ev.Action, ev.Outcome = Login, Success
	case "auth.failed":
		ev.Action, ev.Outcome = Login, Failure
	case "auth.missing-totp":
		ev.Action, ev.Outcome, ev.Reason = Login, Denied, reasonSecondFactor
	case "auth.too-many-attempts":
		ev.Action, ev.Outcome, ev.Reason = Login, Refused, reasonLockedOut
	case "auth.error": // an unknown mechanism, mostly
		ev.Action = Probe
	case "auth.banned", "security.authentication-ban":
		ev.Action, ev.Outcome, ev.Reason = Login, Denied, reasonBanned
	case "security.ip-blocked", "security.abuse-ban", "security.scan-ban", "security.loiter-ban":
		ev.Action, ev.Outcome, ev.Reason = Probe, Denied, reasonBanned
	case "queue.queue-message-authenticated":
		ev.Action, ev.Outcome = Send, Success
		ev.Bytes, _, _ = digits(j.in(1, "data", "size").raw())
	default:
		return ignored
	}
	if !p.jsonTime(j.field("createdAt"), true, ev) {
		return rejected(whyTime)
	}
	if !p.jsonAddr(j.in(1, "data", "remoteIp"), ev) {
		return rejected(whyAddress)
	}
	ev.Account = j.textOf(j.in(1, "data", "accountName"))
	ev.Session = j.in(1, "data", "spanId").raw()
	ev.Service = listenerService(j.in(1, "data", "listenerId").raw(), j.in(1, "data", "localPort").raw())
	return parsed
}

// listenerService tells the service from the name that the administrator gave
// to a listener, which mostly is the protocol's, else from its port.
func listenerService(name, port []byte) Service {
	switch {
	case hasPrefix(name, "imap"):
		return IMAP
	case hasPrefix(name, "pop3"):
		return POP3
	case hasPrefix(name, "submission"), hasPrefix(name, "smtps"):
		return Submission
	case hasPrefix(name, "smtp"):
		return SMTP
	case hasPrefix(name, "sieve"), hasPrefix(name, "managesieve"):
		return Sieve
	}
	switch string(port) {
	case "143", "993":
		return IMAP
	case "110", "995":
		return POP3
	case "465", "587":
		return Submission
	case "25":
		return SMTP
	case "4190":
		return Sieve
	case "":
		if len(name) == 0 {
			return ServiceNone
		}
	}
	return Web
}
