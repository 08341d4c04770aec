package maillog

import (
	"bytes"
	"net/netip"
)

// message is what is remembered of a queue id: who submitted it, from where.
type message struct {
	client   netip.Addr
	account  []byte // reused from message to message
	hostname []byte
	service  Service
	sent     bool // qmgr repeats its line at every attempt to deliver
	refused  bool // account is a recipient that Sendmail does not know
}

// maxAccount is the longest account that is remembered: RFC 5321 allows 254.
const maxAccount = 320

// postfixSyslog rejects two lines that ran together, as dovecotSyslog does.
func (p *Parser) postfixSyslog(tag, msg []byte, ev *Event) Result {
	r := p.postfix(tag, msg, ev)
	if r.Kind == Parsed {
		if i := indexBy(msg, " postfix/", len(" postfi")); i >= 0 && contains(msg[i:], "]: ") { // x is rare
			return rejected(whyGlued)
		}
	}
	return r
}

// postfix reads a message of one of Postfix's programs:
//
//	postfix/submission/smtpd[7]: 4F1A2B3C4D: client=host.example[198.51.100.7], sasl_method=PLAIN, sasl_username=anna
func (p *Parser) postfix(tag, msg []byte, ev *Event) Result {
	first, last := bytes.IndexByte(tag, '/'), bytes.LastIndexByte(tag, '/')
	prog := tag[last+1:]
	ev.Service = SMTP
	if hasPrefix(tag[max(first, 0):], "/submission") || first != last && (contains(tag, "/submission") || contains(tag, "/smtps/")) {
		ev.Service = Submission
	}
	if hasPrefix(msg, "fatal: ") || hasPrefix(msg, "panic: ") {
		ev.Outcome, ev.Reason = Error, reasonService
		if contains(msg, "SASL") {
			ev.Action, ev.Reason = Login, reasonBackend
		}
		return parsed
	}
	switch string(prog) {
	case "smtpd", "postscreen":
		return p.postfixServer(msg, ev)
	case "qmgr":
		return p.postfixQueue(msg, ev)
	case "cleanup":
		if i := index(msg, ": milter-reject: "); i > 0 {
			return p.postfixReject(msg[i+2:], ev)
		}
	case "smtp", "lmtp", "local", "virtual", "pipe":
		return postfixDelivery(prog, msg, ev)
	}
	return ignored
}

// postfixProbes are the lines of smtpd and postscreen on clients that did not
// come to anything: what they begin with, and what was held against the client.
var postfixProbes = [...]struct {
	start, reason string
	outcome       Outcome
}{
	{"lost connection after ", "", OutcomeNone},
	{"timeout after ", "", OutcomeNone},
	{"SSL_accept error ", reasonTLS, Refused},
	{"improper command pipelining after ", reasonProtocol, Denied},
	{"too many errors after ", reasonProtocol, Denied},
	{"PREGREET ", reasonProtocol, Denied},
	{"BARE NEWLINE ", reasonProtocol, Denied},
	{"NON-SMTP COMMAND ", reasonProtocol, Denied},
	{"COMMAND PIPELINING ", reasonProtocol, Denied},
	{"COMMAND COUNT LIMIT ", reasonProtocol, Denied},
	{"COMMAND TIME LIMIT ", reasonIdle, Refused},
	{"HANGUP after ", reasonIdle, Refused},
}

// postfixServer reads a line of smtpd. A host name is the client's reverse
// name: without brackets or blanks, as Postfix checks, so the address is
// between the first brackets after it.
func (p *Parser) postfixServer(msg []byte, ev *Event) Result {
	if rest, ok := after(msg, "warning: "); ok {
		return postfixWarning(rest, ev)
	}
	for i := range postfixProbes {
		c := &postfixProbes[i]
		if len(msg) == 0 || msg[0] != c.start[0] {
			continue
		}
		rest, ok := after(msg, c.start)
		if !ok {
			continue
		}
		// The words up to "from" are Postfix's own.
		if i := index(rest, "from "); i >= 0 {
			rest = rest[i+len("from "):]
			if _, why := postfixClient(rest, ev); why != "" {
				return rejected(why)
			}
			ev.Action, ev.Outcome, ev.Reason = Probe, c.outcome, c.reason
			if p.opt.Mixed && hasPrefix(msg, "lost connection after STARTTLS ") {
				// By itself; else "SSL_accept error" has told of it.
				ev.Outcome, ev.Reason = Refused, reasonTLS
			}
			return parsed
		}
		return rejected(whyCut)
	}
	if rest, ok := after(msg, "DNSBL rank "); ok {
		_, rest, ok = cut(rest, " for ")
		if !ok {
			return rejected(whyCut)
		}
		if _, why := postfixClient(rest, ev); why != "" {
			return rejected(why)
		}
		ev.Action, ev.Outcome, ev.Reason = Probe, Denied, reasonListed
		return parsed
	}
	if rest, ok := after(msg, "disconnect from "); ok {
		return p.postfixDisconnect(rest, ev)
	}
	id, rest, ok := cut(msg, ": ")
	if !ok || !token(id) {
		return ignored
	}
	if _, ok := after(rest, "reject: "); ok {
		return p.postfixReject(rest, ev)
	}
	if _, ok := after(rest, "milter-reject: "); ok {
		return p.postfixReject(rest, ev)
	}
	rest, ok = after(rest, "client=")
	if !ok {
		return ignored
	}
	rest, why := postfixClient(rest, ev)
	if why != "" {
		return rejected(why)
	}
	if len(rest) == 0 || hasPrefix(rest, ", orig_") {
		return ignored // without authentication: mail from outside, mostly
	}
	method, name, ok := cut(rest, ", sasl_username=")
	if !ok || len(name) == 0 {
		if contains(rest, ", orig_") {
			return ignored
		}
		return rejected(whyCut)
	}
	if ev.Mechanism, ok = after(method, ", sasl_method="); !ok || !token(ev.Mechanism) {
		return rejected(whyCut)
	}
	for _, end := range [...]string{", orig_queue_id=", ", sasl_sender="} {
		if i := lastIndex(name, end); i >= 0 {
			name = name[:i]
		}
	}
	ev.Action, ev.Outcome, ev.Account = Login, Success, name
	if m, _ := p.queue.find(id, true); m != nil && len(name) <= maxAccount && len(ev.Hostname) <= maxAccount {
		m.account = append(m.account[:0], name...)
		m.hostname = append(m.hostname[:0], ev.Hostname...)
		m.client, m.service, m.sent, m.refused = ev.ClientIP, ev.Service, false, false
	}
	return parsed
}

