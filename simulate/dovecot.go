package simulate

import (
	"encoding/base64"

	"mailvigil/maillog"
)

// dovecot prints the lines of Dovecot's own log file. id is the session, 0
// for none; secure means TLS. Of imapLogout, text is how it ended, a the
// messages fetched, b the bytes sent; of loginFailed, a is the seconds it
// took; of loginNone, text is why TLS failed, where it did. dovecotNotice is
// text alone.
func (p *printer) dovecot(s *step, it *Item) {
	ev := &it.Event
	ev.Format, ev.Service, ev.ClientIP = maillog.Dovecot, maillog.IMAP, s.from.ip
	p.time(Dovecot, s.at)
	switch s.kind {
	case imapLogin:
		ev.Action, ev.Outcome = maillog.Login, maillog.Success
		p.text(" imap-login: Info: Login: user=<")
		ev.Account = p.fact(s.who)
		p.text(">, method=")
		ev.Mechanism = p.fact("PLAIN")
		p.from(s, ev)
		p.text(", mpid=")
		p.number(pid(s.id))
		p.end(s, ev)
	case imapID:
		ev.Action = maillog.Request
		p.imap(s, ev)
		p.text("ID sent: ")
		ev.UserAgent = p.fact(s.agent)
	case imapLogout:
		ev.Action = maillog.Logout
		if s.text == shutDown {
			ev.Outcome, ev.Reason = maillog.Error, "server shutting down"
		}
		ev.Messages, ev.Bytes = int32(s.a), s.b
		p.imap(s, ev)
		p.text("Disconnected: ")
		p.text(s.text)
		if s.text == waited || s.text == waitedReset {
			p.number((s.at/millisecond)%1_700_000/1000 + 1)
			p.text(".")
			p.number(s.at/millisecond%900 + 100)
			p.text(" secs, 2 B in + 10 B out, state=wait-input)")
		}
		p.text(" in=")
		p.number(280 + s.a*40 + int64(s.id>>16%97))
		p.text(" out=")
		p.number(s.b)
		p.text(" deleted=0 expunged=0 trashed=0 hdr_count=")
		p.number(s.a * 2)
		p.text(" hdr_bytes=")
		p.number(s.a * 1800)
		p.text(" body_count=")
		p.number(s.a)
		p.text(" body_bytes=")
		p.number(max(0, s.b-1400-s.a*1800))
	case authFailed:
		p.text(" auth: Info: sql(")
		p.text(s.who)
		p.text(",")
		p.address(s.from.ip)
		if s.id != 0 {
			p.text(",<")
			p.session(s)
			p.text(">")
		}
		if s.person == nil {
			p.text("): unknown user")
		} else {
			p.text("): Password mismatch")
		}
	case loginFailed:
		ev.Action, ev.Outcome, ev.Reason, ev.Joined = maillog.Login, maillog.Failure, "password mismatch", true
		if s.person == nil {
			ev.Reason = "unknown user"
		}
		p.text(" imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in ")
		p.number(s.a)
		p.text(" secs): user=<")
		ev.Account = p.fact(s.who)
		p.text(">, method=")
		ev.Mechanism = p.fact("PLAIN")
		p.from(s, ev)
		p.end(s, ev)
	case loginNone:
		ev.Action = maillog.Probe
		p.text(" imap-login: Info: Disconnected: ")
		if s.text == "" {
			p.text("Aborted login by logging out")
		} else {
			p.text("Connection closed: SSL_accept() failed: ")
			p.text(s.text)
		}
		p.text(" (no auth attempts in 0 secs): user=<>")
		p.from(s, ev)
		if s.text != "" {
			p.text(", TLS handshaking")
		}
		p.end(s, ev)
	case loginBroken:
		ev.Action, ev.Outcome, ev.Reason = maillog.Login, maillog.Error, "authentication backend failed"
		p.text(" imap-login: Info: Disconnected: Auth process broken (disconnected before auth was ready, waited 30 secs): user=<>")
		p.from(s, ev)
		p.end(s, ev)
	default:
		p.text(" ")
		p.text(s.text)
	}
}

func (p *printer) from(s *step, ev *maillog.Event) {
	p.text(", rip=")
	p.address(s.from.ip)
	p.text(", lip=")
	ev.ServerIP = p.w.stores.server
	p.address(ev.ServerIP)
}

func (p *printer) end(s *step, ev *maillog.Event) {
	if s.secure {
		p.text(", TLS")
	}
	p.text(", session=<")
	ev.Session = p.session(s)
	p.text(">")
}

// imap writes the head of what an IMAP process says. It names no address:
// the session's login did.
func (p *printer) imap(s *step, ev *maillog.Event) {
	p.text(" imap(")
	ev.Account = p.fact(s.who)
	p.text(")<")
	p.number(pid(s.id))
	p.text("><")
	ev.Session = p.session(s)
	p.text(">: Info: ")
	ev.ServerIP, ev.Joined = p.w.stores.server, true
}

// pid makes a process id of a session: they rise with time, and begin anew.
func pid(id uint64) int64 { return 1200 + int64(id>>16/400_000%4_190_000) }

// session writes the session's name as Dovecot makes it: the microsecond, the
// port and the address, in base64.
func (p *printer) session(s *step) []byte {
	var b [24]byte
	at := s.id >> 16
	for i := range 6 {
		b[i] = byte(at >> (8 * i))
	}
	b[6], b[7] = byte(s.id), byte(s.id>>8)
	n := 8
	if s.from.ip.Is4() {
		a := s.from.ip.As4()
		n += copy(b[8:], a[:])
	} else {
		a := s.from.ip.As16()
		n += copy(b[8:], a[:])
	}
	i := len(p.buf)
	p.buf = base64.RawStdEncoding.AppendEncode(p.buf, b[:n])
	return p.buf[i:len(p.buf):len(p.buf)]
}
