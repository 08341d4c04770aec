package simulate

import "net/netip"

// newBuilding: a fifth of the people move into another building, with a line of
// its own.
type newBuilding struct{ night int }

func (*newBuilding) label() string { return "new-office" }

func (*newBuilding) prepare(*World) {}

func (s *newBuilding) tell(d *day) {
	if d.index < s.night {
		return
	}
	from := address{}
	from.ip = s.line(d.w)
	from.name = "unknown"
	for _, p := range d.w.people {
		if p.index%5 > 0 || d.free {
			continue
		}
		r := d.w.rng("newoffice", p.index, d.index)
		for t := d.clock(8, 0) + wait(r, 40*minute); t < d.clock(18, 0); t += wait(r, 100*minute*1000/d.w.strength) + 10*minute {
			d.webmailSession(r, t, p, from, d.browserOf(p), between(r, 4, 15))
		}
	}
}

// line is the address of its own, next to those of the other buildings.
func (*newBuilding) line(w *World) netip.Addr {
	return w.office[0].ip.Next().Next().Next().Next().Next().Next()
}

func (s *newBuilding) incident(w *World, in *Incident) {
	in.Kind = "benign"
	in.Cause["ip"] = s.line(w).String()
}
