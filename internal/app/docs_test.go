package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/app"
	"mailvigil/internal/archive"
	"mailvigil/internal/report"
	"mailvigil/maillog"
	"mailvigil/simulate"
)

// shown are the commands on a page, in their order: lines of code blocks,
// fenced or indented, that run mailvigil, as the first word or behind a pipe.
func shown(page string) (commands []string) {
	fenced, before := false, ""
	for line := range strings.Lines(page) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		indented := strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t")
		if !fenced && !indented {
			before = ""
			continue
		}
		line = before + strings.TrimSpace(line)
		if more, ok := strings.CutSuffix(line, `\`); ok {
			before = more
			continue
		}
		before = ""
		if command.MatchString(line) {
			commands = append(commands, line)
		}
	}
	return commands
}

var (
	command = regexp.MustCompile(`^(\$ )?([^|]*\| *)?(bin/)?mailvigil [a-z-]`)
	inline  = regexp.MustCompile("`(?:bin/)?mailvigil ([a-z]+)[^`]*`")
	foreign = regexp.MustCompile(`(^|[\s='"])/(var|srv|mnt|etc/mailvigil)/`)
)

func TestShown(t *testing.T) {
	got := shown("text mailvigil init\n```\n$ x\nbin/mailvigil init   # why\ntail x | mailvigil parse -\nmailvigil \\\n  demo\n| mailvigil | 9 |\nnot mailvigil\n```\n\n    mailvigil series a.csv\n")
	want := []string{"bin/mailvigil init   # why", "tail x | mailvigil parse -", "mailvigil demo", "mailvigil series a.csv"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// notShown are the commands in the text that are no block, by their first word.
func notShown(page string) (words []string) {
	for _, m := range inline.FindAllStringSubmatch(page, -1) {
		words = append(words, m[1])
	}
	return words
}

// TestCommandsOfTheDocs runs every command that the pages show. Those that name
// the reader's own files find simulated ones there: folders of the system are
// taken below one of the test's, in which a simulated host has its logs. What
// other programs do with the output is not tried.
func TestCommandsOfTheDocs(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every command of the pages")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	host := simulatedHost(t)
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	known := map[string]bool{}
	for _, file := range append([]string{"../../README.md"}, pages...) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range notShown(string(data)) {
			if known[word] {
				continue
			}
			known[word] = true
			var out bytes.Buffer
			if code := app.Run(context.Background(), []string{"help", word}, strings.NewReader(""), &out, &out, time.Now); code != 0 {
				t.Errorf("%s speaks of mailvigil %s: %s", file, word, out.String())
			}
		}
		commands := shown(string(data))
		if len(commands) == 0 {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			// A watch answers, for the commands that ask one: another for each page,
			// since they close incidents.
			stop, err := serveFake("busy", filepath.Join(host, fakeSocket))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := stop(); err != nil {
					t.Error(err)
				}
			}()
			// What one command of a page writes, the next one reads.
			dir := filepath.Join(t.TempDir(), "own")
			ownFiles(t, host, dir)
			if strings.Contains(string(data), "mailvigil ledger init") {
				if err := os.RemoveAll(filepath.Join(host, "var/lib/mailvigil")); err != nil {
					t.Fatal(err)
				}
			}
			if strings.Contains(string(data), "mailvigil query --data /var/lib/mailvigil") {
				watchedFolder(t, filepath.Join(host, "var/lib/mailvigil"))
			}
			if strings.Contains(string(data), "mailvigil backup") {
				s, err := newState(filepath.Join(host, "var/lib/mailvigil"))
				if err = errors.Join(err, os.MkdirAll(filepath.Join(host, "var/backups"), 0o755)); err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if strings.Contains(string(data), "mailvigil probe") || strings.Contains(string(data), "mailvigil notify") {
				ownService(t, dir)
			}
			for _, c := range commands {
				runShown(t, host, dir, c)
				ran++
			}
		})
	}
	// Should they be written otherwise one day, the test must not find none.
	t.Logf("%d commands in blocks, %d in text", ran, len(known))
	if ran < 35 || len(known) < 10 {
		t.Errorf("only %d commands in blocks and %d in text were found", ran, len(known))
	}
}

// watchedFolder makes the archive of a watch.
func watchedFolder(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s, err := archive.Open(filepath.Join(dir, "archive"), archive.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Add(&archive.Row{Event: &maillog.Event{Account: []byte("anna.peeters"), Service: maillog.IMAP}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// runShown runs a command as it stands. What a verdict or an advice exits with
// is no error.
func runShown(t *testing.T, host, dir, shown string) {
	t.Helper()
	if _, err := report.Browser(); err != nil && strings.Contains(shown, "--pdf") {
		t.Logf("not run, %v: %s", err, shown)
		return
	}
	text := strings.TrimPrefix(shown, "$ ")
	text = strings.ReplaceAll(text, "bin/mailvigil", "mailvigil")
	text = strings.ReplaceAll(text, "tail -f", "tail")
	text = strings.Replace(text, "mailvigil init", "mailvigil init --root "+host, 1)
	// A watch runs until it is stopped; one that cannot start ends before.
	text = strings.Replace(text, "mailvigil watch", "timeout -k 20 -s INT 4 mailvigil watch --data watched --socket none", 1)
	text = foreign.ReplaceAllString(text, "${1}"+host+"/${2}/")
	cmd := exec.Command("bash", "-o", "pipefail", "-c", text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), app.SocketVariable+"="+filepath.Join(host, fakeSocket), "PATH="+filepath.Join(host, "bin")+":"+os.Getenv("PATH"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && (slices.Contains([]int{10, 20, 30}, exit.ExitCode()) || strings.HasPrefix(text, "timeout ") && exit.ExitCode() == 124) {
		err = nil
	}
	if err != nil || strings.Contains(out.String(), "panic:") {
		t.Errorf("%s\nas\n%s\n%v\n%.2000s", shown, text, err, out.String())
	}
}

// fakeSocket is where the watch of the simulated host answers.
const fakeSocket = "run/c.sock"

// simulatedHost has logs where a host has them, and in place of other programs
// some that only read.
func simulatedHost(t *testing.T) string {
	t.Helper()
	w := newWorlds(t)
	w.add("docs", simulate.Options{Seed: 1, Accounts: 30, Days: 6, Scenario: simulate.Spray})
	if err := w.once["docs"](); err != nil {
		t.Fatal(err)
	}
	host, logs := t.TempDir(), filepath.Join(w.dir, "docs")
	link := func(from, to string) {
		to = filepath.Join(host, to)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	link(logs, "srv/logs")
	for _, name := range []string{"nginx", "dovecot", "roundcube"} {
		link(filepath.Join(logs, name), "var/log/"+name)
	}
	mails, err := filepath.Glob(filepath.Join(logs, "mail", "*"))
	if err != nil || len(mails) == 0 {
		t.Fatal("the simulated host has no mail.log", err)
	}
	for i, m := range mails {
		name := filepath.Base(m)
		if i == len(mails)-1 {
			name = "mail.log"
		}
		link(m, "var/log/"+name)
	}
	others := map[string]string{"jq": "cat", "less": "cat", "mail": "cat >/dev/null"}
	if _, err := report.Browser(); err != nil {
		others["chromium"] = `for a; do case $a in --print-to-pdf=*) echo %PDF- >"${a#*=}";; esac; done`
	}
	for name, script := range others {
		path := filepath.Join(host, "bin", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"etc/dovecot", "etc/postfix", "etc/nginx", "etc/mailvigil"} {
		if err := os.MkdirAll(filepath.Join(host, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(host, "etc/mailvigil/mailvigil.yaml"), []byte("timezone: Europe/Brussels\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(host, "etc/timezone"), []byte("Europe/Brussels\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return host
}

// ownService is a configuration of a mail service that is down, and of somebody
// who is told.
func ownService(t *testing.T, dir string) {
	t.Helper()
	for name, text := range map[string]string{
		"mailvigil.yaml": "probes: {checks: [{probe: imap, server: '127.0.0.1:1', security: none, account: probe, password_file: key}]}\n" +
			"notify: {receivers: [{name: hook, webhook: 'http://127.0.0.1:1/', secret_file: key}]}\n",
		"key": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// ownFiles are what the pages call the reader's own.
func ownFiles(t *testing.T, host, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	first := func(pattern string) string {
		names, err := filepath.Glob(filepath.Join(host, pattern))
		if err != nil || len(names) == 0 {
			t.Fatal(pattern, err)
		}
		return names[0]
	}
	for name, to := range map[string]string{
		"logs": filepath.Join(host, "srv/logs"), "days": filepath.Join(host, "var/log/nginx"),
		"access.log": first("var/log/nginx/access.log*"), "dovecot.log": first("var/log/dovecot/dovecot.log*"),
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	packed, err := exec.Command("gzip", "-c", filepath.Join(dir, "access.log")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var counts strings.Builder
	counts.WriteString("time,count\n")
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	for h := range 28 * 24 {
		fmt.Fprintf(&counts, "%s,%d\n", start.Add(time.Duration(h)*time.Hour).Format("2006-01-02 15:04"), 100+h%24*7+h%5)
	}
	// As on the page on explain: three releases rose to three times.
	table := "os_version,observed,expected\n18.10,2340,780\n26.0,2280,760\n18.4,2220,740\n17.5,1240,1240\n17.6,1220,1220\n17.7,1260,1260\n"
	for name, data := range map[string][]byte{
		"requests.csv":  []byte(table),
		"access.log.gz": packed, "logins.csv": []byte(counts.String()), "decision.txt": []byte("Two passwords are reset.\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, fs.FileMode(0o644)); err != nil {
			t.Fatal(err)
		}
	}
}
