package intake

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/readahead"
)

// Read calls fn for every line, in order, until fn returns an error, which it
// returns as it is. An error that is a *Problem concerns this file alone, and
// all whole lines before it were handed over. The file is hashed on the way.
func (f *File) Read(ctx context.Context, p *Progress, fn func(Line) error) (ReadStats, error) {
	return f.read(ctx, p, true, fn)
}

// Peek is Read without the hash, for those who have it or need only some
// lines: the rest of a file that fn has enough of is not read.
func (f *File) Peek(ctx context.Context, fn func(Line) error) (ReadStats, error) {
	return f.read(ctx, nil, false, fn)
}

func (f *File) read(ctx context.Context, p *Progress, hashed bool, fn func(Line) error) (ReadStats, error) {
	var st ReadStats
	file, err := f.reopen()
	if err != nil {
		st.Changed = true
		return st, err
	}
	defer func() { _ = file.Close() }()

	s, err := openStream(file, f.Size, p, hashed)
	if err == nil {
		defer s.close()
		stop := s.ahead(f.Size)
		sp := splitter{r: s.r, max: MaxLine, p: p}
		err = sp.run(ctx, fn)
		sp.tell(&st)
		stop()
	}
	var bad *damage
	if hashed && (err == nil || errors.As(err, &bad)) {
		// The hash is of the whole file, also behind damage.
		if e := s.stored.drain(ctx); e != nil && (err == nil || ctx.Err() != nil) {
			err, bad = e, nil
			errors.As(e, &bad)
		}
	}
	errors.As(err, &bad)
	st.Stored = s.stored.n
	f.compare(file, &st)
	if err != nil && bad == nil {
		return st, err // fn's, or the context's
	}
	if hashed {
		s.stored.sum.Sum(st.SHA256[:0])
		f.settle(&st)
	}
	return st, f.problem(&st, bad)
}

// compare says whether the file has another size than when it was found.
func (f *File) compare(file *os.File, st *ReadStats) {
	if info, e := file.Stat(); e == nil && info.Size() != f.Size {
		st.Changed = true
	}
}

// settle remembers the first hash of a file, and holds later ones against it.
func (f *File) settle(st *ReadStats) {
	if !f.sum.CompareAndSwap(nil, &st.SHA256) && *f.sum.Load() != st.SHA256 {
		st.Changed = true
	}
}

func (f *File) problem(st *ReadStats, bad *damage) error {
	switch {
	case st.Stored < f.Size && st.Changed:
		return &Problem{f.Name, Changed, fmt.Sprintf("shrank from %d to %d bytes while it was in use, read up to line %d: "+
			"investigate a copy of it, or wait until it is rotated", f.Size, st.Stored, st.Lines), bad.cause()}
	case bad != nil:
		return &Problem{f.Name, Damaged, bad.text(st.Lines), bad.err}
	case st.NUL > 0:
		return f.blank()
	}
	return nil
}

// blank is the problem of lines that are missing in the midst of a file.
func (f *File) blank() error {
	return &Problem{f.Name, Damaged, "holds NUL bytes where lines should be, as a crash or a truncation under the writer leaves them: " +
		"all other lines were read; look for the missing ones in a backup or on the central log host", nil}
}

// reopen opens the file that was found, also where rotation renamed it since.
func (f *File) reopen() (*os.File, error) {
	file, err := os.Open(f.Path)
	if err == nil {
		if info, e := file.Stat(); e == nil && os.SameFile(info, f.info) {
			return file, nil
		}
		_ = file.Close()
	}
	// Rotation renames within the folder.
	dir := filepath.Dir(f.Path)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !os.SameFile(info, f.info) {
			continue
		}
		if file, err := os.Open(filepath.Join(dir, e.Name())); err == nil {
			return file, nil
		}
	}
	const again = "start again, or investigate a copy of the folder"
	switch {
	case err == nil:
		return nil, &Problem{f.Name, Changed, "replaced by another file since it was found, not read: " + again, nil}
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Problem{f.Name, Changed, "vanished since it was found, not read: " + again, err}
	}
	return nil, unreadable(f.Name, err)
}

