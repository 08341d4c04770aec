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

// Prune removes what was over before a time: messages, announced changes and
// raised vigilance. Incidents stay (see ExpireIncidents).
func (s *Store) Prune(ctx context.Context, before time.Time) error {
	return s.update(ctx, "remove what is long over", func(tx *sql.Tx) error {
		for _, q := range []string{
			"DELETE FROM messages WHERE waits = 0 AND made_ns < ?",
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
