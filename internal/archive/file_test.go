package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"mailvigil/maillog"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func create(t *testing.T, path string) *File {
	t.Helper()
	f, err := Create(path, "")
	if err != nil {
		t.Fatal(err)
	}
	write(t, f.Writer, &maillog.Event{}, Line{Number: 1})
	return f
}

// A name stands for a whole file, and for the old one until then.
func TestCommit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mail.parquet")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := create(t, path)
	if data, err := os.ReadFile(path); err != nil || string(data) != "old" {
		t.Errorf("before Commit the file holds %q, %v", data, err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Abort() // does nothing now
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if rows := read(t, data); len(rows) != 1 {
		t.Errorf("%d rows, want 1", len(rows))
	}
	if got := names(t, dir); got != "mail.parquet" {
		t.Errorf("the folder holds %s", got)
	}
}

func TestAbort(t *testing.T) {
	dir := t.TempDir()
	f := create(t, filepath.Join(dir, "mail.parquet"))
	if got := names(t, dir); !strings.HasPrefix(got, ".mail.parquet.") || !strings.HasSuffix(got, ".tmp") {
		t.Errorf("while it is written the folder holds %q", got)
	}
	f.Abort()
	if got := names(t, dir); got != "" {
		t.Errorf("the folder holds %s", got)
	}
}

// A link stays one: what it leads to is replaced.
func TestThroughALink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	if err := create(t, link).Commit(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if info, err := os.Stat(target); err != nil || info.Size() == 0 {
		t.Errorf("what it led to was not replaced: %v", err)
	}
}

func TestCreateErrors(t *testing.T) {
	dir := t.TempDir()
	tests := []struct{ name, path, want string }{
		{"no such folder", filepath.Join(dir, "none", "a"), "write %s: no such file or directory"},
		{"a folder", dir, "write %s: it is a folder; name a file in it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Create(tt.path, "")
			if want := fmt.Sprintf(tt.want, tt.path); err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

// A full disk is told, and leaves nothing behind.
func TestCommitFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mail.parquet")
	f := create(t, path)
	_ = f.file.Close()
	if err := f.Commit(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if got := names(t, dir); got != "" {
		t.Errorf("the folder holds %s", got)
	}
}

func TestDevice(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has no such device")
	}
	if err := create(t, os.DevNull).Commit(); err != nil {
		t.Error(err)
	}
	full := "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip(err)
	}
	if err := create(t, full).Commit(); err == nil {
		t.Error("a full disk was not told")
	}
}
