package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const refused = ": no permission to read it: run as root or as a member of the group that owns it (adm on Debian), or give a copy"

// TestDiscoverPermission runs itself as another user where it runs as root,
// who may read everything.
func TestDiscoverPermission(t *testing.T) {
	const tell = "MAILVIGIL_TEST_PERMISSION"
	if dir := os.Getenv(tell); dir != "" {
		set := discover(t, Options{}, dir, filepath.Join(dir, "folder", "log"))
		want(t, set, dir, []string{"open"}, []string{"folder" + refused, "link" + refused, "log" + refused, "folder/log" + refused})
		// Glob passes over what may not be looked into, without an error.
		set = discover(t, Options{Places: []string{dir + "/folder/*", dir + "/folder/log*"}})
		if len(set.Problems) == 0 || set.Problems[0].Error() != filepath.Join(dir, "folder")+refused {
			t.Errorf("%v", set.Problems)
		}
		return
	}
	dir, err := os.MkdirTemp("", "mailvigil-test-") // t.TempDir's parent is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.Chmod(filepath.Join(dir, "folder"), 0o700)
		_ = os.RemoveAll(dir)
	})
	write(t, filepath.Join(dir, "log"), yearless("2024-03-01 10:00:00"))
	write(t, filepath.Join(dir, "open"), yearless("2024-03-01 12:00:00"))
	write(t, filepath.Join(dir, "folder", "log"), yearless("2024-03-01 11:00:00"))
	if err := os.Symlink(filepath.Join(dir, "folder", "log"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"": 0o755, "log": 0, "open": 0o644, "folder": 0} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestDiscoverPermission$")
	cmd.Env = append(os.Environ(), tell+"="+dir)
	cmd.Dir = "/"
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
		t.Skipf("cannot run as another user here: %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestDiscoverKernel(t *testing.T) {
	if kernelView("/proc") != "proc" {
		t.Skip("there is no /proc here")
	}
	want(t, discover(t, Options{}, "/proc/cpuinfo", "/proc/self"), t.TempDir(), nil, []string{
		`/proc/cpuinfo: a view of the kernel (proc), which has no size and can change with every reading: if it is a log, pipe it in: "cat FILE | mailvigil investigate -"`,
		"/proc/self: a view of the kernel (proc), which holds no logs: left out",
	})
}

func TestDiscoverDevice(t *testing.T) {
	for _, dev := range []string{"/dev/zero", "/dev/null"} {
		want(t, discover(t, Options{}, dev), t.TempDir(), nil, []string{dev + `: a device, not a log: name log files, or "-" for standard input`})
	}
}

func TestDiscoverPipeWithoutWriter(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "log"), yearless("2024-03-01 10:00:00"))
	set := discover(t, Options{SpoolDir: t.TempDir(), PipeWait: time.Millisecond}, path, filepath.Join(dir, "log"))
	want(t, set, dir, []string{"log"}, []string{"pipe: a pipe to which nobody writes: start what writes to it first, or name log files"})
}

func TestDiscoverSpoolFull(t *testing.T) {
	const tell = "MAILVIGIL_TEST_FULL"
	log := bytes.Repeat(yearless("2024-03-01 10:00:00"), 1000)
	if dir := os.Getenv(tell); dir != "" {
		// A limit on the size of files says EFBIG where a full disk says ENOSPC.
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}); err != nil {
			t.Skip(err)
		}
		set := discover(t, Options{SpoolDir: dir, Stdin: bytes.NewReader(log)}, "-")
		want(t, set, dir, []string{"standard input"}, []string{"standard input: could not be kept to its end in " + dir +
			": file too large: what came before is used; choose a folder with more room with TMPDIR, or give a file"})
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestDiscoverSpoolFull$")
	cmd.Env = append(os.Environ(), tell+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestDiscoverWide(t *testing.T) {
	wideOf := func(mark string, little bool) []byte {
		b := []byte(mark)
		for _, c := range yearless("2024-03-01 10:00:00", "2024-03-01 11:00:00") {
			if little {
				b = append(b, c, 0)
			} else {
				b = append(b, 0, c)
			}
		}
		return b
	}
	const text = `log: UTF-16, as Windows writes text: convert it with "iconv -f UTF-16 -t UTF-8 FILE > FILE.txt"`
	for _, tc := range []struct {
		name     string
		content  []byte
		problems []string
	}{
		{"little, with a mark", wideOf("\xff\xfe", true), []string{text}},
		{"big, with a mark", wideOf("\xfe\xff", false), []string{text}},
		{"little, without", wideOf("", true), []string{text}},
		{"big, without", wideOf("", false), []string{text}},
		{"packed", gz(t, wideOf("\xff\xfe", true)), []string{text}},
		{"a mark of UTF-8 is none", append([]byte("\xef\xbb\xbf"), yearless("2024-03-01 10:00:00")...), nil},
		{"CRLF is none", bytes.ReplaceAll(yearless("2024-03-01 10:00:00"), []byte("\n"), []byte("\r\n")), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "log"), tc.content)
			var files []string
			if tc.problems == nil {
				files = []string{"log"}
			}
			want(t, discover(t, Options{}, dir), dir, files, tc.problems)
		})
	}
}

