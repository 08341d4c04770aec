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
	count uint32        // of entries so far
}

const (
	joinBits   = 4 // how it begins
	joinGrowth = 3 // by how many bits it grows
	ways       = 8 // of a set
	ring       = 4 // entries for each set at most; half of a set's places, so that few are full
)

type joinKey [40]byte

// joinSet fills one line of the processor's cache.
type joinSet struct {
	tag [ways]uint32 // of the key's hash
	at  [ways]uint32 // which entry it is, counted from 1; 0: free
}

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

func (j *joins[V]) slot(at uint32) *joinSlot[V] { return &j.slots[at&uint32(len(j.slots)-1)] }

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
	for at := uint32(1); at <= entries; at++ {
		s := &old[at&uint32(len(old)-1)]
		v, _ := j.entry(&s.key, true)
		*v = s.value
	}
}

// find returns the entry of a key. With create, it takes the place of the
// oldest where there is none; the caller empties the value then.
func (j *joins[V]) find(key []byte, create bool) (v *V, fresh bool) {
	var k joinKey
	if len(key) == 0 || len(key) >= len(k) || j.slots == nil && !create {
		return nil, false
	}
	if create && int(j.count) >= len(j.slots) && (j.slots == nil || j.bits < j.most) {
		j.grow()
	}
	copy(k[:], key)
	return j.entry(&k, create)
}

// entry is find, where there is room.
func (j *joins[V]) entry(k *joinKey, create bool) (v *V, fresh bool) {
	h := k.hash()
	set, tag := &j.sets[h>>(64-j.bits)], uint32(h)
	oldest := 0
	for i := range set.tag {
		// The ring may have gone over the entry; its key is another then.
		if set.tag[i] == tag && set.at[i] != 0 {
			if s := j.slot(set.at[i]); s.key == *k {
				return &s.value, false
			}
		}
		if j.count-set.at[i] > j.count-set.at[oldest] { // also after 4 billion
			oldest = i
		}
	}
	if !create {
		return nil, false
	}
	j.count++
	set.tag[oldest], set.at[oldest] = tag, j.count
	s := j.slot(j.count)
	s.key = *k
	return &s.value, true
}
