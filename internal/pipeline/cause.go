package pipeline

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"mailvigil/explain"
	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// implies says which attributes fix which others.
var implies = map[string][]string{
	"asn":            {"country", "network_kind"},
	"ip":             {"prefix", "asn", "country", "network_kind"},
	"prefix":         {"asn", "country", "network_kind"},
	"os_version":     {"os"},
	"client_version": {"client"},
	"device":         {"account", "client", "os"},
}

// oneSource reports whether failures have one cause that names somebody: a
// single address, account or device. Otherwise what sets them apart is that
// they fail: the addresses of a spray are many, and no provider of theirs is
// its cause.
func oneSource(own []map[string]string) bool {
	if len(own) != 1 {
		return false
	}
	for _, k := range []string{"ip", "account", "device", "prefix"} {
		if _, ok := own[0][k]; ok {
			return true
		}
	}
	return false
}

// causes puts explain's answer in the words of the contract. What holds of the
// whole series (its outcome) goes without saying; its service is said where
// there is only one.
func (r *run) causes(w *window, list []explain.Cause) []map[string]string {
	x := w.excess
	var out []map[string]string
	for _, c := range list {
		m := make(map[string]string)
		for _, i := range c.Where {
			if i.Attribute == "outcome" && x.series.family != hosting {
				continue
			}
			m[i.Attribute] = i.Value
		}
		if x.series.service != maillog.ServiceNone {
			m["service"] = x.series.service.String()
		}
		if _, ok := m["os_version"]; ok && m["os"] == "" {
			m["os"] = r.osOf(m["os_version"])
		}
		x.series.part.name(m)
		if x.series.family == failures {
			m["outcome"] = "failure"
		}
		if m["asn"] != "" && r.isOffice(w, m) {
			delete(m, "asn")
			m["network_kind"] = string(traffic.KindOffice)
		}
		r.nameHost(w, m)
		if len(m) > 0 {
			out = append(out, m)
		}
	}
	return out
}

// isOffice reports whether what a cause picks out comes from the
// organisation's own offices: their name says more than their provider's.
func (r *run) isOffice(w *window, m map[string]string) bool {
	mine := claims([]map[string]string{m})
	var all, office float64
	for i := range w.rows {
		if k := &w.rows[i]; mine(&k.leafKey) {
			all += k.n
			if k.Network.Value().Kind == traffic.KindOffice {
				office += k.n
			}
		}
	}
	return all > 0 && office > 0.9*all
}

// nameHost names the host of our own that makes nearly all of what a cause picks
// out of our networks: whoever reads it has a machine to look at.
func (r *run) nameHost(w *window, m map[string]string) {
	if m["ip"] != "" || m["prefix"] == "" && m["network_kind"] == "" {
		return
	}
	mine := claims([]map[string]string{m})
	by := make(map[netip.Addr]float64)
	all := 0.0
	for i := range w.rows {
		if k := &w.rows[i]; k.Network.Value().Kind == traffic.KindInternal && mine(&k.leafKey) {
			by[k.addr] += k.n - k.past
			all += k.n - k.past
		}
	}
	for a, n := range by {
		if all > 0 && n >= nearlyAll*all && a.IsValid() {
			delete(m, "prefix")
			delete(m, "network_kind")
			m["ip"] = a.String()
			return
		}
	}
}

// nearlyAll is the share of what a cause picks out from which what it has in
// common is said of it.
const nearlyAll = 0.9

// common is the value that nearly all of some counts have, "" where none has. All
// is their sum, added up in the order of rows, so that rounding is always the same.
func common(by map[string]float64, all float64) string {
	name, share := top(by, all)
	if all <= 0 || share < nearlyAll {
		return ""
	}
	return name
}

// nameDevice names the one device that has the mailboxes of several people: no
// person's device does, and it says more than the network it comes from.
func (r *run) nameDevice(w *window, e *verdict.Excess, a *accepted) {
	if len(e.Cause) != 1 || e.Cause[0]["device"] != "" || e.Cause[0]["account"] != "" {
		return
	}
	mine := claims(e.Cause)
	by, all := make(map[string]float64), 0.0
	accounts := make(map[string]map[string]bool)
	for i := range w.rows {
		k := &w.rows[i]
		if d := k.n - k.past; d > 0 && mine(&k.leafKey) {
			by[k.device] += d
			all += d
			if accounts[k.device] == nil {
				accounts[k.device] = make(map[string]bool)
			}
			accounts[k.device][k.account] = true
		}
	}
	if d := common(by, all); d != "" && len(accounts[d]) >= manyOwners {
		cause := map[string]string{"device": d}
		if s := w.excess.series.service; s != maillog.ServiceNone {
			cause["service"] = s.String()
		}
		e.Cause = []map[string]string{cause}
		a.claims = either(a.claims, claims(e.Cause))
	}
}

