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

	"mailvigil/internal/api"
	"mailvigil/internal/message"
	"mailvigil/verdict"
)

// How much of each is shown at the terminal; everything is in the JSON.
const (
	maxOpen      = 8
	maxSources   = 5
	maxNotes     = 8
	maxHistory   = 12
	maxFollowups = 8
	maxGrounds   = 6
)

// page writes one page of a watch's answer.
func page(w io.Writer, o Options, zone string, write func(*printer)) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	o.Width = min(max(o.Width, 40), 120)
	if loc, err := time.LoadLocation(zone); err == nil && zone != "" {
		o.Location = loc
	} else if o.Location == nil {
		o.Location = time.UTC
	}
	out := bufio.NewWriter(w)
	write(&printer{w: out, o: o})
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// Status shows how the service and the watch do, for somebody woken at night:
// what is to be known in the first sentence, what to do last.
func Status(w io.Writer, s *api.Status, o Options) error {
	return page(w, o, s.Timezone, func(p *printer) {
		text, st := headline(s)
		p.paragraph("", "", st, text)
		line := fmt.Sprintf("It is %s in %s.", p.when(s.Time, time.Time{}), message.Zone(p.o.Location, s.Time))
		if s.LastSlot.IsZero() {
			line += " Nothing was judged yet."
		} else {
			line += " Judged up to " + p.when(s.LastSlot.Add(time.Minute), s.Time) + "."
		}
		p.paragraph("", "", faint, line)
		p.assessment(s.Assessment)

		if len(s.Incidents) > 0 {
			p.heading("Incidents that are not closed")
			for _, in := range s.Incidents[:min(len(s.Incidents), maxOpen)] {
				p.summary(&in, s.Time)
			}
			if n := len(s.Incidents) - maxOpen; n > 0 {
				p.paragraph("", "", faint, "And "+plural(n, "more")+"; \"mailvigil incidents\" lists them.")
			}
		}
		p.services(s)
		p.probes(s)
		p.watch(s)
		p.problems(s)
	})
}

// said is what an incident is, and then what happened.
func said(in *api.Summary) string {
	name := sentenceEnd(upperFirst(in.Name))
	switch {
	case in.Text == "":
		return name
	case in.Name == "" || strings.EqualFold(in.Name, strings.TrimSuffix(in.Text, ".")):
		return sentenceEnd(in.Text)
	}
	return name + " " + sentenceEnd(in.Text)
}

// headline is what is to be known first.
func headline(s *api.Status) (string, style) {
	if len(s.Incidents) > 0 {
		in := &s.Incidents[0]
		text := said(in)
		if n := len(s.Incidents) - 1; n > 0 {
			text += " And " + plural(n, "more incident") + "."
		}
		if in.Status == api.StatusQuiet {
			text += " It is over, and waits for somebody to close it."
		}
		_, st := kindWord(verdict.Kind(in.Kind))
		return text, st
	}
	for _, sv := range s.Services {
		if sv.State == api.ServiceFault {
			return sentenceEnd(cmp.Or(sv.Text, upperFirst(message.Service(sv.Service))+" does not work")), yellow
		}
	}
	for _, pr := range s.Problems {
		if pr.Grave {
			return "No incident is open, but the watch is not whole: " + sentenceEnd(pr.Text), yellow
		}
	}
	unusual := 0
	for _, sv := range s.Services {
		if sv.Unusual {
			unusual++
		}
	}
	switch {
	case unusual > 0:
		return fmt.Sprintf("No incident is open; %s more or less busy than usual.", plural(unusual, "service")), none
	case len(s.Services) == 0:
		return "No incident is open, and no service was seen yet.", none
	}
	return "No incident is open, and every service is as busy as usual.", green
}

// summary is an incident in two or three lines.
func (p *printer) summary(in *api.Summary, now time.Time) {
	_, st := kindWord(verdict.Kind(in.Kind))
	number := "#" + strconv.FormatInt(in.Number, 10)
	first := pad(number, 5) + " "
	p.marked("", first, st, said(in))
	facts := []string{in.Severity + " " + in.Kind}
	if in.Status != api.StatusOpen {
		facts = append(facts, string(in.Status))
	}
	if !in.Onset.IsZero() {
		text := "since " + p.when(in.Onset, now)
		if !in.Ongoing && !in.End.IsZero() {
			text = p.when(in.Onset, now) + " to " + p.when(in.End, in.Onset)
		}
		facts = append(facts, text)
	}
	if in.Accounts > 0 {
		facts = append(facts, plural(in.Accounts, "account")+" in other hands")
	}
	switch {
	case in.Owner != "":
		facts = append(facts, "with "+clip(in.Owner, 40))
	case in.Status == api.StatusOpen || in.Status == api.StatusQuiet:
		facts = append(facts, "nobody has it")
	}
	p.paragraph("      ", "      ", faint, strings.Join(facts, ", "))
	if !in.Due.IsZero() {
		st, text := faint, p.planned(in.DueKind, in.Due, now)
		if in.Due.Before(now) {
			st = red
		}
		if in.DueWhat != "" {
			text += ": " + in.DueWhat
		}
		p.paragraph("      ", "      ", st, upperFirst(text))
	}
}

