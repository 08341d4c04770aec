// Package jsonl writes JSON objects, one a line, into a buffer that is used
// again for the next: no reflection, and no allocation once the buffer has
// grown. Strings come out as encoding/json writes them without escaping HTML.
//
// It is no general encoder: whoever calls it (internal/app and internal/ocsf)
// opens and closes objects in pairs, and gives keys that need no escapes. It
// takes values only, and knows nothing of events.
package jsonl

import (
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"
)

// Writer builds one line. The zero value is ready for use. It is not safe for
// concurrent use.
type Writer struct {
	buf []byte
}

// Begin starts a line, which forgets the last.
func (w *Writer) Begin() { w.buf = append(w.buf[:0], '{') }

// End closes the line and returns it with its newline. It is valid until
// Begin.
func (w *Writer) End() []byte {
	w.buf = append(w.buf, '}', '\n')
	return w.buf
}

// Open starts an object within the object.
func (w *Writer) Open(key string) {
	w.key(key)
	w.buf = append(w.buf, '{')
}

// Close ends the object that Open started last.
func (w *Writer) Close() { w.buf = append(w.buf, '}') }

// Literal writes a value that is JSON already.
func (w *Writer) Literal(key, json string) {
	w.key(key)
	w.buf = append(w.buf, json...)
}

// String writes a text; empty ones too.
func (w *Writer) String(key, value string) {
	w.key(key)
	w.buf = quote(w.buf, value)
}

// Bytes writes a text; empty ones too.
func (w *Writer) Bytes(key string, value []byte) {
	w.key(key)
	w.buf = quote(w.buf, value)
}

// Text writes a text unless it is empty.
func (w *Writer) Text(key, value string) {
	if value != "" {
		w.String(key, value)
	}
}

// TextBytes writes a text unless it is empty.
func (w *Writer) TextBytes(key string, value []byte) {
	if len(value) > 0 {
		w.Bytes(key, value)
	}
}

// Int writes a number.
func (w *Writer) Int(key string, value int64) {
	w.key(key)
	w.buf = strconv.AppendInt(w.buf, value, 10)
}

// True writes true where a fact holds, and nothing where it does not.
func (w *Writer) True(key string, fact bool) {
	if fact {
		w.Literal(key, "true")
	}
}

// Addr writes an address, without a zone of this machine.
func (w *Writer) Addr(key string, addr netip.Addr) {
	w.key(key)
	w.buf = append(w.buf, '"')
	w.buf = addr.WithZone("").AppendTo(w.buf)
	w.buf = append(w.buf, '"')
}

// Time writes a time as RFC 3339 with as many digits as it has, in its zone.
func (w *Writer) Time(key string, t time.Time) {
	w.key(key)
	w.buf = append(w.buf, '"')
	w.buf = t.AppendFormat(w.buf, time.RFC3339Nano)
	w.buf = append(w.buf, '"')
}

func (w *Writer) key(key string) {
	if n := len(w.buf); w.buf[n-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, key...)
	w.buf = append(w.buf, '"', ':')
}

// plain are the bytes that stand for themselves in a JSON string.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// quote appends s as a JSON string (RFC 8259, 7). What is not UTF-8 becomes
// U+FFFD; the line separators that end a line in JavaScript are escaped.
func quote[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\b':
				dst = append(dst, '\\', 'b')
			case '\f':
				dst = append(dst, '\\', 'f')
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\ufffd`...)
			start = i + size
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\u202`...)
			dst = append(dst, hex[r&15])
			start = i + size
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
