package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailvigil/internal/chart"
	"mailvigil/internal/message"
	"mailvigil/verdict"
)

// Reader is for whom a report is written. All readers are told the same from
// the same Verdict; they differ in what they have to do with it.
type Reader string

// The readers. Everyone is all three, one after the other.
const (
	Everyone   Reader = ""
	Director   Reader = "director"   // one page
	Postmaster Reader = "postmaster" // what to do now
	Analyst    Reader = "analyst"    // all of it, with evidence
)

// Readers are those a report can be written for.
var Readers = []Reader{Director, Postmaster, Analyst}

// Page are the options of HTML.
type Page struct {
	Location *time.Location // v.Timezone if nil
	For      Reader
	// Pseudonyms says that names in v are replaced.
	Pseudonyms bool
	// Version of the program, told at the end.
	Version string
}

// How much of each a page shows. All of it is in the JSON file, and all
// indicators in the CSV file; a page must stay one that people read and
// browsers open.
const (
	pageIncidents = 8
	pageFindings  = 60
	pageNames     = 12
	pageAddresses = 500
	pageExtents   = 60
	pageEvidence  = 160
	pageFiles     = 300
	pageRows      = 96 // of a table behind a plot
	pageColumns   = 16 // of the matrix
	pageList      = 40
	pageText      = 700 // columns of one text from a log
)

//go:embed report.gohtml
var pageTemplate string

//go:embed report.css
var pageStyle string

var pages = template.Must(template.New("report").Funcs(template.FuncMap{
	"n": func(n int) string { return group(strconv.Itoa(n)) },
}).Parse(pageTemplate))

// HTML writes v as one file that needs nothing else: no script, no font, no
// picture and no host. It is meant for a screen, light or dark, for a phone and
// for A4 paper. Whatever comes from logs is escaped by html/template.
func HTML(w io.Writer, v *verdict.Verdict, o Page) error {
	if o.Location == nil {
		o.Location = location(v)
	}
	s := sheet{Printer: &printer{o: Options{Unicode: true, Location: o.Location}}, v: v, o: o, cited: map[place]int{}}
	if err := pages.ExecuteTemplate(w, "page", s.page()); err != nil {
		return fmt.Errorf("write the report as HTML: %w", err)
	}
	return nil
}

// sheet gathers what a page says.
type sheet struct {
	Printer *printer // for its words
	v       *verdict.Verdict
	o       Page
	lines   []Line
	cited   map[place]int
	figures int
}

type place struct {
	file string
	line int64
}

// pageView is what the template shows. All its strings are text.
type pageView struct {
	Style, ChartStyle                       template.CSS
	Kind                                    verdict.Kind
	Mark, Word, Sentence, Confidence, Focus string
	Period, Zone, Version                   string
	Pseudonyms                              bool
	ForDirector, ForPostmaster, ForAnalyst  bool
	Several                                 bool
	Facts                                   []fact
	Main                                    []incidentView
	MoreMain                                int
	First                                   *figure
	Brief                                   string
	FirstSteps, FirstMissing                []string
	MoreSteps                               int
	Next, Missing, CannotTell, Problems     []string
	Limits                                  []string
	Malware                                 string
	Infected                                []string
	Sensitivity                             []sensitivityView
	Extents                                 []extentView
	MoreExtents                             int
	Addresses                               []string
	MoreAddresses                           int
	Chores                                  []chore
	Timeline                                []moment
	Findings                                []findingView
	MoreFindings, LeftOut                   int
	FindingLines                            bool
	Background                              []backgroundView
	Techniques                              []technique
	Indicators                              []indicatorCount
	Coverage                                []fact
	Assumed, LookedAt                       []string
	Gaps                                    []string
	Files                                   []fileView
	MoreFiles                               int
	Samples                                 []sampleView
	Lines                                   []Line
	MoreLines                               bool
	HasAttack                               bool
	Used                                    []usedView
	Checkpoint                              []string
}

type fact struct{ Name, Value, Note string }

