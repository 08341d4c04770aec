package main

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailvigil/simulate"
)

// The bounds are those of the tables in Clopper and Pearson's paper and of R's
// binom.test.
func TestClopperPearson(t *testing.T) {
	for _, tc := range []struct {
		seen, n   int
		low, high float64
	}{
		{10, 10, 0.6915, 1}, {0, 10, 0, 0.3085}, {5, 10, 0.1871, 0.8129}, {45, 50, 0.7819, 0.9667}, {0, 0, 0, 1},
	} {
		low, high := clopperPearson(tc.seen, tc.n)
		if math.Abs(low-tc.low) > 1e-4 || math.Abs(high-tc.high) > 1e-4 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", tc.seen, tc.n, low, high, tc.low, tc.high)
		}
	}
}

func TestScore(t *testing.T) {
	on := time.Date(2025, 9, 16, 1, 0, 0, 0, time.UTC)
	r := &result{world: &world{}, truth: outcome{Verdict: "mixed", Focus: "targeted", Incidents: []incident{
		{Kind: "attack", Onset: on, Compromised: []string{"anna", "bert"}, Sources: []string{"192.0.2.1"}},
		{Kind: "benign", Onset: on, Cause: causes{{"os": "iOS"}}, Services: []string{"activesync"}},
		{Kind: "background", Onset: on, Infected: []infected{{"cleo", "192.0.2.9"}}},
	}}, found: outcome{Verdict: "attack", Focus: "targeted", Incidents: []incident{
		{Kind: "attack", Onset: on.Add(4 * time.Minute), Interval: []time.Time{on, on.Add(time.Hour)}, Compromised: []string{"anna", "cleo"}, Sources: []string{"192.0.2.1"}},
		{Kind: "benign", Onset: on, Cause: causes{{"os": "iOS", "service": "activesync"}}, Interval: []time.Time{on.Add(time.Hour), on.Add(2 * time.Hour)}},
		{Kind: "background", Onset: on},
		{Kind: "benign", Onset: on.Add(time.Hour)},
	}, Infected: []infected{{"cleo", "192.0.2.9"}, {"dirk", "192.0.2.8"}}}}
	f := score("x", 1, []*result{r})
	if f.Verdict.Part != 0 || f.Focus.Part != 1 || len(f.Wrong) != 1 || !strings.HasPrefix(f.Wrong[0], "attack instead of mixed: mailvigil simulate ") {
		t.Errorf("verdict %+v, focus %+v, wrong %q", f.Verdict, f.Focus, f.Wrong)
	}
	if f.Seen.Part != 1 || f.Seen.Of != 1 || f.Called.Of != 0 {
		t.Errorf("seen %+v, called %+v", f.Seen, f.Called)
	}
	is := func(got tally, real, found, right int, precision, recall float64) bool {
		return got.True == real && got.Found == found && got.Right == right && got.Precision == precision && got.Recall == recall &&
			got.EachPrecision.Mean == precision && got.EachRecall.Mean == recall // there is only one world
	}
	if !is(f.Compromised, 2, 2, 1, 0.5, 0.5) || !is(f.Infected, 1, 2, 1, 0.5, 1) {
		t.Errorf("accounts %+v; infected %+v", f.Compromised, f.Infected)
	}
	if !is(f.Sources, 1, 1, 1, 1, 1) || f.Causes.Mean != 1 {
		t.Errorf("sources %+v, causes %+v", f.Sources, f.Causes)
	}
	if f.Covered.Part != 1 || f.Covered.Of != 2 || f.OnsetError.Median != 4 || f.Width.Median != 60 {
		t.Errorf("onset %+v %+v %+v", f.OnsetError, f.Covered, f.Width)
	}
	if f.Few.Part != 1 {
		t.Errorf("three were told of two, which is one more: %+v", f.Few)
	}

	quiet := &result{world: &world{}, truth: outcome{Verdict: "quiet"}, found: r.found}
	f = score("x", 1, []*result{quiet})
	if f.Called.Part != 1 || f.Few.Part != 0 || f.Sources.Found != 1 || f.Sources.Right != 0 {
		t.Errorf("a quiet world called an attack: %+v %+v %+v", f.Called, f.Few, f.Sources)
	}
}

