package notify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Options of a Dispatcher.
type Options struct {
	Receivers []Receiver
	Steps     []Step
	// EscalateFrom is the lowest severity that escalates and is reminded of.
	EscalateFrom Severity
	// Group is for how long further changes of an incident are gathered, Remind
	// after how long one that nobody acknowledged is told again (0: never).
	Group, Remind time.Duration
	Zone          *time.Location
	Outbox        Outbox
	// Problem is told what could not be delivered and why; it must not block.
	Problem func(receiver string, item Item, err error)
	// Jitter draws from [0,1); the process's own chance if nil.
	Jitter func() float64
}

const (
	sendTime   = 30 * time.Second // for one try
	firstRetry = 30 * time.Second
	lastRetry  = 15 * time.Minute
	giveUp     = 24 * time.Hour
	mailHead   = 30 * time.Second // that others have before e-mail where mail is down
	mostInOne  = 30               // notices of one message
	idle       = 5 * time.Minute  // between two looks at an outbox with nothing due
)

// Dispatcher turns notices into messages and brings them.
type Dispatcher struct {
	o    Options
	wake map[string]chan struct{}
	// mu is held while items are read, changed and put back.
	mu sync.Mutex
}

// New makes a Dispatcher. Tell works from now on, delivery once Run runs.
func New(o Options) *Dispatcher {
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Problem == nil {
		o.Problem = func(string, Item, error) {}
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	d := &Dispatcher{o: o, wake: map[string]chan struct{}{}}
	for _, r := range o.Receivers {
		d.wake[r.Name] = make(chan struct{}, 1)
	}
	return d
}

// Tell puts what is to be said of a change into the outbox, and returns once it
// is kept. The same notice (incident, change and time) told again changes
// nothing, so it may be repeated after a crash.
//
// A receiver is told of what it wants, and of all that follows on what it was
// told. An end is told to those alone who were told of a beginning.
func (d *Dispatcher) Tell(ctx context.Context, n Notice) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	items, err := d.o.Outbox.Of(ctx, n.Incident)
	if err != nil {
		return fmt.Errorf("read the outbox: %w", err)
	}
	now := time.Now()
	var puts []Item
	for i := range d.o.Receivers {
		if item, ok := d.item(&d.o.Receivers[i], n, items, now); ok {
			puts = append(puts, item)
		}
	}
	puts = append(puts, d.pending(n, items, now)...)
	if len(puts) == 0 {
		return nil
	}
	if err := d.o.Outbox.Put(ctx, puts...); err != nil {
		return fmt.Errorf("keep what is to be told of incident %d: %w", n.Incident, err)
	}
	for _, item := range puts {
		d.rouse(item.Receiver)
	}
	return nil
}

func (d *Dispatcher) rouse(receiver string) {
	select {
	case d.wake[receiver] <- struct{}{}:
	default:
	}
}

// wanted are the receivers of a notice by kind and severity. Where mail is down
// and all of them are reached by e-mail, those who are reached otherwise are
// told too, whatever kind they asked for.
func (d *Dispatcher) wanted(r *Receiver, n *Notice) bool {
	if r.wants(n) {
		return !r.Late
	}
	if !n.MailDown || r.Mail || r.Late || n.Severity < r.From {
		return false
	}
	return !slices.ContainsFunc(d.o.Receivers, func(o Receiver) bool { return !o.Mail && !o.Late && o.wants(n) })
}

// item is what a receiver is to be told, new or added to what waits.
func (d *Dispatcher) item(r *Receiver, n Notice, items []Item, now time.Time) (Item, bool) {
	told, graver := false, true
	var waiting *Item
	for i := range items {
		item := &items[i]
		if item.Receiver != r.Name {
			continue
		}
		if item.Purpose == ForChange || item.Tries > 0 || item.Status == Folded {
			told = true
			for _, earlier := range item.Notices {
				if earlier.Change == n.Change && earlier.Time.Equal(n.Time) {
					return Item{}, false
				}
				graver = graver && n.Severity > earlier.Severity
			}
		}
		if item.Purpose == ForChange && item.Status == Waiting && item.Tries == 0 {
			waiting = item
		}
	}
	if !told && (n.Change.over() || !d.wanted(r, &n)) {
		return Item{}, false
	}
	due := now
	if told && !graver && n.Change != Reopened {
		due = now.Add(d.o.Group)
	}
	if n.MailDown && r.Mail {
		due = due.Add(mailHead)
	}
	if waiting != nil {
		item := *waiting
		item.Notices = gather(append(item.Notices, n))
		if due.Before(item.Due) {
			item.Due = due
		}
		return item, true
	}
	return Item{
		Key: key(r.Name, n, string(ForChange)), Receiver: r.Name, Incident: n.Incident, Purpose: ForChange,
		Notices: []Notice{n}, Made: now, Due: due, Status: Waiting,
	}, true
}

