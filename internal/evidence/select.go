package evidence

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailvigil/verdict"
)

// Statement is something that a verdict says, with the lines it rests on.
type Statement struct {
	ID    string             `json:"id"`
	Text  string             `json:"text"`
	Note  string             `json:"note,omitempty"` // what the lines are to the statement, where that needs a word
	Lines []verdict.Evidence `json:"-"`
}

// ErrUnknown means that a verdict says nothing under an id.
var ErrUnknown = errors.New("the verdict has no such id")

// counted is said of statements that sum up.
const counted = "This sums up all lines of the incident; the verdict cites these of them."

// Statements are all that can be followed, in the order of the verdict.
func Statements(v *verdict.Verdict) []Statement {
	var all []Statement
	findings := make(map[string]*verdict.Finding, len(v.Findings))
	for i := range v.Findings {
		findings[v.Findings[i].ID] = &v.Findings[i]
	}
	for i := range v.Incidents {
		in := &v.Incidents[i]
		lines := slices.Clone(in.Evidence)
		for _, x := range in.Extent {
			lines = append(lines, x.Evidence...)
		}
		for _, id := range in.Findings {
			if f := findings[id]; f != nil {
				lines = append(lines, f.Evidence...)
			}
		}
		lines = distinct(lines)
		all = append(all, Statement{ID: in.ID, Text: join(in.Name, in.Text), Lines: lines})
		for n, h := range in.Hypotheses {
			id := fmt.Sprintf("%s/hypothesis-%d", in.ID, n+1)
			all = append(all, Statement{id, h.Name, counted, lines})
			for k, text := range h.For {
				all = append(all, Statement{fmt.Sprintf("%s/for-%d", id, k+1), text, counted, lines})
			}
			for k, text := range h.Against {
				all = append(all, Statement{fmt.Sprintf("%s/against-%d", id, k+1), text, counted, lines})
			}
		}
		for n, x := range in.Extent {
			all = append(all, Statement{ID: fmt.Sprintf("%s/extent-%d", in.ID, n+1), Text: join(x.Account, x.Deeds()), Lines: distinct(x.Evidence)})
		}
	}
	for _, f := range v.Findings {
		all = append(all, Statement{ID: f.ID, Text: join(f.Title, subject(f.Account, f.ClientIP, f.Device, f.Session)), Lines: distinct(f.Evidence)})
	}
	for n, c := range v.Infected {
		all = append(all, Statement{ID: fmt.Sprintf("infected-%d", n+1), Text: subject(c.Account, c.IP), Lines: distinct(c.Evidence)})
	}
	for n, r := range v.Coverage.Samples {
		all = append(all, Statement{ID: fmt.Sprintf("rejected-%d", n+1), Text: r.Why, Lines: []verdict.Evidence{r.Evidence}})
	}
	return all
}

// Select returns what a verdict says under an id: that of a line, an incident,
// a finding or a statement within an incident; or all that it says of an
// account, an address, a device or a session. The error is ErrUnknown.
func Select(v *verdict.Verdict, id string) ([]Statement, error) {
	all := Statements(v)
	for _, s := range all {
		if s.ID == id {
			return []Statement{s}, nil
		}
	}
	for _, s := range all {
		for _, e := range s.Lines {
			if e.ID == id && id != "" {
				return []Statement{{ID: id, Text: "cited for " + s.ID, Lines: []verdict.Evidence{e}}}, nil
			}
		}
	}
	about := make(map[string]bool)
	is := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return n != "" && strings.EqualFold(n, id) })
	}
	for _, in := range v.Incidents {
		about[in.ID] = is(in.Compromised...) || is(in.Sources...) || is(in.Stolen...)
		for n, x := range in.Extent {
			about[fmt.Sprintf("%s/extent-%d", in.ID, n+1)] = is(x.Account) || is(x.Sources...)
		}
	}
	for _, f := range v.Findings {
		about[f.ID] = is(f.Account, f.ClientIP, f.Device, f.Session)
	}
	for n, c := range v.Infected {
		about[fmt.Sprintf("infected-%d", n+1)] = is(c.Account, c.IP)
	}
	var found []Statement
	for _, s := range all {
		if about[s.ID] {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return nil, ErrUnknown
	}
	return found, nil
}

// distinct keeps the first of lines that are cited twice.
func distinct(lines []verdict.Evidence) []verdict.Evidence {
	type place struct {
		file         string
		line, offset int64
	}
	seen := make(map[place]bool, len(lines))
	out := make([]verdict.Evidence, 0, len(lines))
	for _, e := range lines {
		if p := (place{e.File, e.Line, e.Offset}); !seen[p] {
			seen[p] = true
			out = append(out, e)
		}
	}
	return out
}

func subject(names ...string) string {
	return strings.Join(slices.DeleteFunc(names, func(n string) bool { return n == "" }), ", ")
}

func join(head, text string) string {
	if head == "" || text == "" {
		return head + text
	}
	return head + ": " + text
}
