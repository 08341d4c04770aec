package message_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"mailvigil/internal/message"
)

func TestCause(t *testing.T) {
	type cause = map[string]string
	for _, c := range []struct {
		name  string
		cause cause
		want  string
	}{
		{"nothing", nil, "all traffic alike"},
		{"phones of one version", cause{"os": "iOS", "os_version": "26.0"}, "iPhones and iPads on iOS 26.0"},
		{"phones of a service", cause{"service": "activesync", "os": "iOS", "os_version": "26.0"}, "ActiveSync requests from iPhones and iPads on iOS 26.0"},
		{"a version alone", cause{"os_version": "26.0"}, "devices on system version 26.0"},
		{"a system without a plural", cause{"os": "KaiOS", "os_version": "3"}, "devices on KaiOS 3"},
		{"a system and its network", cause{"os": "Android", "asn": "5432"}, "Android devices from the network AS5432"},
		{"failed logins", cause{"outcome": "failure", "service": "imap"}, "failed IMAP logins"},
		{"failed logins anywhere", cause{"outcome": "failure"}, "failed logins"},
		{"a network by number", cause{"asn": "14061"}, "connections from the network AS14061"},
		{"a network by name", cause{"asn": "AS14061 DigitalOcean"}, "connections from the network of DigitalOcean (AS14061)"},
		{"a network not known", cause{"asn": ""}, "connections from networks of unknown owner"},
		{"network zero", cause{"asn": "0"}, "connections from networks of unknown owner"},
		{"a country", cause{"country": "JP"}, "connections from Japan (JP)"},
		{"a country in small letters", cause{"country": "be"}, "connections from Belgium (BE)"},
		{"a country that is none", cause{"country": "<b>"}, "connections from <b>"},
		{"a country not known", cause{"country": ""}, "connections from an unknown country"},
		{"a kind of network", cause{"service": "webmail", "action": "login", "network_kind": "hosting"}, "webmail logins from hosting networks"},
		{"a client", cause{"service": "imap", "client": "Thunderbird", "client_version": "115.3"}, "IMAP connections from Thunderbird 115.3"},
		{"a client on a system", cause{"os": "iOS", "client": "Outlook"}, "iPhones and iPads with Outlook"},
		{"errors", cause{"service": "webmail", "outcome": "error", "status": "502"}, "webmail requests that ended in a server error with HTTP status 502"},
		{"refused for capacity", cause{"service": "imap", "outcome": "refused"}, "refused IMAP connections"},
		{"denied by policy", cause{"service": "smtp", "outcome": "denied", "prefix": "192.0.2.0/24"}, "SMTP connections denied by policy from 192.0.2.0/24"},
		{"a command of ActiveSync", cause{"service": "activesync", "action": "foldersync", "account": "anna@assembly.example"}, "ActiveSync foldersync requests from account anna@assembly.example"},
		{"a group and a mechanism", cause{"account_group": "members", "mechanism": "PLAIN"}, "connections from accounts in the group members by the mechanism PLAIN"},
		{"an attribute without words", cause{"tls_version": "1.0", "url": "/x"}, "connections for /x, with tls version 1.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := message.Cause(c.cause); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestCauseSaysEverything: no attribute of the contract is lost on the way.
func TestCauseSaysEverything(t *testing.T) {
	for _, key := range strings.Fields("status client client_version os os_version user_agent mechanism network_kind country asn prefix ip account account_group device url service action outcome other") {
		if got := message.Cause(map[string]string{key: "VALUE7"}); !strings.Contains(got, "VALUE7") {
			t.Errorf("%s=VALUE7 is told as %q", key, got)
		}
	}
}

func TestSafe(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "anna@assembly.example", "anna@assembly.example"},
		{"letters of the world", "Zoë 漢字 Ελλάδα עברית", "Zoë 漢字 Ελλάδα עברית"},
		{"decomposed letter", "e\u0301", "e\u0301"},
		{"a backslash stays", `DOM\anna`, `DOM\anna`},
		{"clears the screen", "\x1b[2J", `\x1b[2J`},
		{"control character of C1", "\u009b31m", `\u009b31m`},
		{"lines and tabs", "a\r\nb\tc", `a\r\nb\tc`},
		{"NUL and DEL", "\x00\x7f", `\x00\x7f`},
		{"not UTF-8", "\xff\xc3(", `\xff\xc3(`},
		{"the replacement character itself", "\uFFFD", "\uFFFD"},
		{"turns the direction", "a\u202egnp.exe", `a\u202egnp.exe`},
		{"isolates", "\u2066a\u2069", `\u2066a\u2069`},
		{"has no width", "a\u200b\ufeff", `a\u200b\ufeff`},
		{"line separator", "\u2028", `\u2028`},
		{"hides in tags", "a\U000e0041", `a\U000e0041`},
		{"chooses a variant", "\u2764\ufe0f", "\u2764" + `\ufe0f`},
		{"looks like nothing", "\u3164", `\u3164`},
		{"joins what stands before it", "\u0301a", `\u0301a`},
		{"piles up marks", "e\u0301\u0301\u0301\u0301", "e\u0301\u0301\u0301" + `\u0301`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := message.Safe(c.in); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("a\x1b[2J\u202e\xff\u0301\U000e0041")
	f.Fuzz(func(t *testing.T, s string) {
		got := message.Safe(s)
		if !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("%q holds %U", got, r)
			}
		}
		if again := message.Safe(got); again != got {
			t.Errorf("escaping twice gives %q after %q", again, got)
		}
	})
}

func TestConfidence(t *testing.T) {
	for p, want := range map[float64]string{1: "very high", 0.9: "high", 0.7: "moderate", 0.5: "low", 0: "very low"} {
		if got := message.Confidence(p); got != want {
			t.Errorf("%v is %s, want %s", p, got, want)
		}
	}
}
