package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func p(v float64) *float64 { return &v }

func TestSummarise(t *testing.T) {
	sum := summarise([]score{
		{World: "a", Truth: "benign", Verdict: "benign", VerdictOK: 1, CauseOK: p(1), CompromisedPrecision: p(1), Seconds: 2, PeakMB: 90},
		{World: "b", Truth: "attack", Verdict: "attack", VerdictOK: 1, CauseOK: p(0.5), CompromisedPrecision: p(0.25), Seconds: 3, PeakMB: 80},
		{World: "c", Truth: "quiet", Verdict: "attack", CauseOK: p(0)},
	})
	var out bytes.Buffer
	if err := write(&out, sum); err != nil {
		t.Fatal(err)
	}
	const want = "2 of 3 verdicts right, 1 quiet called an attack, cause 0.5 (benign 1), compromised precision at least 0.25, 5 s, at most 90 MB"
	if !strings.Contains(out.String(), want) {
		t.Errorf("got\n%swant %s", out.String(), want)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var last summary
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Worlds != 3 {
		t.Errorf("the last line is no summary: %v", err)
	}
}

// A world that cannot be judged is named and does not end the others.
func TestJudgeTellsWhatFailed(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "mailvigil")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho broken >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	world := filepath.Join(dir, "quiet-1")
	if err := os.Mkdir(world, 0o755); err != nil {
		t.Fatal(err)
	}
	if s := judge(program, "score.py", world); s.Error == "" {
		t.Error("a world without a truth was judged")
	}
	if err := os.WriteFile(filepath.Join(world, "truth.json"), []byte(`{"timezone":"UTC","verdict":"quiet"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if s := judge(program, "score.py", world); !strings.Contains(s.Error, "broken") || s.ExitCode != 1 {
		t.Errorf("got %+v, want what the program said", s)
	}
}
