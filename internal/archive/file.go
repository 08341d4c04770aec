package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// File is a Parquet file in the making. It bears its name only when Commit has
// returned; a file of that name that was there before is kept until then.
type File struct {
	*Writer
	path  string
	file  *os.File
	ended bool
}

// Create begins the file of a path, in the folder where it will be. What is no
// ordinary file, such as a pipe or /dev/stdout, is written directly.
func Create(path, release string) (*File, error) {
	f := &File{path: path}
	var err error
	if info, e := os.Stat(path); e == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return nil, fmt.Errorf("write %s: it is a folder; name a file in it", path)
		}
		f.file, err = os.OpenFile(path, os.O_WRONLY, 0)
	} else {
		if resolved, e := filepath.EvalSymlinks(path); e == nil {
			f.path = resolved // the link stays one
		}
		f.file, err = temporary(f.path)
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, reason(err))
	}
	f.Writer = NewWriter(f.file, release)
	return f, nil
}

// temporary makes a file beside the one it becomes: hidden, so that nobody who
// reads the folder takes it for a segment.
func temporary(path string) (*os.File, error) {
	for {
		name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+strconv.FormatUint(rand.Uint64(), 36)+".tmp")
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

func (f *File) temporary() bool { return f.file.Name() != f.path }

// Commit finishes the file: footer, sync, name, and the sync of the folder,
// after which a power cut does not take it away. Where it fails, what was
// written is removed.
func (f *File) Commit() error {
	defer f.Abort()
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	if !f.temporary() {
		f.ended = true
		if err := f.file.Close(); err != nil {
			return fmt.Errorf("write %s: %w", f.path, reason(err))
		}
		return nil
	}
	err := f.file.Sync()
	if e := f.file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.file.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, reason(err))
	}
	f.ended = true
	if err := syncFolder(filepath.Dir(f.path)); err != nil {
		return fmt.Errorf("write %s: its folder: %w", f.path, reason(err))
	}
	return nil
}

// Abort removes what was written. It does nothing after Commit.
func (f *File) Abort() {
	if f.ended {
		return
	}
	f.ended = true
	_ = f.file.Close() // it may be closed already
	if f.temporary() {
		_ = os.Remove(f.file.Name())
	}
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if e := d.Close(); err == nil {
		err = e
	}
	return err
}

// reason is an error without the temporary name, which says nothing to people.
func reason(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	if le := (*os.LinkError)(nil); errors.As(err, &le) {
		return le.Err
	}
	return err
}