func TestDiscoverNames(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a\nb", "c\x1b[2Jd", "e\xff", "-"}
	for i, name := range names {
		write(t, filepath.Join(dir, name), yearless(fmt.Sprintf("2024-03-01 1%d:00:00", i)))
	}
	set := discover(t, Options{}, dir)
	var got []string
	for _, f := range set.Files {
		lines, _, err := collect(t.Context(), f)
		if err != nil || len(lines) != 1 {
			t.Errorf("%q: %q %v", f.Name, lines, err)
		}
		got = append(got, filepath.Base(f.Name))
	}
	slices.Sort(got)
	slices.Sort(names)
	if !slices.Equal(got, names) || len(set.Problems) > 0 {
		t.Errorf("%q %v", got, set.Problems)
	}
}

// A gzip file may have several members, padding behind them, and an end that
// is none of its own.
func TestReadMembers(t *testing.T) {
	a, b := text(3000), []byte("the last line\n")
	both := string(a) + string(b)
	zipped := slices.Concat(gz(t, a), gz(t, nil), gz(t, b))
	many := gz(t, a)
	for range 300 { // empty members are no standstill
		many = append(many, gz(t, nil)...)
	}
	many = append(many, gz(t, b)...)
	for _, tc := range []struct {
		name    string
		content []byte
		bad     string
	}{
		{"members", zipped, ""},
		{"empty members", many, ""},
		{"NUL behind", append(bytes.Clone(zipped), make([]byte, 100_000)...), ""},
		{"one byte behind", append(bytes.Clone(zipped), 'x'), "something that is no gzip follows after line 3001"},
		{"text behind NUL", append(append(bytes.Clone(zipped), make([]byte, 512)...), 'x'), "something that is no gzip follows after line 3001"},
		{"a member without its end", append(bytes.Clone(zipped), gz(t, b)[:12]...), "truncated after line 3001"},
		{"a mark of UTF-8", append([]byte("\xef\xbb\xbf"), both...), ""},
		{"NUL before a line", slices.Concat(make([]byte, 5000), a, make([]byte, 300_000), b), "holds NUL bytes where lines should be"},
		{"NUL at the end", append([]byte(both), make([]byte, 5000)...), "holds NUL bytes where lines should be"},
		{"frames of zstd", slices.Concat(zst(t, a), zst(t, b)), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := entry(t, write(t, filepath.Join(t.TempDir(), "log"), tc.content))
			lines, st, err := collect(t.Context(), f)
			if strings.Join(lines, "\n")+"\n" != both || st.Stored != int64(len(tc.content)) {
				t.Errorf("%d lines, %+v", len(lines), st)
			}
			if got := fmt.Sprint(err); tc.bad == "" && err != nil || !strings.Contains(got, tc.bad) {
				t.Errorf("got %v, want %q", err, tc.bad)
			}
		})
	}
}

func TestDiscoverWindow(t *testing.T) {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(512<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	// The window is only stated where the content is not known to be small.
	_, _ = z.Write(yearless("2024-03-01 10:00:00"))
	if err := z.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "log.zst"), b.Bytes())
	want(t, discover(t, Options{}, dir), dir, nil, []string{
		`log.zst: packed by zstd so that it takes more than 128 MiB of memory to read: unpack it with "zstd -d --long=31"`,
	})
}

// What a failing disk or share says in the middle of a file.
func TestDamageText(t *testing.T) {
	for _, tc := range []struct {
		errno syscall.Errno
		want  string
	}{
		{syscall.EIO, `the disk could not be read after line 7: input/output error: the lines up to there were read; see what "dmesg" says of the disk, and read a copy or a backup`},
		{syscall.ESTALE, `the network share was lost after line 7: stale file handle: the lines up to there were read; mount it again, and start again`},
	} {
		err := &os.PathError{Op: "read", Path: "log", Err: tc.errno}
		sp := splitter{r: io.MultiReader(strings.NewReader(strings.Repeat("a\n", 7)+"half"), failing{err}), max: MaxLine}
		var bad *damage
		if e := sp.run(t.Context(), func(Line) error { return nil }); !errors.As(e, &bad) || sp.lines != 7 {
			t.Fatalf("%v after %d lines", e, sp.lines)
		}
		if got := bad.text(sp.lines); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
	if p := unreadable("log", syscall.ESTALE); p.Error() != "log: on a network share that is gone: stale file handle: mount it again" {
		t.Error(p)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Neither a bomb nor a line without an end nor a hole takes memory.
func TestReadMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads hundreds of megabytes")
	}
	const large = 256 << 20
	dir := t.TempDir()
	log := yearless("2024-03-01 10:00:00", "2024-03-01 11:00:00")
	for _, tc := range []struct {
		name string
		make func(*os.File) error
	}{
		{"hole", func(f *os.File) error {
			if err := f.Truncate(int64(len(log)) + large); err != nil {
				return err
			}
			_, err := f.WriteAt(log, int64(len(log))+large)
			return err
		}},
		{"bomb", func(f *os.File) error {
			z, _ := gzip.NewWriterLevel(f, gzip.BestSpeed)
			_, _ = z.Write(log)
			block := make([]byte, 1<<20)
			for range large / len(block) {
				if _, err := z.Write(block); err != nil {
					return err
				}
			}
			_, _ = z.Write(append([]byte("\n"), log...))
			return z.Close()
		}},
		{"line", func(f *os.File) error {
			block := bytes.Repeat([]byte("x"), 1<<20)
			for range large / len(block) {
				if _, err := f.Write(block); err != nil {
					return err
				}
			}
			_, err := f.Write(append([]byte("\n"), log...))
			return err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(dir, tc.name)
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(tc.make(f), f.Close()); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = os.Remove(path) }()
			runtime.GC()
			defer debug.SetGCPercent(debug.SetGCPercent(100))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			set := discover(t, Options{}, path)
			if len(set.Files) != 1 {
				t.Fatal(set.Problems)
			}
			lines, overlong := 0, 0
			if _, err := set.Files[0].Read(t.Context(), nil, func(l Line) error {
				lines++
				if l.Overlong {
					overlong++
				}
				return nil
			}); err != nil && tc.name == "line" {
				t.Error(err)
			}
			runtime.ReadMemStats(&after)
			want := 0
			if tc.name == "line" { // NUL before a line is passed over
				want = 1
			}
			if lines < 2 || overlong != want {
				t.Errorf("%d lines, %d overlong", lines, overlong)
			}
			// All that was allocated, not only what was held at the end.
			if n := after.TotalAlloc - before.TotalAlloc; n > 24<<20 {
				t.Errorf("%d bytes were allocated for %d", n, int64(large))
			}
		})
	}
}

