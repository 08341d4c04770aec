package pipeline_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/klauspost/compress/gzip"

	"mailvigil/internal/intake"
	"mailvigil/internal/pipeline"
	"mailvigil/simulate"
	"mailvigil/verdict"
)

// The logs of the quiet world that are damaged. Dovecot's state no year.
const (
	dovecotLog = "dovecot/dovecot.log-20250912"
	nginxLog   = "nginx/access.log-20250912"
)

// failure is a failed login of Dovecot's, by whatever name.
func failure(user string) string {
	return "Sep 12 11:30:00 imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<" + user +
		">, method=PLAIN, rip=203.0.113.66, lip=10.12.1.40, TLS, session=<c2Vzc2lvbjEyMzQ1Njc4>"
}

// request is a line of a web server, with whatever user agent.
func request(at, agent string) string {
	return `203.0.113.66 - - [` + at + `] "GET /webmail/?_task=login HTTP/1.1" 200 5085 "-" "` + agent + `"`
}

// Whatever a log holds, it is told what could not be read, nothing else is
// lost, and nothing of it reaches the terminal as it is.
func TestBadInput(t *testing.T) {
	if testing.Short() {
		t.Skip("investigates a week of logs for each kind of damage")
	}
	const noon = "12/Sep/2025:12:00:00 +0200"
	insert := func(file string, lines ...string) func(testing.TB, string) {
		return func(t testing.TB, dir string) {
			old := bytes.SplitAfter(read(t, filepath.Join(dir, file)), []byte("\n"))
			half := len(old) / 2
			text := strings.Join(lines, "\n") + "\n"
			put(t, filepath.Join(dir, file), bytes.Join([][]byte{bytes.Join(old[:half], nil), []byte(text), bytes.Join(old[half:], nil)}, nil))
		}
	}
	add := func(file string, content []byte) func(testing.TB, string) {
		return func(t testing.TB, dir string) { put(t, filepath.Join(dir, file), content) }
	}
	packed := func(b []byte) []byte {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		_, err := z.Write(b)
		if err := errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}

	base := investigate(t, discover(t, quietDir(t)), 0)
	if base.Coverage.Lines < 10_000 || len(base.Coverage.Problems) > 0 {
		t.Fatalf("the quiet world itself: %d lines, problems %q", base.Coverage.Lines, base.Coverage.Problems)
	}
	for _, tc := range []struct {
		name             string
		damage           func(testing.TB, string)
		parsed, rejected int64  // more than without it
		message          string // in the report
	}{
		{"empty file", add("dovecot/empty.log", nil), 0, 0, "empty.log: empty: nothing to read"},
		{"binary file", add("dovecot/core", bytes.Repeat([]byte{0x7f, 'E', 'L', 'F', 0, 1, 2, 0xff, '\n'}, 999)), 0, 0, "core: binary, not a log"},
		{"binary in gzip", add("dovecot/core.gz", packed(bytes.Repeat([]byte{0, 1, 2, 0xff}, 999))), 0, 0, "core.gz: binary, not a log"},
		{"gzip of nothing", add("dovecot/mail.log.gz", packed(nil)), 0, 0, "mail.log.gz: empty"},
		{"gzip cut in its header", add("dovecot/mail.log.gz", packed([]byte(failure("anna") + "\n"))[:8]), 0, 0, "truncated before the end of its first line"},
		{"text of no known format", add("dovecot/README", []byte("These are the logs of our mail server.\nKeep them.\n")), 0, 0, "README: text of no format that is read"},
		{"line of a megabyte", insert(dovecotLog, failure(strings.Repeat("a", 1<<20))), 0, 1, "longer than 65536 bytes"},
		{"line of a megabyte, web", insert(nginxLog, request(noon, strings.Repeat("a", 1<<20))), 0, 1, "longer than 65536 bytes"},
		{"NUL bytes", insert(dovecotLog, "\x00\x00\x00\x00\x00\x00\x00\x00"+failure("anna")), 1, 0, "holds NUL bytes where lines should be"},
		{"NUL bytes in a line", insert(dovecotLog, failure("an\x00na")), 0, 1, "holds NUL bytes"},
		{"a cut line", insert(dovecotLog, failure("anna")[:20]), 0, 1, "1 line was damaged"},
		{"two lines run together", insert(nginxLog, request(noon, "x")[:60]+request(noon, "x")), 0, 1, "1 line was damaged"},
		{"invalid UTF-8", insert(dovecotLog, tries("ann\xe9\xff\xc0\x80")...), 0, 300, "is not UTF-8: Sep 12 11:30:00"},
		{"terminal escapes in a user name", insert(dovecotLog, tries("\x1b]0;owned\x07\x1b[2J\x1b[31manna")...), 300, 0, "203.0.113.66"},
		{"C1 controls in a user name", insert(dovecotLog, tries("\u009b2Janna")...), 300, 0, "203.0.113.66"},
		{"bidi characters in a user name", insert(dovecotLog, tries("anna\u202egpj.exe\u2066")...), 300, 0, "203.0.113.66"},
		{"HTML in a user name", insert(dovecotLog, tries(`"><script>alert(1)</script>`)...), 300, 0, "203.0.113.66"},
		{"formula in a user name", insert(dovecotLog, tries(`=HYPERLINK("http://evil")`)...), 300, 0, "203.0.113.66"},
		{"escapes in a user agent", insert(nginxLog, repeat(300, request(noon, "\x1b[2J\u202e<b>"))...), 300, 0, ""},
		{"escapes in a rejected line", insert(nginxLog, "203.0.113.66 - - \x1b[2J\u202e\x07 nonsense"), 0, 1, "1 line was damaged"},
		{"clock of 2099", insert(nginxLog, request("10/Sep/2099:12:00:00 +0200", "x")), 1, 0, "1 event is dated so far from all others"},
		{"clock of 1971", insert(nginxLog, request("10/Sep/1971:12:00:00 +0200", "x")), 1, 0, "1 event is dated so far from all others"},
		{"clock of 1970 for an hour", insert(nginxLog, repeat(60, request("01/Jan/1970:00:30:00 +0000", "x"))...), 60, 0, "on the time lies back by 20343 days: a clock was set back"},
		{"clock of 2099 without a year", insert(dovecotLog, strings.Replace(failure("anna"), "Sep 12", "Mar 03", 1)), 1, 0, "1 event is dated so far from all others"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := copyQuiet(t)
			tc.damage(t, dir)
			v := investigate(t, discover(t, dir), 0)
			c, b := &v.Coverage, &base.Coverage
			if c.Parsed-b.Parsed != tc.parsed || c.Rejected-b.Rejected != tc.rejected || c.Ignored != b.Ignored ||
				c.Lines-b.Lines != tc.parsed+tc.rejected {
				t.Errorf("%d lines more were read, %d became events, %d were rejected, %d ignored; want %d, %d, %d, 0",
					c.Lines-b.Lines, c.Parsed-b.Parsed, c.Rejected-b.Rejected, c.Ignored-b.Ignored, tc.parsed+tc.rejected, tc.parsed, tc.rejected)
			}
			if !c.From.Equal(b.From) || !c.To.Equal(b.To) {
				t.Errorf("the time looked at is %v to %v, want %v to %v", c.From, c.To, b.From, b.To)
			}
			text := asText(t, v)
			if !strings.Contains(unwrap(text), tc.message) {
				t.Errorf("the report does not say %q:\n%s", tc.message, text)
			}
			harmless(t, text)
		})
	}
}

