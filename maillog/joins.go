package maillog

import "encoding/binary"

// joins remembers a bounded number of facts by a short key that the server
// chose: a session, a queue id. It is a set-associative table of fixed size,
// so whatever lines come, it neither grows nor allocates; where a set is
// full, its oldest entry goes. A forgotten entry only leaves fields empty.
type joins[V any] struct {
	bits  uint
	slots []joinSlot[V]
	clock uint64
}

type joinKey [40]byte

type joinSlot[V any] struct {
	key   joinKey
	used  uint64 // 0: free
	value V
}

const ways = 8

// find returns the entry of a key. With create, it takes the place of the
// oldest of its set where there is none; the caller empties the value then.
func (j *joins[V]) find(key []byte, create bool) (v *V, fresh bool) {
	var k joinKey
	if len(key) == 0 || len(key) >= len(k) || j.slots == nil && !create {
		return nil, false
	}
	if j.slots == nil {
		j.slots = make([]joinSlot[V], ways<<j.bits)
	}
	copy(k[:], key)
	h := uint64(len(key))
	for i := 0; i < len(k); i += 8 {
		h = (h ^ binary.LittleEndian.Uint64(k[i:])) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	set := j.slots[(h>>(64-j.bits))*ways:][:ways]
	oldest := 0
	for i := range set {
		if set[i].used != 0 && set[i].key == k {
			return &set[i].value, false
		}
		if set[i].used < set[oldest].used {
			oldest = i
		}
	}
	if !create {
		return nil, false
	}
	j.clock++
	set[oldest].key, set[oldest].used = k, j.clock
	return &set[oldest].value, true
}
