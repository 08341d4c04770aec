package maillog

// perdition reads a message of the IMAP and POP3 proxy Perdition:
//
//	Auth: 198.51.100.7:2274->192.0.2.1:993 client-secure=ssl authorisation_id=NONE authentication_id="anna" server="imap1:143" protocol=IMAP4 server-secure=plaintext status="ok"
//
// The addresses come first.
func (p *Parser) perdition(tag, msg []byte, ev *Event) Result {
	ev.Service = daemonService(tag)
	rest, ok := after(msg, "Auth: ")
	if !ok {
		if rest, ok = after(msg, "Fatal Error reading authentication information from client "); !ok {
			return ignored
		}
		if !perditionClient(rest, ev) {
			return rejected(whyAddress)
		}
		ev.Action, ev.Outcome, ev.Reason = Probe, Refused, reasonNoCredentials
		return parsed
	}
	if !perditionClient(rest, ev) {
		return rejected(whyAddress)
	}
	// The name is within quotes that are not escaped; the status comes last.
	i := lastIndex(rest, "\" status=\"")
	if i < 0 {
		if i = lastIndex(rest, " status=\""); i < 0 {
			return rejected(whyCut)
		}
	}
	_, status, _ := cut(rest[i+1:], "status=\"")
	ev.Action, ev.Outcome = Login, Failure
	switch {
	case hasPrefix(status, "ok"):
		ev.Outcome = Success
	case contains(status, "could not connect"), contains(status, "onnect failed"):
		ev.Outcome, ev.Reason = Error, reasonBackend
	}
	for _, key := range [...]string{" authentication_id=\"", " user=\""} {
		if _, who, ok := cut(rest, key); ok {
			if j := lastIndex(who, "\" server=\""); j >= 0 {
				ev.Account = who[:j]
			}
			break
		}
	}
	return parsed
}

// perditionClient reads "198.51.100.7:2274->192.0.2.1:993".
func perditionClient(b []byte, ev *Event) bool {
	peer, _, ok := cut(b, "->")
	if !ok {
		return false
	}
	i := lastIndex(peer, ":")
	if i < 0 {
		return false
	}
	ev.ClientIP, ok = parseAddr(peer[:i])
	return ok
}

// qpopper reads a message of Qpopper:
//
//	anna at host.example (198.51.100.7): -ERR [AUTH] Password supplied for "anna" is incorrect.
//
// The name comes before the address and is quoted after it: where both could
// be the true one, none is named.
func (p *Parser) qpopper(_, msg []byte, ev *Event) Result {
	ev.Service, ev.Action = POP3, Login
	if _, who, ok := cut(msg, "POP login by user \""); ok {
		// `(v4.0.19) POP login by user "anna" at (host.example) 198.51.100.7`
		j := lastIndex(who, "\" at (")
		if j < 0 {
			return rejected(whyCut)
		}
		host, rest, ok := cut(who[j+len("\" at ("):], ") ")
		if !ok {
			return rejected(whyCut)
		}
		value, _, _ := cut(rest, " ")
		if ev.ClientIP, ok = parseAddr(value); !ok {
			return rejected(whyAddress)
		}
		ev.Hostname, ev.Outcome, ev.Account = host, Success, who[:j]
		return parsed
	}
	const mark = "): -ERR [AUTH] "
	i := index(msg, mark)
	if i < 0 {
		return ignored
	}
	open := lastIndex(msg[:i], " (")
	if open < 0 {
		return rejected(whyCut)
	}
	addr, ok := parseAddr(msg[open+2 : i])
	if !ok {
		return rejected(whyAddress)
	}
	if lastIndex(msg, mark) == i {
		ev.ClientIP = addr
	}
	ev.Outcome = Failure
	if j := lastIndex(msg[:open], " at "); j >= 0 {
		ev.Account, ev.Hostname = msg[:j], msg[j+len(" at "):open]
	}
	return parsed
}

// solidPOP3 reads a message of Solid POP3:
//
//	authentication failed: no such user: anna - 198.51.100.7
//
// The address comes last.
func (p *Parser) solidPOP3(_, msg []byte, ev *Event) Result {
	ev.Service, ev.Action, ev.Outcome = POP3, Login, Failure
	who, ok := after(msg, "authentication failed: no such user: ")
	ev.Reason = reasonUnknownUser
	if !ok {
		if who, ok = after(msg, "authentication failed: can't map user name: "); !ok {
			ev.Reason = ""
			if who, ok = after(msg, "APOP authentication failed for user "); !ok {
				if who, ok = after(msg, "authentication failed for user "); !ok {
					return ignored
				}
			}
		}
	}
	i := lastIndex(who, " - ")
	if i < 0 {
		return rejected(whyCut)
	}
	if ev.ClientIP, ok = parseAddr(who[i+len(" - "):]); !ok {
		return rejected(whyAddress)
	}
	ev.Account = who[:i]
	return parsed
}
