// Package daemon is what makes a program a well-behaved service of its host: it
// tells systemd how it does and is restarted where it hangs, takes a new
// configuration whole or not at all, writes structured logs, and answers those
// who watch it (metrics, health).
//
// It knows nothing of mail, logs or incidents. internal/app wires it.
package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// Logger writes what the program has to say of itself, as text or as JSON. The
// level can be changed while it runs.
func Logger(w io.Writer, level *slog.LevelVar, format string) (*slog.Logger, error) {
	o := &slog.HandlerOptions{Level: level}
	switch format {
	case "", "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return nil, fmt.Errorf("there is no format %q of logs; write text or json", format)
}

// Notifier tells systemd how the program does (sd_notify(3)). Where it was not
// started by systemd it tells nobody, and nothing fails.
type Notifier struct {
	log *slog.Logger
	// send is sd.SdNotify, or stands in for it.
	send func(state string) (told bool, err error)
	// every is how often systemd wants to hear that all is well, 0 for never.
	every time.Duration
}

// NewNotifier finds out whether systemd listens, from the environment.
func NewNotifier(log *slog.Logger) *Notifier {
	every, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the watchdog's interval is not understood; systemd may take the program for hanging", "error", err)
	}
	return &Notifier{log: log, send: func(state string) (bool, error) { return sd.SdNotify(false, state) }, every: every}
}

func (n *Notifier) tell(state string) {
	if _, err := n.send(state); err != nil {
		n.log.Warn("systemd could not be told", "state", state, "error", err)
	}
}

// Ready says that it has started, or that a reload is over; text is what
// "systemctl status" shows.
func (n *Notifier) Ready(text string) { n.tell(sd.SdNotifyReady + "\nSTATUS=" + oneLine(text)) }

// Status says how it does.
func (n *Notifier) Status(text string) { n.tell("STATUS=" + oneLine(text)) }

// Reloading says that a reload began; Ready ends it.
func (n *Notifier) Reloading() { n.tell(sd.SdNotifyReloading) }

// Stopping says that it ends.
func (n *Notifier) Stopping() { n.tell(sd.SdNotifyStopping) }

// Extend asks for more time to start or to stop than the unit grants.
func (n *Notifier) Extend(by time.Duration) {
	n.tell(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", by.Microseconds()))
}

// Watchdog tells systemd that all is well, twice in the time that it grants,
// until the context ends. While alive returns an error it is silent, so that
// systemd restarts what hangs: alive must answer from memory, and look at what
// really moves. It returns at once where no watchdog is asked for.
func (n *Notifier) Watchdog(ctx context.Context, alive func() error) {
	if n.every <= 0 {
		return
	}
	tick := time.NewTicker(n.every / 2)
	defer tick.Stop()
	for {
		if err := alive(); err != nil {
			n.log.Error("not alive; systemd will restart the program where it stays so", "error", err)
		} else {
			n.tell(sd.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// oneLine keeps a text from saying more to systemd than a status.
func oneLine(text string) string {
	b := []byte(text)
	for i, c := range b {
		if c < ' ' {
			b[i] = ' '
		}
	}
	return string(b)
}

// Hangups yields each SIGHUP until the context ends. Several in a row, while the
// first is still worked on, are one.
func Hangups(ctx context.Context) <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	context.AfterFunc(ctx, func() { signal.Stop(c) })
	return c
}
