package notify

import (
	"bytes"
	_ "embed" // message.gohtml
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"mailvigil/internal/message"
)

// subjectLimit is about what a list of messages shows.
const subjectLimit = 120

var changeWords = map[Change]string{
	Opened: "opened", Updated: "updated", Merged: "merged into another", Reopened: "is back", Quiet: "is over", Closed: "closed",
	Reminder: "still open, and nobody has acknowledged it", Escalation: "nobody has acknowledged it", Test: "test",
}

var kindWords = map[string]string{
	"attack": "attack", "fault": "fault", "benign": "harmless", "mixed": "attack and more", "undetermined": "cause not known", "background": "everyday noise",
}

// clean makes a text fit for one line that people see: no controls, and no
// addresses that a mail program or a chat would make a link of. Where a link is
// meant, it is Notice.Link.
func clean(text string) string {
	text = schemes.ReplaceAllString(message.Safe(text), "hxxp$1://")
	return defang.ReplaceAllString(text, "$1 $2")
}

var (
	schemes = regexp.MustCompile(`(?i)\bhttp(s?)://`)
	defang  = regexp.MustCompile(`(?i)\b(www|javascript|mailto)([.:])`)
)

func shorten(text string, limit int) string {
	if r := []rune(text); len(r) > limit {
		return strings.TrimSpace(string(r[:limit-1])) + "…"
	}
	return text
}

// head is "Incident 12 opened: critical, attack".
func head(n *Notice) string {
	change := changeWords[n.Change]
	if n.Change == Test {
		return "Test message"
	}
	if change == "" {
		change = clean(string(n.Change))
	}
	kind := kindWords[n.Kind]
	if kind == "" {
		kind = clean(n.Kind)
	}
	switch n.Change {
	case Reminder, Escalation:
		return fmt.Sprintf("Incident %d, %s, %s: %s", n.Incident, n.Severity, kind, change)
	}
	return fmt.Sprintf("Incident %d %s: %s, %s", n.Incident, change, n.Severity, kind)
}

// Subject is one line for all notices.
func (m *Message) Subject() string {
	last := &m.Notices[len(m.Notices)-1]
	if incidents := m.incidents(); len(incidents) > 1 {
		gravest := slices.MaxFunc(m.Notices, func(a, b Notice) int { return int(a.Severity) - int(b.Severity) })
		return shorten(fmt.Sprintf("%d incidents changed, the gravest: %s", len(incidents), clean(gravest.Sentence)), subjectLimit)
	}
	return shorten(head(last)+": "+clean(last.Sentence), subjectLimit)
}

// incidents in the order of their first notice.
func (m *Message) incidents() (numbers []int64) {
	for _, n := range m.Notices {
		if !slices.Contains(numbers, n.Incident) {
			numbers = append(numbers, n.Incident)
		}
	}
	return numbers
}

// section is one incident of a message, ready to be shown.
type section struct {
	Head, Sentence, When string
	Earlier              []string
	Details, What        []string
	Services             string
	Alt, CID             string
	Link                 string
	Color                template.CSS
	png                  []byte
}

var colors = []template.CSS{Info: "#5b6675", Low: "#3f5873", Medium: "#b26a00", High: "#c62828", Critical: "#8e0000"}

// sections says the newest of each incident in full and what went before in a
// line each.
func (m *Message) sections() (out []section) {
	zone := m.Zone
	if zone == nil {
		zone = time.UTC
	}
	for _, number := range m.incidents() {
		var of []Notice
		for _, n := range m.Notices {
			if n.Incident == number {
				of = append(of, n)
			}
		}
		n := of[len(of)-1]
		s := section{Head: head(&n), Sentence: clean(n.Sentence), When: n.Time.In(zone).Format("Monday 2 January 2006 15:04:05 MST"), Color: colors[max(Info, min(n.Severity, Critical))]}
		for _, e := range of[:len(of)-1] {
			s.Earlier = append(s.Earlier, e.Time.In(zone).Format("15:04:05")+" "+changeWords[e.Change]+": "+clean(e.Sentence))
		}
		for _, d := range n.Details {
			s.Details = append(s.Details, clean(d))
		}
		for _, w := range n.What {
			s.What = append(s.What, clean(w))
		}
		var services []string
		for _, name := range n.Services {
			services = append(services, clean(message.Service(name)))
		}
		s.Services = strings.Join(services, ", ")
		if link, err := url.Parse(n.Link); err == nil && (link.Scheme == "http" || link.Scheme == "https") && link.Host != "" {
			s.Link = link.String()
		}
		for _, e := range slices.Backward(of) {
			if e.Plot != nil {
				s.Alt, s.png = clean(e.Plot.Alt), e.Plot.PNG
				break
			}
		}
		if isPNG(s.png) {
			s.CID = fmt.Sprintf("plot-%d.%s@mailvigil", number, m.Key)
		} else {
			s.png = nil
		}
		out = append(out, s)
	}
	return out
}

// plotLimit is a picture of any size that is of use in a message.
const plotLimit = 512 << 10

func isPNG(data []byte) bool {
	return len(data) <= plotLimit && bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n"))
}

// Text is the message without marks, for every reader. Lines are not broken:
// each program breaks them as wide as it is.
func (m *Message) Text() string {
	var b strings.Builder
	for i, s := range m.sections() {
		if i > 0 {
			b.WriteString("\n----\n\n")
		}
		fmt.Fprintf(&b, "%s\n\n%s\n\n%s\n", s.Sentence, s.Head, s.When)
		if s.Services != "" {
			fmt.Fprintf(&b, "Services: %s\n", s.Services)
		}
		list := func(title, mark string, lines []string) {
			if len(lines) == 0 {
				return
			}
			fmt.Fprintf(&b, "\n%s\n", title)
			for i, line := range lines {
				if mark == "1" {
					fmt.Fprintf(&b, "%d. %s\n", i+1, line)
				} else {
					fmt.Fprintf(&b, "- %s\n", line)
				}
			}
		}
		list("What to do", "1", s.What)
		list("Details", "-", s.Details)
		list("Before that", "-", s.Earlier)
		if s.Alt != "" {
			fmt.Fprintf(&b, "\nThe plot: %s\n", s.Alt)
		}
		if s.Link != "" {
			fmt.Fprintf(&b, "\nMore: %s\n", s.Link)
		}
	}
	return b.String()
}

//go:embed message.gohtml
var messagePage string

var page = template.Must(template.New("message").Funcs(template.FuncMap{
	// A content id is made here, of a number and a key.
	"trusted": func(s string) template.URL { return template.URL(s) },
}).Parse(messagePage))

// HTML is the message with its plots, which it names by their content id.
func (m *Message) HTML() (string, error) {
	var b strings.Builder
	if err := page.Execute(&b, struct {
		Subject  string
		Sections []section
	}{m.Subject(), m.sections()}); err != nil {
		return "", fmt.Errorf("write a message: %w", err)
	}
	return b.String(), nil
}
