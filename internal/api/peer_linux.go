package api

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// peerOf asks the kernel who connected: what it says was true when the other
// end connected, and no program can forge it (SO_PEERCRED in unix(7)).
func peerOf(c net.Conn) peer {
	local, ok := c.(*net.UnixConn)
	if !ok {
		return peer{err: fmt.Errorf("a %T has no user", c)}
	}
	raw, err := local.SyscallConn()
	if err != nil {
		return peer{err: err}
	}
	var cred *unix.Ucred
	var asked error
	if err := raw.Control(func(fd uintptr) {
		cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return peer{err: err}
	}
	if asked != nil {
		return peer{err: asked}
	}
	return peer{uid: cred.Uid, gid: cred.Gid}
}
