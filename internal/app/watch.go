package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/api"
	"mailvigil/internal/archive"
	"mailvigil/internal/config"
	"mailvigil/internal/daemon"
	"mailvigil/internal/incident"
	"mailvigil/internal/intake"
	"mailvigil/internal/state"
)

// watchCommand is the watch over live logs.
func (a *app) watchCommand() *cobra.Command {
	var s settings
	var o watchOptions
	cmd := &cobra.Command{
		Use:   "watch [PATH...]",
		Short: "Keep watch over live logs, and open incidents",
		Long: `Follow the logs of the configuration, or those named, as they are written. What
was there before teaches what is normal; what comes is judged every minute, as
"investigate" would judge it, and becomes incidents. Every line is kept in the
archive of the data folder.

It runs until it is stopped, and goes on where it left off.`,
		Example: `  mailvigil watch --config /etc/mailvigil/mailvigil.yaml
  mailvigil watch --data ./data --tz Europe/Brussels /var/log/mail.log`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, zone, err := s.load()
			if err != nil {
				return err
			}
			o.paths, o.config, o.zone, o.file = args, cfg, zone, s.config
			return a.runWatch(cmd.Context(), o)
		},
	}
	s.register(cmd)
	cmd.Flags().StringVar(&o.data, "data", "", "data `FOLDER` (default: the configuration's, else /var/lib/mailvigil)")
	cmd.Flags().StringVar(&o.socket, "socket", "", "control `SOCKET` (default: the configuration's, else "+api.DefaultSocket+"; \"none\" for none)")
	profileFlag(cmd)
	return cmd
}

// watchOptions are what a watch is started with.
type watchOptions struct {
	paths  []string
	data   string
	socket string
	file   string // of the configuration, "" for none
	config *config.Config
	zone   *time.Location
	// Of tests: what wakes the follower, and the time that passes whatever the
	// clock says. Else it is the kernel, and the machine's.
	waker   intake.Waker
	elapsed func() time.Duration
}

// runWatch keeps watch until the context ends.
func (a *app) runWatch(ctx context.Context, o watchOptions) error {
	w, err := a.newWatch(ctx, o)
	if err != nil {
		return err
	}
	if err = w.listen(ctx, cmp.Or(o.socket, o.config.Control.Socket, api.DefaultSocket)); err == nil {
		err = w.run()
	}
	return errors.Join(err, w.close())
}

// newWatch opens everything that a watch needs. Nothing is read before run.
func (a *app) newWatch(ctx context.Context, o watchOptions) (_ *watching, err error) {
	paths := o.paths
	if len(paths) == 0 {
		paths = o.config.Logs
	}
	if len(paths) == 0 {
		paths = intake.UsualPlaces
	}
	w := &watching{
		now: a.now, since: a.now(), zone: o.zone, config: o.config, file: o.file, paths: paths,
		room: make(chan struct{}, 1), filling: make(chan struct{}, 1), reread: a.now(),
	}
	w.base, w.end = context.WithCancelCause(ctx)
	began := time.Now()
	w.clock.elapsed = func() time.Duration { return time.Since(began) }
	if o.elapsed != nil {
		w.clock.elapsed = o.elapsed
	}
	if w.log, err = a.logger(o.config, &w.level); err != nil {
		return nil, err
	}
	w.notifier = daemon.NewNotifier(w.log)
	w.reloader = daemon.NewReloader(o.config, func(context.Context) (*config.Config, error) { return config.Load(o.file) }, w.parts()...)
	roles, err := rolesOf(o.config)
	if err != nil {
		return nil, err
	}
	w.roles.Store(roles)
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.options, err = a.pipelineOptions(o.config, o.zone); err != nil {
		return nil, err
	}
	folder := cmp.Or(o.data, o.config.Data, dataFolder)
	if w.state, err = state.Open(ctx, folder, a.now); err != nil {
		return nil, err
	}
	if w.store, err = archive.Open(filepath.Join(folder, "archive"), archive.StoreOptions{Release: release, Now: a.now, Memory: 2 * fullAt}); err != nil {
		return nil, err
	}
	recorded, err := w.state.Segments(ctx)
	if err != nil {
		return nil, err
	}
	segments := make([]archive.Segment, 0, len(recorded))
	for _, s := range recorded {
		segments = append(segments, segmentOf(s))
	}
	w.list(segments)
	swept, err := w.store.Sweep(w.segments)
	if err != nil {
		return nil, err
	}
	w.tellSwept(swept)
	positions, err := w.storedPositions(ctx)
	if err != nil {
		return nil, err
	}
	w.follower, err = intake.Follow(intake.FollowOptions{Paths: w.paths, Location: w.zone, Positions: positions, Now: w.now, Waker: o.waker})
	if err != nil {
		return nil, err
	}
	kept, last, err := w.state.Incidents(ctx, a.now().Add(-rememberIncidents))
	if err != nil {
		return nil, err
	}
	w.book = incident.NewBook(incident.Options{Remember: rememberIncidents}, kept, last)
	if err := w.startProbes(ctx); err != nil {
		return nil, err
	}
	if err := w.startMessages(ctx); err != nil {
		return nil, err
	}
	if err := w.learn(ctx); err != nil {
		return nil, err
	}
	if err := w.know(ctx, a.now()); err != nil {
		return nil, err
	}
	return w, w.startNetwork(ctx)
}

// rememberIncidents is how long a closed incident is compared with what comes.
const rememberIncidents = 180 * 24 * time.Hour

// learn begins the counts with what there was before: the archive's events, or
// none on the first start, when the followed files hold them all.
func (w *watching) learn(ctx context.Context) error {
	var err error
	if w.live, err = w.counted(ctx, w); err != nil {
		return err
	}
	if len(w.segments) == 0 {
		return nil
	}
	began := w.now()
	if err := w.live.Learn(ctx, began); err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	w.log.Info("learnt from the archive", "segments", len(w.segments), "took", w.now().Sub(began).Round(time.Millisecond).String())
	return nil
}

// existing are the paths that a pattern or a name stands for now.
func existing(patterns []string) []string {
	paths, err := expand(patterns)
	if err != nil {
		return nil // nothing is there yet
	}
	return paths
}
