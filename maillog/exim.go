package maillog

import "bytes"

// eximFile reads a line of Exim's main or reject log:
//
//	2026-02-21 00:03:02 [7] plain authenticator failed for host.example (helo) [198.51.100.7]:2525 I=[192.0.2.1]:587: 535 Incorrect authentication data (set_id=anna)
//
// The zone, the process and the milliseconds stand there if log_selector and
// log_timezone say so.
func (p *Parser) eximFile(line []byte, ev *Event) Result {
	s, rest, ok := eximStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format = Exim
	return p.exim(rest, ev)
}

func (p *Parser) eximSyslog(_, msg []byte, ev *Event) Result {
	if _, rest, ok := eximStamp(msg); ok { // syslog_timestamp
		msg = rest
	}
	return p.exim(msg, ev)
}

func eximStamp(b []byte) (s stamp, rest []byte, ok bool) {
	if len(b) < 20 || !isDigit(b[0]) || b[10] != ' ' {
		return s, nil, false
	}
	s, rest, ok = parseStamp(b)
	if !ok || !hasPrefix(rest, " ") {
		return s, nil, false
	}
	rest = rest[1:]
	if len(rest) > 5 && (rest[0] == '+' || rest[0] == '-') && rest[5] == ' ' {
		if r, ok := s.zone(rest); ok {
			rest = r[1:]
		}
	}
	return s, rest, true
}

// beginsExim knows Exim's lines by what follows the time: a message id, or
// the words that a line of the main log begins with.
func beginsExim(line []byte) bool {
	_, b, ok := eximStamp(line)
	if !ok {
		return false
	}
	b = eximProcess(b)
	if id, _ := eximID(b); id != nil {
		return true
	}
	for _, w := range [...]string{
		"H=", "SMTP ", "no MAIL in ", "no host name found ", "no IP address found ", "unexpected disconnection ", "exim ", "cwd=",
		"Start queue run", "End queue run", "TLS error ", "TLS session", "TLS client ", "rejected ", "Connection from ",
		"refused connection from ", "daemon: ", "Warning: ", "U=", "DKIM", "list matching forced", "host name alias list truncated", "ident connection ",
	} {
		if hasPrefix(b, w) {
			return true
		}
	}
	_, rest, ok := cut(b, " ")
	return ok && hasPrefix(rest, "authenticator failed for ")
}

// eximProcess takes "[7] " off the start of a line.
func eximProcess(b []byte) []byte {
	if len(b) > 3 && b[0] == '[' {
		if _, rest, ok := digits(b[1:]); ok && hasPrefix(rest, "] ") {
			return rest[2:]
		}
	}
	return b
}

// eximID takes a message id off the start of a line: "1ahr79-0006jK-G9", and
// since 4.97 "1rk2Vz-00000002lkK-0abc".
func eximID(b []byte) (id, rest []byte) {
	for _, n := range [...][2]int{{13, 16}, {18, 23}} {
		if len(b) > n[1] && b[6] == '-' && b[n[0]] == '-' && b[n[1]] == ' ' && token(b[:n[1]]) {
			return b[:n[1]], b[n[1]+1:]
		}
	}
	return nil, b
}

