package receive_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"mailvigil/internal/config"
	"mailvigil/internal/intake"
	"mailvigil/internal/intake/receive"
	"mailvigil/maillog"
)

// memory is a queue of tests.
type memory struct {
	mu    sync.Mutex
	lines []string // "source|format|text"
	raw   []intake.Received
	full  bool
	more  chan struct{}
}

func newMemory() *memory { return &memory{more: make(chan struct{})} }

func (m *memory) Put(_ context.Context, lines []intake.Received) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full {
		return 0, intake.ErrFull
	}
	for _, l := range lines {
		l.Bytes = bytes.Clone(l.Bytes)
		m.raw = append(m.raw, l)
		m.lines = append(m.lines, l.Source+"|"+string(l.Bytes))
	}
	m.wake()
	return len(lines), nil
}

func (m *memory) wake() {
	close(m.more)
	m.more = make(chan struct{})
}

func (m *memory) Full() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.full
}

func (m *memory) set(full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = full
	m.wake()
}

func (m *memory) Room(ctx context.Context) error {
	m.mu.Lock()
	more, full := m.more, m.full
	m.mu.Unlock()
	if !full {
		return nil
	}
	select {
	case <-more:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait returns the lines once there are n.
func (m *memory) wait(t testing.TB, n int) []string {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		m.mu.Lock()
		got, more := slices.Clone(m.lines), m.more
		m.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-more:
		case <-limit:
			t.Fatalf("only %d of %d lines came: %q", len(got), n, got)
		}
	}
}

var noon = time.Date(2026, 2, 21, 12, 0, 0, 0, time.UTC)

