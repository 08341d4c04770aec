package receive

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"mailvigil/internal/config"
	"mailvigil/internal/intake"
	"mailvigil/maillog"
)

const (
	// journalEntry is the longest entry that is read: journalctl writes null in
	// place of longer fields, and of a field that is no text its bytes as numbers.
	journalEntry = 1 << 20
	journalLines = 512
	cursorFile   = "journal.cursor"
	maxCursor    = 4 << 10
)

// journal reads systemd's journal by a child process, since its files change with
// systemd's versions: everything from the cursor on, at the first start all that
// there is. The cursor moves once the lines are in the queue.
func (r *Receivers) journal(j config.Journal) error {
	program := r.opt.Journalctl
	if program == "" {
		program = "journalctl"
	}
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("read the journal: %w; install systemd, or leave out journal", err)
	}
	if r.opt.Folder == "" {
		return errors.New("read the journal: there is no folder to keep its cursor in")
	}
	if err := os.MkdirAll(r.opt.Folder, 0o700); err != nil {
		return fmt.Errorf("make the folder of the journal's cursor: %w", err)
	}
	c := r.counters("journal")
	r.done.Go(func() {
		wait := time.Second
		for r.ctx.Err() == nil {
			before := c.queued.Load()
			err := r.followJournal(c, program, j)
			if r.ctx.Err() != nil {
				return
			}
			if err == nil {
				err = errors.New("journalctl ended by itself")
			}
			c.fail(err)
			r.opt.Log.Warn("the journal is read again in a moment", "error", err)
			if c.queued.Load() > before {
				wait = time.Second
			}
			if !pause(r.ctx, wait) {
				return
			}
			wait = min(2*wait, time.Minute)
		}
	})
	return nil
}

func (r *Receivers) followJournal(c *counters, program string, j config.Journal) error {
	args := []string{
		"--output=json", "--follow", "--no-tail", "--no-pager", "--all",
		"--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_PID,_SYSTEMD_UNIT,_HOSTNAME",
	}
	if j.Directory != "" {
		args = append(args, "--directory="+j.Directory)
	}
	for _, u := range j.Units {
		args = append(args, "--unit="+u)
	}
	file := filepath.Join(r.opt.Folder, cursorFile)
	switch cursor, err := os.ReadFile(file); {
	case err == nil && len(cursor) > 0 && len(cursor) <= maxCursor:
		args = append(args, "--after-cursor="+strings.TrimSpace(string(cursor)))
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("read the journal's cursor: %w", err)
	}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = 5 * time.Second
	var said tail
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	err = r.readJournal(ctx, c, out, func(cursor string) error { return writeCursor(file, cursor) })
	cancel()
	_ = cmd.Wait()
	if text := strings.TrimSpace(string(said.text)); text != "" && r.ctx.Err() == nil {
		return errors.Join(err, fmt.Errorf("journalctl says: %s", text))
	}
	return err
}

// tail keeps the end of what a child complains of.
type tail struct{ text []byte }

func (t *tail) Write(b []byte) (int, error) {
	t.text = append(t.text, b...)
	if n := len(t.text); n > 1<<10 {
		t.text = append(t.text[:0], t.text[n-1<<10:]...)
	}
	return len(b), nil
}

