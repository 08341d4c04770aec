package chart_test

import (
	"strings"
	"testing"

	"github.com/rivo/uniseg"

	"mailvigil/internal/chart"
)

func TestBars(t *testing.T) {
	bars := []chart.Bar{
		{Name: "os=iOS", Observed: 80, Expected: 40},
		{Name: "service=imap & country=DE", Observed: 10, Expected: 60},
		{Name: "new", Observed: 0.2, Expected: 0},
		{Name: "bad", Observed: -1, Expected: 0},
	}
	for _, c := range []struct {
		name string
		o    chart.Options
		want string
	}{
		{"ascii", chart.Options{Width: 44}, `os=iOS                |||||||||||###########
service=imap & cou..  |||::::::::::::::
new                   #
bad
                      | as expected  # mor..
`},
		{"wide", chart.Options{Width: 90, Unicode: true}, `os=iOS                     ` + strings.Repeat("▒", 32) + strings.Repeat("█", 31) + `
service=imap & country=DE  ` + strings.Repeat("▒", 8) + strings.Repeat("░", 39) + `
new                        █
bad                        
                           ▒ as expected  █ more  ░ missing; the longest is 80
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := chart.Bars(bars, c.o)
			trim := func(s string) string {
				lines := strings.Split(s, "\n")
				for i := range lines {
					lines[i] = strings.TrimRight(lines[i], " ")
				}
				return strings.Join(lines, "\n")
			}
			if trim(got) != trim(c.want) {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			for _, line := range strings.Split(got, "\n") {
				if n := uniseg.StringWidth(line); n > c.o.Width {
					t.Errorf("%d columns in %q", n, line)
				}
			}
		})
	}
	colored := chart.Bars([]chart.Bar{{Name: "a\x1b[2J", Observed: 2, Expected: 1}}, chart.Options{Color: true})
	if strings.Contains(colored, "\x1b[2J") {
		t.Errorf("a name moves the cursor: %q", colored)
	}
	if sgr.ReplaceAllString(colored, "") != chart.Bars([]chart.Bar{{Name: "a\x1b[2J", Observed: 2, Expected: 1}}, chart.Options{}) {
		t.Errorf("without its colours the plot differs: %q", colored)
	}
	if chart.Bars(nil, chart.Options{}) != "" {
		t.Error("a plot of nothing")
	}
}