func (p *Parser) exim(b []byte, ev *Event) Result {
	b = eximProcess(b)
	id, b := eximID(b)
	ev.Service, ev.Session = SMTP, id
	switch {
	case hasPrefix(b, "<= "):
		return p.eximArrival(b[len("<= "):], ev)
	case hasPrefix(b, "H="):
		return p.eximRejection(b[len("H="):], ev)
	case hasPrefix(b, "SMTP protocol error in \""), hasPrefix(b, "SMTP syntax error in \""):
		return eximProtocol(b, ev)
	case hasPrefix(b, "rejected HELO from "), hasPrefix(b, "rejected EHLO from "):
		return eximClient(b[len("rejected HELO from "):], Probe, Denied, reasonProtocol, ev)
	case hasPrefix(b, "SMTP protocol synchronization error ("):
		return eximSynchronization(b, ev)
	case hasPrefix(b, "SMTP call from "):
		rest, why := clientBlock(b[len("SMTP call from "):], ev)
		if why != "" {
			return rejected(why)
		}
		if !contains(rest, " dropped: too many ") {
			return ignored
		}
		ev.Action, ev.Outcome, ev.Reason = Probe, Denied, reasonProtocol
		return parsed
	case hasPrefix(b, "SMTP connection from "):
		// The line before it says why.
		if !p.opt.Mixed || !hasSuffix(b, " closed by DROP in ACL") {
			return ignored
		}
		return eximClient(b[len("SMTP connection from "):], Probe, Denied, reasonPolicy, ev)
	case hasPrefix(b, "no MAIL in SMTP connection from "):
		return eximClient(b[len("no MAIL in SMTP connection from "):], Probe, Refused, reasonIdle, ev)
	case hasPrefix(b, "refused connection from "):
		return eximClient(b[len("refused connection from "):], Probe, Refused, reasonPolicy, ev)
	case hasPrefix(b, "SMTP command timeout on connection from "):
		return eximClient(b[len("SMTP command timeout on connection from "):], Probe, Refused, reasonIdle, ev)
	case hasPrefix(b, "SMTP command timeout on TLS connection from "):
		return eximClient(b[len("SMTP command timeout on TLS connection from "):], Probe, Refused, reasonIdle, ev)
	case hasPrefix(b, "Connection from ") && contains(b, " refused: too many connections"):
		return eximClient(b[len("Connection from "):], Probe, Refused, reasonTooMany, ev)
	case hasPrefix(b, "TLS error on connection from "):
		return eximClient(b[len("TLS error on connection from "):], Probe, Refused, reasonTLS, ev)
	case hasPrefix(b, "SA: Action: "):
		return eximSpam(b[len("SA: Action: "):], ev)
	}
	if name, rest, ok := cut(b, " "); ok && hasPrefix(rest, "authenticator failed for ") {
		return p.eximFailure(name, rest[len("authenticator failed for "):], ev)
	}
	return ignored
}

// eximClient reads a client that stands first in what is left.
func eximClient(b []byte, a Action, o Outcome, reason string, ev *Event) Result {
	if hasPrefix(b, "H=") {
		b = b[len("H="):]
	}
	if _, why := clientBlock(b, ev); why != "" {
		return rejected(why)
	}
	ev.Action, ev.Outcome, ev.Reason = a, o, reason
	return parsed
}

// eximFailure reads "HOST (HELO) [IP]:PORT I=[…]:PORT: 535 Incorrect
// authentication data (set_id=NAME)". The name comes last.
func (p *Parser) eximFailure(authenticator, b []byte, ev *Event) Result {
	if hasPrefix(b, "H=") {
		b = b[len("H="):]
	}
	rest, why := clientBlock(b, ev)
	if why != "" {
		return rejected(why)
	}
	_, said, ok := cut(rest, ": ")
	if !ok {
		return rejected(whyCut)
	}
	ev.Service, ev.Action, ev.Mechanism = Submission, Login, authenticator
	ev.Outcome = Failure
	switch {
	case hasPrefix(said, "435 "), hasPrefix(said, "454 "), hasPrefix(said, "451 "):
		ev.Outcome, ev.Reason = Error, reasonBackend
	case string(said) == "501 Authentication cancelled":
		ev.Action, ev.Outcome, ev.Reason = Probe, Refused, reasonNoCredentials
	case string(said) == "501 Invalid base64 data":
		ev.Action, ev.Outcome, ev.Reason = Probe, Denied, reasonProtocol
	}
	if _, name, ok := cut(said, " (set_id="); ok {
		end := len(name) - 1
		if ev.Outcome == Error { // what the authenticator said follows
			end = lastIndex(name, "): ")
		}
		if end < 0 || name[end] != ')' {
			return rejected(whyCut)
		}
		ev.Account = unescapeExim(&p.account, name[:end])
	}
	return parsed
}

