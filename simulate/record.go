package simulate

import "mailvigil/maillog"

// Recording is Events of a World that are kept, by source: for those who read
// them several times, as an investigation does. It takes some 400 bytes for
// each.
type Recording struct {
	events [sourceEnd][][]maillog.Event // in blocks, so that none is copied
	text   []byte                       // room for what the Events hold
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
	const room, block = 1 << 18, 1 << 10
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
	blocks := &r.events[it.Source]
	last := len(*blocks) - 1
	if last < 0 || len((*blocks)[last]) == block {
		*blocks = append(*blocks, make([]maillog.Event, 0, block))
		last++
	}
	(*blocks)[last] = append((*blocks)[last], e)
}

// Len is how many Events of a source there are.
func (r *Recording) Len(s Source) (n int) {
	for _, b := range r.events[s] {
		n += len(b)
	}
	return n
}

// Of is the Events of a source, in the order of time. They are not to be
// changed.
func (r *Recording) Of(s Source) func(yield func(*maillog.Event) bool) {
	return func(yield func(*maillog.Event) bool) {
		for _, b := range r.events[s] {
			for i := range b {
				if !yield(&b[i]) {
					return
				}
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
