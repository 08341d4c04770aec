package maillog

// tine20 reads a line of the groupware Tine 2.0:
//
//	78017 00cff -- none -- - 2026-02-21T00:03:02+00:00 WARN (4): Tinebase_Controller::login::106 Login with username anna from 198.51.100.7 failed (-1)!
//
// Only its own words follow the address.
func (p *Parser) tine20(line []byte, ev *Event) Result {
	s, b, ok := tineStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format = Tine20
	_, b, ok = cut(b, "): ")
	if !ok {
		return rejected(whyCut)
	}
	where, said, ok := cut(b, " ")
	if !ok || !hasPrefix(where, "Tinebase_Controller::login") {
		return ignored
	}
	who, ok := after(said, "Login with username ")
	if !ok {
		return ignored
	}
	i := lastIndex(who, " from ")
	if i < 0 {
		return rejected(whyCut)
	}
	value, how, _ := cut(who[i+len(" from "):], " ")
	if ev.ClientIP, ok = parseAddr(value); !ok {
		return rejected(whyAddress)
	}
	ev.Service, ev.Action, ev.Account = Webmail, Login, who[:i]
	switch {
	case hasPrefix(how, "failed ("):
		ev.Outcome = Failure
	case hasPrefix(how, "successful"):
		ev.Outcome = Success
	default:
		return rejected(whyCut)
	}
	return parsed
}

func beginsTine20(line []byte) bool {
	_, b, ok := tineStamp(line)
	if !ok {
		return false
	}
	_, b, ok = cut(b, "): ")
	return ok && (hasPrefix(b, "Tinebase_") || contains(b, "::"))
}

// tineStamp finds the time after "REQUEST -- USER -- - ".
func tineStamp(b []byte) (s stamp, rest []byte, ok bool) {
	i := index(b, " -- - ")
	if i < 0 || i > 200 {
		return s, nil, false
	}
	s, rest, ok = parseStamp(b[i+len(" -- - "):])
	return s, rest, ok && hasPrefix(rest, " ")
}
