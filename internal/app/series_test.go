package app_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/app"
)

// nightly writes three weeks of counts, doubled between one and four in the
// last five nights.
func nightly(t *testing.T) string {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("timestamp,value\n")
	start := time.Date(2026, 1, 12, 0, 0, 0, 0, time.UTC)
	for i := range 21 * 288 {
		at := start.Add(time.Duration(i) * 5 * time.Minute)
		mean := 300.0
		if i >= 16*288 && at.Hour() >= 1 && at.Hour() < 4 {
			mean *= 2
		}
		fmt.Fprintf(&b, "%s,%.0f\n", at.Format(time.RFC3339), mean+math.Sqrt(mean)*r.NormFloat64())
	}
	file := filepath.Join(t.TempDir(), "nights.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func series(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := app.Run(context.Background(), append([]string{"series", "--tz", "UTC", "--plot"}, args...), strings.NewReader(""), &out, &errs, time.Now); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	return out.String()
}

// TestSeriesNights: nights that come back are told, dated to a day, and what
// people know of them is heeded.
func TestSeriesNights(t *testing.T) {
	file := nightly(t)
	out := series(t, file)
	for _, want := range []string{"a rise to", "would have been counted", "came back on 5 days", "begun on Wed 28 Jan 2026"} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing says %q:\n%s", want, out)
		}
	}
	window := "2026-01-28 00:30/2026-02-02 05:00"
	if out := series(t, "--announced", window, file); !strings.Contains(out, "No alarm.") {
		t.Errorf("an announced change alarms:\n%s", out)
	}
	// After one night was called fine the others are learnt at once: none of
	// the later ones is worth an alarm.
	many := strings.Count(series(t, "--incident", window, file), "a rise to")
	few := strings.Count(series(t, "--fine", window, file), "a rise to")
	if many < 3 || few >= many {
		t.Errorf("%d alarms where it was an incident, %d where it was fine", many, few)
	}
}
