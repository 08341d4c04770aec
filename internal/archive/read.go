package archive

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"mailvigil/maillog"
)

// Origin is where a row came from, and what was found out about it.
type Origin struct {
	Source   string
	File     string
	Line     int64
	Offset   int64
	Log      int64     // see Row
	Received time.Time // zero where it was not kept
	Person   string
	ASN      uint32
	Country  string
	Kind     string // of the network
	Why      string // where the line states no event
	Raw      []byte // where Wanted.Raw asks for it; valid during the call
}

// Wanted says which rows Select reads, and what of them.
type Wanted struct {
	From, To time.Time // From is in, To is out; zero leaves that end open
	Raw      bool      // the lines themselves too
	NoEvent  bool      // rows whose line states no event too; their event is nil
	Services []maillog.Service
}

// Read reads the events of segments from one time until another, without
// their lines. Segments come in the order of their first time; within one, the
// lines of a source come in the order in which they were added.
// The event and its texts are valid during the call. What fn returns ends the
// reading.
//
// Segments that are missing or broken are left out and returned as problems.
func Read(ctx context.Context, folder string, segments []Segment, from, to time.Time, fn func(*maillog.Event, Origin) error) ([]*Problem, error) {
	return Select(ctx, folder, segments, Wanted{From: from, To: to}, fn)
}

// Select reads what is wanted of segments, as Read does.
func Select(ctx context.Context, folder string, segments []Segment, w Wanted, fn func(*maillog.Event, Origin) error) (problems []*Problem, err error) {
	r := newReader(w)
	for _, seg := range inOrder(segments) {
		if !w.From.IsZero() && seg.Last.Before(w.From) || !w.To.IsZero() && !seg.First.Before(w.To) || !r.service(seg.Service) {
			continue
		}
		err := r.file(ctx, filepath.Join(folder, filepath.FromSlash(seg.Name)), fn)
		var broken *brokenError
		if errors.As(err, &broken) {
			problems = append(problems, &Problem{seg, broken.err})
		} else if err != nil {
			return problems, err
		}
	}
	return problems, nil
}

// ReadFile reads a Parquet file that Writer wrote, as Select does, whoever
// keeps it.
func ReadFile(ctx context.Context, path string, w Wanted, fn func(*maillog.Event, Origin) error) error {
	err := newReader(w).file(ctx, path, fn)
	var broken *brokenError
	if errors.As(err, &broken) {
		return fmt.Errorf("read %s: %w; name a file that \"mailvigil parse --to parquet\" wrote", path, broken.err)
	}
	return err
}

func inOrder(segments []Segment) []Segment {
	return slices.SortedFunc(slices.Values(segments), inTime)
}

func inTime(a, b Segment) int {
	return cmp.Or(a.First.Compare(b.First), a.Written.Compare(b.Written), cmp.Compare(a.Name, b.Name))
}

// brokenError is an error of the file, not of whoever takes its rows.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }

func broken(format string, args ...any) error { return &brokenError{fmt.Errorf(format, args...)} }

// The columns in the order in which a reader has them.
const (
	cTime = iota
	cWhy
	cFormat
	cService
	cAction
	cOutcome
	cReason
	cAccount
	cClientIP
	cUserAgent
	cDevice
	cSession
	cMechanism
	cStatus
	cBytes
	cJoined
	cServerIP
	cDeviceType
	cURL
	cHostname
	cMessages
	cNanos
	cFile
	cLine
	cOffset
	cSource
	cReceived
	cPerson
	cASN
	cCountry
	cNetworkKind
	cExact
	cLog
	cRaw
	columns
)

var columnNames = [columns]string{
	"time", "why", "format", "service", "action", "outcome", "reason", "account", "client_ip", "user_agent", "device", "session",
	"mechanism", "status", "bytes", "joined", "server_ip", "device_type", "url", "hostname", "messages", "time_ns", "file", "line",
	"offset", "source", "received", "person", "asn", "country", "network_kind", "exact", "log", "raw",
}

// reader reads one file after the other.
type reader struct {
	wanted   Wanted
	from, to int64 // Unix nanoseconds, the first in, the last out
	columns  [columns]column
	words    map[string]string
	ev       maillog.Event
	o        Origin
}

func newReader(w Wanted) *reader {
	r := &reader{wanted: w, from: math.MinInt64, to: math.MaxInt64, words: map[string]string{}}
	if !w.From.IsZero() {
		r.from = w.From.UnixNano()
	}
	if !w.To.IsZero() {
		r.to = w.To.UnixNano()
	}
	return r
}

