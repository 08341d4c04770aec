package maillog

// structuredFormats describes the formats whose lines name their fields: JSON,
// logfmt, W3C, CSV, and the envelopes around the lines of other formats.
func structuredFormats() []FormatInfo {
	return []FormatInfo{
		{
			Format: Journald, Name: Journald.String(), Software: "systemd's journal as JSON (journalctl -o json)",
			Source:     "systemd.journal-fields(7) and journalctl(1), from memory: not checked",
			Tells:      []string{"what the program's own format tells, with year and zone"},
			CannotTell: []string{"entries too large for journalctl, which writes null in their place"},
		},
		{
			Format: Docker, Name: Docker.String(), Software: "Docker's json-file log driver",
			Source:     "Docker's documentation of the json-file driver, from memory: not checked",
			Tells:      []string{"what the line inside tells, with year and zone"},
			CannotTell: []string{"which container wrote a line: that is the name of the file"},
		},
		{
			Format: Multilog, Name: Multilog.String(), Software: "daemontools' and s6's multilog",
			Source:     "https://cr.yp.to/libtai/tai64.html, from memory: not checked",
			Tells:      []string{"what the line inside tells; of Dovecot also without a time of its own"},
			CannotTell: []string{"times to the second where the clock follows TAI: leap seconds are not counted"},
		},
		{
			Format: Caddy, Name: Caddy.String(), Software: "Caddy 2's access log (JSON)",
			Source: "Caddy 2.6's own output; modules/caddyhttp/marshalers.go",
			Tells: []string{
				"the address of the client, behind trusted proxies too",
				"what a combined access log tells of Roundcube, ActiveSync, Exchange and DAV",
				"account where Caddy authenticates it",
			},
			CannotTell: []string{"the account behind a request of Roundcube or OWA", "whether a login at OWA succeeded"},
		},
		{
			Format: Traefik, Name: Traefik.String(), Software: "Traefik's access log, JSON and text",
			Source: "Traefik's pkg/middlewares/accesslog/logger.go and its documentation, read",
			Tells: []string{
				"the address of the connection (JSON), account of basic authentication, status, bytes",
				"what a combined access log tells of Roundcube, ActiveSync, Exchange and DAV",
			},
			CannotTell: []string{
				"the client behind a proxy in front of Traefik: ClientHost repeats a header that the client may have written",
				"the user agent, unless accesslog.fields.headers keeps it",
			},
		},
		{
			Format: DovecotEvents, Name: DovecotEvents.String(), Software: "Dovecot 2.3 and 2.4, event exporter (JSON)",
			Source: "Dovecot 2.3.19's own output; doc.dovecot.org, Event Export and Events, read; 2.4's events from its source (client-common.c, cmd-id.c), read, not run",
			Tells: []string{
				"every login and every refused one, with mechanism, session and the client's ID",
				"from 2.4 on the ID by itself (imap_id_received) and connections that came to nothing, with the reason (login_aborted)",
				"logins of Postfix that Dovecot checks, as service smtp",
				"refusals by the authentication policy",
			},
			CannotTell: []string{"whether a refused name exists", "what was done in the session"},
		},
		{
			Format: Stalwart, Name: Stalwart.String(), Software: "Stalwart, events as JSON (webhook, log)",
			Source: "Stalwart's crates/trc/src/serializers/json.rs and samples of its webhooks, read",
			Tells: []string{
				"logins by account, address and listener, refused ones too, missing second factors, bans",
				"messages that an account submitted",
			},
			CannotTell: []string{"whether a refused name exists", "the client software", "what was done in a session, at the usual level"},
		},
		{
			Format: Mox, Name: Mox.String(), Software: "mox through syslog or the journal (logfmt)",
			Source:     "mox's store/loginattempt.go and mlog/log.go, read",
			Tells:      []string{"logins by account, address, protocol and client software, refused ones with the reason"},
			CannotTell: []string{"repeated attempts one by one: mox folds them and counts", "when, without syslog or the journal: its lines state no time"},
		},
		{
			Format: Nextcloud, Name: Nextcloud.String(), Software: "Nextcloud, nextcloud.log and audit.log",
			Source:     "Nextcloud's manual (logging configuration) and samples in public, read",
			Tells:      []string{"refused logins, and with admin_audit successful ones, with address and user agent"},
			CannotTell: []string{"successful logins without the app admin_audit", "lines whose logdateformat is not ISO 8601"},
		},
		{
			Format: Keycloak, Name: Keycloak.String(), Software: "Keycloak, jboss-logging events, text and JSON",
			Source: "samples of Keycloak 15 to 26 in public, and JBossLoggingEventListenerProvider, read",
			Tells:  []string{"sign-ins by name and address, refused ones with the reason, changes of passwords and second factors"},
			CannotTell: []string{
				"sign-ins that succeed, unless the listener's success-level is raised from debug",
				"the browser", "the address, where a name or a client imitates the field",
				"old lines that state a time of day and no date",
			},
		},
		{
			Format: Authelia, Name: Authelia.String(), Software: "Authelia, text and JSON",
			Source:     "Authelia's internal/handlers tests and samples in public, read",
			Tells:      []string{"refused sign-ins by name, factor and address; successful ones at the level debug"},
			CannotTell: []string{"the browser", "the true address, where the proxy passes on X-Forwarded-For as the client sent it"},
		},
		{
			Format: Authentik, Name: Authentik.String(), Software: "authentik (JSON)",
			Source:     "samples of authentik 2024 to 2026 in public, read",
			Tells:      []string{"sign-ins, refused ones, unknown names, new passwords, with address and user agent"},
			CannotTell: []string{"the true address, where a proxy in front is not trusted"},
		},
		{
			Format: Microsoft365, Name: Microsoft365.String(), Software: "Microsoft 365, unified audit log, one record in a line",
			Source: "Microsoft's Management Activity API schema and public sample records, read",
			Tells: []string{
				"sign-ins with their error number, mailbox items that were read or synchronised, inbox rules, forwards, messages sent and deleted",
				"address, session, device and user agent where Microsoft states them",
			},
			CannotTell: []string{
				"reading beyond 1,000 records of a mailbox in 24 hours, after which Microsoft stops recording for 24",
				"which of the messages within two minutes were read when: they are one record",
			},
		},
		{
			Format: GoogleWorkspace, Name: GoogleWorkspace.String(), Software: "Google Workspace, login audit, one activity in a line",
			Source:     "Google's Reports API (applicationName=login) and public sample records, read",
			Tells:      []string{"sign-ins, refused ones, suspicious ones, accounts that Google closed, changes of passwords"},
			CannotTell: []string{"user agent and device", "the second of several events in one activity", "what is older than 180 days"},
		},
		{
			Format: ExchangeIIS, Name: ExchangeIIS.String(), Software: "IIS in front of Exchange (W3C extended; events 6200 of Windows as XML)",
			Source: "Microsoft's documentation of the W3C format, MS-ASHTTP, and public sample lines, read",
			Tells: []string{
				"account, address, status and user agent of OWA, EWS, MAPI, Autodiscover and ActiveSync, with its command and device",
				"wrong passwords, closed and expired accounts, by Windows' error of the logon",
			},
			CannotTell: []string{"whether a login at OWA's form succeeded", "the client behind a load balancer", "rows above the first header of a file, unless in the usual order"},
		},
		{
			Format: ExchangeProxy, Name: ExchangeProxy.String(), Software: "Exchange 2013 to SE, HttpProxy logs (CSV)",
			Source: "headers and rows of Exchange 2013 to 2019 in public, read",
			Tells:  []string{"what IIS tells, to the millisecond, with PowerShell apart"},
			CannotTell: []string{
				"whether a login at OWA's form succeeded",
				"the true address, where a load balancer passes on X-Forwarded-For as the client sent it",
				"anything without the header: its columns differ from version to version",
			},
		},
		{
			Format: ExchangeIMAP, Name: ExchangeIMAP.String(), Software: "Exchange, protocol logs of IMAP4 and POP3 (CSV)",
			Source:     "Exchange's header and rows in public, read",
			Tells:      []string{"logins and refused ones, reading with bytes, the end of a session"},
			CannotTell: []string{"the name behind a refused AUTHENTICATE", "the client software", "the client's address in the back end's log, which holds the front end's"},
		},
		{
			Format: ExchangeSMTP, Name: ExchangeSMTP.String(), Software: "Exchange, protocol logs of SMTP receive connectors (CSV)",
			Source: "Microsoft Learn, Protocol logging; rows of Exchange 2010 to 2016 in public, read; the words of refused logins beyond the reply, from memory: not checked",
			Tells: []string{
				"SMTP logins and refused ones with the mechanism, messages that an account submitted, joined by the session",
				"refused recipients and relaying, failed TLS handshakes",
			},
			CannotTell: []string{
				"the name behind a refused login, where Exchange does not note it",
				"the client's address in the log of the hub transport, which holds the front end's",
				"the client software",
				"anything of the logs of send connectors, which are passed over",
			},
		},
		{
			Format: ExchangeTracking, Name: ExchangeTracking.String(), Software: "Exchange, message tracking (CSV)",
			Source:     "Exchange's header row in public, read; what its events mean, from memory: not checked",
			Tells:      []string{"messages sent from mailboxes: sender, size, number of recipients, the client's address"},
			CannotTell: []string{"which client sent a message", "who sent what came in by SMTP", "logins"},
		},
		{
			Format: HAProxy, Name: HAProxy.String(), Software: "HAProxy through syslog (option httplog, also clf)",
			Source: "HAProxy 2.6's own output",
			Tells: []string{
				"the address of the connection, request, status, bytes",
				"what a combined access log tells of Roundcube, ActiveSync, Exchange and DAV",
			},
			CannotTell: []string{"the user agent: captured headers have no names", "accounts, save those in ActiveSync's requests", "anything about mail from option tcplog"},
		},
		{
			Format: Rspamd, Name: Rspamd.String(), Software: "rspamd, its own log and syslog",
			Source: "rspamd_task_write_log in samples in public, read",
			Tells:  []string{"messages that were refused or put off, with the address and, where it logged in, the account"},
			CannotTell: []string{
				"whether it was spam or malware: that is in the names of symbols",
				"the address and the account, where a Message-ID imitates the field",
			},
		},
		{
			Format: Amavis, Name: Amavis.String(), Software: "amavis (amavisd-new) through syslog",
			Source:     "amavis's default log template in samples in public, read",
			Tells:      []string{"malware that was found, spam that was blocked, with the address that the mail server gave"},
			CannotTell: []string{"the account: a sender's address proves nothing", "the address of banned attachments, whose names come before it"},
		},
		{
			Format: ClamAVMilter, Name: ClamAVMilter.String(), Software: "clamav-milter through syslog (LogInfected)",
			Source:     "clamav-milter/clamfi.c, read",
			Tells:      []string{"malware that was found; with LogInfected Full and Postfix in the same log, whose message it was"},
			CannotTell: []string{"what became of the message: that is OnInfected in its configuration", "anything about clamd's own finds, which are files without a person"},
		},
	}
}
