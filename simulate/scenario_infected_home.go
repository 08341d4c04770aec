package simulate

// infectedHome: the computers of a few people at home are part of somebody's
// fleet. From the line on which their owner reads mail they guess at other
// mailboxes, a little every hour.
type infectedHome struct {
	night  int
	people []*person
}

func (*infectedHome) label() string { return "infected-home" }

func (s *infectedHome) prepare(w *World) {
	s.people = w.victims("infected", w.scaled(2))
	for _, p := range s.people {
		p.stays, p.six, p.webmail = 90, false, max(p.webmail, 400)
		p.lodges, p.hidden = nil, 0
		for _, q := range w.people {
			if q.lodges == p { // else the address would be two people's
				q.lodges = nil
			}
		}
	}
}

func (s *infectedHome) tell(d *day) {
	if d.index < s.night {
		return
	}
	for _, p := range s.people {
		r := d.w.rng("infected", p.index+1, d.index)
		from := d.w.homeAddress(p, d.index)
		for t := d.start + wait(r, 20*minute); t < d.end; t += wait(r, 20*minute) + second {
			name, other := pick(r, guessedNames)+"@"+d.w.opt.Domain, (*person)(nil)
			if chance(r, 500) {
				other = pick(r, d.w.people)
				name = other.name
			}
			d.smtpFailure(r, t, name, other, from)
		}
	}
}

func (s *infectedHome) incident(w *World, in *Incident) {
	in.Kind = "background"
	in.Cause["outcome"] = "failure"
	for _, p := range s.people {
		in.Infected = append(in.Infected, Infected{p.name, w.homeAddress(p, s.night).ip.String()})
	}
}
