package intake

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"mailvigil/maillog"
)

// FollowOptions say what is followed, and how. Only Paths is needed.
type FollowOptions struct {
	// Paths are files, folders with all that is below them, and patterns
	// (path/filepath.Match); what is not there yet may come.
	Paths []string
	// Location is the zone of lines that state none; nil is UTC.
	Location *time.Location
	// Positions are those that were stored, in any order; none at first.
	Positions []Position
	// Waker is closed with the Follower; nil: the kernel's notifications, and
	// a look at everything every Poll, 2 s by default.
	Waker Waker
	Poll  time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Settle is how long a file that was rotated must have been left alone
	// until its last line is handed over without a newline, and one that is
	// being compressed until it is taken for damaged; 5 s by default.
	Settle time.Duration
	// Linger is how long a deleted file stays open after its last line, for
	// what is still written to it; a minute by default.
	Linger time.Duration
	// Keep is how long the position of a file that is gone is kept, for it may
	// come back: a week by default.
	Keep time.Duration
	// MaxOpen bounds the files that are open; 256 by default.
	MaxOpen int
	// BatchBytes bounds a batch; 1 MiB by default. A line may be longer by a little.
	BatchBytes int
}

// Follower follows log files: Discover finds what was, a Follower goes on with
// what comes. It hides rotation by renaming, by copying and by links,
// truncation, deletion, compression, files that come later, and the restart of
// the program. docs/watch-intake.md says what happens in each of these cases.
//
// What is followed is not a path and not an inode but a sequence of lines. It
// is known by its first bytes and by those before the place that was reached,
// whatever the file that holds it is called, and whether it is compressed. A
// file at a known inode with other bytes is another one; a file at an unknown
// inode with the bytes of a sequence whose file is gone is its continuation,
// and with those of one whose file is there a copy, which is not read.
//
// Every read is checked against those bytes after it was made: were the file
// truncated and filled again in between, what was read is thrown away.
//
// Next, Close and WarmUp are called by one goroutine at a time, Status by any.
type Follower struct {
	o     FollowOptions
	waker Waker

	files    map[int64]*followed
	byInode  map[inode]*followed
	byPath   map[string]*followed
	sources  map[string]*source
	busy     []*source
	ignored  map[inode]*ignored
	aside    map[string]inode // paths of ignored files
	watched  map[string]*watching
	open     []*followed
	nextID   int64
	look     bool // everywhere, before the next read
	due      bool // a look was asked for
	looks    int64
	looked   time.Time
	took     time.Duration // the last look
	changed  map[*followed]bool
	forget   []int64
	served   int64
	problems []Problem // of the last look
	notes    []Note
	noNotify error
	lines    timer
	closed   bool

	status   atomic.Pointer[Status]
	busyWith atomic.Pointer[busyWith]
	statusAt time.Time
}

// followed is a sequence of lines, and the file that holds it.
type followed struct {
	Position
	key         inode
	format      maillog.Format
	compression string
	source      *source
	info        os.FileInfo // of the file as it was last opened or met
	first       time.Time   // of its first line, where known

	file   *os.File  // where it is plain and open
	packed *unpacked // where it is compressed and open
	used   int64     // when it was last read, for closing others

	// head is the first headMax bytes, as far as they are there; nil after a
	// restart, until the file was compared with what the position says.
	head []byte

	ready    bool      // there may be something to read
	final    bool      // its last line is to be handed over as it is
	begun    bool      // in this run
	seen     int64     // the look that met it last
	stirred  time.Time // when it was last seen to have changed
	away     bool      // no longer among the paths, and open
	gone     time.Time // when it was no longer there; zero: it is
	drained  bool      // it was read to its end when it was deleted
	reach    int64     // where it ended when it was truncated
	what     string    // that befell it, until it was said
	loss     int64     // bytes that were seen and could not be read
	length   int64     // stored bytes, when it was last met
	unpackAt int64     // stored bytes that were unpacked
}

// source is what the files of one log share.
type source struct {
	name    string
	format  maillog.Format
	files   []*followed // by ID
	last    *followed   // of the last batch
	at      time.Time   // of the last line that was handed over while behind
	busy    bool
	served  int64
	stats   SourceStatus
	message map[string]Problem
}

