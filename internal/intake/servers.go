package intake

import (
	"path/filepath"

	"mailvigil/maillog"
)

// Server is mail software that is set up on a host.
type Server struct {
	Name string
	// Place is what shows that it is there.
	Place string
	// Formats are those that its logs may have.
	Formats []maillog.Format
	// Journal is its unit of systemd, "" where it writes files of its own.
	Journal string
}

// servers are known by their configuration, or by the folder they live in.
// Debian's places are those of its packages; the others are from memory.
var servers = []struct {
	Server
	places []string
}{
	{Server{"Dovecot", "", []maillog.Format{maillog.Dovecot, maillog.DovecotSyslog, maillog.DovecotEvents}, "dovecot"}, []string{"/etc/dovecot", "/usr/local/etc/dovecot"}},
	{Server{"Postfix", "", []maillog.Format{maillog.Postfix}, "postfix"}, []string{"/etc/postfix", "/usr/local/etc/postfix"}},
	{Server{"Exim", "", []maillog.Format{maillog.Exim}, "exim4"}, []string{"/etc/exim4", "/etc/exim"}},
	{Server{"Sendmail", "", []maillog.Format{maillog.Sendmail}, "sendmail"}, []string{"/etc/mail/sendmail.cf"}},
	{Server{"Cyrus", "", []maillog.Format{maillog.Cyrus}, "cyrus-imapd"}, []string{"/etc/cyrus.conf"}},
	{Server{"Courier", "", []maillog.Format{maillog.Courier}, "courier-imap"}, []string{"/etc/courier"}},
	{Server{"nginx", "", []maillog.Format{maillog.Combined}, ""}, []string{"/etc/nginx", "/usr/local/etc/nginx"}},
	{Server{"Apache", "", []maillog.Format{maillog.Combined}, ""}, []string{"/etc/apache2", "/etc/httpd"}},
	{Server{"Caddy", "", []maillog.Format{maillog.Caddy}, "caddy"}, []string{"/etc/caddy"}},
	{Server{"lighttpd", "", []maillog.Format{maillog.Combined}, ""}, []string{"/etc/lighttpd"}},
	{Server{"HAProxy", "", []maillog.Format{maillog.HAProxy}, "haproxy"}, []string{"/etc/haproxy"}},
	{Server{"Traefik", "", []maillog.Format{maillog.Traefik}, ""}, []string{"/etc/traefik"}},
	{Server{"Roundcube", "", []maillog.Format{maillog.RoundcubeLogins}, ""}, []string{"/etc/roundcube", "/usr/share/roundcube", "/opt/roundcube*", "/var/www/roundcube*", "/var/www/*/roundcube*"}},
	{Server{"SOGo", "", []maillog.Format{maillog.SOGo}, "sogo"}, []string{"/etc/sogo"}},
	{Server{"Zimbra", "", []maillog.Format{maillog.Zimbra}, ""}, []string{"/opt/zimbra"}},
	{Server{"Kerio Connect", "", []maillog.Format{maillog.Kerio}, ""}, []string{"/opt/kerio/mailserver"}},
	{Server{"Stalwart", "", []maillog.Format{maillog.Stalwart}, "stalwart"}, []string{"/opt/stalwart", "/opt/stalwart-mail", "/etc/stalwart"}},
}

// FindServers says which mail software is set up on the system below a folder,
// "/" for this one.
func FindServers(root string) []Server {
	var found []Server
	for _, s := range servers {
		for _, place := range s.places {
			names, _ := filepath.Glob(filepath.Join(root, place)) // its only error is a bad pattern
			if len(names) > 0 {
				s.Place = names[0]
				found = append(found, s.Server)
				break
			}
		}
	}
	return found
}

// PlacesBelow are the UsualPlaces of the system below a folder.
func PlacesBelow(root string) []string {
	places := make([]string, len(UsualPlaces))
	for i, p := range UsualPlaces {
		places[i] = filepath.Join(root, p)
	}
	return places
}
