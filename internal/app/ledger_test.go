package app_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/app"
)

// TestEveryChangeOfAVerdictIsFound changes one byte of a recorded verdict at a
// time, half of them in its manifest, and takes bytes away.
func TestEveryChangeOfAVerdictIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("changes a thousand bytes, one by one")
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := app.Run(context.Background(), args, strings.NewReader(""), &out, io.MultiWriter(&out), func() time.Time { return time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) })
		return code, out.String()
	}
	var log strings.Builder
	for i := range 40 {
		log.WriteString("192.0.2." + string(rune('0'+i%10)) + ` - anna@parl.example [08/Sep/2025:0` + string(rune('0'+i%10)) + `:00:00 +0000] "GET /?_task=mail HTTP/1.1" 200 5 "-" "Mozilla/5.0"` + "\n")
	}
	if err := os.WriteFile(at("access.log"), []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := run("ledger", "init", at("book")); code != 0 {
		t.Fatal(out)
	}
	if code, out := run("investigate", "--quiet", "--tz", "UTC", "--sensitivity", "off", "--ledger", at("book"), "--json", at("v.json"), at("access.log")); code != 30 {
		t.Fatal(code, out)
	}
	whole, err := os.ReadFile(at("v.json"))
	if err != nil {
		t.Fatal(err)
	}
	verify := func() int {
		code, _ := run("ledger", "verify", at("book"), "--verdict", at("v.json"))
		return code
	}
	if code := verify(); code != 0 {
		t.Fatalf("the verdict as it was written: %d", code)
	}
	manifest := bytes.LastIndex(whole, []byte(`"manifest"`))
	if manifest < 0 {
		t.Fatal("there is no manifest")
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for n := range 1100 {
		changed := bytes.Clone(whole)
		i := rng.IntN(len(whole))
		if n%2 == 0 {
			i = manifest + rng.IntN(len(whole)-manifest)
		}
		if n < 1000 {
			changed[i] ^= byte(1 + rng.IntN(255))
		} else {
			changed = append(changed[:i], changed[min(i+1+rng.IntN(200), len(changed)):]...)
		}
		if err := os.WriteFile(at("v.json"), changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if code := verify(); code != 20 {
			t.Fatalf("change %d at byte %d of %d: exit code %d, want 20\n%q", n, i, len(whole), code, changed[max(0, min(i, len(changed))-60):min(len(changed), i+60)])
		}
	}
}
