// Package receive listens for lines of mail logs: syslog over UDP, TCP and TLS
// (RFC 3164, 5424, 6587, 5425, 5426), lines, OTLP logs and Dovecot's events over
// HTTP, and systemd's journal.
//
// Every line goes into a queue. Who waits for an answer (HTTP) gets it once the
// line is on the disk, or is told to come again; the journal's cursor moves after
// that; a connection of syslog is not read while the queue is full, so that the
// sender keeps what it has. Syslog has no answers: what was on its way when a
// connection or this process ended is lost unless the sender repeats it, and of
// UDP whatever finds no room. What is lost is counted wherever it can be known.
//
// What a stranger sends is bounded in size, number and time, and never becomes a
// path: sources go through intake.SourceName. What lines mean is maillog's to say.
// internal/app opens it.
package receive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"mailvigil/internal/config"
	"mailvigil/internal/intake"
	"mailvigil/maillog"
)

// Queue is where lines go.
type Queue interface {
	// Put returns once the lines are on the disk; on an error the first n are.
	Put(ctx context.Context, lines []intake.Received) (n int, err error)
	// Full reports whether lines would be refused now; Room waits until that may
	// have passed.
	Full() bool
	Room(ctx context.Context) error
}

// Options are what is not in the configuration.
type Options struct {
	// Folder keeps the journal's cursor.
	Folder string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log takes what an operator should know; nil: nobody.
	Log *slog.Logger
	// Journalctl is the program that reads the journal, "" for "journalctl".
	Journalctl string
}

// Limits of what strangers can take up. They are said in docs/watch-network.md.
const (
	maxConnections  = 512 // of one listener
	maxPerPeer      = 128
	maxSources      = 512              // of one listener; what comes after is one source
	slowMessage     = 60 * time.Second // from the first to the last byte of a message
	maxBody         = 8 << 20          // of a request, unpacked
	maxRequests     = 8                // taken apart at once
	maxHeld         = 64 << 20         // of all requests together
	maxUDPBuffer    = 8 << 20
	kernelUDPBuffer = 8 << 20
	retryAfter      = "5" // seconds
	maxDepth        = 16  // of a body of OTLP
)

// ListenerStatus is what one listener did since the start.
type ListenerStatus struct {
	Name string `json:"name"`
	// Received lines came in whole, Queued ones are on the disk.
	Received int64 `json:"received"`
	Bytes    int64 `json:"bytes"`
	Queued   int64 `json:"queued"`
	// Overlong lines were cut, NotUTF8 ones will be rejected by the parser.
	Overlong int64 `json:"overlong"`
	NotUTF8  int64 `json:"not_utf8"`
	// Refused is what was not taken, by reason: the sender knows, or was told.
	Refused map[string]int64 `json:"refused,omitempty"`
	// Lost is what nobody has any more, by reason.
	Lost map[string]int64 `json:"lost,omitempty"`
	// Waits is how often a sender had to wait because the queue was full.
	Waits       int64 `json:"waits"`
	Connections int64 `json:"connections"`
	Sources     int   `json:"sources"`
	// Error is what failed last; the listener goes on.
	Error string `json:"error,omitempty"`
}

// reason is why something was refused or lost.
type reason int

const (
	refusedAddress   reason = iota // not allowed to send; by connection, datagram or request
	refusedToken                   // a request without the right token
	refusedTLS                     // a handshake that failed
	refusedNumber                  // too many connections or requests at once
	refusedSlow                    // a message that did not end
	refusedMalformed               // no syslog, no request of ours
	refusedSize                    // a body too large
	refusedFull                    // told to come again
	lostKernel                     // datagrams that the kernel had no room for
	lostMemory                     // datagrams that we had no room for
	lostCut                        // messages that ended with their connection
	lostJournal                    // entries too large for journalctl
	reasons
)

var reasonNames = [reasons]string{
	"address", "token", "tls", "number", "slow", "malformed", "size", "full",
	"kernel", "memory", "cut", "journal",
}

// counters of one listener.
type counters struct {
	name                                  string
	received, bytes, queued               atomic.Int64
	overlong, notUTF8, waits, connections atomic.Int64
	by                                    [reasons]atomic.Int64
	kernel                                func() int64 // nil where the kernel does not say

	mu      sync.Mutex
	last    string
	sources map[netip.Addr]map[string]string
	count   int
}

func (c *counters) fail(err error) {
	c.mu.Lock()
	c.last = err.Error()
	c.mu.Unlock()
}

