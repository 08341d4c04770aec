package maillog

// structuredFormats describes the formats whose lines name their fields: JSON,
// logfmt, W3C, CSV, and the envelopes around the lines of other formats.
func structuredFormats() []FormatInfo {
	return []FormatInfo{
		{
			Format: Journald, Name: Journald.String(), Software: "systemd's journal as JSON (journalctl -o json)",
			Source:     "systemd.journal-fields(7) and journalctl(1), read",
			Tells:      []string{"what the program's own format tells, with year and zone"},
			CannotTell: []string{"entries too large for journalctl, which writes null in their place"},
		},
		{
			Format: Docker, Name: Docker.String(), Software: "Docker's json-file log driver",
			Source:     "Docker's documentation of the json-file driver, read",
			Tells:      []string{"what the line inside tells, with year and zone"},
			CannotTell: []string{"which container wrote a line: that is the name of the file", "lines above 16 KiB, which Docker cuts into parts"},
		},
		{
			Format: Multilog, Name: Multilog.String(), Software: "daemontools' and s6's multilog",
			Source:     "https://cr.yp.to/libtai/tai64.html and daemontools' source, read",
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
	}
}
