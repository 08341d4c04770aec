package maillog

// Format names the software and the shape of a log.
type Format uint8

// The formats that can be read.
const (
	FormatNone       Format = iota
	Combined                // nginx's and Apache's combined access log
	Dovecot                 // Dovecot's own log file
	DovecotSyslog           // Dovecot through syslog
	Postfix                 // Postfix through syslog
	RoundcubeLogins         // Roundcube's userlogins
	Syslog                  // syslog lines of software that is not read
	Exim                    // Exim's main and reject log, its own or through syslog
	Sendmail                // Sendmail through syslog
	Cyrus                   // Cyrus through syslog
	Courier                 // Courier through syslog
	UWIMAP                  // the University of Washington's daemons through syslog
	NginxError              // nginx's error log, its mail proxy's lines too
	ApacheError             // Apache's error log
	SOGo                    // SOGo's own log
	Zimbra                  // Zimbra's audit.log and mailbox.log
	Horde                   // Horde's log
	SquirrelMail            // SquirrelMail's squirrel_logger
	Kerio                   // Kerio Connect's logs
	Perdition               // Perdition through syslog
	Qpopper                 // Qpopper through syslog
	ASSP                    // the Anti-Spam SMTP Proxy's maillog.txt
	Domino                  // HCL Domino's console log
	OracleMS                // Oracle Messaging Server's connection log as XML
	OpenWebmail             // Open WebMail's log
	Tine20                  // Tine 2.0's log
	Mailu                   // Mailu's admin service
	MailcowNetfilter        // mailcow's netfilter
	SolidPOP3               // Solid POP3 through syslog
	Vpopmail                // vpopmail's vchkpw through syslog
	Rblsmtpd                // rblsmtpd through syslog or multilog
	Journald                // entries of systemd's journal as JSON, around other formats
	Docker                  // Docker's json-file log, around other formats
	Multilog                // multilog's files, around other formats
	Caddy                   // Caddy's access log
	Traefik                 // Traefik's access log, JSON or text
	DovecotEvents           // Dovecot's event exporter
	Stalwart                // Stalwart's events
	Mox                     // mox through syslog or the journal
	Nextcloud               // Nextcloud's log
	Keycloak                // Keycloak's events, text or JSON
	Authelia                // Authelia's log, text or JSON
	Authentik               // authentik's log
	Microsoft365            // Microsoft 365's unified audit log
	GoogleWorkspace         // Google Workspace's login audit
	ExchangeIIS             // IIS's W3C log in front of Exchange
	ExchangeProxy           // Exchange's HttpProxy logs
	ExchangeIMAP            // Exchange's protocol logs of IMAP4 and POP3
	ExchangeSMTP            // Exchange's protocol log of SMTP
	ExchangeTracking        // Exchange's message tracking
	HAProxy                 // HAProxy's HTTP log through syslog
	Rspamd                  // rspamd's own log, or through syslog
	Amavis                  // amavis through syslog
	ClamAVMilter            // clamav-milter through syslog
	formatEnd
)

var formatNames = [formatEnd]string{
	"", "combined", "dovecot", "dovecot-syslog", "postfix", "roundcube", "syslog",
	"exim", "sendmail", "cyrus", "courier", "uw-imap",
	"nginx-error", "apache-error", "sogo", "zimbra", "horde", "squirrelmail", "kerio", "perdition", "qpopper",
	"assp", "domino", "oracle-messaging-server", "openwebmail", "tine20", "mailu", "mailcow-netfilter", "solid-pop3d", "vpopmail", "rblsmtpd",
	"journald", "docker", "multilog", "caddy", "traefik", "dovecot-events", "stalwart", "mox",
	"nextcloud", "keycloak", "authelia", "authentik", "microsoft365", "google-workspace",
	"exchange-iis", "exchange-proxy", "exchange-imap", "exchange-smtp", "exchange-tracking",
	"haproxy", "rspamd", "amavis", "clamav-milter",
}

func (f Format) String() string { return name(formatNames[:], uint8(f)) }

// Syslog reports whether files of the format are files of syslog, in which
// several programs write.
func (f Format) Syslog() bool {
	switch f {
	case DovecotSyslog, Postfix, Syslog, Mox, HAProxy, Amavis, ClamAVMilter:
		return true
	}
	return false
}

// Alone reports whether each line of the format is read by itself: no line
// refers to an earlier one, none is read by a header, and each states its year
// and zone. Such a file can be read from any line on.
func (f Format) Alone() bool { return f == Combined || f == Caddy || f == Traefik }

// Headed reports whether a header says what stands where: such a file can only
// be read from its beginning.
func (f Format) Headed() bool { return hasColumns(f) }
