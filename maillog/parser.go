package maillog

import (
	"bytes"
	"time"
	"unicode/utf8"
)

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
	// last written. Without it such lines come out in 1970.
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

// Why a line is Rejected.
const (
	whyUnknown  = "no known format"
	whyLong     = "longer than any line of mail software"
	whyNUL      = "holds NUL bytes"
	whyUTF8     = "is not UTF-8"
	whyTime     = "no such time"
	whyCut      = "cut short"
	whyGlued    = "two lines run together"
	whyAddress  = "no address where it belongs"
	whyStatus   = "no HTTP status where it belongs"
	whyProcess  = "no program name"
	whyTwoAddrs = "two addresses, either of which may be the client's"
)

var (
	parsed  = Result{Kind: Parsed}
	ignored = Result{Kind: Ignored}
)

func rejected(why string) Result { return Result{Rejected, why} }

// maxLine is more than web servers let a client write: 32 KiB of headers,
// every byte escaped to four.
const maxLine = 1 << 18

// family is what decides how a line is taken apart. Syslog carries several
// formats, told apart by the program name.
type family uint8

// The families. A family is added here and in the table below.
const (
	familyNone family = iota
	familyJSON
	familyMultilog
	familyColumns
	familyIISEvent
	familyRspamd
	familyKeycloak // before Zimbra, whose lines begin alike
	familyAuthelia
	familyZimbra
	familyNginxError
	familyApacheError
	familyHorde
	familyKerio
	familySquirrelMail
	familyASSP
	familyDomino
	familyOracleMS
	familyOpenWebmail
	familyTine20
	familyMailu
	familyNetfilter
	familyExim
	familyDovecot
	familyRoundcube
	familySyslog
	familyBare     // looks at the words of any line
	familyCombined // may follow anything
	familyEnd
)

// families says how each family is read. Where nothing is known of a line, the
// first family whose begins fits takes it: it looks at the shape of the line's
// beginning only. A family of which Detect answers FormatNone is a carrier of
// several formats.
var families = familyTable{
	familyJSON:         {FormatNone, beginsJSON, (*Parser).jsonLine, tellJSON},
	familyMultilog:     {Multilog, beginsMultilog, (*Parser).multilog, nil},
	familyColumns:      {FormatNone, beginsColumns, (*Parser).rows, tellColumns},
	familyIISEvent:     {FormatNone, beginsIISEvent, (*Parser).iisEvent, tellIISEvent},
	familyRspamd:       {Rspamd, beginsRspamd, (*Parser).rspamdFile, nil},
	familyDovecot:      {Dovecot, beginsDovecot, (*Parser).dovecotFile, nil},
	familyRoundcube:    {RoundcubeLogins, beginsRoundcube, (*Parser).roundcubeFile, nil},
	familyZimbra:       {Zimbra, beginsZimbra, (*Parser).zimbra, nil},
	familyNginxError:   {NginxError, beginsNginxError, (*Parser).nginxError, nil},
	familyApacheError:  {ApacheError, beginsApacheError, (*Parser).apacheError, nil},
	familyHorde:        {Horde, beginsHorde, (*Parser).hordeFile, nil},
	familyKerio:        {Kerio, beginsKerio, (*Parser).kerio, nil},
	familySquirrelMail: {SquirrelMail, beginsSquirrelmail, (*Parser).squirrelmail, nil},
	familyASSP:         {ASSP, beginsASSP, (*Parser).assp, nil},
	familyDomino:       {Domino, beginsDomino, (*Parser).domino, nil},
	familyOracleMS:     {OracleMS, beginsOracleMS, (*Parser).oracleMS, nil},
	familyOpenWebmail:  {OpenWebmail, beginsOpenWebmail, (*Parser).openWebmail, nil},
	familyTine20:       {Tine20, beginsTine20, (*Parser).tine20, nil},
	familyMailu:        {Mailu, beginsMailu, (*Parser).mailu, nil},
	familyNetfilter:    {MailcowNetfilter, beginsNetfilter, (*Parser).netfilter, nil},
	familyExim:         {Exim, beginsExim, (*Parser).eximFile, nil},
	familySyslog:       {FormatNone, beginsSyslog, (*Parser).syslog, tellSyslog},
	familyBare:         {FormatNone, beginsBare, (*Parser).bare, tellSyslog},
	familyCombined:     {Combined, beginsCombined, (*Parser).combined, nil},
	familyKeycloak:     {Keycloak, beginsKeycloak, (*Parser).keycloakFile, nil},
	familyAuthelia:     {Authelia, beginsAuthelia, (*Parser).autheliaText, nil},
}

type familyTable [familyEnd]struct {
	format Format
	begins func(line []byte) bool
	read   func(p *Parser, line []byte, ev *Event) Result
	// tell names the format of a line of a carrier, for Detect.
	tell func(line []byte) Format
}

func familyOf(f Format) family {
	for i := familyNone + 1; i < familyEnd; i++ {
		if f != FormatNone && families[i].format == f {
			return i
		}
	}
	switch {
	case f.Syslog():
		return familySyslog
	case isJSON(f):
		return familyJSON
	case hasColumns(f):
		return familyColumns
	}
	return familyNone
}

