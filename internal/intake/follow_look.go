package intake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"mailvigil/maillog"
)

// onDisk is a file that was met below the paths.
type onDisk struct {
	path string
	info os.FileInfo
}

// listing is what is there now.
type listing struct {
	met      []onDisk
	problems []Problem
	// closed are folders and files that could not be looked at: what is known
	// to be below them is not gone for that.
	closed []string
	dirs   map[string]inode // to be watched
	walked map[inode]bool
	known  map[string]*watching
	stamps map[string]time.Time // of folders, before they were read
}

// torn tells whether files came, went or were renamed while they were listed,
// so that some may have been met twice or not at all.
func (l *listing) torn() bool {
	for dir, stamp := range l.stamps {
		if info, err := os.Stat(dir); err != nil || !info.ModTime().Equal(stamp) {
			return true
		}
	}
	return false
}

func (l *listing) unsure(path string) bool {
	for _, c := range l.closed {
		if path == c || strings.HasPrefix(path, c+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

func (l *listing) bad(path string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		l.problems = append(l.problems, Problem{path, Missing, "is not there yet: it is read as soon as it is; check the path if it should be", err})
		l.watch(path)
		return
	}
	l.closed = append(l.closed, path)
	p := unreadable(path, err)
	p.Text += "; it is read as soon as it can be"
	l.problems = append(l.problems, *p)
}

// watch asks for changes in the folder of a path, or the nearest above it
// that is there.
func (l *listing) watch(path string) {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, known := l.dirs[dir]; known {
			return
		}
		if info, err := os.Stat(dir); err == nil {
			l.dirs[dir], l.stamps[dir] = inodeOf(info), info.ModTime()
			return
		}
		if dir == filepath.Dir(dir) {
			return
		}
	}
}

// list finds what is there now.
func (f *Follower) list(ctx context.Context) *listing {
	l := &listing{dirs: map[string]inode{}, walked: map[inode]bool{}, known: f.watched, stamps: map[string]time.Time{}}
	for _, p := range f.o.Paths {
		if ctx.Err() != nil {
			return l
		}
		path := filepath.Clean(p)
		f.busyWith.Store(&busyWith{path, f.o.Now()})
		if _, err := os.Lstat(path); err != nil && strings.ContainsAny(path, "*?[") {
			f.listPattern(l, path)
			continue
		}
		l.one(path)
	}
	return l
}

// listPattern takes what a pattern names. Glob says nothing of folders that it
// cannot look into.
func (f *Follower) listPattern(l *listing, pattern string) {
	dir := pattern[:strings.IndexAny(pattern, "*?[")]
	dir = filepath.Dir(dir + "x")
	l.watch(filepath.Join(dir, "x"))
	names, err := filepath.Glob(pattern)
	if err != nil {
		l.problems = append(l.problems, Problem{pattern, Missing, `not a pattern: write it as for a shell, with * ? and [a-z], and a \ before one that is meant as it is`, err})
		return
	}
	if _, err := os.ReadDir(dir); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			l.bad(dir, err)
			return
		}
	}
	if len(names) == 0 {
		l.problems = append(l.problems, Problem{pattern, Missing, "nothing of this name is there yet: it is read as soon as it is; check the pattern if it should be", nil})
	}
	for _, name := range names {
		l.one(name)
	}
}

func (l *listing) one(path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		l.bad(path, err)
	case info.IsDir():
		l.walk(path, info)
	case info.Mode().IsRegular():
		l.watch(path)
		l.met = append(l.met, onDisk{path, info})
	case info.Mode()&fs.ModeNamedPipe != 0:
		l.problems = append(l.problems, Problem{path, Unreadable, "a pipe, which cannot be followed: what was read of it could not be read again after a restart; have its writer write to a file, or send by syslog", nil})
	default:
		l.problems = append(l.problems, Problem{path, Unreadable, "neither a file nor a folder: name log files", nil})
	}
}

