package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"time"
	"unique"

	"mailvigil/abuse"
	"mailvigil/maillog"
	"mailvigil/traffic"
)

// Bounds of the search for sessions without a sign-in.
const (
	maxCookies    = 16 // uses of the webmail that are looked into
	cookieAfter   = int64(6 * time.Hour)
	cookieBefore  = int64(12 * time.Hour) // where the owner's sign-in is sought
	maxTimes      = 2048
	maxPages      = 64 // message numbers remembered of a source
	maxSightings  = 1 << 20
	handOver      = int64(10 * time.Minute)
	togetherFrom  = -3 * int64(time.Second) // a webmail asks the mailbox while it answers
	togetherUntil = 2 * int64(time.Second)
)

// agentAt is a client at a source.
type agentAt struct {
	source netip.Addr
	agent  unique.Handle[traffic.Agent]
}

// browsing is what a client at a source asked the webmail for.
type browsing struct {
	first, last int64
	opens       bool // the first request was for the whole page
	times       []int64
	sends       []int64
	signIns     []int64
	sizes       map[int64]bool
	numbers     map[int64]bool // of messages
	tokens      map[string]bool
	deeds       abuse.Deeds
	refs        []traffic.Ref
}

// webSignIn is a sign-in that the webmail's own log tells of.
type webSignIn struct {
	at      int64
	account string
	source  netip.Addr
	session string
}

// cookies is the visitor that looks into sessions without a sign-in.
type cookies struct {
	start    traffic.Slot
	wanted   []bool // by slot
	watched  map[agentAt]bool
	browsing map[agentAt]*browsing
	signIns  []webSignIn
	passedOn map[string][]int64 // account → when one of our own hosts opened its mailbox
	sent     map[string][]int64 // account → when one sent for it
	n        int
}

func (v *cookies) wants(at int64) bool {
	i := int(traffic.SlotOf(at) - v.start)
	return i >= 0 && i < len(v.wanted) && v.wanted[i]
}

func (v *cookies) visit(r *traffic.Record) {
	e := r.Event
	if v.n >= maxSightings {
		return
	}
	switch {
	case r.Relay && r.Account != "" && e.Action == maillog.Login && e.Outcome == maillog.Success:
		by := v.passedOn
		if e.Service == maillog.Submission || e.Service == maillog.SMTP {
			by = v.sent
		}
		by[r.Account] = append(by[r.Account], e.Time)
		v.n++
	case e.Service != maillog.Webmail || !r.Addr.IsValid() || e.Outcome != maillog.Success:
	case r.Account != "" && e.Action == maillog.Login:
		v.signIns = append(v.signIns, webSignIn{e.Time, r.Account, abuse.SourceKey(r.Addr), string(e.Session)})
		v.n++
	case r.Account == "":
		v.browse(r)
	}
}

func (v *cookies) browse(r *traffic.Record) {
	e := r.Event
	k := agentAt{abuse.SourceKey(r.Addr), r.Agent}
	b := v.browsing[k]
	if b == nil {
		b = &browsing{first: math.MaxInt64, numbers: make(map[int64]bool), tokens: make(map[string]bool), sizes: make(map[int64]bool)}
		v.browsing[k] = b
		v.n++
	}
	if e.Action == maillog.Login && len(b.signIns) < maxTimes {
		b.signIns = append(b.signIns, e.Time)
		v.n++
	}
	if e.Time < b.first {
		b.first = e.Time
		// Only a request for the page itself names no action.
		b.opens = e.Action == maillog.List && len(param(e.URL, "_action")) == 0
	}
	b.last = max(b.last, e.Time)
	if n, err := strconv.ParseInt(string(param(e.URL, "_uid")), 10, 64); err == nil && len(b.numbers) < maxPages {
		b.numbers[n] = true
	}
	if t := param(e.URL, "_token"); len(t) >= 8 && len(t) <= 64 && len(b.tokens) < maxPages {
		b.tokens[string(t)] = true
	}
	if !v.watched[k] {
		return
	}
	switch e.Action {
	case maillog.Read, maillog.List, maillog.Search, maillog.Download, maillog.Send, maillog.Delete, maillog.Rule, maillog.Forward:
		if len(b.times) < maxTimes {
			b.times = append(b.times, e.Time)
			v.n++
		}
		if e.Action == maillog.Send {
			b.sends = append(b.sends, e.Time)
		}
		if len(b.sizes) < maxPages {
			b.sizes[e.Bytes] = true
		}
		b.deeds.Add(e)
		if len(b.refs) < evidenceLines {
			b.refs = append(b.refs, r.Ref)
		}
	}
}

