package traffic_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"
	"unique"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

const minute = int64(60e9)

var (
	phone  = unique.Make(traffic.Agent{Client: "Apple Mail", OS: "iOS", OSVersion: "18.4"})
	nobody = unique.Make(traffic.Agent{})
	home   = unique.Make(traffic.Network{ASN: 64500, ASName: "Home", Country: "BE", Kind: traffic.KindResidential})
	cloud  = unique.Make(traffic.Network{ASN: 64501, ASName: "Cloud", Country: "NL", Kind: traffic.KindHosting})
)

func all(*traffic.Leaf) bool { return true }

func failed(l *traffic.Leaf) bool { return l.Outcome == maillog.Failure }

// event is a Record of its own Event.
func event(at int64, s maillog.Service, o maillog.Outcome) *traffic.Record {
	return &traffic.Record{
		Event: &maillog.Event{Time: at, Service: s, Action: maillog.Login, Outcome: o},
		Agent: phone, Network: home,
	}
}

func count(records ...*traffic.Record) *traffic.Counter {
	c := traffic.NewCounter()
	for _, r := range records {
		c.Add(r)
	}
	return c
}

func TestSlotOf(t *testing.T) {
	for _, c := range []struct {
		name string
		ns   int64
		want traffic.Slot
	}{
		{"the epoch", 0, 0},
		{"the last nanosecond of a minute", minute - 1, 0},
		{"a whole minute", minute, 1},
		{"a nanosecond before the epoch", -1, -1},
		{"a minute before the epoch", -minute, -1},
		{"a nanosecond more", -minute - 1, -2},
		{"the latest time", math.MaxInt64, math.MaxInt64 / traffic.Slot(minute)},
		{"the earliest time", math.MinInt64, math.MinInt64/traffic.Slot(minute) - 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := traffic.SlotOf(c.ns); got != c.want {
				t.Errorf("SlotOf(%d) = %d, want %d", c.ns, got, c.want)
			}
		})
	}
	if got := traffic.Slot(-2).Unix(); got != -120 {
		t.Errorf("slot -2 begins at %d", got)
	}
}

func TestCells(t *testing.T) {
	const m = minute
	for _, c := range []struct {
		name     string
		from, to traffic.Slot
		records  []*traffic.Record
		start    traffic.Slot
		leaves   int
		cells    int
		series   []float64
		failures float64
	}{
		{name: "nothing", from: 0, to: 10},
		{
			name: "one slot, two leaves", from: 0, to: 10,
			records: []*traffic.Record{
				event(m, maillog.IMAP, maillog.Success), event(m+1, maillog.IMAP, maillog.Failure), event(2*m-1, maillog.IMAP, maillog.Success),
			},
			start: 1, leaves: 2, cells: 2, series: []float64{3}, failures: 1,
		},
		{
			name: "out of order, with a slot that is empty", from: 0, to: 10,
			records: []*traffic.Record{
				event(4*m, maillog.IMAP, maillog.Success), event(2*m, maillog.IMAP, maillog.Failure), event(4*m, maillog.IMAP, maillog.Success),
			},
			start: 2, leaves: 2, cells: 2, series: []float64{1, 0, 2}, failures: 1,
		},
		{
			name: "the first and the last slot count, beyond them nothing", from: 2, to: 4,
			records: []*traffic.Record{
				event(2*m-1, maillog.POP3, maillog.Failure), event(2*m, maillog.IMAP, maillog.Success),
				event(5*m-1, maillog.IMAP, maillog.Success), event(5*m, maillog.POP3, maillog.Failure),
			},
			start: 2, leaves: 1, cells: 2, series: []float64{1, 0, 1},
		},
		{
			name: "all left out", from: 6, to: 9,
			records: []*traffic.Record{event(m, maillog.IMAP, maillog.Success)},
		},
		{
			name: "before 1970", from: -10, to: 10,
			records: []*traffic.Record{event(-1, maillog.IMAP, maillog.Success), event(0, maillog.IMAP, maillog.Success)},
			start:   -1, leaves: 1, cells: 2, series: []float64{1, 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := traffic.Close(c.from, c.to, count(c.records...))
			if got.Start != c.start || got.Slots != len(c.series) || len(got.Leaves) != c.leaves || got.Cells() != c.cells {
				t.Errorf("start %d, %d slots, %d leaves, %d cells", got.Start, got.Slots, len(got.Leaves), got.Cells())
			}
			if s := got.Series(all); len(s)+len(c.series) > 0 && !reflect.DeepEqual(s, c.series) {
				t.Errorf("series %v, want %v", s, c.series)
			}
			if n := got.Total(failed); n != c.failures {
				t.Errorf("%v failures, want %v", n, c.failures)
			}
		})
	}
}

