package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mailvigil/internal/evidence"
	"mailvigil/internal/message"
	"mailvigil/verdict"
)

// following is what one run of evidence was asked for.
type following struct {
	file  string
	ids   []string
	logs  []string
	json  string
	raw   bool
	check bool
}

func (a *app) evidenceCommand() *cobra.Command {
	var in following
	cmd := &cobra.Command{
		Use:   "evidence VERDICT.json [ID…]",
		Short: "Show the raw lines behind a verdict",
		Long: `Reads the lines that a verdict rests on from the files it names. An ID is that
of a line, a finding, an incident or a statement within one; an account, an
address, a device or a session stands for all that is said of it. Without ID it
lists what can be followed.

A line is shown only where its hash is the verdict's. Where it stands elsewhere
now, as after rotation, it is found and that is said; where the file changed or
is gone, that is said instead. --check does this for every line, and compares
every file that the verdict was made of.

Exit code: 0 all is there, 10 something changed or is gone, 1 error, 2 wrong
command line.`,
		Example: `  mailvigil evidence verdict.json
  mailvigil evidence verdict.json incident-1
  mailvigil evidence verdict.json --logs /mnt/backup anna@parl.example
  mailvigil evidence verdict.json --raw incident-1 | less
  mailvigil evidence verdict.json --check`,
		Args: atLeast(1, "the verdict, as investigate --json wrote it,"),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.file, in.ids = args[0], args[1:]
			switch {
			case in.check && len(in.ids) > 0:
				return usagef("--check looks at all of the verdict; leave out %q", in.ids[0])
			case in.raw && in.json != "":
				return usagef("--raw and --json exclude each other")
			case in.raw && len(in.ids) == 0:
				return usagef("--raw needs an ID; without --raw the command lists them")
			}
			return a.evidence(cmd.Context(), in)
		},
	}
	jsonFlag(cmd, &in.json, "what was found")
	flags := cmd.Flags()
	flags.StringArrayVar(&in.logs, "logs", nil, "look in `PATH`, a file or a folder, instead of where the verdict says; may be repeated")
	flags.BoolVar(&in.raw, "raw", false, "the lines as they are, nothing else: for pipes, not for terminals")
	flags.BoolVar(&in.check, "check", false, "compare every file that the verdict was made of, and find every line")
	return cmd
}

func (a *app) evidence(ctx context.Context, in following) error {
	v, err := a.readVerdict(in.file)
	if err != nil {
		return err
	}
	o := evidence.Options{Folder: filepath.Dir(in.file), Logs: in.logs}
	if in.check {
		return a.checkEvidence(ctx, v, o, in)
	}
	if len(in.ids) == 0 {
		return a.listEvidence(v, in)
	}
	var statements []evidence.Statement
	var cited []verdict.Evidence
	for _, id := range in.ids {
		found, err := evidence.Select(v, id)
		if err != nil {
			return fmt.Errorf("%s: %w; \"mailvigil evidence %s\" lists them", printable(id), err, printable(in.file))
		}
		for _, s := range found {
			statements = append(statements, s)
			cited = append(cited, s.Lines...)
		}
	}
	lines, err := evidence.Find(ctx, v, cited, o)
	if err != nil {
		return err
	}
	switch {
	case in.raw:
		err = a.rawEvidence(lines)
	case in.json != "":
		err = a.writeJSON(in.json, evidenceJSON(statements, lines))
	}
	if err == nil && !in.raw && in.json != "-" {
		err = a.tellEvidence(statements, lines)
	}
	if err != nil {
		return err
	}
	return lost(lines, nil)
}

// lost is the exit code.
func lost(lines []evidence.Line, files []evidence.File) error {
	for _, l := range lines {
		if l.Status.Lost() {
			return &exitError{10}
		}
	}
	for _, f := range files {
		if f.Status.Lost() {
			return &exitError{10}
		}
	}
	return nil
}

