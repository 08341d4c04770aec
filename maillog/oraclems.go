package maillog

// oracleMS reads a line of Oracle's (once Sun's, iPlanet's) Messaging Server
// in its XML form (LOG_FORMAT=4), of which only logins, "co" with action "U",
// are Events:
//
//	<co ts="2026-02-21T00:03:02.56" pi="7.8.9" sc="tcp_submit" dr="+" ac="U" tr="TCP|192.0.2.1|587|198.51.100.7|56591" ap="SMTP" mi="Bad password" us="anna@parl.example" di="535 5.7.8 Bad username or password"/>
//
// Values are escaped, so a quote ends each.
func (p *Parser) oracleMS(line []byte, ev *Event) Result {
	b, ok := after(line, "<co ")
	if !ok {
		return ignored // messages in and out of the queue
	}
	ev.Format = OracleMS
	var action, reply, mi []byte
	timed := false
	for !hasPrefix(b, "/>") {
		key, rest, ok := cut(b, "=\"")
		if !ok {
			return rejected(whyCut)
		}
		value, rest, ok := cut(rest, "\"")
		if !ok {
			return rejected(whyCut)
		}
		b = rest
		if hasPrefix(b, " ") {
			b = b[1:]
		}
		switch string(key) {
		case "ts":
			s, _, ok := parseStamp(value)
			if !ok || !p.time(&s, ev) {
				return rejected(whyTime)
			}
			timed = true
		case "ac":
			action = value
		case "tr": // protocol, our address and port, the client's
			for range 3 {
				if _, value, ok = cut(value, "|"); !ok {
					return rejected(whyAddress)
				}
			}
			peer, _, _ := cut(value, "|")
			if ev.ClientIP, ok = parseAddr(peer); !ok {
				return rejected(whyAddress)
			}
		case "ap":
			if ev.Service = daemonService(value); ev.Service == ServiceNone && hasPrefix(value, "SMTP") {
				ev.Service = Submission
			}
		case "us":
			ev.Account = value
		case "mi":
			mi = value
		case "di":
			reply = value
		}
	}
	if string(action) != "U" {
		return ignored
	}
	if !timed || !ev.ClientIP.IsValid() {
		return rejected(whyCut)
	}
	ev.Action, ev.Outcome = Login, Failure
	switch {
	case hasPrefix(reply, "2"):
		ev.Outcome = Success
	case hasPrefix(reply, "4"):
		ev.Outcome, ev.Reason = Error, reasonBackend
	case hasPrefix(mi, "Bad password"):
		ev.Reason = reasonMismatch
	}
	return parsed
}

func beginsOracleMS(line []byte) bool {
	return hasPrefix(line, "<co ts=\"") || hasPrefix(line, "<en ts=\"") || hasPrefix(line, "<he ts=\"")
}
