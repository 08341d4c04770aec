package maillog

import "bytes"

// syslog reads a line that syslog wrote and hands its message to the program
// that it is of. Programs that are not of the mail service are Ignored.
func (p *Parser) syslog(line []byte, ev *Event) Result {
	var s stamp
	var tag, msg []byte
	ns, rest, again := p.clock.again(line)
	ok := again
	if again {
		tag, msg, ok = syslogOrigin(line, rest)
	} else {
		s, tag, msg, ok = syslogHeader(line)
	}
	if !ok {
		if tag == nil { // the header itself is damaged
			return rejected(whyTime)
		}
		// A program may leave out its name ("-- MARK --"). A line of the mail
		// service that was cut or run into another looks like that too.
		if !again && !s.valid() || bytes.IndexByte(msg, ' ') < 0 ||
			contains(msg, "postfix") || contains(msg, "dovecot") || contains(msg, "roundcube") {
			return rejected(whyProcess)
		}
		return ignored
	}
	if again {
		p.clock.keep(ns)
		ev.Time = ns
	} else {
		if !p.time(&s, ev) {
			return rejected(whyTime)
		}
		p.clock.learn(line, &s, ev.Time)
	}
	prog := program(tag)
	if prog == nil {
		if hasPrefix(msg, "{") { // known by its names
			if r := p.jsonLine(msg, ev); r.Kind == Parsed {
				return r
			}
		}
		return ignored
	}
	// rsyslog may fold repetitions: one Event stands for all of them.
	if hasPrefix(msg, "message repeated ") {
		if i := index(msg, " times: [ "); i > 0 && i < 24 {
			if !hasSuffix(msg, "]") {
				return rejected(whyCut)
			}
			msg = msg[i+len(" times: [ ") : len(msg)-1]
		}
	}
	ev.Format = prog.format
	return prog.read(p, tag, msg, ev)
}

// syslogPrograms says which programs are read, the most frequent first. A
// program is added here.
var syslogPrograms = [...]syslogProgram{
	{"dovecot", false, DovecotSyslog, (*Parser).dovecotSyslog},
	{"postfix", true, Postfix, (*Parser).postfixSyslog},
	{"roundcube", false, RoundcubeLogins, (*Parser).roundcubeSyslog},
	{"exim", false, Exim, (*Parser).eximSyslog},
	{"exim4", false, Exim, (*Parser).eximSyslog},
	{"sendmail", false, Sendmail, (*Parser).sendmail},
	{"sm-mta", false, Sendmail, (*Parser).sendmail},
	{"sm-msp-queue", false, Sendmail, (*Parser).sendmail},
	{"sm-acceptingconnections", false, Sendmail, (*Parser).sendmail},
	{"cyrus", true, Cyrus, (*Parser).cyrusSyslog},
	{"timsieved", false, Cyrus, (*Parser).cyrusSyslog},
	{"sieve", false, Cyrus, (*Parser).cyrusSyslog},
	{"imap", false, Cyrus, (*Parser).imapd},
	{"imaps", false, Cyrus, (*Parser).imapd},
	{"pop3", false, Cyrus, (*Parser).imapd},
	{"pop3s", false, Cyrus, (*Parser).imapd},
	{"imapd", false, UWIMAP, (*Parser).imapd},
	{"imapsd", false, UWIMAP, (*Parser).imapd},
	{"pop3d", false, Courier, (*Parser).imapd},
	{"ipop3d", false, UWIMAP, (*Parser).imapd},
	{"ipop2d", false, UWIMAP, (*Parser).imapd},
	{"imapd-ssl", false, Courier, (*Parser).courierSyslog},
	{"pop3d-ssl", false, Courier, (*Parser).courierSyslog},
	{"imaplogin", false, Courier, (*Parser).courierSyslog},
	{"courierpop3login", false, Courier, (*Parser).courierSyslog},
	{"courierpop3d", false, Courier, (*Parser).courierSyslog},
	{"nginx", false, NginxError, (*Parser).nginxSyslog},
	{"httpd", false, ApacheError, (*Parser).apacheSyslog},
	{"apache2", false, ApacheError, (*Parser).apacheSyslog},
	{"sogod", false, SOGo, (*Parser).sogo},
	{"HORDE", false, Horde, (*Parser).horde},
	{"perdition.imap4", false, Perdition, (*Parser).perdition},
	{"perdition.imap4s", false, Perdition, (*Parser).perdition},
	{"perdition.imaps", false, Perdition, (*Parser).perdition},
	{"perdition.pop3", false, Perdition, (*Parser).perdition},
	{"perdition.pop3s", false, Perdition, (*Parser).perdition},
	{"perdition", false, Perdition, (*Parser).perdition},
	{"qpopper", false, Qpopper, (*Parser).qpopper},
	{"popper", false, Qpopper, (*Parser).qpopper},
	{"in.qpopper", false, Qpopper, (*Parser).qpopper},
	{"solid-pop3d", false, SolidPOP3, (*Parser).solidPOP3},
	{"spop3d", false, SolidPOP3, (*Parser).solidPOP3},
	{"rblsmtpd", false, Rblsmtpd, (*Parser).rblsmtpd},
	{"qmail", false, Rblsmtpd, (*Parser).rblsmtpd},
	{"vpopmail", false, Vpopmail, (*Parser).vpopmail},
	{"vchkpw", false, Vpopmail, (*Parser).vpopmail},
	{"dovecot-auth", false, DovecotSyslog, (*Parser).pamSyslog},
	{"auth", false, DovecotSyslog, (*Parser).pamSyslog},
	{"pop3login", false, Courier, (*Parser).courierSyslog},
	{"courier-imapd", false, Courier, (*Parser).courierSyslog},
	{"courier-pop3d", false, Courier, (*Parser).courierSyslog},
	{"sm-mta-rx", false, Sendmail, (*Parser).sendmail},
	{"courieresmtpd", false, Courier, (*Parser).courierSyslog},
	{"mox", false, Mox, (*Parser).mox},
	{"haproxy", false, HAProxy, (*Parser).haproxy},
	{"rspamd", false, Rspamd, (*Parser).rspamd},
	{"amavis", false, Amavis, (*Parser).amavis},
	{"clamav-milter", false, ClamAVMilter, (*Parser).clamavMilter},
}

