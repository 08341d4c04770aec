package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mailvigil/internal/access"
	"mailvigil/internal/archive"
	"mailvigil/internal/config"
	"mailvigil/internal/daemon"
	"mailvigil/internal/incident"
	"mailvigil/internal/intake"
	"mailvigil/internal/notify"
	"mailvigil/internal/pipeline"
	"mailvigil/internal/state"
	"mailvigil/maillog"
	"mailvigil/verdict"
)

// watching is a running watch: lines come in, are counted and archived; minute
// by minute they are judged, and the verdict moves the incidents.
//
// Goroutines that share it: one takes batches of the followed files, one those
// of the queue, one (tick) closes minutes, publishes, judges and tells people;
// probes answer, and people ask and tell over the control socket.
//
// Three locks, taken in this order: taking, for one batch from its first line to
// its last; publishing, for the segments and what becomes one; mu, for all that
// is counted and known. A batch waits for room without mu. Under mu the disk is
// written to where an incident or a person's word is kept, and read in a look.
type watching struct {
	now     func() time.Time
	since   time.Time
	zone    *time.Location
	config  *config.Config // of the start; reloader knows which holds
	file    string         // of the configuration, "" for none
	options pipeline.Options
	paths   []string
	log     *slog.Logger
	level   slog.LevelVar
	base    context.Context // of all that runs beside; its end ends them
	end     context.CancelCauseFunc

	notifier *daemon.Notifier
	reloader *daemon.Reloader[config.Config]
	roles    atomic.Pointer[access.Roles]
	stepped  atomic.Int64 // when the last step was done, Unix nanoseconds
	asking   running      // probes
	telling  running      // messages

	state    *state.Store
	store    *archive.Store
	follower *intake.Follower
	room     chan struct{} // something was published
	filling  chan struct{} // many lines wait to be written

	publishing sync.Mutex // taken before mu, where both are
	segments   []archive.Segment
	listed     atomic.Pointer[[]archive.Segment] // a copy, for those who only look
	// unpublished is what was cut off and could not be published yet.
	unpublished *unpublished

	taking   sync.Mutex // one batch at a time; taken before all others
	mu       sync.Mutex
	live     *pipeline.Live
	book     *incident.Book
	pending  pending
	partly   bool // the lines of a batch are in the archive's memory in part
	began    bool // all logs were read once up to now
	dirty    bool // lines came since the last look at what is strange
	trouble  map[string]string
	clock    jumps
	control  sync.WaitGroup // the control socket
	hush     func()         // ends it
	asked    knowledgeOf
	probing  probing
	learnt   time.Time    // when the past was counted anew
	renewing chan renewal // nil: it is not now
	beside   sync.WaitGroup
	network  network
	search   search
	numbers  map[string]int64 // the last line of each source of the queue that was taken

	dispatcher atomic.Pointer[notify.Dispatcher] // nil where nobody is told
	told       int64                             // the last change of an incident that was
	reread     time.Time                         // when the configuration was read
}

// pending is what has to be recorded with the lines that wait to be published.
type pending struct {
	lines     int64
	since     time.Time // of the first of them
	positions map[string]json.RawMessage
	acks      []func() error
}

func (p *pending) empty() bool { return p.lines == 0 && len(p.positions) == 0 && len(p.acks) == 0 }

// unpublished is a cut of the archive with what is recorded with it.
type unpublished struct {
	cut *archive.Cut
	pending
}

// How often what happens.
const (
	tickEvery    = 200 * time.Millisecond
	publishAfter = 2 * time.Second        // at most so long after a line came
	lateness     = 2 * time.Second        // a minute is closed so long after its end
	strangeEvery = 400 * time.Millisecond // a single line that tells is seen so soon
	retryAfter   = 5 * time.Second        // what could not be written is tried again
	aheadAt      = 12 << 20               // bytes of lines that wait: some are written, for the next publishing
	fullAt       = 40 << 20               // no more are taken
	houseEvery   = 10 * time.Minute       // old segments removed, small ones put together
	lookBehind   = 30 * time.Second       // looks are so far apart while logs are caught up with
	nearly       = time.Minute            // a log that is behind by less is level with now
	longestLook  = 30 * time.Second       // a look that takes longer is told
)

