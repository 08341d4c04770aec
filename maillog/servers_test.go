package maillog

import (
	"testing"
	"time"
)

// serverMarks lists, for the formats that share a file of syslog, what stands
// right before an address that may be named.
var serverMarks = map[Format][]string{
	Exim:      {"["},
	Sendmail:  {"[", "[IPv6:"},
	Cyrus:     {"["},
	Courier:   {"[", "relay=", "reached for "},
	UWIMAP:    {"["},
	SOGo:      {"'", ", ", ","},
	Perdition: {": ", "client "},
	Qpopper:   {"(", ") "},
	SolidPOP3: {" - "},
	Vpopmail:  {":"},
	Rblsmtpd:  {": ", "", "^"},
}

// What a client may write into the lines of other mail servers never decides
// the address. Where it could have written one, none is named.
func TestServersInjection(t *testing.T) {
	injected(t, map[string]string{
		"exim":                  `2026-02-21 00:03:02 plain authenticator failed for host.example (pc) [203.0.113.5]:2525: 535 Incorrect authentication data (set_id=%s)`,
		"exim recipient":        `2026-02-21 00:03:02 H=host.example (pc) [203.0.113.5]:2525 F=<%s> rejected RCPT <%s>: relay not permitted`,
		"exim subject":          `2026-02-21 00:03:02 1rk2Vz-0006jK-G9 <= a@b.example H=(pc) [203.0.113.5] P=esmtpa A=plain:anna S=77 T="%s"`,
		"exim command":          `2026-02-21 00:03:02 SMTP protocol error in "AUTH %s" H=(pc) [203.0.113.5] AUTH command used when not advertised`,
		"exim syslog":           `Feb 21 00:03:02 mx1 exim[7]: H=(pc) [203.0.113.5] F=<%s> rejected RCPT <%s>: relay not permitted`,
		"sendmail":              `Feb 21 00:03:02 mx1 sm-mta[7]: 61L032aa026592: AUTH failure (LOGIN): user not found (-20) SASL(-13): %s, user=%s, relay=h.example [203.0.113.5] (may be forged)`,
		"sendmail ruleset":      `Feb 21 00:03:02 mx1 sm-mta[7]: 61L032aa026592: ruleset=check_rcpt, arg1=<%s>, relay=h.example [203.0.113.5], reject=550 5.7.1 <%s>... Relaying denied`,
		"sendmail VRFY":         `Feb 21 00:03:02 mx1 sm-mta[7]: 61L032aa026592: h.example [203.0.113.5]: VRFY %s [rejected]`,
		"cyrus":                 `Feb 21 00:03:02 imap1 cyrus/imap[7]: badlogin: h.example [203.0.113.5] plaintext %s SASL(-13): authentication failure: checkpass failed`,
		"cyrus with a name":     `Feb 21 00:03:02 imap1 cyrus/imap[7]: badlogin: h.example [203.0.113.5] PLAIN (%s) [SASL(-13): authentication failure: checkpass failed]`,
		"courier":               `Feb 21 00:03:02 mx1 imapd: LOGIN FAILED, user=%s, ip=[::ffff:203.0.113.5], port=[7]`,
		"courier SMTP":          `Feb 21 00:03:02 mx1 courieresmtpd: error,relay=::ffff:203.0.113.5,from=<%s>,to=<%s>: 550 User unknown.`,
		"uw-imap":               `Feb 21 00:03:02 mx1 imapd[7]: Login failed user=%s auth=%s host=h.example [203.0.113.5]`,
		"dovecot auth, or none": `Feb 21 00:04:00 auth: Info: ldap(%s,203.0.113.5,<t21i0tgRzqeLokR2>): unknown user`,
		"dovecot PAM, or none":  `Feb 21 00:04:00 mx1 dovecot: auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=%s rhost=203.0.113.5  user=anna`,
		"nginx":                 `2026/02/21 00:03:05 [error] 8#8: *17 user "%s": password mismatch, client: 203.0.113.5, server: mail, request: "GET / HTTP/1.1", host: "mail"`,
		"nginx mail":            `2026/02/21 00:03:05 [info] 8#8: *16 client login failed: "no" while in http auth state, client: 203.0.113.5, server: 0.0.0.0:587, login: "%s"`,
		"apache":                `[Sat Feb 21 00:03:02.880562 2026] [auth_basic:error] [pid 10:tid 140] [client 203.0.113.5:50229] AH01618: user %s not found: /%s`,
		"sogo":                  `Feb 21 00:03:02 sogod [26818]: SOGoRootPage Login from '203.0.113.5' for user '%s' might not have worked - password policy: 65535`,
		"zimbra":                `2026-02-21 00:03:02,616 WARN  [qtp9-137:https://mail/service/soap/] [oip=203.0.113.5;port=52016;ua=%s;] security - cmd=Auth; account=%s; protocol=soap; error=authentication failed for [%s], invalid password;`,
		"horde":                 `2026-02-21T00:03:02+01:00 ERR: HORDE [horde] FAILED LOGIN for %s to horde (203.0.113.5) [pid 7 on line 198 of "/usr/share/horde/login.php"]`,
		"squirrelmail":          `02/21/2026 00:03:02 [LOGIN_ERROR] %s (parl.example) from 203.0.113.5: Unknown user or password incorrect.`,
		"kerio":                 `[21/Feb/2026 00:03:01] IMAP: Invalid password for user %s. Attempt from IP address 203.0.113.5.`,
		"kerio recipient":       `[21/Feb/2026 00:03:06] Attempt to deliver to unknown recipient <%s>, from <%s>, IP address 203.0.113.5`,
		"perdition":             `Feb 21 00:03:02 px1 perdition.imaps[7]: Auth: 203.0.113.5:2274->192.0.2.1:993 client-secure=ssl authorisation_id=NONE authentication_id="%s" server="imap1:143" protocol=IMAP4 server-secure=plaintext status="failed"`,
		"assp":                  `Feb-21-26 00:03:02 m1-1-1 [Worker_1] 203.0.113.5 <%s> to: %s relay attempt blocked for: %s`,
		"domino":                `21-02-2026 00:03:02   smtp: %s [203.0.113.5] authentication failure using internet password`,
		"domino server":         `21-02-2026 00:03:02   SMTP Server: Authentication failed for user %s ; connecting host 203.0.113.5`,
		"openwebmail":           `Sat Feb 21 00:03:03 2026 - [72926] (203.0.113.5) %s - login error - no such user - loginname=%s`,
		"tine20":                `78017 00cff -- none -- - 2026-02-21T00:03:02+01:00 WARN (4): Tinebase_Controller::login::106 Login with username %s from 203.0.113.5 failed (-1)!`,
		"mailu":                 `[2026-02-21 00:03:02,579] WARNING in limiter: Authentication attempt from 203.0.113.5 for %s has been rate-limited.`,
		"solid-pop3d":           `Feb 21 00:03:02 mx1 solid-pop3d[7]: authentication failed: no such user: %s - 203.0.113.5`,
		"roundcube error":       `[21-Feb-2026 09:38:12 +0100]: <9ec5f9f5> IMAP Error: Login failed for %s against imap1 from 203.0.113.5. AUTHENTICATE PLAIN: A0002 NO %s. in x.php on line 211 (POST /?_task=login)`,
	})
}

