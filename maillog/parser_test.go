package maillog

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

var update = flag.Bool("update", false, "write the golden files anew")

var loadBrussels = sync.OnceValues(func() (*time.Location, error) { return time.LoadLocation("Europe/Brussels") })

func brussels(t testing.TB) *time.Location {
	t.Helper()
	loc, err := loadBrussels()
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// samples lists a file of testdata for each format, and what stands right
// before an address that may be named: "^" is the beginning of the line.
var samples = []struct {
	file   string
	format Format
	marks  []string
}{
	{"combined", Combined, []string{"^", " "}},
	{"dovecot", Dovecot, []string{"rip=", ",", "rhost="}},
	{"syslog", DovecotSyslog, []string{"rip=", ",", "rhost="}},
	{"postfix", Postfix, []string{"["}},
	{"roundcube", RoundcubeLogins, []string{" from "}},
	{"exim", Exim, nil},
	{"sendmail", Syslog, nil},
	{"cyrus", Syslog, nil},
	{"courier", Syslog, nil},
	{"uw-imap", Syslog, nil},
	{"nginx-error", NginxError, []string{"client: ", "client "}},
	{"apache-error", ApacheError, []string{"client ", "remote "}},
	{"sogo", Syslog, nil},
	{"zimbra", Zimbra, []string{"ip="}},
	{"horde", Horde, []string{"("}},
	{"squirrelmail", SquirrelMail, []string{" from "}},
	{"kerio", Kerio, []string{"IP address ", "from "}},
	{"perdition", Syslog, nil},
	{"qpopper", Syslog, nil},
	{"assp", ASSP, []string{"] ", "Blocking ", "-06124 ", " "}},
	{"domino", Domino, []string{"[", "host ", " "}},
	{"oracle-messaging-server", OracleMS, []string{"|"}},
	{"openwebmail", OpenWebmail, []string{"] ("}},
	{"tine20", Tine20, []string{" from "}},
	{"mailu", Mailu, []string{" from "}},
	{"mailcow-netfilter", MailcowNetfilter, []string{"Banning ", "WARN: "}},
	{"solid-pop3d", Syslog, nil},
	{"vpopmail", Syslog, nil},
	{"rblsmtpd", Syslog, nil},
	{"journald", Journald, nil},
	{"docker", Docker, nil},
	{"multilog", Multilog, nil},
	{"caddy", Caddy, []string{`"client_ip":"`, `"remote_ip":"`, `"remote_addr":"`}},
	{"traefik", Traefik, []string{`"ClientAddr":"`, `"ClientAddr":"[`, `"ClientHost":"`, "^", " "}},
	{"dovecot-events", DovecotEvents, []string{`"remote_ip":"`}},
	{"stalwart", Stalwart, []string{`"remoteIp":"`}},
	{"mox", Mox, []string{"remoteip="}},
	{"nextcloud", Nextcloud, []string{`"remoteAddr":"`}},
	{"keycloak", Keycloak, []string{"ipAddress=", `ipAddress="`, `ipAddress=\"`}},
	{"authelia", Authelia, []string{`remote_ip":"`, `remote_ip=`, `remote_ip="`}},
	{"authentik", Authentik, []string{`"client_ip":"`}},
	{"microsoft365", Microsoft365, []string{`"ClientIP":"`, `"ClientIPAddress":"`, `"ActorIpAddress":"`, `"ClientIPAddress":"[`, `"ClientIP":"[`}},
	{"google-workspace", GoogleWorkspace, []string{`"ipAddress":"`}},
	{"exchange-iis", ExchangeIIS, []string{" ", `"c-ip">`}},
	{"exchange-proxy", ExchangeProxy, []string{","}},
	{"exchange-imap", ExchangeIMAP, []string{",", ",["}},
	{"exchange-smtp", ExchangeSMTP, []string{",", ",["}},
	{"exchange-tracking", ExchangeTracking, []string{","}},
	{"haproxy", HAProxy, []string{":", ": ", "^"}},
	{"rspamd", Rspamd, []string{", ip: "}},
	{"amavis", Amavis, []string{"[", "[IPv6:"}},
	{"clamav-milter", ClamAVMilter, nil},
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".log")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sampleParser(t testing.TB, format Format) *Parser {
	return NewParser(Options{
		Format: format, Location: brussels(t),
		Reference: time.Date(2026, 2, 22, 0, 0, 0, 0, time.UTC),
	})
}

// dump prints what an Event states, one field after the other.
func dump(r Result, ev *Event) string {
	switch r.Kind {
	case Ignored:
		return "ignored"
	case Rejected:
		return "rejected: " + r.Why
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", ev.Format, time.Unix(0, ev.Time).UTC().Format(time.RFC3339Nano))
	field := func(name string, value any) {
		s := fmt.Sprint(value)
		if v, ok := value.([]byte); ok {
			s = ""
			if len(v) > 0 {
				s = fmt.Sprintf("%q", v)
			}
		}
		if s != "" && s != "0" && s != "false" && s != "invalid IP" {
			fmt.Fprintf(&b, " %s=%s", name, s)
		}
	}
	field("service", ev.Service)
	field("action", ev.Action)
	field("outcome", ev.Outcome)
	field("reason", strings.ReplaceAll(ev.Reason, " ", "_"))
	field("status", ev.Status)
	field("client", ev.ClientIP)
	field("server", ev.ServerIP)
	field("account", ev.Account)
	field("agent", ev.UserAgent)
	field("device", ev.Device)
	field("type", ev.DeviceType)
	field("session", ev.Session)
	field("mechanism", ev.Mechanism)
	field("url", ev.URL)
	field("host", ev.Hostname)
	field("bytes", ev.Bytes)
	field("messages", ev.Messages)
	field("joined", ev.Joined)
	return b.String()
}

func TestGolden(t *testing.T) {
	for _, s := range samples {
		t.Run(s.file, func(t *testing.T) {
			p := sampleParser(t, s.format)
			var ev Event
			var got strings.Builder
			for i, line := range bytes.Split(bytes.TrimSuffix(sample(t, s.file), []byte("\n")), []byte("\n")) {
				fmt.Fprintf(&got, "%d %s\n", i+1, dump(p.Parse(line, &ev), &ev))
			}
			golden := "testdata/" + s.file + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			w := strings.Split(string(want), "\n")
			for i, g := range strings.Split(got.String(), "\n") {
				if i >= len(w) || g != w[i] {
					t.Errorf("got  %s\nwant %s", g, w[min(i, len(w)-1)])
				}
			}
		})
	}
}

// The format is found by content, whatever the file is called, and a Parser
// that is told nothing comes to the same Events.
func TestDetect(t *testing.T) {
	for _, s := range samples {
		b := sample(t, s.file)
		if got := Detect(b); got != s.format {
			t.Errorf("%s: %v", s.file, got)
		}
		if got := Detect(b[:len(b)-30]); got != s.format {
			t.Errorf("%s, cut: %v", s.file, got)
		}
		for _, mixed := range []bool{false, true} {
			told, untold := sampleParser(t, s.format), sampleParser(t, FormatNone)
			untold.opt.Mixed = mixed
			for line := range bytes.Lines(b) {
				var a, z Event
				ra, rz := told.Parse(line, &a), untold.Parse(line, &z)
				if mixed && ra.Kind == Ignored {
					continue // in its file another line tells of it as well
				}
				if ra.Kind != rz.Kind || dump(Result{}, &a) != dump(Result{}, &z) {
					t.Errorf("%s, mixed %v: %s\ntold   %s\nuntold %s", s.file, mixed, line, dump(ra, &a), dump(rz, &z))
				}
			}
		}
	}
	for name, text := range map[string]string{
		"empty":  "",
		"blank":  "\n\n",
		"binary": "\x7fELF\x02\x01\x01\x00\x00\n\x00\x01\x02\n",
		"prose":  "Dear Sir,\nplease find attached\n",
		"json":   "{\"a\":1}\n{\"a\":2}\n",
	} {
		if got := Detect([]byte(text)); got != FormatNone {
			t.Errorf("%s: %v", name, got)
		}
	}
	other := "Feb 21 00:03:07 mx1 CRON[1]: (root) CMD (x)\nFeb 21 00:03:08 mx1 systemd[1]: Started x.\n"
	if got := Detect([]byte(other)); got != Syslog {
		t.Errorf("other programs: %v", got)
	}
}

func TestDamage(t *testing.T) {
	good := []byte(`198.51.100.7 - - [21/Feb/2026:00:00:11 +0100] "GET / HTTP/1.1" 200 13 "-" "x"`)
	for name, c := range map[string]struct {
		line []byte
		kind ResultKind
		why  string
	}{
		"whole":        {good, Parsed, ""},
		"with newline": {append(bytes.Clone(good), "\r\n"...), Parsed, ""},
		"empty":        {nil, Ignored, ""},
		"NUL":          {append(bytes.Clone(good), 0), Rejected, whyNUL},
		"not UTF-8":    {append(bytes.Clone(good), 0xff), Rejected, whyUTF8},
		"a megabyte":   {bytes.Repeat([]byte("a"), 1<<20), Rejected, whyLong},
		"glued":        {append(bytes.Clone(good), good...), Rejected, whyGlued},
	} {
		p := NewParser(Options{Format: Combined})
		var ev Event
		r := p.Parse(c.line, &ev)
		if r.Kind != c.kind || r.Why != c.why {
			t.Errorf("%s: %v", name, r)
		}
		if r.Kind != Parsed && dump(Result{}, &ev) != dump(Result{}, &Event{}) {
			t.Errorf("%s: the Event is not empty", name)
		}
	}
	// However a line is cut, no address comes out that it did not state. What
	// cannot be seen: an imitated line within a user name may remain, and
	// Roundcube's old lines end in the address.
	for _, s := range samples {
		fresh := func() *Parser {
			p := sampleParser(t, s.format)
			p.sessions.most, p.queue.most = 1, 1
			return p
		}
		for line := range bytes.Lines(sample(t, s.file)) {
			for n := range line {
				var whole, part Event
				fresh().Parse(line, &whole)
				if bytes.Contains(line, []byte("192.0.2.66")) || bytes.Contains(line, []byte("FAILED login")) {
					continue
				}
				r := fresh().Parse(line[:n], &part)
				if r.Kind == Parsed && part.ClientIP != whole.ClientIP && whole.ClientIP.IsValid() && part.ClientIP.IsValid() {
					t.Errorf("%s cut at %d: %s", s.file, n, dump(r, &part))
				}
			}
		}
	}
}

// A client chooses its user name, agent and request. None of that decides
// which address a line is held against.
func TestInjection(t *testing.T) {
	injected(t, map[string]string{
		"combined":                          `203.0.113.5 - %s [21/Feb/2026:00:00:11 +0100] "POST /Microsoft-Server-ActiveSync?User=%s HTTP/1.1" 401 13 "%s" "%s"`,
		"dovecot":                           `Feb 21 00:46:41 imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 1 secs): user=<%s>, method=PLAIN, rip=203.0.113.5, lip=192.0.2.1, TLS, session=<t21i0tgRzqeLokR2>`,
		"dovecot, no method":                `Feb 21 00:46:41 imap-login: Info: Aborted login (auth failed, 1 attempts): user=<%s>, rip=203.0.113.5, lip=192.0.2.1`,
		"dovecot, address first":            `Feb 21 00:46:41 imap-login: Info: Aborted login (auth failed, 1 attempts): rip=203.0.113.5, lip=192.0.2.1, user=<%s>`,
		"dovecot syslog":                    `Feb 21 00:46:41 mx1 dovecot: imap-login: Login: user=<%s>, method=PLAIN, rip=203.0.113.5, lip=192.0.2.1, mpid=1, TLS, session=<t21i0tgRzqeLokR2>`,
		"dovecot ID":                        `Feb 21 00:46:41 imap-login: Info: ID sent: name=%s: user=<>, rip=203.0.113.5, lip=192.0.2.1, TLS, session=<t21i0tgRzqeLokR2>`,
		"postfix":                           `Feb 21 00:42:25 mx1 postfix/submission/smtpd[1]: warning: h.example[203.0.113.5]: SASL LOGIN authentication failed: (reason unavailable), sasl_username=%s`,
		"postfix login":                     `Feb 21 00:42:25 mx1 postfix/submission/smtpd[1]: 4F1A2B3C4D: client=h.example[203.0.113.5], sasl_method=PLAIN, sasl_username=%s`,
		"postfix reject":                    `Feb 21 00:42:25 mx1 postfix/smtpd[1]: NOQUEUE: reject: RCPT from h.example[203.0.113.5]: 554 5.7.1 <%s>: Relay access denied; from=<%s> helo=<%s>`,
		"roundcube":                         `[21-Feb-2026 08:38:12 +0100]: <8ec5f9f5> Failed login for %s from 203.0.113.5 in session 8ec5f9f53275e021 (error: 0)`,
		"roundcube behind a proxy, or none": `[21-Feb-2026 08:38:12 +0100]: <8ec5f9f5> Failed login for %s from 203.0.113.5(X-Forwarded-For: %s) in session 8ec5f9f53275e021 (error: 0)`,
	})
}

// injected tries names that are made to look like parts of a line in every
// %s of lines whose client is 203.0.113.5. Of a line called "or none" no
// address may come out, and no Event unless it is read by itself.
func injected(t *testing.T, lines map[string]string) {
	t.Helper()
	names := []string{
		"anna",
		"rip=192.0.2.66",
		"x>, method=PLAIN, rip=192.0.2.66, lip=192.0.2.1, session=<forged>",
		"x>, rip=192.0.2.66, lip=192.0.2.1, mpid=1, TLS, session=<f>: Info: Login: user=<y",
		"x>, method=PLAIN",
		"x>",
		"user=<y>, rip=192.0.2.66,",
		"x from 192.0.2.66",
		"x from 192.0.2.66 in session aaaa (error: 0)",
		"x (ID: 7) from 192.0.2.66 in session aaaa",
		"x, sasl_username=y",
		"unknown[192.0.2.66]: SASL PLAIN authentication failed: x",
		"x]: SASL PLAIN authentication failed: unknown[192.0.2.66]",
		"a b [01/Jan/1999:00:00:00 +0000]",
		"192.0.2.66 - -",
		"x,192.0.2.66,<s>): unknown user",
		"\u202e\x1b[31m",
		strings.Repeat("x", 500),
	}
	for name, pattern := range lines {
		for _, tried := range names {
			line := strings.ReplaceAll(pattern, "%s", tried)
			for _, mixed := range []bool{false, true} {
				p := sampleParser(t, FormatNone)
				p.opt.Mixed = mixed
				var ev Event
				r := p.Parse([]byte(line), &ev)
				switch {
				case r.Kind == Parsed && strings.HasSuffix(name, ", or none") && !ev.ClientIP.IsValid():
				case r.Kind == Ignored && strings.HasSuffix(name, ", or none") && !mixed:
				case r.Kind == Parsed && ev.ClientIP != netip.MustParseAddr("203.0.113.5"):
					t.Errorf("%s, %q: %s", name, tried, dump(r, &ev))
				case r.Kind != Parsed && r.Why != whyGlued:
					t.Errorf("%s, %q: %s", name, tried, dump(r, &ev))
				}
			}
		}
	}
}

// A table that grows forgets nothing on the way, and begins small.
func TestJoinsGrow(t *testing.T) {
	var j joins[int]
	j.most = 13
	key := func(i int) []byte { return fmt.Appendf(nil, "session%d", i) }
	for i := range 4_000 {
		v, fresh := j.find(key(i), true)
		if !fresh {
			t.Fatalf("%d is known already", i)
		}
		*v = i
		if i == 10 && len(j.slots) > 1024 {
			t.Errorf("%d slots for eleven entries", len(j.slots))
		}
	}
	if len(j.slots) != ring<<13 {
		t.Errorf("%d slots", len(j.slots))
	}
	for i := range 4_000 {
		if v, _ := j.find(key(i), false); v == nil || *v != i {
			t.Fatalf("%d is lost", i)
		}
	}
}

func TestJoinsAreBounded(t *testing.T) {
	var j joins[session]
	j.most = 4
	first := []byte("key-of-the-first")
	for i := range 100_000 {
		j.find(fmt.Appendf(nil, "key%d", i), true)
	}
	if len(j.slots) != ring<<4 {
		t.Fatalf("%d slots", len(j.slots))
	}
	if v, fresh := j.find(first, true); v == nil || !fresh {
		t.Fatal("not taken")
	}
	for i := range ways - 1 { // the ring is longer, and no set loses its newest to fewer than eight
		j.find(fmt.Appendf(nil, "after%d", i), true)
	}
	if v, _ := j.find(first, false); v == nil {
		t.Fatal("lost before its time")
	}
	if v, _ := j.find(bytes.Repeat([]byte("k"), 64), true); v != nil {
		t.Fatal("a key longer than a slot was taken")
	}
}

// NextFile keeps what lines refer to: a session goes on after the rotation.
func TestNextFileKeepsSessions(t *testing.T) {
	p := sampleParser(t, Dovecot)
	lines := bytes.Split(sample(t, "dovecot"), []byte("\n"))
	var ev Event
	p.Parse(lines[1], &ev)
	p.NextFile(time.Date(2027, 2, 22, 0, 0, 0, 0, time.UTC), FormatNone)
	p.Parse(lines[3], &ev)
	if ev.ClientIP.String() != "198.51.100.7" || !ev.Joined || time.Unix(0, ev.Time).Year() != 2027 {
		t.Error(dump(Result{}, &ev))
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	for _, s := range samples {
		lines := bytes.Split(sample(t, s.file), []byte("\n"))
		p := sampleParser(t, s.format)
		var ev Event
		run := func() {
			for _, line := range lines {
				p.Parse(line, &ev)
			}
		}
		run()
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("%s: %v allocations", s.file, n)
		}
	}
}

func TestParseAddr(t *testing.T) {
	for _, s := range []string{
		"", "1", "1.2.3", "1.2.3.4", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1..2.3", "1.2.3.4 ", "0.0.0.0",
		"::", "::1", "1::", "2001:db8::1", "2001:DB8:0:0:0:0:0:1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
		"1::2::3", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "::ffff:192.0.2.1", "64:ff9b::192.0.2.33",
		"1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:7:192.0.2.1", "12345::", ":1", "1:", ":::", "fe80::1%eth0", "fe80::1%", "g::1", "abc", "1.2.3.4:80",
	} {
		want, err := netip.ParseAddr(s)
		want = want.WithZone("").Unmap()
		got, ok := parseAddr([]byte(s))
		if ok != (err == nil) || ok && got != want {
			t.Errorf("%q: %v %v, want %v %v", s, got, ok, want, err)
		}
	}
}

func TestFormatsDescribeEveryFormat(t *testing.T) {
	all := Formats()
	for f := FormatNone + 1; f < formatEnd; f++ {
		if int(f) > len(all) || all[f-1].Format != f || all[f-1].Software == "" || all[f-1].Source == "" || len(all[f-1].CannotTell) == 0 {
			t.Errorf("%v is not described", f)
		}
	}
}

// check holds for whatever a line says: every slice is a view into the line
// or into the Parser's memory, and the address is one that the line states.
func check(t *testing.T, p *Parser, line []byte, r Result, ev *Event) {
	t.Helper()
	if (r.Kind == Rejected) != (r.Why != "") {
		t.Fatalf("%q: %v", line, r)
	}
	if r.Kind != Parsed {
		if dump(Result{}, ev) != dump(Result{}, &Event{}) {
			t.Fatalf("%q: an Event without a Parsed line", line)
		}
		return
	}
	if ev.Service >= serviceEnd || ev.Action >= actionEnd || ev.Outcome >= outcomeEnd || ev.Format == FormatNone || ev.Bytes < 0 || ev.Messages < 0 {
		t.Fatalf("%q: %s", line, dump(r, ev))
	}
	within := func(b, of []byte) bool {
		if cap(of) == 0 {
			return false
		}
		start, at := uintptr(unsafe.Pointer(unsafe.SliceData(of))), uintptr(unsafe.Pointer(unsafe.SliceData(b)))
		return at >= start && at+uintptr(len(b)) <= start+uintptr(cap(of))
	}
	for _, b := range [][]byte{ev.Account, ev.UserAgent, ev.Device, ev.DeviceType, ev.Session, ev.Mechanism, ev.URL, ev.Hostname} {
		ok := len(b) == 0 || within(b, line) || within(b, p.account) || within(b, p.device) || within(b, p.deviceType) || within(b, p.decoded) || within(b, p.cellText) ||
			within(b, p.inner) || within(b, p.json.text)
		if !ok && ev.Joined {
			for i := range p.queue.slots {
				ok = ok || within(b, p.queue.slots[i].value.account) || within(b, p.queue.slots[i].value.hostname)
			}
		}
		if !ok {
			t.Fatalf("%q: a field outside of the line", line)
		}
	}
	if ev.ClientIP.IsValid() && !ev.Joined && !stated(line, ev) && !stated(p.inner, ev) {
		t.Fatalf("%q: no %v in its field", line, ev.ClientIP)
	}
}

// stated finds the address in a field of the format that is the server's to
// write.
func stated(line []byte, ev *Event) bool {
	// JSON says the same with blanks and in an array.
	compact := strings.NewReplacer(" ", "", "\t", "", "[", "").Replace(string(line))
	return statedIn(line, ev) || strings.Contains(compact, "{\"") && statedIn([]byte(compact), ev)
}

func statedIn(line []byte, ev *Event) bool {
	marks := serverMarks[ev.Format]
	for _, s := range samples {
		if s.format == ev.Format {
			marks = append(marks, s.marks...)
		}
	}
	for i := range line {
		for _, m := range marks {
			rest := string(line[i:])
			if m == "^" && i > 0 || m != "^" && !strings.HasPrefix(rest, m) {
				continue
			}
			rest = rest[len(strings.TrimPrefix(m, "^")):]
			for end, c := range rest + " " { // an address may end in any way
				if !strings.ContainsRune("0123456789abcdefABCDEF:.", c) {
					rest = rest[:end]
					break
				}
			}
			for len(rest) > 0 {
				if a, err := netip.ParseAddr(rest); err == nil && a.WithZone("").Unmap() == ev.ClientIP {
					return true
				}
				i := strings.LastIndexAny(rest, ":.%") // a port
				if i < 0 {
					break
				}
				rest = rest[:i]
			}
		}
	}
	return false
}

func fuzz(f *testing.F, format Format, file string) {
	for line := range bytes.Lines(sample(f, file)) {
		f.Add(bytes.TrimSuffix(line, []byte("\n")))
	}
	p := sampleParser(f, format)
	mixed := sampleParser(f, FormatNone)
	mixed.opt.Mixed = true
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		var ev Event
		for _, p := range []*Parser{p, mixed} {
			check(t, p, line, p.Parse(line, &ev), &ev)
		}
		if !bytes.Equal(line, before) {
			t.Fatal("the line was changed")
		}
		Detect(line)
	})
}

