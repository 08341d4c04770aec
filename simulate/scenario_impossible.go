package simulate

// impossibleTravel: an account is used from the other side of the world in the
// hours in which its owner works here, a little at a time.
type impossibleTravel struct {
	night int
	taken []*person
}

func (*impossibleTravel) label() string { return "impossible-travel" }

func (s *impossibleTravel) prepare(w *World) {
	s.taken = w.victims("impossible", w.scaled(2))
	for _, p := range s.taken {
		if len(p.devices) == 0 { // else nobody is here
			p.devices = append(p.devices, newDevice(w.rng("impossible", p.index+1, 0), desktop, p.name))
		}
	}
}

func (s *impossibleTravel) tell(d *day) {
	if d.index < s.night || d.index > s.night+2 {
		return
	}
	for i, p := range s.taken {
		r := d.w.rng("impossible", i+1, d.index+1)
		from := farHomes[i%2].address(r)
		mean := 70 * minute * 1000 / d.w.strength
		for t := d.clock(9, 0) + wait(r, mean); t < d.clock(18, 0); t += wait(r, mean) + minute {
			d.imap(r, t, between(r, 10, 90)*second, p, from, "", between(r, 5, 40), loggedOut)
		}
	}
}

func (s *impossibleTravel) incident(_ *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["service"] = "imap"
	in.Compromised = namesOf(s.taken)
}
