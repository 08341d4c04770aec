package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"mailvigil/internal/enrich"
	"mailvigil/internal/pipeline"
	"mailvigil/simulate"
	"mailvigil/verdict"
)

// stated is what a quiet organisation was told of one kind of attack, and what
// was found of such attacks when they came.
type stated struct {
	Seed     uint64     `json:"seed"`
	Scenario string     `json:"scenario"`
	Strength float64    `json:"strength"`
	Share    float64    `json:"detected_share"`
	Interval [2]float64 `json:"interval"`
	Found    int        `json:"found"`
	Of       int        `json:"of"`
}

func (s *stated) holds() bool {
	real := float64(s.Found) / float64(s.Of)
	return s.Interval[0] <= real && real <= s.Interval[1]
}

// honesty is whether what is stated about attacks that did not happen is what
// becomes of those that do.
type honesty struct {
	Worlds  int       `json:"worlds"`
	Inside  fraction  `json:"inside"`
	Width   median    `json:"median_width"`
	Stated  mean      `json:"mean_stated"`
	Found   mean      `json:"mean_found"`
	Time    median    `json:"time_ratio"` // of asking, to the investigation of the same logs' lines, in processor time
	Results []*stated `json:"results"`
	Seconds float64   `json:"seconds"`
}

// honest has quiet organisations say how surely each of a kind of attack would
// be seen, then lets it come in other courses of the same organisations.
func (e *evaluation) honest(ctx context.Context, worlds, attacks int) (*honesty, error) {
	begin := time.Now()
	h := &honesty{Worlds: worlds}
	kinds := pipeline.InjectedScenarios()
	strengths := []float64{1, 0.5, 0.25}
	list := make([]*stated, worlds)
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	next := make(chan int, worlds)
	for i := range worlds {
		next <- i
	}
	close(next)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				s := &stated{Seed: e.seed + uint64(i), Scenario: string(kinds[i%len(kinds)]), Strength: strengths[i/len(kinds)%len(strengths)]}
				err := e.one(ctx, s, attacks)
				mu.Lock()
				if err != nil {
					failed = err
				}
				mu.Unlock()
				list[i] = s
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return nil, failed
	}
	for _, s := range list {
		if s.Of == 0 {
			continue
		}
		h.Results = append(h.Results, s)
		h.Inside.add(s.holds())
		h.Width.add(s.Interval[1] - s.Interval[0])
		h.Stated.add(s.Share)
		h.Found.add(float64(s.Found) / float64(s.Of))
	}
	for i := range uint64(2) {
		if e.program == "" {
			break
		}
		ratio, err := e.timeOfAsking(ctx, e.seed+i)
		if err != nil {
			return nil, err
		}
		h.Time.add(ratio)
	}
	h.Inside.finish()
	h.Width.finish()
	h.Stated.finish()
	h.Found.finish()
	h.Time.finish()
	h.Seconds = round(time.Since(begin).Seconds())
	return h, nil
}

func (e *evaluation) one(ctx context.Context, s *stated, attacks int) error {
	w, err := newWorld(e.zone, simulate.Quiet, 1, s.Seed)
	if err != nil {
		return err
	}
	investigate := func(o simulate.Options, ask pipeline.Sensitivity) (*verdict.Verdict, simulate.Truth, error) {
		made, err := simulate.New(o)
		if err != nil {
			return nil, simulate.Truth{}, err
		}
		kept := made.Record(nil)
		var streams []pipeline.Stream
		for _, source := range simulate.Sources() {
			if kept.Len(source) > 0 {
				streams = append(streams, pipeline.Stream{Name: source.String(), Format: source.Format(), Events: kept.Of(source)})
			}
		}
		v, err := pipeline.InvestigateEvents(ctx, streams, pipeline.Options{
			Location: o.Location, Workers: 1, Enrich: enrich.Config{Networks: e.networks}, NetworksMissing: e.networks == nil, Sensitivity: ask,
		})
		return v, made.Truth(), err
	}
	v, _, err := investigate(w.o, pipeline.Sensitivity{Injections: pipeline.SensitivityQuick.Injections, Strengths: []float64{s.Strength}})
	if err != nil {
		return err
	}
	text := pipeline.InjectedText(simulate.Scenario(s.Scenario))
	found := false
	for _, x := range v.Sensitivity {
		if strings.HasPrefix(x.Attack, text) {
			s.Share, s.Interval, found = x.Detected, x.Interval, true
		}
	}
	if !found {
		return nil // this organisation cannot be attacked so
	}
	for c := range attacks {
		o := w.o
		o.Scenario, o.Strength, o.Course = simulate.Scenario(s.Scenario), s.Strength, uint64(c+1)
		v, truth, err := investigate(o, pipeline.Sensitivity{})
		if err != nil {
			return err
		}
		s.Of++
		if pipeline.Names(v, &truth) {
			s.Found++
		}
	}
	return nil
}