// param is a parameter of a query, nil where it is not there. Numbers and
// tokens need no unescaping.
func param(url []byte, name string) []byte {
	_, query, _ := bytes.Cut(url, []byte("?"))
	for len(query) > 0 {
		var p []byte
		p, query, _ = bytes.Cut(query, []byte("&"))
		if k, v, ok := bytes.Cut(p, []byte("=")); ok && string(k) == name {
			return v
		}
	}
	return nil
}

func (v *cookies) merge(o *cookies) {
	for k, y := range o.browsing {
		x := v.browsing[k]
		if x == nil {
			v.browsing[k] = y
			continue
		}
		if y.first < x.first {
			x.first, x.opens = y.first, y.opens
		}
		x.last = max(x.last, y.last)
		x.times, x.sends, x.signIns = append(x.times, y.times...), append(x.sends, y.sends...), append(x.signIns, y.signIns...)
		x.refs = append(x.refs, y.refs...)
		maps.Copy(x.sizes, y.sizes)
		maps.Copy(x.numbers, y.numbers)
		maps.Copy(x.tokens, y.tokens)
		x.deeds.Merge(y.deeds)
	}
	v.signIns = append(v.signIns, o.signIns...)
	for a, t := range o.passedOn {
		v.passedOn[a] = append(v.passedOn[a], t...)
	}
	for a, t := range o.sent {
		v.sent[a] = append(v.sent[a], t...)
	}
}

func (v *cookies) sort() {
	for _, b := range v.browsing {
		slices.Sort(b.times)
		slices.Sort(b.sends)
		slices.Sort(b.signIns)
		slices.SortFunc(b.refs, func(a, b traffic.Ref) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	}
	for _, t := range v.passedOn {
		slices.Sort(t)
	}
	for _, t := range v.sent {
		slices.Sort(t)
	}
	slices.SortFunc(v.signIns, func(a, b webSignIn) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.account, b.account))
	})
}

// stolenSessions looks into the uses of the webmail from where nobody signed in
// at it. The web server does not say whose mailbox it was, so what else the
// logs show at those very moments is laid beside it: whose mailbox the webmail's
// host opened, who sent mail through it, and who was signed in.
func (r *run) stolenSessions(ctx context.Context) (held, unsure []abuse.Finding, err error) {
	list := slices.DeleteFunc(r.profiles.Unsigned(), func(w abuse.Webmail) bool {
		return w.Last < r.since || r.logsMissing(w.First)
	})
	// Nobody sits at a hosting provider, and few live abroad: these first.
	slices.SortStableFunc(list, func(a, b abuse.Webmail) int {
		far := func(w *abuse.Webmail) int {
			switch k := w.Network.Value().Kind; k {
			case traffic.KindHosting, traffic.KindVPN:
				return 0
			case traffic.KindResidential, traffic.KindMobile:
				return 2
			}
			return 1
		}
		return cmp.Compare(far(&a), far(&b))
	})
	list = list[:min(len(list), maxCookies)]
	if len(list) == 0 {
		return nil, nil, nil
	}
	v, err := r.watchSessions(ctx, list)
	if err != nil {
		return nil, nil, err
	}
	for i := range list {
		c := v.cookie(&list[i], r.profiles)
		if c == nil {
			continue
		}
		if f, ok := r.profiles.Stolen(c); ok {
			held = append(held, f)
		} else if f.Weight > 0 {
			unsure = append(unsure, f)
		}
	}
	return held, unsure, nil
}