// manyOwners is how many people's mailboxes no person's device has.
const manyOwners = 3

// nameAim says of failures what those that take part have in common beside
// failing: the account, the service, and the address of our own where they walk
// from desk to desk.
func (r *run) nameAim(w *window, part map[string]bool, e *verdict.Excess) {
	if len(e.Cause) != 1 {
		return
	}
	cause := e.Cause[0]
	for _, k := range []string{"ip", "account", "device", "prefix"} {
		if cause[k] != "" {
			return
		}
	}
	if e.Inside != "" {
		cause["ip"] = e.Inside
	}
	accounts, services, all := make(map[string]float64), make(map[string]float64), 0.0
	for i := range w.rows {
		k := &w.rows[i]
		if d := k.n - k.past; d > 0 && part[address(k.addr)] {
			accounts[k.account] += d
			services[k.Service.String()] += d
			all += d
		}
	}
	if name := common(accounts, all); name != "" {
		cause["account"] = name
	}
	if name := common(services, all); name != "" && cause["service"] == "" {
		cause["service"] = name
	}
}

// osOf names the operating system that has a version, where only one has: a
// version alone says little to a person.
func (r *run) osOf(version string) string {
	name := ""
	for i := range r.cells.Leaves {
		if a := r.cells.Leaves[i].Agent.Value(); a.OSVersion == version {
			if name != "" && name != a.OS {
				return ""
			}
			name = a.OS
		}
	}
	return name
}

// claims is the set of leaves that a cause picks out, whatever the service.
func claims(list []map[string]string) func(*leafKey) bool {
	return func(k *leafKey) bool {
		for _, m := range list {
			ok := true
			for name, v := range m {
				if name != "service" && valueOf(k, name) != v {
					ok = false
					break
				}
			}
			if ok {
				return true
			}
		}
		return false
	}
}

// strangers claims all that comes from the addresses of strangers who fail in
// the window.
func (r *run) strangers(w *window) func(*leafKey) bool {
	set := make(map[string]bool)
	for i := range w.rows {
		k := &w.rows[i]
		if k.n > 0 && k.addr.IsValid() {
			if s := r.profiles.Source(k.addr); s != nil && s.Hostile() {
				set[k.addr.String()] = true
			}
		}
	}
	if len(set) == 0 {
		return nil
	}
	return func(k *leafKey) bool { return k.addr.IsValid() && set[k.addr.String()] }
}

// faultCause names the HTTP status that most errors carry, with their share,
// else the outcome, which all of them have.
func (r *run) faultCause(w *window) (cause []map[string]string, share float64) {
	byStatus := make(map[string]float64)
	total := 0.0
	for i := range w.rows {
		k := &w.rows[i]
		if d := k.n - k.past; d > 0 {
			byStatus[valueOf(&k.leafKey, "status")] += d
			total += d
		}
	}
	for s, n := range byStatus {
		if s != "" && n > total/2 {
			return []map[string]string{{"outcome": maillog.Error.String(), "status": s}}, n / total
		}
	}
	return []map[string]string{{"outcome": maillog.Error.String()}}, 1
}

// usualDay is the median of what the series counts on a day; of failures and
// of hosting networks, what all services count together.
func (r *run) usualDay(s *series) float64 {
	if s.family == failures {
		s = &series{family: failures}
		s.counts = r.cells.Series(s.match)
	}
	if s.family == hosting {
		s = &series{family: everyday}
		s.counts = r.cells.Series(s.match)
	}
	byDay := make(map[string]float64)
	for i := 0; i < len(s.counts); i += 60 {
		day := r.time(r.cells.Start + traffic.Slot(i)).Format(time.DateOnly)
		for _, n := range s.counts[i:min(i+60, len(s.counts))] {
			if !math.IsNaN(n) {
				byDay[day] += n
			}
		}
	}
	days := make([]float64, 0, len(byDay))
	for _, n := range byDay {
		days = append(days, n)
	}
	slices.Sort(days)
	return days[len(days)/2]
}

// services lists what the events of the excess touched, a twentieth of them
// at the least.
func (r *run) services(w *window, own []map[string]string) []string {
	if s := w.excess.series.service; s != maillog.ServiceNone {
		return []string{s.String()}
	}
	by := make(map[string]float64)
	total := 0.0
	for i := range w.rows {
		k := &w.rows[i]
		if d := k.n - k.past; d > 0 && k.Service != maillog.ServiceNone {
			by[k.Service.String()] += d
			total += d
		}
	}
	var out []string
	for s, n := range by {
		if n >= total/20 {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}
