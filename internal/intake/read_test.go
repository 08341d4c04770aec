package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// entry is a File as Discover makes it, whatever its content.
func entry(t testing.TB, path string) *File {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return &File{Path: path, Name: filepath.Base(path), Size: info.Size(), ModTime: info.ModTime(), info: info}
}

func write(t testing.TB, path string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func gz(t testing.TB, content []byte) []byte { return gzAt(t, "", content) }

// gzAt is gzip of a file with a modification time.
func gzAt(t testing.TB, mtime string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if mtime != "" {
		z.ModTime = at(mtime)
	}
	_, err := z.Write(content)
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zst(t testing.TB, content []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	return z.EncodeAll(content, nil)
}

// collect reads a file and returns its lines, copied.
func collect(ctx context.Context, f *File) ([]string, ReadStats, error) {
	var lines []string
	st, err := f.Read(ctx, nil, func(l Line) error {
		lines = append(lines, string(l.Bytes))
		return nil
	})
	return lines, st, err
}

func TestReadLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	mega := strings.Repeat("y", 1<<20)
	type line struct {
		text     string
		offset   int64
		overlong bool
	}
	for _, tc := range []struct {
		name, in string
		want     []line
		skipped  int64
	}{
		{"nothing", "", nil, 0},
		{"one line", "a\n", []line{{"a", 0, false}}, 0},
		{"no newline at the end", "a\nbc", []line{{"a", 0, false}, {"bc", 2, false}}, 0},
		{"CRLF", "a\r\nb\r\n", []line{{"a", 0, false}, {"b", 3, false}}, 0},
		{"CR without newline at the end", "a\r\nb\r", []line{{"a", 0, false}, {"b", 3, false}}, 0},
		{"one CR of two", "a\r\r\n", []line{{"a\r", 0, false}}, 0},
		{"empty lines", "\n\na\n", []line{{"", 0, false}, {"", 1, false}, {"a", 2, false}}, 0},
		{"NUL bytes", "\x00\x00a\x00\nb\n", []line{{"a\x00", 2, false}, {"b", 5, false}}, 0},
		{"invalid UTF-8", "\xff\xfe\x80\nb\n", []line{{"\xff\xfe\x80", 0, false}, {"b", 4, false}}, 0},
		{"terminal escapes", "\x1b[2Ja\n", []line{{"\x1b[2Ja", 0, false}}, 0},
		{"just fits", long + "\nb\n", []line{{long, 0, false}, {"b", MaxLine + 1, false}}, 0},
		{"just fits with CR", long + "\r\nb\n", []line{{long, 0, false}, {"b", MaxLine + 2, false}}, 0},
		{"one too long", long + "z\nb\n", []line{{long, 0, true}, {"b", MaxLine + 2, false}}, 1},
		{"a megabyte", "a\n" + mega + "\nb\n", []line{{"a", 0, false}, {mega[:MaxLine], 2, true}, {"b", 1<<20 + 3, false}}, 1<<20 - MaxLine},
		{"a megabyte at the end", "a\n" + mega, []line{{"a", 0, false}, {mega[:MaxLine], 2, true}}, 1<<20 - MaxLine},
		{"two megabytes", mega + "\n" + mega + "\n", []line{{mega[:MaxLine], 0, true}, {mega[:MaxLine], 1<<20 + 1, true}}, 2 * (1<<20 - MaxLine)},
	} {
		packed := map[string][]byte{plain: []byte(tc.in), gzipped: gz(t, []byte(tc.in)), zstdized: zst(t, []byte(tc.in))}
		if half := len(tc.in) / 2; half > 0 { // members, as after gzip a >>log.gz
			packed["gzip in members"] = append(gz(t, []byte(tc.in[:half])), gz(t, []byte(tc.in[half:]))...)
			packed["zstd in frames"] = append(zst(t, []byte(tc.in[:half])), zst(t, []byte(tc.in[half:]))...)
		}
		for compression, content := range packed {
			t.Run(tc.name+"/"+compression, func(t *testing.T) {
				f := entry(t, write(t, filepath.Join(t.TempDir(), "log"), content))
				var got []line
				var p Progress
				st, err := f.Read(t.Context(), &p, func(l Line) error {
					if l.Number != int64(len(got)+1) {
						t.Errorf("line %d has number %d", len(got)+1, l.Number)
					}
					got = append(got, line{string(l.Bytes), l.Offset, l.Overlong})
					return nil
				})
				if err != nil && !strings.HasPrefix(string(tc.in), "\x00") {
					t.Fatal(err)
				}
				if len(got) != len(tc.want) {
					t.Fatalf("%d lines, want %d", len(got), len(tc.want))
				}
				for i, w := range tc.want {
					if got[i] != w {
						t.Errorf("line %d: got %.40q at %d, overlong %v; want %.40q at %d, %v",
							i+1, got[i].text, got[i].offset, got[i].overlong, w.text, w.offset, w.overlong)
					}
				}
				want := ReadStats{
					Lines: int64(len(tc.want)), Bytes: int64(len(tc.in)), Stored: int64(len(content)),
					Skipped: tc.skipped, SHA256: sha256.Sum256(content),
					NUL: int64(len(tc.in) - len(strings.TrimLeft(string(tc.in), "\x00"))),
				}
				for _, l := range tc.want {
					if l.overlong {
						want.Overlong++
					}
				}
				if st != want {
					t.Errorf("got %+v\nwant %+v", st, want)
				}
				if p.Lines.Load() != want.Lines || p.Stored.Load() != want.Stored {
					t.Errorf("progress: %d lines, %d bytes", p.Lines.Load(), p.Stored.Load())
				}
				for i, w := range tc.want {
					one, err := ReadLine(t.Context(), f.Path, int64(i+1))
					if err != nil || string(one.Bytes) != w.text {
						t.Errorf("ReadLine %d: %.40q, %v", i+1, one.Bytes, err)
					}
					if one, err = ReadLineAt(t.Context(), f.Path, w.offset); err != nil || one.Number != int64(i+1) {
						t.Errorf("ReadLineAt %d: line %d, %v", w.offset, one.Number, err)
					}
				}
			})
		}
	}
}

// text is n lines, no two alike, that do not compress to nothing.
func text(n int) []byte {
	var b bytes.Buffer
	h := sha256.New()
	for i := range n {
		_, _ = fmt.Fprintf(h, "%d", i)
		_, _ = fmt.Fprintf(&b, "line %d %x\n", i+1, h.Sum(nil))
	}
	return b.Bytes()
}

func TestReadProblems(t *testing.T) {
	content := text(5000)
	flip := func(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 0xff; return b }
	zipped, zs := gz(t, content), zst(t, content)
	for _, tc := range []struct {
		name          string
		before, after []byte // after nil: the file is removed
		replace       bool   // by another file of the same name
		kind          Kind
		want          string // with %d for the lines read
		least         int64
		changed       bool
	}{
		{
			name: "truncated gzip", before: zipped[:len(zipped)/2], kind: Damaged, least: 2000,
			want: "log: truncated after line %d: the lines up to there were read; fetch the file again from where it came",
		},
		{
			name: "gzip without its trailer", before: zipped[:len(zipped)-8], kind: Damaged, least: 5000,
			want: "log: truncated after line %d: the lines up to there were read; fetch the file again from where it came",
		},
		{
			name: "gzip that ends in its header", before: zipped[:7], kind: Damaged,
			want: "log: truncated before the end of its first line: fetch the file again from where it came",
		},
		{
			name: "gzip with a wrong checksum", before: flip(zipped, len(zipped)-6), kind: Damaged, least: 5000,
			want: "log: corrupt after line %d: gzip: invalid checksum: the lines up to there were read; fetch the file again from where it came",
		},
		{
			name: "gzip with something else behind", before: append(bytes.Clone(zipped), "something else"...), kind: Damaged, least: 5000,
			want: "log: something that is no gzip follows after line %d: all lines before it were read; nothing is missing where \"gzip -t FILE\" speaks of trailing garbage alone",
		},
		{
			name: "truncated zstd", before: zs[:len(zs)*2/3], kind: Damaged, least: 1000,
			want: "log: truncated after line %d: the lines up to there were read; fetch the file again from where it came",
		},
		{
			name: "corrupt zstd", before: flip(zs, len(zs)-2), kind: Damaged, least: 1000,
			want: "log: corrupt after line %d: CRC check failed: the lines up to there were read; fetch the file again from where it came",
		},
		{
			name: "a file that shrinks", before: content, after: content[:bytes.IndexByte(content, '\n')+1], kind: Changed, least: 1, changed: true,
			want: fmt.Sprintf("log: shrank from %d to 72 bytes while it was in use, read up to line %%d: investigate a copy of it, or wait until it is rotated", len(content)),
		},
		{
			name: "a file that vanishes", before: content, replace: true, kind: Changed, changed: true,
			want: "log: vanished since it was found, not read: start again, or investigate a copy of the folder",
		},
		{
			name: "a file that is replaced", before: content, after: content, replace: true, kind: Changed, changed: true,
			want: "log: replaced by another file since it was found, not read: start again, or investigate a copy of the folder",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := write(t, filepath.Join(t.TempDir(), "log"), tc.before)
			f := entry(t, path)
			if tc.replace {
				// Kept open, so that its inode is not given out again.
				old, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = old.Close() }()
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			if tc.after != nil {
				write(t, path, tc.after)
			}
			lines, st, err := collect(t.Context(), f)
			var p *Problem
			if !errors.As(err, &p) || p.Kind != tc.kind {
				t.Fatalf("got %v", err)
			}
			want := tc.want
			if strings.Contains(want, "%d") {
				want = fmt.Sprintf(want, st.Lines)
			}
			if err.Error() != want {
				t.Errorf("got  %s\nwant %s", err, want)
			}
			if st.Lines < tc.least || int(st.Lines) != len(lines) || st.Changed != tc.changed {
				t.Errorf("%d lines handed over, %+v", len(lines), st)
			}
			if !bytes.HasPrefix(content, []byte(strings.Join(append(lines, ""), "\n"))) {
				t.Error("lines that are not the file's")
			}
			if tc.after == nil && !tc.replace && st.SHA256 != sha256.Sum256(tc.before) {
				t.Error("the hash is not of the whole file")
			}
		})
	}
}

