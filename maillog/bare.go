package maillog

// bare reads a line of syslog that lost its time on the way, as "journalctl -o
// cat" and some collectors leave it, of a program that states the time itself:
//
//	mx1 exim[7]: 2026-02-21 00:03:02 plain authenticator failed for …
func (p *Parser) bare(line []byte, ev *Event) Result {
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
	prog, _, _ := bareProgram(line)
	return prog != nil
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
