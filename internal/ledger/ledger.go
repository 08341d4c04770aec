// Package ledger is the tamper-evident record of what was done and on what
// evidence: runs, their inputs and results, and later decisions, each by id and
// hash alone. No name, no address and no line of a log is in it.
//
// A ledger is a folder. Entries are the leaves of a Merkle tree (RFC 6962), the
// root of which stands in a signed checkpoint. Whoever changes, removes or
// reorders a byte without the private key is found by Verify. Whoever has the
// key, or puts an older state of the whole folder back, is found by a
// checkpoint that was kept elsewhere.
//
// The checkpoint commits: an entry is written and synced first, and counts once
// a checkpoint over it has been renamed into place. What stands behind the last
// checkpoint was never acknowledged, and is taken off by the next Append.
//
// It is called by internal/app. It judges nothing, and does not know what the
// hashes are of.
package ledger

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The files of a ledger.
const (
	entriesFile    = "entries.jsonl"
	checkpointFile = "checkpoint"
	publicFile     = "key.pub"
	privateFile    = "key"
	lockFile       = "lock"
)

// Kind of an entry.
type Kind string

// The kinds.
const (
	Begin          Kind = "begin"    // of the ledger
	RunEntry       Kind = "run"      // an investigation
	DecisionsEntry Kind = "decision" // what people decided
)

// Entry is one line of the ledger.
type Entry struct {
	N    int64  `json:"n"`    // its place, from 0
	Time string `json:"time"` // RFC 3339, UTC, of the writer's clock
	// Before is the root of the tree of all entries before it, so that the
	// first entry that was changed can be named.
	Before   string    `json:"before"`
	Kind     Kind      `json:"kind"`
	Program  string    `json:"program,omitempty"` // the version that ran
	Run      *Run      `json:"run,omitempty"`
	Decision *Decision `json:"decision,omitempty"`
}

// Run is an investigation.
type Run struct {
	Verdict string  `json:"verdict"` // its kind
	SHA256  string  `json:"sha256"`  // of the verdict as JSON, without its ledger
	Inputs  []Input `json:"inputs"`
}

// Input is a file that a run read.
type Input struct {
	Kind   string `json:"kind"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // of the file as stored, "" where it is not known
}

// Decision is what people decided, kept elsewhere under an id.
type Decision struct {
	ID     string `json:"id"`
	SHA256 string `json:"sha256"` // of its record
}

var (
	idForm      = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+){0,7}$`)
	wordForm    = regexp.MustCompile(`^[a-z]{1,32}$`)
	programForm = regexp.MustCompile(`^[0-9A-Za-z.+_-]{0,64}$`)
	originForm  = regexp.MustCompile(`^[0-9A-Za-z./_-]{1,64}$`)
)

// isHash says whether a text is a SHA-256 in its one spelling.
func isHash(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == 64
}

// check holds an entry against what a ledger may hold: ids and hashes.
func (e *Entry) check() error {
	if _, err := time.Parse("2006-01-02T15:04:05Z", e.Time); err != nil {
		return fmt.Errorf("%q is no time in UTC", e.Time)
	}
	if h, err := tlog.ParseHash(e.Before); err != nil || h.String() != e.Before {
		return errors.New("it does not state the tree before it")
	}
	if !programForm.MatchString(e.Program) {
		return errors.New("its program is no version")
	}
	if (e.Run != nil) != (e.Kind == RunEntry) || (e.Decision != nil) != (e.Kind == DecisionsEntry) {
		return fmt.Errorf("what it holds is no %s", e.Kind)
	}
	switch e.Kind {
	case Begin:
	case RunEntry:
		if e.Run.Inputs == nil {
			e.Run.Inputs = []Input{}
		}
		if !wordForm.MatchString(e.Run.Verdict) || !isHash(e.Run.SHA256) {
			return errors.New("its verdict has no kind or no hash")
		}
		for _, in := range e.Run.Inputs {
			if !wordForm.MatchString(in.Kind) || in.Size < 0 || in.SHA256 != "" && !isHash(in.SHA256) {
				return errors.New("an input has no kind, no size or no hash")
			}
		}
	case DecisionsEntry:
		if !idForm.MatchString(e.Decision.ID) || len(e.Decision.ID) > 64 {
			return errors.New("an id is lower-case letters and digits, with hyphens between: no name and no address")
		}
		if !isHash(e.Decision.SHA256) {
			return errors.New("its record has no SHA-256")
		}
	default:
		return errors.New("it is of no known kind")
	}
	return nil
}

