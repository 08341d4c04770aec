package simulate

// carrierChange: a mobile carrier sends its customers through other shared
// addresses, registered in another country, from one night on. Nothing is
// more than before; it only comes from elsewhere.
type carrierChange struct{ night int }

func (*carrierChange) label() string { return "carrier-change" }

func (*carrierChange) prepare(*World) {}

var otherExit = network{[]string{"80.187.96.0/24"}, "", ""}

func (*carrierChange) tell(*day) {}

func (s *carrierChange) alter(d *day) {
	if d.index < s.night {
		return
	}
	d.move(func(st *step) (address, bool) {
		p := st.person
		if p == nil || p.carrier != &carriers[0] || !st.from.ip.Is4() || !carriers[0].holds(st.from) || !chance(d.w.rng("moved", p.index, 0), 500*d.w.strength/1000) {
			return address{}, false
		}
		return otherExit.address(d.w.rng("exit", p.index, int(st.at/hour))), true
	})
}

func (*carrierChange) incident(_ *World, in *Incident) {
	in.Kind = "benign"
	in.Cause["asn"] = "3320" // of otherExit: its number says more than its kind
}
