package simulate

import (
	"slices"
)

// spray: somebody tries a few usual passwords against every account, each
// only a few times a night, from many addresses. Where one fits, it is used
// the same day: mail is fetched, and read in the webmail.
type spray struct {
	night, nights int
	fleet         []address
	taken         []*person
}

func (*spray) label() string { return "spray" }

func (s *spray) prepare(w *World) {
	r := w.rng("spray", 0, 0)
	for range w.scaled(160) {
		s.fleet = append(s.fleet, w.intruder(r))
	}
	for range max(1, min(w.scaled(int64(len(w.people))/100), int64(len(w.people)))) {
		if p := pick(r, w.people); !slices.Contains(s.taken, p) {
			s.taken = append(s.taken, p)
		}
	}
}

func (s *spray) tell(d *day) {
	if d.index < s.night || d.index >= s.night+s.nights+2 {
		return
	}
	r := d.w.rng("spray", 1, d.index)
	begin, end := d.clock(0, 40), d.clock(5, 20)
	if d.index < s.night+s.nights {
		for range d.w.scaled(2) {
			for _, p := range d.w.people {
				t, from := between(r, begin, end), pick(r, s.fleet)
				if chance(r, 850) {
					d.imapFailure(r, t, p.name, p, from)
				} else {
					d.smtpFailure(r, t, p.name, p, from)
				}
			}
		}
	}
	// Half of what fits is found in the first night, the rest in the last.
	for i, p := range s.taken {
		found := s.night
		if i%2 == 1 {
			found += s.nights - 1
		}
		if d.index == found {
			d.imap(r, between(r, begin, end), 2*second, p, pick(r, s.fleet), "", 0, loggedOut)
		}
		if d.index >= found && d.index <= found+1 {
			from := pick(r, pointers(hosting)).address(r)
			for t := d.clock(6, 0) + wait(r, hour); t < d.clock(23, 0); t += wait(r, 4*hour*1000/d.w.strength) {
				d.imap(r, t, between(r, 60, 400)*second, p, from, "", d.w.scaled(between(r, 80, 600)), loggedOut)
			}
			d.webmailSession(r, d.clock(7, 0)+wait(r, 3*hour), p, from, browsers[1], d.w.scaled(between(r, 12, 30)))
		}
	}
}

func (s *spray) incident(w *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["outcome"] = "failure"
	in.Cause["service"] = "imap"
	in.Alternatives = []map[string]string{{"outcome": "failure"}} // one try in seven is not at IMAP
	for _, p := range s.taken {
		in.Compromised = append(in.Compromised, p.name)
	}
	slices.Sort(in.Compromised)
}
