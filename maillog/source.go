package maillog

import (
	"bytes"
	"net/netip"
)

// The reasons that other mail servers' lines state.
const (
	reasonRecipient = "unknown recipient"
	reasonRelay     = "relaying refused"
	reasonProtocol  = "broke the protocol"
	reasonTLS       = "TLS handshake failed"
	reasonIdle      = "connected and sent nothing"
	reasonListed    = "address on a block list"
)

// clientBlock reads how mail servers name a client at the start of b:
// "host.example [198.51.100.7]", "[198.51.100.7]", and with the name that the
// client gave itself "host.example (helo) [198.51.100.7]". A reverse name
// holds no blanks and no brackets.
func clientBlock(b []byte, ev *Event) (rest []byte, why string) {
	var host, helo []byte
	i := 0
	for i < len(b) && b[i] != ' ' && b[i] != '[' && b[i] != '(' {
		i++
	}
	host, b = b[:i], b[i:]
	if len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	if len(b) > 0 && b[0] == '(' {
		// The name may be an address literal, "([192.0.2.1])".
		j := index(b, ") [")
		if j < 0 {
			return nil, whyCut
		}
		helo, b = b[1:j], b[j+2:]
	}
	if len(b) == 0 || b[0] != '[' {
		return nil, whyAddress
	}
	j := bytes.IndexByte(b, ']')
	if j < 0 {
		return nil, whyCut
	}
	addr, ok := taggedAddr(b[1:j])
	if !ok {
		return nil, whyAddress
	}
	rest = b[j+1:]
	// A server may be told to accept any name: then a client could write an
	// address of its choice into it. Where it might have, none is named.
	if bytes.IndexByte(helo, ' ') < 0 || !contains(rest, ") [") {
		ev.ClientIP = addr
	}
	if len(host) > 0 && string(host) != "unknown" {
		ev.Hostname = host
	}
	return rest, ""
}

// clientAtEnd reads the same where nothing follows it, from the right, past
// sendmail's "(may be forged)".
func clientAtEnd(b []byte, ev *Event) (why string) {
	const forged = " (may be forged)"
	if hasSuffix(b, forged) {
		b = b[:len(b)-len(forged)]
	}
	if len(b) == 0 || b[len(b)-1] != ']' {
		return whyCut
	}
	i := bytes.LastIndexByte(b, '[')
	if i < 0 {
		return whyCut
	}
	addr, ok := taggedAddr(b[i+1 : len(b)-1])
	if !ok {
		return whyAddress
	}
	ev.ClientIP = addr
	host := bytes.TrimRight(b[:i], " ")
	if j := bytes.LastIndexByte(host, '@'); j >= 0 { // ident
		host = host[j+1:]
	}
	if len(host) > 0 && string(host) != "unknown" && bytes.IndexByte(host, ' ') < 0 {
		ev.Hostname = host
	}
	return ""
}

// taggedAddr reads an address, also the way RFC 5321 writes those of IPv6.
func taggedAddr(b []byte) (netip.Addr, bool) {
	if hasPrefix(b, "IPv6:") {
		b = b[len("IPv6:"):]
	}
	return parseAddr(b)
}

// leadingAddr reads an address at the start of b that other text follows.
func leadingAddr(b []byte) (addr netip.Addr, rest []byte, ok bool) {
	i := 0
	for i < len(b) && (unhex(b[i]) >= 0 || b[i] == ':' || b[i] == '.') {
		i++
	}
	n := i
	for n > 0 && (b[n-1] == '.' || b[n-1] == ':') { // the end of a sentence
		n--
	}
	if addr, ok = parseAddr(b[:n]); !ok && n != i {
		n = i
		addr, ok = parseAddr(b[:n])
	}
	return addr, b[n:], ok
}

// angled takes the brackets off "<anna@parl.example>".
func angled(b []byte) []byte {
	if len(b) > 1 && b[0] == '<' && b[len(b)-1] == '>' {
		return b[1 : len(b)-1]
	}
	return b
}

// replyOutcome tells what an SMTP reply code means for the client.
func replyOutcome(b []byte) (Outcome, bool) {
	if len(b) < 3 || !isDigit(b[1]) || !isDigit(b[2]) {
		return OutcomeNone, false
	}
	switch b[0] {
	case '5':
		return Denied, true
	case '4':
		return Refused, true
	}
	return OutcomeNone, false
}
