// Command bench passes the output of "go test -bench" on and ends it with one
// line of JSON that holds the same figures, for programs to compare.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

type result struct {
	Package string             `json:"package"`
	Name    string             `json:"name"`
	Runs    int64              `json:"runs"`
	Metrics map[string]float64 `json:"metrics"`
}

func main() {
	ok, err := convert(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(1)
	}
}

// convert returns false where a package failed.
func convert(r io.Reader, w io.Writer) (ok bool, err error) {
	ok = true
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
			ok = false
		}
		if res, found := parse(line); found {
			res.Package = pkg
			results = append(results, res)
		}
	}
	if err := in.Err(); err != nil {
		return false, err
	}
	return ok, json.NewEncoder(w).Encode(map[string]any{"benchmarks": results})
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
