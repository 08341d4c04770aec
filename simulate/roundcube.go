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
	p.buf = append(p.buf, p.zone...)
	p.text("]: <")
	p.buf = strconv.AppendUint(p.buf, session>>32, 16)
	if s.kind == roundcubeLogin {
		ev.Outcome = maillog.Success
		p.text("> Successful login for ")
		ev.Account = p.text(s.who)
		p.text(" (ID: ")
		p.number(s.person.userID)
		p.text(")")
	} else {
		ev.Outcome = maillog.Failure
		p.text("> Failed login for ")
		ev.Account = p.text(s.who)
	}
	p.text(" from ")
	p.buf = s.from.ip.AppendTo(p.buf)
	p.text(" in session ")
	begin := len(p.buf)
	p.buf = strconv.AppendUint(p.buf, session, 16)
	ev.Session = p.buf[begin:len(p.buf):len(p.buf)]
	if s.kind == roundcubeFailed {
		p.text(" (error: 0)")
	}
}
