package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"mailvigil/maillog"
)

// Discover finds the log files among paths: files, folders with all that is
// below them, and "-" for standard input. Without paths it looks in the usual
// places of mail and web servers. Each file is opened once, and again only
// where two begin alike; whether it is a log, of which format and how
// compressed, is told by its content. The error is the context's; everything
// else that goes wrong is a Problem of the Set. The caller closes the Set.
func Discover(ctx context.Context, paths []string, o Options) (*Set, error) {
	d := &discovery{
		ctx: ctx, o: o, loc: o.Location, set: &Set{},
		sizes: map[int64][]*candidate{},
		paths: map[string]*candidate{},
		heads: map[string][]*candidate{},
		dirs:  map[string]bool{},
	}
	if d.loc == nil {
		d.loc = time.UTC
	}
	d.timer = newTimer(d.loc)
	if len(paths) == 0 {
		d.usual()
	}
	for _, p := range paths {
		d.path(p)
	}
	if err := ctx.Err(); err != nil {
		_ = d.set.Close()
		return nil, err
	}
	d.set.Files = d.arrange()
	return d.set, nil
}

// candidate is a file that turned out to be a log, with what is needed to
// place it in time.
type candidate struct {
	*File
	head []byte // the beginning of its first lines, to know copies by

	// The first and last lines with a time, to be read again when the year
	// that they are measured against is known.
	firstLine, lastLine []byte
	yearless            bool      // they state no year
	headerTime          time.Time // gzip's

	stem   string    // name before rotation
	date   time.Time // end of the day in the name; zero: none
	number int       // of the rotation; -1: none

	dropped bool
}

type discovery struct {
	ctx   context.Context
	o     Options
	loc   *time.Location
	timer *timer
	set   *Set
	found []*candidate
	sizes map[int64][]*candidate  // by stored size, for hard links
	paths map[string]*candidate   // by real path; nil: no log
	heads map[string][]*candidate // by first line, for copies
	dirs  map[string]bool         // folders walked, by real path
	stdin bool
}

func (d *discovery) problem(name string, kind Kind, text string, err error) {
	d.set.Problems = append(d.set.Problems, Problem{name, kind, text, err})
}

func (d *discovery) usual() {
	places := d.o.Places
	if places == nil {
		places = UsualPlaces
	}
	n := 0
	for _, pattern := range places {
		names, _ := filepath.Glob(pattern) // its only error is a bad pattern
		for _, name := range names {
			d.path(name)
		}
		n += len(names)
	}
	if n == 0 {
		d.problem("usual places", Missing, "no logs in "+strings.Join(places, ", ")+": name the files or folders to read, or run as a user who may look there", nil)
	}
}

// path takes one path that the operator named.
func (d *discovery) path(path string) {
	if d.ctx.Err() != nil {
		return
	}
	name := filepath.Clean(path)
	if path == "-" {
		if d.stdin {
			d.problem("standard input", Twice, "named twice, read once", nil)
			return
		}
		d.stdin = true
		in := d.o.Stdin
		if in == nil {
			in = os.Stdin
		}
		d.spool("standard input", func() (io.ReadCloser, error) { return io.NopCloser(in), nil })
		return
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		d.set.Problems = append(d.set.Problems, *unreadable(name, err))
	case info.IsDir():
		d.walk(path)
	case info.Mode().IsRegular():
		d.file(path, name, false)
	case info.Mode()&fs.ModeNamedPipe != 0: // what a shell's <(command) names
		d.spool(name, func() (io.ReadCloser, error) { return os.Open(path) })
	default:
		d.problem(name, Unreadable, "neither a file nor a folder nor a pipe: name log files", nil)
	}
}

// walk takes what is below a folder: files, also through links, but nothing
// hidden, and no sockets, pipes and devices. A folder is walked once, so that
// links in a circle end.
func (d *discovery) walk(dir string) {
	resolved := realPath(dir)
	if d.dirs[resolved] {
		return
	}
	d.dirs[resolved] = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		d.set.Problems = append(d.set.Problems, *unreadable(filepath.Clean(dir), err))
	}
	for _, e := range entries {
		if d.ctx.Err() != nil {
			return
		}
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		switch {
		case err != nil && e.Type()&fs.ModeSymlink != 0 && !errors.Is(err, fs.ErrPermission):
			d.problem(path, Missing, "a link that leads nowhere: nothing to read", err)
		case err != nil:
			d.set.Problems = append(d.set.Problems, *unreadable(path, err))
		case info.IsDir():
			d.walk(path)
		case info.Mode().IsRegular():
			d.file(path, path, false)
		}
	}
}

