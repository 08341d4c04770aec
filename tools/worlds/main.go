// Command worlds investigates simulated organisations and has each verdict
// scored against the truth. It prints a table and, as the last line, the same
// figures as one JSON object.
//
// usage: worlds -program bin/mailvigil -score score.py DIR
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// score holds what score.py says of one world. A nil figure means that there
// was nothing to judge.
type score struct {
	World                string   `json:"world"`
	Truth                string   `json:"truth"`
	Verdict              string   `json:"verdict"`
	VerdictOK            int      `json:"verdict_ok"`
	FocusOK              int      `json:"focus_ok"`
	CauseOK              *float64 `json:"cause_ok"`
	OnsetError           *float64 `json:"onset_error_minutes"`
	OnsetCovered         *float64 `json:"onset_covered"`
	ServicesF1           *float64 `json:"services_f1"`
	CompromisedPrecision *float64 `json:"compromised_precision"`
	CompromisedRecall    *float64 `json:"compromised_recall"`
	SourcesPrecision     *float64 `json:"sources_precision"`
	SourcesRecall        *float64 `json:"sources_recall"`
	InfectedPrecision    *float64 `json:"infected_precision"`
	InfectedRecall       *float64 `json:"infected_recall"`
	IncidentsPredicted   int      `json:"incidents_predicted"`
	IncidentsTrue        int      `json:"incidents_true"`
	ExitCode             int      `json:"exit_code"`
	Seconds              float64  `json:"seconds"`
	PeakMB               float64  `json:"peak_mb"`
	Error                string   `json:"error,omitempty"`
}

// summary is over all worlds; a mean leaves out what was not judged.
type summary struct {
	Worlds               int      `json:"worlds"`
	VerdictOK            int      `json:"verdict_ok"`
	FocusOK              int      `json:"focus_ok"`
	QuietCalledAttack    int      `json:"quiet_called_attack"`
	Cause                *float64 `json:"cause_ok"`
	CauseBenign          *float64 `json:"cause_ok_benign"`
	CompromisedPrecision *float64 `json:"compromised_precision"` // the least
	CompromisedRecall    *float64 `json:"compromised_recall"`
	SourcesRecall        *float64 `json:"sources_recall"`
	OnsetCovered         *float64 `json:"onset_covered"`
	Seconds              float64  `json:"seconds"`
	PeakMB               float64  `json:"peak_mb"` // the largest
	Scores               []score  `json:"scores"`
}

func main() {
	program := flag.String("program", "", "the `mailvigil` to run")
	scorer := flag.String("score", "", "the `score.py` to ask")
	flag.Parse()
	if *program == "" || *scorer == "" || flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	truths, err := filepath.Glob(filepath.Join(flag.Arg(0), "*", "truth.json"))
	if err == nil && len(truths) == 0 {
		err = errors.New("there are no worlds in " + flag.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "worlds:", err)
		os.Exit(1)
	}
	sort.Strings(truths)
	var scores []score
	for _, truth := range truths {
		s := judge(*program, *scorer, filepath.Dir(truth))
		fmt.Fprintf(os.Stderr, "%s: %s after %.1f s\n", s.World, s.Verdict, s.Seconds)
		scores = append(scores, s)
	}
	if err := write(os.Stdout, summarise(scores)); err != nil {
		fmt.Fprintln(os.Stderr, "worlds:", err)
		os.Exit(1)
	}
	for _, s := range scores {
		if s.Error != "" {
			os.Exit(1)
		}
	}
}

