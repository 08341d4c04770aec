package restrict

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"mailvigil/traffic"
)

var base = time.Date(2025, 10, 24, 12, 0, 0, 0, time.UTC) // two days before the clock is put back

// naiveHolds evaluates a set by the words of the documentation alone.
func naiveHolds(w Where, q *Request) bool {
	for k, v := range w {
		ok := false
		switch k {
		case "device":
			ok = q.Device == v
		case "account":
			ok = q.Account == v
		case "account_group":
			ok = slices.Contains(q.Groups, v)
		case "ip":
			ok = q.Addr.IsValid() && q.Addr.String() == v
		case "prefix":
			ok = q.Addr.IsValid() && netip.MustParsePrefix(v).Contains(q.Addr)
		case "asn":
			ok = strconv.Itoa(int(q.Network.ASN)) == v
		case "country":
			ok = q.Network.Country == v
		case "client":
			ok = q.Agent.Client == v
		case "os":
			ok = q.Agent.OS == v
		case "os_version":
			ok = naiveVersion(q.Agent.OSVersion, v)
		case "network_kind":
			ok = string(q.Network.Kind) == v
		case "service":
			ok = q.Service == v
		case "user_agent":
			ok = q.UserAgent == v
		default:
			panic("the naive evaluation does not know " + k)
		}
		if !ok {
			return false
		}
	}
	return true
}

// naiveVersion knows versions of two numbers below 1000.
func naiveVersion(have, want string) bool {
	number := func(s string) int {
		a, b, _ := strings.Cut(s, ".")
		x, err := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		if err != nil {
			return -1
		}
		return x*1000 + y
	}
	for _, f := range strings.Fields(want) {
		v := strings.TrimLeft(f, "<>=")
		h, n := number(have), number(v)
		op := strings.TrimSuffix(f, v)
		if op == "" {
			if have != v {
				return false
			}
			continue
		}
		if h < 0 || !map[string]bool{">=": h >= n, ">": h > n, "<=": h <= n, "<": h < n}[op] {
			return false
		}
	}
	return true
}

func naiveInside(n *Nightly, t time.Time) bool {
	loc, err := time.LoadLocation(n.Timezone)
	if err != nil {
		panic(err)
	}
	c := t.In(loc).Format("15:04")
	from, to := n.From.String(), n.To.String()
	if from <= to {
		return from <= c && c < to
	}
	return c >= from || c < to
}

func naiveApplies(r *Restriction, now time.Time, q *Request) bool {
	begin := r.When.From
	if begin.IsZero() {
		begin = r.AskedAt
	}
	approved := r.Second.ApprovedBy != ""
	if approved && !r.Second.BreakGlass && r.Second.ApprovedAt.After(begin) {
		begin = r.Second.ApprovedAt
	}
	switch {
	case now.Before(begin), !now.Before(r.When.Until):
		return false
	case !r.LiftedAt.IsZero() && !now.Before(r.LiftedAt):
		return false
	case r.Second.Needed && !approved && !r.Second.BreakGlass:
		return false
	case r.Second.BreakGlass && !approved && !now.Before(r.AskedAt.Add(4*time.Hour)):
		return false
	case r.When.Nightly != nil && !naiveInside(r.When.Nightly, now):
		return false
	case len(r.What.Services) > 0 && !slices.Contains(r.What.Services, q.Service):
		return false
	case len(r.What.Actions) > 0 && !slices.Contains(r.What.Actions, q.Action):
		return false
	case r.How == RefuseNewLogins && q.Action != "login":
		return false
	case r.How == RequireFreshLogin && (q.Action == "login" || q.Account == "" || !q.SignedIn.Before(begin)):
		return false
	}
	if p := r.Password; p != nil {
		since := p.Since
		if since.IsZero() {
			since = begin
		}
		if q.Account == "" || !q.PasswordChanged.Before(since) {
			return false
		}
	}
	for _, w := range r.Except {
		if naiveHolds(w, q) {
			return false
		}
	}
	return r.Whom.Everyone || slices.ContainsFunc(r.Whom.AnyOf, func(w Where) bool { return naiveHolds(w, q) })
}

