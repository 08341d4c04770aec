// Package archive keeps events, and every line that was read, as Parquet files,
// which DuckDB, ClickHouse, Spark and pandas read as tables.
//
// One file is a segment: it is written under a temporary name, synced, and
// renamed when it is whole, so that what bears its name can be read. A Store
// makes the segments of a folder, Read reads them back, and the package duck
// beneath asks them in SQL.
//
// Which segments count is not decided here: whoever calls keeps the list of
// those that were recorded (internal/state), and a file that is not on it does
// not exist. The package knows no logs and no positions in them; internal/app
// hands it events and where they stand.
package archive

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"unicode/utf8"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"mailvigil/maillog"
)

// row is the schema, in the words that parse uses for its JSON. Empty is NULL,
// as there a word is left out. The order is that of the columns, which are
// added to at the end and never renamed.
//
// Times are microseconds: all engines know these as a TIMESTAMP in UTC, while
// several do not know nanoseconds. Numbers that grow are kept as differences;
// words that come again, as numbers of a dictionary.
type row struct {
	File      string `parquet:"file,optional,dict"`
	Line      int64  `parquet:"line,delta"`
	Format    string `parquet:"format,dict"`
	Time      int64  `parquet:"time,timestamp(microsecond:utc),delta"`
	Service   string `parquet:"service,optional,dict"`
	Action    string `parquet:"action,optional,dict"`
	Outcome   string `parquet:"outcome,optional,dict"`
	Reason    string `parquet:"reason,optional,dict"`
	Account   string `parquet:"account,optional,dict"`
	ClientIP  string `parquet:"client_ip,optional,dict"`
	UserAgent string `parquet:"user_agent,optional,dict"`
	Device    string `parquet:"device,optional,dict"`
	Session   string `parquet:"session,optional"`
	Mechanism string `parquet:"mechanism,optional,dict"`
	Status    int32  `parquet:"status,optional,dict"`
	Bytes     int64  `parquet:"bytes,optional,delta"`
	Joined    bool   `parquet:"joined"`
	Raw       string `parquet:"raw,optional"`

	ServerIP    string `parquet:"server_ip,optional,dict"`
	DeviceType  string `parquet:"device_type,optional,dict"`
	URL         string `parquet:"url,optional,dict"`
	Hostname    string `parquet:"hostname,optional,dict"`
	Messages    int32  `parquet:"messages,optional,dict"`
	Source      string `parquet:"source,optional,dict"`
	Offset      int64  `parquet:"offset,delta"`
	Received    int64  `parquet:"received,optional,timestamp(microsecond:utc),delta"`
	Person      string `parquet:"person,optional,dict"`
	ASN         uint32 `parquet:"asn,optional,dict"`
	Country     string `parquet:"country,optional,dict"`
	NetworkKind string `parquet:"network_kind,optional,dict"`
	Why         string `parquet:"why,optional,dict"`
	// What the columns above cannot hold exactly: the nanoseconds below a
	// microsecond, the zone of an address, and texts that are not UTF-8, which
	// engines refuse in a column of texts.
	Nanos int32  `parquet:"time_ns,optional,dict"`
	Exact []byte `parquet:"exact,optional"`
	// Log tells the files apart that bore the same name one after the other.
	Log int64 `parquet:"log,optional,dict"`
}

// A row group is held in memory until it is full, so these bound the memory of
// a Writer whatever is written. The number of rows is DuckDB's own.
const (
	groupRows  = 122_880
	groupBytes = 32 << 20 // of text
	// A dictionary that grows beyond this, as one of forged names does, is
	// left: what follows in the row group is written plain.
	dictionaryBytes = 1 << 20
	batchRows       = 512
)

// Line is where an event was read.
type Line struct {
	File   string // as shown to people; "" is standard input
	Number int64  // from 1
	Offset int64  // of its first byte in the decompressed stream
	Raw    []byte // the line itself; nil where it is not wanted
}

