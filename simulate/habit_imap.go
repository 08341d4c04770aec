package simulate

import "math/rand/v2"

// imapClients are the mail programs that log in by IMAP: some to look and
// leave, some to wait with IDLE.
var imapClients = habit{name: "imap", person: func(d *day, p *person) {
	r := d.w.rng("imap", p.index, d.index)
	at := d.presence(p)
	for _, dev := range p.devices {
		switch dev.kind {
		case iPhoneIMAP:
			for t := d.start + dev.phase; t < d.end; t += dev.beat + between(r, 0, 90)*second {
				messages := int64(0)
				if r.Int64N(1700) < d.activity(p, &at, t) {
					messages = between(r, 1, 4)
				}
				d.imap(r, t, between(r, 1, 5)*second, p, d.phone(p, &at, t), dev.at(t).agent, messages, loggedOut)
			}
		case k9:
			for t := d.start + dev.phase; t < d.end; {
				long := min(dev.beat, wait(r, 2*dev.beat)) + second
				messages := r.Int64N(1000) * d.activity(p, &at, t) / 300_000
				long = d.idle(r, t, long, p, d.phone(p, &at, t), dev.at(t).agent, messages)
				t += long + between(r, 2, 40)*second
			}
		case desktop:
			d.desktop(r, p, &at, dev)
		}
	}
}}

// desktop keeps a session open while its owner is at the computer.
func (d *day) desktop(r *rand.Rand, p *person, at *presence, dev *device) {
	for t := d.start + dev.phase; t < d.end; {
		if r.Int64N(350) > d.activity(p, at, t) {
			t += 23 * minute
			continue
		}
		long := min(dev.beat, wait(r, 2*hour)) + second
		messages := r.Int64N(1000) * d.activity(p, at, t) / 40_000
		long = d.idle(r, t, long, p, d.computer(p, at, t), dev.at(t).agent, messages)
		if chance(r, 500) { // a second connection for another folder
			d.idle(r, t+2*second, long, p, d.computer(p, at, t), dev.at(t).agent, 0)
		}
		t += long + between(r, 1, 90)*second
	}
}

// idle adds a session that waits for mail, and returns how long it lasted: a
// restart of the server ends it early.
func (d *day) idle(r *rand.Rand, t, long int64, p *person, from address, id string, messages int64) int64 {
	if stop := d.dovecotStops(); t < stop && stop < t+long {
		d.imap(r, t, stop-t, p, from, id, messages, shutDown)
		return stop + 10*second - t
	}
	how := waited
	switch n := r.IntN(20); {
	case n < 2:
		how = waitedReset
	case n < 5:
		how = loggedOut
	}
	d.imap(r, t, long, p, from, id, messages, how)
	return long
}

// How sessions end, in Dovecot's words. After those that end in a blank stand
// the seconds it waited.
const (
	loggedOut   = "Logged out"
	shutDown    = "Server shutting down."
	waited      = "Connection closed (IDLE running for 0.001 + waiting input for "
	waitedReset = "Connection closed: read(size=795) failed: Connection reset by peer (IDLE running for 0.001 + waiting input for "
)

// imap adds one session: login, ID where the client sends one, and its end.
func (d *day) imap(r *rand.Rand, t, long int64, p *person, from address, id string, messages int64, how string) {
	session := sessionID(r, t)
	d.add(step{at: t, kind: imapLogin, who: p.name, person: p, from: from, id: session, secure: !from.ip.IsPrivate()})
	if id != "" {
		d.add(step{at: t + min(between(r, 50, 900)*millisecond, long/2), kind: imapID, who: p.name, person: p, from: from, id: session, agent: id})
	}
	bytes := between(r, 900, 1400)
	for range messages {
		bytes += size(r, 22_000)
	}
	d.add(step{at: t + long, kind: imapLogout, who: p.name, person: p, from: from, id: session, text: how, a: messages, b: bytes})
}

// sessionID keeps what Dovecot makes its session's name of, beside the
// address: the microsecond of the connection and the client's port.
func sessionID(r *rand.Rand, t int64) uint64 {
	return uint64(t/1000)<<16 | uint64(between(r, 32768, 61000))
}
