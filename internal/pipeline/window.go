package pipeline

import (
	"cmp"
	"context"
	"hash/maphash"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"mailvigil/abuse"
	"mailvigil/traffic"
)

// leafKey is a row of the second pass: a Cell's leaf with every attribute
// that has too many values for a Cell.
type leafKey struct {
	traffic.Leaf
	account string
	device  string
	addr    netip.Addr
}

// row counts the events of a leaf inside a window and inside the windows it
// is compared with.
type row struct {
	leafKey
	n     float64 // in the window
	past  float64 // expected from the reference windows
	first int64   // in the window, Unix nanoseconds
	last  int64
	ref   traffic.Ref // of the first line in the window
}

// add puts another row's events to those of this one.
func (x *row) add(y *row) {
	if y.n > 0 && (x.n == 0 || y.first < x.first) {
		x.first, x.ref = y.first, y.ref
	}
	x.last = max(x.last, y.last)
	x.n += y.n
	x.past += y.past
}

// attribute of a row, in the order in which one spelling is preferred where
// several pick out the same events.
type attribute struct {
	name string
	of   func(*leafKey) string
}

var attributes = []attribute{
	{"service", func(k *leafKey) string { return k.Service.String() }},
	{"outcome", func(k *leafKey) string { return k.Outcome.String() }},
	{"status", func(k *leafKey) string {
		if k.Status == 0 {
			return ""
		}
		return strconv.Itoa(int(k.Status))
	}},
	{"action", func(k *leafKey) string { return k.Action.String() }},
	{"os", func(k *leafKey) string { return k.Agent.Value().OS }},
	{"os_version", func(k *leafKey) string { return k.Agent.Value().OSVersion }},
	{"client", func(k *leafKey) string { return k.Agent.Value().Client }},
	{"client_version", func(k *leafKey) string { return k.Agent.Value().Version }},
	{"asn", func(k *leafKey) string {
		if n := k.Network.Value().ASN; n != 0 {
			return strconv.FormatUint(uint64(n), 10)
		}
		return ""
	}},
	{"country", func(k *leafKey) string { return k.Network.Value().Country }},
	{"network_kind", func(k *leafKey) string { return string(k.Network.Value().Kind) }},
	{"prefix", func(k *leafKey) string { return prefixOf(k.addr) }},
	{"ip", func(k *leafKey) string {
		if !k.addr.IsValid() {
			return ""
		}
		return k.addr.String()
	}},
	{"account", func(k *leafKey) string { return k.account }},
	{"device", func(k *leafKey) string { return k.device }},
}

