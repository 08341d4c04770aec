package pipeline

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"mailvigil/abuse"
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
	swept := make(map[netip.Addr]int)
	for i, s := range c.Sweeps {
		swept[s.Source] = i + 1
	}
	m := &e.Makeup
	accounts := make(map[string]float64)
	sources := make(map[string]float64)
	kinds := make(map[string]traffic.Kind)
	actions := make(map[string]float64)
	out := r.outsiders(w, before)
	inside, walked := netip.Addr{}, []abuse.Finding(nil)
	if e.Family == string(failures) && e.Up {
		inside, walked = r.walking(w)
	}
	hostile := make(map[string]bool)
	unseen := make(map[string]bool)
	known, stale := 0, int64(math.MaxInt64)
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
			m.Relayed += weight
			continue
		}
		addr := k.addr.String()
		sources[addr] += weight
		kinds[addr] = net.Kind
		if k.account == "" && out.never(k.addr) {
			m.Outsiders += weight
			unseen[addr] = true
			if k.Status >= 400 && k.Status < 500 && k.Status != 401 {
				m.NotThere += weight
			}
		}
		if s := r.profiles.Source(k.addr); s != nil {
			if k.addr == inside || s.Hostile() || e.Family == string(failures) && out.crowd && out.is(k.addr, k.account) {
				m.Hostile += weight
				hostile[addr] = true
				if r.profiles.Account(k.account) != nil {
					m.Existing += weight
				}
			} else if k.Outcome == maillog.Failure && s.Signed[k.account] != nil {
				m.OwnFailures += weight
				if k.past == 0 && k.n >= lasting && k.first < stale {
					stale = k.first
				}
			}
		}
		if i := swept[k.addr]; i > 0 {
			m.Swept += weight
			e.Sweep = &c.Sweeps[i-1]
		}
		// A web server does not say whose session of the webmail it is.
		if intruders[addr][k.account] || k.account == "" && k.Service == maillog.Webmail && len(intruders[addr]) > 0 {
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
	m.TopAccountName, m.TopAccount = top(accounts, m.Events)
	m.TopSourceName, m.TopSource = top(sources, m.Events)
	m.TopSourceKind = kinds[m.TopSourceName]
	m.TopAction, m.TopActionShare = top(actions, m.Events)
	for _, p := range []*float64{&m.FamiliarSource, &m.FamiliarDevice} {
		if m.Named > 0 {
			*p /= m.Named
		}
	}
	if m.Hostile > 0 {
		m.Existing /= m.Hostile
	}
	for _, p := range []*float64{&m.Failures, &m.Errors, &m.Hostile, &m.OwnFailures, &m.Internal, &m.Relayed, &m.Hosting, &m.Intruded, &m.Named, &m.Outsiders, &m.NotThere, &m.Swept} {
		*p /= m.Events
	}
	if stale < math.MaxInt64 {
		e.First = time.Unix(0, stale).In(r.opt.Location)
	}
	m.OutsideSources, m.OutsideUsual = len(unseen), out.usual
	if e.Family == string(failures) {
		if inside.IsValid() {
			e.Inside, e.Hands = inside.String(), walked
		}
		r.attackers(w, hostile, out, e, c)
	}
	if m.Outsiders > 0.5 && e.Family != string(failures) {
		e.Sources = slices.Sorted(maps.Keys(unseen))
	}
	// The lines to show: the first ones of the rows that weigh most.
	slices.SortStableFunc(refs, func(a, b *row) int { return cmp.Compare(b.n-b.past, a.n-a.past) })
	refs = refs[:min(len(refs), evidenceLines)]
	slices.SortStableFunc(refs, func(a, b *row) int { return cmp.Compare(a.first, b.first) })
	for _, k := range refs {
		e.Refs = append(e.Refs, k.ref)
	}
}

