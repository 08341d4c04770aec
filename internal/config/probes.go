package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Probes are what the watch asks the mail service, and when answers make an
// outage.
type Probes struct {
	Checks []Probe
	// Failures in a row begin an outage, Successes in a row end it; for
	// Reconnects after it clients are expected to come back.
	Failures, Successes int
	Reconnects          time.Duration
}

// Probe is one question.
type Probe struct {
	Name string
	// Kind is imap, pop3, round_trip, roundcube, web_form, activesync,
	// certificate or queue.
	Kind    string
	Service string
	// Server and, for a round trip, Arrival are host:port; Security and
	// ArrivalSecurity are tls, starttls or none.
	Server, Security         string
	Arrival, ArrivalSecurity string
	URL                      string
	Account, PasswordFile    string
	// Address is what the account is written to.
	Address string
	CAFile  string
	// UserField and PasswordField are of a web_form, "" to find them; Success
	// stands on the page after the sign-in.
	UserField, PasswordField, Success string
	// Command prints the queue, or Folder holds it; more than Most is too many.
	Command []string
	Folder  string
	Most    int
	// Interval between two askings, Timeout of one; later than Slow is slow.
	Interval, Timeout, Slow time.Duration
}

// probeKinds with the service that each asks, and the keys that it needs.
var probeKinds = []struct {
	kind, service string
	needs         []string
}{
	{"imap", "imap", []string{"server", "account"}},
	{"pop3", "pop3", []string{"server", "account"}},
	{"round_trip", "submission", []string{"server", "arrival", "account"}},
	{"roundcube", "webmail", []string{"url", "account"}},
	{"web_form", "webmail", []string{"url", "account", "success"}},
	{"activesync", "activesync", []string{"url", "account"}},
	{"certificate", "", []string{"server"}},
	{"queue", "smtp", nil},
}

// ports with the service behind them, and whether TLS begins at once.
var ports = map[string]struct {
	service  string
	security string
}{
	"25": {"smtp", "starttls"}, "587": {"submission", "starttls"}, "465": {"submission", "tls"},
	"143": {"imap", "starttls"}, "993": {"imap", "tls"}, "110": {"pop3", "starttls"}, "995": {"pop3", "tls"}, "443": {"webmail", "tls"},
}

func (r *reader) probes(n *yaml.Node) *Probes {
	p := &Probes{Failures: 3, Successes: 2, Reconnects: 15 * time.Minute}
	common := Probe{Interval: time.Minute, Timeout: 20 * time.Second, Slow: 5 * time.Second}
	var checks *yaml.Node
	r.mapping(n, "probes", []field{
		r.span("interval", &common.Interval, 10*time.Second, 24*time.Hour),
		r.span("timeout", &common.Timeout, time.Second, 10*time.Minute),
		r.span("slow", &common.Slow, 0, 10*time.Minute),
		{"ca_file", func(n *yaml.Node) { common.CAFile = r.pathOf(n, "ca_file") }},
		r.whole("failures", &p.Failures, 1, 100),
		r.whole("successes", &p.Successes, 1, 100),
		r.span("reconnects", &p.Reconnects, time.Minute, 24*time.Hour),
		{"checks", func(n *yaml.Node) { checks = n }},
	})
	if checks == nil {
		return p
	}
	names := map[string]int{}
	for _, item := range r.list(checks, "probes.checks") {
		probe, ok := r.probe(item, common)
		if !ok {
			continue
		}
		if line, taken := names[probe.Name]; taken {
			r.fail(item, "the probe on line %d is called %q too; give each a name of its own", line, probe.Name)
			continue
		}
		names[probe.Name] = item.Line
		p.Checks = append(p.Checks, probe)
	}
	return p
}