// naiveEnd goes on by minutes until the restriction is no longer in effect.
func naiveEnd(r *Restriction, now time.Time) time.Time {
	_, end := r.Span()
	if r.When.Nightly == nil {
		return end
	}
	t := now.Truncate(time.Minute)
	for t.Before(end) && naiveInside(r.When.Nightly, t) {
		t = t.Add(time.Minute)
	}
	if t.After(end) {
		return end
	}
	return t
}

// naiveDecide is the rule of the package comment, word by word.
func naiveDecide(list []Restriction, always []Where, now time.Time, q *Request) (d Decision) {
	for _, w := range always {
		if naiveHolds(w, q) {
			return Decision{Exempt: true}
		}
	}
	var hits, dry []*Restriction
	for i := range list {
		r := &list[i]
		if !naiveApplies(r, now, q) {
			continue
		}
		switch {
		case r.How == Exempt:
			d.Exempt = true
		case r.DryRun:
			dry = append(dry, r)
		default:
			hits = append(hits, r)
		}
	}
	if d.Exempt {
		return d
	}
	order := func(a, b *Restriction) int {
		rank := func(h How) int {
			return map[How]int{Refuse: 3, RefuseNewLogins: 3, RequireFreshLogin: 2, SlowDown: 1}[h]
		}
		return cmp.Or(rank(b.How)-rank(a.How), b.Delay-a.Delay, naiveEnd(b, now).Compare(naiveEnd(a, now)), strings.Compare(a.ID, b.ID))
	}
	slices.SortFunc(hits, order)
	slices.SortFunc(dry, order)
	if len(hits) > 0 {
		d.By, d.Until = hits[0], naiveEnd(hits[0], now)
	}
	if len(dry) > 0 && (len(hits) == 0 || order(dry[0], hits[0]) < 0) {
		d.Rehearsed = dry[0]
	}
	return d
}

