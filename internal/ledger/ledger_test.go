package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailvigil/internal/ledger"
)

func clock() time.Time { return time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC) }

func read(t testing.TB, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(n int) ledger.Entry {
	inputs := make([]ledger.Input, n%4)
	for i := range inputs {
		inputs[i] = ledger.Input{Kind: "log", Size: int64(1000 + i), SHA256: fmt.Sprintf("%064x", n*10+i)}
	}
	return ledger.Entry{Kind: ledger.RunEntry, Program: "v1.2.3", Run: &ledger.Run{Verdict: "attack", SHA256: fmt.Sprintf("%064x", n), Inputs: inputs}}
}

// begin makes a ledger of some runs and a decision, and returns the checkpoints
// by the number of entries.
func begin(t testing.TB, runs int) (l *ledger.Ledger, dir string, checkpoints []string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "ledger")
	l, err := ledger.Init(dir, "test", clock)
	if err != nil {
		t.Fatal(err)
	}
	checkpoints = []string{"", string(read(t, dir, "checkpoint"))}
	add := func(e ledger.Entry) {
		got, err := l.Append(e)
		if err != nil {
			t.Fatal(err)
		}
		if int(got.N) != len(checkpoints)-1 || got.TakenOff != 0 {
			t.Fatalf("entry %d, %d bytes taken off", got.N, got.TakenOff)
		}
		checkpoints = append(checkpoints, got.Checkpoint)
	}
	for n := range runs {
		add(run(n))
	}
	add(ledger.Entry{Kind: ledger.DecisionsEntry, Decision: &ledger.Decision{ID: "restriction-7", SHA256: strings.Repeat("a", 64)}})
	return l, dir, checkpoints
}

