package simulate

import (
	"strconv"

	"mailvigil/maillog"
)

// roundcube prints the lines of Roundcube's userlogins; id is the session.
func (p *printer) roundcube(s *step, it *Item) {
	ev := &it.Event
	ev.Format, ev.Service, ev.Action, ev.ClientIP = maillog.RoundcubeLogins, maillog.Webmail, maillog.Login, s.from.ip
	session := s.id | 1<<63 // sixteen digits
	p.text("[")
	p.time(Roundcube, s.at)
	p.offset()
	p.text("]: <")
	p.hex(session >> 32)
	if s.kind == roundcubeLogin {
		ev.Outcome = maillog.Success
		p.text("> Successful login for ")
		ev.Account = p.fact(s.who)
		p.text(" (ID: ")
		p.number(s.person.userID)
		p.text(")")
	} else {
		ev.Outcome = maillog.Failure
		p.text("> Failed login for ")
		ev.Account = p.fact(s.who)
	}
	p.text(" from ")
	p.address(s.from.ip)
	p.text(" in session ")
	begin := len(p.buf)
	p.buf = strconv.AppendUint(p.buf, session, 16)
	ev.Session = p.buf[begin:len(p.buf):len(p.buf)]
	if s.kind == roundcubeFailed {
		p.text(" (error: 0)")
	}
}