const timedAccounts = 1000

// timeOfAsking has the program investigate the lines of a quiet organisation,
// without asking and with, and compares the processor's time.
func (e *evaluation) timeOfAsking(ctx context.Context, seed uint64) (float64, error) {
	w, err := newWorld(e.zone, simulate.Quiet, 1, seed)
	if err != nil {
		return 0, err
	}
	// Asking takes about as long whatever the size, so the size is stated.
	w.o.Accounts = timedAccounts
	logs, err := os.MkdirTemp(e.dir, "asking")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(logs)
	args := append(append([]string{"simulate"}, w.flags()...), filepath.Join(logs, "logs"))
	if out, err := exec.CommandContext(ctx, e.program, args...).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", w.command(), err, out)
	}
	var spent [2]time.Duration
	for i, level := range []string{"off", "quick"} {
		cmd := exec.CommandContext(ctx, e.program, "investigate", "--tz", w.o.Location.String(), "--quiet", "--sensitivity", level, filepath.Join(logs, "logs"))
		var exit *exec.ExitError
		if err := cmd.Run(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 10) {
			return 0, fmt.Errorf("investigate: %w", err)
		}
		spent[i] = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	return float64(spent[1]-spent[0]) / float64(spent[0]), nil
}

func (h *honesty) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d quiet organisations, each asked about one kind of attack, which then came %d times in other courses of the same organisation.\n\n", len(h.Results), h.Results[0].Of)
	rows := [][]string{
		{"share really found lies inside the stated interval", h.Inside.String() + " (" + h.Inside.bounds() + ")", "0.85 to 0.97"},
		{"median width of the interval", fmt.Sprintf("%.2f", h.Width.Median), "0.20"},
		{"stated on the mean", fmt.Sprintf("%.3f", h.Stated.Mean), ""},
		{"found on the mean", fmt.Sprintf("%.3f", h.Found.Mean), ""},
		{"processor time of asking (quick), as a multiple of the investigation of the lines of 1,000 people", fmt.Sprintf("%.2f", h.Time.Median), "1"},
	}
	table(&b, []string{"what", "figure", "wanted"}, rows)
	b.WriteString("\n")
	var each [][]string
	for _, k := range pipeline.InjectedScenarios() {
		for _, strength := range []float64{1, 0.5, 0.25} {
			var said, came mean
			for _, s := range h.Results {
				if s.Scenario == string(k) && s.Strength == strength {
					said.add(s.Share)
					came.add(float64(s.Found) / float64(s.Of))
				}
			}
			if said.N == 0 {
				continue
			}
			said.finish()
			came.finish()
			each = append(each, []string{string(k), fmt.Sprint(strength), fmt.Sprint(said.N), share(said.Mean), share(came.Mean)})
		}
	}
	table(&b, []string{"attack", "strength", "organisations", "stated", "found"}, each)
	return b.String()
}

const honestyHead = `# Is what is stated about attacks true

Written by "make sensitivity". What the shares mean stands in
[sensitivity](sensitivity.md).

`

func (e *evaluation) runHonest(ctx context.Context, worlds, attacks int, page string) error {
	h, err := e.honest(ctx, worlds, attacks)
	if err != nil {
		return err
	}
	text := h.text()
	fmt.Print(text)
	if page != "" {
		if err := os.WriteFile(page, []byte(honestyHead+text), 0o644); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(h)
}
