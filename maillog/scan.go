package maillog

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Much of reading a line is looking for the next byte of a kind, a few bytes
// away. Calling bytes.IndexByte costs as much as it saves there, and a loop
// over bytes ends where the processor does not expect it. So eight bytes are
// looked at as one word: each test leaves the high bit of a byte where it is
// true, and counting zeros gives the place. None of them carries from one byte
// into the next, so they are exact whatever the bytes hold.

const (
	each  = 0x0101010101010101 // times a byte: that byte in all eight places
	highs = 0x80 * each
)

// word is the eight bytes of b from i on, the first of them lowest.
func word(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// zeros marks the bytes of w that are zero.
func zeros(w uint64) uint64 { return ^((w&^highs + ^uint64(highs)) | w) & highs }

// noDigits marks those bytes that are not below ten. Where it is asked of text,
// each byte has had '0' taken from it by exclusive or.
func noDigits(w uint64) uint64 { return (w&^highs + (0x80-10)*each | w) & highs }

// plain reports whether b is ASCII and holds no NUL, as nearly every line does:
// one pass then stands for two.
func plain(b []byte) bool {
	if len(b) < 8 {
		for _, c := range b {
			if c == 0 || c >= 0x80 {
				return false
			}
		}
		return true
	}
	// Of ASCII, only zero gets no high bit from adding 0x7f.
	high, some := uint64(0), uint64(highs)
	rest := b
	for ; len(rest) >= 32; rest = rest[32:] {
		w, x, y, z := word(rest, 0), word(rest, 8), word(rest, 16), word(rest, 24)
		high |= w | x | y | z
		some &= (w + 0x7f*each) & (x + 0x7f*each) & (y + 0x7f*each) & (z + 0x7f*each)
	}
	for ; len(rest) >= 8; rest = rest[8:] {
		w := word(rest, 0)
		high, some = high|w, some&(w+0x7f*each)
	}
	w := word(b, len(b)-8) // the rest, and a little of what was looked at
	return (high|w)&highs == 0 && some&(w+0x7f*each)&highs == highs
}

// cut splits b at the first sep.
func cut(b []byte, sep string) (before, after []byte, found bool) {
	if i := index(b, sep); i >= 0 {
		return b[:i], b[i+len(sep):], true
	}
	return b, nil, false
}

// cutByte splits b at the first sep, which is most often near.
func cutByte(b []byte, sep byte) (before, after []byte, found bool) {
	if len(b) >= 8 {
		if m := zeros(word(b, 0) ^ uint64(sep)*each); m != 0 {
			i := bits.TrailingZeros64(m) / 8
			return b[:i], b[i+1:], true
		}
	}
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i], b[i+1:], true
	}
	return b, nil, false
}

// index is bytes.Index for a constant text; it does not allocate. It looks for
// the text's first byte, for the second where the first is a blank: there are
// too many of these.
func index(b []byte, s string) int {
	if s[0] == ' ' && len(s) > 1 {
		return indexBy(b, s, 1)
	}
	return indexBy(b, s, 0)
}

// indexBy is index, which looks for the byte s[probe]: whoever knows the text
// knows a byte of it that is seldom in such lines.
func indexBy(b []byte, s string, probe int) int {
	for off := 0; len(b)-off >= len(s); off++ {
		i := bytes.IndexByte(b[off+probe:], s[probe])
		if i < 0 || len(b)-off-i < len(s) {
			return -1
		}
		off += i
		// The ends are compared here: a call costs more than they do.
		if last := len(s) - 1; b[off] == s[0] && b[off+last] == s[last] && string(b[off:off+len(s)]) == s {
			return off
		}
	}
	return -1
}

// lastIndex is bytes.LastIndex for a constant text. It looks for the same byte
// as index does.
func lastIndex(b []byte, s string) int {
	if s[0] == ' ' && len(s) > 1 {
		return lastIndexBy(b, s, 1)
	}
	return lastIndexBy(b, s, 0)
}

