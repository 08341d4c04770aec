package simulate

// newStories are the incidents of the World's scenario.
func newStories(w *World) []story {
	night := w.opt.Days * 4 / 7 // the first of the incident: the past before it is to learn from
	switch w.opt.Scenario {
	case PhoneStorm:
		return []story{&phoneStorm{night: night}}
	case Spray:
		return []story{&spray{night: night, nights: 2}}
	case Parliament:
		return []story{&phoneStorm{night: night}, &nightSitting{night: night, nights: 4}}
	}
	return nil
}

// scaled makes a number for the World's strength out of that for medium, at
// least 1.
func (w *World) scaled(n int64) int64 { return max(1, n*w.strength/1000) }
