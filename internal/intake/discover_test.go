package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mailvigil/maillog"
)

var now = at("2024-03-10 12:00:00")

func at(s string) time.Time {
	t, err := time.Parse(time.DateTime, s)
	if err != nil {
		panic(err)
	}
	return t
}

// yearless is Dovecot's log, whose times have neither year nor zone.
func yearless(times ...string) []byte {
	var b bytes.Buffer
	for i, s := range times {
		_, _ = fmt.Fprintf(&b, "%s imap-login: Info: Login: user=<anna@parl.example>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, mpid=%d, TLS, session=<abc%dAAAA>\n",
			at(s).Format("Jan 02 15:04:05"), i+1, i)
	}
	return b.Bytes()
}

// dated is a web server's log, whose times are whole.
func dated(times ...string) []byte {
	var b bytes.Buffer
	for i, s := range times {
		_, _ = fmt.Fprintf(&b, "192.0.2.7 - - [%s] \"GET /?_task=mail&_mbox=INBOX&_uid=%d HTTP/1.1\" 200 512 \"-\" \"Mozilla/5.0\"\n",
			at(s).Format("02/Jan/2006:15:04:05 -0700"), i)
	}
	return b.Bytes()
}

func discover(t testing.TB, o Options, paths ...string) *Set {
	t.Helper()
	if o.Now.IsZero() {
		o.Now = now
	}
	set, err := Discover(t.Context(), paths, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return set
}

// want compares what was found, and the messages, with the folder taken off.
func want(t *testing.T, set *Set, dir string, files, problems []string) {
	t.Helper()
	var gotFiles, gotProblems []string
	strip := func(s string) string { return strings.ReplaceAll(s, dir+string(filepath.Separator), "") }
	for _, f := range set.Files {
		gotFiles = append(gotFiles, strip(f.Name))
	}
	for i := range set.Problems {
		gotProblems = append(gotProblems, strip(set.Problems[i].Error()))
	}
	if a, b := strings.Join(gotFiles, "\n"), strings.Join(files, "\n"); a != b {
		t.Errorf("files:\n%s\nwant:\n%s", a, b)
	}
	if a, b := strings.Join(gotProblems, "\n"), strings.Join(problems, "\n"); a != b {
		t.Errorf("problems:\n%s\nwant:\n%s", a, b)
	}
}

func TestDiscoverProblems(t *testing.T) {
	log := yearless("2024-03-01 10:00:00", "2024-03-01 11:00:00")
	tarred := make([]byte, 512)
	copy(tarred, "mail.log")
	copy(tarred[257:], "ustar")
	tarred = append(append(tarred, log...), make([]byte, 1024)...)
	const twice = "log.1: the same content as log: read once"
	for _, tc := range []struct {
		name     string
		files    map[string][]byte
		paths    []string // below the folder; none: the folder
		want     []string
		problems []string
	}{
		{
			"missing path",
			map[string][]byte{"log": log},
			[]string{"lgo", "log"},
			[]string{"log"},
			[]string{"lgo: does not exist: check the path"},
		},
		{"empty file", map[string][]byte{"a": {}, "log": log}, nil, []string{"log"}, []string{"a: empty: nothing to read"}},
		{
			"binary file",
			map[string][]byte{"a": []byte("\x7fELF\x02\x01\x01\x00\x00\x00\n\x00\x01"), "log": log},
			nil,
			[]string{"log"},
			[]string{"a: binary, not a log: leave it out"},
		},
		{
			"nothing but NUL",
			map[string][]byte{"a": make([]byte, 5000), "log": log},
			nil,
			[]string{"log"},
			[]string{"a: binary, not a log: leave it out"},
		},
		{
			"a log behind NUL",
			map[string][]byte{"log": append(make([]byte, 1<<20), log...)},
			nil,
			[]string{"log"},
			nil,
		},
		{
			"a log behind a megabyte",
			map[string][]byte{"log": append(append(bytes.Repeat([]byte("x"), 1<<20), '\n'), log...)},
			nil,
			[]string{"log"},
			nil,
		},
		{
			"unknown text format",
			map[string][]byte{"a": []byte("Dear Anna,\nplease find enclosed\n"), "log": log},
			nil,
			[]string{"log"},
			[]string{`a: text of no format that is read: "mailvigil trace FILE:1" says what is made of a line`},
		},
		{
			"other compressions",
			map[string][]byte{"a": []byte("\xfd7zXZ\x00\x00\x04"), "b": []byte("BZh91AY&SY"), "log": log},
			nil,
			[]string{"log"},
			[]string{`a: packed with xz, which is not read: unpack it with "xz -dk"`, `b: packed with bzip2, which is not read: unpack it with "bzip2 -dk"`},
		},
		{
			"archives",
			map[string][]byte{"a.tar": tarred, "b.tgz": gz(t, tarred), "log": log},
			nil,
			[]string{"log"},
			[]string{`a.tar: a tar archive, which is not read: unpack it with "tar -xf"`, `b.tgz: a tar archive, which is not read: unpack it with "tar -xf"`},
		},
		{
			"systemd journal",
			map[string][]byte{"a": []byte("LPKSHHRH\x00\x00\x00\x00"), "log": log},
			nil,
			[]string{"log"},
			[]string{`a: a systemd journal: pipe it in: "journalctl -o json --file FILE | mailvigil investigate -"`},
		},
		{
			"empty after decompression",
			map[string][]byte{"a.gz": gz(t, nil), "log": log},
			nil,
			[]string{"log"},
			[]string{"a.gz: empty: nothing to read"},
		},
		{
			"gzip that ends in its header",
			map[string][]byte{"a.gz": gz(t, log)[:8], "log": log},
			nil,
			[]string{"log"},
			[]string{"a.gz: truncated before the end of its first line: fetch the file again from where it came"},
		},
		{"hidden", map[string][]byte{".log": log, ".old/log": log}, nil, nil, nil},
		{"hidden, but named", map[string][]byte{".log": log}, []string{".log"}, []string{".log"}, nil},
		{
			"named twice",
			map[string][]byte{"d/log": log},
			[]string{"d/log", "d/../d/log", "d"},
			[]string{"d/log"},
			[]string{"d/log: named twice, read once", "d/log: named twice, read once"},
		},
		{
			"plain and compressed",
			map[string][]byte{"log": log, "log.1.gz": gz(t, log), "log.2.zst": zst(t, log)},
			nil,
			[]string{"log"},
			[]string{"log.1.gz: the same content as log: read once", "log.2.zst: the same content as log: read once"},
		},
		{
			"compressed and plain",
			map[string][]byte{"a.gz": gz(t, log), "log": log},
			nil,
			[]string{"log"},
			[]string{"a.gz: the same content as log: read once"},
		},
		{"copy", map[string][]byte{"log": log, "log.1": log}, nil, []string{"log"}, []string{twice}},
		{
			"copied before it grew",
			map[string][]byte{"a": log, "log": append(bytes.Clone(log), yearless("2024-03-01 12:00:00")...)},
			nil,
			[]string{"log"},
			[]string{"a: the beginning of log: read there"},
		},
		{
			"left by a broken compression",
			map[string][]byte{"log": log, "log.gz": gz(t, log)[:len(gz(t, log))-8]},
			nil,
			[]string{"log"},
			[]string{"log.gz: the same content as log: read once"},
		},
		{
			"alike at the beginning",
			map[string][]byte{
				"a":   append(bytes.Clone(log), yearless("2024-03-01 12:00:00")...),
				"log": append(bytes.Clone(log), yearless("2024-03-01 13:00:00")...),
			},
			nil,
			[]string{"a", "log"},
			nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range tc.files {
				write(t, filepath.Join(dir, name), content)
			}
			paths := []string{dir}
			if tc.paths != nil {
				paths = nil
				for _, p := range tc.paths {
					paths = append(paths, dir+"/"+p)
				}
			}
			want(t, discover(t, Options{}, paths...), dir, tc.want, tc.problems)
		})
	}
}

