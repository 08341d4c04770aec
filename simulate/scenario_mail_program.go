package simulate

import "strings"

// mailProgram: a release of a mail program for computers has a fault, and
// connects again and again from then on, while its owner works.
type mailProgram struct {
	night   int
	version string
}

func (*mailProgram) label() string { return "mail-program" }

func (s *mailProgram) prepare(w *World) {
	s.night = w.workday(s.night)
	y, m, date := w.midnight(s.night).Date()
	w.faultyBird = unixDay(y, m, date)
	_, s.version, _ = strings.Cut(birdName((w.faultyBird-firstBird)/birdCycle), "version=")
	s.version = strings.TrimSuffix(s.version, ".0") + ".1"
}

func (s *mailProgram) tell(d *day) {
	if d.index < s.night {
		return
	}
	for _, p := range d.w.people {
		r := d.w.rng("mail-program", p.index+1, d.index)
		at := d.presence(p)
		for _, dev := range p.devices {
			e := &dev.editions[len(dev.editions)-1]
			if dev.kind != desktop || !strings.HasSuffix(e.agent, "="+s.version) {
				continue
			}
			mean := 80 * second * 1000 / d.w.strength
			for t := max(d.start, e.from) + wait(r, mean); t < d.end; t += wait(r, mean) + second {
				if r.Int64N(700) < d.activity(p, &at, t) {
					d.imap(r, t, between(r, 1, 5)*second, p, d.computer(p, &at, t), e.agent, 0, loggedOut)
				}
			}
		}
	}
}

func (s *mailProgram) incident(_ *World, in *Incident) {
	in.Kind = "benign"
	in.Cause["client"] = "Thunderbird"
	in.Cause["client_version"] = s.version
	in.Alternatives = []map[string]string{{"client": "Thunderbird"}, {"client_version": s.version}}
}
