package maillog

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// What looks at eight bytes at a time comes to what the standard library does
// with one after the other, wherever in a word the bytes stand.
func TestScan(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const pieces = " =<>\"\\0123456789abz.:\x00\x01\x7f\x80\xff/"
	var b []byte
	for range 200_000 {
		b = b[:0]
		for range random.IntN(70) {
			switch random.IntN(12) {
			case 0:
				b = append(b, " rip="...)
			case 1:
				b = append(b, byte(random.IntN(256)))
			case 2:
				b = append(b, pieces[random.IntN(len(pieces))])
			default:
				b = append(b, "x1 "[random.IntN(3)])
			}
		}
		isPlain := true
		for _, c := range b {
			isPlain = isPlain && c != 0 && c < 0x80
		}
		if plain(b) != isPlain {
			t.Fatalf("%q: plain %v", b, !isPlain)
		}
		for _, s := range []string{" rip=", "x", "x1", " ", "=\"", "1 x"} {
			for probe := range s {
				if got, want := indexBy(b, s, probe), bytes.Index(b, []byte(s)); got != want {
					t.Fatalf("%q in %q: at %d, want %d", s, b, got, want)
				}
				if got, want := lastIndexBy(b, s, probe), bytes.LastIndex(b, []byte(s)); got != want {
					t.Fatalf("%q in %q: last at %d, want %d", s, b, got, want)
				}
			}
		}
		before, after, found := cutByte(b, '=')
		wantBefore, wantAfter, wantFound := bytes.Cut(b, []byte("="))
		if found != wantFound || !bytes.Equal(before, wantBefore) || !bytes.Equal(after, wantAfter) {
			t.Fatalf("%q: cut to %q and %q", b, before, after)
		}
	}
}

func TestDigits(t *testing.T) {
	for _, follows := range []string{"", " ", "x", ".5", " and more than eight", "\xff", ":/"} {
		for _, number := range []string{"", "0", "7", "12", "007", "4096", "65535", "123456", "1234567", "12345678", "123456789", "99999999", "999999999999999999", "1234567890123456789"} {
			text := number + follows
			n, rest, ok := digits([]byte(text))
			want, err := strconv.ParseInt(number, 10, 64)
			if wantOK := err == nil && len(number) < 19; ok != wantOK || ok && (n != want || string(rest) != follows) {
				t.Errorf("%q: %d, %q, %v", text, n, rest, ok)
			}
		}
	}
}

func TestDotted(t *testing.T) {
	parts := []string{"0", "1", "9", "10", "99", "100", "199", "249", "255", "256", "300", "999", "1000", "00", "01", "001", "", "a", "1a", "-1", "\xb2"}
	random := rand.New(rand.NewPCG(5, 6))
	for range 200_000 {
		text := parts[random.IntN(len(parts))]
		if random.IntN(2) == 0 {
			text = strconv.Itoa(random.IntN(256))
		}
		for range 3 + random.IntN(8)/7 {
			part := strconv.Itoa(random.IntN(256))
			if random.IntN(6) == 0 {
				part = parts[random.IntN(len(parts))]
			}
			text += string(".....,:"[random.IntN(7)]) + part
		}
		follows := []string{" - - [", ",", "]", ".", "", ", and more", "/24"}[random.IntN(7)]
		line := text + follows + strings.Repeat("x", 16)
		addr, n := dotted([]byte(line))
		// The address ends where the fourth part does.
		end := 0
		for dots := 0; end < len(line); end++ {
			if line[end] == '.' {
				if dots++; dots > 3 {
					break
				}
			} else if line[end] < '0' || line[end] > '9' {
				break
			}
		}
		want, err := netip.ParseAddr(line[:end])
		if (n > 0) != (err == nil) || n > 0 && (n != end || addr != want) {
			t.Fatalf("%q: %v of %d bytes, want %v of %d", line, addr, n, want, end)
		}
	}
	if _, n := dotted([]byte("192.0.2.1, short")[:15]); n != 0 {
		t.Error("read beyond the end")
	}
}
