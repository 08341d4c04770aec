package pipeline

import (
	"math"
	"net/netip"
	"unique"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

// nobody is the client of an event that names none.
var nobody = unique.Make(traffic.Agent{})

// leastPast is less than any row is expected to count: what rounding left.
const leastPast = 1e-6

// joinClients says of sessions which client they were of. An IMAP client names
// itself in a line of its own (the ID command, RFC 2971), and the lines of
// signing in and of leaving name none, so that a client which connects too
// often would rise in one line of three and explain little. Rows are counts, so
// sessions are joined by count: what one account did from one address on one
// service goes to the clients that named themselves there, in proportion, and
// no more sign-ins or leavings than there were names. Whoever names none
// remains without, as does most of what a webmail opens.
func joinClients(rows []row) []row {
	type whose struct {
		service maillog.Service
		account string
		addr    netip.Addr // not known of what webmail and its like pass on
		network unique.Handle[traffic.Network]
	}
	type counts struct{ n, past float64 }
	type named struct {
		list  []traffic.Leaf // of each client that named itself, the first row's
		by    map[unique.Handle[traffic.Agent]]*counts
		all   counts
		doing map[maillog.Action]*counts // of the lines that name none
	}
	key := func(k *row) (whose, bool) {
		return whose{k.Service, k.account, k.addr, k.Network}, k.account != "" && (k.Service == maillog.IMAP || k.Service == maillog.POP3)
	}
	who := make(map[whose]*named)
	for i := range rows {
		k := &rows[i]
		w, ok := key(k)
		if !ok || k.Agent == nobody {
			continue
		}
		x := who[w]
		if x == nil {
			x = &named{by: make(map[unique.Handle[traffic.Agent]]*counts), doing: make(map[maillog.Action]*counts)}
			who[w] = x
		}
		c := x.by[k.Agent]
		if c == nil {
			c = new(counts)
			x.by[k.Agent] = c
			x.list = append(x.list, k.Leaf)
		}
		c.n += k.n
		c.past += k.past
		x.all.n += k.n
		x.all.past += k.past
	}
	if len(who) == 0 {
		return rows
	}
	for i := range rows {
		k := &rows[i]
		if w, ok := key(k); ok && k.Agent == nobody && who[w] != nil {
			c := who[w].doing[k.Action]
			if c == nil {
				c = new(counts)
				who[w].doing[k.Action] = c
			}
			c.n += k.n
			c.past += k.past
		}
	}
	out := make([]row, 0, len(rows))
	for i := range rows {
		k := &rows[i]
		w, ok := key(k)
		x := who[w]
		if !ok || k.Agent != nobody || x == nil {
			out = append(out, *k)
			continue
		}
		// part is the share of these lines that is of sessions with a name.
		part := func(names, lines float64) float64 {
			if names == 0 || lines == 0 {
				return 0
			}
			return min(1, names/lines)
		}
		do := x.doing[k.Action]
		now, past := part(x.all.n, do.n), part(x.all.past, do.past)
		rest := *k
		share, given := 0.0, 0.0
		for _, l := range x.list {
			c, y := x.by[l.Agent], *k
			y.Agent = l.Agent
			y.n, y.past = 0, 0
			if now > 0 {
				// What happened is counted in whole events.
				share += k.n * now * c.n / x.all.n
				y.n = math.Round(share) - given
				given += y.n
			}
			if past > 0 {
				y.past = k.past * past * c.past / x.all.past
			}
			rest.n -= y.n
			rest.past -= y.past
			if y.n > 0 || y.past > 0 {
				out = append(out, y)
			}
		}
		if rest.n > 0 || rest.past > leastPast {
			out = append(out, rest)
		}
	}
	return out
}
