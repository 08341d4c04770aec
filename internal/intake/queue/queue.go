// Package queue keeps the lines that came over the network until the archive
// has them: an embedded NATS JetStream without a port, or a cluster of NATS
// servers through the same client.
//
// Followed files are their own queue and do not come here. Put returns once the
// lines are on the disk, flushed; Next hands them over in order, and again after
// a restart unless their batch was acknowledged. A line keeps its source and
// number when it comes again, and no other line of the source ever has that
// number: not after a crash, and not in a queue that was begun anew. The queue is
// bounded; a full one refuses what is new and keeps what it has.
//
// It is the only package that knows NATS. internal/app opens it, the receivers
// of internal/intake/receive put lines into it, the watch takes them out.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"mailvigil/internal/intake"
)

// Options say where the queue is. Either Folder or URL is set.
type Options struct {
	// Folder of the embedded server's files; it is made where there is none.
	Folder string
	// URL of a cluster, such as "nats://a:4222,nats://b:4222", with the file of
	// its credentials, "" for none, and how many servers keep a copy.
	URL, Credentials string
	Replicas         int
	// Limit in bytes of what waits; 0 is DefaultLimit.
	Limit int64
	// Reserve is how many bytes stay free on the disk; 0 is DefaultReserve.
	Reserve int64
	// Now is the time of receipt; nil is time.Now.
	Now func() time.Time
	// Free tells how many bytes the disk of Folder has left; nil asks it.
	Free func(folder string) (int64, error)
	// Log takes what the server has to complain of; nil: nobody.
	Log *slog.Logger
}

// The limits that hold where none are given.
const (
	DefaultLimit   = 1 << 30
	DefaultReserve = 256 << 20
	// MinimumLimit has room for a few packs.
	MinimumLimit = 8 << 20
)

const (
	streamName = "mailvigil"
	subject    = "mailvigil.lines"

	// maxPack is less than what a NATS server takes by default, 1 MiB. A
	// cluster that takes less is not used.
	maxPack = 768 << 10
	// maxPending is how many bytes wait in memory for the disk before Put
	// waits too.
	maxPending = 16 << 20

	publishWait = 30 * time.Second
	// mendAfter is how long a queue that failed rests before it is opened anew.
	mendAfter = 5 * time.Second
)

// Status is what the queue is doing.
type Status struct {
	// Queued lines were written, Acknowledged ones archived, Refused ones came
	// while the queue was full, since the start. Redelivered lines were in the
	// queue before it.
	Queued       int64 `json:"queued"`
	Acknowledged int64 `json:"acknowledged"`
	Refused      int64 `json:"refused"`
	// Packs are messages of up to a thousand lines that wait, Bytes their size.
	Packs uint64 `json:"packs"`
	Bytes uint64 `json:"bytes"`
	Limit int64  `json:"limit"`
	// Oldest is when the oldest that waits was received; zero: nothing waits.
	Oldest time.Time `json:"oldest,omitzero"`
	// Full is why lines are refused now: "limit", "disk" or "failed"; "" is no.
	Full string `json:"full,omitempty"`
	// Unreadable packs were passed over.
	Unreadable int64 `json:"unreadable"`
	// Error is what failed last, Mended how often the queue was opened anew.
	Error  string `json:"error,omitempty"`
	Mended int64  `json:"mended"`
}

// Queue is an open queue. Put and Status may be called from anywhere, Next by
// one goroutine at a time; batches are acknowledged from anywhere, in any order.
type Queue struct {
	opt  Options
	lock *folderLock

	mend sync.Mutex // held while the link is opened or closed, before mu

	mu      sync.Mutex
	link    *link // nil after it failed, until it is mended
	failed  time.Time
	closed  bool
	status  Status
	filling *pack
	sealed  []*pack
	pending int           // bytes in memory
	spare   []*packer     // memory to use again
	work    chan struct{} // to the writer, holds one
	less    chan struct{} // closed when pending shrinks
	room    chan struct{} // closed when something was removed, or mended

	flight []*flight // delivered, not acknowledged, in order
	floor  uint64    // everything up to it is acknowledged
	purged uint64    // and removed
	purge  chan struct{}

	ready []*intake.Batch // of the reader
	begun map[string]bool // sources that were handed over
	next  uint64          // sequence to read from
	iter  jetstream.MessagesContext
	from  *link // that iter reads from

	stop context.CancelFunc
	done sync.WaitGroup
}

// pack is lines on their way to the disk.
type pack struct {
	*packer
	done chan struct{} // closed when err is set
	err  error
}

