package maillog

func knowsGoogle(j *jsonFields) bool { return j.field("kind").is("admin#reports#activity") }

// google reads an activity of Google Workspace's Reports API, one in a line.
// Of several events in one activity the first counts.
//
//	{"kind":"admin#reports#activity","id":{"time":"2026-02-21T00:03:02Z","applicationName":"login"},"actor":{"email":"anna@parl.example"},"ipAddress":"203.0.113.5","events":[{"type":"login","name":"login_failure","parameters":[{"name":"login_type","value":"google_password"}]}]}
func (p *Parser) google(ev *Event) Result {
	j := &p.json
	ev.Service = Web
	switch name := j.in(1, "events", "name").raw(); {
	case string(name) == "login_success":
		ev.Action, ev.Outcome = Login, Success
	case string(name) == "login_failure":
		ev.Action, ev.Outcome = Login, Failure
		switch kind := j.pair(2, "parameters", "name", "login_failure_type", "value").raw(); {
		case hasSuffix(kind, "invalid_password"):
			ev.Reason = reasonMismatch
		case hasSuffix(kind, "account_disabled"):
			ev.Outcome, ev.Reason = Denied, reasonDisabled
		case contains(kind, "access_code"), contains(kind, "second_factor"):
			ev.Outcome, ev.Reason = Denied, reasonSecondFactor
		}
	case hasPrefix(name, "suspicious_"):
		ev.Action, ev.Reason = Login, reasonSuspicious
	case hasPrefix(name, "account_disabled_"):
		ev.Action, ev.Reason = Setting, reasonDisabled
	case string(name) == "logout":
		ev.Action, ev.Outcome = Logout, Success
	case string(name) == "password_edit", hasPrefix(name, "recovery_"), hasPrefix(name, "2sv_"):
		ev.Action, ev.Outcome = Setting, Success
	case string(name) == "email_forwarding_out_of_domain":
		ev.Action, ev.Outcome = Forward, Success
	default:
		return ignored
	}
	if !p.jsonTime(j.in(1, "id", "time"), true, ev) {
		return rejected(whyTime)
	}
	if !p.jsonAddr(j.field("ipAddress"), ev) {
		return rejected(whyAddress)
	}
	who := j.pair(2, "parameters", "name", "affected_email_address", "value")
	if who == nil {
		who = j.in(1, "actor", "email")
	}
	ev.Account = j.textOf(who)
	ev.Mechanism = j.pair(2, "parameters", "name", "login_type", "value").raw()
	return parsed
}
