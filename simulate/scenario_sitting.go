package simulate

// nightSitting: the chamber sits far into the night, and many follow it from
// their desks, with the webmail open.
type nightSitting struct{ night, nights int }

func (*nightSitting) label() string { return "night-sitting" }

func (*nightSitting) prepare(*World) {}

func (s *nightSitting) tell(d *day) {
	if d.index < s.night || d.index >= s.night+s.nights {
		return
	}
	for _, p := range d.w.people {
		r := d.w.rng("sitting", p.index, d.index)
		if !chance(r, min(900, 150*d.w.strength/1000)) {
			continue
		}
		from := d.w.office[p.index%len(d.w.office)]
		for t := d.start + wait(r, 40*minute); t < d.clock(4, 0); t += hour + wait(r, 30*minute) {
			d.webmailSession(r, t, p, from, d.browserOf(p), between(r, 5, 16))
		}
	}
}

func (*nightSitting) incident(_ *World, in *Incident) {
	in.Kind = "benign"
	in.Cause["service"] = "webmail"
	in.Cause["network_kind"] = "office"
}
