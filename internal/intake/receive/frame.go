package receive

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"
	"time"

	"mailvigil/internal/intake"
)

// framer cuts a stream of syslog into messages, each framed by its length in
// octets or by a newline (RFC 6587, 3.4.1 and 3.4.2): senders mix both on one
// connection, so every message decides anew. A length is one only where "<"
// follows, with which every message that has a length begins; a line of a log may
// begin with a number as well.
//
// What a sender writes never decides how much memory is used: the buffer grows
// with what comes at once, up to framerSize; a longer line is cut at
// intake.MaxLine and its rest is passed over.
type framer struct {
	buf        []byte
	start, end int
	skip       int64 // bytes of a counted message that are passed over
	skipLine   bool  // up to the next newline
	full       bool  // the last read filled the buffer
}

const (
	framerSize  = 2 * intake.MaxLine
	framerStart = 8 << 10
	// maxFrame is the length of a message that is still passed over; who
	// announces more does not speak syslog.
	maxFrame = 16 << 20
	// maxDigits of a length.
	maxDigits = 8
)

var errFrame = errors.New("no syslog: a message announces more than 16 MB")

func newFramer() *framer { return &framer{buf: make([]byte, framerStart)} }

// space returns where to read to.
func (f *framer) space() []byte {
	if f.start > 0 {
		f.end = copy(f.buf, f.buf[f.start:f.end])
		f.start = 0
	}
	if f.end == len(f.buf) || f.full && len(f.buf) < framerSize {
		grown := make([]byte, min(4*len(f.buf), framerSize))
		copy(grown, f.buf[:f.end])
		f.buf = grown
	}
	return f.buf[f.end:]
}

func (f *framer) filled(n int) {
	f.end += n
	f.full = f.end == len(f.buf)
}

// within reports whether a message has begun and not ended.
func (f *framer) within() bool { return f.end > f.start || f.skip > 0 || f.skipLine }

// next returns the next message, valid until space is called; more is false
// where it is not complete.
func (f *framer) next() (line []byte, overlong, more bool, err error) {
	for {
		have := f.buf[f.start:f.end]
		switch {
		case f.skip > 0:
			n := min(f.skip, int64(len(have)))
			f.skip -= n
			f.start += int(n)
			if f.skip > 0 {
				return nil, false, false, nil
			}
			continue
		case f.skipLine:
			i := bytes.IndexByte(have, '\n')
			if i < 0 {
				f.start = f.end
				return nil, false, false, nil
			}
			f.start += i + 1
			f.skipLine = false
			continue
		case len(have) == 0:
			return nil, false, false, nil
		case have[0] == '\n': // after a counted message, or an empty line
			f.start++
			continue
		}
		n, head, known, open := frameLength(have)
		switch {
		case open:
			return nil, false, false, nil
		case known && n > maxFrame:
			return nil, false, false, errFrame
		case known && n <= intake.MaxLine:
			if int64(len(have)-head) < n {
				return nil, false, false, nil
			}
			f.start += head + int(n)
			return have[head : head+int(n)], false, true, nil
		case known:
			if len(have)-head < intake.MaxLine {
				return nil, false, false, nil
			}
			f.start += head + intake.MaxLine
			f.skip = n - intake.MaxLine
			return have[head : head+intake.MaxLine], true, true, nil
		}
		switch i := bytes.IndexByte(have, '\n'); {
		case i >= 0 && i <= intake.MaxLine:
			f.start += i + 1
			return have[:i], false, true, nil
		case i >= 0:
			f.start += i + 1
			return have[:intake.MaxLine], true, true, nil
		case len(have) > intake.MaxLine:
			f.start, f.skipLine = f.end, true
			return have[:intake.MaxLine], true, true, nil
		}
		return nil, false, false, nil
	}
}

// rest returns what was sent before the connection ended, if it was framed by
// newlines: the last newline is often missing. Of a counted message a part is no
// message.
func (f *framer) rest() (line []byte, cut bool) {
	have := f.buf[f.start:f.end]
	f.start = f.end
	if f.skip > 0 || f.skipLine || len(have) == 0 {
		return nil, false
	}
	if _, _, known, open := frameLength(have); known || open {
		return nil, true
	}
	return have, false
}

