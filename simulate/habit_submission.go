package simulate

import (
	"math/rand/v2"
)

// submission is the mail that programs send over SMTP, and what applications
// and copiers send by themselves. What phones and the webmail send goes the
// same way, out of their servers.
var submission = habit{name: "submission", person: func(d *day, p *person) {
	r := d.w.rng("submission", p.index, d.index)
	at := d.presence(p)
	for _, dev := range p.devices {
		switch dev.kind {
		case desktop:
			d.times(r, p, &at, 350, func(t int64) { d.send(r, t, p, d.computer(p, &at, t), "PLAIN") })
		case k9, iPhoneIMAP:
			d.times(r, p, &at, 150, func(t int64) { d.send(r, t, p, d.phone(p, &at, t), "PLAIN") })
		}
	}
}, world: func(d *day) {
	r := d.w.rng("applications", 0, d.index)
	for t := d.start + between(r, 5, 40)*minute; t < d.end; t += wait(r, 35*minute) + minute {
		d.sendAs(r, t, "forms@"+d.w.opt.Domain, nil, d.w.stores.app, "PLAIN")
	}
	if d.free {
		return
	}
	for t := d.clock(8, 0); t < d.clock(18, 0); t += wait(r, 50*minute) {
		d.sendAs(r, t, "copier@"+d.w.opt.Domain, nil, d.w.stores.copier, "LOGIN")
	}
}}

func (d *day) send(r *rand.Rand, t int64, p *person, from address, mechanism string) {
	d.sendAs(r, t, p.name, p, from, mechanism)
}

// sendAs adds one message's way through Postfix.
func (d *day) sendAs(r *rand.Rand, t int64, who string, p *person, from address, mechanism string) {
	id := uint64(t/1000)<<16 | uint64(r.Uint32N(1<<16))
	at := t
	add := func(k kind, pause int64, s step) {
		at += pause * millisecond
		s.at, s.kind, s.who, s.person, s.from, s.id = at, k, who, p, from, id
		d.add(s)
	}
	bytes := size(r, 24_000)
	rcpt := int64(1)
	if chance(r, 200) {
		rcpt = between(r, 2, 7)
	}
	add(smtpConnect, 0, step{})
	add(smtpClient, between(r, 60, 400), step{text: mechanism})
	add(smtpMessageID, between(r, 20, 90), step{})
	add(smtpQueued, between(r, 20, 200), step{a: bytes, b: rcpt})
	add(smtpDisconnect, between(r, 20, 100), step{a: rcpt})
	for range rcpt {
		s := step{b: between(r, 200, 900)}
		if chance(r, 550) {
			s.text = pick(r, d.w.people).name
		} else {
			to := pick(r, outside)
			s.text, s.agent = pick(r, givenNames)+"."+pick(r, familyNames)+"@"+to.domain, to.relay
		}
		add(smtpDelivered, s.b/2, s)
	}
	add(smtpRemoved, 10, step{})
}