func (r *reader) probe(n *yaml.Node, p Probe) (Probe, bool) {
	before := len(r.problems)
	p.Most = 500
	given := map[string]*yaml.Node{}
	text := func(key string, to *string) field {
		return field{key, func(n *yaml.Node) {
			given[key] = n
			*to, _ = r.text(n, key)
		}}
	}
	file := func(key string, to *string) field {
		return field{key, func(n *yaml.Node) {
			given[key] = n
			*to = r.pathOf(n, key)
		}}
	}
	r.mapping(n, "a probe", []field{
		text("name", &p.Name), text("probe", &p.Kind), text("service", &p.Service),
		text("server", &p.Server), text("security", &p.Security), text("arrival", &p.Arrival), text("arrival_security", &p.ArrivalSecurity),
		text("url", &p.URL), text("account", &p.Account), file("password_file", &p.PasswordFile), text("address", &p.Address), file("ca_file", &p.CAFile),
		text("user_field", &p.UserField), text("password_field", &p.PasswordField), text("success", &p.Success),
		{"command", func(n *yaml.Node) {
			given["command"] = n
			for _, item := range r.list(n, "command") {
				if word, ok := r.text(item, "a word of the command"); ok {
					p.Command = append(p.Command, word)
				}
			}
		}},
		{"password", r.password},
		file("folder", &p.Folder), r.whole("most", &p.Most, 1, 1_000_000_000),
		r.span("interval", &p.Interval, 10*time.Second, 24*time.Hour),
		r.span("timeout", &p.Timeout, time.Second, 10*time.Minute),
		r.span("slow", &p.Slow, 0, 10*time.Minute),
	})
	if len(r.problems) > before {
		return p, false
	}
	var kinds []string
	for _, k := range probeKinds {
		kinds = append(kinds, k.kind)
	}
	i := slices.Index(kinds, p.Kind)
	switch {
	case p.Kind == "":
		r.fail(n, "it does not say what is asked; add probe: with one of %s", strings.Join(kinds, ", "))
		return p, false
	case i < 0:
		r.fail(given["probe"], "there is no probe %q%s", p.Kind, r.suggest(p.Kind, kinds))
		return p, false
	}
	if p.Name == "" {
		p.Name = strings.ReplaceAll(p.Kind, "_", " ")
	}
	for _, key := range probeKinds[i].needs {
		if given[key] == nil {
			r.fail(n, "the probe %q needs %s", p.Name, key)
		}
	}
	if p.Account != "" && p.PasswordFile == "" {
		r.fail(n, "the probe %q needs password_file, a file with the password of %s that only the watch may read", p.Name, p.Account)
	}
	p.Security = r.server(given["server"], p.Server, given["security"], p.Security)
	p.ArrivalSecurity = r.server(given["arrival"], p.Arrival, given["arrival_security"], p.ArrivalSecurity)
	if given["url"] != nil {
		r.address(given["url"], p.URL)
	}
	switch p.Kind {
	case "certificate":
		if p.Security == "none" {
			r.fail(given["security"], "a server without TLS has no certificate to look at; write tls or starttls")
		}
	case "queue":
		if (p.Folder == "") == (len(p.Command) == 0) {
			r.fail(n, "the probe %q needs either command, as in [postqueue, -j], or folder, as in /var/spool/postfix", p.Name)
		}
	case "round_trip":
		if p.Address == "" {
			p.Address = p.Account
		}
		if at := strings.LastIndexByte(p.Address, '@'); at < 1 || !domainName.MatchString(p.Address[at+1:]) || strings.ContainsAny(p.Address, " <>\r\n") {
			r.fail(n, "the probe %q needs address, the mail address of %s, as in probe@parl.example", p.Name, p.Account)
		}
	case "activesync":
		if u, err := url.Parse(p.URL); err == nil && (u.Path == "" || u.Path == "/") {
			u.Path = "/Microsoft-Server-ActiveSync"
			p.URL = u.String()
		}
	}
	if p.Service == "" {
		p.Service = probeKinds[i].service
	}
	if p.Service == "" {
		_, port, _ := net.SplitHostPort(p.Server)
		if p.Service = ports[port].service; p.Service == "" && given["server"] != nil {
			r.fail(n, "the probe %q needs service, the word for what is behind %s, as in imap or webmail", p.Name, p.Server)
		}
	}
	return p, len(r.problems) == before
}

// server checks host:port and how it is secured, and gives the latter. A
// password is never sent in the clear to another machine.
func (r *reader) server(n *yaml.Node, address string, securityNode *yaml.Node, security string) string {
	if n == nil {
		return security
	}
	host, port, err := net.SplitHostPort(address)
	if number, bad := strconv.Atoi(port); err != nil || host == "" || bad != nil || number < 1 || number > 65535 {
		r.fail(n, "%q is no server; write it with its port, as in mail.parl.example:993", address)
		return security
	}
	if security == "" {
		if security = ports[port].security; security == "" {
			r.fail(n, "how is %s secured? Add security: tls where it is from the beginning, or starttls", address)
		}
		return security
	}
	if !slices.Contains([]string{"tls", "starttls", "none"}, security) {
		r.fail(securityNode, "%q is no way to secure a connection; it is tls, starttls, or none on this machine", security)
	} else if security == "none" && !loopback(host) {
		r.fail(securityNode, "without security the password would go to %s in the clear; use tls or starttls", host)
	}
	return security
}

// address checks the address of a page.
func (r *reader) address(n *yaml.Node, address string) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		r.fail(n, "%q is no address of a page; write it as in https://webmail.parl.example/", address)
	case u.User != nil:
		r.fail(n, "the address holds a password; it belongs into a file of its own")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		r.fail(n, "what is sent to %s would go in the clear; use https", u.Host)
	}
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func (r *reader) suggest(word string, known []string) string {
	if near := Closest(word, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return "; it is one of " + strings.Join(known, ", ")
}

// span reads a duration within bounds.
func (r *reader) span(key string, to *time.Duration, least, most time.Duration) field {
	return field{key, func(n *yaml.Node) {
		text, ok := r.text(n, key)
		if !ok {
			return
		}
		d, err := time.ParseDuration(text)
		switch {
		case text == "0":
			d = 0
		case err != nil:
			r.fail(n, "%q is no duration; write it as in 90s, 15m or 2h", text)
			return
		}
		if d < least || d > most {
			r.fail(n, "%s must be %s to %s, not %s", key, short(least), short(most), text)
			return
		}
		*to = d
	}}
}

// password is a key that there must not be.
func (r *reader) password(n *yaml.Node) {
	if s := r.described[n]; s != nil {
		s.kind = "nothing"
		return
	}
	r.fail(n, "a password does not belong here; put it into a file that only the watch may read, and name that with password_file")
}

// short writes a duration without the zeroes at its end.
func short(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// whole reads a whole number within bounds.
func (r *reader) whole(key string, to *int, least, most int) field {
	return field{key, func(n *yaml.Node) {
		text, ok := r.text(n, key)
		if !ok {
			return
		}
		v, err := strconv.Atoi(text)
		if err != nil || v < least || v > most {
			r.fail(n, "%s must be a whole number from %d to %d, not %q", key, least, most, text)
			return
		}
		*to = v
	}}
}

// pathOf reads the path of one file.
func (r *reader) pathOf(n *yaml.Node, what string) string {
	path, ok := r.text(n, what)
	if !ok {
		return ""
	}
	return r.path(path)
}
