package simulate

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
)

// address is one host: its address and the reverse name that Postfix logs.
type address struct {
	ip   netip.Addr
	name string
}

// unnamed is what Postfix calls a host without a reverse name.
const unnamed = "unknown"

// network is a provider: ranges it really holds, and how it names its hosts:
// $1 to $4 are the address's bytes, $X all of them in hexadecimal.
type network struct {
	prefixes []string
	v6       string // a /32 out of which homes get a /56, "" where it has none
	reverse  string
}

// homes are the providers of people's homes, most usual first.
var homes = []network{
	{[]string{"81.240.0.0/13", "109.128.0.0/12", "91.176.0.0/13", "87.64.0.0/14"}, "2a02:a03f::/32", "$4.$3-$2-$1.adsl-dyn.isp.belgacom.be"},
	{[]string{"78.20.0.0/14", "84.192.0.0/13", "94.224.0.0/14", "141.134.0.0/15"}, "2a02:1810::/32", "d$X.access.telenet.be"},
	{[]string{"109.88.0.0/16", "85.26.0.0/17"}, "", "host-$1-$2-$3-$4.dynamic.voo.be"},
}

// carriers are mobile networks: many phones share a few addresses.
var carriers = []network{
	{[]string{"37.184.10.0/27", "37.62.4.0/27"}, "", ""},
	{[]string{"94.105.20.0/26", "94.109.64.0/27"}, "", ""},
	{[]string{"188.188.16.0/27", "188.189.80.0/28"}, "", ""},
}

// abroad is where people go who travel.
var abroad = []network{
	{[]string{"90.0.0.0/11"}, "", "lfbn-str-1-$3-$4.w$1-$2.abo.wanadoo.fr"},
	{[]string{"79.192.0.0/10"}, "", "p$X.dip0.t-ipconnect.de"},
	{[]string{"2.32.0.0/13"}, "", "net-$1-$2-$3-$4.cust.vodafonedsl.it"},
}

// microsoft is where the servers of Outlook's mobile application stand, which
// fetch the mail in place of the phone.
var microsoft = network{[]string{"52.125.128.0/20"}, "", ""}

// exits are those of VPNs that anybody can buy. They stand among rented
// machines.
var exits = network{[]string{"146.70.48.0/20", "37.19.192.0/19", "185.159.156.0/22"}, "", ""}

// hosting is rented by the hour, by the honest and by others.
var hosting = []network{
	{[]string{"104.248.0.0/16", "159.89.0.0/16", "165.227.0.0/16"}, "", ""},
	{[]string{"51.68.0.0/16", "54.36.0.0/16"}, "", "ip$4.ip-$1-$2-$3.eu"},
	{[]string{"95.216.0.0/16", "65.108.0.0/15"}, "", "static.$4.$3.$2.$1.clients.your-server.de"},
	{[]string{"139.162.0.0/16"}, "", "$1-$2-$3-$4.ip.linodeusercontent.com"},
	{[]string{"45.76.0.0/16"}, "", "$1.$2.$3.$4.vultrusercontent.com"},
}

// farHomes are homes elsewhere, whose routers and set-top boxes are rented
// out as proxies without their owners' knowledge.
var farHomes = []network{
	{[]string{"113.160.0.0/12"}, "", "static.vnpt.vn"},
	{[]string{"117.192.0.0/10"}, "", ""},
	{[]string{"179.96.0.0/13"}, "", "$1-$2-$3-$4.user3g.veloxzone.com.br"},
	{[]string{"2.32.0.0/13"}, "", "net-$1-$2-$3-$4.cust.vodafonedsl.it"},
}

// providers are the networks whose addresses all belong to one autonomous
// system, and its number.
var providers = []struct {
	of  *network
	asn string
}{
	{&hosting[0], "14061"},
	{&hosting[1], "16276"},
	{&hosting[2], "24940"},
	{&hosting[3], "63949"},
	{&hosting[4], "20473"},
	{&farHomes[0], "45899"},
	{&farHomes[1], "9829"},
	{&farHomes[3], "30722"},
}

// oneProvider is the autonomous system that all of some addresses belong to, ""
// where there is no such or it is not known.
func oneProvider(addresses []string) string {
	one := ""
	for _, text := range addresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return ""
		}
		asn := ""
		for _, p := range providers {
			if p.of.holds(address{ip: a}) {
				asn = p.asn
			}
		}
		if asn == "" || one != "" && asn != one {
			return ""
		}
		one = asn
	}
	return one
}

func (n *network) address(r *rand.Rand) address {
	p := netip.MustParsePrefix(pick(r, n.prefixes))
	b := p.Addr().As4()
	ip := binary.BigEndian.Uint32(b[:])
	ip += 1 + r.Uint32N(1<<(32-p.Bits())-2)
	if p.Bits() < 24 && (ip&255 == 0 || ip&255 == 255) {
		ip ^= 2
	}
	binary.BigEndian.PutUint32(b[:], ip)
	return address{netip.AddrFrom4(b), n.nameOf(b)}
}

// holds says whether an address is one of the network's.
func (n *network) holds(a address) bool {
	for _, p := range n.prefixes {
		if netip.MustParsePrefix(p).Contains(a.ip) {
			return true
		}
	}
	return false
}

// six is an address of a home's own /56.
func (n *network) six(r *rand.Rand, home uint64) address {
	b := netip.MustParsePrefix(n.v6).Addr().As16()
	h := mix(home)
	b[4], b[5], b[6] = byte(h), byte(h>>8), byte(h>>16)
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	return address{netip.AddrFrom16(b), unnamed}
}

func (n *network) nameOf(b [4]byte) string {
	if n.reverse == "" {
		return unnamed
	}
	d := func(i int) string { return strconv.Itoa(int(b[i])) }
	return strings.NewReplacer("$1", d(0), "$2", d(1), "$3", d(2), "$4", d(3),
		"$X", strings.ToUpper(hex.EncodeToString(b[:]))).Replace(n.reverse)
}

// hosts are the organisation's own servers and applications.
type hosts struct {
	webmail, groupware, app, copier, monitor, archive address
	server                                            netip.Addr // of Dovecot
	store                                             string     // where Postfix delivers
}

func newHosts(domain string) hosts {
	inside := func(ip, name string) address {
		return address{netip.MustParseAddr(ip), name + ".int." + domain}
	}
	return hosts{
		webmail:   inside("10.12.1.20", "webmail"),
		groupware: inside("10.12.1.30", "groupware"),
		app:       inside("10.12.4.17", "forms"),
		copier:    inside("10.12.9.60", "copier-3"),
		monitor:   inside("10.12.1.5", "monitor"),
		archive:   inside("10.12.1.70", "archive"),
		server:    netip.MustParseAddr("10.12.1.40"),
		store:     "store.int." + domain + "[10.12.1.40]:24",
	}
}

// newOffice draws the few addresses that the people in the office share. Their
// reverse names are the organisation's own, as of most who run their servers.
func newOffice(r *rand.Rand, domain string) []address {
	third := byte(between(r, 130, 250))
	out := make([]address, 4)
	for i := range out {
		out[i] = address{netip.AddrFrom4([4]byte{193, 190, third, byte(10 + i)}), "nat" + strconv.Itoa(i+1) + ".office." + domain}
	}
	return out
}
