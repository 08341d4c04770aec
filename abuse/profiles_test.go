package abuse_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"runtime"
	"testing"
	"time"
	"unique"

	"mailvigil/abuse"
	"mailvigil/maillog"
	"mailvigil/traffic"
)

// town is an organisation's fortnight with everything that Find tells apart,
// below every bound of Profiles.
func town(seed uint64) []traffic.Record {
	rng := rand.New(rand.NewPCG(seed, 5))
	var d diary
	networks := []unique.Handle[traffic.Network]{home, mobile, abroad, cloud, cloud2, vpn, azure, office, internal}
	agents := []unique.Handle[traffic.Agent]{nobody, mail, mailNew, android, outlook}
	for i := range 12 {
		d.lives(fmt.Sprintf("person-%d", i), 10)
	}
	for range 3000 {
		e := entry{
			at:      time.Duration(rng.Int64N(int64(14 * day))),
			account: fmt.Sprintf("person-%d", rng.IntN(14)), // two of them with nothing else
			addr:    fmt.Sprintf("192.0.2.%d", rng.IntN(40)),
			agent:   agents[rng.IntN(len(agents))],
			service: maillog.Service(1 + rng.IntN(8)),
		}
		e.network = networks[int(netip.MustParseAddr(e.addr).As4()[3])%len(networks)]
		if rng.IntN(3) == 0 {
			e.device = fmt.Sprintf("device-%d", rng.IntN(10))
		}
		switch rng.IntN(6) {
		case 0:
			e.outcome = maillog.Failure
		case 1:
			e.outcome, e.account = maillog.Failure, fmt.Sprintf("name-%d", rng.IntN(60))
		case 2:
			e.action, e.messages = maillog.Logout, rng.Int32N(500)
		case 3:
			e.action = maillog.Request
		case 4:
			e.outcome, e.account = maillog.Failure, ""
		}
		d.add(e)
	}
	for range 4 {
		d.sprays(20, entry{at: time.Duration(rng.Int64N(int64(14 * day))), addr: fmt.Sprintf("192.0.2.%d", 200+rng.IntN(20)), network: cloud})
	}
	for i := range 30 {
		d.fails(1, entry{at: time.Duration(i) * time.Hour, account: "person-1", addr: ownAddress("person-1"), network: home, device: fmt.Sprint(i % 3)})
		d.fails(1, entry{at: time.Duration(i) * time.Hour, account: "person-2", addr: "192.0.2.251", network: network(64520, "Third Cloud", "NL", traffic.KindHosting)})
	}
	for i := range 3 {
		d.reads(entry{at: 10*day + time.Duration(i)*time.Minute, account: fmt.Sprintf("person-%d", i), addr: "192.0.2.250", network: cloud2}, 400)
	}
	return d.records
}

// The same events give the same findings, whoever of several readers saw
// them and in whatever order.
func TestMerge(t *testing.T) {
	for seed := range uint64(5) {
		records := town(seed)
		whole := abuse.NewProfiles()
		for i := range records {
			whole.Add(&records[i])
		}
		want := found(whole)
		codes := make(map[abuse.Code]bool)
		for _, f := range want {
			codes[f.Code] = true
		}
		if len(codes) < 4 {
			t.Fatalf("the town has only %v", codes)
		}
		rng := rand.New(rand.NewPCG(seed, 6))
		for parts := 1; parts <= 3; parts++ {
			for _, shuffled := range []bool{false, true} {
				t.Run(fmt.Sprintf("seed %d/%d readers/shuffled %v", seed, parts, shuffled), func(t *testing.T) {
					order := rng.Perm(len(records))
					if !shuffled {
						for i := range order {
							order[i] = i
						}
					}
					readers := make([]*abuse.Profiles, parts)
					for i := range readers {
						readers[i] = abuse.NewProfiles()
					}
					for _, i := range order {
						readers[rng.IntN(parts)].Add(&records[i])
					}
					rng.Shuffle(parts, func(i, j int) { readers[i], readers[j] = readers[j], readers[i] })
					for _, o := range readers[1:] {
						readers[0].Merge(o)
					}
					got := found(readers[0])
					if len(got) != len(want) {
						t.Fatalf("%d findings, want %d", len(got), len(want))
					}
					for i := range got {
						if !reflect.DeepEqual(got[i], want[i]) {
							t.Fatalf("finding %d:\n got %+v\nwant %+v", i, got[i], want[i])
						}
					}
					if a, b := readers[0].Accounts(), whole.Accounts(); a != b {
						t.Errorf("%d accounts, want %d", a, b)
					}
					if a, b := readers[0].Names.Top(10), whole.Names.Top(10); !reflect.DeepEqual(a, b) {
						t.Errorf("names %v, want %v", a, b)
					}
				})
			}
		}
	}
}

