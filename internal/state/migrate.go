package state

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// migrations are numbered from 1 without a gap, and never changed once they
// were released: what they made is out there.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks a database as ours ("mvig"), so that another program's
// is never written to.
const applicationID = 0x6d766967

// steps are the migrations in order: steps()[0] makes version 1 out of nothing.
func steps() []string {
	names, err := fs.Glob(migrations, "migrations/*.sql") // in order
	if err != nil {
		panic(err) // the pattern is fixed
	}
	var list []string
	for i, name := range names {
		text, err := migrations.ReadFile(name)
		if err != nil || filepath.Base(name)[:4] != fmt.Sprintf("%04d", i+1) {
			panic(fmt.Sprintf("migration %s is not number %d", name, i+1)) // a test would have failed
		}
		list = append(list, string(text))
	}
	return list
}

// Version is the version of the tables that this program writes.
func Version() int { return len(steps()) }

// identify returns the version of the tables of a database, 0 of an empty one.
func identify(ctx context.Context, db *sql.DB, path string) (version int, err error) {
	var id, tables int
	for _, q := range []struct {
		sql string
		to  *int
	}{{"PRAGMA application_id", &id}, {"PRAGMA user_version", &version}, {"SELECT count(*) FROM sqlite_schema", &tables}} {
		if err := db.QueryRowContext(ctx, q.sql).Scan(q.to); err != nil {
			return 0, opening(err, path)
		}
	}
	if id == 0 && version == 0 && tables == 0 {
		return 0, nil
	}
	if id != applicationID {
		return 0, fmt.Errorf("%s is a database of another program; name another data folder", path)
	}
	if version > Version() {
		return 0, &NewerError{Path: path, Has: version, Knows: Version()}
	}
	return version, nil
}

// migrate brings the tables up to date, each step in a transaction of its own.
// What an older version wrote is copied first, so that this can go back to it.
func (s *Store) migrate(ctx context.Context, path string, isNew bool) error {
	version, err := identify(ctx, s.write, path)
	if err != nil {
		return err
	}
	all := steps()
	if version == len(all) {
		return nil
	}
	if !isNew && version > 0 {
		kept := fmt.Sprintf("%s.version-%d", path, version)
		if err := copyTo(ctx, s.write, kept, func(made string) error { return inspect(ctx, made, "the copy") }); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("keep a copy of %s before its tables are changed: %w; nothing was changed", path, err)
		}
	}
	for i := version; i < len(all); i++ {
		tx, err := s.write.BeginTx(ctx, nil)
		if err != nil {
			return opening(err, path)
		}
		_, err = tx.ExecContext(ctx, fmt.Sprintf("%s;\nPRAGMA application_id = %d; PRAGMA user_version = %d", all[i], applicationID, i+1))
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			_ = tx.Rollback()
			return fmt.Errorf("bring the tables to version %d: %w", i+1, opening(err, path))
		}
	}
	return nil
}

// copyTo writes a whole database into a new file, which has its name once it is
// accepted and synced. The error is fs.ErrExist where there is one.
func copyTo(ctx context.Context, db *sql.DB, path string, accept func(made string) error) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	// Nobody else may read it, from its first byte on.
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // 0600
	if err != nil {
		return err
	}
	temporary := f.Name()
	defer func() {
		if err != nil {
			_ = os.Remove(temporary)
		}
	}()
	if err := f.Close(); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", temporary); err != nil {
		return err
	}
	if err := accept(temporary); err != nil {
		return err
	}
	if err := syncFile(temporary); err != nil {
		return err
	}
	// A link, unlike a renaming, does not replace what came there meanwhile.
	if err := os.Link(temporary, path); err != nil {
		return err
	}
	if err := os.Remove(temporary); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