func (r *reader) service(name string) bool {
	return len(r.wanted.Services) == 0 || slices.ContainsFunc(r.wanted.Services, func(s maillog.Service) bool { return s.String() == name })
}

func (r *reader) file(ctx context.Context, path string, fn func(*maillog.Event, Origin) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return broken("%w", reason(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return broken("%w", reason(err))
	}
	p, err := openParquet(f, info.Size())
	if err != nil {
		return broken("%w", err)
	}
	for _, g := range p.RowGroups() {
		if err := r.group(ctx, p, g, fn); err != nil {
			return err
		}
	}
	return nil
}

// openParquet opens a file that may hold anything: the library panics at some
// of it.
func openParquet(f io.ReaderAt, size int64) (p *parquet.File, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("it is damaged: %v", v)
		}
	}()
	p, err = parquet.OpenFile(f, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(64<<10))
	if err != nil {
		return nil, fmt.Errorf("it is damaged, or no Parquet file: %w", err)
	}
	return p, nil
}

// group reads a row group.
func (r *reader) group(ctx context.Context, p *parquet.File, g parquet.RowGroup, fn func(*maillog.Event, Origin) error) (err error) {
	calling := false
	defer func() {
		if v := recover(); v != nil {
			if calling {
				panic(v)
			}
			err = broken("it is damaged: %v", v)
		}
		for i := range r.columns {
			r.columns[i].close()
		}
	}()
	rows := g.NumRows()
	chunks := g.ColumnChunks()
	for i, name := range columnNames {
		c := &r.columns[i]
		*c = column{}
		leaf, ok := p.Schema().Lookup(name)
		if !ok {
			if i == cTime || i == cFormat {
				return broken("it has no column %s", name)
			}
			continue
		}
		if !leaf.Node.Leaf() || leaf.Node.Type().Kind() != kinds[i] || leaf.Node.Repeated() {
			return broken("its column %s is of another kind", name)
		}
		chunk := chunks[leaf.ColumnIndex].(*parquet.FileColumnChunk)
		if i == cTime {
			if first, last, ok := chunk.Bounds(); ok {
				// The nanoseconds below are not in it.
				if micros(last.Int64())+999 < r.from || micros(first.Int64()) >= r.to {
					return nil
				}
			}
		}
		if i == cRaw && !r.wanted.Raw {
			continue
		}
		c.pages = chunk.Pages()
	}
	for n := int64(0); n < rows; n++ {
		if n%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		for i := range r.columns {
			if err := r.columns[i].next(); err != nil {
				return broken("its column %s, row %d: %w", columnNames[i], n, err)
			}
		}
		ev, ok, err := r.row()
		if err != nil {
			return broken("row %d: %w", n, err)
		}
		if !ok {
			continue
		}
		calling = true
		err = fn(ev, r.o)
		calling = false
		if err != nil {
			return err
		}
	}
	return nil
}

func micros(us int64) int64 { return us * 1000 }

// row makes the event of the row that all columns stand at; ok is false where
// it is not wanted.
func (r *reader) row() (_ *maillog.Event, ok bool, err error) {
	c := &r.columns
	at := micros(c[cTime].int64()) + c[cNanos].int64()
	if at < r.from || at >= r.to {
		return nil, false, nil
	}
	why := c[cWhy].word(r.words)
	if why != "" && !r.wanted.NoEvent {
		return nil, false, nil
	}
	ev := &r.ev
	if ev.Service, ok = cached(&c[cService], services); !ok {
		return nil, false, errors.New("its service is not known to this release")
	}
	if len(r.wanted.Services) > 0 && !slices.Contains(r.wanted.Services, ev.Service) {
		return nil, false, nil
	}
	r.o = Origin{
		Source: c[cSource].word(r.words), File: c[cFile].word(r.words), Line: c[cLine].int64(), Offset: c[cOffset].int64(), Log: c[cLog].int64(),
		Person: c[cPerson].word(r.words), ASN: uint32(c[cASN].int64()), Country: c[cCountry].word(r.words),
		Kind: c[cNetworkKind].word(r.words), Why: why, Raw: c[cRaw].bytes(),
	}
	if us := c[cReceived]; us.present {
		r.o.Received = time.UnixMicro(us.int64()).UTC()
	}
	exact := c[cExact].bytes()
	if why != "" {
		if exact != nil {
			return nil, true, r.exact(exact)
		}
		return nil, true, nil
	}
	ev.Time = at
	if ev.Format, ok = cached(&c[cFormat], formats); !ok {
		return nil, false, errors.New("its format is not known to this release")
	}
	if ev.Action, ok = cached(&c[cAction], actions); !ok {
		return nil, false, errors.New("its action is not known to this release")
	}
	if ev.Outcome, ok = cached(&c[cOutcome], outcomes); !ok {
		return nil, false, errors.New("its outcome is not known to this release")
	}
	ev.Reason = c[cReason].word(r.words)
	ev.Account, ev.UserAgent, ev.Device, ev.DeviceType = c[cAccount].bytes(), c[cUserAgent].bytes(), c[cDevice].bytes(), c[cDeviceType].bytes()
	ev.Session, ev.Mechanism, ev.URL, ev.Hostname = c[cSession].bytes(), c[cMechanism].bytes(), c[cURL].bytes(), c[cHostname].bytes()
	ev.Status, ev.Bytes, ev.Messages = uint16(c[cStatus].int64()), c[cBytes].int64(), int32(c[cMessages].int64())
	ev.Joined = c[cJoined].number != 0
	if ev.ClientIP, err = c[cClientIP].address(); err != nil {
		return nil, false, err
	}
	if ev.ServerIP, err = c[cServerIP].address(); err != nil {
		return nil, false, err
	}
	if exact != nil {
		if err := r.exact(exact); err != nil {
			return nil, false, err
		}
	}
	return ev, true, nil
}

