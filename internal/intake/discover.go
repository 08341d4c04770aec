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
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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
//
// Files are looked at side by side, one open file for each processor, and
// taken in the order in which they were met, so that the Set does not depend
// on which was faster.
func Discover(ctx context.Context, paths []string, o Options) (*Set, error) {
	d := &discovery{
		ctx: ctx, o: o, loc: o.Location, set: &Set{},
		inodes: map[inode]*candidate{},
		heads:  map[string][]*candidate{},
		dirs:   map[string]bool{},
	}
	if d.loc == nil {
		d.loc = time.UTC
	}
	if d.o.Search == nil {
		d.o.Search = new(Search)
	}
	d.timer = newTimer(d.loc)
	if len(paths) == 0 {
		d.usual()
	}
	for _, p := range paths {
		d.path(p)
	}
	d.look()
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
	ctx    context.Context
	o      Options
	loc    *time.Location
	timer  *timer
	set    *Set
	met    []met
	found  []*candidate
	inodes map[inode]*candidate    // of the files looked at; nil: no log
	heads  map[string][]*candidate // by first line, for copies
	dirs   map[string]bool         // folders walked, by real path
	stdin  bool
}

// met is what was met at a path: a file still to be looked at, or a problem.
type met struct {
	path, name string
	spooled    bool
	problem    *Problem
}

func (d *discovery) problem(name string, kind Kind, text string, err error) {
	d.meet(&Problem{name, kind, text, err})
}

func (d *discovery) meet(p *Problem) { d.met = append(d.met, met{problem: p}) }

func (d *discovery) file(path, name string, spooled bool) {
	d.met = append(d.met, met{path: path, name: name, spooled: spooled})
	d.o.Search.Listed.Add(1)
}

// look looks at the files that were met, side by side in blocks, which bound
// what waits to be taken.
func (d *discovery) look() {
	workers := min(runtime.GOMAXPROCS(0), maxLookers)
	timers := make([]*timer, workers)
	for i := range timers {
		timers[i] = newTimer(d.loc)
	}
	for block := range slices.Chunk(d.met, 1024) {
		results := make([]looked, len(block))
		var next atomic.Int64
		var wg sync.WaitGroup
		for _, t := range timers {
			wg.Go(func() {
				for d.ctx.Err() == nil {
					i := int(next.Add(1)) - 1
					if i >= len(block) {
						return
					}
					if block[i].problem == nil {
						results[i] = d.examine(t, block[i])
						d.o.Search.Looked.Add(1)
					}
				}
			})
		}
		wg.Wait()
		for i, m := range block {
			if d.ctx.Err() != nil {
				return
			}
			if m.problem != nil {
				d.set.Problems = append(d.set.Problems, *m.problem)
				continue
			}
			d.take(m, results[i])
		}
	}
	d.met = nil
}

// maxLookers bounds the files that are open at a time, and the parsers.
const maxLookers = 8

func (d *discovery) usual() {
	places := d.o.Places
	if places == nil {
		places = UsualPlaces
	}
	n := 0
	closed := map[string]bool{}
	for _, pattern := range places {
		names, _ := filepath.Glob(pattern) // its only error is a bad pattern
		for _, name := range names {
			d.path(name)
		}
		n += len(names)
		// Glob passes over a folder that may not be looked into.
		dir := filepath.Dir(pattern)
		if len(names) == 0 && !closed[dir] && !strings.ContainsAny(dir, "*?[") {
			if _, err := os.ReadDir(dir); errors.Is(err, fs.ErrPermission) {
				closed[dir] = true
				d.meet(unreadable(dir, err))
			}
		}
	}
	if n == 0 {
		named := strings.Join(places[:min(len(places), shownPlaces)], ", ")
		if more := len(places) - shownPlaces; more > 0 {
			named += fmt.Sprintf(" and %d more places", more)
		}
		d.problem("usual places", Missing, "no logs in "+named+": name the files or folders to read, "+
			`or run as a user who may look there; where the systemd journal holds the logs, "journalctl -o json | mailvigil investigate -"`, nil)
	}
}

const shownPlaces = 6

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
		d.meet(unreadable(name, err))
	case info.IsDir():
		d.walk(path)
	case info.Mode().IsRegular():
		d.file(path, name, false)
	case info.Mode()&fs.ModeNamedPipe != 0: // what a shell's <(command) names
		d.pipe(path, name)
	case info.Mode()&fs.ModeSocket != 0:
		d.problem(name, Unreadable, "a socket, which holds no lines: name the log files of the program that listens on it", nil)
	case info.Mode()&fs.ModeDevice != 0:
		d.problem(name, Unreadable, `a device, not a log: name log files, or "-" for standard input`, nil)
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
	if fsName := kernelView(dir); fsName != "" {
		d.problem(filepath.Clean(dir), Unreadable, "a view of the kernel ("+fsName+"), which holds no logs: left out", nil)
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		d.meet(unreadable(filepath.Clean(dir), err))
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
			d.meet(unreadable(path, err))
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
	d.o.Search.wait(name)
	defer d.o.Search.wait("")
	go func() {
		in, err := open()
		if err == nil {
			_, err = io.Copy(io.MultiWriter(f, &d.o.Search.Spooled), in)
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
	if errors.Is(err, errNoWriter) {
		d.problem(name, Unreadable, "a pipe to which nobody writes: start what writes to it first, or name log files", nil)
		return
	}
	if full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG); full {
		d.problem(name, Damaged, fmt.Sprintf("could not be kept to its end in %s: %v: what came before is used; "+
			"choose a folder with more room with TMPDIR, or give a file", dir, reason(err)), err)
	} else if err != nil {
		d.problem(name, Damaged, fmt.Sprintf("could not be read to its end: %v: what came before is used; "+
			"see why what writes it stopped, and start again, or give a file", reason(err)), err)
	}
	d.file(f.Name(), name, true)
}

// pipe spools a named pipe. Opening one waits until somebody writes to it,
// which may be never.
func (d *discovery) pipe(path, name string) {
	wait := d.o.PipeWait
	if wait <= 0 {
		wait = time.Minute
	}
	opened := make(chan struct{})
	var late atomic.Bool
	release := func() {
		// A writer that leaves at once lets the reader go.
		if w, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			_ = w.Close()
		}
	}
	go func() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-opened:
		case <-timer.C:
			late.Store(true)
			release()
		case <-d.ctx.Done():
			release()
		}
	}()
	d.spool(name, func() (io.ReadCloser, error) {
		f, err := os.Open(path)
		close(opened)
		if late.Load() && err == nil {
			_ = f.Close()
			return nil, errNoWriter
		}
		return f, err
	})
}

