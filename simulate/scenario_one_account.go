package simulate

// oneAccount: one mailbox is guessed at in a single night, each try from an
// address of its own.
type oneAccount struct {
	night int
	aim   []*person
}

func (*oneAccount) label() string { return "one-account" }

func (s *oneAccount) prepare(w *World) { s.aim = w.victims("one", 1) }

func (s *oneAccount) tell(d *day) {
	if d.index != s.night {
		return
	}
	r := d.w.rng("one", 1, d.index)
	for range d.w.scaled(500) {
		d.smtpFailure(r, between(r, d.clock(1, 10), d.clock(6, 30)), s.aim[0].name, s.aim[0], d.w.intruder(r))
	}
}

func (s *oneAccount) incident(_ *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["account"] = s.aim[0].name // whose owner goes on working: what is not his fails
	in.Cause["outcome"] = "failure"
}
