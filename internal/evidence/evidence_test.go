package evidence_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"mailvigil/internal/evidence"
	"mailvigil/verdict"
)

func hash(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func gz(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// sample is a folder with a plain and a packed log of 400 lines each, and a
// verdict that cites lines of both.
func sample(t *testing.T) (dir string, v *verdict.Verdict) {
	t.Helper()
	dir = t.TempDir()
	var content []byte
	var lines []verdict.Evidence
	for i := range 400 {
		line := fmt.Sprintf("line %d of anna@parl.example", i)
		if i%80 == 7 {
			lines = append(lines, verdict.Evidence{Line: int64(i + 1), Offset: int64(len(content)), SHA256: hash([]byte(line)), Text: line})
		}
		content = append(content, line+"\r\n"...)
	}
	write(t, filepath.Join(dir, "mail.log"), content)
	packed := gz(t, content)
	write(t, filepath.Join(dir, "imap.log.gz"), packed)
	v = &verdict.Verdict{
		SchemaVersion: verdict.SchemaVersion, Verdict: verdict.Attack,
		Manifest: []verdict.Used{
			{Kind: verdict.UsedLog, File: "mail.log", Size: int64(len(content)), SHA256: hash(content)},
			{Kind: verdict.UsedLog, File: "imap.log.gz", Size: int64(len(packed)), SHA256: hash(packed)},
		},
	}
	f := verdict.Finding{ID: "finding-1", Account: "anna@parl.example"}
	for _, file := range []string{"mail.log", "imap.log.gz"} {
		for _, e := range lines {
			e.File, e.ID = file, fmt.Sprintf("line-%d", len(f.Evidence)+1)
			f.Evidence = append(f.Evidence, e)
		}
	}
	v.Findings = []verdict.Finding{f}
	v.Incidents = []verdict.Incident{{
		ID: "incident-1", Name: "guessing", Findings: []string{"finding-1"}, Evidence: f.Evidence[:1], Compromised: []string{"anna@parl.example"},
		Hypotheses: []verdict.Hypothesis{{Name: "guessing", For: []string{"many"}, Against: []string{"few"}}},
	}}
	return dir, v
}

func TestEveryStatementLeadsToLines(t *testing.T) {
	dir, v := sample(t)
	for _, s := range evidence.Statements(v) {
		t.Run(s.ID, func(t *testing.T) {
			again, err := evidence.Select(v, s.ID)
			if err != nil || len(again) != 1 || len(again[0].Lines) != 10 {
				t.Fatalf("Select gives %d statements, %v; want one with 10 lines", len(again), err)
			}
			lines, err := evidence.Find(context.Background(), v, again[0].Lines, evidence.Options{Folder: dir})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				if l.Status != evidence.Unchanged || string(l.Raw) != l.Text || l.Number != l.Line {
					t.Errorf("%s:%d is %s, %q at %d", l.File, l.Line, l.Status, l.Raw, l.Number)
				}
			}
		})
	}
	for id, want := range map[string]int{"line-7": 1, "ANNA@parl.example": 2, "": 0, "nobody": 0} {
		found, err := evidence.Select(v, id)
		if len(found) != want || errors.Is(err, evidence.ErrUnknown) != (want == 0) {
			t.Errorf("Select(%q) gives %d statements, %v; want %d", id, len(found), err, want)
		}
	}
}

func TestWhatBecameOfFiles(t *testing.T) {
	for name, c := range map[string]struct {
		change      func(t *testing.T, dir string)
		file, lines evidence.Status // of mail.log
		note        string
	}{
		"nothing": {func(*testing.T, string) {}, evidence.Unchanged, evidence.Unchanged, ""},
		"grown": {func(t *testing.T, dir string) {
			data, _ := os.ReadFile(filepath.Join(dir, "mail.log"))
			write(t, filepath.Join(dir, "mail.log"), append(data, "more\n"...))
		}, evidence.Grown, evidence.Unchanged, ""},
		"rotated": {func(t *testing.T, dir string) {
			_ = os.Rename(filepath.Join(dir, "mail.log"), filepath.Join(dir, "mail.log-20250908"))
			write(t, filepath.Join(dir, "mail.log"), []byte("new\n"))
		}, evidence.Moved, evidence.Moved, ""},
		"rotated and packed": {func(t *testing.T, dir string) {
			data, _ := os.ReadFile(filepath.Join(dir, "mail.log"))
			_ = os.Remove(filepath.Join(dir, "mail.log"))
			write(t, filepath.Join(dir, "mail.log.1.gz"), gz(t, data))
		}, evidence.Moved, evidence.Moved, ""},
		"rotated and packed after it grew": {func(t *testing.T, dir string) {
			data, _ := os.ReadFile(filepath.Join(dir, "mail.log"))
			_ = os.Remove(filepath.Join(dir, "mail.log"))
			write(t, filepath.Join(dir, "mail.log.1.gz"), gz(t, append(data, "more\n"...)))
		}, evidence.Moved, evidence.Moved, ""},
		"lines before": {func(t *testing.T, dir string) {
			data, _ := os.ReadFile(filepath.Join(dir, "mail.log"))
			write(t, filepath.Join(dir, "mail.log"), append([]byte("more\n"), data...))
		}, evidence.Changed, evidence.Moved, ""},
		"rewritten": {func(t *testing.T, dir string) {
			data, _ := os.ReadFile(filepath.Join(dir, "mail.log"))
			write(t, filepath.Join(dir, "mail.log"), bytes.ReplaceAll(data, []byte("anna"), []byte("bert")))
		}, evidence.Changed, evidence.Changed, "the file is another"},
		"shrunk": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "mail.log"), []byte("x\n"))
		}, evidence.Changed, evidence.Changed, "the file is another"},
		"gone": {func(t *testing.T, dir string) {
			_ = os.Remove(filepath.Join(dir, "mail.log"))
		}, evidence.Gone, evidence.Gone, "--logs"},
		"a folder now": {func(t *testing.T, dir string) {
			_ = os.Remove(filepath.Join(dir, "mail.log"))
			_ = os.Mkdir(filepath.Join(dir, "mail.log"), 0o700)
		}, evidence.Gone, evidence.Gone, "--logs"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, v := sample(t)
			c.change(t, dir)
			files, err := evidence.Check(context.Background(), v, evidence.Options{Folder: dir})
			if err != nil {
				t.Fatal(err)
			}
			if files[0].Status != c.file || files[1].Status != evidence.Unchanged {
				t.Errorf("files are %s (%s) and %s, want %s and unchanged", files[0].Status, files[0].Note, files[1].Status, c.file)
			}
			lines, err := evidence.Find(context.Background(), v, v.Findings[0].Evidence, evidence.Options{Folder: dir})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines[:5] {
				if l.Status != c.lines || !strings.Contains(l.Note, c.note) {
					t.Errorf("line %d is %s (%s), want %s", l.Line, l.Status, l.Note, c.lines)
				}
				if (string(l.Raw) == l.Text) == l.Status.Lost() {
					t.Errorf("line %d is %s and shown as %q", l.Line, l.Status, l.Raw)
				}
			}
		})
	}
}

