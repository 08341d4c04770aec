package verdict

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mailvigil/abuse"
	"mailvigil/traffic"
)

// Extent is what was done with one account while it was in other hands: from
// when to when, from where, and what was read, sent and changed. The counts are
// of what lines tell; where a service writes no line of it, they are too low.
type Extent struct {
	Account  string     `json:"account"`
	From     time.Time  `json:"from"`
	To       time.Time  `json:"to"`
	Sources  []string   `json:"sources"`
	Services []string   `json:"services"`
	Clients  []string   `json:"clients"`
	SignIns  int64      `json:"sign_ins"`
	Shown    int64      `json:"messages_shown"`   // opened one by one
	Fetched  int64      `json:"messages_fetched"` // taken by a client
	Bytes    int64      `json:"bytes_fetched"`
	Searches int64      `json:"searches"`
	Files    int64      `json:"downloads"`
	Sent     int64      `json:"messages_sent"`
	Deleted  int64      `json:"deletions"`
	Rules    int64      `json:"rule_changes"`
	Forwards int64      `json:"forward_changes"`
	Settings int64      `json:"setting_changes"`
	Synced   int64      `json:"device_requests"`
	Evidence []Evidence `json:"evidence"`
}

// extent notes that a finding tells of a stranger in an account.
func (in *Incident) extent(f *abuse.Finding, zone *time.Location) {
	if f.Account == "" {
		return
	}
	x := Extent{Account: f.Account, From: time.Unix(0, f.First).In(zone), To: time.Unix(0, f.Last).In(zone)}
	for _, s := range f.Sources {
		x.Sources = append(x.Sources, s.String())
	}
	for _, s := range f.Services {
		x.Services = append(x.Services, s.String())
	}
	in.Extent = append(in.Extent, x)
}

// mergeExtents makes one Extent of those of the same account.
func (in *Incident) mergeExtents() {
	all := in.Extent
	slices.SortStableFunc(all, func(a, b Extent) int { return cmp.Compare(a.Account, b.Account) })
	in.Extent = all[:0]
	for _, x := range all {
		if n := len(in.Extent); n > 0 && in.Extent[n-1].Account == x.Account {
			y := &in.Extent[n-1]
			y.From = earlier(y.From, x.From)
			if x.To.After(y.To) {
				y.To = x.To
			}
			y.Sources, y.Services = append(y.Sources, x.Sources...), append(y.Services, x.Services...)
			continue
		}
		in.Extent = append(in.Extent, x)
	}
	for i := range in.Extent {
		x := &in.Extent[i]
		slices.Sort(x.Sources)
		slices.Sort(x.Services)
		x.Sources, x.Services = slices.Compact(x.Sources), slices.Compact(x.Services)
	}
}

// Count fills in what was done, and between which times.
func (x *Extent) Count(d abuse.Deeds, from, to time.Time) {
	x.SignIns, x.Shown, x.Fetched, x.Bytes, x.Searches, x.Files = d.SignIns, d.Read, d.Fetched, d.Bytes, d.Searches, d.Files
	x.Sent, x.Deleted, x.Rules, x.Forwards, x.Settings, x.Synced = d.Sent, d.Deleted, d.Rules, d.Forwards, d.Settings, d.Synced
	if !from.IsZero() {
		x.From, x.To = from, to
	}
}

// Cites sets the lines that tell of it.
func (x *Extent) Cites(list []traffic.Ref) { x.Evidence = refs(list) }

// Addresses is the addresses that an Extent tells of.
func (x *Extent) Addresses() []netip.Addr {
	var out []netip.Addr
	for _, s := range x.Sources {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// Deeds says in words what was done, the gravest first; "" where no line tells
// of anything but signing in.
func (x *Extent) Deeds() string {
	var out []string
	say := func(n int64, single, many string) {
		if n > 0 {
			out = append(out, one(int(n), single, many))
		}
	}
	say(x.Forwards, "change of forwarding", "changes of forwarding")
	say(x.Rules, "change of mail rules", "changes of mail rules")
	say(x.Sent, "message sent", "messages sent")
	say(x.Fetched, "message fetched", "messages fetched")
	say(x.Shown, "message opened", "messages opened")
	say(x.Files, "download", "downloads")
	say(x.Searches, "search", "searches")
	say(x.Deleted, "deletion", "deletions")
	say(x.Settings, "setting changed", "settings changed")
	say(x.Synced, "request of a phone for mail", "requests of a phone for mail")
	if len(out) == 0 && x.SignIns > 0 {
		return fmt.Sprintf("%s; no line tells what was done", one(int(x.SignIns), "sign-in", "sign-ins"))
	}
	return strings.Join(out, ", ")
}