func prefixOf(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

func valueOf(k *leafKey, name string) string {
	for i := range attributes {
		if attributes[i].name == name {
			return attributes[i].of(k)
		}
	}
	return ""
}

// window is what the second pass re-reads for one excess.
type window struct {
	excess *excess
	now    []interval
	past   [][]interval // for each of now, the intervals it is compared with
	rows   []row
}

// references is how many past windows the comparison rests on, at the least.
func (w *window) references() int {
	n := maxPast
	for _, p := range w.past {
		n = min(n, len(p))
	}
	return n
}

// Bounds of the second pass.
const (
	maxWindows  = 16
	maxWindow   = traffic.Slot(24 * time.Hour / time.Minute) // time of an excess that is looked at
	maxPast     = 4
	maxRows     = 1 << 16 // per window and reader; beyond it the rows that hold least lose account, address and device
	marginSlots = 30
)

// pastUnit is divisible by every number of references up to maxPast, so that
// weights add up to the same in any order; thirds would not.
const pastUnit = 12

// plan chooses what to re-read: the alarms of each excess, a day of them at
// the most, and for each the same hours of earlier days on which all was
// quiet. Alarms without such a day are left out where others have one.
func (r *run) plan(all []*excess) []*window {
	var out []*window
	for _, x := range all[:min(len(all), maxWindows)] {
		w := &window{excess: x}
		left := maxWindow
		for _, compared := range []bool{true, false} {
			for _, i := range x.intervals {
				i.from -= marginSlots
				if n := len(w.now); n > 0 {
					i.from = max(i.from, w.now[n-1].to)
				}
				i.to = min(i.to, i.from+left)
				if i.from >= i.to {
					continue
				}
				past := r.references(x, i, all)
				if compared == (len(past) > 0) {
					left -= i.to - i.from
					w.now = append(w.now, i)
					w.past = append(w.past, past)
				}
			}
			if len(w.now) > 0 {
				break
			}
		}
		if len(w.now) > 0 {
			out = append(out, w)
		}
	}
	return out
}

// references are the same hours of earlier days: a week or two before, else
// the nearest days of the same kind, else any; never one on which the same
// series was in the same trouble.
func (r *run) references(x *excess, i interval, all []*excess) []interval {
	troubled := func(s interval) bool {
		for _, o := range all {
			if o.series == x.series && o.up == x.up && slices.ContainsFunc(o.intervals, s.overlaps) {
				return true
			}
		}
		return false
	}
	var out []interval
	for _, alike := range []bool{true, false} {
		for _, days := range []int{7, 14, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13} {
			s := interval{from: r.daysBefore(i.from, days)}
			s.to = s.from + i.to - i.from
			if s.from < r.cells.Start || alike != (r.weekend(i.from) == r.weekend(s.from)) || troubled(s) || s.overlaps(i) {
				continue
			}
			if out = append(out, s); len(out) == maxPast {
				return out
			}
		}
		if len(out) > 1 {
			break
		}
	}
	return out
}

// daysBefore goes back by local calendar days: the same time of the clock.
func (r *run) daysBefore(s traffic.Slot, days int) traffic.Slot {
	t := time.Unix(s.Unix(), 0).In(r.opt.Location)
	return traffic.SlotOf(t.AddDate(0, 0, -days).UnixNano())
}

func (r *run) weekend(s traffic.Slot) bool {
	d := time.Unix(s.Unix(), 0).In(r.opt.Location).Weekday()
	return d == time.Saturday || d == time.Sunday
}

// use says that a slot belongs to a window: to the window itself or to one of
// its references.
type use struct {
	window int32
	past   float64 // 0: the window itself; else the weight of a reference, in 1/pastUnit
}

// sifting is the visitor of the second pass. Its rows are found by a hash of 64
// bits under a secret of the run: of a million rows two have the same once in
// some ten million runs.
type sifting struct {
	windows []*window
	start   traffic.Slot
	uses    [][]use           // by slot since start
	rows    []map[uint64]*row // by window, then by the hash of the key
	seed    maphash.Seed
	deeds   []deed
}

func (v *sifting) wants(time int64) bool {
	i := int(traffic.SlotOf(time) - v.start)
	return i >= 0 && i < len(v.uses) && len(v.uses[i]) > 0
}

// deed is the rows that a deed (traffic.Record.Deed) counts in.
type deed struct {
	key  uint64
	rows []*row // by window, nil: not looked up, or not of its series
	told uint64 // windows that were looked up, a bit each
}

// 2^deedBits deeds are remembered, so that the rows of what the same devices do
// again and again are found without their keys.
const deedBits = 13

// visit takes an event that is wanted.
func (v *sifting) visit(r *traffic.Record) {
	i := int(traffic.SlotOf(r.Event.Time) - v.start)
	var known *deed
	if key := r.Deed(); key != 0 {
		known = &v.deeds[traffic.DeedSlot(key, deedBits)]
		if known.key != key {
			if known.rows == nil {
				known.rows = make([]*row, len(v.windows))
			}
			known.key, known.told = key, 0
		}
	}
	for _, u := range v.uses[i] {
		var x *row
		switch bit := uint64(1) << u.window; {
		case known == nil:
			x = v.row(r, int(u.window))
		case known.told&bit == 0:
			x = v.row(r, int(u.window))
			if known.key == 0 {
				known = nil // rows were folded
			} else {
				known.rows[u.window], known.told = x, known.told|bit
			}
		default:
			x = known.rows[u.window]
		}
		if x == nil {
			continue
		}
		if u.past > 0 {
			x.past += u.past
			continue
		}
		if x.n == 0 || r.Event.Time < x.first {
			x.first, x.ref = r.Event.Time, r.Ref
		}
		x.last = max(x.last, r.Event.Time)
		x.n++
	}
}

// row is the row of a window that an event counts in, nil where it is not of
// the window's series.
func (v *sifting) row(r *traffic.Record, window int) *row {
	leaf := traffic.LeafOf(r)
	if !v.windows[window].excess.series.match(&leaf) {
		return nil
	}
	rows := v.rows[window]
	k := leafKey{Leaf: leaf, account: r.Account, device: string(r.Event.Device)}
	if r.Addr.IsValid() {
		k.addr = abuse.SourceKey(r.Addr)
	}
	h := maphash.Comparable(v.seed, k)
	x := rows[h]
	if x == nil {
		if len(rows) >= maxRows {
			v.fold(rows)
		}
		x = &row{leafKey: k}
		rows[h] = x
	}
	return x
}

// fold takes account, device and address from the rows of a window that hold
// least, more and more of them until no more than half of what is allowed is
// left: what sets an excess apart is not what was seen once.
func (v *sifting) fold(rows map[uint64]*row) {
	for least := 1.0; len(rows) > maxRows/2 && least < 1<<40; least *= 2 {
		for h, x := range rows {
			if x.n+x.past/pastUnit > least {
				continue
			}
			k := x.leafKey
			k.account, k.device, k.addr = "", "", netip.Addr{}
			if k == x.leafKey {
				continue
			}
			delete(rows, h)
			bare := maphash.Comparable(v.seed, k)
			if y := rows[bare]; y != nil {
				y.add(x)
			} else {
				x.leafKey = k
				rows[bare] = x
			}
		}
	}
	for i := range v.deeds {
		v.deeds[i].key = 0 // some of their rows are gone
	}
}

// sift is the second pass.
func (r *run) sift(ctx context.Context, windows []*window) error {
	if len(windows) == 0 {
		return nil
	}
	uses := make([][]use, r.cells.Slots)
	mark := func(list []interval, u use) {
		for _, i := range list {
			for s := max(i.from, r.cells.Start); s < i.to && int(s-r.cells.Start) < len(uses); s++ {
				uses[s-r.cells.Start] = append(uses[s-r.cells.Start], u)
			}
		}
	}
	for i, w := range windows {
		mark(w.now, use{int32(i), 0})
		for _, p := range w.past {
			mark(p, use{int32(i), pastUnit / float64(len(p))})
		}
	}
	pick := func(first, last int64) bool {
		from := max(0, int(traffic.SlotOf(first)-r.cells.Start))
		to := min(len(uses)-1, int(traffic.SlotOf(last)-r.cells.Start))
		for s := from; s <= to; s++ {
			if len(uses[s]) > 0 {
				return true
			}
		}
		return false
	}
	seed := maphash.MakeSeed()
	sifters := make([]*sifting, r.opt.Workers)
	visitors := make([]visitor, r.opt.Workers)
	for i := range sifters {
		v := &sifting{windows: windows, start: r.cells.Start, uses: uses, seed: seed, rows: make([]map[uint64]*row, len(windows)), deeds: make([]deed, 1<<deedBits)}
		for j := range v.rows {
			v.rows[j] = make(map[uint64]*row)
		}
		sifters[i], visitors[i] = v, v
	}
	if err := r.secondPass(ctx, visitors, pick); err != nil {
		return err
	}
	for _, v := range sifters {
		v.deeds = nil
	}
	r.each(len(windows), func(i int) {
		w := windows[i]
		merged := sifters[0].rows[i]
		for _, v := range sifters[1:] {
			for h, y := range v.rows[i] {
				x := merged[h]
				if x == nil {
					merged[h] = y
					continue
				}
				x.add(y)
			}
		}
		w.rows = make([]row, 0, len(merged))
		for h, x := range merged {
			x.past /= pastUnit
			w.rows = append(w.rows, *x)
			delete(merged, h) // two copies of all would be too much
		}
		for _, v := range sifters {
			v.rows[i] = nil
		}
		slices.SortFunc(w.rows, func(a, b row) int {
			return cmp.Or(a.Leaf.Compare(b.Leaf), cmp.Compare(a.account, b.account), a.addr.Compare(b.addr), cmp.Compare(a.device, b.device))
		})
		w.rows = joinClients(w.rows)
	})
	return nil
}
