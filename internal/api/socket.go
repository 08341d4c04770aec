package api

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// DefaultSocket is where the control socket is if nothing else is configured.
const DefaultSocket = "/run/mailvigil/control.sock"

// peer is who is at the other end of a local connection.
type peer struct {
	uid, gid uint32
	err      error
}

type peerKey struct{}

// Listen opens the control socket, for its owner and group alone (0660). The
// folder must be one that no stranger can write to: whoever could would put a
// socket of their own there, and be told what was meant for the watch. A socket
// that a killed process left behind is replaced; one that answers is not.
func Listen(path string) (net.Listener, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of the control socket: %w; make it, owned by the user that the watch runs as, or set control.socket to another place", err)
	}
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("open the control socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%s is there and is no socket; move it away, or set control.socket to another path", path)
	default:
		c, err := net.DialTimeout("unix", path, 2*time.Second)
		if err == nil {
			_ = c.Close()
			return nil, fmt.Errorf("another watch answers at %s already; stop it first, or set control.socket to another path", path)
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("open the control socket: %w", err)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the socket that a killed process left: %w", err)
		}
	}
	// It is never, not even for a moment, open to more than it will be: it is
	// made under another name in a folder of its own and moved in place.
	private, err := os.MkdirTemp(dir, ".control-")
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w; the user that the watch runs as must be able to write to %s", err, dir)
	}
	defer os.RemoveAll(private)
	made := filepath.Join(private, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	err = os.Chmod(made, 0o660)
	if err == nil {
		err = os.Rename(made, path)
	}
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	return &socket{l, path}, nil
}

// socket removes its path when it is closed.
type socket struct {
	*net.UnixListener
	path string
}

func (s *socket) Close() error {
	err := s.UnixListener.Close()
	if err == nil {
		if rerr := os.Remove(s.path); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = rerr
		}
	}
	return err
}

// checkFolder refuses a folder in which others could put something in the
// socket's place.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("open the control socket: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder; set control.socket to a path in one", dir)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("the folder %s of the control socket belongs to another user (uid %d); give it to the user that the watch runs as", dir, st.Uid)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("everybody can write to the folder %s of the control socket, and so could put another in its place; run: chmod o-w %s, or set control.socket to another folder", dir, dir)
	}
	return nil
}