type syslogProgram struct {
	name string
	// parts: the tag goes on with a slash, before which an instance may be
	// named: "postfix-out/smtpd".
	parts  bool
	format Format // of its Events
	read   func(p *Parser, tag, msg []byte, ev *Event) Result
}

// program tells which program a syslog tag names; nil for all others.
func program(tag []byte) *syslogProgram {
	for i := range syslogPrograms {
		s := &syslogPrograms[i]
		if len(tag) >= len(s.name) && tag[0] == s.name[0] && string(tag[:len(s.name)]) == s.name &&
			(len(tag) == len(s.name) && !s.parts || s.parts && bytes.IndexByte(tag, '/') > 0) {
			return s
		}
	}
	return nil
}

// tellSyslog names the format that the program of a line writes, for Detect.
func tellSyslog(line []byte) Format {
	if _, tag, _, ok := syslogHeader(line); ok {
		if prog := program(tag); prog != nil && prog.format.Syslog() {
			return prog.format
		}
	}
	return Syslog
}

func beginsSyslog(line []byte) bool {
	line, _ = unframed(line)
	if len(line) > 0 && line[0] == '<' {
		_, ok := priority(line)
		return ok
	}
	_, rest, ok := parseStamp(line)
	return ok && len(rest) >= 2 && rest[0] == ' '
}

// unframed takes the octet count off the start of a line, with which syslog
// over TCP may begin (RFC 6587, 3.4.1): "87 <22>1 2026-02-21T00:03:02…". All
// other lines are returned as they are.
func unframed(line []byte) (rest []byte, why string) {
	n, rest, ok := digits(line)
	if !ok || len(rest) < 2 || rest[0] != ' ' || rest[1] != '<' {
		return line, ""
	}
	switch rest = rest[1:]; {
	case int64(len(rest)) < n-2: // the newline is counted
		return rest, whyCut
	case int64(len(rest)) > n:
		return rest, whyGlued
	}
	return rest, ""
}