// unescapeExim undoes what Exim does to characters that do not print: "\n",
// "\t", "\\" and "\303".
func unescapeExim(buf *[]byte, b []byte) []byte {
	i := bytes.IndexByte(b, '\\')
	if i < 0 {
		return b
	}
	out := append((*buf)[:0], b[:i]...)
	for ; i < len(b); i++ {
		c := b[i]
		if c == '\\' && i+1 < len(b) {
			switch next := b[i+1]; {
			case next == 'n':
				c = '\n'
			case next == 't':
				c = '\t'
			case next == 'r':
				c = '\r'
			case next == '\\':
			case '0' <= next && next <= '3' && i+3 < len(b) && '0' <= b[i+2] && b[i+2] <= '7' && '0' <= b[i+3] && b[i+3] <= '7':
				c = (next-'0')<<6 | (b[i+2]-'0')<<3 | (b[i+3] - '0')
				i += 2
			default:
				i--
			}
			i++
		}
		out = append(out, c)
	}
	*buf = out
	return out
}

// eximArrival reads what follows "<=". Only what an account submitted is an
// Event:
//
//	anna@parl.example H=host.example (helo) [198.51.100.7]:2525 P=esmtpsa A=plain:anna S=2048 id=… T="subject"
//
// The address of the sender is the client's and may hold anything within
// quotes; the subject comes after what is read.
func (p *Parser) eximArrival(b []byte, ev *Event) Result {
	i := index(b, " H=")
	if i < 0 {
		return ignored // local, or a bounce
	}
	if j := bytes.IndexByte(b, '"'); j >= 0 && j < i {
		// A quoted local part: what it holds ends with its quote.
		if _, rest, ok := quoted(b[j:]); ok {
			if i = index(rest, " H="); i < 0 {
				return rejected(whyCut)
			}
			b = rest
		}
	}
	rest, why := clientBlock(b[i+len(" H="):], ev)
	if why != "" {
		return rejected(why)
	}
	rest, _, _ = cut(rest, " T=\"")
	i = index(rest, " A=")
	if i < 0 {
		return ignored // mail from outside
	}
	name, after, ok := cut(rest[i+len(" A="):], " S=")
	if !ok {
		return rejected(whyCut)
	}
	if ev.Bytes, _, ok = digits(after); !ok {
		return rejected(whyCut)
	}
	ev.Mechanism, name, ok = cut(name, ":")
	if !ok {
		return ignored // the authenticator tells no name
	}
	for _, next := range [...]string{" CV=", " DN=", " K ", " id=", " Q="} {
		name, _, _ = cut(name, next)
	}
	ev.Service, ev.Action, ev.Outcome, ev.Account = Submission, Send, Success, unescapeExim(&p.account, name)
	return parsed
}

// eximRejection reads what follows "H=": "HOST [IP]:PORT X=… F=<SENDER>
// rejected RCPT <RECIPIENT>: REASON", and connections that an ACL ended.
func (p *Parser) eximRejection(b []byte, ev *Event) Result {
	rest, why := clientBlock(b, ev)
	if why != "" {
		return rejected(why)
	}
	ev.Action, ev.Outcome, ev.Reason = Send, Denied, reasonPolicy
	i := index(rest, " rejected ")
	switch {
	case i >= 0:
		if hasSuffix(rest[:i], " temporarily") {
			ev.Outcome = Refused
		}
		what := rest[i+len(" rejected "):]
		if hasPrefix(what, "RCPT ") {
			to, said, ok := eximRecipient(what[len("RCPT "):])
			if !ok {
				return rejected(whyCut)
			}
			ev.Account = angled(to)
			switch {
			case contains(said, "relay not permitted"), contains(said, "elaying"):
				ev.Reason = reasonRelay
			case contains(said, "nrouteable address"), contains(said, "No Such User"), contains(said, "nknown user"):
				ev.Reason = reasonRecipient
			}
		} else if hasPrefix(what, "AUTH") || hasPrefix(what, "connection in ") || hasPrefix(what, "EHLO or HELO ") {
			ev.Action = Probe
		}
		return parsed
	case contains(rest, " dropped by '"):
		ev.Action = Probe
		return parsed
	case contains(rest, " sender verify fail for "), contains(rest, " sender verify defer for "):
		// The rejection that it leads to has a line of its own.
		if p.opt.Mixed {
			return parsed
		}
	}
	return ignored
}

