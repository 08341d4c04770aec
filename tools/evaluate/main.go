// Command evaluate simulates organisations, has mailvigil read their logs, and
// holds each verdict against what really happened. It prints a table by
// scenario and strength and, as the last line, the same figures as one JSON
// object; with -page it writes them into a page for people.
//
// usage: evaluate -program bin/mailvigil [-scenarios A,B] [-seeds 1,2,3] [-strengths 1,0.5] [-accounts 200] [-page FILE] DIR
//
// DIR is where the logs are kept while they are read.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// incident holds what truth and verdict both say of one.
type incident struct {
	Kind        string              `json:"kind"`
	Onset       time.Time           `json:"onset"`
	Interval    []time.Time         `json:"onset_interval"`
	Cause       json.RawMessage     `json:"cause"`
	Compromised []string            `json:"accounts_compromised"`
	Sources     []string            `json:"sources"`
	Infected    []map[string]string `json:"infected_clients"`
}

type outcome struct {
	Verdict   string     `json:"verdict"`
	Focus     string     `json:"focus"`
	Incidents []incident `json:"incidents"`
	Infected  []struct {
		Account string `json:"account"`
		IP      string `json:"ip"`
	} `json:"infected_clients"`
}

// tally is how many there were, found and rightly found.
type tally struct {
	True  int `json:"true"`
	Found int `json:"found"`
	Right int `json:"right"`
}

func (t *tally) add(truth, found map[string]bool) {
	t.True += len(truth)
	t.Found += len(found)
	for k := range found {
		if truth[k] {
			t.Right++
		}
	}
}

func (t *tally) merge(o tally) {
	t.True, t.Found, t.Right = t.True+o.True, t.Found+o.Found, t.Right+o.Right
}

func share(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(part)/float64(whole))
}

func (t tally) precision() string { return share(t.Right, t.Found) }
func (t tally) recall() string    { return share(t.Right, t.True) }

// row is what a scenario came to at one strength, over all seeds.
type row struct {
	Scenario    string    `json:"scenario"`
	Strength    string    `json:"strength"`
	Runs        int       `json:"runs"`
	Right       int       `json:"verdict_right"`
	Range       []float64 `json:"verdict_right_95"` // Clopper-Pearson
	Focus       int       `json:"focus_right"`
	Called      int       `json:"called_attack"` // though it is none
	Attacks     int       `json:"attacks"`
	Causes      tally     `json:"causes"` // of benign incidents and faults
	Compromised tally     `json:"compromised"`
	Sources     tally     `json:"sources"`
	Infected    tally     `json:"infected"`
	Onsets      int       `json:"onsets"`
	OnsetError  []float64 `json:"-"` // minutes
	Onset       float64   `json:"onset_error_minutes"`
	Covered     int       `json:"onset_covered"`
	Incidents   int       `json:"incidents"` // found, without everyday noise
	Wanted      int       `json:"incidents_true"`
	Wrong       []string  `json:"wrong,omitempty"` // "seed: verdict" where it is not right
	Failed      []string  `json:"failed,omitempty"`
}

type summary struct {
	Accounts string  `json:"accounts"`
	Seeds    string  `json:"seeds"`
	Seconds  float64 `json:"seconds"`
	Total    *row    `json:"total"`
	Rows     []*row  `json:"rows"`
}

func main() {
	program := flag.String("program", "", "the `mailvigil` to run")
	scenarios := flag.String("scenarios", "", "comma-separated `NAMES`, all where empty")
	seeds := flag.String("seeds", "1,2", "comma-separated `NUMBERS`")
	strengths := flag.String("strengths", "1,0.5", "comma-separated `FACTORS`")
	accounts := flag.String("accounts", "200", "`NUMBER` of people")
	page := flag.String("page", "", "`FILE` to write for people")
	flag.Parse()
	if *program == "" || flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*program, flag.Arg(0), *scenarios, *seeds, *strengths, *accounts, *page); err != nil {
		fmt.Fprintln(os.Stderr, "evaluate:", err)
		os.Exit(1)
	}
}

