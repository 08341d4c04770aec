package receive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"mailvigil/internal/config"
	"mailvigil/internal/intake"
	"mailvigil/maillog"
)

// hint adds what to do to the commonest errors of listening.
func hint(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; another program has this port: stop it or write another port", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w; ports below 1024 need the capability CAP_NET_BIND_SERVICE: write a higher port", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w; this machine has no such address", err)
	}
	return err
}

// tcp listens for syslog over TCP or TLS.
func (r *Receivers) tcp(l config.Listener) error {
	secure, err := serverTLS(&l)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", l.Address)
	if err != nil {
		return err
	}
	c := r.counters(l.Name())
	r.end = append(r.end, func() { _ = ln.Close() })
	r.done.Go(func() {
		var conns sync.WaitGroup
		defer conns.Wait()
		door := door{peers: map[netip.Addr]int{}}
		for {
			conn, err := ln.Accept()
			if err != nil {
				if r.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
					return
				}
				c.fail(fmt.Errorf("accept a connection: %w", err)) // out of descriptors, mostly
				if !pause(r.ctx, 100*time.Millisecond) {
					return
				}
				continue
			}
			peer := peerOf(conn.RemoteAddr())
			if !allowed(&l, peer) {
				c.by[refusedAddress].Add(1)
				_ = conn.Close()
				continue
			}
			if !door.enter(peer) {
				c.by[refusedNumber].Add(1)
				_ = conn.Close()
				continue
			}
			conns.Go(func() {
				defer door.leave(peer)
				c.connections.Add(1)
				defer c.connections.Add(-1)
				stop := context.AfterFunc(r.ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
				defer stop()
				defer func() { _ = conn.Close() }()
				if secure != nil {
					over := tls.Server(conn, secure)
					ctx, cancel := context.WithTimeout(r.ctx, 10*time.Second)
					err := over.HandshakeContext(ctx)
					cancel()
					if err != nil {
						c.by[refusedTLS].Add(1)
						c.fail(fmt.Errorf("TLS with %s: %w", peer, err))
						return
					}
					conn = over
				}
				r.connection(c, "syslog-"+string(l.Transport), conn, peer)
			})
		}
	})
	return nil
}

// door counts who is in.
type door struct {
	mu    sync.Mutex
	all   int
	peers map[netip.Addr]int
}

func (d *door) enter(peer netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all >= maxConnections || d.peers[peer] >= maxPerPeer {
		return false
	}
	d.all++
	d.peers[peer]++
	return true
}

func (d *door) leave(peer netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if d.peers[peer]--; d.peers[peer] == 0 {
		delete(d.peers, peer)
	}
}

// connection reads one connection to its end. Between messages a sender may be
// silent for as long as it likes; within one it may not.
func (r *Receivers) connection(c *counters, kind string, conn net.Conn, peer netip.Addr) {
	f := newFramer()
	m := maker{r: r, c: c, kind: kind, peer: peer}
	var began time.Time // of the message that has not ended, on the real clock
	for {
		space := f.space()
		if err := conn.SetReadDeadline(deadline(began)); err != nil || r.ctx.Err() != nil {
			return
		}
		n, readErr := conn.Read(space)
		f.filled(n)
		whole := false
		for {
			msg, overlong, more, err := f.next()
			if err != nil {
				c.by[refusedMalformed].Add(1)
				c.fail(fmt.Errorf("%s: %w", peer, err))
				_ = m.flush()
				return
			}
			if !more {
				break
			}
			whole = true
			m.message(msg, overlong)
		}
		if readErr != nil && !errors.Is(readErr, os.ErrDeadlineExceeded) {
			last, cut := f.rest()
			if len(last) > 0 && errors.Is(readErr, io.EOF) {
				m.message(last, false)
			} else if cut || len(last) > 0 {
				c.by[lostCut].Add(1)
			}
		}
		if err := m.flush(); err != nil {
			return
		}
		if readErr != nil {
			if errors.Is(readErr, os.ErrDeadlineExceeded) && r.ctx.Err() == nil {
				c.by[refusedSlow].Add(1)
				c.fail(fmt.Errorf("%s: a message did not end within %v; the connection is closed", peer, slowMessage))
			}
			return
		}
		switch {
		case !f.within():
			began = time.Time{}
		case whole || began.IsZero():
			began = time.Now()
		}
	}
}

func deadline(began time.Time) time.Time {
	if began.IsZero() {
		return began // none
	}
	return began.Add(slowMessage)
}

// maker makes lines of the messages of one peer. The bytes of most lines are those
// of the buffer that they were read into.
type maker struct {
	r     *Receivers
	c     *counters
	kind  string
	peer  netip.Addr
	lines []intake.Received

	host   []byte // of the line before
	source string
}

func (m *maker) message(msg []byte, overlong bool) {
	msg = trimmed(msg)
	if len(msg) == 0 {
		return
	}
	h := readHeader(msg)
	if m.source == "" || string(h.host) != string(m.host) {
		m.host = append(m.host[:0], h.host...)
		m.source = m.c.source(m.kind, m.peer, h.host)
	}
	line := complete(msg, h, m.peer, m.r.opt.Now)
	m.lines = append(m.lines, m.c.take(m.source, maillog.Syslog, line, overlong))
}

// flush puts the lines into the queue.
func (m *maker) flush() error {
	if len(m.lines) == 0 {
		return nil
	}
	ctx, cancel := lastWords(m.r.ctx)
	defer cancel()
	err := m.r.put(ctx, m.c, m.lines)
	m.lines = m.lines[:0]
	return err
}

// lastWords is a context that outlives the receivers' for a moment, so that what
// was received whole is still written.
func lastWords(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(2*time.Second, cancel) })
	return out, func() { stop(); cancel() }
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func peerOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap()
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// serverTLS reads certificates; nil where the listener has none. A certificate
// that is renewed under its name is read again.
func serverTLS(l *config.Listener) (*tls.Config, error) {
	if l.Certificate == "" {
		return nil, nil
	}
	pair := &keyPair{certificate: l.Certificate, key: l.Key}
	if _, err := pair.get(nil); err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}
	if l.ClientCA != "" {
		pem, err := os.ReadFile(l.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("read client_ca: %w", err)
		}
		cfg.ClientCAs, cfg.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if !cfg.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("client_ca: %s holds no certificate in PEM", l.ClientCA)
		}
	}
	return cfg, nil
}

// keyPair is a certificate as it is on the disk now.
type keyPair struct {
	certificate, key string
	mu               sync.Mutex
	read             time.Time // the file's, when it was read
	pair             *tls.Certificate
}

func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	info, err := os.Stat(k.certificate)
	if err == nil && k.pair != nil && info.ModTime().Equal(k.read) {
		return k.pair, nil
	}
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(k.certificate, k.key); err == nil {
			k.pair, k.read = &pair, info.ModTime()
			return k.pair, nil
		}
	}
	if k.pair != nil {
		return k.pair, nil // half written: the old one holds for now
	}
	return nil, err
}
