package intake

import (
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Waker tells a Follower that files may have changed. It may wake for nothing;
// what it misses is found when it next asks to look everywhere, which it does
// from time to time. Tests have one that is woken by hand.
type Waker interface {
	// Watch asks for changes in a folder. After an error, what changes there
	// shows only by looking.
	Watch(dir string) error
	// C receives after something changed.
	C() <-chan struct{}
	// Take returns what changed since it was last called: the paths of files
	// that were written to, and whether to look everywhere.
	Take() (written []string, look bool)
	Close() error
}

// notifyWaker wakes by what the kernel says of folders, and by a ticker: of
// network file systems the kernel knows only what this machine does to them.
type notifyWaker struct {
	notify *fsnotify.Watcher // nil where there is none
	ticker *time.Ticker
	c      chan struct{}
	done   chan struct{}
	wg     sync.WaitGroup

	mu      sync.Mutex
	written map[string]bool
	look    bool
}

// manyWritten bounds what is kept until it is taken: from there on, looking
// everywhere is cheaper.
const manyWritten = 4096

// lookApart bounds how often files that come and go make a Follower look
// everywhere. Files that are written to do not wait for it.
const lookApart = 50 * time.Millisecond

// newNotifyWaker returns a waker, and an error where it is one that only ticks.
func newNotifyWaker(poll time.Duration) (*notifyWaker, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		notify = nil
	}
	return newWaker(notify, poll), err
}

func newWaker(notify *fsnotify.Watcher, poll time.Duration) *notifyWaker {
	w := &notifyWaker{
		notify: notify, ticker: time.NewTicker(poll), c: make(chan struct{}, 1), done: make(chan struct{}),
		written: map[string]bool{},
	}
	w.wg.Go(w.run)
	return w
}

func (w *notifyWaker) run() {
	var events chan fsnotify.Event
	var errs chan error
	if w.notify != nil {
		events, errs = w.notify.Events, w.notify.Errors
	}
	var late <-chan time.Time // when a look that came too early is due
	var looked time.Time
	look := func() {
		switch since := time.Since(looked); {
		case late != nil:
		case since < lookApart:
			late = time.After(lookApart - since)
		default:
			looked = time.Now()
			w.wake("", true)
		}
	}
	for {
		select {
		case <-w.done:
			return
		case e, ok := <-events:
			switch {
			case !ok:
				events = nil
			case e.Op&^fsnotify.Write == 0:
				w.wake(e.Name, false)
			default:
				look()
			}
		case err, ok := <-errs:
			if !ok {
				errs = nil
			} else if err != nil { // events were lost
				look()
			}
		case <-late:
			late = nil
			looked = time.Now()
			w.wake("", true)
		case <-w.ticker.C:
			w.wake("", true)
		}
	}
}

func (w *notifyWaker) wake(path string, look bool) {
	w.mu.Lock()
	if look || len(w.written) >= manyWritten {
		w.look = true
	} else {
		w.written[path] = true
	}
	w.mu.Unlock()
	select {
	case w.c <- struct{}{}:
	default:
	}
}

var errNoNotify = errors.New("the kernel tells of no changes")

func (w *notifyWaker) Watch(dir string) error {
	if w.notify == nil {
		return errNoNotify
	}
	return w.notify.Add(filepath.Clean(dir))
}

func (w *notifyWaker) C() <-chan struct{} { return w.c }

func (w *notifyWaker) Take() (written []string, look bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.written {
		written = append(written, p)
	}
	clear(w.written)
	look, w.look = w.look, false
	return written, look
}

func (w *notifyWaker) Close() error {
	close(w.done)
	w.ticker.Stop()
	var err error
	if w.notify != nil {
		err = w.notify.Close()
	}
	w.wg.Wait()
	return err
}
