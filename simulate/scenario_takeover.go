package simulate

// takeover: somebody has the passwords already, from elsewhere. Without one
// failure the mailboxes are fetched whole, at night, from rented machines.
type takeover struct {
	night int
	taken []*person
}

func (*takeover) label() string { return "takeover" }

func (s *takeover) prepare(w *World) { s.taken = w.victims("takeover", w.scaled(4)) }

func (s *takeover) tell(d *day) {
	if d.index < s.night || d.index > s.night+1 {
		return
	}
	for i, p := range s.taken {
		r := d.w.rng("takeover", i+1, d.index)
		from := hosting[0].address(r)
		for t := d.clock(0, 30) + wait(r, hour); t < d.clock(5, 30); t += wait(r, 9*minute*1000/d.w.strength) + 30*second {
			d.imap(r, t, between(r, 30, 300)*second, p, from, "", d.w.scaled(between(r, 60, 500)), loggedOut)
		}
	}
}

func (s *takeover) incident(_ *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["asn"] = "14061"
	in.Cause["service"] = "imap"
	in.Compromised = namesOf(s.taken)
}