// Row is one line of a log, with what it states and what was found out about
// it. What is empty is not known.
type Row struct {
	// Event is what the line states; nil where it states none, and then Why
	// says why: that it was understood and is none, or could not be read.
	Event *maillog.Event
	Why   string

	Source string // from which input it came, as the configuration calls it
	Line
	Received int64 // when it was read, Unix nanoseconds, kept to the microsecond
	Log      int64 // tells the files apart that bore the same name one after the other; 0 where that is not known

	Person  string // whose account it is, one name whatever the spelling
	ASN     uint32
	Country string // ISO 3166, of the address
	Kind    string // of the network
}

// Writer writes events as one Parquet file. It is not safe for concurrent use.
type Writer struct {
	out    *parquet.GenericWriter[row]
	batch  []row
	text   arena
	rows   int64 // of this row group
	events int64
}

// NewWriter returns a Writer that names the release of Mailvigil in the file.
// The caller closes it, or leaves the file unfinished.
func NewWriter(w io.Writer, release string) *Writer {
	return &Writer{out: newParquet(w, release), batch: make([]row, 0, batchRows)}
}

func newParquet(w io.Writer, release string) *parquet.GenericWriter[row] {
	options := []parquet.WriterOption{
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}),
		parquet.CreatedBy("mailvigil", release, ""),
		parquet.DictionaryMaxBytes(dictionaryBytes),
	}
	// The bounds of times and places are what makes a query skip. Those of texts
	// that an attacker chooses may be long, and those of accounts and addresses
	// span all of them in every segment.
	for _, c := range unbounded {
		options = append(options, parquet.SkipPageBounds(c))
	}
	return parquet.NewGenericWriter[row](w, options...)
}

var unbounded = []string{
	"account", "client_ip", "user_agent", "device", "session", "mechanism", "raw", "server_ip", "device_type", "url", "hostname",
	"messages", "person", "asn", "country", "network_kind", "time_ns", "exact", "log",
}

// Events returns how many events were written.
func (w *Writer) Events() int64 { return w.events }

// Write adds one event, of which it keeps nothing.
func (w *Writer) Write(ev *maillog.Event, l Line) error {
	return w.WriteRow(&Row{Event: ev, Line: l})
}

// WriteRow adds one line, of which it keeps nothing but the strings.
func (w *Writer) WriteRow(r *Row) error {
	w.batch = append(w.batch, row{})
	w.text.fill(&w.batch[len(w.batch)-1], r)
	w.rows++
	w.events++
	if w.rows >= groupRows || w.text.total >= groupBytes {
		return w.flushGroup()
	}
	if len(w.batch) == batchRows {
		return w.flushBatch()
	}
	return nil
}

// Close writes what is left and the footer, without which the file cannot be
// read. It does not close what it writes to.
func (w *Writer) Close() error {
	if err := w.flushBatch(); err != nil {
		return err
	}
	if err := w.out.Close(); err != nil {
		return fmt.Errorf("finish the Parquet file: %w", err)
	}
	return nil
}

func (w *Writer) flushBatch() error {
	_, err := w.out.Write(w.batch)
	// A pointer left behind would keep old text alive.
	clear(w.batch)
	w.batch = w.batch[:0]
	w.text.reuse()
	if err != nil {
		return fmt.Errorf("write the Parquet file: %w", err)
	}
	return nil
}

func (w *Writer) flushGroup() error {
	if err := w.flushBatch(); err != nil {
		return err
	}
	w.rows, w.text.total = 0, 0
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("write the Parquet file: %w", err)
	}
	return nil
}

// arena holds the texts of rows: those of an event are gone when the next is
// parsed. It grows by whole pieces, so that no text ever moves.
type arena struct {
	free  []byte // of the last piece
	piece []byte
	size  int   // of the next piece
	total int64 // bytes handed out
}

const (
	firstPiece = 4 << 10
	mostPiece  = 256 << 10
)

func (a *arena) reserve(n int) []byte {
	if cap(a.free) < n {
		a.size = min(max(2*a.size, firstPiece), mostPiece)
		a.piece = make([]byte, 0, max(a.size, n))
		a.free = a.piece
	}
	return a.free
}

