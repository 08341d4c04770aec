package report_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"mailvigil/internal/report"
	"mailvigil/verdict"
)

var update = flag.Bool("update", false, "write the golden files")

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

func terminal(t *testing.T, v *verdict.Verdict, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Terminal(&b, v, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// checkScreen fails where a line is too wide, or where anything but colours
// could reach the terminal.
func checkScreen(t *testing.T, out string, o report.Options) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
		bare := line
		if o.Color {
			bare = sgr.ReplaceAllString(line, "")
			if strings.Contains(line, "\x1b") && !strings.HasSuffix(line, "\x1b[0m") && strings.LastIndex(line, "\x1b[0m") < strings.LastIndex(line, "\x1b") {
				t.Errorf("line %d leaves a colour on: %q", i+1, line)
			}
		}
		if w := uniseg.StringWidth(bare); w > o.Width {
			t.Errorf("line %d is %d columns wide, more than %d: %q", i+1, w, o.Width, line)
		}
		if !utf8.ValidString(bare) {
			t.Errorf("line %d is not UTF-8: %q", i+1, line)
		}
		for _, r := range bare {
			if !unicode.IsPrint(r) {
				t.Errorf("line %d holds %U: %q", i+1, r, line)
			}
			if !o.Unicode && r > '~' && !strings.Contains(o.Location.String(), "hostile") {
				t.Errorf("line %d of an ASCII report holds %q", i+1, r)
			}
		}
	}
}

func TestTerminalGolden(t *testing.T) {
	for name, sample := range samples {
		for mode, o := range map[string]report.Options{
			"80":             {Width: 80},
			"80-color":       {Width: 80, Color: true, Unicode: true},
			"120":            {Width: 120, Unicode: true},
			"120-color":      {Width: 120, Color: true, Unicode: true},
			"80-quiet-color": {Width: 80, Color: true, Unicode: true, Quiet: true},
		} {
			t.Run(name+"-"+mode, func(t *testing.T) {
				o.Location = brussels
				got := terminal(t, sample(), o)
				checkScreen(t, got, o)
				path := filepath.Join("testdata", name+"-"+mode+".txt")
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatalf("%v; go test ./internal/report -update writes it", err)
				}
				if got != string(want) {
					t.Errorf("differs from %s; look at it, and write it with -update\n%s", path, got)
				}
			})
		}
	}
}

func TestSentenceFirstNextLast(t *testing.T) {
	for name, sample := range samples {
		v := sample()
		out := terminal(t, v, report.Options{Width: 100, Location: brussels})
		if !strings.HasPrefix(strings.ReplaceAll(out, "\n", " "), v.Text) {
			t.Errorf("%s does not begin with the sentence: %.120q", name, out)
		}
		if n := len(v.Next); n > 0 && !strings.HasSuffix(strings.Join(strings.Fields(out), " "), v.Next[n-1]) {
			t.Errorf("%s does not end with what to do", name)
		}
		if strings.Contains(out, "!") {
			t.Errorf("%s raises its voice", name)
		}
	}
}

// TestLongText: a megabyte in one field neither fills the screen nor takes
// longer than a blink.
func TestLongText(t *testing.T) {
	v := spray()
	long := strings.Repeat("x", 1<<20)
	v.Text, v.Incidents[0].Compromised[0], v.Findings[0].Title, v.Incidents[0].Evidence[0].Text = long, long, long, long
	v.Incidents[0].Cause[0]["account"] = long
	o := report.Options{Width: 80, Location: brussels}
	out := terminal(t, v, o)
	checkScreen(t, out, o)
	if n := strings.Count(out, "\n"); n > 200 {
		t.Errorf("%d lines", n)
	}
}

// TestPlaceKeepsLineNumber: a path that is too long loses its front.
func TestPlaceKeepsLineNumber(t *testing.T) {
	v := outage()
	v.Incidents[0].Evidence = lines("/srv/"+strings.Repeat("long/漢/", 30)+"access.log", 4100, "x")
	for width := 60; width < 64; width++ {
		o := report.Options{Width: width, Location: brussels, Unicode: true}
		out := terminal(t, v, o)
		checkScreen(t, out, o)
		if !strings.Contains(out, "/access.log:4100\n") {
			t.Errorf("at %d columns the file's name and line are lost", width)
		}
	}
}

// nasty is what an attacker may put where a log lets him choose.
const nasty = "a\x1b]0;owned\x07\x1b[2J\r\n\t\u202egnp.exe\u2066\u200b\u0085\u009b31m\xff\xc3(\x00e\u0301\u0301\u0301\u0301\u0301\U000e0041漢字🏴‍☠️"

// hostile is a verdict with nasty text in every field that a log can reach,
// and in every one that it should not.
func hostile() *verdict.Verdict {
	v := mixed()
	v.Verdict = verdict.Mixed
	fill(reflect.ValueOf(v).Elem(), "")
	return v
}

// fill puts nasty into every string but those with a fixed set of values.
func fill(v reflect.Value, key string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem(), key)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			fill(v.Field(i), v.Type().Field(i).Tag.Get("json"))
		}
	case reflect.Slice:
		if v.Len() == 0 && key != "sources" { // only attacks have sources
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		if v.Type().Elem().Kind() == reflect.Struct && key != "incidents" {
			// One is enough.
			v.SetLen(1)
		}
		for i := range v.Len() {
			fill(v.Index(i), key)
		}
	case reflect.Map:
		if v.Len() == 0 {
			v.Set(reflect.ValueOf(map[string]string{"os": "", "country": "", "asn": ""}))
		}
		for _, k := range v.MapKeys() {
			v.SetMapIndex(k, reflect.ValueOf(nasty))
		}
	case reflect.String:
		switch key {
		case "kind", "verdict", "focus", "severity", "timezone":
		case "sha256":
			v.SetString(strings.Repeat("0", 64))
		default:
			v.SetString(nasty + fmt.Sprint(" ", strings.Repeat("\u202e"+nasty, 3)))
		}
	case reflect.Int64:
		if key == "line" {
			v.SetInt(1)
		}
	}
}

func TestHostileText(t *testing.T) {
	for _, o := range []report.Options{
		{Width: 80}, {Width: 40}, {Width: 80, Color: true, Unicode: true}, {Width: 120, Unicode: true}, {Width: 80, Color: true, Quiet: true},
	} {
		t.Run(fmt.Sprintf("%d columns, color %v, quiet %v", o.Width, o.Color, o.Quiet), func(t *testing.T) {
			o.Location = time.FixedZone("hostile", 0)
			out := terminal(t, hostile(), o)
			checkScreen(t, out, o)
			if strings.Contains(out, "\x1b]") || strings.Contains(out, "\x1b[2J") {
				t.Error("an escape sequence of the log reaches the terminal")
			}
			joined := strings.ReplaceAll(strings.Join(strings.Fields(sgr.ReplaceAllString(out, "")), ""), "\n", "")
			for _, want := range []string{`\x1b]0;owned\x07`, `\u202e`, `\xff`, `\u009b31m`} {
				if !strings.Contains(joined, want) {
					t.Errorf("%s is not shown", want)
				}
			}
		})
	}
}
