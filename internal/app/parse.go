package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/config"
	"mailvigil/internal/intake"
	"mailvigil/maillog"
)

// parsing is what the flags of parse ask for.
type parsing struct {
	s      settings
	mixed  bool
	format string
	to     string
	out    string
	json   string
	raw    bool
}

// outputs are the values of --to, each with what it is.
var outputs = []string{
	"json\tone object a line, in the words of Mailvigil",
	"ocsf\tone event of the Open Cybersecurity Schema Framework a line",
	"parquet\ta table for DuckDB, ClickHouse, Spark or pandas",
}

func (a *app) parseCommand() *cobra.Command {
	var p parsing
	cmd := &cobra.Command{
		Use:   "parse PATH…",
		Short: "Write what every line says, as JSON, as OCSF or as a Parquet file",
		Long: `Reads files and folders as investigate does, and writes one JSON object for
every line: the event that it states, or {"line":n,"unparsed":true,"why":"…"}.
"-" reads text from standard input as it comes. Accounts and addresses are
shown as the software wrote them.

With --to ocsf an event becomes an Authentication, HTTP Activity or Email
Activity event of the Open Cybersecurity Schema Framework; with --to parquet a
row of a table. Lines that state no event are left out of these, and counted on
standard error. A Parquet file gets its name when it is whole.`,
		Example: `  mailvigil parse --tz Europe/Brussels /var/log/dovecot.log
  tail -f /var/log/mail.log | mailvigil parse --mixed - | jq 'select(.outcome=="failure")'
  mailvigil parse --to ocsf --out events.ndjson /var/log/nginx
  mailvigil parse --to parquet --out mail.parquet /var/log/mail.log*
  duckdb -c "SELECT account, count(*) FROM 'mail.parquet' WHERE outcome='failure' GROUP BY ALL"`,
		Args: atLeast(1, "the file to parse (- for standard input)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, zone, err := p.s.load()
			if err != nil {
				return err
			}
			format, err := p.check(cmd)
			if err != nil {
				return err
			}
			return a.parse(cmd.Context(), args, zone, format, &p)
		},
	}
	p.s.registerZone(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&p.mixed, "mixed", false, "tell the format of every line by itself")
	flags.StringVar(&p.format, "format", "", "`FORMAT` of all lines, one that \"mailvigil formats\" lists (default: told by their content)")
	flags.StringVar(&p.to, "to", "json", "what to write: `json`, ocsf or parquet")
	flags.StringVar(&p.out, "out", "-", "write to `FILE`, - for standard output")
	flags.BoolVar(&p.raw, "raw", false, "write the line itself too")
	jsonFlag(cmd, &p.json, "what every line says")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formatNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// check settles what the flags say together, before anything is read.
func (p *parsing) check(cmd *cobra.Command) (maillog.Format, error) {
	var words []string
	for _, o := range outputs {
		word, _, _ := strings.Cut(o, "\t")
		words = append(words, word)
	}
	if !slices.Contains(words, p.to) {
		hint := ""
		if near := config.Closest(p.to, words); near != "" {
			hint = fmt.Sprintf("; did you mean %s?", near)
		}
		return 0, usagef("--to cannot be %q: it is json, ocsf or parquet%s", p.to, hint)
	}
	if cmd.Flags().Changed("json") {
		if p.to != "json" || cmd.Flags().Changed("out") {
			return 0, usagef("--json FILE is the same as --to json --out FILE; leave out one of them")
		}
		p.out = p.json
	}
	if p.out == "" {
		return 0, usagef("the file to write to has no name; - is standard output")
	}
	if p.format == "" {
		return maillog.FormatNone, nil
	}
	if p.mixed {
		return 0, usagef("--format says that all lines are alike, --mixed that they are not; leave out one of them")
	}
	for _, f := range maillog.Formats() {
		if f.Name == p.format {
			return f.Format, nil
		}
	}
	if near := config.Closest(p.format, formatNames()); near != "" {
		return 0, usagef("there is no format %q; did you mean %s?", p.format, near)
	}
	return 0, &usageError{text: fmt.Sprintf("there is no format %q", p.format), hint: `Run "mailvigil formats" for those that are read.`}
}

// sink is where the lines go.
type sink interface {
	// event takes an event, which it must not keep.
	event(ev *maillog.Event, file string, l intake.Line) error
	// left takes a line that states none, and why.
	left(file string, l intake.Line, why string) error
	// flush shows what was written to whoever waits for it.
	flush() error
	// finish ends what was written, abort what cannot be finished.
	finish() error
	abort()
}

func (a *app) parse(ctx context.Context, paths []string, zone *time.Location, format maillog.Format, p *parsing) error {
	if err := a.writable(p); err != nil {
		return err
	}
	options := maillog.Options{Format: format, Mixed: p.mixed, Location: zone, Reference: a.now()}
	if len(paths) == 1 && paths[0] == "-" {
		return a.parseInto(zone, p, func(r *lineReader) error {
			r.parser = maillog.NewParser(options)
			return eachLine(ctx, a.stdin, r.out.flush, r.line)
		})
	}
	set, err := intake.Discover(ctx, paths, intake.Options{Location: zone, Now: a.now(), Stdin: a.stdin, Format: format})
	if err != nil {
		return err
	}
	defer set.Close()
	problems := make([]error, 0, len(set.Problems))
	for _, p := range set.Problems {
		problems = append(problems, &p)
	}
	if len(set.Files) == 0 {
		return errors.Join(problems...) // what stood in the file of --out stays
	}
	err = a.parseInto(zone, p, func(r *lineReader) error {
		source := ""
		for _, f := range set.Files {
			if len(set.Files) > 1 || p.to != "json" {
				r.file = f.Name
			}
			// The files of one source refer to each other's lines.
			if r.parser == nil || f.Source != source {
				options.Format, options.Reference = f.Format, f.Reference
				r.parser = maillog.NewParser(options)
				source = f.Source
			} else {
				r.parser.NextFile(f.Reference, f.Format)
			}
			var problem *intake.Problem
			if _, err := f.Read(ctx, nil, r.line); errors.As(err, &problem) {
				problems = append(problems, problem) // the other files go on
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return errors.Join(problems...)
}

// parseInto makes the sink, lets read fill it, and ends it.
func (a *app) parseInto(zone *time.Location, p *parsing, read func(*lineReader) error) error {
	out, err := a.sink(zone, p)
	if err != nil {
		return err
	}
	r := &lineReader{out: out}
	if err := read(r); err != nil {
		out.abort()
		return err
	}
	if err := out.finish(); err != nil {
		return err
	}
	if n := r.ignored + r.rejected; n > 0 && p.to != "json" {
		fmt.Fprintf(a.stderr, "mailvigil: %s of %d left out: %d state no event, %d could not be read; --to json shows which\n",
			plural(n, "line"), r.lines, r.ignored, r.rejected)
	}
	return nil
}

func plural(n int64, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

// lineReader hands what lines say to a sink.
type lineReader struct {
	out    sink
	parser *maillog.Parser
	file   string
	ev     maillog.Event

	lines, ignored, rejected int64
}

var (
	whyOverlong = fmt.Sprintf("longer than %d bytes", intake.MaxLine)
	whyIgnored  = "understood, and states no event"
)

func (r *lineReader) line(l intake.Line) error {
	r.lines++
	if l.Overlong {
		r.rejected++
		return r.out.left(r.file, l, whyOverlong)
	}
	switch res := r.parser.Parse(l.Bytes, &r.ev); {
	case res.Kind == maillog.Parsed:
		return r.out.event(&r.ev, r.file, l)
	case res.Why != "":
		r.rejected++
		return r.out.left(r.file, l, res.Why)
	}
	r.ignored++
	return r.out.left(r.file, l, whyIgnored)
}

// eachLine reads text as it comes and hands out each line. Where the input
// pauses, what was written is flushed, so that a log that is followed shows at
// once; this is why it does not go through intake, which keeps standard input
// for a second pass.
func eachLine(ctx context.Context, r io.Reader, flush func() error, fn func(intake.Line) error) error {
	in := bufio.NewReaderSize(&interruptible{ctx: ctx, r: r, buf: make([]byte, 4*intake.MaxLine)}, 4*intake.MaxLine)
	var (
		l    intake.Line
		cut  []byte // the beginning of a line that is too long
		skip bool
	)
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if !skip {
				cut, skip = append(cut[:0], line[:intake.MaxLine]...), true
			}
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read standard input: %w", err)
		}
		if len(line) > 0 || skip {
			l.Number++
			if l.Bytes, l.Overlong = trimNewline(line), skip; skip {
				l.Bytes, skip = cut, false
			} else if len(l.Bytes) > intake.MaxLine {
				l.Bytes, l.Overlong = l.Bytes[:intake.MaxLine], true
			}
			if err := fn(l); err != nil {
				return err
			}
		}
		if err != nil {
			return ctx.Err()
		}
		// Asking the context for every line costs more than reading it.
		if in.Buffered() == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

// interruptible reads until the context ends, also where the reader waits for
// what does not come. The reader is left behind then.
type interruptible struct {
	ctx  context.Context
	r    io.Reader
	buf  []byte // what the reader writes to
	have []byte // of it, not handed on yet
	err  error
}

func (i *interruptible) Read(b []byte) (int, error) {
	if len(i.have) == 0 && i.err == nil {
		done := make(chan int, 1)
		var err error
		go func() {
			n, e := i.r.Read(i.buf)
			err = e
			done <- n
		}()
		select {
		case n := <-done:
			i.have, i.err = i.buf[:n], err
		case <-i.ctx.Done():
			return 0, i.ctx.Err()
		}
	}
	n := copy(b, i.have)
	i.have = i.have[n:]
	if n > 0 {
		return n, nil
	}
	return 0, i.err
}

func trimNewline(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}
