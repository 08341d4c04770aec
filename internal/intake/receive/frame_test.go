package receive

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"mailvigil/internal/intake"
)

// frames reads a stream to its end; each message is as "text", those that were cut
// as "length+".
func frames(r io.Reader) (out []string, err error) {
	f := newFramer()
	for {
		n, readErr := r.Read(f.space())
		f.filled(n)
		for {
			line, overlong, more, err := f.next()
			if err != nil {
				return out, err
			}
			if !more {
				break
			}
			s := string(line)
			if overlong {
				s = fmt.Sprintf("%d+", len(line))
			}
			out = append(out, s)
		}
		if readErr != nil {
			if last, cut := f.rest(); cut {
				out = append(out, "cut")
			} else if len(last) > 0 {
				out = append(out, string(last))
			}
			return out, nil
		}
	}
}

func TestFrames(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	tests := []struct {
		name, in string
		want     []string
		bad      bool
	}{
		{"newlines", "<1>a\n<2>b\r\n", []string{"<1>a", "<2>b\r"}, false},
		{"counted", "4 <1>a5 <2>bc", []string{"<1>a", "<2>bc"}, false},
		{"both on one connection", "4 <1>a<2>b\n5 <3>cd", []string{"<1>a", "<2>b", "<3>cd"}, false},
		{"counted, with newlines in and after", "7 <1>a\nb\n\n4 <2>c", []string{"<1>a\nb\n", "<2>c"}, false},
		{"a line that begins with a number", "2026-02-21T00:03:02Z mx1 a: b\n12 monkeys\n5\n", []string{"2026-02-21T00:03:02Z mx1 a: b", "12 monkeys", "5"}, false},
		{"no newline at the end", "<1>a\n<2>b", []string{"<1>a", "<2>b"}, false},
		{"a counted one that ends early", "4 <1>a9 <2>b", []string{"<1>a", "cut"}, false},
		{"nothing but a number", "123", []string{"cut"}, false},
		{"a number of many digits", "123456789 <1>a\n", []string{"123456789 <1>a"}, false},
		{"a long line", "<1>" + long + "\n<2>b\n", []string{"65536+", "<2>b"}, false},
		{"a long counted one", "100003 <1>" + long + "4 <2>b", []string{"65536+", "<2>b"}, false},
		{"a length that is no syslog", "99999999 <1>a", nil, true},
		{"empty lines", "\n\n<1>a\n\n", []string{"<1>a"}, false},
		{"nothing", "", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in)), iotest.DataErrReader(strings.NewReader(tt.in))} {
				got, err := frames(r)
				if fmt.Sprint(got) != fmt.Sprint(tt.want) || (err != nil) != tt.bad {
					t.Fatalf("got %.200q %v, want %.200q", got, err, tt.want)
				}
			}
		})
	}
}

// FuzzFrames: the messages do not depend on how the bytes come in, and no message
// is longer than a line.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("4 <1>a<2>b\n5 <3>cd"), uint64(1))
	f.Add([]byte("<34>1 2026-02-21T00:03:02Z h a - - - m\n12 <1>"), uint64(2))
	f.Add(append(bytes.Repeat([]byte("x"), 70_000), '\n'), uint64(3))
	f.Add([]byte("70000 <"), uint64(4))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		want, wantErr := frames(bytes.NewReader(data))
		for _, s := range want {
			if len(s) > intake.MaxLine {
				t.Fatalf("a message of %d bytes", len(s))
			}
		}
		rnd := rand.New(rand.NewPCG(seed, 0))
		got, err := frames(&chunks{data: data, rnd: rnd})
		if fmt.Sprint(got) != fmt.Sprint(want) || (err == nil) != (wantErr == nil) {
			t.Fatalf("in parts %q %v, at once %q %v", got, err, want, wantErr)
		}
	})
}

type chunks struct {
	data []byte
	rnd  *rand.Rand
}

func (c *chunks) Read(b []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.data[:1+c.rnd.IntN(len(c.data))])
	c.data = c.data[n:]
	return n, nil
}

var (
	peer = netip.MustParseAddr("192.0.2.7")
	noon = time.Date(2026, 2, 21, 12, 0, 0, 0, time.UTC)
)

