package simulate

// crisisNight: something happens in the evening, and most people read and write
// until late, at home and on their way, each with what they always use.
type crisisNight struct{ night int }

func (*crisisNight) label() string { return "crisis-night" }

func (*crisisNight) prepare(*World) {}

func (s *crisisNight) tell(d *day) {
	if d.index != s.night {
		return
	}
	begin, end := d.clock(19, 40), d.end
	for _, p := range d.w.people {
		r := d.w.rng("crisis", p.index, d.index)
		if !chance(r, min(950, 700*d.w.strength/1000)) {
			continue
		}
		at := d.presence(p)
		for _, dev := range p.devices {
			if !dev.kind.activeSync() {
				continue
			}
			for t := begin + wait(r, 20*minute); t < end; t += wait(r, 4*minute) + 5*second {
				d.eas(t, p, &at, dev, easPing, 200, 22)
				d.eas(t+2*second, p, &at, dev, easSync, 200, size(r, 9000))
				if chance(r, 120) {
					d.eas(t+40*second, p, &at, dev, easSmartReply, 200, 0)
					d.send(r, t+40*second, p, d.w.stores.groupware, "PLAIN")
				}
			}
		}
		if p.webmail == 0 {
			continue
		}
		for t := begin + wait(r, hour); t < end-10*minute; t += hour + wait(r, 50*minute) {
			d.webmailSession(r, t, p, d.computer(p, &at, t), d.browserOf(p), between(r, 5, 20))
		}
	}
}

// incident names no cause: it is everybody, with everything.
func (*crisisNight) incident(_ *World, in *Incident) { in.Kind = "benign" }
