package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mailvigil/internal/chart"
)

//go:embed page.md
var prose string

// plotName is the plot's file, beside the page.
const plotName = "evaluation-recall.svg"

// point is how often attacks of one strength were seen.
type point struct {
	Strength float64  `json:"strength"`
	Seen     fraction `json:"seen"`
}

// curve is recall against strength of one kind of attack.
type curve struct {
	Name   string  `json:"name"`
	Points []point `json:"points"`
}

// summary is everything that was measured.
type summary struct {
	Extent     extent       `json:"extent"`
	Seed       uint64       `json:"seed"`
	Networks   bool         `json:"networks"`
	Worlds     int          `json:"worlds"`
	Seconds    float64      `json:"seconds"`
	Total      *figures     `json:"total"`
	Harmless   *figures     `json:"harmless"`
	Attacks    *figures     `json:"attacks"`
	Called     fraction     `json:"called_attack_at_every_strength"`
	Lines      *figures     `json:"lines,omitempty"`
	Rows       []*figures   `json:"rows"`
	Weak       []*figures   `json:"weak"`
	Partial    []*figures   `json:"partial"`
	Recall     []*curve     `json:"recall"`
	Confidence *reliability `json:"confidence"`
	Posteriors *reliability `json:"posteriors"`
	Unknown    []string     `json:"unknown_hypotheses,omitempty"`
}

