package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"sync"
	"time"

	"mailvigil/baseline"
	"mailvigil/internal/access"
	"mailvigil/internal/api"
	"mailvigil/internal/config"
	"mailvigil/internal/daemon"
	"mailvigil/internal/health"
	"mailvigil/internal/incident"
	"mailvigil/internal/notify"
	"mailvigil/internal/pipeline"
)

// running is what runs beside the watch and can be exchanged while it does: the
// one before has ended when the next begins.
type running struct {
	mu   sync.Mutex
	stop context.CancelFunc
	done chan struct{}
}

// start runs f until the context ends or another takes its place.
func (r *running) start(ctx context.Context, f func(context.Context)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.done
	if r.stop != nil {
		r.stop()
	}
	ctx, r.stop = context.WithCancel(ctx)
	done := make(chan struct{})
	r.done = done
	go func() {
		defer close(done)
		if before != nil {
			<-before
		}
		f(ctx)
	}()
}

// wait waits until the last one has ended.
func (r *running) wait() {
	r.mu.Lock()
	done := r.done
	r.mu.Unlock()
	if done != nil {
		<-done
	}
}

// parts are what a new configuration can change while the watch runs.
func (w *watching) parts() []daemon.Part[config.Config] {
	type conf = config.Config
	restart := func(name string, of func(*conf) any) daemon.Part[conf] {
		return daemon.Part[conf]{Name: name, Prepare: func(_ context.Context, before, next *conf) (*daemon.Change, error) {
			if reflect.DeepEqual(of(before), of(next)) {
				return nil, nil
			}
			return &daemon.Change{Restart: true}, nil
		}}
	}
	change := func(name string, of func(*conf) any, prepare func(context.Context, *conf) (commit func(), err error)) daemon.Part[conf] {
		return daemon.Part[conf]{Name: name, Prepare: func(ctx context.Context, before, next *conf) (*daemon.Change, error) {
			if reflect.DeepEqual(of(before), of(next)) {
				return nil, nil
			}
			commit, err := prepare(ctx, next)
			if err != nil {
				return nil, err
			}
			return &daemon.Change{Commit: commit}, nil
		}}
	}
	return []daemon.Part[conf]{
		restart("timezone", func(c *conf) any { return fmt.Sprint(c.Zone) }),
		restart("domains", func(c *conf) any { return c.Domains }),
		restart("aliases", func(c *conf) any { return c.Aliases }),
		restart("networks", func(c *conf) any { return c.Networks }),
		restart("logs", func(c *conf) any { return c.Logs }),
		restart("data", func(c *conf) any { return c.Data }),
		restart("intake", func(c *conf) any { return c.Intake }),
		restart("metrics", func(c *conf) any { return c.Metrics }),
		restart("log.format", func(c *conf) any { return c.Log.Format }),
		restart("control.socket", func(c *conf) any { return c.Control.Socket }),
		change("log.level", func(c *conf) any { return c.Log.Level }, func(_ context.Context, next *conf) (func(), error) {
			return func() { w.level.Set(next.Log.Level) }, nil
		}),
		// What is kept is read from the configuration that holds.
		change("archive", func(c *conf) any { return c.Archive }, func(context.Context, *conf) (func(), error) { return func() {}, nil }),
		change("control.roles", func(c *conf) any { return c.Control.Roles }, func(_ context.Context, next *conf) (func(), error) {
			roles, err := rolesOf(next)
			return func() { w.roles.Store(roles) }, err
		}),
		change("known", func(c *conf) any { return c.Known }, func(_ context.Context, next *conf) (func(), error) {
			feedback, announced := feedbackOf(next, w.zone), announcedOf(next, w.zone)
			return func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.options.Feedback, w.options.Announced = feedback, announced
				w.knowAgain()
			}, nil
		}),
		change("holidays and country", func(c *conf) any { return []any{c.Holidays, c.Country} }, func(_ context.Context, next *conf) (func(), error) {
			days, err := calendarOf(next)
			return func() { w.setCalendar(days) }, err
		}),
		change("probes", func(c *conf) any { return c.Probes }, func(_ context.Context, next *conf) (func(), error) {
			probes, rule := probesOf(next)
			return func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				p := &w.probing
				p.tracker = health.NewTracker(rule, w.zone, probes, p.tracker.State())
				p.probes, p.rule = probes, rule
				w.live.Ignore(health.Accounts(probes))
				w.asking.start(w.base, w.probe)
			}, nil
		}),
		change("notify", func(c *conf) any { return c.Notify }, func(_ context.Context, next *conf) (func(), error) {
			d, err := w.newDispatcher(next)
			return func() {
				w.dispatcher.Store(d)
				w.telling.start(w.base, func(ctx context.Context) {
					if d != nil {
						d.Run(ctx)
					}
				})
			}, err
		}),
	}
}

