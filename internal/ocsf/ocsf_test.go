package ocsf_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"mailvigil/internal/ocsf"
	"mailvigil/maillog"
)

var schema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	return c.Compile("testdata/ocsf-1.9.0.schema.json")
})

// valid holds a line against the schema.
func valid(t testing.TB, line []byte) map[string]any {
	t.Helper()
	s, err := schema()
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(line, []byte("\n")); n != 1 || line[len(line)-1] != '\n' {
		t.Errorf("%q is not one line", line)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("%s%v", line, err)
	}
	return doc.(map[string]any)
}

// Every sample of every format goes through.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("../../maillog/testdata/*.log")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	zone := time.FixedZone("CEST", 2*60*60)
	e := ocsf.NewEncoder("0.0.0", zone)
	classes := map[string]int{}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := maillog.NewParser(maillog.Options{
				Format: maillog.Detect(data), Location: zone,
				Reference: time.Date(2024, 12, 31, 0, 0, 0, 0, time.UTC),
			})
			var ev maillog.Event
			events := 0
			lines := bufio.NewScanner(bytes.NewReader(data))
			lines.Buffer(nil, 1<<20)
			for n := int64(1); lines.Scan(); n++ {
				if p.Parse(lines.Bytes(), &ev).Kind != maillog.Parsed {
					continue
				}
				events++
				doc := valid(t, e.Encode(&ev, ocsf.Line{File: file, Number: n, Raw: lines.Bytes()}))
				classes[fmt.Sprint(doc["class_uid"])]++
			}
			if lines.Err() != nil {
				t.Fatal(lines.Err())
			}
			if events == 0 {
				t.Skip("its sample states no event")
			}
		})
	}
	t.Log(classes)
	for _, c := range []string{"3002", "4002", "4009"} {
		if classes[c] == 0 {
			t.Errorf("no sample gave an event of class %s", c)
		}
	}
}

