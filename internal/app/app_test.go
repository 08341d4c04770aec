package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mailvigil/internal/app"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"mailvigil": func() {
			os.Exit(app.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, time.Now))
		},
	})
}

func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a process for each line: what they do side by side, the tests of the packages do")
	}
	w := newWorlds(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("ESCAPE", "\x1b[31mred")
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if path, ok := strings.CutPrefix(cond, "exists:"); ok {
				_, err := os.Stat(path)
				return err == nil, nil
			}
			return false, fmt.Errorf("there is no condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fakewatch":   fakewatch,
			"counts":      counts,
			"halve":       halve,
			"events":      events,
			"exits":       exits,
			"follows":     follows,
			"pack":        pack,
			"statefolder": stateFolder,
			"table":       table,
			"world":       w.world,
			"webserver":   webserver,
		},
	})
}

// exits runs a command and demands its exit code: exits 2 mailvigil ...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s exited with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// No process is needed, and none of the process's own arguments are read.
func TestRunWithoutArguments(t *testing.T) {
	var out, errs bytes.Buffer
	if code := app.Run(context.Background(), nil, strings.NewReader(""), &out, &errs, time.Now); code != 0 {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	if !strings.Contains(out.String(), "mailvigil investigate") {
		t.Errorf("no help was shown: %q", out.String())
	}
}

// What is stopped by a signal ends with one clear sentence.
func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	code := app.Run(ctx, []string{"parse", "-"}, strings.NewReader("a line\n"), &out, &errs, time.Now)
	if want := "mailvigil: stopped before the end\n"; code != 1 || errs.String() != want {
		t.Errorf("got %d and %q, want 1 and %q", code, errs.String(), want)
	}
}
