package maillog

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// The scanner sees what encoding/json sees, in whatever is JSON.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":"x\"\\\u00e9\ud83d\ude00\ud83dz","c":null,"d":{"e":["x","y"],"f":{"g":true}},"h":[1,2],"i":[{"n":"a","v":"b"}]}`,
		`{}`, `{"a":{}}`, `{"a":[]}`, `{"a":"`, `{"a":1}{"b":2}`, `{"a":}`, `{{}}`, `{"a":[[["x"]]]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var j jsonFields
		if len(line) == 0 || line[0] != '{' || !utf8.ValidString(line) {
			return
		}
		why := j.scan([]byte(line))
		var want map[string]any
		if json.Unmarshal([]byte(line), &want) != nil {
			return
		}
		if why != "" && j.nestedLen < maxJSONFields && why != whyUnknown {
			t.Fatalf("%q: %s", line, why)
		}
		seen := map[string]bool{}
		for i := range j.top[:j.topLen] {
			field := &j.top[i]
			key := string(field.key)
			if seen[key] {
				return // the first of a name counts here, the last there
			}
			seen[key] = true
		}
		for i := range j.top[:j.topLen] {
			field := &j.top[i]
			if s, ok := want[string(field.key)].(string); ok && field.kind == '"' {
				if got := string(j.textOf(field)); got != s && json.Valid([]byte(line)) {
					t.Fatalf("%q: %q is %q, want %q", line, field.key, got, s)
				}
			}
		}
	})
}

func FuzzJournald(f *testing.F)         { fuzz(f, Journald, "journald") }
func FuzzDocker(f *testing.F)           { fuzz(f, Docker, "docker") }
func FuzzMultilog(f *testing.F)         { fuzz(f, Multilog, "multilog") }
func FuzzCaddy(f *testing.F)            { fuzz(f, Caddy, "caddy") }
func FuzzTraefik(f *testing.F)          { fuzz(f, Traefik, "traefik") }
func FuzzDovecotEvents(f *testing.F)    { fuzz(f, DovecotEvents, "dovecot-events") }
func FuzzStalwart(f *testing.F)         { fuzz(f, Stalwart, "stalwart") }
func FuzzMox(f *testing.F)              { fuzz(f, Mox, "mox") }
func FuzzNextcloud(f *testing.F)        { fuzz(f, Nextcloud, "nextcloud") }
func FuzzKeycloak(f *testing.F)         { fuzz(f, Keycloak, "keycloak") }
func FuzzAuthelia(f *testing.F)         { fuzz(f, Authelia, "authelia") }
func FuzzAuthentik(f *testing.F)        { fuzz(f, Authentik, "authentik") }
func FuzzMicrosoft365(f *testing.F)     { fuzz(f, Microsoft365, "microsoft365") }
func FuzzGoogleWorkspace(f *testing.F)  { fuzz(f, GoogleWorkspace, "google-workspace") }
func FuzzRspamd(f *testing.F)           { fuzz(f, Rspamd, "rspamd") }
func FuzzAmavis(f *testing.F)           { fuzz(f, Amavis, "amavis") }
func FuzzClamAVMilter(f *testing.F)     { fuzz(f, ClamAVMilter, "clamav-milter") }
func FuzzHAProxy(f *testing.F)          { fuzz(f, HAProxy, "haproxy") }
func FuzzExchangeIIS(f *testing.F)      { fuzz(f, ExchangeIIS, "exchange-iis") }
func FuzzExchangeProxy(f *testing.F)    { fuzz(f, ExchangeProxy, "exchange-proxy") }
func FuzzExchangeIMAP(f *testing.F)     { fuzz(f, ExchangeIMAP, "exchange-imap") }
func FuzzExchangeSMTP(f *testing.F)     { fuzz(f, ExchangeSMTP, "exchange-smtp") }
func FuzzExchangeTracking(f *testing.F) { fuzz(f, ExchangeTracking, "exchange-tracking") }

func BenchmarkJournald(b *testing.B)         { benchmark(b, Journald, "journald") }
func BenchmarkDocker(b *testing.B)           { benchmark(b, Docker, "docker") }
func BenchmarkMultilog(b *testing.B)         { benchmark(b, Multilog, "multilog") }
func BenchmarkCaddy(b *testing.B)            { benchmark(b, Caddy, "caddy") }
func BenchmarkTraefik(b *testing.B)          { benchmark(b, Traefik, "traefik") }
func BenchmarkDovecotEvents(b *testing.B)    { benchmark(b, DovecotEvents, "dovecot-events") }
func BenchmarkStalwart(b *testing.B)         { benchmark(b, Stalwart, "stalwart") }
func BenchmarkMox(b *testing.B)              { benchmark(b, Mox, "mox") }
func BenchmarkNextcloud(b *testing.B)        { benchmark(b, Nextcloud, "nextcloud") }
func BenchmarkKeycloak(b *testing.B)         { benchmark(b, Keycloak, "keycloak") }
func BenchmarkAuthelia(b *testing.B)         { benchmark(b, Authelia, "authelia") }
func BenchmarkAuthentik(b *testing.B)        { benchmark(b, Authentik, "authentik") }
func BenchmarkMicrosoft365(b *testing.B)     { benchmark(b, Microsoft365, "microsoft365") }
func BenchmarkGoogleWorkspace(b *testing.B)  { benchmark(b, GoogleWorkspace, "google-workspace") }
func BenchmarkRspamd(b *testing.B)           { benchmark(b, Rspamd, "rspamd") }
func BenchmarkAmavis(b *testing.B)           { benchmark(b, Amavis, "amavis") }
func BenchmarkClamAVMilter(b *testing.B)     { benchmark(b, ClamAVMilter, "clamav-milter") }
func BenchmarkHAProxy(b *testing.B)          { benchmark(b, HAProxy, "haproxy") }
func BenchmarkExchangeIIS(b *testing.B)      { benchmark(b, ExchangeIIS, "exchange-iis") }
func BenchmarkExchangeProxy(b *testing.B)    { benchmark(b, ExchangeProxy, "exchange-proxy") }
func BenchmarkExchangeSMTP(b *testing.B)     { benchmark(b, ExchangeSMTP, "exchange-smtp") }
func BenchmarkExchangeIMAP(b *testing.B)     { benchmark(b, ExchangeIMAP, "exchange-imap") }
func BenchmarkExchangeTracking(b *testing.B) { benchmark(b, ExchangeTracking, "exchange-tracking") }

// A message that an envelope carries is read as if it stood alone, whatever a
// client wrote into it.
func TestInjectionStructured(t *testing.T) {
	injected(t, map[string]string{
		"journald":            `{"__REALTIME_TIMESTAMP":"1771628582000000","SYSLOG_IDENTIFIER":"dovecot","MESSAGE":"imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 1 secs): user=<%s>, method=PLAIN, rip=203.0.113.5, lip=192.0.2.1, TLS, session=<t21i0tgRzqeLokR2>"}`,
		"docker":              `{"log":"imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 1 secs): user=<%s>, method=PLAIN, rip=203.0.113.5, lip=192.0.2.1, TLS, session=<t21i0tgRzqeLokR2>\n","stream":"stdout","time":"2026-02-21T00:03:02Z"}`,
		"multilog":            `@400000006998f7300757b500 imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 1 secs): user=<%s>, method=PLAIN, rip=203.0.113.5, lip=192.0.2.1, TLS, session=<t21i0tgRzqeLokR2>`,
		"caddy":               `{"ts":1771628582,"logger":"http.log.access","request":{"remote_ip":"203.0.113.5","method":"GET","uri":"/%s","headers":{"User-Agent":["%s"],"%s":["192.0.2.66"]}},"user_id":"%s","status":401,"size":1}`,
		"traefik":             `{"ClientAddr":"203.0.113.5:1","ClientHost":"%s","ClientUsername":"%s","DownstreamStatus":401,"RequestMethod":"GET","RequestPath":"/%s","StartUTC":"2026-02-21T00:03:03Z","request_User-Agent":"%s"}`,
		"dovecot events":      `{"event":"auth_request_finished","start_time":"2026-02-21T00:03:02Z","end_time":"2026-02-21T00:03:02Z","fields":{"service":"imap","user":"%s","client_id":"%s","remote_ip":"203.0.113.5"}}`,
		"stalwart":            `{"createdAt":"2026-02-21T00:03:02Z","type":"auth.failed","data":{"accountName":"%s","remoteIp":"203.0.113.5"}}`,
		"mox":                 `Feb 21 00:03:03 mx1 mox[77]: l=info m="login attempt" address="%s" protocol=imap result=badcreds remoteip=203.0.113.5 useragent="%s" count=1`,
		"nextcloud":           `{"reqId":"f","time":"2026-02-21T00:03:02+00:00","remoteAddr":"203.0.113.5","user":"--","url":"/login","message":"Login failed: %s (Remote IP: 203.0.113.5)","userAgent":"%s"}`,
		"keycloak":            `2026-02-21 00:03:02,123 WARN  [org.keycloak.events] (executor-thread-7) type="LOGIN_ERROR", realmId="p", clientId="webmail", userId="null", ipAddress="203.0.113.5", error="user_not_found", redirect_uri="%s", username="%s"`,
		"keycloak, no quotes": `2026-02-21 00:03:02,123 WARN  [org.keycloak.events] (x) type=LOGIN_ERROR, clientId=webmail, userId=null, ipAddress=203.0.113.5, error=user_not_found, username=%s`,
		"authelia":            `time="2026-02-21T00:03:02+01:00" level=error msg="Unsuccessful 1FA authentication attempt by user '%s'" method=POST path=/api/firstfactor remote_ip=203.0.113.5`,
		"authentik":           `{"action": "login_failed", "client_ip": "203.0.113.5", "context": {"http_request": {"args": {"client_ip": "%s"}, "user_agent": "%s"}, "username": "%s"}, "event": "Created Event", "logger": "authentik.events.models", "timestamp": "2026-02-21T00:03:02.526527"}`,
		"microsoft365":        `{"CreationTime":"2026-02-21T00:03:03","Operation":"UserLoginFailed","UserId":"%s","ExtendedProperties":[{"Name":"UserAgent","Value":"%s"}],"ClientIP":"203.0.113.5","ErrorNumber":"50126"}`,
		"google workspace":    `{"kind":"admin#reports#activity","id":{"time":"2026-02-21T00:03:03Z"},"actor":{"email":"%s"},"ipAddress":"203.0.113.5","events":[{"name":"login_failure"}]}`,
		"haproxy":             `Feb 21 00:03:02 lb1 haproxy[77]: 203.0.113.5:53124 [21/Feb/2026:00:03:01.655] mail~ web/srv1 10/0/30/69/109 401 2750 - - ---- 1/1/1/1/0 0/0 {%s|%s} "GET /%s HTTP/1.1"`,
		"rspamd":              `2026-02-21 00:03:02 #77(rspamd_proxy) <a1b2c3>; proxy; rspamd_task_write_log: id: <%s>, qid: <4F1A2B>, ip: 203.0.113.5, user: anna, from: <%s>, (default: T (reject): [16.20/15.00] [X(4.00){%s;}]), len: 2048, time: 120.5ms`,
		"amavis":              `Feb 21 00:03:02 mx1 amavis[77]: (77-02) Blocked SPAM {RejectedInbound}, [203.0.113.5]:25 [192.0.2.66] <%s> -> <bert@parl.example>, Message-ID: <%s>, mail_id: x, Hits: 11.3, size: 4134, 3721 ms`,
	})
}

