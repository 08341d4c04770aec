package simulate

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"mailvigil/maillog"
)

// quietLife is a month of everyday life.
func quietLife(t *testing.T) *World {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(Options{Seed: 21, Accounts: 150, Days: 28, Start: time.Date(2025, 9, 8, 0, 0, 0, 0, loc), Location: loc})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// What makes lives less regular, and is nobody's doing but everybody's own,
// is there in a month of 150 people.
func TestEverydayNuisances(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates many fortnights")
	}
	w := quietLife(t)
	type seen struct{ first, last int64 }
	devices := make(map[string]*seen)            // by account and device
	begins := make(map[string]maillog.Action)    // with what a device begins
	agents := make(map[string]map[string]bool)   // of webmail and IMAP, by person
	from := make(map[netip.Addr]map[string]bool) // people by address
	burst := make(map[netip.Addr]map[int64]int)  // failures by address and hour
	helped, hidden := make(map[string]bool), 0   // accounts opened by their helper; requests out of a VPN
	named := func(m map[string]map[string]bool, who, agent string) {
		if m[who] == nil {
			m[who] = make(map[string]bool)
		}
		m[who][agent] = true
	}
	for it := range w.Events {
		e := &it.Event
		if len(e.Device) > 0 && it.Person != "" {
			k := it.Person + " " + string(e.Device)
			if devices[k] == nil {
				devices[k] = &seen{first: e.Time}
				begins[k] = e.Action
			}
			devices[k].last = e.Time
		}
		if it.Person != "" && len(e.UserAgent) > 0 && len(e.Device) == 0 {
			named(agents, it.Person, string(e.UserAgent))
		}
		if e.ClientIP.IsValid() && it.Person != "" && e.Outcome == maillog.Success {
			if from[e.ClientIP] == nil {
				from[e.ClientIP] = make(map[string]bool)
			}
			from[e.ClientIP][it.Person] = true
			if exits.holds(address{ip: e.ClientIP}) {
				hidden++
			}
		}
		if e.Outcome == maillog.Failure && e.ClientIP.IsValid() {
			if burst[e.ClientIP] == nil {
				burst[e.ClientIP] = make(map[int64]int)
			}
			burst[e.ClientIP][e.Time/hour]++
		}
	}

	t.Run("new phones", func(t *testing.T) {
		n := 0
		for _, p := range w.people {
			for _, d := range p.devices {
				if d.since == 0 {
					continue
				}
				k := p.name + " " + d.id
				if n++; devices[k] == nil || devices[k].first < d.since-second || begins[k] != maillog.EASProvision && begins[k] != maillog.Sync {
					t.Errorf("%s got a phone at %d; it is seen %+v and begins with %v", p.name, d.since, devices[k], begins[k])
				}
			}
			for _, d := range p.devices {
				if s := devices[p.name+" "+d.id]; d.until > 0 && s != nil && s.last > d.until {
					t.Errorf("%s uses an old phone %d s after it was given away", p.name, (s.last-d.until)/second)
				}
			}
		}
		if n == 0 {
			t.Error("nobody gets a new phone")
		}
	})
	t.Run("VPN", func(t *testing.T) {
		if hidden == 0 {
			t.Error("nobody hides behind a VPN")
		}
	})
	t.Run("shared homes", func(t *testing.T) {
		shared := 0
		for ip, people := range from {
			for _, p := range w.people {
				if p.lodges != nil && people[p.name] && people[p.lodges.name] && p.home.v6+p.home.reverse != "" && !ip.IsPrivate() && !strings.HasPrefix(ip.String(), "193.190.") {
					shared++
				}
			}
		}
		if shared == 0 {
			t.Error("no two people share the address of a home")
		}
	})
	t.Run("helpers", func(t *testing.T) {
		var d day
		for _, p := range w.people {
			if p.helper != nil {
				helped[p.name] = true
			}
		}
		if len(helped) == 0 {
			t.Fatal("nobody has a helper")
		}
		d = day{w: w, index: 1}
		d.fill([]habit{helpers}, nil)
		if len(d.steps) == 0 {
			t.Error("helpers do nothing on a Tuesday")
		}
		for _, s := range d.steps {
			if !helped[s.who] {
				t.Errorf("%s is looked after and has no helper", s.who)
			}
		}
	})
	t.Run("updates", func(t *testing.T) {
		browsers, programs := 0, 0
		for _, list := range agents {
			firefox, birds := 0, 0
			for a := range list {
				if strings.Contains(a, "Firefox/") {
					firefox++
				}
				if strings.HasPrefix(a, "name=Thunderbird, ") {
					birds++
				}
			}
			if firefox > 1 {
				browsers++
			}
			if birds > 1 {
				programs++
			}
		}
		if browsers < 5 || programs < 5 {
			t.Errorf("in a month %d people's Firefox and %d people's Thunderbird are updated", browsers, programs)
		}
	})
	t.Run("word lists", func(t *testing.T) {
		most := 0
		for _, hours := range burst {
			for _, n := range hours {
				most = max(most, n)
			}
		}
		if most < 30 {
			t.Errorf("at most %d failures come from one machine in an hour", most)
		}
	})
}

// Releases follow one another, and none comes before its time.
func TestBrowserOf(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates many fortnights")
	}
	w := quietLife(t)
	p := *w.people[0]
	p.late = 0
	on := func(y int, m time.Month, date int) *day { return &day{w: w, year: y, month: m, date: date} }
	for _, c := range []struct {
		browser int
		day     *day
		want    string
	}{
		{0, on(2023, 12, 5), "Chrome/120.0.0.0 Safari"},
		{0, on(2024, 1, 2), "Chrome/121.0.0.0 Safari"},
		{1, on(2024, 1, 2), "Chrome/121.0.0.0 Safari/537.36 Edg/121.0.0.0"},
		{2, on(2023, 12, 19), "rv:121.0) Gecko/20100101 Firefox/121.0"},
		{3, on(2024, 1, 16), "rv:122.0) Gecko/20100101 Firefox/122.0"},
		{0, on(2019, 1, 1), "Chrome/120.0.0.0 Safari"},
		{4, on(2025, 1, 1), "Version/17.2 Safari"},
	} {
		p.browser = c.browser
		if got := c.day.browserOf(&p); !strings.Contains(got, c.want) {
			t.Errorf("%d-%d-%d: %s, want %s", c.day.year, c.day.month, c.day.date, got, c.want)
		}
	}
}