// tries are failures of so many names that the report shows some of them.
func tries(user string) []string {
	out := make([]string, 300)
	for i := range out {
		out[i] = failure(fmt.Sprint(user, i))
	}
	return out
}

func repeat(n int, line string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = line
	}
	return out
}

// unwrap undoes the breaking of lines.
func unwrap(text string) string { return strings.Join(strings.Fields(text), " ") }

// harmless demands text that does nothing to a terminal but move down.
func harmless(t testing.TB, text string) {
	t.Helper()
	for i, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar) {
			t.Errorf("%U in the report: %q", r, text[max(0, i-40):min(len(text), i+40)])
			return
		}
	}
}

// A user name that imitates fields decides neither the account nor the
// address that a line is held against.
func TestForgedFields(t *testing.T) {
	dir := copyQuiet(t)
	var lines []string
	for i := range 40 {
		lines = append(lines, failure(fmt.Sprintf("x%d>, method=PLAIN, rip=198.51.100.99, lip=10.12.1.40, session=<a>, user=<y", i)))
	}
	old := read(t, filepath.Join(dir, dovecotLog))
	put(t, filepath.Join(dir, dovecotLog), append(old, strings.Join(lines, "\n")+"\n"...))
	v := investigate(t, discover(t, dir), 0)
	for _, f := range v.Findings {
		if f.ClientIP == "198.51.100.99" {
			t.Errorf("held against the forged address: %s", f.Title)
		}
	}
	for _, in := range v.Incidents {
		for _, s := range in.Sources {
			if s == "198.51.100.99" {
				t.Errorf("%s names the forged address", in.Name)
			}
		}
	}
}

