package archive

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"mailvigil/maillog"
)

// Segment is one file of an archive, of one day (UTC) and one service. It
// exists once whoever calls has recorded it.
type Segment struct {
	Name    string    `json:"name"` // within the folder, with slashes
	Day     string    `json:"day"`  // 2006-01-02
	Service string    `json:"service"`
	SHA256  string    `json:"sha256"`
	Rows    int64     `json:"rows"`
	Bytes   int64     `json:"bytes"`
	First   time.Time `json:"first"` // the earliest time of a row
	Last    time.Time `json:"last"`  // the latest
	Written time.Time `json:"written"`
}

// ErrFull is what Add returns where all memory is taken by lines that were cut
// off and not yet published.
var ErrFull = errors.New("the lines that wait to be archived fill their memory; publish them first")

// The memory that lines may take until they are written. It covers the rows
// and their texts; the writer has some 30 MB besides.
const defaultMemory = 24 << 20

// StoreOptions are what a Store needs to know.
type StoreOptions struct {
	Release string           // of Mailvigil, named in the files
	Now     func() time.Time // of this machine
	Memory  int64            // bytes of lines held until they are written; 0 for 24 MB
}

// Store makes the segments of a folder. Add, WriteAhead, Cut and Publish may be
// called by several goroutines, but WriteAhead by one at a time.
//
// Lines are held in memory until they are published, or until they fill it:
// then the largest segment in the making is written ahead, under a temporary
// name. A line that Add took is in exactly one published segment, however often
// publishing failed before.
type Store struct {
	folder string
	o      StoreOptions
	disk   disk

	mu    sync.Mutex // guards open and ahead
	open  map[key]*making
	ahead []*ahead

	encoder encoder // of what was added
	merger  encoder // of what is compacted, which takes longer

	held atomic.Int64 // bytes of all lines held
	cuts sync.Mutex   // one cut is published at a time
}

// encoder writes one file after the other with the same buffers.
type encoder struct {
	mu  sync.Mutex // taken after Store.mu
	out *parquet.GenericWriter[row]
}

type key struct {
	day     int32 // since 1970
	service maillog.Service
}

// making is a segment in the making.
type making struct {
	key
	sources     map[string]*rowList
	text        arena
	rows        int64
	cost        int64
	first, last int64 // Unix nanoseconds
}

// rowList grows by chunks, so that no row is copied.
type rowList struct{ chunks [][]row }

const (
	chunkRows = 128
	rowCost   = int64(unsafe.Sizeof(row{}))
)

func (l *rowList) add() *row {
	n := len(l.chunks)
	if n == 0 || len(l.chunks[n-1]) == cap(l.chunks[n-1]) {
		size := chunkRows
		if n == 0 {
			size = 4 // many segments hold a few lines
		}
		l.chunks = append(l.chunks, make([]row, 0, size))
		n++
	}
	c := &l.chunks[n-1]
	*c = (*c)[:len(*c)+1]
	return &(*c)[len(*c)-1]
}

// ahead is a segment that is written before it is published, or was.
type ahead struct {
	of   *making       // nil once it is written
	made *made         // nil until then
	done chan struct{} // closed when writing has ended
}

// made is a segment that was written under a temporary name.
type made struct {
	Segment
	temporary string // "" once it bears its name
}

// Open returns the store of a folder, which it makes where there is none.
func Open(folder string, o StoreOptions) (*Store, error) {
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, fmt.Errorf("open the archive %s: %w", folder, reason(err))
	}
	return &Store{folder: folder, o: o, disk: osDisk{}, open: map[key]*making{}}, nil
}

// Folder is where the segments are.
func (s *Store) Folder() string { return s.folder }

// Held returns the bytes of the lines that are not published yet.
func (s *Store) Held() int64 { return s.held.Load() }

