package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// handWaker is woken by hand. A Follower that asks for its channel has nothing
// left to do: idle is called.
type handWaker struct {
	written []string
	look    bool
	idle    func()
	dirs    []string
	c       chan struct{}
}

func (w *handWaker) Watch(dir string) error { w.dirs = append(w.dirs, dir); return nil }
func (w *handWaker) Close() error           { return nil }

func (w *handWaker) C() <-chan struct{} {
	w.idle()
	return w.c
}

func (w *handWaker) Take() ([]string, bool) {
	written, look := w.written, w.look
	w.written, w.look = nil, false
	return written, look
}

// follow is a Follower with a caller who stores lines and positions together.
type follow struct {
	t      testing.TB
	dir    string
	o      FollowOptions
	waker  *handWaker
	f      *Follower
	clock  time.Time
	stored map[int64]Position
	got    []handed
}

type handed struct {
	source, name string
	number       int64
	offset       int64
	text         string
	overlong     bool
	begins       bool
	resumes      bool
}

func newFollow(t testing.TB, paths ...string) *follow {
	w := &follow{t: t, dir: t.TempDir(), clock: time.Now(), stored: map[int64]Position{}}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, p := range paths {
		w.o.Paths = append(w.o.Paths, filepath.Join(w.dir, p))
	}
	w.start()
	t.Cleanup(func() { _ = w.f.Close() })
	return w
}

// start begins anew with what was stored, as after a kill.
func (w *follow) start() {
	w.t.Helper()
	if w.f != nil {
		_ = w.f.Close()
	}
	w.waker = &handWaker{c: make(chan struct{})}
	w.o.Waker, w.o.Now = w.waker, func() time.Time { return w.clock }
	w.o.Positions = nil
	for _, p := range w.stored {
		w.o.Positions = append(w.o.Positions, p)
	}
	var err error
	if w.f, err = Follow(w.o); err != nil {
		w.t.Fatal(err)
	}
}

// next returns the next batch without waiting; nil where there is none.
func (w *follow) next() *Batch {
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	w.waker.idle = cancel
	b, err := w.f.Next(ctx)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			w.t.Fatal(err)
		}
		return nil
	}
	return b
}

// store stores a batch.
func (w *follow) store(b *Batch) {
	for _, l := range b.Lines {
		w.got = append(w.got, handed{b.Source, b.Name, l.Number, l.Offset, string(l.Bytes), l.Overlong, b.Begins, b.Resumes})
	}
	for _, p := range b.Positions {
		w.stored[p.ID] = p
	}
	for _, id := range b.Forget {
		delete(w.stored, id)
	}
	b.Release()
}

// drain looks everywhere and stores all there is.
func (w *follow) drain() {
	w.waker.look = true
	w.more()
}

// more stores all there is, as far as the waker says.
func (w *follow) more() {
	for b := w.next(); b != nil; b = w.next() {
		w.store(b)
	}
}

// shut closes what the Follower has open, as having too many files does.
func (w *follow) shut() {
	for _, st := range slices.Clone(w.f.open) {
		w.f.shut(st)
	}
}

// see has the Follower see how long a file is, and not read it yet.
func (w *follow) see(name string) {
	w.f.reopen(w.f.byPath[w.path(name)])
	w.f.meet(w.f.byPath[w.path(name)], onDisk{w.path(name), entry(w.t, w.path(name)).info})
}

func (w *follow) path(name string) string { return filepath.Join(w.dir, name) }

func (w *follow) write(name string, content []byte) {
	w.t.Helper()
	write(w.t, w.path(name), content)
}

func (w *follow) append(name string, content []byte) {
	w.t.Helper()
	appendTo(w.t, w.path(name), content)
}

