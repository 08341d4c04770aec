package maillog

func knowsDovecotEvents(j *jsonFields) bool {
	return j.has("event") && j.has("start_time") && j.has("end_time")
}

// dovecotEvents reads what Dovecot's event exporter sends or writes. Of all
// events it is auth_request_finished that says who logged in from where; the
// others repeat the log or state less.
//
//	{"event":"auth_request_finished","hostname":"mx1","start_time":"…","end_time":"…","categories":["auth"],"fields":{"user":"anna","remote_ip":"198.51.100.7","service":"imap","mechanism":"PLAIN","success":"yes"}}
//
// remote_ip is the client's address, with that of a trusted proxy in
// real_remote_ip.
func (p *Parser) dovecotEvents(ev *Event) Result {
	j := &p.json
	if !j.field("event").is("auth_request_finished") {
		return ignored
	}
	if ev.Service = dovecotService(j.in(1, "fields", "service").raw()); ev.Service == ServiceNone {
		if !j.in(1, "fields", "service").is("smtp") {
			return ignored // a look-up by doveadm or for delivery
		}
		ev.Service = SMTP
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
	ev.Action = Login
	user := j.in(1, "fields", "user")
	if user == nil {
		user = j.in(1, "fields", "original_user")
	}
	ev.Account = j.textOf(user)
	ev.Session = j.in(1, "fields", "session").raw()
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
