package app

import (
	"testing"

	"mailvigil/verdict"
)

// Scripts rely on these numbers.
func TestExitCode(t *testing.T) {
	for kind, want := range map[verdict.Kind]int{
		verdict.Quiet: 0, verdict.Benign: 10, verdict.Fault: 10,
		verdict.Attack: 20, verdict.Mixed: 20, verdict.Undetermined: 30,
	} {
		if got := exitCode(kind); got != want {
			t.Errorf("%s: got %d, want %d", kind, got, want)
		}
	}
}