// postfixDisconnect: the count of commands tells of the login of somebody who
// then sent nothing. Of all others other lines tell.
func (p *Parser) postfixDisconnect(rest []byte, ev *Event) Result {
	rest, why := postfixClient(rest, ev)
	if why != "" {
		return rejected(why)
	}
	i, j := lastIndex(rest, " auth="), lastIndex(rest, " rcpt=")
	if i < 0 || j >= 0 && !hasPrefix(rest[j:], " rcpt=0/") || !contains(rest, " commands=") {
		return ignored
	}
	n, rest, ok := digits(rest[i+len(" auth="):])
	if p.opt.Mixed && ok && n == 0 && hasPrefix(rest, "/") {
		ev.Action, ev.Outcome = Login, Failure
		return parsed
	}
	if !ok || n == 0 || !hasPrefix(rest, " ") {
		return ignored // none, or "0/1": the failure has its own line
	}
	ev.Action, ev.Outcome = Login, Success
	return parsed
}

// postfixWarning reads what follows "warning: ":
//
//	host.example[198.51.100.7]: SASL LOGIN authentication failed: (reason unavailable), sasl_username=anna
//
// The name is the client's to choose and comes last.
func postfixWarning(msg []byte, ev *Event) Result {
	if hasPrefix(msg, "SASL: Connect to ") || hasPrefix(msg, "SASL authentication failure: ") && contains(msg, "refused") {
		ev.Action, ev.Outcome, ev.Reason = Login, Error, reasonBackend
		return parsed
	}
	if rest, ok := after(msg, "non-SMTP command from "); ok {
		if _, why := postfixClient(rest, ev); why != "" {
			return rejected(why)
		}
		ev.Action, ev.Outcome, ev.Reason = Probe, Denied, reasonProtocol
		return parsed
	}
	// "Connection rate limit exceeded: 51 from host[198.51.100.7] for service smtp"
	if said, rest, ok := cut(msg, " limit exceeded: "); ok && (hasSuffix(said, " rate") || hasSuffix(said, " concurrency")) {
		_, rest, ok = cut(rest, " from ")
		if !ok {
			return rejected(whyCut)
		}
		if _, why := postfixClient(rest, ev); why != "" {
			return rejected(why)
		}
		ev.Action, ev.Outcome, ev.Reason = Probe, Refused, reasonRate
		return parsed
	}
	i := index(msg, "]: SASL ")
	if i < 0 || bytes.IndexByte(msg[:i], ' ') >= 0 {
		return ignored
	}
	rest, why := postfixClient(msg, ev)
	if why != "" {
		return rejected(why)
	}
	mechanism, rest, ok := cut(rest[len(": SASL "):], " ")
	if !ok || !token(mechanism) {
		return rejected(whyCut)
	}
	ev.Mechanism = mechanism
	if string(rest) == "authentication aborted" { // the client's "*"
		ev.Action, ev.Outcome, ev.Reason = Probe, Refused, reasonNoCredentials
		return parsed
	}
	rest, ok = after(rest, "authentication failed: ")
	if !ok {
		return rejected(whyCut)
	}
	said, name, _ := cut(rest, ", sasl_username=")
	if string(name) == "(unavailable)" { // the exchange did not get as far
		name = nil
	}
	ev.Action, ev.Outcome, ev.Account = Login, Failure, name
	switch {
	case hasPrefix(said, "Invalid base64 data"), hasPrefix(said, "Malformed "):
		ev.Action, ev.Outcome, ev.Reason = Probe, Denied, reasonProtocol
	case contains(said, "onnection lost to auth"), contains(said, "emporary"), contains(said, "generic failure"),
		contains(said, "no mechanism available"):
		ev.Outcome, ev.Reason = Error, reasonBackend
	case contains(said, "nvalid authentication mechanism"):
		ev.Action, ev.Outcome, ev.Reason = Probe, Denied, reasonProtocol
	}
	return parsed
}

