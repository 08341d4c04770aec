package maillog

import (
	"bytes"
	"net/netip"
)

// session is what is remembered of a Dovecot session.
type session struct {
	client, server netip.Addr
	reason         string // of a refused password
	tried          uint64 // whose it was: a hash of the name
}

// The reasons that Dovecot's and Postfix's lines state.
const (
	reasonMismatch      = "password mismatch"
	reasonUnknownUser   = "unknown user"
	reasonDisabled      = "account disabled"
	reasonBackend       = "authentication backend failed"
	reasonShutdown      = "server shutting down"
	reasonAfterLogin    = "refused after the password was right"
	reasonPlaintext     = "password without TLS refused"
	reasonTooMany       = "too many connections"
	reasonService       = "service failed"
	reasonNoCredentials = "no credentials sent"
	reasonPolicy        = "policy"
	reasonDelivery      = "own mail store failed"
)

// dovecotFile reads a line of Dovecot's own log:
//
//	Feb 21 00:03:02 imap-login: Info: Login: user=<anna>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, mpid=7, TLS, session=<HwVRNtgRxt9R9uB2>
func (p *Parser) dovecotFile(line []byte, ev *Event) Result {
	rest, ok := p.stamped(line, ev)
	if !ok {
		return rejected(whyTime)
	}
	ev.Format = Dovecot
	r := p.dovecot(rest[1:], ev)
	if r.Kind == Parsed {
		const info = ": Info: "
		if i := indexBy(rest, info, len(": ")); i >= 0 && indexBy(rest[i+1:], info, len(": ")) >= 0 {
			return rejected(whyGlued)
		}
	}
	return r
}

// beginsDovecot: Dovecot's own log goes on with a process ("imap-login:",
// "imap(anna)<…"), syslog with a host.
func beginsDovecot(line []byte) bool {
	_, rest, ok := parseStamp(line)
	if !ok || len(rest) < 2 || rest[0] != ' ' {
		return false
	}
	word := rest[1:]
	if i := bytes.IndexByte(word, ' '); i >= 0 {
		word = word[:i]
	}
	if hasSuffix(word, "]:") { // syslog without a host
		return false
	}
	return len(word) > 0 && (word[len(word)-1] == ':' || bytes.IndexByte(word, '(') > 0)
}

// dovecotSyslog: a line that was cut and run into another holds the program's
// name again. Whoever puts it into a user name has only that attempt rejected,
// and no real account is called so.
func (p *Parser) dovecotSyslog(_, msg []byte, ev *Event) Result {
	r := p.dovecot(msg, ev)
	if r.Kind == Parsed && namesDovecot(msg) {
		return rejected(whyGlued)
	}
	return r
}

// namesDovecot reports whether " dovecot: " or " dovecot[" stands in b.
func namesDovecot(b []byte) bool {
	const name = " dovecot"
	for {
		i := indexBy(b, name, len(" do")) // v is rare
		if i < 0 {
			return false
		}
		if b = b[i+len(name):]; hasPrefix(b, ": ") || hasPrefix(b, "[") {
			return true
		}
	}
}

