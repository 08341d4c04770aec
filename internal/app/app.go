// Package app is the command line: it builds the tree of commands, checks
// their arguments, and wires the packages that do the work.
//
// It holds no logic of its own about logs, traffic or attacks. It is the one
// package that may import all others, and is called by cmd/mailvigil and by
// tests, which need no process for it.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// app is what a command needs of the world.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
}

// Run carries out one command and returns the exit code of the process: what
// the command states (see exitCode for investigate), 1 for an error, 2 for a
// command line that cannot be carried out. Errors have been told on stderr
// when it returns.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, now func() time.Time) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, now: now}
	root := a.command()
	if args == nil {
		args = []string{} // cobra would read the process's own
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)

	cmd, err := root.ExecuteContextC(ctx)
	var usage *usageError
	var exit *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "mailvigil: %v\n", err)
		if usage.hint == "" {
			fmt.Fprintf(stderr, "Run \"%s --help\" for its flags and examples.\n", cmd.CommandPath())
		} else {
			fmt.Fprintln(stderr, usage.hint)
		}
		return 2
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "mailvigil: stopped before the end")
		return 1
	}
	fmt.Fprintf(stderr, "mailvigil: %v\n", err)
	return 1
}

// exitError ends a command with an exit code that is an answer, not an error.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// usageError says what is wrong with the command line, and what to do next
// where --help is not the answer.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) *usageError {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "mailvigil",
		Short: "Keep watch over an organisation's mail service",
		Long: `Mailvigil reads the logs of mail software, learns what traffic is normal for
each hour, and says what is not, why, and whom it concerns.`,
		Example: `  mailvigil demo
  mailvigil init
  mailvigil investigate --tz Europe/Brussels /var/log/nginx /var/log/dovecot
  mailvigil trace /var/log/dovecot.log:4711`,
		Version:       version(),
		Args:          a.noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		a.initCommand(),
		a.investigateCommand(),
		a.watchCommand(),
		a.reportCommand(),
		a.revealCommand(),
		a.demoCommand(),
		a.simulateCommand(),
		a.statusCommand(),
		a.incidentsCommand(),
		a.incidentCommand(),
		a.expectCommand(),
		a.vigilanceCommand(),
		a.reloadCommand(),
		a.configCommand(),
		a.evidenceCommand(),
		a.ledgerCommand(),
		a.backupCommand(),
		a.restoreCommand(),
		a.doctorCommand(),
		a.traceCommand(),
		a.queryCommand(),
		a.whoCommand(),
		a.sessionsCommand(),
		a.timelineCommand(),
		a.enrichCommand(),
		a.probeCommand(),
		a.notifyCommand(),
		a.parseCommand(),
		a.formatsCommand(),
		a.explainCommand(),
		a.seriesCommand(),
		a.versionCommand(),
		a.completionCommand(),
		a.manCommand(),
	)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(a.helpCommand())
	return root
}

func (a *app) noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("there is no command %q; did you mean %s?", args[0], near[0])
	}
	return usagef("there is no command %q", args[0])
}