// lasting is how many failures a device makes that goes on trying: a slip of the
// finger makes one or two.
const lasting = 4

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
// are not part of it; nor are those that were at it long before; nor, where
// nearly all is aimed at one account, those that did not try it.
func (r *run) attackers(w *window, hostile map[string]bool, out *outsiders, e *verdict.Excess, c *verdict.Case) {
	known := e.Makeup.Existing >= 0.5
	part := make(map[string]bool)
	tried := make(map[string]bool)
	after := r.jump(w.excess)
	before := max(e.Onset.UnixNano()-dayNs, after-int64(time.Hour))
	aim := ""
	byName := make(map[string]float64)
	all := 0.0
	for i := range w.rows {
		if k := &w.rows[i]; k.n > k.past && hostile[address(k.addr)] {
			byName[k.account] += k.n - k.past
			all += k.n - k.past
		}
	}
	if name, share := top(byName, all); share >= aimed {
		aim = name
	}
	take := func(addr string, s *abuse.Source) {
		if s.First < before || aim != "" && s.Failed[aim] == 0 {
			return
		}
		exist := 0
		for a := range s.Failed {
			if r.profiles.Account(a) != nil {
				exist++
			}
		}
		if known && len(s.Failed) > 0 && exist*2 < len(s.Failed) {
			return
		}
		part[addr] = true
		for a := range s.Failed {
			tried[a] = true
		}
	}
	for addr := range hostile {
		ip, err := netip.ParseAddr(addr)
		if err != nil {
			continue
		}
		if addr == e.Inside {
			part[addr] = true
			for i := range w.rows {
				if k := &w.rows[i]; k.n > k.past && k.addr == ip && k.account != "" {
					tried[k.account] = true
				}
			}
		} else if s := r.profiles.Source(ip); s != nil {
			take(addr, s)
		}
	}
	// Of a crowd that goes on for days, not all are in the time that was read
	// again: whoever else failed while it went on, at an address at which nobody
	// had signed in, belongs to it.
	if out.crowd {
		for s := range r.profiles.Sources() {
			if s.Failure == 0 || known && len(s.Failed) == 0 || !s.Stranger(out.before) {
				continue
			}
			at := traffic.SlotOf(s.First)
			if slices.ContainsFunc(w.excess.intervals, func(i interval) bool { return at >= i.from-marginSlots && at < i.to }) {
				take(s.Addr.String(), s)
			}
		}
	}
	e.Sources = slices.Sorted(maps.Keys(part))
	e.Busiest = r.busiest(part, w.excess)
	r.nameAim(w, part, e)
	e.Targets = len(tried)
	e.Usual = max(r.profiles.HostileADay(), out.usual)
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
		r.amongThem(part, e, c)
	}
	first := int64(math.MaxInt64)
	for i := range w.rows {
		k := &w.rows[i]
		if k.n > 0 && k.first >= after && part[address(k.addr)] {
			first = min(first, k.first)
		}
	}
	if first < math.MaxInt64 {
		e.Begun = time.Unix(0, first).In(r.opt.Location)
		e.BegunWithin = [2]time.Time{e.Begun.Add(-time.Minute), e.Begun.Add(15 * time.Minute)}
	}
}

// aimed is the share of the tries from which one account is the aim.
const aimed = 0.7

// fromThere is the share of a crowd's addresses, and manyThere the number, that
// a provider must have for a sign-in from it to be one of the crowd; a crowd of
// the whole world has some addresses wherever people travel.
const (
	fromThere = 0.1
	manyThere = 50
)

// amongThem adds the sign-ins that say too little by themselves, but come from
// the providers and countries of a crowd that guesses, and while it does: who
// tries stolen pairs of names and passwords fails at the ones and opens the
// others, each from another address.
func (r *run) amongThem(part map[string]bool, e *verdict.Excess, c *verdict.Case) {
	type place struct {
		asn     uint32
		country string
	}
	from := make(map[place]int)
	for addr := range part {
		if ip, err := netip.ParseAddr(addr); err == nil {
			if s := r.profiles.Source(ip); s != nil {
				n := s.Network.Value()
				from[place{n.ASN, n.Country}]++
			}
		}
	}
	most := min(fromThere*float64(len(part)), manyThere)
	begin, end := e.Onset.UnixNano(), e.End.UnixNano()+dayNs
	for _, f := range c.Unsure {
		if n := f.Network; n.ASN != 0 && float64(from[place{n.ASN, n.Country}]) >= most && f.First >= begin-dayNs/24 && f.First <= end {
			f.Weight += inCrowd
			if n.Kind == traffic.KindResidential || n.Kind == traffic.KindMobile {
				f.Weight++ // that it is a home or a phone excuses nothing where the crowd comes from such
			}
			f.Title += ", among those who guessed at the time"
			e.Hands = append(e.Hands, f)
			for _, s := range f.Sources {
				if !part[s.String()] {
					part[s.String()] = true
					e.Sources = append(e.Sources, s.String())
				}
			}
		}
	}
}

// Somebody walks along the names where one of our own addresses fails for so
// many within walkedWithin, once or twice each: devices with an old password
// try again and again.
const (
	walkedNames  = 15
	walkedWithin = int64(2 * time.Hour)
)

