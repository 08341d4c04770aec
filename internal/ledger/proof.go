package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Proof shows somebody who has only a checkpoint, and neither the ledger nor
// its other entries, that an entry stands in it, or that a later state holds all
// of an earlier one.
type Proof struct {
	Entry      string      `json:"entry,omitempty"` // the line, of a proof that it is there
	N          int64       `json:"n,omitempty"`
	Earlier    string      `json:"earlier,omitempty"` // the checkpoint, of a proof that nothing of it was changed
	Checkpoint string      `json:"checkpoint"`
	Hashes     []tlog.Hash `json:"hashes"`
}

// ProveEntry proves that an entry stands in the ledger.
func (l *Ledger) ProveEntry(n int64) (*Proof, error) {
	s, err := l.whole()
	if err != nil {
		return nil, err
	}
	if n < 0 || n >= s.tree.size() {
		return nil, fmt.Errorf("there is no entry %d; the ledger has %d, counted from 0", n, s.tree.size())
	}
	p, err := tlog.ProveRecord(s.tree.size(), n, s.tree.hashes)
	if err != nil {
		return nil, err
	}
	return &Proof{Entry: string(s.tree.lines[n]), N: n, Checkpoint: s.signed, Hashes: p}, nil
}

// ProveSince proves that the ledger holds all that an earlier checkpoint was
// signed over, unchanged.
func (l *Ledger) ProveSince(earlier string) (*Proof, error) {
	s, err := l.whole()
	if err != nil {
		return nil, err
	}
	if s.holdKept(earlier); len(s.problems) > 0 {
		return nil, errors.New(s.problems[0].Text)
	}
	c, err := openCheckpoint([]byte(earlier), s.verifier)
	if err != nil {
		return nil, err
	}
	if c.Size == 0 {
		return nil, errors.New("that checkpoint is of no entries: there is nothing to prove")
	}
	p, err := tlog.ProveTree(s.tree.size(), c.Size, s.tree.hashes)
	if err != nil {
		return nil, err
	}
	return &Proof{Earlier: earlier, Checkpoint: s.signed, Hashes: p}, nil
}

// whole reads a ledger that must be whole.
func (l *Ledger) whole() (*state, error) {
	defer l.share()()
	s, err := l.read()
	if err != nil {
		return nil, err
	}
	if len(s.problems) > 0 {
		return nil, fmt.Errorf("%w, so nothing can be proved: %s", ErrChanged, s.problems[0].Text)
	}
	return s, nil
}

// CheckProof says whether a proof holds under a public key, and what it proves.
func CheckProof(data []byte, key note.Verifier) (string, error) {
	var p Proof
	if err := json.Unmarshal(data, &p); err != nil {
		return "", errors.New("this is no proof of a ledger")
	}
	var compact bytes.Buffer
	if again, err := json.Marshal(&p); err != nil || json.Compact(&compact, data) != nil || !bytes.Equal(compact.Bytes(), again) {
		return "", errors.New("this proof is not written as proofs are")
	}
	c, err := openCheckpoint([]byte(p.Checkpoint), key)
	if err != nil {
		return "", fmt.Errorf("the proof does not hold: its checkpoint: %w", err)
	}
	switch {
	case p.Entry != "" && p.Earlier != "" || p.Entry == "" && p.Earlier == "":
		return "", errors.New("this proof proves nothing")
	case p.Entry != "":
		if p.N < 0 || p.N >= c.Size {
			return "", errors.New("the proof does not hold: there is no such entry")
		}
		if err := tlog.CheckRecord(p.Hashes, c.Size, c.Root, p.N, tlog.RecordHash([]byte(p.Entry))); err != nil {
			return "", errors.New("the proof does not hold: the entry is not in the tree that was signed")
		}
		return fmt.Sprintf("entry %d stands in the ledger %s of %d entries", p.N, c.Origin, c.Size), nil
	}
	earlier, err := openCheckpoint([]byte(p.Earlier), key)
	if err != nil {
		return "", fmt.Errorf("the proof does not hold: its earlier checkpoint: %w", err)
	}
	if earlier.Size > c.Size || earlier.Size < 1 || tlog.CheckTree(p.Hashes, c.Size, c.Root, earlier.Size, earlier.Root) != nil {
		return "", errors.New("the proof does not hold: the later ledger does not begin with the earlier one")
	}
	return fmt.Sprintf("the first %d of %d entries of the ledger %s are what they were", earlier.Size, c.Size, c.Origin), nil
}