// ReadLine returns one line by its number, from 1, with bytes of its own.
func ReadLine(ctx context.Context, path string, number int64) (Line, error) {
	return readOne(ctx, path, func(l Line) bool { return l.Number == number },
		func(lines, _ int64) string { return fmt.Sprintf("has %d lines, no line %d", lines, number) })
}

// ReadLineAt returns the line that begins at an offset of the decompressed
// stream, with bytes of its own.
func ReadLineAt(ctx context.Context, path string, offset int64) (Line, error) {
	return readOne(ctx, path, func(l Line) bool { return l.Offset == offset },
		func(_, size int64) string {
			return fmt.Sprintf("no line begins at offset %d of its %d bytes", offset, size)
		})
}

func readOne(ctx context.Context, path string, want func(Line) bool, none func(lines, size int64) string) (Line, error) {
	name := filepath.Clean(path)
	info, err := os.Stat(path)
	if err != nil {
		return Line{}, unreadable(name, err)
	}
	if !info.Mode().IsRegular() {
		return Line{}, &Problem{name, Unreadable, "not a file: name the file that holds the line", nil}
	}
	file, err := os.Open(path)
	if err != nil {
		return Line{}, unreadable(name, err)
	}
	defer func() { _ = file.Close() }()
	s, err := openStream(file, info.Size(), nil, false)
	var found *Line
	if err == nil {
		defer s.close()
		sp := splitter{r: s.r, max: MaxLine}
		err = sp.run(ctx, func(l Line) error {
			if !want(l) {
				return nil
			}
			l.Bytes = bytes.Clone(l.Bytes)
			found = &l
			return errStop
		})
		if found != nil {
			return *found, nil
		}
		if err == nil {
			return Line{}, &Problem{name, Missing, none(sp.lines, sp.bytes), nil}
		}
		if bad := (*damage)(nil); errors.As(err, &bad) {
			return Line{}, &Problem{name, Damaged, bad.text(sp.lines), bad.err}
		}
		return Line{}, err
	}
	if bad := (*damage)(nil); errors.As(err, &bad) {
		return Line{}, &Problem{name, Damaged, bad.text(0), bad.err}
	}
	return Line{}, err
}

// errStop ends a splitter that has seen enough.
var errStop = errors.New("enough")

// damage is an error of the stored bytes, as against one of the caller.
type damage struct{ err error }

func (d *damage) Error() string { return d.err.Error() }
func (d *damage) Unwrap() error { return d.err }

// cause is the damage as an error, nil where there is none.
func (d *damage) cause() error {
	if d == nil {
		return nil
	}
	return d
}

func (d *damage) text(line int64) string {
	switch {
	case errors.Is(d.err, errTrailing):
		return fmt.Sprintf("something that is no gzip follows after line %d: all lines before it were read; "+
			`nothing is missing where "gzip -t FILE" speaks of trailing garbage alone`, line)
	case errors.Is(d.err, zstd.ErrWindowSizeExceeded):
		return `packed by zstd so that it takes more than 128 MiB of memory to read: unpack it with "zstd -d --long=31"`
	case errors.Is(d.err, syscall.EIO):
		return fmt.Sprintf("the disk could not be read after line %d: %v: the lines up to there were read; "+
			`see what "dmesg" says of the disk, and read a copy or a backup`, line, reason(d.err))
	case errors.Is(d.err, syscall.ESTALE), errors.Is(d.err, syscall.ENOTCONN), errors.Is(d.err, syscall.EHOSTDOWN):
		return fmt.Sprintf("the network share was lost after line %d: %v: the lines up to there were read; mount it again, and start again", line, reason(d.err))
	}
	what := "corrupt"
	cause := ": " + reason(d.err).Error()
	if errors.Is(d.err, io.ErrUnexpectedEOF) {
		what, cause = "truncated", ""
	}
	if line == 0 {
		return what + " before the end of its first line" + cause + ": fetch the file again from where it came"
	}
	return fmt.Sprintf("%s after line %d%s: the lines up to there were read; fetch the file again from where it came", what, line, cause)
}

// stored reads a file as stored, up to the size it had when it was found,
// and hashes what passes.
type stored struct {
	r   io.Reader
	n   int64
	sum hash.Hash // may be nil
	p   *Progress
}

