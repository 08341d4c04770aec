package maillog

import "bytes"

// haproxy reads HAProxy's HTTP log (option httplog) through syslog:
//
//	198.51.100.7:53124 [21/Feb/2026:00:03:02.655] mail~ web/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {Mozilla/5.0} "GET / HTTP/1.1"
//
// The address comes first and is that of the connection. Quotes in what the
// client sent are written as #22, so the first quote opens the request.
//
// With option httplog clf the line is a combined access log's, without a user
// agent and with HAProxy's own fields at the end.
func (p *Parser) haproxy(_, msg []byte, ev *Event) Result {
	if beginsCombined(msg) {
		r := p.combined(msg, ev)
		ev.Format = HAProxy
		return r
	}
	client, rest, ok := cut(msg, " [")
	i := bytes.LastIndexByte(client, ':') // IPv6 has no brackets here
	if !ok || i < 0 || bytes.IndexByte(client, ' ') >= 0 {
		return ignored // starts and stops, servers up and down
	}
	if string(client[:i]) != "unix" {
		if ev.ClientIP, ok = parseAddr(client[:i]); !ok {
			return rejected(whyAddress)
		}
	}
	if _, rest, ok = cut(rest, "] "); !ok {
		return rejected(whyCut)
	}
	if hasSuffix(rest, ": SSL handshake failure") || contains(rest, ": SSL handshake failure (error:") {
		ev.Service, ev.Action, ev.Outcome, ev.Reason = Web, Probe, Refused, reasonTLS
		return parsed
	}
	var fields [5][]byte // front end, back end, timers, status, bytes
	for i := range fields {
		if fields[i], rest, ok = cut(rest, " "); !ok {
			return rejected(whyCut)
		}
	}
	if bytes.Count(fields[2], []byte("/")) != 4 {
		return ignored // option tcplog: a connection
	}
	if string(fields[3]) != "-1" { // gone before there was one
		status, rest, ok := digits(fields[3])
		if !ok || len(rest) > 0 || status > 999 || status > 0 && status < 100 {
			return rejected(whyStatus)
		}
		ev.Status = uint16(status)
	}
	ev.Bytes, _, _ = digits(bytes.TrimPrefix(fields[4], []byte("+")))
	i = bytes.IndexByte(rest, '"')
	if i < 0 || len(rest) < i+2 || rest[len(rest)-1] != '"' {
		return rejected(whyCut)
	}
	request := rest[i+1 : len(rest)-1]
	if bytes.IndexByte(request, '"') >= 0 {
		return rejected(whyGlued)
	}
	p.request(request, ev)
	return parsed
}
