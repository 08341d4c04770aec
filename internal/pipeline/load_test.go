package pipeline_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/intake"
	"mailvigil/internal/pipeline"
	"mailvigil/simulate"
)

// childEnv makes the test program investigate one path and say how much
// memory that took. It holds the path.
const childEnv = "MAILVIGIL_TEST_INVESTIGATE"

func child(path string) error {
	set, err := intake.Discover(context.Background(), []string{path}, intake.Options{})
	if err != nil {
		return err
	}
	v, err := pipeline.Investigate(context.Background(), set, pipeline.Options{Workers: 2, NetworksMissing: true})
	if err != nil {
		return err
	}
	if err := set.Close(); err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	peak, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	_, err = fmt.Printf("%d %s\n", v.Coverage.Parsed, peak)
	return err
}

// peak is the peak memory in MB of an investigation of a path, "-" being what
// write writes, in a process of its own; and how many Events it read.
func peak(t testing.TB, path string, write func(io.Writer) error) (mb, events int64) {
	t.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("the peak of a process's memory is read from /proc, which is not here")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	// What the surroundings say of memory must not decide.
	cmd.Env = append(os.Environ(), childEnv+"="+path, "GOMEMLIMIT=off", "GOGC=100", "TMPDIR="+t.TempDir())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if write != nil {
		b := bufio.NewWriterSize(in, 1<<20)
		err := write(b)
		if err == nil {
			err = b.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	fields := strings.Fields(out.String())
	if len(fields) != 2 {
		t.Fatalf("the child says %q", out.String())
	}
	events, err = strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	kb, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb >> 10, events
}

// Memory follows the organisation, not its lines: the same fortnight with
// every line four times takes no more.
func TestMemoryDoesNotGrowWithLines(t *testing.T) {
	if testing.Short() {
		t.Skip("measures the memory of four times the lines")
	}
	once := t.TempDir()
	write(t, world(t, simulate.PhoneStorm, 1, 100, 14), once)
	often := t.TempDir()
	for _, path := range files(t, once) {
		var b bytes.Buffer
		for line := range bytes.Lines(read(t, path)) {
			for range 4 {
				b.Write(line)
			}
		}
		rel, err := filepath.Rel(once, path)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(often, rel), b.Bytes())
	}
	a, n := peak(t, once, nil)
	b, m := peak(t, often, nil)
	t.Logf("%d MB for %d events, %d MB for %d", a, n, b, m)
	if m < 3*n {
		t.Fatalf("%d events out of four times the lines of %d", m, n)
	}
	// The collector lets some garbage lie; 3.8 million cells would not hide.
	if b > a*5/4+10 {
		t.Errorf("%d MB for %d events, but %d MB for %d", a, n, b, m)
	}
}

// Whoever forges names and walks an IPv6 prefix does not choose our memory.
// The whole load, ten million names, is run with MAILVIGIL_LOAD=1.
func TestMemoryUnderForgedNames(t *testing.T) {
	const limit = 500 // MB
	for _, tc := range []struct {
		name           string
		names, sources int
		whole          bool
	}{
		{"two names a source", 300_000, 150_000, false},
		{"many sources", 1_000_000, 500_000, false},
		{"many names a source", 500_000, 5_000, false},
		{"one source", 500_000, 1, false},
		{"ten million names from five million sources", 10_000_000, 5_000_000, true},
		{"ten million names from a hundred thousand sources", 10_000_000, 100_000, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.whole && os.Getenv("MAILVIGIL_LOAD") == "" {
				t.Skip("set MAILVIGIL_LOAD=1 for the whole load")
			}
			if testing.Short() {
				t.Skip("long, and the race detector's own memory would be measured")
			}
			mb, events := peak(t, "-", func(w io.Writer) error {
				return simulate.Forge(w, tc.names, tc.sources, 50, time.Date(2025, time.September, 8, 0, 0, 0, 0, time.UTC))
			})
			t.Logf("%d MB", mb)
			if events != int64(tc.names) {
				t.Errorf("%d events out of %d lines", events, tc.names)
			}
			if mb > limit {
				t.Errorf("%d MB, more than %d", mb, limit)
			}
		})
	}
}

// Two readers keep two books, which are put together in the end.
func TestMemoryOfTwoReaders(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	dir := t.TempDir()
	for i := range 2 {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("dovecot.log.%d", 2-i)))
		if err != nil {
			t.Fatal(err)
		}
		b := bufio.NewWriterSize(f, 1<<20)
		start := time.Date(2025, time.September, 8+i, 0, 0, 0, 0, time.UTC)
		if err := simulate.Forge(b, 500_000, 200_000-i, 50, start); err != nil {
			t.Fatal(err)
		}
		if err := b.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	mb, events := peak(t, dir, nil)
	t.Logf("%d MB", mb)
	if events != 1_000_000 || mb > 500 {
		t.Errorf("%d events, %d MB; want 1000000 and no more than 500", events, mb)
	}
}