func run(program, dir, scenarios, seeds, strengths, accounts, page string) error {
	var names []string
	if scenarios != "" {
		names = strings.Split(scenarios, ",")
	} else {
		help, err := exec.Command(program, "simulate", "--help").Output()
		if err != nil {
			return fmt.Errorf("ask for the scenarios: %w", err)
		}
		if names = listed(string(help)); len(names) == 0 {
			return fmt.Errorf("%s simulate --help lists no scenario", program)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	begin := time.Now()
	sum := &summary{Accounts: accounts, Seeds: seeds}
	type job struct {
		r    *row
		seed string
	}
	var jobs []job
	for _, name := range names {
		for _, strength := range strings.Split(strengths, ",") {
			if name == "quiet" && strength != strings.Split(strengths, ",")[0] {
				continue // a quiet world has no strength
			}
			r := &row{Scenario: name, Strength: strength}
			sum.Rows = append(sum.Rows, r)
			for _, seed := range strings.Split(seeds, ",") {
				jobs = append(jobs, job{r, seed})
			}
		}
	}
	queue := make(chan job)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for j := range queue {
				truth, found, err := one(program, dir, j.r.Scenario, j.seed, j.r.Strength, accounts)
				mu.Lock()
				if err != nil {
					j.r.Failed = append(j.r.Failed, fmt.Sprintf("%s: %v", j.seed, err))
				} else {
					j.r.score(j.seed, truth, found)
				}
				mu.Unlock()
				fmt.Fprintf(os.Stderr, "%s, seed %s, strength %s: %s\n", j.r.Scenario, j.seed, j.r.Strength, found.Verdict)
			}
		})
	}
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	wg.Wait()
	sum.Seconds = time.Since(begin).Seconds()
	sum.total()
	if err := table(os.Stdout, sum); err != nil {
		return err
	}
	if page != "" {
		if err := writePage(page, sum); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(sum); err != nil {
		return err
	}
	for _, r := range sum.Rows {
		if len(r.Failed) > 0 {
			return fmt.Errorf("%s at strength %s: %s", r.Scenario, r.Strength, r.Failed[0])
		}
	}
	return nil
}

// listed finds the scenarios in the help of simulate.
func listed(help string) []string {
	m := regexp.MustCompile(`the scenario: ([a-z, \n-]+)\.`).FindStringSubmatch(help)
	if m == nil {
		return nil
	}
	var out []string
	for name := range strings.SplitSeq(m[1], ",") {
		out = append(out, strings.Join(strings.Fields(name), ""))
	}
	return out
}

