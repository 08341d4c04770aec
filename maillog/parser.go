package maillog

import "time"

// Options say what is known of a source before its first line is read.
type Options struct {
	// Format of the lines; FormatNone: decided from the first lines.
	Format Format
	// Mixed decides the format of every line by itself.
	Mixed bool
	// Location is the zone of lines that state none; nil is UTC.
	Location *time.Location
	// Reference decides the year of lines without one: no line is later than
	// a day after it. The date in a rotated file's name, or the time it was
	// last written.
	Reference time.Time
}

// ResultKind is what became of a line.
type ResultKind uint8

// The results. An Ignored line was understood and is no Event: chatter, a
// fact that another line states as well, or other software.
const (
	Parsed ResultKind = iota
	Ignored
	Rejected
)

// Result says what became of a line and, where it was Rejected, why: always
// a constant text.
type Result struct {
	Kind ResultKind
	Why  string
}

// Parser reads the lines of one source, in order. It keeps what later lines
// refer to. It is not safe for concurrent use.
type Parser struct {
	opt Options
}

// NewParser returns a Parser for one source.
func NewParser(o Options) *Parser { return &Parser{opt: o} }

// NextFile tells that the following lines come from the next file of the same
// source: what lines refer to is kept, the clock starts anew.
func (p *Parser) NextFile(reference time.Time, format Format) {
	p.opt.Reference, p.opt.Format = reference, format
}

// Parse reads one line, without its newline, into ev.
func (p *Parser) Parse(line []byte, ev *Event) Result {
	ev.Reset()
	return Result{Rejected, "not read yet"}
}

// FormatInfo describes a format for the documentation.
type FormatInfo struct {
	Format     Format
	Name       string
	Software   string
	Source     string   // where the facts come from
	Tells      []string // what its lines can tell
	CannotTell []string
}

// Formats describes every format that is read.
func Formats() []FormatInfo { return nil }

// Detect names the format of a file from its first lines, some of which may
// be damaged or of other software; FormatNone where none fits.
func Detect(sample []byte) Format { return FormatNone }
