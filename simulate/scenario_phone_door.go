package simulate

// phoneDoor: passwords are guessed at the door for phones, in one night, by a
// script that makes up a device for each try. The one that fits is used to
// fetch the mailbox in the same way.
type phoneDoor struct {
	night int
	taken []*person
}

func (*phoneDoor) label() string { return "phone-door" }

func (s *phoneDoor) prepare(w *World) { s.taken = w.victims("phone-door", 1) }

func (s *phoneDoor) tell(d *day) {
	if d.index != s.night {
		return
	}
	r := d.w.rng("phone-door", 1, d.index)
	fleet := make([]address, d.w.scaled(40))
	for i := range fleet {
		fleet[i] = d.w.intruder(r)
	}
	ask := func(t int64, p *person, from address, dev *device, cmd int64, status uint16, bytes int64) {
		d.add(step{at: t, kind: webRequest, status: status, who: p.name, person: p, from: from, dev: dev, agent: "Android/10-EAS-2.0", a: cmd, b: bytes})
	}
	made := func() *device { return &device{kind: android, id: "android" + letters(r, "0123456789", 10)} }
	for range d.w.scaled(2) {
		for _, p := range d.w.people {
			ask(between(r, d.clock(1, 5), d.clock(5, 40)), p, pick(r, fleet), made(), easFolderSync, 401, 172)
		}
	}
	for range d.w.scaled(300) {
		ask(between(r, d.clock(1, 5), d.clock(5, 40)), pick(r, d.w.people), pick(r, fleet), made(), easFolderSync, 401, 172)
	}
	for _, p := range s.taken {
		from, dev, t := pick(r, fleet), made(), d.clock(6, 2)
		ask(t, p, from, dev, easFolderSync, 200, 2400)
		for range d.w.scaled(120) {
			t += between(r, 1, 4) * second
			ask(t, p, from, dev, easSync, 200, size(r, 90_000))
		}
	}
}

func (s *phoneDoor) incident(_ *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["outcome"] = "failure"
	in.Cause["service"] = "activesync"
	in.Compromised = namesOf(s.taken)
}
