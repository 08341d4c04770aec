package simulate

import "slices"

// growth: another house is merged in on one day, and a third more people have
// their mail here from then on.
type growth struct{ night int }

func (*growth) label() string { return "growth" }

func (s *growth) prepare(w *World) { s.night = w.workday(s.night) }

func (*growth) tell(*day) {}

func (s *growth) alter(d *day) {
	young := func(p *person) bool {
		return p != nil && chance(d.w.rng("growth", p.index, 0), min(700, 250*d.w.strength/1000))
	}
	is := make([]bool, len(d.w.people))
	for _, p := range d.w.people {
		is[p.index] = young(p)
	}
	if d.index < s.night {
		d.steps = slices.DeleteFunc(d.steps, func(st step) bool { return st.person != nil && is[st.person.index] })
		return
	}
	for i := range d.steps {
		if st := &d.steps[i]; st.person != nil && is[st.person.index] {
			st.label = d.label
		}
	}
}

// incident names no cause: new people are like all others.
func (*growth) incident(_ *World, in *Incident) { in.Kind = "benign" }
