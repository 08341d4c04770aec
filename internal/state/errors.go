package state

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What a caller may branch on. Nothing was recorded where one of them is
// returned, and the same call can be made again.
var (
	// ErrFull means that the disk, or a quota, is full.
	ErrFull = errors.New("the disk is full")
	// ErrReadOnly means that the data folder cannot be written to.
	ErrReadOnly = errors.New("the data folder is read-only")
	// ErrNone means that what was asked for is not there.
	ErrNone = errors.New("not there")
)

// DamagedError means that the database is damaged. It was left as it is.
type DamagedError struct {
	Path string
	What string // as SQLite says it
}

func (e *DamagedError) Error() string {
	dir := filepath.Dir(e.Path)
	return fmt.Sprintf("%s is damaged (%s). It was left as it is. Put the latest backup in its place with \"mailvigil restore --data %s BACKUP\", which keeps the damaged file beside it; without a backup see \"A damaged state\" in docs/state.md", e.Path, e.What, dir)
}

// NewerError means that a newer version of Mailvigil wrote the database.
type NewerError struct {
	Path       string
	Has, Knows int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s was written by a newer version of mailvigil (its tables are of version %d, this program knows up to %d); install that version again, or restore a backup that an older one made", e.Path, e.Has, e.Knows)
}

// code is SQLite's primary result code, 0 of another error.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// isUnique reports whether something was to be there twice that is there once.
func isUnique(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE
}

// opening says what an error at opening a file means.
func opening(err error, path string) error {
	switch c := code(err); {
	case c == sqlite3.SQLITE_CORRUPT:
		return &DamagedError{Path: path, What: "its pages do not fit together"}
	case c == sqlite3.SQLITE_NOTADB:
		return &DamagedError{Path: path, What: "it does not begin as a database does"}
	case c == sqlite3.SQLITE_READONLY || errors.Is(err, syscall.EROFS):
		return fmt.Errorf("open %s: %w; mount its disk writable, or give the folder to the user that mailvigil runs as", path, ErrReadOnly)
	case c == sqlite3.SQLITE_CANTOPEN || errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("open %s: it cannot be opened; the folder and its files have to belong to the user that mailvigil runs as (%w)", path, err)
	case c == sqlite3.SQLITE_FULL || errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("open %s: %w; free some space on it", path, ErrFull)
	}
	return fmt.Errorf("open %s: %w", path, err)
}

// failure says what an error of a running store means.
func (s *Store) failure(err error) error {
	path := filepath.Join(s.dir, File)
	switch code(err) {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: nothing was recorded; free some space on the disk of %s", ErrFull, s.dir)
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("%w: nothing was recorded; make %s writable again", ErrReadOnly, s.dir)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return &DamagedError{Path: path, What: "its pages do not fit together"}
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("the disk of %s failed (%w): nothing was recorded; look into the system's log for errors of the disk", s.dir, err)
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("another program kept %s locked for %s: nothing was recorded; close what else has it open", path, busyWait)
	}
	return err
}
