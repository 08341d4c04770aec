package simulate

// newsletter: a message to everybody goes out of an application at night, and
// everybody's devices fetch it.
type newsletter struct{ night int }

func (*newsletter) label() string { return "newsletter" }

func (*newsletter) prepare(*World) {}

func (s *newsletter) tell(d *day) {
	if d.index != s.night {
		return
	}
	r := d.w.rng("newsletter", 1, d.index)
	t := d.clock(4, 30)
	for range d.w.scaled(int64(len(d.w.people)) * 2) {
		d.sendAs(r, t, "forms@"+d.w.opt.Domain, nil, d.w.stores.app, "PLAIN")
		t += wait(r, second) + 100*millisecond
	}
	for _, p := range d.w.people {
		r := d.w.rng("newsletter", p.index+2, d.index)
		at := d.presence(p)
		for _, dev := range p.devices {
			if dev.kind.activeSync() {
				for range 2 {
					t := between(r, d.clock(4, 31), d.clock(4, 50))
					d.eas(t, p, &at, dev, easPing, 200, 22)
					d.eas(t+2*second, p, &at, dev, easSync, 200, size(r, 40_000))
				}
			}
		}
	}
}

func (*newsletter) incident(w *World, in *Incident) {
	in.Kind = "benign"
	in.Cause["service"] = "submission"
	// The application is all that sends at that hour.
	in.Also = map[string]string{"ip": w.stores.app.ip.String(), "account": "forms@" + w.opt.Domain}
}