func (w *watching) setCalendar(days baseline.Calendar) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.live.Calendar(days)
}

// knowAgain is know where an error can only be told. The caller holds mu.
func (w *watching) knowAgain() {
	if err := w.know(w.base, w.now()); err != nil {
		w.log.Error("what people said of times could not be read; the next change of it tries again", "error", err)
		w.troubleIs("state", err.Error())
	}
}

func rolesOf(c *config.Config) (*access.Roles, error) {
	return access.New(c.Control.Roles, uint32(os.Geteuid()), access.System{})
}

// newDispatcher is who tells people, nil where the configuration names nobody.
func (w *watching) newDispatcher(c *config.Config) (*notify.Dispatcher, error) {
	o, err := notifyOptions(c, w.zone)
	if err != nil || len(o.Receivers) == 0 {
		return nil, err
	}
	o.Outbox = outbox{w.state}
	o.Problem = func(receiver string, item notify.Item, err error) {
		w.log.Warn("a message could not be delivered", "receiver", receiver, "incident", item.Incident, "error", err)
		w.tell("message to "+receiver, err.Error())
	}
	return notify.New(o), nil
}

// reload takes the configuration anew, whole or not at all.
func (w *watching) reload(ctx context.Context) (*api.Reloaded, error) {
	if w.file == "" {
		return nil, api.Refuse("the watch runs without a configuration; write one with \"mailvigil init\", and restart it with --config")
	}
	done, err := w.reloader.Reload(ctx)
	if err != nil {
		return nil, api.Refuse("%s", err)
	}
	w.mu.Lock()
	w.reread = w.now()
	w.mu.Unlock()
	out := &api.Reloaded{File: w.file, Changed: done.Changed, Restart: done.Restart}
	w.log.Info("the configuration was read anew", "changed", out.Changed, "restart", out.Restart)
	return out, nil
}

// hangups reloads at each SIGHUP.
func (w *watching) hangups(ctx context.Context) {
	for hangups := daemon.Hangups(ctx); ; {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		w.notifier.Reloading()
		if _, err := w.reload(ctx); err != nil {
			w.log.Error(err.Error())
		}
		w.notifier.Ready(w.statusText())
	}
}

// statusText is what "systemctl status" shows.
func (w *watching) statusText() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, in := range w.book.All() {
		if in.Status == incident.Open || in.Status == incident.Quiet {
			n++
		}
	}
	switch n {
	case 0:
		return "Watching; no incident."
	case 1:
		return "Watching; 1 incident that is not closed."
	}
	return fmt.Sprintf("Watching; %d incidents that are not closed.", n)
}

// hungAfter is how long a step may take: a look at a large organisation with
// many incidents takes seconds.
const hungAfter = 5 * time.Minute

// alive is an error where nothing has moved for long.
func (w *watching) alive() error {
	at := time.Unix(0, w.stepped.Load())
	if since := time.Since(at); since > hungAfter {
		return fmt.Errorf("nothing has moved for %s", since.Round(time.Second))
	}
	return nil
}

// ready gives the reasons for which the watch does not do its work.
func (w *watching) ready() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var reasons []string
	if !w.began {
		reasons = append(reasons, "the logs are still being read for the first time")
	}
	for _, of := range []string{"archive", "state", "judging"} {
		if text := w.trouble[of]; text != "" {
			reasons = append(reasons, text)
		}
	}
	return reasons
}

// measure serves metrics and health where the configuration asks for it.
func (w *watching) measure(ctx context.Context) error {
	if w.config.Metrics.Listen == "" {
		return nil
	}
	l, err := daemon.Listen(w.config.Metrics.Listen)
	if err != nil {
		return err
	}
	r := daemon.NewRegistry(releaseName())
	if err := r.Register(api.NewCollector(w.Status)); err != nil {
		return errors.Join(err, l.Close())
	}
	h := daemon.Endpoint(r, daemon.Health{Live: w.alive, Ready: w.ready}, w.log)
	w.control.Go(func() {
		if err := daemon.Serve(ctx, l, h, w.log); err != nil && ctx.Err() == nil {
			w.log.Error("metrics are served no longer; restart the watch", "error", err)
			w.tell("metrics", err.Error())
		}
	})
	return nil
}

// logger is what the watch says of itself.
func (a *app) logger(c *config.Config, level *slog.LevelVar) (*slog.Logger, error) {
	level.Set(c.Log.Level)
	return daemon.Logger(a.stderr, level, c.Log.Format)
}

// announcedOf are the changes that the configuration announces.
func announcedOf(c *config.Config, zone *time.Location) (out []pipeline.Announcement) {
	for _, k := range c.Known {
		if k.Kind == config.Announced {
			out = append(out, pipeline.Announcement{From: k.From.In(zone), Until: k.Until.In(zone), What: cmp.Or(k.What, "no words were given")})
		}
	}
	return out
}
