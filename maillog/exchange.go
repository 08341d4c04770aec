package maillog

import "bytes"

// exchangeIIS reads a row of the W3C log of IIS, as Exchange's front end has
// it. Blanks are written as "+", so a user agent cannot add a column.
//
//	2026-02-21 00:03:02 192.0.2.1 POST /Microsoft-Server-ActiveSync/default.eas Cmd=Ping&User=PARL%5Canna&DeviceId=ABC123&DeviceType=iPhone 443 PARL\anna 198.51.100.7 Apple-iPhone15C2/2208.61 - 200 0 0 1680004
func (p *Parser) exchangeIIS(c *cells, ev *Event) Result {
	if r := p.httpRow(c, ev); r.Kind != Parsed {
		return r
	}
	if agent := p.get(c, colAgent); len(agent) > 0 {
		j := &p.json
		start := len(j.text)
		j.text = append(j.text, agent...)
		ev.UserAgent = j.text[start:len(j.text):len(j.text)]
		for i, b := range ev.UserAgent {
			if b == '+' {
				ev.UserAgent[i] = ' '
			}
		}
	}
	if ev.Status == 401 {
		switch string(p.get(c, colWin32)) { // Windows' error of the logon
		case "1326":
			ev.Outcome, ev.Reason = Failure, reasonMismatch
		case "1330", "1907":
			ev.Outcome, ev.Reason = Denied, reasonExpired
		case "1331":
			ev.Outcome, ev.Reason = Denied, reasonDisabled
		case "1909":
			ev.Outcome, ev.Reason = Denied, reasonLockedOut
		}
	}
	return parsed
}

// exchangeProxy reads a row of Exchange's HttpProxy logs. Its columns differ
// from version to version.
func (p *Parser) exchangeProxy(c *cells, ev *Event) Result {
	r := p.httpRow(c, ev)
	if r.Kind != Parsed {
		return r
	}
	ev.UserAgent = p.get(c, colAgent)
	if equalFold(p.get(c, colProtocol), "powershell") {
		ev.Service = Admin
	}
	return parsed
}

// exchangeIMAP reads a row of Exchange's protocol log of IMAP4 or POP3:
//
//	2026-02-21T00:03:02.847Z,00000000000ABC12,2,192.0.2.1:993,198.51.100.7:53124,anna,118,31,34,authenticate,PLAIN,"R=OK;…",
func (p *Parser) exchangeIMAP(c *cells, ev *Event) Result {
	ev.Service = IMAP
	switch server := p.get(c, colServer); {
	case hasSuffix(server, ":110"), hasSuffix(server, ":995"), hasSuffix(server, ":1995"):
		ev.Service = POP3
	}
	ev.Session = p.get(c, colSession)
	ev.Bytes, _, _ = digits(p.get(c, colBytes))
	said := p.get(c, colContext)
	good := hasPrefix(said, "R=OK") || hasPrefix(said, "R=ok") || hasPrefix(said, `R=""+OK`)
	parameters := p.get(c, colParameters)
	switch command := p.get(c, colCommand); {
	case equalFold(command, "login"), equalFold(command, "authenticate"), equalFold(command, "pass"), equalFold(command, "auth"):
		ev.Action, ev.Bytes = Login, 0
		if equalFold(command, "authenticate") || equalFold(command, "auth") {
			ev.Mechanism = parameters
		} else if name, _, _ := cut(bytes.TrimLeft(parameters, " "), " "); len(ev.Account) == 0 && !hasPrefix(name, "***") {
			ev.Account = name
		}
		switch {
		case good:
			ev.Outcome = Success
		case contains(said, "ailed") || contains(said, "ailure") || contains(said, "LogonDenied"):
			ev.Outcome = Failure
		case len(said) == 0:
			return ignored // the first half of an exchange
		default:
			ev.Outcome = Error
		}
	case equalFold(command, "logout"), equalFold(command, "quit"):
		ev.Action = Logout
	case !good:
		return ignored
	case equalFold(command, "fetch"), equalFold(command, "retr"), equalFold(command, "top"),
		equalFold(command, "uid") && hasPrefixFold(parameters, "fetch"):
		ev.Action, ev.Outcome = Read, Success
	default:
		return ignored
	}
	return parsed
}

