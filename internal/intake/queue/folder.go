package queue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// folderLock keeps two processes from writing to one queue.
type folderLock struct{ file *os.File }

func lockFolder(folder string) (*folderLock, error) {
	if folder == "" {
		return nil, errors.New("open the queue: it has no folder; name one with intake.queue.folder")
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the queue's folder: %w", err)
	}
	path := filepath.Join(folder, "lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the queue: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("the queue in %s is in use by another process; is mailvigil watch running already?", folder)
		}
		return nil, fmt.Errorf("lock the queue in %s: %w", folder, err)
	}
	return &folderLock{file}, nil
}

func (l *folderLock) release() error {
	if l == nil || l.file == nil {
		return nil
	}
	file := l.file
	l.file = nil
	return file.Close()
}

// free asks the disk how many bytes others than root may still write.
func free(folder string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(folder, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
