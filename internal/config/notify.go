package config

import (
	"fmt"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Notify says who is told of what, how and when.
type Notify struct {
	Receivers  []Receiver
	Escalation []Escalation
	// EscalateFrom is the lowest severity that escalates and is reminded of.
	EscalateFrom string
	// Group is for how long further changes of an incident are gathered, Remind
	// after how long one that nobody acknowledged is told again, 0 for never.
	Group, Remind time.Duration
	// Mail is the server for e-mail, nil where no receiver is told by it.
	Mail *MailServer
	// Link begins the address of an incident's page, "" for none: its number
	// is put behind it.
	Link string
}

// MailServer takes e-mail.
type MailServer struct {
	Server, Security, Account, PasswordFile, CAFile, From string
}

// Receiver is who is told, by exactly one of Email, Webhook and ChatFile.
type Receiver struct {
	Name       string
	Email      []string
	Webhook    string // address
	SecretFile string // with the webhook's key
	ChatFile   string // with the address of a chat service
	// Severity is the lowest that is told; Kinds and Services are all where
	// they are empty.
	Severity        string
	Kinds, Services []string
	EscalationOnly  bool
	// QuietFrom and QuietUntil are minutes after midnight, equal for none, on
	// the clock of Zone, which is the organisation's where nil.
	QuietFrom, QuietUntil int
	Zone                  *time.Location
	Hourly                int
}

// Escalation is whom to tell where nobody acknowledged an incident in time.
type Escalation struct {
	After time.Duration
	To    []string
}

var (
	severityWords = []string{"info", "low", "medium", "high", "critical"}
	kindWords     = []string{"attack", "fault", "benign", "mixed", "undetermined", "background"}
)

func (r *reader) notify(n *yaml.Node) (out *Notify, warnings []*Problem) {
	out = &Notify{EscalateFrom: "high", Group: 2 * time.Minute}
	var receivers, escalation, server *yaml.Node
	r.mapping(n, "notify", []field{
		{"receivers", func(n *yaml.Node) { receivers = n }},
		{"escalation", func(n *yaml.Node) { escalation = n }},
		{"escalate_from", func(n *yaml.Node) { out.EscalateFrom = r.oneOf(n, "severity", severityWords) }},
		r.span("group", &out.Group, 0, time.Hour),
		r.span("remind", &out.Remind, 0, 7*24*time.Hour),
		{"mail", func(n *yaml.Node) {
			server = n
			out.Mail = r.mailServer(n)
		}},
		{"link", func(n *yaml.Node) {
			if out.Link, _ = r.text(n, "link"); out.Link != "" {
				r.address(n, out.Link)
			}
		}},
	})
	if receivers == nil {
		return out, nil
	}
	before := len(r.problems)
	names := map[string]int{}
	var first *yaml.Node
	others := false
	for _, item := range r.list(receivers, "notify.receivers") {
		rec, ok := r.receiver(item)
		if !ok {
			continue
		}
		if line, taken := names[rec.Name]; taken {
			r.fail(item, "the receiver on line %d is called %q too; give each a name of its own", line, rec.Name)
			continue
		}
		names[rec.Name] = item.Line
		out.Receivers = append(out.Receivers, rec)
		if len(rec.Email) > 0 && first == nil {
			first = item
		}
		others = others || len(rec.Email) == 0
	}
	if first != nil && server == nil {
		r.fail(first, "e-mail needs notify.mail with the server that takes it and the address that it comes from")
	}
	if escalation != nil {
		for _, item := range r.list(escalation, "notify.escalation") {
			r.step(item, names, out, len(r.problems) == before)
		}
	}
	if first != nil && !others {
		warnings = append(warnings, &Problem{
			File: r.file, Line: first.Line, Column: first.Column,
			Text: "all receivers are told by e-mail, which does not arrive while mail is down; add one that is told by webhook or chat",
		})
	}
	return out, warnings
}

func (r *reader) step(n *yaml.Node, names map[string]int, out *Notify, complete bool) {
	var step Escalation
	before := len(r.problems)
	r.mapping(n, "a step of escalation", []field{
		r.span("after", &step.After, time.Minute, 7*24*time.Hour),
		{"to", func(n *yaml.Node) {
			for _, item := range r.list(n, "to") {
				name, ok := r.text(item, "a receiver")
				if !ok {
					continue
				}
				if _, known := names[name]; !known && complete {
					all := make([]string, 0, len(names))
					for _, rec := range out.Receivers {
						all = append(all, rec.Name)
					}
					r.fail(item, "there is no receiver %q%s", name, r.suggest(name, all))
					continue
				}
				step.To = append(step.To, name)
			}
			if len(n.Content) == 0 {
				r.fail(n, "to names nobody; write the names of receivers, as in [chief]")
			}
		}},
	})
	if (step.After == 0 || len(step.To) == 0) && len(r.problems) == before {
		r.fail(n, "a step of escalation needs after, as in 15m, and to")
	}
	out.Escalation = append(out.Escalation, step)
}

func (r *reader) mailServer(n *yaml.Node) *MailServer {
	m := &MailServer{}
	var server, security *yaml.Node
	r.mapping(n, "notify.mail", []field{
		{"server", func(n *yaml.Node) { server = n; m.Server, _ = r.text(n, "server") }},
		{"security", func(n *yaml.Node) { security = n; m.Security, _ = r.text(n, "security") }},
		{"account", func(n *yaml.Node) { m.Account, _ = r.text(n, "account") }},
		{"password_file", func(n *yaml.Node) { m.PasswordFile = r.pathOf(n, "password_file") }},
		{"password", r.password},
		{"ca_file", func(n *yaml.Node) { m.CAFile = r.pathOf(n, "ca_file") }},
		{"from", func(n *yaml.Node) { m.From = r.mailAddress(n, "from") }},
	})
	switch {
	case server == nil || m.From == "" && len(r.problems) == 0:
		r.fail(n, "notify.mail needs server, as in mail.parl.example:587, and from, the address that messages come from")
	case (m.Account == "") != (m.PasswordFile == ""):
		r.fail(n, "notify.mail needs account and password_file both, or neither")
	}
	m.Security = r.server(server, m.Server, security, m.Security)
	return m
}

func (r *reader) mailAddress(n *yaml.Node, what string) string {
	text, ok := r.text(n, what)
	if !ok {
		return ""
	}
	if _, err := mail.ParseAddress(text); err != nil {
		r.fail(n, "%q is no mail address; write it as in watch@parl.example", text)
		return ""
	}
	return text
}

func (r *reader) receiver(n *yaml.Node) (rec Receiver, ok bool) {
	before := len(r.problems)
	rec.Severity, rec.Hourly = "low", 20
	ways := 0
	words := func(key string, of []string, to *[]string) field {
		return field{key, func(n *yaml.Node) {
			for _, item := range r.list(n, key) {
				if of != nil {
					*to = append(*to, r.oneOf(item, "kind of incident", of))
				} else if word, ok := r.text(item, "a service"); ok {
					*to = append(*to, word)
				}
			}
		}}
	}
	r.mapping(n, "a receiver", []field{
		{"name", func(n *yaml.Node) { rec.Name, _ = r.text(n, "name") }},
		{"email", func(n *yaml.Node) {
			ways++
			if n.Kind == yaml.ScalarNode {
				rec.Email = append(rec.Email, r.mailAddress(n, "email"))
				return
			}
			for _, item := range r.list(n, "email") {
				rec.Email = append(rec.Email, r.mailAddress(item, "an address"))
			}
			if len(rec.Email) == 0 {
				r.fail(n, "email names nobody; write addresses, as in [desk@parl.example]")
			}
		}},
		{"webhook", func(n *yaml.Node) {
			ways++
			if rec.Webhook, _ = r.text(n, "webhook"); rec.Webhook != "" {
				r.address(n, rec.Webhook)
			}
		}},
		{"secret_file", func(n *yaml.Node) { rec.SecretFile = r.pathOf(n, "secret_file") }},
		{"chat_file", func(n *yaml.Node) {
			ways++
			if text, ok := r.text(n, "chat_file"); ok && strings.Contains(text, "://") {
				r.fail(n, "chat_file names a file that holds the address; the address itself has a token in it and does not belong here")
				return
			}
			rec.ChatFile = r.pathOf(n, "chat_file")
		}},
		{"severity", func(n *yaml.Node) { rec.Severity = r.oneOf(n, "severity", severityWords) }},
		words("kinds", kindWords, &rec.Kinds), words("services", nil, &rec.Services),
		{"escalation_only", func(n *yaml.Node) {
			text, ok := r.text(n, "escalation_only")
			if value, err := strconv.ParseBool(text); ok && err == nil {
				rec.EscalationOnly = value
			} else if ok {
				r.fail(n, "escalation_only is true or false, not %q", text)
			}
		}},
		{"quiet", func(n *yaml.Node) {
			text, ok := r.text(n, "quiet")
			if !ok {
				return
			}
			from, until, err := hours(text)
			if err != nil {
				r.fail(n, "%v", err)
			}
			rec.QuietFrom, rec.QuietUntil = from, until
		}},
		{"timezone", func(n *yaml.Node) {
			if name, ok := r.text(n, "timezone"); ok {
				zone, err := Zone(name)
				if err != nil {
					r.fail(n, "%v", err)
				}
				rec.Zone = zone
			}
		}},
		r.whole("hourly", &rec.Hourly, 1, 1000),
	})
	switch {
	case len(r.problems) > before:
	case rec.Name == "":
		r.fail(n, "a receiver needs a name, as in \"name: help desk\"")
	case ways != 1:
		r.fail(n, "the receiver %q needs one of email, webhook and chat_file; where it is told in two ways, write two receivers", rec.Name)
	case rec.Webhook != "" && rec.SecretFile == "":
		r.fail(n, "the receiver %q needs secret_file, a file with the key that webhooks are signed with; it holds whsec_ and 32 bytes in base64, as of: echo whsec_$(openssl rand -base64 32)", rec.Name)
	}
	return rec, len(r.problems) == before
}

// hours reads "22:00-07:00".
func hours(text string) (from, until int, err error) {
	clock := func(text string) (int, bool) {
		h, m, ok := strings.Cut(strings.TrimSpace(text), ":")
		hour, err1 := strconv.Atoi(h)
		minute, err2 := strconv.Atoi(m)
		return hour*60 + minute, ok && err1 == nil && err2 == nil && len(m) == 2 && hour >= 0 && hour < 24 && minute >= 0 && minute < 60
	}
	a, b, ok := strings.Cut(text, "-")
	from, okA := clock(a)
	until, okB := clock(b)
	if !ok || !okA || !okB {
		return 0, 0, fmt.Errorf("%q are no hours; write them as in 22:00-07:00", text)
	}
	if from == until {
		return 0, 0, fmt.Errorf("%q is no time or all of it; leave quiet out, or write hours as in 22:00-07:00", text)
	}
	return from, until, nil
}

// oneOf reads one of several words.
func (r *reader) oneOf(n *yaml.Node, what string, of []string) string {
	if s := r.described[n]; s != nil {
		s.Enum = of
	}
	text, ok := r.text(n, what)
	if ok && !slices.Contains(of, text) {
		r.fail(n, "%q is no %s%s", text, what, r.suggest(text, of))
	}
	return text
}