func (a *arena) copy(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	free := append(a.reserve(len(b)), b...)
	a.free = free[len(b):]
	a.total += int64(len(b))
	return unsafe.String(unsafe.SliceData(free), len(b))
}

// reuse hands out the last piece again: nobody holds a text of it any more.
func (a *arena) reuse() { a.free = a.piece }

func (a *arena) address(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	const longest = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
	out := addr.WithZone("").AppendTo(a.reserve(longest))
	a.free = out[len(out):]
	a.total += int64(len(out))
	return unsafe.String(unsafe.SliceData(out), len(out))
}

// The columns that may hold any bytes, by the numbers under which exact keeps
// what is not UTF-8. The numbers stand in files.
const (
	exactAccount = 1 + iota
	exactUserAgent
	exactDevice
	exactDeviceType
	exactSession
	exactMechanism
	exactURL
	exactHostname
	exactRaw
	exactClientZone
	exactServerZone
	exactFile
	exactSource
	exactPerson
	exactWhy
)

// fill makes the row of a line.
func (a *arena) fill(to *row, r *Row) {
	var exact []byte
	text := func(column byte, b []byte) string {
		if !utf8.Valid(b) {
			exact = appendExact(exact, column, b)
			return a.clean(b)
		}
		return a.copy(b)
	}
	word := func(column byte, s string) string {
		if !utf8.ValidString(s) {
			exact = appendExact(exact, column, []byte(s))
			return a.clean([]byte(s))
		}
		return s
	}
	to.File, to.Line, to.Offset = word(exactFile, r.File), r.Number, r.Offset
	to.Source, to.Received, to.Log = word(exactSource, r.Source), floorMicro(r.Received), r.Log
	to.Person, to.ASN, to.Country, to.NetworkKind = word(exactPerson, r.Person), r.ASN, r.Country, r.Kind
	to.Why, to.Raw = word(exactWhy, r.Why), text(exactRaw, r.Raw)
	ev := r.Event
	if ev == nil {
		to.Time = to.Received
		a.keep(to, exact)
		return
	}
	to.Format, to.Service, to.Action, to.Outcome = ev.Format.String(), ev.Service.String(), ev.Action.String(), ev.Outcome.String()
	to.Time = floorMicro(ev.Time)
	to.Nanos = int32(ev.Time - to.Time*1000)
	to.Reason = ev.Reason
	to.Account, to.UserAgent = text(exactAccount, ev.Account), text(exactUserAgent, ev.UserAgent)
	to.ClientIP, to.ServerIP = a.address(ev.ClientIP), a.address(ev.ServerIP)
	to.Device, to.DeviceType = text(exactDevice, ev.Device), text(exactDeviceType, ev.DeviceType)
	to.Session, to.Mechanism = text(exactSession, ev.Session), text(exactMechanism, ev.Mechanism)
	to.URL, to.Hostname = text(exactURL, ev.URL), text(exactHostname, ev.Hostname)
	to.Status, to.Bytes, to.Messages, to.Joined = int32(ev.Status), ev.Bytes, ev.Messages, ev.Joined
	if zone := ev.ClientIP.Zone(); zone != "" {
		exact = appendExact(exact, exactClientZone, []byte(zone))
	}
	if zone := ev.ServerIP.Zone(); zone != "" {
		exact = appendExact(exact, exactServerZone, []byte(zone))
	}
	a.keep(to, exact)
}

func (a *arena) keep(to *row, exact []byte) {
	to.Exact = exact
	a.total += int64(len(exact))
}

// clean copies a text with U+FFFD for each byte that is not UTF-8.
func (a *arena) clean(b []byte) string {
	out := make([]byte, 0, len(b)+16)
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		out = utf8.AppendRune(out, r)
		b = b[size:]
	}
	return a.copy(out)
}

// appendExact adds the number of a column, a length and the bytes.
func appendExact(dst []byte, column byte, b []byte) []byte {
	dst = append(dst, column)
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

// floorMicro rounds down, also before 1970.
func floorMicro(ns int64) int64 {
	us := ns / 1000
	if ns%1000 < 0 {
		us--
	}
	return us
}