// Add takes one line, of which it keeps nothing but the strings. Where it
// returns an error, the line was not taken: what failed, such as a full disk,
// is put right and the line given again.
func (s *Store) Add(r *Row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.Load() >= s.o.Memory {
		if err := s.writeAhead(); err != nil {
			return err
		}
	}
	at, service := r.Received, maillog.ServiceNone
	if r.Event != nil {
		at, service = r.Event.Time, r.Event.Service
	} else {
		at = floorMicro(at) * 1000
	}
	k := key{dayOf(at), service}
	m := s.open[k]
	if m == nil {
		m = newMaking(k)
		s.open[k] = m
	}
	before := m.cost
	m.add(r, at)
	s.held.Add(m.cost - before)
	return nil
}

func newMaking(k key) *making {
	return &making{key: k, sources: map[string]*rowList{}, first: math.MaxInt64, last: math.MinInt64}
}

func (m *making) add(r *Row, at int64) {
	l := m.sources[r.Source]
	if l == nil {
		l = &rowList{}
		m.sources[r.Source] = l
	}
	text := m.text.total
	m.text.fill(l.add(), r)
	m.rows++
	m.cost += rowCost + m.text.total - text
	m.first, m.last = min(m.first, at), max(m.last, at)
}

func dayOf(ns int64) int32 {
	const day = int64(24 * time.Hour)
	d := ns / day
	if ns%day < 0 {
		d--
	}
	return int32(d)
}

// writeAhead writes the largest segment in the making, to make room.
func (s *Store) writeAhead() error {
	var largest *making
	for _, m := range s.open {
		if largest == nil || m.cost > largest.cost {
			largest = m
		}
	}
	if largest == nil {
		return ErrFull
	}
	done, err := s.write(largest)
	if err != nil {
		return err
	}
	delete(s.open, largest.key)
	s.held.Add(-largest.cost)
	a := &ahead{made: done, done: make(chan struct{})}
	close(a.done)
	s.ahead = append(s.ahead, a)
	return nil
}

// WriteAhead writes the largest segment in the making, under a temporary name,
// while others go on adding lines. Called in time, it spares Add the writing. It
// does nothing where there is none. Where it fails nothing is lost: it is
// written by the next call, or when it is published.
func (s *Store) WriteAhead() error {
	s.mu.Lock()
	var a *ahead
	for _, x := range s.ahead {
		if closed(x.done) && x.of != nil {
			a = x // it failed before
			break
		}
	}
	if a == nil {
		var largest *making
		for _, m := range s.open {
			if largest == nil || m.cost > largest.cost {
				largest = m
			}
		}
		if largest == nil {
			s.mu.Unlock()
			return nil
		}
		delete(s.open, largest.key)
		a = &ahead{of: largest}
		s.ahead = append(s.ahead, a)
	}
	a.done = make(chan struct{})
	m := a.of
	s.mu.Unlock()
	defer close(a.done)
	done, err := s.write(m)
	if err != nil {
		return err
	}
	a.of, a.made = nil, done
	s.held.Add(-m.cost)
	return nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Cut is what was added until a moment: a set of lines that are published
// together, so that the positions behind them can be recorded with them.
type Cut struct {
	s     *Store
	ahead []*ahead
	open  []*making
	done  []*made
}

// Cut cuts off what was added so far. It is quick, and what is added from now
// on belongs to the next. Cuts are published in the order of their making.
func (s *Store) Cut() *Cut {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Cut{s: s, ahead: s.ahead, open: slices.Collect(maps.Values(s.open))}
	slices.SortFunc(c.open, func(a, b *making) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.service, b.service)) })
	s.open, s.ahead = map[key]*making{}, nil
	return c
}

// Publish publishes what was added so far; where it fails the lines stay for
// the next call.
func (s *Store) Publish(ctx context.Context) ([]Segment, error) {
	c := s.Cut()
	segments, err := c.Publish(ctx)
	if err != nil {
		s.giveBack(c)
	}
	return segments, err
}