// lastIndexBy is lastIndex, which looks for the byte s[probe].
func lastIndexBy(b []byte, s string, probe int) int {
	c, last := s[probe], len(s)-1
	i := len(b) - last + probe // the probe stands before it
	for ; i-8 >= probe; i -= 8 {
		for m := zeros(word(b, i-8) ^ uint64(c)*each); m != 0; {
			k := bits.Len64(m) - 1
			m ^= 1 << k
			if j := i - 8 + k/8 - probe; b[j] == s[0] && b[j+last] == s[last] && string(b[j:j+len(s)]) == s {
				return j
			}
		}
	}
	for i--; i >= probe; i-- {
		if b[i] == c && string(b[i-probe:i-probe+len(s)]) == s {
			return i - probe
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
	if len(b) >= 8 {
		w := word(b, 0) ^ '0'*each
		if i := bits.TrailingZeros64(noDigits(w)) / 8; i == 0 {
			return 0, b, false
		} else if i < 8 {
			return eightDigits(w << (64 - 8*i)), b[i:], true
		}
	}
	i := 0
	for i < len(b) && i < 19 && isDigit(b[i]) {
		n = n*10 + int64(b[i]-'0')
		i++
	}
	return n, b[i:], 0 < i && i < 19
}

// eightDigits is the number of which w holds the eight digits, the first of
// them lowest: neighbours are joined to pairs, fours, eight (Daniel Lemire,
// "Quickly parsing eight digits", 2018).
func eightDigits(w uint64) int64 {
	w = w*10 + w>>8
	const pair = 0x000000ff000000ff
	return int64(((w&pair)*(100+1_000_000<<32) + (w>>16&pair)*(1+10_000<<32)) >> 32)
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

// dotted reads an IPv4 address that other text follows. n is how long it is,
// 0 where there is none, or where b is too short to tell: sixteen bytes are
// looked at. How many digits a part has cannot be foreseen; so no branch here
// depends on it, and the parts do not wait for each other.
func dotted(b []byte) (addr netip.Addr, n int) {
	if len(b) < 16 {
		return addr, 0
	}
	b = b[:16]
	// The marks of a word come together in its highest byte: bit i for byte i.
	const gather = 0x0102040810204080
	ends := uint(noDigits(word(b, 0)^'0'*each)>>7*gather>>56 | noDigits(word(b, 8)^'0'*each)>>7*gather>>56<<8)
	var a [4]byte
	for part := range a {
		i := uint(bits.TrailingZeros(ends) - n) // digits
		if i-1 > 2 || n > 12 {
			return addr, 0
		}
		w := uint(binary.LittleEndian.Uint32(b[n:])) ^ '0'*(each&0xffffffff)
		d := w << ((24 - 8*i) & 63) // the last digit in the third byte
		val := d&15*100 + d>>8&15*10 + d>>16&15
		if val > 255 || w&15 == 0 && i > 1 { // a leading zero could mean octal
			return addr, 0
		}
		a[part] = byte(val)
		if n += int(i); part == 3 {
			break
		}
		if b[n] != '.' {
			return addr, 0
		}
		n++
		ends &= ends - 1
	}
	return netip.AddrFrom4(a), n
}

// addrBefore reads an address that ends at the first sep, or at the end of b.
func addrBefore(b []byte, sep byte) (addr netip.Addr, rest []byte, ok, found bool) {
	if addr, n := dotted(b); n > 0 && b[n] == sep {
		return addr, b[n+1:], true, true
	}
	value, rest, found := cutByte(b, sep)
	addr, ok = parseAddr(value)
	return addr, rest, ok, found
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

// unhex is the value of a hexadecimal digit, -1 where it is none.
func unhex(c byte) int { return int(hexValues[c]) }

// hexValues are those of unhex; it is never written to.
var hexValues = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = int8(i)
	}
	for i, c := range []byte("ABCDEF") {
		t[c] = int8(i) + 10
	}
	return t
}()

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

// unescapeIf is unescape for who knows already whether there may be any.
func unescapeIf(escaped bool, buf *[]byte, b []byte) []byte {
	if !escaped {
		return b
	}
	return unescape(buf, b)
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
