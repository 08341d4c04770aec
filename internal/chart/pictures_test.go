package chart_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/chart"
)

func hourly(t testing.TB, start time.Time, n int) chart.Series {
	return series("Failed sign-ins, IMAP", start, time.Hour, n, func(i int) (float64, float64, float64) {
		e := 60 - 50*math.Cos(2*math.Pi*float64(i)/24)
		switch {
		case i > 30 && i < 36:
			return e + 200, e, 20
		case i == 40:
			return -1, e, 20
		case i > 50 && i < 54:
			return 0, e, 20
		}
		return e, e, 20
	})
}

// pictures are one of each kind.
func pictures(t testing.TB, name string, o chart.Options) map[string]string {
	o.Location = zone(t, "Europe/Brussels")
	s := hourly(t, time.Date(2025, 3, 28, 5, 0, 0, 0, o.Location), 72)
	s.Title = name
	return map[string]string{
		"hours": chart.HoursSVG(s, o),
		"parts": chart.BarsSVG(name, []chart.Bar{{Name: name, Observed: 50826, Expected: 120}, {Name: "Everything else", Observed: 13164, Expected: 18179.5}, {Name: "nothing"}}, o),
		"ties": chart.MatrixSVG(chart.Matrix{
			Title: name, Rows: []string{"203.0.113.9", name, "2001:db8:1234:5678:9abc:def0:1234:5678"}, Columns: []string{"anna@assembly.example", name},
			Ties: [][]chart.Tie{{chart.Used, chart.Suspected}, {chart.Apart, chart.Used}}, Uses: "signed in", Suspects: "named together",
		}, o),
	}
}

func TestPictures(t *testing.T) {
	for name, svg := range pictures(t, "Failed sign-ins", chart.Options{}) {
		wellFormed(t, svg)
		for _, want := range []string{"<title id=", "<desc id=", `role="img"`, "prefers-color-scheme:dark"} {
			if !strings.Contains(svg, want) {
				t.Errorf("%s: no %s", name, want)
			}
		}
		golden(t, name+".svg", svg)
	}
	for name, svg := range pictures(t, "Failed sign-ins", chart.Options{Inline: true}) {
		if strings.Contains(svg, "<style") || strings.Contains(svg, `class="page"`) {
			t.Errorf("%s: within a page, a picture brings a style or a ground of its own", name)
		}
	}
}

func TestPicturesEscape(t *testing.T) {
	for name, svg := range pictures(t, "</text><script>alert(1)</script>\x1b[2J\u202e&\"'\xff"+strings.Repeat("long ", 300), chart.Options{Inline: true}) {
		wellFormed(t, svg)
		if strings.Contains(svg, "<script") || strings.ContainsAny(svg, "\x1b\u202e") {
			t.Errorf("%s: what a log holds is not escaped", name)
		}
	}
}

func TestPicturesOfNothing(t *testing.T) {
	if got := chart.BarsSVG("x", nil, chart.Options{}) + chart.MatrixSVG(chart.Matrix{}, chart.Options{}) + chart.HoursSVG(chart.Series{Step: time.Hour}, chart.Options{}); got != "" {
		t.Errorf("nothing is drawn as %q", got)
	}
	s := hourly(t, time.Unix(0, 0), 5)
	s.Step = time.Minute
	if chart.HoursSVG(s, chart.Options{}) != "" {
		t.Error("minutes are drawn as hours")
	}
}

// The clock of a day may have 23 or 25 hours; no count is lost.
func TestDays(t *testing.T) {
	brussels := zone(t, "Europe/Brussels")
	for name, tc := range map[string]struct {
		start time.Time
		twice int // the hour that the clock shows twice
		never int // and the one it does not show
	}{
		"forward": {time.Date(2025, 3, 30, 0, 0, 0, 0, brussels), -1, 2},
		"back":    {time.Date(2025, 10, 26, 0, 0, 0, 0, brussels), 2, -1},
	} {
		t.Run(name, func(t *testing.T) {
			end := time.Date(tc.start.Year(), tc.start.Month(), tc.start.Day()+1, 0, 0, 0, 0, brussels)
			n := int(end.Sub(tc.start).Hours())
			s := series("x", tc.start, time.Hour, n, func(i int) (float64, float64, float64) { return float64(i + 1), 10, 3 })
			days := s.Days(brussels)
			if len(days) != 1 {
				t.Fatalf("%d days", len(days))
			}
			sum := 0.0
			for h, c := range days[0].Hours {
				sum += c.Observed
				if c.In == (h == tc.never) {
					t.Errorf("hour %d is there: %v", h, c.In)
				}
				if want := 10.0; h == tc.twice && c.Expected != 2*want {
					t.Errorf("hour %d, shown twice, expects %v", h, c.Expected)
				}
			}
			if want := float64(n * (n + 1) / 2); sum != want {
				t.Errorf("the sum of the day is %v, want %v", sum, want)
			}
		})
	}
	// Marks need more than a breath.
	s := series("x", time.Date(2025, 1, 6, 0, 0, 0, 0, brussels), time.Hour, 24, func(i int) (float64, float64, float64) {
		return map[int]float64{3: 240, 5: 14, 7: 0}[i] + map[bool]float64{true: 8}[i != 3 && i != 5 && i != 7], 10, 3
	})
	marks := ""
	for h, c := range s.Days(brussels)[0].Hours {
		if c.Above() || c.Below() {
			marks += fmt.Sprint(h, " ")
		}
	}
	if marks != "3 " {
		t.Errorf("hours marked: %s, want 3 alone", marks)
	}
}

func TestCount(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.04: "0", 0.4: "0.4", 3: "3", 9.97: "10", 12.4: "12", 2640: "2,640", 1234567: "1,234,567", -1: "not known"} {
		if got := chart.Count(v); got != want {
			t.Errorf("Count(%v) = %q, want %q", v, got, want)
		}
	}
	if got := chart.Count(math.NaN()); got != "not known" {
		t.Errorf("what is no number is %q", got)
	}
}