// exact puts in place what the columns of text could not hold.
func (r *reader) exact(b []byte) error {
	ev := &r.ev
	for len(b) > 0 {
		column := b[0]
		n, size := binary.Uvarint(b[1:])
		if size <= 0 || n > uint64(len(b)-1-size) {
			return errors.New("its column exact is damaged")
		}
		value := b[1+size : 1+size+int(n) : 1+size+int(n)]
		b = b[1+size+int(n):]
		switch column {
		case exactAccount:
			ev.Account = value
		case exactUserAgent:
			ev.UserAgent = value
		case exactDevice:
			ev.Device = value
		case exactDeviceType:
			ev.DeviceType = value
		case exactSession:
			ev.Session = value
		case exactMechanism:
			ev.Mechanism = value
		case exactURL:
			ev.URL = value
		case exactHostname:
			ev.Hostname = value
		case exactRaw:
			if r.wanted.Raw {
				r.o.Raw = value
			}
		case exactClientZone:
			ev.ClientIP = ev.ClientIP.WithZone(string(value))
		case exactServerZone:
			ev.ServerIP = ev.ServerIP.WithZone(string(value))
		case exactFile:
			r.o.File = string(value)
		case exactSource:
			r.o.Source = string(value)
		case exactPerson:
			r.o.Person = string(value)
		case exactWhy:
			r.o.Why = string(value)
		}
	}
	return nil
}

// column is one column of a row group at one row.
type column struct {
	pages parquet.Pages

	rows, row int
	levels    []byte // 1 where the row has a value; nil where all have
	none      bool   // no row of the page has one
	value     int    // index of the next value

	dictionary parquet.Dictionary
	index      []int32
	data       []byte // texts, of the dictionary or of the page
	offsets    []uint32
	int64s     []int64
	int32s     []int32
	bits       []byte

	strings   []string // of the dictionary
	numbers   []int64  // of the dictionary
	parsed    []uint16 // of the dictionary; 0 where it is not known yet
	addresses []netip.Addr

	present bool
	at      int   // index in the dictionary, -1 without one
	number  int64 // the value of numbers
	text    []byte
}

func (c *column) close() {
	if c.pages != nil {
		_ = c.pages.Close() // nothing was written
	}
	*c = column{}
}

// next moves to the next row.
func (c *column) next() error {
	if c.pages == nil {
		return nil
	}
	if c.row == c.rows {
		if err := c.page(); err != nil {
			return err
		}
	}
	row := c.row
	c.row++
	c.at, c.number, c.text = -1, 0, nil
	if c.none || c.levels != nil && c.levels[row] == 0 {
		c.present = false
		return nil
	}
	c.present = true
	i := c.value
	c.value++
	if c.index != nil {
		i = int(c.index[i])
		c.at = i
	}
	switch {
	case c.offsets != nil:
		c.text = c.data[c.offsets[i]:c.offsets[i+1]:c.offsets[i+1]]
	case c.int64s != nil:
		c.number = c.int64s[i]
	case c.int32s != nil:
		c.number = int64(c.int32s[i])
	case c.bits != nil:
		c.number = int64(c.bits[i/8] >> (i % 8) & 1)
	}
	return nil
}