// Two Counters that read different files give the same as one that read both,
// in any order.
func TestMergingAndOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	records := make([]*traffic.Record, 3000)
	for i := range records {
		r := event(rng.Int64N(200*minute), maillog.Service(1+rng.IntN(3)), maillog.Outcome(1+rng.IntN(2)))
		if rng.IntN(2) == 0 {
			r.Network, r.Agent = cloud, nobody
		}
		records[i] = r
	}
	want := traffic.Close(10, 180, count(records...))
	for parts := 1; parts <= 4; parts++ {
		t.Run(fmt.Sprintf("%d counters", parts), func(t *testing.T) {
			rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
			counters := make([]*traffic.Counter, parts)
			for i := range counters {
				counters[i] = traffic.NewCounter()
			}
			for _, r := range records {
				counters[rng.IntN(parts)].Add(r)
			}
			if got := traffic.Close(10, 180, counters...); !reflect.DeepEqual(got, want) {
				t.Errorf("%d leaves, %d cells, %v events; want %d, %d, %v", len(got.Leaves), got.Cells(), got.Total(all), len(want.Leaves), want.Cells(), want.Total(all))
			}
		})
	}
	var sum float64
	for _, n := range want.Series(failed) {
		sum += n
	}
	if sum != want.Total(failed) {
		t.Errorf("the series adds up to %v, the total is %v", sum, want.Total(failed))
	}
}

// Times that jump between far slots close a slot with every event; what is
// held must follow the counts, not the events.
func TestMemoryOfJumpingTimes(t *testing.T) {
	heap := func(events int) (kept float64, c *traffic.Counter) {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c = traffic.NewCounter()
		r := event(0, maillog.IMAP, maillog.Success)
		for i := range events {
			r.Event.Time = int64(i%2) * 1_000_000 * minute
			c.Add(r)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		return float64(after.HeapAlloc) - float64(before.HeapAlloc), c
	}
	const events = 2_500_000 // more than two compactions
	kept, c := heap(events)
	t.Logf("%d events in two far slots: %.0f MB", events, kept/1e6)
	if kept > 40e6 {
		t.Errorf("%d events keep %.0f MB", events, kept/1e6)
	}
	got := traffic.Close(0, math.MaxInt32, c)
	if got.Cells() != 2 || got.Total(all) != events {
		t.Errorf("%d cells, %v events", got.Cells(), got.Total(all))
	}
}

// Whoever forges user agents fills the leaves up to their bound; nothing is
// lost, and what was known before keeps its attributes.
func TestForgedAgents(t *testing.T) {
	const forged = 100_000
	c := traffic.NewCounter()
	c.Add(event(0, maillog.IMAP, maillog.Success))
	r := event(0, maillog.Webmail, maillog.Failure)
	for i := range forged {
		r.Agent = unique.Make(traffic.Agent{Client: "Forged", Version: fmt.Sprint(i)})
		c.Add(r)
	}
	c.Add(event(0, maillog.IMAP, maillog.Success))
	got := traffic.Close(0, 0, c)
	if len(got.Leaves) > 1<<16+1 {
		t.Errorf("%d leaves", len(got.Leaves))
	}
	if n := got.Total(failed); n != forged {
		t.Errorf("%v failures, want %d", n, forged)
	}
	if n := got.Total(func(l *traffic.Leaf) bool { return l.Agent == phone }); n != 2 {
		t.Errorf("%v events of the phone, want 2", n)
	}
}

func TestLeafCompare(t *testing.T) {
	base := traffic.Leaf{Service: maillog.IMAP, Action: maillog.Login, Outcome: maillog.Success, Status: 200, Agent: phone, Network: home}
	vary := func(f func(*traffic.Leaf)) traffic.Leaf { l := base; f(&l); return l }
	agent := func(a traffic.Agent) traffic.Leaf {
		return vary(func(l *traffic.Leaf) { l.Agent = unique.Make(a) })
	}
	network := func(n traffic.Network) traffic.Leaf {
		return vary(func(l *traffic.Leaf) { l.Network = unique.Make(n) })
	}
	leaves := []traffic.Leaf{
		base,
		vary(func(l *traffic.Leaf) { l.Service = maillog.POP3 }),
		vary(func(l *traffic.Leaf) { l.Action = maillog.Logout }),
		vary(func(l *traffic.Leaf) { l.Outcome = maillog.Failure }),
		vary(func(l *traffic.Leaf) { l.Status = 401 }),
		agent(traffic.Agent{Client: "Apple Mail", OS: "iOS", OSVersion: "18.5"}),
		agent(traffic.Agent{Client: "Apple Mail", OS: "macOS", OSVersion: "18.4"}),
		agent(traffic.Agent{Client: "Apple Mail", Version: "1", OS: "iOS", OSVersion: "18.4"}),
		agent(traffic.Agent{}),
		network(traffic.Network{ASN: 64500, ASName: "Home", Country: "BE", Kind: traffic.KindOffice}),
		network(traffic.Network{ASN: 64500, ASName: "Home", Country: "LU", Kind: traffic.KindResidential}),
		network(traffic.Network{ASN: 64500, ASName: "House", Country: "BE", Kind: traffic.KindResidential}),
		network(traffic.Network{}),
	}
	for i, a := range leaves {
		for j, b := range leaves {
			if ab, ba := a.Compare(b), b.Compare(a); ab != -ba || (ab == 0) != (i == j) {
				t.Errorf("leaves %d and %d: %d one way, %d the other", i, j, ab, ba)
			}
		}
	}
}

// mix is an hour of everyday traffic, nearly in order: about twenty events a
// second of six hundred people, each with a client and a provider, of whom
// some are much busier than others.
func mix() []traffic.Record {
	rng := rand.New(rand.NewPCG(1, 2))
	people := make([]traffic.Record, 600)
	for i := range people {
		people[i] = *event(0, maillog.Service(1+rng.IntN(4)), maillog.Success)
		people[i].Agent = unique.Make(traffic.Agent{Client: "Apple Mail", OS: "iOS", OSVersion: fmt.Sprintf("18.%d", rng.IntN(40))})
		people[i].Network = unique.Make(traffic.Network{ASN: uint32(64500 + rng.IntN(30)), Country: "BE", Kind: traffic.KindResidential})
	}
	records := make([]traffic.Record, 1<<16)
	for i := range records {
		r := people[rng.IntN(len(people))*rng.IntN(len(people))/len(people)]
		e := *r.Event
		e.Time = int64(i)*3600e9/int64(len(records)) - rng.Int64N(1e9)
		if rng.IntN(50) == 0 {
			e.Outcome = maillog.Failure
		}
		r.Event = &e
		records[i] = r
	}
	return records
}

func TestAddDoesNotAllocate(t *testing.T) {
	c := traffic.NewCounter()
	records := mix()
	minuteOf := records[:len(records)/60]
	for i := range minuteOf {
		minuteOf[i].Event.Time = 0
		c.Add(&minuteOf[i])
	}
	if n := testing.AllocsPerRun(100, func() {
		for i := range minuteOf {
			c.Add(&minuteOf[i])
		}
	}); n != 0 {
		t.Errorf("%v allocations in a minute of %d events", n, len(minuteOf))
	}
}

func BenchmarkCounterAdd(b *testing.B) {
	records := mix()
	c := traffic.NewCounter()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.Add(&records[i%len(records)])
		i++
	}
}

