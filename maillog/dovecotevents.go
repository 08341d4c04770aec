package maillog

import "bytes"

func knowsDovecotEvents(j *jsonFields) bool {
	return j.has("event") && j.has("start_time") && j.has("end_time")
}

// dovecotEvents reads what Dovecot's event exporter sends or writes.
// auth_request_finished says who logged in from where; 2.4 adds
// imap_id_received, the client's software, and login_aborted, connections that
// came to nothing. The others repeat the log or state less.
//
//	{"event":"auth_request_finished","hostname":"mx1","start_time":"…","end_time":"…","categories":["auth"],"fields":{"user":"anna","remote_ip":"198.51.100.7","service":"imap","mechanism":"PLAIN","success":"yes"}}
//	{"event":"imap_id_received",…,"fields":{"user":"anna","session":"HwVRNtgRxt9R9uB2","id_param_name":"Thunderbird","id_param_version":"140.0"}}
//
// remote_ip is the client's address, with that of a trusted proxy in
// real_remote_ip.
func (p *Parser) dovecotEvents(ev *Event) Result {
	j := &p.json
	name := j.field("event")
	switch {
	case name.is("auth_request_finished"), name.is("imap_id_received"), name.is("login_aborted"):
	default:
		return ignored
	}
	if !p.jsonTime(j.field("end_time"), true, ev) {
		return rejected(whyTime)
	}
	if !p.jsonAddr(j.in(1, "fields", "remote_ip"), ev) {
		return rejected(whyAddress)
	}
	if b := j.in(1, "fields", "local_ip").raw(); len(b) > 0 {
		ev.ServerIP, _ = parseAddr(b)
	}
	// 2.4 names the protocol; what it calls the service may be "imap-login".
	service := j.in(1, "fields", "protocol").raw()
	if len(service) == 0 {
		service = bytes.TrimSuffix(j.in(1, "fields", "service").raw(), []byte("-login"))
	}
	ev.Service = dovecotService(service)
	user := j.in(1, "fields", "user")
	if user == nil {
		user = j.in(1, "fields", "original_user")
	}
	ev.Account = j.textOf(user)
	ev.Session = j.in(1, "fields", "session").raw()
	if len(ev.Session) > 0 && !token(ev.Session) {
		ev.Session = nil
	}
	switch {
	case name.is("imap_id_received"):
		return p.dovecotID(ev)
	case name.is("login_aborted"):
		return p.dovecotAborted(ev)
	}
	if ev.Service == ServiceNone {
		if string(service) != "smtp" {
			return ignored // a look-up by doveadm or for delivery
		}
		ev.Service = SMTP
	}
	ev.Action = Login
	ev.Mechanism = j.in(1, "fields", "mechanism").raw()
	ev.UserAgent = j.textOf(j.in(1, "fields", "client_id"))
	policy := j.in(1, "fields", "policy_result").raw()
	switch {
	case j.in(1, "fields", "success").is("yes"):
		ev.Outcome = Success
		if s, fresh := p.sessions.find(ev.Session, true); s != nil {
			if fresh {
				*s = session{}
			}
			s.client, s.server = ev.ClientIP, ev.ServerIP
		}
	case string(policy) == "refused" || string(policy) == "fail":
		ev.Outcome, ev.Reason = Denied, reasonPolicy
	case j.in(1, "fields", "error") != nil && contains(j.in(1, "fields", "error").raw(), "nternal"):
		ev.Outcome, ev.Reason = Error, reasonBackend
	default:
		ev.Outcome = Failure
	}
	return parsed
}

// dovecotEventLine reads an event that the exporter wrote into Dovecot's own
// log. Its logins have lines of their own there; the ID has none since 2.4.
func (p *Parser) dovecotEventLine(text []byte, ev *Event) Result {
	if why := p.json.scan(text); why != "" {
		return rejected(why)
	}
	if !knowsDovecotEvents(&p.json) || !p.json.field("event").is("imap_id_received") {
		return ignored
	}
	return p.dovecotEvents(ev)
}

// dovecotID reads the client's ID as imap_id_log had it: "name=Thunderbird,
// version=140.0".
func (p *Parser) dovecotID(ev *Event) Result {
	j := &p.json
	const param = "id_param_"
	n := 0
	for _, f := range j.nested[:j.nestedLen] {
		n += len(f.key) + len(f.value)
	}
	j.room(n)
	start := len(j.text)
	for i := range j.nested[:j.nestedLen] {
		f := &j.nested[i]
		if f.depth != 1 || string(f.parent) != "fields" || !hasPrefix(f.key, param) {
			continue
		}
		if len(j.text) > start {
			j.text = append(j.text, ", "...)
		}
		j.text = append(append(j.text, f.key[len(param):]...), '=')
		j.text = unescapeJSON(j.text, f.value)
	}
	if len(j.text) == start {
		return ignored // an ID without anything in it
	}
	ev.UserAgent = j.text[start:len(j.text):len(j.text)]
	if ev.Service == ServiceNone {
		ev.Service = IMAP
	}
	if s, _ := p.sessions.find(ev.Session, false); s != nil && !ev.ClientIP.IsValid() {
		ev.ClientIP, ev.ServerIP, ev.Joined = s.client, s.server, true
	}
	ev.Action = Request
	return parsed
}

// dovecotAborted reads why a connection ended without a login. What the check
// of a password came to auth_request_finished has said.
func (p *Parser) dovecotAborted(ev *Event) Result {
	switch reason := p.json.in(1, "fields", "reason").raw(); string(reason) {
	case "auth_failed", "user_disabled", "password_expired", "authorization_failed", "temp_fail":
		if !p.opt.Mixed {
			return ignored
		}
		ev.Action, ev.Outcome = Login, Failure
	case "no_auth_attempts":
		ev.Action = Probe
	case "tls_handshake_not_finished":
		ev.Action, ev.Outcome, ev.Reason = Probe, Refused, reasonTLS
	case "auth_aborted_by_client", "auth_waiting_client":
		ev.Action, ev.Outcome, ev.Reason = Probe, Refused, reasonNoCredentials
	case "invalid_base64", "invalid_mech":
		ev.Action, ev.Outcome, ev.Reason = Probe, Denied, reasonProtocol
	case "cleartext_auth_disabled":
		ev.Action, ev.Outcome, ev.Reason = Login, Denied, reasonPlaintext
	case "anonymous_auth_disabled", "client_ssl_cert_untrusted", "client_ssl_cert_missing", "client_ssl_not_started":
		ev.Action, ev.Outcome, ev.Reason = Login, Denied, reasonPolicy
	case "login_disabled":
		ev.Action, ev.Outcome, ev.Reason = Login, Denied, reasonDisabled
	case "connection_limit", "process_full":
		ev.Action, ev.Outcome, ev.Reason = Login, Refused, reasonTooMany
	case "shutting_down":
		ev.Action, ev.Outcome, ev.Reason = Login, Error, reasonShutdown
	case "auth_process_comm_fail", "internal_failure":
		ev.Action, ev.Outcome, ev.Reason = Login, Error, reasonBackend
	case "auth_process_not_ready", "auth_nologin_referral":
		return ignored
	default:
		if !hasPrefix(reason, "proxy_dest_") || string(reason) == "proxy_dest_redirected" {
			return ignored
		}
		ev.Action, ev.Outcome, ev.Reason = Login, Error, reasonBackend
		if string(reason) == "proxy_dest_auth_failed" {
			ev.Outcome, ev.Reason = Failure, ""
		}
	}
	return parsed
}
