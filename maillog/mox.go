package maillog

import "bytes"

// mox reads a line of mox through syslog or the journal, in logfmt. Values
// that hold a blank, a quote or an equals sign are in quotes, so what a client
// chose stays within its field.
//
//	l=info m="login attempt" pkg=store address=anna@parl.example account=anna protocol=imap authmech=plain result=badcreds remoteip=203.0.113.5 localip=192.0.2.1 tls="…" useragent="…" count=1
func (p *Parser) mox(_, msg []byte, ev *Event) Result {
	if !contains(msg, ` m="login attempt"`) {
		return ignored
	}
	var result, address, account []byte
	whole := false
	ev.Action = Login
	p.json.text = p.json.text[:0]
	for len(msg) > 0 {
		key, value, rest, escaped, ok := logfmt(msg)
		if !ok {
			return rejected(whyCut)
		}
		msg = bytes.TrimLeft(rest, " ")
		if escaped {
			value = p.json.undo(value)
		}
		if len(value) == 0 || string(value) == "-" {
			continue
		}
		switch string(key) {
		case "address":
			address = value
		case "account":
			account = value
		case "protocol":
			ev.Service = moxService(value)
		case "authmech":
			ev.Mechanism = value
		case "result":
			result = value
		case "remoteip":
			if ev.ClientIP, ok = parseAddr(value); !ok {
				return rejected(whyAddress)
			}
		case "localip":
			ev.ServerIP, _ = parseAddr(value)
		case "useragent":
			ev.UserAgent = value
		case "count": // the last that tells something
			whole = true
		}
	}
	if !whole || len(result) == 0 {
		return rejected(whyCut)
	}
	if ev.Account = address; len(address) == 0 {
		ev.Account = account
	}
	switch string(result) {
	case "ok":
		ev.Outcome = Success
	case "badpassword", "badcreds":
		ev.Outcome, ev.Reason = Failure, reasonMismatch
	case "baduser":
		ev.Outcome, ev.Reason = Failure, reasonUnknownUser
	case "logindisabled":
		ev.Outcome, ev.Reason = Denied, reasonDisabled
	case "error":
		ev.Outcome, ev.Reason = Error, reasonBackend
	default: // aborted, a broken exchange, a bad channel binding
		ev.Action = Probe
	}
	return parsed
}

func moxService(b []byte) Service {
	switch string(b) {
	case "imap":
		return IMAP
	case "submission", "smtp":
		return Submission
	case "webmail":
		return Webmail
	case "webadmin":
		return Admin
	}
	return Web
}