// dovecot reads a message: "PROCESS: ", or "PROCESS(USER)<PID><SESSION>: ",
// a level, and the text. Through syslog the level may be missing.
func (p *Parser) dovecot(msg []byte, ev *Event) Result {
	i := 0
	for i < len(msg) && ('a' <= msg[i] && msg[i] <= 'z' || msg[i] == '-' || isDigit(msg[i])) {
		i++
	}
	proc, text := msg[:i], msg[i:]
	var user, sess []byte
	switch {
	case i == 0 || i == len(msg):
		return rejected(whyProcess)
	case hasPrefix(text, ": "):
		text = text[2:]
	case text[0] == '(':
		var ok bool
		if user, sess, text, ok = dovecotOwner(text); !ok {
			return rejected(whyCut)
		}
	default:
		return rejected(whyProcess)
	}
	level := byte('I')
	if hasPrefix(text, "Info: ") {
		text = text[len("Info: "):]
	} else {
		for _, l := range [...]string{"Error: ", "Warning: ", "Fatal: ", "Panic: ", "Debug: "} {
			if hasPrefix(text, l) {
				level, text = l[0], text[len(l):]
				break
			}
		}
	}
	if level == 'D' || level == 'W' {
		return ignored
	}
	failed := level == 'E' || level == 'F' || level == 'P'
	switch {
	case string(proc) == "stats" && hasPrefix(text, "{"): // the event exporter's driver "log"
		return p.dovecotEventLine(text, ev)
	case hasSuffix(proc, "-login"):
		ev.Service = dovecotService(proc[:len(proc)-len("-login")])
		return p.dovecotLogin(text, failed, ev)
	case string(proc) == "auth" || string(proc) == "auth-worker" || string(proc) == "dovecot-auth":
		if failed {
			ev.Action, ev.Outcome, ev.Reason = Login, Error, reasonBackend
			return parsed
		}
		return p.dovecotAuth(text, ev)
	}
	ev.Service = dovecotService(proc)
	if len(sess) == 0 {
		if failed {
			ev.Outcome, ev.Reason = Error, reasonService
			return parsed
		}
		if ev.Service == ServiceNone || len(user) == 0 {
			return ignored
		}
	}
	ev.Account, ev.Session = user, sess
	if s, _ := p.sessions.find(sess, false); s != nil {
		ev.ClientIP, ev.ServerIP, ev.Joined = s.client, s.server, true
	}
	switch {
	case failed:
		ev.Action, ev.Outcome, ev.Reason = Request, Error, reasonService
		return parsed
	case ev.Service == ServiceNone: // lmtp, indexer, …
		return ignored
	case hasPrefix(text, "ID sent: "):
		ev.Action = Request
		ev.UserAgent = text[len("ID sent: "):]
		return parsed
	case hasPrefix(text, "expunge: ") || hasPrefix(text, "delete: "): // plugin mail_log
		ev.Action = Delete
		return parsed
	case hasPrefix(text, "Disconnected") || hasPrefix(text, "Logged out") || hasPrefix(text, "Connection closed"):
		return dovecotLogout(text, ev)
	}
	return ignored
}

// dovecotOwner reads "(USER)<PID><SESSION>: ", or Dovecot 2.2's and the
// workers' "(USER): ". The user has logged in, so the name is a real one.
func dovecotOwner(b []byte) (user, sess, text []byte, ok bool) {
	for off := 1; ; {
		i := index(b[off:], ")<")
		if i < 0 {
			break
		}
		i += off
		off = i + 2
		_, rest, ok := digits(b[off:])
		if !ok || !hasPrefix(rest, "><") {
			continue
		}
		sess, text, ok = cut(rest[2:], ">: ")
		if !ok || len(sess) > 0 && !token(sess) {
			return nil, nil, nil, false
		}
		return b[1:i], sess, text, true
	}
	user, text, ok = cut(b[1:], "): ")
	return user, nil, text, ok
}

func dovecotService(proc []byte) Service {
	switch string(proc) {
	case "imap":
		return IMAP
	case "pop3":
		return POP3
	case "submission":
		return Submission
	case "managesieve", "sieve":
		return Sieve
	}
	return ServiceNone
}

// dovecotLogout reads "Disconnected: REASON in=334 out=910 deleted=0 …
// body_count=4 body_bytes=…", POP3's "… retr=1/2048, del=0/5, …" and
// ManageSieve's "… bytes=17/205". The figures come last, so they are sought
// from the right.
func dovecotLogout(text []byte, ev *Event) Result {
	ev.Action = Logout
	if i := index(text, "Server shut"); i >= 0 && (contains(text[i:], "Server shutting down") || contains(text[i:], "Server shutdown")) {
		ev.Outcome, ev.Reason = Error, reasonShutdown
	}
	if i := lastIndex(text, " in="); i >= 0 {
		_, rest, ok := digits(text[i+len(" in="):])
		if !ok || !hasPrefix(rest, " out=") {
			return rejected(whyCut)
		}
		if ev.Bytes, rest, ok = digits(rest[len(" out="):]); !ok || len(rest) > 0 && rest[0] != ' ' {
			return rejected(whyCut)
		}
		if len(rest) == 0 {
			return parsed
		}
		i := lastIndex(rest, " body_count=")
		if i < 0 {
			return rejected(whyCut)
		}
		n, rest, ok := digits(rest[i+len(" body_count="):])
		if !ok || !hasPrefix(rest, " body_bytes=") {
			return rejected(whyCut)
		}
		if _, rest, ok = digits(rest[len(" body_bytes="):]); !ok || len(rest) > 0 && rest[0] != ' ' {
			return rejected(gluedOr(rest, whyCut))
		}
		ev.Messages = int32(min(n, 1<<31-1))
		return parsed
	}
	if i := lastIndex(text, " retr="); i >= 0 {
		n, rest, ok := digits(text[i+len(" retr="):])
		if !ok || !hasPrefix(rest, "/") {
			return rejected(whyCut)
		}
		if ev.Bytes, rest, ok = digits(rest[1:]); !ok || !hasPrefix(rest, ",") {
			return rejected(whyCut)
		}
		ev.Messages = int32(min(n, 1<<31-1))
		return parsed
	}
	if i := lastIndex(text, " bytes="); i >= 0 {
		_, rest, ok := digits(text[i+len(" bytes="):])
		if !ok || !hasPrefix(rest, "/") {
			return rejected(whyCut)
		}
		if ev.Bytes, rest, ok = digits(rest[1:]); !ok || len(rest) > 0 {
			return rejected(gluedOr(rest, whyCut))
		}
		return parsed
	}
	// A configured imap_logout_format may state no figures.
	for _, end := range [...]string{"Logged out", "Connection closed", "secs", ")", "."} {
		if hasSuffix(text, end) {
			return parsed
		}
	}
	return rejected(whyCut)
}

