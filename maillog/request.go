package maillog

import (
	"bytes"
	"encoding/base64"
)

// request reads the request line of an HTTP request and tells which service
// it knocked at. ev.Status and ev.Account are set before.
func (p *Parser) request(line []byte, ev *Event) {
	var method, rest []byte
	ok := true
	switch { // nearly all
	case hasPrefix(line, "GET "):
		method, rest = line[:3], line[4:]
	case hasPrefix(line, "POST "):
		method, rest = line[:4], line[5:]
	default:
		method, rest, ok = cutByte(line, ' ')
		ok = ok && isMethod(method)
	}
	// The last three bytes are the version; " HTTP/" cannot begin within itself.
	i := len(rest) - len(" HTTP/1.1")
	if i < 0 || string(rest[i:i+len(" HTTP/")]) != " HTTP/" {
		i = lastIndex(rest, " HTTP/")
	}
	if !ok || i < 1 {
		ev.Service, ev.Action, ev.Outcome = Web, Probe, httpOutcome(ev.Status) // TLS to the plain port, a scanner's bytes, nothing at all
		return
	}
	p.requested(method, rest[:i], ev)
}

// requested is request for those who have its words apart.
func (p *Parser) requested(method, target []byte, ev *Event) {
	ev.Service, ev.Action, ev.Outcome = Web, Request, httpOutcome(ev.Status)
	ev.URL = target
	if len(target) > 0 && target[0] != '/' && (hasPrefix(target, "http://") || hasPrefix(target, "https://")) {
		_, rest, _ := cut(target, "://")
		if j := bytes.IndexByte(rest, '/'); j >= 0 {
			target = rest[j:]
		}
	}
	const phones = "/Microsoft-Server-ActiveSync?" // as nearly all of them write it
	if hasPrefix(target, phones) {
		p.activeSync(method, target[len(phones):], ev)
	} else {
		p.asked(method, target, ev)
	}
	if ev.Outcome == Failure && len(ev.Account) == 0 && ev.Service != Webmail {
		ev.Reason = reasonNoCredentials
	}
}

// asked tells the service and the action from a target without its host.
func (p *Parser) asked(method, target []byte, ev *Event) {
	path, query, _ := cutByte(target, '?')
	switch {
	case hasPrefixFold(path, "/microsoft-server-activesync"):
		p.activeSync(method, query, ev)
	case roundcubeQuery(method, path, query, ev):
	default:
		ev.Service, ev.Action = serviceOf(method, path, ev.Status)
		if ev.Service == OWA && ev.Action == Login && ev.Status == 302 {
			ev.Outcome = OutcomeNone // redirects after either result
		}
	}
}

// httpOutcome is what a status says of a request. 499 (the client hung up)
// and the other 4xx say nothing of credentials or of the service's health.
func httpOutcome(status uint16) Outcome {
	switch {
	case 200 <= status && status < 400:
		return Success
	case status == 401:
		return Failure
	case status == 403:
		return Denied
	case status == 429 || status == 503:
		return Refused
	case status >= 500:
		return Error
	}
	return OutcomeNone
}

func isMethod(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 24
}