// An hour that a clock, set back, gave twice is told and counted twice; days
// before and after it stay as they were.
func TestClockSetBack(t *testing.T) {
	dir := copyQuiet(t)
	base := investigate(t, discover(t, dir), 0)
	var hour []byte
	var twice int64
	old := read(t, filepath.Join(dir, nginxLog))
	end := 0
	for i, line := range bytes.SplitAfter(old, []byte("\n")) {
		if bytes.Contains(line, []byte("[12/Sep/2025:13:")) {
			hour = append(hour, line...)
			twice++
			end = i + 1
		}
	}
	lines := bytes.SplitAfter(old, []byte("\n"))
	put(t, filepath.Join(dir, nginxLog), bytes.Join([][]byte{bytes.Join(lines[:end], nil), hour, bytes.Join(lines[end:], nil)}, nil))
	v := investigate(t, discover(t, dir), 0)
	if got := v.Coverage.Lines - base.Coverage.Lines; got != twice || v.Coverage.Rejected != base.Coverage.Rejected {
		t.Errorf("%d lines more, want the %d of an hour", got, twice)
	}
	if !v.Coverage.From.Equal(base.Coverage.From) || !v.Coverage.To.Equal(base.Coverage.To) {
		t.Errorf("the time looked at is %v to %v", v.Coverage.From, v.Coverage.To)
	}
	want := fmt.Sprintf("access.log-20250912: from line %d on the time lies back by ", end+1)
	if !problem(v, want) {
		t.Errorf("no problem says %q: %q", want, v.Coverage.Problems)
	}
}

func problem(v *verdict.Verdict, text string) bool {
	return strings.Contains(strings.Join(v.Coverage.Problems, "\n"), text)
}