// dovecotAuth remembers why a password was refused. The login process says
// that it was, and to whom; its line becomes the Event. Lines without a
// session are of Postfix's logins, which Postfix states itself. Only where
// lines are read one by one is this one an Event.
//
//	ldap(anna,198.51.100.7,<HwVRNtgRxt9R9uB2>): unknown user
//	conn unix:auth-worker (pid=7,uid=9): auth-worker<1>: pam(anna,198.51.100.7): pam_authenticate() failed: …
//
// The name may hold ",192.0.2.9): ", and so may a password that is logged;
// where two addresses could be the true one, none is named.
func (p *Parser) dovecotAuth(text []byte, ev *Event) Result {
	if rest, ok := after(text, "pam_unix(dovecot:auth): authentication failure;"); ok {
		return p.dovecotPAM(rest, ev)
	}
	if hasPrefix(text, "conn unix:auth-worker ") {
		if _, rest, ok := cut(text, ": auth-worker<"); ok {
			if _, rest, ok = cut(rest, ">: "); ok {
				text = rest
			}
		}
	}
	open := bytes.IndexByte(text, '(')
	if open < 0 || !token(text[:open]) {
		return ignored
	}
	var said, sess []byte
	found := 0
	for off := open + 1; ; {
		i := index(text[off:], "): ")
		if i < 0 {
			break
		}
		i += off
		off = i + len("): ")
		who, id := text[open+1:i], []byte(nil)
		if j := lastIndex(who, ",<"); j >= 0 && who[len(who)-1] == '>' && token(who[j+2:len(who)-1]) {
			who, id = who[:j], who[j+2:len(who)-1]
		}
		who = bytes.TrimSuffix(who, []byte(",master")) // a master user signs in as somebody
		j := bytes.LastIndexByte(who, ',')
		if j < 0 {
			continue
		}
		addr, ok := parseAddr(who[j+1:])
		if !ok {
			continue
		}
		found++
		ev.ClientIP, ev.Account, said, sess = addr, who[:j], text[off:], id
		if string(ev.Account) == "?" { // not taken for a name: no client could have written this
			break
		}
	}
	if found > 1 {
		ev.ClientIP = ev.ServerIP
	}
	ev.Outcome = Failure
	switch {
	case hasPrefix(said, "unknown user"), hasPrefix(said, "User not known"), hasPrefix(said, "pam_authenticate() failed: User not known"),
		hasPrefix(said, "Username character disallowed "), hasPrefix(said, "Invalid username "), hasPrefix(said, "Empty username"):
		ev.Reason = reasonUnknownUser
	case hasPrefix(said, "Password mismatch"), hasPrefix(said, "password mismatch"), contains(said, "assword mismatch?"),
		hasPrefix(said, "invalid credentials"), hasPrefix(said, "Login attempt with empty password"),
		hasPrefix(said, "pam_authenticate() failed: Authentication failure"):
		ev.Reason = reasonMismatch
	case hasPrefix(said, "allow_nets check failed"), contains(said, "due to policy server refusal"):
		ev.Outcome, ev.Reason = Denied, reasonPolicy
	case contains(said, "disabled"), contains(said, "not allowed"), contains(said, "expired"), contains(said, "locked"),
		hasPrefix(said, "pam_acct_mgmt() failed"), hasPrefix(said, "pam_authenticate() failed: Permission denied"):
		ev.Reason = reasonDisabled
	default:
		return ignored
	}
	if string(ev.Account) == "?" {
		ev.Account = nil
		if _, name, ok := cut(said, " (username: "); ok && hasSuffix(name, ")") {
			ev.Account = name[:len(name)-1]
		}
	}
	// Databases are asked one after the other. One that does not know the name
	// says nothing against another that does.
	tried := nameHash(ev.Account)
	if s, fresh := p.sessions.find(sess, true); fresh {
		*s = session{reason: ev.Reason, tried: tried}
	} else if s != nil && (ev.Reason != reasonUnknownUser || s.tried != tried || s.reason == "") {
		s.reason, s.tried = ev.Reason, tried
	}
	if !p.opt.Mixed {
		return ignored
	}
	ev.Session, ev.Action = sess, Login
	return parsed
}

