package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"mailvigil/internal/intake"
)

// link is one connection to the stream, with the server where it is embedded.
type link struct {
	server *server.Server // nil for a cluster
	nc     *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
}

const openWait = 30 * time.Second

// connect starts the server, or finds the cluster, and finds or begins the
// stream.
func connect(ctx context.Context, o Options) (_ *link, err error) {
	ctx, cancel := context.WithTimeout(ctx, openWait)
	defer cancel()
	l := &link{}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	name := nats.Name("mailvigil")
	if o.URL == "" {
		if l.server, err = embed(o); err != nil {
			return nil, err
		}
		if l.nc, err = nats.Connect("", nats.InProcessServer(l.server), name); err != nil {
			return nil, fmt.Errorf("open the queue in %s: %w", o.Folder, err)
		}
	} else {
		opts := []nats.Option{name, nats.MaxReconnects(-1)}
		if o.Credentials != "" {
			opts = append(opts, nats.UserCredentials(o.Credentials))
		}
		if l.nc, err = nats.Connect(o.URL, opts...); err != nil {
			return nil, fmt.Errorf("connect to the queue at %s: %w; check the address and that the NATS server is up", o.URL, err)
		}
	}
	if most := l.nc.MaxPayload(); most < maxPack+4<<10 {
		return nil, fmt.Errorf("open the queue: the NATS server takes messages of %d bytes at most; set its max_payload to 1MB or more", most)
	}
	if l.js, err = jetstream.New(l.nc, jetstream.WithDefaultTimeout(publishWait)); err != nil {
		return nil, fmt.Errorf("open the queue: %w", err)
	}
	if l.stream, err = openStream(ctx, l.js, o); err != nil {
		return nil, fmt.Errorf("open the queue's stream: %w", err)
	}
	return l, nil
}

// openStream finds the stream and gives it the limit, or begins it. A new one
// counts from the time in milliseconds: should the one before have been lost,
// the archive knows its numbers, and lines under the same ones would be taken for
// a second delivery.
func openStream(ctx context.Context, js jetstream.JetStream, o Options) (jetstream.Stream, error) {
	cfg := jetstream.StreamConfig{
		Name:        streamName,
		Description: "Lines of mail logs that wait for Mailvigil's archive",
		Subjects:    []string{subject},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    o.Limit,
		MaxMsgs:     -1,
		Replicas:    max(o.Replicas, 1),
		Duplicates:  2 * time.Minute,
	}
	s, err := js.Stream(ctx, streamName)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		cfg.FirstSeq = uint64(o.Now().UnixMilli())
		return js.CreateStream(ctx, cfg)
	case err != nil:
		return nil, err
	}
	is := s.CachedInfo().Config
	if is.MaxBytes == cfg.MaxBytes && is.Replicas == cfg.Replicas {
		return s, nil
	}
	is.MaxBytes, is.Replicas = cfg.MaxBytes, cfg.Replicas
	return js.UpdateStream(ctx, is)
}

// embed starts a server without a port. JetStream flushes to the disk every two
// minutes by default; here every write is flushed before it is answered.
func embed(o Options) (*server.Server, error) {
	fail := func(err error) (*server.Server, error) {
		return nil, fmt.Errorf("open the queue in %s: %w; check that the folder can be written to, and see the log for what the server said", o.Folder, err)
	}
	s, err := server.NewServer(&server.Options{
		ServerName:         "mailvigil",
		DontListen:         true,
		JetStream:          true,
		StoreDir:           o.Folder,
		SyncAlways:         true,
		JetStreamMaxMemory: 64 << 20,
		JetStreamMaxStore:  o.Limit,
		NoSigs:             true,
		MaxPayload:         1 << 20,
	})
	if err != nil {
		return fail(err)
	}
	s.SetLoggerV2(serverLog{o.Log}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(openWait) || !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		return fail(errors.New("the embedded server did not start"))
	}
	return s, nil
}

func (l *link) close() {
	if l.nc != nil {
		l.nc.Close()
	}
	if l.server != nil {
		l.server.Shutdown()
		l.server.WaitForShutdown()
	}
}

// publish writes one message and waits until it is on the disk. A second try
// after a lost answer is known by its ID.
func (l *link) publish(ctx context.Context, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	defer cancel()
	_, err := l.js.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: data}, jetstream.WithMsgID(nuid.Next()), jetstream.WithRetryAttempts(2))
	if err == nil {
		return nil
	}
	// 10077 is any failure of the store; the text is the server's ErrMaxBytes.
	// 10047 is an account without room.
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.ErrorCode == 10077 && strings.Contains(api.Description, server.ErrMaxBytes.Error()) || api.ErrorCode == 10047) {
		return intake.ErrFull
	}
	return fmt.Errorf("write to the queue: %w", err)
}

// read hands out messages from a sequence on. Few are read ahead: they may be
// large.
func (l *link) read(ctx context.Context, from uint64) (jetstream.MessagesContext, error) {
	cfg := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy}
	if from > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, from
	}
	c, err := l.stream.OrderedConsumer(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("read the queue: %w", err)
	}
	iter, err := c.Messages(jetstream.PullMaxMessagesWithBytesLimit(64, 4<<20))
	if err != nil {
		return nil, fmt.Errorf("read the queue: %w", err)
	}
	return iter, nil
}

// serverLog hands on what the server complains of.
type serverLog struct{ to *slog.Logger }

func (l serverLog) Noticef(string, ...any)        {}
func (l serverLog) Debugf(string, ...any)         {}
func (l serverLog) Tracef(string, ...any)         {}
func (l serverLog) Warnf(format string, v ...any) { l.to.Warn("queue: " + fmt.Sprintf(format, v...)) }

func (l serverLog) Errorf(format string, v ...any) { l.to.Error("queue: " + fmt.Sprintf(format, v...)) }

func (l serverLog) Fatalf(format string, v ...any) { l.to.Error("queue: " + fmt.Sprintf(format, v...)) }
