package app_test

import (
	"context"
	"encoding/json"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mailvigil/internal/state"
)

// stateFolder makes a data folder with a state in it: statefolder [-hold] DIR.
// Held, it is in use until the script ends.
func stateFolder(ts *testscript.TestScript, neg bool, args []string) {
	hold := len(args) == 2 && args[0] == "-hold"
	if neg || len(args) != 1 && !hold {
		ts.Fatalf("usage: statefolder [-hold] DIR")
	}
	s, err := newState(ts.MkAbs(args[len(args)-1]))
	ts.Check(err)
	if hold {
		ts.Defer(func() { _ = s.Close() })
		return
	}
	ts.Check(s.Close())
}

func newState(dir string) (*state.Store, error) {
	s, err := state.Open(context.Background(), dir, time.Now)
	if err != nil {
		return nil, err
	}
	return s, s.Publish(context.Background(), nil, nil, map[string]json.RawMessage{"file": json.RawMessage("1")})
}