// Live servers were made to write these. The address of whom they blame is the
// client's invention: it is never named.
func TestForged(t *testing.T) {
	for line, want := range map[string]string{
		`2026-02-21 00:03:02 SMTP syntax error in "MAIL FROM:<"a\" H=[192.0.2.66] b"x>" H=(pc) [203.0.113.5] "@" or "." expected after ""a\" H=[192.0.2.66] b""`:                                                                  "",
		`2026/02/21 00:03:05 [info] 8#8: *17 client sent invalid request while reading client request line, client: 203.0.113.5, server: , request: "GET /"x, client: 192.0.2.66, server: y HTTP/1.1"`:                            "203.0.113.5",
		`2026/02/21 00:03:05 [info] 8#8: *17 client login failed: "no" while in http auth state, client: 203.0.113.5, server: 0.0.0.0:143, login: "x, client: 192.0.2.66, server: y"`:                                             "203.0.113.5",
		`2026/02/21 00:03:05 [error] 8#8: *17 access forbidden by rule, client: 192.0.2.66, server: y" was not found in "/etc/ht", client: 203.0.113.5, server: x, request: "GET / HTTP/1.1", host: "x"`:                          "",
		`Feb 21 00:00:00 sogod [7]: SOGoRootPage Login from '192.0.2.66' for user 'y' might not have worked' might not have worked - password policy: 65535  grace: -1  expire: -1  bound: 56`:                                    "",
		`Feb 21 00:00:00 auth: Info: plain(?,203.0.113.5,<s>): Username character disallowed by auth_username_chars: 0x2c (username: a,192.0.2.66,<s>): unknown user)`:                                                            "203.0.113.5",
		`2026-02-21T00:03:02.847Z,EX1\A,08DE6F0A1B2C3D43,8,192.0.2.1:25,203.0.113.5:40001,>,"550 5.7.1 <""x,192.0.2.66:1,>,535 y"">",`:                                                                                            "203.0.113.5",
		`2026-02-21 00:03:09 WARN: 203.0.113.5 matched rule id 1 (mailcow UI: Invalid password for anna by 192.0.2.66 by 203.0.113.5)`:                                                                                            "203.0.113.5",
		`Feb 21 00:03:02 mx1 postfix/smtpd[7]: NOQUEUE: reject: RCPT from h.example[203.0.113.5]: 553 5.7.1 <x>: Sender address rejected: not owned by user anna; from=<x from h[192.0.2.66]: 5> to=<y> proto=ESMTP helo=<[192]>`: "203.0.113.5",
	} {
		p := sampleParser(t, FormatNone)
		p.opt.Mixed = true
		var ev Event
		r := p.Parse([]byte(line), &ev)
		got := ""
		if ev.ClientIP.IsValid() {
			got = ev.ClientIP.String()
		}
		if r.Kind != Parsed || got != want {
			t.Errorf("%s\n%s, want %q", line, dump(r, &ev), want)
		}
	}
}