// page moves to the next page.
func (c *column) page() error {
	p, err := c.pages.ReadPage()
	for err == nil && p.NumRows() == 0 {
		p, err = c.pages.ReadPage()
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	c.rows, c.row, c.value = int(p.NumRows()), 0, 0
	c.levels = p.DefinitionLevels()
	if len(c.levels) == 0 {
		c.levels = nil
	}
	c.none = c.levels != nil && p.NumNulls() == p.NumRows()
	if c.none {
		return nil
	}
	data := p.Data()
	d := p.Dictionary()
	c.index = nil
	if d != nil {
		c.index = data.Int32()
		if d == c.dictionary {
			return nil
		}
		data = d.Page().Data()
	}
	c.dictionary = d
	c.strings, c.numbers, c.parsed, c.addresses = nil, nil, nil, nil
	c.offsets, c.int64s, c.int32s, c.bits = nil, nil, nil, nil
	switch k := p.Type().Kind(); {
	case d != nil && d.Type().Kind() == parquet.ByteArray, d == nil && k == parquet.ByteArray:
		c.data, c.offsets = data.ByteArray()
	case d != nil && d.Type().Kind() == parquet.Int64, d == nil && k == parquet.Int64:
		c.int64s = data.Int64()
	case d != nil && d.Type().Kind() == parquet.Int32, d == nil && k == parquet.Int32:
		c.int32s = data.Int32()
	case d == nil && k == parquet.Boolean:
		c.bits = data.Boolean()
	default:
		return errors.New("it is of another kind")
	}
	return nil
}

func (c *column) int64() int64 { return c.number }

// bytes is the text of the row, nil where there is none.
func (c *column) bytes() []byte { return c.text }

// word is a text that outlives the page, made once for each of a dictionary.
func (c *column) word(words map[string]string) string {
	if c.text == nil {
		return ""
	}
	if c.at < 0 {
		return intern(words, c.text)
	}
	if c.strings == nil {
		c.strings = make([]string, len(c.offsets)-1)
	}
	if s := c.strings[c.at]; s != "" {
		return s
	}
	s := intern(words, c.text)
	c.strings[c.at] = s
	return s
}

func intern(words map[string]string, b []byte) string {
	if s, ok := words[unsafe.String(unsafe.SliceData(b), len(b))]; ok {
		return s
	}
	s := string(b)
	if len(words) < 1<<16 { // names that are forged must not choose our memory
		words[s] = s
	}
	return s
}

func (c *column) address() (netip.Addr, error) {
	if c.text == nil {
		return netip.Addr{}, nil
	}
	if c.at >= 0 {
		if c.addresses == nil {
			c.addresses = make([]netip.Addr, len(c.offsets)-1)
		}
		if a := c.addresses[c.at]; a.IsValid() {
			return a, nil
		}
	}
	a, err := netip.ParseAddr(string(c.text))
	if err != nil {
		return a, errors.New("an address is none")
	}
	if c.at >= 0 {
		c.addresses[c.at] = a
	}
	return a, nil
}

// cached finds the value behind a word, once for each of a dictionary.
func cached[T ~uint8](c *column, table map[string]T) (T, bool) {
	if c.text == nil {
		return 0, true
	}
	if c.at < 0 {
		v, ok := table[string(c.text)]
		return v, ok
	}
	if c.parsed == nil {
		c.parsed = make([]uint16, len(c.offsets)-1)
	}
	if v := c.parsed[c.at]; v != 0 {
		return T(v - 1), true
	}
	v, ok := table[string(c.text)]
	if ok {
		c.parsed[c.at] = uint16(v) + 1
	}
	return v, ok
}

// The words of the columns, as maillog has them.
var (
	services = named[maillog.Service]()
	actions  = named[maillog.Action]()
	outcomes = named[maillog.Outcome]()
	formats  = named[maillog.Format]()
)

func named[T interface {
	~uint8
	String() string
}]() map[string]T {
	all := map[string]T{}
	for i := range 256 {
		name := T(i).String()
		if _, taken := all[name]; !taken {
			all[name] = T(i)
		}
	}
	return all
}

// kinds are the physical types of the columns.
var kinds = func() (k [columns]parquet.Kind) {
	schema := parquet.SchemaOf(row{})
	for i, name := range columnNames {
		leaf, _ := schema.Lookup(name)
		k[i] = leaf.Node.Type().Kind()
	}
	return k
}()