// Parser reads the lines of one source, in order. It keeps what later lines
// refer to, in bounded memory. It is not safe for concurrent use.
type Parser struct {
	opt      Options
	family   family
	votes    [familyEnd]int
	clock    clock
	minute   clfMinute
	sessions joins[session]
	queue    joins[message]

	account, device, deviceType []byte // decoded fields that Event points into
	blob, decoded               []byte // ActiveSync's base64 form

	families *familyTable // what an envelope carries is of one of them
	json     jsonFields
	lastJSON int     // the place in jsonFormats of the last line
	columns  columns // of this file
	cells    cells
	cellText []byte    // cells with their escapes undone
	inner    []byte    // what an envelope carries
	parts    [2][]byte // of a line that Docker cut, by stream
	opened   bool      // it is being read
}

// NewParser returns a Parser for one source.
func NewParser(o Options) *Parser {
	p := &Parser{opt: o, families: &families}
	p.sessions.most, p.queue.most = 14, 12 // times 4: 65,536 sessions, 16,384 messages
	p.NextFile(o.Reference, o.Format)
	return p
}

// NextFile tells that the following lines come from the next file of the same
// source: what lines refer to is kept, the clock starts anew. A line's year
// follows from the new reference; format may be FormatNone.
func (p *Parser) NextFile(reference time.Time, format Format) {
	p.opt.Reference, p.opt.Format = reference, format
	p.family, p.votes = familyOf(format), [familyEnd]int{}
	p.clock, p.columns, p.minute = newClock(p.opt.Location, reference), columns{}, clfMinute{}
	p.parts[0], p.parts[1] = p.parts[0][:0], p.parts[1][:0]
}

// decided is how many lines of one family settle the format of a file.
const decided = 8

// Parse reads one line into ev, which it empties first. Unless the line is
// Parsed, ev stays empty. The newline at the end is optional.
func (p *Parser) Parse(line []byte, ev *Event) Result {
	ev.Reset()
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	switch {
	case len(line) == 0:
		return ignored
	case len(line) > maxLine:
		return rejected(whyLong)
	case plain(line):
	case bytes.IndexByte(line, 0) >= 0:
		return rejected(whyNUL)
	case !utf8.Valid(line):
		return rejected(whyUTF8)
	}
	f := p.family
	if f == familyNone || p.opt.Mixed {
		if f = lineFamily(line); f != familyColumns && p.columns.fits(line) {
			f = familyColumns
		}
		if p.votes[f]++; f != familyNone && p.votes[f] >= decided && !p.opt.Mixed {
			p.family = f
		}
	}
	if f == familyNone {
		return rejected(whyUnknown)
	}
	r := families[f].read(p, line, ev)
	if r.Kind != Parsed {
		ev.Reset()
	}
	return r
}

// time reads the stamp into the Event.
func (p *Parser) time(s *stamp, ev *Event) bool {
	if !s.valid() {
		return false
	}
	ev.Time = p.clock.resolve(s)
	return true
}

// stamped reads the time at the start of a line, which a blank follows, into
// the Event.
func (p *Parser) stamped(line []byte, ev *Event) (rest []byte, ok bool) {
	if ns, rest, ok := p.clock.again(line); ok {
		p.clock.keep(ns)
		ev.Time = ns
		return rest, true
	}
	s, rest, ok := parseStamp(line)
	if !ok || !hasPrefix(rest, " ") || !p.time(&s, ev) {
		return nil, false
	}
	p.clock.learn(line, &s, ev.Time)
	return rest, true
}

// lineFamily tells the family of a line by its beginning.
func lineFamily(line []byte) family { return families.of(line) }

func (t *familyTable) of(line []byte) family {
	if len(line) == 0 {
		return familyNone
	}
	for f := familyNone + 1; f < familyEnd; f++ {
		if t[f].begins(line) {
			return f
		}
	}
	return familyNone
}

// Detect names the format of a file from its first lines, some of which may
// be damaged, cut, or of other software; FormatNone where fewer than half fit
// one format.
func Detect(sample []byte) Format {
	var votes [familyEnd]int
	var told [familyEnd][formatEnd]int // by the carriers
	lines := 0
	for whole := true; len(sample) > 0 && whole; {
		line := sample
		var i int
		if i = bytes.IndexByte(sample, '\n'); i >= 0 {
			line, sample = sample[:i], sample[i+1:]
		} else if whole = false; lines > 0 {
			break // the sample ends within a line
		}
		line = bytes.TrimRight(line, "\r")
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		lines++
		f := lineFamily(line)
		if len(line) > maxLine || bytes.IndexByte(line, 0) >= 0 {
			f = familyNone
		}
		votes[f]++
		if tell := families[f].tell; tell != nil {
			told[f][tell(line)]++
		}
	}
	best := familyNone
	for f := familyNone + 1; f < familyEnd; f++ {
		if votes[f] > votes[best] || best == familyNone && votes[f] > 0 {
			best = f
		}
	}
	if best == familyNone || votes[best]*2 < lines {
		return FormatNone
	}
	if families[best].tell == nil {
		return families[best].format
	}
	most := FormatNone
	if best == familySyslog {
		most = Syslog
	}
	for f := FormatNone + 1; f < formatEnd; f++ {
		n := told[best][f]
		if f != Syslog && n > 0 && (most == FormatNone || most == Syslog || n > told[best][most] || n == told[best][most] && f == Postfix) {
			most = f
		}
	}
	return most
}