// readJournal puts entries into the queue and tells keep the cursor after that.
func (r *Receivers) readJournal(ctx context.Context, c *counters, from io.Reader, keep func(cursor string) error) error {
	in := bufio.NewReaderSize(from, 256<<10)
	var lines []intake.Received
	var long []byte
	cursor := ""
	for {
		text, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if len(long) <= journalEntry {
				long = append(long, text...)
			}
			continue
		}
		if err == nil {
			whole := true
			if len(long) > 0 {
				whole = len(long) <= journalEntry
				text = append(long, text...)
				long = nil
			}
			var e entry
			if !whole || json.Unmarshal(text, &e.raw) != nil || e.read() != nil {
				c.by[refusedMalformed].Add(1)
			} else {
				cursor = e.Cursor
				if e.Message == nil {
					c.by[lostJournal].Add(1)
				} else if line := e.line(); len(line) > 0 {
					lines = append(lines, c.take(c.source("journal", netip.Addr{}, []byte(e.Host)), maillog.Syslog, line, false))
				}
			}
		}
		// What there is goes together; the last of a burst waits for nothing.
		if len(lines) >= journalLines || in.Buffered() == 0 || err != nil {
			if putErr := r.put(ctx, c, lines); putErr != nil {
				return putErr
			}
			lines = lines[:0]
			if cursor != "" {
				if err := keep(cursor); err != nil {
					return err
				}
				cursor = ""
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
	}
}

// entry is one of the journal.
type entry struct {
	raw struct {
		Message    json.RawMessage `json:"MESSAGE"`
		Identifier json.RawMessage `json:"SYSLOG_IDENTIFIER"`
		Unit       string          `json:"_SYSTEMD_UNIT"`
		PID        string          `json:"_PID"`
		Host       string          `json:"_HOSTNAME"`
		Cursor     string          `json:"__CURSOR"`
		Time       string          `json:"__REALTIME_TIMESTAMP"`
	}
	Message                             []byte // nil: too large for journalctl
	Identifier, Unit, PID, Host, Cursor string
	Time                                time.Time
}

func (e *entry) read() error {
	micros, err := strconv.ParseInt(e.raw.Time, 10, 64)
	if err != nil {
		return errors.New("an entry without a time")
	}
	e.Time = time.UnixMicro(micros)
	e.Message = fieldBytes(e.raw.Message)
	e.Identifier = string(fieldBytes(e.raw.Identifier))
	e.Unit, e.PID, e.Host, e.Cursor = e.raw.Unit, e.raw.PID, e.raw.Host, e.raw.Cursor
	return nil
}

// fieldBytes reads a field: a text, its bytes as numbers where it is none, or an
// array of both where an entry has the field more than once, of which the first
// counts.
func fieldBytes(raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return []byte{}
	}
	var text string
	switch raw[0] {
	case '"':
		if json.Unmarshal(raw, &text) == nil {
			return []byte(text)
		}
	case '[':
		var numbers []uint16
		if json.Unmarshal(raw, &numbers) == nil {
			out := make([]byte, len(numbers))
			for i, n := range numbers {
				out[i] = byte(n)
			}
			return out
		}
		var several []json.RawMessage
		if json.Unmarshal(raw, &several) == nil && len(several) > 0 && len(several[0]) > 0 && several[0][0] != 'n' {
			return fieldBytes(several[0])
		}
	}
	return nil
}

// line writes the entry as rsyslog would: with the year, the zone and the program
// of the unit where the program gave no name.
func (e *entry) line() []byte {
	msg := bytes.TrimRight(e.Message, "\n")
	if len(msg) == 0 {
		return nil
	}
	program := word(e.Identifier)
	if program == "" {
		program = word(strings.TrimSuffix(e.Unit, ".service"))
	}
	if program == "" {
		program = "unknown"
	}
	host := word(e.Host)
	if host == "" {
		host = "localhost"
	}
	out := make([]byte, 0, len(msg)+len(program)+len(host)+64)
	out = e.Time.UTC().AppendFormat(out, "2006-01-02T15:04:05.000000-07:00")
	out = append(append(append(append(out, ' '), host...), ' '), program...)
	if pid := word(e.PID); pid != "" {
		out = append(append(append(out, '['), pid...), ']')
	}
	return appendPlain(append(out, ": "...), msg)
}

// word makes one word of a field that a program chose: what would end it in the
// header of a line becomes "_".
func word(s string) string {
	s = s[:min(len(s), 128)]
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == ':' || r == '[' || r == ']' || r == 0x7f {
			return '_'
		}
		return r
	}, s)
}

// writeCursor keeps the cursor, whole or not at all.
func writeCursor(file, cursor string) error {
	tmp := file + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = f.WriteString(cursor + "\n")
		if err == nil {
			err = f.Sync()
		}
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = os.Rename(tmp, file)
	}
	if err != nil {
		return fmt.Errorf("keep the journal's cursor: %w", err)
	}
	return nil
}
