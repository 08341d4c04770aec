package app

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// The limit follows what is live, and is gone afterwards.
func TestStayModest(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	undo := stayModest()
	if got := debug.SetMemoryLimit(-1); got != modest {
		t.Errorf("the limit is %d, want %d", got, modest)
	}
	undo()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("the limit is %d afterwards, was %d", got, before)
	}
	runtime.GC()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("a collection set the limit to %d afterwards", got)
	}
	for live, want := range map[int64]int64{0: modest, 100 << 20: modest, 400 << 20: 532 << 20} {
		if got := limitFor(live); got != want {
			t.Errorf("%d MB live: limit %d MB, want %d", live>>20, got>>20, want>>20)
		}
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	stayModest()()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("the operator's own limit was changed to %d", got)
	}
}
