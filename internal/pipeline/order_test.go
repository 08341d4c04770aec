package pipeline_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailvigil/internal/pipeline"
	"mailvigil/simulate"
)

// Counts only add up: neither the number of readers nor the order in which
// files are named changes a byte of the verdict.
func TestOrderDoesNotMatter(t *testing.T) {
	scenarios := []simulate.Scenario{simulate.Spray, simulate.Parliament}
	if testing.Short() {
		scenarios = scenarios[:1]
	}
	for _, scenario := range scenarios {
		dir := t.TempDir()
		write(t, world(t, scenario, 5, 150, 14), dir)
		want := asJSON(t, investigate(t, discover(t, dir), 1))
		for _, workers := range []int{2, 3, 7} {
			t.Run(fmt.Sprintf("%s/%d readers", scenario, workers), func(t *testing.T) {
				same(t, asJSON(t, investigate(t, discover(t, dir), workers)), want)
			})
		}
		t.Run(string(scenario)+"/shuffled", func(t *testing.T) {
			paths := files(t, dir)
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
			same(t, asJSON(t, investigate(t, discover(t, paths...), 2)), want)
		})
		t.Run(string(scenario)+"/again", func(t *testing.T) {
			set := discover(t, dir)
			same(t, asJSON(t, investigate(t, set, 2)), want)
			same(t, asJSON(t, investigate(t, set, 2)), want)
		})
	}
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// same tells where two texts differ.
func same(t testing.TB, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	told := 0
	for i := 0; i < len(g) && i < len(w) && told < 10; i++ {
		if g[i] != w[i] {
			t.Errorf("line %d: got %s, want %s", i+1, g[i], w[i])
			told++
		}
	}
	if len(g) != len(w) {
		t.Errorf("got %d lines, want %d", len(g), len(w))
	}
}

// A file that is read in parts says the same as one that is read in one go,
// down to the number of each cited line.
func TestPartsDoNotMatter(t *testing.T) {
	w := world(t, simulate.Parliament, 5, 100, 12)
	if !testing.Short() {
		w = world(t, simulate.Spray, 5, 150, 14)
	}
	days, dir := t.TempDir(), t.TempDir()
	write(t, w, days)
	for _, of := range []string{"nginx", "dovecot", "mail", "roundcube"} {
		var whole []byte
		for _, day := range files(t, filepath.Join(days, of)) {
			text, err := os.ReadFile(day)
			if err != nil {
				t.Fatal(err)
			}
			whole = append(whole, text...)
		}
		if err := os.WriteFile(filepath.Join(dir, of+".log"), whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Years are not stated in all of them: all are of the last line's.
	want := asJSON(t, investigate(t, discover(t, dir), 1))
	defer pipeline.CutFrom(64 << 10)()
	for _, workers := range []int{2, 5} {
		t.Run(fmt.Sprintf("%d readers", workers), func(t *testing.T) {
			set := discover(t, dir)
			if n := pipeline.Units(set, workers); n <= len(set.Files) {
				t.Fatalf("%d files are read as %d units: none was cut", len(set.Files), n)
			}
			same(t, asJSON(t, investigate(t, set, workers)), want)
		})
	}
}