// run keeps watch until the context of newWatch ends, and writes down what came
// until then.
func (w *watching) run() error {
	ctx, stop := w.base, w.end
	defer stop(nil)
	var taking sync.WaitGroup
	taking.Go(func() {
		if err := w.follow(ctx); err != nil {
			stop(err)
		}
	})
	taking.Go(func() {
		if err := w.receive(ctx); err != nil {
			stop(err)
		}
	})
	w.stepped.Store(time.Now().UnixNano())
	w.asking.start(ctx, w.probe)
	if d := w.dispatcher.Load(); d != nil {
		w.telling.start(ctx, d.Run)
	}
	taking.Go(func() { w.writeAhead(ctx) })
	taking.Go(func() { w.hangups(ctx) })
	taking.Go(func() { w.notifier.Watchdog(ctx, w.alive) })
	w.notifier.Ready(w.statusText())
	w.log.Info("watching", "logs", strings.Join(w.paths, " "), "data", w.state.Dir(), "zone", w.zone.String())
	for _, p := range w.follower.Status().Problems {
		w.log.Warn(p.Error())
	}
	w.tick(ctx)
	w.notifier.Stopping()
	taking.Wait()
	w.asking.wait()
	w.telling.wait()
	w.beside.Wait()
	w.search.running.Wait()
	cause := context.Cause(ctx)
	if errors.Is(cause, context.Canceled) {
		cause = nil // it was stopped
	}
	// Everything that was taken is written, however the end came.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(cause, w.publish(last))
}

// close gives back what newWatch and run opened.
func (w *watching) close() error {
	w.end(nil)
	var errs []error
	if w.hush != nil {
		w.hush()
		w.control.Wait()
	}
	errs = append(errs, w.closeNetwork())
	if w.follower != nil {
		errs = append(errs, w.follower.Close())
	}
	if w.store != nil {
		w.store.Close()
	}
	if w.state != nil {
		errs = append(errs, w.state.Close())
	}
	return errors.Join(errs...)
}

// follow takes batches of the followed files until the context ends.
func (w *watching) follow(ctx context.Context) error {
	for {
		if err := w.followOne(ctx); err != nil {
			if ctx.Err() != nil {
				return nil // what was not taken whole is read again
			}
			return err
		}
	}
}

// followOne takes the next batch of the followed files, once there is one.
func (w *watching) followOne(ctx context.Context) error {
	b, err := w.follower.Next(ctx)
	if err != nil {
		return err
	}
	defer b.Release()
	return w.take(ctx, b)
}

// take counts the lines of a batch and hands them to the archive. It waits
// while too much waits to be written.
func (w *watching) take(ctx context.Context, b *intake.Batch) error {
	w.taking.Lock()
	defer w.taking.Unlock()
	for w.store.Held() >= fullAt {
		if err := w.wait(ctx); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.partly = true
	if b.Begins {
		w.live.Begin(b.Source, b.Format, b.Reference)
	}
	if b.Resumes {
		// A parser does without, where that fails.
		_ = w.follower.WarmUp(ctx, b, func(l intake.Line) error {
			w.live.Warm(b.Source, l.Bytes)
			return nil
		})
	}
	queued := b.Ack != nil
	var log int64
	if len(b.Positions) > 0 {
		log = b.Positions[0].ID
	}
	now := w.now()
	row := archive.Row{Source: b.Source, Received: now.UnixNano()}
	row.File, row.Log = b.Name, log
	for i := range b.Lines {
		l := &b.Lines[i]
		if queued && l.Number <= w.numbers[b.Source] {
			continue // it came again, after a crash between the archive and the queue
		}
		rec, res := w.live.Line(b.Source, log, b.Name, *l)
		row.Number, row.Offset, row.Raw = l.Number, l.Offset, l.Bytes
		if rec != nil {
			n := rec.Network.Value()
			row.Event, row.Why = rec.Event, ""
			row.Person, row.ASN, row.Country, row.Kind = rec.Account, n.ASN, n.Country, string(n.Kind)
		} else {
			row.Event, row.Why = nil, res.Why
			if res.Kind == maillog.Ignored {
				row.Why = ignoredLine
			}
			row.Person, row.ASN, row.Country, row.Kind = "", 0, "", ""
		}
		for {
			err := w.store.Add(&row)
			if err == nil {
				break
			}
			w.mu.Unlock()
			w.tell("archive", err.Error())
			err = w.wait(ctx)
			w.mu.Lock()
			if err != nil {
				return err
			}
		}
	}
	if w.store.Held() >= aheadAt {
		select {
		case w.filling <- struct{}{}:
		default:
		}
	}
	w.dirty = w.dirty || len(b.Lines) > 0
	p := &w.pending
	if p.lines == 0 && len(p.positions) == 0 {
		p.since = now
	}
	p.lines += int64(len(b.Lines))
	if p.positions == nil {
		p.positions = make(map[string]json.RawMessage)
	}
	if n := len(b.Lines); queued && n > 0 && b.Lines[n-1].Number > w.numbers[b.Source] {
		w.numbers[b.Source] = b.Lines[n-1].Number
		p.positions[numberPrefix+b.Source] = json.RawMessage(strconv.FormatInt(b.Lines[n-1].Number, 10))
	}
	for i := range b.Positions {
		text, err := json.Marshal(&b.Positions[i])
		if err != nil {
			return err
		}
		p.positions[positionKey(b.Positions[i].ID)] = text
	}
	for _, id := range b.Forget {
		p.positions[positionKey(id)] = nil
	}
	if b.Ack != nil {
		p.acks = append(p.acks, b.Ack)
	}
	w.partly = false
	return nil
}

// cut cuts off what waits, with what is recorded with it. It does nothing in the
// middle of a batch: its lines would be recorded without their positions, and
// come a second time after a restart. The caller holds publishing and mu.
func (w *watching) cut() {
	if w.unpublished == nil && !w.partly && !w.pending.empty() {
		w.unpublished = &unpublished{w.store.Cut(), w.pending}
		w.pending = pending{}
	}
}

// writeAhead writes segments while their lines come in faster than they are
// published, so that reading and writing go on side by side.
func (w *watching) writeAhead(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.filling:
		}
		for w.store.Held() >= aheadAt && ctx.Err() == nil {
			before := w.store.Held()
			if err := w.store.WriteAhead(); err != nil {
				break // publishing will say it
			}
			select {
			case w.room <- struct{}{}:
			default:
			}
			if w.store.Held() >= before {
				break // what waits is being published
			}
		}
	}
}

