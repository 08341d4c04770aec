package simulate

import (
	"strconv"
	"strings"

	"mailvigil/maillog"
)

// postfix prints the lines of Postfix through syslog. id is the connection
// and, with its microsecond, the message; text is the SASL mechanism of
// smtpClient and smtpRefused, the recipient of smtpDelivered, whose agent is
// the relay, empty for the store; a and b of smtpQueued are its size and
// recipients, b of smtpDelivered the delay in milliseconds. postfixNotice is
// text alone.
func (p *printer) postfix(s *step, it *Item) {
	ev := &it.Event
	ev.Format, ev.ClientIP = maillog.Postfix, s.from.ip
	p.time(Postfix, s.at)
	p.text(" mx2 ")
	switch s.kind {
	case smtpConnect:
		p.smtpd(s)
		p.text("connect from ")
		p.client(s, ev)
	case smtpClient:
		ev.Service, ev.Action, ev.Outcome = maillog.Submission, maillog.Login, maillog.Success
		p.smtpd(s)
		p.queueID(s)
		p.text(": client=")
		p.client(s, ev)
		p.text(", sasl_method=")
		ev.Mechanism = p.fact(s.text)
		p.text(", sasl_username=")
		ev.Account = p.fact(s.who)
	case smtpMessageID:
		p.process("cleanup", 3301+int64(s.id%4))
		p.queueID(s)
		p.text(": message-id=<")
		p.hex(mix(s.id))
		p.text("@")
		p.text(p.w.opt.Domain)
		p.text(">")
	case smtpQueued:
		ev.Service, ev.Action, ev.Outcome = maillog.Submission, maillog.Send, maillog.Success
		ev.Bytes, ev.Messages, ev.Joined = s.a, int32(s.b), true
		if s.from.name != unnamed {
			ev.Hostname = []byte(s.from.name)
		}
		p.process("qmgr", 1504)
		ev.Session = p.queueID(s)
		p.text(": from=<")
		ev.Account = p.fact(s.who)
		p.text(">, size=")
		p.number(s.a)
		p.text(", nrcpt=")
		p.number(s.b)
		p.text(" (queue active)")
	case smtpDelivered:
		name, relay, answer := "smtp", s.agent, "250 2.0.0 Ok: queued as "+strings.ToUpper(strconv.FormatUint(mix(s.id^uint64(s.b))>>20, 16))
		if relay == "" {
			name, relay, answer = "lmtp", p.w.stores.store, "250 2.0.0 <"+s.text+"> "+strconv.FormatUint(mix(s.id), 36)+" Saved"
		}
		p.process(name, 3400+int64(s.id%7))
		p.queueID(s)
		p.text(": to=<")
		p.text(s.text)
		p.text(">, relay=")
		p.text(relay)
		p.text(", delay=")
		p.milli(s.b)
		p.text(", delays=")
		p.milli(s.b / 3)
		p.text("/0.01/")
		p.milli(s.b / 4)
		p.text("/")
		p.milli(s.b - s.b/3 - s.b/4)
		p.text(", dsn=2.0.0, status=sent (")
		p.text(answer)
		p.text(")")
	case smtpRemoved:
		p.process("qmgr", 1504)
		p.queueID(s)
		p.text(": removed")
	case smtpDisconnect:
		p.smtpd(s)
		p.text("disconnect from ")
		p.client(s, ev)
		p.text(" ehlo=2 starttls=1 auth=1 mail=1 rcpt=")
		p.number(s.a)
		p.text(" data=1 quit=1 commands=")
		p.number(7 + s.a)
	case smtpRefused:
		ev.Service, ev.Action, ev.Outcome = maillog.Submission, maillog.Login, maillog.Failure
		p.smtpd(s)
		p.text("warning: ")
		p.client(s, ev)
		p.text(": SASL ")
		ev.Mechanism = p.fact(s.text)
		p.text(" authentication failed: (reason unavailable), sasl_username=")
		ev.Account = p.fact(s.who)
	case smtpLost:
		ev.Service, ev.Action = maillog.Submission, maillog.Probe
		p.smtpd(s)
		p.text("lost connection after AUTH from ")
		p.client(s, ev)
	case smtpAborted:
		p.smtpd(s)
		p.text("disconnect from ")
		p.client(s, ev)
		p.text(" ehlo=1 auth=0/1 commands=1/2")
	default:
		p.text(s.text)
	}
}

func (p *printer) process(name string, pid int64) {
	p.text("postfix/")
	p.text(name)
	p.text("[")
	p.number(pid)
	p.text("]: ")
}

// smtpd is one of a few processes, each of which serves an hour or so.
func (p *printer) smtpd(s *step) {
	p.process("submission/smtpd", 4000+int64(s.id>>16/3_600_000_000*11%900_000)+int64(s.id%9))
}

func (p *printer) client(s *step, ev *maillog.Event) {
	if name := p.fact(s.from.name); s.from.name != unnamed {
		ev.Hostname = name
	}
	p.text("[")
	p.address(s.from.ip)
	p.text("]")
}

// queueID is Postfix's short one: the microsecond within the second, and the
// number of the file.
func (p *printer) queueID(s *step) []byte {
	const digits = "0123456789ABCDEF"
	i := len(p.buf)
	us := s.id >> 16 % 1_000_000
	for shift := 16; shift >= 0; shift -= 4 {
		p.buf = append(p.buf, digits[us>>shift&15])
	}
	inode := 0x2C0000 + mix(s.id)&0x3FFFF
	for shift := 20; shift >= 0; shift -= 4 {
		p.buf = append(p.buf, digits[inode>>shift&15])
	}
	return p.buf[i:len(p.buf):len(p.buf)]
}

// milli writes milliseconds as seconds, with the two digits of Postfix.
func (p *printer) milli(n int64) {
	p.number(n / 1000)
	p.text(".")
	p.number(n / 100 % 10)
	p.number(n / 10 % 10)
}
