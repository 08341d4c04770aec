package intake

import (
	"errors"

	"mailvigil/maillog"
)

// Received is a line that came over the network, on its way to the queue.
type Received struct {
	// Source is what it is the log of: one sender to one listener. It has gone
	// through SourceName, and is never a path.
	Source string
	// Format of the line, FormatNone where nobody knows.
	Format maillog.Format
	// Bytes is the line without newline, at most MaxLine long.
	Bytes []byte
	// Overlong is true where it was cut at MaxLine.
	Overlong bool
}

// ErrFull is what a queue answers that has no room: nothing of what was offered
// is kept that it did not answer for. The sender comes again later.
var ErrFull = errors.New("the queue is full")

// maxSourceName is how long a part of the name of a source can be.
const maxSourceName = 64

// SourceName makes one part of the name of a source of what a stranger sent: a
// host's name, a file's. Letters, digits and ". _ - :" stay, everything else
// becomes "_"; what is too long is cut.
func SourceName(text string) string {
	text = text[:min(len(text), maxSourceName)]
	plain := true
	for i := range len(text) {
		plain = plain && nameByte(text[i])
	}
	if plain && text != "." && text != ".." {
		return text
	}
	b := []byte(text)
	for i, c := range b {
		if !nameByte(c) || text == "." || text == ".." {
			b[i] = '_'
		}
	}
	return string(b)
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-' || c == ':'
}