// ignored is a file that is not read, with what it looked like.
type ignored struct {
	path    string
	size    int64
	mtime   time.Time
	since   time.Time // when it was last seen to have changed
	why     Problem
	copyOf  int64 // the ID of what it is a copy of
	retry   bool  // it is worth looking at whenever it changes
	settled bool  // and was looked at after it had been left alone
	next    int64 // else: the size from which it is
	seen    int64
}

const (
	headMax = 1024
	tailMax = 256
	// startMax bytes of a log are no coincidence.
	startMax = 64
	// warmUp is what a parser reads before the lines that count, as internal/pipeline
	// does between the parts of a file.
	warmUp = 8 << 20
	// batchLines bounds the lines of a batch, which may be empty ones.
	batchLines = 16 << 10
	// patience is how many batches of others a source waits for at most.
	patience = 32
	// maxPacked bounds the compressed files that are open.
	maxPacked = 32
)

// Follow returns a Follower. It reads nothing before Next.
func Follow(o FollowOptions) (*Follower, error) {
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Poll = cmp.Or(o.Poll, 2*time.Second)
	o.Settle = cmp.Or(o.Settle, 5*time.Second)
	o.Linger = cmp.Or(o.Linger, time.Minute)
	o.Keep = cmp.Or(o.Keep, 7*24*time.Hour)
	o.MaxOpen = max(cmp.Or(o.MaxOpen, 256), 1)
	o.BatchBytes = cmp.Or(o.BatchBytes, 1<<20)
	f := &Follower{
		o: o, waker: o.Waker, look: true,
		files: map[int64]*followed{}, byInode: map[inode]*followed{}, byPath: map[string]*followed{},
		sources: map[string]*source{}, ignored: map[inode]*ignored{}, aside: map[string]inode{}, watched: map[string]*watching{},
		changed: map[*followed]bool{}, nextID: 1, lines: *newTimer(o.Location),
	}
	formats := map[string]maillog.Format{}
	for _, info := range maillog.Formats() {
		formats[info.Format.String()] = info.Format
	}
	positions := slices.Clone(o.Positions)
	slices.SortFunc(positions, func(a, b Position) int { return cmp.Compare(a.ID, b.ID) })
	for _, p := range positions {
		if p.ID <= 0 || p.Offset < 0 || p.HeadLength < 0 || p.HeadLength > headMax || p.StartLength < 0 || p.StartLength > p.HeadLength || p.TailLength < 0 || f.files[p.ID] != nil {
			return nil, errors.New("the stored positions of the log files are damaged: restore them from a backup, or remove them to read all logs anew")
		}
		st := &followed{Position: p, key: inode{p.Device, p.Inode}, format: formats[p.Format], stirred: earlier(p.ModTime, o.Now()), gone: p.Gone}
		f.nextID = max(f.nextID, p.ID+1)
		f.add(st)
	}
	if f.waker == nil {
		var w *notifyWaker
		w, f.noNotify = newNotifyWaker(o.Poll)
		f.waker = w
	}
	f.publish()
	return f, nil
}

// earlier is the time of a file, or now where a clock that is wrong says later.
func earlier(mtime, now time.Time) time.Time {
	if mtime.After(now) {
		return now
	}
	return mtime
}

// add makes a sequence known.
func (f *Follower) add(st *followed) {
	s := f.sources[st.Source]
	if s == nil {
		s = &source{name: st.Source, message: map[string]Problem{}}
		f.sources[st.Source] = s
		// What showed no format may have that of this log.
		for key, ig := range f.ignored {
			if ig.why.Kind == Unknown && strings.HasPrefix(st.Source, logOf(ig.path)) {
				delete(f.ignored, key)
				f.look = true
			}
		}
	}
	st.source, s.format = s, st.format
	s.files = append(s.files, st)
	f.files[st.ID] = st
	if st.key != (inode{}) && f.byInode[st.key] == nil {
		f.byInode[st.key] = st
	}
	f.name(st)
}

// name makes a file known by its paths.
func (f *Follower) name(st *followed) {
	f.byPath[st.Path] = st
	if st.Real != "" {
		f.byPath[st.Real] = st
	}
}

func (f *Follower) unname(st *followed) {
	for _, p := range []string{st.Path, st.Real} {
		if f.byPath[p] == st {
			delete(f.byPath, p)
		}
	}
}

