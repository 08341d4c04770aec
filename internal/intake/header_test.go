package intake

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"mailvigil/maillog"
)

// A format whose columns stand in a header has its times found as well.
func TestHeader(t *testing.T) {
	for _, name := range []string{"exchange-iis.log", "exchange-proxy.log"} {
		content, err := os.ReadFile(filepath.Join("..", "..", "maillog", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		path := write(t, filepath.Join(t.TempDir(), "a.log"), content)
		set, err := Discover(t.Context(), []string{path}, Options{Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		if len(set.Files) != 1 || set.Files[0].Format == maillog.FormatNone {
			t.Fatalf("%s: found %+v, problems %+v", name, set.Files, set.Problems)
		}
		if f := set.Files[0]; f.First.IsZero() || f.Last.Before(f.First) {
			t.Errorf("%s: from %v to %v", name, f.First, f.Last)
		}
	}
}