// spool keeps what can be read only once in a temporary file, as it comes:
// compressed input stays compressed.
func (d *discovery) spool(name string, open func() (io.ReadCloser, error)) {
	dir := d.o.SpoolDir
	if dir == "" {
		dir = os.TempDir()
	}
	f, err := os.CreateTemp(dir, "mailvigil-spool-*")
	if err != nil {
		d.problem(name, Unreadable, fmt.Sprintf("cannot be kept for the second pass: %v: "+
			"choose a folder that can be written with TMPDIR, or give a file", reason(err)), err)
		return
	}
	d.set.spools = append(d.set.spools, f.Name())
	// Neither waiting for a pipe's writer nor reading from a terminal can be
	// interrupted, so both are left behind when the context ends. What comes
	// then fails on the closed file.
	done := make(chan error, 1)
	go func() {
		in, err := open()
		if err == nil {
			_, err = io.Copy(f, in)
			_ = in.Close()
		}
		done <- err
	}()
	select {
	case err = <-done:
	case <-d.ctx.Done():
		_ = f.Close()
		return
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		d.problem(name, Damaged, fmt.Sprintf("could not be read and kept to its end: %v: what came before is used; "+
			"choose a folder with more room with TMPDIR, or give a file", reason(err)), err)
	}
	d.file(f.Name(), name, true)
}

// file opens one regular file and takes it if it is a log.
func (d *discovery) file(path, name string, spooled bool) {
	f, err := os.Open(path)
	if err != nil {
		d.set.Problems = append(d.set.Problems, *unreadable(name, err))
		return
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		d.set.Problems = append(d.set.Problems, *unreadable(name, err))
		return
	}
	resolved := realPath(path)
	twin, known := d.paths[resolved]
	for _, c := range d.sizes[info.Size()] {
		if os.SameFile(c.info, info) {
			twin = c
		}
	}
	switch {
	case twin == nil:
	case twin.Name == name:
		d.problem(name, Twice, "named twice, read once", nil)
	default:
		d.problem(name, Twice, "the same file as "+twin.Name+": read once", nil)
	}
	if known || twin != nil {
		return
	}
	d.paths[resolved] = nil
	c := &candidate{File: &File{Path: path, Name: name, Size: info.Size(), ModTime: info.ModTime(), info: info}}
	sm, err := d.sample(f, c)
	if d.ctx.Err() != nil {
		return
	}
	if bad := (*damage)(nil); len(sm.head) == 0 && errors.As(err, &bad) {
		d.problem(name, Damaged, bad.text(0), bad.err)
		return
	}
	if sm.empty {
		d.problem(name, Empty, "empty: nothing to read", nil)
		return
	}
	if kind, text := foreign(sm); text != "" {
		d.problem(name, kind, text, nil)
		return
	}
	if c.Format = maillog.Detect(sm.head); c.Format == maillog.FormatNone {
		c.Format = maillog.Detect(sm.tail)
	}
	if d.o.Format != maillog.FormatNone && mostlyText(sm.head) {
		c.Format = d.o.Format
	}
	if c.Format == maillog.FormatNone {
		if sm.head == nil || bytes.IndexByte(sm.head, 0) >= 0 || !mostlyText(sm.head) {
			d.problem(name, Binary, "binary, not a log: leave it out", nil)
		} else {
			d.problem(name, Unknown, `text of no format that is read: "mailvigil trace FILE:1" says what is made of a line`, nil)
		}
		return
	}
	d.times(c, sm)
	c.head = bytes.Clone(sm.head[:min(len(sm.head), headLen)])
	if spooled {
		// Neither the name nor the time of the temporary file says anything.
		c.stem, c.number, c.ModTime, c.Source = name, -1, time.Time{}, name
	} else {
		c.stem, c.date, c.number = rotation(filepath.Base(path), d.loc)
		c.Source = filepath.Join(filepath.Dir(name), c.stem)
	}
	d.paths[resolved] = c
	d.sizes[c.Size] = append(d.sizes[c.Size], c)
	if !d.copied(c) {
		d.found = append(d.found, c)
	}
}

