package anomaly

import "mailvigil/traffic"

// Kind is what people say of a time.
type Kind uint8

// The kinds. They are heeded from Feedback.At on, never before.
const (
	// Fine: this was fine. It is learnt at full weight where it has not
	// passed by yet, and when it comes back it is learnt at once.
	Fine Kind = iota + 1
	// Incident: this was not. It is not learnt, and alarms told for it are
	// refunded.
	Incident
	// Announced: a change is expected. Within it nothing is told, and all is
	// learnt at full weight.
	Announced
)

// Feedback is what people say of [From, Until), known since At.
type Feedback struct {
	Kind        Kind
	From, Until traffic.Slot
	At          traffic.Slot
}

func (f *Feedback) holds(s traffic.Slot) bool { return s >= f.From && s < f.Until }

// said is what was said of slot s until now; 0 where nothing was.
func said(all []Feedback, s, now traffic.Slot) Kind {
	for i := len(all) - 1; i >= 0; i-- {
		if f := &all[i]; f.holds(s) && f.At <= now {
			return f.Kind
		}
	}
	return 0
}

func announced(all []Feedback, s traffic.Slot) bool { return said(all, s, s) == Announced }
