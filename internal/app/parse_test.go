package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"mailvigil/internal/app"
)

var ocsfSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	return c.Compile("../ocsf/testdata/ocsf-1.9.0.schema.json")
})

// events demands that a file, or stdout, holds so many events of OCSF, one a
// line: events FILE NUMBER.
func events(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: events FILE NUMBER")
	}
	schema, err := ocsfSchema()
	ts.Check(err)
	n := 0
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		ts.Check(err)
		if err := schema.Validate(doc); err != nil {
			ts.Fatalf("%s%v", line, err)
		}
		n++
	}
	if fmt.Sprint(n) != args[1] {
		ts.Fatalf("%d events, want %s", n, args[1])
	}
}

// table shows a Parquet file as JSON, one row a line: table FILE.
func table(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: table FILE")
	}
	data := []byte(ts.ReadFile(args[0]))
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	ts.Check(err)
	r := parquet.NewGenericReader[any](f, f.Schema())
	defer r.Close()
	enc := json.NewEncoder(ts.Stdout())
	for {
		var row [1]any
		n, err := r.Read(row[:])
		if n == 1 {
			ts.Check(enc.Encode(row[0]))
		}
		if err == io.EOF {
			return
		}
		ts.Check(err)
	}
}

// pause is an input that must not end before what came has been shown.
type pause struct {
	lines chan string
	shown chan struct{}
}

func (p *pause) Read(b []byte) (int, error) {
	line, open := <-p.lines
	if !open {
		return 0, io.EOF
	}
	return copy(b, line), nil
}

func (p *pause) Write(b []byte) (int, error) {
	if !bytes.HasSuffix(b, []byte("}\n")) {
		return 0, fmt.Errorf("half a line: %q", b)
	}
	p.shown <- struct{}{}
	return len(b), nil
}

// A log that is followed shows at once, in every output that has lines.
func TestParseFollows(t *testing.T) {
	const line = "Feb 21 00:03:02 imap-login: Info: Login: user=<anna@parl.example>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, mpid=1, TLS, session=<abcAAAA>\n"
	for _, to := range []string{"json", "ocsf"} {
		t.Run(to, func(t *testing.T) {
			p := &pause{make(chan string), make(chan struct{})}
			code := make(chan int)
			go func() {
				code <- app.Run(context.Background(), []string{"parse", "--to", to, "-"}, p, p, io.Discard, time.Now)
			}()
			for range 2 {
				p.lines <- line
				<-p.shown
			}
			close(p.lines)
			if c := <-code; c != 0 {
				t.Errorf("exit code %d", c)
			}
		})
	}
}

// Who waits for a line is stopped all the same, and leaves no half file.
func TestParseStopsWhileItWaits(t *testing.T) {
	dir := t.TempDir()
	for _, to := range []string{"json", "ocsf", "parquet"} {
		t.Run(to, func(t *testing.T) {
			in, feed := io.Pipe()
			defer feed.Close()
			ctx, cancel := context.WithCancel(context.Background())
			code := make(chan int)
			var errs bytes.Buffer
			go func() {
				args := []string{"parse", "--to", to, "--out", filepath.Join(dir, to), "-"}
				code <- app.Run(ctx, args, in, io.Discard, &errs, time.Now)
			}()
			_, _ = feed.Write([]byte("a line\n"))
			cancel()
			if c := <-code; c != 1 || errs.String() != "mailvigil: stopped before the end\n" {
				t.Errorf("got %d and %q", c, errs.String())
			}
		})
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(entries); got != "[- json - ocsf]" {
		t.Errorf("the folder holds %s", got)
	}
}

// The longest lines are cut, and cost no more than their buffer.
func TestParseOverlong(t *testing.T) {
	in := io.MultiReader(strings.NewReader(strings.Repeat("x", 64<<10+1)+"\r\n"+strings.Repeat("y", 1<<20)), strings.NewReader("\nlast"))
	var out, errs bytes.Buffer
	if code := app.Run(context.Background(), []string{"parse", "-"}, in, &out, &errs, time.Now); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	want := `{"line":1,"unparsed":true,"why":"longer than 65536 bytes"}
{"line":2,"unparsed":true,"why":"longer than 65536 bytes"}
{"line":3,"unparsed":true,"why":"no known format"}
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func BenchmarkParse(b *testing.B) {
	var log bytes.Buffer
	const lines = 20_000
	for i := range lines {
		fmt.Fprintf(&log, "Feb 21 00:%02d:%02d imap-login: Info: Login: user=<user%d@parl.example>, method=PLAIN, rip=192.0.2.%d, lip=192.0.2.1, mpid=%d, TLS, session=<abc%dAAAA>\n",
			i/60%60, i%60, i%1000, i%250, i, i)
	}
	for _, to := range []string{"json", "ocsf", "parquet"} {
		b.Run(to, func(b *testing.B) {
			b.SetBytes(int64(log.Len()))
			b.ReportAllocs()
			for b.Loop() {
				code := app.Run(context.Background(), []string{"parse", "--to", to, "-"}, bytes.NewReader(log.Bytes()), io.Discard, io.Discard, time.Now)
				if code != 0 {
					b.Fatal(code)
				}
			}
			b.ReportMetric(lines*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
