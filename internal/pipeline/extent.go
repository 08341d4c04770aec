package pipeline

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"mailvigil/abuse"
	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// extentAfter is how long after the last sign-in what was done still counts:
// sessions end later than they begin, and only their end says how much was
// fetched.
const extentAfter = int64(2 * time.Hour)

// took is whom a stranger's events are counted for.
type took struct {
	extent   *verdict.Extent
	from, to int64
	alone    map[netip.Addr]bool // sources at which nobody else signed in: what names no account there is theirs
}

// hands is the visitor that counts what strangers did.
type hands struct {
	start     traffic.Slot
	wanted    []bool
	byAccount map[string][]int // indices of took
	bySource  map[netip.Addr][]int
	list      []took
	done      []handful
}

type handful struct {
	deeds       abuse.Deeds
	first, last int64
	clients     map[string]bool
	refs        []traffic.Ref // of what was changed or sent
	read        []traffic.Ref // of what was read
}

func (v *hands) wants(at int64) bool {
	i := int(traffic.SlotOf(at) - v.start)
	return i >= 0 && i < len(v.wanted) && v.wanted[i]
}

func (v *hands) visit(r *traffic.Record) {
	if !r.Addr.IsValid() {
		return
	}
	source := abuse.SourceKey(r.Addr)
	mine := v.bySource[source]
	if len(mine) == 0 {
		return
	}
	if r.Account != "" {
		mine = v.byAccount[r.Account]
	} else if r.Event.Service != maillog.Webmail || r.Event.Action == maillog.Login {
		return // the webmail's own log tells of sign-ins, with their account
	}
	e := r.Event
	for _, i := range mine {
		t := &v.list[i]
		if e.Time < t.from || e.Time > t.to || !slices.Contains(v.bySource[source], i) || r.Account == "" && !t.alone[source] {
			continue
		}
		switch e.Outcome {
		case maillog.Failure, maillog.Denied, maillog.Refused, maillog.Error:
			continue
		}
		d := &v.done[i]
		d.deeds.Add(e)
		if d.first == 0 || e.Time < d.first {
			d.first = e.Time
		}
		d.last = max(d.last, e.Time)
		if a := r.Agent.Value(); a.Client != "" && len(d.clients) < maxClients {
			d.clients[a.Client] = true
		}
		switch e.Action {
		case maillog.Rule, maillog.Forward, maillog.Send, maillog.EASSendMail:
			if len(d.refs) < evidenceLines {
				d.refs = append(d.refs, r.Ref)
			}
		default:
			if len(d.read) < evidenceLines && (e.Messages > 0 || e.Action == maillog.Read || e.Action == maillog.Download || e.Action == maillog.Sync || e.Action == maillog.Login) {
				d.read = append(d.read, r.Ref)
			}
		}
	}
}

// maxClients is how many clients of a stranger are named.
const maxClients = 8

// extents counts what was done in the accounts that strangers used, in one more
// reading of those times.
func (r *run) extents(ctx context.Context, v *verdict.Verdict) error {
	shape := hands{start: r.cells.Start, wanted: make([]bool, r.cells.Slots), byAccount: make(map[string][]int), bySource: make(map[netip.Addr][]int)}
	some := false
	for i := range v.Incidents {
		for k := range v.Incidents[i].Extent {
			x := &v.Incidents[i].Extent[k]
			t := took{extent: x, from: x.From.UnixNano(), to: x.To.UnixNano() + extentAfter, alone: make(map[netip.Addr]bool)}
			n := len(shape.list)
			shape.byAccount[x.Account] = append(shape.byAccount[x.Account], n)
			for _, a := range x.Addresses() {
				shape.bySource[a] = append(shape.bySource[a], n)
				s := r.profiles.Source(a)
				t.alone[a] = s == nil || s.SignedIn() <= 1
			}
			shape.list = append(shape.list, t)
			for s := max(traffic.SlotOf(t.from), r.cells.Start); s <= traffic.SlotOf(t.to) && int(s-r.cells.Start) < len(shape.wanted); s++ {
				shape.wanted[s-r.cells.Start], some = true, true
			}
		}
	}
	if !some {
		return nil
	}
	// Of several who came from one address, what names no account is nobody's.
	for a, list := range shape.bySource {
		if len(list) > 1 {
			for _, i := range list {
				shape.list[i].alone[a] = false
			}
		}
	}
	pick := func(first, last int64) bool {
		from := max(0, int(traffic.SlotOf(first)-r.cells.Start))
		to := min(len(shape.wanted)-1, int(traffic.SlotOf(last)-r.cells.Start))
		return from <= to && slices.Contains(shape.wanted[from:to+1], true)
	}
	all := make([]*hands, r.opt.Workers)
	visitors := make([]visitor, r.opt.Workers)
	for i := range all {
		h := shape
		h.done = make([]handful, len(shape.list))
		for k := range h.done {
			h.done[k].clients = make(map[string]bool)
		}
		all[i], visitors[i] = &h, &h
	}
	if err := r.secondPass(ctx, visitors, pick); err != nil {
		return err
	}
	for k := range shape.list {
		x := shape.list[k].extent
		var sum abuse.Deeds
		first, last := int64(0), int64(0)
		clients := make(map[string]bool)
		var refs, read []traffic.Ref
		for _, h := range all {
			d := &h.done[k]
			if d.first == 0 {
				continue
			}
			sum.Merge(d.deeds)
			if first == 0 || d.first < first {
				first = d.first
			}
			last = max(last, d.last)
			for c := range d.clients {
				clients[c] = true
			}
			refs, read = append(refs, d.refs...), append(read, d.read...)
		}
		var from, to time.Time
		if first > 0 {
			from, to = r.at(first), r.at(last)
		}
		x.Count(sum, from, to)
		for c := range clients {
			x.Clients = append(x.Clients, c)
		}
		slices.Sort(x.Clients)
		x.Clients = x.Clients[:min(len(x.Clients), maxClients)]
		inOrder := func(a, b traffic.Ref) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) }
		slices.SortFunc(refs, inOrder)
		slices.SortFunc(read, inOrder)
		refs = append(refs, read...)
		x.Cites(refs[:min(len(refs), evidenceLines)])
	}
	return nil
}

func (r *run) at(ns int64) time.Time { return time.Unix(0, ns).In(r.opt.Location) }
