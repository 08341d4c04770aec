// Package report shows a Verdict: to a person at a terminal, and to a program
// as JSON (docs/verdict.schema.json).
//
// It judges nothing and reads no logs. Everything that a log may have carried
// is escaped where it is shown. The command line calls it through
// internal/app.
package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailvigil/internal/chart"
	"mailvigil/internal/message"
	"mailvigil/verdict"
)

// Options of the terminal report. The zero value is plain ASCII in 80 columns.
type Options struct {
	Width    int
	Color    bool
	Unicode  bool
	Location *time.Location // v.Timezone if nil
	Quiet    bool           // the sentence and what to do next, no more
}

// How much of each is shown. A report that fills three screens is not read;
// everything is in the JSON file.
const (
	maxName     = 140 // columns of one name
	maxText     = 1500
	maxNames    = 6
	maxFindings = 8
	maxLines    = 4
	maxReasons  = 3
	maxGuesses  = 3
	maxSamples  = 3
	maxProblems = 6
	maxExtent   = 4
	maxFull     = 2 // incidents told in full
	maxBrief    = 4 // incidents told in brief after those
)

// Terminal writes v for a person to read, most important first and what to do
// next last, where the prompt will be.
func Terminal(w io.Writer, v *verdict.Verdict, o Options) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	// Beyond 120 columns the eye loses the line.
	o.Width = min(max(o.Width, 40), 120)
	if o.Location == nil {
		o.Location = location(v)
	}
	out := bufio.NewWriter(w)
	p := &printer{w: out, o: o}
	p.sentence(v)
	if !o.Quiet {
		p.incidents(v)
		p.findings(v)
		p.background(v)
		p.infected(v)
		p.sensitivity(v)
		p.coverage(v)
		p.cannotTell(v)
	}
	p.ledger(v)
	p.next(v)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// kindWords says what a verdict comes to, and in which colour.
var kindWords = map[verdict.Kind]struct {
	word  string
	style style
}{
	verdict.Quiet:        {"quiet", green},
	verdict.Benign:       {"benign", green},
	verdict.Attack:       {"attack", red},
	verdict.Fault:        {"fault", yellow},
	verdict.Mixed:        {"mixed (an attack, and something else beside it)", red},
	verdict.Undetermined: {"undetermined", yellow},
	verdict.Background:   {"everyday noise", faint},
}

func kindWord(k verdict.Kind) (string, style) {
	if w, ok := kindWords[k]; ok {
		return w.word, w.style
	}
	return message.Safe(string(k)), bold
}

func (p *printer) sentence(v *verdict.Verdict) {
	p.paragraph("", "", bold, v.Text)
	word, st := kindWord(v.Verdict)
	switch v.Focus {
	case verdict.Targeted:
		word += ", aimed at this organisation"
	case verdict.Opportunistic:
		word += ", of opportunity"
	}
	line := fmt.Sprintf("Verdict: %s. Confidence: %s (%.0f %%).", word, message.Confidence(v.Confidence), 100*clamp(v.Confidence))
	p.paragraph("", "", st, line)
	if v.Verdict == verdict.Undetermined && len(v.Missing) > 0 {
		p.heading("What would decide it")
		p.list(v.Missing, len(v.Missing))
	}
}

func (p *printer) incidents(v *verdict.Verdict) {
	shown, more := 0, 0
	for i := range v.Incidents {
		inc := &v.Incidents[i]
		if inc.Kind == verdict.Background {
			continue
		}
		if shown == maxFull+maxBrief {
			more++
			continue
		}
		shown++
		p.incident(shown, inc)
		if shown <= maxFull {
			p.grounds(inc)
		}
	}
	if more > 0 {
		p.blank()
		p.paragraph("", "", faint, "And "+plural(more, "more incident")+" in the JSON file.")
	}
}

