package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"mailvigil/simulate"
)

// worlds are simulated organisations whose logs scripts read. Each is written
// once, when the first script asks for it.
type worlds struct {
	dir  string
	once map[string]func() error
}

func newWorlds(t *testing.T) *worlds {
	w := &worlds{dir: t.TempDir(), once: make(map[string]func() error)}
	// Three days teach too little for a verdict, and are read in no time.
	w.add("short", simulate.Options{Seed: 1, Accounts: 20, Days: 3})
	for _, s := range []simulate.Scenario{simulate.Quiet, simulate.PhoneStorm, simulate.Spray} {
		w.add(string(s), simulate.Options{Seed: 1, Accounts: 400, Days: 14, Scenario: s})
	}
	return w
}

func (w *worlds) add(name string, o simulate.Options) {
	w.once[name] = sync.OnceValue(func() error { return w.write(name, o) })
}

func (w *worlds) write(name string, o simulate.Options) error {
	var err error
	if o.Location, err = time.LoadLocation("Europe/Brussels"); err != nil {
		return err
	}
	o.Start = time.Date(2025, time.September, 8, 0, 0, 0, 0, o.Location)
	made, err := simulate.New(o)
	if err != nil {
		return err
	}
	return made.Write(func(file string) (io.WriteCloser, error) {
		path := filepath.Join(w.dir, name, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		return os.Create(path)
	})
}

// world puts the logs of a world into a folder of its name: world NAME. The
// folder is shared, and only to be read.
func (w *worlds) world(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || w.once[args[0]] == nil {
		ts.Fatalf("usage: world short|quiet|phone-storm|spray")
	}
	ts.Check(w.once[args[0]]())
	ts.Check(os.Symlink(filepath.Join(w.dir, args[0]), ts.MkAbs(args[0])))
}

// pack compresses a file into another: pack FROM TO.gz|TO.zst.
func pack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: pack FROM TO.gz|TO.zst")
	}
	var out bytes.Buffer
	var z io.WriteCloser = gzip.NewWriter(&out)
	if filepath.Ext(args[1]) == ".zst" {
		var err error
		z, err = zstd.NewWriter(&out)
		ts.Check(err)
	}
	_, err := z.Write([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(z.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), out.Bytes(), 0o600))
}

// follows demands that a file, or stdout, is a verdict as the schema says:
// follows FILE.
func follows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: follows FILE")
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(ts.ReadFile(args[0]))))
	ts.Check(err)
	schema, err := verdictSchema()
	ts.Check(err)
	ts.Check(schema.Validate(doc))
}

var verdictSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	return c.Compile("../../docs/verdict.schema.json")
})

// counts demands that verdicts read the same: counts FILE FILE....
func counts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: counts FILE FILE...")
	}
	var want any
	for i, file := range args {
		var v struct {
			Verdict  string
			Coverage struct {
				Lines, Parsed, Ignored, Rejected, Bytes int64
				From, To                                time.Time
			}
		}
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(file)), &v))
		if i == 0 {
			want = v
		} else if want != any(v) {
			ts.Fatalf("%s: %+v, but %s: %+v", args[0], want, file, v)
		}
	}
}

// halve puts every second file of a folder of logs into another, as links:
// halve FROM TO.
func halve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: halve FROM TO")
	}
	from, err := filepath.EvalSymlinks(ts.MkAbs(args[0]))
	ts.Check(err)
	n := 0
	ts.Check(filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if n++; n%2 == 0 {
			return nil
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(ts.MkAbs(args[1]), rel)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.Symlink(path, to)
	}))
}