// A logrotate that renames, copies and truncates, compresses and deletes while
// files are found and read: nothing but a Problem comes of it. What the lines
// hold is not asked: a file that is written over while it is read shows pieces.
func TestRotationMeanwhile(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "mail.log")
	line := func(i int) string {
		return strings.TrimSuffix(string(yearless(at("2024-03-01 10:00:00").Add(time.Duration(i)*time.Second).Format(time.DateTime))), "\n")
	}
	var all []string
	for i := range 400 {
		all = append(all, line(i))
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		r := rand.New(rand.NewPCG(1, 2))
		for step := 0; ctx.Err() == nil; step++ {
			from := r.IntN(300)
			content := []byte(strings.Join(all[from:from+100], "\n") + "\n")
			var err error
			switch step % 5 {
			case 0:
				err = os.WriteFile(base, content, 0o600)
			case 1:
				err = os.Rename(base, base+".1")
			case 2:
				err = os.WriteFile(base+".2.gz", gz(t, content), 0o600)
			case 3:
				err = errors.Join(os.WriteFile(base, content, 0o600), os.WriteFile(base+".3", content, 0o600), os.Truncate(base, 0))
			case 4:
				_ = os.Remove(base + ".2.gz")
				_ = os.Remove(base + ".1")
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	read := 0
	for range 200 {
		set, err := Discover(t.Context(), []string{dir}, Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for _, f := range set.Files {
				_, err := f.Read(t.Context(), nil, func(Line) error {
					read++
					return nil
				})
				var p *Problem
				if err != nil && !errors.As(err, &p) {
					t.Error(err)
				}
			}
		}
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if read == 0 {
		t.Error("nothing was read")
	}
}

// Many files are looked at side by side, and the Set is that of one after the
// other; no more are open at a time than there are processors.
func TestDiscoverMany(t *testing.T) {
	dir := t.TempDir()
	for i := range 3000 {
		write(t, filepath.Join(dir, fmt.Sprintf("d%d", i%10), fmt.Sprintf("f%04d.log", i)),
			yearless(at("2024-03-01 10:00:00").Add(time.Duration(i)*time.Second).Format(time.DateTime)))
	}
	var search Search
	var before []string
	for range 2 {
		set := discover(t, Options{Search: &search}, dir)
		var names []string
		for _, f := range set.Files {
			names = append(names, f.Name)
		}
		if len(names) != 3000 || len(set.Problems) > 0 {
			t.Fatalf("%d files, %v", len(names), set.Problems)
		}
		if before != nil && !slices.Equal(before, names) {
			t.Error("another order the second time")
		}
		before = names
	}
	if search.Listed.Load() != 6000 || search.Looked.Load() != 6000 {
		t.Errorf("%d listed, %d looked at", search.Listed.Load(), search.Looked.Load())
	}
}

func BenchmarkDiscover(b *testing.B) {
	dir := b.TempDir()
	const files = 5000
	for i := range files {
		write(b, filepath.Join(dir, fmt.Sprintf("d%d", i%50), fmt.Sprintf("f%04d.log", i)),
			yearless(at("2024-03-01 10:00:00").Add(time.Duration(i)*time.Second).Format(time.DateTime)))
	}
	b.ReportAllocs()
	for b.Loop() {
		set, err := Discover(b.Context(), []string{dir}, Options{Now: now})
		if err != nil || len(set.Files) != files {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(files*b.N)/b.Elapsed().Seconds(), "files/s")
}
