package pipeline

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"
	"unique"

	"mailvigil/abuse"
	"mailvigil/maillog"
	"mailvigil/traffic"
)

// Bounds of the second look at sign-ins from new places.
const (
	maxDoubts   = 64
	doubtHours  = 36  // of one of them
	doubtShare  = 0.1 // of all the time that the logs cover
	besideTime  = int64(15 * time.Minute)
	maxSeen     = 4096 // times remembered of one account
	maxBrowsers = 1 << 16
)

// doubts is the visitor of the second look.
type doubts struct {
	profiles  *abuse.Profiles
	start     traffic.Slot
	wanted    []bool
	list      []abuse.Finding
	byAccount map[string][]int
	bySource  map[netip.Addr]bool

	deeds   []abuse.Deeds               // of events that name the account
	there   [][]int64                   // when it was used at the new place
	here    [][]int64                   // when it was used at the office, at one of the same services
	phones  [][]sighting                // when a phone of its own was used at a place of its own
	unnamed map[netip.Addr]*abuse.Deeds // by source, of requests to the webmail
}

// sighting is a phone at a network.
type sighting struct {
	at      int64
	network unique.Handle[traffic.Network]
}

func (v *doubts) wants(at int64) bool {
	i := int(traffic.SlotOf(at) - v.start)
	return i >= 0 && i < len(v.wanted) && v.wanted[i]
}

func (v *doubts) visit(r *traffic.Record) {
	e := r.Event
	if !r.Addr.IsValid() {
		return
	}
	source := abuse.SourceKey(r.Addr)
	if r.Account == "" {
		if e.Service != maillog.Webmail || e.Outcome != maillog.Success || e.Action == maillog.Login {
			return
		}
		d := v.unnamed[source]
		if d == nil {
			if len(v.unnamed) >= maxBrowsers {
				return
			}
			d = &abuse.Deeds{}
			v.unnamed[source] = d
		}
		d.Add(e)
		return
	}
	if e.Outcome != maillog.Success && e.Outcome != maillog.OutcomeNone {
		return
	}
	for _, i := range v.byAccount[r.Account] {
		f := &v.list[i]
		if slices.Contains(f.Sources, source) {
			v.deeds[i].Add(e)
			if len(v.there[i]) < maxSeen {
				v.there[i] = append(v.there[i], e.Time)
			}
		} else if r.Network.Value().Kind == traffic.KindOffice && slices.Contains(f.Services, e.Service) && len(v.here[i]) < maxSeen {
			v.here[i] = append(v.here[i], e.Time)
		} else if len(v.phones[i]) < maxSeen && v.profiles.OwnPhone(r, f) {
			v.phones[i] = append(v.phones[i], sighting{e.Time, r.Network})
		}
	}
}

