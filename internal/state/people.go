package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Expectation is a change that was announced.
type Expectation struct {
	ID          int64     `json:"id"`
	From        time.Time `json:"from"`
	Until       time.Time `json:"until"`
	What        string    `json:"what"`
	By          string    `json:"by"` // who asked for it
	At          time.Time `json:"at"` // when it was recorded
	Withdrawn   time.Time `json:"withdrawn,omitzero"`
	WithdrawnBy string    `json:"withdrawn_by,omitempty"`
}

// Expect records an announced change and returns it with its id.
func (s *Store) Expect(ctx context.Context, e Expectation) (Expectation, error) {
	if strings.TrimSpace(e.What) == "" || e.By == "" || !e.Until.After(e.From) {
		return e, errors.New("an announced change has to say what, who asked for it, and an end after its beginning")
	}
	e.From, e.Until, e.At, e.Withdrawn, e.WithdrawnBy = e.From.UTC(), e.Until.UTC(), s.now().UTC(), time.Time{}, ""
	return e, s.update(ctx, "record an announced change", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "INSERT INTO expectations (from_ns, until_ns, what, who, at_ns) VALUES (?, ?, ?, ?, ?) RETURNING id",
			nanoseconds(e.From), nanoseconds(e.Until), e.What, e.By, nanoseconds(e.At)).Scan(&e.ID)
	})
}

// Withdraw takes an announced change back; it stays on record. The error is an
// ErrNone where there is none of that id, or it was withdrawn before.
func (s *Store) Withdraw(ctx context.Context, id int64, by string) error {
	return s.update(ctx, "withdraw an announced change", func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, "UPDATE expectations SET withdrawn_ns = ?, withdrawn_by = ? WHERE id = ? AND withdrawn_ns = 0", nanoseconds(s.now()), by, id)
		return one(done, err, fmt.Sprintf("number %d", id))
	})
}

// one makes an ErrNone of a change that touched nothing.
func one(done sql.Result, err error, what string) error {
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("%s: %w", what, ErrNone))
	}
	return nil
}

// Expectations are the announced changes that end after a time, by their
// beginning, the withdrawn ones too.
func (s *Store) Expectations(ctx context.Context, since time.Time) ([]Expectation, error) {
	return rows(ctx, s, "read the announced changes", func(r *sql.Rows, e *Expectation) error {
		var from, until, at, withdrawn int64
		if err := r.Scan(&e.ID, &from, &until, &e.What, &e.By, &at, &withdrawn, &e.WithdrawnBy); err != nil {
			return err
		}
		e.From, e.Until, e.At, e.Withdrawn = moment(from), moment(until), moment(at), moment(withdrawn)
		return nil
	}, "SELECT id, from_ns, until_ns, what, who, at_ns, withdrawn_ns, withdrawn_by FROM expectations WHERE until_ns > ? ORDER BY from_ns, id", nanoseconds(since))
}

// Vigilance is a time in which Mailvigil looks very hard.
type Vigilance struct {
	ID       int64     `json:"id"`
	Level    string    `json:"level"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	Why      string    `json:"why"`
	By       string    `json:"by"`
	Incident string    `json:"incident,omitempty"` // that raised it
	Ended    time.Time `json:"ended,omitzero"`     // before Until
	EndedBy  string    `json:"ended_by,omitempty"`
}

// RaiseVigilance records that vigilance is raised, for a stated time. What was
// raised before goes on beside it.
func (s *Store) RaiseVigilance(ctx context.Context, v Vigilance) (Vigilance, error) {
	if v.Level == "" || v.Why == "" || v.By == "" || !v.Until.After(v.From) {
		return v, errors.New("raised vigilance has to say its level, why, who asked for it, and an end after its beginning")
	}
	v.From, v.Until, v.Ended, v.EndedBy = v.From.UTC(), v.Until.UTC(), time.Time{}, ""
	return v, s.update(ctx, "record that vigilance is raised", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "INSERT INTO vigilance (level, from_ns, until_ns, why, who, incident) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
			v.Level, nanoseconds(v.From), nanoseconds(v.Until), v.Why, v.By, v.Incident).Scan(&v.ID)
	})
}

// LowerVigilance ends all that is raised at a time.
func (s *Store) LowerVigilance(ctx context.Context, at time.Time, by string) error {
	return s.update(ctx, "record that vigilance is lowered", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE vigilance SET ended_ns = ?, ended_by = ? WHERE ended_ns = 0 AND from_ns <= ? AND until_ns > ?",
			nanoseconds(at), by, nanoseconds(at), nanoseconds(at))
		return err
	})
}

const vigilanceColumns = "id, level, from_ns, until_ns, why, who, incident, ended_ns, ended_by"

func scanVigilance(r *sql.Rows, v *Vigilance) error {
	var from, until, ended int64
	if err := r.Scan(&v.ID, &v.Level, &from, &until, &v.Why, &v.By, &v.Incident, &ended, &v.EndedBy); err != nil {
		return err
	}
	v.From, v.Until, v.Ended = moment(from), moment(until), moment(ended)
	return nil
}

// VigilanceAt is what is raised at a time, by id. Where it is empty, vigilance
// is as usual: it falls back by itself.
func (s *Store) VigilanceAt(ctx context.Context, at time.Time) ([]Vigilance, error) {
	return rows(ctx, s, "read the vigilance", scanVigilance,
		"SELECT "+vigilanceColumns+" FROM vigilance WHERE from_ns <= ? AND until_ns > ? AND (ended_ns = 0 OR ended_ns > ?) ORDER BY id",
		nanoseconds(at), nanoseconds(at), nanoseconds(at))
}

// VigilanceSince is what was raised, and lasted beyond a time.
func (s *Store) VigilanceSince(ctx context.Context, since time.Time) ([]Vigilance, error) {
	return rows(ctx, s, "read the vigilance", scanVigilance,
		"SELECT "+vigilanceColumns+" FROM vigilance WHERE until_ns > ? ORDER BY id", nanoseconds(since))
}
