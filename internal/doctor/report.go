package doctor

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mailvigil/maillog"
)

// Report is what the logs tell, and what would let them tell more.
type Report struct {
	SchemaVersion int            `json:"schema_version"`
	Sources       []SourceReport `json:"sources"`
	Advice        []Advice       `json:"advice"`
}

// SourceReport is what one source tells. Text in it may come from log files.
type SourceReport struct {
	Name      string         `json:"name"`
	Files     int            `json:"files"`
	FilesRead int            `json:"files_read"` // the newest
	Lines     int64          `json:"lines"`
	Parsed    int64          `json:"parsed"`
	Ignored   int64          `json:"ignored"`
	Rejected  int64          `json:"rejected"`
	From      string         `json:"from,omitempty"`
	To        string         `json:"to,omitempty"`
	Formats   []FormatReport `json:"formats"`
	Unread    []Evidence     `json:"unread,omitempty"`
}

// FormatReport is what the events of one format state, in counts.
type FormatReport struct {
	Format     string   `json:"format"`
	Software   string   `json:"software"`
	Events     int64    `json:"events"`
	Accounts   int64    `json:"with_account"`
	Addresses  int64    `json:"with_client_ip"`
	Clients    int64    `json:"with_user_agent"`
	Logins     int64    `json:"logins"`
	Failures   int64    `json:"failures"`
	Reasons    int64    `json:"failures_with_reason"`
	CannotTell []string `json:"cannot_tell"`
}

// Advice is one thing to change.
type Advice struct {
	Code     string     `json:"code"`
	Title    string     `json:"title"`
	Why      string     `json:"why"`
	Changes  []Change   `json:"changes"`
	Evidence []Evidence `json:"evidence"`
}

// Change is what to write where.
type Change struct {
	Server string   `json:"server"`
	File   string   `json:"file,omitempty"`
	Lines  []string `json:"lines"`
}

// Evidence is how often something was seen in a source, and one line of it, as
// it was written: whoever shows it escapes it.
type Evidence struct {
	Source  string `json:"source"`
	Text    string `json:"text"`
	Count   int64  `json:"count"`
	Of      int64  `json:"of"`
	File    string `json:"file"`
	Line    int64  `json:"line"`
	Example string `json:"example"`
}

// change adds what is not yet said of another source.
func (a *Advice) change(server, file string, lines ...string) {
	for _, c := range a.Changes {
		if c.Server == server && slices.Equal(c.Lines, lines) {
			return
		}
	}
	a.Changes = append(a.Changes, Change{server, file, lines})
}

// Few of anything may be chance, and are no ground for a change.
const (
	fewLogins   = 10
	fewFailures = 5
	fewRequests = 20
	manyPeople  = 8 // behind one address, as internal/enrich has it
	manyAgents  = 5
)

// fortnight less the day that is not over yet.
const fortnight = 13 * 24 * time.Hour

// Report says what was found. What costs most knowledge comes first.
func (e *Examiner) Report() Report {
	r := Report{SchemaVersion: 1, Sources: []SourceReport{}, Advice: []Advice{}}
	for _, s := range e.sources {
		r.Sources = append(r.Sources, s.report())
	}
	for _, find := range []func() Advice{
		e.logLogins, e.webAddresses, e.loginAddresses, e.webmailAddresses, e.signInAddresses, e.authVerbose, e.imapID,
		e.postfixNames, e.phoneAccounts, e.userAgents, e.iisFields, e.stamps, e.retention,
	} {
		if a := find(); len(a.Evidence) > 0 {
			r.Advice = append(r.Advice, a)
		}
	}
	return r
}

func (s *Source) report() SourceReport {
	r := SourceReport{
		Name: s.name, Files: s.files, FilesRead: s.read, Lines: s.lines,
		Parsed: s.parsed, Ignored: s.ignored, Rejected: s.refused, Formats: []FormatReport{},
	}
	if s.parsed > 0 {
		r.From = time.Unix(0, s.from).In(s.e.o.Location).Format(time.RFC3339)
		r.To = time.Unix(0, s.to).In(s.e.o.Location).Format(time.RFC3339)
	}
	for _, info := range maillog.Formats() {
		t := s.formats[info.Format]
		if t == nil {
			continue
		}
		r.Formats = append(r.Formats, FormatReport{
			Format: info.Name, Software: info.Software, Events: t.events, Accounts: t.accounts,
			Addresses: t.addresses, Clients: t.clients, Logins: t.logins, Failures: t.failures,
			Reasons: t.reasons, CannotTell: s.cannotTell(info),
		})
	}
	slices.SortStableFunc(r.Formats, func(a, b FormatReport) int { return cmp.Compare(b.Events, a.Events) })
	for why, f := range s.rejects {
		r.Unread = append(r.Unread, s.evidence(f, s.lines, "lines are not read: "+why))
	}
	slices.SortFunc(r.Unread, func(a, b Evidence) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text))
	})
	return r
}

