// Command bench passes the output of "go test -bench" on, times the whole
// program beside its peers where it is asked to, and ends with all the figures
// as one line of JSON, for programs to compare.
//
// usage: go test -bench . ./... | bench [-program mailvigil -logs FOLDER -peers FOLDER -page FILE]
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

type result struct {
	Package string             `json:"package"`
	Name    string             `json:"name"`
	Runs    int64              `json:"runs"`
	Metrics map[string]float64 `json:"metrics"`
}

func main() {
	c := comparison{log: os.Stderr}
	flag.StringVar(&c.program, "program", "", "time this `mailvigil` beside its peers")
	flag.StringVar(&c.folder, "logs", "build/bench", "`FOLDER` for the logs that are read, kept for the next time")
	flag.StringVar(&c.peers, "peers", "build/peers", "`FOLDER` that tools/peers filled")
	flag.IntVar(&c.rounds, "rounds", 3, "`NUMBER` of runs that count")
	page := flag.String("page", "", "write the figures as a page to `FILE`")
	flag.Parse()
	if flag.NArg() > 0 || c.rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdin, os.Stdout, &c, *page); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errFailed means that a package failed; what failed has been passed on.
var errFailed = errors.New("a benchmark failed, see above")

func run(r io.Reader, w io.Writer, c *comparison, page string) (err error) {
	f := figures{Machine: thisMachine(time.Now())}
	if f.Benchmarks, err = benchmarks(r, w); err != nil {
		return err
	}
	if c.program != "" {
		if f.Contests, err = c.run(); err != nil {
			return err
		}
		if f.Profile, err = c.profiled(c.nginxFile()); err != nil {
			return err
		}
		table(w, f.Contests)
		if page != "" {
			if err := writePage(page, f); err != nil {
				return err
			}
		}
	}
	return json.NewEncoder(w).Encode(f)
}

// benchmarks passes the output of go test on and returns its figures.
func benchmarks(r io.Reader, w io.Writer) ([]result, error) {
	failed := false
	results, pkg := []result{}, ""
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		line := in.Text()
		fmt.Fprintln(w, line)
		if name, found := strings.CutPrefix(line, "pkg: "); found {
			pkg = name
		}
		if strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "--- FAIL") {
			failed = true
		}
		if res, found := parse(line); found {
			res.Package = pkg
			results = append(results, res)
		}
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if failed {
		return nil, errFailed
	}
	return results, nil
}

// parse reads a line such as
//
//	BenchmarkParse/dovecot-2   1000   1234 ns/op   0 allocs/op
func parse(line string) (result, bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || len(fields)%2 != 0 || !strings.HasPrefix(fields[0], "Benchmark") {
		return result{}, false
	}
	runs, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return result{}, false
	}
	res := result{Name: fields[0], Runs: runs, Metrics: map[string]float64{}}
	for i := 2; i < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return result{}, false
		}
		res.Metrics[fields[i+1]] = value
	}
	return res, true
}