func appendTo(t testing.TB, path string, content []byte) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = file.Write(content)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *follow) rename(from, to string) {
	w.t.Helper()
	if err := os.Rename(w.path(from), w.path(to)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *follow) remove(name string) {
	w.t.Helper()
	if err := os.Remove(w.path(name)); err != nil {
		w.t.Fatal(err)
	}
}

// login is a line that is told from others by its number.
func login(n int) []byte {
	return fmt.Appendf(nil, "Mar 01 10:%02d:%02d imap-login: Info: Login: user=<u%06d@parl.example>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, mpid=%d, TLS, session=<abc%dAAAA>\n",
		n/60%60, n%60, n, n, n)
}

func logins(from, to int) []byte {
	var b []byte
	for n := from; n < to; n++ {
		b = append(b, login(n)...)
	}
	return b
}

// numbers are those of the logins that were stored, in order; of other lines
// the text.
func (w *follow) numbers() string {
	var b strings.Builder
	last, run := -2, false
	end := func() {
		if run {
			fmt.Fprintf(&b, "-%d", last)
		}
		run = false
	}
	for _, h := range w.got {
		var n int
		_, after, _ := strings.Cut(h.text, "user=<u")
		if _, err := fmt.Sscanf(after, "%06d@", &n); err != nil || !strings.HasSuffix(h.text, "AAAA>") {
			end()
			last = -2
			fmt.Fprintf(&b, " %q", h.text)
			continue
		}
		if n != last+1 {
			end()
			fmt.Fprintf(&b, " %d", n)
		} else {
			run = true
		}
		last = n
	}
	end()
	return strings.TrimSpace(b.String())
}

func (w *follow) want(numbers string) {
	w.t.Helper()
	if got := w.numbers(); got != numbers {
		w.t.Fatalf("handed over %s\nwant        %s\nnotes %v", got, numbers, w.f.notes)
	}
}

func (w *follow) lost() (truncations, bytes int64) {
	w.f.publish()
	for _, s := range w.f.Status().Sources {
		truncations += s.Truncations
		bytes += s.LostBytes
	}
	return truncations, bytes
}

// TestFollowAsRead holds what is handed over against what File.Read does.
func TestFollowAsRead(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 3*MaxLine)
	batches, starts := []int{0, 1, 100_000}, []bool{false, true}
	if testing.Short() {
		batches, starts = []int{1}, []bool{true}
	}
	for name, content := range map[string][]byte{
		"plain":       logins(0, 5000),
		"CR":          bytes.ReplaceAll(logins(0, 100), []byte("\n"), []byte("\r\n")),
		"mark":        append([]byte("\xef\xbb\xbf"), logins(0, 10)...),
		"empty lines": slices.Concat(logins(0, 10), bytes.Repeat([]byte("\n"), 50_000), logins(10, 20)),
		"NUL":         slices.Concat(logins(0, 10), make([]byte, 300), logins(10, 20), make([]byte, 200_000), logins(20, 30), make([]byte, 10)),
		"overlong":    slices.Concat(logins(0, 10), long, []byte("\n"), logins(10, 20), long[:MaxLine], []byte("\r\n"), long[:MaxLine+1], []byte("\n"), logins(20, 30)),
		"unfinished":  slices.Concat(logins(0, 10), []byte("half")),
		"endless":     slices.Concat(logins(0, 10), long),
	} {
		for _, pack := range []string{"", ".gz", ".zst"} {
			for _, batch := range batches {
				for _, restarts := range starts {
					t.Run(fmt.Sprint(name, pack, batch, restarts), func(t *testing.T) {
						w := newFollow(t)
						w.o.BatchBytes = batch
						w.start()
						stored := content
						switch pack {
						case ".gz":
							stored = gz(t, content)
						case ".zst":
							stored = zst(t, content)
						}
						file := "mail.log.1" + pack
						w.write(file, stored)
						w.write("mail.log", logins(10_000, 10_001))
						w.clock = w.clock.Add(time.Minute) // what has no end will get none
						var want, got []handed
						_, err := entry(t, w.path(file)).Read(t.Context(), nil, func(l Line) error {
							want = append(want, handed{number: l.Number, offset: l.Offset, overlong: l.Overlong, text: string(l.Bytes)})
							return nil
						})
						if p := (*Problem)(nil); err != nil && !errors.As(err, &p) {
							t.Fatal(err)
						}
						for w.waker.look = true; ; {
							b := w.next()
							if b == nil {
								break
							}
							w.store(b)
							if restarts && len(w.got) < 10_000 {
								w.start()
							}
						}
						for _, h := range w.got {
							if h.name == w.path(file) {
								got = append(got, handed{number: h.number, offset: h.offset, overlong: h.overlong, text: h.text})
							}
						}
						if !slices.Equal(got, want) {
							t.Fatalf("%d lines, want %d", len(got), len(want))
						}
						if len(w.got) != len(got)+1 {
							t.Fatalf("%d lines of the next file", len(w.got)-len(got))
						}
					})
				}
			}
		}
	}
}