var (
	someServices = []string{"webmail", "imap", "activesync"}
	someAccounts = []string{"anna", "bert", "carl"}
	someZones    = []string{"Europe/Brussels", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"}
)

func drawWhere(t *rapid.T) Where {
	w := Where{}
	values := map[string][]string{
		"device": {"d1", "d2"}, "account": someAccounts, "account_group": {"press", "it"},
		"ip": {"192.0.2.7", "2001:db8::7"}, "prefix": {"192.0.2.0/24", "192.0.0.0/8", "192.0.2.0/28", "192.0.2.8/29", "192.0.3.0/24", "2001:db8::/32", "2001:db8::/64", "2001:db8:1::/48"},
		"asn": {"64500", "64501"}, "country": {"BE", "FR"}, "client": {"Thunderbird", "Apple Mail"}, "os": {"iOS", "Windows"},
		"os_version":   {"18.4", ">=18.4", "<18.4", ">17 <=18.4", ">=18 <19"},
		"network_kind": {"mobile", "hosting"}, "service": someServices, "user_agent": {"x/1"},
	}
	var names []string
	for k := range values {
		names = append(names, k)
	}
	slices.Sort(names)
	for range rapid.IntRange(1, 3).Draw(t, "attributes") {
		k := rapid.SampledFrom(names).Draw(t, "attribute")
		w[k] = rapid.SampledFrom(values[k]).Draw(t, "value")
	}
	return w
}

func drawMoment(t *rapid.T, name string) time.Time {
	return base.Add(time.Duration(rapid.IntRange(-300, 96*12).Draw(t, name)) * 5 * time.Minute)
}

func drawRestriction(t *rapid.T, i int) Restriction {
	asked := drawMoment(t, "asked")
	r := Restriction{
		How: rapid.SampledFrom([]How{Refuse, Refuse, RefuseNewLogins, RequireFreshLogin, SlowDown, Exempt}).Draw(t, "how"), Reason: "test",
		When: When{Until: asked.Add(time.Duration(rapid.IntRange(1, 1200).Draw(t, "long")) * 5 * time.Minute)},
	}
	if r.How == SlowDown {
		r.Delay = rapid.IntRange(1, 3).Draw(t, "delay")
	}
	if rapid.Bool().Draw(t, "later") {
		r.When.From = asked.Add(r.When.Until.Sub(asked) / 3)
	}
	if rapid.Bool().Draw(t, "nightly") {
		from := rapid.IntRange(0, 95).Draw(t, "from")
		to := (from + rapid.IntRange(1, 95).Draw(t, "width")) % 96
		r.When.Nightly = &Nightly{Clock(from * 15), Clock(to * 15), rapid.SampledFrom(someZones).Draw(t, "zone")}
	}
	if rapid.Bool().Draw(t, "services") {
		r.What.Services = []string{rapid.SampledFrom(someServices).Draw(t, "service")}
	}
	if rapid.IntRange(0, 3).Draw(t, "actions") == 0 && r.How != RefuseNewLogins && r.How != RequireFreshLogin {
		r.What.Actions = []string{rapid.SampledFrom([]string{"login", "read"}).Draw(t, "action")}
	}
	if r.How != Exempt && rapid.IntRange(0, 5).Draw(t, "everyone") == 0 {
		r.Whom.Everyone = true
	} else {
		for range rapid.IntRange(1, 4).Draw(t, "sets") {
			r.Whom.AnyOf = append(r.Whom.AnyOf, drawWhere(t))
		}
	}
	if r.How != Exempt {
		for range rapid.IntRange(0, 2).Draw(t, "exceptions") {
			r.Except = append(r.Except, drawWhere(t))
		}
		r.DryRun = rapid.IntRange(0, 4).Draw(t, "dry") == 0
	}
	if (r.How == Refuse || r.How == RefuseNewLogins) && rapid.IntRange(0, 3).Draw(t, "password") == 0 {
		r.Password = &Password{Campaign: "c1"}
	}
	r = Policy{}.Ask(r, "anna", asked, rapid.SampledFrom([]float64{0, .04, .06, 1}).Draw(t, "share"))
	if r.Second.Needed {
		switch rapid.IntRange(0, 3).Draw(t, "approval") {
		case 1:
			r.Second.BreakGlass, r.When.From = true, time.Time{}
		case 2:
			r.Second.ApprovedBy, r.Second.ApprovedAt = "bert", asked.Add(40*time.Minute)
		case 3:
			r.Second.BreakGlass, r.When.From = true, time.Time{}
			r.Second.ApprovedBy, r.Second.ApprovedAt = "bert", asked.Add(40*time.Minute)
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "lift") == 0 {
		r.LiftedBy, r.LiftedAt = "carl", asked.Add(2*time.Hour)
	}
	r.ID = fmt.Sprintf("restriction-%02d", i)
	if err := r.Validate(); err != nil {
		t.Fatalf("drew an invalid restriction: %v", err)
	}
	return r
}

func drawRequest(t *rapid.T) *Request {
	q := &Request{
		Service:   rapid.SampledFrom(someServices).Draw(t, "q service"),
		Action:    rapid.SampledFrom([]string{"login", "read", "send"}).Draw(t, "q action"),
		Account:   rapid.SampledFrom(append([]string{""}, someAccounts...)).Draw(t, "q account"),
		Device:    rapid.SampledFrom([]string{"", "d1", "d2"}).Draw(t, "q device"),
		UserAgent: rapid.SampledFrom([]string{"", "x/1"}).Draw(t, "q agent"),
		Groups:    rapid.SampledFrom([][]string{nil, {"press"}, {"it", "press"}}).Draw(t, "q groups"),
		Network: traffic.Network{
			ASN:     rapid.SampledFrom([]uint32{0, 64500, 64501}).Draw(t, "q asn"),
			Country: rapid.SampledFrom([]string{"", "BE", "FR"}).Draw(t, "q country"),
			Kind:    rapid.SampledFrom([]traffic.Kind{"", "mobile", "hosting"}).Draw(t, "q kind"),
		},
		Agent: traffic.Agent{
			Client:    rapid.SampledFrom([]string{"", "Thunderbird", "Apple Mail"}).Draw(t, "q client"),
			OS:        rapid.SampledFrom([]string{"", "iOS", "Windows"}).Draw(t, "q os"),
			OSVersion: rapid.SampledFrom([]string{"", "18.4", "18.3", "18.10", "9.1", "beta"}).Draw(t, "q version"),
		},
		SignedIn:        drawMoment(t, "q signed in"),
		PasswordChanged: drawMoment(t, "q changed"),
	}
	if a := rapid.SampledFrom([]string{"", "192.0.2.7", "192.0.2.9", "192.9.9.9", "193.0.0.1", "2001:db8::7", "2001:db8::8", "2001:db8:1::1", "2001:db9::"}).Draw(t, "q address"); a != "" {
		q.Addr = netip.MustParseAddr(a)
	}
	return q
}

func drawSet(t *rapid.T) ([]Restriction, Options, *Set) {
	var list []Restriction
	for i := range rapid.IntRange(0, 12).Draw(t, "restrictions") {
		list = append(list, drawRestriction(t, i))
	}
	o := Options{Zone: time.LoadLocation}
	if rapid.IntRange(0, 5).Draw(t, "always") == 0 {
		o.Exempt = []Where{drawWhere(t)}
	}
	s, err := Compile(list, o)
	if err != nil {
		t.Fatal(err)
	}
	return list, o, s
}

func TestDecideIsTheRule(t *testing.T) {
	var decided, rehearsed, exempt int
	rapid.Check(t, func(t *rapid.T) {
		list, o, s := drawSet(t)
		for range 100 {
			now, q := drawMoment(t, "now"), drawRequest(t)
			got, want := s.Decide(now, q), naiveDecide(list, o.Exempt, now, q)
			if got.Exempt != want.Exempt || got.Rehearsed != want.Rehearsed {
				t.Fatalf("at %v %+v: decided %+v, want %+v", now, q, got, want)
			}
			if got.Exempt {
				exempt++
				if got.Outcome != Allow {
					t.Fatalf("exempt, and %v", got.Outcome)
				}
				continue
			}
			if got.By != want.By || got.By != nil && !got.Until.Equal(want.Until) {
				t.Fatalf("at %v %+v: decided %+v, want %+v", now, q, got, want)
			}
			if (got.Outcome == Allow) != (got.By == nil) {
				t.Fatalf("%v by %v", got.Outcome, got.By)
			}
			if got.By != nil {
				decided++
				if got.Outcome > Slow && (got.RetryAfter < time.Second || got.RetryAfter > LongestRetry || now.Add(got.RetryAfter).After(got.Until.Add(time.Second))) {
					t.Fatalf("retry after %v, until %v, now %v", got.RetryAfter, got.Until, now)
				}
			}
			if got.Rehearsed != nil {
				rehearsed++
			}
		}
	})
	if !testing.Short() && (decided < 50 || rehearsed < 10 || exempt < 10) { // short runs look at a fifth of it
		t.Errorf("only %d requests were restricted, %d rehearsed, %d exempt: the test looks at nothing", decided, rehearsed, exempt)
	}
}

func TestNothingChangesBeforeNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list, _, s := drawSet(t)
		now := drawMoment(t, "now")
		next := s.Next(now)
		if !next.IsZero() && !next.After(now) {
			t.Fatalf("next %v is not after %v", next, now)
		}
		state := func(at time.Time) (on []bool) {
			for i := range s.rules {
				on = append(on, s.inEffect(&s.rules[i], at))
			}
			return on
		}
		first, changed := state(now), time.Time{}
		for m := now; m.Before(now.Add(26 * time.Hour)); m = m.Add(5 * time.Minute) {
			if !slices.Equal(state(m), first) {
				changed = m
				break
			}
		}
		if !changed.IsZero() && (next.IsZero() || next.After(changed)) {
			t.Fatalf("next is %v, but something changed at %v", next, changed)
		}
		if changed.IsZero() {
			return
		}
		var want []*Restriction
		for i, on := range state(changed) {
			if on && !first[i] && list[i].How != Exempt && !list[i].DryRun {
				want = append(want, &list[i])
			}
		}
		if got := s.Begun(now, changed); !slices.Equal(got, want) {
			t.Fatalf("begun: %v, want %v", got, want)
		}
	})
}