// TestForgedVerdict: a hash in the verdict that the unchanged file does not
// bear out is the verdict's fault, and is said so.
func TestForgedVerdict(t *testing.T) {
	dir, v := sample(t)
	v.Findings[0].Evidence[2].SHA256 = strings.Repeat("0", 64)
	lines, err := evidence.Find(context.Background(), v, v.Findings[0].Evidence[2:3], evidence.Options{Folder: dir})
	if err != nil {
		t.Fatal(err)
	}
	if l := lines[0]; l.Status != evidence.Changed || l.Raw != nil || !strings.Contains(l.Note, "the verdict was changed") {
		t.Errorf("the line is %s, %q: %s", l.Status, l.Raw, l.Note)
	}
}

// TestEveryChangeOfAnInputIsFound changes one byte of an input at a time, or
// takes bytes away.
func TestEveryChangeOfAnInputIsFound(t *testing.T) {
	dir, v := sample(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 550 {
		i := n % 2
		path := filepath.Join(dir, v.Manifest[i].File)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Clone(data)
		at := rng.IntN(len(changed))
		if n < 500 {
			changed[at] ^= byte(1 + rng.IntN(255))
		} else {
			changed = append(changed[:at], changed[min(at+1+rng.IntN(40), len(changed)):]...)
		}
		write(t, path, changed)
		files, err := evidence.Check(context.Background(), v, evidence.Options{Folder: dir})
		if err != nil {
			t.Fatal(err)
		}
		if !files[i].Status.Lost() {
			t.Fatalf("a change at byte %d of %s is not found: %s", at, v.Manifest[i].File, files[i].Status)
		}
		write(t, path, data)
	}
}
