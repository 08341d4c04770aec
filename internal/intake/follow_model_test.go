package intake

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The model: a program that writes numbered lines to a log, and all that
// logrotate, operators and power cuts do to it, in any order, while a Follower
// that is killed at any moment stores what it hands over. Whatever happens,
// every line that was not destroyed is stored exactly once.

// modelLog is one log of the model.
type modelLog struct {
	t    *rapid.T
	dir  string
	name string
	file *os.File // of the writer
	at   string   // the path at which the writer's file is, "" where it is deleted
	next int      // number of the next line
	rest []byte   // of a line that was begun

	held  []int            // lines that the writer's file holds
	holds map[string][]int // path → the lines that the file there holds

	split     map[int]bool // may be handed over in two parts
	destroyed map[int]bool // were in a file that was destroyed before they were stored
	written   []int
	cuts      [][]int // what files held that were known when they were truncated
	unseen    int     // the last of them, which nobody looked at since
	stored    func(line int) bool
}

func (l *modelLog) path(n int) string {
	if n == 0 {
		return filepath.Join(l.dir, l.name)
	}
	return filepath.Join(l.dir, l.name+"."+strconv.Itoa(n))
}

func (l *modelLog) must(err error) {
	if err != nil {
		l.t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// open has the writer open its log, as after HUP.
func (l *modelLog) open() {
	if l.file != nil {
		if len(l.rest) > 0 {
			l.finish() // the writer writes whole lines before it closes
		}
		l.must(l.file.Close())
	}
	var err error
	l.file, err = os.OpenFile(l.path(0), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	l.must(err)
	l.at = l.path(0)
}

func (l *modelLog) put(b []byte) {
	_, err := l.file.Write(b)
	l.must(err)
}

// append writes lines, of the last of which maybe only a part.
func (l *modelLog) append(n int, part bool) {
	if len(l.rest) > 0 {
		l.finish()
	}
	var b []byte
	for range n {
		b = append(b, login(l.next)...)
		l.held = append(l.held, l.next)
		l.written = append(l.written, l.next)
		l.next++
	}
	if part {
		line := login(l.next)
		cut := rapid.IntRange(startMax+2, len(line)-startMax-2).Draw(l.t, "cut")
		b = append(b, line[:cut]...)
		l.rest = line[cut:]
		l.held = append(l.held, l.next)
		l.written = append(l.written, l.next)
		l.next++
	}
	l.put(b)
	switch l.at {
	case "":
		for _, n := range l.held[len(l.held)-min(len(l.held), n+1):] {
			l.destroyed[n] = true // who has not opened the file cannot read it any more
		}
	default:
		l.holds[l.at] = l.held
	}
	if l.at != l.path(0) && part {
		l.split[l.next-1] = true
	}
}

func (l *modelLog) finish() {
	rest := l.rest
	l.rest = nil
	l.put(rest)
}

// shift makes room for mail.log.1.
func (l *modelLog) shift() {
	const kept = 5
	for n := kept; n >= 1; n-- {
		for _, ext := range []string{"", ".gz", ".zst"} {
			from, to := l.path(n)+ext, l.path(n+1)+ext
			if !exists(from) {
				continue
			}
			if n == kept {
				l.remove(from)
				continue
			}
			l.must(os.Rename(from, to))
			l.holds[to] = l.holds[from]
			delete(l.holds, from)
			if l.at == from {
				l.at = to
			}
		}
	}
}

// remove destroys a file.
func (l *modelLog) remove(path string) {
	l.must(os.Remove(path))
	for _, n := range l.holds[path] {
		l.destroyed[n] = true
	}
	delete(l.holds, path)
	if l.at == path {
		l.at = ""
		if len(l.rest) > 0 {
			l.split[l.next-1] = true // handed over as it is, later
		}
	}
	l.unsee()
}

// unsee takes back that what was truncated must be known: where its file is
// gone before anybody looked, nobody can know.
func (l *modelLog) unsee() {
	l.cuts = l.cuts[:len(l.cuts)-l.unseen]
	l.unseen = 0
}

func (l *modelLog) rotate(now bool) {
	if l.at != l.path(0) {
		return
	}
	l.shift()
	l.must(os.Rename(l.path(0), l.path(1)))
	l.at = l.path(1)
	l.holds[l.at] = l.held
	delete(l.holds, l.path(0))
	if len(l.rest) > 0 {
		l.split[l.next-1] = true // handed over as it is, later
	}
	if now {
		l.reopen()
	}
}

// reopen has the writer begin a new file.
func (l *modelLog) reopen() {
	if l.at == l.path(0) {
		return
	}
	l.open()
	l.held = nil
	l.holds[l.at] = nil
}

// compress packs a rotated file; between are the moments at which others look.
func (l *modelLog) compress(tb testing.TB, n int, ext string, between func()) {
	path := l.path(n)
	if !exists(path) || l.at == path {
		return
	}
	content, err := os.ReadFile(path)
	l.must(err)
	var packed []byte
	if ext == ".gz" {
		packed = gz(tb, content)
	} else {
		packed = zst(tb, content)
	}
	l.must(os.WriteFile(path+ext, packed[:len(packed)*2/3], 0o600))
	between()
	l.must(os.WriteFile(path+ext, packed, 0o600))
	between()
	l.must(os.Remove(path))
	l.unsee()
	l.holds[path+ext] = l.holds[path]
	delete(l.holds, path)
}

// copyTruncate does as logrotate; what is written between copying and
// truncating is destroyed.
func (l *modelLog) copyTruncate(between func(), late int) {
	if l.at != l.path(0) {
		return
	}
	l.shift()
	content, err := os.ReadFile(l.path(0))
	l.must(err)
	l.must(os.WriteFile(l.path(1), content, 0o600))
	copied := slices.Clone(l.held)
	l.holds[l.path(1)] = copied
	between()
	if late > 0 {
		from := len(l.held)
		if len(l.rest) > 0 {
			// The end of this line is in no copy.
			l.destroyed[l.next-1] = true
			l.split[l.next-1] = true
		}
		l.append(late, false)
		for _, n := range l.held[from:] {
			l.destroyed[n] = true
		}
		between()
	} else if len(l.rest) > 0 {
		l.split[l.next-1] = true // its end is in the next file
	}
	l.truncate0()
}

func (l *modelLog) truncate0() {
	l.must(os.Truncate(l.path(0), 0))
	if slices.ContainsFunc(l.held, l.stored) {
		l.cuts = append(l.cuts, l.held)
		l.unseen++
	}
	l.held = nil
	if len(l.rest) > 0 {
		l.held = []int{l.next - 1} // its end will be there
	}
	l.holds[l.path(0)] = l.held
}

// truncate destroys what was not stored.
func (l *modelLog) truncate() {
	if l.at != l.path(0) {
		return
	}
	for _, n := range l.held {
		l.destroyed[n] = true
	}
	if len(l.rest) > 0 {
		l.split[l.next-1] = true
	}
	l.truncate0()
}

// model runs one history.
func model(t *rapid.T, tb testing.TB) {
	dir, err := os.MkdirTemp("", "mailvigil-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	w := &follow{t: tb, dir: dir, clock: time.Now(), stored: map[int64]Position{}}
	w.o.Paths = []string{dir}
	w.o.BatchBytes = rapid.SampledFrom([]int{1, 2000, 1 << 20}).Draw(t, "batch")
	w.o.MaxOpen = rapid.SampledFrom([]int{1, 2, 256}).Draw(t, "open")
	w.start()
	defer func() { _ = w.f.Close() }()
	var logs []*modelLog
	for i, name := range []string{"mail.log", "dovecot"}[:rapid.IntRange(1, 2).Draw(t, "logs")] {
		l := &modelLog{t: t, dir: dir, name: name, next: i * 100_000, holds: map[string][]int{}, split: map[int]bool{}, destroyed: map[int]bool{}}
		l.stored = func(line int) bool {
			return slices.ContainsFunc(w.got, func(h handed) bool {
				n, _, _ := parts(h.text)
				return n == line
			})
		}
		l.open()
		l.holds[l.at] = nil
		defer func() { _ = l.file.Close() }()
		logs = append(logs, l)
	}
	var truncations int64
	var trace []string
	say := func(format string, args ...any) { trace = append(trace, fmt.Sprintf(format, args...)) }
	kill := func() {
		n, _ := w.lost()
		truncations += n
		w.start()
	}
	look := func(batches int) {
		w.waker.look = true
		for range batches {
			b := w.next()
			if b == nil {
				for _, l := range logs {
					l.unseen = 0
				}
				return
			}
			w.store(b)
		}
	}
	between := func() {
		switch rapid.IntRange(0, 3).Draw(t, "between") {
		case 1:
			say("  look")
			look(1000)
		case 2:
			say("  look a little")
			look(1)
		case 3:
			say("  kill")
			kill()
		}
	}
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		l := logs[rapid.IntRange(0, len(logs)-1).Draw(t, "log")]
		switch op := rapid.IntRange(0, 15).Draw(t, "op"); op {
		case 0, 1, 2:
			n, part := rapid.IntRange(0, 30).Draw(t, "lines"), rapid.Bool().Draw(t, "part")
			say("%s append %d %v (%d-)", l.name, n, part, l.next)
			l.append(n, part)
			if rapid.Bool().Draw(t, "told") {
				w.waker.written = append(w.waker.written, l.path(0))
			}
		case 3:
			now := rapid.Bool().Draw(t, "now")
			say("%s rotate %v", l.name, now)
			l.rotate(now)
		case 4:
			say("%s reopen", l.name)
			l.reopen()
		case 5:
			n := rapid.IntRange(1, 5).Draw(t, "n")
			say("%s compress %d", l.name, n)
			l.compress(tb, n, rapid.SampledFrom([]string{".gz", ".zst"}).Draw(t, "ext"), between)
		case 6:
			say("%s copytruncate", l.name)
			l.copyTruncate(between, rapid.IntRange(0, 2).Draw(t, "late"))
		case 7:
			say("%s truncate", l.name)
			l.truncate()
		case 8:
			say("%s delete", l.name)
			if exists(l.path(0)) {
				l.remove(l.path(0))
			}
			if rapid.Bool().Draw(t, "now") {
				l.reopen()
			}
		case 9:
			n := rapid.IntRange(1, 5).Draw(t, "n")
			say("%s delete %d", l.name, n)
			for _, ext := range []string{"", ".gz", ".zst"} {
				if exists(l.path(n) + ext) {
					l.remove(l.path(n) + ext)
				}
			}
		case 10:
			say("kill")
			kill()
		case 11:
			say("time passes")
			w.clock = w.clock.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second)
		case 12, 13:
			say("look")
			look(1000)
		case 14:
			n := rapid.IntRange(1, 3).Draw(t, "batches")
			say("look at %d batches, one is not stored", n)
			look(n)
			if b := w.next(); b != nil {
				kill()
			}
		case 15:
			say("close all")
			w.shut()
		}
	}
	say("end")
	for _, l := range logs {
		l.reopen()
		l.append(1, false) // the last line of each is whole
	}
	for range 4 {
		look(100_000)
		w.clock = w.clock.Add(90 * time.Second)
	}
	n, _ := w.lost()
	truncations += n
	if err := judge(logs, w.got); err != "" {
		t.Fatalf("%s\nhistory:\n%s\nhanded over: %s\nnotes: %v", err, strings.Join(trace, "\n"), w.numbers(), w.f.notes)
	}
	for _, l := range logs {
		if missing := l.missing(w.got); truncations == 0 && l.known(missing) {
			t.Fatalf("%v are missing, and no truncation was said\nhistory:\n%s", missing, strings.Join(trace, "\n"))
		}
	}
}

// parts takes a line that was handed over apart: its number, and whether it
// has its beginning and its end.
func parts(text string) (n int, head, tail bool) {
	n = -1
	if _, after, ok := strings.Cut(text, "user=<u"); ok && len(after) > 6 {
		n, _ = strconv.Atoi(strings.TrimSuffix(after[:6], "@"))
		head = strings.HasPrefix(text, "Mar 01 ")
	}
	if _, after, ok := strings.Cut(text, "session=<abc"); ok && strings.HasSuffix(after, "AAAA>") {
		m, _ := strconv.Atoi(strings.TrimSuffix(after, "AAAA>"))
		if head && m != n {
			return -1, false, false
		}
		n, tail = m, true
	}
	return n, head, tail
}

func judge(logs []*modelLog, got []handed) string {
	for _, l := range logs {
		stem := filepath.Join(l.dir, l.name)
		texts := map[int][]string{}
		last := -1
		for _, h := range got {
			if !strings.HasPrefix(h.source, stem) {
				continue
			}
			n, head, tail := parts(h.text)
			if n < 0 {
				return fmt.Sprintf("a line that nobody wrote: %q", h.text)
			}
			texts[n] = append(texts[n], h.text)
			if head && tail {
				if n <= last {
					return fmt.Sprintf("%s: line %d after %d", l.name, n, last)
				}
				last = n
			}
		}
		for _, n := range l.written {
			line := string(bytes.TrimSuffix(login(n), []byte("\n")))
			// The beginning waits for its end, which may be in another file.
			if len(texts[n]) == 2 && !strings.HasPrefix(texts[n][0], "Mar") {
				slices.Reverse(texts[n])
			}
			whole := strings.Join(texts[n], "")
			switch {
			case len(texts[n]) > 1 && !l.split[n]:
				return fmt.Sprintf("%s: line %d came %d times: %q", l.name, n, len(texts[n]), texts[n])
			case whole == line:
			case l.destroyed[n] && (strings.HasPrefix(line, whole) || strings.HasSuffix(line, whole)):
			default:
				return fmt.Sprintf("%s: line %d came as %q (split %v, destroyed %v)", l.name, n, texts[n], l.split[n], l.destroyed[n])
			}
			delete(texts, n)
		}
		if len(texts) > 0 {
			return fmt.Sprintf("%s: lines that were not written: %v", l.name, texts)
		}
	}
	return ""
}

func (l *modelLog) missing(got []handed) (missing []int) {
	have := map[int]bool{}
	for _, h := range got {
		n, _, _ := parts(h.text)
		have[n] = true
	}
	for _, n := range l.written {
		if !have[n] {
			missing = append(missing, n)
		}
	}
	return missing
}

// known tells whether lines are missing of a file that was truncated, and of
// which others had been stored by then: the truncation must have been said.
func (l *modelLog) known(missing []int) bool {
	return slices.ContainsFunc(l.cuts, func(held []int) bool {
		return slices.ContainsFunc(held, func(line int) bool { return slices.Contains(missing, line) })
	})
}

// TestFollowModel draws histories; every line that was not destroyed must be
// stored exactly once, and in order.
func TestFollowModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) { model(r, t) })
}
