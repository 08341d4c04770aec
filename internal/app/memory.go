package app

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// modest is what the program may take of memory before the garbage collector
// works harder to stay below it. Logs are read on the servers that write them,
// beside everything else these do.
const modest = 240 << 20

// stayModest keeps the program's memory below modest while what it really
// needs leaves room for that, and lets it grow where it does not: a collector
// that is held too short does nothing but collect. It looks after each
// collection. An operator's own GOMEMLIMIT is left as it is. undo ends it.
func stayModest() (undo func()) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetMemoryLimit(modest)
	var (
		mu   sync.Mutex
		done bool
	)
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var look func()
	look = func() {
		mu.Lock()
		defer mu.Unlock()
		if done {
			return
		}
		metrics.Read(sample)
		debug.SetMemoryLimit(limitFor(int64(min(sample[0].Value.Uint64(), math.MaxInt64/4))))
		afterCollection(look)
	}
	afterCollection(look)
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done = true
		debug.SetMemoryLimit(before)
	}
}

// limitFor leaves a quarter more than is live, and something for what is no
// heap.
func limitFor(live int64) int64 { return max(modest, live+live/4+32<<20) }

// afterCollection calls f once the next collection has run.
func afterCollection(f func()) {
	gone := new([16]byte)
	runtime.AddCleanup(gone, func(f func()) { f() }, f)
}