// walk takes what is below a folder, as Discover does.
func (l *listing) walk(dir string, info os.FileInfo) {
	id := inodeOf(info)
	if l.walked[id] {
		return
	}
	l.walked[id] = true
	if l.known[dir] != nil { // it was asked before
	} else if name := kernelView(dir); name != "" {
		l.problems = append(l.problems, Problem{dir, Unreadable, "a view of the kernel (" + name + "), which holds no logs: left out", nil})
		return
	}
	l.dirs[dir], l.stamps[dir] = id, info.ModTime()
	entries, err := os.ReadDir(dir)
	if err != nil {
		l.bad(dir, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		info, err := e.Info()
		if err == nil && e.Type()&fs.ModeSymlink != 0 {
			info, err = os.Stat(path)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist): // it went, or is a link to nothing yet
		case err != nil:
			l.bad(path, err)
		case info.IsDir():
			l.walk(path, info)
		case info.Mode().IsRegular():
			l.met = append(l.met, onDisk{path, info})
		}
	}
}

// lookEverywhere compares what is there with what is known.
func (f *Follower) lookEverywhere(ctx context.Context) error {
	f.look, f.due = false, false
	begun := f.o.Now()
	defer func() {
		f.looked = f.o.Now()
		f.took = f.looked.Sub(begun)
	}()
	f.looks++
	defer f.busyWith.Store(nil)
	l := f.list(ctx)
	for range 2 {
		if l.torn() {
			l = f.list(ctx)
		}
	}
	if err := ctx.Err(); err != nil {
		f.look = true
		return err
	}
	// A file with several names keeps the one it has.
	named := map[inode]bool{}
	var strangers []onDisk
	for _, e := range l.met {
		key := inodeOf(e.info)
		if st := f.byInode[key]; st != nil && st.Path == e.path {
			if !f.meet(st, e) {
				strangers = append(strangers, e)
			}
			named[key] = true
		}
	}
	for _, e := range l.met {
		key := inodeOf(e.info)
		if named[key] {
			continue
		}
		named[key] = true
		if st := f.byInode[key]; st == nil || !f.meet(st, e) {
			strangers = append(strangers, e)
		}
	}
	for _, st := range f.inOrder() {
		if st.seen != f.looks {
			f.miss(st, l)
		}
	}
	if err := f.strangers(ctx, strangers); err != nil {
		f.look = true
		return err
	}
	for _, st := range f.inOrder() {
		f.tend(st)
	}
	for key, ig := range f.ignored {
		if ig.seen != f.looks {
			delete(f.ignored, key)
			if f.aside[ig.path] == key {
				delete(f.aside, ig.path)
			}
		}
	}
	f.watch(l)
	f.problems = l.problems
	return nil
}

