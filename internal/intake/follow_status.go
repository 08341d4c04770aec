package intake

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

var zeroTime time.Time

// Status is how far a Follower is, as it was At a time.
type Status struct {
	At      time.Time      `json:"at"`
	Sources []SourceStatus `json:"sources"`
	// Files are those known, OpenFiles those held open.
	Files     int `json:"files"`
	OpenFiles int `json:"open_files"`
	// Behind is how many stored bytes are still to be read, of all sources.
	Behind int64 `json:"behind_bytes"`
	// Problems are what is wrong now; each says what to do next.
	Problems []Problem `json:"-"`
	// Notes are what happened, the last ones, oldest first.
	Notes []Note `json:"notes"`
}

// SourceStatus is how far one source is. Counts are of this run.
type SourceStatus struct {
	Source      string    `json:"source"`
	Format      string    `json:"format"`
	Files       int       `json:"files"`
	Behind      int64     `json:"behind_bytes"`
	Lines       int64     `json:"lines"`
	Bytes       int64     `json:"bytes"` // decompressed
	LastRead    time.Time `json:"last_read"`
	Overlong    int64     `json:"overlong_lines"` // cut at MaxLine
	Skipped     int64     `json:"skipped_bytes"`  // that were cut off them
	NUL         int64     `json:"nul_bytes"`
	Truncations int64     `json:"truncations"`
	// LostBytes were seen and are gone. What was written and taken away
	// between two looks nobody can count: Truncations say that it may be.
	LostBytes int64     `json:"lost_bytes"`
	Problems  []Problem `json:"-"`
}

// Note is something that happened to one file.
type Note struct {
	Time   time.Time `json:"time"`
	Source string    `json:"source"`
	Name   string    `json:"name"`
	Kind   Kind      `json:"kind"`
	Text   string    `json:"text"`
	Lost   int64     `json:"lost_bytes"`
}

// maxNotes bounds what is kept of what happened.
const maxNotes = 100

func (f *Follower) note(st *followed, kind Kind, text string, lost int64) {
	if len(f.notes) >= maxNotes {
		f.notes = slices.Delete(f.notes, 0, len(f.notes)-maxNotes+1)
	}
	f.notes = append(f.notes, Note{f.o.Now(), st.Source, st.Path, kind, text, max(lost, 0)})
}

// Status says how far following is; at most a second old while Next is called.
// It may be called from anywhere, and never waits, also where a file does.
func (f *Follower) Status() Status {
	s := *f.status.Load()
	if b := f.busyWith.Load(); b != nil {
		if since := f.o.Now().Sub(b.since); since >= unanswered {
			s.Problems = append(slices.Clone(s.Problems), Problem{b.path, Unreadable, fmt.Sprintf("has not answered for %v, and all other logs wait for it: "+
				"if it lies on a network share, see whether that can be reached, or unmount it; it is read on when it answers", since.Round(time.Second)), nil})
		}
	}
	return s
}

// busyWith is a path that is being read or looked at.
type busyWith struct {
	path  string
	since time.Time
}

// unanswered is how long a file system may take, until it is said.
const unanswered = 10 * time.Second

func (f *Follower) publishSometimes() {
	if now := f.o.Now(); now.Sub(f.statusAt).Abs() >= time.Second {
		f.publish()
	}
}

func (f *Follower) publish() {
	f.statusAt = f.o.Now()
	s := &Status{At: f.statusAt, Files: len(f.files), OpenFiles: len(f.open), Notes: slices.Clone(f.notes), Problems: slices.Clone(f.problems)}
	if f.noNotify != nil {
		s.Problems = append(s.Problems, Problem{
			"the kernel", Unreadable,
			`tells of no changes, so lines are seen only every few seconds: raise the limit with "sysctl fs.inotify.max_user_instances=1024", and restart`, f.noNotify,
		})
	}
	for dir, w := range f.watched {
		if w.err != nil && f.noNotify == nil {
			s.Problems = append(s.Problems, Problem{dir, Unreadable, w.text(), w.err})
		}
	}
	for _, ig := range f.ignored {
		if ig.why.Text != "" {
			s.Problems = append(s.Problems, ig.why)
		}
	}
	for _, src := range f.sources {
		out := src.stats
		out.Source, out.Format = src.name, src.format.String()
		for _, st := range src.files {
			out.LostBytes += st.loss
			if !st.gone.IsZero() {
				continue
			}
			out.Files++
			switch {
			case st.Done:
			case st.compression == plain:
				out.Behind += max(0, max(st.Size, st.length)-st.Offset)
			case st.compression != "":
				out.Behind += max(0, max(st.Size, st.length)-st.unpackAt)
			}
		}
		for _, p := range src.message {
			out.Problems = append(out.Problems, p)
		}
		slices.SortFunc(out.Problems, byName)
		s.Behind += out.Behind
		s.Sources = append(s.Sources, out)
	}
	slices.SortFunc(s.Problems, byName)
	slices.SortFunc(s.Sources, func(a, b SourceStatus) int { return strings.Compare(a.Source, b.Source) })
	f.status.Store(s)
}

func byName(a, b Problem) int { return strings.Compare(a.Name, b.Name) }

// fill reads until the bytes are full, and returns the reader's own error: a
// compressed stream that is cut says so by the error that io.ReadFull has for
// one that ends.
func fill(r io.Reader, b []byte) (n int, err error) {
	idle := 0
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
		if m > 0 {
			idle = 0
		} else if idle++; idle == 100 && err == nil {
			err = io.ErrNoProgress
		}
	}
	return n, err
}

func atEnd(err error) bool { return errors.Is(err, io.EOF) }