// The schema must be able to refuse.
func TestSchemaRefuses(t *testing.T) {
	s, err := schema()
	if err != nil {
		t.Fatal(err)
	}
	e := ocsf.NewEncoder("0.0.0", time.UTC)
	good := string(e.Encode(&login, ocsf.Line{Number: 1}))
	for _, change := range [][2]string{
		{`"type_uid":300201`, `"type_uid":300202`},
		{`"category_uid":3`, `"category_uid":4`},
		{`"severity_id":1,`, ``},
		{`"user":{"name":"anna"},`, ``},
		{`"user":{"name":"anna"}`, `"user":{}`},
		{`"ip":"192.0.2.7"`, `"ip":"192.0.2.777"`},
		{`"service":{"name"`, `"service":{"nam"`},
		{`"is_remote":true`, `"is_remote":"true"`},
		{`"version":"1.9.0"`, `"version":"1.8.0"`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Errorf("%s is not in %s", change[0], good)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(doc) == nil {
			t.Errorf("valid with %s in place of %s", change[1], change[0])
		}
	}
}

var login = maillog.Event{
	Time:   time.Date(2024, 4, 5, 7, 30, 0, 120e6, time.UTC).UnixNano(),
	Format: maillog.Dovecot, Service: maillog.IMAP, Action: maillog.Login, Outcome: maillog.Failure,
	Reason: "unknown user", Account: []byte("anna"), ClientIP: netip.MustParseAddr("192.0.2.7"),
	Mechanism: []byte("xoauth2"), Session: []byte("s1"), UserAgent: []byte("name=Mail"), Joined: true,
}

// wants are attributes that an event must have, by their path.
type wants map[string]any

func (w wants) check(t *testing.T, doc map[string]any) {
	t.Helper()
	for path, want := range w {
		var got any = doc
		for _, key := range strings.Split(path, ".") {
			m, _ := got.(map[string]any)
			got = m[key]
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

func TestEncode(t *testing.T) {
	ip := netip.MustParseAddr("2001:db8::7%eth0")
	tests := []struct {
		name string
		ev   maillog.Event
		want wants
	}{
		{"a login that failed", login, wants{
			"class_uid": 3002, "category_uid": 3, "activity_id": 1, "type_uid": 300201, "time": 1712302200120,
			"status_id": 2, "status_detail": "unknown user", "message": "imap login: failure (unknown user)",
			"user.name": "anna", "src_endpoint.ip": "192.0.2.7", "dst_endpoint.svc_name": "imap", "service.name": "imap",
			"session.uid": "s1", "auth_protocol_id": 6, "auth_protocol": "OAUTH 2.0", "is_remote": true,
			"unmapped.outcome": "failure", "unmapped.user_agent": "name=Mail", "unmapped.joined": true,
			"metadata.log_name": "dovecot", "metadata.log_source": "a.log", "metadata.sequence": 7,
			"metadata.original_time": "2024-04-05T09:30:00.12+02:00", "timezone_offset": 120,
			"metadata.product.vendor_name": "Mailvigil", "metadata.product.version": "1.2.3", "metadata.version": ocsf.Version,
			"http_request": nil, "actor": nil, "raw_data": nil,
		}},
		{"a login of nobody", maillog.Event{Format: maillog.Keycloak, Action: maillog.Login}, wants{
			"user.name": "", "service.name": "keycloak", "status_id": 0, "status_detail": nil, "src_endpoint": nil, "auth_protocol": nil,
		}},
		{"a login with a mechanism that has no number", maillog.Event{Service: maillog.IMAP, Action: maillog.Login, Mechanism: []byte("SCRAM-SHA-256")}, wants{
			"auth_protocol_id": 99, "auth_protocol": "SCRAM-SHA-256",
		}},
		{"a login by HTTP", maillog.Event{Service: maillog.Webmail, Action: maillog.Login, Outcome: maillog.Success, Status: 302, URL: []byte("/?_task=login"), UserAgent: []byte("Mozilla/5.0")}, wants{
			"class_uid": 3002, "http_request.url.path": "/", "http_request.url.query_string": "_task=login",
			"http_request.user_agent": "Mozilla/5.0", "http_response.code": 302, "unmapped.user_agent": nil,
		}},
		{"a logout", maillog.Event{Service: maillog.IMAP, Action: maillog.Logout, Bytes: 5, Messages: 2}, wants{
			"type_uid": 300202, "activity_name": "Logoff", "unmapped.bytes": 5, "unmapped.messages": 2,
		}},
		{"a phone", maillog.Event{
			Service: maillog.ActiveSync, Action: maillog.Ping, Outcome: maillog.Refused, Status: 503, Bytes: 13, ClientIP: ip,
			URL:     []byte("/Microsoft-Server-ActiveSync?Cmd=Ping"),
			Account: []byte(`PARL\anna`), Device: []byte("D1"), DeviceType: []byte("iPhone"),
		}, wants{
			"class_uid": 4002, "category_uid": 4, "activity_id": 6, "type_uid": 400206, "status_id": 2, "status_detail": "refused",
			"src_endpoint.ip": "2001:db8::7", "src_endpoint.uid": "D1", "src_endpoint.type_id": 99, "src_endpoint.type": "iPhone",
			"http_response.code": 503, "traffic.bytes_in": 13, "actor.user.name": `PARL\anna`, "metadata.profiles": "[host]",
		}},
		{"a phone asks for the options", maillog.Event{Service: maillog.ActiveSync, Action: maillog.EASOptions}, wants{"type_uid": 400205}},
		{"a request of an unknown method", maillog.Event{Service: maillog.DAV, Action: maillog.Request, Status: 207}, wants{"type_uid": 400200, "activity_name": "Unknown"}},
		{"a whole URL", maillog.Event{Service: maillog.Web, Action: maillog.Probe, URL: []byte("http://example.org/?a")}, wants{
			"http_request.url.url_string": "http://example.org/?a", "http_request.url.path": nil,
		}},
		{"a message sent", maillog.Event{Service: maillog.Submission, Action: maillog.Send, Account: []byte("anna"), Bytes: 4096, Messages: 3, Session: []byte("q1")}, wants{
			"class_uid": 4009, "type_uid": 400901, "direction_id": 0, "email.size": 4096, "email.to": "[]", "protocol_name": "SMTP",
			"actor.user.name": "anna", "actor.session.uid": "q1", "unmapped.messages": 3, "unmapped.bytes": nil,
		}},
		{"a message that came in", maillog.Event{Service: maillog.SMTP, Action: maillog.Send, Outcome: maillog.Denied, ClientIP: ip}, wants{"type_uid": 400902, "status_detail": "denied"}},
		{"a message of unknown way", maillog.Event{Service: maillog.SMTP, Action: maillog.Send}, wants{"type_uid": 400900}},
		{"a scanner", maillog.Event{Service: maillog.SMTP, Action: maillog.Probe}, wants{"type_uid": 400999, "activity_name": "probe"}},
		{"mail that was read", maillog.Event{Service: maillog.IMAP, Action: maillog.Read, Bytes: 9}, wants{"type_uid": 400999, "activity_name": "read", "protocol_name": "IMAP", "unmapped.bytes": 9}},
		{"webmail without a request", maillog.Event{Service: maillog.Webmail, Action: maillog.Rule, Account: []byte("anna")}, wants{"class_uid": 4002, "http_request": "map[]"}},
	}
	e := ocsf.NewEncoder("1.2.3", time.FixedZone("CEST", 2*60*60))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := valid(t, e.Encode(&tt.ev, ocsf.Line{File: "a.log", Number: 7}))
			tt.want.check(t, doc)
		})
	}
	t.Run("the line itself", func(t *testing.T) {
		doc := valid(t, e.Encode(&login, ocsf.Line{Number: 1, Raw: []byte("a \x1b \xff")}))
		wants{"raw_data": "a \x1b \ufffd", "metadata.log_source": nil}.check(t, doc)
	})
}

func TestNoAllocation(t *testing.T) {
	e := ocsf.NewEncoder("1.2.3", time.UTC)
	raw := []byte("the line")
	if n := testing.AllocsPerRun(100, func() { _ = e.Encode(&login, ocsf.Line{File: "a", Number: 1, Raw: raw}) }); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

// Whatever stands in the fields, the result is valid.
func FuzzEncode(f *testing.F) {
	f.Add(uint8(1), uint8(1), uint8(1), uint16(200), []byte("anna"), []byte("/a?b"), []byte("PLAIN"), int64(1712302200e9))
	f.Add(uint8(2), uint8(8), uint8(0), uint16(0), []byte("\xff\""), []byte("http://x"), []byte{}, int64(-1))
	e := ocsf.NewEncoder("1.2.3", time.UTC)
	f.Fuzz(func(t *testing.T, service, action, outcome uint8, status uint16, account, url, word []byte, ns int64) {
		ev := maillog.Event{
			Time: ns, Format: maillog.Format(word0(word)), Service: maillog.Service(service), Action: maillog.Action(action), Outcome: maillog.Outcome(outcome),
			Status: status, Account: account, URL: url, Mechanism: word, Device: word, DeviceType: account, Session: url, UserAgent: word, Bytes: ns,
		}
		line := e.Encode(&ev, ocsf.Line{Number: 1, Raw: account})
		if !json.Valid(line) || !utf8.Valid(line) {
			t.Fatalf("%q is no JSON", line)
		}
		valid(t, line)
	})
}

func word0(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func BenchmarkEncode(b *testing.B) {
	e := ocsf.NewEncoder("1.2.3", time.UTC)
	for b.Loop() {
		_ = e.Encode(&login, ocsf.Line{File: "mail.log", Number: 1})
	}
}
