package maillog

import (
	"bytes"
	"unicode/utf8"
)

// Envelopes carry the lines of other formats: what is inside is read as what
// it is, and the time is the envelope's. It states a year and a zone, which
// the line inside may not.

func knowsJournald(j *jsonFields) bool {
	return j.has("__REALTIME_TIMESTAMP") && j.has("MESSAGE")
}

// journald reads an entry as journalctl -o json and systemd-journal-upload
// write it:
//
//	{"__REALTIME_TIMESTAMP":"1771628582000000","SYSLOG_IDENTIFIER":"dovecot","MESSAGE":"imap-login: Login: …"}
func (p *Parser) journald(ev *Event) Result {
	stamp, rest, ok := digits(p.json.field("__REALTIME_TIMESTAMP").raw())
	if !ok || len(rest) > 0 || stamp >= 1<<33*1e6 {
		return rejected(whyTime)
	}
	msg := p.json.field("MESSAGE")
	switch {
	case msg.kind == '"':
		p.inner = unescapeJSON(p.inner[:0], msg.value)
	case msg.kind == '[': // bytes, as soon as one of them is not printable
		if p.inner, ok = jsonBytes(p.inner[:0], msg.value); !ok {
			return rejected(whyCut)
		}
	default: // null: too large for the one who wrote it out
		return ignored
	}
	tag := p.json.field("SYSLOG_IDENTIFIER").raw()
	if len(tag) == 0 {
		tag = bytes.TrimSuffix(p.json.field("_SYSTEMD_UNIT").raw(), []byte(".service"))
	}
	r := p.enclosed(tag, stamp*1e3, ev)
	if r.Why == whyUnknown {
		return ignored // another program's
	}
	return r
}

// jsonBytes reads "[72,101,…]".
func jsonBytes(out, b []byte) ([]byte, bool) {
	for b = b[1:]; len(b) > 0; b = b[1:] {
		if c := b[0]; c == ',' || c == ' ' || c == ']' {
			continue
		}
		n, rest, ok := digits(b)
		if !ok || n > 255 || len(rest) == 0 {
			return out, false
		}
		out, b = append(out, byte(n)), rest
	}
	return out, true
}

func knowsDocker(j *jsonFields) bool {
	return j.has("log") && j.has("stream") && j.has("time")
}

// docker reads a line of Docker's json-file driver:
//
//	{"log":"Feb 21 00:03:02 imap-login: Info: Login: …\n","stream":"stdout","time":"2026-02-21T00:03:02.123456789Z"}
//
// Docker cuts what a program writes at 16 KiB. A part is joined to what
// follows on the same stream: read by itself, it would begin with words that a
// client may have chosen.
func (p *Parser) docker(ev *Event) Result {
	if !p.jsonTime(p.json.field("time"), true, ev) {
		return rejected(whyTime)
	}
	part := &p.parts[0]
	if p.json.field("stream").is("stderr") {
		part = &p.parts[1]
	}
	p.inner = append(p.inner[:0], *part...)
	start := len(p.inner)
	p.inner = unescapeJSON(p.inner, p.json.field("log").raw())
	if len(p.inner)-start == dockerPart && p.inner[len(p.inner)-1] != '\n' {
		*part = append((*part)[:0], p.inner[:min(len(p.inner), maxLine+1)]...)
		return ignored
	}
	*part = (*part)[:0]
	if len(p.inner) > maxLine {
		return rejected(whyLong)
	}
	return p.enclosed(nil, ev.Time, ev)
}

const dockerPart = 16 << 10

func beginsMultilog(line []byte) bool {
	return line[0] == '@' && len(line) > 26 && line[25] == ' ' && hexes(line[1:25])
}

// multilog reads a line that daemontools' or s6's multilog wrote, after its
// TAI64N label (https://cr.yp.to/libtai/tai64.html). Like those programs it
// takes TAI to be ten seconds ahead of UTC.
//
//	@400000006998e7d60757b500 imap-login: Info: Login: …
func (p *Parser) multilog(line []byte, ev *Event) Result {
	if !beginsMultilog(line) {
		return rejected(whyTime)
	}
	var sec uint64
	for _, c := range line[1:17] {
		sec = sec<<4 | uint64(unhex(c))
	}
	var nano int64
	for _, c := range line[17:25] {
		nano = nano<<4 | int64(unhex(c))
	}
	const tai = 1<<62 + 10
	if sec < tai || sec-tai >= 1<<33 || nano >= 1e9 {
		return rejected(whyTime)
	}
	p.inner = append(p.inner[:0], line[26:]...)
	return p.enclosed(nil, int64(sec-tai)*1e9+nano, ev)
}

func hexes(b []byte) bool {
	for _, c := range b {
		if unhex(c) < 0 {
			return false
		}
	}
	return true
}

// enclosed reads p.inner, which an envelope carried: the message of the
// program that tag names, a whole line of a format, or, where the envelope's
// time is the only one, the message of Dovecot or of a program with a tag of
// its own.
func (p *Parser) enclosed(tag []byte, nanos int64, ev *Event) Result {
	msg := bytes.TrimRight(p.inner, "\r\n")
	switch {
	case len(msg) == 0:
		return ignored
	case bytes.IndexByte(msg, 0) >= 0:
		return rejected(whyNUL)
	case !utf8.Valid(msg):
		return rejected(whyUTF8)
	case p.opened:
		return rejected(whyUnknown) // an envelope in an envelope
	}
	p.opened = true
	r := p.letter(tag, msg, ev)
	p.opened = false
	ev.Time = nanos
	return r
}

func (p *Parser) letter(tag, msg []byte, ev *Event) Result {
	if len(tag) > 0 {
		if prog := program(tag); prog != nil {
			ev.Format = prog.format
			return prog.read(p, tag, msg, ev)
		}
	}
	if f := p.families.of(msg); f != familyNone {
		return p.families[f].read(p, msg, ev)
	}
	if len(tag) > 0 {
		return rejected(whyUnknown)
	}
	if tag, text, ok := bareTag(msg); ok {
		if msg[len(tag)] != '[' && dovecotProcess(tag) { // Cyrus has an imap[7] too
			ev.Format = Dovecot
			return p.dovecot(msg, ev)
		}
		if prog := program(tag); prog != nil {
			ev.Format = prog.format
			return prog.read(p, tag, text, ev)
		}
	}
	return rejected(whyUnknown)
}

// bareTag splits "tag: message", "tag[pid]: message" and Dovecot's
// "imap(anna)<7><session>: message".
func bareTag(b []byte) (tag, text []byte, ok bool) {
	for i, c := range b {
		switch {
		case i > 0 && c == '(':
			return b[:i], b[i:], true
		case i > 0 && c == ':':
			return b[:i], bytes.TrimPrefix(b[i+1:], []byte(" ")), true
		case i > 0 && c == '[':
			n, rest, ok := digits(b[i+1:])
			if !ok || n == 0 || !hasPrefix(rest, "]: ") {
				return nil, nil, false
			}
			return b[:i], rest[len("]: "):], true
		case !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' && c != '/' && c != '.':
			return nil, nil, false
		}
	}
	return nil, nil, false
}

// dovecotProcess knows the processes of Dovecot by their names.
func dovecotProcess(name []byte) bool {
	switch string(name) {
	case "imap", "pop3", "submission", "managesieve", "sieve", "lmtp", "lda", "auth", "auth-worker", "dovecot-auth",
		"master", "config", "anvil", "log", "stats", "doveadm", "indexer", "indexer-worker", "ssl-params":
		return true
	}
	return hasSuffix(name, "-login")
}
