package maillog

import "bytes"

func knowsMicrosoft365(j *jsonFields) bool {
	return j.has("CreationTime") && j.has("Operation") || j.has("AuditData")
}

// microsoft365 reads a record of the unified audit log, as the Management
// Activity API and Search-UnifiedAuditLog give it out, one in a line:
//
//	{"CreationTime":"2026-02-21T00:03:02","Operation":"UserLoginFailed","ResultStatus":"Failed","UserId":"anna@parl.example","ClientIP":"203.0.113.5","ErrorNumber":"50126","ExtendedProperties":[{"Name":"UserAgent","Value":"…"}]}
//
// Times are UTC and say so nowhere. ResultStatus of a sign-in tells whether
// the request went through, not whether the sign-in did.
func (p *Parser) microsoft365(ev *Event) Result {
	j := &p.json
	if data := j.field("AuditData"); data != nil && !j.has("Operation") {
		p.inner = unescapeJSON(p.inner[:0], data.raw())
		if why := j.scan(p.inner); why != "" {
			return rejected(why)
		}
		if !j.has("Operation") {
			return rejected(whyUnknown)
		}
	}
	if !p.jsonTime(j.field("CreationTime"), true, ev) {
		return rejected(whyTime)
	}
	ev.Service = microsoftService(j.field("ClientInfoString").raw())
	switch status := j.field("ResultStatus").raw(); {
	case equalFold(status, "succeeded"), equalFold(status, "success"), equalFold(status, "true"), equalFold(status, "partiallysucceeded"):
		ev.Outcome = Success
	case equalFold(status, "failed"), equalFold(status, "false"):
		ev.Outcome = Error
	}
	switch op := j.field("Operation").raw(); string(op) {
	case "UserLoggedIn", "UserLoginFailed":
		p.microsoftSignIn(string(op) == "UserLoggedIn", ev)
	case "MailboxLogin":
		ev.Action = Login
	case "MailItemsAccessed":
		ev.Action = Read
		if j.pair(1, "OperationProperties", "Name", "MailAccessType", "Value").is("Sync") {
			ev.Action = Sync
		}
	case "AttachmentAccess":
		ev.Action = Download
	case "Send", "SendAs", "SendOnBehalf":
		ev.Action = Send
	case "SoftDelete", "HardDelete", "MoveToDeletedItems":
		ev.Action = Delete
	case "SearchQueryInitiatedExchange":
		ev.Action = Search
	case "New-InboxRule", "Set-InboxRule", "Enable-InboxRule", "Disable-InboxRule", "Remove-InboxRule", "UpdateInboxRules":
		ev.Action = Rule
		for _, name := range [...]string{"ForwardTo", "RedirectTo", "ForwardAsAttachmentTo"} {
			if set(j.pair(1, "Parameters", "Name", name, "Value")) {
				ev.Action = Forward
			}
		}
	case "Set-Mailbox":
		ev.Action = Setting
		for _, name := range [...]string{"ForwardingSmtpAddress", "ForwardingAddress"} {
			if set(j.pair(1, "Parameters", "Name", name, "Value")) {
				ev.Action = Forward
			}
		}
	case "Add-MailboxPermission", "AddFolderPermissions", "UpdateFolderPermissions":
		ev.Action = Setting
	default:
		return ignored
	}
	if ev.Service == ServiceNone {
		ev.Service = Web
		if j.field("RecordType").is("1") { // a cmdlet, of an administrator or of Outlook's settings
			ev.Service = Admin
		}
	}
	client := j.field("ClientIPAddress")
	if len(client.raw()) == 0 {
		client = j.field("ClientIP")
	}
	if len(client.raw()) == 0 {
		client = j.field("ActorIpAddress")
	}
	if !p.jsonAddr(client, ev) {
		return rejected(whyAddress)
	}
	owner := j.field("MailboxOwnerUPN")
	if owner == nil {
		owner = j.field("UserId")
	}
	ev.Account = j.textOf(owner)
	agent := j.pair(1, "ExtendedProperties", "Name", "UserAgent", "Value")
	if agent == nil {
		agent = j.field("ClientInfoString")
	}
	ev.UserAgent = j.textOf(agent)
	ev.Device = j.textOf(j.pair(1, "DeviceProperties", "Name", "Id", "Value"))
	sess := j.field("SessionId")
	if sess == nil {
		sess = j.pair(1, "DeviceProperties", "Name", "SessionId", "Value")
	}
	if sess == nil {
		sess = j.in(1, "AppAccessContext", "AADSessionId")
	}
	ev.Session = j.textOf(sess)
	if n, _, ok := digits(j.field("OperationCount").raw()); ok {
		ev.Messages = int32(min(n, 1<<31-1))
	}
	return parsed
}

// set tells a parameter that holds something from one that is emptied.
func set(f *jsonField) bool {
	b := bytes.TrimSpace(f.raw())
	return len(b) > 0 && string(b) != "$null"
}

// microsoftSignIn tells the end of a sign-in by its error number (AADSTS).
// Errors that only ask for a next step end neither way.
func (p *Parser) microsoftSignIn(loggedIn bool, ev *Event) {
	j := &p.json
	number := j.field("ErrorNumber")
	if number == nil {
		number = j.field("ErrorCode")
	}
	logonError := j.field("LogonError").raw()
	outcome, reason := OutcomeNone, ""
	switch string(number.raw()) {
	case "0", "":
		switch {
		case loggedIn && len(logonError) == 0:
			outcome = Success
		case string(logonError) == "InvalidUserNameOrPassword":
			outcome, reason = Failure, reasonMismatch
		case string(logonError) == "UserAccountNotFound":
			outcome, reason = Failure, reasonUnknownUser
		}
	case "50126":
		outcome, reason = Failure, reasonMismatch
	case "50034", "50059", "51004":
		outcome, reason = Failure, reasonUnknownUser
	case "50053":
		outcome, reason = Denied, reasonLockedOut // the account or the address is locked for a while
	case "50057":
		outcome, reason = Denied, reasonDisabled
	case "50055", "50144":
		outcome, reason = Denied, reasonExpired
	case "50072", "50074", "50076", "50079", "50158", "500121":
		outcome, reason = Denied, reasonSecondFactor
	case "53000", "53001", "53002", "53003", "53004", "530032":
		outcome, reason = Denied, reasonPolicy
	}
	signIn(ev, outcome, reason)
}

// microsoftService tells the door from "Client=OWA;Action=…".
func microsoftService(b []byte) Service {
	b, ok := after(b, "Client=")
	switch {
	case !ok:
		return ServiceNone
	case hasPrefix(b, "OWA"):
		return OWA
	case hasPrefix(b, "IMAP4"), hasPrefix(b, "POP3/IMAP4"):
		return IMAP
	case hasPrefix(b, "POP3"):
		return POP3
	case hasPrefix(b, "ActiveSync"), hasPrefix(b, "AirSync"):
		return ActiveSync
	case hasPrefix(b, "WebServices"):
		return EWS
	case hasPrefix(b, "MSExchangeRPC"), hasPrefix(b, "Outlook"):
		return MAPI
	}
	return Web // REST
}
