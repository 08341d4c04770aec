package maillog

func knowsAuthentik(j *jsonFields) bool {
	return j.has("event") && hasPrefix(j.field("logger").raw(), "authentik.")
}

// authentik reads authentik's log, of which the lines of its events tell who
// signed in:
//
//	{"action":"login_failed","client_ip":"203.0.113.5","context":{"http_request":{"path":"/api/v3/flows/…","user_agent":"curl"},"username":"anna"},"event":"Created Event","logger":"authentik.events.models","timestamp":"2026-02-21T00:03:02.526527","user":{"username":"anna"}}
//
// client_ip is what authentik makes of its trusted proxies. The arguments of
// the request, which the client chose, stand further in.
func (p *Parser) authentik(ev *Event) Result {
	j := &p.json
	action := j.field("action")
	switch {
	case j.field("event").is("invalid_login") && action.is("invalid_identifier"):
		signIn(ev, Failure, reasonUnknownUser)
	case !j.field("event").is("Created Event"):
		return ignored
	case action.is("login"):
		signIn(ev, Success, "")
	case action.is("login_failed"):
		signIn(ev, Failure, reasonMismatch)
	case action.is("suspicious_request"):
		ev.Service, ev.Action, ev.Outcome, ev.Reason = Web, Probe, Denied, reasonSuspicious
	case action.is("logout"):
		ev.Service, ev.Action, ev.Outcome = Web, Logout, Success
	case action.is("password_set"):
		ev.Service, ev.Action, ev.Outcome = Web, Setting, Success
	default:
		return ignored
	}
	if !p.jsonTime(j.field("timestamp"), true, ev) {
		return rejected(whyTime)
	}
	if !p.jsonAddr(j.field("client_ip"), ev) {
		return rejected(whyAddress)
	}
	// A failed login has nobody signed in: the name that was tried counts.
	name := j.in(1, "context", "username")
	if name == nil {
		name = j.in(1, "user", "username")
	}
	if name == nil {
		name = j.field("identifier")
	}
	ev.Account = j.textOf(name)
	ev.UserAgent = j.textOf(j.in(2, "http_request", "user_agent"))
	ev.URL = j.textOf(j.in(2, "http_request", "path"))
	return parsed
}