// flight is a pack that was handed over.
type flight struct {
	sequence uint64
	left     int // batches that are not acknowledged
}

// Open opens the queue, or begins one. What it held before comes first.
func Open(ctx context.Context, o Options) (*Queue, error) {
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	if o.Limit < MinimumLimit {
		return nil, fmt.Errorf("open the queue: a limit of %d bytes is too small; give it at least %d", o.Limit, MinimumLimit)
	}
	if o.Reserve == 0 {
		o.Reserve = DefaultReserve
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Free == nil {
		o.Free = free
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	q := &Queue{
		opt:  o,
		work: make(chan struct{}, 1), purge: make(chan struct{}, 1),
		less: make(chan struct{}), room: make(chan struct{}),
	}
	var err error
	if o.URL == "" {
		if q.lock, err = lockFolder(o.Folder); err != nil {
			return nil, err
		}
	}
	if q.link, err = connect(ctx, o); err != nil {
		q.lock.release()
		return nil, err
	}
	q.filling, q.begun = q.newPack(), map[string]bool{}
	run, stop := context.WithCancel(context.Background())
	q.stop = stop
	q.done.Go(func() { q.write(run) })
	q.done.Go(func() { q.remove(run) })
	return q, nil
}

// ErrClosed is what a closed queue answers.
var ErrClosed = errors.New("the queue is closed")

// Put writes lines and returns once they are on the disk. Their bytes can be
// used again after that. On an error the first n lines are kept for certain; of
// the others some may be. ErrFull: there is no room, see Room.
func (q *Queue) Put(ctx context.Context, lines []intake.Received) (n int, err error) {
	type part struct {
		p *pack
		n int
	}
	var small [4]part
	parts := small[:0]
	q.mu.Lock()
	if q.status.Full != "" {
		q.fullLocked()
	}
	for i := range lines {
		for q.pending > maxPending && !q.closed && q.status.Full == "" {
			less := q.less
			q.mu.Unlock()
			select {
			case <-less:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
			q.mu.Lock()
		}
		if q.closed || q.status.Full != "" {
			q.status.Refused += int64(len(lines) - i)
			if err = intake.ErrFull; q.closed {
				err = ErrClosed
			}
			break
		}
		l := &lines[i]
		cost := q.filling.cost(l)
		if q.filling.lines == maxPackLines || q.filling.bytes+cost > maxPack {
			q.sealed = append(q.sealed, q.filling)
			q.filling = q.newPack()
			cost = q.filling.cost(l)
		}
		q.filling.add(l)
		q.pending += cost
		if len(parts) == 0 || parts[len(parts)-1].p != q.filling {
			parts = append(parts, part{q.filling, 0})
		}
		parts[len(parts)-1].n++
	}
	q.mu.Unlock()
	wake(q.work)
	sound := true
	for _, p := range parts {
		select {
		case <-p.p.done:
		case <-ctx.Done():
			return n, ctx.Err()
		}
		if p.p.err != nil && sound {
			sound, err = false, p.p.err
		}
		if sound {
			n += p.n
		}
	}
	return n, err
}

// Room waits until there may be room again.
func (q *Queue) Room(ctx context.Context) error {
	q.mu.Lock()
	room, closed, full := q.room, q.closed, q.status.Full
	q.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case full == "":
		return ctx.Err()
	}
	t := time.NewTimer(time.Second) // others may have made room on the disk
	defer t.Stop()
	select {
	case <-room:
		return nil
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Full reports whether lines would be refused now.
func (q *Queue) Full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.fullLocked() || q.closed
}

// fullLocked looks again at what may have passed by itself.
func (q *Queue) fullLocked() bool {
	switch q.status.Full {
	case fullDisk:
		if q.diskFull() == nil {
			q.status.Full = ""
		}
	case fullFailed:
		if q.opt.Now().Sub(q.failed) >= mendAfter {
			q.status.Full = "" // the writer tries it
		}
	}
	return q.status.Full != ""
}

// The reasons of a full queue.
const (
	fullLimit  = "limit"
	fullDisk   = "disk"
	fullFailed = "failed"
)

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (q *Queue) newPack() *pack {
	p := &pack{done: make(chan struct{})}
	if n := len(q.spare); n > 0 {
		p.packer, q.spare = q.spare[n-1], q.spare[:n-1]
	} else {
		p.packer = &packer{groups: map[string]int{}}
	}
	return p
}

// write is the one goroutine that writes. While it waits for the disk, the next
// pack fills: the slower the disk, the more lines share a flush.
func (q *Queue) write(ctx context.Context) {
	for {
		q.mu.Lock()
		var p *pack
		switch {
		case len(q.sealed) > 0:
			p, q.sealed = q.sealed[0], q.sealed[1:]
		case q.filling.lines > 0:
			p, q.filling = q.filling, q.newPack()
		}
		closed := q.closed
		q.mu.Unlock()
		if p == nil {
			if closed {
				return
			}
			select {
			case <-q.work:
				continue
			case <-ctx.Done():
				return
			}
		}
		lines, size := p.lines, p.bytes
		p.err = q.publish(ctx, p.encode(q.opt.Now()))
		q.mu.Lock()
		if q.pending -= size; p.err == nil {
			q.status.Queued += int64(lines)
		} else {
			q.status.Refused += int64(lines)
		}
		if len(q.spare) < 4 {
			q.spare = append(q.spare, p.packer)
		}
		close(q.less)
		q.less = make(chan struct{})
		q.mu.Unlock()
		close(p.done)
	}
}

// publish writes one message, or says why not.
func (q *Queue) publish(ctx context.Context, data []byte) error {
	if err := q.diskFull(); err != nil {
		q.refuse(fullDisk, err)
		return intake.ErrFull
	}
	l, err := q.linked(ctx)
	if err == nil {
		err = l.publish(ctx, data)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, intake.ErrFull):
		q.refuse(fullLimit, nil)
		wake(q.purge)
	default:
		q.refuse(fullFailed, err)
		q.breakLink(l)
	}
	return intake.ErrFull
}

func (q *Queue) refuse(why string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.status.Full == "" {
		q.status.Full = why
	}
	if err != nil {
		q.status.Error = err.Error()
		q.failed = q.opt.Now()
	}
}

func (q *Queue) diskFull() error {
	if q.opt.URL != "" {
		return nil
	}
	left, err := q.opt.Free(q.opt.Folder)
	if err != nil {
		return fmt.Errorf("ask how full the disk of %s is: %w", q.opt.Folder, err)
	}
	if left < q.opt.Reserve+2*maxPack {
		return fmt.Errorf("the disk of %s has %d MB left, and %d MB stay free; make room there", q.opt.Folder, left>>20, q.opt.Reserve>>20)
	}
	return nil
}

// linked returns the connection, which it opens anew where it failed.
func (q *Queue) linked(ctx context.Context) (*link, error) {
	q.mend.Lock()
	defer q.mend.Unlock()
	q.mu.Lock()
	l := q.link
	q.mu.Unlock()
	if l != nil {
		return l, nil
	}
	l, err := connect(ctx, q.opt)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.link = l
	q.status.Mended++
	q.makeRoom()
	return l, nil
}

// breakLink gives a connection up that failed: a stream whose disk refused a
// write takes no other until it is opened anew.
func (q *Queue) breakLink(l *link) {
	if l == nil {
		return
	}
	q.mend.Lock()
	defer q.mend.Unlock()
	q.mu.Lock()
	mine := q.link == l
	if mine {
		q.link = nil
	}
	q.mu.Unlock()
	if mine {
		l.close()
	}
}

// makeRoom tells those who wait. The lock is held.
func (q *Queue) makeRoom() {
	q.status.Full = ""
	close(q.room)
	q.room = make(chan struct{})
}

// Next returns the next batch, waiting for it. A batch belongs to the caller; its
// Ack is called once its lines are archived.
func (q *Queue) Next(ctx context.Context) (*intake.Batch, error) {
	for len(q.ready) == 0 {
		if err := q.fetch(ctx); err != nil {
			return nil, err
		}
	}
	b := q.ready[0]
	q.ready = q.ready[1:]
	return b, nil
}

// fetch reads one message into q.ready.
func (q *Queue) fetch(ctx context.Context) error {
	q.mu.Lock()
	l, closed, rested := q.link, q.closed, q.opt.Now().Sub(q.failed) >= mendAfter
	q.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case l == nil && !rested:
		return q.pause(ctx)
	case l == nil:
		if _, err := q.linked(ctx); err != nil {
			q.refuse(fullFailed, err)
		}
		return ctx.Err()
	case q.iter == nil || q.from != l:
		q.stopReading()
		iter, err := l.read(ctx, q.next)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			q.refuse("", err)
			return q.pause(ctx)
		}
		q.iter, q.from = iter, l
	}
	msg, err := q.iter.Next(jetstream.NextContext(ctx))
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		q.stopReading() // and begins again behind what was read
		return q.pause(ctx)
	}
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("read the queue: %w", err)
	}
	seq := meta.Sequence.Stream
	if seq < q.next {
		return nil
	}
	q.next = seq + 1
	q.deliver(seq, msg.Data())
	return nil
}

