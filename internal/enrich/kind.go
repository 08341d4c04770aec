package enrich

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"mailvigil/traffic"
)

// Judged is what kind of network something is, how surely, and why.
type Judged struct {
	Kind       traffic.Kind
	Confidence float64 // of the addresses judged so, the share that are of that kind
	Why        string
}

// sure is the confidence from which a kind counts. What is less sure is shown
// where it is asked for, and held against nobody.
const sure = 0.8

// JudgeNetwork says what kind of network an ASN is: from a reviewed table, and
// from the words of its name where it is not in it.
func JudgeNetwork(asn uint32, name string) Judged {
	if j, ok := kindTable()[asn]; ok {
		return j
	}
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	for _, rule := range kindWords {
		for _, word := range words {
			for _, w := range rule.words {
				stem, open := strings.CutSuffix(w, "*")
				if word == stem || open && strings.HasPrefix(word, stem) {
					return Judged{rule.kind, rule.confidence, fmt.Sprintf("its name says %q", word)}
				}
			}
		}
	}
	return Judged{Kind: traffic.KindUnknown, Why: "not in the table, and its name does not say"}
}

// kindOf is the kind that counts. Most large providers sell lines to homes, to
// phones and to servers under one number: they stay unknown.
func kindOf(asn uint32, name string) traffic.Kind {
	if j := JudgeNetwork(asn, name); j.Confidence >= sure {
		return j.Kind
	}
	return traffic.KindUnknown
}

//go:embed kinds.txt
var kindText string

// kindTable reads the reviewed table once. That it can be read is tested.
var kindTable = sync.OnceValue(func() map[uint32]Judged {
	table, err := readKinds(kindText)
	if err != nil {
		panic(err) // a slip in the embedded file
	}
	return table
})

func readKinds(text string) (map[uint32]Judged, error) {
	table := make(map[uint32]Judged)
	for i, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.SplitN(line, " ", 4)
		if len(fields) < 3 {
			return nil, fmt.Errorf("kinds.txt, line %d: %q is not \"AS kind confidence name\"", i+1, line)
		}
		asn, err := strconv.ParseUint(fields[0], 10, 32)
		confidence, err2 := strconv.ParseFloat(fields[2], 64)
		kind := traffic.Kind(fields[1])
		switch {
		case err != nil || err2 != nil || confidence <= 0 || confidence > 1:
			return nil, fmt.Errorf("kinds.txt, line %d: no number where one belongs in %q", i+1, line)
		case !storedKind(kind):
			return nil, fmt.Errorf("kinds.txt, line %d: there is no kind %q", i+1, kind)
		}
		if _, twice := table[uint32(asn)]; twice {
			return nil, fmt.Errorf("kinds.txt, line %d: AS%d stands there twice", i+1, asn)
		}
		table[uint32(asn)] = Judged{kind, confidence, "it is in the reviewed table"}
	}
	return table, nil
}

// storedKind says whether networks.db can hold a kind.
func storedKind(k traffic.Kind) bool {
	for _, known := range fileKinds[1:] {
		if k == known {
			return true
		}
	}
	return false
}

// kindWords are tried in this order; a word with a star is a beginning of
// words. Names say less than the reviewed table, so they are less sure.
var kindWords = []struct {
	kind       traffic.Kind
	confidence float64
	words      []string
}{
	{traffic.KindVPN, 0.95, []string{"nordvpn", "mullvad", "expressvpn", "protonvpn", "surfshark"}},
	{traffic.KindEducation, 0.95, []string{
		"universi*", "hochschule", "college", "school", "schools", "academic", "academy", "education*",
		"polytechnic", "nren", "renater", "surfnet", "belnet", "cesnet", "arnes",
	}},
	{traffic.KindGovernment, 0.9, []string{
		"government*", "gouvernement", "ministry", "ministere", "ministerio", "ministerie", "ministero", "ministerstwo",
		"parliament*", "bundestag", "municipality", "gemeente", "gov",
	}},
	{traffic.KindHosting, 0.9, []string{
		"hosting", "webhosting", "datacenter", "datacenters", "datacentre", "datacamp", "cloud", "server",
		"servers", "dedicated", "vps", "colo", "colocation", "hostinger", "hostgator", "hostkey",
		"hetzner", "contabo", "leaseweb", "digitalocean", "linode", "vultr", "choopa", "scaleway",
		"ionos", "rackspace", "quadranet", "colocrossing", "psychz", "servermania", "hostwinds", "namecheap",
	}},
	{traffic.KindMobile, 0.8, []string{"mobile", "cellular", "mobitel"}},
	{traffic.KindResidential, 0.8, []string{"broadband", "cablevision", "cable", "kabel", "ftth"}},
}
