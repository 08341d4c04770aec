package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mailvigil/internal/incident"
)

// ErrConflict means that something else was recorded meanwhile. Nothing was
// recorded; the caller reads anew what there is, and goes on from there.
var ErrConflict = errors.New("something else was recorded meanwhile")

// SaveIncidents records what a Book did, in one transaction: the incidents as
// they are now, their history, and what closed ones teach. The same changes may
// be saved again; others of the same id are an ErrConflict.
func (s *Store) SaveIncidents(ctx context.Context, changes []incident.Change) error {
	if len(changes) == 0 {
		return nil
	}
	newest := make(map[string]int) // the last change has the newest state
	for i := range changes {
		newest[changes[i].Incident.ID] = i
	}
	return s.update(ctx, "record what became of incidents", func(tx *sql.Tx) error {
		for i := range changes {
			if in := changes[i].Incident; newest[in.ID] == i {
				if err := saveIncident(ctx, tx, in); err != nil {
					return err
				}
			}
		}
		for i := range changes {
			if changes[i].Significant {
				if err := saveChange(ctx, tx, &changes[i]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func saveIncident(ctx context.Context, tx *sql.Tx, in *incident.Incident) error {
	doc, err := json.Marshal(in)
	if err != nil {
		return err
	}
	done, err := tx.ExecContext(ctx, `INSERT INTO incidents (id, number, status, kind, onset_ns, updated_ns, doc) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET status = excluded.status, kind = excluded.kind, onset_ns = excluded.onset_ns,
			updated_ns = excluded.updated_ns, doc = excluded.doc WHERE number = excluded.number`,
		in.ID, in.Number, string(in.Status), string(in.Kind), nanoseconds(in.Onset), nanoseconds(in.Updated), string(doc))
	switch {
	case isUnique(err):
		return fmt.Errorf("%w: there is another incident #%d", ErrConflict, in.Number)
	case err != nil:
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("%w: incident %s has another number", ErrConflict, in.ID))
	}
	if l := in.Lesson(); l != nil {
		_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO lessons (incident, kind, what, who, from_ns, until_ns, at_ns) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			l.Incident, string(l.Kind), l.What, l.By, nanoseconds(l.From), nanoseconds(l.Until), nanoseconds(l.At))
	} else {
		_, err = tx.ExecContext(ctx, "DELETE FROM lessons WHERE incident = ?", in.ID)
	}
	return err
}

func saveChange(ctx context.Context, tx *sql.Tx, c *incident.Change) error {
	done, err := tx.ExecContext(ctx, "INSERT INTO changes (id, incident, kind, at_ns, who, text) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
		c.ID, c.Incident.ID, string(c.Kind), nanoseconds(c.At), c.By, c.Text)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 1 {
		return err
	}
	var sameThing bool
	err = tx.QueryRowContext(ctx, "SELECT kind = ? AND at_ns = ? AND who = ? AND text = ? FROM changes WHERE id = ?",
		string(c.Kind), nanoseconds(c.At), c.By, c.Text, c.ID).Scan(&sameThing)
	if err == nil && !sameThing {
		err = fmt.Errorf("%w: the change %s", ErrConflict, c.ID)
	}
	return err
}

func scanIncident(r *sql.Rows, in *incident.Incident) error {
	var doc string
	if err := r.Scan(&doc); err != nil {
		return err
	}
	return json.Unmarshal([]byte(doc), in)
}

// Incidents are those that a Book has to know: all that are not closed, and the
// closed ones that something happened to since a time. last is the highest
// number ever given.
func (s *Store) Incidents(ctx context.Context, since time.Time) (list []incident.Incident, last int64, err error) {
	const what = "read the incidents"
	if list, err = rows(ctx, s, what, scanIncident,
		"SELECT doc FROM incidents WHERE status IN ('open', 'quiet') OR updated_ns >= ? ORDER BY number", nanoseconds(since)); err != nil {
		return nil, 0, err
	}
	if err := s.read.QueryRowContext(ctx, "SELECT coalesce(max(number), 0) FROM incidents").Scan(&last); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", what, s.failure(err))
	}
	return list, last, nil
}

// Query picks incidents; the zero value picks all.
type Query struct {
	Status []incident.Status
	Since  time.Time // something happened to them since then
	Limit  int       // 0 is no limit
}

// ListIncidents are the incidents that a Query picks, the newest first.
func (s *Store) ListIncidents(ctx context.Context, q Query) ([]incident.Incident, error) {
	where, args := "updated_ns >= ?", []any{nanoseconds(q.Since)}
	if len(q.Status) > 0 {
		where += " AND status IN (?" + strings.Repeat(", ?", len(q.Status)-1) + ")"
		for _, x := range q.Status {
			args = append(args, string(x))
		}
	}
	limit := -1
	if q.Limit > 0 {
		limit = q.Limit
	}
	return rows(ctx, s, "read the incidents", scanIncident, "SELECT doc FROM incidents WHERE "+where+" ORDER BY number DESC LIMIT ?", append(args, limit)...)
}

// Incident is one by its id or its number, as people write it: 3 or #3. The
// error is an ErrNone where there is none.
func (s *Store) Incident(ctx context.Context, name string) (*incident.Incident, error) {
	number, err := strconv.ParseInt(strings.TrimPrefix(name, "#"), 10, 64)
	if err != nil {
		number = -1
	}
	list, err := rows(ctx, s, "read the incident", scanIncident, "SELECT doc FROM incidents WHERE id = ? OR number = ?", name, number)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("incident %q: %w; \"mailvigil incidents\" lists them", name, ErrNone)
	}
	return &list[0], nil
}

// Recorded is a change with its place in the record.
type Recorded struct {
	N int64 `json:"n"` // grows; some numbers may be missing
	incident.Change
}

const recordedColumns = "c.n, c.id, c.kind, c.at_ns, c.who, c.text"

func scanRecorded(r *sql.Rows, x *Recorded) error {
	var at int64
	if err := r.Scan(&x.N, &x.ID, &x.Kind, &at, &x.By, &x.Text); err != nil {
		return err
	}
	x.At, x.Significant = moment(at), true
	return nil
}

// History is what happened to an incident, the first first. The Changes in it
// are without the incident.
func (s *Store) History(ctx context.Context, id string) ([]Recorded, error) {
	return rows(ctx, s, "read the history of an incident", scanRecorded,
		"SELECT "+recordedColumns+" FROM changes c WHERE c.incident = ? ORDER BY c.n", id)
}

// ChangesAfter are at most limit changes of all incidents that were recorded
// after number n, each with its incident as it is now. Whoever tells them keeps
// the last number as a position, and goes on from there after a restart.
func (s *Store) ChangesAfter(ctx context.Context, n int64, limit int) ([]Recorded, error) {
	return rows(ctx, s, "read what became of incidents", func(r *sql.Rows, x *Recorded) error {
		var at int64
		var doc string
		if err := r.Scan(&x.N, &x.ID, &x.Kind, &at, &x.By, &x.Text, &doc); err != nil {
			return err
		}
		x.At, x.Significant = moment(at), true
		return json.Unmarshal([]byte(doc), &x.Incident)
	}, "SELECT "+recordedColumns+", i.doc FROM changes c JOIN incidents i ON i.id = c.incident WHERE c.n > ? ORDER BY c.n LIMIT ?", n, limit)
}

// Lessons are what closed incidents teach, by time.
func (s *Store) Lessons(ctx context.Context) ([]incident.Lesson, error) {
	return rows(ctx, s, "read what incidents teach", func(r *sql.Rows, l *incident.Lesson) error {
		var from, until, at int64
		if err := r.Scan(&l.Incident, &l.Kind, &l.What, &l.By, &from, &until, &at); err != nil {
			return err
		}
		l.From, l.Until, l.At = moment(from), moment(until), moment(at)
		return nil
	}, "SELECT incident, kind, what, who, from_ns, until_ns, at_ns FROM lessons ORDER BY from_ns, incident")
}

// ExpireIncidents takes the people out of incidents that were closed, or merged,
// and that nothing happened to since a time: accounts, addresses, lines, notes
// and history. What stays is which kind of thing there was, when, how it was
// closed and what it teaches. It returns how many there were.
func (s *Store) ExpireIncidents(ctx context.Context, before time.Time) (n int, err error) {
	const over = "status IN ('closed', 'merged') AND updated_ns < ?"
	list, err := rows(ctx, s, "read the incidents", scanIncident, "SELECT doc FROM incidents WHERE "+over+" AND json_extract(doc, '$.expired') IS NULL", nanoseconds(before))
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return len(list), s.update(ctx, "take the people out of old incidents", func(tx *sql.Tx) error {
		for i := range list {
			in := list[i].Expired()
			doc, err := json.Marshal(struct {
				*incident.Incident
				Expired bool `json:"expired"`
			}{in, true})
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "UPDATE incidents SET doc = ? WHERE id = ? AND "+over, string(doc), in.ID, nanoseconds(before)); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "UPDATE changes SET text = '', who = '' WHERE incident = ?", in.ID); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "UPDATE lessons SET who = '' WHERE incident = ?", in.ID); err != nil {
				return err
			}
		}
		return nil
	})
}
