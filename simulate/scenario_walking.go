package simulate

// walking: from one machine in the office, somebody goes through the
// mailboxes of others, whose passwords were the usual first ones.
type walking struct {
	night int
	taken []*person
}

func (*walking) label() string { return "walking" }

func (s *walking) prepare(w *World) { s.taken = w.victims("walking", w.scaled(9)) }

func (s *walking) tell(d *day) {
	if d.index != s.night {
		return
	}
	r := d.w.rng("walking", 1, d.index)
	from := d.w.office[0]
	t := d.clock(22, 30)
	for _, p := range d.w.victims("walked", d.w.scaled(60)) {
		d.imapFailure(r, t, p.name, p, from)
		t += between(r, 4, 20) * second
	}
	for _, p := range s.taken {
		d.imap(r, t, between(r, 20, 120)*second, p, from, "name=imaplib, version=3.11", between(r, 40, 300), loggedOut)
		t += between(r, 60, 240) * second
	}
}

func (s *walking) incident(w *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["ip"] = w.office[0].ip.String() // one address of the office's, behind which the others work on
	in.Cause["outcome"] = "failure"
	in.Alternatives = []map[string]string{{"ip": in.Cause["ip"]}, {"network_kind": "office"}}
	in.Compromised = namesOf(s.taken)
}
