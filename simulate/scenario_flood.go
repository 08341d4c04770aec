package simulate

// flood: a few thousand addresses ask for the sign-in page as often as they
// can, and the web server gives up on some.
type flood struct{ night int }

func (*flood) label() string { return "flood" }

func (*flood) prepare(*World) {}

func (s *flood) tell(d *day) {
	if d.index != s.night {
		return
	}
	r := d.w.rng("flood", 1, d.index)
	fleet := make([]address, d.w.scaled(1500))
	for i := range fleet {
		fleet[i] = pick(r, pointers(farHomes)).address(r)
	}
	for t, end := d.clock(3, 5), d.clock(4, 45); t < end; t += wait(r, 150*millisecond*1000/d.w.strength) + millisecond {
		status := uint16(200)
		if chance(r, 350) {
			status = 503
		}
		d.web(t, nil, pick(r, fleet), pick(r, browsers), "GET /webmail/?_task=login", status, 5204)
	}
}

func (*flood) incident(_ *World, in *Incident) {
	in.Kind, in.Focus = "attack", "opportunistic"
	in.Cause["service"] = "webmail"
}