// A line that lost its time on the way states it in its message.
func TestBare(t *testing.T) {
	for line, account := range map[string]string{
		`mx1 exim[7]: 2026-02-21 00:03:27 plain authenticator failed for host.example [203.0.113.5]: 535 Incorrect authentication data (set_id=anna)`:                              "anna",
		`mx1 nginx[7]: mx1 nginx: 2026/02/21 00:03:27 [error] 8#8: *17 user "anna": password mismatch, client: 203.0.113.5, server: mail, request: "GET / HTTP/1.1", host: "mail"`: "anna",
		`203.0.113.5:53124 [21/Feb/2026:00:03:27.000] mail~ web/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "GET / HTTP/1.1"`:                                              "",
		`203.0.113.5:53124 [21/Feb/2026:00:03:27.000] mail/1: SSL handshake failure (error:0A0000C1:SSL routines::no shared cipher)`:                                               "",
	} {
		p := sampleParser(t, FormatNone)
		var ev Event
		r := p.Parse([]byte(line), &ev)
		if r.Kind != Parsed || string(ev.Account) != account || ev.ClientIP.String() != "203.0.113.5" || ev.Time != time.Date(2026, 2, 20, 23, 3, 27, 0, time.UTC).UnixNano() {
			t.Error(dump(r, &ev))
		}
	}
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

func FuzzNginxError(f *testing.F)   { fuzz(f, NginxError, "nginx-error") }
func FuzzApacheError(f *testing.F)  { fuzz(f, ApacheError, "apache-error") }
func FuzzSOGo(f *testing.F)         { fuzz(f, Syslog, "sogo") }
func FuzzZimbra(f *testing.F)       { fuzz(f, Zimbra, "zimbra") }
func FuzzHorde(f *testing.F)        { fuzz(f, Horde, "horde") }
func FuzzSquirrelMail(f *testing.F) { fuzz(f, SquirrelMail, "squirrelmail") }
func FuzzKerio(f *testing.F)        { fuzz(f, Kerio, "kerio") }
func FuzzPerdition(f *testing.F)    { fuzz(f, Syslog, "perdition") }
func FuzzQpopper(f *testing.F)      { fuzz(f, Syslog, "qpopper") }

func BenchmarkNginxError(b *testing.B)   { benchmark(b, NginxError, "nginx-error") }
func BenchmarkApacheError(b *testing.B)  { benchmark(b, ApacheError, "apache-error") }
func BenchmarkSOGo(b *testing.B)         { benchmark(b, Syslog, "sogo") }
func BenchmarkZimbra(b *testing.B)       { benchmark(b, Zimbra, "zimbra") }
func BenchmarkHorde(b *testing.B)        { benchmark(b, Horde, "horde") }
func BenchmarkSquirrelMail(b *testing.B) { benchmark(b, SquirrelMail, "squirrelmail") }
func BenchmarkKerio(b *testing.B)        { benchmark(b, Kerio, "kerio") }
func BenchmarkPerdition(b *testing.B)    { benchmark(b, Syslog, "perdition") }
func BenchmarkQpopper(b *testing.B)      { benchmark(b, Syslog, "qpopper") }

func FuzzASSP(f *testing.F)             { fuzz(f, ASSP, "assp") }
func FuzzDomino(f *testing.F)           { fuzz(f, Domino, "domino") }
func FuzzOracleMS(f *testing.F)         { fuzz(f, OracleMS, "oracle-messaging-server") }
func FuzzOpenWebmail(f *testing.F)      { fuzz(f, OpenWebmail, "openwebmail") }
func FuzzTine20(f *testing.F)           { fuzz(f, Tine20, "tine20") }
func FuzzMailu(f *testing.F)            { fuzz(f, Mailu, "mailu") }
func FuzzMailcowNetfilter(f *testing.F) { fuzz(f, MailcowNetfilter, "mailcow-netfilter") }
func FuzzSolidPOP3(f *testing.F)        { fuzz(f, Syslog, "solid-pop3d") }
func FuzzRblsmtpd(f *testing.F)         { fuzz(f, Syslog, "rblsmtpd") }
func FuzzVpopmail(f *testing.F)         { fuzz(f, Syslog, "vpopmail") }