type incidentView struct {
	Number                    int
	Anchor, Kind, Mark, Word  string
	Title, Text, Since, Until string
	Facts                     []fact
	Figures                   []*figure
	Hypotheses                []hypothesisView
	MoreHypotheses            int
	Lines                     []Line
}

type hypothesisView struct {
	Name, Share  string
	Percent      int
	For, Against []string
}

type sensitivityView struct{ Attack, Share, Interval, Tried string }

type extentView struct{ Account, From, To, Sources, Services, Clients, Deeds string }

type chore struct{ Title, About string }

type moment struct{ At, What, About string }

type findingView struct {
	Severity, Title, Code, About, Against string
	Count                                 int
	Lines                                 []Line
}

type backgroundView struct{ Since, Text, Count string }

type technique struct{ Code, Name, Tactic, Seen string }

type indicatorCount struct{ Kind, Count string }

type fileView struct{ File, Format, Lines, Rejected, From, To, Hash string }

type usedView struct{ Kind, File, Size, Hash string }

type sampleView struct{ Place, Why, Text string }

// Line is a raw line that is cited.
type Line struct{ Anchor, ID, Place, Hash, Text string }

// figure is a picture, and the table of what it shows.
type figure struct {
	ID      string
	SVG     template.HTML
	Title   string
	Caption string
	Head    []string
	Rows    [][]string
}

func (s *sheet) page() *pageView {
	v := s.v
	word, _ := kindWord(v.Verdict)
	p := &pageView{
		Style: template.CSS(pageStyle), ChartStyle: template.CSS(chart.Style()), //nolint:gosec // our own files
		Kind: v.Verdict, Mark: mark(v.Verdict), Word: upperFirst(word), Sentence: clip(v.Text, pageText),
		Confidence: fmt.Sprintf("%s (%.0f %%)", message.Confidence(v.Confidence), 100*clamp(v.Confidence)),
		Zone:       s.o.Location.String(), Version: s.o.Version, Pseudonyms: s.o.Pseudonyms,
		ForDirector: s.o.For == Everyone || s.o.For == Director, ForPostmaster: s.o.For == Everyone || s.o.For == Postmaster,
		ForAnalyst: s.o.For == Everyone || s.o.For == Analyst, Several: s.o.For == Everyone,
		Next: clipAll(v.Next, pageText), Missing: clipAll(v.Missing, pageText),
		LeftOut: v.LeftOut,
	}
	p.Zone = message.Zone(s.o.Location, v.Coverage.From)
	switch v.Focus {
	case verdict.Targeted:
		p.Focus = "aimed at this organisation"
	case verdict.Opportunistic:
		p.Focus = "of opportunity, not aimed at this organisation"
	}
	if c := &v.Coverage; !c.From.IsZero() {
		p.Period = s.when(c.From) + " to " + s.when(c.To)
	}
	s.incidents(p)
	s.actions(p)
	s.director(p)
	if p.ForAnalyst {
		s.findings(p)
		s.timeline(p)
		s.techniques(p)
		s.indicators(p)
		p.Lines, p.MoreLines = s.lines, len(s.lines) >= pageEvidence
	}
	s.coverage(p)
	if v.Ledger != nil {
		// Whole, however long: with a letter missing it proves nothing.
		for line := range strings.Lines(v.Ledger.Checkpoint) {
			p.Checkpoint = append(p.Checkpoint, message.Safe(strings.TrimSuffix(line, "\n")))
		}
	}
	return p
}

// mark is a sign for a kind that needs no colour.
func mark(k verdict.Kind) string {
	switch k {
	case verdict.Attack, verdict.Mixed:
		return "▲"
	case verdict.Fault:
		return "■"
	case verdict.Undetermined:
		return "?"
	}
	return "●"
}

func (s *sheet) when(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return s.Printer.when(t, time.Time{})
}

func clipAll(list []string, n int) []string {
	out := make([]string, 0, len(list))
	for _, t := range list {
		out = append(out, clip(t, n))
	}
	return out
}