// Windows are compared with the local clock of every minute, over the nights in
// which clocks change, also by half an hour and at midnight.
func TestWindowsFollowTheLocalClock(t *testing.T) {
	nights := []struct {
		zone string
		at   time.Time
	}{
		{"Europe/Brussels", time.Date(2025, 3, 29, 0, 0, 0, 0, time.UTC)},
		{"Europe/Brussels", time.Date(2025, 10, 25, 0, 0, 0, 0, time.UTC)},
		{"America/New_York", time.Date(2025, 3, 8, 12, 0, 0, 0, time.UTC)},
		{"America/New_York", time.Date(2025, 11, 1, 12, 0, 0, 0, time.UTC)},
		{"Australia/Lord_Howe", time.Date(2025, 4, 5, 0, 0, 0, 0, time.UTC)},
		{"Australia/Lord_Howe", time.Date(2025, 10, 4, 0, 0, 0, 0, time.UTC)},
		{"America/Santiago", time.Date(2025, 4, 5, 12, 0, 0, 0, time.UTC)}, // changes at midnight
		{"America/Santiago", time.Date(2025, 9, 6, 12, 0, 0, 0, time.UTC)},
		{"Pacific/Apia", time.Date(2011, 12, 29, 12, 0, 0, 0, time.UTC)}, // a day was left out
		{"Asia/Kathmandu", time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)},
	}
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SampledFrom(nights).Draw(t, "night")
		from := rapid.IntRange(0, day-1).Draw(t, "from")
		n := Nightly{Clock(from), Clock((from + rapid.IntRange(1, day-1).Draw(t, "width")) % day), x.zone}
		loc, err := time.LoadLocation(x.zone)
		if err != nil {
			t.Fatal(err)
		}
		w := n.window(loc)
		edge := w.edge(x.at)
		for m := x.at; m.Before(x.at.Add(48 * time.Hour)); m = m.Add(time.Minute) {
			if w.inside(m) != naiveInside(&n, m) {
				t.Fatalf("inside at %v: %v", m.In(loc), w.inside(m))
			}
			if m.After(x.at) && naiveInside(&n, m) != naiveInside(&n, m.Add(-time.Minute)) {
				if !edge.Equal(m) {
					t.Fatalf("the edge is %v, want %v", edge.In(loc), m.In(loc))
				}
				edge = w.edge(m)
			}
		}
	})
}

