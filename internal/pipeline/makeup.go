package pipeline

import (
	"cmp"
	"math"
	"slices"
	"time"

	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// makeup says who and what the events of the excess are.
func (r *run) makeup(w *window, own []map[string]string, e *verdict.Excess, c *verdict.Case) {
	mine := func(*leafKey) bool { return true }
	if len(own) > 0 && e.Family != string(failures) {
		mine = claims(own)
	}
	before := e.Interval[0].UnixNano()
	intruders := make(map[string]map[string]bool) // source → accounts
	for _, f := range c.Strange {
		if f.Weight < 4 {
			continue
		}
		for _, s := range f.Sources {
			if intruders[s.String()] == nil {
				intruders[s.String()] = make(map[string]bool)
			}
			intruders[s.String()][f.Account] = true
		}
	}
	m := &e.Makeup
	accounts := make(map[string]float64)
	sources := make(map[string]float64)
	actions := make(map[string]float64)
	hostile := make(map[string]bool)
	known := 0
	var refs []*row
	for i := range w.rows {
		k := &w.rows[i]
		weight := k.n - k.past
		if weight <= 0 || !mine(&k.leafKey) {
			continue
		}
		m.Events += weight
		refs = append(refs, k)
		actions[k.Action.String()] += weight
		net := k.Network.Value()
		switch net.Kind {
		case traffic.KindInternal:
			m.Internal += weight
		case traffic.KindHosting, traffic.KindVPN:
			m.Hosting += weight
		}
		switch k.Outcome {
		case maillog.Failure, maillog.Denied:
			m.Failures += weight
		case maillog.Error, maillog.Refused:
			m.Errors += weight
		}
		if k.account != "" {
			m.Named += weight
			_, source, device := r.profiles.Familiar(k.account, k.addr, k.device, before)
			if source {
				m.FamiliarSource += weight
			}
			if device {
				m.FamiliarDevice += weight
			}
			accounts[k.account] += weight
		}
		if !k.addr.IsValid() {
			continue
		}
		addr := k.addr.String()
		sources[addr] += weight
		if s := r.profiles.Source(k.addr); s != nil {
			if s.Hostile() {
				m.Hostile += weight
				hostile[addr] = true
				if r.profiles.Account(k.account) != nil {
					m.Existing += weight
				}
			} else if k.Outcome == maillog.Failure && s.Signed[k.account] != nil {
				m.OwnFailures += weight
			}
		}
		if intruders[addr][k.account] {
			m.Intruded += weight
		}
	}
	if m.Events == 0 {
		return
	}
	for a := range accounts {
		if ok, _, _ := r.profiles.Familiar(a, w.rows[0].addr, "", before); ok {
			known++
		}
	}
	m.Accounts, m.KnownAccounts, m.Sources = len(accounts), known, len(sources)
	_, m.TopAccount = top(accounts, m.Events)
	_, m.TopSource = top(sources, m.Events)
	m.TopAction, m.TopActionShare = top(actions, m.Events)
	for _, p := range []*float64{&m.FamiliarSource, &m.FamiliarDevice} {
		if m.Named > 0 {
			*p /= m.Named
		}
	}
	if m.Hostile > 0 {
		m.Existing /= m.Hostile
	}
	for _, p := range []*float64{&m.Failures, &m.Errors, &m.Hostile, &m.OwnFailures, &m.Internal, &m.Hosting, &m.Intruded, &m.Named} {
		*p /= m.Events
	}
	if e.Family == string(failures) {
		r.attackers(w, hostile, e, c)
	}
	// The lines to show: the first ones of the rows that weigh most.
	slices.SortStableFunc(refs, func(a, b *row) int { return cmp.Compare(b.n-b.past, a.n-a.past) })
	refs = refs[:min(len(refs), evidenceLines)]
	slices.SortStableFunc(refs, func(a, b *row) int { return cmp.Compare(a.first, b.first) })
	for _, k := range refs {
		e.Refs = append(e.Refs, k.ref)
	}
}

// evidenceLines is how many lines are cited for an excess.
const evidenceLines = 5

// inCrowd is the weight a doubtful sign-in gains from being one of a crowd that
// guesses at the same time, in log-odds like all weights of findings.
const inCrowd = 3

// attackers adds whom the strangers behind the failures tried, which accounts
// they opened, and when the first of them came.
//
// Everyday guessing goes on during an attack. Where the attack knows the names
// of the people here, the addresses that mostly try names that do not exist
// are not part of it; nor are those that were at it long before.
func (r *run) attackers(w *window, hostile map[string]bool, e *verdict.Excess, c *verdict.Case) {
	known := e.Makeup.Existing >= 0.5
	part := make(map[string]bool)
	tried := make(map[string]bool)
	before := e.Onset.UnixNano() - dayNs
	for _, f := range c.Hostile {
		addr := f.Source.String()
		if !hostile[addr] || f.First < before {
			continue
		}
		exist := 0
		for _, a := range f.Accounts {
			if r.profiles.Account(a) != nil {
				exist++
			}
		}
		if known && len(f.Accounts) > 0 && exist*2 < len(f.Accounts) {
			continue
		}
		part[addr] = true
		e.Sources = append(e.Sources, addr)
		for _, a := range f.Accounts {
			tried[a] = true
		}
	}
	e.Targets = len(tried)
	e.Usual = r.profiles.HostileADay()
	for _, f := range c.Strange {
		if f.Source.IsValid() && part[f.Source.String()] && f.Weight >= 4 {
			e.Hands = append(e.Hands, f)
		}
	}
	// Sign-ins that say little by themselves say more in such a crowd.
	if crowd := 2 * max(e.Usual, 10); float64(len(e.Sources)) > crowd*float64(max(1, e.Nights)) {
		in := make(map[string]bool)
		for i := range w.rows {
			if k := &w.rows[i]; k.n > 0 {
				in[address(k.addr)] = true
			}
		}
		for _, f := range r.profiles.Doubtful() {
			if addr := f.Source.String(); in[addr] && f.First >= before {
				part[addr] = true
				f.Weight += inCrowd
				e.Sources = append(e.Sources, addr)
				e.Hands = append(e.Hands, f)
			}
		}
	}
	first, after := int64(math.MaxInt64), r.jump(w.excess)
	for i := range w.rows {
		k := &w.rows[i]
		if k.n > 0 && k.first >= after && part[address(k.addr)] {
			first = min(first, k.first)
		}
	}
	if first < math.MaxInt64 {
		e.Onset = time.Unix(0, first).In(r.opt.Location)
		e.Interval = [2]time.Time{e.Onset.Add(-time.Minute), e.Onset.Add(15 * time.Minute)}
	}
}

func top(m map[string]float64, total float64) (string, float64) {
	best, n := "", -1.0
	for k, v := range m {
		if v > n || v == n && k < best {
			best, n = k, v
		}
	}
	if n < 0 {
		return "", 0
	}
	return best, n / total
}
