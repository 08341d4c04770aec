package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

// take reads until so many lines were handed over.
func take(t testing.TB, f *Follower, lines int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []string
	for len(got) < lines {
		b, err := f.Next(ctx)
		if err != nil {
			t.Fatalf("after %d lines of %d: %v; %+v", len(got), lines, err, f.Status())
		}
		for _, l := range b.Lines {
			got = append(got, string(l.Bytes))
		}
		b.Release()
	}
	return got
}

// TestFollowNotified has nothing but the kernel to tell of changes.
func TestFollowNotified(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "mail.log")
	write(t, log, logins(0, 10))
	f, err := Follow(FollowOptions{Paths: []string{filepath.Join(dir, "mail.log*"), filepath.Join(dir, "later")}, Poll: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if f.noNotify != nil {
		t.Skip(f.noNotify)
	}
	take(t, f, 10)
	for _, step := range []struct {
		what  string
		do    func()
		lines int
	}{
		{"lines come", func() { appendTo(t, log, logins(10, 15)) }, 5},
		{"rotated", func() {
			if err := os.Rename(log, log+".1"); err != nil {
				t.Fatal(err)
			}
			write(t, log, logins(15, 20))
		}, 5},
		{"the rotated one is written to", func() { appendTo(t, log+".1", logins(20, 21)) }, 1},
		{"copytruncate", func() {
			write(t, log+".2", logins(15, 20))
			write(t, log, logins(21, 22))
		}, 1},
		{"a folder comes later", func() { write(t, filepath.Join(dir, "later", "deep", "mail.log"), logins(30, 33)) }, 3},
		{"and has more", func() { appendTo(t, filepath.Join(dir, "later", "deep", "mail.log"), logins(33, 40)) }, 7},
	} {
		step.do()
		at := time.Now()
		take(t, f, step.lines)
		t.Logf("%s: seen after %v", step.what, time.Since(at))
	}
	if s := f.Status(); len(s.Sources) != 2 || s.OpenFiles == 0 {
		t.Errorf("%+v", s)
	}
}

// TestFollowPolled has nothing but the ticker, as on a network file system.
func TestFollowPolled(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "mail.log")
	write(t, log, logins(0, 10))
	f, err := Follow(FollowOptions{Paths: []string{dir}, Waker: newWaker(nil, time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	take(t, f, 10)
	appendTo(t, log, logins(10, 15))
	take(t, f, 5)
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, log, logins(15, 20))
	take(t, f, 5)
	if p := f.Status().Problems; len(p) == 0 || !strings.Contains(p[0].Text, "changes are seen only when it is next looked at") {
		t.Errorf("%v", p)
	}
}

// TestFollowMany has more files than may be open.
func TestFollowMany(t *testing.T) {
	const files = 500
	w := newFollow(t)
	w.o.MaxOpen = 10
	w.start()
	for i := range files {
		w.write(fmt.Sprintf("%d/mail.log", i), logins(10*i, 10*i+5))
	}
	w.drain()
	for i := range files {
		w.append(fmt.Sprintf("%d/mail.log", i), logins(10*i+5, 10*i+10))
	}
	w.drain()
	w.start()
	w.drain()
	seen := map[string]int{}
	for _, h := range w.got {
		seen[h.text]++
	}
	if len(seen) != 10*files || len(w.got) != 10*files {
		t.Errorf("%d lines, %d different, want %d", len(w.got), len(seen), 10*files)
	}
	w.f.publish()
	if s := w.f.Status(); s.OpenFiles > 10 || s.Files != files || s.Behind != 0 {
		t.Errorf("%d open of %d files, %d bytes behind", s.OpenFiles, s.Files, s.Behind)
	}
}

// TestFollowInTime has sources that are behind come together in time, and none
// wait for long.
func TestFollowInTime(t *testing.T) {
	w := newFollow(t)
	w.o.BatchBytes = 2 * MaxLine
	w.start()
	w.write("a/mail.log", logins(0, 3000))
	w.write("b/mail.log", bytes.ReplaceAll(logins(0, 3000), []byte("user=<u"), []byte("user=<v")))
	w.write("c/mail.log", logins(3000, 3010)) // the latest
	w.drain()
	at := map[byte]int{}
	var first []byte
	for _, h := range w.got {
		log := h.name[len(w.dir)+1]
		if at[log]++; at[log] == 1 {
			first = append(first, log)
		}
		if d := at['a'] - at['b']; d > 2000 || d < -2000 {
			t.Fatalf("%d lines apart", d)
		}
	}
	if string(first) != "abc" || len(w.got) != 6010 {
		t.Errorf("order %s, %d lines", first, len(w.got))
	}
}

func TestFollowWarmUp(t *testing.T) {
	header := []byte("#Software: Microsoft Internet Information Services 10.0\n#Fields: date time c-ip cs-method cs-uri-stem cs-username sc-status cs(User-Agent)\n")
	var rows []byte
	for n := range 20 {
		rows = fmt.Appendf(rows, "2024-03-01 10:00:%02d 192.0.2.7 POST /Microsoft-Server-ActiveSync u%d@parl.example 200 Outlook\n", n, n)
	}
	for name, c := range map[string]struct {
		content []byte
		file    string
		want    int
	}{
		"plain":      {logins(0, 20), "mail.log", 10},
		"gzip":       {gz(t, logins(0, 20)), "mail.log.1.gz", 10},
		"header":     {append(header, rows...), "u_ex.log", 10},
		"each alone": {dated("2024-03-01 10:00:00", "2024-03-01 10:00:01", "2024-03-01 10:00:02", "2024-03-01 10:00:03"), "access.log", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFollow(t)
			w.write(c.file, c.content)
			w.drain()
			if len(w.got) < 4 || !w.got[0].begins || w.got[0].resumes {
				t.Fatalf("%d lines, %+v", len(w.got), w.got[0])
			}
			// As if only a part of them had been stored.
			half := w.got[len(w.got)/2]
			var before []string
			for _, h := range w.got[:len(w.got)/2] {
				before = append(before, h.text)
			}
			for id, p := range w.stored {
				p.Offset, p.Line, p.Done, p.TailLength = half.offset, half.number-1, false, 0
				w.stored[id] = p
			}
			w.got = nil
			w.start()
			w.waker.look = true
			b := w.next()
			if b == nil || !b.Begins || !b.Resumes || b.Lines[0].Offset != half.offset {
				t.Fatalf("%+v", b)
			}
			var got []string
			if err := w.f.WarmUp(t.Context(), b, func(l Line) error {
				got = append(got, string(l.Bytes))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if c.want == 0 {
				before = nil
			}
			if a, b := strings.Join(got, "\n"), strings.Join(before, "\n"); a != b {
				t.Errorf("warmed up by\n%s\nwant\n%s", a, b)
			}
			w.store(b)
			w.append(c.file, nil)
			if w.more(); len(w.got) == 0 {
				t.Error("nothing came")
			}
		})
	}
}

// TestFollowPermission runs itself as another user where it runs as root.
func TestFollowPermission(t *testing.T) {
	const tell = "MAILVIGIL_TEST_FOLLOW"
	if dir := os.Getenv(tell); dir != "" {
		w := newFollow(t)
		w.dir = dir
		w.o.Paths = []string{dir}
		w.start()
		chmod := func(name string, mode os.FileMode) {
			if err := os.Chmod(w.path(name), mode); err != nil {
				t.Fatal(err)
			}
		}
		w.write("log/mail.log", logins(0, 10))
		w.drain()
		w.shut()
		w.append("log/mail.log", logins(10, 20))
		w.write("log/other.log", logins(20, 25))
		chmod("log/mail.log", 0)
		chmod("log/other.log", 0)
		w.drain()
		w.f.publish()
		s := w.f.Status()
		if len(s.Sources) != 1 || len(s.Sources[0].Problems) != 1 || len(s.Problems) != 1 ||
			!strings.Contains(s.Sources[0].Problems[0].Text, "no permission to read it") || !strings.Contains(s.Problems[0].Text, "no permission to read it") {
			t.Errorf("%+v", s)
		}
		chmod("log/mail.log", 0o600)
		chmod("log/other.log", 0o600)
		chmod("log", 0)
		w.clock = w.clock.Add(time.Hour)
		w.drain()
		w.start()
		w.drain()
		w.f.publish()
		if s := w.f.Status(); len(s.Problems) != 1 || len(s.Notes) != 0 {
			t.Errorf("%+v", s)
		}
		chmod("log", 0o700)
		w.clock = w.clock.Add(time.Hour)
		w.drain()
		w.want("0-9 20-24 10-19")
		return
	}
	dir, err := os.MkdirTemp("", "mailvigil-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestFollowPermission$")
	cmd.Env = append(os.Environ(), tell+"="+dir)
	cmd.Dir = "/"
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Skip(err)
		}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
		t.Skipf("cannot run as another user here: %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestFollowBadPositions(t *testing.T) {
	for _, p := range [][]Position{
		{{ID: 0}},
		{{ID: 1}, {ID: 1}},
		{{ID: 1, Offset: -1}},
		{{ID: 1, HeadLength: headMax + 1}},
		{{ID: 1, TailLength: -1}},
	} {
		if _, err := Follow(FollowOptions{Positions: p}); err == nil || !strings.Contains(err.Error(), "restore them from a backup") {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// BenchmarkFollow reads what a Follower is behind by.
func BenchmarkFollow(b *testing.B) {
	for _, pack := range []string{"plain", "gzip"} {
		b.Run(pack, func(b *testing.B) {
			dir := b.TempDir()
			const lines = 200_000
			content := logins(0, lines)
			if pack == "plain" {
				write(b, filepath.Join(dir, "mail.log"), content)
			} else {
				write(b, filepath.Join(dir, "mail.log.1.gz"), gz(b, content))
			}
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				f, err := Follow(FollowOptions{Paths: []string{dir}, Waker: &handWaker{c: make(chan struct{}), idle: func() {}}})
				if err != nil {
					b.Fatal(err)
				}
				for n := 0; n < lines; {
					batch, err := f.Next(b.Context())
					if err != nil {
						b.Fatal(err)
					}
					n += len(batch.Lines)
					batch.Release()
				}
				_ = f.Close()
			}
			b.ReportMetric(float64(b.N)*lines/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

// BenchmarkFollowLatency is the time from a line that is written to its batch.
func BenchmarkFollowLatency(b *testing.B) {
	log := filepath.Join(b.TempDir(), "mail.log")
	write(b, log, logins(0, 1))
	f, err := Follow(FollowOptions{Paths: []string{filepath.Dir(log)}, Poll: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	file, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if batch, err := f.Next(b.Context()); err != nil || len(batch.Lines) != 1 {
		b.Fatal(err)
	}
	line := bytes.Clone(login(1))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := file.Write(line); err != nil {
			b.Fatal(err)
		}
		batch, err := f.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		batch.Release()
	}
}

// BenchmarkFollowIdle is what looking at many files costs.
func BenchmarkFollowIdle(b *testing.B) {
	const files = 2000
	w := newFollow(b)
	for i := range files {
		w.write(fmt.Sprintf("%d/mail.log", i), login(i))
	}
	w.drain()
	b.ReportAllocs()
	for b.Loop() {
		w.drain()
	}
	if len(w.got) != files {
		b.Fatal(len(w.got))
	}
}

// TestFollowUnanswered has a file system that does not answer.
func TestFollowUnanswered(t *testing.T) {
	w := newFollow(t)
	w.write("mail.log", login(0))
	w.drain()
	w.f.busyWith.Store(&busyWith{w.path("mail.log"), w.clock})
	if p := w.f.Status().Problems; len(p) != 0 {
		t.Errorf("%v", p)
	}
	w.clock = w.clock.Add(time.Minute)
	if p := w.f.Status().Problems; len(p) != 1 || !strings.Contains(p[0].Text, "has not answered for 1m0s") {
		t.Errorf("%v", p)
	}
	w.drain()
	if p := w.f.Status().Problems; len(p) != 0 {
		t.Errorf("%v", p)
	}
}

// TestFollowAtOnce has lines written and files rotated, copied, truncated and
// compressed at the same time as they are followed, by Followers that are
// stopped at any moment. Every line must be stored exactly once.
func TestFollowAtOnce(t *testing.T) {
	lines := 20_000
	if testing.Short() {
		lines = 5_000
	}
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			log := filepath.Join(dir, "mail.log")
			write(t, log, login(0))
			done := make(chan error, 1)
			go func() { done <- writeAndRotate(rand.New(rand.NewPCG(seed, 1)), log, lines) }()
			rng := rand.New(rand.NewPCG(seed, 2))
			stored := map[int64]Position{}
			seen := make([]int, lines)
			last, starts, count := map[int64]int{}, 0, 0
			for finished := false; count < lines; {
				o := FollowOptions{Paths: []string{dir}, MaxOpen: 1 + rng.IntN(5), BatchBytes: 1 << rng.IntN(20), Settle: time.Hour}
				for _, p := range stored {
					o.Positions = append(o.Positions, p)
				}
				f, err := Follow(o)
				if err != nil {
					t.Fatal(err)
				}
				starts++
				for left := rng.IntN(40); left >= 0 && count < lines; left-- {
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
					b, err := f.Next(ctx)
					cancel()
					if err != nil {
						t.Fatalf("%v: %d lines of %d, writer done %v, after %d starts; %+v", err, count, lines, finished, starts, f.Status())
					}
					if left == 0 {
						break // it is not stored
					}
					for _, l := range b.Lines {
						n, head, tail := parts(string(l.Bytes))
						if !head || !tail || n >= lines {
							t.Fatalf("%q", l.Bytes)
						}
						seen[n]++
						if seen[n] > 1 {
							t.Fatalf("line %d of %s twice, after %d starts; notes %v", n, b.Name, starts, f.notes)
						}
						if id := b.Positions[0].ID; n < last[id] {
							t.Fatalf("line %d after %d, after %d starts", n, last[id], starts)
						} else {
							last[id] = n
						}
						count++
					}
					for _, p := range b.Positions {
						stored[p.ID] = p
					}
					for _, id := range b.Forget {
						delete(stored, id)
					}
					b.Release()
				}
				_ = f.Close()
				select {
				case err := <-done:
					if err != nil {
						t.Fatal(err)
					}
					finished = true
				default:
				}
			}
			t.Logf("%d starts", starts)
		})
	}
}

// writeAndRotate writes numbered lines to a log from line 1 on, and rotates it.
func writeAndRotate(rng *rand.Rand, log string, lines int) error {
	file, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	shift := func() error {
		// All are kept, so that nothing is destroyed before it is read.
		names, err := filepath.Glob(log + ".*")
		for _, name := range names {
			if err == nil {
				n, ext := 0, ""
				_, _ = fmt.Sscanf(strings.TrimPrefix(name, log+"."), "%d%s", &n, &ext)
				err = os.Rename(name, fmt.Sprintf("%s.tmp%d%s", log, n+1, ext))
			}
		}
		names, _ = filepath.Glob(log + ".tmp*")
		for _, name := range names {
			if err == nil {
				err = os.Rename(name, log+"."+strings.TrimPrefix(name, log+".tmp"))
			}
		}
		return err
	}
	for n := 1; n < lines; {
		burst := min(1+rng.IntN(300), lines-n)
		if _, err := file.Write(logins(n, n+burst)); err != nil {
			return err
		}
		n += burst
		switch rng.IntN(20) {
		case 0, 1: // rename
			if err := shift(); err != nil {
				return err
			}
			if err := os.Rename(log, log+".1"); err != nil {
				return err
			}
			if n < lines && rng.IntN(2) == 0 {
				if _, err := file.Write(login(n)); err != nil { // before HUP
					return err
				}
				n++
			}
			_ = file.Close()
			if file, err = os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
				return err
			}
		case 2: // copytruncate
			if err := shift(); err != nil {
				return err
			}
			content, err := os.ReadFile(log)
			if err == nil && len(content) > 0 {
				if err = os.WriteFile(log+".1", content, 0o600); err == nil {
					err = os.Truncate(log, 0)
				}
			}
			if err != nil {
				return err
			}
		case 3: // compress
			content, err := os.ReadFile(log + ".2")
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			if err == nil {
				_, err = z.Write(content)
			}
			if err = errors.Join(err, z.Close(), os.WriteFile(log+".2.gz", packed.Bytes(), 0o600), os.Remove(log+".2")); err != nil {
				return err
			}
		}
	}
	return nil
}