// encode writes an entry in its one form.
func (e *Entry) encode() []byte {
	b, _ := json.Marshal(e) // texts and numbers alone: it cannot fail
	return b
}

// decode reads an entry. Whatever encode would not have written is an error:
// one content has one form, so that no byte can change unseen.
func decode(line []byte) (*Entry, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	e := &Entry{}
	if err := d.Decode(e); err != nil {
		return nil, errors.New("it is no entry")
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	if !bytes.Equal(e.encode(), line) {
		return nil, errors.New("it is not written as entries are")
	}
	return e, nil
}

// hashes are the stored hashes of a tree, by tlog's index.
type hashes []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(h)) {
			return nil, fmt.Errorf("there is no hash %d", x)
		}
		out[i] = h[x]
	}
	return out, nil
}

// tree is the entries of a ledger with their hashes.
type tree struct {
	lines  [][]byte
	hashes hashes
}

func (t *tree) size() int64 { return int64(len(t.lines)) }

func (t *tree) add(line []byte) error {
	more, err := tlog.StoredHashes(t.size(), line, t.hashes)
	if err != nil {
		return err
	}
	t.lines, t.hashes = append(t.lines, line), append(t.hashes, more...)
	return nil
}

// root is that of the first n entries.
func (t *tree) root(n int64) (tlog.Hash, error) {
	if n == 0 {
		return emptyRoot, nil
	}
	return tlog.TreeHash(n, t.hashes)
}

// emptyRoot is the root of no entries: SHA-256 of nothing, as RFC 6962 has it.
var emptyRoot = tlog.Hash{
	0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
	0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
}

// Ledger is a folder of this kind. Its methods may be called from several
// processes at once: each Append has the folder to itself.
type Ledger struct {
	dir string
	now func() time.Time
}

// ErrNone means that there is no ledger in a folder.
var ErrNone = errors.New("there is no ledger")

// ErrChanged means that a ledger does not agree with its checkpoint.
var ErrChanged = errors.New("the ledger was changed")

// Open opens the ledger in a folder.
func Open(dir string, now func() time.Time) (*Ledger, error) {
	if _, err := os.Stat(filepath.Join(dir, publicFile)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w in %s; \"mailvigil ledger init %s\" begins one", ErrNone, dir, dir)
		}
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	return &Ledger{dir: dir, now: now}, nil
}

// PublicKey is the file of the public key.
func (l *Ledger) PublicKey() string { return filepath.Join(l.dir, publicFile) }

