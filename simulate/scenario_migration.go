package simulate

// migration: the provider's tool copies every mailbox to another server, in
// two nights, from one machine that everybody was told of.
type migration struct{ night, nights int }

func (*migration) label() string { return "migration" }

func (*migration) prepare(*World) {}

func (s *migration) tell(d *day) {
	if d.index < s.night || d.index >= s.night+s.nights {
		return
	}
	r := d.w.rng("migration", 1, d.index)
	from := hosting[1].address(d.w.rng("migration", 0, 0))
	t := d.clock(21, 0)
	for i, p := range d.w.people {
		if i%s.nights != d.index-s.night {
			continue
		}
		for range 1 + d.w.scaled(3) { // a connection for some folders each
			d.imap(r, t, between(r, 20, 400)*second, p, from, "name=imapsync, version=2.229", between(r, 100, 2500), loggedOut)
			t += between(r, 1, 20) * second
		}
	}
}

func (*migration) incident(_ *World, in *Incident) {
	in.Kind = "benign"
	in.Cause["service"] = "imap"
	in.Cause["client"] = "imapsync"
}
