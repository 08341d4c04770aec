package report

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mailvigil/internal/message"
	"mailvigil/verdict"
)

// Indicator is something to look for elsewhere, or to act upon.
type Indicator struct {
	Type      string // address, account, device, session, client
	Value     string
	Role      string // what it is held for
	Severity  verdict.Severity
	Codes     []string // ATT&CK techniques
	Incidents []string // ids
	Findings  []string // ids
	First     time.Time
	Last      time.Time
	Evidence  string // FILE:LINE of one line
}

// The roles of indicators.
const (
	roleAttacker = "attack came from it"
	roleOpened   = "in other hands"
	roleStolen   = "stolen"
	roleClient   = "stranger's client"
	roleInfected = "infected"
	roleFinding  = "named in a finding"
)

// Indicators are the addresses, accounts, devices, sessions and clients that a
// Verdict holds something against, each once for each role, in order of role
// and severity.
func Indicators(v *verdict.Verdict) []Indicator {
	type key struct{ kind, value, role string }
	at := map[key]int{}
	var all []Indicator
	add := func(kind, value, role string, s verdict.Severity) *Indicator {
		if value == "" {
			return &Indicator{}
		}
		k := key{kind, value, role}
		i, ok := at[k]
		if !ok {
			i = len(all)
			at[k] = i
			all = append(all, Indicator{Type: kind, Value: value, Role: role, Severity: s})
		}
		if severityRank(s) < severityRank(all[i].Severity) {
			all[i].Severity = s
		}
		return &all[i]
	}
	for i := range v.Incidents {
		in := &v.Incidents[i]
		if in.Kind != verdict.Attack {
			continue
		}
		note := func(x *Indicator) *Indicator {
			x.Incidents = with(x.Incidents, in.ID)
			return x
		}
		for _, a := range in.Sources {
			note(add("address", a, roleAttacker, verdict.High))
		}
		for _, a := range in.Compromised {
			note(add("account", a, roleOpened, verdict.Critical))
		}
		for _, s := range in.Stolen {
			note(add("session", s, roleStolen, verdict.Critical))
		}
		for _, x := range in.Extent {
			seen := func(i *Indicator) {
				note(i).span(x.From, x.To)
				if len(x.Evidence) > 0 && i.Evidence == "" {
					i.Evidence = cited(x.Evidence[0])
				}
			}
			seen(add("account", x.Account, roleOpened, verdict.Critical))
			for _, a := range x.Sources {
				seen(add("address", a, roleAttacker, verdict.High))
			}
			for _, c := range x.Clients {
				seen(add("client", c, roleClient, verdict.Medium))
			}
		}
	}
	for _, m := range v.Infected {
		for _, x := range []*Indicator{add("address", m.IP, roleInfected, verdict.High), add("account", m.Account, roleInfected, verdict.High)} {
			if len(m.Evidence) > 0 && x.Evidence == "" {
				x.Evidence = cited(m.Evidence[0])
			}
		}
	}
	for _, f := range v.Findings {
		for _, of := range [][2]string{{"address", f.ClientIP}, {"account", f.Account}, {"device", f.Device}, {"session", f.Session}} {
			x := add(of[0], of[1], roleFinding, f.Severity)
			x.Findings = with(x.Findings, f.ID)
			if f.Code != "" {
				x.Codes = with(x.Codes, f.Code)
			}
			if len(f.Evidence) > 0 && x.Evidence == "" {
				x.Evidence = cited(f.Evidence[0])
			}
		}
	}
	roles := []string{roleOpened, roleStolen, roleAttacker, roleClient, roleInfected, roleFinding}
	slices.SortStableFunc(all, func(a, b Indicator) int {
		return cmp.Or(cmp.Compare(slices.Index(roles, a.Role), slices.Index(roles, b.Role)), cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)))
	})
	return all
}

func (i *Indicator) span(from, to time.Time) {
	if !from.IsZero() && (i.First.IsZero() || from.Before(i.First)) {
		i.First = from
	}
	if to.After(i.Last) {
		i.Last = to
	}
}

func with(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func cited(e verdict.Evidence) string { return e.File + ":" + strconv.FormatInt(e.Line, 10) }

// CSV writes the indicators of v, one a row, with times in v.Timezone. A cell
// that a spreadsheet would take for a formula begins with an apostrophe.
func CSV(w io.Writer, v *verdict.Verdict) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"type", "value", "role", "severity", "techniques", "incidents", "findings", "first_seen", "last_seen", "evidence"}}
	loc := location(v)
	when := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(loc).Format(time.RFC3339)
	}
	const most = 20 // findings named of one indicator
	for _, i := range Indicators(v) {
		findings := strings.Join(i.Findings[:min(len(i.Findings), most)], " ")
		if n := len(i.Findings) - most; n > 0 {
			findings += fmt.Sprintf(" and %d more", n)
		}
		rows = append(rows, []string{
			i.Type, i.Value, i.Role, string(i.Severity), strings.Join(i.Codes, " "), strings.Join(i.Incidents, " "), findings,
			when(i.First), when(i.Last), i.Evidence,
		})
	}
	for _, row := range rows {
		for k := range row {
			row[k] = SpreadsheetSafe(row[k])
		}
		out.Write(row) //nolint:errcheck // kept for Error
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write the indicators as CSV: %w", err)
	}
	return nil
}

// SpreadsheetSafe makes text of a cell: what begins like a formula, after
// whatever a spreadsheet skips, gets an apostrophe, and what cannot be printed
// is shown as an escape. (OWASP, CSV Injection.)
func SpreadsheetSafe(s string) string {
	s = message.Safe(s)
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '"' || r == '\'' }))
	switch first {
	case '=', '+', '-', '@', '|', '%', '＝', '＋', '－', '＠', '−':
		return "'" + s
	}
	// message.Safe turns a tab and the end of a line into these.
	if strings.HasPrefix(s, `\t`) || strings.HasPrefix(s, `\r`) || strings.HasPrefix(s, `\n`) {
		return "'" + s
	}
	return s
}
