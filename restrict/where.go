package restrict

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"mailvigil/traffic"
)

// attribute of a request that a Where can name.
type attribute uint8

const (
	attrDevice attribute = iota
	attrAccount
	attrIP
	attrPrefix
	attrGroup
	attrASN
	attrUserAgent
	attrURL
	attrCountry
	attrClient
	attrClientVersion
	attrOS
	attrOSVersion
	attrMechanism
	attrKind
	attrService
	attrAction
	attributes
)

// attributeNames are those of the causes of incidents, the narrowest first.
var attributeNames = [attributes]string{
	"device", "account", "ip", "prefix", "account_group", "asn", "user_agent", "url", "country", "client",
	"client_version", "os", "os_version", "mechanism", "network_kind", "service", "action",
}

// kinds of network that are known.
var kinds = [...]traffic.Kind{
	traffic.KindInternal, traffic.KindOffice, traffic.KindResidential, traffic.KindMobile,
	traffic.KindHosting, traffic.KindVPN, traffic.KindEducation, traffic.KindGovernment,
}

// condition is a compiled attribute=value pair.
type condition struct {
	attr   attribute
	asn    uint32
	text   string
	prefix netip.Prefix
	bounds []bound // of a version that is a range
}

// compile reads a Where; the conditions come narrowest first. The error says
// what to write instead.
func (w Where) compile() ([]condition, error) {
	if len(w) == 0 {
		return nil, errors.New("an empty set of attributes means everyone: say everyone, or name an attribute")
	}
	out := make([]condition, 0, len(w))
	for _, name := range slices.Sorted(maps.Keys(w)) {
		c, err := compileCondition(name, w[name])
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b condition) int { return cmp.Compare(a.attr, b.attr) })
	return out, nil
}

func compileCondition(name, v string) (condition, error) {
	i := slices.Index(attributeNames[:], name)
	c := condition{attr: attribute(i), text: v}
	switch {
	case name == "outcome" || name == "status":
		return c, fmt.Errorf("%s is known only after the answer, so nothing can be refused by it: leave it out", name)
	case i < 0:
		return c, fmt.Errorf("%s is no attribute: write one of %s", show(name), strings.Join(attributeNames[:], ", "))
	case v == "":
		return c, fmt.Errorf("%s has no value: write one, or leave the attribute out", name)
	}
	switch c.attr {
	case attrASN:
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil || n == 0 {
			return c, fmt.Errorf("asn %s is no number of a network: write it without letters, as in 64500", show(v))
		}
		c.asn, c.text = uint32(n), ""
	case attrCountry:
		if len(v) != 2 || v[0] < 'A' || v[0] > 'Z' || v[1] < 'A' || v[1] > 'Z' {
			return c, fmt.Errorf("country %s is no country code: write two capital letters, as in BE", show(v))
		}
	case attrKind:
		if !slices.Contains(kinds[:], traffic.Kind(v)) {
			var names []string
			for _, k := range kinds {
				names = append(names, string(k))
			}
			return c, fmt.Errorf("network_kind %s is not known: write one of %s", show(v), strings.Join(names, ", "))
		}
	case attrIP:
		a, err := netip.ParseAddr(v)
		switch {
		case err != nil && strings.Contains(v, "/"):
			return c, fmt.Errorf("ip %s is no single address: write it as prefix", show(v))
		case err != nil || a.Zone() != "":
			return c, fmt.Errorf("ip %s is no address: write one as in 192.0.2.7 or 2001:db8::7", show(v))
		}
		a = a.Unmap()
		c.prefix, c.text = netip.PrefixFrom(a, a.BitLen()), ""
	case attrPrefix:
		p, err := netip.ParsePrefix(v)
		switch {
		case err != nil:
			return c, fmt.Errorf("prefix %s is none: write it as in 192.0.2.0/24 or 2001:db8::/48", show(v))
		case p.Addr().Is4In6():
			return c, fmt.Errorf("prefix %s is an IPv4 prefix in IPv6 clothes: write it as in 192.0.2.0/24", v)
		case p.Masked() != p:
			return c, fmt.Errorf("prefix %s has bits set after its length: write %s", v, p.Masked())
		case p.Bits() == 0:
			return c, fmt.Errorf("prefix %s is everybody: say everyone instead", v)
		}
		c.prefix, c.text = p, ""
	case attrClientVersion, attrOSVersion:
		b, err := parseBounds(name, v)
		if err != nil {
			return c, err
		}
		c.bounds = b
	case attrService:
		if !word(v) {
			return c, badService(v)
		}
	case attrAction:
		if !isAction(v) {
			return c, badAction(v)
		}
	}
	return c, nil
}