// A header counts for the rows below it, up to the next one or the end of the
// file, whatever else stands between them.
func TestColumns(t *testing.T) {
	const (
		short = "#Fields: date time cs-method cs-uri-stem sc-status c-ip"
		row   = "2026-02-21 00:04:00 GET /owa/ 200 198.51.100.7"
		other = "Feb 21 00:46:41 imap-login: Info: Aborted login (auth failed, 1 attempts): rip=203.0.113.5, lip=192.0.2.1, user=<x>"
	)
	for _, mixed := range []bool{false, true} {
		p := sampleParser(t, FormatNone)
		p.opt.Mixed = mixed
		var ev Event
		for _, c := range []struct {
			line   string
			kind   ResultKind
			format Format
		}{
			{row, Ignored, FormatNone}, // as syslog has it: of a program called owa
			{short, Ignored, FormatNone},
			{row, Parsed, ExchangeIIS},
			{other, Parsed, Dovecot},
			{row, Parsed, ExchangeIIS},
			{"#Fields: date time s-event s-comment", Ignored, FormatNone},
			{"2026-02-21 00:05:00 192.0.2.1 GET /owa/ - 443 - 198.51.100.7 x - 200 0 0 7", Parsed, ExchangeIIS},
		} {
			if r := p.Parse([]byte(c.line), &ev); c.kind == Parsed && (r.Kind != Parsed || ev.Format != c.format) || c.kind != Parsed && r.Kind == Parsed {
				t.Errorf("mixed %v, %s: %s", mixed, c.line, dump(r, &ev))
			}
		}
		p.Parse([]byte(short), &ev)
		p.NextFile(p.opt.Reference, FormatNone)
		if r := p.Parse([]byte(row), &ev); r.Kind == Parsed {
			t.Errorf("the header of the file before counted: %s", dump(r, &ev))
		}
	}
	for _, s := range samples {
		if !hasColumns(s.format) {
			continue
		}
		p := sampleParser(t, s.format)
		for line := range bytes.Lines(sample(t, s.file)) {
			var whole, part Event
			if r := p.Parse(line, &whole); r.Kind != Parsed {
				continue
			}
			for n := range bytes.TrimSpace(line) {
				if r := p.Parse(line[:n], &part); r.Kind == Parsed && part.ClientIP != whole.ClientIP && part.ClientIP.IsValid() {
					t.Errorf("%s cut at %d: %s", s.file, n, dump(r, &part))
				}
			}
		}
	}
}

