package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"mailvigil/internal/enrich"
	"mailvigil/internal/pipeline"
	"mailvigil/internal/report"
	"mailvigil/simulate"
)

// mode is which part of a world's logs is looked at.
type mode string

const (
	whole      mode = "whole"
	oneService mode = "one log"        // only that of one server
	oneDay     mode = "one day"        // only that of the day on which it begins
	halfFiles  mode = "half the files" // of each day and server, every second at random
)

// world is one organisation to be simulated and investigated.
type world struct {
	o     simulate.Options
	start string // date of the first day
	mode  mode
	lines bool // by way of real lines and the program
}

// Sizes, lengths and seasons that worlds have, so that no rule fits only one.
// The first days lie before a spring night and an autumn night on which the
// clocks change, before a week with a holiday in it, and before Christmas.
var (
	sizes   = []int{60, 100, 150, 200, 300, 120, 80}
	lengths = []int{14, 10, 14, 21, 12}
	seasons = []string{"2025-09-08", "2025-03-20", "2025-05-19", "2024-01-15", "2025-10-15", "2025-12-09", "2024-11-04", "2025-06-02"}
)

// newWorld chooses the size, length and season of a world by its seed.
func newWorld(zone *time.Location, s simulate.Scenario, strength float64, seed uint64) (*world, error) {
	w := &world{mode: whole, start: seasons[seed%uint64(len(seasons))]}
	start, err := time.ParseInLocation(time.DateOnly, w.start, zone)
	if err != nil {
		return nil, err
	}
	w.o = simulate.Options{
		Seed: seed, Scenario: s, Strength: strength, Start: start, Location: zone,
		Accounts: sizes[seed%uint64(len(sizes))], Days: lengths[seed%uint64(len(lengths))],
	}
	return w, nil
}

// command is what writes the logs of the world, so that they can be looked at.
func (w *world) command() string {
	return "mailvigil simulate " + strings.Join(w.flags(), " ")
}

func (w *world) flags() []string {
	return []string{
		"--scenario", string(w.o.Scenario), "--seed", fmt.Sprint(w.o.Seed), "--strength", fmt.Sprint(w.o.Strength),
		"--accounts", fmt.Sprint(w.o.Accounts), "--days", fmt.Sprint(w.o.Days), "--start", w.start,
	}
}

// evaluator investigates worlds.
type evaluator struct {
	networks *enrich.Networks // may be nil
	program  string
	dir      string // for the logs of worlds that are read as lines
}

// look simulates a world and investigates it. The truth is that of what can be
// seen of the world in its mode.
func (e *evaluator) look(ctx context.Context, w *world) (truth, found outcome, err error) {
	if w.lines {
		return e.lookAtLines(ctx, w)
	}
	made, err := simulate.New(w.o)
	if err != nil {
		return truth, found, err
	}
	all := made.Truth()
	keep := w.keep(&all)
	var kept *simulate.Recording
	if keep == nil {
		kept = made.Record(nil)
	} else {
		seen, gone := make(map[string]int), make(map[string]int)
		kept = made.Record(func(it *simulate.Item) bool {
			k := keep(it)
			if k {
				seen[it.Label]++
			} else {
				gone[it.Label]++
			}
			return k
		})
		remains(&all, seen, gone)
	}
	if err := convert(all, &truth); err != nil {
		return truth, found, err
	}
	var streams []pipeline.Stream
	for _, s := range simulate.Sources() {
		if kept.Len(s) > 0 {
			streams = append(streams, pipeline.Stream{Name: s.String(), Format: s.Format(), Events: kept.Of(s)})
		}
	}
	v, err := pipeline.InvestigateEvents(ctx, streams, pipeline.Options{
		Location: w.o.Location, Workers: 1, Enrich: enrich.Config{Networks: e.networks}, NetworksMissing: e.networks == nil,
	})
	if errors.Is(err, pipeline.ErrNoEvents) {
		found.Verdict, found.Focus = "undetermined", "none"
		return truth, found, nil
	}
	if err != nil {
		return truth, found, err
	}
	var b bytes.Buffer
	if err := report.JSON(&b, v); err != nil {
		return truth, found, err
	}
	return truth, found, json.Unmarshal(b.Bytes(), &found)
}

// keep says which Events are looked at; nil: all.
func (w *world) keep(truth *simulate.Truth) func(*simulate.Item) bool {
	switch w.mode {
	case oneService:
		all := simulate.Sources()
		one := all[w.o.Seed%uint64(len(all))]
		return func(it *simulate.Item) bool { return it.Source == one }
	case oneDay:
		begin := w.o.Start.AddDate(0, 0, w.o.Days/2)
		if len(truth.Incidents) > 0 {
			y, m, d := truth.Incidents[0].Onset.Date()
			begin = time.Date(y, m, d, 0, 0, 0, 0, w.o.Location)
		}
		from, to := begin.UnixNano(), begin.AddDate(0, 0, 1).UnixNano()
		return func(it *simulate.Item) bool { return it.Event.Time >= from && it.Event.Time < to }
	case halfFiles:
		return func(it *simulate.Item) bool {
			day := time.Unix(0, it.Event.Time).In(w.o.Location).YearDay()
			return spread(w.o.Seed^uint64(day)<<8^uint64(it.Source))&1 == 0
		}
	}
	return nil
}

// spread makes a number of which every bit depends on every bit of x
// (splitmix64).
func spread(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// remains takes out of the truth what can hardly be seen: incidents of which
// less than a tenth is left.
func remains(t *simulate.Truth, seen, gone map[string]int) {
	left := t.Incidents[:0]
	t.Verdict, t.Focus = "quiet", "none"
	for _, in := range t.Incidents {
		if n := seen[in.Name]; n == 0 || n*9 < gone[in.Name] {
			continue
		}
		left = append(left, in)
		if in.Kind == "attack" && t.Focus != "targeted" {
			t.Focus = in.Focus
		}
		switch {
		case in.Kind == "background":
		case t.Verdict == "quiet", t.Verdict == in.Kind:
			t.Verdict = in.Kind
		default:
			t.Verdict = "mixed"
		}
	}
	t.Incidents = left
}

func convert(truth simulate.Truth, to *outcome) error {
	data, err := json.Marshal(truth)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}

// lookAtLines has the program write a world's logs and investigate them.
func (e *evaluator) lookAtLines(ctx context.Context, w *world) (truth, found outcome, err error) {
	dir, err := os.MkdirTemp(e.dir, "world-")
	if err != nil {
		return truth, found, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	logs, truthFile, verdictFile := filepath.Join(dir, "logs"), filepath.Join(dir, "truth.json"), filepath.Join(dir, "verdict.json")
	args := append(append([]string{"simulate"}, w.flags()...), "--truth", truthFile, logs)
	if out, err := exec.CommandContext(ctx, e.program, args...).CombinedOutput(); err != nil {
		return truth, found, fmt.Errorf("simulate: %w: %s", err, bytes.TrimSpace(out))
	}
	cmd := exec.CommandContext(ctx, e.program, "investigate", "--tz", w.o.Location.String(), "--sensitivity", "off", "--quiet", "--json", verdictFile, logs)
	out, err := cmd.CombinedOutput()
	switch cmd.ProcessState.ExitCode() {
	case 0, 10, 20, 30:
	default:
		return truth, found, fmt.Errorf("investigate: %w: %s", err, bytes.TrimSpace(out))
	}
	return truth, found, errors.Join(readJSON(truthFile, &truth), readJSON(verdictFile, &found))
}

func readJSON(path string, to any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}
