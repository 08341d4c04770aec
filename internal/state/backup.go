package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// Backup writes a copy of an open store into a new file, while others read and
// write. It is one moment's state, checked, and has its name once it is on the
// disk.
func (s *Store) Backup(ctx context.Context, file string) error {
	return Backup(ctx, s.dir, file)
}

// Backup writes a copy of the state of a data folder into a new file, whether a
// process has the folder or not.
func Backup(ctx context.Context, dir, file string) (err error) {
	path := filepath.Join(dir, File)
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no %s; name the data folder with --data", path)
		}
		return fmt.Errorf("back up: %w", err)
	}
	// A writer as well, since SQLite needs one to read where nobody else has
	// the database open.
	db, err := connect(path, "rw", 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := identify(ctx, db, path); err != nil {
		return err
	}
	err = copyTo(ctx, db, file, func(made string) error { return inspect(ctx, made, "the copy") })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already; name another file", file)
	case code(err) == sqlite3.SQLITE_FULL || errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("write %s: %w; nothing is left of it", file, ErrFull)
	case code(err) == sqlite3.SQLITE_CORRUPT || code(err) == sqlite3.SQLITE_NOTADB:
		return opening(err, path)
	}
	return fmt.Errorf("back up %s: %w", path, err)
}

// inspect looks whether a file that nobody writes to is a whole state that this
// program can use.
func inspect(ctx context.Context, path, what string) (err error) {
	db, err := connect(path, "immutable", 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	version, err := identify(ctx, db, path)
	if err == nil && version == 0 {
		err = fmt.Errorf("%s holds nothing", path)
	}
	if err == nil {
		err = check(ctx, db, path)
	}
	if err == nil {
		err = complete(ctx, db, path, version)
	}
	var damaged *DamagedError
	if errors.As(err, &damaged) {
		return fmt.Errorf("%s %s is damaged (%s); take another", what, path, damaged.What)
	}
	return err
}

// complete looks whether a database has the tables of its version, as one that
// was saved from damage may not.
func complete(ctx context.Context, db *sql.DB, path string, version int) (err error) {
	empty, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, empty.Close()) }()
	empty.SetMaxOpenConns(1)
	for _, step := range steps()[:version] {
		if _, err := empty.ExecContext(ctx, step); err != nil {
			return err
		}
	}
	const tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
	want, err := names(ctx, empty, tables)
	if err != nil {
		return err
	}
	has, err := names(ctx, db, tables)
	if err != nil {
		return opening(err, path)
	}
	for _, name := range want {
		if !slices.Contains(has, name) {
			return fmt.Errorf("%s is no whole state: its table %q is missing; take another", path, name)
		}
	}
	return nil
}

func names(ctx context.Context, db *sql.DB, query string) (list []string, err error) {
	found, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var name string
		if err := found.Scan(&name); err != nil {
			return nil, err
		}
		list = append(list, name)
	}
	return list, found.Err()
}

// Restore puts a backup in the place of the state of a data folder that no
// process has. What was there is kept beside it; kept is the name it has now,
// "" where there was none.
func Restore(ctx context.Context, dir, file string, now time.Time) (kept string, err error) {
	if err := inspect(ctx, file, "the backup"); err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := bequeath(dir, filepath.Join(dir, lockFile)); err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}

	// All that can fail comes first; then the old files go aside and the new
	// one comes, by renaming alone.
	path := filepath.Join(dir, File)
	made, err := duplicate(file, dir)
	if err != nil {
		return "", fmt.Errorf("restore: %w; nothing was changed", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(made)
		}
	}()
	if err := bequeath(dir, made); err != nil {
		return "", fmt.Errorf("restore: %w; nothing was changed", err)
	}
	aside := path + ".before-" + now.UTC().Format("20060102T150405Z")
	for n := 2; ; n++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
		aside = fmt.Sprintf("%s.before-%s-%d", path, now.UTC().Format("20060102T150405Z"), n)
	}
	// The journal goes first: a database without its journal is a whole one,
	// while the journal of another would be written into it.
	for _, suffix := range []string{"-wal", "-shm", ""} {
		switch err := os.Rename(path+suffix, aside+suffix); {
		case err == nil:
			kept = aside
		case !errors.Is(err, fs.ErrNotExist):
			return kept, fmt.Errorf("restore: %w; what was moved is now called %s", err, aside)
		}
	}
	if err := os.Rename(made, path); err != nil {
		return kept, fmt.Errorf("restore: %w; the old state is now called %s", err, aside)
	}
	return kept, syncFile(dir)
}

// bequeath gives a file that root made to the owner of the folder, who has to
// write to it.
func bequeath(dir, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}

// duplicate copies a file into a folder under a name by chance.
func duplicate(file, dir string) (name string, err error) {
	in, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.CreateTemp(dir, "."+File+"-*") // 0600
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		_ = os.Remove(out.Name())
		if errors.Is(err, syscall.ENOSPC) {
			err = fmt.Errorf("%w (%s)", ErrFull, strings.TrimSuffix(dir, "/"))
		}
		return "", err
	}
	return out.Name(), nil
}