// cannotTell leaves out what only some settings keep from being told, where
// these lines do tell it.
func (s *Source) cannotTell(info maillog.FormatInfo) []string {
	return slices.DeleteFunc(slices.Clone(info.CannotTell), func(not string) bool {
		return s.imapIDs.n > 0 && strings.Contains(not, "imap_id_log") ||
			s.probed > 0 && s.noYear.n+s.noZone.n == 0 && strings.Contains(not, "the year and the zone")
	})
}

func (s *Source) evidence(f *fact, of int64, text string) Evidence {
	return Evidence{Source: s.name, Text: text, Count: f.n, Of: of, File: f.file, Line: f.line, Example: f.raw}
}

func (e *Examiner) any(is func(*Source) bool) bool { return slices.ContainsFunc(e.sources, is) }

func (e *Examiner) logLogins() Advice {
	a := Advice{
		Code: "roundcube-log-logins", Title: "Roundcube does not log who signs in",
		Why:     "The web server's lines do not say whose request it is; nobody can be named, and nobody cleared.",
		Changes: []Change{{"Roundcube", "config/config.inc.php", []string{"$config['log_logins'] = true;"}}},
	}
	if e.any(func(s *Source) bool { return s.userlogins.n > 0 }) {
		return a
	}
	for _, s := range e.sources {
		if s.roundcube.n >= fewRequests {
			a.Evidence = append(a.Evidence, s.evidence(&s.roundcube, s.web.n, "requests of Roundcube, and no userlogins among the logs"))
		}
	}
	return a
}

func (e *Examiner) webAddresses() Advice {
	a := Advice{
		Code: "web-client-address", Title: "The web server logs its proxy's address, not the client's",
		Why: "All requests seem to come from one machine, so no source can be told from another. An office behind one public address looks alike: then change nothing.",
	}
	for _, s := range e.sources {
		ip, c := busiest(s.requests)
		if c == nil || s.requestCount < fewRequests || len(c.agents) < manyAgents {
			continue
		}
		// Whole offices share a public address; only private ones are never
		// the Internet's.
		share := int64(90)
		if private(ip) {
			share = 50
		}
		if c.n*100 < share*s.requestCount {
			continue
		}
		a.Evidence = append(a.Evidence, s.evidence(&c.fact, s.requestCount, fmt.Sprintf("requests with %s user agents come from %s", atLeast(len(c.agents)), ip)))
		a.change("nginx", "the server block; only ever with the proxy's own addresses", "set_real_ip_from "+ip.String()+";", "real_ip_header X-Forwarded-For;", "real_ip_recursive on;")
		proxy := "RemoteIPTrustedProxy "
		if private(ip) {
			proxy = "RemoteIPInternalProxy "
		}
		a.change("Apache with mod_remoteip", "the virtual host; %a instead of %h is what changes the log", "RemoteIPHeader X-Forwarded-For", proxy+ip.String(),
			`LogFormat "%a %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined`)
	}
	return a
}

// loginAddresses: where nearly all sign-ins come from one address, refused ones
// too, it is a proxy's, or that of a webmail host which is the only way in.
func (e *Examiner) loginAddresses() Advice {
	a := Advice{
		Code: "proxy-protocol", Title: "The mail server logs its proxy's address, not the client's",
		Why: "A stolen password cannot be seen by where it is used from, and a guesser cannot be shut out without everybody else. If it is no proxy but the only webmail, name the webmail's logs too and look again.",
	}
	for _, s := range e.sources {
		ip, c := busiest(s.logins)
		if c == nil || !e.proxied(s, ip) {
			continue
		}
		a.Evidence = append(a.Evidence, s.evidence(&c.fact, s.loginCount, fmt.Sprintf("sign-ins of %s accounts come from %s", atLeast(len(c.accounts)), ip)))
		if s.dovecotLogins.n > 0 {
			a.change("Dovecot", "dovecot.conf", "haproxy_trusted_networks = "+ip.String(),
				"service imap-login {", "  inet_listener imaps {", "    haproxy = yes", "  }", "}")
		}
		if s.postfixLogins.n > 0 {
			a.change("Postfix", "master.cf, under submission and smtps", "  -o smtpd_upstream_proxy_protocol=haproxy")
		}
	}
	if len(a.Evidence) > 0 {
		a.change("HAProxy", "the backend; at the same time as the above, since either alone refuses all connections", "server mail1 ADDRESS:PORT send-proxy-v2")
	}
	return a
}