// incident says what happened, since when, and who is concerned.
func (p *printer) incident(number int, inc *verdict.Incident) {
	word, st := kindWord(inc.Kind)
	title := inc.Name
	if title == "" {
		title = inc.ID
	}
	p.blank()
	p.paragraph(strconv.Itoa(number)+". ", "   ", st, upperFirst(title)+" ("+word+")")
	if inc.Text != "" {
		p.paragraph("   ", "   ", none, inc.Text)
	}
	if !inc.Onset.IsZero() {
		p.field("Since", p.since(inc))
	}
	switch {
	case inc.Ongoing:
		p.field("Until", "it goes on")
	case !inc.End.IsZero():
		p.field("Until", p.when(inc.End, inc.Onset)+lasted(inc.Onset, inc.End))
	}
	if len(inc.Services) > 0 {
		names := make([]string, len(inc.Services))
		for i, s := range inc.Services {
			names[i] = message.Service(s)
		}
		p.field("Where", p.some(names, maxNames))
	}
	if len(inc.Cause) > 0 {
		p.field("Cause", causeText(inc, maxReasons))
	}
	if inc.Observed != 0 || inc.Expected != 0 {
		p.field("Count", counted(inc))
	}
	if n := len(inc.Compromised); n > 0 {
		p.field("Accounts", plural(n, "account")+" in other hands: "+p.some(inc.Compromised, maxNames))
	}
	for _, x := range gravest(inc.Extent) {
		p.field("", p.extent(&x))
	}
	if n := len(inc.Extent) - maxExtent; n > 0 {
		p.field("", "and what was done with "+plural(n, "more account")+", in the JSON file")
	}
	if inc.Targeted > 0 {
		p.field("Targets", plural(inc.Targeted, "account")+" tried")
	}
	if n := len(inc.Sources); n > 0 {
		p.field("Sources", plural(n, "address")+": "+p.some(inc.Sources, maxNames))
	}
	if n := len(inc.Stolen); n > 0 {
		p.field("Sessions", plural(n, "session")+" stolen: "+p.some(inc.Stolen, maxNames))
	}
}

// gravest are the accounts with which most was done.
func gravest(all []verdict.Extent) []verdict.Extent {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b verdict.Extent) int {
		return cmp.Or(cmp.Compare(b.Forwards+b.Rules, a.Forwards+a.Rules), cmp.Compare(b.Sent, a.Sent),
			cmp.Compare(b.Fetched+b.Shown+b.Files, a.Fetched+a.Shown+a.Files))
	})
	return all[:min(len(all), maxExtent)]
}

// extent says what was done with an account in other hands.
func (p *printer) extent(x *verdict.Extent) string {
	text := x.Account + ", " + p.when(x.From, time.Time{}) + " to " + p.when(x.To, x.From)
	if n := len(x.Sources); n > 0 {
		text += ", from " + p.some(x.Sources, 2)
	}
	if d := x.Deeds(); d != "" {
		text += ": " + d
	}
	return text
}

// grounds shows what an incident rests on.
func (p *printer) grounds(inc *verdict.Incident) {
	p.plot(inc)
	p.hypotheses(inc.Hypotheses)
	p.lines("The lines behind it", "   ", inc.Evidence)
}

func (p *printer) since(inc *verdict.Incident) string {
	text := p.when(inc.Onset, time.Time{})
	lo, hi := inc.OnsetInterval[0], inc.OnsetInterval[1]
	if !lo.IsZero() && !hi.IsZero() && hi.After(lo) {
		text += " (90 % sure: between " + p.when(lo, inc.Onset) + " and " + p.when(hi, inc.Onset) + ")"
	}
	return text
}

func (p *printer) plot(inc *verdict.Incident) {
	if inc.Plot == nil || len(inc.Plot.Observed) == 0 {
		return
	}
	s := Series(inc)
	p.blank()
	text := chart.Terminal(s, chart.Options{
		Width: p.o.Width - 3, Color: p.o.Color, Unicode: p.o.Unicode, Location: p.o.Location,
	})
	for line := range strings.Lines(text) {
		p.raw("   " + strings.TrimSuffix(line, "\n"))
	}
}

