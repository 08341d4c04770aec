package simulate

// awaySession: the chamber meets in another country for some days, and most
// people work there, behind the few addresses of one house. Nothing is more
// than before; it only comes from elsewhere.
type awaySession struct{ night, days int }

func (*awaySession) label() string { return "away-session" }

func (*awaySession) prepare(*World) {}

// venue is a line of a French provider.
var venue = network{[]string{"80.11.140.16/29"}, "", ""}

func (*awaySession) tell(*day) {}

func (s *awaySession) alter(d *day) {
	if d.index < s.night || d.index >= s.night+s.days {
		return
	}
	begin, end := d.clock(8, 30), d.clock(20, 0)
	homes := make([]address, len(d.w.people)) // of those who go
	for _, p := range d.w.people {
		if chance(d.w.rng("away", p.index, 0), min(950, 600*d.w.strength/1000)) {
			homes[p.index] = d.presence(p).home
		}
	}
	d.move(func(st *step) (address, bool) {
		p := st.person
		if p == nil || st.from.ip.IsPrivate() || st.at < begin || st.at >= end || st.dev != nil && st.dev.kind == outlook || !homes[p.index].ip.IsValid() {
			return address{}, false
		}
		if !d.w.inOffice(st.from) && st.from != homes[p.index] {
			return address{}, false // on the way, by the carrier's network
		}
		return venue.address(d.w.rng("venue", p.index, 0)), true
	})
}

func (w *World) inOffice(a address) bool {
	for _, o := range w.office {
		if o == a {
			return true
		}
	}
	return false
}

func (*awaySession) incident(_ *World, in *Incident) {
	in.Kind = "benign"
	in.Cause["country"] = "FR"
	in.Alternatives = []map[string]string{{"asn": "3215"}, {"prefix": "80.11.140.0/24"}}
	in.Also = map[string]string{"asn": "3215", "prefix": "80.11.140.0/24"}
}
