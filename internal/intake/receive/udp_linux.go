package receive

import (
	"net"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Of include/uapi/asm-generic/socket.h and linux/sock_diag.h.
const (
	soReceiveBufferForce = 33
	soMemInfo            = 55
	memInfoDrops         = 8
	memInfoFields        = 9
)

// growBuffer asks for room in the kernel: beyond net.core.rmem_max where this
// process may, else up to it.
func growBuffer(conn *net.UDPConn, size int) {
	_ = conn.SetReadBuffer(size)
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soReceiveBufferForce, size)
	})
}

// kernelDrops returns a function that says how many datagrams the kernel had no
// room for on this socket, so far (SO_MEMINFO),
// and after the socket is closed what it said last.
func kernelDrops(conn *net.UDPConn) func() int64 {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	var last atomic.Int64
	return func() int64 {
		var info [memInfoFields]uint32
		size := uint32(unsafe.Sizeof(info))
		err := raw.Control(func(fd uintptr) {
			_, _, _ = syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.SOL_SOCKET, soMemInfo,
				uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		})
		if err == nil {
			last.Store(int64(info[memInfoDrops]))
		}
		return last.Load()
	}
}