// Series is the plot of an incident as chart draws it. The incident must have
// a plot.
func Series(inc *verdict.Incident) chart.Series {
	s := chart.Series{
		Title: upperFirst(inc.Plot.Title), Start: inc.Plot.Start, Step: time.Duration(inc.Plot.Step) * time.Second,
		Observed: inc.Plot.Observed, Expected: inc.Plot.Expected, Lower: inc.Plot.Lower, Upper: inc.Plot.Upper,
	}
	if !inc.Onset.IsZero() {
		s.Onset = &[3]time.Time{inc.OnsetInterval[0], inc.Onset, inc.OnsetInterval[1]}
	}
	return s
}

func (p *printer) hypotheses(all []verdict.Hypothesis) {
	if len(all) == 0 {
		return
	}
	// What is as good as ruled out, with nothing said about it, says nothing.
	all = slices.DeleteFunc(slices.Clone(all), func(h verdict.Hypothesis) bool {
		return h.Probability < 0.005 && len(h.For)+len(h.Against) == 0
	})
	slices.SortStableFunc(all, func(a, b verdict.Hypothesis) int {
		switch {
		case a.Probability > b.Probability:
			return -1
		case a.Probability < b.Probability:
			return 1
		}
		return 0
	})
	p.blank()
	p.paragraph("   ", "   ", bold, "Why")
	for _, h := range all[:min(len(all), maxGuesses)] {
		p.paragraph(fmt.Sprintf("   %3.0f %%  ", 100*clamp(h.Probability)), "          ", none, upperFirst(h.Name))
		p.reasons("+ ", green, h.For)
		p.reasons("- ", yellow, h.Against)
	}
	if n := len(all) - maxGuesses; n > 0 {
		p.paragraph("          ", "          ", faint, "and "+plural(n, "less likely explanation")+" in the JSON file")
	}
}

func (p *printer) reasons(sign string, st style, reasons []string) {
	for _, r := range reasons[:min(len(reasons), maxReasons)] {
		p.marked("          ", sign, st, r)
	}
	if n := len(reasons) - maxReasons; n > 0 {
		p.paragraph("            ", "            ", faint, "and "+strconv.Itoa(n)+" more in the JSON file")
	}
}

// lines cites raw lines: where they stand, and what they say, on one line of
// the screen each where there is room.
func (p *printer) lines(title, indent string, evidence []verdict.Evidence) {
	if len(evidence) == 0 {
		return
	}
	p.blank()
	p.paragraph(indent, indent, bold, title)
	for _, e := range evidence[:min(len(evidence), maxLines)] {
		p.cite(indent, e)
	}
	if n := len(evidence) - maxLines; n > 0 {
		p.paragraph(indent, indent, faint, "and "+plural(n, "more line")+" in the JSON file")
	}
}

func (p *printer) cite(indent string, e verdict.Evidence) {
	p.place(indent, e)
	if e.Text == "" {
		return
	}
	// Two lines of the screen: the account and the address tend to stand in
	// the second.
	head, rest := split(message.Safe(e.Text), p.o.Width-len(indent)-2)
	p.clipped(indent+"  ", none, head)
	if rest != "" {
		p.clipped(indent+"  ", none, rest)
	}
}

var severities = []verdict.Severity{verdict.Critical, verdict.High, verdict.Medium, verdict.Low, verdict.Info}

func severityRank(s verdict.Severity) int {
	if i := slices.Index(severities, s); i >= 0 {
		return i
	}
	return len(severities)
}

func (p *printer) findings(v *verdict.Verdict) {
	if len(v.Findings) == 0 {
		return
	}
	p.heading("What was found")
	groups := groupFindings(v.Findings)
	for _, g := range groups[:min(len(groups), maxFindings)] {
		st := none
		switch g.Severity {
		case verdict.Critical, verdict.High:
			st = red
		case verdict.Medium:
			st = yellow
		}
		text := upperFirst(g.Title)
		if g.Code != "" {
			text += " (" + g.Code + ")"
		}
		if len(g.about) > 0 {
			text += ": " + p.some(g.about, maxNames)
		}
		p.marked("", pad(string(g.Severity), 8)+" ", st, text)
		for _, a := range g.Against[:min(len(g.Against), 1)] {
			p.marked("         ", "- ", yellow, a)
		}
	}
	if n := len(groups) - maxFindings; n > 0 {
		p.paragraph("         ", "         ", faint, "and "+strconv.Itoa(n)+" more in the JSON file")
	}
	if v.LeftOut > 0 {
		p.paragraph("         ", "         ", faint, plural(v.LeftOut, "finding")+" of the mildest only counted")
	}
}

