//go:build !linux

package receive

import "net"

func growBuffer(conn *net.UDPConn, size int) { _ = conn.SetReadBuffer(size) }

// kernelDrops is not known on this system.
func kernelDrops(*net.UDPConn) func() int64 { return nil }
