// Command causes scores "mailvigil explain" on sets of labelled excesses: a
// table, and as the last line the same figures as JSON.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

type figures struct {
	Instances int     `json:"instances"`
	Failed    int     `json:"failed"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	MeanS     float64 `json:"mean_s"`
	MaxS      float64 `json:"max_s"`
}

func main() {
	program := flag.String("program", "mailvigil", "the program to score")
	score := flag.String("score", "score.py", "the scorer, beside the sets")
	flag.Parse()
	all := make(map[string]figures)
	fmt.Printf("%-5s %9s %6s %9s %6s %6s %8s %8s\n", "SET", "INSTANCES", "FAILED", "PRECISION", "RECALL", "F1", "MEAN S", "MAX S")
	for _, set := range flag.Args() {
		f, err := run(*score, set, *program)
		if err != nil {
			fmt.Fprintln(os.Stderr, "causes:", err)
			os.Exit(1)
		}
		all[set] = f
		fmt.Printf("%-5s %9d %6d %9.3f %6.3f %6.3f %8.3f %8.3f\n", set, f.Instances, f.Failed, f.Precision, f.Recall, f.F1, f.MeanS, f.MaxS)
	}
	fmt.Println()
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		fmt.Fprintln(os.Stderr, "causes:", err)
		os.Exit(1)
	}
}

func run(score, set, program string) (f figures, err error) {
	cmd := exec.Command("python3", score, filepath.Join(filepath.Dir(score), set), program, "explain", "--json", "-")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return f, fmt.Errorf("score set %s: %w", set, err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &f); err != nil {
		return f, fmt.Errorf("read the score of set %s: %w", set, err)
	}
	return f, nil
}
