package enrich

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"mailvigil/traffic"
)

// sampleModules is a node_modules folder with a little data in it.
func sampleModules() fstest.MapFS {
	return fstest.MapFS{
		"@ip-location-db/asn/package.json":                   {Data: []byte(`{"version":"1.2.3"}`)},
		"@ip-location-db/geo-whois-asn-country/package.json": {Data: []byte(`{"version":"4.5.6"}`)},
		"@ip-location-db/asn/asn-ipv4.csv": {Data: []byte(`1.0.0.0,1.0.0.255,13335,"Cloudflare, Inc."
5.0.0.0,5.0.0.255,64500,University of Examples
81.240.0.0,81.247.255.255,5432,Proximus NV
104.236.0.0,104.236.255.255,14061,"DigitalOcean, LLC"
255.255.255.0,255.255.255.255,64501,The Last
`)},
		"@ip-location-db/asn/asn-ipv6.csv": {Data: []byte(`2001:db8:9:8::,2001:db8:9:8:7fff:ffff:ffff:ffff,64502,First half of a /64
2001:db8:9:8:8000::,2001:db8:9:8:ffff:ffff:ffff:ffff,64503,Second half of a /64
2a02:a000::,2a02:a03f:ffff:ffff:ffff:ffff:ffff:ffff,5432,Proximus NV
`)},
		"@ip-location-db/geo-whois-asn-country/geo-whois-asn-country-ipv4.csv": {Data: []byte(`1.0.0.0,1.0.0.127,AU
81.241.0.0,81.255.255.255,BE
104.236.0.0,104.236.255.255,US
`)},
		"@ip-location-db/geo-whois-asn-country/geo-whois-asn-country-ipv6.csv": {Data: []byte(`2a02:a000::,2a02:a03f:ffff:ffff:ffff:ffff:ffff:ffff,BE
`)},
	}
}

