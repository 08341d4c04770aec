package enrich

import (
	"strings"
	"unicode"

	"mailvigil/traffic"
)

// kindOf says what kind of network an ASN is, from a reviewed table of large
// ones and from the words of its name. Most large providers sell lines to
// homes, to phones and to servers under one number: they stay unknown, and
// unknown is never held against anybody.
func kindOf(asn uint32, name string) traffic.Kind {
	if kind, ok := kindByASN[asn]; ok {
		return kind
	}
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	for _, rule := range kindWords {
		for _, word := range words {
			for _, w := range rule.words {
				stem, open := strings.CutSuffix(w, "*")
				if word == stem || open && strings.HasPrefix(word, stem) {
					return rule.kind
				}
			}
		}
	}
	return traffic.KindUnknown
}

// kindWords are tried in this order; a word with a star is a beginning of
// words.
var kindWords = []struct {
	kind  traffic.Kind
	words []string
}{
	{traffic.KindVPN, []string{"nordvpn", "mullvad", "expressvpn", "protonvpn", "surfshark"}},
	{traffic.KindEducation, []string{
		"universi*", "hochschule", "college", "school", "schools", "academic", "academy", "education*",
		"polytechnic", "nren", "renater", "surfnet", "belnet", "cesnet", "arnes",
	}},
	{traffic.KindGovernment, []string{
		"government*", "gouvernement", "ministry", "ministere", "ministerio", "ministerie", "ministero", "ministerstwo",
		"parliament*", "bundestag", "municipality", "gemeente", "gov",
	}},
	{traffic.KindHosting, []string{
		"hosting", "webhosting", "datacenter", "datacenters", "datacentre", "datacamp", "cloud", "server",
		"servers", "dedicated", "vps", "colo", "colocation", "hostinger", "hostgator", "hostkey",
		"hetzner", "contabo", "leaseweb", "digitalocean", "linode", "vultr", "choopa", "scaleway",
		"ionos", "rackspace", "quadranet", "colocrossing", "psychz", "servermania", "hostwinds", "namecheap",
	}},
	{traffic.KindMobile, []string{"mobile", "cellular", "mobitel"}},
	{traffic.KindResidential, []string{"broadband", "cablevision", "cable", "kabel", "ftth"}},
}

// kindByASN is looked at before the words: large networks whose name tells
// nothing, or something else than what their addresses are used for.
var kindByASN = map[uint32]traffic.Kind{
	// Servers for rent. Microsoft's addresses are also those that its mail
	// application synchronises from for every phone.
	8075: traffic.KindHosting, 8068: traffic.KindHosting, 14618: traffic.KindHosting, 16509: traffic.KindHosting,
	15169: traffic.KindHosting, 396982: traffic.KindHosting, 31898: traffic.KindHosting, 36351: traffic.KindHosting,
	45102: traffic.KindHosting, 37963: traffic.KindHosting, 132203: traffic.KindHosting, 136907: traffic.KindHosting,
	14061: traffic.KindHosting, 16276: traffic.KindHosting, 24940: traffic.KindHosting, 213230: traffic.KindHosting,
	63949: traffic.KindHosting, 20473: traffic.KindHosting, 9009: traffic.KindHosting, 53667: traffic.KindHosting,
	12876: traffic.KindHosting, 60781: traffic.KindHosting, 28753: traffic.KindHosting, 30633: traffic.KindHosting,
	51167: traffic.KindHosting, 8560: traffic.KindHosting, 197540: traffic.KindHosting, 47583: traffic.KindHosting,
	26496: traffic.KindHosting, 46606: traffic.KindHosting, 22612: traffic.KindHosting, 36352: traffic.KindHosting,
	8100: traffic.KindHosting, 40676: traffic.KindHosting, 55286: traffic.KindHosting, 54290: traffic.KindHosting,
	62904: traffic.KindHosting, 202425: traffic.KindHosting, 49981: traffic.KindHosting,
	60068: traffic.KindHosting, 212238: traffic.KindHosting, 29802: traffic.KindHosting, 33070: traffic.KindHosting,
	19994: traffic.KindHosting, 27357: traffic.KindHosting, 50673: traffic.KindHosting, 43350: traffic.KindHosting,
	199524: traffic.KindHosting, 61317: traffic.KindHosting, 35916: traffic.KindHosting,
	// Those that measure the whole Internet.
	398324: traffic.KindHosting, 398722: traffic.KindHosting, 10439: traffic.KindHosting, 211298: traffic.KindHosting,

	// What people hide behind, or are hidden behind without knowing:
	// Mullvad, Proton, NordVPN, Cloudflare's WARP, Apple's Private Relay.
	39351: traffic.KindVPN, 62371: traffic.KindVPN, 209103: traffic.KindVPN, 136787: traffic.KindVPN,
	147049: traffic.KindVPN, 207137: traffic.KindVPN, 13335: traffic.KindVPN, 36183: traffic.KindVPN,

	// Lines to homes, and little else.
	6848: traffic.KindResidential, 12392: traffic.KindResidential, 7922: traffic.KindResidential,
	20115: traffic.KindResidential, 20001: traffic.KindResidential, 11427: traffic.KindResidential,
	11351: traffic.KindResidential, 10796: traffic.KindResidential, 22773: traffic.KindResidential,
	6128: traffic.KindResidential,
	5089: traffic.KindResidential, 5607: traffic.KindResidential, 2856: traffic.KindResidential,
	12322: traffic.KindResidential, 6830: traffic.KindResidential,
	8422: traffic.KindResidential,

	// Lines to phones, and little else.
	21928: traffic.KindMobile, 22394: traffic.KindMobile, 6167: traffic.KindMobile, 20057: traffic.KindMobile,
	55836: traffic.KindMobile, 47377: traffic.KindMobile, 51207: traffic.KindMobile,
	25135: traffic.KindMobile, 206067: traffic.KindMobile, 31615: traffic.KindMobile, 9605: traffic.KindMobile,

	// Research networks whose name does not say so.
	2611: traffic.KindEducation, 1103: traffic.KindEducation, 680: traffic.KindEducation, 786: traffic.KindEducation,
	2200: traffic.KindEducation, 137: traffic.KindEducation, 766: traffic.KindEducation, 20965: traffic.KindEducation,
	11537: traffic.KindEducation, 559: traffic.KindEducation, 1853: traffic.KindEducation, 1653: traffic.KindEducation,
	224: traffic.KindEducation, 1835: traffic.KindEducation, 1741: traffic.KindEducation, 2852: traffic.KindEducation,
	8501: traffic.KindEducation, 1955: traffic.KindEducation, 1930: traffic.KindEducation, 5408: traffic.KindEducation,
}
