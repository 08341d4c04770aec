package report

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"time"

	"mailvigil/internal/chart"
	"mailvigil/internal/message"
	"mailvigil/verdict"
)

// drawn are the pictures of an incident, each with the table of its numbers.
func (s *sheet) drawn(in *verdict.Incident) []*figure {
	var out []*figure
	if in.Plot != nil && len(in.Plot.Observed) > 0 {
		out = append(out, s.plot(in, 300))
	}
	for _, f := range []*figure{s.hours(in), s.split(in), s.matrix(in)} {
		if f != nil {
			out = append(out, f)
		}
	}
	return out
}

func (s *sheet) inline(height int) chart.Options {
	return chart.Options{Height: height, Location: s.o.Location, Inline: true}
}

// figure begins one. chart escapes what it draws.
func (s *sheet) figure(title, svg, caption string) *figure {
	s.figures++
	return &figure{
		ID: "figure-" + strconv.Itoa(s.figures), Title: title, Caption: caption,
		SVG: template.HTML(svg), //nolint:gosec // by internal/chart, which escapes
	}
}

// plot is the series with its band and onset. Its table sums steps, so that it
// has no more rows than anybody reads.
func (s *sheet) plot(in *verdict.Incident, height int) *figure {
	series := series(in.Plot, in)
	loc := s.o.Location
	merged := (len(series.Observed) + pageRows - 1) / pageRows
	f := s.figure(series.Title, chart.SVG(series, s.inline(height)), "Counts in steps of "+chart.Length(series.Step)+
		". The band is where counts are expected; what leaves it is marked at the edge as well. The dark line is the onset, the shade around it where the onset lies with 90 % probability.")
	f.Head = []string{"From", "Counted in " + chart.Length(series.Step*time.Duration(merged)), "Expected"}
	for i := 0; i < len(series.Observed); i += merged {
		var observed, expected float64
		known := true
		for k := i; k < min(i+merged, len(series.Observed)); k++ {
			known = known && series.Observed[k] >= 0
			observed += series.Observed[k]
			if k < len(series.Expected) && series.Expected[k] >= 0 {
				expected += series.Expected[k]
			}
		}
		count := "no logs"
		if known {
			count = chart.Count(observed)
		}
		at := series.Start.Add(series.Step * time.Duration(i)).In(loc)
		f.Rows = append(f.Rows, []string{at.Format("Mon 2 Jan 15:04"), count, chart.Count(expected)})
	}
	return f
}

// hours shows on which days and at what hours it was: people keep office hours,
// machines do not.
func (s *sheet) hours(in *verdict.Incident) *figure {
	if in.Hours == nil || len(in.Hours.Observed) == 0 {
		return nil
	}
	series := series(in.Hours, in)
	days := series.Days(s.o.Location)
	if days == nil {
		return nil
	}
	f := s.figure("By day and hour: "+series.Title, chart.HoursSVG(series, s.inline(0)),
		"People keep hours, machines do not. Darker is more; a triangle marks an hour outside the expected band.")
	f.Head = []string{"Day"}
	for h := range 24 {
		f.Head = append(f.Head, fmt.Sprintf("%02d:00", h))
	}
	for _, d := range days {
		row := []string{d.Date.Format("Mon 2 Jan")}
		for _, h := range d.Hours {
			cell := ""
			switch {
			case !h.In:
			case h.Observed < 0:
				cell = "no logs"
			default:
				cell = chart.Count(h.Observed)
				if h.Above() {
					cell += " ▲"
				} else if h.Below() {
					cell += " ▼"
				}
			}
			row = append(row, cell)
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}

func series(p *verdict.Plot, in *verdict.Incident) chart.Series {
	with := *in
	with.Plot = p
	out := Series(&with)
	out.Title = clip(out.Title, 90)
	return out
}

// split shows how the excess divides among its causes.
func (s *sheet) split(in *verdict.Incident) *figure {
	if len(in.Split) == 0 {
		return nil
	}
	var bars []chart.Bar
	for _, part := range in.Split {
		name := "Everything else"
		if len(part.Cause) > 0 {
			name = clip(upperFirst(message.Cause(part.Cause)), maxName)
		}
		bars = append(bars, chart.Bar{Name: name, Observed: part.Observed, Expected: part.Expected})
	}
	f := s.figure("The excess by cause", chart.BarsSVG("The excess by cause", bars, s.inline(0)),
		"Every event counts once, for the first cause that picks it out. Counted in the hours that were looked at closely, and expected from the same hours of other days; the plot above counts the whole time.")
	f.Head = []string{"Cause", "Counted", "Expected", "More or fewer"}
	for _, b := range bars {
		diff := "+" + chart.Count(b.Observed-b.Expected)
		if b.Observed < b.Expected {
			diff = "−" + chart.Count(b.Expected-b.Observed)
		}
		f.Rows = append(f.Rows, []string{b.Name, chart.Count(b.Observed), chart.Count(b.Expected), diff})
	}
	return f
}

// matrix shows which account was used from which address, and which the
// findings of the incident name together.
func (s *sheet) matrix(in *verdict.Incident) *figure {
	ties := map[[2]string]chart.Tie{}
	accounts, sources := map[string]int{}, map[string]int{}
	tie := func(account, source string, t chart.Tie) {
		if account == "" || source == "" || ties[[2]string{account, source}] >= t {
			return
		}
		if ties[[2]string{account, source}] == chart.Apart {
			accounts[account]++
			sources[source]++
		}
		ties[[2]string{account, source}] = t
	}
	for _, x := range in.Extent {
		for _, source := range x.Sources {
			tie(x.Account, source, chart.Used)
		}
	}
	for _, f := range s.v.Findings {
		if slices.Contains(in.Findings, f.ID) {
			tie(f.Account, f.ClientIP, chart.Suspected)
		}
	}
	if len(ties) < 2 {
		return nil
	}
	// Those with most ties stand first: an address with many accounts is the
	// machine of one attacker.
	order := func(count map[string]int, most int) []string {
		var names []string
		for n := range count {
			names = append(names, n)
		}
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
		return names[:min(len(names), most)]
	}
	m := chart.Matrix{
		Title: "Accounts and the addresses they were used from", Suspects: "named together in a finding", Uses: "signed in",
		Rows: order(sources, 2*pageColumns), Columns: order(accounts, pageColumns),
	}
	for _, source := range m.Rows {
		row := make([]chart.Tie, len(m.Columns))
		for j, account := range m.Columns {
			row[j] = ties[[2]string{account, source}]
		}
		m.Ties = append(m.Ties, row)
	}
	caption := "A full disc: the account was used from the address. A ring: a finding names both."
	if n := len(accounts) - len(m.Columns); n > 0 {
		caption += " " + plural(n, "more account") + " in the JSON file."
	}
	if n := len(sources) - len(m.Rows); n > 0 {
		caption += " " + plural(n, "more address") + " in the JSON file."
	}
	f := s.figure(m.Title, chart.MatrixSVG(m, s.inline(0)), caption)
	f.Head = []string{"Address", "Account", "Tie"}
	for i, source := range m.Rows {
		for j, account := range m.Columns {
			word := map[chart.Tie]string{chart.Used: m.Uses, chart.Suspected: m.Suspects}[m.Ties[i][j]]
			if word != "" {
				f.Rows = append(f.Rows, []string{clip(source, 64), clip(account, 64), word})
			}
		}
	}
	return f
}