// What Docker cut is read as one line; a part of it never by itself, since a
// client may have chosen where it begins.
func TestDockerParts(t *testing.T) {
	head := `198.51.100.7 - - [21/Feb/2026:00:03:02 +0100] "GET /`
	long := head + strings.Repeat("a", dockerPart-len(head))
	forged := `192.0.2.66 - - [21/Feb/2026:00:03:02 +0100] \"GET / HTTP/1.1\" 401 0 \"-\" \"x\"\n`
	entry := func(log, stream string) []byte {
		return []byte(`{"log":"` + log + `","stream":"` + stream + `","time":"2026-02-20T23:03:02Z"}`)
	}
	p := sampleParser(t, Docker)
	var ev Event
	if r := p.Parse(entry(strings.ReplaceAll(long, `"`, `\"`), "stdout"), &ev); r.Kind != Ignored {
		t.Fatal(dump(r, &ev))
	}
	if r := p.Parse(entry(`other: x\n`, "stderr"), &ev); r.Kind == Parsed {
		t.Fatal(dump(r, &ev))
	}
	if r := p.Parse(entry(forged, "stdout"), &ev); r.Kind == Parsed && ev.ClientIP.String() == "192.0.2.66" {
		t.Fatal(dump(r, &ev))
	}
	p.Parse(entry(strings.ReplaceAll(long, `"`, `\"`), "stdout"), &ev)
	if r := p.Parse(entry(` HTTP/1.1\" 200 7 \"-\" \"x\"\n`, "stdout"), &ev); r.Kind != Parsed || ev.ClientIP.String() != "198.51.100.7" || ev.Status != 200 {
		t.Fatal(dump(r, &ev))
	}
	p.Parse(entry(strings.ReplaceAll(long, `"`, `\"`), "stdout"), &ev)
	p.NextFile(p.opt.Reference, Docker)
	if r := p.Parse(entry(forged, "stdout"), &ev); r.Kind != Parsed {
		t.Error(dump(r, &ev)) // the part before it was of another file
	}
}
