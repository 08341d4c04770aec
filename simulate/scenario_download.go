package simulate

// download: in the middle of a working day, whole mailboxes are fetched from a
// rented machine in a few sessions of thousands of messages.
type download struct {
	night int
	taken []*person
}

func (*download) label() string { return "download" }

func (s *download) prepare(w *World) { s.taken = w.victims("download", w.scaled(2)) }

func (s *download) tell(d *day) {
	if d.index != s.night {
		return
	}
	for i, p := range s.taken {
		r := d.w.rng("download", i+1, d.index)
		from := pick(r, pointers(hosting)).address(r)
		t := d.clock(11, 0) + r.Int64N(3*hour)
		for range 1 + d.w.scaled(3) {
			long := between(r, 10, 50) * minute
			d.imap(r, t, long, p, from, "name=isync, version=1.4.4", d.w.scaled(between(r, 2000, 9000)), loggedOut)
			t += long + between(r, 1, 60)*second
		}
	}
}

func (s *download) incident(_ *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["service"] = "imap"
	in.Compromised = namesOf(s.taken)
}