func (s *stored) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	s.n += int64(n)
	s.p.add(int64(n), 0)
	if s.sum != nil {
		_, _ = s.sum.Write(b[:n])
	}
	return n, err
}

// drain reads what the decompressor left.
func (s *stored) drain(ctx context.Context) error {
	bp := buffers.Get().(*[]byte)
	defer buffers.Put(bp)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch _, err := s.Read(*bp); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return &damage{err}
		}
	}
}

// stream is a file's decompressed content.
type stream struct {
	stored      *stored
	r           io.Reader
	close       func()
	compression string
	headerTime  time.Time // gzip's, where stated
}

const (
	plain    = "plain"
	gzipped  = "gzip"
	zstdized = "zstd"
)

// unreadCompressions are recognised so that the operator is told what to do.
var unreadCompressions = []struct{ magic, name, tool string }{
	{"\xfd7zXZ\x00", "xz", "xz -dk"},
	{"BZh", "bzip2", "bzip2 -dk"},
	{"\x04\x22\x4d\x18", "lz4", "lz4 -d"},
	{"\x1f\x9d", "compress", "uncompress -k"},
	{"PK\x03\x04", "zip", "unzip"},
	{"7z\xbc\xaf\x27\x1c", "7z", "7z x"},
}

// compressionOf tells a compression by its first bytes: names lie.
func compressionOf(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return gzipped
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")),
		// A skippable frame, with which pzstd and seekable zstd begin.
		len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte("\x2a\x4d\x18")):
		return zstdized
	}
	return plain
}

// openStream never returns a nil stream, so that what was stored can be
// counted and hashed even where it cannot be decompressed.
func openStream(file *os.File, size int64, p *Progress, hashed bool) (*stream, error) {
	var magic [4]byte
	n, _ := file.ReadAt(magic[:], 0)
	s := &stream{
		stored:      &stored{r: io.LimitReader(file, size), p: p},
		close:       func() {},
		compression: compressionOf(magic[:n]),
	}
	if hashed {
		s.stored.sum = sha256.New()
	}
	switch s.compression {
	case gzipped:
		m, err := newMembers(bufio.NewReaderSize(s.stored, 64<<10))
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return s, &damage{err}
		}
		if m.z.ModTime.Unix() > 0 {
			s.headerTime = m.z.ModTime
		}
		s.r, s.close = m, func() { _ = m.z.Close() }
	case zstdized:
		// Files are read side by side, so one decoder of its own would only
		// take the core of another. 128 MiB is what zstd itself reads
		// without being asked to spend more memory.
		z, err := zstd.NewReader(s.stored, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return s, &damage{err}
		}
		s.r, s.close = z, z.Close
	default:
		s.r = s.stored
	}
	return s, nil
}

// ahead has a compressed file of some size unpacked beside those who read its
// lines. stop waits until that has ended.
func (s *stream) ahead(size int64) (stop func()) {
	const worthwhile, blocks, block = 1 << 20, 4, 256 << 10
	if s.compression == plain || size < worthwhile {
		return func() {}
	}
	r, err := readahead.NewReaderSize(s.r, blocks, block)
	if err != nil {
		return func() {} // no such numbers of blocks: never with these
	}
	s.r = r
	return func() { _ = r.Close() }
}

// splitter cuts a stream into lines, within one buffer.
type splitter struct {
	r   io.Reader
	max int
	p   *Progress

	lines, bytes, overlong, skipped, nul int64
	from                                 int64 // offset of the first byte
}

// tell adds to what was read.
func (s *splitter) tell(st *ReadStats) {
	st.Lines += s.lines
	st.Bytes += s.bytes
	st.Overlong += s.overlong
	st.Skipped += s.skipped
	st.NUL += s.nul
}