func (c *counters) status() ListenerStatus {
	c.mu.Lock()
	s := ListenerStatus{Name: c.name, Error: c.last, Sources: c.count}
	c.mu.Unlock()
	s.Received, s.Bytes, s.Queued = c.received.Load(), c.bytes.Load(), c.queued.Load()
	s.Overlong, s.NotUTF8, s.Waits, s.Connections = c.overlong.Load(), c.notUTF8.Load(), c.waits.Load(), c.connections.Load()
	if c.kernel != nil {
		c.by[lostKernel].Store(c.kernel())
	}
	for r := range reasons {
		n := c.by[r].Load()
		if n == 0 {
			continue
		}
		to := &s.Refused
		if r >= lostKernel {
			to = &s.Lost
		}
		if *to == nil {
			*to = map[string]int64{}
		}
		(*to)[reasonNames[r]] = n
	}
	return s
}

// source names what a peer sends of a host. The names are kept: a source is one
// string however many lines it has. Who forges more names than maxSources makes
// one source of the rest.
func (c *counters) source(kind string, peer netip.Addr, of []byte) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	of = of[:min(len(of), 2*64)]
	hosts := c.sources[peer]
	if s, known := hosts[string(of)]; known {
		return s
	}
	if c.count >= maxSources {
		return kind + "/others"
	}
	if hosts == nil {
		if c.sources == nil {
			c.sources = map[netip.Addr]map[string]string{}
		}
		hosts = map[string]string{}
		c.sources[peer] = hosts
	}
	s := kind
	if peer.IsValid() {
		s += "/" + peer.WithZone("").String()
	}
	for part := range bytes.SplitSeq(of, []byte("/")) {
		if len(part) > 0 && string(part) != "-" {
			s += "/" + intake.SourceName(string(part))
		}
	}
	hosts[string(of)] = s
	c.count++
	return s
}

// take counts a line, and makes it one for the queue.
func (c *counters) take(source string, format maillog.Format, line []byte, overlong bool) intake.Received {
	c.received.Add(1)
	c.bytes.Add(int64(len(line)))
	if len(line) > intake.MaxLine {
		line, overlong = line[:intake.MaxLine], true
	}
	if overlong {
		c.overlong.Add(1)
	}
	if !utf8.Valid(line) {
		c.notUTF8.Add(1)
	}
	return intake.Received{Source: source, Format: format, Bytes: line, Overlong: overlong}
}

// Receivers are what listens.
type Receivers struct {
	q    Queue
	opt  Options
	all  []*counters
	stop context.CancelFunc
	ctx  context.Context
	done sync.WaitGroup
	end  []func() // closes what a goroutine waits on
}

// Open starts to listen. It fails as a whole where one address cannot be had.
func Open(in config.Intake, q Queue, o Options) (*Receivers, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Receivers{q: q, opt: o}
	r.ctx, r.stop = context.WithCancel(context.Background())
	for _, l := range in.Listeners {
		var err error
		switch l.Transport {
		case config.SyslogUDP:
			err = r.udp(l)
		case config.HTTP:
			err = r.http(l)
		default:
			err = r.tcp(l)
		}
		if err != nil {
			r.Close()
			return nil, fmt.Errorf("listen on %s: %w", l.Name(), hint(err))
		}
	}
	if in.Journal.Read {
		if err := r.journal(in.Journal); err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

// Status tells of each listener.
func (r *Receivers) Status() []ListenerStatus {
	out := make([]ListenerStatus, 0, len(r.all))
	for _, c := range r.all {
		out = append(out, c.status())
	}
	return out
}

// Close stops listening. What was received whole is put into the queue first,
// unless it is full. The queue is closed after it.
func (r *Receivers) Close() {
	for _, end := range r.end {
		end()
	}
	r.stop()
	r.done.Wait()
}

func (r *Receivers) counters(name string) *counters {
	c := &counters{name: name}
	r.all = append(r.all, c)
	return c
}

// put writes lines however long the queue is full: whoever sent them waits.
func (r *Receivers) put(ctx context.Context, c *counters, lines []intake.Received) error {
	for len(lines) > 0 {
		for waited := false; r.q.Full(); {
			if !waited {
				c.waits.Add(1)
				waited = true
			}
			if err := r.q.Room(ctx); err != nil {
				return err
			}
		}
		n, err := r.q.Put(ctx, lines)
		c.queued.Add(int64(n))
		lines = lines[n:]
		if err != nil && !errors.Is(err, intake.ErrFull) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// loopback is who may send where nobody is named.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// allowed decides by the address of the connection, which TCP vouches for and
// UDP does not.
func allowed(l *config.Listener, peer netip.Addr) bool {
	allow := l.Allow
	if len(allow) == 0 {
		if l.TokenFile != "" || l.ClientCA != "" {
			return true
		}
		allow = loopback
	}
	return slices.ContainsFunc(allow, func(p netip.Prefix) bool { return p.Contains(peer) })
}
