package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Message is one to a person, on its way or sent. What it says is opaque.
type Message struct {
	Key      string          `json:"key"` // of no other message
	Receiver string          `json:"receiver"`
	Incident int64           `json:"incident"` // its number
	Made     time.Time       `json:"made"`
	Due      time.Time       `json:"due"`
	Sent     time.Time       `json:"sent,omitzero"`
	Waits    bool            `json:"waits"` // it is still to be sent
	Item     json.RawMessage `json:"item"`
}

const messageColumns = "key, receiver, incident, made_ns, due_ns, sent_ns, waits, item"

func scanMessage(r *sql.Rows, m *Message) error {
	var made, due, sent int64
	var item string
	if err := r.Scan(&m.Key, &m.Receiver, &m.Incident, &made, &due, &sent, &m.Waits, &item); err != nil {
		return err
	}
	m.Made, m.Due, m.Sent, m.Item = moment(made), moment(due), moment(sent), json.RawMessage(item)
	return nil
}

// PutMessages keeps messages, each in the place of the one with its key, all or
// none.
func (s *Store) PutMessages(ctx context.Context, list []Message) error {
	return s.update(ctx, "keep messages to people", func(tx *sql.Tx) error {
		for i := range list {
			m := &list[i]
			if m.Key == "" || !json.Valid(m.Item) {
				return fmt.Errorf("message %q has no key, or is no JSON", m.Key)
			}
			_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO messages ("+messageColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
				m.Key, m.Receiver, m.Incident, nanoseconds(m.Made), nanoseconds(m.Due), nanoseconds(m.Sent), m.Waits, string(m.Item))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// WaitingMessages are those still to be sent, the first due first.
func (s *Store) WaitingMessages(ctx context.Context) ([]Message, error) {
	return rows(ctx, s, "read which messages wait", scanMessage,
		"SELECT "+messageColumns+" FROM messages WHERE waits = 1 ORDER BY due_ns, key")
}

// MessagesOf are those of an incident, whether they wait or not.
func (s *Store) MessagesOf(ctx context.Context, incident int64) ([]Message, error) {
	return rows(ctx, s, "read the messages of an incident", scanMessage,
		"SELECT "+messageColumns+" FROM messages WHERE incident = ? ORDER BY made_ns, key", incident)
}

// MessagesSince are those that a receiver was sent since a time.
func (s *Store) MessagesSince(ctx context.Context, receiver string, since time.Time) ([]Message, error) {
	return rows(ctx, s, "read which messages were sent", scanMessage,
		"SELECT "+messageColumns+" FROM messages WHERE receiver = ? AND sent_ns >= ? AND sent_ns > 0 ORDER BY sent_ns, key", receiver, nanoseconds(since))
}