// incidents tells what is not everyday noise, in full, and lists the rest.
func (s *sheet) incidents(p *pageView) {
	for i := range s.v.Incidents {
		in := &s.v.Incidents[i]
		if in.Kind == verdict.Background {
			s.background(p, in)
			continue
		}
		p.HasAttack = p.HasAttack || in.Kind == verdict.Attack
		if len(p.Main) == pageIncidents {
			p.MoreMain++
			continue
		}
		p.Main = append(p.Main, s.incident(len(p.Main)+1, in))
	}
}

func (s *sheet) background(p *pageView, in *verdict.Incident) {
	text := in.Text
	if text == "" {
		text = in.Name
	}
	b := backgroundView{Since: s.when(in.Onset), Text: clip(sentenceEnd(upperFirst(text)), pageText)}
	if in.Observed != 0 || in.Expected != 0 {
		b.Count = counted(in)
	}
	p.Background = append(p.Background, b)
}

func counted(in *verdict.Incident) string {
	text := amount(in.Observed) + " counted, " + amount(in.Expected) + " expected"
	if in.Excess >= 0.5 {
		text += ": " + amount(in.Excess) + " more"
	} else if in.Excess <= -0.5 {
		text += ": " + amount(-in.Excess) + " fewer"
	}
	return text
}

func (s *sheet) incident(number int, in *verdict.Incident) incidentView {
	word, _ := kindWord(in.Kind)
	view := incidentView{
		Number: number, Anchor: "incident-" + strconv.Itoa(number), Kind: string(in.Kind), Mark: mark(in.Kind), Word: word,
		Title: clip(upperFirst(cmp.Or(in.Name, in.ID)), maxName), Text: clip(in.Text, pageText),
	}
	add := func(name, value string) {
		if value != "" {
			view.Facts = append(view.Facts, fact{Name: name, Value: value})
		}
	}
	if !in.Onset.IsZero() {
		view.Since = s.Printer.since(in)
		add("Since", view.Since)
	}
	switch {
	case in.Ongoing:
		view.Until = "it goes on"
	case !in.End.IsZero():
		view.Until = s.Printer.when(in.End, in.Onset) + lasted(in.Onset, in.End)
	}
	add("Until", view.Until)
	var names []string
	for _, service := range in.Services {
		names = append(names, message.Service(service))
	}
	add("Where", s.Printer.some(names, pageNames))
	add("Cause", causeText(in, pageNames))
	if in.Observed != 0 || in.Expected != 0 {
		add("Count", counted(in))
	}
	if n := len(in.Compromised); n > 0 {
		add("Accounts", plural(n, "account")+" in other hands: "+s.Printer.some(in.Compromised, pageNames))
	}
	if in.Targeted > 0 {
		add("Targets", plural(in.Targeted, "account")+" tried")
	}
	if n := len(in.Sources); n > 0 {
		add("Sources", plural(n, "address")+": "+s.Printer.some(in.Sources, pageNames))
	}
	if n := len(in.Stolen); n > 0 {
		add("Sessions", plural(n, "session")+" stolen: "+s.Printer.some(in.Stolen, pageNames))
	}
	if s.o.For == Everyone || s.o.For == Analyst {
		view.Figures = s.drawn(in)
		s.hypotheses(&view, in)
		view.Lines = s.cite(in.Evidence)
	}
	return view
}

// causeText names the causes of an incident, the first of them.
func causeText(in *verdict.Incident, most int) string {
	if len(in.Cause) == 0 {
		return ""
	}
	var causes []string
	for _, c := range in.Cause[:min(len(in.Cause), most)] {
		causes = append(causes, clip(message.Cause(c), maxName))
	}
	text := strings.Join(causes, "; ")
	if n := len(in.Cause) - most; n > 0 {
		text += "; and " + strconv.Itoa(n) + " more"
	}
	if in.Share > 0 {
		of := "excess"
		if in.Excess < 0 {
			of = "shortfall"
		}
		text += fmt.Sprintf(" (%.0f %% of the %s)", 100*clamp(in.Share), of)
	}
	return text
}