// A gzip file that was cut gives the lines before the cut, and the others are
// read as if nothing were.
func TestTruncatedGzip(t *testing.T) {
	dir := copyQuiet(t)
	base := investigate(t, discover(t, dir), 0)
	path := filepath.Join(dir, dovecotLog)
	whole := read(t, path)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(whole)
	if err := errors.Join(err, z.Close(), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
	put(t, path+".gz", packed.Bytes()[:packed.Len()/2])
	v := investigate(t, discover(t, dir), 0)

	all := int64(bytes.Count(whole, []byte("\n")))
	var got int64
	for _, in := range v.Coverage.Inputs {
		if in.File == path+".gz" {
			got = in.Lines
		}
	}
	if got < all/5 || got >= all {
		t.Errorf("%d of %d lines were read", got, all)
	}
	if lost := base.Coverage.Lines - v.Coverage.Lines; lost != all-got {
		t.Errorf("%d lines are lost, want %d", lost, all-got)
	}
	if want := fmt.Sprintf("%s.gz: truncated after line %d", filepath.Base(path), got); !problem(v, want) {
		t.Errorf("no problem says %q: %q", want, v.Coverage.Problems)
	}
}

// What happens to a file between the moment it was found and its end.
func TestFileChanges(t *testing.T) {
	base := investigate(t, discover(t, quietDir(t)), 0)
	n := int64(bytes.Count(read(t, filepath.Join(quietDir(t), dovecotLog)), []byte("\n")))
	for _, tc := range []struct {
		name    string
		change  func(t *testing.T, path string)
		lost    func(lost int64) bool
		message string
	}{
		{"grows", func(t *testing.T, path string) {
			put(t, path, append(read(t, path), failure("anna")+"\n"...))
		}, func(lost int64) bool { return lost == 0 }, " changed while it was read; what it held at first was used"},
		{"shrinks", func(t *testing.T, path string) {
			if err := os.Truncate(path, int64(len(read(t, path)))/2); err != nil {
				t.Fatal(err)
			}
		}, func(lost int64) bool { return lost > n/4 && lost < n*3/4 }, ": shrank from "},
		{"vanishes", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, func(lost int64) bool { return lost == n }, ": vanished since it was found, not read"},
		{"is rotated", func(t *testing.T, path string) {
			if err := os.Rename(path, path+".1"); err != nil {
				t.Fatal(err)
			}
			put(t, path, []byte(failure("anna")+"\n"))
		}, func(lost int64) bool { return lost == 0 }, ""},
		{"is replaced", func(t *testing.T, path string) {
			put(t, path+".new", []byte(failure("anna")+"\n"))
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}, func(lost int64) bool { return lost == n }, ": replaced by another file since it was found, not read"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := copyQuiet(t)
			path := filepath.Join(dir, dovecotLog)
			set := discover(t, dir)
			tc.change(t, path)
			v := investigate(t, set, 0)
			if lost := base.Coverage.Lines - v.Coverage.Lines; !tc.lost(lost) {
				t.Errorf("%d lines of %d are lost", lost, n)
			}
			if tc.message != "" && !problem(v, path+tc.message) {
				t.Errorf("no problem says %q: %q", tc.message, v.Coverage.Problems)
			}
			if tc.message == "" && len(v.Coverage.Problems) > 0 {
				t.Errorf("problems: %q", v.Coverage.Problems)
			}
		})
	}
}

// A file that is gone when the second pass asks for it is told as well: what
// it held was counted, and can no longer be looked into.
func TestFileVanishesBetweenPasses(t *testing.T) {
	dir := t.TempDir()
	write(t, world(t, simulate.PhoneStorm, 1, 60, 10), dir)
	set := discover(t, dir)
	gone := filepath.Join(dir, "nginx/access.log-20250915")
	o := pipeline.Options{Location: brussels(t), NetworksMissing: true}
	v, err := pipeline.InvestigateWith(t.Context(), set, o, func() {
		if err := os.Remove(gone); err != nil {
			t.Fatal(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Incidents) == 0 {
		t.Fatal("no incident, and so no second pass")
	}
	n := 0
	for _, p := range v.Coverage.Problems {
		if strings.Contains(p, gone) {
			n++
		}
	}
	if n != 1 || !problem(v, gone+": vanished since it was found, not read") {
		t.Errorf("problems: %q", v.Coverage.Problems)
	}
}

// Where nothing can be read it is an error, not a quiet night.
func TestNothingToRead(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "mail.log"), []byte(failure("anna")+"\n"))
	set := discover(t, dir)
	if err := os.Remove(filepath.Join(dir, "mail.log")); err != nil {
		t.Fatal(err)
	}
	if _, err := pipeline.Investigate(t.Context(), set, pipeline.Options{}); !errors.Is(err, pipeline.ErrNoEvents) {
		t.Errorf("got %v, want %v", err, pipeline.ErrNoEvents)
	}
	if _, err := pipeline.Investigate(t.Context(), &intake.Set{}, pipeline.Options{}); !errors.Is(err, pipeline.ErrNoEvents) {
		t.Errorf("no files: got %v, want %v", err, pipeline.ErrNoEvents)
	}
	set = discover(t, quietDir(t))
	o := pipeline.Options{Since: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	if _, err := pipeline.Investigate(t.Context(), set, o); err == nil || !strings.Contains(err.Error(), "the logs end before --since") {
		t.Errorf("nothing in that time: got %v", err)
	}
}