func TestReadGrows(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "log"), []byte("a\nb\n"))
	f := entry(t, path)
	write(t, path, []byte("a\nb\nc\n")) // the same file, longer
	for pass := range 2 {
		lines, st, err := collect(t.Context(), f)
		if err != nil || strings.Join(lines, " ") != "a b" || !st.Changed || st.SHA256 != sha256.Sum256([]byte("a\nb\n")) {
			t.Errorf("pass %d: %q %+v %v", pass+1, lines, st, err)
		}
	}
}

func TestReadOverwritten(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "log"), []byte("a\nb\n"))
	f := entry(t, path)
	if _, st, err := collect(t.Context(), f); err != nil || st.Changed {
		t.Fatalf("%+v %v", st, err)
	}
	write(t, path, []byte("c\nd\n"))
	if _, st, err := collect(t.Context(), f); err != nil || !st.Changed {
		t.Errorf("other content of the same length went unnoticed: %+v %v", st, err)
	}
}

func TestReadRotatedBetweenPasses(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "mail.log"), []byte("old\n"))
	f := entry(t, path)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	for _, current := range []bool{false, true} {
		if current {
			write(t, path, []byte("new\n"))
		}
		lines, st, err := collect(t.Context(), f)
		if err != nil || strings.Join(lines, " ") != "old" || st.Changed {
			t.Errorf("%q %+v %v", lines, st, err)
		}
	}
}