func (s *sheet) hypotheses(view *incidentView, in *verdict.Incident) {
	all := slices.Clone(in.Hypotheses)
	slices.SortStableFunc(all, func(a, b verdict.Hypothesis) int { return cmp.Compare(b.Probability, a.Probability) })
	const most = 6
	for _, h := range all[:min(len(all), most)] {
		view.Hypotheses = append(view.Hypotheses, hypothesisView{
			Name: clip(upperFirst(h.Name), maxName), Share: fmt.Sprintf("%.0f %%", 100*clamp(h.Probability)), Percent: int(math.Round(100 * clamp(h.Probability))),
			For: clipAll(h.For[:min(len(h.For), pageList)], pageText), Against: clipAll(h.Against[:min(len(h.Against), pageList)], pageText),
		})
	}
	view.MoreHypotheses = max(0, len(all)-most)
}

// cite notes lines, so that they are shown once at the end, and gives them.
func (s *sheet) cite(list []verdict.Evidence) []Line {
	var out []Line
	for _, e := range list {
		key := place{e.File, e.Line}
		i, ok := s.cited[key]
		if !ok {
			if len(s.lines) >= pageEvidence {
				continue
			}
			i = len(s.lines)
			s.cited[key] = i
			n := strconv.Itoa(i + 1)
			s.lines = append(s.lines, Line{
				Anchor: "l" + n, ID: cmp.Or(clip(e.ID, 40), n), Place: clip(shortFile(e.File, 96), 100) + ":" + strconv.FormatInt(e.Line, 10),
				Hash: clip(e.SHA256, 64), Text: clip(e.Text, pageText),
			})
		}
		out = append(out, s.lines[i])
	}
	return out
}

// shortFile cuts a path from the front: the name of the file must stay.
func shortFile(name string, n int) string {
	r := []rune(name)
	if len(r) <= n {
		return name
	}
	return "…" + string(r[len(r)-n+1:])
}

// actions gathers what there is to do, and for whom.
func (s *sheet) actions(p *pageView) {
	v := s.v
	seen := map[string]bool{}
	for i := range v.Incidents {
		in := &v.Incidents[i]
		if in.Kind != verdict.Attack {
			continue
		}
		for _, a := range in.Sources {
			if !seen[a] {
				seen[a] = true
				p.Addresses = append(p.Addresses, clip(a, 64))
			}
		}
		for _, x := range in.Extent {
			if len(p.Extents) == pageExtents {
				p.MoreExtents++
				continue
			}
			var services, clients []string
			for _, name := range x.Services {
				services = append(services, message.Service(name))
			}
			for _, c := range x.Clients {
				clients = append(clients, clip(c, maxName))
			}
			p.Extents = append(p.Extents, extentView{
				Account: clip(x.Account, maxName), From: s.when(x.From), To: s.Printer.when(x.To, x.From),
				Sources: s.Printer.some(x.Sources, 3), Services: strings.Join(services, ", "), Clients: s.Printer.some(clients, 3),
				Deeds: deeds(&x),
			})
			s.cite(x.Evidence)
		}
	}
	slices.SortFunc(p.Addresses, inOrder)
	p.MoreAddresses = max(0, len(p.Addresses)-pageAddresses)
	p.Addresses = p.Addresses[:min(len(p.Addresses), pageAddresses)]
	for _, m := range v.Infected[:min(len(v.Infected), pageList)] {
		p.Infected = append(p.Infected, clip(infectedName(m), 2*maxName))
	}
	s.chores(p)
	if len(v.Infected) == 0 && len(v.Coverage.LookedAt) > 0 {
		p.Malware = "No machine of your own people is known to hold any."
	}
}

