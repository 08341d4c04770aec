package simulate_test

import (
	"testing"

	"mailvigil/maillog"
	"mailvigil/simulate"
)

// A Recording holds what Events yields, source by source, and stays as it is
// while the World is run again.
func TestRecord(t *testing.T) {
	w := world(t, simulate.Options{Seed: 3, Accounts: 15, Days: 3, Scenario: simulate.Spray})
	all := w.Record(nil)
	next := make(map[simulate.Source]int)
	kept := make(map[simulate.Source][]maillog.Event)
	for _, s := range simulate.Sources() {
		for e := range all.Of(s) {
			kept[s] = append(kept[s], *e)
		}
		if len(kept[s]) == 0 || len(kept[s]) != all.Len(s) {
			t.Fatalf("%v has %d Events, Len says %d", s, len(kept[s]), all.Len(s))
		}
	}
	for it := range w.Events {
		n := next[it.Source]
		next[it.Source]++
		if n >= len(kept[it.Source]) || !same(kept[it.Source][n], it.Event) {
			t.Fatalf("Event %d of %v is not %+v", n, it.Source, it.Event)
		}
	}
	for s, list := range kept {
		if next[s] != len(list) {
			t.Errorf("%v has %d Events too many", s, len(list)-next[s])
		}
	}

	some := w.Record(func(it *simulate.Item) bool { return it.Source == simulate.Dovecot })
	if some.Len(simulate.Nginx) != 0 || some.Len(simulate.Dovecot) != all.Len(simulate.Dovecot) {
		t.Errorf("only Dovecot is kept, and there are %d of nginx and %d of Dovecot", some.Len(simulate.Nginx), some.Len(simulate.Dovecot))
	}
}