// syslogHeader takes apart "Feb 21 00:03:02 host tag[pid]: message", the same
// with rsyslog's ISO time, each with or without <priority>, and RFC 5424.
// Where it fails, tag is nil if there is no time and host; else msg is what
// follows the host.
func syslogHeader(line []byte) (s stamp, tag, msg []byte, ok bool) {
	line, why := unframed(line)
	if why != "" {
		return s, nil, nil, false
	}
	if line[0] == '<' {
		rest, good := priority(line)
		if !good {
			return s, nil, nil, false
		}
		if len(rest) > 2 && rest[0] == '1' && rest[1] == ' ' {
			return syslog5424(rest[2:])
		}
		line = rest
	}
	s, rest, ok := parseStamp(line)
	if !ok {
		return s, nil, nil, false
	}
	tag, msg, ok = syslogOrigin(line, rest)
	return s, tag, msg, ok
}

// syslogOrigin takes apart what follows the time.
func syslogOrigin(line, rest []byte) (tag, msg []byte, ok bool) {
	if len(rest) < 2 || rest[0] != ' ' {
		return nil, nil, false
	}
	rest = rest[1:]
	if rest[0] == '<' { // "<mail.info>", as BSD's syslogd adds
		if _, rest, ok = cut(rest, "> "); !ok {
			return nil, nil, false
		}
	}
	host, rest, ok := cutByte(rest, ' ')
	if !ok {
		return nil, nil, false
	}
	// "sogod [7]: " and "imapd[7]: ": a program that writes the form itself
	// names no host.
	if hasPrefix(rest, "[") {
		if _, after, ok := cut(rest, "]: "); ok {
			return host, after, true
		}
	}
	if hasSuffix(host, "]:") {
		if i := bytes.IndexByte(host, '['); i > 0 {
			return host[:i], rest, true
		}
	}
	for i, c := range rest {
		switch c {
		case ':':
			if i == 0 {
				return line[:0], rest, false
			}
			return rest[:i], bytes.TrimPrefix(rest[i+1:], []byte(" ")), true
		case '[':
			j := index(rest[i:min(i+34, len(rest))], "]:")
			if i == 0 || j < 0 {
				return line[:0], rest, false
			}
			return rest[:i], bytes.TrimPrefix(rest[i+j+2:], []byte(" ")), true
		case ' ':
			return line[:0], rest, false
		}
	}
	return line[:0], rest, false
}

// syslog5424 reads what follows "<34>1 " in RFC 5424.
func syslog5424(b []byte) (s stamp, tag, msg []byte, ok bool) {
	s, rest, ok := parseStamp(b)
	if !ok || !hasPrefix(rest, " ") {
		return s, nil, nil, false
	}
	rest = rest[1:]
	var fields [4][]byte // host, program, process, message id
	for i := range fields {
		if fields[i], rest, ok = cut(rest, " "); !ok {
			return s, nil, nil, false
		}
	}
	tag = fields[1]
	for len(rest) > 0 && rest[0] == '[' { // structured data
		end, inQuotes := -1, false
		for i := 1; i < len(rest) && end < 0; i++ {
			switch {
			case rest[i] == '\\' && inQuotes:
				i++
			case rest[i] == '"':
				inQuotes = !inQuotes
			case rest[i] == ']' && !inQuotes:
				end = i
			}
		}
		if end < 0 {
			return s, tag, rest, false
		}
		rest = rest[end+1:]
	}
	if hasPrefix(rest, "-") {
		rest = rest[1:]
	}
	if !hasPrefix(rest, " ") {
		return s, tag, rest, false
	}
	rest = rest[1:]
	if hasPrefix(rest, "\xef\xbb\xbf") {
		rest = rest[3:]
	}
	// rsyslog keeps the blank that stood behind the colon of the program's name.
	return s, tag, bytes.TrimPrefix(rest, []byte(" ")), true
}

// priority takes "<34>" off the start of a line.
func priority(line []byte) (rest []byte, ok bool) {
	n, rest, ok := digits(line[1:])
	if !ok || n > 191 || len(rest) < 2 || rest[0] != '>' {
		return nil, false
	}
	return rest[1:], true
}
