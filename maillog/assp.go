package maillog

import "bytes"

// assp reads a line of the Anti-Spam SMTP Proxy's maillog.txt:
//
//	Feb-21-26 00:03:02 m1-25391-06124 [Worker_1] [RelayAttempt] 198.51.100.7 <anna@parl.example> relay attempt blocked for: bert@elsewhere.example
//
// The address stands before whatever the client wrote.
func (p *Parser) assp(line []byte, ev *Event) Result {
	s, b, ok := asspStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format, ev.Service = ASSP, SMTP
	if rest, ok := after(b, "Blocking "); ok {
		if ev.ClientIP, rest, ok = leadingAddr(rest); !ok {
			return rejected(whyAddress)
		}
		if !contains(rest, " - too much AUTH errors ") {
			return ignored
		}
		ev.Action, ev.Outcome, ev.Reason = Login, Refused, reasonTooManyTries
		return parsed
	}
	if !hasPrefix(b, "[") { // the message's id
		if id, rest, _ := cut(b, " "); token(id) && bytes.IndexByte(id, '-') > 0 {
			ev.Session, b = id, rest
		}
	}
	for hasPrefix(b, "[") {
		if _, b, ok = cut(b, "] "); !ok {
			return rejected(whyCut)
		}
	}
	addr, rest, ok := leadingAddr(b)
	if !ok || !hasPrefix(rest, " ") {
		return ignored // what the proxy says of itself
	}
	ev.ClientIP = addr
	switch {
	case hasPrefix(rest, " [SMTP Error] 535 "):
		ev.Action, ev.Outcome = Login, Failure
	case hasPrefix(rest, " max sender authentication errors "):
		ev.Action, ev.Outcome, ev.Reason = Login, Refused, reasonTooManyTries
	case hasPrefix(rest, " SSL negotiation with client failed"):
		ev.Action, ev.Outcome, ev.Reason = Probe, Refused, reasonTLS
	case hasPrefix(rest, " <") && contains(rest, " relay attempt blocked for"):
		ev.Action, ev.Outcome, ev.Reason = Send, Denied, reasonRelay
	default:
		return ignored
	}
	return parsed
}

func beginsASSP(line []byte) bool {
	_, _, ok := asspStamp(line)
	return ok
}

// asspStamp reads "Feb-21-26 00:03:02 " off the start of a line.
func asspStamp(b []byte) (s stamp, rest []byte, ok bool) {
	if len(b) < 20 || b[3] != '-' || b[6] != '-' || b[9] != ' ' || two(b, 7) < 0 {
		return s, nil, false
	}
	s.year, s.month, s.day = 2000+two(b, 7), monthOf(b), two(b, 4)
	rest, ok = s.timeOfDay(b[10:])
	if !ok || !hasPrefix(rest, " ") || s.month == 0 {
		return s, nil, false
	}
	return s, rest[1:], true
}
