package simulate

// fakePhone: a script that calls itself an iPhone empties mailboxes through
// ActiveSync. It never waits with a Ping as phones do, and one device has many
// mailboxes.
type fakePhone struct {
	night int
	taken []*person
	dev   device
}

func (*fakePhone) label() string { return "fake-phone" }

func (s *fakePhone) prepare(w *World) {
	r := w.rng("fake", 1, 0)
	s.taken = w.victims("fake", w.scaled(6))
	s.dev = device{kind: iPhone, id: letters(r, upperAlnum, 26), editions: []edition{{agent: "Apple-iPhone12C1/1805.5"}}}
}

func (s *fakePhone) tell(d *day) {
	if d.index < s.night || d.index > s.night+1 {
		return
	}
	r := d.w.rng("fake", 2, d.index)
	from := pick(r, pointers(hosting)).address(r)
	t := d.clock(2, 10)
	for _, p := range s.taken {
		request := func(cmd, bytes int64) {
			d.add(step{at: t, kind: webRequest, status: 200, who: p.name, person: p, from: from, dev: &s.dev, agent: s.dev.at(t).agent, a: cmd, b: bytes})
			t += between(r, 300, 2500) * millisecond
		}
		request(easProvision, 420)
		request(easFolderSync, 2400)
		for range 40 + d.w.scaled(40) {
			request(easSync, size(r, 90_000))
			if chance(r, 400) {
				request(easItemOperations, size(r, 300_000))
			}
		}
		t += between(r, 20, 200) * second
	}
}

func (s *fakePhone) incident(_ *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["device"] = s.dev.id
	in.Compromised = namesOf(s.taken)
}
