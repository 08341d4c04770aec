package maillog

// serverFormats describes the other mail servers and webmails, and the web
// servers' error logs.
func serverFormats() []FormatInfo {
	const noClient = "the client software"
	const noYear = "the year and the zone of a line: they follow from the file and the configuration"
	return []FormatInfo{
		{
			Format: Exim, Name: Exim.String(), Software: "Exim 4, main and reject log, its own files or syslog",
			Source: "Exim 4.96's own output, main and reject log; Exim's specification, chapters on log files and on access control lists",
			Tells: []string{
				"refused logins by name, authenticator and address",
				"messages sent by an account, with size",
				"rejected recipients, relaying and senders, connections that were dropped, clients that break the protocol",
			},
			CannotTell: []string{"who logged in and sent nothing", "whether the account behind a failed login exists", noClient},
		},
		{
			Format: Sendmail, Name: Sendmail.String(), Software: "Sendmail 8 through syslog",
			Source: "Sendmail 8.17's own output; its operations guide; sendmail/srvrsmtp.c, collect.c and envelope.c from memory: not checked",
			Tells: []string{
				"logins and refused ones by name, mechanism and address (from LogLevel 9 and 10)",
				"messages sent by an account, joined by the queue id",
				"rejected recipients and relaying, too many attempts in one connection, clients that break the protocol",
			},
			CannotTell: []string{"the name of a failed login before 8.16", "who sent a message, where the login's line has no queue id (8.17)", noClient, noYear},
		},
		{
			Format: Cyrus, Name: Cyrus.String(), Software: "Cyrus IMAP through syslog, the classic lines and 3.13's logfmt",
			Source:     "Cyrus 3.6's own output by IMAP and POP3; lib/logfmt.c, read; timsieved/parser.c and imap/loginlog.c from memory: not checked",
			Tells:      []string{"logins and refused ones by IMAP, POP3, ManageSieve and HTTP: account, mechanism, address", "the client's ID; what is sent after the login is joined to its address by the session"},
			CannotTell: []string{"the name behind a failed login by some SASL mechanisms", "which messages were read, and when a session ended", noYear},
		},
		{
			Format: Courier, Name: Courier.String(), Software: "Courier IMAP, POP3 and ESMTP through syslog",
			Source:     "Courier IMAP 5.2's own output by IMAP and POP3; courier/submit.C from memory: not checked",
			Tells:      []string{"logins, refused ones and logouts with bytes: account and address", "refused recipients and SMTP logins by address"},
			CannotTell: []string{"why a password was refused", "the name behind a refused SMTP login", noClient, noYear},
		},
		{
			Format: UWIMAP, Name: UWIMAP.String(), Software: "UW IMAP (imapd, ipop3d) through syslog",
			Source:     "UW IMAP's src/imapd/imapd.c and src/ipopd/ipop3d.c; from memory: not checked",
			Tells:      []string{"logins, refused ones and logouts: account and address"},
			CannotTell: []string{"why a password was refused", noClient, noYear},
		},
		{
			Format: NginxError, Name: NginxError.String(), Software: "nginx's error log, its mail proxy included, its own or through syslog",
			Source:     "nginx 1.22's own output, its mail proxy's too; ngx_http_auth_pam_module from memory: not checked",
			Tells:      []string{"logins at the mail proxy and refused ones: service, account, address (at level info)", "refused passwords of Basic authentication and why", "requests refused by a rule or a limit, failed TLS handshakes"},
			CannotTell: []string{"the address, where a forged referrer and a forged name make two of them possible", "lines that a client forged whole, by a newline in a name: nginx writes it as it is", "the user agent", "the zone of a line: it follows from the configuration"},
		},
		{
			Format: ApacheError, Name: ApacheError.String(), Software: "Apache httpd's error log, 2.2 and 2.4, its own or through syslog",
			Source:     "Apache 2.4's own output (Basic, Digest, authorization); 2.2, ModSecurity and LDAP from memory: not checked",
			Tells:      []string{"refused passwords of Basic and Digest authentication: account, address, why", "requests that the configuration denies"},
			CannotTell: []string{"logins that succeeded", "the user agent", "the zone of a line: it follows from the configuration"},
		},
		{
			Format: SOGo, Name: SOGo.String(), Software: "SOGo's own log, or through syslog",
			Source:     "SOGo 5.8's own output; UI/MainUI/SOGoRootPage.m, read",
			Tells:      []string{"logins at the webmail and refused ones: account and address"},
			CannotTell: []string{"logins by ActiveSync, CalDAV and CardDAV: the web server's log has them", "lines that a client forged whole, by a newline in a name: SOGo writes it as it is", "what was done after the login", "the browser", noYear},
		},
		{
			Format: Zimbra, Name: Zimbra.String(), Software: "Zimbra's audit.log and mailbox.log (nginx.log is nginx-error, zimbra.log is syslog)",
			Source:     "Zimbra's ZimbraLog.java, AuthProvider.java and SoapEngine.java; from memory: not checked",
			Tells:      []string{"logins and refused ones by webmail, IMAP, POP3, submission and ActiveSync: account, address, why, user agent"},
			CannotTell: []string{"the address behind a proxy that zimbraMailTrustedIP does not name", "which messages were read", "once what audit.log and mailbox.log both state: give one of them", "the zone of a line: it follows from the configuration"},
		},
		{
			Format: Horde, Name: Horde.String(), Software: "Horde and IMP, their own log or through syslog",
			Source:     "Horde's login.php, read; IMP's own lines from memory: not checked",
			Tells:      []string{"logins and refused ones: account and address"},
			CannotTell: []string{"the address, where a forged header makes two of them possible", "what was done after the login", "the browser"},
		},
		{
			Format: SquirrelMail, Name: SquirrelMail.String(), Software: "SquirrelMail with the plugin squirrel_logger",
			Source:     "squirrel_logger's functions.php and its sample configuration; from memory: not checked",
			Tells:      []string{"logins, refused ones and logouts: account and address"},
			CannotTell: []string{"what was done after the login", "the browser", "the zone of a line: it follows from the configuration"},
		},
		{
			Format: Kerio, Name: Kerio.String(), Software: "Kerio Connect's security and warning logs",
			Source:     "Kerio Connect's administrator's guide on logs; from memory: not checked",
			Tells:      []string{"refused logins by service, account and address", "rejected recipients, relaying and clients on block lists"},
			CannotTell: []string{"logins that succeeded", noClient, "the zone of a line: it follows from the configuration"},
		},
		{
			Format: Perdition, Name: Perdition.String(), Software: "Perdition through syslog",
			Source:     "Perdition's perdition/perdition.c and log.c; from memory: not checked",
			Tells:      []string{"logins at the proxy and refused ones: account and the client's own address"},
			CannotTell: []string{"what was done after the login", noClient, noYear},
		},
		{
			Format: Qpopper, Name: Qpopper.String(), Software: "Qpopper through syslog",
			Source:     "Qpopper's popper/pop_pass.c and pop_log.c; from memory: not checked",
			Tells:      []string{"refused logins, and others where it logs them: account and address"},
			CannotTell: []string{"logins that succeeded, unless log-login is set", noClient, noYear},
		},
		{
			Format: ASSP, Name: ASSP.String(), Software: "Anti-Spam SMTP Proxy (ASSP), maillog.txt",
			Source:     "ASSP's documentation of its log and sample lines; not its source",
			Tells:      []string{"refused SMTP logins, relaying and TLS handshakes by address"},
			CannotTell: []string{"the name behind a refused login", "logins that succeeded", "the zone of a line: it follows from the configuration"},
		},
		{
			Format: Domino, Name: Domino.String(), Software: "HCL (IBM, Lotus) Domino's console log",
			Source:     "HCL's documentation of authentication failures on the console; sample lines",
			Tells:      []string{"refused logins by SMTP, IMAP, POP3 and HTTP: account and address", "connections refused by policy"},
			CannotTell: []string{"logins that succeeded", "times in locales other than day-month-year with dashes and ISO", "the zone of a line: it follows from the configuration"},
		},
		{
			Format: OracleMS, Name: OracleMS.String(), Software: "Oracle (Sun, iPlanet) Messaging Server with LOG_FORMAT=4",
			Source:     "Sun Java System Messaging Server 6.3 Administration Guide, on LOG_FORMAT and LOG_CONNECTION",
			Tells:      []string{"SMTP logins and refused ones: account and address"},
			CannotTell: []string{"what the formats 1 to 3 hold", "messages that were sent", noClient},
		},
		{
			Format: OpenWebmail, Name: OpenWebmail.String(), Software: "Open WebMail",
			Source:     "Open WebMail's cgi-bin/openwebmail/openwebmail.pl and shares/ow-shared.pl; from memory: not checked",
			Tells:      []string{"logins, refused ones and logouts: account and address"},
			CannotTell: []string{"what was done after the login", "the browser"},
		},
		{
			Format: Tine20, Name: Tine20.String(), Software: "Tine 2.0 (Tinebase)",
			Source:     "Tine's tine20/Tinebase/Controller.php; from memory: not checked",
			Tells:      []string{"refused logins: account and address"},
			CannotTell: []string{"what was done after the login", "the browser"},
		},
		{
			Format: Mailu, Name: Mailu.String(), Software: "Mailu's admin service (its front is nginx-error and combined)",
			Source:     "Mailu's core/admin/mailu/limiter.py, read",
			Tells:      []string{"addresses and accounts whose logins are limited"},
			CannotTell: []string{"the logins before the limit: Dovecot, Postfix and the front tell of them", "the zone of a line: it follows from the configuration"},
		},
		{
			Format: MailcowNetfilter, Name: MailcowNetfilter.String(), Software: "mailcow's netfilter (its other services write formats of their own)",
			Source:     "mailcow's data/Dockerfiles/netfilter/main.py, read",
			Tells:      []string{"addresses that were banned for failed logins, refused logins at mailcow's own pages"},
			CannotTell: []string{"the logins that led to it: Dovecot, Postfix and SOGo tell of them", "the client where a whole network is banned"},
		},
		{
			Format: SolidPOP3, Name: SolidPOP3.String(), Software: "Solid POP3 through syslog",
			Source:     "Solid POP3's src/authenticate.c; from memory: not checked",
			Tells:      []string{"refused logins: account and address"},
			CannotTell: []string{"logins that succeeded", noClient, noYear},
		},
		{
			Format: Vpopmail, Name: Vpopmail.String(), Software: "vpopmail's vchkpw under qmail, through syslog",
			Source:     "vpopmail's vchkpw.c; from memory: not checked",
			Tells:      []string{"logins by SMTP, POP3 and IMAP and refused ones: account, address, why"},
			CannotTell: []string{"what was done after the login", noClient, noYear},
		},
		{
			Format: Rblsmtpd, Name: Rblsmtpd.String(), Software: "rblsmtpd before qmail, through syslog or multilog",
			Source:     "ucspi-tcp's rblsmtpd.c; from memory: not checked",
			Tells:      []string{"clients refused because they are on a block list"},
			CannotTell: []string{"anything after that: qmail names neither account nor address"},
		},
	}
}