func (e *Examiner) proxied(s *Source, ip netip.Addr) bool {
	c := s.logins[ip]
	if s.loginCount < fewLogins || len(c.accounts) < manyPeople || c.n*100 < 90*s.loginCount {
		return false
	}
	if refused := s.dovecotFailures.n + s.postfixFailures.n; refused >= fewFailures {
		if f := s.refusals[ip]; f == nil || f.n*100 < 90*refused {
			return false // others reach the server past it
		}
	}
	return !e.any(func(s *Source) bool { return s.roundcube.n+s.userlogins.n > 0 })
}

// webmailAddresses: a webmail host or gateway signs in for people whom no
// other log ties to an address.
func (e *Examiner) webmailAddresses() Advice {
	a := Advice{
		Code: "webmail-client-address", Title: "Dovecot logs the webmail host's address, not the reader's",
		Why: "Whoever reads a mailbox by webmail seems to sit on the webmail host, and no other log here says where they were.",
	}
	var trusted []string
	for _, s := range e.sources {
		if s.dovecotLogins.n == 0 {
			continue
		}
		var hosts []netip.Addr
		for ip, c := range s.logins {
			if private(ip) && c.dovecot >= manyPeople && len(c.accounts) >= manyPeople && 2*e.unnamed(c.accounts) > len(c.accounts) && !e.proxied(s, ip) {
				hosts = append(hosts, ip)
			}
		}
		slices.SortFunc(hosts, netip.Addr.Compare)
		for _, ip := range hosts {
			c := s.logins[ip]
			a.Evidence = append(a.Evidence, s.evidence(&c.fact, s.loginCount, fmt.Sprintf("sign-ins of %s accounts come from %s", atLeast(len(c.accounts)), ip)))
			trusted = append(trusted, ip.String())
		}
	}
	if len(a.Evidence) > 0 {
		slices.Sort(trusted)
		a.change("Dovecot", "dovecot.conf", "login_trusted_networks = "+strings.Join(slices.Compact(trusted), " "))
		a.change("Roundcube", "config/config.inc.php, with a plugin that sends x-originating-ip in the IMAP ID", "$config['plugins'][] = 'dovecot_ident';")
	}
	return a
}

// signInAddresses: Roundcube and SOGo log whom their web server names, which
// behind a proxy is the proxy.
func (e *Examiner) signInAddresses() Advice {
	a := Advice{
		Code: "webmail-proxy-address", Title: "The webmail logs its proxy's address, not the reader's",
		Why: "All sign-ins at the webmail seem to come from one machine. What the reader's browser says in a header proves nothing.",
	}
	for _, s := range e.sources {
		ip, c := busiest(s.signIns)
		if c == nil || !private(ip) || s.signInCount < fewLogins || len(c.accounts) < manyPeople || c.n*100 < 90*s.signInCount {
			continue
		}
		a.Evidence = append(a.Evidence, s.evidence(&c.fact, s.signInCount, fmt.Sprintf("sign-ins of %s accounts come from %s", atLeast(len(c.accounts)), ip)))
		if s.userlogins.n > 0 {
			a.change("Roundcube behind a proxy, nginx", "the server block that runs Roundcube; only ever with the proxy's own addresses",
				"set_real_ip_from "+ip.String()+";", "real_ip_header X-Forwarded-For;", "real_ip_recursive on;")
			a.change("Roundcube behind a proxy, Apache with mod_remoteip", "the virtual host that runs Roundcube",
				"RemoteIPHeader X-Forwarded-For", "RemoteIPInternalProxy "+ip.String())
		}
		if s.formats[maillog.SOGo] != nil {
			a.change("SOGo, nginx in front of it", "the location that passes to SOGo", "proxy_set_header x-webobjects-remote-host $remote_addr;")
			a.change("SOGo, Apache in front of it", "the Proxy section of SOGo", `RequestHeader set "x-webobjects-remote-host" %{REMOTE_ADDR}e env=REMOTE_ADDR`)
		}
	}
	return a
}