// judge runs the program on one world. What goes wrong is told in the score,
// so that the other worlds are judged all the same.
func judge(program, scorer, dir string) score {
	s := score{World: filepath.Base(dir)}
	fail := func(err error) score {
		s.Error = err.Error()
		return s
	}
	var truth struct {
		Timezone string `json:"timezone"`
		Verdict  string `json:"verdict"`
	}
	data, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		return fail(err)
	}
	if err := json.Unmarshal(data, &truth); err != nil {
		return fail(fmt.Errorf("truth.json: %w", err))
	}
	s.Truth = truth.Verdict
	verdict := dir + ".json"
	if err := os.Remove(verdict); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fail(err) // an old verdict must not be scored for a new one
	}

	cmd := exec.Command(program, "investigate", "--quiet", "--tz", truth.Timezone, "--json", verdict, filepath.Join(dir, "logs"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	begin := time.Now()
	err = cmd.Run()
	s.Seconds = time.Since(begin).Seconds()
	s.ExitCode = cmd.ProcessState.ExitCode()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.PeakMB = float64(usage.Maxrss) / 1024
	}
	switch s.ExitCode {
	case 0, 10, 20, 30:
	default:
		return fail(fmt.Errorf("investigate: %w: %s", err, strings.TrimSpace(stderr.String())))
	}

	cmd = exec.Command("python3", scorer, dir, verdict)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fail(fmt.Errorf("score.py: %w", err))
	}
	if err := json.Unmarshal(out, &s); err != nil {
		return fail(fmt.Errorf("score.py: %w", err))
	}
	return s
}

func summarise(scores []score) summary {
	sum := summary{Worlds: len(scores), Scores: scores}
	var cause, benign, recall, sources, onset mean
	for _, s := range scores {
		sum.VerdictOK += s.VerdictOK
		sum.FocusOK += s.FocusOK
		if s.Truth == "quiet" && s.Verdict == "attack" {
			sum.QuietCalledAttack++
		}
		cause.add(s.CauseOK)
		if s.Truth == "benign" {
			benign.add(s.CauseOK)
		}
		if p := s.CompromisedPrecision; p != nil && (sum.CompromisedPrecision == nil || *p < *sum.CompromisedPrecision) {
			sum.CompromisedPrecision = p
		}
		recall.add(s.CompromisedRecall)
		sources.add(s.SourcesRecall)
		onset.add(s.OnsetCovered)
		sum.Seconds += s.Seconds
		sum.PeakMB = max(sum.PeakMB, s.PeakMB)
	}
	sum.Cause, sum.CauseBenign = cause.value(), benign.value()
	sum.CompromisedRecall, sum.SourcesRecall, sum.OnsetCovered = recall.value(), sources.value(), onset.value()
	return sum
}

type mean struct {
	sum float64
	n   int
}

func (m *mean) add(v *float64) {
	if v != nil {
		m.sum += *v
		m.n++
	}
}

func (m *mean) value() *float64 {
	if m.n == 0 {
		return nil
	}
	v := m.sum / float64(m.n)
	return &v
}

func write(w io.Writer, sum summary) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WORLD\tTRUTH\tVERDICT\tOK\tFOCUS\tCAUSE\tONSET ERR\tCOVERED\tSERVICES\tCOMPR P\tCOMPR R\tSRC P\tSRC R\tINCIDENTS\tSECONDS\tPEAK MB")
	for _, s := range sum.Scores {
		verdict := s.Verdict
		if s.Error != "" {
			verdict = "failed"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d of %d\t%.1f\t%.0f\n",
			s.World, s.Truth, verdict, s.VerdictOK, s.FocusOK, show(s.CauseOK), show(s.OnsetError), show(s.OnsetCovered),
			show(s.ServicesF1), show(s.CompromisedPrecision), show(s.CompromisedRecall), show(s.SourcesPrecision),
			show(s.SourcesRecall), s.IncidentsPredicted, s.IncidentsTrue, s.Seconds, s.PeakMB)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, s := range sum.Scores {
		if s.Error != "" {
			fmt.Fprintf(w, "%s: %s\n", s.World, s.Error)
		}
	}
	fmt.Fprintf(w, "\n%d of %d verdicts right, %d quiet called an attack, cause %s (benign %s), compromised precision at least %s, %.0f s, at most %.0f MB\n",
		sum.VerdictOK, sum.Worlds, sum.QuietCalledAttack, show(sum.Cause), show(sum.CauseBenign), show(sum.CompromisedPrecision), sum.Seconds, sum.PeakMB)
	return json.NewEncoder(w).Encode(sum)
}

func show(v *float64) string {
	if v == nil {
		return "-"
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", *v), "0"), ".")
}
