package simulate

import "math/rand/v2"

// forgottenDevices go on with an old password, all day, every day.
var forgottenDevices = habit{name: "forgotten", person: func(d *day, p *person) {
	if p.stale == nil {
		return
	}
	r := d.w.rng("forgotten", p.index, d.index)
	at := presence{home: d.w.office[p.index%len(d.w.office)]} // it lies in the office
	for t := d.start + between(r, 0, 10)*minute; t < d.end; t += 7*minute + between(r, 0, 240)*second {
		if p.stale.kind == iPhone {
			d.eas(t, p, &at, p.stale, easSync, 401, 172)
		} else {
			d.imapFailure(r, t, p.name, p, at.home)
		}
	}
}}

// imapFailure adds a wrong password at IMAP: the password database says why,
// the login process that it hung up.
func (d *day) imapFailure(r *rand.Rand, t int64, who string, p *person, from address) {
	session := sessionID(r, t)
	s := step{at: t, kind: authFailed, who: who, person: p, from: from, id: session, secure: !from.ip.IsPrivate()}
	d.add(s)
	s.at, s.kind, s.a = t+2*second, loginFailed, 2
	d.add(s)
}

// smtpFailure adds a wrong password at submission. Postfix asks Dovecot,
// which logs it without a session.
func (d *day) smtpFailure(r *rand.Rand, t int64, who string, p *person, from address) {
	id := uint64(t/1000)<<16 | uint64(r.Uint32N(1<<16))
	add := func(after int64, k kind, s step) {
		s.at, s.kind, s.who, s.person, s.from = t+after, k, who, p, from
		d.add(s)
	}
	add(0, smtpConnect, step{id: id})
	add(300*millisecond, authFailed, step{})
	add(2*second, smtpRefused, step{id: id, text: "LOGIN"})
	if chance(r, 300) {
		add(2*second+5*millisecond, smtpLost, step{id: id})
	}
	add(2*second+10*millisecond, smtpAborted, step{id: id})
}
