package simulate

// stolenSession: a browser's cookie was copied. The thief reads the webmail
// from another address and another browser, without signing in.
type stolenSession struct {
	night int
	taken []*person
}

func (*stolenSession) label() string { return "stolen-session" }

func (s *stolenSession) prepare(w *World) { s.taken = w.victims("stolen", w.scaled(2)) }

func (s *stolenSession) tell(d *day) {
	if d.index != s.night {
		return
	}
	for i, p := range s.taken {
		r := d.w.rng("stolen", i+1, d.index)
		at := d.presence(p)
		// The owner signs in in the morning, which is no part of the
		// incident; the thief comes an hour later.
		t, label := d.clock(9, 0)+between(r, 0, 40)*minute, d.label
		d.label = 0
		d.webmailSession(r, t, p, d.computer(p, &at, t), d.browserOf(p), 12)
		d.label = label
		d.webmailDeeds(r, t+hour, p, d.w.intruder(r), browsers[(i+3)%len(browsers)], 40+d.w.scaled(40), r.Uint64())
	}
}

func (s *stolenSession) incident(_ *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["service"] = "webmail"
	in.Compromised = namesOf(s.taken)
}