// giveBack puts what could not be published before what was added since.
func (s *Store) giveBack(c *Cut) {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := make(chan struct{})
	close(done)
	back := make([]*ahead, 0, len(c.done)+len(c.ahead)+len(s.ahead))
	for _, d := range c.done {
		back = append(back, &ahead{made: d, done: done})
	}
	s.ahead = append(append(back, c.ahead...), s.ahead...)
	for _, m := range slices.Backward(c.open) {
		later := s.open[m.key]
		s.open[m.key] = m
		if later == nil {
			continue
		}
		for source, l := range later.sources {
			if have := m.sources[source]; have != nil {
				have.chunks = append(have.chunks, l.chunks...)
			} else {
				m.sources[source] = l
			}
		}
		// New texts go where the later ones are.
		total := m.text.total + later.text.total
		m.text = later.text
		m.text.total = total
		m.rows, m.cost = m.rows+later.rows, m.cost+later.cost
		m.first, m.last = min(m.first, later.first), max(m.last, later.last)
	}
}

// Publish writes, syncs and names all segments of the cut, and syncs their
// folders. When it returns without an error they are safe, and exist once the
// caller has recorded them. After an error nothing is lost: call it again.
func (c *Cut) Publish(ctx context.Context) ([]Segment, error) {
	s := c.s
	s.cuts.Lock()
	defer s.cuts.Unlock()
	for len(c.ahead) > 0 {
		a := c.ahead[0]
		select {
		case <-a.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if a.of != nil {
			c.open = slices.Insert(c.open, 0, a.of)
		} else {
			c.done = append(c.done, a.made)
		}
		c.ahead = c.ahead[1:]
	}
	for len(c.open) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m := c.open[0]
		done, err := s.write(m)
		if err != nil {
			return nil, err
		}
		c.open = c.open[1:]
		s.held.Add(-m.cost)
		c.done = append(c.done, done)
	}
	if err := s.name(c.done); err != nil {
		return nil, err
	}
	segments := make([]Segment, len(c.done))
	for i, d := range c.done {
		segments[i] = d.Segment
	}
	return segments, nil
}

// name gives written segments their names.
func (s *Store) name(all []*made) error {
	folders := map[string]bool{}
	for _, d := range all {
		path := s.path(d.Name)
		folders[filepath.Dir(path)] = true
		if d.temporary == "" {
			continue
		}
		if err := s.disk.rename(d.temporary, path); err != nil {
			return s.failed("name "+d.Name, err)
		}
		d.temporary = ""
	}
	for folder := range folders {
		if err := s.disk.syncFolder(folder); err != nil {
			return s.failed("sync the folder "+filepath.Base(folder), err)
		}
	}
	return nil
}

func (s *Store) path(name string) string { return filepath.Join(s.folder, filepath.FromSlash(name)) }

func (s *Store) failed(what string, err error) error {
	return fmt.Errorf("archive in %s: %s: %w%s", s.folder, what, reason(err), next(err))
}

// write writes a segment under a temporary name and syncs it.
func (s *Store) write(m *making) (*made, error) {
	sources := slices.Sorted(maps.Keys(m.sources))
	return s.encode(&s.encoder, m.key, m.first, m.last, s.o.Now(), func(out *parquet.GenericWriter[row]) (int64, error) {
		var rows int64
		for _, source := range sources {
			for _, chunk := range m.sources[source].chunks {
				for len(chunk) > 0 {
					if rows > 0 && rows%groupRows == 0 {
						if err := out.Flush(); err != nil {
							return rows, err
						}
					}
					n := min(len(chunk), int(groupRows-rows%groupRows))
					if _, err := out.Write(chunk[:n]); err != nil {
						return rows, err
					}
					rows += int64(n)
					chunk = chunk[n:]
				}
			}
		}
		return rows, nil
	})
}

