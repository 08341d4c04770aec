package explain

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

var mailAttributes = []string{
	"service", "action", "outcome", "status", "os", "os_version", "client", "client_version",
	"mechanism", "country", "asn", "network_kind", "prefix", "ip", "account", "device",
}

// row is a leaf of the mail-like tables, by the attributes above.
type row [16]string

const (
	service = iota
	action
	outcome
	status
	system
	systemVersion
	client
	clientVersion
	mechanism
	country
	asn
	networkKind
	prefix
	ip
	account
	device
)

// organisation makes windows of everyday mail traffic: people with devices
// and networks of their own, who are more active in some windows than in
// others, and guesses from the Internet.
type organisation struct {
	rng     *rand.Rand
	people  int
	devices [][]row
	rates   []float64
	burst   float64
}

func newOrganisation(seed uint64, people int, rate, burst float64) *organisation {
	rng := rand.New(rand.NewPCG(seed, 5))
	o := &organisation{rng: rng, people: people, burst: burst}
	networks := []row{}
	for n, a := range []string{"3320", "6805", "12322", "7922", "64500"} {
		kind := []string{"residential", "mobile", "residential", "mobile", "office"}[n]
		networks = append(networks, row{country: []string{"DE", "DE", "FR", "US", "DE"}[n], asn: a, networkKind: kind})
	}
	for p := range people {
		var own []row
		for d := range 1 + rng.IntN(3) {
			r := networks[rng.IntN(len(networks))]
			r[account] = fmt.Sprintf("p%d", p)
			r[device] = fmt.Sprintf("d%d-%d", p, d)
			at := rng.IntN(60)
			r[prefix] = fmt.Sprintf("%s.%d.0/24", r[asn], at)
			r[ip] = fmt.Sprintf("%s.%d.%d", r[asn], at, rng.IntN(250))
			switch rng.IntN(4) {
			case 0:
				r[service], r[system], r[systemVersion], r[client] = "activesync", "iOS", []string{"17.6", "18.4", "26.0"}[rng.IntN(3)], "Apple Mail"
			case 1:
				r[service], r[system], r[systemVersion], r[client] = "activesync", "Android", []string{"14", "15"}[rng.IntN(2)], "Gmail"
			case 2:
				r[service], r[system], r[systemVersion], r[client], r[clientVersion] = "webmail", "Windows", "10", "Chrome", []string{"130", "131"}[rng.IntN(2)]
			case 3:
				r[service], r[client], r[clientVersion], r[mechanism] = "imap", "Thunderbird", []string{"115", "128"}[rng.IntN(2)], "PLAIN"
			}
			own = append(own, r)
		}
		o.devices = append(o.devices, own)
		o.rates = append(o.rates, rate*gamma(rng, .5))
	}
	return o
}

// window calls add once an event. factor scales everything.
func (o *organisation) window(factor float64, add func(row)) {
	for p, own := range o.devices {
		for range int(poisson(o.rng, factor*o.rates[p]*gamma(o.rng, o.burst))) {
			r := own[o.rng.IntN(len(own))]
			r[outcome] = "success"
			if o.rng.Float64() < .01 {
				r[outcome] = "failure"
			}
			switch r[service] {
			case "activesync":
				r[action] = []string{"sync", "sync", "sync", "ping"}[o.rng.IntN(4)]
			case "webmail":
				r[action] = []string{"list", "read", "login", "request"}[o.rng.IntN(4)]
			case "imap":
				r[action] = "login"
			}
			if r[service] != "imap" {
				r[status] = "200"
				if r[outcome] == "failure" {
					r[status] = "401"
				}
			}
			add(r)
		}
	}
	for range int(poisson(o.rng, factor*40)) { // guessing from the Internet
		n := o.rng.IntN(4000)
		add(row{
			service: "imap", action: "login", outcome: "failure", mechanism: "PLAIN", asn: fmt.Sprint(40000 + n%70), country: []string{"CN", "RU", "BR", "VN"}[n%4],
			networkKind: "hosting", prefix: fmt.Sprintf("g%d.0/24", n/4), ip: fmt.Sprintf("g%d.%d", n/4, n), account: fmt.Sprintf("p%d", o.rng.IntN(o.people)),
		})
	}
}

const pastWindows = 4

// table fills a table with four past windows and one of now.
func (o *organisation) table(now func(add func(row))) *Table {
	t := NewTable(mailAttributes...)
	for range pastWindows {
		o.window(1, func(r row) { t.Add(r[:], 0, 1./pastWindows) })
	}
	now(func(r row) { t.Add(r[:], 1, 0) })
	return t
}

var mailImplies = map[string][]string{
	"asn": {"country", "network_kind"}, "prefix": {"asn", "country", "network_kind"}, "ip": {"prefix", "asn", "country", "network_kind"},
	"os_version": {"os"}, "client_version": {"client"}, "device": {"account"},
}