// Close ends following. Batches that were handed over stay valid.
func (f *Follower) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	for _, st := range slices.Clone(f.open) {
		f.shut(st)
	}
	return f.waker.Close()
}

// Next returns the next lines, oldest files first, and waits until there are
// some. The error is the context's; everything else that goes wrong is in
// Status, while the rest goes on.
func (f *Follower) Next(ctx context.Context) (*Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f.stir()
		if f.look {
			if err := f.lookEverywhere(ctx); err != nil {
				return nil, err
			}
			f.publish()
		}
		if st := f.pick(); st != nil {
			b, err := f.read(ctx, st)
			if err != nil {
				return nil, err
			}
			if b != nil {
				f.attach(b, st)
				f.publishSometimes()
				return b, nil
			}
			continue
		}
		if f.look {
			continue
		}
		if len(f.changed) > 0 || len(f.forget) > 0 {
			b := newBatch()
			f.attach(b, nil)
			return b, nil
		}
		f.publishSometimes()
		var due <-chan time.Time // a look that was put off
		if f.due {
			due = time.After(50*f.took - f.o.Now().Sub(f.looked))
		}
		select {
		case <-ctx.Done():
		case <-f.waker.C():
		case <-due:
		}
	}
}

// stir takes in what the waker knows.
func (f *Follower) stir() {
	written, look := f.waker.Take()
	f.due = f.due || look
	// Looking must not take more than a small share of the time.
	if since := f.o.Now().Sub(f.looked); f.due && (since < 0 || since >= 50*f.took) {
		f.look = true
	}
	for _, path := range written {
		if st := f.byPath[path]; st != nil {
			f.wake(st)
		} else if ig := f.ignored[f.aside[path]]; ig != nil && ig.retry && ig.why.Text == "" {
			f.look = true // an empty file no longer is; others wait for the next look
		}
	}
}

func (f *Follower) wake(st *followed) {
	st.ready = true
	if s := st.source; !s.busy {
		s.busy, s.served = true, f.served
		f.busy = append(f.busy, s)
	}
}

// attach gives a batch the positions that changed with it.
func (f *Follower) attach(b *Batch, st *followed) {
	if st != nil {
		delete(f.changed, st)
		b.Positions = append(b.Positions, st.position())
	}
	others := make([]*followed, 0, len(f.changed))
	for o := range f.changed {
		others = append(others, o)
	}
	slices.SortFunc(others, func(a, b *followed) int { return cmp.Compare(a.ID, b.ID) })
	for _, o := range others {
		b.Positions = append(b.Positions, o.position())
	}
	clear(f.changed)
	b.Forget = append(b.Forget, f.forget...)
	f.forget = f.forget[:0]
}