// serviceOf tells the service from the path. Exchange's paths are matched
// without regard to case, as IIS does.
func serviceOf(method, path []byte, status uint16) (Service, Action) {
	switch string(method) {
	case "PROPFIND", "REPORT", "PROPPATCH", "MKCALENDAR", "MKCOL":
		return DAV, Request
	}
	if len(path) < 2 {
		return Web, Request
	}
	switch path[1] | 0x20 {
	case 'a':
		if under(path, "/autodiscover") {
			return Autodiscover, Request
		}
	case 'c':
		if under(path, "/caldav") || under(path, "/carddav") {
			return DAV, Request
		}
	case 'd':
		if under(path, "/dav") {
			return DAV, Request
		}
	case 'e':
		if under(path, "/ews") {
			return EWS, Request
		}
		if under(path, "/ecp") {
			return OWA, Request // its options pages
		}
	case 'j':
		if under(path, "/jmap") {
			return JMAP, Request
		}
	case 'm':
		if under(path, "/mapi") {
			return MAPI, Request
		}
		if string(path) == "/mail/config-v1.1.xml" {
			return Autodiscover, Request
		}
	case 'o':
		if under(path, "/owa") {
			switch {
			case equalFold(path, "/owa/auth.owa") && string(method) == "POST":
				return OWA, Login
			case equalFold(path, "/owa/logoff.owa"):
				return OWA, Logout
			}
			return OWA, Request
		}
	case 'r':
		if under(path, "/rpc") {
			return MAPI, Request // Outlook Anywhere
		}
		if under(path, "/remote.php/dav") || under(path, "/remote.php/caldav") || under(path, "/remote.php/carddav") {
			return DAV, Request
		}
	case 's':
		if under(path, "/sogo") && len(path) > 5 {
			if under(path[5:], "/dav") {
				return DAV, Request
			}
			if under(path[5:], "/so") && status != 404 {
				return Webmail, Request
			}
		}
	case '.':
		switch {
		case under(path, "/.well-known/caldav"), under(path, "/.well-known/carddav"):
			return DAV, Request
		case under(path, "/.well-known/jmap"):
			return JMAP, Request
		case under(path, "/.well-known/autoconfig"):
			return Autodiscover, Request
		}
	}
	if isHealthPath(path) {
		return Web, Probe
	}
	if status != 404 && isRoundcubeAsset(path) {
		return Webmail, Request
	}
	return Web, Request
}

// under reports whether path is dir or lies below it; dir is lower case.
func under(path []byte, dir string) bool {
	return hasPrefixFold(path, dir) && (len(path) == len(dir) || path[len(dir)] == '/')
}

// isHealthPath knows the paths that load balancers and monitoring ask.
func isHealthPath(path []byte) bool {
	switch string(path) {
	case "/health", "/healthz", "/health/", "/healthcheck", "/health-check", "/livez", "/readyz",
		"/ping", "/status", "/nginx_status", "/server-status", "/basic_status":
		return true
	}
	return false
}

// isRoundcubeAsset knows Roundcube's folders, at the root or one below it.
func isRoundcubeAsset(path []byte) bool {
	for range 2 {
		if hasPrefix(path, "/skins/") || hasPrefix(path, "/program/") || hasPrefix(path, "/plugins/") {
			return true
		}
		i := bytes.IndexByte(path[1:], '/')
		if i < 0 {
			return false
		}
		if hasPrefix(path, "/wp-") {
			return false
		}
		path = path[1+i:]
	}
	return false
}

// nextParam takes the first "key=value" off a query.
func nextParam(query []byte) (key, value, rest []byte) {
	// Names are short, values need not be.
	for i, c := range query {
		switch c {
		case '=':
			key, value = query[:i], query[i+1:]
			if j := bytes.IndexByte(value, '&'); j >= 0 {
				return key, value[:j], value[j+1:]
			}
			return key, value, nil
		case '&':
			return query[:i], nil, query[i+1:]
		}
	}
	return query, nil, nil
}

