package simulate

// scenarios say which incidents each has, the first of them in a night that
// leaves a past to learn from before it.
var scenarios = []struct {
	name    Scenario
	stories func(night int) []story
}{
	{Quiet, func(int) []story { return nil }},
	{PhoneStorm, func(night int) []story { return []story{&phoneStorm{night: night}} }},
	{Spray, func(night int) []story { return []story{&spray{night: night, nights: 2}} }},
	{Parliament, func(night int) []story {
		return []story{&phoneStorm{night: night}, &nightSitting{night: night, nights: 4}}
	}},
}

// Scenarios are all that there are.
func Scenarios() []Scenario {
	out := make([]Scenario, len(scenarios))
	for i, s := range scenarios {
		out[i] = s.name
	}
	return out
}

func newStories(w *World) []story {
	for _, s := range scenarios {
		if s.name == w.opt.Scenario {
			return s.stories(w.opt.Days * 4 / 7)
		}
	}
	return nil
}

// scaled makes a number for the World's strength out of that for medium, at
// least 1.
func (w *World) scaled(n int64) int64 { return max(1, n*w.strength/1000) }
