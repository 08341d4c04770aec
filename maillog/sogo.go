package maillog

import (
	"bytes"
	"net/netip"
)

// sogo reads a message of SOGo, whose own log is like syslog's without a host:
//
//	SOGoRootPage Login from '198.51.100.7' for user 'anna' might not have worked - password policy: 65535  grace: -1  expire: -1  bound: 0
//
// The address comes before the name.
func (p *Parser) sogo(_, msg []byte, ev *Event) Result {
	ev.Service, ev.Action = Webmail, Login
	rest, ok := after(msg, "SOGoRootPage Login from '")
	ev.Outcome = Failure
	if !ok {
		if rest, ok = after(msg, "SOGoRootPage successful login from '"); !ok {
			return ignored
		}
		ev.Outcome = Success
	}
	from, rest, ok := cut(rest, "' for user '")
	if !ok {
		return rejected(whyCut)
	}
	const refused = "' might not have worked"
	end := lastIndex(rest, refused)
	if ev.Outcome == Success {
		if end >= 0 && contains(rest[end:], "  bound: ") {
			return rejected(whyGlued) // the end of another line
		}
		end = lastIndex(rest, "' - expire")
	}
	if end < 0 {
		return rejected(whyCut)
	}
	ev.Account = rest[:end]
	if ev.Outcome == Failure {
		if index(rest, refused) != end {
			// SOGo writes a newline in a name as it is. This may be the rest of
			// such a name, and the address before it the client's invention.
			from = nil
		}
		if _, policy, ok := cut(rest[end:], " - password policy: "); ok {
			// SOGoPasswordPolicyError; 65535 is none.
			switch n, _, _ := digits(policy); n {
			case 0, 2:
				ev.Outcome, ev.Reason = Denied, reasonExpired
			case 1:
				ev.Outcome, ev.Reason = Denied, reasonLockedOut
			}
		}
	}
	if from == nil {
		return parsed
	}
	if ev.ClientIP, ok = forwardedFor(from); !ok {
		return rejected(whyAddress)
	}
	return parsed
}

// forwardedFor reads the X-Forwarded-For that a program took over whole. Every
// proxy adds at the end whom it heard, and the client may have written the
// rest: so it is the last address that is none of our own proxies'.
func forwardedFor(b []byte) (netip.Addr, bool) {
	var addr netip.Addr
	for {
		i := bytes.LastIndexByte(b, ',')
		last := b[i+1:]
		if i >= 0 {
			last = bytes.TrimPrefix(last, []byte(" "))
		}
		a, ok := parseAddr(last)
		if !ok {
			return addr, addr.IsValid()
		}
		addr = a
		if i < 0 || !a.IsPrivate() && !a.IsLoopback() {
			return addr, true
		}
		b = b[:i]
	}
}