func (q *Queue) deliver(seq uint64, data []byte) {
	got, err := decode(seq, data)
	f := &flight{sequence: seq, left: len(got)}
	q.mu.Lock()
	q.flight = append(q.flight, f)
	if err != nil {
		q.status.Unreadable++
		q.status.Error = fmt.Sprintf("read the queue: %v; the message is passed over", err)
		q.opt.Log.Error("the queue holds a message that cannot be read; it is passed over", "error", err)
	}
	if len(got) == 0 {
		q.landed()
	}
	q.mu.Unlock()
	for _, b := range got {
		b.Begins = !q.begun[b.Source]
		q.begun[b.Source] = true
		var once sync.Once
		b.Ack = func() error {
			once.Do(func() { q.ack(f, len(b.Lines)) })
			return nil
		}
	}
	q.ready = append(q.ready[:0], got...)
}

func (q *Queue) ack(f *flight, lines int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f.left--
	q.status.Acknowledged += int64(lines)
	q.landed()
}

// landed moves the floor past the packs that were acknowledged. The lock is held.
func (q *Queue) landed() {
	n := 0
	for n < len(q.flight) && q.flight[n].left == 0 {
		q.floor = q.flight[n].sequence
		n++
	}
	if n > 0 {
		q.flight = append(q.flight[:0], q.flight[n:]...)
		wake(q.purge)
	}
}