// encode makes the file of a segment, of which fill writes the rows.
func (s *Store) encode(e *encoder, k key, first, last int64, written time.Time, fill func(*parquet.GenericWriter[row]) (int64, error)) (_ *made, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := &made{Segment: Segment{
		Day: time.Unix(int64(k.day)*86400, 0).UTC().Format(time.DateOnly), Service: k.service.String(),
		First: time.Unix(0, first).UTC(), Last: time.Unix(0, last).UTC(), Written: written.UTC(),
	}}
	service := d.Service
	if service == "" {
		service = "none"
	}
	base := fmt.Sprintf("%s-%s-%08x%08x.parquet", service, d.First.Format("150405"), uint32(d.Written.Unix()), rand.Uint32())
	d.Name = d.Day + "/" + base
	folder := s.path(d.Day)
	made, err := s.disk.mkdir(folder)
	if err == nil && made {
		err = s.disk.syncFolder(s.folder)
	}
	if err != nil {
		return nil, s.failed("make the folder "+d.Day, err)
	}
	d.temporary = filepath.Join(folder, "."+base+".tmp")
	file, err := s.disk.create(d.temporary)
	if err != nil {
		return nil, s.failed("write "+d.Name, err)
	}
	defer func() {
		if err != nil {
			_ = file.Close() // it may be closed already
			_ = s.disk.remove(d.temporary)
			err = s.failed("write "+d.Name, err)
		}
	}()
	w := &hashing{to: file, sum: sha256.New()}
	if e.out == nil {
		e.out = newParquet(w, s.o.Release)
	} else {
		e.out.Reset(w)
	}
	if d.Rows, err = fill(e.out); err == nil {
		err = e.out.Close()
	}
	if err != nil {
		e.out = nil // it may be in any state
		return nil, err
	}
	if err = file.Sync(); err != nil {
		return nil, err
	}
	if err = file.Close(); err != nil {
		return nil, err
	}
	d.SHA256, d.Bytes = hex.EncodeToString(w.sum.Sum(nil)), w.n
	return d, nil
}

// hashing writes and hashes.
type hashing struct {
	to  io.Writer
	sum hash.Hash
	n   int64
}

func (h *hashing) Write(b []byte) (int, error) {
	n, err := h.to.Write(b)
	h.sum.Write(b[:n])
	h.n += int64(n)
	return n, err
}

// Close removes what was written ahead and never named. Lines that were not
// published are given up: their positions were never recorded.
func (s *Store) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.ahead {
		<-a.done
		if a.made != nil && a.made.temporary != "" {
			_ = s.disk.remove(a.made.temporary)
		}
		if a.of != nil {
			s.held.Add(-a.of.cost)
		}
	}
	for _, m := range s.open {
		s.held.Add(-m.cost)
	}
	s.ahead, s.open = nil, map[key]*making{}
}

// segmentName is what Store calls its files; others are none of ours. Behind the
// service are the time of the first row, the second of the writing since 1970,
// in hexadecimal, and chance.
var segmentName = regexp.MustCompile(`^\d{4}-\d\d-\d\d/[a-z0-9]+-\d{6}-[0-9a-f]{16}\.parquet$`)

// written is when a segment was written, which its name tells where the list
// has not kept it; zero where neither does.
func (s Segment) written() time.Time {
	if !s.Written.IsZero() || !segmentName.MatchString(s.Name) {
		return s.Written
	}
	hex := strings.TrimSuffix(s.Name, ".parquet")
	sec, err := strconv.ParseUint(hex[len(hex)-16:len(hex)-8], 16, 32)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(int64(sec), 0).UTC()
}

// Problem is a recorded segment that cannot be read.
type Problem struct {
	Segment Segment
	Err     error
}

func (p *Problem) Error() string {
	return fmt.Sprintf("segment %s: %v; it is left out. Put it back from a backup of the archive, or see docs/archive.md for how to go on without it", p.Segment.Name, p.Err)
}

func (p *Problem) Unwrap() error { return p.Err }

// Swept is what Sweep did and found.
type Swept struct {
	Removed  int      // files that were never finished
	Aside    []string // segments nobody recorded, put into the folder unrecorded
	Problems []*Problem
}

// asideFolder keeps segments that nobody recorded, for a day: they are removed
// in the end, as what a crash left behind has to be, but if it was the list that
// was lost, there is time to notice.
const (
	asideFolder = "unrecorded"
	asideFor    = 24 * time.Hour
)

