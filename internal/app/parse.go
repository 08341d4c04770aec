package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/intake"
	"mailvigil/maillog"
)

func (a *app) parseCommand() *cobra.Command {
	var (
		s     settings
		mixed bool
	)
	cmd := &cobra.Command{
		Use:   "parse PATH…",
		Short: "Write what every line says as JSON, one object a line",
		Long: `Reads files and folders as investigate does, and writes one JSON object for
every line: the event that it states, or {"line":n,"unparsed":true,"why":"…"}.
"-" reads text from standard input as it comes. Accounts and addresses are
shown as the software wrote them.`,
		Example: `  mailvigil parse --tz Europe/Brussels /var/log/dovecot.log
  tail -f /var/log/mail.log | mailvigil parse --mixed - | jq 'select(.outcome=="failure")'`,
		Args: atLeast(1, "the file to parse (- for standard input)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, zone, err := s.load()
			if err != nil {
				return err
			}
			return a.parse(cmd.Context(), args, zone, mixed)
		},
	}
	s.registerZone(cmd)
	cmd.Flags().BoolVar(&mixed, "mixed", false, "tell the format of every line by itself")
	return cmd
}

// parsedLine is the contract of parse. Account is as the software wrote it.
type parsedLine struct {
	File      string `json:"file,omitempty"` // where several are read
	Line      int64  `json:"line"`
	Format    string `json:"format,omitempty"`
	Time      string `json:"time,omitempty"`
	Service   string `json:"service,omitempty"`
	Action    string `json:"action,omitempty"`
	Outcome   string `json:"outcome,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Account   string `json:"account,omitempty"`
	ClientIP  string `json:"client_ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	Device    string `json:"device,omitempty"`
	Session   string `json:"session,omitempty"`
	Mechanism string `json:"mechanism,omitempty"`
	Status    uint16 `json:"status,omitempty"`
	Bytes     int64  `json:"bytes,omitempty"`
	Unparsed  bool   `json:"unparsed,omitempty"`
	Why       string `json:"why,omitempty"`
}

func (a *app) parse(ctx context.Context, paths []string, zone *time.Location, mixed bool) error {
	out := bufio.NewWriterSize(a.stdout, 64<<10)
	defer out.Flush() // what was written before an error is of use
	w := &lineWriter{enc: json.NewEncoder(out), zone: zone}
	w.enc.SetEscapeHTML(false)

	if len(paths) == 1 && paths[0] == "-" {
		w.parser = maillog.NewParser(maillog.Options{Mixed: mixed, Location: zone, Reference: a.now()})
		if err := eachLine(ctx, a.stdin, out, w.write); err != nil {
			return err
		}
		return out.Flush()
	}
	set, err := intake.Discover(ctx, paths, intake.Options{Location: zone, Now: a.now(), Stdin: a.stdin})
	if err != nil {
		return err
	}
	defer set.Close()
	problems := make([]error, 0, len(set.Problems))
	for _, p := range set.Problems {
		problems = append(problems, &p)
	}
	source := ""
	for _, f := range set.Files {
		if len(set.Files) > 1 {
			w.file = f.Name
		}
		// The files of one source refer to each other's lines.
		if w.parser == nil || f.Source != source {
			w.parser = maillog.NewParser(maillog.Options{Format: f.Format, Mixed: mixed, Location: zone, Reference: f.Reference})
			source = f.Source
		} else {
			w.parser.NextFile(f.Reference, f.Format)
		}
		var problem *intake.Problem
		if _, err := f.Read(ctx, nil, w.write); errors.As(err, &problem) {
			problems = append(problems, problem) // the other files go on
		} else if err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return errors.Join(problems...)
}

type lineWriter struct {
	enc    *json.Encoder
	parser *maillog.Parser
	zone   *time.Location
	file   string
	ev     maillog.Event
}

func (w *lineWriter) write(l intake.Line) error {
	out := parsedLine{File: w.file, Line: l.Number}
	if l.Overlong {
		out.Unparsed, out.Why = true, fmt.Sprintf("longer than %d bytes", intake.MaxLine)
		return w.enc.Encode(&out)
	}
	switch res := w.parser.Parse(l.Bytes, &w.ev); {
	case res.Kind == maillog.Parsed:
		w.event(&out)
	case res.Why != "":
		out.Unparsed, out.Why = true, res.Why
	default:
		out.Unparsed, out.Why = true, "understood, and states no event"
	}
	return w.enc.Encode(&out)
}

func (w *lineWriter) event(out *parsedLine) {
	ev := &w.ev
	out.Format = ev.Format.String()
	out.Time = time.Unix(0, ev.Time).In(w.zone).Format(time.RFC3339Nano)
	out.Service, out.Action, out.Outcome = ev.Service.String(), ev.Action.String(), ev.Outcome.String()
	out.Reason = ev.Reason
	out.Account = string(ev.Account)
	if ev.ClientIP.IsValid() {
		out.ClientIP = ev.ClientIP.String()
	}
	out.UserAgent, out.Device = string(ev.UserAgent), string(ev.Device)
	out.Session, out.Mechanism = string(ev.Session), string(ev.Mechanism)
	out.Status, out.Bytes = ev.Status, ev.Bytes
}

// eachLine reads text as it comes and hands out each line. Where the input
// pauses, what was written is flushed, so that a log that is followed shows at
// once; this is why it does not go through intake, which keeps standard input
// for a second pass.
func eachLine(ctx context.Context, r io.Reader, out *bufio.Writer, fn func(intake.Line) error) error {
	in := bufio.NewReaderSize(r, intake.MaxLine+2)
	var l intake.Line
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			l.Overlong = true
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read standard input: %w", err)
		}
		if len(line) > 0 || l.Overlong {
			l.Number++
			l.Bytes = trimNewline(line)
			if err := fn(l); err != nil {
				return err
			}
			l.Overlong = false
		}
		if err != nil {
			return nil
		}
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
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