// chores are what the mildest findings ask of people: a device to be updated.
func (s *sheet) chores(p *pageView) {
	var titles []string
	whose := map[string][]string{}
	for _, f := range s.v.Findings {
		who := cmp.Or(f.Account, f.Device)
		if f.Severity != verdict.Info || who == "" {
			continue
		}
		if _, ok := whose[f.Title]; !ok {
			titles = append(titles, f.Title)
		}
		whose[f.Title] = with(whose[f.Title], who)
	}
	for _, t := range titles[:min(len(titles), pageList)] {
		p.Chores = append(p.Chores, chore{clip(upperFirst(t), maxName), s.Printer.some(whose[t], pageNames)})
	}
}

// inOrder puts addresses in order of their numbers, and what is none last.
func inOrder(a, b string) int {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	switch {
	case errX == nil && errY == nil:
		return x.Compare(y)
	case errX == nil:
		return -1
	case errY == nil:
		return 1
	}
	return cmp.Compare(a, b)
}

// deeds says what was done with an account, with what was carried off.
func deeds(x *verdict.Extent) string {
	text := x.Deeds()
	if x.Bytes > 0 && x.Fetched+x.Shown+x.Files > 0 {
		text += " (" + size(x.Bytes) + ")"
	}
	return text
}

func infectedName(m verdict.InfectedClient) string {
	switch {
	case m.IP == "":
		return m.Account
	case m.Account != "":
		return m.IP + " (" + m.Account + ")"
	}
	return m.IP
}

// director says on one page what it was, how far it went, and how sure that is.
func (s *sheet) director(p *pageView) {
	v := s.v
	// What is said here is cut so that it fits on one sheet of paper.
	const steps, words = 4, 180
	p.Brief = clip(v.Text, 2*words)
	p.FirstSteps, p.MoreSteps = clipAll(v.Next[:min(len(v.Next), steps)], words), max(0, len(v.Next)-steps)
	p.FirstMissing = clipAll(v.Missing[:min(len(v.Missing), 3)], words)
	p.Facts = append(p.Facts, fact{"Confidence", p.Confidence, p.Focus})
	if len(p.Main) > 0 {
		in := first(v)
		if !in.Onset.IsZero() {
			until := p.Main[0].Until
			if until != "" && !in.Ongoing {
				until = "until " + until
			}
			p.Facts = append(p.Facts, fact{"Began", s.when(in.Onset), until})
		}
	}
	if p.HasAttack {
		opened, messages, bytes := map[string]bool{}, int64(0), int64(0)
		for i := range v.Incidents {
			in := &v.Incidents[i]
			if in.Kind != verdict.Attack {
				continue
			}
			for _, a := range in.Compromised {
				opened[a] = true
			}
			for _, x := range in.Extent {
				messages += x.Fetched + x.Shown
				bytes += x.Bytes
			}
		}
		note := "as far as these logs show"
		if messages > 0 {
			note = plural(messages, "message") + " read or fetched"
			if bytes > 0 {
				note += ", " + size(bytes)
			}
		}
		p.Facts = append(p.Facts, fact{"Accounts in other hands", group(strconv.Itoa(len(opened))), note})
		if n := len(p.Addresses) + p.MoreAddresses; n > 0 {
			p.Facts = append(p.Facts, fact{"It came from", plural(n, "address"), ""})
		}
	}
	if c := &v.Coverage; c.Lines > 0 {
		p.Facts = append(p.Facts, fact{"Was read", plural(c.Lines, "line"), "of " + plural(c.Files, "file")})
	}
	if in := first(v); in != nil && in.Plot != nil && len(in.Plot.Observed) > 0 {
		p.First = s.plot(in, 230)
	}
	for _, x := range v.Sensitivity {
		p.Sensitivity = append(p.Sensitivity, sensitivityView{
			Attack: clip(x.Attack, 80), Share: fmt.Sprintf("%.0f %%", 100*clamp(x.Detected)),
			Interval: fmt.Sprintf("%.0f to %.0f %%", 100*clamp(x.Interval[0]), 100*clamp(x.Interval[1])), Tried: plural(x.Injections, "time"),
		})
	}
	for _, t := range v.Coverage.CannotTell {
		p.CannotTell = append(p.CannotTell, clip(t, pageText))
	}
	if len(v.Coverage.Gaps) > 0 {
		p.Limits = append(p.Limits, "The logs have "+plural(len(v.Coverage.Gaps), "gap")+"; what happened in them is not known.")
	}
	if len(v.Coverage.Problems) > 0 {
		p.Limits = append(p.Limits, plural(len(v.Coverage.Problems), "file")+" of logs had damage, or could not be read in whole.")
	}
	if len(v.Sensitivity) == 0 {
		p.Limits = append(p.Limits, "How surely an attack would have shown in these logs was not measured.")
	}
	if n := len(p.CannotTell); n > 0 {
		p.Limits = append(p.Limits, "Some things no line of these logs tells; the whole report names them.")
	}
}

