package maillog

import "encoding/binary"

// joins remembers a bounded number of facts by a short key that the server
// chose: a session, a queue id. It is a set-associative table. It grows with
// what is put into it up to ways<<most entries, since a case may have a hundred
// thousand small files; from there on, whatever lines come, it neither grows
// nor allocates: where a set is full, its oldest entry goes. A forgotten entry
// only leaves fields empty.
type joins[V any] struct {
	most  uint // bits of the largest number of sets
	bits  uint
	sets  []joinSet
	slots []joinSlot[V]
	clock uint32
	full  uint32 // clock at which it grows
}

// joinBits is how it begins, joinGrowth by how many bits it grows.
const (
	joinBits   = 4
	joinGrowth = 3
)

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

func (k *joinKey) hash() uint64 {
	var h uint64
	for i := 0; i < len(k); i += 8 {
		h = (h ^ binary.LittleEndian.Uint64(k[i:])) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h
}

// grow makes more room and takes along what there is.
func (j *joins[V]) grow() {
	old, slots := j.sets, j.slots
	if j.bits = min(j.bits+joinGrowth, j.most); old == nil {
		j.bits = min(joinBits, j.most)
	}
	j.sets, j.slots = make([]joinSet, 1<<j.bits), make([]joinSlot[V], ways<<j.bits)
	for n := range old {
		for i, used := range old[n].used {
			if used == 0 {
				continue
			}
			s := &slots[n*ways+i]
			to := s.key.hash() >> (64 - j.bits)
			set := &j.sets[to]
			for w := range set.used { // there is room: eight of one set come into eight
				if set.used[w] == 0 {
					set.tag[w], set.used[w], j.slots[int(to)*ways+w] = old[n].tag[i], used, *s
					break
				}
			}
		}
	}
	j.full = 1 << j.bits // one in a set on the average: hardly any holds more than ways
}

// find returns the entry of a key. With create, it takes the place of the
// oldest of its set where there is none; the caller empties the value then.
func (j *joins[V]) find(key []byte, create bool) (v *V, fresh bool) {
	var k joinKey
	if len(key) == 0 || len(key) >= len(k) || j.slots == nil && !create {
		return nil, false
	}
	if create && j.clock >= j.full && (j.slots == nil || j.bits < j.most) {
		j.grow()
	}
	copy(k[:], key)
	h := k.hash()
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
