package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Segment is a file of the archive.
type Segment struct {
	Name    string `json:"name"`
	Day     string `json:"day"` // 2025-09-16
	Service string `json:"service"`
	First   int64  `json:"first"` // of its events, Unix time in nanoseconds
	Last    int64  `json:"last"`
	Rows    int64  `json:"rows"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
	Written int64  `json:"written"` // Unix time in nanoseconds, 0 where it is not known
}

const segmentColumns = "name, day, service, first_ns, last_ns, rows, bytes, sha256, written_ns"

func scanSegment(r *sql.Rows, x *Segment) error {
	return r.Scan(&x.Name, &x.Day, &x.Service, &x.First, &x.Last, &x.Rows, &x.Bytes, &x.SHA256, &x.Written)
}

// Publish records that segments came and went, and how far was read for them,
// in one transaction. Other positions stay; one that is nil or null is removed.
//
// The same segment may be added again, as after a crash that came before the
// caller knew; another of its name is an error, and so is removing one that is
// not there, which is an ErrNone. Nothing is recorded then.
func (s *Store) Publish(ctx context.Context, add, remove []Segment, positions map[string]json.RawMessage) error {
	return s.update(ctx, "record what the archive holds", func(tx *sql.Tx) error {
		for i := range add {
			x := &add[i]
			if x.Name == "" || x.Last < x.First || x.Rows < 0 || x.Bytes < 0 {
				return fmt.Errorf("segment %q has no name, or ends before it begins", x.Name)
			}
			done, err := tx.ExecContext(ctx, "INSERT INTO segments ("+segmentColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
				x.Name, x.Day, x.Service, x.First, x.Last, x.Rows, x.Bytes, x.SHA256, x.Written)
			if err != nil {
				return err
			}
			if n, err := done.RowsAffected(); err != nil || n == 1 {
				if err != nil {
					return err
				}
				continue
			}
			var hash string
			if err := tx.QueryRowContext(ctx, "SELECT sha256 FROM segments WHERE name = ?", x.Name).Scan(&hash); err != nil {
				return err
			}
			if hash != x.SHA256 {
				return fmt.Errorf("there is another segment of the name %q already", x.Name)
			}
		}
		for i := range remove {
			done, err := tx.ExecContext(ctx, "DELETE FROM segments WHERE name = ?", remove[i].Name)
			if err != nil {
				return err
			}
			if n, err := done.RowsAffected(); err != nil || n == 0 {
				return errors.Join(err, fmt.Errorf("segment %q: %w", remove[i].Name, ErrNone))
			}
		}
		return setPositions(ctx, tx, positions)
	})
}

// setPositions writes them in the order of their keys, so that the same calls
// make the same file.
func setPositions(ctx context.Context, tx *sql.Tx, positions map[string]json.RawMessage) error {
	for _, key := range slices.Sorted(maps.Keys(positions)) {
		value := positions[key]
		var err error
		switch {
		case len(value) == 0 || string(value) == "null":
			_, err = tx.ExecContext(ctx, "DELETE FROM positions WHERE key = ?", key)
		case !json.Valid(value):
			err = fmt.Errorf("the position %q is no JSON", key)
		default:
			_, err = tx.ExecContext(ctx, "INSERT INTO positions (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, string(value))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Segments are all segments, by the time of their first event.
func (s *Store) Segments(ctx context.Context) ([]Segment, error) {
	return rows(ctx, s, "read which segments there are", scanSegment,
		"SELECT "+segmentColumns+" FROM segments ORDER BY first_ns, name")
}

// SegmentsBetween are those that may hold events of [from, until), in Unix
// nanoseconds, of a service, or of all where it is "".
func (s *Store) SegmentsBetween(ctx context.Context, from, until int64, service string) ([]Segment, error) {
	return rows(ctx, s, "read which segments there are", scanSegment,
		"SELECT "+segmentColumns+" FROM segments WHERE first_ns < ? AND last_ns >= ? AND (? = '' OR service = ?) ORDER BY first_ns, name",
		until, from, service, service)
}

// Positions are all positions by key.
func (s *Store) Positions(ctx context.Context) (map[string]json.RawMessage, error) {
	type position struct{ key, value string }
	list, err := rows(ctx, s, "read how far the logs were read", func(r *sql.Rows, p *position) error { return r.Scan(&p.key, &p.value) },
		"SELECT key, value FROM positions")
	if err != nil {
		return nil, err
	}
	all := make(map[string]json.RawMessage, len(list))
	for _, p := range list {
		all[p.key] = json.RawMessage(p.value)
	}
	return all, nil
}