// first is the most important incident that is not everyday noise.
func first(v *verdict.Verdict) *verdict.Incident {
	for i := range v.Incidents {
		if v.Incidents[i].Kind != verdict.Background {
			return &v.Incidents[i]
		}
	}
	return nil
}

func (s *sheet) findings(p *pageView) {
	groups := groupFindings(s.v.Findings)
	count := map[string]int{}
	key := func(f verdict.Finding) string { return string(f.Severity) + "\x00" + f.Code + "\x00" + f.Title }
	for _, f := range s.v.Findings {
		count[key(f)]++
	}
	for _, g := range groups[:min(len(groups), pageFindings)] {
		view := findingView{
			Severity: clip(string(g.Severity), 16), Title: clip(upperFirst(g.Title), 2*maxName), Code: clip(g.Code, 40),
			About: s.Printer.some(g.about, pageNames), Count: count[key(g.Finding)],
			Against: strings.Join(clipAll(g.Against[:min(len(g.Against), 3)], maxName), "; "),
		}
		if severityRank(g.Severity) <= severityRank(verdict.Medium) {
			view.Lines = s.cite(g.Evidence)
			p.FindingLines = p.FindingLines || len(view.Lines) > 0
		}
		p.Findings = append(p.Findings, view)
	}
	p.MoreFindings = max(0, len(groups)-pageFindings)
}

// timeline puts what has a time in order.
func (s *sheet) timeline(p *pageView) {
	type event struct {
		at time.Time
		m  moment
	}
	var all []event
	add := func(at time.Time, what, about string) {
		if !at.IsZero() {
			all = append(all, event{at, moment{s.when(at), what, clip(about, 2*maxName)}})
		}
	}
	v := s.v
	add(v.Coverage.From, "The logs begin", "")
	add(v.Coverage.To, "The logs end", "")
	for _, g := range v.Coverage.Gaps[:min(len(v.Coverage.Gaps), pageList)] {
		add(g.From, "No logs of "+clip(g.Format, 40)+" until "+s.Printer.when(g.To, g.From), "")
	}
	shown := 0
	for i := range v.Incidents {
		in := &v.Incidents[i]
		if in.Kind == verdict.Background {
			continue
		}
		if shown++; shown > pageIncidents {
			break
		}
		name := "Incident " + strconv.Itoa(shown)
		add(in.Onset, name+" begins", upperFirst(in.Name))
		if !in.Ongoing {
			add(in.End, name+" ends", "")
		}
		for _, x := range in.Extent[:min(len(in.Extent), pageExtents)] {
			text := "from " + s.Printer.some(x.Sources, 2)
			if d := x.Deeds(); d != "" {
				text += ": " + d
			}
			add(x.From, "A stranger in "+clip(x.Account, 80), text)
		}
	}
	slices.SortStableFunc(all, func(a, b event) int { return a.at.Compare(b.at) })
	for _, e := range all {
		p.Timeline = append(p.Timeline, e.m)
	}
}

