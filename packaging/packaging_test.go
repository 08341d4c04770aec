package packaging_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mailvigil/internal/config"
)

func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
}

// systemd knows every line of the unit, and what the program may do is little.
func TestUnit(t *testing.T) {
	needs(t, "systemd-analyze")
	const unit = "systemd/mailvigil.service"
	out, _ := exec.Command("systemd-analyze", "verify", "--man=no", unit).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		// The program is not installed where the tests run; other units are not ours.
		if strings.Contains(line, "mailvigil.service") && !strings.Contains(line, "/usr/bin/mailvigil is not executable") {
			t.Error(line)
		}
	}
	text := run(t, nil, "systemd-analyze", "security", "--offline=true", "--no-pager", unit)
	m := regexp.MustCompile(`Overall exposure level for mailvigil.service: ([0-9.]+)`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no level in %s", text)
	}
	level, err := strconv.ParseFloat(m[1], 64)
	t.Logf("exposure %.1f of 10", level)
	if err != nil || level > 1.5 {
		t.Errorf("the unit's exposure is %s, more than 1.5:\n%s", m[1], text)
	}
}

// The unit says what the program does: a bad line would be seen by nobody.
func TestUnitFails(t *testing.T) {
	needs(t, "systemd-analyze")
	unit, err := os.ReadFile("systemd/mailvigil.service")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "mailvigil.service")
	if err := os.WriteFile(path, bytes.Replace(unit, []byte("ProtectHome=true"), []byte("ProtectHomes=true"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, _ := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput(); !strings.Contains(string(out), "ProtectHomes") {
		t.Errorf("it is not seen: %s", out)
	}
}

// What the package brings as configuration is right, and so are its paths.
func TestConfiguration(t *testing.T) {
	cfg, err := config.Load("mailvigil.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Metrics.Listen == "" {
		t.Error("there are no metrics")
	}
}

// build makes the program and two packages of it, in a folder of the caller's.
func build(t *testing.T, dir string) (program string, debs [2]string) {
	t.Helper()
	program = filepath.Join(dir, "mailvigil")
	run(t, nil, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", program, "../cmd/mailvigil")
	for i := range debs {
		out := run(t, []string{"SOURCE_DATE_EPOCH=1772420820", "COMPRESSION=none"}, "./deb", program, "v1.2.3-4-gabcdef", filepath.Join(dir, fmt.Sprint(i)))
		debs[i] = strings.TrimSpace(out)
	}
	return program, debs
}

func TestDeb(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	needs(t, "dpkg-deb", "dpkg", "readelf")
	program, debs := build(t, t.TempDir())
	first, err := os.ReadFile(debs[0])
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(debs[1])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("the same program gives another package")
	}
	if got := run(t, nil, "dpkg-deb", "--field", debs[0], "Version"); got != "1.2.3+4+gabcdef\n" {
		t.Errorf("its version is %q", got)
	}
	t.Run("unpacked", func(t *testing.T) {
		root := t.TempDir()
		run(t, nil, "dpkg-deb", "-x", debs[0], root)
		works(t, root, program)
		info, err := os.Stat(filepath.Join(root, "usr/bin/mailvigil"))
		if err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%v %v", info, err)
		}
	})
	t.Run("installed", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("only root can install")
		}
		needs(t, "systemd-sysusers")
		root := t.TempDir()
		for _, d := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"} {
			if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range []string{"var/lib/dpkg/status", "var/lib/dpkg/available"} {
			if err := os.WriteFile(filepath.Join(root, f), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		// Its scripts see the scratch root; nothing of this host is touched.
		into := []string{"--root=" + root, "--force-script-chrootless", "--force-depends", "--force-confnew", "--log=/dev/null"}
		run(t, nil, "dpkg", append(into, "--install", debs[0])...)
		works(t, root, program)
		passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
		if err != nil || !strings.Contains(string(passwd), "mailvigil:") {
			t.Errorf("the user is missing: %s %v", passwd, err)
		}
		if status := run(t, nil, "dpkg", "--root="+root, "--status", "mailvigil"); !strings.Contains(status, "Status: install ok installed") {
			t.Error(status)
		}
		// What the operator wrote stays until it is purged, what was found stays then.
		conf, data := filepath.Join(root, "etc/mailvigil/mailvigil.yaml"), filepath.Join(root, "var/lib/mailvigil")
		if err := os.WriteFile(conf, []byte("timezone: Europe/Brussels\n"), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(data, 0o750); err != nil {
			t.Fatal(err)
		}
		run(t, nil, "dpkg", append(into, "--install", debs[1])...)
		run(t, nil, "dpkg", append(into, "--remove", "mailvigil")...)
		if text, err := os.ReadFile(conf); err != nil {
			t.Errorf("removed without a purge: %s %v", text, err)
		}
		out := run(t, nil, "dpkg", append(into, "--purge", "mailvigil")...)
		if _, err := os.Stat(conf); !os.IsNotExist(err) {
			t.Errorf("the configuration is there after a purge: %v", err)
		}
		if _, err := os.Stat(data); err != nil || !strings.Contains(out, "left behind") {
			t.Errorf("the data: %v, and it says %s", err, out)
		}
	})
}

// works runs the program of a package on the package's own files.
func works(t *testing.T, root, program string) {
	t.Helper()
	exe := filepath.Join(root, "usr/bin/mailvigil")
	if got, want := run(t, nil, exe, "version"), run(t, nil, program, "version"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := run(t, nil, exe, "config", "check", filepath.Join(root, "etc/mailvigil/mailvigil.yaml")); !strings.HasPrefix(got, "ok: ") {
		t.Error(got)
	}
	if got := run(t, nil, exe, "config", "check", filepath.Join(root, "usr/share/doc/mailvigil/examples/mailvigil.example.yaml")); !strings.HasPrefix(got, "ok: ") {
		t.Error(got)
	}
	for _, file := range []string{
		"lib/systemd/system/mailvigil.service", "usr/lib/sysusers.d/mailvigil.conf", "usr/share/man/man1/mailvigil-status.1.gz",
		"usr/share/doc/mailvigil/copyright", "usr/share/bash-completion/completions/mailvigil",
	} {
		if info, err := os.Stat(filepath.Join(root, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
}