// run hands every line to fn. At damage the line that it cuts is not handed
// over: half a line can state another fact than the whole.
func (s *splitter) run(ctx context.Context, fn func(Line) error) error {
	bp := buffers.Get().(*[]byte)
	defer buffers.Put(bp)
	buf := *bp
	var (
		pos, end int      // the bytes not handed over yet
		offset   = s.from // of buf[pos]
		cut      bool     // the line at pos was handed over, its rest is skipped
		counted  int64
		idle     int
	)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := s.r.Read(buf[end:])
		s.bytes += int64(n)
		scan := end // nothing before it is a newline
		end += n
		for {
			i := bytes.IndexByte(buf[scan:end], '\n')
			if i < 0 {
				break
			}
			line := buf[pos : scan+i]
			next := scan + i + 1
			if cut {
				s.skipped += int64(len(line))
				cut = false
			} else if err := s.trim(line, offset, fn); err != nil {
				return err
			}
			offset += int64(next - pos)
			pos, scan = next, next
		}
		s.p.add(0, s.lines-counted)
		counted = s.lines
		if !cut {
			n := s.lead(buf[pos:end], offset)
			offset, pos = offset+int64(n), pos+n
		}
		// A mark and a CR may still be taken off, so four bytes more are no
		// excess yet.
		if !cut && end-pos > s.max+4 {
			if err := s.hand(buf[pos:pos+s.max], offset, true, fn); err != nil {
				return err
			}
			offset, pos, cut = offset+int64(s.max), pos+s.max, true
		}
		if cut {
			s.skipped += int64(end - pos)
			offset, pos = offset+int64(end-pos), end
		}
		end = copy(buf, buf[pos:end])
		pos = 0

		switch {
		case err == io.EOF:
			if end > 0 {
				if err := s.trim(buf[:end], offset, fn); err != nil {
					return err
				}
			}
			s.p.add(0, s.lines-counted)
			return nil
		case err != nil:
			return &damage{err}
		case n > 0:
			idle = 0
		default:
			if idle++; idle == 100 {
				return &damage{io.ErrNoProgress}
			}
		}
	}
}

// lead counts the bytes before a line that are none of it: NUL, which a crash,
// or a truncation under the writer, left in place of others, and the mark that
// Windows writes at the beginning of UTF-8.
func (s *splitter) lead(line []byte, offset int64) int {
	n := 0
	if offset == 0 && bytes.HasPrefix(line, []byte("\xef\xbb\xbf")) {
		n = 3
	}
	if n < len(line) && line[n] == 0 {
		nul := len(line) - n - len(bytes.TrimLeft(line[n:], "\x00"))
		s.nul += int64(nul)
		n += nul
	}
	return n
}

// trim hands over a line without what is before it, without its CR, and cut to what is allowed.
func (s *splitter) trim(line []byte, offset int64, fn func(Line) error) error {
	if n := s.lead(line, offset); n > 0 {
		line, offset = line[n:], offset+int64(n)
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if n := len(line); n > s.max {
		s.skipped += int64(n - s.max)
		return s.hand(line[:s.max], offset, true, fn)
	}
	return s.hand(line, offset, false, fn)
}

func (s *splitter) hand(line []byte, offset int64, overlong bool, fn func(Line) error) error {
	s.lines++
	if overlong {
		s.overlong++
	}
	return fn(Line{Bytes: line, Number: s.lines, Offset: offset, Overlong: overlong})
}

// unreadable says why a file cannot be opened.
func unreadable(name string, err error) *Problem {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Problem{name, Missing, "does not exist: check the path", err}
	case errors.Is(err, fs.ErrPermission):
		return &Problem{name, Unreadable, "no permission to read it: run as root or as a member of the group that owns it " +
			"(adm on Debian), or give a copy", err}
	case errors.Is(err, syscall.ESTALE), errors.Is(err, syscall.ENOTCONN), errors.Is(err, syscall.EHOSTDOWN):
		return &Problem{name, Unreadable, fmt.Sprintf("on a network share that is gone: %v: mount it again", reason(err)), err}
	case errors.Is(err, syscall.EIO):
		return &Problem{name, Unreadable, fmt.Sprintf("the disk cannot be read: %v: see what \"dmesg\" says of it, and read a copy or a backup", reason(err)), err}
	case errors.Is(err, syscall.ENAMETOOLONG):
		return &Problem{name, Missing, "a name too long for a file: check the path", err}
	case errors.Is(err, syscall.ELOOP):
		return &Problem{name, Missing, "a link that leads back to itself: nothing to read", err}
	}
	return &Problem{name, Unreadable, fmt.Sprintf("cannot be opened: %v: check the path", reason(err)), err}
}
