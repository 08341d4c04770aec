// Command load passes the output of "go test -v" on and ends it with a table
// of the memory that each test measured ("N MB" in its log), and the same
// figures as one line of JSON. It fails where a test failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
)

var measured = regexp.MustCompile(`_test\.go:\d+: (\d+) MB`)

type figure struct {
	Test string `json:"test"`
	MB   int    `json:"mb"`
}

func main() {
	ok, err := convert(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(1)
	}
}

func convert(r io.Reader, w io.Writer) (ok bool, err error) {
	ok = true
	test, all := "", []figure{}
	in := bufio.NewScanner(r)
	for in.Scan() {
		line := in.Text()
		fmt.Fprintln(w, line)
		if name, found := strings.CutPrefix(line, "=== RUN   "); found {
			test = name
		}
		ok = ok && !strings.HasPrefix(line, "FAIL") && !strings.Contains(line, "--- FAIL")
		if m := measured.FindStringSubmatch(line); m != nil {
			mb, _ := strconv.Atoi(m[1])
			all = append(all, figure{test, mb})
		}
	}
	if err := in.Err(); err != nil {
		return false, err
	}
	fmt.Fprintf(w, "\n%6s  %s\n", "MB", "TEST")
	for _, f := range all {
		fmt.Fprintf(w, "%6d  %s\n", f.MB, f.Test)
	}
	fmt.Fprintln(w)
	return ok, json.NewEncoder(w).Encode(map[string]any{"memory": all})
}