// techniques counts what was seen of each ATT&CK technique: findings by their
// code, and what was done with accounts.
func (s *sheet) techniques(p *pageView) {
	count := map[string]int{}
	for _, f := range s.v.Findings {
		if message.TechniqueOf(f.Code).Name != "" {
			count[f.Code]++
		}
	}
	var rows []technique
	for code, n := range count {
		t := message.TechniqueOf(code)
		rows = append(rows, technique{clip(code, 40), t.Name, t.Tactic, plural(n, "finding")})
	}
	var fetched, forwards int64
	for _, in := range s.v.Incidents {
		for _, x := range in.Extent {
			fetched += x.Fetched + x.Shown
			forwards += x.Forwards
		}
	}
	deed := func(code string, n int64, what string) {
		if n > 0 {
			t := message.TechniqueOf(code)
			rows = append(rows, technique{code, t.Name, t.Tactic, plural(n, what)})
		}
	}
	deed("T1114.002", fetched, "message read or fetched")
	deed("T1114.003", forwards, "change of forwarding")
	slices.SortFunc(rows, func(a, b technique) int { return cmp.Compare(a.Code, b.Code) })
	p.Techniques = rows
}

func (s *sheet) indicators(p *pageView) {
	count := map[string]int{}
	for _, i := range Indicators(s.v) {
		count[i.Role+" ("+i.Type+")"]++
	}
	for kind, n := range count {
		p.Indicators = append(p.Indicators, indicatorCount{kind, group(strconv.Itoa(n))})
	}
	slices.SortFunc(p.Indicators, func(a, b indicatorCount) int { return cmp.Compare(a.Kind, b.Kind) })
}

func (s *sheet) coverage(p *pageView) {
	c := &s.v.Coverage
	add := func(name, value string) { p.Coverage = append(p.Coverage, fact{Name: name, Value: value}) }
	number := func(n int64) string { return group(strconv.FormatInt(n, 10)) }
	add("Files", number(int64(c.Files)))
	if c.Bytes > 0 {
		add("Size", size(c.Bytes))
	}
	add("Lines", number(c.Lines))
	add("Lines that became events", number(c.Parsed))
	add("Understood, and of no interest", number(c.Ignored))
	add("Damaged or of unknown form", number(c.Rejected))
	if p.Period != "" {
		add("Time", p.Period+", "+p.Zone)
	}
	p.Assumed = clipAll(c.Assumed[:min(len(c.Assumed), pageList)], pageText)
	p.LookedAt = clipAll(c.LookedAt[:min(len(c.LookedAt), pageList)], pageText)
	p.Problems = clipAll(c.Problems[:min(len(c.Problems), pageList)], pageText)
	for _, g := range c.Gaps[:min(len(c.Gaps), pageList)] {
		p.Gaps = append(p.Gaps, clip(g.Format, 40)+" from "+s.when(g.From)+" to "+s.Printer.when(g.To, g.From))
	}
	for _, f := range c.Inputs[:min(len(c.Inputs), pageFiles)] {
		p.Files = append(p.Files, fileView{
			File: clip(shortFile(f.File, 96), 100), Format: clip(f.Format, 40), Lines: number(f.Lines), Rejected: number(f.Rejected),
			From: s.when(f.From), To: s.when(f.To), Hash: clip(f.SHA256, 64),
		})
	}
	p.MoreFiles = max(0, len(c.Inputs)-pageFiles)
	for _, u := range s.v.Manifest {
		if u.Kind != verdict.UsedLog && len(p.Used) < pageList {
			p.Used = append(p.Used, usedView{clip(string(u.Kind), 40), clip(shortFile(u.File, 96), 100), size(u.Size), clip(u.SHA256, 64)})
		}
	}
	for _, x := range c.Samples[:min(len(c.Samples), maxProblems)] {
		p.Samples = append(p.Samples, sampleView{
			Place: clip(shortFile(x.File, 96), 100) + ":" + strconv.FormatInt(x.Line, 10), Why: clip(x.Why, maxName), Text: clip(x.Text, 300),
		})
	}
}