// ignoredLine is why a line that was understood is no event.
const ignoredLine = "states no event"

// The keys of positions: of followed files, and of the sources of the queue.
const (
	positionPrefix = "file:"
	numberPrefix   = "queue:"
)

func positionKey(id int64) string { return positionPrefix + strconv.FormatInt(id, 10) }

// wait waits until something was published, or for a while.
func (w *watching) wait(ctx context.Context) error {
	t := time.NewTimer(retryAfter)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.room:
	case <-t.C:
	}
	return nil
}

// storedPositions are those of the last run.
func (w *watching) storedPositions(ctx context.Context) ([]intake.Position, error) {
	all, err := w.state.Positions(ctx)
	if err != nil {
		return nil, err
	}
	var out []intake.Position
	w.numbers = make(map[string]int64)
	for key, text := range all {
		if source, ok := strings.CutPrefix(key, numberPrefix); ok {
			n, err := strconv.ParseInt(string(text), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("the stored position %s cannot be read: %w; restore the data folder from a backup", key, err)
			}
			w.numbers[source] = n
		}
		if len(key) < len(positionPrefix) || key[:len(positionPrefix)] != positionPrefix {
			continue
		}
		var p intake.Position
		if err := json.Unmarshal(text, &p); err != nil {
			return nil, fmt.Errorf("the stored position %s cannot be read: %w; restore the data folder from a backup", key, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// publish writes what was taken as segments and records them with the
// positions behind them. Where that fails, nothing is lost: what could not be
// written waits, and comes first the next time.
func (w *watching) publish(ctx context.Context) error {
	w.publishing.Lock()
	defer w.publishing.Unlock()
	if w.unpublished != nil {
		if err := w.record(ctx); err != nil {
			return err
		}
	}
	w.mu.Lock()
	w.cut()
	w.mu.Unlock()
	if w.unpublished == nil {
		return nil
	}
	return w.record(ctx)
}

// record publishes what is unpublished. The caller holds publishing.
func (w *watching) record(ctx context.Context) error {
	u := w.unpublished
	added, err := u.cut.Publish(ctx)
	if err != nil {
		return err
	}
	list := make([]state.Segment, len(added))
	for i, s := range added {
		list[i] = segmentFor(s)
	}
	if err := w.state.Publish(ctx, list, nil, u.positions); err != nil {
		return err
	}
	w.unpublished = nil
	w.list(append(w.segments, added...))
	for _, ack := range u.acks {
		if err := ack(); err != nil {
			w.log.Warn("lines from the network will come again", "error", err)
		}
	}
	select {
	case w.room <- struct{}{}:
	default:
	}
	return nil
}

// list sets which segments there are. The caller holds publishing.
func (w *watching) list(segments []archive.Segment) {
	w.segments = segments
	copied := slices.Clone(segments)
	w.listed.Store(&copied)
}

func segmentFor(s archive.Segment) state.Segment {
	return state.Segment{
		Name: s.Name, Day: s.Day, Service: s.Service, First: s.First.UnixNano(), Last: s.Last.UnixNano(),
		Rows: s.Rows, Bytes: s.Bytes, SHA256: s.SHA256, Written: s.Written.UnixNano(),
	}
}

func segmentOf(s state.Segment) archive.Segment {
	var written time.Time // else its name says it
	if s.Written != 0 {
		written = time.Unix(0, s.Written).UTC()
	}
	return archive.Segment{
		Name: s.Name, Day: s.Day, Service: s.Service, First: time.Unix(0, s.First).UTC(), Last: time.Unix(0, s.Last).UTC(),
		Rows: s.Rows, Bytes: s.Bytes, SHA256: s.SHA256, Written: written,
	}
}

// tick closes minutes, publishes and judges until the context ends.
func (w *watching) tick(ctx context.Context) {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	var m moments
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			w.step(ctx, &m)
			w.stepped.Store(time.Now().UnixNano())
		}
	}
}

// moments are when what is done from time to time was done last.
type moments struct{ failed, looked, strange, told, house time.Time }

// step does what is due.
func (w *watching) step(ctx context.Context, m *moments) {
	now := w.now()
	if text := w.clock.see(now); text != "" {
		w.log.Warn(text)
		w.tell("clock", text)
	} else if w.clock.passed(now) {
		w.well("clock")
	}
	w.mu.Lock()
	due := w.unpublished != nil || !w.pending.empty() && now.Sub(w.pending.since) >= publishAfter
	w.mu.Unlock()
	if due && now.Sub(m.failed).Abs() >= retryAfter {
		if err := w.publish(ctx); err != nil {
			if ctx.Err() == nil {
				m.failed = now
				w.log.Error("nothing could be archived; the lines wait", "error", err)
				w.tell("archive", err.Error())
			}
		} else {
			w.mu.Lock()
			if !w.partly { // else a batch still waits for room
				delete(w.trouble, "archive")
			}
			w.mu.Unlock()
		}
	}
	w.mu.Lock()
	if len(w.asked.vigilance) > 0 && !w.vigilance(now).Raised {
		if err := w.know(ctx, now); err == nil {
			w.log.Info("vigilance has fallen back to usual")
		}
	}
	w.searchArchive(now)
	until, level := w.closable(now)
	w.began = w.began || level
	// While the logs are caught up with, every minute of theirs would be judged.
	due = w.began && (level || now.Sub(m.looked).Abs() >= lookBehind)
	closed := due && w.live.Close(until)
	look := closed
	if closed {
		m.looked = now
	}
	if !closed && level && w.dirty && now.Sub(m.strange).Abs() >= strangeEvery {
		m.strange, w.dirty = now, false
		look = w.live.Strange()
	}
	w.mu.Unlock()
	if look {
		w.look(ctx, now)
	}
	if err := w.tellPeople(ctx); err != nil && ctx.Err() == nil && now.Sub(m.told).Abs() >= retryAfter {
		m.told = now
		w.log.Error("what happened could not be told to people; it is tried again", "error", err)
	}
	w.renew(ctx, now)
	if w.renewing == nil && now.Sub(m.house).Abs() >= houseEvery {
		m.house = now
		w.house(ctx, now)
	}
}

// closable is the time up to which minutes can be closed: all that was said of
// them has come. A log that is still being caught up with holds it back to where
// it was read, and then it is not level with now. After the clock jumped
// forward, silence could be the clock's: then it is as far as the logs say.
func (w *watching) closable(now time.Time) (at time.Time, level bool) {
	at, level = now.Add(-lateness), true
	if last := w.live.Last(); w.clock.doubtful(now) && last.Before(at) {
		at = last
	}
	for _, s := range w.follower.Status().Sources {
		if s.Behind == 0 {
			continue
		}
		last := w.live.LastOf(s.Source)
		if level = level && now.Sub(last) < nearly; last.Before(at) {
			at = last
		}
	}
	return at, level
}

// look judges what was counted, once everything is in the archive.
func (w *watching) look(ctx context.Context, now time.Time) {
	w.publishing.Lock()
	defer w.publishing.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	began := w.now()
	v, err := w.live.Look(ctx)
	took := w.now().Sub(began)
	switch {
	case err != nil && ctx.Err() != nil:
		return
	case err != nil:
		w.log.Error("the last minutes could not be judged; they are judged again in a minute", "error", err)
		w.troubleIs("judging", err.Error())
		return
	}
	if took > longestLook {
		w.log.Warn("judging takes long", "took", took.Round(time.Millisecond).String())
	}
	delete(w.trouble, "judging")
	w.apply(ctx, now, v)
}

// apply moves the incidents on. The caller holds mu.
func (w *watching) apply(ctx context.Context, now time.Time, v *verdict.Verdict) {
	book := w.book.Clone()
	var changes []incident.Change
	if v != nil {
		changes = book.Apply(now, v)
	} else {
		changes = book.Tick(now)
	}
	_ = w.keep(ctx, book, changes) // it was told
}

// keep takes over a changed book once its changes are on the disk: where they
// could not be kept nothing has happened. The caller holds mu.
func (w *watching) keep(ctx context.Context, book *incident.Book, changes []incident.Change) error {
	if len(changes) > 0 {
		if err := w.state.SaveIncidents(ctx, changes); err != nil {
			w.log.Error("what happened to incidents could not be recorded; it is tried again in a minute", "error", err)
			w.troubleIs("state", err.Error())
			return err
		}
		delete(w.trouble, "state")
	}
	w.book = book
	taught := false
	for _, c := range changes {
		if c.Significant {
			w.log.Info(c.Text, "incident", c.Incident.Number, "change", string(c.Kind))
		}
		taught = taught || c.Kind == incident.ChangeClosed || c.Kind == incident.ChangeReopened
	}
	raised, err := w.alert(ctx, changes)
	if taught || raised {
		err = errors.Join(err, w.know(ctx, w.now()))
	}
	return err
}

// house keeps the archive in order: small segments are put together, old ones
// removed unless an incident holds them, and what is long over goes from the
// state.
func (w *watching) house(ctx context.Context, now time.Time) {
	if err := w.tidy(ctx, now); err != nil && ctx.Err() == nil {
		w.log.Error("the archive could not be kept in order; it is tried again", "error", err)
		w.tell("house", err.Error())
		return
	}
	w.well("house")
}

func (w *watching) tidy(ctx context.Context, now time.Time) error {
	w.mu.Lock()
	var holds []archive.Hold
	for _, h := range w.book.Holds(now) {
		holds = append(holds, archive.Hold{From: h.From, To: h.To})
	}
	w.mu.Unlock()
	w.publishing.Lock()
	defer w.publishing.Unlock()
	e := archive.Expire(now, w.segments, archive.Policy{Days: w.reloader.Current().Archive.Kept(), Bytes: w.reloader.Current().Archive.Bytes}, holds)
	if e.Over > 0 {
		w.tell("archive is full", fmt.Sprintf("the archive is %d MB over its bound: incidents hold that much; close those that are over, or raise archive.bytes", e.Over>>20))
	} else {
		w.well("archive is full")
	}
	if err := w.swap(ctx, nil, e.Remove); err != nil {
		return err
	}
	for range compactions {
		x, problems, err := w.store.Compact(ctx, w.segments)
		for _, p := range problems {
			w.tell("segment "+p.Segment.Name, p.Error())
		}
		if err != nil || len(x.Remove) == 0 {
			return errors.Join(err, w.state.Prune(ctx, now.AddDate(0, 0, -w.reloader.Current().Archive.Kept())))
		}
		if err := w.swap(ctx, x.Add, x.Remove); err != nil {
			return err
		}
	}
	return nil
}

// compactions bounds how much is put together in one go, since publishing waits
// for it.
const compactions = 8

// swap records segments that came and went, and removes the files of those that
// went. The caller holds publishing.
func (w *watching) swap(ctx context.Context, add, remove []archive.Segment) error {
	if len(add)+len(remove) == 0 {
		return nil
	}
	forState := func(list []archive.Segment) (out []state.Segment) {
		for _, s := range list {
			out = append(out, segmentFor(s))
		}
		return out
	}
	if err := w.state.Publish(ctx, forState(add), forState(remove), nil); err != nil {
		return err
	}
	gone := make(map[string]bool, len(remove))
	for _, s := range remove {
		gone[s.Name] = true
	}
	w.list(append(slices.DeleteFunc(w.segments, func(s archive.Segment) bool { return gone[s.Name] }), add...))
	return w.store.Remove(remove)
}

// Trouble is told until it is well again.
func (w *watching) tell(of, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.troubleIs(of, text)
}

func (w *watching) troubleIs(of, text string) {
	if w.trouble == nil {
		w.trouble = make(map[string]string)
	}
	w.trouble[of] = text
}

func (w *watching) well(of string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.trouble, of)
}

func (w *watching) tellSwept(s archive.Swept) {
	if s.Removed > 0 {
		w.log.Info("removed segments that were never finished", "files", s.Removed)
	}
	for _, name := range s.Aside {
		w.log.Warn("put a segment aside that nobody recorded; its lines are read again", "segment", name)
	}
	for _, p := range s.Problems {
		w.log.Error(p.Error())
		w.troubleIs("segment "+p.Segment.Name, p.Error())
	}
}

// Events implements pipeline.Archive.
func (w *watching) Events(ctx context.Context, from, to time.Time, fn func(*maillog.Event, pipeline.Origin) error) error {
	segments, err := w.everything(ctx)
	if err != nil {
		return err
	}
	problems, err := archive.Read(ctx, w.store.Folder(), segments, from, to, func(e *maillog.Event, o archive.Origin) error {
		return fn(e, originOf(&o))
	})
	for _, p := range problems {
		w.troubleIs("segment "+p.Segment.Name, p.Error())
	}
	return err
}

// Lines implements pipeline.Archive.
func (w *watching) Lines(ctx context.Context, wanted map[pipeline.Origin]pipeline.Span) (map[pipeline.Origin]string, error) {
	segments, err := w.everything(ctx)
	if err != nil {
		return nil, err
	}
	origins := slices.Collect(maps.Keys(wanted))
	refs := make([]archive.Ref, len(origins))
	for i, o := range origins {
		refs[i] = archive.Ref{Source: o.Source, Log: o.Log, File: o.File, Line: o.Line, Offset: o.Offset, First: wanted[o].First, Last: wanted[o].Last}
	}
	lines, problems, err := archive.Lines(ctx, w.store.Folder(), segments, refs)
	for _, p := range problems {
		w.troubleIs("segment "+p.Segment.Name, p.Error())
	}
	out := make(map[pipeline.Origin]string, len(lines))
	for i, text := range lines {
		if text != nil {
			out[origins[i]] = string(text)
		}
	}
	return out, err
}

// everything is the segments with all lines that were taken. The caller holds
// publishing and mu, or is alone.
func (w *watching) everything(ctx context.Context) ([]archive.Segment, error) {
	for w.unpublished != nil || w.partly || !w.pending.empty() {
		if w.cut(); w.unpublished == nil {
			return nil, errors.New("lines wait for room in the archive")
		}
		if err := w.record(ctx); err != nil {
			return nil, err
		}
	}
	return slices.Clone(w.segments), nil
}

// jumps watches the clock of the machine.
type jumps struct {
	// elapsed is the time that passed since some moment, whatever the clock says.
	elapsed func() time.Duration
	last    time.Time
	then    time.Duration // elapsed, at last
	until   time.Time     // by the clock: silence is not believed before
	over    time.Time     // by the clock: the jump matters no longer
}

// A clock that moves otherwise than time by so much has jumped; for so long
// what it says of silence is not believed.
const (
	jumped      = time.Minute
	doubtfulFor = 30 * time.Minute
)

// see says in words that the clock jumped since the last time, "" if not.
func (j *jumps) see(now time.Time) string {
	last, then := j.last, j.then
	now = now.Round(0)
	j.last, j.then = now, j.elapsed()
	if last.IsZero() {
		return ""
	}
	by := now.Sub(last) - (j.then - then)
	if by.Abs() < jumped {
		return ""
	}
	if by < 0 {
		j.until, j.over = time.Time{}, last
		return fmt.Sprintf("the clock of this machine was set back by %s; no minute is judged before it has caught up; restart the watch not to wait for that", -by.Round(time.Second))
	}
	j.until = now.Add(doubtfulFor)
	j.over = j.until
	return fmt.Sprintf("the clock of this machine was set forward by %s; for %s silence of the logs is not taken for an outage", by.Round(time.Second), doubtfulFor)
}

func (j *jumps) doubtful(now time.Time) bool { return now.Round(0).Before(j.until) }

// passed reports, once, that a jump matters no longer.
func (j *jumps) passed(now time.Time) bool {
	if j.over.IsZero() || now.Before(j.over) {
		return false
	}
	j.over = time.Time{}
	return true
}
