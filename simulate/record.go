package simulate

import "mailvigil/maillog"

// Recording is Events of a World that are kept, by source: for those who read
// them several times, as an investigation does. It takes some 400 bytes for
// each.
type Recording struct {
	events [sourceEnd][]maillog.Event
	text   []byte // room for what the Events hold
}

// Record keeps the Events for which keep says so; nil keeps all.
func (w *World) Record(keep func(*Item) bool) *Recording {
	r := new(Recording)
	for it := range w.Events {
		if keep == nil || keep(it) {
			r.add(it)
		}
	}
	return r
}

func (r *Recording) add(it *Item) {
	const room = 1 << 20
	e := it.Event
	for _, f := range []*[]byte{&e.Account, &e.UserAgent, &e.Device, &e.DeviceType, &e.Session, &e.Mechanism, &e.URL, &e.Hostname} {
		if len(*f) == 0 {
			continue
		}
		if len(r.text)+len(*f) > cap(r.text) {
			r.text = make([]byte, 0, max(room, len(*f)))
		}
		n := len(r.text)
		r.text = append(r.text, *f...)
		*f = r.text[n:len(r.text):len(r.text)]
	}
	r.events[it.Source] = append(r.events[it.Source], e)
}

// Len is how many Events of a source there are.
func (r *Recording) Len(s Source) int { return len(r.events[s]) }

// Of is the Events of a source, in the order of time. They are not to be
// changed.
func (r *Recording) Of(s Source) func(yield func(*maillog.Event) bool) {
	return func(yield func(*maillog.Event) bool) {
		for i := range r.events[s] {
			if !yield(&r.events[s][i]) {
				return
			}
		}
	}
}

// Sources are all that there are.
func Sources() []Source {
	out := make([]Source, sourceEnd)
	for i := range out {
		out[i] = Source(i)
	}
	return out
}
