package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/config"
	"mailvigil/internal/doctor"
	"mailvigil/internal/intake"
	"mailvigil/internal/message"
)

func (a *app) doctorCommand() *cobra.Command {
	var (
		s    settings
		file string
	)
	cmd := &cobra.Command{
		Use:   "doctor PATH…",
		Short: "Say what the logs cannot tell, and which settings would change that",
		Long: `Reads the newest files of every log as investigate does, says what they tell
and what they cannot, and names the lines to add to which server's configuration
so that they do. Only what the lines themselves show to be missing is advised,
with how often and an example.

Exit code: 0 nothing is missing, 10 there is advice, 1 error, 2 wrong command
line.`,
		Example: `  mailvigil doctor --tz Europe/Brussels /var/log/nginx /var/log/dovecot
  mailvigil doctor --json - logs/ | jq -r '.advice[].title'`,
		Args: atLeast(1, "the file or folder of logs to look at"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, zone, err := s.load()
			if err != nil {
				return err
			}
			return a.doctor(cmd.Context(), args, cfg, zone, s.tz != "", file)
		},
	}
	s.registerZone(cmd)
	jsonFlag(cmd, &file, "what was found")
	return cmd
}

func (a *app) doctor(ctx context.Context, paths []string, cfg *config.Config, zone *time.Location, zoneGiven bool, file string) (err error) {
	set, err := a.discover(ctx, paths, zone, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	if len(set.Files) == 0 {
		return noLogs(paths, set)
	}
	examiner := doctor.New(doctor.Options{Location: zone, ZoneTold: zoneGiven || cfg.Zone != nil})
	problems := make([]error, 0, len(set.Problems))
	for _, p := range set.Problems {
		problems = append(problems, &p)
	}
	for _, files := range bySource(set.Files) {
		found, err := examine(ctx, examiner, files)
		if err != nil {
			return err
		}
		problems = append(problems, found...)
	}
	report := examiner.Report()
	if file != "" {
		if err := a.writeJSON(file, report); err != nil {
			return err
		}
	}
	if file != "-" {
		if err := writeDoctor(a.stdout, report); err != nil {
			return err
		}
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	if len(report.Advice) > 0 {
		return &exitError{10}
	}
	return nil
}

// enoughLines of one source show how its server is set up.
const enoughLines = 400_000

var errEnough = errors.New("enough lines were read")

// examine reads the newest of a source's files, since settings may have been
// changed, until there are enough lines.
func examine(ctx context.Context, examiner *doctor.Examiner, files []*intake.File) (problems []error, err error) {
	newest := files[len(files)-1]
	source := examiner.Source(newest.Name, len(files), files[0].First)
	defer source.End()
	left := enoughLines
	for i := len(files) - 1; i >= 0 && left > 0; i-- {
		f := files[i]
		source.File(f.Name, f.Format, f.Reference)
		var problem *intake.Problem
		_, err := f.Read(ctx, nil, func(l intake.Line) error {
			source.Line(l.Number, l.Bytes)
			if left--; left <= 0 {
				return errEnough
			}
			return nil
		})
		if errors.As(err, &problem) {
			problems = append(problems, problem) // the other files go on
		} else if err != nil && !errors.Is(err, errEnough) {
			return nil, err
		}
	}
	return problems, nil
}

// shownEvidence is of how many sources an advice cites a line.
const shownEvidence = 3

// writeDoctor shows the advice last, where it is seen.
func writeDoctor(w io.Writer, r doctor.Report) error {
	var b strings.Builder
	for _, s := range r.Sources {
		writeSource(&b, s)
	}
	if len(r.Advice) == 0 {
		b.WriteString("Nothing is missing that a setting would add.\n")
	} else {
		b.WriteString("WHAT TO CHANGE\n")
	}
	for i, advice := range r.Advice {
		fmt.Fprintf(&b, "\n%d. %s\n   %s\n", i+1, advice.Title, advice.Why)
		for j, e := range advice.Evidence {
			if j == shownEvidence {
				fmt.Fprintf(&b, "   and in %d more logs\n", len(advice.Evidence)-j)
				break
			}
			fmt.Fprintf(&b, "   Seen: %d of %d %s\n", e.Count, e.Of, e.Text)
			writeExample(&b, "     ", e)
		}
		for _, c := range advice.Changes {
			fmt.Fprintf(&b, "   %s", c.Server)
			if c.File != "" {
				fmt.Fprintf(&b, ": %s", c.File)
			}
			b.WriteByte('\n')
			for _, line := range c.Lines {
				fmt.Fprintf(&b, "       %s\n", line)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeSource(b *strings.Builder, s doctor.SourceReport) {
	fmt.Fprintln(b, printable(s.Name))
	which := "all of it"
	switch {
	case s.FilesRead < s.Files:
		which = fmt.Sprintf("from the newest %d of %d files", s.FilesRead, s.Files)
	case s.Files > 1:
		which = fmt.Sprintf("from all %d files", s.Files)
	case s.Lines >= enoughLines:
		which = "from its beginning"
	}
	fmt.Fprintf(b, "  read         %d lines, %s", s.Lines, which)
	if s.From != "" {
		fmt.Fprintf(b, "; %s to %s", s.From, s.To)
	}
	b.WriteByte('\n')
	if len(s.Formats) == 0 {
		b.WriteString("  tells        nothing about people or their mail\n")
	}
	for _, f := range s.Formats {
		fmt.Fprintf(b, "  tells        %s: %d events", f.Format, f.Events)
		if f.Logins > 0 {
			fmt.Fprintf(b, ", %d sign-ins", f.Logins)
		}
		if f.Failures > 0 {
			fmt.Fprintf(b, ", %d refused (%s with the reason)", f.Failures, percent(f.Reasons, f.Failures))
		}
		fmt.Fprintf(b, "; account %s, address %s, program %s\n",
			percent(f.Accounts, f.Events), percent(f.Addresses, f.Events), percent(f.Clients, f.Events))
		head := "cannot tell"
		for _, not := range f.CannotTell {
			fmt.Fprintf(b, "  %-11s  %s\n", head, not)
			head = ""
		}
	}
	for _, e := range s.Unread {
		if e.Count*100 >= e.Of { // a line here and there is cut wherever disks fill up
			fmt.Fprintf(b, "  unread       %d %s\n", e.Count, e.Text)
			writeExample(b, "               ", e)
		}
	}
	b.WriteByte('\n')
}

func writeExample(b *strings.Builder, indent string, e doctor.Evidence) {
	const width = 200
	text := []rune(message.Safe(e.Example))
	if len(text) > width {
		text = append(text[:width], '…')
	}
	fmt.Fprintf(b, "%s%s:%d: %s\n", indent, printable(e.File), e.Line, string(text))
}

// percent says a share without rounding some to none, or most to all.
func percent(n, of int64) string {
	switch {
	case of == 0 || n == 0:
		return "0 %"
	case n*100 < of:
		return "<1 %"
	}
	return fmt.Sprintf("%d %%", 100*n/of)
}