func TestMail(t *testing.T) {
	seeds := uint64(5)
	if testing.Short() {
		seeds = 1
	}
	for _, c := range []struct {
		name string
		now  func(o *organisation, add func(row))
		want [][]string // for each cause, in order, the descriptions that are right
	}{
		{"quiet", func(o *organisation, add func(row)) { o.window(1, add) }, nil},
		{"busier by a third everywhere", func(o *organisation, add func(row)) { o.window(1.33, add) }, nil},
		{"phones after an update", func(o *organisation, add func(row)) {
			o.window(1, func(r row) {
				add(r)
				if r[systemVersion] == "26.0" && r[action] == "sync" {
					for range 9 {
						add(r)
					}
				}
			})
		}, [][]string{{"os_version=26.0", "action=sync&os_version=26.0"}}},
		{"spray from many addresses", func(o *organisation, add func(row)) {
			o.window(1, add)
			for i := range 1200 {
				n := i % 120
				add(row{
					service: "imap", action: "login", outcome: "failure", mechanism: "PLAIN", asn: fmt.Sprint(40000 + n%70), country: []string{"CN", "RU", "BR", "VN"}[n%4],
					networkKind: "hosting", prefix: fmt.Sprintf("s%d.0/24", n), ip: fmt.Sprintf("s%d.1", n), account: fmt.Sprintf("p%d", i%o.people),
				})
			}
		}, [][]string{{"outcome=failure", "outcome=failure&service=imap", "network_kind=hosting"}}},
		{"delegation abroad", func(o *organisation, add func(row)) {
			o.window(1, func(r row) {
				if len(r[account]) > 0 && r[account][len(r[account])-1] == '7' && r[networkKind] != "hosting" {
					n := len(r[device]) + int(r[device][len(r[device])-1])
					r[country], r[asn], r[networkKind] = "JP", []string{"2516", "4713", "17676"}[n%3], []string{"mobile", "residential"}[n%2]
					r[prefix], r[ip] = "jp"+r[asn], "jp"+r[device]
				}
				add(r)
			})
		}, [][]string{{"country=JP"}}},
		{"mailboxes read out from one provider", func(o *organisation, add func(row)) {
			o.window(1, add)
			for i := range 600 {
				add(row{
					service: "imap", action: "login", outcome: "success", client: "", mechanism: "PLAIN", asn: "14061", country: "US", networkKind: "hosting",
					prefix: fmt.Sprintf("x%d.0/24", i%5), ip: fmt.Sprintf("x%d.1", i%9), account: fmt.Sprintf("p%d", i%4),
				})
			}
		}, [][]string{{"asn=14061", "asn=14061&service=imap"}}},
		{"one account from one address", func(o *organisation, add func(row)) {
			o.window(1, add)
			for range 600 {
				r := o.devices[3][0]
				r[action], r[outcome] = "search", "success"
				add(r)
			}
		}, [][]string{{"action=search"}}},
		{"a spray under a phone storm", func(o *organisation, add func(row)) {
			o.window(1, func(r row) {
				add(r)
				if r[systemVersion] == "26.0" && r[action] == "sync" {
					for range 9 {
						add(r)
					}
				}
			})
			for i := range 600 {
				add(row{
					service: "imap", action: "login", outcome: "failure", mechanism: "PLAIN", asn: []string{"9009", "20473"}[i%2], country: []string{"RO", "NL"}[i%2],
					networkKind: "hosting", prefix: fmt.Sprintf("s%d.0/24", i%50), ip: fmt.Sprintf("s%d.1", i%50), account: fmt.Sprintf("p%d", i%o.people),
				})
			}
		}, [][]string{{"os_version=26.0", "action=sync&os_version=26.0", "outcome=failure", "outcome=failure&service=imap", "network_kind=hosting"}, {"os_version=26.0", "action=sync&os_version=26.0", "outcome=failure", "outcome=failure&service=imap", "network_kind=hosting"}}},
		{"outage", func(o *organisation, add func(row)) {
			o.window(1, func(r row) {
				if r[service] == "webmail" || r[service] == "activesync" {
					if o.rng.Float64() < .8 {
						r[status], r[outcome] = "502", "error"
					}
				}
				add(r)
			})
		}, [][]string{{"outcome=error", "status=502"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range seeds {
				for _, people := range []int{150, 400} {
					o := newOrganisation(seed, people, 12, .3)
					table := o.table(func(add func(row)) { c.now(o, add) })
					r := Explain(table, Options{Windows: pastWindows, Implies: mailImplies})
					ok := len(r.Causes) >= len(c.want)
					for i, want := range c.want {
						ok = ok && slices.Contains(want, name(r.Causes[i].Where))
					}
					if c.want == nil {
						ok = len(r.Causes) == 0
					}
					if !ok {
						t.Errorf("seed %d, %d people: drift %.2f %+v, want %v first", seed, people, r.Drift, brief(r), c.want)
					}
					t.Logf("seed %d, %d people: %s", seed, people, brief(r))
				}
			}
		})
	}
}

func brief(r Result) string {
	s := ""
	for _, c := range r.Causes {
		s += fmt.Sprintf("[%s %.0f/%.1f share %.2f score %.0f confidence %.3f] ", name(c.Where), c.Observed, c.Expected, c.Share, c.Score, c.Confidence)
	}
	return s
}

// TestMailNull asserts that everyday traffic, bursty or not, busier or not,
// has no cause.
func TestMailNull(t *testing.T) {
	seeds := uint64(30)
	if testing.Short() {
		seeds = 3
	}
	tables, wrong := 0, 0
	for _, p := range []struct {
		people              int
		rate, burst, factor float64
	}{
		{150, 12, .3, 1},
		{400, 3, 1, 1},
		{1000, 5, .6, 1},
		{60, 30, 1.5, 1},
		{400, 12, 0, 1},
		{400, 12, .6, 1.4},
		{400, 12, .6, .7},
	} {
		for seed := range seeds {
			o := newOrganisation(100+seed, p.people, p.rate, p.burst)
			table := o.table(func(add func(row)) { o.window(p.factor, add) })
			tables++
			if r := Explain(table, Options{Windows: pastWindows, Implies: mailImplies, Workers: 2}); r.Localised {
				wrong++
				t.Logf("%+v, seed %d: %s", p, seed, brief(r))
			}
		}
	}
	t.Logf("%d of %d tables of everyday traffic have a cause", wrong, tables)
	if float64(wrong) > 0.01*float64(tables) {
		t.Errorf("%d of %d tables of everyday traffic have a cause, want at most 1 %%", wrong, tables)
	}
}