// iisFields: without the account and the user agent a row of IIS says next to
// nothing.
func (e *Examiner) iisFields() Advice {
	a := Advice{
		Code: "iis-fields", Title: "IIS does not log who asks, or with what",
		Why: "Outlook, phones and attack tools cannot be told apart, nor a thief's requests from the owner's.",
		Changes: []Change{{"IIS in front of Exchange", "an administrator's prompt, for each site; or Logging, Select Fields in IIS Manager", []string{
			`%windir%\system32\inetsrv\appcmd.exe set site "Default Web Site" -logFile.logExtFileFlags:Date,Time,ServerIP,Method,UriStem,UriQuery,ServerPort,UserName,ClientIP,UserAgent,Referer,HttpStatus,HttpSubStatus,Win32Status,TimeTaken,BytesSent`,
		}}},
	}
	for _, s := range e.sources {
		if s.iis.n < fewRequests {
			continue
		}
		if s.iisAgents.n == 0 {
			a.Evidence = append(a.Evidence, s.evidence(&s.iis, s.iis.n, "requests state no user agent"))
		}
		if s.iisAccounts.n == 0 {
			a.Evidence = append(a.Evidence, s.evidence(&s.iis, s.iis.n, "requests name no account"))
		}
	}
	return a
}

func (e *Examiner) authVerbose() Advice {
	a := Advice{
		Code: "dovecot-auth-verbose", Title: "Dovecot does not log why a sign-in was refused",
		Why:     "Names that do not exist (guessing) cannot be told from wrong passwords of people (a forgotten phone, or an attack on them).",
		Changes: []Change{{"Dovecot 2.3 and 2.4", "conf.d/10-logging.conf", []string{"auth_verbose = yes"}}},
	}
	for _, s := range e.sources {
		if s.dovecotFailures.n >= fewFailures && s.dovecotReasons.n == 0 {
			a.Evidence = append(a.Evidence, s.evidence(&s.dovecotFailures, s.dovecotFailures.n, "refused sign-ins state no reason"))
		}
	}
	return a
}

func (e *Examiner) imapID() Advice {
	a := Advice{
		Code: "dovecot-imap-id", Title: "Dovecot does not log which program signs in",
		Why: "A thief's program in a mailbox looks like the owner's phone, and a faulty release of a phone's system looks like an attack.",
		Changes: []Change{
			{"Dovecot 2.3", "conf.d/20-imap.conf, in protocol imap { }", []string{"imap_id_log = *"}},
			{"Dovecot 2.4, where events took the place of imap_id_log", "dovecot.conf; the lines come into Dovecot's own log", []string{
				"event_exporter mailvigil {", "  driver = log", "  format = json", "  time_format = rfc3339", "}",
				"metric mailvigil {", "  exporter = mailvigil", "  filter = event=imap_id_received", "}",
			}},
		},
	}
	// The event exporter states what the log leaves out.
	if e.any(func(s *Source) bool { return s.formats[maillog.DovecotEvents] != nil && s.imapIDs.n > 0 }) {
		return a
	}
	for _, s := range e.sources {
		if s.imapLogins.n >= fewLogins && s.imapIDs.n == 0 {
			a.Evidence = append(a.Evidence, s.evidence(&s.imapLogins, s.imapLogins.n, "IMAP sign-ins, and no line \"ID sent\""))
		}
	}
	return a
}

func (e *Examiner) postfixNames() Advice {
	a := Advice{
		Code: "postfix-sasl-username", Title: "Postfix does not log whose password was refused",
		Why: "It cannot be said who is under attack, nor that one name was tried from many addresses.",
	}
	a.change("Postfix", "no setting: later releases log sasl_username of refused sign-ins by themselves", "upgrade to 3.7.8, 3.8.3 or later")
	if !e.any(func(s *Source) bool { return s.dovecotReasons.n > 0 }) {
		a.change("Dovecot, where it checks Postfix's passwords", "conf.d/10-logging.conf, until then: its log names them", "auth_verbose = yes")
	}
	for _, s := range e.sources {
		if s.postfixFailures.n >= fewFailures && s.postfixNames.n == 0 {
			a.Evidence = append(a.Evidence, s.evidence(&s.postfixFailures, s.postfixFailures.n, "refused sign-ins name no account"))
		}
	}
	return a
}

// combinedLog is what both kinds of advice on the access log come to.
func combinedLog() []Change {
	return []Change{
		{"nginx", "the server block; combined holds $remote_user and $http_user_agent", []string{"access_log /var/log/nginx/access.log combined;"}},
		{"Apache", "the virtual host; combined holds %u and %{User-Agent}i", []string{"CustomLog ${APACHE_LOG_DIR}/access.log combined"}},
	}
}