// port finds a free one of this machine.
func port(t testing.TB, network string) string {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func open(t testing.TB, q receive.Queue, l config.Listener) (*receive.Receivers, string) {
	t.Helper()
	if l.Address == "" {
		network := "tcp"
		if l.Transport == config.SyslogUDP {
			network = "udp"
		}
		l.Address = port(t, network)
	}
	r, err := receive.Open(config.Intake{Listeners: []config.Listener{l}}, q, receive.Options{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, l.Address
}

func send(t testing.TB, network, address, text string) {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func same(t testing.TB, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// until waits for a status: a count that is written after what a test can see.
func until(t testing.TB, r *receive.Receivers, ok func(receive.ListenerStatus) bool) receive.ListenerStatus {
	t.Helper()
	limit := time.Now().Add(20 * time.Second)
	for {
		s := r.Status()[0]
		if ok(s) {
			return s
		}
		if time.Now().After(limit) {
			t.Fatalf("status %+v", s)
		}
		time.Sleep(time.Millisecond) // a real socket has no clock to inject
	}
}

const login = "imap-login: Info: Login: user=<anna>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, mpid=7, TLS, session=<a>"

func TestSyslogTCP(t *testing.T) {
	q := newMemory()
	r, addr := open(t, q, config.Listener{Transport: config.SyslogTCP})
	send(t, "tcp", addr, "<22>Feb 21 00:03:02 mx1 dovecot: one\n36 <22>Feb 21 00:03:02 mx2 dovecot: two<22>1 2026-02-21T00:03:02Z mx1 dovecot 7 - [x@1 a=\"\\]\"] three")
	same(t, q.wait(t, 3), []string{
		"syslog-tcp/127.0.0.1/mx1|<22>Feb 21 00:03:02 mx1 dovecot: one",
		"syslog-tcp/127.0.0.1/mx2|<22>Feb 21 00:03:02 mx2 dovecot: two",
		"syslog-tcp/127.0.0.1/mx1|<22>1 2026-02-21T00:03:02Z mx1 dovecot 7 - [x@1 a=\"\\]\"] three",
	})
	s := until(t, r, func(s receive.ListenerStatus) bool { return s.Queued == 3 && s.Connections == 0 })
	if s.Received != 3 || s.Sources != 2 || s.Refused != nil || s.Lost != nil {
		t.Errorf("status %+v", s)
	}
}

func TestSyslogUDP(t *testing.T) {
	q := newMemory()
	r, addr := open(t, q, config.Listener{Transport: config.SyslogUDP})
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 20 {
		fmt.Fprintf(c, "<22>Feb 21 00:03:02 mx1 dovecot: %d\n", i)
	}
	got := q.wait(t, 20)
	if got[19] != "syslog-udp/127.0.0.1/mx1|<22>Feb 21 00:03:02 mx1 dovecot: 19" {
		t.Errorf("got %q", got)
	}
	until(t, r, func(s receive.ListenerStatus) bool { return s.Queued == 20 && s.Lost == nil })
}

// A full queue stops a connection from being read and loses nothing of it; of UDP
// it takes what fits into memory, and counts the rest.
func TestFullQueue(t *testing.T) {
	t.Run("tcp", func(t *testing.T) {
		q := newMemory()
		q.set(true)
		r, addr := open(t, q, config.Listener{Transport: config.SyslogTCP})
		send(t, "tcp", addr, strings.Repeat("<22>Feb 21 00:03:02 mx1 dovecot: x\n", 100))
		until(t, r, func(s receive.ListenerStatus) bool { return s.Waits > 0 })
		if s := r.Status()[0]; s.Queued != 0 {
			t.Errorf("status %+v", s)
		}
		q.set(false)
		q.wait(t, 100)
		until(t, r, func(s receive.ListenerStatus) bool { return s.Queued == 100 && s.Lost == nil })
	})
	t.Run("udp", func(t *testing.T) {
		q := newMemory()
		q.set(true)
		r, addr := open(t, q, config.Listener{Transport: config.SyslogUDP})
		c, err := net.Dial("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		sent := int64(0)
		big := "<22>Feb 21 00:03:02 mx1 dovecot: " + strings.Repeat("x", 30_000)
		s := until(t, r, func(s receive.ListenerStatus) bool {
			for range 20 {
				if _, err := io.WriteString(c, big); err == nil {
					sent++
				}
			}
			return s.Lost["memory"] > 0
		})
		q.set(false)
		s = until(t, r, func(s receive.ListenerStatus) bool {
			return s.Queued+s.Lost["memory"]+s.Lost["kernel"] == sent
		})
		if s.Queued == 0 {
			t.Errorf("nothing was kept: %+v", s)
		}
	})
	t.Run("http", func(t *testing.T) {
		q := newMemory()
		q.set(true)
		r, addr := open(t, q, config.Listener{Transport: config.HTTP})
		res := post(t, http.DefaultClient, "http://"+addr+"/v1/lines", login, nil)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			t.Errorf("a full queue answers %s", res.Status)
		}
		q.set(false)
		if res := post(t, http.DefaultClient, "http://"+addr+"/v1/lines", login, nil); res.StatusCode != http.StatusOK {
			t.Errorf("answers %s", res.Status)
		}
		until(t, r, func(s receive.ListenerStatus) bool { return s.Refused["full"] == 1 && s.Queued == 1 })
	})
}

// The kernel's own count of what it had no room for is in the status.
func TestKernelDrops(t *testing.T) {
	if _, err := os.Stat("/proc/net/udp"); err != nil {
		t.Skip("the count is Linux's")
	}
	q := &slow{memory: newMemory(), hold: make(chan struct{})}
	r, addr := open(t, q, config.Listener{Transport: config.SyslogUDP})
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := int64(0)
	big := "<22>Feb 21 00:03:02 mx1 dovecot: " + strings.Repeat("x", 60_000)
	until(t, r, func(s receive.ListenerStatus) bool {
		for range 500 {
			if _, err := io.WriteString(c, big); err == nil {
				sent++
			}
		}
		return s.Lost["kernel"] > 0 || s.Lost["memory"] > 0
	})
	close(q.hold)
	until(t, r, func(s receive.ListenerStatus) bool {
		return s.Queued+s.Lost["memory"]+s.Lost["kernel"] == sent
	})
}

type slow struct {
	*memory
	hold chan struct{}
}

func (s *slow) Put(ctx context.Context, lines []intake.Received) (int, error) {
	<-s.hold
	return s.memory.Put(ctx, lines)
}

func TestStrangersAreRefused(t *testing.T) {
	others := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	t.Run("tcp", func(t *testing.T) {
		r, addr := open(t, newMemory(), config.Listener{Transport: config.SyslogTCP, Allow: others})
		send(t, "tcp", addr, "<22>Feb 21 00:03:02 mx1 dovecot: x\n")
		until(t, r, func(s receive.ListenerStatus) bool { return s.Refused["address"] == 1 && s.Received == 0 })
	})
	t.Run("udp", func(t *testing.T) {
		r, addr := open(t, newMemory(), config.Listener{Transport: config.SyslogUDP, Allow: others})
		send(t, "udp", addr, "<22>Feb 21 00:03:02 mx1 dovecot: x\n")
		until(t, r, func(s receive.ListenerStatus) bool { return s.Refused["address"] == 1 && s.Received == 0 })
	})
	t.Run("http", func(t *testing.T) {
		r, addr := open(t, newMemory(), config.Listener{Transport: config.HTTP, Allow: others})
		if _, err := http.Post("http://"+addr+"/v1/lines", "text/plain", strings.NewReader("x")); err == nil {
			t.Error("a stranger was answered")
		}
		until(t, r, func(s receive.ListenerStatus) bool { return s.Refused["address"] > 0 })
	})
	t.Run("too many connections", func(t *testing.T) {
		r, addr := open(t, newMemory(), config.Listener{Transport: config.SyslogTCP})
		for range receive.MaxPerPeer + 1 {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		until(t, r, func(s receive.ListenerStatus) bool {
			return s.Refused["number"] == 1 && s.Connections == receive.MaxPerPeer
		})
	})
	t.Run("no syslog", func(t *testing.T) {
		r, addr := open(t, newMemory(), config.Listener{Transport: config.SyslogTCP})
		send(t, "tcp", addr, "99999999 <1>x")
		until(t, r, func(s receive.ListenerStatus) bool { return s.Refused["malformed"] == 1 && s.Error != "" })
	})
	t.Run("cut by the end of the connection", func(t *testing.T) {
		r, addr := open(t, newMemory(), config.Listener{Transport: config.SyslogTCP})
		send(t, "tcp", addr, "99 <1>x")
		until(t, r, func(s receive.ListenerStatus) bool { return s.Lost["cut"] == 1 })
	})
}

// What was received whole when the watch ends is still written.
func TestCloseKeepsWhatCameWhole(t *testing.T) {
	q := newMemory()
	r, addr := open(t, q, config.Listener{Transport: config.SyslogTCP})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "<22>Feb 21 00:03:02 mx1 dovecot: x\n<22>Feb 21 00:03:02 mx1 dovecot: half")
	q.wait(t, 1)
	r.Close()
	if got := q.wait(t, 1); len(got) != 1 {
		t.Errorf("got %q", got)
	}
}

func post(t testing.TB, client *http.Client, url, body string, header map[string]string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res
}

func zip(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

const event = `{"event":"auth_request_finished","hostname":"mx1","start_time":"2026-02-21T00:03:02.1Z","end_time":"2026-02-21T00:03:02.2Z","categories":["auth"],"fields":{"user":"anna","remote_ip":"198.51.100.7","service":"imap","mechanism":"PLAIN","success":"yes"}}`

func TestHTTPLines(t *testing.T) {
	q := newMemory()
	_, addr := open(t, q, config.Listener{Transport: config.HTTP})
	url := "http://" + addr
	tests := []struct {
		name, path, body string
		header           map[string]string
		status           int
		want             []string
	}{
		{"lines", "/v1/lines?source=mx1", "Feb 21 00:03:02 " + login + "\r\n\nsecond\n", nil, 200, []string{"http/127.0.0.1/mx1|Feb 21 00:03:02 " + login, "http/127.0.0.1/mx1|second"}},
		{"objects", "/v1/lines", `{"line":"one\ntwo","source":"mx1/mail.log"}` + "\n" + `{"line":"Feb 21 00:03:02 x","time":"2026-02-21T00:03:02Z"}`, nil, 200, []string{"http/127.0.0.1/mx1/mail.log|one#012two", "http/127.0.0.1|Feb 21 00:03:02 x"}},
		{"an object with the time of a line that has none", "/v1/lines", `{"line":"` + login + `","time":"2026-02-21T00:03:02.5+01:00"}`, nil, 200, []string{`http/127.0.0.1|{"log":"` + login + `\n","stream":"stdout","time":"2026-02-20T23:03:02.5Z"}`}},
		{"a log that is JSON itself", "/v1/lines", `{"line":7,"source":"x"}` + "\n" + `{"line":"x","level":"info"}`, nil, 200, []string{`http/127.0.0.1|{"line":7,"source":"x"}`, `http/127.0.0.1|{"line":"x","level":"info"}`}},
		{"Dovecot's events", "/v1/dovecot", event, map[string]string{"Content-Type": "application/json"}, 200, []string{"http/127.0.0.1|" + event}},
		{"gzip", "/v1/lines", zip("a\nb"), map[string]string{"Content-Encoding": "gzip"}, 200, []string{"http/127.0.0.1|a", "http/127.0.0.1|b"}},
		{"not gzip", "/v1/lines", "a\nb", map[string]string{"Content-Encoding": "gzip"}, 400, nil},
		{"gzip that is cut", "/v1/lines", zip(strings.Repeat("a", 1000))[:20], map[string]string{"Content-Encoding": "gzip"}, 400, nil},
		{"another encoding", "/v1/lines", "a\nb", map[string]string{"Content-Encoding": "br"}, 415, nil},
		{"too large", "/v1/lines", strings.Repeat("a", receive.MaxBody+1), nil, 413, nil},
		{"too large once unpacked", "/v1/lines", zip(strings.Repeat("a", receive.MaxBody+1)), map[string]string{"Content-Encoding": "gzip"}, 413, nil},
		{"nothing", "/v1/lines", "", nil, 200, nil},
		{"nowhere", "/v2/lines", "x", nil, 404, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(q.wait(t, 0))
			if res := post(t, http.DefaultClient, url+tt.path, tt.body, tt.header); res.StatusCode != tt.status {
				t.Errorf("answers %s, want %d", res.Status, tt.status)
			}
			same(t, q.wait(t, before)[before:], tt.want)
		})
	}
	long := strings.Repeat("x", intake.MaxLine+1)
	post(t, http.DefaultClient, url+"/v1/lines", long, nil)
	if l := q.raw[len(q.raw)-1]; len(l.Bytes) != intake.MaxLine || !l.Overlong {
		t.Errorf("a long line has %d bytes", len(l.Bytes))
	}
}

func TestTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte("# of mx1\n0123456789abcdef\n\nfedcba9876543210\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, addr := open(t, newMemory(), config.Listener{Transport: config.HTTP, TokenFile: file})
	for _, tt := range []struct {
		name, url, header string
		status            int
	}{
		{"none", "http://" + addr, "", 401},
		{"a wrong one", "http://" + addr, "Bearer 0123456789abcdeg", 401},
		{"the first", "http://" + addr, "Bearer 0123456789abcdef", 200},
		{"the second", "http://" + addr, "Bearer fedcba9876543210", 200},
		{"in the URL", "http://mailvigil:fedcba9876543210@" + addr, "", 200},
		{"a wrong one in the URL", "http://mailvigil:x@" + addr, "", 401},
		{"a comment", "http://" + addr, "Bearer # of mx1", 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var header map[string]string
			if tt.header != "" {
				header = map[string]string{"Authorization": tt.header}
			}
			if res := post(t, http.DefaultClient, tt.url+"/v1/lines", "x", header); res.StatusCode != tt.status {
				t.Errorf("answers %s, want %d", res.Status, tt.status)
			}
		})
	}
}

func text(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func pair(k, v string) *commonpb.KeyValue { return &commonpb.KeyValue{Key: k, Value: text(v)} }

func TestOTLP(t *testing.T) {
	q := newMemory()
	r, addr := open(t, q, config.Listener{Transport: config.HTTP})
	object := &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: []*commonpb.KeyValue{
		pair("level", "info"),
		{Key: "ts", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: 1.5}}},
		{Key: "list", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{text("a\"<"), {Value: &commonpb.AnyValue_IntValue{IntValue: 7}}}}}}},
		{Key: "ok", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}},
		{Key: "nothing"},
	}}}}
	journal := &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: []*commonpb.KeyValue{
		pair("MESSAGE", "imap-login: x"), pair("SYSLOG_IDENTIFIER", "dovecot"), pair("_PID", "7"), pair("_HOSTNAME", "mx1"), pair("__REALTIME_TIMESTAMP", "1771628582000000"),
	}}}}
	data, err := proto.Marshal(&logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{pair("host.name", "mx1"), pair("service.name", "dovecot")}},
		ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{
			{Body: text("Feb 21 00:03:02 " + login), Attributes: []*commonpb.KeyValue{pair("log.file.path", "/var/log/mail.log")}},
			{Body: text(login), TimeUnixNano: 1771628582000000000},
			{Body: object},
			{Body: journal},
			{Body: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: 7}}},
			{},
		}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if res := post(t, http.DefaultClient, "http://"+addr+"/v1/logs", string(data), map[string]string{"Content-Type": "application/x-protobuf"}); res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("answers %s %s", res.Status, res.Header.Get("Content-Type"))
	}
	// As the specification's examples have it, with a field of a later version.
	js := `{"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"mx2"}}]},"later":1,"scopeLogs":[{"scope":{},"logRecords":[{"timeUnixNano":"1544712660300000000","severityNumber":10,"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","body":{"stringValue":"Feb 21 00:03:02 x"}}]}]}]}`
	if res := post(t, http.DefaultClient, "http://"+addr+"/v1/logs", js, map[string]string{"Content-Type": "application/json; charset=utf-8"}); res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("answers %s %s", res.Status, res.Header.Get("Content-Type"))
	}
	same(t, q.wait(t, 5), []string{
		"otlp/127.0.0.1/mx1/_var_log_mail.log|Feb 21 00:03:02 " + login,
		`otlp/127.0.0.1/mx1/dovecot|{"log":"` + login + `\n","stream":"stdout","time":"2026-02-20T23:03:02Z"}`,
		`otlp/127.0.0.1/mx1/dovecot|{"level":"info","ts":1.5,"list":["a\"<",7],"ok":true,"nothing":null}`,
		"otlp/127.0.0.1/mx1/dovecot|2026-02-20T23:03:02.000000+00:00 mx1 dovecot[7]: imap-login: x",
		"otlp/127.0.0.1/mx2|Feb 21 00:03:02 x",
	})
	if res := post(t, http.DefaultClient, "http://"+addr+"/v1/logs", "\xff", nil); res.StatusCode != 400 {
		t.Errorf("answers %s", res.Status)
	}
	if s := r.Status()[0]; s.Refused["malformed"] != 3 {
		t.Errorf("status %+v", s)
	}
}