func (st *followed) position() Position {
	if st.head != nil && int64(len(st.head)) != st.HeadLength {
		st.Head, st.HeadLength = hashOf(st.head), int64(len(st.head))
		start := st.head[:min(len(st.head), startMax)]
		st.Start, st.StartLength = hashOf(start), int64(len(start))
	}
	st.Device, st.Inode = st.key.dev, st.key.ino
	return st.Position
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// pick chooses what to read: of the sources with something to read the one
// whose lines lie furthest back, so that sources that are behind come together
// in time, but none waits for long.
func (f *Follower) pick() *followed {
	for {
		var best *followed
		var when time.Time
		var waited int64
		kept := f.busy[:0]
		for _, s := range f.busy {
			st := s.next()
			if st == nil {
				s.busy = false
				continue
			}
			kept = append(kept, s)
			at := s.at
			if at.IsZero() {
				at = cmp.Or(st.first, st.ModTime)
			}
			wait := f.served - s.served
			if best == nil || wait > patience && wait > waited || waited <= patience && wait <= patience && at.Before(when) {
				best, when, waited = st, at, wait
			}
		}
		f.busy = kept
		if best == nil {
			return nil
		}
		// What an older file of the source holds was written before.
		if older := f.olderFirst(best); older != nil {
			best = older
		}
		f.served++
		best.source.served = f.served
		return best
	}
}

func (s *source) next() *followed {
	for _, st := range s.files {
		if st.ready {
			return st
		}
	}
	return nil
}

// olderFirst looks whether an older file of the source that is still open has
// grown, which the kernel may say later.
func (f *Follower) olderFirst(st *followed) *followed {
	for _, o := range st.source.files {
		if o == st {
			return nil
		}
		if o.file != nil && o.gone.IsZero() {
			if info, err := o.file.Stat(); err == nil && info.Size() != o.Size {
				f.wake(o)
				return o
			}
		}
	}
	return nil
}

// read reads a batch; nil where there was none.
func (f *Follower) read(ctx context.Context, st *followed) (*Batch, error) {
	st.ready = false
	if !st.gone.IsZero() {
		return nil, nil
	}
	f.busyWith.Store(&busyWith{st.Path, f.o.Now()})
	defer f.busyWith.Store(nil)
	var b *Batch
	var err error
	if st.Done && st.compression == plain {
		// Whether it is still only shorter than what was read.
		st.Done, st.compression = false, ""
	}
	if st.compression == "" && !f.recognise(st) {
		return nil, nil
	}
	if st.compression == plain {
		b = f.readPlain(st)
	} else {
		b, err = f.readPacked(ctx, st)
	}
	if b == nil || err != nil {
		return nil, err
	}
	s := st.source
	b.Source, b.Format, b.Name, b.Reference = st.Source, st.format, st.Path, st.Reference
	b.Begins = s.last != st
	if b.Begins && b.Lines[0].Number > 1 && (!st.begun || st.format.Headed()) {
		b.before = &File{
			Path: st.Path, Name: st.Path, Format: st.format, Compression: st.compression,
			Size: st.Size, ModTime: st.ModTime, Reference: st.Reference, Source: st.Source, info: st.info,
		}
		b.Resumes = true
	}
	s.last, st.begun = st, true
	s.stats.Lines += int64(len(b.Lines))
	s.stats.Bytes += b.Bytes
	s.stats.LastRead = f.o.Now()
	// A source that is behind waits for others that are further behind.
	s.at = time.Time{}
	if st.ready {
		s.at = f.timeOf(b, st)
	}
	return b, nil
}

// timeOf is the time of the last line of a batch that states one; the
// file's where none of the last few does.
func (f *Follower) timeOf(b *Batch, st *followed) time.Time {
	for i := len(b.Lines) - 1; i >= max(0, len(b.Lines)-8); i-- {
		if t := f.lines.time(b.Lines[i].Bytes, st.format, st.Reference, f.o.Location); !t.IsZero() {
			return t
		}
	}
	return st.ModTime
}

// recognise opens the file of a position of an earlier run, and tells whether
// it still holds what the position speaks of. If it does not, both are sorted
// out with the next look.
func (f *Follower) recognise(st *followed) bool {
	file, err := openLog(st.Path)
	if err != nil {
		f.unread(st, err)
		return false
	}
	info, err := file.Stat()
	if err != nil || inodeOf(info) != st.key {
		_ = file.Close()
		f.look = true
		return false
	}
	st.info = info
	var magic [4]byte
	n, _ := file.ReadAt(magic[:], 0)
	if c := compressionOf(magic[:n]); c != plain {
		_ = file.Close()
		if st.Done && info.Size() == st.Size && info.ModTime().Equal(st.ModTime) {
			st.compression = c
			return true
		}
		st.compression = c
		if head, _, _, err := probe(st.Path); (err == nil || atEnd(err)) && !st.begins(head) {
			f.truncated(st, "was replaced by another file")
			return false
		}
		return true // unpacking compares the rest
	}
	st.compression = plain
	switch {
	case st.holds(file):
		f.hold(st, file, nil)
		return true
	case info.Size() < st.Offset && st.holdsHead(file):
		f.wait(st, info)
	default:
		f.truncated(st, "was replaced or begun anew while nobody followed it")
	}
	_ = file.Close()
	return false
}

// wait leaves alone a file that is shorter than what was read of it, and
// begins alike: a copy that was made before the rest was written, or one whose
// size a network file system does not know yet.
func (f *Follower) wait(st *followed, info os.FileInfo) {
	f.shut(st)
	st.Done, st.Size, st.ModTime = true, info.Size(), info.ModTime()
	f.changed[st] = true
}

// openLog opens a file without waiting where a pipe took its place.
func openLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// hold keeps a file open, and closes the one that was read the longest ago
// where there are too many.
func (f *Follower) hold(st *followed, file *os.File, u *unpacked) {
	f.shut(st)
	st.file, st.packed = file, u
	f.served++
	st.used = f.served
	f.open = append(f.open, st)
	packed := 0
	for _, o := range f.open {
		if o.packed != nil {
			packed++
		}
	}
	for len(f.open) > f.o.MaxOpen || packed > maxPacked {
		var oldest *followed
		for _, o := range f.open {
			if o == st || len(f.open) <= f.o.MaxOpen && o.packed == nil {
				continue
			}
			// Of a deleted file nothing is left once it is closed.
			if oldest == nil || oldest.away && !o.away || oldest.away == o.away && o.used < oldest.used {
				oldest = o
			}
		}
		if oldest == nil {
			return
		}
		if oldest.packed != nil {
			packed--
		}
		drained := false
		if oldest.away && oldest.file != nil {
			info, err := oldest.file.Stat()
			drained = err == nil && unlinked(info) && info.Size() == oldest.Offset
		}
		f.shut(oldest)
		if oldest.away {
			f.vanish(oldest, drained)
		}
	}
}

func (f *Follower) shut(st *followed) {
	if st.file != nil {
		_ = st.file.Close()
	}
	if st.packed != nil {
		st.packed.close()
	}
	if st.file != nil || st.packed != nil {
		st.file, st.packed = nil, nil
		f.open = slices.DeleteFunc(f.open, func(o *followed) bool { return o == st })
	}
}

// holds tells whether a plain file holds what was handed over of a sequence: it
// begins with its head, which may have become longer, and the bytes before the
// place that was reached are those that were handed over.
func (st *followed) holds(file io.ReaderAt) bool {
	return st.holdsHead(file) && st.holdsTail(file)
}

// holdsTail tells whether the bytes before the place that was reached are there.
func (st *followed) holdsTail(file io.ReaderAt) bool {
	if st.TailLength > tailMax || st.TailLength > st.Offset {
		return false
	}
	if st.TailLength == 0 {
		return true
	}
	bp := headBuffers.Get().(*[]byte)
	defer headBuffers.Put(bp)
	t := (*bp)[:st.TailLength]
	return readAt(file, t, st.Offset-st.TailLength) == len(t) && hashOf(t) == st.Tail
}

// holdsHead tells whether a plain file begins with the head of a sequence,
// which becomes longer as the file does.
func (st *followed) holdsHead(file io.ReaderAt) bool {
	bp := headBuffers.Get().(*[]byte)
	defer headBuffers.Put(bp)
	b := (*bp)[:headMax]
	b = b[:readAt(file, b, 0)]
	if st.head == nil {
		if int64(len(b)) < st.HeadLength || !st.begins(b) {
			return false
		}
		st.head = bytes.Clone(b)
		return true
	}
	if !bytes.HasPrefix(b, st.head) {
		return false
	}
	if len(b) > len(st.head) {
		st.head = append(st.head, b[len(st.head):]...)
	}
	return true
}

var headBuffers = sync.Pool{New: func() any { b := make([]byte, headMax); return &b }}

func readAt(file io.ReaderAt, b []byte, at int64) int {
	n, _ := file.ReadAt(b, at)
	return n
}

// readPlain reads on in a plain file.
func (f *Follower) readPlain(st *followed) *Batch {
	info := f.intact(st)
	if info == nil {
		return nil
	}
	size := info.Size()
	f.served++
	st.used = f.served
	if size != st.Size {
		st.stirred = f.o.Now()
	}
	b := newBatch()
	want := min(size-st.Offset, int64(f.o.BatchBytes))
	if want < size-st.Offset {
		want = max(want, 2*MaxLine) // a line of the longest must fit
	}
	data := b.room(int(want))
	n, err := st.file.ReadAt(data, st.Offset)
	data = data[:n]
	if err != nil && err != io.EOF {
		b.Release()
		f.shut(st)
		f.unread(st, err)
		return nil
	}
	if !st.holds(st.file) {
		b.Release()
		f.truncated(st, "was truncated and begun anew")
		return nil
	}
	if size < st.Size {
		st.source.stats.Truncations++
		f.lose(st, st.Size-size, "became shorter before it was read")
	}
	st.Size, st.ModTime, st.info = size, info.ModTime(), info
	delete(st.source.message, st.Path)
	if !st.begun && st.Offset > 0 && st.ModTime.After(st.Reference) {
		st.Reference = st.ModTime
	}
	reached := st.Offset + int64(n)
	used := f.cut(st, b, data, st.final && reached >= size)
	st.final = st.final && reached < size
	f.advance(st, b, data[:used])
	if n > 0 && (reached < size || len(b.Lines) >= batchLines && st.Offset < size) {
		f.wake(st)
	}
	if len(b.Lines) == 0 {
		b.Release()
		return nil
	}
	return b
}

// intact opens the file of a sequence where it is not open, and tells whether
// it still holds what was handed over; nil where it does not, or cannot be read.
func (f *Follower) intact(st *followed) os.FileInfo {
	if st.file == nil && !f.reopen(st) {
		return nil
	}
	info, err := st.file.Stat()
	switch {
	case err != nil:
		f.unread(st, err)
	case info.Size() >= st.Offset && st.holds(st.file):
		return info
	case info.Size() < st.Offset && st.holdsHead(st.file):
		f.wait(st, info)
	default:
		f.truncated(st, "was truncated")
	}
	return nil
}

// reopen opens the file of a sequence again.
func (f *Follower) reopen(st *followed) bool {
	for _, path := range []string{st.Path, st.Real} {
		if path == "" {
			continue
		}
		file, err := openLog(path)
		if err != nil {
			if path == st.Path {
				f.unread(st, err)
			}
			continue
		}
		if info, err := file.Stat(); err == nil && inodeOf(info) == st.key {
			f.hold(st, file, nil)
			return true
		}
		_ = file.Close()
		f.look = true // it was renamed
	}
	return false
}

// unread notes that a file cannot be read for now. The next look tries again.
func (f *Follower) unread(st *followed, err error) {
	if errors.Is(err, os.ErrNotExist) {
		if st.gone.IsZero() {
			f.look = true
		}
		return
	}
	p := unreadable(st.Path, err)
	p.Text += "; it is read on as soon as it can be"
	st.source.message[st.Path] = *p
}

// room returns memory of the batch.
func (b *Batch) room(n int) []byte {
	if cap(b.buf.bytes) < n {
		size := 16 << 10
		for size < n {
			size *= 2
		}
		b.buf.bytes = make([]byte, size)
	}
	return b.buf.bytes[:n]
}

// advance moves the position over bytes that were handed over.
func (f *Follower) advance(st *followed, b *Batch, over []byte) {
	n := int64(len(over))
	if n == 0 {
		return
	}
	b.Bytes += n
	st.Offset += n
	if n < tailMax && st.TailLength > 0 && st.compression == plain {
		// The tail begins before what was read; it was compared a moment ago.
		st.retail()
		return
	}
	tail := over[max(0, len(over)-tailMax):]
	st.Tail, st.TailLength = hashOf(tail), int64(len(tail))
}

// retail hashes the bytes before the place that was reached.
func (st *followed) retail() {
	var t [tailMax]byte
	l := min(tailMax, st.Offset)
	if readAt(st.file, t[:l], st.Offset-l) == int(l) {
		st.Tail, st.TailLength = hashOf(t[:l]), l
	} else {
		st.Tail, st.TailLength = "", 0
	}
}

// cut cuts bytes into the lines of a batch, as File.Read does, and returns how
// many it has done with. What is left is the beginning of a line, which waits
// for its end; where the bytes are final, it is handed over as it is.
func (f *Follower) cut(st *followed, b *Batch, data []byte, final bool) int {
	sp := splitter{max: MaxLine}
	stats := &st.source.stats
	pos := 0
	hand := func(line []byte, at int, overlong bool) {
		st.Line++
		if overlong {
			stats.Overlong++
		}
		b.Lines = append(b.Lines, Line{Bytes: line, Number: st.Line, Offset: st.Offset + int64(at), Overlong: overlong})
	}
	trim := func(line []byte, at int) {
		if len(line) > 0 && (line[0] == 0 || st.Offset+int64(at) == 0) {
			n := sp.lead(line, st.Offset+int64(at))
			line, at = line[n:], at+n
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if n := len(line); n > MaxLine {
			stats.Skipped += int64(n - MaxLine)
			hand(line[:MaxLine], at, true)
			return
		}
		hand(line, at, false)
	}
	for pos < len(data) && len(b.Lines) < batchLines {
		i := bytes.IndexByte(data[pos:], '\n')
		switch {
		case st.Skipping && i < 0:
			stats.Skipped += int64(len(data) - pos)
			pos = len(data)
		case st.Skipping:
			stats.Skipped += int64(i)
			st.Skipping = false
			pos += i + 1
		case i >= 0:
			trim(data[pos:pos+i], pos)
			pos += i + 1
		default:
			rest := data[pos:]
			lead := splitter{max: MaxLine}
			n := lead.lead(rest, st.Offset+int64(pos))
			switch {
			case len(rest)-n > MaxLine+4:
				sp.nul += lead.nul
				hand(rest[n:n+MaxLine], pos+n, true)
				pos += n + MaxLine
				st.Skipping = true
				continue
			case n == len(rest) && n > MaxLine:
				// NUL to the end, and too many to wait for what takes their place.
				sp.nul += lead.nul
				pos = len(data)
			case final && n < len(rest):
				trim(rest, pos)
				pos = len(data)
			case final:
				sp.nul += lead.nul
				pos = len(data)
			}
			stats.NUL += sp.nul
			return pos
		}
	}
	stats.NUL += sp.nul
	return pos
}

// errNotHere says that a compressed file ends before the place to go on at.
var errNotHere = errors.New("it ends before")

// unpacked is a compressed file that is being read.
type unpacked struct {
	file *os.File
	s    *stream
	stop func()
	rest []byte // unpacked, and not handed over
}

func (u *unpacked) close() {
	u.stop()
	u.s.close()
	_ = u.file.Close()
}

// unpack opens a compressed file.
func unpack(path string, key inode) (*unpacked, os.FileInfo, error) {
	file, err := openLog(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && inodeOf(info) != key {
		err = os.ErrNotExist
	}
	if err != nil {
		_ = file.Close()
		return nil, info, err
	}
	s, err := openStream(file, info.Size(), nil, false)
	u := &unpacked{file: file, s: s, stop: func() {}}
	if err != nil {
		u.close()
		return nil, info, err
	}
	u.stop = s.ahead(info.Size())
	return u, info, nil
}

// skip reads up to the place that a sequence has reached, and compares what it
// is known by. errNotHere: it begins alike, and ends before that place.
func (u *unpacked) skip(ctx context.Context, st *followed) (same bool, err error) {
	bp := buffers.Get().(*[]byte)
	defer buffers.Put(bp)
	tail := make([]byte, 0, 2*tailMax)
	head := make([]byte, 0, headMax)
	until := max(st.Offset, headMax)
	for at := int64(0); at < until; {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n, err := fill(u.s.r, (*bp)[:min(int64(len(*bp)), until-at)])
		b := (*bp)[:n]
		if room := headMax - len(head); room > 0 {
			head = append(head, b[:min(room, n)]...)
		}
		at += int64(n)
		if over := at - st.Offset; over > 0 {
			keep := min(over, int64(n))
			u.rest = append(u.rest, b[int64(n)-keep:]...)
			b = b[:int64(n)-keep]
		}
		if len(b) >= tailMax {
			tail = append(tail[:0], b[len(b)-tailMax:]...)
		} else {
			tail = append(tail, b...)
			tail = tail[max(0, len(tail)-tailMax):]
		}
		if err != nil && at < st.Offset {
			if err == io.EOF {
				err = errNotHere
			}
			if !st.begins(head) {
				err = nil
			}
			return false, err
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return false, err
		}
	}
	if !st.begins(head) || int64(len(tail)) < st.TailLength {
		return false, nil
	}
	if st.TailLength > 0 && hashOf(tail[int64(len(tail))-st.TailLength:]) != st.Tail {
		return false, nil
	}
	st.head = head
	return true, nil
}

// begins tells whether the first bytes of a file, headMax of them or all there
// are, are those of a sequence, as far as both are known.
func (st *followed) begins(b []byte) bool {
	switch {
	case st.head != nil:
		n := min(len(b), len(st.head))
		return bytes.Equal(b[:n], st.head[:n]) && (n > 0 || st.Offset == 0)
	case int64(len(b)) >= st.HeadLength:
		return hashOf(b[:st.HeadLength]) == st.Head
	}
	return st.StartLength > 0 && int64(len(b)) >= st.StartLength && hashOf(b[:st.StartLength]) == st.Start
}

// readPacked reads on in a compressed file.
func (f *Follower) readPacked(ctx context.Context, st *followed) (*Batch, error) {
	if st.Done {
		return nil, nil
	}
	if st.packed == nil {
		u, info, err := unpack(st.Path, st.key)
		if err == nil {
			var same bool
			same, err = u.skip(ctx, st)
			switch {
			case ctx.Err() != nil:
				u.close()
				return nil, ctx.Err()
			case err != nil:
				u.close()
			case !same:
				u.close()
				f.truncated(st, "was replaced by another file")
				return nil, nil
			}
		}
		if err != nil {
			f.damaged(st, err)
			return nil, nil
		}
		f.hold(st, nil, u)
		st.Size, st.ModTime, st.info = info.Size(), info.ModTime(), info
	}
	u := st.packed
	f.served++
	st.used = f.served
	b := newBatch()
	data := b.room(max(f.o.BatchBytes, 2*MaxLine+len(u.rest)))
	n := copy(data, u.rest)
	m, err := fill(u.s.r, data[n:])
	data = data[:n+m]
	ended := err == io.EOF
	if have := int64(len(st.head)); have < headMax && have >= st.Offset {
		from := min(have-st.Offset, int64(len(data)))
		st.head = append(st.head, data[from:min(from+headMax-have, int64(len(data)))]...)
	}
	used := f.cut(st, b, data, ended)
	u.rest = append(u.rest[:0], data[used:]...)
	st.unpackAt = u.s.stored.n
	f.advance(st, b, data[:used])
	switch {
	case ended && used == len(data):
		st.Done = true
		f.changed[st] = true
		f.shut(st)
		f.reached(st)
	case err != nil && !ended && used == 0:
		f.shut(st)
		f.damaged(st, err)
	default:
		f.wake(st)
	}
	if len(b.Lines) == 0 {
		b.Release()
		return nil, nil
	}
	return b, nil
}

// damaged is told where a compressed file cannot be read on. It may still be
// in the making, so only one that has been left alone is given up.
func (f *Follower) damaged(st *followed, err error) {
	switch {
	case errors.Is(err, errNotHere):
		// A copy made before all was written that was read.
		st.Done = true
		f.changed[st] = true
		f.reached(st)
		return
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		f.unread(st, err)
		return
	}
	if f.o.Now().Sub(st.stirred) < f.o.Settle {
		return // the next look tries again
	}
	st.Done = true
	f.changed[st] = true
	d := damage{err}
	var bad *damage
	if errors.As(err, &bad) {
		d = *bad
	}
	st.source.message[st.Path] = Problem{st.Path, Damaged, d.text(st.Line), err}
	f.note(st, Damaged, d.text(st.Line), 0)
}

// reached counts what is missing of a file that was truncated, once its copy
// has been read.
func (f *Follower) reached(st *followed) {
	if st.reach > st.Offset {
		f.lose(st, st.reach-st.Offset, "the copy that was made of it does not hold all of it")
	}
	st.reach = 0
}

// WarmUp calls fn for the lines before the first one of a batch that Resumes,
// as far as a parser needs them: they were handed over by an earlier run, and
// are to be parsed but not counted. Before the batch's own lines, the parser
// is told of the file by NextFile. An error means that the parser does
// without; it is no reason to stop.
func (f *Follower) WarmUp(ctx context.Context, b *Batch, fn func(Line) error) error {
	if b.before == nil || len(b.Lines) == 0 || b.Format.Alone() {
		return nil
	}
	file, end := b.before, b.Lines[0].Offset
	if file.Compression == plain && !file.Format.Headed() {
		_, err := file.Stretch(ctx, file.LineAfter(max(0, end-warmUp)), end, fn)
		return err
	}
	_, err := file.Peek(ctx, func(l Line) error {
		switch {
		case l.Offset >= end:
			return errStop
		case l.Offset >= end-warmUp, file.Format.Headed() && bytes.HasPrefix(l.Bytes, []byte("#")):
			return fn(l)
		}
		return nil
	})
	if err == errStop {
		err = nil
	}
	return err
}

// nameOf is the path that a position keeps for links.
func nameOf(path string) (real string) {
	if r := realPath(path); r != path && filepath.IsAbs(path) {
		return r
	}
	return ""
}
