package intake

import (
	"bytes"
	"io"
	"os"
	"time"

	"mailvigil/maillog"
)

const (
	// Lines looked at, at either end. Most lines of a quiet relay are no
	// Events and give no time, so it is more than a format needs.
	sampleLen  = 256 << 10
	sampleLine = 8 << 10  // a line is cut at
	sampleMax  = 16 << 20 // bytes read for it, where lines are enormous
)

// sample is what was looked at of a file.
type sample struct {
	raw   []byte // its first bytes as stored
	head  []byte // its first lines, decompressed
	tail  []byte // its last lines; nil where that would mean to decompress it
	whole bool   // head is all there is
	empty bool
	tar   bool
	utf16 bool
}

// sample looks at the two ends of a file. Lines of nothing but NUL, which a
// crash or a truncation under the writer leaves at the beginning, are passed
// over.
func (d *discovery) sample(f *os.File, c *candidate) (sample, error) {
	sm := sample{raw: make([]byte, 16)}
	n, _ := f.ReadAt(sm.raw, 0)
	sm.raw = sm.raw[:n]
	s, err := openStream(f, c.Size, nil, false)
	c.Compression, c.headerTime = s.compression, s.headerTime
	if err != nil {
		return sm, err
	}
	defer s.close()
	sp := splitter{r: io.LimitReader(s.r, sampleMax), max: sampleLine}
	err = sp.run(d.ctx, func(l Line) error {
		const magic = 257 // POSIX's place of "ustar"
		sm.tar = sm.tar || l.Number == 1 && len(l.Bytes) > magic && bytes.HasPrefix(l.Bytes[magic:], []byte("ustar"))
		sm.utf16 = sm.utf16 || l.Number == 1 && wide(l.Bytes)
		b := bytes.TrimLeft(l.Bytes, "\x00")
		if len(b) == 0 {
			return nil
		}
		sm.head = append(append(sm.head, b...), '\n')
		if len(sm.head) >= sampleLen {
			return errStop
		}
		return nil
	})
	sm.whole = err == nil && sp.bytes < sampleMax
	sm.empty = err == nil && sp.bytes == 0
	if c.Compression == plain && !sm.whole {
		b := make([]byte, min(sampleLen, c.Size))
		n, _ := f.ReadAt(b, c.Size-int64(len(b)))
		_, sm.tail, _ = bytes.Cut(b[:n], []byte("\n"))
	}
	if err == errStop {
		err = nil
	}
	return sm, err
}

// wide tells UTF-16 by its byte order mark, or by a NUL in every other byte.
func wide(line []byte) bool {
	if bytes.HasPrefix(line, []byte("\xff\xfe")) || bytes.HasPrefix(line, []byte("\xfe\xff")) {
		return true
	}
	line = line[:min(len(line), 64)&^1]
	var nul [2]int
	for i, b := range line {
		if b == 0 {
			nul[i%2]++
		}
	}
	half := len(line) / 2
	return half >= 8 && (nul[0] == half && nul[1] == 0 || nul[1] == half && nul[0] == 0)
}

// timer reads the times of single lines, each measured on its own.
type timer struct {
	p      *maillog.Parser
	ev     maillog.Event
	header []byte // of the file, where its format is told by one
}

func newTimer(loc *time.Location) *timer {
	return &timer{p: maillog.NewParser(maillog.Options{Location: loc})}
}

// time returns the time that a line states; zero where it states none, or
// where it is no Event.
func (t *timer) time(line []byte, format maillog.Format, ref time.Time, loc *time.Location) time.Time {
	t.p.NextFile(ref, format)
	if t.header != nil {
		t.p.Parse(t.header, &t.ev)
	}
	if line == nil || t.p.Parse(line, &t.ev).Kind != maillog.Parsed {
		return time.Time{}
	}
	return time.Unix(0, t.ev.Time).In(loc)
}

// times keeps the first and the last line that state a time, and finds out
// whether they state a year: without one, another reference gives another time.
func (t *timer) times(c *candidate, sm sample, loc *time.Location) {
	ref := c.ModTime
	t.header = nil
	defer func() { t.header = nil }()
	at := func(line []byte, ref time.Time) time.Time { return t.time(line, c.Format, ref, loc) }
	for rest := sm.head; len(rest) > 0 && c.First.IsZero(); {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		if bytes.HasPrefix(line, []byte("#Fields:")) { // W3C's, and Exchange's
			t.header = line
		}
		if c.First = at(line, ref); !c.First.IsZero() {
			c.firstLine = bytes.Clone(line)
			c.yearless = !c.First.Equal(at(line, ref.AddDate(-3, 0, 0)))
		}
	}
	end := sm.tail
	if sm.whole {
		end = sm.head
	}
	for rest := bytes.TrimRight(end, "\n"); len(rest) > 0 && c.Last.IsZero(); {
		line := rest
		if i := bytes.LastIndexByte(rest, '\n'); i >= 0 {
			line, rest = rest[i+1:], rest[:i]
		} else {
			rest = nil
		}
		if c.Last = at(line, ref); !c.Last.IsZero() {
			c.lastLine = bytes.Clone(line)
		}
	}
}
