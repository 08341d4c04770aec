package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Part is a stretch of a file that begins and ends with its lines, so that one
// file can be read by several readers. A file that is compressed is one Part:
// it can only be read from its beginning.
type Part struct {
	*File
	// From and To are offsets in the file; From is the first byte of a line,
	// To that behind a line or the end of the file.
	From, To int64
}

// Whole says whether the part is all of its file.
func (p Part) Whole() bool { return p.From == 0 && p.To == p.Size }

// Cut returns the parts of a file, cut near the offsets named, which rise. A
// file that is not to be cut, or has changed since it was found, is one.
func (f *File) Cut(near []int64) []Part {
	whole := []Part{{f, 0, f.Size}}
	if f.Compression != plain || len(near) == 0 {
		return whole
	}
	file, err := f.reopen()
	if err != nil {
		return whole // reading it will say why
	}
	defer func() { _ = file.Close() }()
	var out []Part
	from := int64(0)
	for _, at := range near {
		to := lineAfter(file, at)
		if at <= from || to <= from || to >= f.Size {
			continue
		}
		out = append(out, Part{f, from, to})
		from = to
	}
	return append(out, Part{f, from, f.Size})
}

// LineAfter is the offset of the first line of a plain file that begins after
// an offset, 0 for 0; the offset itself where the file cannot be read or no
// line begins there.
func (f *File) LineAfter(at int64) int64 {
	if at == 0 {
		return 0
	}
	file, err := f.reopen()
	if err != nil {
		return at
	}
	defer func() { _ = file.Close() }()
	if to := lineAfter(file, at); to >= 0 {
		return to
	}
	return at
}

// lineAfter is the offset of the first line that begins after an offset; -1
// where none does within what a line may be long.
func lineAfter(file *os.File, at int64) int64 {
	bp := buffers.Get().(*[]byte)
	defer buffers.Put(bp)
	n, _ := file.ReadAt((*bp)[:2*MaxLine], at)
	if i := bytes.IndexByte((*bp)[:n], '\n'); i >= 0 {
		return at + int64(i) + 1
	}
	return -1
}

// Read is File.Read for a part: lines are counted from 1 at its beginning,
// offsets are those of the file. A part that is not the whole file has no
// hash; Sum has.
func (p Part) Read(ctx context.Context, progress *Progress, fn func(Line) error) (ReadStats, error) {
	if p.Whole() {
		return p.File.Read(ctx, progress, fn)
	}
	return p.stretch(ctx, progress, p.From, p.To, fn)
}

// Stretch reads the lines of a plain file between two offsets at which lines
// begin, without the hash. Lines are counted from 1.
func (f *File) Stretch(ctx context.Context, from, to int64, fn func(Line) error) (ReadStats, error) {
	return f.stretch(ctx, nil, from, to, fn)
}

func (f *File) stretch(ctx context.Context, progress *Progress, from, to int64, fn func(Line) error) (ReadStats, error) {
	var st ReadStats
	file, err := f.reopen()
	if err != nil {
		st.Changed = true
		return st, err
	}
	defer func() { _ = file.Close() }()
	raw := &stored{r: io.NewSectionReader(file, from, to-from), p: progress}
	sp := splitter{r: raw, max: MaxLine, p: progress, from: from}
	err = sp.run(ctx, fn)
	sp.tell(&st)
	st.Stored = raw.n
	f.compare(file, &st)
	var bad *damage
	if err != nil && !errors.As(err, &bad) {
		return st, err
	}
	if raw.n < to-from {
		st.Changed = true
		return st, f.problem(&st, bad)
	}
	if bad != nil {
		return st, f.problem(&st, bad)
	}
	if st.NUL > 0 {
		return st, f.blank()
	}
	return st, nil
}

// Sum hashes a file as stored, up to the size it had when it was found: for
// files of several parts, which are read out of order. It reads each byte once
// more than the parts do, from the memory that the system keeps of the file.
func (f *File) Sum(ctx context.Context) ([sha256.Size]byte, bool, error) {
	var st ReadStats
	file, err := f.reopen()
	if err != nil {
		return st.SHA256, true, err
	}
	defer func() { _ = file.Close() }()
	raw := &stored{r: io.LimitReader(file, f.Size), sum: sha256.New()}
	if err := raw.drain(ctx); err != nil {
		return st.SHA256, false, err
	}
	raw.sum.Sum(st.SHA256[:0])
	f.settle(&st)
	return st.SHA256, st.Changed, nil
}