// planned says when something is due, awaited or to be thought of.
func (p *printer) planned(kind string, at, now time.Time) string {
	late := at.Before(now)
	text := "due"
	switch {
	case kind == "awaited" && late:
		text = "still awaited since"
	case kind == "awaited":
		text = "awaited by"
	case kind == "reminder":
		text = "to be thought of at"
	case late:
		text = "was due"
	}
	return text + " " + p.when(at, now)
}

var stateWords = map[api.ServiceState]struct {
	word  string
	style style
}{
	api.ServiceOpen:      {"open", none},
	api.ServiceWindow:    {"shut for the night", none},
	api.ServiceSuspended: {"suspended", yellow},
	api.ServiceFault:     {"FAULT", red},
	api.ServiceUnknown:   {"not known", faint},
}

func (p *printer) services(s *api.Status) {
	if len(s.Services) == 0 {
		return
	}
	names, states := 0, 0
	for _, sv := range s.Services {
		names = max(names, width(clip(message.Service(sv.Service), 24)))
		states = max(states, width(stateOf(sv.State)))
	}
	p.heading("Services")
	for _, sv := range s.Services {
		st := stateWords[sv.State].style
		text := "nothing counted"
		if sv.Observed != nil {
			text = amount(*sv.Observed) + " in " + inSeconds(sv.Span)
			switch {
			case sv.Lower != nil && sv.Upper != nil:
				text += ", usual are " + amount(math.Round(*sv.Lower)) + " to " + amount(math.Round(*sv.Upper))
			case sv.Expected != nil:
				text += ", usual are " + amount(math.Round(*sv.Expected))
			}
		}
		if sv.Unusual {
			text += ": unusual"
			if st == none {
				st = yellow
			}
		}
		if sv.Text != "" {
			text += ". " + sentenceEnd(upperFirst(sv.Text))
		}
		p.marked("", "  "+pad(clip(message.Service(sv.Service), 24), names)+"  "+pad(stateOf(sv.State), states)+"  ", st, text)
	}
}

func stateOf(s api.ServiceState) string {
	if w, ok := stateWords[s]; ok {
		return w.word
	}
	return clip(string(s), 20)
}

func inSeconds(seconds int) string {
	if seconds%60 == 0 && seconds > 0 {
		return plural(seconds/60, "minute")
	}
	return plural(seconds, "second")
}

func (p *printer) probes(s *api.Status) {
	if len(s.Probes) == 0 {
		return
	}
	ok := 0
	p.heading("Probes")
	for _, pr := range s.Probes {
		st, word := yellow, pr.State
		switch pr.State {
		case "ok":
			ok++
			continue
		case "failed":
			st = red
		case "unknown":
			st, word = faint, "not asked yet"
		}
		text := word
		if !pr.Time.IsZero() {
			text += " at " + p.when(pr.Time, s.Time)
		}
		if pr.Text != "" {
			text += ": " + sentenceEnd(pr.Text)
		}
		p.marked("", "  "+clip(pr.Name, 24)+"  ", st, text)
	}
	p.paragraph("  ", "  ", none, fmt.Sprintf("%d of %d answer as they should.", ok, len(s.Probes)))
}

