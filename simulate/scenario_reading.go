package simulate

import "strconv"

// reading: somebody who knows a few passwords reads the webmail in three
// evenings, out of homes that are rented out as proxies: searches, opens what
// is found, and takes the attachments along.
type reading struct {
	night int
	taken []*person
}

func (*reading) label() string { return "reading" }

func (s *reading) prepare(w *World) { s.taken = w.victims("reading", w.scaled(3)) }

func (s *reading) tell(d *day) {
	if d.index < s.night || d.index > s.night+2 {
		return
	}
	for i, p := range s.taken {
		r := d.w.rng("reading", i+1, d.index)
		from, agent := pick(r, pointers(farHomes)).address(r), browsers[(p.browser+2)%len(browsers)]
		t := d.clock(21, 0) + wait(r, 30*minute)
		get := func(url string, typical int64) {
			d.web(t, p, from, agent, url, 200, size(r, typical))
			d.mailbox(r, t, p)
			t += between(r, 4, 40) * second
		}
		d.web(t, p, from, agent, "GET /webmail/?_task=login", 200, 5204)
		t += 9 * second
		d.web(t, p, from, agent, "POST /webmail/?_task=login", 302, 5)
		d.add(step{at: t, kind: roundcubeLogin, who: p.name, person: p, from: from, id: r.Uint64()})
		get("GET /webmail/?_task=mail&_token="+strconv.FormatUint(r.Uint64(), 36), 11_000)
		for range 10 + d.w.scaled(20) {
			get("GET /webmail/?_task=mail&_action=search&_q="+pick(r, searched)+"&_headers=subject%2Cfrom&_mbox=INBOX&_remote=1", 6000)
			for range between(r, 1, 4) {
				uid := strconv.FormatInt(between(r, 200, 60_000), 10)
				get("GET /webmail/?_task=mail&_uid="+uid+"&_mbox=INBOX&_action=show", 26_000)
				if chance(r, 500) {
					get("GET /webmail/?_task=mail&_action=get&_mbox=INBOX&_uid="+uid+"&_token=&_part=2&_download=1", 250_000)
				}
			}
		}
	}
}

var searched = []string{"password", "vpn", "contract", "iban", "confidential", "passport", "minutes", "budget"}

func (s *reading) incident(_ *World, in *Incident) {
	in.Kind = "attack"
	in.Cause["service"] = "webmail"
	in.Compromised = namesOf(s.taken)
}
