package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// kinds are the logs that are written.
var kinds = []struct {
	file string
	line func(at time.Time, number string) string
}{
	{"dovecot.log", func(at time.Time, number string) string {
		return fmt.Sprintf("%s imap-login: Info: Login: user=<anna%s>, method=PLAIN, rip=192.0.2.%d, lip=198.51.100.5, mpid=4711, TLS, session=<%s>",
			at.UTC().Format("Jan 02 15:04:05"), number[len(number)-2:], 1+len(number)%200, number)
	}},
	{"mail.log", func(at time.Time, number string) string {
		return fmt.Sprintf("%s mx postfix/smtpd[4711]: disconnect from host-%s.parl.example[192.0.2.9] ehlo=1 auth=0/1 commands=1/2", at.UTC().Format(time.RFC3339Nano), number)
	}},
	{"access.log", func(at time.Time, number string) string {
		return fmt.Sprintf(`192.0.2.77 - - [%s] "GET /?_task=mail&_uid=%s HTTP/1.1" 200 512 "-" "Mozilla/5.0 (X11; Linux x86_64) Firefox/143.0"`, at.UTC().Format("02/Jan/2006:15:04:05 -0700"), number)
	}},
	{"notes.log", func(at time.Time, number string) string { // lines that nobody knows
		return fmt.Sprintf("%s mx something[1]: line %s that no format knows", at.UTC().Format(time.RFC3339Nano), number)
	}},
}

// logFile is a log that is written, rotated and compressed.
type logFile struct {
	path    string
	text    func(at time.Time, number string) string
	mark    string
	file    *os.File
	half    []byte // the rest of a line of which the beginning was written
	written int64
	turns   int
	plain   []string // rotated, not compressed yet
}

func newLog(path string, text func(time.Time, string) string) (*logFile, error) {
	l := &logFile{path: path, text: text, mark: "q" + string(filepath.Base(path)[0])}
	return l, l.open()
}

func (l *logFile) open() (err error) {
	l.file, err = os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return err
}

func (l *logFile) close() error { return l.file.Close() }

// number is what the line i has that no other has: qd00000042z.
func (l *logFile) number(i int64) string { return fmt.Sprintf("%s%08dz", l.mark, i) }

// number finds that of a line, "" where there is none.
func number(line []byte) string {
	for rest := line; ; {
		i := bytes.IndexByte(rest, 'q')
		if i < 0 || len(rest) < i+11 {
			return ""
		}
		if n := rest[i : i+11]; n[10] == 'z' {
			if _, err := strconv.Atoi(string(n[2:10])); err == nil {
				return string(n)
			}
		}
		rest = rest[i+1:]
	}
}

// write writes the next line, now and then only a part of it, or the rest of
// one before.
func (l *logFile) write(rng *rand.Rand, at time.Time) error {
	if len(l.half) > 0 {
		if err := l.rest(); err != nil {
			return err
		}
	}
	line := []byte(l.text(at, l.number(l.written)) + "\n")
	l.written++
	if rng.IntN(50) == 0 {
		cut := 1 + rng.IntN(len(line)-1)
		l.half = line[cut:]
		line = line[:cut]
	}
	_, err := l.file.Write(line)
	return err
}

func (l *logFile) rest() error {
	_, err := l.file.Write(l.half)
	l.half = nil
	return err
}

// turn rotates the log, and now and then compresses an older one, as logrotate
// does with delaycompress.
func (l *logFile) turn(rng *rand.Rand) error {
	if len(l.half) > 0 {
		if err := l.rest(); err != nil {
			return err
		}
	}
	l.turns++
	// Lines without a year are of the year before the date in the name: one that
	// lies back would make them older than lines are kept.
	rotated := fmt.Sprintf("%s-%s", l.path, time.Now().AddDate(0, 0, l.turns).Format("20060102"))
	if err := os.Rename(l.path, rotated); err != nil {
		return err
	}
	// The writer is told later: what it writes until then goes to the old file.
	if rng.IntN(2) == 0 {
		for range rng.IntN(20) {
			if err := l.write(rng, time.Now()); err != nil {
				return err
			}
		}
		if len(l.half) > 0 {
			if err := l.rest(); err != nil {
				return err
			}
		}
	}
	if err := l.file.Close(); err != nil {
		return err
	}
	l.plain = append(l.plain, rotated)
	if len(l.plain) > 1 {
		if err := compress(l.plain[0]); err != nil {
			return err
		}
		l.plain = l.plain[1:]
	}
	return l.open()
}

func compress(path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(path + ".gz")
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	if _, err := io.Copy(z, in); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Remove(path)
}

// finish ends the last line.
func (l *logFile) finish() error {
	if len(l.half) > 0 {
		return l.rest()
	}
	return nil
}
