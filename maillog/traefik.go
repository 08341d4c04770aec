package maillog

func knowsTraefik(j *jsonFields) bool {
	return j.has("DownstreamStatus") && j.has("RequestPath") && (j.has("ClientAddr") || j.has("ClientHost"))
}

// traefik reads a line of Traefik's access log in JSON:
//
//	{"ClientAddr":"198.51.100.7:53124","ClientHost":"198.51.100.7","ClientUsername":"-","DownstreamContentSize":512,"DownstreamStatus":200,"RequestMethod":"GET","RequestPath":"/","StartUTC":"2026-02-21T00:03:02.5Z","request_User-Agent":"Mozilla/5.0"}
//
// ClientHost holds the header X-Forwarded-For where there is one, so the
// address is ClientAddr, that of the connection. Whoever drops ClientAddr has
// ClientHost, and it counts if it holds one address only.
func (p *Parser) traefik(ev *Event) Result {
	j := &p.json
	start := j.field("StartUTC")
	if start == nil {
		start = j.field("time")
	}
	if !p.jsonTime(start, true, ev) {
		return rejected(whyTime)
	}
	client := j.field("ClientAddr")
	if client == nil {
		client = j.field("ClientHost")
	}
	if !p.jsonAddr(client, ev) {
		return rejected(whyAddress)
	}
	if user := j.field("ClientUsername"); !user.is("-") {
		ev.Account = j.textOf(user)
	}
	ev.UserAgent = j.textOf(j.field("request_User-Agent"))
	return p.jsonRequest(j.field("DownstreamStatus"), j.field("DownstreamContentSize"), j.field("RequestMethod"), j.field("RequestPath"), ev)
}

// traefikEnd knows the fields with which Traefik ends a line of its text
// format, after the user agent: ` 7 "router@file" "http://192.0.2.20" 12ms`.
func traefikEnd(rest []byte) bool {
	if len(rest) == 0 || rest[0] != ' ' || !hasSuffix(rest, "ms") {
		return false
	}
	_, rest, ok := digits(rest[1:])
	for range 2 {
		if !ok || !hasPrefix(rest, ` "`) {
			return false
		}
		_, rest, ok = quoted(rest[1:])
	}
	if !ok || len(rest) == 0 || rest[0] != ' ' {
		return false
	}
	_, rest, ok = digits(rest[1:])
	return ok && string(rest) == "ms"
}