// one simulates a world and investigates its lines.
func one(program, dir, scenario, seed, strength, accounts string) (truth, found outcome, err error) {
	base := filepath.Join(dir, strings.Join([]string{scenario, seed, strength}, "_"))
	logs, truthFile, verdictFile := base, base+".truth.json", base+".verdict.json"
	defer func() {
		for _, path := range []string{logs, truthFile, verdictFile} {
			if e := os.RemoveAll(path); err == nil {
				err = e
			}
		}
	}()
	for _, path := range []string{logs, truthFile, verdictFile} {
		if err := os.RemoveAll(path); err != nil {
			return truth, found, err
		}
	}
	if out, err := exec.Command(program, "simulate", "--scenario", scenario, "--seed", seed, "--strength", strength,
		"--accounts", accounts, "--truth", truthFile, logs).CombinedOutput(); err != nil {
		return truth, found, fmt.Errorf("simulate: %w: %s", err, strings.TrimSpace(string(out)))
	}
	cmd := exec.Command(program, "investigate", "--tz", "Europe/Brussels", "--quiet", "--json", verdictFile, logs)
	out, err := cmd.CombinedOutput()
	switch cmd.ProcessState.ExitCode() {
	case 0, 10, 20, 30:
	default:
		return truth, found, fmt.Errorf("investigate: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return truth, found, readBoth(truthFile, &truth, verdictFile, &found)
}

func readBoth(truthFile string, truth *outcome, verdictFile string, found *outcome) error {
	for path, v := range map[string]*outcome{truthFile: truth, verdictFile: found} {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, v); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
	}
	return nil
}

// score adds one run.
func (r *row) score(seed string, truth, found outcome) {
	r.Runs++
	if truth.Verdict == found.Verdict {
		r.Right++
	} else {
		r.Wrong = append(r.Wrong, seed+": "+found.Verdict)
	}
	if truth.Focus == found.Focus {
		r.Focus++
	}
	hostile := func(v string) bool { return v == "attack" || v == "mixed" }
	if hostile(truth.Verdict) {
		r.Attacks++
	} else if hostile(found.Verdict) {
		r.Called++
	}
	r.Compromised.add(gather(truth, "attack", func(i incident) []string { return i.Compromised }), gather(found, "attack", func(i incident) []string { return i.Compromised }))
	// Where the truth lists no address the attack has none of its own.
	if from := gather(truth, "attack", func(i incident) []string { return i.Sources }); hostile(truth.Verdict) && len(from) > 0 {
		r.Sources.add(from, gather(found, "attack", func(i incident) []string { return i.Sources }))
	}
	ill, named := make(map[string]bool), make(map[string]bool)
	for _, in := range truth.Incidents {
		for _, m := range in.Infected {
			ill[m["account"]+" "+m["ip"]] = true
		}
	}
	for _, m := range found.Infected {
		named[m.Account+" "+m.IP] = true
	}
	r.Infected.add(ill, named)

	for _, in := range found.Incidents {
		if in.Kind != "background" {
			r.Incidents++
		}
	}
	for _, in := range truth.Incidents {
		if in.Kind == "background" {
			continue
		}
		r.Wanted++
		// The incident of the same kind that began nearest.
		var best *incident
		for i := range found.Incidents {
			f := &found.Incidents[i]
			if f.Kind == in.Kind && (best == nil || f.Onset.Sub(in.Onset).Abs() < best.Onset.Sub(in.Onset).Abs()) {
				best = f
			}
		}
		if in.Kind == "benign" || in.Kind == "fault" {
			r.Causes.True++
		}
		if best == nil {
			continue
		}
		r.Onsets++
		r.OnsetError = append(r.OnsetError, best.Onset.Sub(in.Onset).Abs().Minutes())
		if len(best.Interval) == 2 && !in.Onset.Before(best.Interval[0].Add(-time.Second)) && !in.Onset.After(best.Interval[1].Add(time.Second)) {
			r.Covered++
		}
		if in.Kind == "benign" || in.Kind == "fault" {
			r.Causes.Found++
			if names(best.Cause, in.Cause) {
				r.Causes.Right++
			}
		}
	}
}

// names reports whether one of the causes that were found says what the truth
// does, or more.
func names(found, truth json.RawMessage) bool {
	var all []map[string]string
	var want map[string]string
	if json.Unmarshal(found, &all) != nil || json.Unmarshal(truth, &want) != nil {
		return false
	}
	return slices.ContainsFunc(all, func(c map[string]string) bool {
		for k, v := range want {
			if c[k] != v {
				return false
			}
		}
		return true
	})
}

func gather(o outcome, kind string, of func(incident) []string) map[string]bool {
	out := make(map[string]bool)
	for _, in := range o.Incidents {
		if in.Kind == kind {
			for _, v := range of(in) {
				out[v] = true
			}
		}
	}
	return out
}

func (s *summary) total() {
	s.Total = &row{Scenario: "all"}
	for _, r := range s.Rows {
		t := s.Total
		t.Runs, t.Right, t.Focus = t.Runs+r.Runs, t.Right+r.Right, t.Focus+r.Focus
		t.Called, t.Attacks = t.Called+r.Called, t.Attacks+r.Attacks
		t.Onsets, t.Covered = t.Onsets+r.Onsets, t.Covered+r.Covered
		t.Incidents, t.Wanted = t.Incidents+r.Incidents, t.Wanted+r.Wanted
		t.OnsetError = append(t.OnsetError, r.OnsetError...)
		t.Causes.merge(r.Causes)
		t.Compromised.merge(r.Compromised)
		t.Sources.merge(r.Sources)
		t.Infected.merge(r.Infected)
		r.finish()
	}
	s.Total.finish()
}

func (r *row) finish() {
	slices.Sort(r.OnsetError)
	if n := len(r.OnsetError); n > 0 {
		r.Onset = r.OnsetError[n/2]
	}
	slices.Sort(r.Wrong)
	lo, hi := clopperPearson(r.Right, r.Runs)
	r.Range = []float64{lo, hi}
}

func (r *row) cells() []string {
	onset := "-"
	if r.Onsets > 0 {
		onset = fmt.Sprintf("%.0f min", r.Onset)
	}
	return []string{
		r.Scenario, r.Strength, fmt.Sprintf("%d of %d", r.Right, r.Runs), fmt.Sprintf("%.2f to %.2f", r.Range[0], r.Range[1]),
		fmt.Sprintf("%d of %d", r.Focus, r.Runs), share(r.Causes.Right, r.Causes.True),
		r.Compromised.precision(), r.Compromised.recall(), r.Sources.precision(), r.Sources.recall(),
		r.Infected.precision(), r.Infected.recall(), onset, share(r.Covered, r.Onsets),
		fmt.Sprintf("%d of %d", r.Incidents, r.Wanted), strings.Join(r.Wrong, ", "),
	}
}

var heads = []string{
	"scenario", "strength", "verdict right", "95 %", "focus right", "cause", "accounts precision", "recall",
	"sources precision", "recall", "infected precision", "recall", "onset off by", "onset covered", "incidents", "else",
}

func table(w io.Writer, s *summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(heads, "\t"))
	for _, r := range append(slices.Clone(s.Rows), s.Total) {
		fmt.Fprintln(t, strings.Join(r.cells(), "\t"))
	}
	return t.Flush()
}
