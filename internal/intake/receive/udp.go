package receive

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"mailvigil/internal/config"
)

// udp listens for syslog over UDP, one message a datagram (RFC 5426). One
// goroutine does nothing but read, into memory of a fixed size; the other writes.
// So a flush to the disk costs no datagram while there is room, and what finds
// none is counted, here and by the kernel.
func (r *Receivers) udp(l config.Listener) error {
	pc, err := net.ListenPacket("udp", l.Address)
	if err != nil {
		return err
	}
	conn := pc.(*net.UDPConn)
	c := r.counters(l.Name())
	growBuffer(conn, kernelUDPBuffer)
	c.kernel = kernelDrops(conn)
	r.end = append(r.end, func() {
		if c.kernel != nil {
			c.kernel() // the socket knows no more once it is closed
		}
		_ = conn.Close()
	})
	b := &datagrams{more: make(chan struct{}, 1)}
	r.done.Go(func() {
		defer b.close()
		buf := make([]byte, 64<<10)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				if errors.Is(err, net.ErrClosed) {
					return
				}
				c.fail(fmt.Errorf("read a datagram: %w", err))
				continue
			}
			peer := from.Addr().Unmap()
			if !allowed(&l, peer) {
				c.by[refusedAddress].Add(1)
				continue
			}
			if !b.add(peer, buf[:n]) {
				c.by[lostMemory].Add(1)
			}
		}
	})
	r.done.Go(func() {
		makers := map[netip.Addr]*maker{}
		all := maker{r: r, c: c}
		for {
			got, text, open := b.take()
			for _, d := range got {
				m := makers[d.peer]
				if m == nil {
					if len(makers) >= maxSources {
						clear(makers)
					}
					m = &maker{r: r, c: c, kind: "syslog-udp", peer: d.peer}
					makers[d.peer] = m
				}
				m.lines = all.lines
				m.message(text[d.start:d.end], false)
				all.lines, m.lines = m.lines, nil
			}
			if err := all.flush(); err != nil {
				c.by[lostMemory].Add(int64(len(got)))
			}
			b.give(got, text)
			if !open {
				return
			}
		}
	})
	return nil
}

// datagram is one in the memory of datagrams.
type datagram struct {
	peer       netip.Addr
	start, end int
}

// datagrams is memory of a fixed size between a reader and a writer.
type datagrams struct {
	mu     sync.Mutex
	list   []datagram
	text   []byte
	spare  []datagram // to use again
	space  []byte
	closed bool
	more   chan struct{}
}

func (b *datagrams) add(peer netip.Addr, msg []byte) bool {
	b.mu.Lock()
	// Short messages are bounded by what is kept of each.
	ok := len(b.text)+len(msg)+32*len(b.list) < maxUDPBuffer
	if ok {
		b.list = append(b.list, datagram{peer, len(b.text), len(b.text) + len(msg)})
		b.text = append(b.text, msg...)
	}
	b.mu.Unlock()
	select {
	case b.more <- struct{}{}:
	default:
	}
	return ok
}

// take waits for datagrams and takes all; open is false after the last.
func (b *datagrams) take() (list []datagram, text []byte, open bool) {
	for {
		b.mu.Lock()
		if len(b.list) > 0 || b.closed {
			list, text, open = b.list, b.text, !b.closed
			b.list, b.text = b.spare[:0], b.space[:0]
			b.spare, b.space = nil, nil
			b.mu.Unlock()
			return list, text, open
		}
		b.mu.Unlock()
		<-b.more
	}
}

func (b *datagrams) give(list []datagram, text []byte) {
	b.mu.Lock()
	b.spare, b.space = list, text
	b.mu.Unlock()
}

func (b *datagrams) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	select {
	case b.more <- struct{}{}:
	default:
	}
}