// watch is how the watch itself does.
func (p *printer) watch(s *api.Status) {
	p.heading("The watch")
	p.field("Since", p.when(s.Since, time.Time{})+lasted(s.Since, s.Time)+", version "+s.Version)
	var behind, rejected, lost int64
	for _, in := range s.Intake {
		behind, rejected, lost = behind+in.Behind, rejected+in.Rejected, lost+in.Lost
	}
	text := plural(len(s.Intake), "source") + ", nothing waits"
	if behind > 0 {
		text = plural(len(s.Intake), "source") + ", " + size(behind) + " wait"
	}
	if rejected > 0 {
		text += ", " + plural(rejected, "line") + " not understood"
	}
	if lost > 0 {
		text += ", " + plural(lost, "line") + " LOST"
	}
	p.field("Intake", text)
	wrong := slices.DeleteFunc(slices.Clone(s.Intake), func(in api.Source) bool { return in.Text == "" && in.Lost == 0 })
	for _, in := range wrong[:min(len(wrong), maxSources)] {
		text := in.Name
		if in.Text != "" {
			text += ": " + in.Text
		}
		if in.Lost > 0 {
			text += " (" + plural(in.Lost, "line") + " lost)"
		}
		p.field("", text)
	}
	if n := len(wrong) - maxSources; n > 0 {
		p.field("", "and "+plural(n, "more source")+", in the JSON")
	}
	text = plural(s.Archive.Segments, "segment") + ", " + size(s.Archive.Bytes)
	if s.Archive.Most > 0 {
		text += " of " + size(s.Archive.Most)
	}
	if !s.Archive.From.IsZero() {
		text += ", since " + p.when(s.Archive.From, s.Time)
	}
	if s.Archive.Held > 0 {
		text += ", " + size(s.Archive.Held) + " held for incidents"
	}
	p.field("Archive", text)
	p.field("Vigilance", p.vigilance(&s.Vigilance, s.Time))
	for _, e := range s.Expected {
		p.field("Expected", e.What+", "+p.when(e.From, s.Time)+" to "+p.when(e.Until, e.From)+by(e.By))
	}
	if s.Configuration.Problem != "" {
		p.field("Config", "the file was changed and does not hold: "+s.Configuration.Problem)
	}
}

func by(name string) string {
	if name == "" {
		return ""
	}
	return ", by " + clip(name, 40)
}

func (p *printer) vigilance(v *api.Vigilance, now time.Time) string {
	if !v.Raised {
		return "as usual"
	}
	text := "RAISED until " + p.when(v.Until, now) + by(v.By)
	if v.Reason != "" {
		text += ": " + v.Reason
	}
	if v.Cost != "" {
		text += " (" + v.Cost + ")"
	}
	return text
}

func (p *printer) problems(s *api.Status) {
	if len(s.Problems) == 0 {
		return
	}
	p.heading("What to see to")
	for _, pr := range s.Problems {
		st := yellow
		if pr.Grave {
			st = red
		}
		text := sentenceEnd(pr.Text)
		if !pr.Since.IsZero() {
			text += " Since " + p.when(pr.Since, s.Time) + "."
		}
		p.marked("", p.bullet(), st, text)
		if pr.Next != "" {
			p.paragraph("  ", "  ", none, sentenceEnd(pr.Next))
		}
	}
}

// Incidents shows a list. Filtered says that closed ones are left out.
func Incidents(w io.Writer, l *api.Page, now time.Time, filtered bool, o Options) error {
	return page(w, o, l.Timezone, func(p *printer) {
		if len(l.Incidents) == 0 {
			text := "There was no incident yet."
			if filtered {
				text = "No incident is open. With --all those that were closed are listed too."
			}
			p.paragraph("", "", none, text)
			return
		}
		for i := range l.Incidents {
			p.summary(&l.Incidents[i], now)
		}
		p.blank()
		text := "Times are those of " + message.Zone(p.o.Location, now) + ". \"mailvigil incident show NUMBER\" tells more."
		if l.Before > 0 {
			text += " There are older ones: --before " + strconv.FormatInt(l.Before, 10) + "."
		}
		p.paragraph("", "", faint, text)
	})
}

// Incident shows all that is known of one, what to do last.
func Incident(w io.Writer, in *api.Incident, now time.Time, o Options) error {
	return page(w, o, in.Timezone, func(p *printer) {
		word, st := kindWord(verdict.Kind(in.Kind))
		p.paragraph("", "", bold, sentenceEnd(cmp.Or(in.Text, upperFirst(in.Name))))
		p.paragraph("", "", st, fmt.Sprintf("Incident #%d: %s, %s, %s.", in.Number, word, in.Severity, in.Status))
		p.paragraph("", "", faint, "Times are those of "+message.Zone(p.o.Location, now)+".")
		if in.MergedInto > 0 {
			p.paragraph("", "", yellow, fmt.Sprintf("It was found to be part of #%d, which has all of it.", in.MergedInto))
		}
		p.standing(in, now)
		p.assessment(in.Assessment)
		for i := range in.Parts {
			judged := in.Parts[i].Judged()
			p.incident(i+1, &judged)
			if i < maxFull {
				p.grounds(&judged)
			}
		}
		p.outages(in.Outages, now)
		p.findings(&verdict.Verdict{Findings: in.Findings})
		p.followups(in.Followups, now)
		p.notes(in.Notes, now)
		p.history(in.History, now)
		p.next(&verdict.Verdict{Next: in.Next})
	})
}