var errNoWriter = errors.New("nobody writes to this pipe")

// inode is what a file is known by, whatever its names.
type inode struct{ dev, ino uint64 }

func inodeOf(info os.FileInfo) inode {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return inode{uint64(st.Dev), st.Ino} //nolint:unconvert // its width differs between systems
	}
	return inode{}
}

// looked is what examine found at one path: a candidate, or a problem.
type looked struct {
	info    os.FileInfo
	c       *candidate
	problem *Problem
}

// examine opens one regular file and finds out whether it is a log.
func (d *discovery) examine(t *timer, m met) (l looked) {
	name := m.name
	bad := func(kind Kind, text string, err error) looked {
		l.problem = &Problem{name, kind, text, err}
		return l
	}
	// Not to wait where a pipe took the place of the file.
	f, err := os.OpenFile(m.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		defer func() { _ = f.Close() }()
		l.info, err = f.Stat()
	}
	if err != nil {
		l.problem = unreadable(name, err)
		return l
	}
	info := l.info
	if !info.Mode().IsRegular() {
		return bad(Changed, "replaced while it was looked at, not read: start again", nil)
	}
	if info.Size() == 0 {
		if fsName := kernelView(m.path); fsName != "" {
			return bad(Unreadable, "a view of the kernel ("+fsName+"), which has no size and can change with every reading: "+
				`if it is a log, pipe it in: "cat FILE | mailvigil investigate -"`, nil)
		}
		return bad(Empty, "empty: nothing to read", nil)
	}
	c := &candidate{File: &File{Path: m.path, Name: name, Size: info.Size(), ModTime: info.ModTime(), info: info}}
	sm, err := d.sample(f, c)
	if d.ctx.Err() != nil {
		return l
	}
	if broken := (*damage)(nil); len(sm.head) == 0 && errors.As(err, &broken) {
		return bad(Damaged, broken.text(0), broken.err)
	}
	if sm.empty {
		return bad(Empty, "empty: nothing to read", nil)
	}
	if kind, text := foreign(sm); text != "" {
		return bad(kind, text, nil)
	}
	if c.Format = maillog.Detect(sm.head); c.Format == maillog.FormatNone {
		c.Format = maillog.Detect(sm.tail)
	}
	if d.o.Format != maillog.FormatNone && mostlyText(sm.head) {
		c.Format = d.o.Format
	}
	if c.Format == maillog.FormatNone {
		if sm.head == nil || bytes.IndexByte(sm.head, 0) >= 0 || !mostlyText(sm.head) {
			return bad(Binary, "binary, not a log: leave it out", nil)
		}
		return bad(Unknown, `text of no format that is read: "mailvigil trace FILE:1" says what is made of a line`, nil)
	}
	t.times(c, sm, d.loc)
	// A copy may end within a line, which has a newline in the sample alone.
	c.head = bytes.Clone(bytes.TrimSuffix(sm.head[:min(len(sm.head), headLen)], []byte("\n")))
	l.c = c
	return l
}

// take keeps a log that was found, unless it is there already.
func (d *discovery) take(m met, l looked) {
	if l.info != nil {
		id := inodeOf(l.info)
		twin, known := d.inodes[id]
		switch {
		case twin == nil:
		case twin.Name == m.name:
			d.set.Problems = append(d.set.Problems, Problem{m.name, Twice, "named twice, read once", nil})
		default:
			d.set.Problems = append(d.set.Problems, Problem{m.name, Twice, "the same file as " + twin.Name + ": read once", nil})
		}
		if known {
			return
		}
		if id != (inode{}) {
			d.inodes[id] = l.c
		}
	}
	if l.problem != nil {
		d.set.Problems = append(d.set.Problems, *l.problem)
		return
	}
	c := l.c
	if m.spooled {
		// Neither the name nor the time of the temporary file says anything.
		c.stem, c.number, c.ModTime, c.Source = m.name, -1, time.Time{}, m.name
	} else {
		c.stem, c.date, c.number = rotation(filepath.Base(m.path), d.loc)
		c.Source = filepath.Join(filepath.Dir(m.name), c.stem)
	}
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
		return Binary, `a systemd journal: pipe it in: "journalctl -o json --file FILE | mailvigil investigate -"`
	case sm.utf16:
		return Unknown, `UTF-16, as Windows writes text: convert it with "iconv -f UTF-16 -t UTF-8 FILE > FILE.txt"`
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
const headLen = 512

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
		d.set.Problems = append(d.set.Problems, Problem{drop.Name, Twice, fmt.Sprintf(text, keep.Name), nil})
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
