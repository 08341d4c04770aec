package intake

import (
	"bytes"
	"io"
	"os"
	"time"

	"mailvigil/maillog"
)

const (
	sampleLen  = 64 << 10 // lines looked at, at either end
	sampleLine = 8 << 10  // a line is cut at
	sampleMax  = 16 << 20 // bytes read for it, where lines are enormous
)

// sample is what was looked at of a file.
type sample struct {
	raw   []byte // its first bytes as stored
	head  []byte // its first lines, decompressed
	tail  []byte // its last lines; nil where that would mean to decompress it
	whole bool   // head is all there is
	tar   bool
}

// sample looks at the two ends of a file. Lines of nothing but NUL, which a
// crash or a truncation under the writer leaves at the beginning, are passed
// over.
func (d *discovery) sample(f *os.File, c *candidate) (sample, error) {
	sm := sample{raw: make([]byte, 16)}
	n, _ := f.ReadAt(sm.raw, 0)
	sm.raw = sm.raw[:n]
	s, err := openStream(f, c.Size, nil)
	c.Compression, c.headerTime = s.compression, s.headerTime
	if err != nil {
		return sm, err
	}
	defer s.close()
	sp := splitter{r: io.LimitReader(s.r, sampleMax), max: sampleLine}
	err = sp.run(d.ctx, func(l Line) error {
		const magic = 257 // POSIX's place of "ustar"
		sm.tar = sm.tar || l.Number == 1 && len(l.Bytes) > magic && bytes.HasPrefix(l.Bytes[magic:], []byte("ustar"))
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

// times keeps the first and the last line that state a time, and finds out
// whether they state a year.
func (c *candidate) times(sm sample, o Options) {
	ref := c.ModTime
	for rest := sm.head; len(rest) > 0 && c.First.IsZero(); {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		if c.First = c.timeOf(line, ref, o); !c.First.IsZero() {
			c.firstLine = bytes.Clone(line)
			c.yearless = !c.First.Equal(c.timeOf(line, ref.AddDate(-3, 0, 0), o))
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
		if c.Last = c.timeOf(line, ref, o); !c.Last.IsZero() {
			c.lastLine = bytes.Clone(line)
		}
	}
}

// timeOf returns the time that a line states, measured against ref.
func (c *candidate) timeOf(line []byte, ref time.Time, o Options) time.Time {
	if line == nil {
		return time.Time{}
	}
	p := maillog.NewParser(maillog.Options{Format: c.Format, Location: o.location(), Reference: ref})
	var ev maillog.Event
	if p.Parse(line, &ev).Kind == maillog.Rejected || ev.Time == 0 {
		return time.Time{}
	}
	return time.Unix(0, ev.Time).In(o.location())
}
