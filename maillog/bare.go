package maillog

// bare reads a line of syslog that lost its time on the way, as "journalctl -o
// cat" and some collectors leave it, of a program that states the time itself:
//
//	mx1 exim[7]: 2026-02-21 00:03:02 plain authenticator failed for …
//
// and HAProxy's lines as it writes them to standard output.
func (p *Parser) bare(line []byte, ev *Event) Result {
	if s, ok := haproxyStamp(line); ok {
		if !p.time(&s, ev) {
			return rejected(whyTime)
		}
		ev.Format = HAProxy
		return p.haproxy(nil, line, ev)
	}
	prog, tag, msg := bareProgram(line)
	if prog == nil {
		return rejected(whyProcess)
	}
	s, _, ok := eximStamp(msg)
	if !ok {
		s, _, ok = slashStamp(msg)
	}
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format = prog.format
	return prog.read(p, tag, msg, ev)
}

func beginsBare(line []byte) bool {
	if _, ok := haproxyStamp(line); ok {
		return true
	}
	prog, _, _ := bareProgram(line)
	return prog != nil
}

// haproxyStamp reads the time of "198.51.100.7:53124 [21/Feb/2026:00:03:02.655] ".
func haproxyStamp(line []byte) (s stamp, ok bool) {
	client, b, ok := cut(line, " [")
	i := lastIndex(client, ":")
	if !ok || i < 0 || len(b) < 26 || b[2] != '/' || b[6] != '/' || b[11] != ':' || b[24] != ']' || two(b, 7) < 0 || two(b, 9) < 0 {
		return s, false
	}
	if _, ok = parseAddr(client[:i]); !ok {
		return s, false
	}
	s.year, s.month, s.day = two(b, 7)*100+two(b, 9), monthOf(b[3:]), two(b, 0)
	_, ok = s.timeOfDay(b[12:])
	return s, ok
}

// bareProgram splits "host program[7]: message"; a collector may have put
// "host program: " before the message once more.
func bareProgram(line []byte) (prog *syslogProgram, tag, msg []byte) {
	host, rest, ok := cut(line, " ")
	if !ok || !token(host) {
		return nil, nil, nil
	}
	tag, rest, ok = bareTag(rest)
	if !ok {
		return nil, nil, nil
	}
	if prog = program(tag); prog == nil || prog.format != Exim && prog.format != NginxError {
		return nil, nil, nil
	}
	if again, ok := after(rest, string(host)+" "); ok {
		if t, r, ok := bareTag(again); ok && string(t) == string(tag) {
			rest = r
		}
	}
	return prog, tag, rest
}