// pending makes, renews or drops the escalations and reminders of an incident.
func (d *Dispatcher) pending(n Notice, items []Item, now time.Time) (puts []Item) {
	over := n.Acknowledged || n.Change.over()
	running := false
	for _, item := range items {
		if item.Purpose == ForChange || item.Status != Waiting {
			continue
		}
		running = true
		switch {
		case over:
			item.Status = Dropped
		case item.Tries == 0:
			renewed := n
			renewed.Change = item.Notices[0].Change
			item.Notices = []Notice{renewed}
		default:
			continue
		}
		puts = append(puts, item)
	}
	if over || running || n.Severity < d.o.EscalateFrom || n.Change == Test {
		return puts
	}
	began := n.Change == Opened || n.Change == Reopened
	if !began && slices.ContainsFunc(items, func(i Item) bool { return i.Purpose != ForChange }) {
		return puts // it has escalated before, or it was acknowledged
	}
	later := func(receiver string, purpose Purpose, change Change, after time.Duration, tag string) {
		n := n
		n.Change = change
		item := Item{
			Key: key(receiver, n, tag), Receiver: receiver, Incident: n.Incident, Purpose: purpose,
			Notices: []Notice{n}, Made: now, Due: now.Add(after), Status: Waiting,
		}
		if !slices.ContainsFunc(items, func(i Item) bool { return i.Key == item.Key }) {
			puts = append(puts, item)
		}
	}
	for i, step := range d.o.Steps {
		for _, name := range step.To {
			if _, known := d.wake[name]; known {
				later(name, ForEscalation, Escalation, step.After, fmt.Sprintf("escalation%d", i))
			}
		}
	}
	if d.o.Remind > 0 {
		for i := range d.o.Receivers {
			if r := &d.o.Receivers[i]; d.wanted(r, &n) {
				later(r.Name, ForReminder, Reminder, d.o.Remind, string(ForReminder))
			}
		}
	}
	return puts
}

// key of an item; it tells nothing of the receiver.
func key(receiver string, n Notice, tag string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s\x00%d\x00%s", receiver, n.Incident, n.Change, n.Time.UnixNano(), tag))
	return fmt.Sprintf("mailvigil.%d.%s", n.Incident, hex.EncodeToString(sum[:12]))
}

// gather orders notices by time, keeps each once and the newest of many, and of
// an incident's plots the newest.
func gather(notices []Notice) []Notice {
	slices.SortStableFunc(notices, func(a, b Notice) int { return a.Time.Compare(b.Time) })
	notices = slices.CompactFunc(notices, func(a, b Notice) bool {
		return a.Incident == b.Incident && a.Change == b.Change && a.Time.Equal(b.Time)
	})
	if len(notices) > mostInOne {
		notices = slices.Delete(notices, 0, len(notices)-mostInOne)
	}
	seen := map[int64]bool{}
	for i := range slices.Backward(notices) {
		if seen[notices[i].Incident] {
			notices[i].Plot = nil
		}
		if notices[i].Plot != nil {
			seen[notices[i].Incident] = true
		}
	}
	return notices
}

// Run delivers until the context ends. What waits then stays in the outbox.
//
// What waits for a receiver that the configuration no longer has is dropped.
func (d *Dispatcher) Run(ctx context.Context) {
	if err := d.forget(ctx); err != nil {
		d.o.Problem("", Item{}, err)
	}
	var wg sync.WaitGroup
	for i := range d.o.Receivers {
		wg.Go(func() { d.serve(ctx, &d.o.Receivers[i]) })
	}
	wg.Wait()
}

func (d *Dispatcher) forget(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	waiting, err := d.o.Outbox.Waiting(ctx)
	if err != nil {
		return fmt.Errorf("read the outbox: %w", err)
	}
	var puts []Item
	for _, item := range waiting {
		if d.wake[item.Receiver] == nil {
			item.Status, item.Problem = Dropped, "there is no such receiver any more"
			puts = append(puts, item)
		}
	}
	if len(puts) == 0 {
		return nil
	}
	if err := d.o.Outbox.Put(ctx, puts...); err != nil {
		return fmt.Errorf("drop messages to receivers that are no more: %w", err)
	}
	return nil
}

