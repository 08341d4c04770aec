package maillog

import "encoding/binary"

// joins remembers a bounded number of facts by a short key that the server
// chose: a session, a queue id. It is a set-associative table of fixed size,
// so whatever lines come, it neither grows nor allocates; where a set is
// full, its oldest entry goes. A forgotten entry only leaves fields empty.
type joins[V any] struct {
	bits  uint
	sets  []joinSet
	slots []joinSlot[V]
	clock uint32
}

type joinKey [40]byte

// joinSet is what decides which slot of a set is looked at: it fills one line
// of the processor's cache, while the slots fill a dozen.
type joinSet struct {
	tag  [ways]uint32 // of the key's hash
	used [ways]uint32 // when it was filled, 0: free
}

type joinSlot[V any] struct {
	key   joinKey
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
		j.slots, j.sets = make([]joinSlot[V], ways<<j.bits), make([]joinSet, 1<<j.bits)
	}
	copy(k[:], key)
	h := uint64(len(key))
	for i := 0; i < len(k); i += 8 {
		h = (h ^ binary.LittleEndian.Uint64(k[i:])) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	n := h >> (64 - j.bits)
	set, slots, tag := &j.sets[n], j.slots[n*ways:][:ways], uint32(h)
	oldest := 0
	for i := range set.tag {
		if set.tag[i] == tag && set.used[i] != 0 && slots[i].key == k {
			return &slots[i].value, false
		}
		if set.used[i] < set.used[oldest] {
			oldest = i
		}
	}
	if !create {
		return nil, false
	}
	if j.clock++; j.clock == 0 { // after 4 billion: all are as old as another
		for i := range j.sets {
			for w, used := range j.sets[i].used {
				j.sets[i].used[w] = min(used, 1)
			}
		}
		j.clock = 2
	}
	set.tag[oldest], set.used[oldest], slots[oldest].key = tag, j.clock, k
	return &slots[oldest].value, true
}