func sampleNetworks(tb testing.TB) *Networks {
	tb.Helper()
	n, err := decodeNetworks(sampleFile(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func sampleFile(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := BuildNetworks(&b, sampleModules()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestLookup(t *testing.T) {
	n := sampleNetworks(t)
	for _, c := range []struct {
		name, ip string
		want     traffic.Network
	}{
		{"the very first address", "0.0.0.0", traffic.Network{}},
		{"before a range", "0.255.255.255", traffic.Network{}},
		{"first of a range", "1.0.0.0", traffic.Network{ASN: 13335, ASName: "Cloudflare, Inc.", Country: "AU", Kind: traffic.KindVPN}},
		{"last of a country", "1.0.0.127", traffic.Network{ASN: 13335, ASName: "Cloudflare, Inc.", Country: "AU", Kind: traffic.KindVPN}},
		{"no country", "1.0.0.128", traffic.Network{ASN: 13335, ASName: "Cloudflare, Inc.", Kind: traffic.KindVPN}},
		{"after a range", "1.0.1.0", traffic.Network{}},
		{"kind by words", "5.0.0.1", traffic.Network{ASN: 64500, ASName: "University of Examples", Kind: traffic.KindEducation}},
		{"ASN without country", "81.240.255.255", traffic.Network{ASN: 5432, ASName: "Proximus NV"}},
		{"both", "81.241.0.0", traffic.Network{ASN: 5432, ASName: "Proximus NV", Country: "BE"}},
		{"country without ASN", "81.248.0.0", traffic.Network{Country: "BE"}},
		{"kind by ASN", "104.236.17.1", traffic.Network{ASN: 14061, ASName: "DigitalOcean, LLC", Country: "US", Kind: traffic.KindHosting}},
		{"the very last address", "255.255.255.255", traffic.Network{ASN: 64501, ASName: "The Last"}},
		{"IPv4 in IPv6", "::ffff:81.241.0.0", traffic.Network{ASN: 5432, ASName: "Proximus NV", Country: "BE"}},
		{"a shared /64 goes to the first", "2001:db8:9:8:ffff::", traffic.Network{ASN: 64502, ASName: "First half of a /64"}},
		{"IPv6", "2a02:a03f:ffff:ffff::1", traffic.Network{ASN: 5432, ASName: "Proximus NV", Country: "BE"}},
		{"IPv6 after a range", "2a02:a040::", traffic.Network{}},
		{"the very last IPv6 address", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", traffic.Network{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := n.Lookup(netip.MustParseAddr(c.ip)); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	t.Run("no data", func(t *testing.T) {
		var none *Networks
		if got := none.Lookup(netip.MustParseAddr("1.0.0.0")); got != (traffic.Network{}) {
			t.Errorf("got %+v", got)
		}
	})
	if want := "@ip-location-db/asn 1.2.3, @ip-location-db/geo-whois-asn-country 4.5.6"; n.Source() != want {
		t.Errorf("source %q", n.Source())
	}
}

func TestOpenNetworks(t *testing.T) {
	good := sampleFile(t)
	change := func(f func([]byte) []byte) []byte { return f(bytes.Clone(good)) }
	for _, c := range []struct {
		name string
		file []byte
		want string // in the message, "" where it opens
	}{
		{"good", good, ""},
		{"empty", nil, "not a file of networks"},
		{"something else", []byte(strings.Repeat("PAR1", 100)), "not a file of networks"},
		{"later format", change(func(b []byte) []byte { b[7] = 2; return b }), "format 2, this program reads 1"},
		{"cut off", good[:len(good)-1], "damaged or cut off"},
		{"too long", append(bytes.Clone(good), 0), "damaged or cut off"},
		{"flipped bit", change(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), "checksum does not match"},
		{"absurd counts", change(func(b []byte) []byte {
			for i := 12; i < headerSize; i++ {
				b[i] = 0xff
			}
			return b
		}), "damaged or cut off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "networks.db")
			if err := os.WriteFile(path, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenNetworks(path)
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path)):
				t.Errorf("error %v, want %q and the path in it", err, c.want)
			}
		})
	}
	t.Run("not there", func(t *testing.T) {
		if _, err := OpenNetworks(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	})
}

func TestBuildNetworksBadData(t *testing.T) {
	const asn4 = "@ip-location-db/asn/asn-ipv4.csv"
	for _, c := range []struct{ name, data, want string }{
		{"empty", "", "empty"},
		{"no address", "here,1.0.0.255,1,A\n", `asn-ipv4.csv:1: ParseAddr("here")`},
		{"no ASN", "1.0.0.0,1.0.0.255,AS1,A\n", `ASN "AS1"`},
		{"too few fields", "1.0.0.0,1.0.0.255,1\n", "wrong number of fields"},
		{"backwards", "1.0.0.9,1.0.0.1,1,A\n", "1.0.0.1 is before 1.0.0.9"},
		{"out of order", "2.0.0.0,2.0.0.255,1,A\n1.0.0.0,1.0.0.255,1,A\n", "asn-ipv4.csv:2: ranges are not in order"},
	} {
		t.Run(c.name, func(t *testing.T) {
			modules := sampleModules()
			modules[asn4] = &fstest.MapFile{Data: []byte(c.data)}
			if err := BuildNetworks(&bytes.Buffer{}, modules); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	t.Run("absent", func(t *testing.T) {
		modules := sampleModules()
		delete(modules, asn4)
		if err := BuildNetworks(&bytes.Buffer{}, modules); err == nil || !strings.Contains(err.Error(), asn4) {
			t.Errorf("error %v", err)
		}
	})
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		name string
		asn  uint32
		as   string
		want traffic.Kind
	}{
		{"server for rent by number", 20473, "The Constant Company, LLC", traffic.KindHosting},
		{"server for rent by word", 64500, "Example Hosting B.V.", traffic.KindHosting},
		{"word within a word", 64500, "Broadbandidc Serverless", traffic.KindUnknown},
		{"university", 64500, "Universitaet Musterstadt", traffic.KindEducation},
		{"ministry", 64500, "Ministry of Examples", traffic.KindGovernment},
		{"phones by number", 21928, "T-Mobile USA, Inc.", traffic.KindMobile},
		{"mobile is many a company's word", 64500, "Example Mobile Ltd", traffic.KindUnknown},
		{"words that stand together", 64500, "County of Example", traffic.KindGovernment},
		{"the same words apart", 64500, "Of Example County", traffic.KindUnknown},
		{"the end of a word", 64500, "SMARTHOST sp. z o.o.", traffic.KindHosting},
		{"a hospital of a university", 64500, "Example University Hospital", traffic.KindUnknown},
		{"a company's own network", 521, "Ford Motor Company", traffic.KindUnknown},
		{"homes", 64500, "Example Cable", traffic.KindResidential},
		{"lines of every sort", 5432, "Proximus NV", traffic.KindUnknown},
		{"nothing", 0, "", traffic.KindUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := kindOf(c.asn, c.as); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFindNetworks(t *testing.T) {
	t.Setenv("MAILVIGIL_NETWORKS", "")
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	if path, ok := FindNetworks(); ok {
		t.Errorf("found %s in an empty folder", path)
	}
	want := filepath.Join(os.Getenv("XDG_DATA_HOME"), "mailvigil", "networks.db")
	if err := os.MkdirAll(filepath.Dir(want), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(want, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if path, ok := FindNetworks(); !ok || path != want {
		t.Errorf("found %q, %v", path, ok)
	}
	t.Setenv("MAILVIGIL_NETWORKS", "/stated/networks.db")
	if path, ok := FindNetworks(); !ok || path != "/stated/networks.db" {
		t.Errorf("found %q, %v", path, ok)
	}
}

func FuzzDecodeNetworks(f *testing.F) {
	good := sampleFile(f)
	f.Add(good)
	f.Add(good[:headerSize])
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := decodeNetworks(b); err == nil {
			n.Lookup(netip.MustParseAddr("81.241.0.0"))
			n.Lookup(netip.MustParseAddr("2a02:a000::"))
		}
	})
}

// TestSearch holds the index against a search without one, at every edge.
func TestSearch(t *testing.T) {
	n := largeNetworks()
	place := func(i int) uint32 { return uint32(i % 100_000) }
	for i, first := range n.v4.first {
		if got := n.v4.search(first); got != place(i) {
			t.Fatalf("IPv4 range %d: place %d at its first address", i, got)
		}
		if i > 0 && n.v4.search(first-1) != place(i-1) {
			t.Fatalf("IPv4 range %d: not before its first address", i)
		}
	}
	for i, first := range n.v6.first {
		if got := n.v6.search(first); got != place(i) {
			t.Fatalf("IPv6 range %d: place %d at its first address", i, got)
		}
		if i > 0 && n.v6.search(first-1) != place(i-1) {
			t.Fatalf("IPv6 range %d: not before its first address", i)
		}
	}
}

// BenchmarkLookup looks addresses up all over a file as large as the real one.
func BenchmarkLookup(b *testing.B) {
	n := largeNetworks()
	for _, family := range []string{"IPv4", "IPv6"} {
		addrs := make([]netip.Addr, 1<<16)
		for i := range addrs {
			x := uint64(i) * 0x9E3779B97F4A7C15
			var a [16]byte
			binary.BigEndian.PutUint64(a[:], 0x2a00<<48|x>>11)
			addrs[i] = netip.AddrFrom16(a)
			if family == "IPv4" {
				binary.BigEndian.PutUint64(a[:], x)
				addrs[i] = netip.AddrFrom4([4]byte(a[:4]))
			}
		}
		b.Run(family, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				n.Lookup(addrs[i%len(addrs)])
			}
		})
	}
}

// largeNetworks has as many ranges as the real data, the IPv6 ones as close
// together as those of Europe.
func largeNetworks() *Networks {
	b := builder{names: map[string]uint32{}, nameOf: map[uint32]string{}}
	for i := range 100_000 {
		b.places = append(b.places, place{asn: uint32(i), country: "BE"})
		b.nameOf[uint32(i)] = "Example"
	}
	var v4, v6 []start
	for i := range uint64(600_000) {
		v4 = append(v4, start{i << 32 / 600_000, uint32(i % 100_000)})
	}
	for i := range uint64(300_000) {
		first := 0x2a00<<48 + i*(1<<53/300_000)
		if i == 0 {
			first = 0
		}
		v6 = append(v6, start{first, uint32(i % 100_000)})
	}
	n, err := decodeNetworks(b.encode(v4, v6, ""))
	if err != nil {
		panic(err)
	}
	return n
}
