package secret_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailvigil/internal/secret"
)

func TestRead(t *testing.T) {
	tests := []struct {
		name, content string
		mode          os.FileMode
		want, problem string
	}{
		{"a line", "s3cret\n", 0o600, "s3cret", ""},
		{"without an end", "s3cret", 0o640, "s3cret", ""},
		{"spaces belong to it", " a b \r\n", 0o600, " a b ", ""},
		{"two lines", "s3cret\nmore\n", 0o600, "", "on one line"},
		{"empty", "\n", 0o600, "", "on one line"},
		{"open to all", "s3cret\n", 0o644, "", "chmod o-rwx"},
		{"a book", strings.Repeat("s3cret", 10000), 0o600, "", "no file with a password"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(path, []byte(tt.content), tt.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			got, err := secret.Read(path)
			if tt.problem == "" {
				if err != nil || got != tt.want {
					t.Errorf("%q, %v; want %q", got, err, tt.want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.problem) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v, want an error with %q and without the secret", err, tt.problem)
			}
		})
	}
	if _, err := secret.Read(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "there is no file") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := secret.Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no file with a password") {
		t.Errorf("a folder: %v", err)
	}
}
