package maillog

import "bytes"

func knowsNextcloud(j *jsonFields) bool {
	return j.has("reqId") && j.has("remoteAddr") && j.has("message")
}

// nextcloud reads the log of Nextcloud, and of its app admin_audit:
//
//	{"reqId":"x","level":2,"time":"2026-02-21T00:03:02+00:00","remoteAddr":"203.0.113.5","user":"--","app":"core","method":"POST","url":"/login","message":"Login failed: anna (Remote IP: 203.0.113.5)","userAgent":"curl"}
//
// remoteAddr is what Nextcloud makes of its trusted proxies; the address in
// the message follows the name that was tried, and is not read.
func (p *Parser) nextcloud(ev *Event) Result {
	j := &p.json
	message := j.textOf(j.field("message"))
	if rest, ok := after(message, "Login failed: "); ok {
		i := lastIndex(rest, " (Remote IP: ")
		if i < 0 {
			return rejected(whyCut)
		}
		signIn(ev, Failure, "")
		ev.Account = bytes.Trim(rest[:i], "'")
	} else if rest, ok := after(message, "Login successful: "); ok {
		signIn(ev, Success, "")
		ev.Account = bytes.Trim(rest, `"`)
	} else if hasPrefix(message, "Logout occurred") {
		ev.Service, ev.Action, ev.Outcome = Web, Logout, Success
		if user := j.field("user"); !user.is("--") {
			ev.Account = j.textOf(user)
		}
	} else if hasPrefix(message, "Trusted domain error. ") {
		ev.Service, ev.Action, ev.Outcome, ev.Reason = Web, Request, Denied, reasonPolicy
	} else {
		return ignored
	}
	if !p.jsonTime(j.field("time"), true, ev) {
		return rejected(whyTime)
	}
	if !p.jsonAddr(j.field("remoteAddr"), ev) {
		return rejected(whyAddress)
	}
	if agent := j.field("userAgent"); !agent.is("--") {
		ev.UserAgent = j.textOf(agent)
	}
	ev.URL = j.textOf(j.field("url"))
	if path, _, _ := cut(ev.URL, "?"); under(path, "/remote.php") {
		ev.Service = DAV
	}
	return parsed
}
