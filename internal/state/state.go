// Package state keeps what must never be lost: which segments the archive holds
// and how far the logs were read for them, incidents and what people said of
// them, announced changes, vigilance, models, results of probes, and which
// messages were sent. It is one SQLite file in the data folder.
//
// It knows no logs and judges nothing: positions and models are opaque to it,
// and how an incident lives is internal/incident's. It is called by internal/app
// alone, which hands it to the others behind interfaces that they declare.
//
// One process at a time has the data folder (see lock.go); backups are made
// beside it. Every method that writes is one transaction, on the disk when it
// returns: after a crash or a loss of power it happened whole or not at all.
package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver; no other package imports it
)

// File is the name of the database in the data folder.
const File = "state.db"

// readers is how many may read at once, beside the one who writes.
const readers = 4

// busyWait is how long a writer waits for one of another process, as a backup.
const busyWait = 10 * time.Second

// Store is an open data folder. Its methods may be called side by side: writers
// take turns, readers do not wait for them and see what was last committed.
type Store struct {
	dir    string
	now    func() time.Time
	write  *sql.DB // of one connection
	read   *sql.DB
	unlock func() error
}

// Open opens the data folder, which it makes where there is none, and brings an
// older one up to date. The error is a *HeldError where another process has it,
// a *DamagedError where the database is damaged, a *NewerError where a newer
// version wrote it. Nothing is changed then.
func Open(ctx context.Context, dir string, now func() time.Time) (_ *Store, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the data folder: %w; name another with --data, or let its owner make it", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, now: now, unlock: unlock}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	path := filepath.Join(dir, File)
	isNew := false
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		isNew = true
		if err := orphans(dir); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, fmt.Errorf("open the state: %w", err)
	case info.Size() == 0:
		isNew = true // made, and never written to
	}
	if s.write, err = connect(path, "rwc", 1); err != nil {
		return nil, err
	}
	if isNew {
		if err := os.Chmod(path, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open the state: %w", err)
		}
	} else if err := check(ctx, s.write, path); err != nil {
		return nil, err
	}
	if err := s.migrate(ctx, path, isNew); err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	// Opened after the migration, so that no reader saw the tables before it.
	s.read, err = connect(path, "ro", readers)
	return s, err
}

// orphans refuses to begin anew beside the journal of a database that is gone:
// SQLite would take it for the new one's, or remove it.
func orphans(dir string) error {
	path := filepath.Join(dir, File+"-wal")
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return fmt.Errorf("%s is missing, and %s beside it holds what was last written to it; put the database back beside it, or \"mailvigil restore --data %s BACKUP\"", filepath.Join(dir, File), File+"-wal", dir)
	}
	return nil
}

// connect opens a pool of connections. SQLite opens a file at the first use. The
// modes are SQLite's ("ro", "rw", "rwc"), and "immutable" of a file that nobody
// writes to, which needs no journal beside it.
func connect(path, mode string, most int) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	q := url.Values{"mode": {mode}, "_txlock": {"immediate"}}
	if mode == "immutable" {
		q.Set("mode", "ro")
		q.Set("immutable", "1")
	}
	for _, p := range []string{
		fmt.Sprintf("busy_timeout(%d)", busyWait.Milliseconds()),
		"foreign_keys(1)",
		"trusted_schema(0)", // a file put there by others runs nothing
		"cell_size_check(1)",
	} {
		q.Add("_pragma", p)
	}
	if mode == "rwc" {
		q.Add("_pragma", "journal_mode(WAL)")
		q.Add("_pragma", "synchronous(FULL)") // in WAL, NORMAL loses the last commits with the power
		q.Add("_pragma", "journal_size_limit(16777216)")
	} else if mode != "rw" { // a backup is made by writing, as SQLite sees it
		q.Add("_pragma", "query_only(1)")
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxIdleTime(0)
	return db, nil
}

// check looks whether a database is whole.
func check(ctx context.Context, db *sql.DB, path string) error {
	rows, err := db.QueryContext(ctx, "PRAGMA quick_check(5)")
	if err != nil {
		return opening(err, path)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return opening(err, path)
		}
		if line != "ok" {
			found = append(found, strings.ReplaceAll(line, "\n", " "))
		}
	}
	if err := rows.Err(); err != nil {
		return opening(err, path)
	}
	if len(found) > 0 {
		return &DamagedError{Path: path, What: found[0]}
	}
	return nil
}

// Dir is the data folder.
func (s *Store) Dir() string { return s.dir }

// Close ends it. What was written is on the disk already.
func (s *Store) Close() error {
	var all []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			all = append(all, db.Close())
		}
	}
	return errors.Join(append(all, s.unlock())...)
}

// update runs f in one transaction. It is committed if f returns nil.
func (s *Store) update(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err == nil {
		if err = f(tx); err == nil {
			err = tx.Commit()
		}
		if err != nil {
			_ = tx.Rollback() // nothing to do where it was rolled back already
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, s.failure(err))
	}
	return nil
}

// rows reads what a query gives, row by row.
func rows[T any](ctx context.Context, s *Store, what string, scan func(*sql.Rows, *T) error, query string, args ...any) ([]T, error) {
	list := []T{}
	found, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, s.failure(err))
	}
	defer found.Close()
	for found.Next() {
		var x T
		if err := scan(found, &x); err != nil {
			return nil, fmt.Errorf("%s: %w", what, s.failure(err))
		}
		list = append(list, x)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, s.failure(err))
	}
	return list, nil
}

// nanoseconds of a time, 0 for none.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// moment is the time of nanoseconds, the zero time of 0.
func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
