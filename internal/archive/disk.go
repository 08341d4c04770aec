package archive

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// disk is what a Store does to files, so that tests can let it fail.
type disk interface {
	create(path string) (diskFile, error)
	rename(from, to string) error
	remove(path string) error
	mkdir(path string) (made bool, err error)
	syncFolder(path string) error
}

type diskFile interface {
	io.WriteCloser
	Sync() error
}

type osDisk struct{}

func (osDisk) create(path string) (diskFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o440)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) remove(path string) error     { return os.Remove(path) }
func (osDisk) syncFolder(path string) error { return syncFolder(path) }

func (osDisk) mkdir(path string) (made bool, err error) {
	err = os.Mkdir(path, 0o750)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

// next says what to do about an error of a disk, for those who run the machine.
func next(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "; make room there, or lower archive.days or archive.bytes: nothing is lost, and it is tried again"
	case errors.Is(err, syscall.EROFS):
		return "; the disk is read-only: look into the system's log for why, and mount it for writing again; nothing is lost, and it is tried again"
	case errors.Is(err, fs.ErrPermission):
		return "; let the user that Mailvigil runs as write to this folder; nothing is lost, and it is tried again"
	}
	return ""
}
