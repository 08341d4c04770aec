package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestConvert(t *testing.T) {
	tests := []struct {
		name, in, want string
		ok             bool
	}{
		{
			"figures of two packages",
			"pkg: a\nBenchmarkX/y-2 \t 10\t 12.5 ns/op\t 3 lines/s\nPASS\npkg: b\nBenchmarkZ 1 7 ns/op\nok b 1s\n",
			`[{"package":"a","name":"BenchmarkX/y-2","runs":10,"metrics":{"lines/s":3,"ns/op":12.5}},{"package":"b","name":"BenchmarkZ","runs":1,"metrics":{"ns/op":7}}]`,
			true,
		},
		{"no benchmark", "ok a 1s [no tests to run]\n", `[]`, true},
		{"a failure", "--- FAIL: BenchmarkX\nFAIL a 1s\n", `[]`, false},
		{"a log line that only looks like one", "BenchmarkX logged 3 words\n", `[]`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			results, err := benchmarks(strings.NewReader(tt.in), &out)
			if (err == nil) != tt.ok {
				t.Fatalf("got error %v", err)
			}
			if out.String() != tt.in {
				t.Error("the output of go test was not passed on")
			}
			if !tt.ok {
				return
			}
			got, err := json.Marshal(results)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestThroughSyslog(t *testing.T) {
	for in, want := range map[string]string{
		"Sep 09 00:00:04 imap-login: Info: Login: user=<a: Info: b>": "Sep  9 00:00:04 mx2 dovecot: imap-login: Login: user=<a: Info: b>",
		"Sep 19 00:00:04 auth: Error: no":                            "Sep 19 00:00:04 mx2 dovecot: auth: Error: no",
		"damaged":                                                    "damaged",
	} {
		if got := string(throughSyslog([]byte(in))); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// A contest over real commands: the goals are judged by what was measured.
func TestContest(t *testing.T) {
	quick := &runner{Name: "quick", Lines: 1000, argv: []string{"sh", "-c", "exit 10"}, codes: []int{10}}
	c := &contest{Runners: []*runner{quick}, Goals: []goal{
		{Text: "any", AtLeast: 1}, {Text: "impossible", AtLeast: 1e18}, {Text: "beside", Against: "missing", AtLeast: 1},
	}}
	c.add(&runner{Name: "missing", argv: []string{"no-such-program-here"}})
	if len(c.Runners) != 1 || len(c.Goals) != 2 || len(c.Skipped) != 1 {
		t.Fatalf("a program that is not there was not left out: %+v", c)
	}
	if err := c.run(2); err != nil {
		t.Fatal(err)
	}
	if len(quick.Seconds) != 2 || !c.Goals[0].Met || c.Goals[1].Met {
		t.Errorf("got %v, %+v", quick.Seconds, c.Goals)
	}
	quick.codes = nil
	if err := c.run(1); err == nil {
		t.Error("a program that fails was measured as if it had not")
	}
}

func TestPackageOf(t *testing.T) {
	for in, want := range map[string]string{
		"internal/enrich.(*Worker).Enrich":                     "internal/enrich",
		"abuse.keep[go.shape.struct { net/netip.z unique.H }]": "abuse",
		"maillog.Detect": "maillog",
	} {
		if got := packageOf(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
