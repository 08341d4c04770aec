package maillog

import "encoding/binary"

// joins remembers a bounded number of facts by a short key that the server
// chose: a session, a queue id. The facts lie in a ring, in the order in which
// they came; sets of a few places each say where in it a key is. What belongs
// together stands near in a log, so what is looked for was put in lately, and
// the end of the ring is in the processor's cache.
//
// Both grow with what is put into them, up to ring<<most entries, since a case
// may have a hundred thousand small files; from there on, whatever lines come,
// they neither grow nor allocate: the oldest entry goes, and that of a set
// where the set is full. A forgotten entry only leaves fields empty.
type joins[V any] struct {
	most  uint // bits of the largest number of sets
	bits  uint
	sets  []joinSet
	slots []joinSlot[V] // the ring; its length is a power of two
	count uint          // of entries so far, their numbers begin at 0
}

const (
	joinBits   = 4 // how it begins
	joinGrowth = 3 // by how many bits it grows
	ways       = 8 // of a set
	ring       = 4 // entries for each set at most; half of a set's places, so that few are full
)

type joinKey [40]byte

// joinSet fills half a line of the processor's cache. A place holds twelve bits
// of the key's hash, of which one is always set, and below them twenty of the
// entry's number: enough to tell which entries the ring has gone over, until
// others have long taken their places. 0 is free.
type joinSet [ways]uint32

const (
	numberBits = 20
	numberMask = 1<<numberBits - 1
	tagMask    = 1<<(32-numberBits) - 1
)

type joinSlot[V any] struct {
	key   joinKey
	value V
}

// hash looks at the words that hold something: most keys fill two.
func (k *joinKey) hash() uint64 {
	var h uint64
	for i := 0; i < len(k); i += 8 {
		w := binary.LittleEndian.Uint64(k[i:])
		if w == 0 {
			break
		}
		h = (h ^ w) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h
}

// grow makes more room and takes along what there is. Until it is as large as
// it may get, there are as many entries as sets: hardly any set is full then.
func (j *joins[V]) grow() {
	old, entries := j.slots, j.count
	if j.bits = min(j.bits+joinGrowth, j.most); old == nil {
		j.bits = min(joinBits, j.most)
	}
	size := 1 << j.bits
	if j.bits == j.most {
		size *= ring
	}
	j.sets, j.slots, j.count = make([]joinSet, 1<<j.bits), make([]joinSlot[V], size), 0
	for at := range entries {
		v, _ := j.entry(&old[at].key, true)
		*v = old[at].value
	}
}

// find returns the entry of a key. With create, it takes the place of the
// oldest where there is none; the caller empties the value then.
func (j *joins[V]) find(key []byte, create bool) (v *V, fresh bool) {
	var k joinKey
	if len(key) == 0 || len(key) >= len(k) || j.slots == nil && !create {
		return nil, false
	}
	if create && j.count >= uint(len(j.slots)) && (j.slots == nil || j.bits < j.most) {
		j.grow()
	}
	copy(k[:], key)
	return j.entry(&k, create)
}

// entry is find, where there is room.
func (j *joins[V]) entry(k *joinKey, create bool) (v *V, fresh bool) {
	h := k.hash()
	set, tag := &j.sets[h>>(64-j.bits)], uint32(h)&tagMask|1
	for _, place := range set {
		// The ring may have gone over the entry; its key is another then.
		if place>>numberBits == tag {
			if s := &j.slots[int(place)&(len(j.slots)-1)]; s.key == *k {
				return &s.value, false
			}
		}
	}
	if !create {
		return nil, false
	}
	oldest, age := 0, -1
	for i, place := range set {
		if place == 0 {
			oldest = i
			break
		}
		if a := int(uint32(j.count)-1-place) & numberMask; a > age {
			oldest, age = i, a
		}
	}
	set[oldest] = tag<<numberBits | uint32(j.count)&numberMask
	s := &j.slots[int(j.count)&(len(j.slots)-1)]
	j.count++
	s.key = *k
	return &s.value, true
}
