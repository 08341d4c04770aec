package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"mailvigil/internal/archive"
	"mailvigil/internal/intake"
	"mailvigil/internal/jsonl"
	"mailvigil/internal/ocsf"
	"mailvigil/maillog"
)

// writable refuses what nobody can want, before anything is read.
func (a *app) writable(p *parsing) error {
	if f, ok := a.stdout.(*os.File); ok && p.to == "parquet" && p.out == "-" && term.IsTerminal(int(f.Fd())) {
		return usagef("a Parquet file is nothing for a terminal; name a file with --out, or send it through a pipe")
	}
	return nil
}

// sink makes what --to and --out ask for.
func (a *app) sink(zone *time.Location, p *parsing) (sink, error) {
	if p.to == "parquet" {
		return a.parquetSink(p)
	}
	l := &lineSink{close: func() error { return nil }, raw: p.raw}
	w := a.stdout
	if p.out != "-" {
		f, err := os.Create(p.out)
		if err != nil {
			return nil, fmt.Errorf("write the result: %w", err)
		}
		w, l.close = f, f.Close
	}
	l.out = bufio.NewWriterSize(w, 64<<10)
	if p.to == "ocsf" {
		return &ocsfSink{lineSink: l, enc: ocsf.NewEncoder(releaseName(), zone)}, nil
	}
	return &jsonSink{lineSink: l, zone: zone}, nil
}

// lineSink writes lines of text.
type lineSink struct {
	out   *bufio.Writer
	close func() error
	raw   bool
}

func (s *lineSink) flush() error { return s.out.Flush() }

func (s *lineSink) finish() error {
	// What a full disk did not take shows only when the file is closed.
	if err := errors.Join(s.out.Flush(), s.close()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// abort keeps what was written before an error: it is of use.
func (s *lineSink) abort() { _ = s.finish() }

// jsonSink is the contract of parse; what is empty is left out.
type jsonSink struct {
	*lineSink
	w    jsonl.Writer
	zone *time.Location
}

func (s *jsonSink) event(ev *maillog.Event, file string, l intake.Line) error {
	w := &s.w
	w.Begin()
	w.Text("file", file)
	w.Int("line", l.Number)
	w.Text("format", ev.Format.String())
	w.Time("time", time.Unix(0, ev.Time).In(s.zone))
	w.Text("service", ev.Service.String())
	w.Text("action", ev.Action.String())
	w.Text("outcome", ev.Outcome.String())
	w.Text("reason", ev.Reason)
	w.TextBytes("account", ev.Account)
	if ev.ClientIP.IsValid() {
		w.Addr("client_ip", ev.ClientIP)
	}
	w.TextBytes("user_agent", ev.UserAgent)
	w.TextBytes("device", ev.Device)
	w.TextBytes("session", ev.Session)
	w.TextBytes("mechanism", ev.Mechanism)
	if ev.Status != 0 {
		w.Int("status", int64(ev.Status))
	}
	if ev.Bytes != 0 {
		w.Int("bytes", ev.Bytes)
	}
	w.True("joined", ev.Joined)
	return s.end(l)
}

func (s *jsonSink) left(file string, l intake.Line, why string) error {
	s.w.Begin()
	s.w.Text("file", file)
	s.w.Int("line", l.Number)
	s.w.Literal("unparsed", "true")
	s.w.String("why", why)
	return s.end(l)
}

func (s *jsonSink) end(l intake.Line) error {
	if s.raw {
		s.w.Bytes("raw", l.Bytes)
	}
	_, err := s.out.Write(s.w.End())
	return err
}

// ocsfSink leaves out what is no event.
type ocsfSink struct {
	*lineSink
	enc *ocsf.Encoder
}

func (s *ocsfSink) event(ev *maillog.Event, file string, l intake.Line) error {
	at := ocsf.Line{File: file, Number: l.Number}
	if s.raw {
		at.Raw = l.Bytes
	}
	_, err := s.out.Write(s.enc.Encode(ev, at))
	return err
}

func (s *ocsfSink) left(string, intake.Line, string) error { return nil }

// parquetSink leaves out what is no event. A file that cannot be finished is
// removed: without its end it cannot be read.
type parquetSink struct {
	out    *archive.Writer
	commit func() error
	undo   func()
	raw    bool
}

func (a *app) parquetSink(p *parsing) (sink, error) {
	if p.out == "-" {
		buffered := bufio.NewWriterSize(a.stdout, 256<<10)
		w := archive.NewWriter(buffered, releaseName())
		return &parquetSink{out: w, commit: func() error { return finishStream(w, buffered) }, undo: func() {}, raw: p.raw}, nil
	}
	f, err := archive.Create(p.out, releaseName())
	if err != nil {
		return nil, err
	}
	return &parquetSink{out: f.Writer, commit: f.Commit, undo: f.Abort, raw: p.raw}, nil
}

func finishStream(w io.Closer, buffered *bufio.Writer) error {
	if err := w.Close(); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

func (s *parquetSink) event(ev *maillog.Event, file string, l intake.Line) error {
	at := archive.Line{File: file, Number: l.Number, Offset: l.Offset}
	if s.raw {
		at.Raw = l.Bytes
	}
	return s.out.Write(ev, at)
}

func (s *parquetSink) left(string, intake.Line, string) error { return nil }
func (s *parquetSink) flush() error                           { return nil }
func (s *parquetSink) finish() error                          { return s.commit() }
func (s *parquetSink) abort()                                 { s.undo() }
