// Command causes scores "mailvigil explain" on sets of labelled excesses, where
// they are, runs the study of package explain over tables drawn for the purpose,
// and writes the figures as a page: a table each, and as the last line the same
// figures as JSON.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// set is how a set of labelled excesses scored.
type set struct {
	Name      string  `json:"-"`
	Instances int     `json:"instances"`
	Failed    int     `json:"failed"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	MeanS     float64 `json:"mean_s"`
	MaxS      float64 `json:"max_s"`
}

// study is what TestStudy of package explain writes.
type study struct {
	Seed       uint64       `json:"seed"`
	Kinds      []kind       `json:"kinds"`
	All        kind         `json:"all"`
	Near       int          `json:"near"` // tables near the limit
	Confidence []confidence `json:"confidence"`
}

type kind struct {
	Kind         string  `json:"kind"`
	Noise        string  `json:"noise"`
	Tables       int     `json:"tables"`
	Causes       int     `json:"causes"`
	Undetectable int     `json:"undetectable"`
	F1           float64 `json:"f1"`
	Precision    float64 `json:"precision"`
	Recall       float64 `json:"recall"`
	RecallAll    float64 `json:"recall_all"`
	FalseAlarms  int     `json:"false_alarms"`
}

type confidence struct {
	From   float64 `json:"from"`
	To     float64 `json:"to"`
	Causes int     `json:"causes"`
	Said   float64 `json:"said"`
	Right  float64 `json:"right"`
}

// cost is what one benchmark of package explain took.
type cost struct {
	Name     string  `json:"name"` // LEAVESxATTRIBUTES, of a sparse table with the number of causes
	Dense    bool    `json:"dense"`
	CPU      float64 `json:"cpu_ms"`
	Median   float64 `json:"median_ms"`
	Worst    float64 `json:"worst_ms"`
	PeakMB   float64 `json:"peak_mb"` // of the process
	Allocate float64 `json:"allocated_mb"`
}

// figures is all that was measured.
type figures struct {
	Sets  map[string]set `json:"sets"`
	Study study          `json:"study"`
	Cost  []cost         `json:"cost"`

	order   []string
	command string
}

func main() {
	program := flag.String("program", "mailvigil", "the program to score")
	score := flag.String("score", "", "the scorer, beside the sets given as arguments; none: the study alone")
	module := flag.String("module", ".", "folder of the module that has package explain")
	size := flag.Int("study", 130, "tables of each kind in the study, with causes and without")
	seed := flag.Uint64("seed", 2026, "seed of the study")
	page := flag.String("page", "", "write the figures to this page")
	flag.Parse()
	if err := measure(os.Stdout, *program, *score, flag.Args(), *module, *size, *seed, *page); err != nil {
		fmt.Fprintln(os.Stderr, "causes:", err)
		os.Exit(1)
	}
}

func measure(w io.Writer, program, score string, sets []string, module string, size int, seed uint64, page string) error {
	all := figures{Sets: make(map[string]set)}
	if score != "" {
		for _, name := range sets {
			s, err := runScore(score, name, program)
			if err != nil {
				return err
			}
			all.Sets[name] = s
			all.order = append(all.order, name)
		}
	}
	var err error
	if all.Study, all.command, err = runStudy(module, size, seed); err != nil {
		return err
	}
	if all.Cost, err = runBenchmarks(module); err != nil {
		return err
	}
	all.table(w)
	if page != "" {
		var out bytes.Buffer
		all.page(&out)
		if err := os.WriteFile(page, out.Bytes(), 0o644); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
	}
	return json.NewEncoder(w).Encode(all)
}

// runBenchmarks runs each benchmark in a process of its own, so that the memory
// of one is not that of another.
func runBenchmarks(module string) ([]cost, error) {
	dir, err := os.MkdirTemp("", "causes")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the benchmarks: %w", err)
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "explain.test")
	build := exec.Command("go", "test", "-c", "-o", binary, "./explain")
	build.Dir = module
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the benchmarks: %w\n%s", err, out)
	}
	var all []cost
	for _, pattern := range benchmarks {
		out, err := exec.Command(binary, "-test.run", "^$", "-test.bench", pattern, "-test.benchtime", "15x").CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("run the benchmark %s: %w\n%s", pattern, err, out)
		}
		c, err := parseCost(string(out))
		if err != nil {
			return nil, fmt.Errorf("read the benchmark %s: %w\n%s", pattern, err, out)
		}
		all = append(all, c)
	}
	return all, nil
}

// benchmarks in the order in which they are told.
var benchmarks = []string{
	"^BenchmarkCube$/^36000x4$",
	"^BenchmarkCube$/^48000x5$",
	"^BenchmarkWide$/^10000x12$/^causes=1$",
	"^BenchmarkWide$/^30000x12$/^causes=1$",
	"^BenchmarkWide$/^100000x3$/^causes=1$",
	"^BenchmarkWide$/^100000x6$/^causes=1$",
	"^BenchmarkWide$/^100000x12$/^causes=1$",
	"^BenchmarkWide$/^100000x24$/^causes=1$",
	"^BenchmarkWide$/^300000x12$/^causes=1$",
	"^BenchmarkWide$/^1000000x12$/^causes=0$",
	"^BenchmarkWide$/^1000000x12$/^causes=1$",
	"^BenchmarkWide$/^1000000x12$/^causes=3$",
	"^BenchmarkWide$/^1000000x12$/^causes=5$",
}

// parseCost reads the one benchmark in the output of a run.
func parseCost(out string) (c cost, err error) {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		c.Dense = strings.HasPrefix(fields[0], "BenchmarkCube")
		_, c.Name, _ = strings.Cut(fields[0], "/")
		if i := strings.LastIndexByte(c.Name, '-'); i > 0 { // the number of processors
			c.Name = c.Name[:i]
		}
		for i := 2; i+1 < len(fields); i += 2 {
			x, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return c, fmt.Errorf("%q: %w", line, err)
			}
			switch fields[i+1] {
			case "cpu-ms/op":
				c.CPU = x
			case "median-ms":
				c.Median = x
			case "worst-ms":
				c.Worst = x
			case "peak-MB":
				c.PeakMB = x
			case "B/op":
				c.Allocate = x / 1e6
			}
		}
		return c, nil
	}
	return c, errors.New("there is none in its output")
}

func runScore(score, name, program string) (s set, err error) {
	cmd := exec.Command("python3", score, filepath.Join(filepath.Dir(score), name), program, "explain", "--json", "-")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("score set %s: %w", name, err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &s); err != nil {
		return s, fmt.Errorf("read the score of set %s: %w", name, err)
	}
	return s, nil
}

func runStudy(module string, size int, seed uint64) (s study, command string, err error) {
	dir, err := os.MkdirTemp("", "causes")
	if err != nil {
		return s, "", fmt.Errorf("make a folder for the study: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "study.json")
	args := []string{"test", "./explain", "-count", "1", "-run", "^TestStudy$", "-study", strconv.Itoa(size), "-study-seed", strconv.FormatUint(seed, 10)}
	cmd := exec.Command("go", append(args, "-study-json", file)...)
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		return s, "", fmt.Errorf("run the study: %w\n%s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return s, "", fmt.Errorf("read the study: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, "", fmt.Errorf("read the study: %w", err)
	}
	return s, fmt.Sprintf("go test ./explain -run TestStudy -study %d -study-seed %d -v", size, seed), nil
}
