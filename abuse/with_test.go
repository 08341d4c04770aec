package abuse_test

import (
	"reflect"
	"slices"
	"testing"

	"mailvigil/abuse"
	"mailvigil/traffic"
)

// TestWith: what another reader saw gives what merging gives, and leaves the
// Profiles it was added to as they were, however much both saw of the same.
func TestWith(t *testing.T) {
	of := func(records []traffic.Record) *abuse.Profiles {
		p := abuse.NewProfiles()
		for i := range records {
			p.Add(&records[i])
		}
		p.Close()
		return p
	}
	for seed := range uint64(4) {
		records := town(seed)
		half := len(records) / 2
		p := of(records[:half])
		before := found(p)
		q := p.With(of(records[half:]))
		if got, want := found(q), found(of(records)); !reflect.DeepEqual(got, want) {
			t.Errorf("seed %d: %d findings with the other half, want %d:\n got %+v\nwant %+v", seed, len(got), len(want), got, want)
		}
		if got := found(p); !reflect.DeepEqual(got, before) {
			t.Errorf("seed %d: the first half has changed:\n got %+v\nwant %+v", seed, got, before)
		}
		names := q.AccountNames()
		slices.Sort(names)
		if len(names) != q.Accounts() || !slices.Contains(names, "person-1") {
			t.Errorf("seed %d: names %v of %d accounts", seed, names, q.Accounts())
		}
	}
}