func (d *Dispatcher) serve(ctx context.Context, r *Receiver) {
	for ctx.Err() == nil {
		item, wait, err := d.take(ctx, r)
		switch {
		case err != nil && ctx.Err() == nil:
			d.o.Problem(r.Name, Item{}, err)
			wait = firstRetry
		case item != nil:
			d.bring(ctx, r, *item)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-d.wake[r.Name]:
		}
		timer.Stop()
	}
}

// take finds the next message of a receiver and counts the try, or says how
// long there is nothing to do.
func (d *Dispatcher) take(ctx context.Context, r *Receiver) (*Item, time.Duration, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	waiting, err := d.o.Outbox.Waiting(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read the outbox: %w", err)
	}
	waiting = slices.DeleteFunc(waiting, func(i Item) bool { return i.Receiver != r.Name })
	if len(waiting) == 0 {
		return nil, idle, nil
	}
	now := time.Now()
	free, left, err := d.budget(ctx, r, now)
	if err != nil {
		return nil, 0, err
	}
	wait := idle
	var ready []Item
	for _, item := range waiting {
		if at := d.due(r, &item, free); at.After(now) {
			wait = min(wait, at.Sub(now))
		} else {
			ready = append(ready, item)
		}
	}
	if len(ready) == 0 {
		return nil, wait, nil
	}
	// Critical first, then what has waited longest.
	slices.SortStableFunc(ready, func(a, b Item) int { return cmp.Compare(b.severity()/Critical, a.severity()/Critical) })
	next := ready[0]
	group := []Item{next}
	for _, item := range waiting {
		switch {
		case item.Key == next.Key:
		case item.Incident == next.Incident && item.Purpose == ForChange && next.Purpose == ForChange:
			// What is said of an incident is said in its order, and at once.
			group = append(group, item)
		case slices.ContainsFunc(ready, func(i Item) bool { return i.Key == item.Key }) && len(ready) > left && item.severity() < Critical && next.severity() < Critical:
			// More is to be said than may be sent: one message says it all.
			group = append(group, item)
		}
	}
	if len(group) > 1 {
		next = fold(group, now)
	}
	next.Tries++
	puts := []Item{next}
	for _, item := range group {
		if item.Key != next.Key {
			item.Status = Folded
			puts = append(puts, item)
		}
	}
	if err := d.o.Outbox.Put(ctx, puts...); err != nil {
		return nil, 0, fmt.Errorf("keep that a message is on its way: %w", err)
	}
	return &next, 0, nil
}

func (i *Item) severity() (s Severity) {
	for _, n := range i.Notices {
		s = max(s, n.Severity)
	}
	return s
}

// fold makes one message of several. It has a key of its own, for whoever got
// one of them in an earlier try has not got this one.
func fold(group []Item, now time.Time) Item {
	keys := sha256.New()
	out := Item{Receiver: group[0].Receiver, Incident: group[0].Incident, Purpose: group[0].Purpose, Made: now, Due: now, Status: Waiting}
	for _, item := range group {
		fmt.Fprintf(keys, "%s\x00", item.Key)
		out.Notices = append(out.Notices, item.Notices...)
		if item.Made.Before(out.Made) {
			out.Made = item.Made
		}
		if item.Purpose == ForChange {
			out.Purpose = ForChange
		}
	}
	out.Notices = gather(out.Notices)
	out.Key = fmt.Sprintf("mailvigil.%d.%s", out.Incident, hex.EncodeToString(keys.Sum(nil)[:12]))
	return out
}

// budget says since when a receiver may be sent a message, and how many now.
func (d *Dispatcher) budget(ctx context.Context, r *Receiver, now time.Time) (free time.Time, left int, err error) {
	if r.Hourly <= 0 {
		return time.Time{}, mostInOne, nil
	}
	sent, err := d.o.Outbox.Since(ctx, r.Name, now.Add(-time.Hour+time.Nanosecond))
	if err != nil {
		return time.Time{}, 0, fmt.Errorf("read the outbox: %w", err)
	}
	if len(sent) < r.Hourly {
		return time.Time{}, r.Hourly - len(sent), nil
	}
	slices.SortFunc(sent, func(a, b Item) int { return a.Sent.Compare(b.Sent) })
	return sent[len(sent)-r.Hourly].Sent.Add(time.Hour), 1, nil
}