func TestFollow(t *testing.T) {
	later := func(w *follow) {
		w.clock = w.clock.Add(10 * time.Second)
		w.drain()
	}
	for name, c := range map[string]struct {
		do        func(w *follow)
		want      string
		truncated int64
		lost      bool
	}{
		"lines come": {do: func(w *follow) {
			w.drain()
			w.append("mail.log", logins(10, 20))
			w.waker.written = []string{w.path("mail.log")}
			w.more()
		}, want: "0-19"},
		"a line comes in parts": {do: func(w *follow) {
			l := login(10)
			w.append("mail.log", l[:30])
			w.drain()
			later(w)
			w.append("mail.log", l[30:])
			w.drain()
		}, want: "0-10"},
		"rotated by renaming": {do: func(w *follow) {
			w.drain()
			w.append("mail.log", logins(10, 15))
			w.rename("mail.log", "mail.log.1")
			w.append("mail.log.1", logins(15, 20)) // its writer still has it open
			w.write("mail.log", logins(20, 30))
			w.drain()
			w.append("mail.log.1", logins(50, 55))
			w.append("mail.log", logins(30, 40))
			w.drain()
		}, want: "0-29 50-54 30-39"},
		"rotated while nobody followed": {do: func(w *follow) {
			w.drain()
			w.append("mail.log", logins(10, 15))
			w.rename("mail.log", "mail.log.2")
			w.write("mail.log.1", logins(15, 20))
			w.write("mail.log", logins(20, 30))
			w.start()
			w.drain()
		}, want: "0-29"},
		"rotated and compressed while nobody followed": {do: func(w *follow) {
			w.drain()
			w.append("mail.log", logins(10, 15))
			w.write("mail.log.2.gz", gz(w.t, logins(0, 15)))
			w.write("mail.log.1.zst", zst(w.t, logins(15, 20)))
			w.remove("mail.log")
			w.write("mail.log", logins(20, 30))
			w.start()
			w.drain()
			w.start()
			w.drain()
		}, want: "0-29"},
		"compressed after it was read": {do: func(w *follow) {
			w.drain()
			w.rename("mail.log", "mail.log.1")
			w.write("mail.log", logins(10, 20))
			w.drain()
			packed := gz(w.t, logins(0, 10))
			w.write("mail.log.1.gz", packed[:20])
			w.drain()
			w.write("mail.log.1.gz", packed)
			w.drain()
			w.remove("mail.log.1")
			w.drain()
			w.clock = w.clock.Add(2 * time.Minute)
			w.drain()
			w.start()
			later(w)
		}, want: "0-19"},
		"compressed between two looks": {do: func(w *follow) {
			w.drain()
			w.shut()
			w.write("mail.log.1.gz", gz(w.t, logins(0, 15)))
			w.write(".new", logins(15, 20)) // or it may get the inode of the other
			w.rename(".new", "mail.log")
			later(w)
		}, want: "0-19"},
		"copytruncate": {do: func(w *follow) {
			w.drain()
			w.append("mail.log", logins(10, 15))
			w.write("mail.log.1", logins(0, 15))
			w.write("mail.log", nil)
			w.append("mail.log", logins(15, 17))
			w.drain()
			w.append("mail.log", logins(17, 50))
			later(w)
		}, want: "0-49", truncated: 1},
		"copytruncate, and filled beyond": {do: func(w *follow) {
			w.drain()
			w.append("mail.log", logins(10, 15))
			w.write("mail.log.1", logins(0, 15))
			w.write("mail.log", logins(15, 100))
			w.waker.written = []string{w.path("mail.log")}
			w.more()
		}, want: "0-99", truncated: 1},
		"copytruncate while nobody followed": {do: func(w *follow) {
			w.drain()
			w.append("mail.log", logins(10, 15))
			w.write("mail.log.1", logins(0, 15))
			w.write("mail.log", logins(15, 100))
			w.start()
			w.drain()
		}, want: "0-99", truncated: 1},
		"copied, and truncated later": {do: func(w *follow) {
			w.drain()
			w.append("mail.log", logins(10, 15))
			w.write("mail.log.1", logins(0, 15))
			w.drain()
			w.append("mail.log", logins(15, 20))
			w.drain()
			w.write("mail.log", nil)
			w.drain()
			w.append("mail.log", logins(20, 30))
			later(w)
			w.start()
			later(w)
		}, want: "0-29"},
		"copytruncate by a writer who does not append": {do: func(w *follow) {
			w.drain()
			w.write("mail.log.1", logins(0, 10))
			w.write("mail.log", append(make([]byte, len(logins(0, 10))), logins(10, 20)...))
			w.drain()
		}, want: "0-19", truncated: 1},
		"a hole of many megabytes": {do: func(w *follow) {
			w.drain()
			w.write("mail.log.1", logins(0, 10))
			w.write("mail.log", nil)
			if err := os.Truncate(w.path("mail.log"), 40<<20); err != nil {
				w.t.Fatal(err)
			}
			w.drain()
			w.append("mail.log", logins(10, 20))
			w.drain()
			w.start()
			w.append("mail.log", logins(20, 30))
			w.drain()
			// Once more: both begin with the same NUL bytes.
			w.rename("mail.log.1", "mail.log.2")
			content, err := os.ReadFile(w.path("mail.log"))
			if err != nil {
				w.t.Fatal(err)
			}
			w.write("mail.log.1", content)
			w.drain()
			w.write("mail.log", nil)
			if err := os.Truncate(w.path("mail.log"), int64(len(content))); err != nil {
				w.t.Fatal(err)
			}
			w.append("mail.log", logins(30, 40))
			w.drain()
			w.start()
			w.drain()
			w.append("mail.log", logins(40, 45))
			w.drain()
		}, want: "0-44"},
		"truncated without a copy": {do: func(w *follow) {
			w.drain()
			w.append("mail.log", logins(10, 20))
			w.see("mail.log")
			w.write("mail.log", logins(20, 22))
			w.drain()
		}, want: "0-9 20-21", truncated: 1, lost: true},
		"deleted, and written to": {do: func(w *follow) {
			file, err := os.OpenFile(w.path("mail.log"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				w.t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			w.drain()
			w.remove("mail.log")
			w.drain()
			_, _ = file.Write(logins(10, 12))
			w.write("mail.log", logins(12, 20))
			w.drain()
		}, want: "0-19"},
		"deleted before it was read": {do: func(w *follow) {
			w.drain()
			w.shut()
			w.append("mail.log", logins(10, 20))
			w.see("mail.log")
			w.shut()
			w.write(".new", logins(20, 30))
			w.remove("mail.log")
			w.drain()
			w.rename(".new", "mail.log")
			later(w)
			later(w)
		}, want: "0-9 20-29", lost: true},
		"comes back": {do: func(w *follow) {
			w.drain()
			w.shut()
			w.rename("mail.log", ".hidden")
			later(w)
			w.rename(".hidden", "mail.log")
			w.append("mail.log", logins(10, 20))
			later(w)
			w.rename("mail.log", ".hidden")
			w.start()
			later(w)
			w.start()
			later(w)
			w.rename(".hidden", "mail.log")
			later(w)
		}, want: "0-19"},
		"a link leads elsewhere": {do: func(w *follow) {
			w.rename("mail.log", ".a")
			if err := os.Symlink(".a", w.path("mail.log")); err != nil {
				w.t.Fatal(err)
			}
			w.drain()
			w.append(".a", logins(10, 15))
			w.write(".b", logins(20, 25))
			w.remove("mail.log")
			if err := os.Symlink(".b", w.path("mail.log")); err != nil {
				w.t.Fatal(err)
			}
			w.append(".a", logins(15, 20))
			w.drain()
			w.append(".b", logins(25, 30))
			w.waker.written = []string{w.path(".b")}
			w.more()
			w.start()
			later(w)
		}, want: "0-29"},
		"a folder comes later": {do: func(w *follow) {
			w.drain()
			w.write("below/deep/mail.log", logins(10, 20))
			w.drain()
		}, want: "0-19"},
		"another file at the same inode": {do: func(w *follow) {
			w.drain()
			w.write("mail.log", logins(50, 55))
			w.start()
			w.drain()
		}, want: "0-9 50-54", truncated: 1},
		"the last line of a rotated file has no end": {do: func(w *follow) {
			w.append("mail.log", []byte("half"))
			w.drain()
			w.rename("mail.log", "mail.log.1")
			w.write("mail.log", logins(20, 25))
			w.drain()
			later(w)
			w.start()
			later(w)
		}, want: `0-9 20-24 "half"`},
		"times to come": {do: func(w *follow) {
			w.append("mail.log", []byte("half"))
			w.rename("mail.log", "mail.log.1")
			w.write("mail.log", []byte("Mar 01 10:00:00 imap-login: half of the first"))
			for _, name := range []string{"mail.log", "mail.log.1"} {
				if err := os.Chtimes(w.path(name), time.Time{}, time.Now().AddDate(1, 0, 0)); err != nil {
					w.t.Fatal(err)
				}
			}
			w.drain()
			later(w)
			w.append("mail.log", append([]byte("\n"), logins(20, 30)...))
			later(w)
		}, want: `0-9 "half" "Mar 01 10:00:00 imap-login: half of the first" 20-29`},
		"the clock goes back": {do: func(w *follow) {
			w.drain()
			w.clock = w.clock.Add(-24 * time.Hour)
			w.rename("mail.log", "mail.log.1")
			w.write("mail.log", logins(10, 20))
			w.drain()
		}, want: "0-19"},
		"hard links": {do: func(w *follow) {
			if err := os.Link(w.path("mail.log"), w.path("also.log")); err != nil {
				w.t.Fatal(err)
			}
			w.drain()
			w.append("also.log", logins(10, 20))
			w.drain()
			w.remove("mail.log")
			w.append("also.log", logins(20, 30))
			w.drain()
		}, want: "0-29"},
		"damaged for good": {do: func(w *follow) {
			packed := gz(w.t, logins(100, 5000))
			w.write("mail.log.1.gz", packed[:len(packed)/2])
			w.drain()
			later(w)
			w.write("mail.log.1.gz", packed)
			later(w)
		}, want: "0-9 100-4999"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFollow(t)
			w.write("mail.log", logins(0, 10))
			c.do(w)
			w.want(c.want)
			truncations, lost := w.lost()
			if truncations != c.truncated || lost > 0 != c.lost {
				t.Errorf("%d truncations, %d bytes lost; notes %v", truncations, lost, w.f.notes)
			}
			if (c.truncated > 0 || c.lost) && len(w.f.notes) == 0 {
				t.Error("nothing was said")
			}
		})
	}
}