// roundcubeQuery recognises Roundcube's requests by _task and tells their
// action. What a form posts is not in the log: a draft that is saved looks
// like a message that is sent.
func roundcubeQuery(method, path, query []byte, ev *Event) bool {
	if len(query) == 0 || !hasSuffix(path, "/") && !hasSuffix(path, "/index.php") {
		return false
	}
	var task, action []byte
	var download, search bool
	for len(query) > 0 {
		var param []byte
		param, query, _ = cutByte(query, '&')
		switch { // as in PHP, the last of a name counts
		case len(param) < len("_task") || param[0] != '_':
		case hasPrefix(param, "_task="):
			task = param[len("_task="):]
		case hasPrefix(param, "_action="):
			action = param[len("_action="):]
		case hasPrefix(param, "_download="):
			value := param[len("_download="):]
			download = len(value) > 0 && string(value) != "0"
		case hasPrefix(param, "_search="):
			search = len(param) > len("_search=")
		default: // without a value
			switch string(param) {
			case "_task":
				task = nil
			case "_action":
				action = nil
			case "_download":
				download = false
			case "_search":
				search = false
			}
		}
	}
	if len(task) == 0 {
		return false
	}
	ev.Service = Webmail
	post := string(method) == "POST"
	switch string(task) {
	case "login":
		if !post {
			return true
		}
		ev.Action = Login
		if ev.Status == 200 { // the form again; a login redirects
			ev.Outcome = Failure
		}
	case "logout":
		ev.Action = Logout
	case "mail":
		ev.Action = roundcubeMail(action, download, search)
	case "addressbook":
		switch string(action) {
		case "export":
			ev.Action = Download
		case "list":
			ev.Action = List
		case "show":
			ev.Action = Read
		case "search":
			ev.Action = Search
		case "delete":
			ev.Action = Delete
		}
	case "settings":
		switch {
		case hasPrefix(action, "plugin.managesieve-forward") && post:
			ev.Action = Forward
		case hasPrefix(action, "plugin.managesieve") && post:
			ev.Action = Rule
		case post:
			ev.Action = Setting
		}
	}
	return true
}

func roundcubeMail(action []byte, download, search bool) Action {
	switch string(action) {
	case "list":
		if search {
			return Search
		}
		return List
	case "", "list-pages":
		return List
	case "show", "preview", "viewsource", "headers":
		return Read
	case "get":
		if download {
			return Download
		}
		return Read
	case "plugin.zipdownload.messages", "plugin.zipdownload.attachments":
		return Download
	case "search":
		return Search
	case "send":
		return Send
	case "delete", "purge", "expunge":
		return Delete
	case "refresh", "check-recent", "getunread", "keep-alive":
		return Ping // the browser asks by itself
	}
	return Request
}

// activeSync reads the query of an ActiveSync request (MS-ASHTTP 2.2.1.1.1):
// names and values, or all of it in one base64 blob. The account is the one
// that the web server names, else the one that the query claims.
func (p *Parser) activeSync(method, query []byte, ev *Event) {
	ev.Service = ActiveSync
	if string(method) == "OPTIONS" {
		ev.Action = EASOptions
	}
	escaped := bytes.IndexByte(query, '%') >= 0
	for begin := true; len(query) > 0; begin = false {
		// Clients spell the names alike, so each is compared as a whole.
		var name easName
		var value []byte
		switch {
		case hasPrefix(query, "Cmd="):
			name, value = easCmd, query[len("Cmd="):]
		case hasPrefix(query, "User="):
			name, value = easUser, query[len("User="):]
		case hasPrefix(query, "DeviceId="):
			name, value = easDeviceID, query[len("DeviceId="):]
		case hasPrefix(query, "DeviceType="):
			name, value = easDeviceType, query[len("DeviceType="):]
		}
		if name != easOther {
			value, query, _ = cutByte(value, '&')
		} else {
			var key []byte
			first := query
			key, value, query = nextParam(query)
			if begin && len(value) < 2 { // else it is a name and its value
				if first, _, _ = cutByte(first, '&'); p.activeSyncBlob(first, ev) { // Exchange adds to it
					return
				}
			}
			name = easNameOf(key)
		}
		if len(value) == 0 {
			continue
		}
		switch name {
		case easCmd:
			ev.Action = easAction(value)
		case easUser:
			if len(ev.Account) == 0 {
				ev.Account = unescapeIf(escaped, &p.account, value)
			}
		case easDeviceID:
			ev.Device = unescapeIf(escaped, &p.device, value)
		case easDeviceType:
			ev.DeviceType = unescapeIf(escaped, &p.deviceType, value)
		}
	}
}