func TestCauseScore(t *testing.T) {
	in := &incident{
		Kind: "benign", Cause: causes{{"country": "JP"}}, Alternatives: []map[string]string{{"asn": "4713"}},
		Also: map[string]string{"asn": "2516"}, Services: []string{"webmail"},
	}
	for name, c := range map[string]struct {
		said causes
		want float64
	}{
		"the cause":                {causes{{"country": "JP"}}, 1},
		"with its service":         {causes{{"country": "JP", "service": "webmail"}}, 1},
		"an alternative":           {causes{{"asn": "4713"}}, 1},
		"what is true, too little": {causes{{"asn": "2516"}}, 0},
		"with what is true":        {causes{{"country": "JP", "asn": "2516"}}, 1},
		"with what is wrong":       {causes{{"country": "JP", "os": "iOS"}}, 2.0 / 3},
		"with what may be said":    {causes{{"country": "JP", "client": "Firefox"}}, 1},
		"one of several":           {causes{{"os": "iOS"}, {"country": "JP"}}, 1},
		"another":                  {causes{{"country": "FR"}}, 0},
		"nothing":                  {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := causeScore(in, []*incident{{Cause: c.said}}); math.Abs(got-c.want) > 1e-9 {
				t.Errorf("%v scores %.3f, want %.3f", c.said, got, c.want)
			}
		})
	}
}

func TestReliability(t *testing.T) {
	r := newReliability()
	r.add(0.85, true)
	r.add(0.85, false)
	r.add(1, true)
	r.finish()
	for _, b := range r.Bins {
		switch {
		case b.From == 0.8 && (b.True.Of != 2 || b.True.Part != 1 || b.Said.Mean != 0.85):
			t.Errorf("%+v", b)
		case b.To == 1 && b.True.Of != 1:
			t.Errorf("what is said with certainty is not in %+v", b)
		}
	}
	if want := (0.15*0.15 + 0.85*0.85) / 3; math.Abs(r.Brier.Mean-want) > 1e-4 {
		t.Errorf("Brier score %.4f, want %.4f", r.Brier.Mean, want)
	}
}

