package maillog

import (
	"encoding/json"
	"testing"
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
		if len(line) == 0 || line[0] != '{' {
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

func FuzzJournald(f *testing.F) { fuzz(f, Journald, "journald") }
func FuzzDocker(f *testing.F)   { fuzz(f, Docker, "docker") }
func FuzzMultilog(f *testing.F) { fuzz(f, Multilog, "multilog") }
func FuzzCaddy(f *testing.F)    { fuzz(f, Caddy, "caddy") }

func BenchmarkJournald(b *testing.B) { benchmark(b, Journald, "journald") }
func BenchmarkDocker(b *testing.B)   { benchmark(b, Docker, "docker") }
func BenchmarkMultilog(b *testing.B) { benchmark(b, Multilog, "multilog") }
func BenchmarkCaddy(b *testing.B)    { benchmark(b, Caddy, "caddy") }

// A message that an envelope carries is read as if it stood alone, whatever a
// client wrote into it.
func TestInjectionStructured(t *testing.T) {
	injected(t, map[string]string{
		"journald": `{"__REALTIME_TIMESTAMP":"1771628582000000","SYSLOG_IDENTIFIER":"dovecot","MESSAGE":"imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 1 secs): user=<%s>, method=PLAIN, rip=203.0.113.5, lip=192.0.2.1, TLS, session=<t21i0tgRzqeLokR2>"}`,
		"docker":   `{"log":"imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 1 secs): user=<%s>, method=PLAIN, rip=203.0.113.5, lip=192.0.2.1, TLS, session=<t21i0tgRzqeLokR2>\n","stream":"stdout","time":"2026-02-21T00:03:02Z"}`,
		"multilog": `@400000006998f7300757b500 imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 1 secs): user=<%s>, method=PLAIN, rip=203.0.113.5, lip=192.0.2.1, TLS, session=<t21i0tgRzqeLokR2>`,
		"caddy":    `{"ts":1771628582,"logger":"http.log.access","request":{"remote_ip":"203.0.113.5","method":"GET","uri":"/%s","headers":{"User-Agent":["%s"],"%s":["192.0.2.66"]}},"user_id":"%s","status":401,"size":1}`,
	})
}
