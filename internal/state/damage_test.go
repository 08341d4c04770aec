package state_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mailvigil/internal/state"
)

// filled makes a data folder with some content and closes it.
func filled(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir)
	var list []state.Segment
	for i := range 500 {
		list = append(list, segment(fmt.Sprintf("segment-%04d", i), int64(i)))
	}
	if err := s.Publish(t.Context(), list, nil, map[string]json.RawMessage{"file": json.RawMessage("500")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000", "trusted_schema": "0"} {
		equal(t, name, must(s.Setting(t.Context(), name))(t), want)
	}
	for _, name := range []string{state.File, "lock"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, name, info.Mode().Perm(), fs.FileMode(0o600))
	}
}

// A damaged database is told with what to do, and stays as it is; the backup
// comes into its place while it is kept.
func TestDamaged(t *testing.T) {
	cases := []struct {
		name string
		harm func(data []byte) []byte
	}{
		{"no database", func(data []byte) []byte { return []byte(strings.Repeat("this is a letter\n", 1000)) }},
		{"its beginning", func(data []byte) []byte { copy(data, make([]byte, 50)); return data }},
		{"pages in the middle", func(data []byte) []byte {
			for i := len(data) / 2; i < len(data)/2+8192; i++ {
				data[i] ^= 0x5a
			}
			return data
		}},
		{"cut off", func(data []byte) []byte { return data[:len(data)/2] }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := filled(t)
			path := filepath.Join(dir, state.File)
			backup := filepath.Join(t.TempDir(), "backup.db")
			if err := state.Backup(t.Context(), dir, backup); err != nil {
				t.Fatal(err)
			}
			harmed := c.harm(read(t, path))
			write(t, path, harmed)

			_, err := state.Open(t.Context(), dir, clock)
			var damaged *state.DamagedError
			if !errors.As(err, &damaged) || !contains(err.Error(), "mailvigil restore --data "+dir) {
				t.Fatalf("got %v", err)
			}
			if err := state.Backup(t.Context(), dir, filepath.Join(t.TempDir(), "x")); err == nil {
				t.Error("a damaged database was backed up without a word")
			}
			equal(t, "the damaged file", string(read(t, path)), string(harmed))

			kept, err := state.Restore(t.Context(), dir, backup, noon)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "the damaged file, set aside", string(read(t, kept)), string(harmed))
			s := open(t, dir)
			equal(t, "what was restored", len(must(s.Segments(t.Context()))(t)), 500)
		})
	}
}