// exchangeSMTP reads a row of Exchange's protocol log of a receive connector.
// What a session did before is joined by its id: who authenticated, and with
// which mechanism.
//
//	2026-02-21T00:03:02.847Z,EX1\Client Frontend EX1,08DE6F0A1B2C3D4E,9,192.0.2.1:587,198.51.100.7:53124,*,PARL\anna,authenticated
//	2026-02-21T00:03:02.847Z,EX1\Client Frontend EX1,08DE6F0A1B2C3D4E,9,192.0.2.1:587,198.51.100.7:53124,>,535 5.7.3 Authentication unsuccessful,
//
// Logs of send connectors look alike; there the ends are other servers.
func (p *Parser) exchangeSMTP(c *cells, ev *Event) Result {
	if p.columns.outbound {
		return ignored
	}
	ev.Session = p.get(c, colSession)
	server := p.get(c, colServer)
	if ev.Service = portService(server); ev.Service != Submission {
		ev.Service = SMTP
	}
	m, fresh := p.queue.find(ev.Session, true)
	if m == nil {
		return rejected(whyCut)
	}
	event, data, said := p.get(c, colEvent), p.get(c, colData), p.get(c, colContext)
	if fresh || string(event) == "+" {
		*m = message{account: m.account[:0], hostname: m.hostname[:0]}
	}
	m.client, m.service = ev.ClientIP, ev.Service
	switch string(event) {
	case "<":
		// "AUTH LOGIN", and behind AUTH PLAIN the response itself, which
		// Exchange leaves out.
		if rest, ok := cutFold(data, "auth "); ok {
			mechanism, _, _ := cut(rest, " ")
			m.account = m.account[:0]
			if m.hostname = m.hostname[:0]; token(mechanism) && len(mechanism) <= 32 {
				m.hostname = append(m.hostname, mechanism...) // of no use otherwise here
			}
		}
		return ignored
	case "*":
		return p.exchangeNews(m, data, said, ev)
	case ">":
		return p.exchangeReply(m, data, ev)
	}
	return ignored
}

// exchangeNews reads what the server notes of a session.
func (p *Parser) exchangeNews(m *message, data, said []byte, ev *Event) Result {
	name, ok := after(said, "User Name: ")
	if !ok {
		name, ok = after(data, "User Name: ")
	}
	switch {
	case ok: // whose password is checked next
		if len(name) <= maxAccount {
			m.account, m.sent = append(m.account[:0], name...), false
		}
		return ignored
	case string(said) == "authenticated":
		ev.Action, ev.Outcome, ev.Account, ev.Mechanism = Login, Success, data, m.hostname
		ev.Joined = len(m.hostname) > 0
		if len(data) <= maxAccount {
			m.account, m.sent = append(m.account[:0], data...), true // is signed in
		}
		return parsed
	case hasPrefix(said, "Inbound authentication failed because the client "):
		rest := said[len("Inbound authentication failed because the client "):]
		if i := lastIndex(rest, " doesn't have submit permission"); i >= 0 {
			ev.Account = rest[:i]
		}
		ev.Action, ev.Outcome, ev.Reason = Login, Denied, reasonPolicy
		return parsed
	case hasPrefix(said, "TLS negotiation failed"), hasPrefix(data, "TLS negotiation failed"):
		ev.Action, ev.Outcome, ev.Reason = Probe, Refused, reasonTLS
		return parsed
	}
	return ignored
}

// exchangeReply reads the answers that say how a login, a recipient or a
// message ended.
func (p *Parser) exchangeReply(m *message, data []byte, ev *Event) Result {
	switch {
	case hasPrefix(data, "535 "):
		ev.Action, ev.Outcome, ev.Account, ev.Mechanism = Login, Failure, m.account, m.hostname
		ev.Joined = len(m.account)+len(m.hostname) > 0
		m.sent = false
		return parsed
	case hasPrefix(data, "454 4.7.0 "):
		ev.Action, ev.Outcome, ev.Reason = Login, Error, reasonBackend
		return parsed
	case hasPrefix(data, "504 5.7.4 "), hasPrefix(data, "500 5.3.3 "), hasPrefix(data, "501 "):
		ev.Action, ev.Outcome, ev.Reason = Probe, Denied, reasonProtocol
		return parsed
	case hasPrefix(data, "250 2.6.0 "):
		if !m.sent || len(m.account) == 0 {
			return ignored // mail from outside
		}
		ev.Action, ev.Outcome, ev.Account, ev.Joined = Send, Success, m.account, true
		return parsed
	case hasPrefix(data, "421 "):
		ev.Action, ev.Outcome, ev.Reason = Probe, Refused, reasonTooMany
		return parsed
	}
	var ok bool
	if ev.Outcome, ok = replyOutcome(data); !ok {
		return ignored
	}
	ev.Action, ev.Reason = Send, reasonPolicy
	switch {
	case contains(data, "Unable to relay"):
		ev.Reason = reasonRelay
	case hasPrefix(data, "550 5.1.1"): // 5.1.10 RESOLVER.ADR.RecipientNotFound
		ev.Reason = reasonRecipient
	}
	if m.sent && len(m.account) > 0 {
		ev.Account, ev.Joined = m.account, true
	}
	return parsed
}

// cutFold takes a prefix in lower case off b, whatever its case there.
func cutFold(b []byte, prefix string) ([]byte, bool) {
	if hasPrefixFold(b, prefix) {
		return b[len(prefix):], true
	}
	return nil, false
}

// exchangeTracking reads a row of Exchange's message tracking. The transport
// writes several for each message; the one that says who sent it from a
// mailbox is RECEIVE by STOREDRIVER.
func (p *Parser) exchangeTracking(c *cells, ev *Event) Result {
	if string(p.get(c, colEvent)) != "RECEIVE" || string(p.get(c, colSource)) != "STOREDRIVER" {
		return ignored
	}
	ev.Action, ev.Outcome = Send, Success
	ev.Session = p.get(c, colSession)
	ev.Bytes, _, _ = digits(p.get(c, colBytes))
	n, _, _ := digits(p.get(c, colRecipients))
	ev.Messages = int32(min(n, 1<<31-1))
	return parsed
}