// Accounts, sources and devices are known from when they were first used.
func TestFamiliar(t *testing.T) {
	var d diary
	d.lives("anna", 2)
	p := d.profiles()
	at := func(x time.Duration) int64 { return start.Add(x).UnixNano() }
	own, other := netip.MustParseAddr(ownAddress("anna")), netip.MustParseAddr("192.0.2.1")
	for _, c := range []struct {
		name                   string
		account                string
		addr                   netip.Addr
		device                 string
		before                 int64
		known, source, device2 bool
	}{
		{name: "a stranger", account: "nobody", addr: own, device: "phone-anna", before: at(day)},
		{name: "before the first use", account: "anna", addr: own, device: "phone-anna", before: at(8 * time.Hour)},
		{name: "after it", account: "anna", addr: own, device: "phone-anna", before: at(9 * time.Hour), known: true, source: true, device2: true},
		{name: "elsewhere", account: "anna", addr: other, device: "new", before: at(day), known: true},
		{name: "no address, no device", account: "anna", before: at(day), known: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			known, source, device := p.Familiar(c.account, c.addr, c.device, c.before)
			if known != c.known || source != c.source || device != c.device2 {
				t.Errorf("known %v, source %v, device %v", known, source, device)
			}
		})
	}
}

// Whoever forges names, or walks through an IPv6 prefix, does not choose our
// memory, and hides no attack.
func TestBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("several million events")
	}
	const (
		flood  = 3_000_000
		allow  = 120 << 20 // bytes of heap that one reader's Profiles may keep
		attack = 40
	)
	name := func(i int) string { return fmt.Sprintf("forged-name-%d", i) }
	for _, c := range []struct {
		name string
		next func(i int, r *traffic.Record)
	}{
		{"names from one address", func(i int, r *traffic.Record) {
			r.Account = name(i)
		}},
		{"an IPv6 prefix, a name each", func(i int, r *traffic.Record) {
			r.Account, r.Addr = name(i), netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d diary
			for i := range 20 {
				d.lives(fmt.Sprintf("person-%d", i), 4)
			}
			quiet := len(d.records)
			d.sprays(attack, entry{at: 4 * day, addr: "192.0.2.66", network: cloud})
			d.add(entry{at: 4*day + time.Hour, account: "person-1", addr: "192.0.2.66", network: cloud})
			real := d.records[quiet:]

			heap := func() int64 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return int64(m.HeapAlloc)
			}
			before := heap()
			p := abuse.NewProfiles()
			for i := range d.records[:quiet] {
				p.Add(&d.records[i])
			}
			e := maillog.Event{Service: maillog.IMAP, Action: maillog.Login, Outcome: maillog.Failure}
			r := traffic.Record{Event: &e, Agent: nobody, Network: cloud2, Addr: netip.MustParseAddr("192.0.2.99")}
			var kept int64
			for i := range flood {
				e.Time = start.Add(4*day + time.Duration(i)*time.Millisecond).UnixNano()
				r.Ref.Line = int64(i)
				c.next(i, &r)
				p.Add(&r)
				if each := flood / len(real); i%each == 0 && i/each < len(real) {
					p.Add(&real[i/each])
				}
				if i%99_000 == 98_999 { // the maps are fullest just before they are thinned
					kept = max(kept, heap()-before)
				}
			}
			accounts, sources, stales := p.Sizes()
			t.Logf("at most %d MB kept; %d accounts, %d sources, %d pairs at the end, %d forgotten", kept>>20, accounts, sources, stales, p.Forgotten)
			if kept > allow {
				t.Errorf("%d MB are kept, %d allowed", kept>>20, allow>>20)
			}
			if accounts != 20 || sources > abuse.MaxSources || stales > abuse.MaxStale {
				t.Errorf("%d accounts, %d sources, %d pairs", accounts, sources, stales)
			}
			opened := false
			for _, f := range found(p) {
				opened = opened || f.Code == abuse.ValidAccount && f.Account == "person-1" && f.Tried == attack
			}
			if !opened {
				t.Error("the account that was opened is not found")
			}
		})
	}
}

