package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestConvert(t *testing.T) {
	tests := []struct {
		name, in, last string
		ok             bool
	}{
		{
			"figures of two packages",
			"pkg: a\nBenchmarkX/y-2 \t 10\t 12.5 ns/op\t 3 lines/s\nPASS\npkg: b\nBenchmarkZ 1 7 ns/op\nok b 1s\n",
			`{"benchmarks":[{"package":"a","name":"BenchmarkX/y-2","runs":10,"metrics":{"lines/s":3,"ns/op":12.5}},{"package":"b","name":"BenchmarkZ","runs":1,"metrics":{"ns/op":7}}]}`,
			true,
		},
		{"no benchmark", "ok a 1s [no tests to run]\n", `{"benchmarks":[]}`, true},
		{"a failure", "--- FAIL: BenchmarkX\nFAIL a 1s\n", `{"benchmarks":[]}`, false},
		{"a log line that only looks like one", "BenchmarkX logged 3 words\n", `{"benchmarks":[]}`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			ok, err := convert(strings.NewReader(tt.in), &out)
			if err != nil || ok != tt.ok {
				t.Fatalf("got %v, %v", ok, err)
			}
			if !strings.HasPrefix(out.String(), tt.in) {
				t.Error("the output of go test was not passed on")
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if last := lines[len(lines)-1]; last != tt.last {
				t.Errorf("got  %s\nwant %s", last, tt.last)
			}
		})
	}
}
