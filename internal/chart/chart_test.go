package chart_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/rivo/uniseg"

	"mailvigil/internal/chart"
)

var update = flag.Bool("update", false, "write the golden files")

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// series is n steps whose counts are given by f.
func series(title string, start time.Time, step time.Duration, n int, f func(i int) (observed, expected, spread float64)) chart.Series {
	s := chart.Series{Title: title, Start: start, Step: step}
	for i := range n {
		o, e, w := f(i)
		s.Observed = append(s.Observed, o)
		s.Expected = append(s.Expected, e)
		s.Lower = append(s.Lower, math.Max(0, e-w))
		s.Upper = append(s.Upper, e+w)
	}
	return s
}

func samples(t testing.TB) map[string]chart.Series {
	brussels := zone(t, "Europe/Brussels")
	at := func(month time.Month, day, hour int) time.Time {
		return time.Date(2024, month, day, hour, 0, 0, 0, brussels)
	}
	wave := func(i, perDay int) float64 {
		return 100 - 90*math.Cos(2*math.Pi*float64(i)/float64(perDay))
	}
	storm := series("ActiveSync requests per 5 minutes", at(3, 4, 0), 5*time.Minute, 432, func(i int) (float64, float64, float64) {
		e := wave(i, 288)
		switch {
		case i > 340 && i < 352:
			return -1, e, 25
		case i > 264:
			return e + 210, e, 25
		}
		return e + float64(i%7) - 3, e, 25
	})
	onset := at(3, 4, 22)
	storm.Onset = &[3]time.Time{onset.Add(-30 * time.Minute), onset.Add(5 * time.Minute), onset.Add(50 * time.Minute)}
	clocks := series("Logins per hour, over a change of the clocks", at(3, 30, 12), time.Hour, 36, func(i int) (float64, float64, float64) {
		return wave(i+12, 24), wave(i+12, 24), 20
	})
	fortnight := series("Webmail logins per hour", at(2, 21, 0), time.Hour, 24*15, func(i int) (float64, float64, float64) {
		if i > 200 && i < 210 {
			return 0, wave(i, 24), 20
		}
		return wave(i, 24), wave(i, 24), 20
	})
	few := series("Three steps", at(3, 4, 9), 10*time.Minute, 3, func(i int) (float64, float64, float64) {
		return float64(i), 0.5, 0.4
	})
	bare := chart.Series{Title: "No band", Start: at(3, 4, 9), Step: time.Minute, Observed: []float64{1, 2, 3, math.NaN(), 5}}
	nothing := series("Nothing seen", at(3, 4, 9), time.Minute, 60, func(int) (float64, float64, float64) { return -1, 3, 1 })
	return map[string]chart.Series{"storm": storm, "clocks": clocks, "fortnight": fortnight, "few": few, "bare": bare, "nothing": nothing}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./internal/chart -update writes it", err)
	}
	if got != string(want) {
		t.Errorf("differs from %s; look at it, and write it with -update\n%s", path, got)
	}
}

func TestTerminal(t *testing.T) {
	for name, s := range samples(t) {
		for mode, o := range map[string]chart.Options{
			"ascii":   {Width: 80},
			"unicode": {Width: 80, Unicode: true},
			"color":   {Width: 100, Height: 14, Unicode: true, Color: true},
		} {
			t.Run(name+"-"+mode, func(t *testing.T) {
				o.Location = zone(t, "Europe/Brussels")
				got := chart.Terminal(s, o)
				for line := range strings.Lines(got) {
					if w := uniseg.StringWidth(strings.TrimSuffix(sgr.ReplaceAllString(line, ""), "\n")); w > o.Width {
						t.Errorf("%d columns, more than %d: %q", w, o.Width, line)
					}
				}
				golden(t, name+"-"+mode+".txt", got)
			})
		}
	}
}

// TestWithoutColor: what stands out in colour stands out without.
func TestWithoutColor(t *testing.T) {
	out := chart.Terminal(samples(t)["storm"], chart.Options{Width: 80})
	for what, glyph := range map[string]string{"the excess": "#", "columns above": "^", "columns without logs": "?", "the onset": "X"} {
		if !strings.Contains(out, glyph) {
			t.Errorf("nothing shows %s in\n%s", what, out)
		}
	}
	for _, r := range out {
		if r > '~' {
			t.Errorf("%q in plain ASCII", r)
		}
	}
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%.2000s", err, svg)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "script", "foreignObject", "image", "a", "use":
			t.Errorf("the picture holds <%s>", e.Name.Local)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
				t.Errorf("the picture holds %s=%q", a.Name.Local, a.Value)
			}
			if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
				t.Errorf("<%s %s=%q>", e.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
}

