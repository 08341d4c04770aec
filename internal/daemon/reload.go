package daemon

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Part is something that a configuration decides.
type Part[C any] struct {
	Name string // as the section of the file is called
	// Prepare makes all that a new configuration needs and that can fail: files
	// are opened, addresses listened at, tables built. Nothing that runs may
	// notice it. A nil Change says that nothing is another.
	Prepare func(ctx context.Context, old, new *C) (*Change, error)
}

// Change is what a Part has prepared. One of its functions is called, once.
type Change struct {
	// Commit puts it in place. It cannot fail, and does not wait.
	Commit func()
	// Discard undoes what was prepared, nil where there is nothing to undo.
	Discard func()
	// Restart says that it takes effect at the next start alone; there is
	// nothing to commit then.
	Restart bool
}

// Reloaded says what became another.
type Reloaded struct {
	Changed []string // holds now
	Restart []string // will hold after a restart
}

// Reloader takes a new configuration whole or not at all: it is loaded, checked
// and prepared by every part before the first of them is touched. Where anything
// fails, what was prepared is discarded, and the old one holds on.
type Reloader[C any] struct {
	load  func(ctx context.Context) (*C, error)
	parts []Part[C]

	one sync.Mutex // one reload at a time

	mu      sync.Mutex
	current *C
	problem error
}

// NewReloader begins with a configuration that holds already.
func NewReloader[C any](current *C, load func(context.Context) (*C, error), parts ...Part[C]) *Reloader[C] {
	return &Reloader[C]{load: load, parts: parts, current: current}
}

// Current is what holds. It is not to be changed.
func (r *Reloader[C]) Current() *C {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// Problem is why the last attempt failed, nil where it did not.
func (r *Reloader[C]) Problem() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.problem
}

// Reload takes a new configuration. Where it returns an error nothing is
// another. A context that ends before everything is prepared ends it so; later
// it is not heeded.
func (r *Reloader[C]) Reload(ctx context.Context) (*Reloaded, error) {
	r.one.Lock()
	defer r.one.Unlock()
	done, err := r.reload(ctx)
	r.mu.Lock()
	r.problem = err
	r.mu.Unlock()
	return done, err
}

func (r *Reloader[C]) reload(ctx context.Context) (_ *Reloaded, err error) {
	next, err := r.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w\nThe configuration from before holds on", err)
	}
	var prepared []*Change
	defer func() {
		if err == nil {
			return
		}
		for _, c := range slices.Backward(prepared) {
			if c.Discard != nil {
				c.Discard()
			}
		}
	}()
	done := &Reloaded{}
	old := r.Current()
	for _, p := range r.parts {
		c, err := p.Prepare(ctx, old, next)
		if err != nil {
			return nil, fmt.Errorf("%s: %w; the configuration from before holds on", p.Name, err)
		}
		if c == nil {
			continue
		}
		prepared = append(prepared, c)
		if c.Restart {
			done.Restart = append(done.Restart, p.Name)
		} else {
			done.Changed = append(done.Changed, p.Name)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reload: %w; the configuration from before holds on", err)
	}
	for _, c := range prepared {
		switch {
		case !c.Restart:
			c.Commit()
		case c.Discard != nil:
			c.Discard()
		}
	}
	r.mu.Lock()
	r.current = next
	r.mu.Unlock()
	return done, nil
}
