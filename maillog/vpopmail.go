package maillog

import "bytes"

// vpopmail reads a message of vpopmail's vchkpw, which checks the passwords of
// qmail's SMTP, POP3 and IMAP:
//
//	vchkpw-smtp: password fail (pass: 'secret') anna@parl.example:198.51.100.7
//	vchkpw-pop3: vpopmail user not found anna@parl.example:198.51.100.7
//	vchkpw-imap: (PLAIN) login success anna@parl.example:198.51.100.7
//
// The address comes last.
func (p *Parser) vpopmail(_, msg []byte, ev *Event) Result {
	service, said, ok := cut(msg, ": ")
	if !ok || !hasPrefix(service, "vchkpw-") {
		return ignored
	}
	if ev.Service = daemonService(service); contains(service, "smtp") || contains(service, "submission") {
		ev.Service = Submission
	}
	ev.Action, ev.Outcome = Login, Failure
	if r, ok := after(said, "("); ok { // the mechanism
		if m, rest, ok := cut(r, ") "); ok && token(m) {
			ev.Mechanism, said = m, rest
		}
	}
	switch {
	case hasPrefix(said, "login success "):
		ev.Outcome = Success
	case hasPrefix(said, "password fail"):
		ev.Reason = reasonMismatch
	case hasPrefix(said, "vpopmail user not found "), hasPrefix(said, "system user not found "):
		ev.Reason = reasonUnknownUser
	case hasPrefix(said, "no password "), hasPrefix(said, "null user name "), hasPrefix(said, "invalid "):
	default:
		return ignored
	}
	who := said
	addr, ok := parseAddr(nil)
	for i := len(who) - 1; i > 0 && i > len(who)-46; i-- { // IPv6 holds colons too
		if who[i] != ':' {
			continue
		}
		if a, isAddr := parseAddr(who[i+1:]); isAddr {
			addr, ok, said = a, true, who[:i]
			if a.Is4() {
				break
			}
		}
	}
	if !ok {
		return rejected(whyAddress)
	}
	ev.ClientIP = addr
	if i := bytes.LastIndexByte(said, ' '); i >= 0 {
		ev.Account = said[i+1:]
	}
	return parsed
}