// table writes rows in Markdown, padded so that it reads well in a terminal.
func table(b *strings.Builder, heads []string, rows [][]string) {
	width := make([]int, len(heads))
	for _, r := range append([][]string{heads}, rows...) {
		for i, c := range r {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	line := func(r []string) {
		for i, c := range r {
			fmt.Fprintf(b, "| %s%s ", c, strings.Repeat(" ", width[i]-len([]rune(c))))
		}
		b.WriteString("|\n")
	}
	line(heads)
	for _, w := range width {
		b.WriteString("|" + strings.Repeat("-", w+2))
	}
	b.WriteString("|\n")
	for _, r := range rows {
		line(r)
	}
	b.WriteString("\n")
}

// text is all figures as Markdown.
func (s *summary) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d worlds, seeds from %d on, in %.0f s.\n\n", s.Worlds, s.Seed, s.Seconds)
	if !s.Networks {
		b.WriteString("Without the networks database: addresses had no ASN, no country and no kind.\n\n")
	}
	b.WriteString("### The measures\n\nAt the usual strength, with 95 % bounds.\n\n")
	table(&b, []string{"what", "figure", "wanted"}, s.measures())
	b.WriteString("### By kind\n\n")
	var rows [][]string
	for _, f := range s.Rows {
		rows = append(rows, f.cells())
	}
	for _, f := range []*figures{s.Harmless, s.Attacks, s.Total, s.Lines} {
		if f != nil {
			rows = append(rows, f.cells())
		}
	}
	table(&b, heads, rows)

	b.WriteString("### Attacks that are weaker\n\nThe share that is seen, of how many. A dash: not tried, since less than half were seen at twice the strength.\n\n")
	table(&b, s.recallHeads(), s.recallRows())
	b.WriteString("### Harmless causes that are weaker\n\n")
	rows = nil
	for _, f := range s.Weak {
		if f.Called.Of > 0 {
			rows = append(rows, []string{f.Name, fmt.Sprint(f.Strength), f.Verdict.String(), f.Called.String(), f.Undetermined.String()})
		}
	}
	table(&b, []string{"kind", "strength", "verdict right", "called an attack", "undetermined"}, rows)
	fmt.Fprintf(&b, "Of all worlds without an attack, at every strength, %s are called one: %s.\n\n", s.Called, s.Called.bounds())
	if wrong := s.falseAttacks(); len(wrong) > 0 {
		b.WriteString("```\n" + strings.Join(wrong, "\n") + "\n```\n\n")
	}

	b.WriteString("### With a part of the logs\n\n")
	rows = nil
	for _, f := range s.Partial {
		wrong := f.Verdict.Of - f.Verdict.Part - f.Undetermined.Part
		rows = append(rows, []string{f.Name, f.Verdict.String(), f.Undetermined.String(), fmt.Sprint(wrong), f.Called.String(), f.Seen.String()})
	}
	table(&b, []string{"what is there", "right", "undetermined", "else", "called an attack", "attacks seen"}, rows)

	b.WriteString("### Do probabilities mean what they say\n\n")
	b.WriteString("The confidence of verdicts, those that are undetermined left out:\n\n")
	s.Confidence.table(&b)
	b.WriteString("The probability of each hypothesis of each incident:\n\n")
	s.Posteriors.table(&b)
	if len(s.Unknown) > 0 {
		fmt.Fprintf(&b, "Counted as never true, since the evaluation does not know them: %s.\n\n", strings.Join(s.Unknown, ", "))
	}

	b.WriteString("### Where it is wrong\n\n```\n")
	for _, f := range append(append([]*figures{}, s.Rows...), s.Lines) {
		if f != nil {
			for _, w := range f.Wrong {
				b.WriteString(w + "\n")
			}
		}
	}
	b.WriteString("```\n\nWith a part of the logs, neither right nor undetermined:\n\n```\n")
	for _, f := range s.Partial {
		for _, w := range f.Wrong {
			if !strings.HasPrefix(w, "undetermined ") {
				b.WriteString(f.Name + ", " + w + "\n")
			}
		}
	}
	b.WriteString("```\n")
	return b.String()
}

// falseAttacks are the worlds without an attack that are called one.
func (s *summary) falseAttacks() (out []string) {
	for _, f := range append(append([]*figures{}, s.Rows...), s.Weak...) {
		for _, w := range f.Wrong {
			said, rest, _ := strings.Cut(w, " instead of ")
			was, _, _ := strings.Cut(rest, ":")
			if hostile(said) && !hostile(was) {
				out = append(out, w)
			}
		}
	}
	return out
}

func (r *reliability) table(b *strings.Builder) {
	var rows [][]string
	for _, x := range r.Bins {
		if x.True.Of > 0 {
			rows = append(rows, []string{
				fmt.Sprintf("%.2f to %.2f", x.From, x.To), fmt.Sprint(x.True.Of), fmt.Sprintf("%.3f", x.Said.Mean),
				fmt.Sprintf("%.3f", x.True.Share), fmt.Sprintf("%.3f to %.3f", x.True.Low, x.True.High),
			})
		}
	}
	table(b, []string{"said", "how often", "said on average", "true", "95 %"}, rows)
	fmt.Fprintf(b, "Brier score %.4f over %d.\n\n", r.Brier.Mean, r.Brier.N)
}

// measures are what is promised, and what it is.
func (s *summary) measures() [][]string {
	t := s.Total
	both := func(x tally) string {
		return fmt.Sprintf("%s and %s; world by world %s and %s (%d named, %d of them right, of %d)", share(x.Precision), share(x.Recall), share(x.EachPrecision.Mean), share(x.EachRecall.Mean), x.Found, x.Right, x.True)
	}
	rows := [][]string{
		{"verdict right", t.Verdict.bounds() + ", " + t.Verdict.String(), "95 % or more"},
		{"verdict right, without an attack", s.Harmless.Verdict.bounds() + ", " + s.Harmless.Verdict.String(), ""},
		{"verdict right, with an attack", s.Attacks.Verdict.bounds() + ", " + s.Attacks.Verdict.String(), ""},
		{"called an attack without one", s.Harmless.Called.bounds() + ", " + s.Harmless.Called.String(), "1 % or less"},
		{"attacks seen", s.Attacks.Seen.bounds() + ", " + s.Attacks.Seen.String(), ""},
		{"cause of benign incidents and faults, F1", share(t.Causes.Mean), "0.90 or more"},
		{"cause of attacks, F1", share(t.AttackCauses.Mean), ""},
		{"compromised accounts, precision and recall", both(t.Compromised), "0.95 and 0.90"},
		{"sources, precision and recall", both(t.Sources), "0.90 and 0.90"},
		{"infected clients, precision and recall", both(t.Infected), "0.90"},
		{"focus of attacks", t.Focus.bounds(), "90 % or more"},
		{"onset off by, median", fmt.Sprintf("%.0f min", t.OnsetError.Median), "15 min or less"},
		{"onset inside its interval", t.Covered.bounds(), "85 to 97 %"},
		{"width of that interval, median", fmt.Sprintf("%.0f min", t.Width.Median), "60 min or less"},
		{"incidents: at most one more than there are", t.Few.bounds(), "always"},
	}
	if s.Lines != nil {
		rows = append(rows, []string{"verdict right, from lines", s.Lines.Verdict.bounds() + ", " + s.Lines.Verdict.String(), "95 % or more"})
	}
	return rows
}

var heads = []string{
	"kind", "verdict right", "95 %", "focus", "cause F1", "accounts precision", "recall", "sources precision", "recall",
	"infected precision", "recall", "onset off by", "inside", "width", "incidents few",
}

func (f *figures) cells() []string {
	minutes := func(m median) string {
		if m.N == 0 {
			return "-"
		}
		return fmt.Sprintf("%.0f min", m.Median)
	}
	cause := f.Causes
	if f.AttackCauses.N > 0 {
		cause = mean{sum: f.Causes.sum + f.AttackCauses.sum, N: f.Causes.N + f.AttackCauses.N}
	}
	cause.finish()
	return []string{
		f.Name, f.Verdict.String(), fmt.Sprintf("%.2f to %.2f", f.Verdict.Low, f.Verdict.High), f.Focus.String(), share(cause.Mean),
		share(f.Compromised.Precision), share(f.Compromised.Recall), share(f.Sources.Precision), share(f.Sources.Recall),
		share(f.Infected.Precision), share(f.Infected.Recall), minutes(f.OnsetError), share(f.Covered.Share), minutes(f.Width), f.Few.String(),
	}
}

func (s *summary) recallHeads() []string {
	out := []string{"kind"}
	for _, x := range s.strengths() {
		out = append(out, fmt.Sprint(x))
	}
	return out
}

func (s *summary) strengths() (out []float64) {
	for _, c := range s.Recall {
		for i, p := range c.Points {
			if i == len(out) {
				out = append(out, p.Strength)
			}
		}
	}
	return out
}

func (s *summary) recallRows() (rows [][]string) {
	for _, c := range s.Recall {
		row := []string{c.Name}
		for i := range s.strengths() {
			cell := "-"
			if i < len(c.Points) {
				cell = c.Points[i].Seen.String()
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

// plot is recall against strength, a panel for each kind.
func (s *summary) plot() string {
	var panels []chart.Panel
	for _, c := range s.Recall {
		p := chart.Panel{Title: c.Name}
		for _, x := range c.Points {
			p.Points = append(p.Points, chart.Point{X: x.Strength, Y: x.Seen.Share, Low: x.Seen.Low, High: x.Seen.High})
		}
		panels = append(panels, p)
	}
	return chart.Panels("Share of attacks that are seen, by strength", panels)
}

// write writes the figures below the prose that says what they mean, and the
// plot beside it.
func (s *summary) write(page string) error {
	text := prose + "\n## Figures\n\n" + s.text() + "\n![Share of attacks that are seen, by strength](" + plotName + ")\n"
	if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(filepath.Dir(page), plotName), []byte(s.plot()), 0o644)
}