// secondLook reads again the hours of sign-ins from new places that alone are
// held against nobody, the most doubtful first, and tells those against which
// what was done there speaks.
func (r *run) secondLook(ctx context.Context, unsure []abuse.Finding) (held, rest []abuse.Finding, err error) {
	order := slices.Clone(unsure)
	slices.SortStableFunc(order, func(a, b abuse.Finding) int { return cmp.Compare(b.Weight, a.Weight) })
	shape := doubts{profiles: r.profiles, start: r.cells.Start, wanted: make([]bool, r.cells.Slots), byAccount: make(map[string][]int), bySource: make(map[netip.Addr]bool)}
	used, most := 0, max(60*doubtHours, int(doubtShare*float64(r.cells.Slots)))
	for _, f := range order {
		if len(shape.list) == maxDoubts || used >= most {
			rest = append(rest, f)
			continue
		}
		hours := 0
		for h := f.First / 3600e9; h <= f.Last/3600e9 && hours < doubtHours; h++ {
			if f.Hours&(1<<(uint64(h)%24)) == 0 || f.Days&(1<<(uint64(h/24)%64)) == 0 {
				continue
			}
			hours++
			// What was done is in the hour of the sign-in and the next.
			for s := traffic.Slot(h * 60); s < traffic.Slot(h*60+120); s++ {
				if i := int(s - r.cells.Start); i >= 0 && i < len(shape.wanted) && !shape.wanted[i] {
					shape.wanted[i] = true
					used++
				}
			}
		}
		n := len(shape.list)
		shape.list = append(shape.list, f)
		shape.byAccount[f.Account] = append(shape.byAccount[f.Account], n)
		for _, a := range f.Sources {
			shape.bySource[a] = true
		}
	}
	if used == 0 {
		return nil, unsure, nil
	}
	pick := func(first, last int64) bool {
		from := max(0, int(traffic.SlotOf(first)-r.cells.Start))
		to := min(len(shape.wanted)-1, int(traffic.SlotOf(last)-r.cells.Start))
		return from <= to && slices.Contains(shape.wanted[from:to+1], true)
	}
	all := make([]*doubts, r.opt.Workers)
	visitors := make([]visitor, r.opt.Workers)
	for i := range all {
		d := shape
		d.deeds, d.there, d.here = make([]abuse.Deeds, len(shape.list)), make([][]int64, len(shape.list)), make([][]int64, len(shape.list))
		d.phones = make([][]sighting, len(shape.list))
		d.unnamed = make(map[netip.Addr]*abuse.Deeds)
		all[i], visitors[i] = &d, &d
	}
	if err := r.secondPass(ctx, visitors, pick); err != nil {
		return nil, nil, err
	}
	sum := all[0]
	for _, o := range all[1:] {
		for i := range o.deeds {
			sum.deeds[i].Merge(o.deeds[i])
			sum.there[i], sum.here[i] = append(sum.there[i], o.there[i]...), append(sum.here[i], o.here[i]...)
			sum.phones[i] = append(sum.phones[i], o.phones[i]...)
		}
		for a, d := range o.unnamed {
			if x := sum.unnamed[a]; x != nil {
				x.Merge(*d)
			} else {
				sum.unnamed[a] = d
			}
		}
	}
	searches := int64(0)
	for a, d := range sum.unnamed {
		// Others are those who belong where they are, each of whom searches for
		// himself.
		if n := r.profiles.Belonging(a); n > 0 && !shape.bySource[a] {
			searches = max(searches, d.Searches/int64(n))
		}
	}
	for i, f := range shape.list {
		d := abuse.Doubt{Deeds: sum.deeds[i], Searches: searches}
		for _, a := range f.Sources {
			// Requests to the webmail name nobody: at an address at which others
			// sign in too, they may be theirs.
			if !r.strangersOnly(a, shape.list) {
				d.Company = true
			} else if x := sum.unnamed[a]; x != nil {
				d.Deeds.Merge(*x)
			}
		}
		slices.Sort(sum.here[i])
		for _, at := range sum.there[i] {
			if near(sum.here[i], at-besideTime, at+besideTime) > 0 {
				d.Beside++
			}
		}
		d.Phone, d.Moved = phoneBeside(sum.there[i], sum.phones[i])
		if d.Weigh(&f) {
			held = append(held, f)
		} else {
			rest = append(rest, f)
		}
	}
	byTime := func(a, b abuse.Finding) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Account, b.Account))
	}
	slices.SortStableFunc(held, byTime)
	slices.SortStableFunc(rest, byTime)
	return held, rest, nil
}

// phoneBeside counts how often a phone was used elsewhere within minutes, and
// reports whether it was at two places and more on such days: one that was left
// at home stays there.
func phoneBeside(there []int64, phones []sighting) (n int, moved bool) {
	slices.SortFunc(phones, func(a, b sighting) int { return cmp.Compare(a.at, b.at) })
	at := make([]int64, len(phones))
	for i, p := range phones {
		at[i] = p.at
	}
	for _, t := range there {
		if near(at, t-besideTime, t+besideTime) > 0 {
			n++
		}
	}
	for i := 1; i < len(phones); i++ {
		moved = moved || phones[i].network != phones[0].network
	}
	return n, moved
}

// strangersOnly reports whether all who signed in at an address did so from a
// place that is new to them.
func (r *run) strangersOnly(a netip.Addr, list []abuse.Finding) bool {
	s := r.profiles.Source(a)
	if s == nil {
		return false
	}
	for name := range s.Signed {
		if !slices.ContainsFunc(list, func(f abuse.Finding) bool { return f.Account == name && slices.Contains(f.Sources, a) }) {
			return false
		}
	}
	return true
}