// inOrder are all that are known, the oldest first.
func (f *Follower) inOrder() []*followed {
	all := make([]*followed, 0, len(f.files))
	for _, st := range f.files {
		all = append(all, st)
	}
	slices.SortFunc(all, func(a, b *followed) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// meet takes in how a known file looks now; false where it holds something
// else by now.
func (f *Follower) meet(st *followed, e onDisk) bool {
	st.seen = f.looks
	if !st.gone.IsZero() {
		// It is back: with the same bytes, or it is another one by now.
		st.gone, st.Gone, st.drained, st.loss = zeroTime, zeroTime, false, 0
		st.compression = ""
		f.changed[st] = true
	}
	st.away = false
	path, real := st.Path, st.Real
	if st.Path != e.path {
		f.unname(st)
		delete(st.source.message, st.Path)
		st.Path, st.Real = e.path, nameOf(e.path)
		f.changed[st] = true
	}
	f.name(st)
	size, mtime := e.info.Size(), e.info.ModTime()
	same := size == st.Size && mtime.Equal(st.ModTime)
	if !same {
		st.stirred = f.o.Now()
	}
	switch {
	case st.Done && same:
		return true
	case st.Done:
		// Compared as after a restart.
		st.Done, st.compression = false, ""
		f.shut(st)
	case st.packed != nil && !same:
		f.shut(st) // it was still being written
	}
	if !same || st.compression != plain || st.Offset < size {
		f.wake(st)
	}
	st.length = size
	// Whether it was begun anew is to be known before new files are put in order.
	switch {
	case st.compression == "":
		f.recognise(st)
	case st.compression == plain && !same:
		// How far it went is to be known where it is truncated before it is read.
		if info := f.intact(st); info != nil && info.Size() > st.Size {
			st.Size = info.Size()
		}
	}
	if !st.gone.IsZero() {
		if st.Path != path {
			st.what = "was truncated, or is gone and another file has its inode number"
		}
		st.Path, st.Real = path, real
	}
	return st.gone.IsZero()
}

// miss takes in that a known file is no longer below the paths.
func (f *Follower) miss(st *followed, l *listing) {
	if !st.gone.IsZero() {
		if f.o.Now().Sub(st.gone) >= f.o.Keep {
			f.drop(st)
		}
		return
	}
	if l.unsure(st.Path) {
		return
	}
	// A link leads elsewhere now; what it led to may still be there.
	if st.Real != "" && st.Real != st.Path {
		if info, err := os.Stat(st.Real); err == nil && inodeOf(info) == st.key {
			f.meet(st, onDisk{st.Real, info})
			return
		}
	}
	if st.file == nil && st.packed == nil {
		f.vanish(st, false)
		return
	}
	if st.packed != nil {
		st.away = true
		f.wake(st)
		return
	}
	info, err := st.file.Stat()
	if err != nil {
		f.shut(st)
		f.vanish(st, false)
		return
	}
	if !st.away || info.Size() != st.Size {
		st.away, st.stirred = true, f.o.Now()
	}
	if info.Size() != st.Offset {
		f.wake(st)
	}
	if f.o.Now().Sub(st.stirred) < f.o.Linger {
		return
	}
	if info.Size() > st.Offset {
		return // the rest is handed over first
	}
	f.shut(st)
	f.vanish(st, unlinked(info))
}

// unlinked tells whether a file that is open has no name any more, so that
// nothing but its writer can add to it.
func unlinked(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0
}

// vanish notes that a file is gone, and whether it was read to its end after it
// was deleted. What holds the same may now be what goes on with it.
func (f *Follower) vanish(st *followed, drained bool) {
	if st.Gone.IsZero() {
		st.Gone = f.o.Now()
	}
	st.gone, st.away, st.ready = st.Gone, false, false
	st.drained = drained
	f.changed[st] = true
	f.unname(st)
	f.uncover(st)
}

// uncover has copies of a sequence looked at again.
func (f *Follower) uncover(st *followed) {
	for key, ig := range f.ignored {
		if ig.copyOf == st.ID {
			delete(f.ignored, key)
		}
	}
	f.look = true
}

// truncated ends a sequence whose file holds other bytes now. A copy that was
// made before goes on with it; the file begins anew.
func (f *Follower) truncated(st *followed, what string) {
	f.shut(st)
	if f.byInode[st.key] == st {
		delete(f.byInode, st.key)
	}
	st.reach = max(st.Size, st.Offset)
	if st.compression != plain && st.compression != "" {
		st.reach = st.Offset
	}
	st.key, st.what = inode{}, what
	st.Gone = f.o.Now()
	st.gone, st.away, st.ready, st.Done = st.Gone, false, false, false
	st.drained = false
	st.source.stats.Truncations++
	delete(st.source.message, st.Path)
	f.changed[st] = true
	f.unname(st)
	f.uncover(st)
}

// drop forgets a sequence.
func (f *Follower) drop(st *followed) {
	f.shut(st)
	st.source.stats.LostBytes += st.loss
	delete(f.files, st.ID)
	delete(f.changed, st)
	if f.byInode[st.key] == st {
		delete(f.byInode, st.key)
	}
	f.unname(st)
	s := st.source
	s.files = slices.DeleteFunc(s.files, func(o *followed) bool { return o == st })
	f.forget = append(f.forget, st.ID)
}

// tend decides what time decides: that the last line of a file that was rotated
// is handed over as it is, and that what is gone is lost.
func (f *Follower) tend(st *followed) {
	now := f.o.Now()
	if !st.gone.IsZero() {
		missing := max(st.reach, st.Size) - st.Offset
		if st.Done || st.drained {
			missing = 0
		}
		switch {
		case st.what != "":
			f.note(st, Changed, st.what+": "+lossText(missing)+
				"; "+toRename, missing)
			st.what, st.loss = "", missing
		case missing > 0 && st.loss == 0 && now.Sub(st.gone) >= f.o.Settle:
			f.note(st, Changed, "is gone: "+lossText(missing)+
				"; if it was moved or compressed, move it to where logs are looked for", missing)
			st.loss = missing
		}
		return
	}
	if st.compression == plain && !st.Done && st.Offset < st.Size && now.Sub(st.stirred) >= f.o.Settle && st.rotated() {
		st.final = true
		f.wake(st)
	}
}

// rotated tells whether a file is no longer the one that its program writes
// to: it has no name any more, or not the name of the log itself while there
// is one that has, or one that came later.
func (st *followed) rotated() bool {
	if st.away {
		return true
	}
	return !st.current() && slices.ContainsFunc(st.source.files, func(o *followed) bool {
		return o.gone.IsZero() && (o.ID > st.ID || o.current())
	})
}

// current tells whether a file has the name of its log, without a number or a date.
func (st *followed) current() bool { return strings.HasPrefix(st.Source, st.Path+" (") }

const toRename = "let logrotate rename (create, not copytruncate), so that nothing can be lost"

func lossText(n int64) string {
	if n <= 0 {
		return "all that was seen of it had been read; what came in the moment before cannot be known"
	}
	return fmt.Sprintf("at least %d bytes had not been read and are lost", n)
}

// lose counts bytes that are lost.
func (f *Follower) lose(st *followed, n int64, why string) {
	st.source.stats.LostBytes += n
	f.note(st, Changed, fmt.Sprintf("%s: at least %d bytes are lost; %s", why, n, toRename), n)
}

// probe returns the first bytes of a file, unpacked.
func probe(path string) (head []byte, compression string, info os.FileInfo, err error) {
	file, err := openLog(path)
	if err != nil {
		return nil, "", nil, err
	}
	defer func() { _ = file.Close() }()
	if info, err = file.Stat(); err != nil {
		return nil, "", nil, err
	}
	s, err := openStream(file, info.Size(), nil, false)
	if err != nil {
		return nil, s.compression, info, err
	}
	defer s.close()
	head = make([]byte, headMax)
	n, err := fill(s.r, head)
	return bytes.Clone(head[:n]), s.compression, info, err
}

// strangers sorts out files at unknown inodes: the continuation of a sequence
// whose file is gone, a copy of one whose file is there, or a new one.
func (f *Follower) strangers(ctx context.Context, met []onDisk) error {
	now := f.o.Now()
	heads := map[string][]byte{}
	var fresh []onDisk
	for _, e := range met {
		if err := ctx.Err(); err != nil {
			return err
		}
		key, size, mtime := inodeOf(e.info), e.info.Size(), e.info.ModTime()
		ig := f.ignored[key]
		since := earlier(mtime, now)
		if ig != nil && ig.path == e.path {
			ig.seen = f.looks
			same := ig.size == size && ig.mtime.Equal(mtime)
			if !same {
				ig.since, ig.mtime = now, mtime
			}
			if ig.since.After(since) || mtime.After(now) {
				since = ig.since
			}
			switch {
			case same && !ig.retry, same && now.Sub(since) < f.o.Settle, same && ig.settled:
				continue
			case !same && !ig.retry && size >= ig.size && size < ig.next:
				continue
			}
		}
		settled := now.Sub(since) >= f.o.Settle
		aside := func(why Problem, copyOf int64, retry bool) {
			f.ignored[key] = &ignored{path: e.path, size: size, mtime: mtime, since: since, why: why, copyOf: copyOf, retry: retry, settled: settled, next: 2 * size, seen: f.looks}
			f.aside[e.path] = key
		}
		if size == 0 {
			aside(Problem{}, 0, true)
			continue
		}
		f.busyWith.Store(&busyWith{e.path, now})
		head, compression, info, err := probe(e.path)
		f.busyWith.Store(nil) // what follows may take long by itself
		switch {
		case info == nil && errors.Is(err, fs.ErrNotExist):
			f.look = true
			continue
		case info == nil:
			p := unreadable(e.path, err)
			p.Text += "; it is read as soon as it can be"
			aside(*p, 0, true)
			f.ignored[key].settled = false
			continue
		case inodeOf(info) != key:
			f.look = true
			continue
		}
		waiting := Problem{}
		if compression != plain && err != nil && !atEnd(err) && !settled {
			aside(waiting, 0, true) // still being compressed
			continue
		}
		taken, copyOf, undecided, err := f.match(ctx, onDisk{e.path, info}, head, compression, settled)
		switch {
		case err != nil:
			return err
		case taken:
			delete(f.ignored, key)
			delete(f.aside, e.path)
		case undecided:
			aside(waiting, 0, true)
		case copyOf != nil:
			aside(copied(e.path, copyOf), copyOf.ID, false)
			f.ignored[key].next = size // whenever it grows
		case compression == plain && bytes.IndexByte(head, '\n') < 0 && !blank(head) && size <= MaxLine && !settled:
			aside(waiting, 0, true) // its first line is not complete
		default:
			delete(f.ignored, key)
			heads[e.path] = head
			fresh = append(fresh, onDisk{e.path, info})
			if ig == nil {
				ig = &ignored{}
			}
			f.aside[e.path] = key
		}
	}
	// What is only the beginning of a line is no sample to know a copy by: first
	// the file that goes on with it is to be known.
	fresh = slices.DeleteFunc(fresh, func(e onDisk) bool {
		head := heads[e.path]
		if bytes.IndexByte(head, '\n') >= 0 || blank(head) || len(head) == headMax {
			return false
		}
		for path, other := range heads {
			if path != e.path && len(other) > len(head) && bytes.HasPrefix(other, head) {
				delete(heads, e.path)
				f.look = true
				return true
			}
		}
		return false
	})
	if len(fresh) == 0 {
		return nil
	}
	return f.discover(ctx, fresh, heads, maillog.FormatNone)
}

// begin makes a new file known.
func (f *Follower) begin(file *File, head []byte) {
	st := &followed{
		Position: Position{
			ID: f.nextID, Source: file.Source, Format: file.Format.String(), Path: file.Path, Real: nameOf(file.Path),
			Size: file.Size, ModTime: file.ModTime, Reference: file.Reference,
		},
		key: inodeOf(file.info), format: file.Format, compression: file.Compression, info: file.info, first: file.First,
		head: head, seen: f.looks, stirred: earlier(file.ModTime, f.o.Now()),
	}
	if st.head == nil {
		st.head = []byte{}
	}
	f.nextID++
	f.add(st)
	f.changed[st] = true
	f.wake(st)
	delete(f.aside, file.Path)
}

// blank is true of NUL alone, as a truncation under the writer leaves it.
func blank(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// match compares a stranger with what is known.
func (f *Follower) match(ctx context.Context, e onDisk, head []byte, compression string, settled bool) (taken bool, copyOf *followed, undecided bool, err error) {
	stem := Stem(filepath.Base(e.path))
	for _, st := range f.inOrder() {
		l := st.HeadLength
		if st.head != nil {
			l = int64(len(st.head))
		}
		if l == 0 || len(head) == 0 || !st.begins(head) {
			continue
		}
		if min(int64(len(head)), l) < startMax && Stem(filepath.Base(st.Path)) != stem {
			continue
		}
		if st.gone.IsZero() {
			if blank(head) {
				// NUL tells nothing; what was reached does.
				same, u := f.continues(ctx, st, e)
				if u != nil {
					u.close()
				}
				if same == another {
					continue
				}
			}
			// Shorter: a copy in the making, or of its beginning.
			copyOf, undecided = st, int64(len(head)) < l && !settled
			continue
		}
		if st.drained {
			f.adopt(st, e, head, compression, nil)
			st.Done = true
			return true, nil, false, nil
		}
		same, u := f.continues(ctx, st, e)
		if err := ctx.Err(); err != nil {
			if u != nil {
				u.close()
			}
			return false, nil, false, err
		}
		switch {
		case same == another:
			continue
		case same == unclear && !settled:
			return false, nil, true, nil
		}
		f.adopt(st, e, head, compression, u)
		if same != continued {
			st.Done = true
			if same == unclear {
				f.note(st, Damaged, "cannot be read up to where it was left: what followed is lost; look for it in a backup or on the central log host", 0)
			}
			f.reached(st)
		} else {
			f.wake(st)
		}
		return true, nil, false, nil
	}
	return false, copyOf, undecided, nil
}

// A file may hold what follows in a sequence.
type sameness int

const (
	another sameness = iota
	continued
	shorter // it ends before the place that was reached
	unclear // it cannot be read up to there
)

// continues tells whether a file goes on where a sequence was left; that it
// begins alike is known. A compressed one is left open there.
func (f *Follower) continues(ctx context.Context, st *followed, e onDisk) (sameness, *unpacked) {
	key := inodeOf(e.info)
	file, err := openLog(e.path)
	if err != nil {
		return unclear, nil
	}
	var magic [4]byte
	n := readAt(file, magic[:], 0)
	if compressionOf(magic[:n]) == plain {
		defer func() { _ = file.Close() }()
		switch {
		case e.info.Size() < st.Offset:
			return shorter, nil
		case !st.holdsTail(file):
			return another, nil
		}
		return continued, nil
	}
	_ = file.Close()
	u, _, err := unpack(e.path, key)
	if err != nil {
		return unclear, nil
	}
	same, err := u.skip(ctx, st)
	if err == nil && same {
		return continued, u
	}
	u.close()
	switch {
	case errors.Is(err, errNotHere):
		return shorter, nil
	case err != nil:
		return unclear, nil
	}
	return another, nil
}

// adopt makes a file the one that holds a sequence from now on.
func (f *Follower) adopt(st *followed, e onDisk, head []byte, compression string, u *unpacked) {
	f.shut(st)
	f.unname(st)
	if f.byInode[st.key] == st {
		delete(f.byInode, st.key)
	}
	st.key, st.compression, st.info = inodeOf(e.info), compression, e.info
	st.Path, st.Real = e.path, nameOf(e.path)
	st.head = head
	if st.what != "" {
		f.note(st, Changed, st.what+", and is read on here, in the copy that was made; what was written in between is lost and cannot be counted; "+toRename, 0)
	}
	if st.reach > 0 && compression == plain && e.info.Size() < st.reach {
		if lost := st.reach - max(e.info.Size(), st.Offset); lost > 0 {
			f.lose(st, lost, "was truncated, and the copy that was made of it does not hold all of it")
		}
		st.reach = 0
	}
	st.Size, st.ModTime = e.info.Size(), e.info.ModTime()
	st.gone, st.Gone, st.drained, st.loss, st.what = zeroTime, zeroTime, false, 0, ""
	st.seen, st.stirred, st.Done = f.looks, f.o.Now(), false
	f.byInode[st.key] = st
	f.name(st)
	f.changed[st] = true
	if u != nil {
		f.hold(st, nil, u)
	}
}

// discover finds out what new files are, and puts them in order.
func (f *Follower) discover(ctx context.Context, fresh []onDisk, heads map[string][]byte, format maillog.Format) error {
	d := &discovery{
		ctx: ctx, loc: f.o.Location, set: &Set{}, timer: newTimer(f.o.Location),
		o:      Options{Location: f.o.Location, Now: f.o.Now(), Search: new(Search), Format: format},
		inodes: map[inode]*candidate{}, heads: map[string][]*candidate{}, dirs: map[string]bool{},
	}
	infos := map[string]os.FileInfo{}
	for _, e := range fresh {
		d.file(e.path, e.path, false)
		infos[e.path] = e.info
	}
	d.look()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, file := range d.arrange() {
		key := inodeOf(file.info)
		if f.byInode[key] != nil || key != inodeOf(infos[file.Path]) {
			f.look = true // it was rotated in this moment
			continue
		}
		f.begin(file, heads[file.Path])
	}
	again := map[maillog.Format][]onDisk{}
	for _, p := range d.set.Problems {
		info := infos[p.Name]
		if info == nil {
			continue
		}
		key := inodeOf(info)
		ig := &ignored{path: p.Name, size: info.Size(), mtime: info.ModTime(), since: earlier(info.ModTime(), f.o.Now()), why: p, next: 2 * info.Size(), seen: f.looks}
		switch p.Kind {
		case Unknown:
			before := f.formatBefore(p.Name)
			switch st := f.alike(heads[p.Name]); {
			case st != nil:
				// A copy that is still being compressed may hold too little to know it.
				ig.why, ig.copyOf, ig.next = copied(p.Name, st), st.ID, ig.size
			case format == maillog.FormatNone && before != maillog.FormatNone:
				again[before] = append(again[before], onDisk{p.Name, info})
				continue
			}
			ig.retry = info.Size() < sampleLen
		case Twice:
			if st := f.alike(heads[p.Name]); st != nil {
				ig.copyOf, ig.next = st.ID, ig.size
			}
		case Changed:
			f.look = true
			continue
		case Unreadable:
			f.ignored[key], ig.retry = ig, true
			continue
		case Empty:
			ig.retry, ig.why = true, Problem{}
		case Damaged:
			ig.retry = true
		case Binary:
			if ig.retry = blank(heads[p.Name]); !ig.retry {
				break
			}
			// Truncated under a writer that does not append: more NUL than Discover
			// looks at, and behind them the lines of the log that was there.
			if before := f.lastOf(p.Name); before != nil && f.byInode[key] == nil {
				f.begin(&File{
					Path: p.Name, Name: p.Name, Format: before.format, Compression: plain, Size: info.Size(),
					ModTime: info.ModTime(), Reference: info.ModTime(), Source: before.Source, info: info,
				}, heads[p.Name])
				continue
			}
		}
		ig.settled = true
		f.ignored[key] = ig
		f.aside[p.Name] = key
	}
	for _, before := range slices.Sorted(maps.Keys(again)) {
		if err := f.discover(ctx, again[before], heads, before); err != nil {
			return err
		}
	}
	return nil
}

func copied(path string, of *followed) Problem {
	return Problem{path, Twice, "begins as " + of.Path + " and is taken for a copy of it, which is not read", nil}
}

// alike is a sequence whose file is there, and begins as these bytes do.
func (f *Follower) alike(head []byte) *followed {
	for _, st := range f.inOrder() {
		if st.gone.IsZero() && len(st.head) > 0 && len(head) > 0 && st.begins(head) {
			return st
		}
	}
	return nil
}

// logOf is how the Sources of a file begin, whatever its format is.
func logOf(path string) string {
	return filepath.Join(filepath.Dir(path), Stem(filepath.Base(path))) + " ("
}

// formatBefore is the format of the file that a new one follows: a log begins
// with lines of whatever kind.
func (f *Follower) formatBefore(path string) maillog.Format {
	if before := f.lastOf(path); before != nil {
		return before.format
	}
	return maillog.FormatNone
}

// lastOf is the latest file of the same log; nil where there is none.
func (f *Follower) lastOf(path string) (latest *followed) {
	begins := logOf(path)
	for name, s := range f.sources {
		if len(s.files) > 0 && strings.HasPrefix(name, begins) {
			if st := s.files[len(s.files)-1]; latest == nil || st.ID > latest.ID {
				latest = st
			}
		}
	}
	return latest
}

// watch asks to be woken by changes in all folders with files.
func (f *Follower) watch(l *listing) {
	for _, e := range l.met {
		if st := f.byInode[inodeOf(e.info)]; st != nil && st.Real != "" {
			l.watch(st.Real)
		}
	}
	for dir, id := range l.dirs {
		if w := f.watched[dir]; w != nil && w.id == id && w.err == nil {
			continue
		}
		w := &watching{id, f.waker.Watch(dir)}
		f.watched[dir] = w
		// What came after it was listed and before it was watched nobody tells.
		f.look = f.look || w.err == nil
	}
	for dir := range f.watched {
		if _, there := l.dirs[dir]; !there {
			delete(f.watched, dir)
		}
	}
}

// watching is a folder whose changes were asked for.
type watching struct {
	id  inode
	err error
}

func (w *watching) text() string {
	if errors.Is(w.err, syscall.ENOSPC) || errors.Is(w.err, syscall.EMFILE) {
		return `changes are seen only when it is next looked at, since there are too many watches: raise them with "sysctl fs.inotify.max_user_watches=524288"`
	}
	return fmt.Sprintf("changes are seen only when it is next looked at: %v", w.err)
}