// logsMissing reports whether logs are missing in the day before a time: the
// sign-in may stand in them.
func (r *run) logsMissing(at int64) bool {
	end := traffic.SlotOf(at)
	return slices.ContainsFunc(r.gaps, func(g gap) bool {
		return g.from < end && g.to > end-24*60
	})
}

func (r *run) watchSessions(ctx context.Context, list []abuse.Webmail) (*cookies, error) {
	wanted := make([]bool, r.cells.Slots)
	watched := make(map[agentAt]bool)
	for _, w := range list {
		watched[agentAt{w.Source, w.Agent}] = true
		from, to := traffic.SlotOf(w.First-cookieBefore), traffic.SlotOf(min(w.Last, w.First+cookieAfter))+1
		for s := max(from, r.cells.Start); s <= to && int(s-r.cells.Start) < len(wanted); s++ {
			wanted[s-r.cells.Start] = true
		}
	}
	pick := func(first, last int64) bool {
		from := max(0, int(traffic.SlotOf(first)-r.cells.Start))
		to := min(len(wanted)-1, int(traffic.SlotOf(last)-r.cells.Start))
		return from <= to && slices.Contains(wanted[from:to+1], true)
	}
	all := make([]*cookies, r.opt.Workers)
	visitors := make([]visitor, r.opt.Workers)
	for i := range all {
		all[i] = &cookies{
			start: r.cells.Start, wanted: wanted, watched: watched, browsing: make(map[agentAt]*browsing),
			passedOn: make(map[string][]int64), sent: make(map[string][]int64),
		}
		visitors[i] = all[i]
	}
	if err := r.secondPass(ctx, visitors, pick); err != nil {
		return nil, err
	}
	for _, o := range all[1:] {
		all[0].merge(o)
	}
	all[0].sort()
	return all[0], nil
}

// cookie puts together what is known of one use of the webmail, nil where what
// was answered does not look like a mailbox: whoever is not signed in gets the
// same page again and again.
func (v *cookies) cookie(w *abuse.Webmail, p *abuse.Profiles) *abuse.Cookie {
	key := agentAt{w.Source, w.Agent}
	b := v.browsing[key]
	if b == nil || len(b.times) == 0 || len(b.sizes) < 4 || len(b.sizes)*4 < min(len(b.times), maxPages) {
		return nil
	}
	c := &abuse.Cookie{Webmail: *w, Opens: b.opens, Deeds: b.deeds, Refs: b.refs[:min(len(b.refs), evidenceLines)]}
	c.First, c.Last = b.first, max(b.last, w.Last)
	c.Count = max(c.Count, int64(len(b.times)))
	var own *webSignIn
	if c.Account, c.How = v.whose(b, p); c.Account != "" {
		for i := range v.signIns {
			if s := &v.signIns[i]; s.account == c.Account && s.at < b.first {
				own = s
			}
		}
	}
	if own != nil {
		c.Session, c.SignedIn = own.session, own.at
		// Where many share an address, the client is the one that posted the form
		// when the webmail let its owner in.
		same, other := false, false
		for k, x := range v.browsing {
			if k.source == own.source && near(x.signIns, own.at+togetherFrom, own.at-togetherFrom) > 0 {
				if k.agent == w.Agent {
					same = true
				} else {
					other = true
				}
			}
		}
		c.SameClient, c.OtherClient = same, other && !same
	}
	for k, x := range v.browsing {
		if k.agent == w.Agent && k.source != w.Source && x.last <= b.first+int64(time.Minute) && x.last >= b.first-handOver && x.first < b.first {
			if own == nil || own.source == k.source {
				c.GoesOn = true
			}
		}
	}
	if c.Account != "" {
		rest := 0
		for _, at := range v.passedOn[c.Account] {
			if at >= b.first && at <= b.last && near(b.times, at-togetherUntil, at-togetherFrom) == 0 {
				rest++
			}
		}
		c.Beside = rest >= 3 && rest*10 >= len(b.times)
	}
	return c
}