// findingGroup is what is held against several in the same words, told once.
type findingGroup struct {
	verdict.Finding
	about []string
}

// groupFindings joins findings of the same title, most severe first.
func groupFindings(findings []verdict.Finding) []findingGroup {
	type key struct {
		severity    verdict.Severity
		code, title string
	}
	type about struct {
		group int
		who   string
	}
	seen := map[about]bool{}
	var groups []findingGroup
	at := map[key]int{}
	for _, f := range findings {
		k := key{f.Severity, f.Code, f.Title}
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k] = i
			groups = append(groups, findingGroup{Finding: f})
		}
		if who := subject(f); who != "" && !seen[about{i, who}] {
			seen[about{i, who}] = true
			groups[i].about = append(groups[i].about, who)
		}
	}
	slices.SortStableFunc(groups, func(a, b findingGroup) int { return severityRank(a.Severity) - severityRank(b.Severity) })
	return groups
}

// subject is whom or what a finding is held against.
func subject(f verdict.Finding) string {
	var who string
	switch {
	case f.Account != "":
		who = f.Account
	case f.Device != "":
		who = "device " + f.Device
	case f.Session != "":
		who = "session " + f.Session
	}
	switch {
	case f.ClientIP == "":
		return clip(who, 64)
	case who == "":
		return clip(f.ClientIP, 64)
	}
	return clip(who, 64) + " from " + clip(f.ClientIP, 64)
}

func (p *printer) background(v *verdict.Verdict) {
	var texts []string
	for _, inc := range v.Incidents {
		if inc.Kind != verdict.Background {
			continue
		}
		text := inc.Text
		if text == "" {
			text = inc.Name
		}
		texts = append(texts, sentenceEnd(upperFirst(text)))
	}
	if len(texts) == 0 {
		return
	}
	n := len(texts)
	texts = texts[:min(n, maxReasons)]
	if n > maxReasons {
		texts = append(texts, fmt.Sprintf("And %d more in the JSON file.", n-maxReasons))
	}
	p.heading("Everyday noise")
	p.paragraph("", "", none, strings.Join(texts, " "))
}

func (p *printer) infected(v *verdict.Verdict) {
	if len(v.Infected) == 0 {
		if len(v.Coverage.LookedAt) > 0 {
			p.heading("Malware")
			p.paragraph("", "", none, "No machine of your own people is known to hold any. What was looked at: "+strings.Join(v.Coverage.LookedAt, "; ")+".")
		}
		return
	}
	names := make([]string, len(v.Infected))
	for i, c := range v.Infected {
		names[i] = infectedName(c)
	}
	p.heading("Machines of your own people that take part")
	p.paragraph("", "", none, p.some(names, maxNames))
}

func (p *printer) sensitivity(v *verdict.Verdict) {
	if len(v.Sensitivity) == 0 {
		return
	}
	p.heading("How surely an attack would have been seen")
	for _, s := range v.Sensitivity {
		p.marked("", pad(fmt.Sprintf("%3.0f %%", 100*clamp(s.Detected)), 6), none, fmt.Sprintf("%s (%.0f to %.0f %%, tried %s)",
			s.Attack, 100*clamp(s.Interval[0]), 100*clamp(s.Interval[1]), plural(s.Injections, "time")))
	}
}