// walking finds who tries the passwords of others from a desk of our own, and
// the accounts that were opened there then. An office address is shared, so
// nobody is blamed for what fails there: only where mailboxes are then opened
// with a client that is new here is it somebody's doing.
func (r *run) walking(w *window) (netip.Addr, []abuse.Finding) {
	type trail struct {
		names       int
		tries       float64
		first, last int64
	}
	trails := make(map[netip.Addr]*trail)
	for i := range w.rows {
		k := &w.rows[i]
		kind := k.Network.Value().Kind
		if k.n == 0 || k.past > 0 || k.account == "" || !k.addr.IsValid() || kind != traffic.KindOffice && kind != traffic.KindInternal {
			continue
		}
		t := trails[k.addr]
		if t == nil {
			t = &trail{first: k.first}
			trails[k.addr] = t
		}
		if k.n <= 2 {
			t.names++
			t.first, t.last = min(t.first, k.first), max(t.last, k.last)
		}
		t.tries += k.n
	}
	var at netip.Addr
	var hands []abuse.Finding
	for addr, t := range trails {
		if t.names < walkedNames || float64(t.names) < t.tries/2 || t.last-t.first > walkedWithin {
			continue
		}
		if h := r.profiles.Walked(addr, t.first-int64(10*time.Minute), t.last+dayNs/2); len(h) > len(hands) || len(h) == len(hands) && len(h) > 0 && addr.Less(at) {
			at, hands = addr, h
		}
	}
	return at, hands
}

// outsiders are the addresses of a window at which nobody here had signed in
// before it. A few are there every day: people who travel, bots. Many at once
// are a crowd.
type outsiders struct {
	r      *run
	before int64
	usual  float64 // how many there are in the windows that it is compared with
	crowd  bool
	near   map[netip.Prefix]bool // where people signed in, for addresses whose provider is not known
	known  map[netip.Addr]bool
}

// An outsiders' crowd has at least so many addresses, and so many times the
// usual number.
const (
	leastCrowd = 30
	crowdRatio = 4
)

func (r *run) outsiders(w *window, before int64) *outsiders {
	o := &outsiders{r: r, before: before, known: make(map[netip.Addr]bool)}
	now, past := make(map[netip.Addr]bool), make(map[netip.Addr]bool)
	for i := range w.rows {
		k := &w.rows[i]
		if !o.is(k.addr, k.account) {
			continue
		}
		if k.n > 0 {
			now[k.addr] = true
		}
		if k.past > 0 {
			past[k.addr] = true
		}
	}
	o.usual = float64(len(past)) / float64(max(1, w.references()))
	o.crowd = len(now) >= leastCrowd && float64(len(now)) >= crowdRatio*o.usual
	return o
}

// is reports whether nobody had signed in at the address, nor the account
// from its provider. Where the provider is not known, its neighbours stand for
// it.
func (o *outsiders) is(a netip.Addr, account string) bool {
	if !a.IsValid() {
		return false
	}
	none, seen := o.known[a]
	s := o.r.profiles.Source(a)
	if !seen {
		none = s == nil || s.Stranger(o.before)
		if none && (s == nil || s.Network.Value().ASN == 0) {
			none = !o.neighbours()[wide(a)]
		}
		o.known[a] = none
	}
	if !none || s == nil || account == "" {
		return none
	}
	acc := o.r.profiles.Account(account)
	return acc == nil || !acc.UsedProvider(s.Network.Value(), o.before)
}

// never reports whether nobody signed in at the address, before the window or
// since.
func (o *outsiders) never(a netip.Addr) bool {
	s := o.r.profiles.Source(a)
	return (s == nil || len(s.Signed) == 0) && o.is(a, "")
}

// neighbours are the wide prefixes in which somebody had signed in.
func (o *outsiders) neighbours() map[netip.Prefix]bool {
	if o.near == nil {
		o.near = make(map[netip.Prefix]bool)
		for s := range o.r.profiles.Sources() {
			if len(s.Signed) > 0 && !s.Stranger(o.before) {
				o.near[wide(s.Addr)] = true
			}
		}
	}
	return o.near
}

func wide(a netip.Addr) netip.Prefix {
	bits := 16
	if a.Is6() {
		bits = 32
	}
	p, _ := a.Prefix(bits)
	return p
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

// busiest is how many of these addresses failed on the day of an excess on which
// most did. A burst of a single bot the day before makes no smaller crowd of
// those who come together at night.
func (r *run) busiest(part map[string]bool, x *excess) (most int) {
	from, to := x.whole().from.Unix()/86400, x.whole().to.Unix()/86400
	if to-from >= 63 {
		return 0 // days are remembered modulo 64
	}
	for day := from; day <= to; day++ {
		n := 0
		for addr := range part {
			if ip, err := netip.ParseAddr(addr); err == nil {
				if s := r.profiles.Source(ip); s != nil && s.Days&(1<<(uint64(day)%64)) != 0 {
					n++
				}
			}
		}
		most = max(most, n)
	}
	return most
}