// easName is a name in an ActiveSync query.
type easName uint8

const (
	easOther easName = iota
	easCmd
	easUser
	easDeviceID
	easDeviceType
)

func easNameOf(key []byte) easName {
	switch {
	case equalFold(key, "cmd"):
		return easCmd
	case equalFold(key, "user"):
		return easUser
	case equalFold(key, "deviceid"):
		return easDeviceID
	case equalFold(key, "devicetype"):
		return easDeviceType
	}
	return easOther
}

// activeSyncBlob reads version, command, locale (2), then DeviceId, policy
// key and DeviceType, each after its length.
func (p *Parser) activeSyncBlob(query []byte, ev *Event) bool {
	if len(query) < 12 || len(query) > 512 {
		return false
	}
	for _, c := range query {
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') && c != '+' && c != '/' && c != '=' && c != '%' {
			return false
		}
	}
	query = unescape(&p.blob, query)
	if n := base64.StdEncoding.DecodedLen(len(query)); cap(p.decoded) < n {
		p.decoded = make([]byte, n)
	}
	p.decoded = p.decoded[:cap(p.decoded)]
	n, err := base64.StdEncoding.Decode(p.decoded, query)
	if err != nil || n < 7 {
		return false
	}
	b := p.decoded[:n]
	command, b := int(b[1]), b[4:]
	var fields [3][]byte
	for i := range fields {
		if len(b) == 0 || len(b) <= int(b[0]) {
			return false
		}
		fields[i], b = b[1:1+b[0]], b[1+b[0]:]
	}
	ev.Action = EASOther
	if command < len(easCommands) && easCommands[command] != ActionNone {
		ev.Action = easCommands[command]
	}
	p.device = p.device[:0]
	const hex = "0123456789ABCDEF"
	for _, c := range fields[0] {
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') {
			p.device = p.device[:0]
			for _, c := range fields[0] {
				p.device = append(p.device, hex[c>>4], hex[c&15])
			}
			break
		}
		p.device = append(p.device, c)
	}
	ev.Device, ev.DeviceType = p.device, fields[2]
	return true
}

// easCommands are the codes of commands in a blob (MS-ASHTTP 2.2.1.1.1.1.2).
var easCommands = [...]Action{
	0: Sync, 1: EASSendMail, 2: EASSmartForward, 3: EASSmartReply, 4: EASGetAttachment,
	9: EASFolderSync, 10: EASFolderCreate, 11: EASFolderDelete, 12: EASFolderUpdate,
	13: EASMoveItems, 14: EASGetItemEstimate, 15: EASMeetingResponse, 16: Search,
	17: Setting, 18: Ping, 19: EASItemOperations, 20: EASProvision,
	21: EASResolveRecipients, 22: EASValidateCert, 23: EASFind,
}

func easAction(cmd []byte) Action {
	switch string(cmd) {
	case "Sync":
		return Sync
	case "Ping":
		return Ping
	case "Search":
		return Search
	case "Settings":
		return Setting
	case "FolderSync":
		return EASFolderSync
	case "Provision":
		return EASProvision
	case "Options":
		return EASOptions
	case "ItemOperations":
		return EASItemOperations
	case "GetItemEstimate":
		return EASGetItemEstimate
	case "MeetingResponse":
		return EASMeetingResponse
	case "MoveItems":
		return EASMoveItems
	case "SendMail":
		return EASSendMail
	case "SmartReply":
		return EASSmartReply
	case "SmartForward":
		return EASSmartForward
	case "ResolveRecipients":
		return EASResolveRecipients
	case "ValidateCert":
		return EASValidateCert
	case "FolderCreate":
		return EASFolderCreate
	case "FolderDelete":
		return EASFolderDelete
	case "FolderUpdate":
		return EASFolderUpdate
	case "GetAttachment":
		return EASGetAttachment
	case "GetHierarchy":
		return EASGetHierarchy
	case "Find":
		return EASFind
	}
	return EASOther
}
