package pipeline

import (
	"fmt"
	"hash/maphash"
	"math"
	"net/netip"
	"testing"
	"unique"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

// However many names and addresses come, the rows of a window stay bounded,
// no event is lost, and what holds much keeps its name.
func TestRowsAreBounded(t *testing.T) {
	w := &window{excess: &excess{series: &series{service: maillog.IMAP, family: everyday}}}
	v := &sifting{
		windows: []*window{w}, uses: [][]use{{{0, 0}}}, seed: maphash.MakeSeed(),
		rows: []map[uint64]*row{make(map[uint64]*row)}, deeds: make([]deed, 1<<deedBits),
	}
	ev := maillog.Event{Service: maillog.IMAP, Action: maillog.Login, Outcome: maillog.Success}
	rec := traffic.Record{Event: &ev, Agent: unique.Make(traffic.Agent{}), Network: unique.Make(traffic.Network{})}
	const forged, anna = 3 * maxRows, 1000
	events := 0
	visit := func(account string, addr netip.Addr, party int32) {
		rec.Account, rec.Addr, rec.Party = account, addr, party
		rec.Ref.Line++
		v.visit(&rec)
		events++
	}
	for i := range forged {
		visit(fmt.Sprint("forged", i), netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}), int32(2+i%100))
		rec.Epoch++
		if i%(forged/anna) == 0 {
			visit("anna", netip.MustParseAddr("192.0.2.1"), 1)
		}
		if n := len(v.rows[0]); n > maxRows+1 {
			t.Fatalf("%d rows after %d events", n, events)
		}
	}
	total, most := 0.0, 0.0
	for _, x := range v.rows[0] {
		total += x.n
		if x.account == "anna" {
			most = x.n
		}
	}
	if total != float64(events) {
		t.Errorf("%v events are counted, of %d", total, events)
	}
	if math.Abs(most-anna) > 20 {
		t.Errorf("the account that came %d times has %v", anna, most)
	}
}
