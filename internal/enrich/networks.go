package enrich

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"os"
	"path/filepath"

	"mailvigil/traffic"
)

// The file of networks, networks.db: little endian, built by BuildNetworks.
//
//	magic, 8 bytes, the last is the version of the format
//	CRC-32C of all that follows the checksum
//	counts: IPv4 ranges, IPv6 ranges, places, bytes of text, bytes of source
//	first address of each IPv4 range, uint32, ascending; the range ends where
//	    the next begins, and the first begins at 0
//	place of each IPv4 range, uint32
//	upper half of the first address of each IPv6 range, uint64, ascending
//	place of each IPv6 range, uint32
//	places: ASN uint32, offset of its name in the text uint32, length of the
//	    name uint16, country two bytes, kind of network uint8, three of padding
//	text: the names
//	source: which data it was built from
//
// IPv6 ranges shorter than a /64 do not occur: a /64 is one source.
const (
	networksMagic = "MVNETDB\x01"
	headerSize    = len(networksMagic) + 4 + 5*4
	placeSize     = 16
)

// fileKinds are the kinds of network as numbers in the file. Append only.
var fileKinds = [...]traffic.Kind{
	traffic.KindUnknown, traffic.KindResidential, traffic.KindMobile, traffic.KindHosting,
	traffic.KindVPN, traffic.KindEducation, traffic.KindGovernment,
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Networks is the network data: which ASN, country and kind of network an
// address belongs to. It is immutable and may be shared; nil knows nothing.
type Networks struct {
	v4     ranges[uint32]
	v6     ranges[uint64]
	places []traffic.Network
	source string
}

// ranges are the ranges of one family. A binary search through a million
// numbers waits for memory at every step, so an index of the leading bits
// leads to the few ranges that can be meant.
type ranges[T uint32 | uint64] struct {
	first []T
	place []uint32
	base  T // the index begins here
	shift int
	index []uint32 // of each bucket, how many ranges begin before it
}

func newRanges[T uint32 | uint64](first []T, place []uint32, base T, shift, buckets int) ranges[T] {
	r := ranges[T]{first: first, place: place, base: base, shift: shift, index: make([]uint32, buckets+1)}
	n := 0
	for i := range r.index {
		for n < len(first) && r.bucket(first[n]) < i {
			n++
		}
		r.index[i] = uint32(n)
	}
	r.index[buckets] = uint32(len(first))
	return r
}

// bucket never falls as key rises; what lies outside the index goes to its
// first and last bucket.
func (r *ranges[T]) bucket(key T) int {
	if key < r.base {
		return 0
	}
	return int(min(uint64(key-r.base)>>r.shift, uint64(len(r.index)-2)))
}

// check says what is wrong with ranges that search would go astray in.
func (r *ranges[T]) check(places int) error {
	if len(r.first) == 0 || r.first[0] != 0 {
		return errors.New("the first range does not begin at the first address")
	}
	for i, place := range r.place {
		if int(place) >= places || i > 0 && r.first[i] <= r.first[i-1] {
			return fmt.Errorf("range %d is out of order", i)
		}
	}
	return nil
}

// search returns the place of the range that key lies in: one that begins in
// key's bucket, or the last to begin before it.
func (r *ranges[T]) search(key T) uint32 {
	i := r.bucket(key)
	from, to := max(int(r.index[i])-1, 0), int(r.index[i+1])
	for to-from > 1 {
		if mid := int(uint(from+to) >> 1); r.first[mid] <= key {
			from = mid
		} else {
			to = mid
		}
	}
	return r.place[from]
}

// OpenNetworks reads the file at path, which BuildNetworks wrote.
func OpenNetworks(path string) (*Networks, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("network data: %w", err)
	}
	n, err := decodeNetworks(b)
	if err != nil {
		return nil, fmt.Errorf("network data: %s: %w; build it again (docs/networks.md)", path, err)
	}
	return n, nil
}

