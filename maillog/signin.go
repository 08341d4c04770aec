package maillog

// The reasons that identity providers state, besides those of mail servers.
const (
	reasonSecondFactor = "second factor missing or refused"
	reasonExpired      = "password expired"
	reasonLockedOut    = "locked after too many attempts"
	reasonBanned       = "client blocked after failures"
	reasonSuspicious   = "suspicious to the provider"
)

// signIn fills in what a sign-in page states. An identity provider opens no
// mailbox by itself, so the service is the web.
func signIn(ev *Event, outcome Outcome, reason string) Result {
	ev.Service, ev.Action, ev.Outcome, ev.Reason = Web, Login, outcome, reason
	return parsed
}
