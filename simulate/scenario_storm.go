package simulate

import "time"

// phoneStorm: phones that take a release with a fault in it repeat Sync from
// then on, in fits, with the right password and as the devices they are. Each
// takes it in its own night, many in the first.
type phoneStorm struct {
	night int
	build release
}

func (*phoneStorm) label() string { return "phone-storm" }

func (s *phoneStorm) prepare(w *World) {
	y, m, d := w.midnight(s.night).Date()
	s.build = w.withdraw(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	r := w.rng("storm", 0, 0)
	for _, p := range w.people {
		for _, dev := range p.devices {
			if dev.kind == iPhone && chance(r, 350) {
				dev.lag = 0
			}
		}
	}
}

// withdraw has the next release after a day published on that day, and none
// after it: the fault must not be in phones before.
func (w *World) withdraw(day int64) release {
	i := 1
	for i < len(w.releases)-1 && w.releases[i].day < day {
		i++
	}
	w.releases[i].day = day
	w.releases = w.releases[:i+1]
	return w.releases[i]
}

func (s *phoneStorm) tell(d *day) {
	if d.index < s.night {
		return
	}
	for _, p := range d.w.people {
		r := d.w.rng("storm", p.index+1, d.index)
		at := d.presence(p)
		for _, dev := range p.devices {
			if dev.kind != iPhone || dev.id[0] < 'I' { // the fault needs a calendar that not all have
				continue
			}
			for t := max(d.start, dev.editions[len(dev.editions)-1].from+3*minute); t < d.end; {
				// A fit of an hour or so, and a rest.
				fit := t + wait(r, hour)
				for ; t < min(fit, d.end); t += wait(r, 90*second*1000/d.w.strength) + 2*second {
					d.eas(t, p, &at, dev, easSync, 200, between(r, 60, 140))
				}
				t += wait(r, 40*minute)
			}
		}
	}
}

func (s *phoneStorm) incident(_ *World, in *Incident) {
	in.Kind = "benign"
	in.Cause["os"] = "iOS"
	in.Cause["os_version"] = s.build.version
}
