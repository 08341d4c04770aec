// Package secret reads a password, token or key from a file of its own, which
// is the only place where Mailvigil takes one from.
//
// It keeps nothing: whoever needs a secret reads it when it is needed, so that a
// changed one is used without a restart. internal/health and internal/notify
// call it.
package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// limit is more than any secret has.
const limit = 8192

// Read gives the one line that a file holds. The error names the file and what
// to do about it, never what is in it.
func Read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", plain(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", plain(path, err)
	case !info.Mode().IsRegular() || info.Size() > limit:
		return "", fmt.Errorf("%s is no file with a password, token or key in it", path)
	case info.Mode().Perm()&0o007 != 0:
		return "", fmt.Errorf("everybody on this machine may read the secret in %s; run chmod o-rwx %s", path, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return "", plain(path, err)
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" || strings.ContainsAny(text, "\r\n\x00") {
		return "", fmt.Errorf("%s must hold the secret alone, on one line", path)
	}
	return text, nil
}

// plain says a file's error without Go's name of the operation.
func plain(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file %s", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read by this user", path)
	}
	return fmt.Errorf("read a secret: %w", err)
}
