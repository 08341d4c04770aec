package simulate

import "strconv"

// forwarding: somebody who knows the passwords signs in once, has the mail
// forwarded, hides what would give it away with a rule, and leaves.
type forwarding struct {
	night int
	taken []*person
}

func (*forwarding) label() string { return "forwarding" }

func (s *forwarding) prepare(w *World) { s.taken = w.victims("forwarding", w.scaled(3)) }

func (s *forwarding) tell(d *day) {
	if d.index != s.night {
		return
	}
	r := d.w.rng("forwarding", 1, d.index)
	from, agent := pick(r, pointers(hosting)).address(r), browsers[0]
	t := d.clock(13, 20)
	for _, p := range s.taken {
		get := func(url string, typical int64) {
			d.web(t, p, from, agent, url, 200, size(r, typical))
			t += between(r, 2, 20) * second
		}
		get("GET /webmail/?_task=login", 5200)
		d.web(t, p, from, agent, "POST /webmail/?_task=login", 302, 5)
		d.add(step{at: t, kind: roundcubeLogin, who: p.name, person: p, from: from, id: r.Uint64()})
		d.mailbox(r, t, p)
		get("GET /webmail/?_task=mail&_token="+strconv.FormatUint(r.Uint64(), 36), 11_000)
		get("GET /webmail/?_task=settings&_action=plugin.managesieve", 8000)
		get("POST /webmail/?_task=settings&_action=plugin.managesieve-forward", 900)
		for range 2 {
			get("POST /webmail/?_task=settings&_action=plugin.managesieve-save", 700)
		}
		t += between(r, 3, 30) * minute
	}
}

func (s *forwarding) incident(_ *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["service"] = "webmail"
	in.Compromised = namesOf(s.taken)
}