// change does to a database what another program may.
func change(t *testing.T, path, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Run("a newer version", func(t *testing.T) {
		dir := filled(t)
		change(t, filepath.Join(dir, state.File), "PRAGMA user_version = 99")
		_, err := state.Open(t.Context(), dir, clock)
		var newer *state.NewerError
		if !errors.As(err, &newer) || newer.Has != 99 || newer.Knows != state.Version() || !contains(err.Error(), "newer version of mailvigil") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("another program's database", func(t *testing.T) {
		dir := t.TempDir()
		change(t, filepath.Join(dir, state.File), "CREATE TABLE x (y)")
		if _, err := state.Open(t.Context(), dir, clock); err == nil || !contains(err.Error(), "another program") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a journal without its database", func(t *testing.T) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, state.File+"-wal"), []byte("what was written last"))
		if _, err := state.Open(t.Context(), dir, clock); err == nil || !contains(err.Error(), "is missing") {
			t.Errorf("got %v", err)
		}
		equal(t, "the journal", string(read(t, filepath.Join(dir, state.File+"-wal"))), "what was written last")
	})
	t.Run("a folder that cannot be written to", func(t *testing.T) {
		if os.Getuid() == 0 {
			t.Skip("root may write everywhere")
		}
		dir := filled(t)
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(dir, 0o700)
		if _, err := state.Open(t.Context(), dir, clock); err == nil {
			t.Error("it was opened")
		}
	})
	t.Run("a file where the folder is to be", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		write(t, path, nil)
		if _, err := state.Open(t.Context(), path, clock); err == nil || !contains(err.Error(), "--data") {
			t.Errorf("got %v", err)
		}
	})
}

// Where the disk is full, what was recorded stays, nothing is recorded by
// halves, and it goes on by itself once there is space.
func TestDiskFull(t *testing.T) {
	s, ctx := open(t, t.TempDir()), t.Context()
	if err := s.Publish(ctx, []state.Segment{segment("first", 1)}, nil, map[string]json.RawMessage{"file": json.RawMessage("1")}); err != nil {
		t.Fatal(err)
	}
	if err := s.LimitPages(ctx, must(s.Pages(ctx))(t)+2); err != nil {
		t.Fatal(err)
	}
	var many []state.Segment
	for i := range 1000 {
		many = append(many, segment(fmt.Sprintf("segment-%d", i), int64(i)))
	}
	err := s.Publish(ctx, many, nil, map[string]json.RawMessage{"file": json.RawMessage("2")})
	if !errors.Is(err, state.ErrFull) || !contains(err.Error(), "free some space") {
		t.Fatalf("got %v", err)
	}
	equal(t, "segments", must(s.Segments(ctx))(t), []state.Segment{segment("first", 1)})
	equal(t, "positions", must(s.Positions(ctx))(t), map[string]json.RawMessage{"file": json.RawMessage("1")})

	if err := s.LimitPages(ctx, 1_000_000); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(ctx, many, nil, map[string]json.RawMessage{"file": json.RawMessage("2")}); err != nil {
		t.Fatal(err)
	}
	equal(t, "segments", len(must(s.Segments(ctx))(t)), 1001)
}

// The same where the system has made the disk read-only.
func TestReadOnly(t *testing.T) {
	s, ctx := open(t, t.TempDir()), t.Context()
	if err := s.Forbid(ctx, true); err != nil {
		t.Fatal(err)
	}
	err := s.Publish(ctx, []state.Segment{segment("a", 1)}, nil, nil)
	if !errors.Is(err, state.ErrReadOnly) || !contains(err.Error(), "writable again") {
		t.Fatalf("got %v", err)
	}
	equal(t, "it can be read", must(s.Segments(ctx))(t), []state.Segment{})
	if err := s.Forbid(ctx, false); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(ctx, []state.Segment{segment("a", 1)}, nil, nil); err != nil {
		t.Fatal(err)
	}
}

// A data folder of each older version opens, with all that was in it, and what
// it was made of before stays beside it.
func TestOlderVersions(t *testing.T) {
	want := must(open(t, t.TempDir()).Tables(t.Context()))(t)
	for version := 1; version <= state.Version(); version++ {
		t.Run(strconv.Itoa(version), func(t *testing.T) {
			dir, ctx := t.TempDir(), t.Context()
			sample := read(t, filepath.Join("testdata", fmt.Sprintf("version-%d.db", version)))
			write(t, filepath.Join(dir, state.File), sample)
			s := open(t, dir)
			equal(t, "tables", must(s.Tables(ctx))(t), want)
			segments := must(s.Segments(ctx))(t)
			if len(segments) != 2 || segments[0].Name != "2025-09-16/imap-1.parquet" || segments[1].Last != 1758000100000000009 {
				t.Errorf("segments: %+v", segments)
			}
			equal(t, "positions", string(must(s.Positions(ctx))(t)["file:/var/log/mail.log"]), `{"inode":7,"offset":4711}`)
			if version >= 2 {
				in := must(s.Incident(ctx, "#1"))(t)
				if in.Accounts[0] != "anna@parl.example" || len(must(s.History(ctx, in.ID))(t)) != 2 {
					t.Errorf("incident: %s", text(in))
				}
				equal(t, "expectations", must(s.Expectations(ctx, noon))(t)[0].What, "iOS rollout")
				equal(t, "vigilance", must(s.VigilanceAt(ctx, noon))(t)[0].Level, "high")
				equal(t, "model", must(s.Model(ctx, "baseline", 1))(t).Data, []byte{1, 2, 3})
				equal(t, "probe", must(s.Probes(ctx, "imap", 9))(t)[0].Took, time.Second)
			}
			if version >= 3 {
				equal(t, "message", must(s.WaitingMessages(ctx))(t)[0].Key, "mail-1")
				equal(t, "when a segment was written", segments[0].Written, int64(1758000200000000000))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if version == state.Version() {
				return
			}
			// Back to what it was.
			kept := filepath.Join(dir, fmt.Sprintf("%s.version-%d", state.File, version))
			db, err := sql.Open("sqlite", kept)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var has int
			if err := db.QueryRow("PRAGMA user_version").Scan(&has); err != nil || has != version {
				t.Errorf("the copy is of version %d, %v", has, err)
			}
			open(t, dir) // twice is no harm
		})
	}
}

// A backup is made while others write, and is one moment's state.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	s, ctx := open(t, dir), t.Context()
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.Publish(ctx, []state.Segment{segment(fmt.Sprint(i), int64(i))}, nil, map[string]json.RawMessage{"n": json.RawMessage(strconv.Itoa(i + 1))}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var files []string
	for i := range 4 {
		file := filepath.Join(t.TempDir(), "backup.db")
		how := s.Backup
		if i%2 == 1 { // as from another process
			how = func(ctx context.Context, file string) error { return state.Backup(ctx, dir, file) }
		}
		if err := how(ctx, file); err != nil {
			t.Error(err)
		}
		files = append(files, file)
	}
	close(stop)
	writer.Wait()

	file := files[len(files)-1]
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v %v", info, err)
	}
	before := read(t, file)
	if err := s.Backup(ctx, file); err == nil || !contains(err.Error(), "already") {
		t.Errorf("got %v", err)
	}
	equal(t, "a backup that was there", string(read(t, file)), string(before))
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 1 {
		t.Errorf("left in the folder: %v %v", left, err)
	}
	if _, err := state.Restore(ctx, dir, file, noon); err == nil || !contains(err.Error(), "another mailvigil") {
		t.Errorf("restored under a process that has the folder: %v", err)
	}

	for _, file := range files {
		restored := t.TempDir()
		if kept, err := state.Restore(ctx, restored, file, noon); err != nil || kept != "" {
			t.Fatalf("%q %v", kept, err)
		}
		r := open(t, restored)
		n, positions := len(must(r.Segments(ctx))(t)), must(r.Positions(ctx))(t)
		if n > 0 {
			equal(t, "positions of that moment", string(positions["n"]), strconv.Itoa(n))
		}
	}
}

// What root restores belongs to whoever the folder belongs to.
func TestRestoreAsRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	backup, dir := filepath.Join(t.TempDir(), "backup.db"), filepath.Join(t.TempDir(), "data")
	if err := errors.Join(state.Backup(t.Context(), filled(t), backup), os.Mkdir(dir, 0o750), os.Chown(dir, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Restore(t.Context(), dir, backup, noon); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{state.File, "lock"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, name, info.Sys().(*syscall.Stat_t).Uid, uint32(65534))
	}
}

func TestRestoreRefuses(t *testing.T) {
	dir := filled(t)
	before := read(t, filepath.Join(dir, state.File))
	empty, letter := filepath.Join(t.TempDir(), "empty"), filepath.Join(t.TempDir(), "letter")
	write(t, empty, nil)
	write(t, letter, []byte(strings.Repeat("this is a letter\n", 1000)))
	half := filepath.Join(t.TempDir(), "half")
	if err := state.Backup(t.Context(), dir, half); err != nil {
		t.Fatal(err)
	}
	change(t, half, "DROP TABLE changes")
	for _, c := range []struct{ name, file, says string }{
		{"no file", filepath.Join(dir, "none"), "cannot be opened"},
		{"empty", empty, "holds nothing"},
		{"no database", letter, "is damaged"},
		{"half of one", half, `its table "changes" is missing`},
	} {
		if _, err := state.Restore(t.Context(), dir, c.file, noon); err == nil || !contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	equal(t, "the state", string(read(t, filepath.Join(dir, state.File))), string(before))
}

// What was acknowledged is there after a kill -9 at any moment, nothing is there
// by halves, and the folder opens again at once.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("STATE_TEST_WRITE"); dir != "" {
		s, err := state.Open(context.Background(), dir, clock)
		if err != nil {
			t.Fatal(err)
		}
		known, err := s.Positions(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(string(known["n"]))
		for {
			n++
			if err := s.Publish(context.Background(), []state.Segment{segment(fmt.Sprintf("%d-a", n), 1), segment(fmt.Sprintf("%d-b", n), 1)}, nil,
				map[string]json.RawMessage{"n": json.RawMessage(strconv.Itoa(n))}); err != nil {
				t.Fatal(err)
			}
			fmt.Println("wrote", n)
		}
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	acknowledged := 0
	for round := range 6 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "STATE_TEST_WRITE="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for i := 0; i < 5+7*round && lines.Scan(); i++ {
			acknowledged = heard(lines.Text(), acknowledged)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it said before it died
			acknowledged = heard(lines.Text(), acknowledged)
		}
		_ = cmd.Wait()

		s, err := state.Open(t.Context(), dir, clock)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(string(must(s.Positions(t.Context()))(t)["n"]))
		if n < acknowledged || n > acknowledged+1 {
			t.Errorf("round %d: %d were acknowledged, %d are there", round, acknowledged, n)
		}
		equal(t, "segments", len(must(s.Segments(t.Context()))(t)), 2*n)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		acknowledged = n
	}
	if acknowledged < 60 {
		t.Errorf("only %d were written", acknowledged)
	}
}

func heard(line string, before int) int {
	if n, err := strconv.Atoi(strings.TrimPrefix(line, "wrote ")); err == nil {
		return n
	}
	return before
}

func BenchmarkPublish(b *testing.B) {
	s, err := state.Open(b.Context(), b.TempDir(), clock)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	positions := map[string]json.RawMessage{}
	for i := range 20 {
		positions[fmt.Sprintf("file:/var/log/%d.log", i)] = json.RawMessage(`{"inode":123456,"offset":123456789,"line":1234567}`)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		list := []state.Segment{segment(fmt.Sprint(i, "a"), 1), segment(fmt.Sprint(i, "b"), 1), segment(fmt.Sprint(i, "c"), 1)}
		if err := s.Publish(b.Context(), list, nil, positions); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s, err := state.Open(b.Context(), dir, clock)
	if err != nil {
		b.Fatal(err)
	}
	var list []state.Segment
	for i := range 20_000 {
		list = append(list, segment(fmt.Sprintf("segment-%06d", i), int64(i)))
	}
	if err := errors.Join(s.Publish(b.Context(), list, nil, nil), s.Close()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := state.Open(b.Context(), dir, clock)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