// frameLength reads "87 <": the length of the message, and where it begins.
// open: it takes more bytes to know.
func frameLength(b []byte) (n int64, head int, known, open bool) {
	for i, c := range b {
		switch {
		case '1' <= c && c <= '9', c == '0' && i > 0:
			if i == maxDigits {
				return 0, 0, false, false
			}
			n = n*10 + int64(c-'0')
		case c == ' ' && i > 0:
			if i+1 == len(b) {
				return 0, 0, false, true
			}
			return n, i + 1, b[i+1] == '<', false
		default:
			return 0, 0, false, false
		}
	}
	return 0, 0, false, true
}

// header is what stands before a message of syslog.
type header struct {
	host []byte // as the sender wrote it
	at   int    // where what is missing belongs
	// noTime, noHost: it is missing.
	noTime, noHost bool
}

// readHeader finds the host in RFC 5424, RFC 3164 and its common variations, and
// what is missing: RFC 3164 (4.3) has the receiver put in the time and the
// sender's address.
func readHeader(line []byte) (h header) {
	if len(line) > 0 && line[0] == '<' {
		if i := bytes.IndexByte(line[:min(len(line), 5)], '>'); i > 1 && isNumber(line[1:i]) {
			h.at = i + 1
		}
	}
	b := line[h.at:]
	if h.at > 0 && len(b) > 1 && b[0] == '1' && b[1] == ' ' {
		if i := bytes.IndexByte(b[2:], ' '); i > 0 {
			h.host, _, _ = bytes.Cut(b[2+i+1:], []byte(" "))
		}
		return h
	}
	n := stampLength(b)
	if n == 0 {
		h.noTime = true
		return h
	}
	h.at += n + 1
	host, _, _ := bytes.Cut(line[min(h.at, len(line)):], []byte(" "))
	if bytes.HasSuffix(host, []byte(":")) { // the program's name
		h.noHost = true
		return h
	}
	h.host = host
	return h
}

func isNumber(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// stampLength is how long the time at the start of a line is: "Feb 21 00:03:02"
// or RFC 3339; 0 where there is none.
func stampLength(b []byte) int {
	if len(b) >= 16 && b[3] == ' ' && b[6] == ' ' && b[9] == ':' && b[12] == ':' && b[15] == ' ' && 'A' <= b[0] && b[0] <= 'Z' {
		return 15
	}
	if len(b) >= 21 && b[4] == '-' && b[7] == '-' && b[10] == 'T' && b[13] == ':' {
		if i := bytes.IndexByte(b[:min(len(b), 40)], ' '); i >= 19 {
			return i
		}
	}
	return 0
}

// complete makes a line of a message: without what ends it, with what the header
// lacks. Bytes that would end a line or be no text, newlines and NUL, are written
// as rsyslog does: #012, #000. Where nothing is to change, the result is the
// message itself.
func complete(msg []byte, h header, peer netip.Addr, now func() time.Time) []byte {
	if !h.noTime && !h.noHost && plainLine(msg) {
		return msg
	}
	buf := appendPlain(make([]byte, 0, len(msg)+64), msg[:h.at])
	if h.noTime {
		buf = append(now().UTC().AppendFormat(buf, "2006-01-02T15:04:05.000000Z07:00"), ' ')
	}
	if h.noTime || h.noHost {
		buf = append(peer.AppendTo(buf), ' ')
	}
	return appendPlain(buf, msg[h.at:])
}

func plainLine(b []byte) bool {
	return bytes.IndexByte(b, '\n') < 0 && bytes.IndexByte(b, 0) < 0 && bytes.IndexByte(b, '\r') < 0
}

// appendPlain appends a text of one line.
func appendPlain(out, b []byte) []byte {
	for _, c := range b {
		switch c {
		case '\n', '\r', 0:
			out = append(out, '#', '0')
			if c < 8 {
				out = append(out, '0')
			}
			out = strconv.AppendUint(out, uint64(c), 8)
		default:
			out = append(out, c)
		}
	}
	return out
}

// trimmed takes off what ends a message.
func trimmed(msg []byte) []byte { return bytes.TrimRight(msg, "\r\n\x00") }
