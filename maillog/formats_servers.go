package maillog

// serverFormats describes the other mail servers and webmails, and the web
// servers' error logs.
func serverFormats() []FormatInfo {
	const noClient = "the client software"
	const noYear = "the year and the zone of a line: they follow from the file and the configuration"
	return []FormatInfo{
		{
			Format: Exim, Name: Exim.String(), Software: "Exim 4, main and reject log, its own files or syslog",
			Source: "Exim's specification, chapters on log files and on access control lists; src/smtp_in.c",
			Tells: []string{
				"refused logins by name, authenticator and address",
				"messages sent by an account, with size",
				"rejected recipients, relaying and senders, connections that were dropped, clients that break the protocol",
			},
			CannotTell: []string{"who logged in and sent nothing", "whether the account behind a failed login exists", noClient},
		},
		{
			Format: Sendmail, Name: Sendmail.String(), Software: "Sendmail 8 through syslog",
			Source: "Sendmail's sendmail/srvrsmtp.c, collect.c and envelope.c; its operations guide",
			Tells: []string{
				"logins and refused ones by name, mechanism and address (from LogLevel 9 and 10)",
				"messages sent by an account, joined by the queue id",
				"rejected recipients and relaying, too many attempts in one connection, clients that break the protocol",
			},
			CannotTell: []string{"the name of a failed login before 8.16", noClient, noYear},
		},
		{
			Format: Cyrus, Name: Cyrus.String(), Software: "Cyrus IMAP through syslog, the classic lines and 3.13's logfmt",
			Source:     "Cyrus's imap/imapd.c, pop3d.c, timsieved/parser.c, imap/loginlog.c and lib/logfmt.c",
			Tells:      []string{"logins and refused ones by IMAP, POP3, ManageSieve and HTTP: account, mechanism, address", "the client's ID, joined to its address by the session"},
			CannotTell: []string{"the name behind a failed login by some SASL mechanisms", "which messages were read, and when a session ended", noYear},
		},
		{
			Format: Courier, Name: Courier.String(), Software: "Courier IMAP, POP3 and ESMTP through syslog",
			Source:     "Courier's imap/imaplogin.c, pop3login.c and courier/submit.C",
			Tells:      []string{"logins, refused ones and logouts with bytes: account and address", "refused recipients and SMTP logins by address"},
			CannotTell: []string{"why a password was refused", "the name behind a refused SMTP login", noClient, noYear},
		},
		{
			Format: UWIMAP, Name: UWIMAP.String(), Software: "UW IMAP (imapd, ipop3d) through syslog",
			Source:     "UW IMAP's src/imapd/imapd.c and src/ipopd/ipop3d.c",
			Tells:      []string{"logins, refused ones and logouts: account and address"},
			CannotTell: []string{"why a password was refused", noClient, noYear},
		},
	}
}
