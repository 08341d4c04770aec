package simulate

import "slices"

// outage: the store is down for hours. The web server answers 502, programs
// cannot log in, and when it is over everybody comes back at once.
type outage struct {
	night      int
	hour, long int // local hour, hours
}

func (*outage) label() string { return "outage" }

func (*outage) prepare(*World) {}

func (s *outage) span(d *day) (begin, end int64) {
	begin = d.clock(s.hour, 2)
	return begin, begin + int64(s.long)*hour*d.w.strength/1000
}

func (s *outage) tell(d *day) {
	if d.index != s.night {
		return
	}
	_, end := s.span(d)
	for _, p := range d.w.people {
		r := d.w.rng("outage", p.index, d.index)
		at := d.presence(p)
		for _, dev := range p.devices {
			switch {
			case dev.kind.activeSync():
				for range between(r, 2, 7) {
					d.eas(end+wait(r, 6*minute), p, &at, dev, easSync, 200, size(r, 20_000))
				}
			case dev.kind != desktop:
				d.imap(r, end+wait(r, 4*minute), 5*second, p, d.phone(p, &at, end), dev.at(end).agent, 1, loggedOut)
			}
		}
	}
}

func (s *outage) alter(d *day) {
	if d.index != s.night {
		return
	}
	begin, end := s.span(d)
	d.steps = slices.DeleteFunc(d.steps, func(st step) bool {
		return st.at >= begin && st.at < end && st.kind != webRequest && st.kind != loginNone && st.kind != dovecotNotice && st.kind != postfixNotice
	})
	for i := range d.steps {
		if st := &d.steps[i]; st.kind == webRequest && st.at >= begin && st.at < end && (st.dev != nil || webmailURL(st.text)) {
			st.status, st.b, st.label = 502, 552, d.label
		}
	}
}

func (*outage) incident(_ *World, in *Incident) {
	in.Kind = "fault"
	in.Cause["status"] = "502"
}
