package maillog

import (
	"bytes"
	"net/netip"
)

// cut splits b at the first sep.
func cut(b []byte, sep string) (before, after []byte, found bool) {
	if i := index(b, sep); i >= 0 {
		return b[:i], b[i+len(sep):], true
	}
	return b, nil, false
}

// cutByte splits b at the first sep.
func cutByte(b []byte, sep byte) (before, after []byte, found bool) {
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i], b[i+1:], true
	}
	return b, nil, false
}

// index is bytes.Index for a constant text; it does not allocate. It looks for
// the text's first byte, for the second where the first is a blank: there are
// too many of these.
func index(b []byte, s string) int {
	probe := 0
	if s[0] == ' ' && len(s) > 1 {
		probe = 1
	}
	for off := 0; len(b)-off >= len(s); off++ {
		i := bytes.IndexByte(b[off+probe:], s[probe])
		if i < 0 || len(b)-off-i < len(s) {
			return -1
		}
		off += i
		if string(b[off:off+len(s)]) == s {
			return off
		}
	}
	return -1
}

// lastIndex is bytes.LastIndex for a constant text.
func lastIndex(b []byte, s string) int {
	for i := len(b) - len(s); i >= 0; i-- {
		if b[i] == s[0] && string(b[i:i+len(s)]) == s {
			return i
		}
	}
	return -1
}

func contains(b []byte, s string) bool  { return index(b, s) >= 0 }
func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }
func hasSuffix(b []byte, s string) bool { return len(b) >= len(s) && string(b[len(b)-len(s):]) == s }

// equalFold compares ASCII text; s is lower case.
func equalFold(b []byte, s string) bool { return len(b) == len(s) && hasPrefixFold(b, s) }

func hasPrefixFold(b []byte, s string) bool {
	if len(b) < len(s) {
		return false
	}
	for i := range len(s) {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != s[i] {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// digits reads a number of at most 18 digits from the start of b.
func digits(b []byte) (n int64, rest []byte, ok bool) {
	i := 0
	for i < len(b) && i < 19 && isDigit(b[i]) {
		n = n*10 + int64(b[i]-'0')
		i++
	}
	return n, b[i:], 0 < i && i < 19
}

// two reads exactly two digits at b[i]; -1 where there are none.
func two(b []byte, i int) int {
	if !isDigit(b[i]) || !isDigit(b[i+1]) {
		return -1
	}
	return int(b[i]-'0')*10 + int(b[i+1]-'0')
}

// parseAddr reads an address as netip.ParseAddr does, without an allocation.
// A zone is dropped and an IPv4 address mapped into IPv6 is returned as IPv4,
// so that one client has one address.
func parseAddr(b []byte) (netip.Addr, bool) {
	for _, c := range b[:min(len(b), 5)] {
		switch {
		case isDigit(c):
		case c == '.':
			v4, ok := parseIPv4(b)
			return netip.AddrFrom4(v4), ok
		default:
			return parseIPv6(b)
		}
	}
	return netip.Addr{}, false
}

func parseIPv4(b []byte) (a [4]byte, ok bool) {
	i := 0
	for part := 0; ; part++ {
		// One to three digits; a leading zero could mean octal.
		if i >= len(b) || !isDigit(b[i]) {
			return a, false
		}
		val := uint(b[i] - '0')
		for i++; i < len(b) && isDigit(b[i]); i++ {
			if val = val*10 + uint(b[i]-'0'); val > 255 || val < 10 {
				return a, false
			}
		}
		a[part] = byte(val)
		if part == 3 {
			return a, i == len(b)
		}
		if i >= len(b) || b[i] != '.' {
			return a, false
		}
		i++
	}
}

func parseIPv6(b []byte) (netip.Addr, bool) {
	none := netip.Addr{}
	if i := bytes.IndexByte(b, '%'); i >= 0 {
		if i == len(b)-1 {
			return none, false
		}
		b = b[:i]
	}
	var a [16]byte
	gap, n := -1, 0 // where "::" stands, and bytes written
	if hasPrefix(b, "::") {
		gap = 0
		b = b[2:]
	}
	for len(b) > 0 {
		if n == 16 {
			return none, false
		}
		i, val := 0, 0
		for ; i < len(b); i++ {
			d := unhex(b[i])
			if d < 0 {
				break
			}
			val = val<<4 | d
			if i == 4 {
				return none, false
			}
		}
		if i == 0 {
			return none, false
		}
		if i < len(b) && b[i] == '.' { // the last four bytes as IPv4
			v4, ok := parseIPv4(b)
			if !ok || n > 12 || gap < 0 && n != 12 {
				return none, false
			}
			copy(a[n:], v4[:])
			n += 4
			b = nil
			break
		}
		a[n], a[n+1] = byte(val>>8), byte(val)
		n += 2
		b = b[i:]
		if len(b) == 0 {
			break
		}
		if b[0] != ':' || len(b) == 1 {
			return none, false
		}
		b = b[1:]
		if b[0] == ':' {
			if gap >= 0 {
				return none, false
			}
			gap = n
			b = b[1:]
		}
	}
	switch {
	case gap < 0 && n != 16, gap >= 0 && n == 16:
		return none, false
	case gap >= 0:
		copy(a[16-(n-gap):], a[gap:n])
		clear(a[gap : 16-(n-gap)])
	}
	return netip.AddrFrom16(a).Unmap(), true
}

func unhex(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// unescape undoes percent-encoding into *buf and returns b itself where there
// is none. What is not a valid escape stays as it is.
func unescape(buf *[]byte, b []byte) []byte {
	i := bytes.IndexByte(b, '%')
	if i < 0 {
		return b
	}
	out := append((*buf)[:0], b[:i]...)
	for ; i < len(b); i++ {
		c := b[i]
		if c == '%' && i+2 < len(b) {
			if h, l := unhex(b[i+1]), unhex(b[i+2]); h >= 0 && l >= 0 {
				c = byte(h<<4 | l)
				i += 2
			}
		}
		out = append(out, c)
	}
	*buf = out
	return out
}

// quoted returns the text between the quote at b[0] and the one that closes
// it. A quote inside is escaped by a backslash, as Apache and nginx do.
func quoted(b []byte) (text, rest []byte, ok bool) {
	for i := 1; i <= len(b); {
		j := bytes.IndexByte(b[i:], '"')
		if j < 0 {
			return nil, nil, false
		}
		i += j
		k := i
		for b[k-1] == '\\' && k > 1 {
			k--
		}
		if (i-k)%2 == 0 {
			return b[1:i], b[i+1:], true
		}
		i++
	}
	return nil, nil, false
}
