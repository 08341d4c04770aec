package doctor_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/doctor"
	"mailvigil/maillog"
)

// repeat writes n lines, with the number of each for its %d verbs.
func repeat(n int, format string) []string {
	var lines []string
	for i := range n {
		lines = append(lines, strings.ReplaceAll(format, "%d", fmt.Sprint(i)))
	}
	return lines
}

const (
	login       = "2025-09-08T08:00:01+02:00 imap-login: Info: Login: user=<u%d@parl.example>, method=PLAIN, rip=192.0.2.%d, lip=198.51.100.1, mpid=1, TLS, session=<aaaaaaaaaaaaaa%d>"
	id          = "2025-09-08T08:00:02+02:00 imap(u%d@parl.example)<1><aaaaaaaaaaaaaa%d>: Info: ID sent: name=Thunderbird, version=128.1"
	idDebug     = "2025-09-08T08:00:02+02:00 imap(u%d@parl.example)<1><aaaaaaaaaaaaaa%d>: Debug: ID sent: name=Thunderbird, version=128.1"
	refused     = "2025-09-08T08:00:01+02:00 imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<u%d>, method=PLAIN, rip=192.0.2.%d, lip=198.51.100.1, TLS, session=<bbbbbbbbbbbbbb%d>"
	reason      = "2025-09-08T08:00:01+02:00 auth: Info: ldap(u%d,192.0.2.%d,<bbbbbbbbbbbbbb%d>): unknown user"
	hosted      = "2025-09-08T08:00:01+02:00 imap-login: Info: Login: user=<u%d@parl.example>, method=PLAIN, rip=10.0.0.9, lip=10.0.0.1, mpid=1, TLS, session=<cccccccccccccc%d>"
	webmail     = `192.0.2.%d - - [08/Sep/2025:08:00:01 +0200] "GET /?_task=mail&_mbox=INBOX HTTP/1.1" 200 4000 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:12%d.0) Gecko/20100101 Firefox/128.0"`
	proxied     = `10.0.0.9 - - [08/Sep/2025:08:00:01 +0200] "GET /owa/ HTTP/1.1" 200 4000 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:12%d.0) Gecko/20100101 Firefox/128.0"`
	monitor     = `10.0.0.9 - - [08/Sep/2025:08:00:01 +0200] "GET /owa/ HTTP/1.1" 200 4000 "-" "check_http/2.3"`
	office      = `198.51.100.9 - - [08/Sep/2025:08:00:01 +0200] "GET /owa/ HTTP/1.1" 200 4000 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:12%d.0) Gecko/20100101 Firefox/128.0"`
	noAgent     = `192.0.2.%d - - [08/Sep/2025:08:00:01 +0200] "GET /owa/ HTTP/1.1" 200 4000 "-" "-"`
	userlogin   = `[08-Sep-2025 08:00:01 +0200]: <8ec5f9f5> Successful login for u%d@parl.example (ID: 1) from 192.0.2.%d in session 8ec5f9f53275e021`
	phone       = `192.0.2.%d - u%d [08/Sep/2025:08:00:01 +0200] "POST /Microsoft-Server-ActiveSync?Cmd=Ping&DeviceId=D%d&DeviceType=iPhone HTTP/1.1" 200 13 "-" "Apple-iPhone14C5/2104.62"`
	nobody      = `192.0.2.%d - - [08/Sep/2025:08:00:01 +0200] "POST /Microsoft-Server-ActiveSync?Cmd=Ping&DeviceId=D%d&DeviceType=iPhone HTTP/1.1" 200 13 "-" "Apple-iPhone14C5/2104.62"`
	sasl        = "2025-09-08T08:00:01.000000+02:00 mx1 postfix/submission/smtpd[7]: warning: unknown[192.0.2.%d]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"
	saslNamed   = "2025-09-08T08:00:01.000000+02:00 mx1 postfix/submission/smtpd[7]: warning: unknown[192.0.2.%d]: SASL LOGIN authentication failed: (reason unavailable), sasl_username=u%d"
	relayed     = "2025-09-08T08:00:01.000000+02:00 mx1 postfix/submission/smtpd[7]: E7E3B2C2D7%d: client=app.parl.example[10.0.0.9], sasl_method=PLAIN, sasl_username=u%d@parl.example"
	syslogged   = "2025-09-08T08:00:01.000000+02:00 mx1 dovecot: imap-login: Login: user=<u%d>, method=PLAIN, rip=192.0.2.%d, lip=198.51.100.1, mpid=1, TLS, session=<eeeeeeeeeeeeee%d>"
	syslogID    = "2025-09-08T08:00:02.000000+02:00 mx1 dovecot: imap(u%d)<1><eeeeeeeeeeeeee%d>: ID sent: name=Thunderbird, version=128.1"
	oldSyslog   = "Sep  8 08:00:01 mx1 dovecot: imap-login: Login: user=<u%d>, method=PLAIN, rip=192.0.2.%d, lip=198.51.100.1, mpid=1, TLS, session=<dddddddddddddd%d>"
	rcProxied   = `[08-Sep-2025 08:00:01 +0200]: <8ec5f9f5> Successful login for u%d@parl.example (ID: 1) from 10.0.0.9 (X-Forwarded-For: 192.0.2.%d) in session 8ec5f9f53275e021`
	sogoProxied = "Sep 08 08:00:01 sogod [7]: SOGoRootPage successful login from '10.0.0.9' for user 'u%d' - expire = -1  grace = -1"
	idExported  = `2025-09-08T08:00:02+02:00 stats: Info: {"event":"imap_id_received","hostname":"mx1","start_time":"2025-09-08T06:00:02Z","end_time":"2025-09-08T06:00:02Z","fields":{"user":"u%d","session":"aaaaaaaaaaaaaa%d","id_param_name":"Thunderbird"}}`
	iisHead     = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port c-ip sc-status"
	iisRow      = "2025-09-08 06:00:01 192.0.2.1 GET /owa/ - 443 198.51.100.%d 200"
	noZone      = "2025-09-08 08:00:01 imap-login: Info: Login: user=<u%d>, method=PLAIN, rip=192.0.2.%d, lip=198.51.100.1, mpid=1, TLS, session=<aaaaaaaaaaaaaa%d>"
)