// Init begins a ledger in a folder, which it makes. Its origin is the name in
// its checkpoints; "" is one by chance, which tells nobody whose it is.
func Init(dir, origin string, now func() time.Time) (*Ledger, error) {
	if origin == "" {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		origin = "mailvigil-" + hex.EncodeToString(b[:])
	}
	if !originForm.MatchString(origin) {
		return nil, fmt.Errorf("%q is no name of a ledger; use letters, digits and ./_- only", origin)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("begin the ledger: %w", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, name := range []string{publicFile, privateFile, entriesFile, checkpointFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return nil, fmt.Errorf("%s is there already; name another folder", filepath.Join(dir, name))
		}
	}
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	if err := replace(dir, privateFile, []byte(private+"\n"), 0o600); err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	l := &Ledger{dir: dir, now: now}
	t := &tree{}
	if _, _, err := l.commit(t, 0, signer, &Entry{Kind: Begin}); err != nil {
		return nil, err
	}
	// The public key makes it a ledger.
	return l, replace(dir, publicFile, []byte(public+"\n"), 0o644)
}

// Appended is what became of an Append.
type Appended struct {
	N          int64  // the entry
	Checkpoint string // signed, over it
	// TakenOff is how many bytes of an entry that had never been finished were
	// removed before it.
	TakenOff int64
}

// Append writes an entry, of which it fills in number, time and tree. It is in
// the ledger for good when Append returns. The error is ErrChanged where what
// is there does not agree with the checkpoint; nothing is written then.
func (l *Ledger) Append(e Entry) (Appended, error) {
	unlock, err := lock(l.dir)
	if err != nil {
		return Appended{}, err
	}
	defer unlock()
	signer, err := l.signer()
	if err != nil {
		return Appended{}, err
	}
	s, err := l.read()
	if err != nil {
		return Appended{}, err
	}
	if len(s.problems) > 0 {
		return Appended{}, fmt.Errorf("%w, nothing was written: %s; \"mailvigil ledger verify %s\" says more", ErrChanged, s.problems[0].Text, l.dir)
	}
	if signer.Name() != s.verifier.Name() || signer.KeyHash() != s.verifier.KeyHash() {
		return Appended{}, fmt.Errorf("%s and %s are not of one pair; put the ledger's own key back", filepath.Join(l.dir, privateFile), publicFile)
	}
	n, checkpoint, err := l.commit(&s.tree, s.end, signer, &e)
	if err != nil {
		return Appended{}, err
	}
	return Appended{N: n, Checkpoint: checkpoint, TakenOff: s.tail}, nil
}

// commit writes an entry behind those of the tree, whose last byte is at end,
// and then the checkpoint over it.
func (l *Ledger) commit(t *tree, end int64, signer note.Signer, e *Entry) (n int64, checkpoint string, err error) {
	before, err := t.root(t.size())
	if err != nil {
		return 0, "", err
	}
	e.N, e.Before = t.size(), before.String()
	e.Time = l.now().UTC().Format("2006-01-02T15:04:05Z")
	if err := e.check(); err != nil {
		return 0, "", fmt.Errorf("this cannot stand in a ledger: %w", err)
	}
	line := e.encode()
	if err := t.add(line); err != nil {
		return 0, "", err
	}
	root, err := t.root(t.size())
	if err != nil {
		return 0, "", err
	}
	signed, err := note.Sign(&note.Note{Text: checkpointText(signer.Name(), t.size(), root)}, signer)
	if err != nil {
		return 0, "", fmt.Errorf("sign the checkpoint: %w", err)
	}
	if err := l.write(line, end); err != nil {
		return 0, "", fmt.Errorf("write the entry: %w", err)
	}
	if err := replace(l.dir, checkpointFile, signed, 0o644); err != nil {
		return 0, "", err
	}
	return e.N, string(signed), nil
}

// write puts a line at the end of the entries, and cuts what stands there.
func (l *Ledger) write(line []byte, end int64) (err error) {
	f, err := os.OpenFile(filepath.Join(l.dir, entriesFile), os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(end); err != nil {
		return err
	}
	if _, err := f.WriteAt(append(bytes.Clone(line), '\n'), end); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return syncDir(l.dir)
}

// replace writes a file whole or not at all.
func replace(dir, name string, data []byte, mode fs.FileMode) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", filepath.Join(dir, name), err)
		}
	}()
	f, err := os.CreateTemp(dir, "."+name+"-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lock waits until nobody else writes to the ledger. The system gives the lock
// back when a process ends, however it ends.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the ledger: %w", err)
	}
	return flock(f, syscall.LOCK_EX)
}

// share keeps writers out while the ledger is read. Who may not lock, as an
// auditor of a copy, reads without: at worst an entry seems unfinished.
func (l *Ledger) share() (unlock func()) {
	f, err := os.Open(filepath.Join(l.dir, lockFile))
	if err != nil {
		return func() {}
	}
	unlock, err = flock(f, syscall.LOCK_SH)
	if err != nil {
		return func() {}
	}
	return unlock
}

func flock(f *os.File, how int) (unlock func(), err error) {
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the ledger: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// signer reads the private key, which nobody else may.
func (l *Ledger) signer() (note.Signer, error) {
	path := filepath.Join(l.dir, privateFile)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the ledger's key: %w; only where its key is can a ledger be written to", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others (%v); \"chmod 600 %s\", and begin a new ledger if others may have read it", path, info.Mode().Perm(), path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the ledger's key: %w", err)
	}
	s, err := note.NewSigner(string(bytes.TrimSpace(data)))
	if err != nil {
		return nil, fmt.Errorf("%s holds no key of a ledger; put it back from where it was kept", path)
	}
	return s, nil
}
