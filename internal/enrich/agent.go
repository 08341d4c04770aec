package enrich

import "mailvigil/traffic"

// ParseAgent reads an HTTP user agent, an ActiveSync user agent, or the
// fields of an IMAP ID as Dovecot writes them.
func ParseAgent(userAgent string) traffic.Agent { return traffic.Agent{} }