// holds tells whether the condition holds for a request. What is not known of a
// request holds for no condition.
func (c *condition) holds(q *Request) bool {
	switch c.attr {
	case attrDevice:
		return q.Device == c.text
	case attrAccount:
		return q.Account == c.text
	case attrIP, attrPrefix:
		return c.prefix.Contains(q.Addr.Unmap())
	case attrGroup:
		return slices.Contains(q.Groups, c.text)
	case attrASN:
		return q.Network.ASN == c.asn
	case attrUserAgent:
		return q.UserAgent == c.text
	case attrURL:
		return q.URL == c.text
	case attrCountry:
		return q.Network.Country == c.text
	case attrClient:
		return q.Agent.Client == c.text
	case attrClientVersion:
		return c.version(q.Agent.Version)
	case attrOS:
		return q.Agent.OS == c.text
	case attrOSVersion:
		return c.version(q.Agent.OSVersion)
	case attrMechanism:
		return q.Mechanism == c.text
	case attrKind:
		return string(q.Network.Kind) == c.text
	case attrService:
		return q.Service == c.text
	case attrAction:
		return q.Action == c.text
	}
	return false
}

// bound of a version.
type bound struct {
	op      string
	version string
}

// parseBounds reads "18.4" (nil: as it stands), ">=18.4" or ">=18.4 <19".
func parseBounds(name, v string) ([]bound, error) {
	if !strings.ContainsAny(v, "<>=≥≤ ") {
		return nil, nil
	}
	bad := fmt.Errorf("%s %s is no range of versions: write it as in >=18.4 or >=18.4 <19, with >, >=, < or <= before each number", name, show(v))
	var out []bound
	for f := range strings.FieldsSeq(v) {
		b := bound{}
		for _, op := range []string{">=", "<=", ">", "<"} {
			if rest, ok := strings.CutPrefix(f, op); ok {
				b = bound{op, rest}
				break
			}
		}
		if _, ok := compareVersions(b.version, b.version); !ok {
			return nil, bad
		}
		out = append(out, b)
	}
	if len(out) == 0 {
		return nil, bad
	}
	return out, nil
}

// version tells whether a version is the one meant or lies in the range. A
// version that is not made of numbers lies in no range.
func (c *condition) version(v string) bool {
	if c.bounds == nil {
		return v == c.text && v != ""
	}
	for i := range c.bounds {
		b := &c.bounds[i]
		order, ok := compareVersions(v, b.version)
		if !ok || !ordered(b.op, order) {
			return false
		}
	}
	return true
}

func ordered(op string, order int) bool {
	switch op {
	case ">=":
		return order >= 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order < 0
}

// compareVersions compares numbers between dots from left to right; what is
// missing is 0, so 18.4 is 18.4.0. ok is false where one is not made of numbers.
func compareVersions(a, b string) (order int, ok bool) {
	if a == "" || b == "" {
		return 0, false
	}
	for a != "" || b != "" {
		var x, y string
		if x, a, ok = component(a); !ok {
			return 0, false
		}
		if y, b, ok = component(b); !ok {
			return 0, false
		}
		if order == 0 {
			order = cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
		}
	}
	return order, true
}

// component cuts the first number off, without its leading zeros.
func component(v string) (number, rest string, ok bool) {
	if v == "" {
		return "", "", true
	}
	end := strings.IndexByte(v, '.')
	if end < 0 {
		end = len(v)
	} else if rest = v[end+1:]; rest == "" {
		return "", "", false
	}
	if end == 0 {
		return "", "", false
	}
	for i := range end {
		if v[i] < '0' || v[i] > '9' {
			return "", "", false
		}
	}
	return strings.TrimLeft(v[:end], "0"), rest, true
}