func TestSVG(t *testing.T) {
	for name, s := range samples(t) {
		t.Run(name, func(t *testing.T) {
			svg := chart.SVG(s, chart.Options{Location: zone(t, "Europe/Brussels")})
			wellFormed(t, svg)
			for _, want := range []string{"<title id=", "<desc id=", "prefers-color-scheme:dark", `role="img"`} {
				if !strings.Contains(svg, want) {
					t.Errorf("no %s", want)
				}
			}
			golden(t, name+".svg", svg)
		})
	}
}

func TestTerminalSVG(t *testing.T) {
	plot := chart.Terminal(samples(t)["storm"], chart.Options{Width: 80, Unicode: true, Color: true, Location: zone(t, "Europe/Brussels")})
	svg := chart.TerminalSVG("\x1b[1mA storm & a <title>\x1b[0m\n"+plot, 80)
	wellFormed(t, svg)
	golden(t, "terminal.svg", svg)
}

// TestTerminalSVGGrid: a word stands at its column, whatever is before it.
func TestTerminalSVGGrid(t *testing.T) {
	svg := chart.TerminalSVG("ab\x1b[31m cd\x1b[0m 漢 ef", 80)
	for word, column := range map[string]int{"ab": 0, "cd": 3, "漢": 6, "ef": 9} {
		want := fmt.Sprintf(`x="%s"`, strings.TrimSuffix(fmt.Sprintf("%.1f", 16+8.4*float64(column)), ".0"))
		if !regexp.MustCompile(`<text[^>]*` + regexp.QuoteMeta(want) + `[^>]*>` + word + `</text>`).MatchString(svg) {
			t.Errorf("%s does not stand at %s", word, want)
		}
	}
}

func TestHostileText(t *testing.T) {
	s := samples(t)["few"]
	s.Title = "\x1b[2J</title><script>alert(1)</script>\u202e\xff\x00"
	for _, o := range []chart.Options{{}, {Unicode: true, Color: true}} {
		if out := chart.Terminal(s, o); strings.Contains(out, "\x1b[2J") || strings.Contains(out, "\u202e") || strings.Contains(out, "\x00") {
			t.Errorf("the title reaches the terminal: %.200q", out)
		}
	}
	wellFormed(t, chart.SVG(s, chart.Options{}))
	wellFormed(t, chart.TerminalSVG(s.Title+"\x1b]0;x\x07\x1b[38;5;9999999999999999999m\x1b[", 10))
}

func FuzzChart(f *testing.F) {
	f.Add(int64(1709510400), int64(300), 432, 80, 18, 3.5, 0.0, 9.0, int64(1709520000))
	f.Add(int64(0), int64(1), 1, 0, 0, math.NaN(), math.Inf(1), -1.0, int64(0))
	f.Add(int64(-62135596800), int64(86400*366), 5, 1, 1, 1e308, 5e-324, 1e-9, int64(1<<40))
	f.Fuzz(func(t *testing.T, start, step int64, n, width, height int, a, b, c float64, onset int64) {
		// The counts of steps and columns come from the pipeline, not from logs.
		n, width, height = abs(n)%2000, abs(width)%400, abs(height)%100
		step %= 366 * 86400
		s := chart.Series{Start: time.Unix(start%(1<<36), 0), Step: time.Duration(step) * time.Second, Onset: &[3]time.Time{{}, time.Unix(onset%(1<<36), 0), {}}}
		for i := range n {
			s.Observed = append(s.Observed, a*float64(i))
			s.Expected = append(s.Expected, b)
			if i%3 > 0 {
				s.Lower, s.Upper = append(s.Lower, b), append(s.Upper, c)
			}
		}
		o := chart.Options{Width: width, Height: height, Unicode: n%2 == 0}
		out := chart.Terminal(s, o)
		for line := range strings.Lines(out) {
			if w := uniseg.StringWidth(strings.TrimSuffix(line, "\n")); w > max(width, 24) && width > 0 {
				t.Errorf("%d columns, more than %d: %q", w, width, line)
			}
		}
		wellFormed(t, chart.SVG(s, o))
		wellFormed(t, chart.TerminalSVG(out, width))
	})
}

func abs(n int) int { return max(n, -(n + 1)) }