// due is when an item may be sent: not in quiet hours and not beyond the rate,
// save what is critical.
func (d *Dispatcher) due(r *Receiver, item *Item, free time.Time) time.Time {
	at := item.Due
	if item.severity() >= Critical {
		return at
	}
	if free.After(at) {
		at = free
	}
	now := time.Now()
	if at.Before(now) {
		at = now
	}
	if until, quiet := r.Quiet.quiet(at); quiet {
		return until
	}
	return at
}

// bring sends an item and keeps what became of it.
func (d *Dispatcher) bring(ctx context.Context, r *Receiver, item Item) {
	try, cancel := context.WithTimeout(ctx, sendTime)
	err := send(try, r.Sender, Message{Key: item.Key, Notices: item.Notices, Again: item.Tries - 1, Made: item.Made, Zone: d.o.Zone})
	cancel()
	if err != nil && ctx.Err() != nil {
		return // it waits in the outbox, and is tried again
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	puts := []Item{d.outcome(&item, err, now)}
	of, readErr := d.o.Outbox.Of(ctx, item.Incident)
	if readErr == nil {
		for _, other := range of {
			switch {
			case other.Key == item.Key && other.Status == Dropped && err != nil:
				return // it was acknowledged meanwhile
			case other.Key == item.Key && other.Status == Dropped:
				puts[0].Purpose = ForChange // nothing follows
			}
		}
		if err != nil && (item.Status == Failed || item.Tries == 3) {
			puts = append(puts, d.hasten(of, now)...)
		}
	}
	if err == nil && item.Purpose == ForReminder && puts[0].Purpose == ForReminder {
		again := item
		again.Key = fold([]Item{item}, now).Key // one for each reminder before it
		again.Made, again.Due, again.Tries, again.Status, again.Sent = now, now.Add(d.o.Remind), 0, Waiting, time.Time{}
		puts = append(puts, again)
	}
	if putErr := d.o.Outbox.Put(ctx, puts...); putErr != nil {
		// It is sent again with the same key, which is what the key is for.
		d.o.Problem(r.Name, item, fmt.Errorf("keep what became of a message: %w", putErr))
	}
	if err != nil {
		d.o.Problem(r.Name, item, err)
	}
	for _, p := range puts[1:] {
		d.rouse(p.Receiver)
	}
}

func (d *Dispatcher) outcome(item *Item, err error, now time.Time) Item {
	var never permanent
	var after later
	switch {
	case err == nil:
		item.Status, item.Sent, item.Problem = Sent, now, ""
	case errors.As(err, &never) || now.Sub(item.Made) > giveUp:
		item.Status, item.Problem = Failed, err.Error()
	default:
		item.Problem = err.Error()
		pause := min(firstRetry<<min(item.Tries-1, 10), lastRetry)
		pause += time.Duration(d.o.Jitter() * 0.2 * float64(pause))
		if errors.As(err, &after) {
			pause = max(pause, min(after.after, time.Hour))
		}
		item.Due = now.Add(pause)
	}
	return *item
}

// hasten brings the next step forward where nobody could be told.
func (d *Dispatcher) hasten(of []Item, now time.Time) (puts []Item) {
	var next time.Time
	for _, item := range of {
		if item.Status == Sent {
			return nil
		}
		if item.Purpose == ForEscalation && item.Status == Waiting && item.Tries == 0 && (next.IsZero() || item.Due.Before(next)) {
			next = item.Due
		}
	}
	for _, item := range of {
		if item.Purpose == ForEscalation && item.Status == Waiting && item.Tries == 0 && item.Due.Equal(next) && next.After(now) {
			item.Due = now
			puts = append(puts, item)
		}
	}
	return puts
}

// send keeps a sender that breaks from ending the watch.
func send(ctx context.Context, s Sender, m Message) (err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = Permanent(fmt.Errorf("the sender broke: %v", broken))
		}
	}()
	return s.Send(ctx, m)
}

// SendOnce brings a message to a receiver at once, outside of any outbox.
func SendOnce(ctx context.Context, r Receiver, n Notice, zone *time.Location) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	return send(ctx, r.Sender, Message{Key: key(r.Name, n, string(Test)), Notices: []Notice{n}, Made: n.Time, Zone: zone})
}
