package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"
)

// Memory is an outbox that ends with the process, for tests and for commands
// that send once.
type Memory struct {
	mu    sync.Mutex
	items map[string][]byte // as JSON, as a durable one keeps them
}

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{items: map[string][]byte{}} }

// Put implements Outbox.
func (m *Memory) Put(_ context.Context, items ...Item) error {
	written := map[string][]byte{}
	for _, item := range items {
		data, err := json.Marshal(item)
		if err != nil {
			return err
		}
		written[item.Key] = data
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.items, written)
	return nil
}

func (m *Memory) filter(keep func(*Item) bool) ([]Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Item
	for _, data := range m.items {
		var item Item
		if err := json.Unmarshal(data, &item); err != nil {
			return nil, err
		}
		if keep(&item) {
			out = append(out, item)
		}
	}
	slices.SortFunc(out, func(a, b Item) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Key, b.Key)) })
	return out, nil
}

// Waiting implements Outbox.
func (m *Memory) Waiting(context.Context) ([]Item, error) {
	return m.filter(func(i *Item) bool { return i.Status == Waiting })
}

// Of implements Outbox.
func (m *Memory) Of(_ context.Context, incident int64) ([]Item, error) {
	return m.filter(func(i *Item) bool { return i.Incident == incident })
}

// Since implements Outbox.
func (m *Memory) Since(_ context.Context, receiver string, t time.Time) ([]Item, error) {
	return m.filter(func(i *Item) bool { return i.Receiver == receiver && i.Status == Sent && !i.Sent.Before(t) })
}
