package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lockFile is held as long as a process has the data folder. The system gives
// the lock back when the process ends, however it ends.
const lockFile = "lock"

// HeldError means that another process has the data folder.
type HeldError struct {
	Dir string
	PID int // 0 where it is not known
}

func (e *HeldError) Error() string {
	who, do := "another mailvigil", "stop it first"
	if e.PID > 0 {
		who, do = fmt.Sprintf("another mailvigil (process %d)", e.PID), fmt.Sprintf("stop it first (\"systemctl stop mailvigil\" or \"kill %d\")", e.PID)
	}
	return fmt.Sprintf("%s has the data folder %s, and one at a time may; %s, or name another folder", who, e.Dir, do)
}

func lock(dir string) (unlock func() error, err error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, opening(err, path)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the data folder %s: %w", dir, err)
		}
		text, _ := io.ReadAll(io.LimitReader(f, 32))
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return nil, &HeldError{Dir: dir, PID: pid}
	}
	// The number is for people alone: a disk that is full does not matter here.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f.Close, nil
}