// near counts the times between two.
func near(times []int64, from, to int64) int {
	i, _ := slices.BinarySearch(times, from)
	n := 0
	for ; i < len(times) && times[i] <= to; i++ {
		n++
	}
	return n
}

// whose is the account whose mailbox was used, and by what that is known. Each
// of these alone could be chance, and how likely that is follows from how often
// the others do the same: the best must leave the second far behind.
func (v *cookies) whose(b *browsing, p *abuse.Profiles) (account, how string) {
	type link struct {
		account string
		score   float64 // log-odds, roughly
		how     string
	}
	links := make(map[string]*link)
	at := func(a string) *link {
		l := links[a]
		if l == nil {
			l = &link{account: a}
			links[a] = l
		}
		return l
	}
	span := math.Max(float64(b.times[len(b.times)-1]-b.times[0]), float64(time.Minute))
	window := float64(togetherUntil - togetherFrom)
	coincide := func(own []int64, by map[string][]int64, leastShare float64, how string) {
		for a, times := range by {
			hits := 0.0
			for _, t := range own {
				if near(times, t+togetherFrom, t+togetherUntil) > 0 {
					hits++
				}
			}
			inside := near(times, b.first, b.last)
			chance := math.Min(1, float64(inside)*window/span)
			// What others of its own do beside it must not make it likely.
			if hits < 2 && len(own) > 1 || hits < leastShare*float64(len(own)) || hits == 0 || p.Account(a) == nil {
				continue
			}
			expected := math.Max(chance*float64(len(own)), 0.05)
			l := at(a)
			l.score += math.Min(20, hits*math.Log(math.Max(1, hits/expected)))
			l.how = how
		}
	}
	coincide(b.times, v.passedOn, 0.5, "at these moments the webmail's host opened this account's mailbox")
	coincide(b.sends, v.sent, 0.5, "when it sent, the webmail's host sent for this account")

	// What the sessions of those who had signed in asked for.
	sole := v.soleSources()
	for k, x := range v.browsing {
		a := sole[k.source]
		if a == "" || x == b {
			continue
		}
		for t := range b.tokens {
			if x.tokens[t] {
				l := at(a)
				l.score += 15
				l.how = "the session has the same token as its owner's"
			}
		}
	}
	for a, numbers := range v.numbers(sole) {
		same := 0
		for m := range b.numbers {
			if _, ok := slices.BinarySearchFunc(numbers, m, cmp.Compare[int64]); ok {
				same++
			}
		}
		if same >= 3 {
			l := at(a)
			l.score += float64(2 * same)
			if l.how == "" {
				l.how = "it asked for the same messages as its owner"
			}
		}
	}
	best, second := link{}, 0.0
	for _, l := range links {
		switch {
		case l.score > best.score || l.score == best.score && l.account < best.account:
			best, second = *l, max(second, best.score)
		default:
			second = max(second, l.score)
		}
	}
	if best.score < 6 || second > best.score/2 {
		return "", ""
	}
	return best.account, best.how
}

// soleSources are the sources at which one account alone signed in at the
// webmail.
func (v *cookies) soleSources() map[netip.Addr]string {
	sole := make(map[netip.Addr]string)
	for i := range v.signIns {
		s := &v.signIns[i]
		if a, ok := sole[s.source]; ok && a != s.account {
			sole[s.source] = ""
		} else if !ok {
			sole[s.source] = s.account
		}
	}
	return sole
}

// numbers are the messages that each account's own sessions asked for, in order.
func (v *cookies) numbers(sole map[netip.Addr]string) map[string][]int64 {
	out := make(map[string][]int64)
	for k, x := range v.browsing {
		if a := sole[k.source]; a != "" {
			out[a] = append(out[a], slices.Collect(maps.Keys(x.numbers))...)
		}
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return out
}
