package app

import (
	"context"
	"path/filepath"
	"slices"

	"mailvigil/internal/api"
	"mailvigil/internal/intake/queue"
	"mailvigil/internal/intake/receive"
)

// network is what comes from elsewhere than files: receivers, and the queue in
// which their lines wait for the archive.
type network struct {
	queue     *queue.Queue
	receivers *receive.Receivers
}

// startNetwork opens the queue and begins to listen, where the configuration
// asks for it.
func (w *watching) startNetwork(ctx context.Context) (err error) {
	in := w.config.Intake
	if len(in.Listeners) == 0 && !in.Journal.Read {
		return nil
	}
	o := queue.Options{
		Folder: in.Queue.Folder, URL: in.Queue.URL, Credentials: in.Queue.Credentials, Replicas: in.Queue.Replicas,
		Limit: in.Queue.Limit, Now: w.now, Log: w.log,
	}
	if o.URL == "" && o.Folder == "" {
		o.Folder = filepath.Join(w.state.Dir(), "queue")
	}
	if w.network.queue, err = queue.Open(ctx, o); err != nil {
		return err
	}
	w.network.receivers, err = receive.Open(in, w.network.queue, receive.Options{Folder: w.state.Dir(), Now: w.now, Log: w.log})
	return err
}

// receive takes batches out of the queue until the context ends.
func (w *watching) receive(ctx context.Context) error {
	if w.network.queue == nil {
		return nil
	}
	for {
		b, err := w.network.queue.Next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		err = w.take(ctx, b)
		b.Release()
		if err != nil {
			if ctx.Err() != nil {
				return nil // stopped in the middle: it comes again
			}
			return err
		}
	}
}

// listeners says how each receiver does.
func (w *watching) listeners(ctx context.Context) (out []api.Source, problems []api.Problem) {
	if w.network.queue == nil {
		return nil, nil
	}
	q := w.network.queue.Status(ctx)
	for _, l := range w.network.receivers.Status() {
		x := api.Source{Name: l.Name, Kind: "network", Lines: l.Queued, Rejected: l.NotUTF8, Text: l.Error}
		for _, n := range l.Lost {
			x.Lost += n
		}
		out = append(out, x)
	}
	out = slices.Concat(out, []api.Source{{Name: "queue", Kind: "queue", Behind: int64(q.Bytes), Size: q.Limit, Lines: q.Queued, Text: q.Error}})
	if q.Full != "" {
		problems = append(problems, api.Problem{
			Code: "queue", Grave: true, Text: "lines from the network are refused: the queue is full (" + q.Full + ")",
			Next: "See why the archive does not take them, or raise intake.queue.limit.",
		})
	}
	return out, problems
}

// closeNetwork stops listening, and then closes the queue.
func (w *watching) closeNetwork() error {
	if r := w.network.receivers; r != nil {
		r.Close()
	}
	if q := w.network.queue; q != nil {
		return q.Close()
	}
	return nil
}
