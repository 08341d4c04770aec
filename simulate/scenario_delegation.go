package simulate

import "net/netip"

// delegation: a tenth of the people travel to the other side of the world for
// some days, and work in that day's hours.
type delegation struct {
	night, days int
	people      []*person
}

func (*delegation) label() string { return "delegation" }

var farHotel = network{[]string{"118.0.168.0/24", "106.160.219.0/24"}, "", ""}

func (s *delegation) prepare(w *World) {
	s.people = w.victims("delegation", w.scaled(int64(len(w.people))/10))
}

func (s *delegation) tell(d *day) {
	if d.index < s.night || d.index >= s.night+s.days {
		return
	}
	for _, p := range s.people {
		r := d.w.rng("delegation", p.index+1, d.index)
		hotel := hotelOf(d.w, p)
		for t := d.clock(0, 5) + wait(r, 50*minute); t < d.clock(11, 0); t += wait(r, 40*minute) + 5*minute {
			d.webmailSession(r, t, p, hotel, d.browserOf(p), between(r, 4, 15))
		}
		at := presence{home: hotel}
		for _, dev := range p.devices {
			if !dev.kind.activeSync() || dev.kind == outlook {
				continue
			}
			for t := d.clock(0, 5) + wait(r, 20*minute); t < d.clock(14, 0); t += wait(r, 12*minute) + 20*second {
				d.eas(t, p, &at, dev, easPing, 200, 22)
				d.eas(t+2*second, p, &at, dev, easSync, 200, size(r, 9000))
			}
		}
	}
}

// hotelOf is where somebody stays: there are five hotels.
func hotelOf(w *World, p *person) address { return farHotel.address(w.rng("hotel", p.index%5, 0)) }

func (s *delegation) incident(w *World, in *Incident) {
	in.Kind = "benign"
	in.Cause["country"] = "JP"
	// Where all hotels have the same provider, its number picks out the same.
	asn := map[string]bool{}
	for _, p := range s.people {
		if netip.MustParsePrefix(farHotel.prefixes[0]).Contains(hotelOf(w, p).ip) {
			asn["4713"] = true
		} else {
			asn["2516"] = true
		}
	}
	for n := range asn {
		if len(asn) == 1 {
			in.Alternatives = []map[string]string{{"asn": n}}
		}
	}
}