// nameHash is FNV-1a. Names that collide share a reason at worst.
func nameHash(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// pamSyslog reads what PAM says of Dovecot through syslog under its own name.
func (p *Parser) pamSyslog(_, msg []byte, ev *Event) Result {
	if rest, ok := after(msg, "pam_unix(dovecot:auth): authentication failure;"); ok {
		return p.dovecotPAM(rest, ev)
	}
	return ignored
}

// dovecotPAM reads what pam_unix says of a refused password: "logname= uid=0
// euid=0 tty=dovecot ruser=anna rhost=198.51.100.7  user=anna". The client's
// name is ruser; user is stated of accounts that exist.
func (p *Parser) dovecotPAM(b []byte, ev *Event) Result {
	i := lastIndex(b, " rhost=")
	if i < 0 || !p.opt.Mixed {
		return ignored
	}
	value, _, _ := cut(b[i+len(" rhost="):], " ")
	var ok bool
	if ev.ClientIP, ok = parseAddr(value); !ok {
		return rejected(whyAddress)
	}
	if _, name, ok := cut(b[:i], " ruser="); ok {
		ev.Account = name
	}
	ev.Action, ev.Outcome = Login, Failure
	return parsed
}

// dovecotLogin reads a line of a login process: "Login: FIELDS", or why there
// was none and FIELDS:
//
//	user=<anna>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, TLS, session=<HwVRNtgRxt9R9uB2>
//
// user is the client's to choose, and Dovecot does not escape it. It may hold
// ">, method=PLAIN, rip=192.0.2.9"; so the address is the last one stated,
// after which only the server speaks.
func (p *Parser) dovecotLogin(text []byte, failed bool, ev *Event) Result {
	ev.Action = Login
	isLogin := hasPrefix(text, "Login: ")
	isID := hasPrefix(text, "ID sent: ")
	rip := lastIndex(text, " rip=") + 1
	if rip == 0 {
		switch {
		case failed:
			ev.Outcome, ev.Reason = Error, reasonBackend
			return parsed
		case isLogin, hasPrefix(text, "Disconnected"), hasPrefix(text, "Aborted login"), hasPrefix(text, "Login aborted"):
			return rejected(whyCut)
		}
		return ignored
	}
	said, who := text[:rip], []byte(nil)
	start := index(text[:rip], "user=<")
	if isID {
		start = lastIndex(text[:rip], ": user=<") + 2
		if start < 2 {
			return rejected(whyCut)
		}
	}
	if start >= 0 {
		said, who = text[:start], text[start+len("user=<"):rip]
		if i := index(said, " rip=") + 1; i > 0 && !isID {
			// Elements in an order of one's own: the address stands before
			// the name, and what follows the name is not to be trusted.
			rip, said = i, said[:i]
			who, _, _ = cut(text[start+len("user=<"):], ">")
		}
	}
	if who != nil && rip > start {
		var ok bool
		if ev.Account, ev.Mechanism, ok = dovecotUser(who); !ok {
			return rejected(whyCut)
		}
	} else {
		ev.Account = who
		if i := index(said, "method="); i >= 0 {
			ev.Mechanism, _, _ = cut(said[i+len("method="):], ",")
			said = said[:i]
		}
	}
	fields := text[rip+len("rip="):]
	if rip < start {
		fields = text[rip+len("rip=") : start]
	}
	addr, rest, ok, more := addrBefore(fields, ',')
	if !ok {
		return rejected(whyAddress)
	}
	if !more {
		return rejected(whyCut)
	}
	ev.ClientIP = addr
	if hasPrefix(rest, " lip=") {
		if ev.ServerIP, rest, ok, _ = addrBefore(rest[len(" lip="):], ','); !ok {
			return rejected(whyCut)
		}
	}
	if i := lastIndexBy(rest, "session=<", len("session=")); i >= 0 {
		ev.Session, _, ok = cutByte(rest[i+len("session=<"):], '>')
		if !ok || !token(ev.Session) {
			return rejected(whyCut)
		}
	} else if i := bytes.LastIndexByte(rest, ','); i >= 0 && hasPrefix([]byte(" session=<"), string(rest[i+1:])) {
		return rejected(whyCut)
	}

	switch {
	case isLogin || hasPrefix(said, "proxy(") && contains(said, "started proxying to"):
		ev.Outcome = Success
		s, fresh := p.sessions.find(ev.Session, true)
		if fresh {
			*s = session{}
		}
		if s != nil {
			s.client, s.server = ev.ClientIP, ev.ServerIP
		}
		return parsed
	case isID:
		ev.Action = Request
		ev.UserAgent = text[len("ID sent: ") : start-2]
		return parsed
	}
	ev.Action, ev.Outcome, ev.Reason = dovecotRefusal(said, failed)
	if ev.Outcome == Failure {
		if s, _ := p.sessions.find(ev.Session, false); s != nil && s.reason != "" {
			ev.Reason, ev.Joined = s.reason, true
			if s.reason == reasonPolicy {
				ev.Outcome = Denied
			}
		}
	}
	return parsed
}

// dovecotUser splits "anna>, method=PLAIN, " or "anna>, ", from the right.
func dovecotUser(b []byte) (user, method []byte, ok bool) {
	if !hasSuffix(b, ", ") {
		return nil, nil, false
	}
	b = b[:len(b)-2]
	if i := lastIndex(b, ">, method="); i >= 0 && token(b[i+len(">, method="):]) {
		return b[:i], b[i+len(">, method="):], true
	}
	if len(b) > 0 && b[len(b)-1] == '>' {
		return b[:len(b)-1], nil, true
	}
	return nil, nil, false
}

// dovecotRefusal tells what ended a connection that did not log in. A failure
// of one attempt or of ten is one line, and one Event. The words are those of
// client_get_extra_disconnect_reason in 2.2 to 2.4, where 2.4 names each once
// more: "(auth failed, 1 attempts in 2 secs) (auth_failed)".
func dovecotRefusal(said []byte, failed bool) (Action, Outcome, string) {
	switch {
	case contains(said, "no auth attempts"):
		return Probe, OutcomeNone, ""
	case contains(said, "auth failed"), contains(said, "proxy dest authentication failure"):
		return Login, Failure, ""
	case hasPrefix(said, "proxy(") && contains(said, "disconnecting"):
		return Logout, OutcomeNone, ""
	case contains(said, "during TLS handshake"):
		return Probe, Refused, reasonTLS
	case contains(said, "client didn't finish SASL auth"), contains(said, "auth aborted by client"), contains(said, "aborted authentication"):
		return Probe, Refused, reasonNoCredentials
	case contains(said, "before auth was ready"):
		// Dovecot itself complains after ten seconds. Before that it is the
		// client that left.
		if dovecotWaited(said) < 10 {
			return Probe, Refused, reasonNoCredentials
		}
		return Login, Error, reasonBackend
	case contains(said, "uthorization failed"):
		return Login, Denied, reasonPolicy
	case contains(said, "temporary"), contains(said, "auth process"), contains(said, "Auth process"),
		contains(said, "Internal login failure"), contains(said, "uthentication server"), contains(said, "Connection refused"),
		contains(said, "proxy dest ") && !contains(said, "proxy dest redirected"), contains(said, "Timeout while finishing login"):
		return Login, Error, reasonBackend
	case contains(said, "hutting down"):
		return Login, Error, reasonShutdown
	case contains(said, "onnection limit reached"), contains(said, "process_limit was hit"), contains(said, "aximum number of connections"):
		return Login, Refused, reasonTooMany
	case contains(said, "internal failure"):
		return Login, Denied, reasonAfterLogin // "1 successful auths", as with nologin
	case contains(said, "plaintext auth"), contains(said, "cleartext auth"):
		return Login, Denied, reasonPlaintext
	case contains(said, "user disabled"), contains(said, "account disabled"), contains(said, "login disabled"), contains(said, "not allowed"):
		return Login, Denied, reasonDisabled
	case contains(said, "password expired"):
		return Login, Denied, reasonExpired
	case contains(said, "invalid cert"), contains(said, "untrusted cert"), contains(said, "send a cert"), contains(said, "cert required"),
		contains(said, "anonymous logins disabled"):
		return Login, Denied, reasonPolicy
	case contains(said, "invalid base64"), contains(said, "unsupported auth mechanism"), contains(said, "Authentication response too large"),
		contains(said, "Input buffer full"):
		return Probe, Denied, reasonProtocol
	case failed:
		return Login, Error, reasonBackend
	}
	return Probe, OutcomeNone, ""
}

// dovecotWaited reads ", waited 3 secs"; 0 where it is not said.
func dovecotWaited(said []byte) int64 {
	_, rest, _ := cut(said, "waited ")
	n, _, _ := digits(rest)
	return n
}
