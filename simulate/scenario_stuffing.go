package simulate

// stuffing: pairs of name and password that were stolen elsewhere are tried
// once or twice each, day and night, from homes that are rented out as
// proxies. Most names are not ours; few passwords still fit, and those that do
// are looked into and kept for later.
type stuffing struct {
	night, nights int
	taken         []*person
}

func (*stuffing) label() string { return "stuffing" }

func (s *stuffing) prepare(w *World) { s.taken = w.victims("stuffing", w.scaled(3)) }

func (s *stuffing) tell(d *day) {
	if d.index < s.night || d.index >= s.night+s.nights {
		return
	}
	r := d.w.rng("stuffing", 1, d.index)
	from := func() address { return pick(r, pointers(farHomes)).address(r) }
	mean := 40 * second * 1000 / d.w.strength
	for t := d.start + wait(r, mean); t < d.end; t += wait(r, mean) + millisecond {
		who, p := pick(r, givenNames)+letters(r, "0123456789", 2)+"@"+d.w.opt.Domain, (*person)(nil)
		if chance(r, 350) {
			p = pick(r, d.w.people)
			who = p.name
		}
		at, tries := from(), 1+r.IntN(2)
		for range tries {
			if chance(r, 600) {
				d.imapFailure(r, t, who, p, at)
			} else {
				d.webmailFailure(r, t, who, p, at, pick(r, browsers))
			}
			t += between(r, 1, 4) * second
		}
	}
	for i, p := range s.taken {
		if d.index != s.night+i%s.nights {
			continue
		}
		at := from()
		t := d.start + r.Int64N(20*hour)
		d.imap(r, t, between(r, 2, 9)*second, p, at, "", between(r, 2, 20), loggedOut)
		d.imap(r, t+3*hour, between(r, 20, 90)*second, p, from(), "", between(r, 30, 120), loggedOut)
	}
}

func (s *stuffing) incident(w *World, in *Incident) {
	in.Kind, in.Focus = "attack", "opportunistic"
	in.Cause["outcome"] = "failure"
	in.Compromised = namesOf(s.taken)
}
