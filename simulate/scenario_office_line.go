package simulate

import "net/netip"

// officeLine: the offices change their provider in one night. All that came
// from there comes from other addresses, and nothing is more than before.
type officeLine struct {
	night int
	line  []address
}

func (*officeLine) label() string { return "office-line" }

func (s *officeLine) prepare(w *World) {
	third := byte(between(w.rng("office-line", 0, 0), 10, 120))
	for i := range w.office {
		s.line = append(s.line, address{netip.AddrFrom4([4]byte{81, 246, third, byte(20 + i)}), unnamed})
	}
}

func (*officeLine) tell(*day) {}

func (s *officeLine) alter(d *day) {
	if d.index < s.night {
		return
	}
	d.move(func(st *step) (address, bool) {
		// A floor after the other.
		if st.person == nil || !chance(d.w.rng("floor", st.person.index, 0), min(1000, 500*d.w.strength/1000)) {
			return address{}, false
		}
		for j, o := range d.w.office {
			if st.from == o {
				return s.line[j], true
			}
		}
		return address{}, false
	})
}

func (s *officeLine) incident(_ *World, in *Incident) {
	in.Kind = "benign"
	in.Cause["prefix"] = netip.PrefixFrom(s.line[0].ip, 24).Masked().String()
	in.Alternatives = []map[string]string{{"asn": "5432"}, {"network_kind": "office"}}
	in.Also = map[string]string{"asn": "5432", "country": "BE"}
}