// Each case is one thing that is missing, or one that only looks like it.
func TestAdvice(t *testing.T) {
	fortnight := append(repeat(1, strings.Replace(login, "09-08", "09-01", 1)), repeat(1, strings.Replace(login, "09-08", "09-15", 1))...)
	tests := map[string]struct {
		sources  [][]string
		zoneTold bool
		want     []string
	}{
		"nothing missing":                {sources: [][]string{slices.Concat(repeat(20, login), repeat(20, id))}},
		"Roundcube behind a proxy":       {sources: [][]string{repeat(20, rcProxied)}, want: []string{"webmail-proxy-address"}},
		"Roundcube, not behind one":      {sources: [][]string{repeat(20, userlogin)}},
		"SOGo behind a proxy":            {sources: [][]string{repeat(20, sogoProxied)}, want: []string{"webmail-proxy-address", "time-stamps"}},
		"IIS without fields":             {sources: [][]string{append([]string{iisHead}, repeat(30, iisRow)...)}, want: []string{"iis-fields"}},
		"IDs exported into the log":      {sources: [][]string{slices.Concat(repeat(20, login), repeat(2, idExported))}},
		"no IMAP ID":                     {sources: [][]string{repeat(20, login)}, want: []string{"dovecot-imap-id"}},
		"a handful of logins":            {sources: [][]string{repeat(3, login)}},
		"IMAP ID of 2.4 at debug level":  {sources: [][]string{slices.Concat(repeat(20, login), repeat(2, idDebug))}},
		"IDs in another source only":     {sources: [][]string{repeat(20, login), slices.Concat(repeat(20, login), repeat(2, id))}, want: []string{"dovecot-imap-id"}},
		"failures without reasons":       {sources: [][]string{repeat(9, refused)}, want: []string{"dovecot-auth-verbose"}},
		"failures, one with its reason":  {sources: [][]string{slices.Concat(repeat(1, reason), repeat(9, refused))}},
		"webmail, no userlogins":         {sources: [][]string{repeat(30, webmail)}, want: []string{"roundcube-log-logins"}},
		"webmail and userlogins":         {sources: [][]string{repeat(30, webmail), repeat(2, userlogin)}},
		"a proxy before the web server":  {sources: [][]string{repeat(30, proxied)}, want: []string{"web-client-address"}},
		"a monitor inside":               {sources: [][]string{slices.Concat(repeat(40, monitor), repeat(20, phone))}},
		"an office among others":         {sources: [][]string{slices.Concat(repeat(40, office), repeat(20, phone))}},
		"one public address for all":     {sources: [][]string{repeat(40, office)}, want: []string{"web-client-address"}},
		"a proxy before the mail server": {sources: [][]string{slices.Concat(repeat(20, hosted), repeat(2, id))}, want: []string{"proxy-protocol"}},
		"a webmail host":                 {sources: [][]string{slices.Concat(repeat(20, hosted), repeat(20, login), repeat(2, id))}, want: []string{"webmail-client-address"}},
		"the only way in is webmail":     {sources: [][]string{slices.Concat(repeat(20, hosted), repeat(2, id)), repeat(30, webmail)}, want: []string{"roundcube-log-logins", "webmail-client-address"}},
		"guessers past the webmail host": {sources: [][]string{slices.Concat(repeat(20, hosted), repeat(2, id), repeat(1, reason), repeat(9, refused))}, want: []string{"webmail-client-address"}},
		"a relay that sends for many":    {sources: [][]string{slices.Concat(repeat(20, relayed), repeat(20, syslogged), repeat(2, syslogID))}},
		"a webmail host with userlogins": {sources: [][]string{slices.Concat(repeat(20, hosted), repeat(20, login), repeat(2, id)), repeat(20, userlogin)}},
		"Postfix before 3.7.8":           {sources: [][]string{repeat(9, sasl)}, want: []string{"postfix-sasl-username"}},
		"Postfix since":                  {sources: [][]string{repeat(9, saslNamed)}},
		"phones of nobody":               {sources: [][]string{repeat(30, nobody)}, want: []string{"activesync-account"}},
		"phones":                         {sources: [][]string{repeat(30, phone)}},
		"no user agents":                 {sources: [][]string{repeat(30, noAgent)}, want: []string{"web-user-agent"}},
		"syslog without year and zone":   {sources: [][]string{repeat(3, oldSyslog)}, want: []string{"time-stamps"}},
		"the same, zone told":            {sources: [][]string{repeat(3, oldSyslog)}, zoneTold: true, want: []string{"time-stamps"}},
		"a year, no zone":                {sources: [][]string{repeat(3, noZone)}, want: []string{"time-stamps"}},
		"less than a fortnight":          {sources: [][]string{slices.Concat(repeat(200, phone))}, want: []string{"retention"}},
		"a fortnight":                    {sources: [][]string{slices.Concat(fortnight, repeat(200, login), repeat(2, id))}},
		"no logs":                        {},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := examine(test.sources, test.zoneTold)
			var got []string
			for _, a := range r.Advice {
				got = append(got, a.Code)
				if a.Why == "" || len(a.Changes) == 0 {
					t.Errorf("%s: no reason or no change", a.Code)
				}
				for _, c := range a.Changes {
					if len(c.Lines) == 0 {
						t.Errorf("%s: %s: no lines", a.Code, c.Server)
					}
				}
				for _, e := range a.Evidence {
					if e.Count < 1 && a.Code != "retention" || e.Example == "" || e.Line < 1 || e.Text == "" {
						t.Errorf("%s: evidence is not complete: %+v", a.Code, e)
					}
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func examine(sources [][]string, zoneTold bool) doctor.Report {
	e := doctor.New(doctor.Options{ZoneTold: zoneTold})
	for i, lines := range sources {
		s := e.Source(fmt.Sprintf("log%d", i), 1, time.Time{})
		s.File(fmt.Sprintf("log%d", i), maillog.FormatNone, time.Date(2025, time.October, 1, 0, 0, 0, 0, time.UTC))
		for n, line := range lines {
			// The bytes are the caller's again after the call.
			b := []byte(line)
			s.Line(int64(n+1), b)
			clear(b)
		}
	}
	return e.Report()
}

// Where the year stands in the line and the zone was told, nothing is missing.
func TestStampsZoneTold(t *testing.T) {
	if r := examine([][]string{repeat(3, noZone)}, true); len(r.Advice) != 0 {
		t.Errorf("advice for lines whose zone was told: %+v", r.Advice)
	}
}

// What the advised settings lead to is read as it is meant.
func TestAdvisedStamps(t *testing.T) {
	want := time.Date(2025, time.September, 8, 6, 0, 1, 0, time.UTC).UnixNano()
	for name, line := range map[string]string{
		"log_timestamp":                  "2025-09-08T08:00:01+0200 imap-login: Info: Login: user=<u>, method=PLAIN, rip=192.0.2.7, lip=198.51.100.1, mpid=1, TLS, session=<aaaaaaaaaaaaaaaa>",
		"RSYSLOG_FileFormat":             "2025-09-08T08:00:01.000000+02:00 mx1 dovecot: imap-login: Login: user=<u>, method=PLAIN, rip=192.0.2.7, lip=198.51.100.1, mpid=1, TLS, session=<aaaaaaaaaaaaaaaa>",
		"RSYSLOG_SyslogProtocol23Format": "<22>1 2025-09-08T08:00:01.000000+02:00 mx1 dovecot - - - imap-login: Login: user=<u>, method=PLAIN, rip=192.0.2.7, lip=198.51.100.1, mpid=1, TLS, session=<aaaaaaaaaaaaaaaa>",
		"log_timezone":                   "2025-09-08 08:00:01 +0200 plain_login authenticator failed for (x) [192.0.2.7]: 535 Incorrect authentication data (set_id=u)",
	} {
		t.Run(name, func(t *testing.T) {
			var ev maillog.Event
			p := maillog.NewParser(maillog.Options{Location: time.FixedZone("", -5*3600)})
			if r := p.Parse([]byte(line), &ev); r.Kind != maillog.Parsed || ev.Time != want {
				t.Errorf("%+v at %s", r, time.Unix(0, ev.Time).UTC())
			}
		})
	}
}

// Settings that are on are not named as missing among what cannot be told.
func TestCannotTell(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		want  bool
	}{
		{"with IDs", slices.Concat(repeat(20, login), repeat(20, id)), false},
		{"without", repeat(20, login), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := examine([][]string{test.lines}, false)
			got := slices.ContainsFunc(r.Sources[0].Formats[0].CannotTell, func(s string) bool { return strings.Contains(s, "imap_id_log") })
			if got != test.want {
				t.Errorf("imap_id_log named: %t", got)
			}
		})
	}
}

func BenchmarkLine(b *testing.B) {
	lines := repeat(200, webmail)
	e := doctor.New(doctor.Options{})
	s := e.Source("access.log", 1, time.Time{})
	s.File("access.log", maillog.Combined, time.Time{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Line(int64(i), []byte(lines[i%len(lines)]))
	}
}
