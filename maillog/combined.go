package maillog

import "bytes"

// combined reads a line of a web server's access log:
//
//	198.51.100.7 - anna [21/Feb/2026:00:03:02 +0100] "GET / HTTP/1.1" 200 512 "-" "Mozilla/5.0"
//
// and the same after "host:port " (Apache's vhost_combined). What a format of
// one's own adds at the end is skipped. Web servers escape quotes in what the
// client wrote, so the first quote opens the request, and the time stands
// right before it, whatever the user name holds.
func (p *Parser) combined(line []byte, ev *Event) Result {
	open := clfBracket(line)
	if open < 0 {
		return rejected(whyCut)
	}
	s, _ := parseCLF(line[open+1 : open+27])
	if !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format = Combined
	if why := p.combinedClient(line[:open], ev); why != "" {
		return rejected(why)
	}
	request, rest, ok := quoted(line[open+29:])
	if !ok {
		return rejected(whyCut)
	}
	// ' 200 512 "referer" "agent"'
	if len(rest) < 5 || rest[0] != ' ' || rest[4] != ' ' {
		return rejected(gluedOr(rest, whyCut))
	}
	status, _, ok := digits(rest[1:4])
	if !ok || status < 100 {
		return rejected(whyStatus)
	}
	ev.Status = uint16(status)
	rest = rest[5:]
	if hasPrefix(rest, "-") {
		rest = rest[1:]
	} else if ev.Bytes, rest, ok = digits(rest); !ok {
		return rejected(whyCut)
	}
	if !hasPrefix(rest, ` "`) {
		return rejected(gluedOr(rest, whyCut))
	}
	_, rest, ok = quoted(rest[1:])
	if !ok || !hasPrefix(rest, ` "`) {
		return rejected(gluedOr(rest, whyCut))
	}
	agent, rest, ok := quoted(rest[1:])
	if !ok {
		return rejected(whyCut)
	}
	if len(rest) > 0 && rest[0] != ' ' {
		return rejected(whyGlued)
	}
	if traefikEnd(rest) {
		ev.Format = Traefik
	}
	if string(agent) != "-" {
		ev.UserAgent = agent
	}
	p.request(request, ev)
	return parsed
}

func beginsCombined(line []byte) bool { return clfBracket(line) >= 0 }

func gluedOr(rest []byte, why string) string {
	if len(rest) > 0 && rest[0] != ' ' {
		return whyGlued
	}
	return why
}

// combinedClient reads what stands before the time: "address ident user ",
// with or without a virtual host before it.
func (p *Parser) combinedClient(b []byte, ev *Event) string {
	first, rest, ok := cut(b, " ")
	if !ok || len(first) == 0 {
		return whyAddress
	}
	second, user, _ := cut(rest, " ")
	addr, isAddr := parseAddr(first)
	other, otherIsAddr := parseAddr(second)
	switch {
	case isAddr && otherIsAddr:
		return whyTwoAddrs
	case isAddr:
		ev.ClientIP = addr
	case otherIsAddr:
		ev.ClientIP = other
		_, user, _ = cut(user, " ") // ident
	default: // HostnameLookups: the reverse name only
		if !token(first) {
			return whyAddress
		}
		ev.Hostname = first
	}
	if len(user) > 0 && user[len(user)-1] == ' ' {
		user = user[:len(user)-1]
	}
	if len(user) > 0 && string(user) != "-" {
		ev.Account = unescapeLog(&p.account, user)
	}
	return ""
}

// unescapeLog undoes what web servers do to a user name: DOM\anna is written
// DOM\x5Canna by nginx and DOM\\anna by Apache.
func unescapeLog(buf *[]byte, b []byte) []byte {
	i := bytes.IndexByte(b, '\\')
	if i < 0 {
		return b
	}
	out := append((*buf)[:0], b[:i]...)
	for ; i < len(b); i++ {
		c := b[i]
		if c == '\\' && i+1 < len(b) {
			switch {
			case b[i+1] == '\\' || b[i+1] == '"':
				c = b[i+1]
				i++
			case b[i+1] == 'x' && i+3 < len(b) && unhex(b[i+2]) >= 0 && unhex(b[i+3]) >= 0:
				c = byte(unhex(b[i+2])<<4 | unhex(b[i+3]))
				i += 3
			}
		}
		out = append(out, c)
	}
	*buf = out
	return out
}

// clfBracket finds the "[" of the time: 29 bytes before the first quote that
// is not escaped.
func clfBracket(line []byte) int {
	i := bytes.IndexByte(line, '"')
	for i > 0 && line[i-1] == '\\' {
		j := bytes.IndexByte(line[i+1:], '"')
		if j < 0 {
			return -1
		}
		i += 1 + j
	}
	i -= 29
	if i < 2 || line[i] != '[' || line[i+27] != ']' || line[i+28] != ' ' || line[i-1] != ' ' {
		return -1
	}
	if _, ok := parseCLF(line[i+1 : i+27]); !ok {
		return -1
	}
	return i
}