func verify(t testing.TB, l *ledger.Ledger, kept ...string) ledger.Report {
	t.Helper()
	r, err := l.Verify(nil, kept...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatIsWhole(t *testing.T) {
	l, dir, checkpoints := begin(t, 20)
	r := verify(t, l, checkpoints[1:]...)
	if r.Entries != 22 || len(r.Problems) > 0 || r.Origin != "test" {
		t.Fatalf("%+v", r)
	}
	entries, signed, err := l.Entries()
	if err != nil || len(entries) != 22 || signed != checkpoints[22] {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	if e := entries[3]; e.Kind != ledger.RunEntry || e.Run.SHA256 != fmt.Sprintf("%064x", 2) || len(e.Run.Inputs) != 2 || e.Time != "2026-03-02T08:30:00Z" {
		t.Errorf("entry 3 is %+v", e)
	}
	for name, mode := range map[string]os.FileMode{"key": 0o600, "key.pub": 0o644, "checkpoint": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, mode)
		}
	}
}

// TestEveryChangeIsFound is the promise: any byte changed, any bytes removed,
// added or reordered, any file swapped. None of the attackers here has the
// private key.
func TestEveryChangeIsFound(t *testing.T) {
	l, dir, _ := begin(t, 40)
	_, other, _ := begin(t, 39)
	names := []string{"entries.jsonl", "checkpoint", "key.pub"}
	whole := map[string][]byte{}
	for _, name := range names {
		whole[name] = read(t, dir, name)
	}
	found := func(t *testing.T, what, name string, changed []byte) {
		t.Helper()
		if bytes.Equal(changed, whole[name]) {
			t.Fatalf("%s of %s changed nothing", what, name)
		}
		write(t, dir, name, changed)
		if r := verify(t, l); len(r.Problems) == 0 {
			t.Fatalf("%s of %s is not found", what, name)
		}
		write(t, dir, name, whole[name])
	}
	// The race detector has nothing to see here and takes ten times as long.
	changes, every := 1000, 1
	if testing.Short() {
		changes, every = 100, 10
	}
	rng := rand.New(rand.NewPCG(3, 4))
	pick := func(n int) string { return names[n%len(names)] }
	t.Run("1000 bytes", func(t *testing.T) {
		for n := range changes {
			name := pick(n)
			changed := bytes.Clone(whole[name])
			at := rng.IntN(len(changed))
			changed[at] ^= byte(1 + rng.IntN(255))
			found(t, fmt.Sprintf("a change of byte %d", at), name, changed)
		}
	})
	t.Run("every byte of checkpoint and key, in its commonest disguises", func(t *testing.T) {
		for _, name := range names[1:] {
			for at := 0; at < len(whole[name]); at += every {
				for _, bit := range []byte{0x01, 0x02, 0x04, 0x20, 0x80} {
					changed := bytes.Clone(whole[name])
					changed[at] ^= bit
					found(t, fmt.Sprintf("bit %#x of byte %d", bit, at), name, changed)
				}
			}
		}
	})
	t.Run("100 removals", func(t *testing.T) {
		for n := range 100 {
			name := pick(n)
			data := whole[name]
			from := rng.IntN(len(data))
			to := min(from+1+rng.IntN(300), len(data))
			found(t, fmt.Sprintf("the removal of bytes %d to %d", from, to), name, append(bytes.Clone(data[:from]), data[to:]...))
		}
	})
	t.Run("additions", func(t *testing.T) {
		for n := range 100 {
			name := pick(n)
			data := whole[name]
			at := rng.IntN(len(data) + 1)
			more := [][]byte{{'\n'}, {' '}, {0}, data[:min(len(data), 60)], []byte("— other AAAAAAAA\n")}[rng.IntN(5)]
			found(t, fmt.Sprintf("an addition at byte %d", at), name, append(append(bytes.Clone(data[:at]), more...), data[at:]...))
		}
	})
	lines := bytes.SplitAfter(bytes.TrimSuffix(whole["entries.jsonl"], nil), []byte("\n"))
	lines = lines[:len(lines)-1]
	t.Run("entries", func(t *testing.T) {
		for i := 0; i < len(lines); i += every {
			without := bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil)
			found(t, fmt.Sprintf("the removal of entry %d", i), "entries.jsonl", without)
			found(t, fmt.Sprintf("the truncation before entry %d", i), "entries.jsonl", bytes.Join(lines[:i], nil))
			twice := append(append([][]byte{}, lines[:i+1]...), lines[i:]...)
			found(t, fmt.Sprintf("entry %d twice", i), "entries.jsonl", bytes.Join(twice, nil))
			if j := rng.IntN(len(lines)); j != i {
				swapped := append([][]byte{}, lines...)
				swapped[i], swapped[j] = swapped[j], swapped[i]
				found(t, fmt.Sprintf("entries %d and %d in each other's place", i, j), "entries.jsonl", bytes.Join(swapped, nil))
			}
		}
	})
	t.Run("swapped files", func(t *testing.T) {
		for _, name := range names {
			found(t, "another ledger's", name, read(t, other, name))
			for _, of := range names {
				if of != name {
					found(t, "the content of "+of+" instead", name, whole[of])
				}
			}
		}
	})
	t.Run("missing files", func(t *testing.T) {
		for _, name := range names {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			if r := verify(t, l); len(r.Problems) == 0 {
				t.Errorf("that %s is missing is not found", name)
			}
			write(t, dir, name, whole[name])
		}
	})
	if r := verify(t, l); len(r.Problems) > 0 {
		t.Fatalf("the ledger is not what it was: %v", r.Problems)
	}
}

// TestTheFirstChangedEntryIsNamed: a change inside a hash shows only in the
// tree, and the next entry tells which it was.
func TestTheFirstChangedEntryIsNamed(t *testing.T) {
	l, dir, _ := begin(t, 10)
	data := read(t, dir, "entries.jsonl")
	for n := 1; n <= 10; n++ {
		was := fmt.Sprintf(`"sha256":"%064x","inputs"`, n-1)
		changed := bytes.Replace(data, []byte(was), []byte(strings.Replace(was, "000", "00f", 1)), 1)
		write(t, dir, "entries.jsonl", changed)
		r := verify(t, l)
		if want := fmt.Sprintf("entry %d was changed", n); len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Text, want) {
			t.Errorf("entry %d: %+v", n, r.Problems)
		}
		if _, err := l.Append(run(1)); !errors.Is(err, ledger.ErrChanged) {
			t.Errorf("Append to a changed ledger: %v", err)
		}
		if !bytes.Equal(read(t, dir, "entries.jsonl"), changed) {
			t.Error("Append wrote to a changed ledger")
		}
	}
}

