package simulate

import (
	"slices"
	"time"
)

// webmailFault: the webmail answers every request with an error, for two hours
// or so. Phones and mail programs go on.
type webmailFault struct {
	night, hour int
}

func (*webmailFault) label() string { return "webmail-fault" }

func (s *webmailFault) prepare(w *World) { s.night = w.workday(s.night) }

func (*webmailFault) tell(*day) {}

func (s *webmailFault) alter(d *day) {
	if d.index != s.night {
		return
	}
	begin := d.clock(s.hour, 10)
	end := begin + 2*hour*d.w.strength/1000
	in := func(st *step) bool { return st.at >= begin && st.at < end }
	d.steps = slices.DeleteFunc(d.steps, func(st step) bool {
		return in(&st) && (st.kind == roundcubeLogin || st.kind == roundcubeFailed || st.from == d.w.stores.webmail)
	})
	for i := range d.steps {
		if st := &d.steps[i]; st.kind == webRequest && in(st) && st.dev == nil && webmailURL(st.text) {
			st.status, st.b, st.label = 500, 3120, d.label
		}
	}
}

func (*webmailFault) incident(_ *World, in *Incident) {
	in.Kind = "fault"
	in.Cause["status"] = "500"
	in.Also = map[string]string{"service": "webmail"}
}

// authFault: Dovecot's login processes lose the one that checks passwords.
// Nobody can sign in, with whatever password, and everything tries again.
type authFault struct {
	night, hour int
}

func (*authFault) label() string { return "auth-fault" }

func (s *authFault) prepare(w *World) { s.night = w.workday(s.night) }

func (s *authFault) span(d *day) (begin, end int64) {
	begin = d.clock(s.hour, 25)
	return begin, begin + 90*minute*d.w.strength/1000
}

func (s *authFault) tell(d *day) {
	if d.index != s.night {
		return
	}
	begin, end := s.span(d)
	for _, p := range d.w.people {
		r := d.w.rng("auth-fault", p.index, d.index)
		at := d.presence(p)
		for _, dev := range p.devices {
			if dev.kind.activeSync() {
				continue
			}
			for t := begin + wait(r, 4*minute); t < end; t += wait(r, 3*minute) + 30*second {
				from := d.phone(p, &at, t)
				if dev.kind == desktop {
					if r.Int64N(350) > d.activity(p, &at, t) {
						continue
					}
					from = d.computer(p, &at, t)
				}
				d.add(step{at: t, kind: loginBroken, person: p, from: from, id: sessionID(r, t), secure: true})
			}
		}
	}
}

func (s *authFault) alter(d *day) {
	if d.index != s.night {
		return
	}
	begin, end := s.span(d)
	in := func(st *step) bool { return st.at >= begin && st.at < end }
	never := make(map[uint64]bool) // sessions that do not come about
	for i := range d.steps {
		if st := &d.steps[i]; st.kind == imapLogin && in(st) {
			never[st.id] = true
		}
	}
	d.steps = slices.DeleteFunc(d.steps, func(st step) bool {
		switch st.kind {
		case imapLogin, imapID, imapLogout:
			return never[st.id]
		case authFailed, loginFailed, roundcubeLogin, roundcubeFailed:
			return in(&st)
		}
		return in(&st) && st.kind.source() == Postfix && st.kind != postfixNotice
	})
	for i := range d.steps {
		if st := &d.steps[i]; st.kind == webRequest && in(st) && (st.dev != nil || webmailURL(st.text)) {
			st.status, st.b, st.label = 500, 2210, d.label
		}
	}
}

func (*authFault) incident(_ *World, in *Incident) {
	in.Kind = "fault"
	in.Cause["outcome"] = "error"
	in.Alternatives = []map[string]string{{"status": "500"}}
}

// networkFault: the line to the Internet is down. No request arrives; what the
// servers do among themselves goes on. When it is back everybody comes at once.
type networkFault struct {
	night, hour int
}

func (*networkFault) label() string { return "network-fault" }

func (s *networkFault) prepare(w *World) { s.night = w.workday(s.night) }

func (s *networkFault) tell(d *day) {
	if d.index != s.night {
		return
	}
	end := d.clock(s.hour, 10) + 2*hour*d.w.strength/1000
	for _, p := range d.w.people {
		r := d.w.rng("network-fault", p.index, d.index)
		at := d.presence(p)
		for _, dev := range p.devices {
			switch {
			case dev.kind.activeSync():
				for range d.w.scaled(between(r, 1, 4)) { // the longer, the more
					d.eas(end+wait(r, 5*minute), p, &at, dev, easSync, 200, size(r, 20_000))
				}
			case dev.kind != desktop:
				d.imap(r, end+wait(r, 4*minute), 5*second, p, d.phone(p, &at, end), dev.at(end).agent, 1, loggedOut)
			}
		}
	}
}

func (s *networkFault) alter(d *day) {
	if d.index != s.night {
		return
	}
	begin := d.clock(s.hour, 10)
	end := begin + 2*hour*d.w.strength/1000
	d.steps = slices.DeleteFunc(d.steps, func(st step) bool {
		return st.at >= begin && st.at < end && st.from.ip.IsValid() && !st.from.ip.IsPrivate()
	})
}

// incident names no cause: what is missing is everything. It begins when the
// line goes, before its first line is logged.
func (s *networkFault) incident(w *World, in *Incident) {
	in.Kind = "fault"
	y, m, d := w.midnight(s.night).Date()
	in.Onset = time.Date(y, m, d, s.hour, 10, 0, 0, w.opt.Location)
}