// remove takes what was acknowledged out of the stream. What it did not get to
// before a crash comes again, with the same numbers.
func (q *Queue) remove(ctx context.Context) {
	for {
		select {
		case <-q.purge:
		case <-ctx.Done():
			return
		}
		q.removeAcknowledged(ctx)
	}
}

func (q *Queue) removeAcknowledged(ctx context.Context) {
	q.mu.Lock()
	l, floor, purged := q.link, q.floor, q.purged
	q.mu.Unlock()
	if l == nil || floor <= purged {
		return
	}
	err := l.stream.Purge(ctx, jetstream.WithPurgeSequence(floor+1))
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			q.status.Error = fmt.Sprintf("remove what was archived from the queue: %v", err)
		}
		return
	}
	q.purged = floor
	if q.status.Full == fullLimit {
		q.makeRoom()
	}
}

func (q *Queue) pause(ctx context.Context) error {
	t := time.NewTimer(200 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *Queue) stopReading() {
	if q.iter != nil {
		q.iter.Stop()
		q.iter, q.from = nil, nil
	}
}

// Status tells what the queue is doing.
func (q *Queue) Status(ctx context.Context) Status {
	q.mu.Lock()
	q.fullLocked()
	s, l := q.status, q.link
	q.mu.Unlock()
	s.Limit = q.opt.Limit
	if l == nil {
		return s
	}
	info, err := l.stream.Info(ctx)
	if err != nil {
		s.Error = fmt.Sprintf("ask the queue how it is: %v", err)
		return s
	}
	s.Packs, s.Bytes = info.State.Msgs, info.State.Bytes
	if s.Packs > 0 {
		s.Oldest = info.State.FirstTime
	}
	return s
}

// Close writes what is on its way, removes what was acknowledged, and ends. No
// batch may be acknowledged after it; those that were not come again.
func (q *Queue) Close() error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	q.closed = true
	close(q.less)
	q.less = make(chan struct{})
	q.makeRoom()
	q.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), publishWait)
	defer cancel()
	wake(q.work)
	q.stopReading()
	q.removeAcknowledged(ctx)
	finished := make(chan struct{})
	go func() {
		select {
		case <-finished:
		case <-ctx.Done():
			q.stop()
		}
	}()
	q.drain(ctx)
	close(finished)
	q.stop()
	q.done.Wait()
	q.mu.Lock()
	l := q.link
	q.link = nil
	q.mu.Unlock()
	if l != nil {
		l.close()
	}
	return q.lock.release()
}

// drain waits until nothing is on its way to the disk.
func (q *Queue) drain(ctx context.Context) {
	for {
		q.mu.Lock()
		left, less := q.pending, q.less
		q.mu.Unlock()
		if left == 0 {
			return
		}
		wake(q.work)
		select {
		case <-less:
		case <-ctx.Done():
			return
		}
	}
}
