package app_test

import (
	"bytes"
	"context"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/app"
	"mailvigil/simulate"
)

// What logs hold that names somebody or something.
var (
	accountIn = regexp.MustCompile(`[a-z][a-z0-9]*(?:[._-][a-z0-9]+)+@[a-z.-]+[a-z]|[a-z0-9._-]+@[a-z.-]+[a-z]`)
	addressIn = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}`)
	deviceIn  = regexp.MustCompile(`DeviceId=([A-Za-z0-9]{8,})`)
	sessionIn = regexp.MustCompile(`session=<([^>]{8,})>`)
)

// Under pseudonyms nothing that a world's logs name is told by any output.
func TestPseudonymsHideWorld(t *testing.T) {
	if testing.Short() {
		t.Skip("investigates a whole world")
	}
	w := newWorlds(t)
	if err := w.write("small", simulate.Options{Seed: 3, Accounts: 120, Days: 14, Scenario: simulate.Spray}); err != nil {
		t.Fatal(err)
	}
	logs := filepath.Join(w.dir, "small")
	names := map[string]string{} // what they are, by name
	err := filepath.WalkDir(logs, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		names[path], names[filepath.Base(path)] = "file", "file"
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range accountIn.FindAll(text, -1) {
			names[string(m)] = "account"
			if _, domain, _ := strings.Cut(string(m), "@"); strings.Contains(domain, ".") {
				names[domain] = "domain"
			}
			if local, _, _ := strings.Cut(string(m), "@"); strings.ContainsAny(local, "._-") {
				names[local] = "account"
			}
		}
		for _, m := range addressIn.FindAll(text, -1) {
			if _, err := netip.ParseAddr(string(m)); err == nil {
				names[string(m)] = "address"
			}
		}
		for kind, of := range map[string]*regexp.Regexp{"device": deviceIn, "session": sessionIn} {
			for _, m := range of.FindAllSubmatch(text, -1) {
				names[string(m[1])] = kind
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, kind := range names {
		count[kind]++
	}
	t.Log(count)
	if count["account"] < 120 || count["address"] < 300 || count["device"] < 50 || count["file"] < 10 || count["session"] < 1000 {
		t.Fatalf("the world names too little to show anything: %v", count)
	}

	dir := t.TempDir()
	run := func(args ...string) map[string]string {
		t.Helper()
		out := map[string]string{}
		var stdout, stderr bytes.Buffer
		args = append([]string{"investigate", "--tz", "Europe/Brussels"}, args...)
		for _, form := range []string{"json", "html", "csv"} {
			args = append(args, "--"+form, filepath.Join(dir, "out."+form))
		}
		if code := app.Run(context.Background(), append(args, logs), strings.NewReader(""), &stdout, &stderr, time.Now); code != 20 {
			t.Fatalf("exit code %d, want 20 for an attack: %s", code, stderr.String())
		}
		out["terminal"], out["progress"] = stdout.String(), stderr.String()
		for _, form := range []string{"json", "html", "csv"} {
			b, err := os.ReadFile(filepath.Join(dir, "out."+form))
			if err != nil {
				t.Fatal(err)
			}
			out[form] = string(b)
		}
		return out
	}
	told := func(text string) map[string]string {
		found := map[string]string{}
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\n\"'<>(),;&", r) }) {
			for _, w := range []string{word, strings.TrimRight(word, ".:"), filepath.Base(word)} {
				if kind, ok := names[w]; ok {
					found[w] = kind
				}
			}
			for _, of := range []*regexp.Regexp{accountIn, addressIn} {
				for _, m := range of.FindAllString(word, -1) {
					if kind, ok := names[m]; ok {
						found[m] = kind
					}
				}
			}
		}
		return found
	}
	for form, text := range run("--pseudonyms", "--key", filepath.Join(dir, "names.key")) {
		for name, kind := range told(text) {
			t.Errorf("%s tells the %s %q", form, kind, name)
		}
		if form == "html" && len(text) > 1e6 {
			t.Errorf("the page has %d bytes", len(text))
		}
	}
	// The test of the test: without pseudonyms all kinds are told.
	kinds := map[string]bool{}
	for _, text := range run() {
		for _, kind := range told(text) {
			kinds[kind] = true
		}
	}
	if len(kinds) < 4 {
		t.Errorf("without pseudonyms only %v are told: the test shows too little", kinds)
	}
}