// certificates makes one for 127.0.0.1, signed by itself, for both sides.
func certificates(t testing.TB) (cert, key string, pool *x509.CertPool, pair tls.Certificate) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if err := errors.Join(os.WriteFile(cert, certPEM, 0o600), os.WriteFile(key, keyPEM, 0o600)); err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	if pair, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	return cert, key, pool, pair
}

func TestTLS(t *testing.T) {
	cert, key, pool, pair := certificates(t)
	q := newMemory()
	r, addr := open(t, q, config.Listener{Transport: config.SyslogTLS, Certificate: cert, Key: key, ClientCA: cert})
	dial := func(c *tls.Config) error {
		conn, err := tls.Dial("tcp", addr, c)
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = io.WriteString(conn, "34 <22>Feb 21 00:03:02 mx1 dovecot: x")
		if err == nil {
			_ = conn.CloseWrite()
			_, err = conn.Read(make([]byte, 1))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
	if err := dial(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}); err != nil {
		t.Fatal(err)
	}
	same(t, q.wait(t, 1), []string{"syslog-tls/127.0.0.1/mx1|<22>Feb 21 00:03:02 mx1 dovecot: x"})
	if err := dial(&tls.Config{RootCAs: pool}); err == nil {
		t.Error("a sender without a certificate is let in")
	}
	send(t, "tcp", addr, "<22>Feb 21 00:03:02 mx1 dovecot: plain\n")
	until(t, r, func(s receive.ListenerStatus) bool { return s.Refused["tls"] == 2 && s.Queued == 1 })

	_, addr = open(t, q, config.Listener{Transport: config.HTTP, Certificate: cert, Key: key})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	if res := post(t, client, "https://"+addr+"/v1/lines", "x", nil); res.StatusCode != 200 {
		t.Errorf("answers %s", res.Status)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	cert, key, _, _ := certificates(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	short := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(short, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		in         config.Intake
	}{
		{"a port in use", "another program has this port", config.Intake{Listeners: []config.Listener{{Transport: config.SyslogTCP, Address: busy.Addr().String()}}}},
		{"no address of ours", "no such address", config.Intake{Listeners: []config.Listener{{Transport: config.SyslogTCP, Address: "192.0.2.1:5514"}}}},
		{"no certificate", "read the certificate", config.Intake{Listeners: []config.Listener{{Transport: config.SyslogTLS, Address: "127.0.0.1:0", Certificate: "none", Key: key}}}},
		{"no CA", "holds no certificate", config.Intake{Listeners: []config.Listener{{Transport: config.SyslogTLS, Address: "127.0.0.1:0", Certificate: cert, Key: key, ClientCA: key}}}},
		{"a short token", "16 or longer", config.Intake{Listeners: []config.Listener{{Transport: config.HTTP, Address: "127.0.0.1:0", TokenFile: short}}}},
		{"no journal", "leave out journal", config.Intake{Journal: config.Journal{Read: true}}},
	} {
		if _, err := receive.Open(c.in, newMemory(), receive.Options{Folder: t.TempDir(), Journalctl: "no-journalctl"}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// What comes out of the queue is what maillog reads.
func TestLinesAreRead(t *testing.T) {
	q := newMemory()
	_, tcp := open(t, q, config.Listener{Transport: config.SyslogTCP})
	_, web := open(t, q, config.Listener{Transport: config.HTTP})
	short := strings.Replace(login, "Info: ", "", 1)
	send(t, "tcp", tcp, "<22>Feb 21 00:03:02 dovecot: "+short+"\n"+
		fmt.Sprintf("%d %s", len("<22>1 2026-02-21T00:03:02Z mx1 dovecot 7 - - ")+len(short), "<22>1 2026-02-21T00:03:02Z mx1 dovecot 7 - - "+short)+
		"<22>dovecot: "+short+"\n")
	q.wait(t, 3)
	post(t, http.DefaultClient, "http://"+web+"/v1/dovecot", event, nil)
	post(t, http.DefaultClient, "http://"+web+"/v1/lines", `{"line":"`+login+`","time":"2026-02-21T00:03:02Z"}`, nil)
	for _, l := range q.raw {
		var ev maillog.Event
		p := maillog.NewParser(maillog.Options{Format: l.Format, Mixed: l.Format == maillog.FormatNone, Reference: noon})
		if res := p.Parse(l.Bytes, &ev); res.Kind != maillog.Parsed || string(ev.Account) != "anna" || time.Unix(0, ev.Time).UTC().Year() != 2026 {
			t.Errorf("%s: %v %s", l.Bytes, res, ev.Account)
		}
	}
}
