package api

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"mailvigil/internal/access"
)

// TestStranger asks as another user of the host: what the kernel says of the
// other end decides, not what this process is.
func TestStranger(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	// Folders of tests are closed to others.
	dir, err := os.MkdirTemp("/tmp", "control-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	roles, err := access.New(map[string][]string{"viewer": {"group:watchers"}}, 0, access.System{
		User: func(uid uint32) (string, []string, error) {
			return map[uint32]string{12345: "eve", 12346: "anna"}[uid], nil, nil
		},
		Group: func(gid uint32) (string, error) { return map[uint32]string{777: "watchers"}[gid], nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- Serve(ctx, l, f, func() *access.Roles { return roles }, quiet(), "1") }()
	if _, err := askAs(path, 12346, 777); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("who is not in the group of the socket reached it: %v", err)
	}
	// As though they were in its group.
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if got, err := askAs(path, 12345, 54321); err != nil || !strings.HasPrefix(got, "403") || !strings.Contains(got, "eve has no role here") {
		t.Errorf("eve: %s %v", got, err)
	}
	if got, err := askAs(path, 12346, 777); err != nil || !strings.HasPrefix(got, "200") {
		t.Errorf("anna: %s %v", got, err)
	}
	if len(f.asked) != 1 {
		t.Errorf("asked %q", f.asked)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// askAs asks for the status as another user, from a thread that is theirs alone
// and ends with it.
func askAs(path string, uid, gid uintptr) (answer string, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked
		for _, call := range [][2]uintptr{{syscall.SYS_SETRESGID, gid}, {syscall.SYS_SETRESUID, uid}} {
			if _, _, errno := syscall.RawSyscall(call[0], call[1], call[1], call[1]); errno != 0 {
				err = errno
				return
			}
		}
		var c net.Conn
		if c, err = net.Dial("unix", path); err != nil {
			return
		}
		defer c.Close()
		r, _ := http.NewRequest(http.MethodGet, "http://watch"+Prefix+"/status", nil)
		if err = r.Write(c); err != nil {
			return
		}
		var resp *http.Response
		if resp, err = http.ReadResponse(bufio.NewReader(c), r); err != nil {
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer = resp.Status + " " + string(body)
	}()
	<-done
	return answer, err
}
