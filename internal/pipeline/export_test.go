package pipeline

import (
	"context"

	"mailvigil/internal/intake"
)

// First runs the survey and the first pass alone, and returns how many lines
// were read.
func First(ctx context.Context, set *intake.Set, o Options) (int64, error) {
	r, err := first(ctx, set, o)
	if err != nil {
		return 0, err
	}
	var n int64
	for i := range r.tallies {
		n += r.tallies[i].read.Lines
	}
	return n, nil
}