func FuzzCombined(f *testing.F)  { fuzz(f, Combined, "combined") }
func FuzzDovecot(f *testing.F)   { fuzz(f, Dovecot, "dovecot") }
func FuzzSyslog(f *testing.F)    { fuzz(f, DovecotSyslog, "syslog") }
func FuzzPostfix(f *testing.F)   { fuzz(f, Postfix, "postfix") }
func FuzzRoundcube(f *testing.F) { fuzz(f, RoundcubeLogins, "roundcube") }

func benchmark(b *testing.B, format Format, file string) {
	p, reader := sampleParser(b, format), sampleParser(b, format)
	var lines [][]byte
	var size int64
	for _, line := range bytes.Split(sample(b, file), []byte("\n")) {
		var ev Event
		if reader.Parse(line, &ev).Kind != Rejected && len(line) > 0 {
			lines = append(lines, line)
			size += int64(len(line)) + 1
		}
	}
	b.ReportAllocs()
	b.SetBytes(size / int64(len(lines)))
	var ev Event
	i := 0
	for b.Loop() {
		p.Parse(lines[i], &ev)
		if i++; i == len(lines) {
			i = 0
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkCombined(b *testing.B)  { benchmark(b, Combined, "combined") }
func BenchmarkDovecot(b *testing.B)   { benchmark(b, Dovecot, "dovecot") }
func BenchmarkSyslog(b *testing.B)    { benchmark(b, DovecotSyslog, "syslog") }
func BenchmarkPostfix(b *testing.B)   { benchmark(b, Postfix, "postfix") }
func BenchmarkRoundcube(b *testing.B) { benchmark(b, RoundcubeLogins, "roundcube") }