// postfixReject reads "reject: RCPT from host[198.51.100.7]: 554 5.7.1 …".
// What follows the code repeats the client's words; of them only whose login a
// foreign sender came with is read, where it is said once.
func (p *Parser) postfixReject(msg []byte, ev *Event) Result {
	_, msg, _ = cut(msg, ": ")
	_, rest, ok := cut(msg, " from ")
	if !ok {
		return rejected(whyCut)
	}
	rest, why := postfixClient(rest, ev)
	if why != "" {
		return rejected(why)
	}
	if len(rest) < 5 || !hasPrefix(rest, ": ") {
		return rejected(whyCut)
	}
	ev.Action, ev.Reason = Send, reasonPolicy
	if hasPrefix(rest, ": too many connections") || hasPrefix(rest, ": all s") { // screening ports busy
		ev.Action, ev.Outcome, ev.Reason = Probe, Refused, reasonTooMany
		return parsed
	}
	const owner = ": Sender address rejected: not owned by user "
	if i := index(rest, owner); i >= 0 && i == lastIndex(rest, owner) {
		ev.Account, _, _ = cut(rest[i+len(owner):], "; from=<")
	}
	switch rest[2] {
	case '5':
		ev.Outcome = Denied
	case '4':
		ev.Outcome = Refused
	default:
		return rejected(whyCut)
	}
	return parsed
}

// postfixClient reads "host.example[198.51.100.7]" or "[198.51.100.7]:2525".
func postfixClient(b []byte, ev *Event) (rest []byte, why string) {
	i := bytes.IndexByte(b, '[')
	if i < 0 || bytes.IndexByte(b[:i], ' ') >= 0 {
		return nil, whyCut
	}
	host := b[:i]
	addr, rest, ok, found := addrBefore(b[i+1:], ']')
	switch {
	case !found:
		return nil, whyCut
	case ok:
		ev.ClientIP = addr
	case !hasPrefix(b[i+1:], "unknown]"): // gone before it could be asked
		return nil, whyAddress
	}
	if len(host) > 0 && string(host) != "unknown" {
		ev.Hostname = host
	}
	if len(rest) > 1 && rest[0] == ':' && isDigit(rest[1]) { // the port
		_, rest, _ = digits(rest[1:])
	}
	return rest, ""
}

// postfixQueue reads "4F1A2B3C4D: from=<anna@parl.example>, size=11682,
// nrcpt=1 (queue active)". The sender is what the client claimed; whose
// message it is follows from its login. Only those are Events.
func (p *Parser) postfixQueue(msg []byte, ev *Event) Result {
	id, rest, ok := cut(msg, ": ")
	if !ok || !token(id) {
		return ignored
	}
	if _, ok := after(rest, "from=<"); !ok {
		return ignored
	}
	i := lastIndex(rest, ">, size=")
	if i < 0 {
		if contains(rest, "status=expired") {
			return ignored
		}
		return rejected(whyCut)
	}
	size, rest, ok := digits(rest[i+len(">, size="):])
	if !ok || !hasPrefix(rest, ", nrcpt=") {
		return rejected(whyCut)
	}
	n, rest, ok := digits(rest[len(", nrcpt="):])
	if !ok || string(rest) != " (queue active)" {
		return rejected(gluedOr(rest, whyCut))
	}
	m, _ := p.queue.find(id, false)
	if m == nil || m.sent || len(m.account) == 0 {
		return ignored
	}
	m.sent = true
	ev.Action, ev.Outcome, ev.Joined = Send, Success, true
	ev.Service, ev.Account, ev.Hostname, ev.ClientIP = m.service, m.account, m.hostname, m.client
	ev.Bytes, ev.Messages = size, int32(min(n, 1<<31-1))
	ev.Session = id
	return parsed
}

// postfixDelivery: a message that waits because our own mail store did not
// take it is our fault. What other sites answer is not.
func postfixDelivery(prog, msg []byte, ev *Event) Result {
	_, said, ok := cut(msg, ", status=deferred (")
	if !ok {
		return ignored
	}
	own := string(prog) != "smtp"
	if rest, ok := after(said, "connect to "); ok && !own {
		if i := bytes.IndexByte(rest, '['); i >= 0 {
			value, _, _ := cut(rest[i+1:], "]")
			addr, ok := parseAddr(value)
			own = ok && (addr.IsPrivate() || addr.IsLoopback())
		}
	}
	if !own {
		return ignored
	}
	ev.Action, ev.Outcome, ev.Reason = Send, Error, reasonDelivery
	return parsed
}

// after takes a constant text off the start of b.
func after(b []byte, prefix string) ([]byte, bool) {
	if hasPrefix(b, prefix) {
		return b[len(prefix):], true
	}
	return nil, false
}
