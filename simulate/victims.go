package simulate

import "slices"

// victims draws so many different people, in an order of chance.
func (w *World) victims(of string, n int64) []*person {
	r := w.rng(of, 0, 0)
	var out []*person
	for n = min(n, int64(len(w.people))); int64(len(out)) < n; {
		if p := pick(r, w.people); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

func namesOf(people []*person) []string {
	out := []string{}
	for _, p := range people {
		out = append(out, p.name)
	}
	slices.Sort(out)
	return out
}
