package enrich

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxAccount is the longest address that mail can have (RFC 5321).
const maxAccount = 254

// Account returns the one spelling of the account that raw names: lower
// case, with its domain, aliases resolved. Two accounts of different domains
// are never taken for one unless the configuration says so: it would hold one
// person's logins against another.
func (e *Enricher) Account(raw []byte) string {
	// An escape takes three bytes, so the cut cannot shorten a name that is
	// short enough when unescaped.
	account := e.spelling(string(raw[:min(len(raw), 4*maxAccount)]))
	if target, ok := e.aliases[account]; ok {
		return target
	}
	if at := strings.LastIndexByte(account, '@'); at > 0 {
		if domain, ok := e.aliases[account[at:]]; ok && domain[0] == '@' {
			account = account[:at] + domain
			if target, ok := e.aliases[account]; ok {
				return target
			}
		}
	}
	return account
}

// spelling is Account without aliases.
func (e *Enricher) spelling(raw string) string {
	s := strings.TrimSpace(raw)
	if strings.IndexByte(s, '%') >= 0 {
		if u, err := url.PathUnescape(s); err == nil {
			s = strings.TrimSpace(u)
		}
	}
	s = strings.ToLower(strings.ToValidUTF8(s, "\uFFFD"))
	if slash := strings.LastIndexByte(s, '\\'); slash >= 0 && slash < len(s)-1 {
		s = s[slash+1:]
	}
	if s == "" || s == "-" {
		return ""
	}
	at := strings.LastIndexByte(s, '@')
	switch {
	case at < 0 && e.domain != "":
		s += "@" + e.domain
	case at == len(s)-1 && e.domain != "":
		s += e.domain
	default:
		s = strings.TrimSuffix(s, ".")
	}
	return cut(s, maxAccount)
}

func canonicalDomain(s string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(s)), "@"), ".")
}

// cut returns the first n bytes of s, or a few less so as not to split a
// character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