func decodeNetworks(b []byte) (*Networks, error) {
	if len(b) < headerSize || string(b[:len(networksMagic)-1]) != networksMagic[:len(networksMagic)-1] {
		return nil, errors.New("not a file of networks")
	}
	if v, want := b[len(networksMagic)-1], networksMagic[len(networksMagic)-1]; v != want {
		return nil, fmt.Errorf("format %d, this program reads %d", v, want)
	}
	u32 := func(i int) uint32 { return binary.LittleEndian.Uint32(b[len(networksMagic)+4*i:]) }
	n4, n6, places, text, source := uint64(u32(1)), uint64(u32(2)), uint64(u32(3)), uint64(u32(4)), uint64(u32(5))
	if uint64(len(b)) != uint64(headerSize)+n4*8+n6*12+places*placeSize+text+source {
		return nil, errors.New("not of the length that it states: damaged or cut off")
	}
	if crc32.Checksum(b[len(networksMagic)+4:], castagnoli) != u32(0) {
		return nil, errors.New("the checksum does not match: damaged")
	}
	rest := b[headerSize:]
	take := func(n uint64) []byte {
		part := rest[:n]
		rest = rest[n:]
		return part
	}
	n := &Networks{
		v4: newRanges(uint32s(take(n4*4)), uint32s(take(n4*4)), 0, 16, 1<<16),
		// IPv6 is announced within 2000::/3 alone.
		v6: newRanges(uint64s(take(n6*8)), uint32s(take(n6*4)), 0x2000<<48, 43, 1<<18),
	}
	records := take(places * placeSize)
	countries := string(records) // one copy for all the countries
	names := string(take(text))
	n.source = string(rest)
	n.places = make([]traffic.Network, places)
	for i := range n.places {
		r := records[i*placeSize : (i+1)*placeSize]
		from := uint64(binary.LittleEndian.Uint32(r[4:]))
		to := from + uint64(binary.LittleEndian.Uint16(r[8:]))
		kind := int(r[12])
		if to > text || kind >= len(fileKinds) {
			return nil, fmt.Errorf("place %d is out of range", i)
		}
		p := &n.places[i]
		p.ASN, p.ASName, p.Kind = binary.LittleEndian.Uint32(r), names[from:to], fileKinds[kind]
		if r[10] != 0 {
			p.Country = countries[i*placeSize+10 : i*placeSize+12]
		}
	}
	// The checksum keeps damage out; this keeps out a file that somebody
	// wrote to make us read beyond an end.
	if err := cmp.Or(n.v4.check(len(n.places)), n.v6.check(len(n.places))); err != nil {
		return nil, err
	}
	return n, nil
}

// Source names the data that the file was built from.
func (n *Networks) Source() string {
	if n == nil {
		return ""
	}
	return n.source
}

// Lookup says what is known of addr; nothing of an address that is not
// announced on the Internet.
func (n *Networks) Lookup(addr netip.Addr) traffic.Network {
	if n == nil || !addr.IsValid() {
		return traffic.Network{}
	}
	addr = addr.Unmap()
	if addr.Is4() {
		b := addr.As4()
		key := binary.BigEndian.Uint32(b[:])
		return n.places[n.v4.search(key)]
	}
	b := addr.As16()
	return n.places[n.v6.search(binary.BigEndian.Uint64(b[:]))]
}

// FindNetworks looks for networks.db where it is kept: the file that
// $MAILVIGIL_NETWORKS names, beside the program, in share/mailvigil beside
// the program's folder, and among the user's data.
func FindNetworks() (path string, ok bool) {
	if path := os.Getenv("MAILVIGIL_NETWORKS"); path != "" {
		return path, true // if it is not there, opening it says so
	}
	var places []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dir := filepath.Dir(exe)
		places = append(places,
			filepath.Join(dir, "networks.db"),
			filepath.Join(dir, "..", "share", "mailvigil", "networks.db"))
	}
	data := os.Getenv("XDG_DATA_HOME")
	if data == "" {
		if home, err := os.UserHomeDir(); err == nil {
			data = filepath.Join(home, ".local", "share")
		}
	}
	if filepath.IsAbs(data) {
		places = append(places, filepath.Join(data, "mailvigil", "networks.db"))
	}
	for _, path := range places {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, true
		}
	}
	return "", false
}

func uint32s(b []byte) []uint32 {
	out := make([]uint32, len(b)/4)
	for i := range out {
		out[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return out
}

func uint64s(b []byte) []uint64 {
	out := make([]uint64, len(b)/8)
	for i := range out {
		out[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return out
}