func BenchmarkCounterAddForged(b *testing.B) {
	records := mix()
	c := traffic.NewCounter()
	for i := range 1 << 16 {
		records[i].Agent = unique.Make(traffic.Agent{Client: "Forged", Version: fmt.Sprint(i)})
		c.Add(&records[i])
	}
	for i := range records {
		records[i].Agent = unique.Make(traffic.Agent{Client: "Forged", Version: fmt.Sprint(-i - 1)})
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.Add(&records[i%len(records)])
		i++
	}
}

func BenchmarkClose(b *testing.B) {
	records := mix()
	for b.Loop() {
		b.StopTimer()
		counters := []*traffic.Counter{traffic.NewCounter(), traffic.NewCounter()}
		for i := range records {
			counters[i%2].Add(&records[i])
		}
		b.StartTimer()
		traffic.Close(math.MinInt32, math.MaxInt32, counters...)
	}
}

// TestPlus: counts of others add up, where they fall into the same time, and
// leave what they were added to as it was.
func TestPlus(t *testing.T) {
	span := func(records ...*traffic.Record) *traffic.Cells {
		return traffic.Close(0, 1000, count(records...))
	}
	first := event(10*minute, maillog.IMAP, maillog.Success)
	last := event(90*minute, maillog.IMAP, maillog.Success)
	more := event(10*minute, maillog.IMAP, maillog.Success)
	other := event(50*minute, maillog.Webmail, maillog.Failure)
	late := event(95*minute, maillog.Webmail, maillog.Failure)
	base := span(first, last)
	before := base.Series(all)
	sum := base.Plus(span(more, other, late))
	want := span(first, last, more, other)
	if got, want := sum.Series(all), want.Series(all); !reflect.DeepEqual(got, want) {
		t.Errorf("counts %v, want %v", got, want)
	}
	if got := sum.Total(failed); got != 1 {
		t.Errorf("%v failures, want 1", got)
	}
	if got := base.Series(all); !reflect.DeepEqual(got, before) || base.Total(failed) != 0 {
		t.Errorf("what was added to has changed: %v, want %v", got, before)
	}
}
