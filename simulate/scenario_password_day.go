package simulate

// passwordDay: everybody must take a new password on one day; until it is
// typed into each device, the device fails, from where it always is.
type passwordDay struct{ night int }

func (*passwordDay) label() string { return "password-day" }

func (*passwordDay) prepare(*World) {}

func (s *passwordDay) tell(d *day) {
	if d.index < s.night || d.index > s.night+2 {
		return
	}
	for _, p := range d.w.people {
		r := d.w.rng("passwordday", p.index, s.night)
		at := d.presence(p)
		changed := d.clock(8, 0) + r.Int64N(9*hour) - int64(d.index-s.night)*24*hour
		for _, dev := range p.devices {
			if chance(r, 250) {
				continue
			}
			fixed := changed + wait(r, 5*hour*d.w.strength/1000)
			for t := max(d.start, changed) + between(r, 1, 9)*minute; t < min(fixed, d.end); t += between(r, 120, 700) * second {
				d.oldPassword(r, t, p, &at, dev)
			}
		}
	}
}

func (*passwordDay) incident(_ *World, in *Incident) {
	in.Kind = "benign"
	in.Cause["outcome"] = "failure"
}