// Sweep is called once at the start, before anything is added, with the
// segments that were recorded. Files that were never finished are removed,
// segments that were never recorded put aside, and of the recorded ones those
// are told that are missing, or are not what they were.
func (s *Store) Sweep(known []Segment) (Swept, error) {
	var out Swept
	recorded := make(map[string]bool, len(known))
	for _, k := range known {
		recorded[k.Name] = true
		if err := check(s.folder, k); err != nil {
			out.Problems = append(out.Problems, &Problem{k, err})
		}
	}
	days, err := os.ReadDir(s.folder)
	if err != nil {
		return out, s.failed("list its files", err)
	}
	for _, day := range days {
		if !day.IsDir() {
			continue
		}
		files, err := os.ReadDir(filepath.Join(s.folder, day.Name()))
		if err != nil {
			return out, s.failed("list "+day.Name(), err)
		}
		for _, f := range files {
			name := day.Name() + "/" + f.Name()
			if day.Name() == asideFolder {
				if info, err := f.Info(); err == nil && s.o.Now().Sub(info.ModTime()) > asideFor {
					err = s.disk.remove(s.path(name))
					if err != nil {
						return out, s.failed("remove "+name, err)
					}
					out.Removed++
				}
				continue
			}
			if hidden, ok := strings.CutSuffix(f.Name(), ".tmp"); ok && segmentName.MatchString(day.Name()+"/"+strings.TrimPrefix(hidden, ".")) {
				if err := s.disk.remove(s.path(name)); err != nil {
					return out, s.failed("remove "+name, err)
				}
				out.Removed++
				continue
			}
			if recorded[name] || !segmentName.MatchString(name) {
				continue
			}
			if _, err := s.disk.mkdir(s.path(asideFolder)); err != nil {
				return out, s.failed("make the folder "+asideFolder, err)
			}
			to := s.path(asideFolder + "/" + day.Name() + "-" + f.Name())
			if err := s.disk.rename(s.path(name), to); err != nil {
				return out, s.failed("put "+name+" aside", err)
			}
			_ = os.Chtimes(to, time.Time{}, s.o.Now()) // from now on it is a day
			out.Aside = append(out.Aside, name)
		}
	}
	return out, nil
}

// check looks whether a segment can be what was recorded, without reading it
// all: Verify does.
func check(folder string, seg Segment) error {
	f, err := os.Open(filepath.Join(folder, filepath.FromSlash(seg.Name)))
	if err != nil {
		return reason(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return reason(err)
	}
	if info.Size() != seg.Bytes {
		return fmt.Errorf("it has %d bytes, and was recorded with %d", info.Size(), seg.Bytes)
	}
	magic := make([]byte, 4)
	if _, err := f.ReadAt(magic, max(0, info.Size()-4)); err != nil || string(magic) != "PAR1" {
		return errors.New("it does not end as a Parquet file")
	}
	return nil
}

// Verify reads whole segments and returns those that are not what was recorded.
func Verify(ctx context.Context, folder string, segments []Segment) (problems []*Problem, err error) {
	for _, seg := range segments {
		if err := ctx.Err(); err != nil {
			return problems, err
		}
		if err := verify(folder, seg); err != nil {
			problems = append(problems, &Problem{seg, err})
		}
	}
	return problems, nil
}

func verify(folder string, seg Segment) error {
	if err := check(folder, seg); err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(folder, filepath.FromSlash(seg.Name)))
	if err != nil {
		return reason(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return reason(err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != seg.SHA256 {
		return fmt.Errorf("its SHA-256 is %s, and was recorded as %s", got, seg.SHA256)
	}
	return nil
}

// Remove removes the files of segments that are recorded no longer. What is
// gone already is none of its concern.
func (s *Store) Remove(segments []Segment) error {
	var errs []error
	days := map[string]bool{}
	for _, seg := range segments {
		if !segmentName.MatchString(seg.Name) {
			errs = append(errs, fmt.Errorf("remove the segment %s: no segment is called so", strconv.Quote(seg.Name)))
			continue
		}
		if err := s.disk.remove(s.path(seg.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, s.failed("remove "+seg.Name, err))
		}
		days[seg.Day] = true
	}
	for day := range days {
		_ = os.Remove(s.path(day)) // only an empty one goes
	}
	return errors.Join(errs...)
}