// Services are kept as bits of 16.
func TestServicesFit(t *testing.T) {
	if name := maillog.Service(16).String(); name != "#16" {
		t.Errorf("%q is the seventeenth service: Place.Services and Account hold sixteen", name)
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	var d diary
	for i := range 50 {
		d.lives(fmt.Sprintf("person-%d", i), 3)
	}
	d.sprays(20, entry{addr: "192.0.2.66", network: cloud})
	number(d.records, 0)
	p := d.profiles()
	if n := testing.AllocsPerRun(10, func() {
		for i := range d.records {
			p.Add(&d.records[i])
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d events of known people", n, len(d.records))
	}
}

func BenchmarkProfilesAdd(b *testing.B) {
	var d diary
	for i := range 600 {
		d.lives(fmt.Sprintf("person-%d", i), 14)
	}
	for i := range 20 {
		d.sprays(20, entry{at: time.Duration(i) * 12 * time.Hour, addr: fmt.Sprintf("192.0.2.%d", i), network: cloud})
	}
	everyday := d.records
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(everyday), func(i, j int) { everyday[i], everyday[j] = everyday[j], everyday[i] })
	number(everyday, 0)
	forged := make([]traffic.Record, 1<<20)
	for i := range forged {
		forged[i] = everyday[0]
		forged[i].Event = &maillog.Event{Time: start.UnixNano(), Service: maillog.IMAP, Action: maillog.Login, Outcome: maillog.Failure}
		forged[i].Account = fmt.Sprintf("forged-%d", i)
		forged[i].Addr = netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	for _, c := range []struct {
		name    string
		records []traffic.Record
	}{{"everyday", everyday}, {"forged", forged}} {
		b.Run(c.name, func(b *testing.B) {
			p := abuse.NewProfiles()
			for i := range c.records {
				p.Add(&c.records[i])
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				p.Add(&c.records[i%len(c.records)])
				i++
			}
		})
	}
}

// number gives Records the Party that enrich would give them: one for each
// service, account, address, client and device. perEpoch bounds how many there
// are at a time; 0: any number.
func number(records []traffic.Record, perEpoch int) {
	type party struct {
		service         maillog.Service
		account, device string
		addr            netip.Addr
		agent           unique.Handle[traffic.Agent]
		network         unique.Handle[traffic.Network]
		relay           bool
	}
	known := map[party]int32{}
	epoch := int32(0)
	for i := range records {
		r := &records[i]
		k := party{r.Event.Service, r.Account, string(r.Event.Device), r.Addr, r.Agent, r.Network, r.Relay}
		if known[k] == 0 {
			if len(known) == perEpoch && perEpoch > 0 {
				clear(known)
				epoch++
			}
			known[k] = int32(len(known) + 1)
		}
		r.Party, r.Epoch = known[k], epoch
	}
}

// Events of a known Party are added up before they are entered; that must say
// the same as entering them one by one.
func TestPartiesChangeNothing(t *testing.T) {
	for seed := range uint64(4) {
		records := town(seed)
		one := abuse.NewProfiles()
		for i := range records {
			one.Add(&records[i])
		}
		want := found(one)
		if len(want) == 0 {
			t.Fatal("nothing is found: the comparison would say nothing")
		}
		for _, perEpoch := range []int{0, 50, 3} {
			number(records, perEpoch)
			p := abuse.NewProfiles()
			for i := range records {
				p.Add(&records[i])
			}
			p.Settle()
			if got := found(p); !reflect.DeepEqual(got, want) {
				t.Errorf("seed %d, %d parties at a time: findings differ\ngot  %v\nwant %v", seed, perEpoch, got, want)
			}
		}
	}
}
