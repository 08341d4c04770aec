package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// table prints the figures for a terminal.
func (f *figures) table(w io.Writer) {
	if len(f.order) > 0 {
		fmt.Fprintf(w, "%-36s %9s %6s %9s %6s %6s %8s %8s\n", "SET", "INSTANCES", "FAILED", "PRECISION", "RECALL", "F1", "MEAN S", "MAX S")
		for _, name := range f.order {
			s := f.Sets[name]
			fmt.Fprintf(w, "%-36s %9d %6d %9.3f %6.3f %6.3f %8.3f %8.3f\n", name, s.Instances, s.Failed, s.Precision, s.Recall, s.F1, s.MeanS, s.MaxS)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%-36s %9s %6s %12s %6s %9s %6s %12s\n", "KIND", "TABLES", "CAUSES", "UNDETECTABLE", "F1", "PRECISION", "RECALL", "FALSE ALARMS")
	for _, k := range append(f.Study.Kinds, f.Study.All) {
		fmt.Fprintf(w, "%-36s %9d %6d %12d %6.3f %9.3f %6.3f %12d\n", k.Kind, k.Tables, k.Causes, k.Undetectable, k.F1, k.Precision, k.Recall, k.FalseAlarms)
	}
	fmt.Fprintf(w, "\n%-36s %9s %6s %6s\n", "CONFIDENCE", "CAUSES", "SAID", "RIGHT")
	for _, c := range f.Study.Confidence {
		if c.Causes > 0 {
			fmt.Fprintf(w, "%-36s %9d %6.3f %6.3f\n", fmt.Sprintf("%.2f to %.2f", c.From, c.To), c.Causes, c.Said, c.Right)
		}
	}
	fmt.Fprintf(w, "\n%-36s %9s %10s %9s %9s\n", "COST", "CPU MS", "MEDIAN MS", "WORST MS", "PEAK MB")
	for _, c := range f.Cost {
		fmt.Fprintf(w, "%-36s %9.0f %10.0f %9.0f %9.0f\n", c.Name, c.CPU, c.Median, c.Worst, c.PeakMB)
	}
	fmt.Fprintln(w)
}

// page writes the figures as Markdown.
func (f *figures) page(w io.Writer) {
	fmt.Fprint(w, `# What sets an excess apart, in figures

Written by "make causes". The method and its limits stand in [What sets an excess
apart](explain.md). A cause is right where exactly its attributes and values are
named, nothing more and nothing less. No settings, the same everywhere.
`)
	if len(f.order) > 0 {
		fmt.Fprint(w, `
## Labelled excesses

Written by the public generator of RiskLoc with seeds of our own: S has 1 to 5 causes
of any depth under noise of up to 25 %, L causes at the deepest layer under little
noise. Four of the 38 causes of S lie below its noise. Seconds are those of the whole
program, the reading of the table included.

| set | instances | precision | recall | F1 | wanted | mean seconds |
|---|---:|---:|---:|---:|---:|---:|
`)
		wanted := map[string]string{"S": "0.90", "L": "0.98"}
		for _, name := range f.order {
			s := f.Sets[name]
			fmt.Fprintf(w, "| %s | %d | %.3f | %.3f | %.3f | %s | %.2f |\n", name, s.Instances, s.Precision, s.Recall, s.F1, wanted[name], s.MeanS)
		}
	}
	s := &f.Study
	fmt.Fprintf(w, `
## Tables drawn for the purpose

%d tables of %d kinds with one to three causes each, from hardly visible to plain, half
of them with a general drift; and as many without a cause. Where an expectation is the
mean of past values, the program is not told so. The command, which also lists each
kind: %[3]s%[4]s%[3]s.

A cause is called undetectable where its departure is less than √(2·ln N) standard
deviations of its cell without the cause, N the number of cells of its shape, which
noise alone reaches somewhere, plus two with it; or, in a sparse table, less than half a
percent of all events. F1 is of the others (wanted: 0.95); the last column counts all.

| kind | tables | causes | undetectable | precision | recall | F1 | recall of all |
|---|---:|---:|---:|---:|---:|---:|---:|
`, s.All.Tables, len(s.Kinds), "`", f.command)
	for _, k := range append(s.Kinds, s.All) {
		fmt.Fprintf(w, "| %s | %d | %d | %d | %.3f | %.3f | %.3f | %.3f |\n", k.Kind, k.Tables, k.Causes, k.Undetectable, k.Precision, k.Recall, k.F1, k.RecallAll)
	}
	fmt.Fprint(w, `
## Noise alone

Tables without a cause in which one was named (wanted: at most 1 %).

| noise | tables | with a false cause | share |
|---|---:|---:|---:|
`)
	for _, noise := range []string{"Poisson", "overdispersed", "amounts"} {
		tables, alarms := 0, 0
		for _, k := range s.Kinds {
			if k.Noise == noise {
				tables += k.Tables
				alarms += k.FalseAlarms
			}
		}
		row(w, noise, tables, alarms)
	}
	row(w, "all", s.All.Tables, s.All.FalseAlarms)
	fmt.Fprintf(w, `
## Confidence

All causes named above, false ones included, and those of %d tables more of the same
kinds, whose causes depart by half to one and a half times of what is detectable, by
the confidence they were given with (wanted: of those given with about 90 %%, 87 to
93 %% right).

| confidence | causes | on average | right |
|---|---:|---:|---:|
`, s.Near)
	for _, c := range s.Confidence {
		if c.Causes > 0 {
			fmt.Fprintf(w, "| %.2f to %.2f | %d | %.3f | %.3f |\n", c.From, c.To, c.Causes, c.Said, c.Right)
		}
	}
	fmt.Fprint(w, `
## Cost

Milliseconds of one call with two goroutines on two processors that were shared with
others: what the processors worked, and the median and the longest of 15 calls by the
clock. A benchmark has a process of its own; its peak memory is that of the table, of
having drawn it, and of the search. Small complete cubes have one to five causes.
Wanted: 100 ms for these; for a million leaves of twelve attributes with ten million
events 100 ms at the median, 150 ms at worst, and less than 300 MB.
The command: `+"`go test ./explain -run '^$' -bench 'Cube|Wide' -benchtime 15x`"+`.

| leaves × attributes | table | processor ms | median ms | longest ms | peak MB |
|---|---|---:|---:|---:|---:|
`)
	for _, c := range f.Cost {
		name, causes, _ := strings.Cut(c.Name, "/causes=")
		leaves, attributes, _ := strings.Cut(name, "x")
		kind := "complete"
		if !c.Dense {
			kind = "sparse, causes: " + causes
		}
		fmt.Fprintf(w, "| %s × %s | %s | %.0f | %.0f | %.0f | %.0f |\n", grouped(leaves), attributes, kind, c.CPU, c.Median, c.Worst, c.PeakMB)
	}
	bars := func(title string, of func(c cost) (label string, ok bool)) {
		fmt.Fprintf(w, "\n%s, processor milliseconds with one cause:\n\n```\n", title)
		most := 0.0
		for _, c := range f.Cost {
			if _, ok := of(c); ok {
				most = max(most, c.CPU)
			}
		}
		for _, c := range f.Cost {
			if label, ok := of(c); ok {
				fmt.Fprintf(w, "%10s %s %.0f\n", label, strings.Repeat("█", int(math.Round(50*c.CPU/most))), c.CPU)
			}
		}
		fmt.Fprint(w, "```\n")
	}
	bars("By leaves, of twelve attributes", func(c cost) (string, bool) {
		leaves, ok := strings.CutSuffix(c.Name, "x12/causes=1")
		return grouped(leaves), ok
	})
	bars("By attributes, of 100,000 leaves", func(c cost) (string, bool) {
		attributes, ok := strings.CutSuffix(c.Name, "/causes=1")
		attributes, is := strings.CutPrefix(attributes, "100000x")
		return attributes, ok && is
	})
}

// grouped puts commas between the thousands of a whole number.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func row(w io.Writer, name string, tables, alarms int) {
	fmt.Fprintf(w, "| %s | %d | %d | %.2f %% |\n", name, tables, alarms, 100*float64(alarms)/float64(max(1, tables)))
}