// TestKeptCheckpoints: whoever puts an older state back, or has the key and
// signs another history, is found by a checkpoint that was kept.
func TestKeptCheckpoints(t *testing.T) {
	l, dir, checkpoints := begin(t, 8)
	old := map[string][]byte{}
	for _, name := range []string{"entries.jsonl", "checkpoint"} {
		old[name] = read(t, dir, name)
	}
	var last string
	for n := range 5 {
		got, err := l.Append(run(n))
		if err != nil {
			t.Fatal(err)
		}
		last = got.Checkpoint
	}
	code := func(r ledger.Report) string {
		if len(r.Problems) == 0 {
			return ""
		}
		return r.Problems[0].Code
	}
	for name, data := range old {
		write(t, dir, name, data)
	}
	if r := verify(t, l); code(r) != "" {
		t.Errorf("an older state is whole in itself: %+v", r)
	}
	if r := verify(t, l, checkpoints...); code(r) != "kept" { // the first is none
		t.Errorf("what is no checkpoint: %+v", r)
	}
	if r := verify(t, l, checkpoints[3], last); code(r) != "kept" || !strings.Contains(r.Problems[0].Text, "it was cut") {
		t.Errorf("an older state was put back: %+v", r)
	}

	// With the key, the history after entry 4 is written anew.
	lines := bytes.SplitAfter(old["entries.jsonl"], []byte("\n"))
	write(t, dir, "entries.jsonl", bytes.Join(lines[:4], nil))
	write(t, dir, "checkpoint", []byte(checkpoints[4]))
	for n := range 12 {
		if _, err := l.Append(run(100 + n)); err != nil {
			t.Fatal(err)
		}
	}
	if r := verify(t, l, checkpoints[2], checkpoints[4]); code(r) != "" {
		t.Errorf("the history before is the same: %+v", r)
	}
	for n := 5; n < len(checkpoints); n++ {
		if r := verify(t, l, checkpoints[n]); code(r) != "kept" || !strings.Contains(r.Problems[0].Text, "written anew") {
			t.Errorf("checkpoint %d: %+v", n, r)
		}
	}
	_, other, foreign := begin(t, 2)
	if r := verify(t, l, foreign[2]); code(r) != "kept" {
		t.Errorf("a checkpoint of another ledger: %+v", r)
	}
	key, err := ledger.ParseKey(strings.TrimSpace(string(read(t, other, "key.pub"))))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := l.Verify(key); err != nil || code(r) != "key" {
		t.Errorf("with a key that was kept: %+v, %v", r, err)
	}
}

// TestCrash ends the process between any two bytes of an Append.
func TestCrash(t *testing.T) {
	l, dir, checkpoints := begin(t, 3)
	entries := read(t, dir, "entries.jsonl")
	if _, err := l.Append(run(3)); err != nil {
		t.Fatal(err)
	}
	next := read(t, dir, "entries.jsonl")[len(entries):]
	for n := 0; n <= len(next); n += 7 {
		n = min(n, len(next))
		write(t, dir, "entries.jsonl", append(bytes.Clone(entries), next[:n]...))
		write(t, dir, "checkpoint", []byte(checkpoints[len(checkpoints)-1]))
		write(t, dir, ".checkpoint-123", []byte("half of a"))
		r := verify(t, l, checkpoints[1:]...)
		if (n > 0) != (len(r.Problems) == 1 && r.Problems[0].Code == ledger.Unfinished) {
			t.Fatalf("after %d bytes: %+v", n, r)
		}
		got, err := l.Append(run(3))
		if err != nil || got.TakenOff != int64(n) || got.N != 5 {
			t.Fatalf("after %d bytes: %+v, %v", n, got, err)
		}
		if r := verify(t, l, append(checkpoints[1:], got.Checkpoint)...); len(r.Problems) > 0 {
			t.Fatalf("after %d bytes: %+v", n, r)
		}
	}
}

