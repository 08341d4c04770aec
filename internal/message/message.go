// Package message holds the words that people are shown: causes, services and
// confidence in plain language, and text from logs made safe to show.
//
// It decides nothing and formats no page: internal/report, internal/console
// and internal/chart do that with its words. So far it speaks English only.
package message

import (
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// services that are not simply written as they are named.
var services = map[string]string{
	"owa": "Outlook on the web", "activesync": "ActiveSync", "imap": "IMAP", "pop3": "POP3",
	"submission": "mail submission", "smtp": "SMTP", "dav": "calendar and contacts (DAV)",
	"ews": "Exchange web services", "mapi": "MAPI", "autodiscover": "Autodiscover", "jmap": "JMAP",
	"admin": "administration", "web": "web",
}

// Service returns what people call a service.
func Service(name string) string {
	if s, ok := services[name]; ok {
		return s
	}
	return name
}

// things says what an action is called when many of it happened.
var things = map[string]string{
	"login": "logins", "logout": "logouts", "request": "requests", "list": "folder listings",
	"read": "messages read", "search": "searches", "download": "downloads", "send": "messages sent",
	"sync": "sync requests", "ping": "ping requests", "delete": "deletions", "rule": "changes of mail rules",
	"forward": "changes of forwarding", "setting": "changes of settings", "probe": "probes",
}

// devices says what people call what runs an operating system.
var devices = map[string]string{
	"iOS": "iPhones and iPads", "iPadOS": "iPads", "Android": "Android devices", "macOS": "Macs",
	"Windows": "Windows computers", "Linux": "Linux computers",
}

// networkKinds says what the kinds of network are called.
var networkKinds = map[string]string{
	"internal": "the organisation's own servers", "office": "the offices", "residential": "home networks",
	"mobile": "mobile networks", "hosting": "hosting networks", "vpn": "VPN services",
	"education": "universities and schools", "government": "government networks", "": "networks of unknown kind",
}

// Cause says in plain words what a set of attribute=value pairs picks out:
// "failed IMAP logins from Japan (JP)". Values are given as they are: what
// shows the text escapes it for its medium (Safe for terminals).
func Cause(cause map[string]string) string {
	c := words{cause: cause, used: map[string]bool{}}
	head := c.head()
	from := c.from()
	rest := c.rest()
	switch {
	case head == "" && len(from) == 0 && len(rest) == 0:
		return "all traffic alike"
	case head == "" && len(from) > 0 && c.isDevice:
		// "iPhones and iPads on iOS 26.0" need no noun before them.
		head, from = from[0], from[1:]
	case head == "":
		head = "connections"
	}
	if len(from) > 0 {
		head += " from " + strings.Join(from, ", from ")
	}
	if len(rest) > 0 {
		head += " " + strings.Join(rest, ", ")
	}
	return head
}

// words takes the attributes of a cause one by one, so that none is said
// twice and none is forgotten.
type words struct {
	cause    map[string]string
	used     map[string]bool
	isDevice bool // the first of from() names devices
}

func (c *words) take(key string) (string, bool) {
	v, ok := c.cause[key]
	c.used[key] = true
	return v, ok
}

// head is what happened: service, action and outcome.
func (c *words) head() string {
	service, _ := c.take("service")
	action, hasAction := c.take("action")
	outcome, _ := c.take("outcome")
	if service == "" && !hasAction && outcome == "" {
		return ""
	}
	thing, known := things[action]
	switch {
	case known:
	case hasAction && action != "":
		thing = action + " requests"
	case outcome == "failure" || outcome == "success":
		thing = "logins"
	case service == "smtp" || service == "imap" || service == "pop3":
		thing = "connections"
	default:
		thing = "requests"
	}
	if service != "" {
		thing = Service(service) + " " + thing
	}
	switch outcome {
	case "":
		return thing
	case "failure":
		return "failed " + thing
	case "success":
		return "successful " + thing
	case "denied":
		return thing + " denied by policy"
	case "refused":
		return "refused " + thing
	case "error":
		return thing + " that ended in a server error"
	default:
		return thing + " with outcome " + outcome
	}
}

// from is where it came from: devices, accounts and networks.
func (c *words) from() []string {
	var from []string
	system, hasOS := c.take("os")
	version, hasVersion := c.take("os_version")
	if hasOS || hasVersion {
		c.isDevice = true
		from = append(from, deviceWords(system, version))
	}
	client, hasClient := c.take("client")
	version, hasVersion = c.take("client_version")
	if hasClient || hasVersion {
		software := strings.TrimSpace(orUnknown(client, "an unknown client") + " " + version)
		if c.isDevice {
			from[0] += " with " + software
		} else {
			from = append(from, software)
		}
	}
	for _, place := range []struct {
		key  string
		text func(string) string
	}{
		{"device", func(v string) string { return "device " + v }},
		{"account", func(v string) string { return "account " + v }},
		{"account_group", func(v string) string { return "accounts in the group " + v }},
		{"ip", func(v string) string { return v }},
		{"prefix", func(v string) string { return v }},
		{"asn", network},
		{"network_kind", func(v string) string {
			if s, ok := networkKinds[v]; ok {
				return s
			}
			return v + " networks"
		}},
		{"country", Country},
	} {
		if v, ok := c.take(place.key); ok {
			from = append(from, place.text(v))
		}
	}
	return from
}

// rest is how it was done, and whatever has no words of its own.
func (c *words) rest() []string {
	var rest []string
	for _, how := range []struct{ key, text string }{
		{"status", "with HTTP status "},
		{"mechanism", "by the mechanism "},
		{"url", "for "},
		{"user_agent", "with the user agent "},
	} {
		if v, ok := c.take(how.key); ok {
			rest = append(rest, how.text+orUnknown(v, "(none)"))
		}
	}
	var others []string
	for key, v := range c.cause {
		if !c.used[key] {
			others = append(others, "with "+strings.ReplaceAll(key, "_", " ")+" "+orUnknown(v, "(none)"))
		}
	}
	sort.Strings(others)
	return append(rest, others...)
}

func deviceWords(system, version string) string {
	what, known := devices[system]
	switch {
	case system == "" && version == "":
		return "devices of unknown kind"
	case system == "":
		return "devices on system version " + version
	case !known:
		return "devices on " + strings.TrimSpace(system+" "+version)
	case version == "":
		return what
	default:
		return what + " on " + system + " " + version
	}
}

func orUnknown(v, unknown string) string {
	if v == "" {
		return unknown
	}
	return v
}

// network names an autonomous system: "14061", "AS14061" or
// "AS14061 DigitalOcean".
func network(v string) string {
	number, name, _ := strings.Cut(strings.TrimPrefix(v, "AS"), " ")
	if n, err := strconv.ParseUint(number, 10, 32); err != nil || n == 0 {
		return "networks of " + orUnknown(strings.TrimSpace(strings.TrimPrefix(v, "0")), "unknown owner")
	}
	if name = strings.Trim(name, " ()"); name != "" {
		return "the network of " + name + " (AS" + number + ")"
	}
	return "the network AS" + number
}

// Country returns a country's name with its code: "Japan (JP)".
func Country(code string) string {
	if code == "" {
		return "an unknown country"
	}
	region, err := language.ParseRegion(code)
	if err != nil || !region.IsCountry() {
		return code
	}
	name := display.English.Regions().Name(region)
	if name == "" {
		return code
	}
	return name + " (" + region.String() + ")"
}

// Zone names a zone for people. The system's own zone has no name but those
// of its hours.
func Zone(loc *time.Location, at time.Time) string {
	if loc != time.Local {
		return loc.String()
	}
	name, _ := at.In(loc).Zone()
	return name
}

// Confidence puts a probability into a word.
func Confidence(p float64) string {
	switch {
	case p >= 0.95:
		return "very high"
	case p >= 0.8:
		return "high"
	case p >= 0.6:
		return "moderate"
	case p >= 0.4:
		return "low"
	default:
		return "very low"
	}
}

// maxMarks is how many combining marks may follow one letter. Real writing
// needs two or three; a pile of them covers the lines above and below.
const maxMarks = 3

// Safe makes text from a log harmless on a terminal: whatever would move the
// cursor, change colours, turn the direction of writing, hide itself or
// combine with the text around it is shown as an escape such as \x1b or
// \u202e. Bytes that are not UTF-8 are shown as \xNN.
func Safe(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	marks := maxMarks // a mark at the start would join what stands before it
	for i, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == unicode.ReplacementChar && !strings.HasPrefix(s[i:], "\uFFFD"):
			b.WriteString(hex(`\x`, rune(s[i]), 2))
		case r < 0x80 && !unicode.IsPrint(r):
			b.WriteString(hex(`\x`, r, 2))
		case unicode.In(r, unicode.Variation_Selector) || !unicode.IsPrint(r) || invisible(r):
			b.WriteString(escape(r))
		case unicode.Is(unicode.M, r):
			if marks++; marks > maxMarks {
				b.WriteString(escape(r))
				continue
			}
			b.WriteRune(r)
			continue
		default:
			b.WriteRune(r)
			marks = 0
			continue
		}
		marks = maxMarks
	}
	return b.String()
}

// invisible are letters by Unicode's books that show nothing.
func invisible(r rune) bool {
	switch r {
	case 0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800, 0x17B4, 0x17B5, 0x034F:
		return true
	}
	return false
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func escape(r rune) string {
	if r > 0xFFFF {
		return hex(`\U`, r, 8)
	}
	return hex(`\u`, r, 4)
}

func hex(prefix string, r rune, digits int) string {
	h := strconv.FormatInt(int64(r), 16)
	return prefix + strings.Repeat("0", max(0, digits-len(h))) + h
}
