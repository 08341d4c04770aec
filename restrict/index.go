package restrict

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// index finds the entries whose conditions all hold for a request. An entry is
// filed under its narrowest condition that can be looked up; the others are
// tested. It is built once and read by many.
type index struct {
	entries    []entry
	conditions []condition

	by       [attributes]map[string][]uint32 // entries by device, account, group, country, user agent, URL
	asn      map[uint32][]uint32
	networks networks
	wide     []uint32 // entries that cannot be looked up
	size     int      // of entries
}

// entry is one set of attributes of a rule. conditions[from:to] are to be tested.
type entry struct {
	rule, from, to uint32
}

func (x *index) addAll(list []Where, rule uint32) error {
	for _, w := range list {
		c, err := w.compile()
		if err != nil {
			return err
		}
		x.add(c, rule)
	}
	return nil
}

// add an entry; no conditions mean everyone.
func (x *index) add(list []condition, rule uint32) {
	id := uint32(len(x.entries))
	key := slices.IndexFunc(list, func(c condition) bool { return c.attr <= attrCountry })
	if key < 0 {
		x.wide = append(x.wide, id)
	} else {
		switch c := &list[key]; c.attr {
		case attrASN:
			if x.asn == nil {
				x.asn = make(map[uint32][]uint32)
			}
			x.asn[c.asn] = append(x.asn[c.asn], id)
		case attrIP, attrPrefix:
			x.networks.add(c.prefix, id)
		default:
			if x.by[c.attr] == nil {
				x.by[c.attr] = make(map[string][]uint32)
			}
			x.by[c.attr][c.text] = append(x.by[c.attr][c.text], id)
		}
	}
	e := entry{rule: rule, from: uint32(len(x.conditions))}
	for i := range list {
		if i != key {
			x.conditions = append(x.conditions, list[i])
		}
	}
	e.to = uint32(len(x.conditions))
	x.entries = append(x.entries, e)
}

// build makes the index ready for each, once all entries are added.
func (x *index) build() {
	x.size = len(x.entries)
	x.networks.build()
}

// each calls f with the rule of each entry that holds, until f returns false. A
// rule comes as often as entries of it hold.
func (x *index) each(q *Request, f func(rule uint32) bool) {
	if x.size == 0 {
		return
	}
	if !x.list(x.wide, q, f) ||
		!x.look(attrDevice, q.Device, q, f) ||
		!x.look(attrAccount, q.Account, q, f) ||
		!x.look(attrCountry, q.Network.Country, q, f) ||
		!x.look(attrUserAgent, q.UserAgent, q, f) ||
		!x.look(attrURL, q.URL, q, f) {
		return
	}
	if len(x.asn) > 0 && q.Network.ASN != 0 && !x.list(x.asn[q.Network.ASN], q, f) {
		return
	}
	if len(x.by[attrGroup]) > 0 {
		for _, g := range q.Groups {
			if !x.look(attrGroup, g, q, f) {
				return
			}
		}
	}
	if a := q.Addr.Unmap().WithZone(""); a.IsValid() {
		nets, i := x.networks.find(a)
		for ; i >= 0; i = nets.nodes[i].parent {
			if !x.list(nets.nodes[i].entries, q, f) {
				return
			}
		}
	}
}

func (x *index) look(a attribute, v string, q *Request, f func(rule uint32) bool) bool {
	if v == "" || len(x.by[a]) == 0 {
		return true
	}
	return x.list(x.by[a][v], q, f)
}

func (x *index) list(ids []uint32, q *Request, f func(rule uint32) bool) bool {
next:
	for _, id := range ids {
		e := &x.entries[id]
		for i := e.from; i < e.to; i++ {
			if !x.conditions[i].holds(q) {
				continue next
			}
		}
		if !f(e.rule) {
			return false
		}
	}
	return true
}

// any tells whether any entry holds.
func (x *index) any(q *Request) (found bool) {
	x.each(q, func(uint32) bool {
		found = true
		return false
	})
	return found
}

// networks finds the prefixes that contain an address. Prefixes nest or are
// apart, so sorted by their first address, the shorter first, each follows those
// that contain it. The last one that does not begin after the address either
// contains it or lies, with those that do, within one that does.
type networks struct {
	v4, v6 family
	added  []filed
}

// filed is an entry under its prefix.
type filed struct {
	prefix netip.Prefix
	key    key
	entry  uint32
}

type family struct {
	keys  []key // first addresses of nodes
	nodes []node
}

type node struct {
	entries []uint32
	parent  int32 // -1 for none
	bits    int32
}

func (n *networks) add(p netip.Prefix, entry uint32) {
	n.added = append(n.added, filed{p, keyOf(p.Addr()), entry})
}

func (n *networks) build() {
	slices.SortStableFunc(n.added, func(a, b filed) int {
		return cmp.Or(a.key.compare(b.key), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()))
	})
	for _, x := range n.added {
		f := &n.v6
		if x.prefix.Addr().Is4() {
			f = &n.v4
		}
		last := int32(len(f.nodes)) - 1
		if last >= 0 && f.keys[last] == x.key && int(f.nodes[last].bits) == x.prefix.Bits() {
			f.nodes[last].entries = append(f.nodes[last].entries, x.entry)
			continue
		}
		for last >= 0 && !f.contains(last, x.key) {
			last = f.nodes[last].parent
		}
		f.keys = append(f.keys, x.key)
		f.nodes = append(f.nodes, node{[]uint32{x.entry}, last, int32(x.prefix.Bits())})
	}
	n.added = nil
}

func (f *family) contains(i int32, a key) bool { return f.keys[i].within(a, int(f.nodes[i].bits)) }

// find returns the family of an address and its longest prefix that contains it,
// -1 where none does; parents lead to the others.
func (n *networks) find(a netip.Addr) (*family, int32) {
	f := &n.v6
	if a.Is4() {
		f = &n.v4
	}
	k := keyOf(a)
	low, high := 0, len(f.keys) // the first key after k
	for low < high {
		middle := int(uint(low+high) / 2)
		if f.keys[middle].compare(k) > 0 {
			high = middle
		} else {
			low = middle + 1
		}
	}
	i := int32(low) - 1
	for i >= 0 && !f.contains(i, k) {
		i = f.nodes[i].parent
	}
	return f, i
}

// key is an address as a number: IPv4 has its 32 bits on top.
type key struct{ high, low uint64 }

func (a key) compare(b key) int {
	return cmp.Or(cmp.Compare(a.high, b.high), cmp.Compare(a.low, b.low))
}

// within tells whether the first bits of the two are the same.
func (a key) within(b key, bits int) bool {
	if bits <= 64 {
		return bits == 0 || (a.high^b.high)>>(64-bits) == 0
	}
	return a.high == b.high && (a.low^b.low)>>(128-bits) == 0
}

func keyOf(a netip.Addr) key {
	if a.Is4() {
		b := a.As4()
		return key{high: uint64(binary.BigEndian.Uint32(b[:])) << 32}
	}
	b := a.As16()
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}