func TestDiscoverLinks(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "a", "log"), yearless("2024-03-01 10:00:00"))
	write(t, filepath.Join(elsewhere, "mail.log"), yearless("2024-03-02 10:00:00"))
	for _, l := range [][2]string{
		{dir, "a/up"},
		{filepath.Join(dir, "a"), "b"}, // circles
		{filepath.Join(dir, "self"), "self"},
		{elsewhere, "volume"},
		{filepath.Join(dir, "a", "log"), "current"},
		{filepath.Join(dir, "gone"), "dangling"},
	} {
		if err := os.Symlink(l[0], filepath.Join(dir, l[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(dir, "a", "log"), filepath.Join(dir, "hard")); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	set := discover(t, Options{}, dir, filepath.Join(dir, "socket"))
	want(t, set, dir, []string{"a/log", "volume/mail.log"}, []string{
		"current: the same file as a/log: read once",
		"dangling: a link that leads nowhere: nothing to read",
		"hard: the same file as a/log: read once",
		"self: a link that leads nowhere: nothing to read",
		"socket: a socket, which holds no lines: name the log files of the program that listens on it",
	})
}

func TestDiscoverUsualPlaces(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "log", "mail.log"), yearless("2024-03-01 10:00:00"))
	write(t, filepath.Join(dir, "roundcube", "logs", "access"), dated("2024-03-01 10:00:00"))
	set := discover(t, Options{Places: []string{dir + "/log/mail.log*", dir + "/log/maillog*", dir + "/round*/logs"}})
	want(t, set, dir, []string{"log/mail.log", "roundcube/logs/access"}, nil)

	set = discover(t, Options{Places: []string{dir + "/nginx/*access*", dir + "/httpd/*access*"}})
	want(t, set, dir, nil, []string{"usual places: no logs in nginx/*access*, httpd/*access*: name the files or folders to read, or run as a user who may look there; where the systemd journal holds the logs, \"journalctl -o json | mailvigil investigate -\""})

	for _, p := range UsualPlaces {
		if _, err := filepath.Match(p, ""); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func TestDiscoverStdin(t *testing.T) {
	log := yearless("2024-03-01 10:00:00", "2024-03-01 11:00:00")
	for _, tc := range []struct {
		name     string
		in       io.Reader
		file     bool
		problems []string
	}{
		{"plain", bytes.NewReader(log), true, nil},
		{"compressed", bytes.NewReader(gz(t, log)), true, nil},
		{"empty", strings.NewReader(""), false, []string{"standard input: empty: nothing to read"}},
		{"fails", io.MultiReader(bytes.NewReader(log), errReader{}), true, []string{
			"standard input: could not be read to its end: broken pipe: what came before is used; see why what writes it stopped, and start again, or give a file",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			set := discover(t, Options{Stdin: tc.in, SpoolDir: dir}, "-", "-")
			var files []string
			if tc.file {
				files = []string{"standard input"}
			}
			want(t, set, dir, files, append(tc.problems, "standard input: named twice, read once"))
			for pass := range 2 {
				for _, f := range set.Files {
					lines, _, err := collect(t.Context(), f)
					if err != nil || strings.Join(lines, "\n")+"\n" != string(log) {
						t.Errorf("pass %d: %q %v", pass+1, lines, err)
					}
					if f.Source != "standard input (dovecot)" || !f.First.Equal(at("2024-03-01 10:00:00")) {
						t.Errorf("%s from %s", f.Source, f.First)
					}
				}
			}
			if err := set.Close(); err != nil {
				t.Error(err)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%d files are left behind", len(left))
			}
		})
	}
	t.Run("no folder", func(t *testing.T) {
		dir := t.TempDir()
		set := discover(t, Options{Stdin: bytes.NewReader(log), SpoolDir: filepath.Join(dir, "none")}, "-")
		want(t, set, dir, nil, []string{
			"standard input: cannot be kept for the second pass: no such file or directory: choose a folder that can be written with TMPDIR, or give a file",
		})
	})
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestDiscoverPipe(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- os.WriteFile(path, yearless("2024-03-01 10:00:00"), 0o600)
	}()
	set := discover(t, Options{SpoolDir: dir}, path)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want(t, set, dir, []string{"pipe"}, nil)
}

func TestDiscoverCancelled(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "log"), yearless("2024-03-01 10:00:00"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if set, err := Discover(ctx, []string{dir}, Options{}); set != nil || err != context.Canceled {
		t.Errorf("%v %v", set, err)
	}
	// Neither a pipe without a writer nor standard input that never ends
	// keeps it.
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(0, cancel)
	if set, err := Discover(ctx, []string{pipe}, Options{SpoolDir: dir}); set != nil || err != context.Canceled {
		t.Errorf("%v %v", set, err)
	}
	spool := t.TempDir()
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		_, _ = w.Write([]byte("a line\n"))
		cancel()
	}()
	if set, err := Discover(ctx, []string{"-"}, Options{Stdin: r, SpoolDir: spool}); set != nil || err != context.Canceled {
		t.Errorf("%v %v", set, err)
	}
	if left, _ := os.ReadDir(spool); len(left) > 0 {
		t.Errorf("%d files are left behind", len(left))
	}
}

func TestDiscoverFile(t *testing.T) {
	dir := t.TempDir()
	log := dated("2024-03-01 10:00:00", "2024-03-01 11:00:00")
	path := write(t, filepath.Join(dir, "access.log.2.gz"), gz(t, log))
	set := discover(t, Options{}, path)
	if len(set.Files) != 1 {
		t.Fatal(set.Problems)
	}
	f := set.Files[0]
	if f.Path != path || f.Name != path || f.Format != maillog.Combined || f.Compression != gzipped ||
		f.Size != int64(len(gz(t, log))) || f.Source != filepath.Join(dir, "access.log")+" (combined)" ||
		!f.First.Equal(at("2024-03-01 10:00:00")) || !f.Last.Equal(at("2024-03-01 11:00:00")) {
		t.Errorf("%+v", f)
	}
}

func TestDiscoverStdinYear(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		name, last, neighbour string
		want                  time.Time
	}{
		{"of today", "2024-03-10 11:59:00", "2022-01-03 10:00:00", at("2024-03-10 11:59:00")},
		{"of the neighbour's time", "2021-12-31 10:00:00", "2022-01-03 10:00:00", at("2021-12-31 10:00:00")},
		{"without a hint", "2023-12-31 10:00:00", "", at("2023-12-31 10:00:00")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			paths := []string{"-"}
			if tc.neighbour != "" {
				paths = append(paths, write(t, filepath.Join(dir, "access.log"), dated(tc.neighbour)))
			}
			set := discover(t, Options{Stdin: bytes.NewReader(yearless(tc.last)), SpoolDir: dir}, paths...)
			for _, f := range set.Files {
				if f.Name == "standard input" && f.First.Equal(tc.want) {
					return
				}
			}
			t.Errorf("%+v", set.Files)
		})
	}
}

