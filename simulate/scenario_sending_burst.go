package simulate

// sendingBurst: an account whose password was fished sends some hundred
// messages in an hour or two, from a rented machine.
type sendingBurst struct {
	night int
	taken []*person
}

func (*sendingBurst) label() string { return "sending-burst" }

func (s *sendingBurst) prepare(w *World) { s.taken = w.victims("burst", 1) }

func (s *sendingBurst) tell(d *day) {
	if d.index != s.night {
		return
	}
	r := d.w.rng("burst", 1, d.index)
	from := pick(r, pointers(farHomes)).address(r)
	t := d.clock(3, 20)
	for range d.w.scaled(400) {
		d.send(r, t, s.taken[0], from, "LOGIN")
		t += wait(r, 12*second) + second
	}
}

func (s *sendingBurst) incident(_ *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["account"] = s.taken[0].name
	in.Cause["service"] = "submission"
	in.Compromised = namesOf(s.taken)
}