// ReadLines calls fn for the lines of any file, log or not, from the first that
// begins at an offset or after it, until fn returns an error, which it returns
// as it is. Lines are not numbered where the file is plain and the offset
// is not 0: what lies before is not read. A *Problem says what is wrong with the
// file.
func ReadLines(ctx context.Context, path string, offset int64, fn func(Line) error) error {
	name := filepath.Clean(path)
	info, err := os.Stat(path)
	if err != nil {
		return unreadable(name, err)
	}
	if !info.Mode().IsRegular() {
		return &Problem{name, Unreadable, "not a file: name the file that holds the line", nil}
	}
	file, err := os.Open(path)
	if err != nil {
		return unreadable(name, err)
	}
	defer func() { _ = file.Close() }()
	s, err := openStream(file, info.Size(), nil, false)
	lines := int64(0)
	if err == nil {
		defer s.close()
		sp := splitter{r: s.r, max: MaxLine}
		if s.compression == plain && offset > 0 {
			s.stored.r = io.NewSectionReader(file, offset, max(0, info.Size()-offset))
			sp.from = offset
			err = sp.run(ctx, func(l Line) error {
				l.Number = 0
				return fn(l)
			})
		} else {
			err = sp.run(ctx, func(l Line) error {
				if l.Offset < offset {
					return nil
				}
				return fn(l)
			})
		}
		lines = sp.lines
	}
	if bad := (*damage)(nil); errors.As(err, &bad) {
		return &Problem{name, Damaged, bad.text(lines), bad.err}
	}
	return err
}

// Digest is what a file is known by.
type Digest struct {
	Size        int64 // stored bytes
	SHA256      [sha256.Size]byte
	Compression string // "plain", "gzip" or "zstd"
	// Unpacked is the hash of the content, up to the limit of DigestFile: the
	// same as SHA256 where the file is plain.
	Unpacked [sha256.Size]byte
	// Whole is false where the content went on behind the limit.
	Whole bool
}

// DigestFile hashes a file as stored and as unpacked, each up to limit bytes; a
// negative limit is none. A *Problem says what is wrong with the file.
func DigestFile(ctx context.Context, path string, limit int64) (Digest, error) {
	var d Digest
	name := filepath.Clean(path)
	file, err := os.Open(path)
	if err != nil {
		return d, unreadable(name, err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return d, unreadable(name, err)
	}
	if !info.Mode().IsRegular() {
		return d, &Problem{name, Unreadable, "not a file: there is nothing to compare", nil}
	}
	d.Size = info.Size()
	size := d.Size
	if limit >= 0 {
		size = min(size, limit)
	}
	raw := &stored{r: io.NewSectionReader(file, 0, size), sum: sha256.New()}
	if err := raw.drain(ctx); err != nil {
		if bad := (*damage)(nil); errors.As(err, &bad) {
			return d, &Problem{name, Unreadable, bad.text(0), bad.err}
		}
		return d, err
	}
	raw.sum.Sum(d.SHA256[:0])
	s, err := openStream(file, d.Size, nil, false)
	d.Compression = s.compression
	if d.Compression == plain {
		d.Unpacked, d.Whole = d.SHA256, size == d.Size
		return d, nil
	}
	if err != nil {
		return d, nil // it is packed, and damaged: known by what is stored alone
	}
	defer s.close()
	content := &stored{r: s.r, sum: sha256.New()}
	if limit >= 0 {
		content.r = io.LimitReader(s.r, limit)
	}
	if err := content.drain(ctx); err != nil {
		if bad := (*damage)(nil); errors.As(err, &bad) {
			return d, nil
		}
		return d, err
	}
	content.sum.Sum(d.Unpacked[:0])
	n, _ := io.ReadFull(s.r, make([]byte, 1))
	d.Whole = n == 0
	return d, nil
}