func TestComplete(t *testing.T) {
	tests := []struct{ name, in, want, host string }{
		{"RFC 3164", "<22>Feb 21 00:03:02 mx1 dovecot: imap-login: x", "", "mx1"},
		{"RFC 3164, a day of one digit", "<22>Feb  1 00:03:02 mx1 dovecot: x", "", "mx1"},
		{"without priority", "Feb 21 00:03:02 mx1 dovecot: x", "", "mx1"},
		{"rsyslog's time", "<22>2026-02-21T00:03:02.123456+01:00 mx1 postfix/smtpd[7]: x", "", "mx1"},
		{"RFC 5424", "<22>1 2026-02-21T00:03:02Z mx1 dovecot 7 - [a b=\"c d\"] x", "", "mx1"},
		{"RFC 5424 with nothing in it", "<22>1 - - - - - -", "", "-"},
		{"no time", "<22>dovecot: x", "<22>2026-02-21T12:00:00.000000Z 192.0.2.7 dovecot: x", ""},
		{"nothing but words", "hello there", "2026-02-21T12:00:00.000000Z 192.0.2.7 hello there", ""},
		{"no host", "<22>Feb 21 00:03:02 dovecot: imap-login: x", "<22>Feb 21 00:03:02 192.0.2.7 dovecot: imap-login: x", ""},
		{"no host, with a process", "<22>Feb 21 00:03:02 postfix/smtpd[7]: x", "<22>Feb 21 00:03:02 192.0.2.7 postfix/smtpd[7]: x", ""},
		{"two lines in one", "<22>Feb 21 00:03:02 mx1 a: b\nFeb 21 00:03:03 mx1 dovecot: c\x00", "<22>Feb 21 00:03:02 mx1 a: b#012Feb 21 00:03:03 mx1 dovecot: c#000", "mx1"},
		{"not UTF-8", "<22>Feb 21 00:03:02 mx1 a: \xff", "", "mx1"},
		{"a time that is cut", "<22>Feb 21 00:03", "<22>2026-02-21T12:00:00.000000Z 192.0.2.7 Feb 21 00:03", ""},
		{"a time and no more", "<22>Feb 21 00:03:02 ", "", ""},
		{"a priority that is none", "<>x", "2026-02-21T12:00:00.000000Z 192.0.2.7 <>x", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := readHeader([]byte(tt.in))
			got := string(complete([]byte(tt.in), h, peer, func() time.Time { return noon }))
			if tt.want == "" {
				tt.want = tt.in
			}
			if got != tt.want || string(h.host) != tt.host {
				t.Errorf("got %q of host %q, want %q of %q", got, h.host, tt.want, tt.host)
			}
		})
	}
}

// FuzzComplete: a line is one line, and what the sender wrote of it stays.
func FuzzComplete(f *testing.F) {
	for _, s := range []string{"<22>Feb 21 00:03:02 mx1 a: b", "<22>1 2026-02-21T00:03:02Z h a - - - m", "<", "<1", "<22>Feb 21 00:03:02 a:", "2026-02-21T00:03:02+01:00 "} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		got := complete(msg, readHeader(msg), peer, func() time.Time { return noon })
		if !plainLine(got) {
			t.Errorf("%q is more than one line", got)
		}
		if plainLine(msg) && len(got) < len(msg) {
			t.Errorf("%q became %q", msg, got)
		}
	})
}

func TestSourcesAreBoundedAndNoPaths(t *testing.T) {
	var c counters
	if got := c.source("syslog-udp", peer, []byte("../../etc/passwd")); got != "syslog-udp/192.0.2.7/__/__/etc/passwd" {
		t.Errorf("got %s", got)
	}
	if got := c.source("http", netip.MustParseAddr("fe80::1%eth0/../x"), []byte("a\x1b[2Jb")); got != "http/fe80::1/a__2Jb" {
		t.Errorf("got %s", got)
	}
	names := map[string]bool{}
	for i := range 3 * maxSources {
		names[c.source("syslog-udp", peer, fmt.Append(nil, "host", i))] = true
	}
	if len(names) > maxSources || !names["syslog-udp/others"] {
		t.Errorf("%d sources", len(names))
	}
}