func TestReadSideBySide(t *testing.T) {
	content := text(20_000)
	f := entry(t, write(t, filepath.Join(t.TempDir(), "log.gz"), gz(t, content)))
	var p Progress
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			st, err := f.Read(t.Context(), &p, func(Line) error { return nil })
			if err != nil || st.Lines != 20_000 || st.Bytes != int64(len(content)) || st.Changed {
				t.Errorf("%+v %v", st, err)
			}
		})
	}
	group.Wait()
	if p.Lines.Load() != 4*20_000 || p.Stored.Load() != 4*f.Size {
		t.Errorf("%d lines, %d bytes", p.Lines.Load(), p.Stored.Load())
	}
}

func TestReadStops(t *testing.T) {
	f := entry(t, write(t, filepath.Join(t.TempDir(), "log"), text(100_000)))
	stop := errors.New("stop")
	st, err := f.Read(t.Context(), nil, func(l Line) error {
		if l.Number == 3 {
			return stop
		}
		return nil
	})
	if err != stop || st.Lines != 3 || st.SHA256 != [32]byte{} {
		t.Errorf("by the caller: %+v %v", st, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	st, err = f.Read(ctx, nil, func(Line) error { cancel(); return nil })
	if err != context.Canceled || st.Lines >= 100_000 || st.SHA256 != [32]byte{} {
		t.Errorf("by the context: %+v %v", st, err)
	}
}

func TestReadLineMessages(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "log"), []byte("a\nb\n"))
	cut := write(t, filepath.Join(dir, "cut.gz"), gz(t, text(100))[:200])
	for _, tc := range []struct {
		name string
		read func() (Line, error)
		want string
	}{
		{"no such line", func() (Line, error) { return ReadLine(t.Context(), path, 3) }, path + ": has 2 lines, no line 3"},
		{"no such offset", func() (Line, error) { return ReadLineAt(t.Context(), path, 1) }, path + ": no line begins at offset 1 of its 4 bytes"},
		{"no such file", func() (Line, error) { return ReadLine(t.Context(), path+"x", 1) }, path + "x: does not exist: check the path"},
		{"a folder", func() (Line, error) { return ReadLine(t.Context(), dir, 1) }, dir + ": not a file: name the file that holds the line"},
		{
			"behind damage", func() (Line, error) { return ReadLine(t.Context(), cut, 99) },
			cut + ": truncated after line %d: the lines up to there were read; fetch the file again from where it came",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.read()
			want := tc.want
			if strings.Contains(want, "%d") {
				_, st, _ := collect(t.Context(), entry(t, cut))
				want = fmt.Sprintf(want, st.Lines)
			}
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

// shortReader returns a few bytes at a time, at its end together with io.EOF.
type shortReader struct {
	b []byte
	n int
}

func (r *shortReader) Read(p []byte) (int, error) {
	n := copy(p, r.b[:min(r.n, len(r.b))])
	r.b = r.b[n:]
	if len(r.b) == 0 {
		return n, io.EOF
	}
	return n, nil
}

// FuzzSplit holds the splitter against the obvious way to do it.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("a\r\nbb\n\nccccccc\r\ndddddddddd\n\r"), 3, 4)
	f.Add([]byte("\xef\xbb\xbf\x00a\n\x00\x00\x00\x00bbbb\x00\r\n\x00\x00"), 2, 4)
	f.Add([]byte("aaaa\r\naaaaa\naaaaa\r"), 1, 4)
	f.Fuzz(func(t *testing.T, in []byte, chunk, limit int) {
		if chunk < 1 || limit < 1 || limit > MaxLine {
			t.Skip()
		}
		var got, want []string
		s := splitter{r: &shortReader{in, chunk}, max: limit}
		err := s.run(t.Context(), func(l Line) error {
			if !bytes.HasPrefix(in[l.Offset:], l.Bytes) {
				t.Fatalf("line %d is not at its offset", l.Number)
			}
			got = append(got, string(l.Bytes))
			return nil
		})
		parts := strings.Split(strings.TrimPrefix(string(in), "\xef\xbb\xbf"), "\n")
		for i, l := range parts {
			l = strings.TrimLeft(l, "\x00")
			if i == len(parts)-1 && l == "" {
				break
			}
			if l = strings.TrimSuffix(l, "\r"); len(l) > limit {
				l = l[:limit]
			}
			want = append(want, l)
		}
		if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") || len(got) != len(want) {
			t.Fatalf("got %q, want %q: %v", got, want, err)
		}
		if s.bytes != int64(len(in)) || s.lines != int64(len(want)) {
			t.Fatalf("%d lines, %d bytes", s.lines, s.bytes)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var buf bytes.Buffer
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 1 << 18 {
		_, _ = fmt.Fprintf(&buf, "Jan  7 %02d:%02d:%02d mx1 postfix/qmgr[1431]: %011X: removed\n", i>>16, i>>10&63, i>>4&63, r.Uint64()>>20)
	}
	short := buf.Bytes()
	for _, tc := range []struct {
		name    string
		content []byte
	}{{"plain", short}, {"gz", gz(b, short)}, {"zst", zst(b, short)}} {
		b.Run(tc.name, func(b *testing.B) {
			f := entry(b, write(b, filepath.Join(b.TempDir(), "log"), tc.content))
			var p Progress
			b.SetBytes(int64(len(short)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Read(b.Context(), &p, func(Line) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(p.Lines.Load())/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
