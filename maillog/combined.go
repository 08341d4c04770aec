package maillog

import (
	"bytes"
	"encoding/binary"
)

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
	var why string
	if ev.Time, why = p.minute.time(line[open+1:open+27], &p.clock); why != "" {
		return rejected(why)
	}
	ev.Format = Combined
	// Nearly always an address, and no ident: "198.51.100.7 - ".
	if addr, n := dotted(line); n > 0 && n+3 <= open && string(line[n:n+3]) == " - " {
		ev.ClientIP = addr
		p.combinedUser(line[n+3:open], ev)
	} else if why := p.combinedClient(line[:open], ev); why != "" {
		return rejected(why)
	}
	request, rest, ok := quoted(line[open+29:])
	if !ok {
		return rejected(whyCut)
	}
	// ' 200 512 "referer" "agent"', and Traefik's ' - - "referer" …' where the
	// client left before there was a status.
	none := hasPrefix(rest, " - ")
	if none {
		rest = rest[len(" - "):]
	} else {
		if len(rest) < 5 || rest[0] != ' ' || rest[4] != ' ' {
			return rejected(gluedOr(rest, whyCut))
		}
		a, b := int(rest[1])-'0', two(rest, 2)
		if a < 1 || a > 9 || b < 0 {
			return rejected(whyStatus)
		}
		ev.Status = uint16(a*100 + b)
		rest = rest[5:]
	}
	if hasPrefix(rest, "-") {
		rest = rest[1:]
	} else if ev.Bytes, rest, ok = digits(rest); !ok {
		return rejected(whyCut)
	}
	if !hasPrefix(rest, ` "`) {
		return rejected(gluedOr(rest, whyCut))
	}
	if hasPrefix(rest, ` "-" "`) { // most have no referrer
		rest = rest[4:]
	} else if _, rest, ok = quoted(rest[1:]); !ok || !hasPrefix(rest, ` "`) {
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
	} else if none {
		return rejected(whyStatus)
	}
	if string(agent) != "-" {
		ev.UserAgent = agent
	}
	p.request(request, ev)
	return parsed
}

func beginsCombined(line []byte) bool {
	open := clfBracket(line)
	if open < 0 {
		return false
	}
	_, ok := parseCLF(line[open+1 : open+27])
	return ok
}

// clfMinute remembers the minute of the line before: lines come in the order
// of time, so that of the next one only the seconds differ.
type clfMinute struct {
	day, clock, zone uint64 // the text of a line of that minute, in words
	colon            uint16
	start            int64 // its first instant, Unix nanoseconds
	known            bool
}

// time reads the 26 bytes of parseCLF, which state a year and a zone.
func (m *clfMinute) time(b []byte, c *clock) (ns int64, why string) {
	// "21/Feb/2026:00:03:" and " +0100" are compared eight bytes at a time,
	// some of them twice.
	if m.known && len(b) == 26 &&
		binary.LittleEndian.Uint64(b) == m.day && binary.LittleEndian.Uint64(b[8:]) == m.clock &&
		binary.LittleEndian.Uint16(b[16:]) == m.colon && binary.LittleEndian.Uint64(b[18:])>>16 == m.zone {
		if sec := two(b, 18); 0 <= sec && sec <= 60 {
			return m.start + int64(sec)*1e9, ""
		}
	}
	s, ok := parseCLF(b)
	if !ok {
		return 0, whyCut
	}
	if !s.valid() {
		return 0, whyTime
	}
	ns = c.resolve(&s)
	m.known, m.start = true, ns-int64(s.second)*1e9
	m.day, m.clock = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	m.colon, m.zone = binary.LittleEndian.Uint16(b[16:]), binary.LittleEndian.Uint64(b[18:])>>16
	return ns, ""
}

func gluedOr(rest []byte, why string) string {
	if len(rest) > 0 && rest[0] != ' ' {
		return whyGlued
	}
	return why
}

// combinedClient reads what stands before the time: "address ident user ",
// with or without a virtual host before it.
func (p *Parser) combinedClient(b []byte, ev *Event) string {
	first, rest, ok := cutByte(b, ' ')
	if !ok || len(first) == 0 {
		return whyAddress
	}
	if hasPrefix(rest, "- ") { // nearly always: an address, and no ident
		if addr, ok := parseAddr(first); ok {
			ev.ClientIP = addr
			p.combinedUser(rest[2:], ev)
			return ""
		}
	}
	second, user, _ := cutByte(rest, ' ')
	addr, isAddr := parseAddr(first)
	other, otherIsAddr := parseAddr(second)
	switch {
	case isAddr && otherIsAddr:
		return whyTwoAddrs
	case isAddr:
		ev.ClientIP = addr
	case otherIsAddr:
		ev.ClientIP = other
		_, user, _ = cutByte(user, ' ') // ident
	default: // HostnameLookups: the reverse name only
		if !token(first) {
			return whyAddress
		}
		ev.Hostname = first
	}
	p.combinedUser(user, ev)
	return ""
}

// combinedUser reads what stands between the ident and the time.
func (p *Parser) combinedUser(user []byte, ev *Event) {
	if len(user) > 0 && user[len(user)-1] == ' ' {
		user = user[:len(user)-1]
	}
	if len(user) > 0 && string(user) != "-" {
		ev.Account = unescapeLog(&p.account, user)
	}
}

// unescapeLog undoes what web servers do to a user name: DOM\anna is written
// DOM\x5Canna by nginx and DOM\\anna by Apache, which has "\n" and "\t" too.
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
			case b[i+1] == 'n':
				c = '\n'
				i++
			case b[i+1] == 't':
				c = '\t'
				i++
			case b[i+1] == 'r':
				c = '\r'
				i++
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
	return i
}
