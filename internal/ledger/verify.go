package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Problem is something that is not as it was.
type Problem struct {
	Code string `json:"code"` // key, checkpoint, entries, unfinished, kept, verdict
	Text string `json:"text"`
}

// Unfinished is the one Problem that a crash leaves behind too.
const Unfinished = "unfinished"

// Report is what Verify found.
type Report struct {
	Origin   string    `json:"origin"`
	Entries  int64     `json:"entries"` // that the checkpoint states
	Root     string    `json:"root"`
	Problems []Problem `json:"problems"`
}

// state is what stands in a ledger's folder.
type state struct {
	verifier   note.Verifier
	checkpoint Checkpoint
	signed     string // the checkpoint as stored
	tree       tree
	entries    []*Entry
	end        int64 // behind the last entry that the checkpoint covers
	tail       int64 // bytes behind it
	problems   []Problem
}

func (s *state) problem(code, format string, args ...any) {
	s.problems = append(s.problems, Problem{code, fmt.Sprintf(format, args...)})
}

// load reads one of the ledger's files; that it is missing is a problem.
func (s *state) load(dir, name, code string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		s.problem(code, "%s is missing", name)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return data, nil
}

// read reads a ledger and holds it against its checkpoint. The error is of
// reading alone; all else is a problem of the state.
func (l *Ledger) read() (*state, error) { return l.readWith(nil) }

// readWith reads with a public key that was kept elsewhere, nil for the
// folder's.
func (l *Ledger) readWith(kept note.Verifier) (*state, error) {
	s := &state{}
	public, err := s.load(l.dir, publicFile, "key")
	if err != nil {
		return nil, err
	}
	signed, err := s.load(l.dir, checkpointFile, "checkpoint")
	if err != nil {
		return nil, err
	}
	entries, err := s.load(l.dir, entriesFile, "entries")
	if err != nil {
		return nil, err
	}
	if len(s.problems) > 0 {
		return s, nil
	}
	s.hold(public, signed, entries, kept)
	return s, nil
}

// hold fills a state from the three files.
func (s *state) hold(public, signed, entries []byte, kept note.Verifier) {
	s.signed = string(signed)
	line, rest, ended := strings.Cut(string(public), "\n")
	v, err := ParseKey(line)
	switch {
	case err != nil || rest != "" || !ended:
		s.problem("key", "%s was changed: it is not written as keys are", publicFile)
	case kept != nil && (v.Name() != kept.Name() || v.KeyHash() != kept.KeyHash()):
		s.problem("key", "%s is another key than the one that was kept: the ledger was replaced, or is another", publicFile)
	}
	if s.verifier = v; kept != nil {
		s.verifier = kept
	}
	if s.verifier == nil {
		return
	}
	c, err := openCheckpoint(signed, s.verifier)
	if err != nil {
		s.problem("checkpoint", "the checkpoint was changed: %v", err)
		return
	}
	s.checkpoint = c
	s.grow(entries)
	root, err := s.tree.root(s.tree.size())
	if s.tree.size() == c.Size && (err != nil || root != c.Root) && len(s.problems) == 0 {
		s.problem("entries", "the entries were changed: they do not give the root that was signed, and the last one, entry %d, is the first that can be it", c.Size-1)
	}
}

// grow reads the entries that the checkpoint covers, and names the first that
// is not as it was.
func (s *state) grow(entries []byte) {
	n := int64(0)
	for ; n < s.checkpoint.Size; n++ {
		i := bytes.IndexByte(entries, '\n')
		if i < 0 {
			s.problem("entries", "the checkpoint was signed over %d entries, and %d are there: entries were removed", s.checkpoint.Size, n)
			return
		}
		line := entries[:i]
		before, err := s.tree.root(n)
		if err != nil {
			s.problem("entries", "entry %d: %v", n, err)
			return
		}
		e, err := decode(line)
		switch {
		case err != nil:
			s.problem("entries", "entry %d was changed: %v", n, err)
			return
		case e.N != n:
			s.problem("entries", "where entry %d should stand is entry %d: entries were removed, added or reordered", n, e.N)
			return
		case e.Before != before.String():
			s.problem("entries", "entry %d was changed: entry %d states another tree before it", n-1, n)
			return
		}
		if err := s.tree.add(line); err != nil {
			s.problem("entries", "entry %d: %v", n, err)
			return
		}
		s.entries = append(s.entries, e)
		s.end += int64(i) + 1
		entries = entries[i+1:]
	}
	s.tail = int64(len(entries))
}

// Verify holds the ledger against its own checkpoint, with the public key that
// was kept elsewhere, or nil for the one in the folder, and against checkpoints
// that were kept elsewhere. Without problems nothing was changed since the
// latest of these; what was signed later is only as sure as the private key.
func (l *Ledger) Verify(key note.Verifier, kept ...string) (Report, error) {
	defer l.share()()
	s, err := l.readWith(key)
	if err != nil {
		return Report{}, err
	}
	for _, text := range kept {
		s.holdKept(text)
	}
	if s.tail > 0 {
		s.problem(Unfinished, "%d bytes stand behind the %d entries that were signed: an entry was not finished, as after a crash, or something was added; the next entry takes them off", s.tail, s.checkpoint.Size)
	}
	r := Report{Origin: s.checkpoint.Origin, Entries: s.checkpoint.Size, Root: s.checkpoint.Root.String(), Problems: s.problems}
	if r.Problems == nil {
		r.Problems = []Problem{}
	}
	return r, nil
}

// holdKept compares the ledger with a checkpoint that was kept elsewhere.
func (s *state) holdKept(text string) {
	if s.verifier == nil {
		return // said already
	}
	c, err := openCheckpoint([]byte(text), s.verifier)
	if err != nil {
		s.problem("kept", "a checkpoint that was kept does not fit the key of this ledger: %v; the ledger was replaced, or the checkpoint is of another or damaged", err)
		return
	}
	if c.Size > s.checkpoint.Size {
		s.problem("kept", "a checkpoint that was kept states %d entries, the ledger %d: it was cut, or an older state of it was put back", c.Size, s.checkpoint.Size)
		return
	}
	if c.Size > s.tree.size() {
		return // the entries themselves are wrong, which is said already
	}
	root, err := s.tree.root(c.Size)
	if err != nil || root != c.Root {
		s.problem("kept", "the first %d entries are not those of a checkpoint that was kept: they were written anew, with the ledger's own key", c.Size)
	}
}

// Entries are what the ledger holds, as far as its checkpoint bears it out, and
// the checkpoint. The error is ErrChanged where that is not all of it.
func (l *Ledger) Entries() ([]*Entry, string, error) {
	defer l.share()()
	s, err := l.read()
	if err != nil {
		return nil, "", err
	}
	if len(s.problems) > 0 {
		return s.entries, s.signed, fmt.Errorf("%w: %s", ErrChanged, s.problems[0].Text)
	}
	return s.entries, s.signed, nil
}
