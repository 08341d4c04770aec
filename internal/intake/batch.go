package intake

import (
	"sync"
	"time"

	"mailvigil/maillog"
)

// Batch is complete lines of one source, in order, from wherever they come: a
// followed file or the network. Whoever takes batches stores their lines and
// their positions together, in the order in which they were handed over: then
// every line of a file is there once, whatever happens in between.
type Batch struct {
	// Source is one log over its rotations, as File.Source; of the network,
	// one sender to one listener. Each source has a parser of its own.
	Source string
	// Format of all the lines. FormatNone: nobody knows; the parser tells it
	// from the lines.
	Format maillog.Format
	// Name of the file as shown to people, or of the listener.
	Name string
	// Reference is the Reference of maillog.Options for these lines.
	Reference time.Time
	// Begins is true where the lines do not follow those of the batch before
	// of the same source: the parser is told by NextFile.
	Begins bool
	// Resumes is true where an earlier run handed over what stands before the
	// lines: Follower.WarmUp gives it to the parser again.
	Resumes bool
	// Lines are never empty but where a batch only has positions. Their bytes
	// are the batch's, valid until Release. Number counts from 1 in the file,
	// and Offset is that in its decompressed stream; of the network, both count
	// from the beginning of the queue.
	Lines []Line
	// Bytes is how much of the stream the lines take, newlines included.
	Bytes int64
	// Positions are those of files that changed with this batch, its own
	// first; each takes the place of the one with the same ID. Forget are IDs
	// whose positions are no longer needed. Both are empty for the network,
	// whose queue keeps its own position.
	Positions []Position
	Forget    []int64
	// Ack, where it is not nil, is called once the lines are stored for good;
	// without it they come again.
	Ack func() error

	buf    *batchBuf
	before *File // that holds what stands before the lines
}

// Position is how far a file was handed over, and what it is known by again
// after a restart, whatever it is called then: also where it was compressed
// since. It holds hashes and no text of the log.
type Position struct {
	// ID names the file among those of one Follower, for as long as it is known.
	// Of two files of a source, the one with the lower ID is older.
	ID     int64  `json:"id"`
	Source string `json:"source"`
	Format string `json:"format"`
	Path   string `json:"path"`
	// Real is the path without links, where it is another.
	Real   string `json:"real,omitempty"`
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	// Offset is that of the first byte of the decompressed stream that was not
	// handed over, Line the number of lines before it.
	Offset int64 `json:"offset"`
	Line   int64 `json:"line"`
	// Skipping is true within a line that was cut at MaxLine.
	Skipping bool `json:"skipping,omitempty"`
	// Head is the SHA-256, in hex, of the first HeadLength bytes of the
	// decompressed stream, Tail that of the last TailLength bytes before Offset.
	Head       string `json:"head"`
	HeadLength int64  `json:"head_length"`
	Tail       string `json:"tail"`
	TailLength int64  `json:"tail_length"`
	// Start is that of the first StartLength bytes, for copies that are shorter
	// than the head.
	Start       string `json:"start"`
	StartLength int64  `json:"start_length"`
	// Size and ModTime are those of the file as stored, when it was last seen.
	Size    int64     `json:"size"`
	ModTime time.Time `json:"mod_time"`
	// Reference is that of its lines; see Batch.
	Reference time.Time `json:"reference"`
	// Done is true of a compressed file that was read to its end.
	Done bool `json:"done,omitempty"`
	// Gone is when the file was no longer there; zero: it is.
	Gone time.Time `json:"gone,omitzero"`
}

// batchBuf is the memory of a batch, used again.
type batchBuf struct {
	batch Batch
	bytes []byte
}

var batches = sync.Pool{New: func() any { return new(batchBuf) }}

// newBatch returns an empty batch with memory of its own for its lines' bytes.
func newBatch() *Batch {
	bb := batches.Get().(*batchBuf)
	b := &bb.batch
	*b = Batch{Lines: b.Lines[:0], Positions: b.Positions[:0], Forget: b.Forget[:0], buf: bb}
	return b
}

// Release gives the memory of the batch back: neither it nor its lines may be
// used after that. A batch that is not released is the garbage collector's.
func (b *Batch) Release() {
	if bb := b.buf; bb != nil {
		b.buf = nil
		batches.Put(bb)
	}
}