func (a *app) listEvidence(v *verdict.Verdict, in following) error {
	all := evidence.Statements(v)
	if in.json != "" {
		type listed struct {
			evidence.Statement
			Cited []string `json:"lines"`
		}
		out := make([]listed, 0, len(all))
		for _, s := range all {
			l := listed{Statement: s, Cited: []string{}}
			for _, e := range s.Lines {
				l.Cited = append(l.Cited, e.ID)
			}
			out = append(out, l)
		}
		if err := a.writeJSON(in.json, out); err != nil || in.json == "-" {
			return err
		}
	}
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%-32s %3d  %s\n", message.Safe(s.ID), len(s.Lines), shorten(s.Text))
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// shorten keeps a statement on a line of the screen or two.
func shorten(s string) string {
	text := []rune(message.Safe(s))
	if len(text) > 160 {
		text = append(text[:159], '…')
	}
	return string(text)
}

func (a *app) rawEvidence(lines []evidence.Line) error {
	for _, l := range lines {
		if l.Status.Lost() {
			fmt.Fprintf(a.stderr, "%s: %s, %s\n", lineName(l), l.Status, message.Safe(l.Note))
			continue
		}
		if _, err := a.stdout.Write(append(l.Raw, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// lineName is where the verdict says that a line stands.
func lineName(l evidence.Line) string {
	return fmt.Sprintf("%s:%d", message.Safe(l.File), l.Line)
}

func (a *app) tellEvidence(statements []evidence.Statement, lines []evidence.Line) error {
	var b strings.Builder
	next := 0
	for i, s := range statements {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s  %s\n", message.Safe(s.ID), shorten(s.Text))
		if s.Note != "" {
			fmt.Fprintf(&b, "%s\n", s.Note)
		}
		if len(s.Lines) == 0 {
			b.WriteString("  no line is cited for it\n")
		}
		for range s.Lines {
			writeLine(&b, lines[next])
			next++
		}
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

func writeLine(b *strings.Builder, l evidence.Line) {
	fmt.Fprintf(b, "  %s\n", lineName(l))
	switch {
	case l.Status.Lost():
		fmt.Fprintf(b, "    %s: %s\n", strings.ToUpper(string(l.Status)), message.Safe(l.Note))
		return
	case l.Status == evidence.Moved && l.Number > 0:
		fmt.Fprintf(b, "    moved to %s:%d\n", message.Safe(l.Path), l.Number)
	case l.Status == evidence.Moved:
		fmt.Fprintf(b, "    moved to %s, byte %d\n", message.Safe(l.Path), l.Offset)
	}
	fmt.Fprintf(b, "    %s\n", message.Safe(string(l.Raw)))
}

func (a *app) checkEvidence(ctx context.Context, v *verdict.Verdict, o evidence.Options, in following) error {
	files, err := evidence.Check(ctx, v, o)
	if err != nil {
		return err
	}
	var cited []verdict.Evidence
	for _, s := range evidence.Statements(v) {
		if !strings.Contains(s.ID, "/hypothesis-") { // they cite the incident's
			cited = append(cited, s.Lines...)
		}
	}
	lines, err := evidence.Find(ctx, v, cited, o)
	if err != nil {
		return err
	}
	if in.json != "" {
		out := checkedJSON{Files: []fileJSON{}, Lines: linesJSON(lines)}
		for _, f := range files {
			out.Files = append(out.Files, fileJSON{f.Used, f.Status, f.Path, f.Note})
		}
		if err := a.writeJSON(in.json, out); err != nil {
			return err
		}
	}
	if in.json != "-" {
		if err := a.tellCheck(files, lines); err != nil {
			return err
		}
	}
	return lost(lines, files)
}

func (a *app) tellCheck(files []evidence.File, lines []evidence.Line) error {
	var b strings.Builder
	counts := make(map[evidence.Status]int)
	for _, f := range files {
		counts[f.Status]++
		if f.Status != evidence.Unchanged {
			fmt.Fprintf(&b, "%-10s %s", f.Status, message.Safe(f.File))
			if f.Note != "" {
				fmt.Fprintf(&b, ": %s", message.Safe(f.Note))
			}
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(&b, "Files: %s.\n", tally(counts, len(files)))
	clear(counts)
	for _, l := range lines {
		counts[l.Status]++
		if l.Status.Lost() {
			fmt.Fprintf(&b, "%-10s %s: %s\n", l.Status, lineName(l), message.Safe(l.Note))
		}
	}
	fmt.Fprintf(&b, "Lines: %s.\n", tally(counts, len(lines)))
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// tally says how many of each there are.
func tally(counts map[evidence.Status]int, all int) string {
	if all == 0 {
		return "none"
	}
	var parts []string
	for _, s := range []evidence.Status{
		evidence.Unchanged, evidence.Grown, evidence.Moved, evidence.Changed,
		evidence.Gone, evidence.Unreadable, evidence.Unhashed,
	} {
		if n := counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(parts, ", ")
}

// lineJSON is a line for programs.
type lineJSON struct {
	ID     string          `json:"id"`
	File   string          `json:"file"`
	Line   int64           `json:"line"`
	Offset int64           `json:"offset"`
	SHA256 string          `json:"sha256"`
	Status evidence.Status `json:"status"`
	Found  *placeJSON      `json:"found,omitempty"`
	Text   string          `json:"text,omitempty"`
	Note   string          `json:"note,omitempty"`
}

type placeJSON struct {
	File   string `json:"file"`
	Line   int64  `json:"line,omitempty"`
	Offset int64  `json:"offset"`
}

type fileJSON struct {
	verdict.Used
	Status evidence.Status `json:"status"`
	Path   string          `json:"path,omitempty"`
	Note   string          `json:"note,omitempty"`
}

type checkedJSON struct {
	Files []fileJSON `json:"files"`
	Lines []lineJSON `json:"lines"`
}

func linesJSON(lines []evidence.Line) []lineJSON {
	out := make([]lineJSON, 0, len(lines))
	for _, l := range lines {
		j := lineJSON{
			ID: l.ID, File: l.File, Line: l.Line, Offset: l.Evidence.Offset, SHA256: l.SHA256,
			Status: l.Status, Text: string(l.Raw), Note: l.Note,
		}
		if l.Path != "" {
			j.Found = &placeJSON{l.Path, l.Number, l.Offset}
		}
		out = append(out, j)
	}
	return out
}

func evidenceJSON(statements []evidence.Statement, lines []evidence.Line) any {
	type followed struct {
		evidence.Statement
		Found []lineJSON `json:"lines"`
	}
	out := make([]followed, 0, len(statements))
	for _, s := range statements {
		out = append(out, followed{s, linesJSON(lines[:len(s.Lines)])})
		lines = lines[len(s.Lines):]
	}
	return out
}

// used hashes a file that a verdict was made of besides the logs.
func used(kind verdict.UsedKind, path string) (verdict.Used, error) {
	f, err := os.Open(path)
	if err != nil {
		return verdict.Used{}, fmt.Errorf("hash %s: %w", printable(path), err)
	}
	u, err := usedContent(kind, path, f)
	return u, errors.Join(err, f.Close())
}

func usedContent(kind verdict.UsedKind, name string, r io.Reader) (verdict.Used, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return verdict.Used{}, fmt.Errorf("hash %s: %w", printable(name), err)
	}
	return verdict.Used{Kind: kind, File: name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}