func TestLengthOfTheNight(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	n := Nightly{60, 360, "Europe/Brussels"}
	w := n.window(loc)
	for _, c := range []struct {
		name    string
		date    time.Time
		minutes float64
	}{
		{"an ordinary night", time.Date(2025, 11, 24, 0, 0, 0, 0, loc), 300},
		{"the clock is put forward", time.Date(2025, 3, 30, 0, 0, 0, 0, loc), 240},
		{"the clock is put back", time.Date(2025, 10, 26, 0, 0, 0, 0, loc), 360},
	} {
		begin := w.edge(c.date)
		if got := w.edge(begin).Sub(begin).Minutes(); got != c.minutes || begin.Format("15:04") != "01:00" {
			t.Errorf("%s: from %v, %v minutes, want %v", c.name, begin, got, c.minutes)
		}
	}
}

func TestNights(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, loc)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		name     string
		now      string
		from, to Clock
		days     int
		until    string
	}{
		{"asked in the afternoon", "2025-11-24 17:00", 60, 360, 5, "2025-11-29 06:00"},
		{"asked in the night, which counts", "2025-11-24 02:00", 60, 360, 5, "2025-11-28 06:00"},
		{"one night", "2025-11-24 17:00", 60, 360, 1, "2025-11-25 06:00"},
		{"over midnight", "2025-11-24 17:00", 22 * 60, 360, 2, "2025-11-26 06:00"},
		{"over midnight, asked after it", "2025-11-25 03:00", 22 * 60, 360, 2, "2025-11-26 06:00"},
		{"to midnight", "2025-11-24 17:00", 22 * 60, 0, 2, "2025-11-26 00:00"},
		{"over the night with 25 hours", "2025-10-25 17:00", 60, 360, 1, "2025-10-26 06:00"},
	} {
		n := Nightly{c.from, c.to, "Europe/Brussels"}
		if got := Nights(at(c.now), n, loc, c.days).Until; !got.Equal(at(c.until)) {
			t.Errorf("%s: until %v, want %v", c.name, got.In(loc), c.until)
		}
	}
	// The clock shows 02:30 to 02:45 twice: the second time belongs to the night.
	n := Nightly{150, 165, "Europe/Brussels"}
	if got, want := Nights(at("2025-10-25 17:00"), n, loc, 1).Until, time.Date(2025, 10, 26, 1, 45, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("twice in a night: until %v, want %v", got.UTC(), want)
	}
	if got := Nights(at("2025-10-25 17:00"), n, loc, 0).Until; !got.IsZero() {
		t.Errorf("no nights end at %v", got)
	}
}