func TestOneWriterAtATime(t *testing.T) {
	first, dir, _ := begin(t, 0)
	const writers, each = 8, 12
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		wg.Go(func() {
			l, err := ledger.Open(dir, clock)
			for n := 0; n < each && err == nil; n++ {
				_, err = l.Append(run(w*each + n))
				if err == nil && n%4 == 0 {
					var r ledger.Report
					if r, err = l.Verify(nil); len(r.Problems) > 0 {
						err = fmt.Errorf("beside a writer: %v", r.Problems)
					}
				}
			}
			errs[w] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, first); len(r.Problems) > 0 || r.Entries != 2+writers*each {
		t.Fatalf("%+v", r)
	}
}

func TestProofs(t *testing.T) {
	l, dir, checkpoints := begin(t, 12)
	key, err := ledger.ParseKey(strings.TrimSpace(string(read(t, dir, "key.pub"))))
	if err != nil {
		t.Fatal(err)
	}
	check := func(p *ledger.Proof, err error, want string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := ledger.CheckProof(data, key); err != nil || !strings.Contains(text, want) {
			t.Errorf("%q, %v; want %q", text, err, want)
		}
		// Any other content of it does not hold.
		for i := range data {
			if data[i] < '0' || data[i] > '9' {
				continue
			}
			changed := bytes.Clone(data)
			changed[i] = '0' + (data[i]-'0'+3)%10
			if _, err := ledger.CheckProof(changed, key); err == nil {
				t.Fatalf("a proof with byte %d changed holds: %s", i, changed)
			}
		}
	}
	for n := range int64(14) {
		p, err := l.ProveEntry(n)
		check(p, err, fmt.Sprintf("entry %d stands in the ledger test of 14", n))
		p, err = l.ProveSince(checkpoints[n+1])
		check(p, err, fmt.Sprintf("the first %d of 14", n+1))
	}
	if _, err := l.ProveEntry(14); err == nil {
		t.Error("an entry that is not there is proved")
	}
	_, _, foreign := begin(t, 1)
	if _, err := l.ProveSince(foreign[2]); err == nil {
		t.Error("another ledger's checkpoint is proved")
	}
}

func TestNoNamesAndNoAddresses(t *testing.T) {
	l, _, _ := begin(t, 0)
	sum := strings.Repeat("a", 64)
	for _, e := range []ledger.Entry{
		{Kind: ledger.DecisionsEntry, Decision: &ledger.Decision{ID: "anna@parl.example", SHA256: sum}},
		{Kind: ledger.DecisionsEntry, Decision: &ledger.Decision{ID: "192.0.2.7", SHA256: sum}},
		{Kind: ledger.DecisionsEntry, Decision: &ledger.Decision{ID: "Anna Peeters", SHA256: sum}},
		{Kind: ledger.DecisionsEntry, Decision: &ledger.Decision{ID: "restriction-1", SHA256: "none"}},
		{Kind: ledger.DecisionsEntry},
		{Kind: ledger.RunEntry, Run: &ledger.Run{Verdict: "attack on anna", SHA256: sum}},
		{Kind: ledger.RunEntry, Run: &ledger.Run{Verdict: "attack", SHA256: sum, Inputs: []ledger.Input{{Kind: "/var/log/anna.log"}}}},
		{Kind: ledger.RunEntry, Program: "host mail1", Run: &ledger.Run{Verdict: "attack", SHA256: sum}},
		{Kind: "anna"},
	} {
		if _, err := l.Append(e); err == nil {
			t.Errorf("%+v is written", e)
		}
	}
	if r := verify(t, l); len(r.Problems) > 0 || r.Entries != 2 {
		t.Errorf("%+v", r)
	}
}

func TestKeys(t *testing.T) {
	l, dir, _ := begin(t, 1)
	_, other, _ := begin(t, 1)
	for name, c := range map[string]struct {
		data []byte
		mode os.FileMode
		want string
	}{
		"others may read it": {read(t, dir, "key"), 0o644, "can be read by others"},
		"of another ledger":  {read(t, other, "key"), 0o600, "not of one pair"},
		"damaged":            {[]byte("x"), 0o600, "holds no key"},
	} {
		t.Run(name, func(t *testing.T) {
			whole := read(t, dir, "key")
			path := filepath.Join(dir, "key")
			write(t, dir, "key", c.data)
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Append(run(1)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
			write(t, dir, "key", whole)
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	if _, err := ledger.Init(dir, "", clock); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a second Init: %v", err)
	}
	if _, err := ledger.Open(t.TempDir(), clock); !errors.Is(err, ledger.ErrNone) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := ledger.Init(t.TempDir(), "a b", clock); err == nil {
		t.Error("a name with a blank is taken")
	}
}

func TestFindCheckpoints(t *testing.T) {
	_, _, checkpoints := begin(t, 1)
	for name, text := range map[string]string{
		"alone":       checkpoints[2],
		"in a mail":   "Dear all,\r\n\r\n> " + strings.ReplaceAll(checkpoints[2], "\n", "\r\n> ") + "\r\nRegards",
		"in a report": "Recorded\n  " + strings.ReplaceAll(checkpoints[2], "\n", "\n  ") + "\nend",
	} {
		if found := ledger.FindCheckpoints([]byte(text)); len(found) != 1 || found[0] != checkpoints[2] {
			t.Errorf("%s: %q", name, found)
		}
	}
	if found := ledger.FindCheckpoints([]byte(checkpoints[1] + "\n" + checkpoints[2])); len(found) != 2 {
		t.Errorf("two: %q", found)
	}
}

// golden is a ledger as it was written when its form was settled, without its
// private key, and its checkpoints by the number of entries.
func golden(t testing.TB) (l *ledger.Ledger, dir string, checkpoints []string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"entries.jsonl", "checkpoint", "key.pub"} {
		write(t, dir, name, read(t, "testdata/ledger", name))
	}
	l, err := ledger.Open(dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	return l, dir, append([]string{""}, ledger.FindCheckpoints(read(t, "testdata/ledger", "checkpoints.txt"))...)
}

// TestOldLedgers: what was written once can be verified for good.
func TestOldLedgers(t *testing.T) {
	l, _, checkpoints := golden(t)
	if r := verify(t, l, checkpoints[1:]...); len(r.Problems) > 0 || r.Entries != 5 || len(checkpoints) != 6 {
		t.Errorf("%+v, %d checkpoints", r, len(checkpoints))
	}
}

// FuzzLedger reads folders of any content: nothing but what was written is
// whole.
func FuzzLedger(f *testing.F) {
	l, dir, checkpoints := golden(f)
	entries, signed, public := read(f, dir, "entries.jsonl"), read(f, dir, "checkpoint"), read(f, dir, "key.pub")
	f.Add(entries, signed, public)
	f.Add(entries[:len(entries)-1], []byte(checkpoints[2]), public)
	f.Add([]byte("{}\n"), []byte("test\n1\n\n"), []byte("test+00000000+AA==\n"))
	f.Fuzz(func(t *testing.T, e, s, p []byte) {
		write(t, dir, "entries.jsonl", e)
		write(t, dir, "checkpoint", s)
		write(t, dir, "key.pub", p)
		r, err := l.Verify(nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Problems) > 0 {
			return
		}
		// An older state is whole in itself. Nobody has the key.
		if !bytes.Equal(p, public) || int(r.Entries) >= len(checkpoints) || string(s) != checkpoints[r.Entries] || !bytes.HasPrefix(entries, e) {
			t.Errorf("this is said to be whole:\n%q\n%q\n%q", e, s, p)
		}
	})
}

// FuzzCheckpoint finds checkpoints in any text, and checks proofs of any
// content.
func FuzzCheckpoint(f *testing.F) {
	l, dir, checkpoints := golden(f)
	key, err := ledger.ParseKey(strings.TrimSpace(string(read(f, dir, "key.pub"))))
	if err != nil {
		f.Fatal(err)
	}
	p, err := l.ProveEntry(1)
	if err != nil {
		f.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("> " + strings.ReplaceAll(checkpoints[2], "\n", "\n> ")))
	f.Add(data)
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, c := range ledger.FindCheckpoints(text) {
			if r := verify(t, l, c); len(r.Problems) == 0 && !slices.Contains(checkpoints, c) {
				t.Errorf("this checkpoint is taken for one of ours: %q", c)
			}
		}
		if what, err := ledger.CheckProof(text, key); err == nil && !strings.Contains(what, "entry 1 ") {
			t.Errorf("this is proved: %s", what)
		}
	})
}

// BenchmarkVerify verifies a ledger of 100 runs of 60 files each, which Append
// does first too.
func BenchmarkVerify(b *testing.B) {
	l, dir, _ := begin(b, 0)
	for n := range 100 {
		e := run(n)
		for i := range 60 {
			e.Run.Inputs = append(e.Run.Inputs, ledger.Input{Kind: "log", Size: int64(i), SHA256: fmt.Sprintf("%064x", n*100+i)})
		}
		if _, err := l.Append(e); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(read(b, dir, "entries.jsonl"))))
	b.ReportMetric(100, "runs")
	for b.Loop() {
		if r := verify(b, l); len(r.Problems) > 0 {
			b.Fatal(r.Problems)
		}
	}
}
