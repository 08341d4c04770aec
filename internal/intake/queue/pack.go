package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"mailvigil/internal/intake"
	"mailvigil/maillog"
)

// A pack is one message of the stream: the lines that came in while the one
// before was being written, so that one flush to the disk serves them all. The
// layout, version 1, integers as unsigned varints:
//
//	version (1 byte), time of receipt (8 bytes, Unix nanoseconds, big endian),
//	then for each source: name (length, bytes), format (length, its name),
//	number of lines, and for each line: length times 2, plus 1 if it was cut,
//	and its bytes.
//
// The format is written by name, since its number may change from version to
// version.
const packVersion = 1

// maxPackLines is what is left of a line number for the place in the pack, see
// number.
const maxPackLines = 1000

// number is that of a line by the sequence of its pack and its place in it. It
// stays below 2⁵³, so that programs that read JSON do not round it, for as long
// as sequences stay below 9·10¹².
func number(sequence uint64, place int) int64 { return int64(sequence)*maxPackLines + int64(place) }

// packer puts lines into a pack.
type packer struct {
	groups map[string]int // by source
	order  []group
	lines  int
	bytes  int
}

type group struct {
	source string
	format maillog.Format
	lines  int
	body   []byte
}

// lineCost is what a line takes at most besides its bytes and its source.
const lineCost = binary.MaxVarintLen32

// groupCost is what a source takes at most besides its name.
const groupCost = 64

func (p *packer) cost(l *intake.Received) int {
	n := len(l.Bytes) + lineCost
	if i, known := p.groups[l.Source]; !known || p.order[i].format != l.Format {
		n += len(l.Source) + groupCost
	}
	return n
}

func (p *packer) add(l *intake.Received) {
	p.bytes += p.cost(l)
	p.lines++
	i, known := p.groups[l.Source]
	if !known || p.order[i].format != l.Format {
		i = len(p.order)
		if i < cap(p.order) { // its memory is used again
			p.order = p.order[:i+1]
			p.order[i] = group{source: l.Source, format: l.Format, body: p.order[i].body[:0]}
		} else {
			p.order = append(p.order, group{source: l.Source, format: l.Format})
		}
		p.groups[l.Source] = i
	}
	g := &p.order[i]
	g.lines++
	n := uint64(len(l.Bytes)) << 1
	if l.Overlong {
		n |= 1
	}
	g.body = append(binary.AppendUvarint(g.body, n), l.Bytes...)
}

// encode returns the pack and empties the packer.
func (p *packer) encode(now time.Time) []byte {
	out := make([]byte, 0, p.bytes+16)
	out = append(out, packVersion)
	out = binary.BigEndian.AppendUint64(out, uint64(now.UnixNano()))
	for i := range p.order {
		g := &p.order[i]
		out = appendText(appendText(out, g.source), formatName(g.format))
		out = append(binary.AppendUvarint(out, uint64(g.lines)), g.body...)
	}
	p.order, p.lines, p.bytes = p.order[:0], 0, 0
	clear(p.groups)
	return out
}

func appendText(out []byte, s string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}

func formatName(f maillog.Format) string {
	if f == maillog.FormatNone {
		return ""
	}
	return f.String()
}

// formatsByName is written once.
var formatsByName = func() map[string]maillog.Format {
	m := map[string]maillog.Format{}
	for _, f := range maillog.Formats() {
		m[f.Name] = f.Format
	}
	m[maillog.Syslog.String()] = maillog.Syslog
	return m
}()

var errPack = errors.New("not a pack of lines")

// decode takes a pack apart. The lines point into it.
func decode(sequence uint64, pack []byte) ([]*intake.Batch, error) {
	if len(pack) < 9 || pack[0] != packVersion {
		return nil, fmt.Errorf("message %d: %w of this version", sequence, errPack)
	}
	at := time.Unix(0, int64(binary.BigEndian.Uint64(pack[1:9])))
	rest := pack[9:]
	place := 0
	bad := func() ([]*intake.Batch, error) { return nil, fmt.Errorf("message %d: %w", sequence, errPack) }
	var out []*intake.Batch
	for len(rest) > 0 {
		var source, format []byte
		var n uint64
		var ok bool
		if source, rest, ok = text(rest); !ok {
			return bad()
		}
		if format, rest, ok = text(rest); !ok {
			return bad()
		}
		if n, rest, ok = uvarint(rest); !ok || n == 0 || n > maxPackLines {
			return bad()
		}
		b := &intake.Batch{Source: string(source), Name: string(source), Format: formatsByName[string(format)], Reference: at}
		b.Lines = make([]intake.Line, n)
		for i := range b.Lines {
			var size uint64
			if size, rest, ok = uvarint(rest); !ok || size>>1 > uint64(len(rest)) || place == maxPackLines {
				return bad()
			}
			l := &b.Lines[i]
			l.Number, l.Overlong = number(sequence, place), size&1 != 0
			l.Bytes, rest = rest[:size>>1:size>>1], rest[size>>1:]
			b.Bytes += int64(len(l.Bytes)) + 1
			place++
		}
		out = append(out, b)
	}
	return out, nil
}

func text(b []byte) (s, rest []byte, ok bool) {
	n, rest, ok := uvarint(b)
	if !ok || n > uint64(len(rest)) {
		return nil, nil, false
	}
	return rest[:n], rest[n:], true
}

func uvarint(b []byte) (n uint64, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 {
		return 0, nil, false
	}
	return n, b[used:], true
}
