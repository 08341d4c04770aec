package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Model is what was learnt, in a form that only whoever learnt it knows.
type Model struct {
	Name    string    `json:"name"`
	Version int       `json:"version"` // of the form
	At      time.Time `json:"at"`      // until when was learnt
	Data    []byte    `json:"-"`
}

// SaveModel keeps a model in the place of the one of its name.
func (s *Store) SaveModel(ctx context.Context, m Model) error {
	if m.Name == "" {
		return errors.New("a model has to have a name")
	}
	if m.Data == nil {
		m.Data = []byte{} // nil would be NULL
	}
	return s.update(ctx, "keep what was learnt", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO models (name, version, at_ns, data) VALUES (?, ?, ?, ?)", m.Name, m.Version, nanoseconds(m.At), m.Data)
		return err
	})
}

// Model is the model of a name in a version of its form. The error is an ErrNone
// where there is none, or one of another version: what was learnt is learnt anew
// then.
func (s *Store) Model(ctx context.Context, name string, version int) (*Model, error) {
	list, err := rows(ctx, s, "read what was learnt", func(r *sql.Rows, m *Model) error {
		var at int64
		if err := r.Scan(&m.Name, &m.Version, &at, &m.Data); err != nil {
			return err
		}
		m.At = moment(at)
		return nil
	}, "SELECT name, version, at_ns, data FROM models WHERE name = ? AND version = ?", name, version)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("model %q of version %d: %w", name, version, ErrNone)
	}
	return &list[0], nil
}

// keptResults is how many results of each probe are kept: a day of one a minute.
const keptResults = 1440

// ProbeResult is what a probe found.
type ProbeResult struct {
	Probe  string          `json:"probe"`
	At     time.Time       `json:"at"`
	OK     bool            `json:"ok"`
	Took   time.Duration   `json:"took_ns"`
	Detail json.RawMessage `json:"detail,omitempty"`
}

// AddProbes keeps results, and the newest of each probe alone.
func (s *Store) AddProbes(ctx context.Context, results []ProbeResult) error {
	return s.update(ctx, "keep what probes found", func(tx *sql.Tx) error {
		for i := range results {
			r := &results[i]
			if len(r.Detail) > 0 && !json.Valid(r.Detail) {
				return fmt.Errorf("what the probe %q found is no JSON", r.Probe)
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO probes (probe, at_ns, ok, took_ns, detail) VALUES (?, ?, ?, ?, ?)",
				r.Probe, nanoseconds(r.At), r.OK, int64(r.Took), string(r.Detail)); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM probes WHERE probe = ?1 AND n <= (SELECT n FROM probes WHERE probe = ?1 ORDER BY n DESC LIMIT 1 OFFSET ?2)",
				r.Probe, keptResults); err != nil {
				return err
			}
		}
		return nil
	})
}

// Probes are the newest results of a probe, the newest first.
func (s *Store) Probes(ctx context.Context, probe string, limit int) ([]ProbeResult, error) {
	return rows(ctx, s, "read what probes found", func(r *sql.Rows, p *ProbeResult) error {
		var at, took int64
		var detail string
		if err := r.Scan(&p.Probe, &at, &p.OK, &took, &detail); err != nil {
			return err
		}
		p.At, p.Took = moment(at), time.Duration(took)
		if detail != "" {
			p.Detail = json.RawMessage(detail)
		}
		return nil
	}, "SELECT probe, at_ns, ok, took_ns, detail FROM probes WHERE probe = ? ORDER BY n DESC LIMIT ?", probe, limit)
}

// Notice is a message to people, on one channel.
type Notice struct {
	Key      string    `json:"key"` // what is told, to whom: one message has one key
	Channel  string    `json:"channel"`
	Claimed  time.Time `json:"claimed"`
	Sent     time.Time `json:"sent,omitzero"`
	Attempts int       `json:"attempts"`
	Problem  string    `json:"problem,omitempty"` // of the last attempt
}

const noticeColumns = "key, channel, claimed_ns, sent_ns, attempts, problem"

func scanNotice(r interface{ Scan(...any) error }, n *Notice) error {
	var claimed, sent int64
	if err := r.Scan(&n.Key, &n.Channel, &claimed, &sent, &n.Attempts, &n.Problem); err != nil {
		return err
	}
	n.Claimed, n.Sent = moment(claimed), moment(sent)
	return nil
}

// ClaimNotice is asked before a message is sent. It is claimed if claimed is
// true; else it was claimed before, and is returned as it stands: sent, or not
// known to be, as after a crash in the middle.
func (s *Store) ClaimNotice(ctx context.Context, key, channel string) (n Notice, claimed bool, err error) {
	err = s.update(ctx, "claim a message", func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, "INSERT INTO notices (key, channel, claimed_ns) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING", key, channel, nanoseconds(s.now()))
		if err != nil {
			return err
		}
		count, err := done.RowsAffected()
		if err != nil {
			return err
		}
		claimed = count == 1
		return scanNotice(tx.QueryRowContext(ctx, "SELECT "+noticeColumns+" FROM notices WHERE key = ?", key), &n)
	})
	return n, claimed, err
}

// RetryNotice counts another attempt at a message that was claimed.
func (s *Store) RetryNotice(ctx context.Context, key string) error {
	return s.update(ctx, "record that a message is sent again", func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, "UPDATE notices SET attempts = attempts + 1 WHERE key = ? AND sent_ns = 0", key)
		return one(done, err, "message "+key)
	})
}

// NoticeSent records that a message was sent; or with a problem, that it was
// not.
func (s *Store) NoticeSent(ctx context.Context, key, problem string) error {
	return s.update(ctx, "record that a message was sent", func(tx *sql.Tx) error {
		sent := nanoseconds(s.now())
		if problem != "" {
			sent = 0
		}
		done, err := tx.ExecContext(ctx, "UPDATE notices SET sent_ns = ?, problem = ? WHERE key = ?", sent, problem, key)
		return one(done, err, "message "+key)
	})
}

// Unsent are the messages that were claimed and are not known to be sent.
func (s *Store) Unsent(ctx context.Context) ([]Notice, error) {
	return rows(ctx, s, "read which messages were sent", func(r *sql.Rows, n *Notice) error { return scanNotice(r, n) },
		"SELECT "+noticeColumns+" FROM notices WHERE sent_ns = 0 ORDER BY claimed_ns, key")
}

// Prune removes what was over before a time: messages, announced changes and
// raised vigilance. Incidents stay (see ExpireIncidents).
func (s *Store) Prune(ctx context.Context, before time.Time) error {
	return s.update(ctx, "remove what is long over", func(tx *sql.Tx) error {
		for _, q := range []string{
			"DELETE FROM notices WHERE claimed_ns < ?",
			"DELETE FROM expectations WHERE until_ns < ?",
			"DELETE FROM vigilance WHERE until_ns < ?",
		} {
			if _, err := tx.ExecContext(ctx, q, nanoseconds(before)); err != nil {
				return err
			}
		}
		return nil
	})
}
