package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestParseCost(t *testing.T) {
	const out = `goos: linux
BenchmarkWide/1000000x12/causes=1-2   15   82843055 ns/op   137.6 cpu-ms/op   76.34 median-ms   268.5 peak-MB   138.7 worst-ms   115733018 B/op   9580 allocs/op
PASS
`
	got, err := parseCost(out)
	want := cost{Name: "1000000x12/causes=1", CPU: 137.6, Median: 76.34, Worst: 138.7, PeakMB: 268.5, Allocate: 115.733018}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := parseCost("PASS\n"); err == nil {
		t.Error("no error where no benchmark ran")
	}
}

func TestPage(t *testing.T) {
	f := figures{
		Sets: map[string]set{"S": {Instances: 12, F1: .93}}, order: []string{"S"},
		Study: study{
			Kinds: []kind{
				{Kind: "counts", Noise: "Poisson", Tables: 100, FalseAlarms: 1, F1: .97},
				{Kind: "amounts", Noise: "amounts", Tables: 100, FalseAlarms: 2},
			},
			All:        kind{Kind: "all", Tables: 200, FalseAlarms: 3},
			Confidence: []confidence{{From: .87, To: .93, Causes: 60, Said: .9, Right: .91}, {From: 0, To: .5}},
		},
		Cost: []cost{
			{Name: "36000x4", Dense: true, CPU: 40},
			{Name: "100000x3/causes=1", CPU: 25},
			{Name: "1000000x12/causes=1", CPU: 100},
		},
	}
	var out bytes.Buffer
	f.page(&out)
	for _, want := range []string{
		"| S | 12 | 0.000 | 0.000 | 0.930 | 0.90 |",
		"| counts | 100 |",
		"| Poisson | 100 | 1 | 1.00 % |\n| overdispersed | 0 | 0 | 0.00 % |\n| amounts | 100 | 2 | 2.00 % |\n| all | 200 | 3 | 1.50 % |",
		"| 0.87 to 0.93 | 60 | 0.900 | 0.910 |\n\n",
		"| 1,000,000 × 12 | sparse, causes: 1 | 100 |",
		" 1,000,000 " + strings.Repeat("█", 50) + " 100\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, out.String())
		}
	}
}
