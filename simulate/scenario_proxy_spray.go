package simulate

// proxySpray: every account is tried a few times in three days and nights, each
// try from an address of its own: homes that are rented out as proxies. No
// address comes twice, so that none stands out. Where a password fits, the
// mailbox is fetched the same day.
type proxySpray struct {
	night, nights int
	taken         []*person
}

func (*proxySpray) label() string { return "proxy-spray" }

func (s *proxySpray) prepare(w *World) {
	s.taken = w.victims("proxy-spray", max(1, int64(len(w.people))/150))
}

func (s *proxySpray) tell(d *day) {
	if d.index < s.night || d.index >= s.night+s.nights {
		return
	}
	r := d.w.rng("proxy-spray", 1, d.index)
	from := func() address { return pick(r, pointers(farHomes)).address(r) }
	for range d.w.scaled(3 * int64(len(d.w.people))) {
		p, t := pick(r, d.w.people), between(r, d.start, d.end-minute)
		if chance(r, 700) {
			d.imapFailure(r, t, p.name, p, from())
		} else {
			d.smtpFailure(r, t, p.name, p, from())
		}
	}
	if d.index != s.night+s.nights-1 {
		return
	}
	for _, p := range s.taken {
		t := d.start + r.Int64N(18*hour)
		d.imap(r, t, 2*second, p, from(), "", 0, loggedOut)
		thief := from()
		for range 3 {
			t += between(r, 20, 70) * minute
			d.imap(r, t, between(r, 60, 300)*second, p, thief, "", d.w.scaled(between(r, 80, 500)), loggedOut)
		}
	}
}

func (s *proxySpray) incident(_ *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["outcome"] = "failure"
	in.Compromised = namesOf(s.taken)
}
