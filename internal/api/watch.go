// Package api is how people and programs ask the watch and tell it what to do:
// the operations, their types, the role that each needs, and how they are served
// over HTTP: on a Unix socket where the kernel says who asks (the control
// socket), later on TCP for the console and for scripts.
//
// It knows nothing of logs, incidents or archives: it sees the rest through the
// interface Watch, which internal/app implements. Client is its other end, used
// by the commands of internal/app.
package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Watch is what the operations are carried out by. Its methods are called side
// by side. What they return is written out and not changed, and must not be
// changed by others meanwhile. By names who asks.
//
// Errors are a *Refusal where it is the request's fault; all others are told as
// faults of the watch.
type Watch interface {
	Status(ctx context.Context) (*Status, error)
	// Incidents gives at most q.Limit incidents, the newest first.
	Incidents(ctx context.Context, q Query) (*Page, error)
	Incident(ctx context.Context, number int64) (*Incident, error)
	Note(ctx context.Context, by string, number int64, text string) (*Incident, error)
	// Assign makes owner responsible, nobody where it is "".
	Assign(ctx context.Context, by string, number int64, owner string) (*Incident, error)
	Close(ctx context.Context, by string, number int64, c Closing) (*Incident, error)
	// Plan sets what an incident waits for. Kind, What, Time and, of what is
	// awaited, From are given.
	Plan(ctx context.Context, by string, number int64, f Followup) (*Incident, error)
	// Done says that the followup of a number was done, or came.
	Done(ctx context.Context, by string, number int64, followup int) (*Incident, error)
	// Reopen takes a closing back, and what it taught.
	Reopen(ctx context.Context, by string, number int64, why string) (*Incident, error)
	// Merge makes one of two incidents and returns the one that stays, which is
	// that of the lower number.
	Merge(ctx context.Context, by string, number int64, m Merging) (*Incident, error)
	// SetSeverity says how bad it is; "" leaves it to the watch again.
	SetSeverity(ctx context.Context, by string, number int64, severity string) (*Incident, error)
	// Expect announces a change; what is returned has its ID.
	Expect(ctx context.Context, by string, e Expect) (*Expect, error)
	Raise(ctx context.Context, by string, r Raise) (*Vigilance, error)
	Lower(ctx context.Context, by, reason string) (*Vigilance, error)
	// Reload reads the configuration anew: all of it holds, or none.
	Reload(ctx context.Context, by string) (*Reloaded, error)
	// Backup copies the state to a path on the watch's host that is not there yet.
	Backup(ctx context.Context, by, path string) (*Backup, error)
}

// Refusal is an answer to a request that cannot be carried out. Detail says why,
// and what to do next; it is safe to show.
type Refusal struct {
	Status int // of HTTP
	Detail string
}

func (e *Refusal) Error() string { return e.Detail }

// GetStatus implements huma.StatusError.
func (e *Refusal) GetStatus() int { return e.Status }

// NoIncident is the Refusal for an incident that is not there.
func NoIncident(number int64) *Refusal {
	return &Refusal{http.StatusNotFound, fmt.Sprintf("there is no incident %d; \"mailvigil incidents --all\" lists them", number)}
}

// Refuse is the Refusal for what cannot be done as things stand.
func Refuse(format string, args ...any) *Refusal {
	return &Refusal{http.StatusConflict, fmt.Sprintf(format, args...)}
}

// problem makes an error one that HTTP can carry.
func problem(err error) error {
	var refusal *Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return &Problems{Status: refusal.Status, Title: http.StatusText(refusal.Status), Detail: refusal.Detail}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Problems{
			Status: http.StatusServiceUnavailable, Title: http.StatusText(http.StatusServiceUnavailable),
			Detail: "the watch did not answer in time; ask again, and see its log where it stays so",
		}
	}
	return &Problems{
		Status: http.StatusInternalServerError, Title: http.StatusText(http.StatusInternalServerError),
		Detail: "the watch could not do it; its log says why",
	}
}
