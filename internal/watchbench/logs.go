package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// sources are the logs of the simulated organisation, and where the time stands
// in their lines.
var sources = []struct {
	file   string // below the folder
	layout string
	after  byte // the time stands behind the first of these; 0: at the beginning
}{
	{"nginx/access.log", "02/Jan/2006:15:04:05", '['},
	{"dovecot/dovecot.log", "Jan 02 15:04:05", 0},
	{"mail/mail.log", "Jan 02 15:04:05", 0},
	{"roundcube/userlogins.log", "02-Jan-2006 15:04:05", '['},
}

const (
	nginx = iota
	dovecot
)

// clock finds the time in a line of a source.
func clock(source int, line []byte) (from, to int, ok bool) {
	s := &sources[source]
	if s.after != 0 {
		from = bytes.IndexByte(line, s.after) + 1
	}
	to = from + len(s.layout)
	return from, to, to <= len(line) && (s.after == 0 || from > 0)
}

// world is the organisation: logs of its past, and lines of it to be written.
type world struct {
	folder string
	files  []*os.File // followed, one for each of sources
	past   int64      // lines before now
	today  []pending  // what comes later today, in the order of time
	flood  [][][]byte // a day's lines of each source, to be written at any time
	people []string   // who signs in
	phones [][]byte   // requests of phones
}

// pending is a line whose time has not come.
type pending struct {
	at     time.Time
	source int
	line   []byte
}

// newWorld simulates the past of an organisation up to now, and a day more.
func newWorld(program, folder string, accounts, days int, now time.Time) (*world, error) {
	now = now.UTC()
	midnight := now.Truncate(24 * time.Hour)
	out, err := exec.Command(program, "simulate", "--accounts", fmt.Sprint(accounts), "--days", fmt.Sprint(days+1),
		"--tz", "UTC", "--start", midnight.AddDate(0, 0, 1-days).Format(time.DateOnly), folder).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("simulate the organisation: %w\n%s", err, out)
	}
	w := &world{folder: folder, flood: make([][][]byte, len(sources))}
	for i, s := range sources {
		path := filepath.Join(folder, s.file)
		dated := func(day time.Time) string { return path + "-" + day.Format("20060102") }
		if err := w.later(i, dated(midnight.AddDate(0, 0, 1))); err != nil {
			return nil, err
		}
		if err := w.split(i, dated(midnight), path, now); err != nil {
			return nil, err
		}
		past, err := filepath.Glob(path + "*")
		if err != nil {
			return nil, err
		}
		for _, p := range past {
			n, err := count(p)
			if err != nil {
				return nil, err
			}
			w.past += n
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		w.files = append(w.files, f)
	}
	slices.SortStableFunc(w.today, func(a, b pending) int { return a.at.Compare(b.at) })
	slices.Sort(w.people)
	w.people = slices.Compact(w.people)
	return w, nil
}

// later keeps the lines of a day for the flood, and removes its file.
func (w *world) later(source int, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		if _, _, ok := clock(source, line); !ok {
			continue // one that was damaged
		}
		w.flood[source] = append(w.flood[source], line)
		if source == nginx && bytes.Contains(line, []byte("Cmd=Sync HTTP/1.1\" 200 ")) {
			w.phones = append(w.phones, line)
		}
		if _, rest, ok := bytes.Cut(line, []byte("imap-login: Info: Login: user=<")); ok {
			name, _, _ := bytes.Cut(rest, []byte(">"))
			w.people = append(w.people, string(name))
		}
	}
	return os.Remove(path)
}

// split puts what was before now of a day into the file that is followed, and
// keeps the rest.
func (w *world) split(source int, path, live string, now time.Time) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := os.Create(live)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	r := bufio.NewReader(in)
	later := false
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			break // the end, since simulated files end with a newline
		}
		at := time.Time{}
		if from, to, ok := clock(source, line); ok {
			at, err = time.Parse(sources[source].layout, string(line[from:to]))
			at = time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
			later = later || err == nil && at.After(now)
		}
		if !later {
			_, _ = out.Write(line) // Flush says it
			continue
		}
		if !at.IsZero() {
			w.today = append(w.today, pending{at, source, line})
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Remove(path)
}

func count(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, buf := int64(0), make([]byte, 1<<20)
	for {
		k, err := f.Read(buf)
		n += int64(bytes.Count(buf[:k], []byte{'\n'}))
		if err != nil {
			return n, nil // io.EOF, or what the watch will say as well
		}
	}
}

// stamps are the present time as each source writes it.
func stamps(at time.Time) [][]byte {
	out := make([][]byte, len(sources))
	for i, s := range sources {
		out[i] = at.UTC().AppendFormat(nil, s.layout)
	}
	return out
}

// stamped appends a line with another time.
func stamped(dst []byte, source int, line, stamp []byte) []byte {
	at := len(dst)
	dst = append(dst, line...)
	if from, to, ok := clock(source, line); ok {
		copy(dst[at+from:at+to], stamp)
	}
	return dst
}

// The lines of somebody who guesses, and of the sign-in that follows.
func failedLine(name, from string, at time.Time, n int) string {
	return fmt.Sprintf("%s imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<%s>, method=PLAIN, rip=%s, lip=10.12.1.40, TLS, session=<bf%06d>\n",
		at.UTC().Format(sources[dovecot].layout), name, from, n)
}

func loginLine(name, from string, at time.Time, n int) string {
	return fmt.Sprintf("%s imap-login: Info: Login: user=<%s>, method=PLAIN, rip=%s, lip=10.12.1.40, mpid=4711, TLS, session=<bs%06d>\n",
		at.UTC().Format(sources[dovecot].layout), name, from, n)
}

// pageLine is a request that is no business of the mail service.
func pageLine(dst []byte, stamp []byte, n int) []byte {
	dst = fmt.Appendf(dst, "81.82.%d.%d - - [", 10+n%20, 1+n/20%250)
	dst = append(dst, stamp...)
	return fmt.Appendf(dst, " +0000] \"GET /pages/%d.html HTTP/1.1\" 200 5120 \"-\" \"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:159.0) Gecko/20100101 Firefox/159.0\"\n", n%5000)
}

// said is the end of what a file holds.
func said(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b[max(0, len(b)-2000):]))
}
