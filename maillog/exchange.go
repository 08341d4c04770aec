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
