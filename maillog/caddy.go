package maillog

func knowsCaddy(j *jsonFields) bool {
	logger := j.field("logger").raw()
	return j.has("ts") && (hasPrefix(logger, "http.") || hasPrefix(logger, "tls") || string(logger) == "admin") ||
		j.has("status") && (j.in(1, "request", "remote_ip") != nil || j.in(1, "request", "remote_addr") != nil)
}

// caddy reads a line of Caddy's access log:
//
//	{"level":"info","ts":1771628582.5,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"198.51.100.7","client_ip":"198.51.100.7","method":"GET","uri":"/","headers":{"User-Agent":["Mozilla/5.0"]}},"user_id":"","duration":0.01,"size":512,"status":200}
//
// client_ip is the address behind the proxies that the configuration trusts,
// remote_ip that of the connection. What the client sent is in headers alone.
func (p *Parser) caddy(ev *Event) Result {
	j := &p.json
	status := j.field("status")
	if status == nil || hasPrefix(j.field("logger").raw(), "http.log.error") {
		return ignored // Caddy's own news, and what the access log says as well
	}
	if !p.jsonTime(j.field("ts"), false, ev) {
		return rejected(whyTime)
	}
	remote := j.in(1, "request", "client_ip")
	if remote == nil {
		remote = j.in(1, "request", "remote_ip")
	}
	if remote == nil {
		remote = j.in(1, "request", "remote_addr")
	}
	if !p.jsonAddr(remote, ev) {
		return rejected(whyAddress)
	}
	ev.Account = j.textOf(j.field("user_id"))
	ev.UserAgent = j.textOf(j.in(2, "headers", "User-Agent"))
	return p.jsonRequest(status, j.field("size"), j.in(1, "request", "method"), j.in(1, "request", "uri"), ev)
}

// jsonRequest reads the fields that every access log in JSON has.
func (p *Parser) jsonRequest(status, size, method, target *jsonField, ev *Event) Result {
	n, rest, ok := digits(status.raw())
	if !ok || len(rest) > 0 || n > 999 || n > 0 && n < 100 {
		return rejected(whyStatus)
	}
	ev.Status = uint16(n) // 0: the client hung up
	if n, rest, ok := digits(size.raw()); ok && len(rest) == 0 {
		ev.Bytes = n
	}
	p.requested(p.json.textOf(method), p.json.textOf(target), ev)
	return parsed
}
