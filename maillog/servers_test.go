package maillog

import "testing"

// serverMarks lists, for the formats that share a file of syslog, what stands
// right before an address that may be named.
var serverMarks = map[Format][]string{
	Exim:     {"["},
	Sendmail: {"[", "[IPv6:"},
	Cyrus:    {"["},
	Courier:  {"[", "relay=", "reached for "},
	UWIMAP:   {"["},
}

// What a client may write into the lines of other mail servers never decides
// the address. Where it could have written one, none is named.
func TestServersInjection(t *testing.T) {
	injected(t, map[string]string{
		"exim":              `2026-02-21 00:03:02 plain authenticator failed for host.example (pc) [203.0.113.5]:2525: 535 Incorrect authentication data (set_id=%s)`,
		"exim recipient":    `2026-02-21 00:03:02 H=host.example (pc) [203.0.113.5]:2525 F=<%s> rejected RCPT <%s>: relay not permitted`,
		"exim subject":      `2026-02-21 00:03:02 1rk2Vz-0006jK-G9 <= a@b.example H=(pc) [203.0.113.5] P=esmtpa A=plain:anna S=77 T="%s"`,
		"exim command":      `2026-02-21 00:03:02 SMTP protocol error in "AUTH %s" H=(pc) [203.0.113.5] AUTH command used when not advertised`,
		"exim syslog":       `Feb 21 00:03:02 mx1 exim[7]: H=(pc) [203.0.113.5] F=<%s> rejected RCPT <%s>: relay not permitted`,
		"sendmail":          `Feb 21 00:03:02 mx1 sm-mta[7]: 61L032aa026592: AUTH failure (LOGIN): user not found (-20) SASL(-13): %s, user=%s, relay=h.example [203.0.113.5] (may be forged)`,
		"sendmail ruleset":  `Feb 21 00:03:02 mx1 sm-mta[7]: 61L032aa026592: ruleset=check_rcpt, arg1=<%s>, relay=h.example [203.0.113.5], reject=550 5.7.1 <%s>... Relaying denied`,
		"sendmail VRFY":     `Feb 21 00:03:02 mx1 sm-mta[7]: 61L032aa026592: h.example [203.0.113.5]: VRFY %s [rejected]`,
		"cyrus":             `Feb 21 00:03:02 imap1 cyrus/imap[7]: badlogin: h.example [203.0.113.5] plaintext %s SASL(-13): authentication failure: checkpass failed`,
		"cyrus with a name": `Feb 21 00:03:02 imap1 cyrus/imap[7]: badlogin: h.example [203.0.113.5] PLAIN (%s) [SASL(-13): authentication failure: checkpass failed]`,
		"courier":           `Feb 21 00:03:02 mx1 imapd: LOGIN FAILED, user=%s, ip=[::ffff:203.0.113.5], port=[7]`,
		"courier SMTP":      `Feb 21 00:03:02 mx1 courieresmtpd: error,relay=::ffff:203.0.113.5,from=<%s>,to=<%s>: 550 User unknown.`,
		"uw-imap":           `Feb 21 00:03:02 mx1 imapd[7]: Login failed user=%s auth=%s host=h.example [203.0.113.5]`,
	})
}

func FuzzExim(f *testing.F)     { fuzz(f, Exim, "exim") }
func FuzzSendmail(f *testing.F) { fuzz(f, Syslog, "sendmail") }
func FuzzCyrus(f *testing.F)    { fuzz(f, Syslog, "cyrus") }
func FuzzCourier(f *testing.F)  { fuzz(f, Syslog, "courier") }
func FuzzUWIMAP(f *testing.F)   { fuzz(f, Syslog, "uw-imap") }

func BenchmarkExim(b *testing.B)     { benchmark(b, Exim, "exim") }
func BenchmarkSendmail(b *testing.B) { benchmark(b, Syslog, "sendmail") }
func BenchmarkCyrus(b *testing.B)    { benchmark(b, Syslog, "cyrus") }
func BenchmarkCourier(b *testing.B)  { benchmark(b, Syslog, "courier") }
func BenchmarkUWIMAP(b *testing.B)   { benchmark(b, Syslog, "uw-imap") }
