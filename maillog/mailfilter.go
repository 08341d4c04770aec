package maillog

import "bytes"

// The reasons of filters.
const (
	reasonMalware = "malware found"
	reasonSpam    = "spam"
	reasonFilter  = "refused by the mail filter"
)

func beginsRspamd(line []byte) bool {
	if !isDigit(line[0]) {
		return false
	}
	_, rest, ok := parseStamp(line)
	if rest, found := after(rest, " #"); ok && found {
		_, rest, ok = digits(rest)
		return ok && hasPrefix(rest, "(")
	}
	return false
}

// rspamdFile reads a line of rspamd's own log:
//
//	2026-02-21 00:03:02 #77(rspamd_proxy) <a1b2c3>; proxy; rspamd_task_write_log: id: <x@y>, qid: <4F1A2B>, ip: 203.0.113.5, user: anna, from: <anna@parl.example>, (default: T (reject): [16.20/15.00] […]), len: 2048, …
func (p *Parser) rspamdFile(line []byte, ev *Event) Result {
	s, rest, ok := parseStamp(line)
	if !ok || !p.time(&s, ev) {
		return rejected(whyTime)
	}
	ev.Format = Rspamd
	return p.rspamd(nil, rest, ev)
}

// rspamd reads what became of a message, if it was refused: what was let
// through the mail server states as well. The Message-ID before the address
// is the sender's to choose; where it imitates the field, neither address nor
// account is named.
func (p *Parser) rspamd(_, msg []byte, ev *Event) Result {
	_, msg, ok := cut(msg, "rspamd_task_write_log: ")
	if !ok {
		return ignored
	}
	const mark, verdict = ", ip: ", ", (default: "
	i, end := index(msg, mark), lastIndex(msg, verdict)
	if i < 0 || end < i {
		return rejected(whyCut)
	}
	_, action, ok := cut(msg[end+len(verdict):], " (")
	if !ok {
		return rejected(whyCut)
	}
	if action, _, ok = cut(action, "): ["); !ok {
		return rejected(whyCut)
	}
	switch string(action) {
	case "reject":
		ev.Outcome = Denied
	case "soft reject", "greylist":
		ev.Outcome = Refused
	default:
		return ignored
	}
	ev.Service, ev.Action, ev.Reason = SMTP, Send, reasonFilter
	rest := msg[i+len(mark):]
	if contains(rest, mark) {
		return parsed
	}
	value, rest, _ := cut(rest, ", ")
	if ev.ClientIP, ok = parseAddr(value); !ok {
		return rejected(whyAddress)
	}
	if rest, ok = after(rest, "user: "); ok {
		ev.Account, _, _ = cut(rest, ", from: <")
		ev.Service = Submission
	}
	return parsed
}

// amavis reads what amavis found:
//
//	(77-02) Blocked INFECTED (Eicar-Test-Signature) {DiscardedInbound,Quarantined}, [203.0.113.5]:25 [192.0.2.9] <x@mail.example> -> <anna@parl.example>, …
//
// The first address is what the mail server gave, the second stands in a
// header. Of banned attachments the name comes first, and no address is read.
func (p *Parser) amavis(_, msg []byte, ev *Event) Result {
	_, rest, ok := cut(msg, ") ")
	if !ok || !hasPrefix(msg, "(") {
		return ignored
	}
	verdict, rest, ok := cut(rest, " ")
	blocked := string(verdict) == "Blocked"
	if !ok || !blocked && string(verdict) != "Passed" {
		return ignored
	}
	word, rest, _ := cut(rest, " ")
	word = bytes.TrimSuffix(word, []byte(","))
	named := true
	switch string(word) {
	case "INFECTED":
		ev.Reason = reasonMalware
	case "SPAM":
		ev.Reason = reasonSpam
	case "BANNED":
		ev.Reason, named = reasonPolicy, false
	default:
		return ignored
	}
	if ev.Outcome = Denied; !blocked {
		if string(word) != "INFECTED" {
			return ignored
		}
		ev.Outcome = Success
	}
	ev.Service, ev.Action = SMTP, Send
	// The closing "> -> <" comes after all that is read.
	if !contains(rest, "> -> <") {
		return rejected(whyCut)
	}
	i := bytes.IndexByte(rest, '[')
	if !named || i < 0 || bytes.IndexByte(rest[:i], '<') >= 0 {
		return parsed
	}
	value, _, ok := cut(rest[i+1:], "]")
	if !ok {
		return rejected(whyCut)
	}
	value = bytes.TrimPrefix(value, []byte("IPv6:"))
	if ev.ClientIP, ok = parseAddr(value); !ok {
		return rejected(whyAddress)
	}
	return parsed
}

// clamavMilter reads "Message 4F1A2B3C4D from <x> to <y> with subject …
// infected by Eicar". Sender and recipient are as claimed; whose message it
// was follows from its queue id.
func (p *Parser) clamavMilter(_, msg []byte, ev *Event) Result {
	rest, ok := after(msg, "Message ")
	if !ok || !contains(rest, " infected by ") {
		return ignored
	}
	ev.Service, ev.Action, ev.Reason = SMTP, Send, reasonMalware
	id, _, ok := cut(rest, " ")
	if !ok || string(id) == "from" || !token(id) {
		return parsed
	}
	ev.Session = id
	if m, _ := p.queue.find(id, false); m != nil && len(m.account) > 0 {
		ev.Service, ev.Account, ev.Hostname, ev.ClientIP, ev.Joined = m.service, m.account, m.hostname, m.client, true
	}
	return parsed
}