func TestSource(t *testing.T) {
	dir := t.TempDir()
	postfix := []byte("Mar  1 10:00:00 mx1 postfix/smtpd[7]: warning: unknown[192.0.2.7]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=anna@parl.example\n")
	dovecot := []byte("Mar  2 10:00:00 mx1 dovecot: imap-login: Login: user=<anna@parl.example>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, mpid=1, TLS, session=<abcAAAA>\n")
	write(t, filepath.Join(dir, "mail.log-20240302"), postfix)
	write(t, filepath.Join(dir, "mail.log-20240303"), dovecot)
	write(t, filepath.Join(dir, "mail.log"), dated("2024-03-04 10:00:00"))
	write(t, filepath.Join(dir, "other", "mail.log-20240303.gz"), gz(t, bytes.Replace(dovecot, []byte("10:00"), []byte("10:01"), 1)))
	var got []string
	for _, f := range discover(t, Options{}, dir).Files {
		got = append(got, strings.TrimPrefix(f.Source, dir+"/")+": "+f.Format.String())
	}
	want := []string{
		"mail.log (combined): combined",
		"mail.log (syslog): postfix",
		"mail.log (syslog): dovecot-syslog",
		"other/mail.log (syslog): dovecot-syslog",
	}
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
		t.Errorf("got:\n%s\nwant:\n%s", a, b)
	}
}