func (p *printer) coverage(v *verdict.Verdict) {
	c := &v.Coverage
	p.heading("What was read")
	text := plural(c.Files, "file") + ", " + plural(c.Lines, "line")
	if c.Bytes > 0 {
		text += ", " + size(c.Bytes)
	}
	text += "."
	if !c.From.IsZero() {
		text += " From " + p.when(c.From, time.Time{}) + " to " + p.when(c.To, time.Time{}) + ", " + message.Zone(p.o.Location, c.From) + "."
	}
	switch {
	case c.Rejected == 1:
		text += " 1 line was damaged or of unknown form."
	case c.Rejected > 1:
		text += " " + group(strconv.FormatInt(c.Rejected, 10)) + " lines were damaged or of unknown form."
	case c.Lines > 0:
		text += " Every line was understood."
	}
	p.paragraph("", "", none, text)
	for _, s := range c.Samples[:min(len(c.Samples), maxSamples)] {
		p.place("  ", s.Evidence)
		p.clipped("    ", none, s.Why+": "+s.Text)
	}
	for _, a := range c.Assumed[:min(len(c.Assumed), maxProblems)] {
		p.marked("", p.bullet(), none, a)
	}
	p.more(len(c.Assumed)-maxProblems, "assumption")
	for _, g := range c.Gaps[:min(len(c.Gaps), maxProblems)] {
		p.marked("", p.bullet(), yellow, "No logs of "+g.Format+" from "+p.when(g.From, time.Time{})+" to "+p.when(g.To, g.From))
	}
	p.more(len(c.Gaps)-maxProblems, "gap")
	for _, problem := range c.Problems[:min(len(c.Problems), maxProblems)] {
		p.marked("", p.bullet(), yellow, problem)
	}
	p.more(len(c.Problems)-maxProblems, "problem")
}

func (p *printer) more(n int, what string) {
	if n > 0 {
		p.paragraph("  ", "  ", faint, "and "+strconv.Itoa(n)+" more "+what+ending(n, what)+" in the JSON file")
	}
}

func (p *printer) cannotTell(v *verdict.Verdict) {
	if len(v.Coverage.CannotTell) == 0 {
		return
	}
	p.heading("What these logs could not tell")
	p.list(v.Coverage.CannotTell, maxProblems)
}

func (p *printer) next(v *verdict.Verdict) {
	if len(v.Next) == 0 {
		return
	}
	p.heading("What to do next")
	for i, n := range v.Next {
		p.marked("", strconv.Itoa(i+1)+". ", bold, n)
	}
}

func (p *printer) list(items []string, most int) {
	for _, item := range items[:min(len(items), most)] {
		p.marked("", p.bullet(), none, item)
	}
	p.more(len(items)-most, "point")
}

// some joins at most n names and counts the rest.
func (p *printer) some(names []string, n int) string {
	shown := make([]string, 0, n)
	for _, name := range names[:min(len(names), n)] {
		shown = append(shown, clip(name, maxName))
	}
	text := strings.Join(shown, ", ")
	if rest := len(names) - n; rest > 0 {
		text += " and " + group(strconv.Itoa(rest)) + " more"
	}
	return text
}

// when writes a time, without what it shares with ref.
func (p *printer) when(t, ref time.Time) string {
	t = t.In(p.o.Location)
	if !ref.IsZero() {
		ref = ref.In(p.o.Location)
		switch {
		case t.Year() == ref.Year() && t.YearDay() == ref.YearDay():
			return t.Format("15:04")
		case t.Year() == ref.Year():
			return t.Format("Mon 2 Jan 15:04")
		}
	}
	return t.Format("Mon 2 Jan 2006 15:04")
}

func lasted(from, to time.Time) string {
	d := to.Sub(from)
	switch {
	case from.IsZero() || d < time.Minute:
		return ""
	case d < 2*time.Hour:
		return " (" + plural(int(d.Minutes()+0.5), "minute") + ")"
	case d < 72*time.Hour:
		return fmt.Sprintf(" (%d hours)", int(d.Hours()+0.5))
	}
	return fmt.Sprintf(" (%d days)", int(d.Hours()/24+0.5))
}

func clamp(p float64) float64 {
	if math.IsNaN(p) {
		return 0
	}
	return min(max(p, 0), 1)
}
