package maillog

import "bytes"

func knowsAuthelia(j *jsonFields) bool {
	return j.has("msg") && j.has("level") && j.has("time") &&
		(j.has("remote_ip") && j.has("path") || contains(j.field("msg").raw(), "Authelia"))
}

// authelia reads Authelia's log in JSON:
//
//	{"level":"error","method":"POST","msg":"Unsuccessful 1FA authentication attempt by user 'anna'","path":"/api/firstfactor","remote_ip":"203.0.113.5","time":"2026-02-21T00:03:02+01:00"}
func (p *Parser) authelia(ev *Event) Result {
	j := &p.json
	r := p.autheliaMessage(j.textOf(j.field("msg")), ev)
	if r.Kind != Parsed {
		return r
	}
	if !p.jsonTime(j.field("time"), false, ev) {
		return rejected(whyTime)
	}
	if !p.jsonAddr(j.field("remote_ip"), ev) {
		return rejected(whyAddress)
	}
	ev.URL = j.textOf(j.field("path"))
	return parsed
}

func beginsAuthelia(line []byte) bool {
	return hasPrefix(line, `time="`) && len(line) > 30 && contains(line[:min(len(line), 60)], `" level=`)
}

// autheliaText reads the same in logfmt, as which it is written by default:
//
//	time="2026-02-21T00:03:02+01:00" level=error msg="Unsuccessful 1FA authentication attempt by user 'anna'" method=POST path=/api/firstfactor remote_ip=203.0.113.5
func (p *Parser) autheliaText(line []byte, ev *Event) Result {
	if beginsJSON(line) {
		return p.jsonLine(line, ev)
	}
	ev.Format = Authelia
	p.json.text = p.json.text[:0]
	r, hasTime := ignored, false
	for len(line) > 0 {
		key, value, rest, escaped, ok := logfmt(line)
		if !ok {
			return rejected(whyCut)
		}
		line = bytes.TrimLeft(rest, " ")
		switch string(key) {
		case "time":
			var s stamp
			if s, _, ok = parseStamp(value); !ok || !p.time(&s, ev) {
				return rejected(whyTime)
			}
			hasTime = true
		case "msg":
			if escaped {
				value = p.json.undo(value)
			}
			if r = p.autheliaMessage(value, ev); r.Kind != Parsed {
				return r
			}
		case "path":
			ev.URL = value
		case "remote_ip":
			if ev.ClientIP, ok = parseAddr(value); !ok {
				return rejected(whyAddress)
			}
		}
	}
	if !hasTime {
		return rejected(whyTime)
	}
	if r.Kind == Parsed && !ev.ClientIP.IsValid() {
		return rejected(whyCut) // remote_ip comes late in a line
	}
	return r
}

// autheliaMessage reads "Unsuccessful 1FA authentication attempt by user
// 'anna'", the same with "and they are banned until …", and, at the level
// debug, "Successful 1FA authentication attempt made by user 'anna'".
func (p *Parser) autheliaMessage(msg []byte, ev *Event) Result {
	if rest, ok := after(msg, "Error occurred getting details for user with username input '"); ok && p.opt.Mixed {
		// In its file the unsuccessful attempt follows.
		i := lastIndex(rest, "' which usually indicates they do not exist")
		if i < 0 {
			return ignored
		}
		signIn(ev, Failure, reasonUnknownUser)
		ev.Account = rest[:i]
		return parsed
	}
	if rest, ok := after(msg, "Unsuccessful "); ok {
		msg = rest
		signIn(ev, Failure, "")
	} else if rest, ok := after(msg, "Successful "); ok {
		msg = rest
		signIn(ev, Success, "")
	} else {
		return ignored
	}
	factor, rest, ok := cut(msg, " authentication attempt ")
	if !ok || !token(factor) {
		return ignored
	}
	if _, rest, ok = cut(rest, "by user '"); !ok {
		return ignored
	}
	i := bytes.LastIndexByte(rest, '\'')
	if i < 0 {
		return rejected(whyCut)
	}
	ev.Account = rest[:i]
	ev.Mechanism = factor
	if ev.Outcome == Failure {
		switch {
		case contains(rest[i:], "banned"):
			ev.Outcome, ev.Reason = Denied, reasonBanned
		case string(factor) != "1FA":
			ev.Outcome, ev.Reason = Denied, reasonSecondFactor
		}
	}
	return parsed
}