func TestFirstAndLast(t *testing.T) {
	times := make([]string, 5000) // well above what is sampled
	for i := range times {
		times[i] = at("2024-03-01 10:00:00").Add(time.Duration(i) * time.Minute).Format(time.DateTime)
	}
	log := yearless(times...)
	for _, tc := range []struct {
		name    string
		content []byte
		last    time.Time
	}{
		{"plain", log, at(times[4999])},
		{"plain, cut in its last line", log[:len(log)-100], at(times[4998])},
		{"gzip", gz(t, log), time.Time{}},
		{"zstd", zst(t, log), time.Time{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set := discover(t, Options{}, write(t, filepath.Join(t.TempDir(), "log"), tc.content))
			if len(set.Files) != 1 || !set.Files[0].First.Equal(at(times[0])) || !set.Files[0].Last.Equal(tc.last) {
				t.Errorf("%+v %v", set.Files, set.Problems)
			}
		})
	}
}

// A logFile is one file of a case on order and years.
type logFile struct {
	name    string
	content []byte
	mtime   string // "": that of the last line in content, which the case states
}

func TestOrderAndYear(t *testing.T) {
	const copied = "2024-03-09 09:00:00" // all files at once, without their times
	for _, tc := range []struct {
		name  string
		files []logFile
		want  []string // name, day of the first line, reference
	}{
		{
			"dates in names, around New Year",
			[]logFile{
				{"mail.log-20240107", yearless("2023-12-31 10:00:00", "2024-01-01 10:00:00"), copied},
				{"mail.log-20231231", yearless("2023-12-24 10:00:00", "2023-12-30 10:00:00"), copied},
				{"mail.log-20240114.gz", gz(t, yearless("2024-01-07 10:00:00", "2024-01-13 10:00:00")), copied},
			},
			[]string{
				"mail.log-20231231 2023-12-24 2024-01-01 00:00:00",
				"mail.log-20240107 2023-12-31 2024-01-08 00:00:00",
				"mail.log-20240114.gz 2024-01-07 2024-01-15 00:00:00",
			},
		},
		{
			"the day on which a file was begun",
			[]logFile{{"mail.2023-12-25.log", yearless("2023-12-25 10:00:00", "2023-12-31 10:00:00"), "2023-12-31 10:00:00"}},
			[]string{
				"mail.2023-12-25.log 2023-12-25 2023-12-31 10:00:00",
			},
		},
		{
			"the day on which a file was begun, written into the new year",
			[]logFile{{"mail.2023-12-25.log", yearless("2023-12-25 10:00:00", "2024-01-02 10:00:00"), "2024-01-02 10:00:00"}},
			[]string{
				"mail.2023-12-25.log 2023-12-25 2024-01-02 10:00:00",
			},
		},
		{
			"numbers",
			[]logFile{
				{"mail.log", yearless("2024-03-08 10:00:00"), "2024-03-08 10:00:00"},
				{"mail.log.1", yearless("2024-03-07 10:00:00"), "2024-03-07 10:00:00"},
				{"mail.log.2.gz", gz(t, yearless("2024-03-06 10:00:00")), "2024-03-06 10:00:00"},
				{"mail.log.10.gz", gz(t, yearless("2024-02-27 10:00:00")), "2024-02-27 10:00:00"},
			},
			[]string{
				"mail.log.10.gz 2024-02-27 2024-03-06 10:00:00",
				"mail.log.2.gz 2024-03-06 2024-03-07 10:00:00",
				"mail.log.1 2024-03-07 2024-03-07 10:00:00",
				"mail.log 2024-03-08 2024-03-08 10:00:00",
			},
		},
		{
			"numbers whose files were copied without their times, over more than a year",
			[]logFile{
				{"mail.log", yearless("2024-03-08 10:00:00"), copied},
				{"mail.log.1", yearless("2023-11-07 10:00:00"), copied},
				{"mail.log.2.gz", gz(t, yearless("2023-06-06 10:00:00")), copied},
				{"mail.log.3.gz", gz(t, yearless("2022-12-27 10:00:00")), copied},
			},
			[]string{
				"mail.log.3.gz 2022-12-27 2023-06-06 10:00:00",
				"mail.log.2.gz 2023-06-06 2023-11-07 10:00:00",
				"mail.log.1 2023-11-07 2024-03-08 10:00:00",
				"mail.log 2024-03-08 2024-03-09 09:00:00",
			},
		},
		{
			"numbers and dates mixed",
			[]logFile{
				{"mail.log", yearless("2024-03-08 10:00:00"), "2024-03-08 10:00:00"},
				{"mail.log-20240308", yearless("2024-03-07 10:00:00"), "2024-03-07 10:00:00"},
				{"mail.log.1", yearless("2024-03-06 10:00:00"), "2024-03-06 10:00:00"},
				{"mail.log.2.gz", gz(t, yearless("2024-03-05 10:00:00")), "2024-03-05 10:00:00"},
			},
			[]string{
				"mail.log.2.gz 2024-03-05 2024-03-06 10:00:00",
				"mail.log.1 2024-03-06 2024-03-06 10:00:00",
				"mail.log-20240308 2024-03-07 2024-03-09 00:00:00",
				"mail.log 2024-03-08 2024-03-08 10:00:00",
			},
		},
		{
			"names that contradict the lines",
			[]logFile{
				{"access.log.1", dated("2024-03-08 10:00:00"), copied},
				{"access.log", dated("2024-03-07 10:00:00"), copied},
			},
			[]string{
				"access.log 2024-03-07 2024-03-07 10:00:00",
				"access.log.1 2024-03-08 2024-03-08 10:00:00",
			},
		},
		{
			"a neighbour with years, everything copied without its times",
			[]logFile{
				{"access.log", dated("2021-12-20 10:00:00", "2022-01-03 10:00:00"), copied},
				{"mail.log", yearless("2021-12-31 10:00:00", "2022-01-02 10:00:00"), copied},
			},
			[]string{
				"access.log 2021-12-20 2022-01-03 10:00:00",
				"mail.log 2021-12-31 2022-01-10 10:00:00",
			},
		},
		{
			"a neighbour that ended long ago says nothing against a stamp that the lines agree with",
			[]logFile{
				{"access.log", dated("2021-12-20 10:00:00", "2022-01-03 10:00:00"), "2022-01-03 10:00:00"},
				{"mail.log", yearless("2024-03-05 10:00:00", "2024-03-06 10:00:00"), "2024-03-06 10:00:00"},
			},
			[]string{
				"access.log 2021-12-20 2022-01-03 10:00:00",
				"mail.log 2024-03-05 2024-03-06 10:00:00",
			},
		},
		{
			"a stamp of last year",
			[]logFile{{"mail.log", yearless("2022-12-31 10:00:00", "2023-01-02 10:00:00"), "2023-01-02 10:00:00"}},
			[]string{
				"mail.log 2022-12-31 2023-01-02 10:00:00",
			},
		},
		{
			"a stamp in the future",
			[]logFile{{"mail.log", yearless("2023-03-31 10:00:00"), "2031-01-02 10:00:00"}},
			[]string{
				"mail.log 2023-03-31 2024-03-10 12:00:00",
			},
		},
		{
			"the time that gzip wrote down",
			[]logFile{{"mail.log.gz", gzAt(t, "2022-05-08 00:00:00", yearless("2022-05-01 10:00:00", "2022-05-07 10:00:00")), copied}},
			[]string{
				"mail.log.gz 2022-05-01 2022-05-08 00:00:00",
			},
		},
		{
			"no time in one file",
			[]logFile{
				{"access.log", dated("2024-03-08 10:00:00"), copied},
				{"access.log.1", bytes.Replace(dated("2024-03-07 10:00:00"), []byte("Mar"), []byte("Mrz"), 1), copied},
				{"access.log.2", dated("2024-03-06 10:00:00"), copied},
			},
			[]string{
				"access.log.2 2024-03-06 2024-03-06 10:00:00",
				"access.log.1 0001-01-01 2024-03-08 10:00:00",
				"access.log 2024-03-08 2024-03-08 10:00:00",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range tc.files {
				path := write(t, filepath.Join(dir, f.name), f.content)
				if err := os.Chtimes(path, time.Time{}, at(f.mtime)); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, f := range discover(t, Options{}, dir).Files {
				got = append(got, fmt.Sprintf("%s %s %s", filepath.Base(f.Name), f.First.Format(time.DateOnly), f.Reference.Format(time.DateTime)))
			}
			if a, b := strings.Join(got, "\n"), strings.Join(tc.want, "\n"); a != b {
				t.Errorf("got:\n%s\nwant:\n%s", a, b)
			}
		})
	}
}
