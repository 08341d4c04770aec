package maillog

import "slices"

// FormatInfo describes a format for the documentation.
type FormatInfo struct {
	Format     Format
	Name       string
	Software   string
	Source     string   // where the facts come from
	Tells      []string // what its lines can tell
	CannotTell []string
}

// Formats describes every format that is read. What weighs most comes first in
// every list.
func Formats() []FormatInfo {
	dovecotCannotTell := []string{
		"how many passwords were tried in one connection that failed",
		"which messages were read",
		"the client software, unless imap_id_log is set",
		"refused passwords in a connection that logged in afterwards",
		"the year and the zone of a line: they follow from the file and the configuration",
	}
	return append([]FormatInfo{
		{
			Format: Combined, Name: Combined.String(), Software: "nginx, Apache httpd (combined, vhost_combined)",
			Source: "nginx ngx_http_log_module; Apache mod_log_config; MS-ASHTTP 2.2.1.1 and MS-ASCMD for ActiveSync; Roundcube's index.php for _task and _action",
			Tells: []string{
				"the address of the client, or of the last proxy before the web server",
				"Roundcube: logins and whether they succeeded, lists, reading, downloads, searches, sending, deleting, changes of settings, rules and forwards",
				"ActiveSync: account, device, kind of device, command",
				"Autodiscover, EWS, MAPI, OWA, CalDAV and CardDAV, JMAP: account where the web server authenticates it",
				"user agent, status and bytes of every request",
			},
			CannotTell: []string{
				"the account behind a request of Roundcube or OWA",
				"whether a login at OWA succeeded",
				"whether a 401 without an account was a wrong password",
				"whether Roundcube sent a message or saved a draft",
			},
		},
		{
			Format: Dovecot, Name: Dovecot.String(), Software: "Dovecot 2.2 to 2.4, its own log file",
			Source: "Dovecot 2.3.19's own output; src/login-common/client-common.c of 2.2 to 2.4 and src/auth/auth-request.c, passdb-ldap.c, passdb-pam.c, read",
			Tells: []string{
				"logins by IMAP, POP3, submission and ManageSieve, refused ones with the reason where auth_verbose is on, joined by the session",
				"the client's ID where imap_id_log is set (2.4: where imap_id_received is exported to the log), bytes sent and bodies fetched in a session",
				"faults of the authentication backend, sessions ended by a shutdown",
			},
			CannotTell: dovecotCannotTell,
		},
		{
			Format: DovecotSyslog, Name: DovecotSyslog.String(), Software: "Dovecot through syslog (RFC 3164, RFC 5424, rsyslog's ISO time)",
			Source:     "Dovecot 2.3.19's own output; the source as for its own log; RFC 3164; RFC 5424",
			Tells:      []string{"the same as Dovecot's own log"},
			CannotTell: append(slices.Clone(dovecotCannotTell), "how often a line came that syslog folded into \"message repeated\""),
		},
		{
			Format: Postfix, Name: Postfix.String(), Software: "Postfix through syslog",
			Source: "Postfix 3.7.11's own output, postscreen's too; src/smtpd/smtpd_check.c, read; smtpd.c and smtpd_sasl_glue.c",
			Tells: []string{
				"logins for submission by account, mechanism and address, refused ones with the name that was tried",
				"messages sent by an account, with size and number of recipients",
				"rejected commands, broken connections, faults of the authentication backend, own mail stores that do not take mail",
			},
			CannotTell: []string{
				"whether the account behind a failed login exists",
				"who logged in and sent nothing",
				"who sent a message that came in without a login",
				"the client software",
				"the year and the zone of a line: they follow from the file and the configuration",
			},
		},
		{
			Format: RoundcubeLogins, Name: RoundcubeLogins.String(), Software: "Roundcube's userlogins, or the same through syslog",
			Source: "Roundcube 1.6's own output (userlogins, errors); rcmail::log_login",
			Tells:  []string{"account, address and session of every login, refused ones too"},
			CannotTell: []string{
				"the browser, and what was done after the login: the web server's lines are not joined to it, since they state no session",
				"the client behind a proxy that Roundcube's web server does not see through: the header is only repeated",
				"the address, where a forged header makes two of them possible",
			},
		},
		{
			Format: Syslog, Name: Syslog.String(), Software: "a file of syslog, and the programs in it that are not read",
			Source:     "RFC 3164; RFC 5424",
			CannotTell: []string{"anything about mail from the lines of other programs: they are passed over"},
		},
	}, slices.Concat(serverFormats(), structuredFormats())...)
}
