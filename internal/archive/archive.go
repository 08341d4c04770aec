// Package archive keeps events as Parquet files, which DuckDB, ClickHouse,
// Spark and pandas read as tables.
//
// One file is a segment: it is written under a temporary name, synced, and
// renamed when it is whole, so that what bears its name can be read. Which
// segments exist, and asking them, is not here yet. The package knows no logs
// and no positions in them; internal/app hands it events and where they stand.
package archive

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"mailvigil/maillog"
)

// row is the schema, in the words that parse uses for its JSON. Empty is NULL,
// as there a word is left out. The order is that of the columns.
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
	Raw    []byte // the line itself; nil where it is not wanted
}

// Writer writes events as one Parquet file. It is not safe for concurrent use.
type Writer struct {
	out   *parquet.GenericWriter[row]
	batch []row
	// text holds the strings of the batch: those of an event are gone when the
	// next is parsed.
	text   []byte
	rows   int64 // of this row group
	bytes  int64
	events int64
}

// NewWriter returns a Writer that names the release of Mailvigil in the file.
// The caller closes it, or leaves the file unfinished.
func NewWriter(w io.Writer, release string) *Writer {
	return &Writer{
		out: parquet.NewGenericWriter[row](w,
			parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}),
			parquet.CreatedBy("mailvigil", release, ""),
			parquet.DictionaryMaxBytes(dictionaryBytes),
			// The bounds of rows are what makes a query skip; those of texts
			// that an attacker chooses may be long, and nobody asks for them.
			parquet.SkipPageBounds("user_agent"),
			parquet.SkipPageBounds("session"),
			parquet.SkipPageBounds("raw"),
		),
		batch: make([]row, 0, batchRows),
	}
}

// Events returns how many events were written.
func (w *Writer) Events() int64 { return w.events }

// Write adds one event, of which it keeps nothing.
func (w *Writer) Write(ev *maillog.Event, l Line) error {
	before := len(w.text)
	w.batch = append(w.batch, row{
		File:      l.File,
		Line:      l.Number,
		Format:    ev.Format.String(),
		Time:      floorMicro(ev.Time),
		Service:   ev.Service.String(),
		Action:    ev.Action.String(),
		Outcome:   ev.Outcome.String(),
		Reason:    ev.Reason,
		Account:   w.copy(ev.Account),
		ClientIP:  w.address(ev.ClientIP),
		UserAgent: w.copy(ev.UserAgent),
		Device:    w.copy(ev.Device),
		Session:   w.copy(ev.Session),
		Mechanism: w.copy(ev.Mechanism),
		Status:    int32(ev.Status),
		Bytes:     ev.Bytes,
		Joined:    ev.Joined,
		Raw:       w.copy(l.Raw),
	})
	w.rows++
	w.bytes += int64(len(w.text) - before)
	w.events++
	if w.rows >= groupRows || w.bytes >= groupBytes {
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
	w.batch, w.text = w.batch[:0], w.text[:0]
	if err != nil {
		return fmt.Errorf("write the Parquet file: %w", err)
	}
	return nil
}

func (w *Writer) flushGroup() error {
	if err := w.flushBatch(); err != nil {
		return err
	}
	w.rows, w.bytes = 0, 0
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("write the Parquet file: %w", err)
	}
	return nil
}

// copy returns a text that stays until the batch is written. Where text grows
// it moves, and the strings made before keep the old memory.
func (w *Writer) copy(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	n := len(w.text)
	w.text = append(w.text, b...)
	return text(w.text[n:])
}

func (w *Writer) address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	n := len(w.text)
	w.text = a.WithZone("").AppendTo(slices.Grow(w.text, 48))
	return text(w.text[n:])
}

// text is a string of bytes that do not change while it is in use: those of a
// batch, which are written over only when Write of the library has returned.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// floorMicro rounds down, also before 1970.
func floorMicro(ns int64) int64 {
	us := ns / 1000
	if ns%1000 < 0 {
		us--
	}
	return us
}
