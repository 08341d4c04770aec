package pipeline_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"mailvigil/internal/intake"
	"mailvigil/internal/pipeline"
	"mailvigil/internal/report"
	"mailvigil/simulate"
	"mailvigil/verdict"
)

func brussels(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// world is a simulated organisation of this size in a fortnight of 2025.
func world(t testing.TB, s simulate.Scenario, seed uint64, accounts, days int) *simulate.World {
	t.Helper()
	loc := brussels(t)
	w, err := simulate.New(simulate.Options{
		Seed: seed, Accounts: accounts, Days: days, Location: loc, Scenario: s,
		Start: time.Date(2025, time.September, 8, 0, 0, 0, 0, loc),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// write writes the world's logs below a folder.
func write(t testing.TB, w *simulate.World, dir string) {
	t.Helper()
	err := w.Write(func(name string) (io.WriteCloser, error) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		return os.Create(path)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// quietDir is a small quiet world, written once for all tests that only read
// it or copy it.
var quiet struct {
	once sync.Once
	dir  string
}

func quietDir(t testing.TB) string {
	t.Helper()
	quiet.once.Do(func() {
		dir, err := os.MkdirTemp("", "mailvigil-pipeline-")
		if err != nil {
			t.Fatal(err)
		}
		quiet.dir = dir
		write(t, world(t, simulate.Quiet, 3, 25, 6), dir)
	})
	return quiet.dir
}

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		if err := child(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if quiet.dir != "" {
		if err := os.RemoveAll(quiet.dir); err != nil && code == 0 {
			code = 1
		}
	}
	os.Exit(code)
}

// copyQuiet is a copy of the quiet world to damage.
func copyQuiet(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(quietDir(t))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func discover(t testing.TB, paths ...string) *intake.Set {
	t.Helper()
	set, err := intake.Discover(t.Context(), paths, intake.Options{Location: brussels(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return set
}

func investigate(t testing.TB, set *intake.Set, workers int) *verdict.Verdict {
	t.Helper()
	v, err := pipeline.Investigate(t.Context(), set, pipeline.Options{Location: brussels(t), Workers: workers, NetworksMissing: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func asJSON(t testing.TB, v *verdict.Verdict) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.JSON(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// asText is what a terminal would show.
func asText(t testing.TB, v *verdict.Verdict) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Terminal(&b, v, report.Options{Width: 80, Unicode: true, Location: brussels(t)}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o600)); err != nil {
		t.Fatal(err)
	}
}