func (e *Examiner) phoneAccounts() Advice {
	a := Advice{
		Code: "activesync-account", Title: "The web server does not log whose phone it is",
		Why:     "Some phones state the account in the sign-in only, not in the address they ask for; without the name, a device cannot be tied to its owner.",
		Changes: combinedLog(),
	}
	for _, s := range e.sources {
		if s.phones.n >= fewRequests && s.phoneAccounts.n*2 < s.phones.n {
			missing := s.phones
			missing.n -= s.phoneAccounts.n
			a.Evidence = append(a.Evidence, s.evidence(&missing, s.phones.n, "answered ActiveSync requests name no account"))
		}
	}
	return a
}

func (e *Examiner) userAgents() Advice {
	a := Advice{
		Code: "web-user-agent", Title: "The web server does not log user agents",
		Why:     "Browsers, phones and attack tools cannot be told apart.",
		Changes: combinedLog(),
	}
	for _, s := range e.sources {
		if s.web.n >= fewRequests && s.webAgents.n*10 < s.web.n {
			missing := s.web
			missing.n -= s.webAgents.n
			a.Evidence = append(a.Evidence, s.evidence(&missing, s.web.n, "requests state no user agent"))
		}
	}
	return a
}

func (e *Examiner) stamps() Advice {
	a := Advice{
		Code: "time-stamps", Title: "Lines leave out their year or their zone",
		Why: "The hour depends on the zone you name, and the year on when a file was last written, which a careless copy changes.",
	}
	syslog, dovecot, exim, zone := false, false, false, false
	for _, s := range e.sources {
		noYear, noZone := s.noYear.n > 0, s.noZone.n > 0
		f, what := &s.noYear, "lines looked at state neither year nor zone"
		switch {
		case noYear && noZone:
		case noYear:
			what = "lines looked at state no year"
		case noZone && !e.o.ZoneTold:
			f, what = &s.noZone, "lines looked at state no zone"
		default:
			continue
		}
		a.Evidence = append(a.Evidence, s.evidence(f, int64(s.probed), what))
		zone = zone || noZone
		for format := range s.formats {
			dovecot = dovecot || format == maillog.Dovecot
			exim = exim || format == maillog.Exim && !noYear
			syslog = syslog || format != maillog.Dovecot && noYear
		}
	}
	if zone && !e.o.ZoneTold {
		a.change("mailvigil", "at once, and for the lines there are: the servers' zone, as in", "--tz Europe/Brussels")
	}
	if syslog {
		a.change("rsyslog", "/etc/rsyslog.conf, instead of the line that names RSYSLOG_TraditionalFileFormat", "$ActionFileDefaultTemplate RSYSLOG_FileFormat")
		a.change("rsyslog, where lines go to another host", "/etc/rsyslog.conf, for RFC 5424", "*.* @@loghost:514;RSYSLOG_SyslogProtocol23Format")
	}
	if dovecot {
		a.change("Dovecot", "conf.d/10-logging.conf", `log_timestamp = "%Y-%m-%dT%H:%M:%S%z "`)
	}
	if exim {
		a.change("Exim", "the main part of its configuration", "log_timezone = true")
	}
	if len(a.Changes) == 0 {
		return Advice{} // nothing that a postmaster could do
	}
	return a
}

func (e *Examiner) retention() Advice {
	a := Advice{
		Code: "retention", Title: "The logs go back less than a fortnight",
		Why: "What is usual on a weekday is learnt from two of it. Where older files exist, name them too; otherwise keep more.",
		Changes: []Change{{"logrotate", "/etc/logrotate.d/, the file that names the log", []string{
			"daily", "rotate 30", "dateext", "compress",
		}}},
	}
	for _, s := range e.sources {
		if s.parsed < 100 {
			continue // too little to rotate
		}
		from, to := time.Unix(0, s.from), time.Unix(0, s.to)
		if !s.oldest.IsZero() && s.oldest.Before(from) {
			from = s.oldest
		}
		if kept := to.Sub(from); kept < fortnight {
			const day = "2006-01-02"
			f := s.first
			f.n = int64(kept.Round(24*time.Hour) / (24 * time.Hour))
			a.Evidence = append(a.Evidence, s.evidence(&f, 14, fmt.Sprintf("days: from %s to %s", from.In(s.e.o.Location).Format(day), to.In(s.e.o.Location).Format(day))))
		}
	}
	return a
}

// atLeast says a number that is no longer counted beyond maxKept.
func atLeast(n int) string {
	if n >= maxKept {
		return fmt.Sprintf("%d or more", maxKept)
	}
	return fmt.Sprint(n)
}

func private(ip netip.Addr) bool { return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() }