// realPath is a path without links, or as it was given where that fails.
func realPath(path string) string {
	if p, err := filepath.EvalSymlinks(path); err == nil {
		path = p
	}
	if p, err := filepath.Abs(path); err == nil {
		path = p
	}
	return path
}

// foreign knows containers that may hold logs, and what to do with them. It
// is asked before the format, since lines shine through an archive.
func foreign(sm sample) (Kind, string) {
	for _, u := range unreadCompressions {
		if bytes.HasPrefix(sm.raw, []byte(u.magic)) {
			return Unknown, fmt.Sprintf("packed with %s, which is not read: unpack it with %q", u.name, u.tool)
		}
	}
	switch {
	case bytes.HasPrefix(sm.raw, []byte("LPKSHHRH")):
		return Binary, `a systemd journal: pipe "journalctl -o short-iso --file FILE" into standard input`
	case sm.tar:
		return Unknown, `a tar archive, which is not read: unpack it with "tar -xf"`
	}
	return "", ""
}

// mostlyText is true where few bytes are not UTF-8: a log may hold a broken
// user name, and is not binary for it.
func mostlyText(b []byte) bool {
	bad := 0
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 || r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != 0x1b {
			bad++
		}
		i += n
	}
	return bad*10 < len(b)
}

// headLen is how much of a file is kept to know a copy by. It only saves
// comparing whole files; what decides is their whole content.
const headLen = 2 << 10

// copied tells whether c has the content of a file that was already taken,
// as a rotated file does that is there both plain and compressed, or one that
// was copied before it grew. Of two, the longer one is read, and of equals
// the plain one.
func (d *discovery) copied(c *candidate) bool {
	first, _, _ := bytes.Cut(c.head, []byte("\n"))
	for _, o := range d.heads[string(first)] {
		n := min(len(o.head), len(c.head))
		if o.dropped || !bytes.Equal(o.head[:n], c.head[:n]) {
			continue
		}
		keep, drop := o, c
		var text string
		switch d.compare(o.File, c.File) {
		case differ:
			continue
		case same:
			text = "the same content as %s: read once"
			if c.Compression == plain && o.Compression != plain {
				keep, drop = c, o
			}
		case secondLonger:
			keep, drop = c, o
			fallthrough
		case firstLonger:
			text = "the beginning of %s: read there"
		}
		d.problem(drop.Name, Twice, fmt.Sprintf(text, keep.Name), nil)
		drop.dropped = true
		if drop == c {
			return true
		}
		d.found = slices.DeleteFunc(d.found, func(f *candidate) bool { return f == drop })
	}
	d.heads[string(first)] = append(d.heads[string(first)], c)
	return false
}

type comparison int

const (
	differ comparison = iota
	same
	firstLonger  // the second is the beginning of the first
	secondLonger // and the other way round
)

// compare compares the decompressed content of two files, as far as each can
// be read.
func (d *discovery) compare(a, b *File) comparison {
	var r [2]io.Reader
	for i, f := range []*File{a, b} {
		file, err := f.reopen()
		if err != nil {
			return differ
		}
		defer func() { _ = file.Close() }()
		s, err := openStream(file, f.Size, nil, false)
		if err != nil {
			return differ
		}
		defer s.close()
		r[i] = s.r
	}
	const block = 64 << 10
	x, y := make([]byte, block), make([]byte, block)
	for d.ctx.Err() == nil {
		n, _ := io.ReadFull(r[0], x)
		m, _ := io.ReadFull(r[1], y)
		l := min(n, m)
		switch {
		case !bytes.Equal(x[:l], y[:l]):
			return differ
		case n > m:
			return firstLonger
		case n < m:
			return secondLonger
		case n < block:
			return same
		}
	}
	return differ
}

// reason is an error without the path that the reader is told anyway.
func reason(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
