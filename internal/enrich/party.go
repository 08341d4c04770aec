package enrich

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
	"unique"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

// maxParties bounds how many parties a Worker knows at a time; its table then
// takes 4 MB. Whoever forges more begins a new epoch with each so many.
const maxParties = 1 << 15

// parties remembers what Enrich answered for each combination of service,
// account, address, client and device: an organisation's devices do the same
// thing again and again, and one look-up is all that their lines then cost.
//
// A combination is known by a hash of 64 bits under a secret that differs from
// run to run. Two of 32,768 are the same once in some 10^14 lines, and nobody
// who writes lines can aim at it.
type parties struct {
	seeds [3]maphash.Seed
	key   uint64
	epoch int32
	slots []partySlot // open addressing; its length is a power of two
	list  []party
}

type partySlot struct {
	hash  uint64 // 0: free
	index int32
}

// party is the answer.
type party struct {
	account string
	agent   unique.Handle[traffic.Agent]
	network unique.Handle[traffic.Network]
	addr    netip.Addr // zero for a relay
	relay   bool
}

func newParties() *parties {
	p := &parties{slots: make([]partySlot, 1<<10)}
	for i := range p.seeds {
		p.seeds[i] = maphash.MakeSeed()
	}
	p.key = maphash.String(p.seeds[0], "address") | 1
	return p
}

// hash is never 0; it is 0 for lines that are not worth remembering.
func (p *parties) hash(ev *maillog.Event) uint64 {
	if len(ev.Account) > maxKey || len(ev.UserAgent) > maxKey || len(ev.Device) > maxKey {
		return 0
	}
	h := maphash.Bytes(p.seeds[0], ev.UserAgent)
	if len(ev.Account) > 0 {
		h = bits.RotateLeft64(h, 17) ^ maphash.Bytes(p.seeds[1], ev.Account)
	}
	if len(ev.Device) > 0 {
		h = bits.RotateLeft64(h, 17) ^ maphash.Bytes(p.seeds[2], ev.Device)
	}
	if ev.ClientIP.IsValid() {
		b := ev.ClientIP.As16()
		for i := 0; i < 16; i += 8 {
			word := uint64(b[i]) | uint64(b[i+1])<<8 | uint64(b[i+2])<<16 | uint64(b[i+3])<<24 |
				uint64(b[i+4])<<32 | uint64(b[i+5])<<40 | uint64(b[i+6])<<48 | uint64(b[i+7])<<56
			hi, lo := bits.Mul64(h^word, p.key)
			h = hi ^ lo + 1
		}
	}
	hi, lo := bits.Mul64(h^uint64(ev.Service)<<56, p.key)
	return (hi ^ lo) | 1
}

// find returns the number of a party, 0 where it is not known yet.
func (p *parties) find(h uint64) int32 {
	mask := uint64(len(p.slots) - 1)
	for i := h >> 20 & mask; ; i = (i + 1) & mask {
		switch p.slots[i].hash {
		case h:
			return p.slots[i].index
		case 0:
			return 0
		}
	}
}

// add remembers a party that is not known, and returns its number, from 1.
func (p *parties) add(h uint64, of party) int32 {
	if len(p.list) >= maxParties {
		clear(p.slots)
		clear(p.list)
		p.list = p.list[:0]
		p.epoch++
	}
	if 2*(len(p.list)+1) > len(p.slots) {
		old := p.slots
		p.slots = make([]partySlot, 2*len(old))
		for _, s := range old {
			if s.hash != 0 {
				p.put(s)
			}
		}
	}
	p.list = append(p.list, of)
	n := int32(len(p.list))
	p.put(partySlot{h, n})
	return n
}

func (p *parties) put(s partySlot) {
	mask := uint64(len(p.slots) - 1)
	i := s.hash >> 20 & mask
	for p.slots[i].hash != 0 {
		i = (i + 1) & mask
	}
	p.slots[i] = s
}
