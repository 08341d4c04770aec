package simulate

// slowGuessing: a few people are guessed at for days, each every half hour or
// so, never twice from one address.
type slowGuessing struct {
	night, nights int
	aims, taken   []*person
}

func (*slowGuessing) label() string { return "slow-guessing" }

func (s *slowGuessing) prepare(w *World) {
	s.aims = w.victims("slow", 6)
	s.taken = s.aims[:1]
}

func (s *slowGuessing) tell(d *day) {
	if d.index < s.night || d.index >= s.night+s.nights {
		return
	}
	mean := 25 * minute * 1000 / d.w.strength
	for i, p := range s.aims {
		r := d.w.rng("slow", i+1, d.index)
		for t := d.start + wait(r, mean); t < d.end; t += wait(r, mean) + second {
			d.imapFailure(r, t, p.name, p, d.w.intruder(r))
		}
	}
	if d.index == s.night+s.nights-1 {
		r := d.w.rng("slow", 0, d.index)
		from := d.w.intruder(r)
		for t := d.clock(20, 10); t < d.end-5*minute; t += wait(r, 25*minute*1000/d.w.strength) + minute {
			d.imap(r, t, between(r, 10, 70)*second, s.taken[0], from, "", d.w.scaled(between(r, 20, 90)), loggedOut)
		}
	}
}

func (s *slowGuessing) incident(_ *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["outcome"] = "failure"
	in.Cause["service"] = "imap"
	in.Compromised = namesOf(s.taken)
}
