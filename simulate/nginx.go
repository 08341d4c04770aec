package simulate

import (
	"strings"

	"mailvigil/maillog"
)

// easCommands are ActiveSync's, by number, and the actions they are.
var easCommands = [...]struct {
	name   string
	action maillog.Action
}{
	easPing:            {"Ping", maillog.Ping},
	easSync:            {"Sync", maillog.Sync},
	easFolderSync:      {"FolderSync", maillog.EASFolderSync},
	easProvision:       {"Provision", maillog.EASProvision},
	easItemOperations:  {"ItemOperations", maillog.EASItemOperations},
	easMeetingResponse: {"MeetingResponse", maillog.EASMeetingResponse},
	easMoveItems:       {"MoveItems", maillog.EASMoveItems},
	easSendMail:        {"SendMail", maillog.EASSendMail},
	easSmartReply:      {"SmartReply", maillog.EASSmartReply},
	easSmartForward:    {"SmartForward", maillog.EASSmartForward},
	easSearch:          {"Search", maillog.Search},
}

// webRequest prints a line of the combined log. With a device it is
// ActiveSync: a is the command, who the account as the device sends it.
// Without, text is the method and the target. b is the bytes sent.
func (p *printer) webRequest(s *step, it *Item) {
	ev := &it.Event
	ev.Format, ev.ClientIP, ev.Status, ev.Bytes = maillog.Combined, s.from.ip, s.status, s.b
	p.address(s.from.ip)
	p.text(" - ")
	if s.who != "" {
		ev.Account = p.fact(s.who)
	} else {
		p.text("-")
	}
	p.text(" [")
	p.time(Nginx, s.at)
	p.offset()
	p.text(`] "`)
	if s.dev != nil {
		ev.Service = maillog.ActiveSync
		p.text("POST ")
		begin := len(p.buf)
		cmd := easCommands[s.a]
		ev.Action = cmd.action
		p.fact("/Microsoft-Server-ActiveSync?")
		if s.dev.kind == iPhone {
			p.fact("User=")
			p.fact(s.who)
			p.fact("&DeviceId=")
			ev.Device = p.fact(s.dev.id)
			p.fact("&DeviceType=")
			ev.DeviceType = p.fact(deviceTypes[s.dev.kind])
			p.fact("&Cmd=")
			p.fact(cmd.name)
		} else {
			p.fact("Cmd=")
			p.fact(cmd.name)
			p.fact("&User=")
			name, domain, full := strings.Cut(s.who, "@")
			p.fact(name)
			if full {
				p.fact("%40")
				p.fact(domain)
			}
			p.fact("&DeviceId=")
			ev.Device = p.fact(s.dev.id)
			p.fact("&DeviceType=")
			ev.DeviceType = p.fact(deviceTypes[s.dev.kind])
		}
		ev.URL = p.buf[begin:len(p.buf):len(p.buf)]
	} else {
		method, url, _ := strings.Cut(s.text, " ")
		p.text(method)
		p.text(" ")
		ev.URL = p.fact(url)
		ev.Service, ev.Action = webAction(method, url)
	}
	ev.Outcome = webOutcome(s.status)
	p.text(` HTTP/1.1" `)
	p.number(int64(s.status))
	p.text(" ")
	p.number(s.b)
	p.text(` "-" "`)
	if s.agent != "-" {
		ev.UserAgent = p.fact(s.agent)
	} else {
		p.text("-")
	}
	p.text(`"`)
}

var deviceTypes = [...]string{iPhone: "iPhone", samsung: "SamsungDevice", android: "Android", outlook: "Outlook"}

// webmailURL says whether a request, method and target, is the webmail's.
func webmailURL(text string) bool { return strings.Contains(text, " /webmail/") }

// webAction says what a request to the web server does.
func webAction(method, url string) (maillog.Service, maillog.Action) {
	has := func(s string) bool { return strings.Contains(url, s) }
	switch {
	case strings.HasPrefix(url, "/owa/"):
		return maillog.OWA, maillog.Request
	case strings.HasPrefix(url, "/autodiscover/"):
		return maillog.Autodiscover, maillog.Request
	case !strings.HasPrefix(url, "/webmail/"):
		return maillog.Web, maillog.Request
	case has("_task=login"):
		if method == "POST" {
			return maillog.Webmail, maillog.Login
		}
	case has("_task=logout"):
		return maillog.Webmail, maillog.Logout
	case has("_action=list"), has("_task=mail&_token="):
		return maillog.Webmail, maillog.List
	case has("_action=preview"), has("_action=show"):
		return maillog.Webmail, maillog.Read
	case has("_download=1"):
		return maillog.Webmail, maillog.Download
	case has("_action=search"):
		return maillog.Webmail, maillog.Search
	case method == "POST" && has("_action=plugin.managesieve-forward"):
		return maillog.Webmail, maillog.Forward
	case method == "POST" && has("_action=plugin.managesieve"):
		return maillog.Webmail, maillog.Rule
	case has("_action=send"):
		return maillog.Webmail, maillog.Send
	case has("_action=refresh"):
		return maillog.Webmail, maillog.Ping // the browser asks by itself
	}
	return maillog.Webmail, maillog.Request
}

func webOutcome(status uint16) maillog.Outcome {
	switch {
	case status < 400:
		return maillog.Success
	case status == 401:
		return maillog.Failure
	case status == 403:
		return maillog.Denied
	case status == 503, status == 429:
		return maillog.Refused
	case status >= 500:
		return maillog.Error
	}
	return maillog.OutcomeNone
}