// eximRecipient splits "<RECIPIENT>: REASON". A local part in quotes may hold
// what looks like its end.
func eximRecipient(b []byte) (to, said []byte, ok bool) {
	skip := 0
	if hasPrefix(b, "<\"") {
		if _, rest, ok := quoted(b[1:]); ok {
			skip = len(b) - len(rest)
		}
	}
	i := index(b[skip:], ": ")
	if i < 0 {
		return nil, nil, false
	}
	return b[:skip+i], b[skip+i+len(": "):], true
}

// eximProtocol reads `SMTP protocol error in "COMMAND" H=HOST (HELO) [IP]
// REASON`, and the same of a syntax error. The client writes the command, and
// what a reason may repeat of it ('"@" or "." expected after "h"'): so if there
// could be two clients, none is named. One reason is always the last.
func eximProtocol(b []byte, ev *Event) Result {
	const client = "\" H="
	i, j := index(b, client), lastIndex(b, client)
	if i < 0 {
		return rejected(whyCut)
	}
	own := hasSuffix(b, " AUTH command used when not advertised")
	r := eximClient(b[j+len(client):], Probe, Denied, reasonProtocol, ev)
	if i != j && !own {
		if r = eximClient(b[i+len(client):], Probe, Denied, reasonProtocol, ev); r.Kind != Parsed {
			return r
		}
		ev.ClientIP, ev.Hostname = ev.ServerIP, nil
	}
	return r
}

// eximSynchronization reads "…: rejected connection from H=CLIENT input=…" and
// `…: rejected "COMMAND" CLIENT next input="…"`. The client writes before
// and after its address in the second: if there could be two, none is named.
func eximSynchronization(b []byte, ev *Event) Result {
	const first = ": rejected connection from "
	if i := index(b, "): rejected \""); i < 0 || index(b, first) >= 0 && index(b, first) < i {
		i = index(b, first)
		if i < 0 {
			return rejected(whyCut)
		}
		return eximClient(b[i+len(first):], Probe, Denied, reasonProtocol, ev)
	}
	i, j := index(b, "\" H="), lastIndex(b, "\" H=")
	if i < 0 {
		return rejected(whyCut)
	}
	r := eximClient(b[j+len("\" H="):], Probe, Denied, reasonProtocol, ev)
	if r.Kind == Parsed && i != j {
		ev.ClientIP, ev.Hostname = ev.ServerIP, nil
	}
	return r
}

// eximSpam reads what SA-Exim decided: "silently tossed message: score=31.0
// … From <SENDER> (host=HOST [IP]) for RECIPIENT".
func eximSpam(b []byte, ev *Event) Result {
	i := lastIndex(b, "> (host=")
	if i < 0 {
		return ignored
	}
	rest, why := clientBlock(b[i+len("> (host="):], ev)
	if why != "" || !hasPrefix(rest, ") for ") {
		return rejected(whyCut)
	}
	if i != index(b, "> (host=") { // the sender wrote one of them
		ev.ClientIP, ev.Hostname = ev.ServerIP, nil
	}
	ev.Action, ev.Outcome, ev.Reason = Send, Denied, reasonPolicy
	if contains(b, " but accepted: ") {
		ev.Outcome = Success
	}
	ev.Account = rest[len(") for "):]
	return parsed
}
