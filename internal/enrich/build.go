package enrich

import (
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"mailvigil/traffic"
)

// The npm packages that the data comes in, and their files of ranges: first
// and last address, then ASN and name, or the country.
const (
	asnPackage     = "@ip-location-db/asn"
	countryPackage = "@ip-location-db/geo-whois-asn-country"
)

// BuildNetworks writes networks.db to w from the two npm packages in modules,
// a node_modules folder.
func BuildNetworks(w io.Writer, modules fs.FS) error {
	b := builder{
		names:   map[string]uint32{},
		placeOf: map[place]uint32{{}: 0},
		places:  []place{{}},
		nameOf:  map[uint32]string{},
	}
	v4, err := b.family(modules, "ipv4", math.MaxUint32)
	if err != nil {
		return err
	}
	v6, err := b.family(modules, "ipv6", math.MaxUint64)
	if err != nil {
		return err
	}
	var source []string
	for _, name := range []string{asnPackage, countryPackage} {
		v, err := packageVersion(modules, name)
		if err != nil {
			return err
		}
		source = append(source, name+" "+v)
	}
	_, err = w.Write(b.encode(v4, v6, strings.Join(source, ", ")))
	return err
}

// builder gathers the places, and the text of their names.
type builder struct {
	names   map[string]uint32 // name → offset in text
	text    []byte
	places  []place
	placeOf map[place]uint32
	nameOf  map[uint32]string // ASN → name
}

type place struct {
	asn     uint32
	country string
}

// span is a range of addresses, both ends in it, with an ASN or a country.
type span struct {
	first, last uint64
	place       place
}

// start begins a range in the file; it ends where the next begins.
type start struct {
	first uint64
	place uint32
}

func (b *builder) family(modules fs.FS, family string, end uint64) ([]start, error) {
	asns, err := readSpans(modules, path.Join(asnPackage, "asn-"+family+".csv"), 4, func(r []string, s *span) error {
		asn, err := strconv.ParseUint(r[2], 10, 32)
		if err != nil {
			return fmt.Errorf("ASN %q: %w", r[2], err)
		}
		s.place.asn = uint32(asn)
		if _, ok := b.nameOf[s.place.asn]; !ok {
			b.nameOf[s.place.asn] = cut(strings.ToValidUTF8(strings.TrimSpace(r[3]), ""), math.MaxUint8)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	countries, err := readSpans(modules, path.Join(countryPackage, "geo-whois-asn-country-"+family+".csv"), 3, func(r []string, s *span) error {
		if len(r[2]) != 2 {
			return fmt.Errorf("country %q is not two letters", r[2])
		}
		s.place.country = strings.Clone(r[2])
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b.merge(asns, countries, end), nil
}

// readSpans reads a file of ranges, which must be in ascending order and may
// not overlap. Of an IPv6 address only the upper half counts.
func readSpans(modules fs.FS, name string, fields int, fill func([]string, *span) error) ([]span, error) {
	f, err := modules.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	r.FieldsPerRecord = fields
	var spans []span
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			if len(spans) == 0 {
				return nil, fmt.Errorf("%s: empty", name)
			}
			return spans, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		var s span
		if s.first, err = key(record[0]); err == nil {
			s.last, err = key(record[1])
		}
		if err == nil {
			err = fill(record, &s)
		}
		if err == nil && s.last < s.first {
			err = fmt.Errorf("%s is before %s", record[1], record[0])
		}
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		if n := len(spans); n > 0 && s.first <= spans[n-1].last {
			// Two ranges within one /64: the first to be named keeps it.
			if s.first < spans[n-1].first {
				line, _ := r.FieldPos(0)
				return nil, fmt.Errorf("%s:%d: ranges are not in order", name, line)
			}
			if s.last <= spans[n-1].last {
				continue
			}
			s.first = spans[n-1].last + 1
		}
		spans = append(spans, s)
	}
}

// key returns what an address is ordered by in the file.
func key(s string) (uint64, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return 0, err
	}
	if addr.Is4() {
		b := addr.As4()
		return uint64(binary.BigEndian.Uint32(b[:])), nil
	}
	b := addr.As16()
	return binary.BigEndian.Uint64(b[:]), nil
}

// merge lays the two lists over each other: a new range begins wherever
// either the ASN or the country changes.
func (b *builder) merge(asns, countries []span, end uint64) []start {
	var edges []uint64
	for _, list := range [][]span{asns, countries} {
		for _, s := range list {
			edges = append(edges, s.first)
			if s.last < end {
				edges = append(edges, s.last+1)
			}
		}
	}
	edges = append(edges, 0)
	slices.Sort(edges)
	edges = slices.Compact(edges)

	at := func(list *[]span, first uint64) place {
		for len(*list) > 0 && (*list)[0].last < first {
			*list = (*list)[1:]
		}
		if len(*list) > 0 && (*list)[0].first <= first {
			return (*list)[0].place
		}
		return place{}
	}
	var starts []start
	for _, first := range edges {
		p := place{asn: at(&asns, first).asn, country: at(&countries, first).country}
		id, ok := b.placeOf[p]
		if !ok {
			id = uint32(len(b.places))
			b.placeOf[p] = id
			b.places = append(b.places, p)
		}
		if n := len(starts); n == 0 || starts[n-1].place != id {
			starts = append(starts, start{first, id})
		}
	}
	return starts
}

func (b *builder) encode(v4, v6 []start, source string) []byte {
	le := binary.LittleEndian
	var ranges, records []byte
	for _, s := range v4 {
		ranges = le.AppendUint32(ranges, uint32(s.first))
	}
	for _, s := range v4 {
		ranges = le.AppendUint32(ranges, s.place)
	}
	for _, s := range v6 {
		ranges = le.AppendUint64(ranges, s.first)
	}
	for _, s := range v6 {
		ranges = le.AppendUint32(ranges, s.place)
	}
	for _, p := range b.places {
		name := b.nameOf[p.asn]
		offset, ok := b.names[name]
		if !ok {
			offset = uint32(len(b.text))
			b.names[name] = offset
			b.text = append(b.text, name...)
		}
		country := p.country
		if country == "" {
			country = "\x00\x00"
		}
		records = le.AppendUint32(records, p.asn)
		records = le.AppendUint32(records, offset)
		records = le.AppendUint16(records, uint16(len(name)))
		records = append(records, country...)
		records = append(records, fileKind(kindOf(p.asn, name)), 0, 0, 0)
	}
	var counts []byte
	for _, n := range []int{len(v4), len(v6), len(b.places), len(b.text), len(source)} {
		counts = le.AppendUint32(counts, uint32(n))
	}
	body := slices.Concat(counts, ranges, records, b.text, []byte(source))
	out := le.AppendUint32([]byte(networksMagic), crc32.Checksum(body, castagnoli))
	return append(out, body...)
}

func fileKind(k traffic.Kind) byte {
	return byte(max(slices.Index(fileKinds[:], k), 0))
}

func packageVersion(modules fs.FS, name string) (string, error) {
	b, err := fs.ReadFile(modules, path.Join(name, "package.json"))
	if err != nil {
		return "", err
	}
	var p struct{ Version string }
	if err := json.Unmarshal(b, &p); err != nil {
		return "", fmt.Errorf("%s/package.json: %w", name, err)
	}
	return p.Version, nil
}
