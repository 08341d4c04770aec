package maillog

import "bytes"

func knowsKeycloak(j *jsonFields) bool {
	return j.has("loggerName") && j.has("message") && j.has("timestamp")
}

func beginsKeycloak(line []byte) bool {
	if !isDigit(line[0]) {
		return false
	}
	_, rest, ok := parseStamp(line)
	if !ok || len(rest) < 8 {
		return false
	}
	i := bytes.IndexByte(rest[:min(len(rest), 10)], '[')
	return i > 0 && hasPrefix(rest[i:], "[org.") && contains(rest, "] (")
}

// keycloakFile reads a line of Keycloak's own log:
//
//	2026-02-21 00:03:02,123 WARN  [org.keycloak.events] (executor-thread-7) type="LOGIN_ERROR", realmId="parl", clientId="webmail", userId="null", ipAddress="203.0.113.5", error="user_not_found", username="anna"
func (p *Parser) keycloakFile(line []byte, ev *Event) Result {
	if beginsJSON(line) {
		return p.jsonLine(line, ev)
	}
	s, rest, ok := parseStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format = Keycloak
	_, rest, ok = cut(rest, "[org.keycloak.events] (")
	if !ok {
		return ignored
	}
	if _, rest, ok = cut(rest, ") "); !ok {
		return rejected(whyCut)
	}
	return keycloakEvent(rest, ev)
}

// keycloak reads the same in JSON, of which the message is one field.
func (p *Parser) keycloak(ev *Event) Result {
	j := &p.json
	if !j.field("loggerName").is("org.keycloak.events") {
		return ignored
	}
	if !p.jsonTime(j.field("timestamp"), false, ev) {
		return rejected(whyTime)
	}
	return keycloakEvent(j.textOf(j.field("message")), ev)
}

// keycloakEvent reads "type=LOGIN, realmId=…, …", with or without quotes. The
// client chooses clientId, redirect_uri and username. Where one of them imitates
// the address, no address is named.
func keycloakEvent(msg []byte, ev *Event) Result {
	kind, ok := keycloakValue(msg, "type=")
	if !ok {
		return ignored // an administrator's: operationType
	}
	ev.Service = Web
	var failed bool
	switch string(kind) {
	case "LOGIN":
		ev.Action, ev.Outcome = Login, Success
	case "LOGIN_ERROR":
		ev.Action, failed = Login, true
	case "LOGOUT":
		ev.Action, ev.Outcome = Logout, Success
	case "UPDATE_PASSWORD", "RESET_PASSWORD", "UPDATE_CREDENTIAL", "UPDATE_TOTP", "REMOVE_TOTP", "REMOVE_CREDENTIAL", "UPDATE_EMAIL":
		ev.Action, ev.Outcome = Setting, Success
	default:
		return ignored
	}
	const mark = ", ipAddress="
	i := index(msg, mark)
	if i < 0 {
		return rejected(whyAddress)
	}
	rest := msg[i+len(mark):]
	value, ok := keycloakValue(rest, "")
	if !ok {
		return rejected(whyCut)
	}
	if !contains(rest, mark) && string(value) != "null" {
		if ev.ClientIP, ok = parseAddr(value); !ok {
			return rejected(whyAddress)
		}
	}
	if i := lastIndex(rest, ", username="); i >= 0 {
		ev.Account, ok = keycloakValue(rest[i:], ", username=")
		if !ok {
			return rejected(whyCut)
		}
	}
	if i := index(msg[:i], ", sessionId="); i >= 0 {
		ev.Session, _ = keycloakValue(msg[i:], ", sessionId=")
	} else if i := lastIndex(rest, ", code_id="); i >= 0 {
		ev.Session, _ = keycloakValue(rest[i:], ", code_id=")
	}
	if !failed {
		return parsed
	}
	i = index(rest, ", error=")
	if i < 0 {
		return rejected(whyCut)
	}
	said, _ := keycloakValue(rest[i:], ", error=")
	switch string(said) {
	case "invalid_user_credentials":
		ev.Outcome, ev.Reason = Failure, reasonMismatch
	case "user_not_found":
		ev.Outcome, ev.Reason = Failure, reasonUnknownUser
	case "user_disabled", "user_temporarily_disabled":
		ev.Outcome, ev.Reason = Denied, reasonDisabled
	case "access_denied", "not_allowed":
		ev.Outcome, ev.Reason = Denied, reasonPolicy
	}
	return parsed // all others: an old page, a wrong redirect
}

// keycloakValue reads a value after its name: in quotes, or up to the comma.
func keycloakValue(b []byte, name string) ([]byte, bool) {
	b, ok := after(b, name)
	if !ok {
		return nil, false
	}
	if len(b) > 0 && b[0] == '"' {
		i := index(b[1:], `", `)
		if i < 0 {
			if i = len(b) - 2; i < 0 || b[i+1] != '"' {
				return nil, false
			}
		}
		return b[1 : 1+i], true
	}
	b, _, _ = cut(b, ", ")
	return b, true
}
