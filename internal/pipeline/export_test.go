package pipeline

import (
	"context"

	"mailvigil/internal/intake"
	"mailvigil/verdict"
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

// InvestigateWith is Investigate, with something that happens between the
// first pass and the second.
func InvestigateWith(ctx context.Context, set *intake.Set, o Options, between func()) (*verdict.Verdict, error) {
	r, err := first(ctx, set, o)
	if err != nil {
		return nil, err
	}
	between()
	found, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	v := verdict.Judge(found)
	return v, r.cite(ctx, v)
}

// CutFrom cuts files of that size or more into parts, and returns what puts it
// back.
func CutFrom(size int64) (undo func()) {
	before := minCut
	minCut = size
	return func() { minCut = before }
}

// Units is how many stretches the files of a set are read in.
func Units(set *intake.Set, readers int) int { return len(units(set.Files, readers)) }

// Jeffreys is jeffreys, for tests.
var Jeffreys = jeffreys