// Whatever is simulated has its hypotheses: else its posteriors would all
// count as wrong.
func TestEveryStoryIsExplained(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range simulate.Scenarios() {
		w, err := newWorld(zone, s, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		w.o.Accounts = 30
		made, err := simulate.New(w.o)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range made.Truth().Incidents {
			if len(explains[in.Name]) == 0 {
				t.Errorf("%s tells of %q, which explains does not know", s, in.Name)
			}
		}
	}
}

// What is left of the truth is what is left of the logs.
func TestModes(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mode  mode
		seed  uint64
		truth string
	}{
		{whole, 4, "attack"},
		{oneService, 4, "quiet"},  // nginx, which a takeover by IMAP does not touch
		{oneService, 5, "attack"}, // Dovecot
		{oneDay, 4, "attack"},
	} {
		w, err := newWorld(zone, simulate.Takeover, 1, c.seed)
		if err != nil {
			t.Fatal(err)
		}
		w.o.Accounts, w.mode = 40, c.mode
		truth, found, err := new(evaluator).look(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		if truth.Verdict != c.truth {
			t.Errorf("%s, seed %d: the truth is %s, want %s", c.mode, c.seed, truth.Verdict, c.truth)
		}
		if found.Verdict == "" {
			t.Errorf("%s, seed %d: there is no verdict", c.mode, c.seed)
		}
	}
}

// With a part of the logs the verdict is right or undetermined, and says then
// what would decide it; on a day alone, without a past, nothing is decided.
func TestPartOfTheLogs(t *testing.T) {
	if testing.Short() {
		t.Skip("looks at a dozen worlds")
	}
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range []simulate.Scenario{simulate.Quiet, simulate.PhoneStorm, simulate.Spray, simulate.Outage} {
		for j, m := range []mode{oneService, oneDay, halfFiles} {
			w, err := newWorld(zone, s, 1, uint64(800+10*i+j))
			if err != nil {
				t.Fatal(err)
			}
			w.o.Accounts, w.mode = 60, m
			truth, found, err := new(evaluator).look(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			switch undetermined := found.Verdict == "undetermined"; {
			case !undetermined && found.Verdict != truth.Verdict:
				t.Errorf("%s of %s: %s instead of %s", m, w.command(), found.Verdict, truth.Verdict)
			case !undetermined && m == oneDay:
				t.Errorf("%s of %s: %s, where a day has no past", m, w.command(), found.Verdict)
			case undetermined && len(found.Missing) == 0:
				t.Errorf("%s of %s: nothing is said to decide it", m, w.command())
			}
		}
	}
}

func TestPage(t *testing.T) {
	s := &summary{
		Total: score("all", 1, nil), Harmless: score("", 1, nil), Attacks: score("", 1, nil),
		Confidence: ofVerdicts(nil), Posteriors: newReliability().finish(),
		Recall: []*curve{{"spray", []point{{1, fraction{Part: 3, Of: 4, Share: 0.75, Low: 0.2, High: 0.99}}, {0.5, fraction{Part: 1, Of: 4, Share: 0.25}}}}},
	}
	s.Weak = []*figures{{Name: "quiet", Wrong: []string{"attack instead of quiet: mailvigil simulate --seed 7", "mixed instead of attack: mailvigil simulate --seed 8"}}}
	if got := s.falseAttacks(); len(got) != 1 || !strings.HasSuffix(got[0], " 7") {
		t.Errorf("called an attack without one: %q", got)
	}
	page := filepath.Join(t.TempDir(), "page.md")
	if err := s.write(page); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "| spray | 3 of 4 | 1 of 4 |") {
		t.Errorf("the page has no recall:\n%s", text)
	}
	plot, err := os.ReadFile(filepath.Join(filepath.Dir(page), plotName))
	if err != nil || !strings.Contains(string(plot), "spray: 75 % at 1, 25 % at 0.5.") {
		t.Errorf("the plot says %s (%v)", plot, err)
	}
}

// The whole way, small: every kind of world is looked at, as Events, with a
// part of the logs, and as lines by the program itself.
func TestMeasure(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and looks at a dozen worlds")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "mailvigil")
	if out, err := exec.Command("go", "build", "-o", program, "mailvigil/cmd/mailvigil").CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v: %s", err, out)
	}
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	e := &evaluation{
		evaluator: evaluator{program: program, dir: dir}, zone: zone, seed: 700,
		extent: extent{Harmless: 2, Attacks: 1, Lines: 2, Weak: 1, Partial: 1, Weakest: 0.5},
	}
	kinds, err := e.kinds("quiet,phone-storm,spray") // which need no networks database
	if err != nil {
		t.Fatal(err)
	}
	s := new(summary)
	if err := e.measure(t.Context(), kinds, s); err != nil {
		t.Fatal(err)
	}
	if len(s.Rows) != 3 || s.Harmless.Verdict.Of != 2 || s.Attacks.Verdict.Of != 1 || s.Lines.Verdict.Of != 2 || len(s.Partial) != 3 || len(s.Weak) != 2 {
		t.Errorf("%d rows, %v without an attack, %v with one, %v as lines, %d modes, %d weak",
			len(s.Rows), s.Harmless.Verdict, s.Attacks.Verdict, s.Lines.Verdict, len(s.Partial), len(s.Weak))
	}
	if len(s.Recall) != 1 || len(s.Recall[0].Points) != 2 || s.Recall[0].Points[1].Strength != 0.5 {
		t.Errorf("recall %+v", s.Recall)
	}
	if s.Confidence.Brier.N == 0 || s.Posteriors.Brier.N == 0 {
		t.Error("no probability was held against what came true")
	}
	if left, err := filepath.Glob(filepath.Join(dir, "world-*")); err != nil || len(left) > 0 {
		t.Errorf("lines are left behind: %v %v", left, err)
	}
	if text := s.text(); !strings.Contains(text, "| spray ") || !strings.Contains(text, "half the files") {
		t.Errorf("the tables are\n%s", text)
	}
}
