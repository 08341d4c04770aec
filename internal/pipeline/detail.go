package pipeline

import (
	"cmp"
	"maps"
	"slices"

	"mailvigil/internal/message"
	"mailvigil/maillog"
	"mailvigil/traffic"
)

// part is where some of a service's events come from: a kind of network or a
// country. The zero value is all of them.
type part struct {
	kind    traffic.Kind
	country string
}

func (p part) match(l *traffic.Leaf) bool {
	if p == (part{}) {
		return true
	}
	n := l.Network.Value()
	return (p.kind == "" || n.Kind == p.kind) && (p.country == "" || n.Country == p.country)
}

func (p part) String() string {
	switch {
	case p.kind != "":
		return string(p.kind) + " networks"
	case p.country != "":
		return message.Safe(p.country)
	}
	return ""
}

// name adds to a cause what holds of everything in the part, so that nothing in
// it is set apart by it.
func (p part) name(m map[string]string) {
	if p.kind != "" && m["network_kind"] == "" {
		m["network_kind"] = string(p.kind)
	}
	if p.country != "" && m["country"] == "" {
		m["country"] = p.country
	}
}

// kept names a series.
type kept struct {
	service maillog.Service
	family  family
	part    part
}

// same reports whether two series count the same, maybe at other times.
func (s *series) same(o *series) bool {
	return s.service == o.service && s.family == o.family && s.part == o.part
}

// VigilantAlarms is how many false alarms a month are accepted while vigilance is
// raised: one a day instead of one a month.
const VigilantAlarms = 30

// Bounds of what is watched in detail. Each series costs some tens of
// milliseconds for each look over two months.
const (
	mostDetails = 24
	// mostOfIt is the share of a service from which on a part is the service.
	mostOfIt = 0.9
)

// details are the parts of services that are worth a series of their own, the
// largest first. Only rises of them are told: an attack from one country is lost
// in a service's traffic, while those who are missed in one place are mostly in
// another.
func (r *run) details() []kept {
	whole, parts := make(map[kept]float64), make(map[kept]float64)
	for i := range r.cells.Leaves {
		l := &r.cells.Leaves[i]
		k := kept{service: l.Service, family: everyday}
		switch {
		case l.Service == maillog.ServiceNone || l.Service == maillog.Web:
			continue
		case (&series{family: failures}).match(l):
			k.family = failures
		case !(&series{family: everyday}).match(l):
			continue
		}
		count, n := r.cells.Count(i), l.Network.Value()
		whole[k] += count
		for _, p := range []part{{kind: n.Kind}, {country: n.Country}} {
			if p != (part{}) {
				parts[kept{k.service, k.family, p}] += count
			}
		}
	}
	maps.DeleteFunc(parts, func(k kept, n float64) bool {
		return n < minSeries || n > mostOfIt*whole[kept{service: k.service, family: k.family}]
	})
	keys := slices.SortedFunc(maps.Keys(parts), func(a, b kept) int {
		return cmp.Or(cmp.Compare(parts[b], parts[a]), cmp.Compare(a.service, b.service), cmp.Compare(a.family, b.family),
			cmp.Compare(a.part.kind, b.part.kind), cmp.Compare(a.part.country, b.part.country))
	})
	return keys[:min(len(keys), mostDetails)]
}