// standing is who has it, and what became of it.
func (p *printer) standing(in *api.Incident, now time.Time) {
	p.blank()
	p.field("Opened", p.when(in.Opened, time.Time{}))
	p.field("With", cmp.Or(in.Owner, "nobody; \"mailvigil incident assign "+strconv.FormatInt(in.Number, 10)+"\" takes it"))
	if len(in.Parts) == 0 && !in.Onset.IsZero() {
		p.field("Since", p.since(&verdict.Incident{Onset: in.Onset, OnsetInterval: [2]time.Time{in.OnsetFrom, in.OnsetTo}}))
	}
	if c := in.Closing; c != nil {
		text := strings.ReplaceAll(c.As, "_", " ") + ", " + p.when(c.Time, now) + by(c.By)
		if c.Why != "" {
			text += ": " + c.Why
		}
		p.field("Closed as", text)
	}
	if in.Earlier > 0 {
		p.field("Earlier", fmt.Sprintf("it is the return of #%d", in.Earlier))
	}
	if len(in.Absorbed) > 0 {
		names := make([]string, len(in.Absorbed))
		for i, n := range in.Absorbed {
			names[i] = "#" + strconv.FormatInt(n, 10)
		}
		p.field("With it", p.some(names, maxNames)+", merged into this one")
	}
}

func (p *printer) outages(all []api.Outage, now time.Time) {
	if len(all) == 0 {
		return
	}
	p.heading("What did not work")
	for _, x := range all {
		text := upperFirst(message.Service(x.Service)) + ", since " + p.when(x.Onset, now)
		if !x.LastSuccess.IsZero() {
			text += " (it last worked at " + p.when(x.LastSuccess, x.Onset) + ")"
		}
		if !x.End.IsZero() {
			text += ", until " + p.when(x.End, x.Onset) + lasted(x.Onset, x.End)
		}
		p.marked("", p.bullet(), yellow, text+". "+sentenceEnd(cmp.Or(x.Text, x.Affected)))
	}
}

// assessment answers "glitch or attack?".
func (p *printer) assessment(a *api.Assessment) {
	if a == nil {
		return
	}
	p.heading("Glitch or attack?")
	p.paragraph("", "", none, a.Text)
	for _, text := range a.For[:min(len(a.For), maxGrounds)] {
		p.marked("", p.bullet(), none, text)
	}
	p.more(len(a.For)-maxGrounds, "ground")
	for _, text := range a.Missing {
		p.marked("", p.bullet(), yellow, text)
	}
}

func (p *printer) followups(all []api.Followup, now time.Time) {
	if len(all) == 0 {
		return
	}
	p.heading("What it waits for")
	for _, f := range all[:min(len(all), maxFollowups)] {
		text, st := f.What, none
		if f.From != "" {
			text += ", from " + f.From
		}
		switch {
		case !f.Done.IsZero():
			text, st = text+": done "+p.when(f.Done, now)+by(f.DoneBy), faint
		default:
			if f.Time.Before(now) {
				st = red
			}
			text += ": " + p.planned(f.Kind, f.Time, now)
		}
		p.marked("", strconv.Itoa(f.Number)+". ", st, text)
	}
	p.more(len(all)-maxFollowups, "point")
}

func (p *printer) notes(all []api.Note, now time.Time) {
	if len(all) == 0 {
		return
	}
	p.heading("Notes")
	if n := len(all) - maxNotes; n > 0 {
		p.paragraph("", "", faint, plural(n, "older note")+" in the JSON.")
		all = all[n:]
	}
	for _, n := range all {
		p.marked("", p.when(n.Time, now)+" "+clip(n.By, 24)+": ", faint, n.Text)
	}
}

func (p *printer) history(all []api.Event, now time.Time) {
	if len(all) == 0 {
		return
	}
	p.heading("What became of it")
	if n := len(all) - maxHistory; n > 0 {
		p.paragraph("", "", faint, plural(n, "earlier entry")+" in the JSON.")
		all = all[n:]
	}
	for _, e := range all {
		text := e.What + by(e.By)
		if e.Text != "" {
			text += ": " + e.Text
		}
		p.marked("", p.when(e.Time, now)+" ", faint, text)
	}
}

// Vigilance shows how hard the watch looks.
func Vigilance(w io.Writer, v *api.Vigilance, now time.Time, o Options) error {
	return page(w, o, "", func(p *printer) {
		text := "The watch looks as usual."
		if v.Raised {
			text = "Vigilance: " + sentenceEnd(p.vigilance(v, now))
		}
		p.paragraph("", "", none, text)
	})
}
