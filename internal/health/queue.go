package health

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// QueueCommand counts what a command says of the queue: postqueue -j, mailq,
// or one that prints a number, as exim -bpc does.
func QueueCommand(argv []string, most int) func(context.Context) (Answer, error) {
	return func(ctx context.Context) (Answer, error) {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.WaitDelay = time.Second
		var problem bytes.Buffer
		cmd.Stderr = &limited{&problem, 4096}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			return Answer{}, failuref(Setup, "%s cannot be run: %s; correct the command of the probe", argv[0], said(err.Error()))
		}
		n, ok := countQueue(out)
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			var exit *exec.ExitError
			if ctx.Err() != nil || !errors.As(err, &exit) {
				return Answer{}, explain(ctx, "asking the queue by "+argv[0], err)
			}
			return Answer{}, failuref(Protocol, "%s ended with an error: %s", argv[0], said(problem.String()+" "+err.Error()))
		}
		if !ok {
			return Answer{}, failuref(Setup, "what %s prints is no list of a queue; use postqueue -j, mailq, or a command that prints a number", argv[0])
		}
		return Answer{Queued: n, Most: most}, nil
	}
}

// limited keeps the beginning of what is written.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	k := min(len(b), l.left)
	l.left -= k
	if _, err := l.w.Write(b[:k]); err != nil {
		return 0, err
	}
	return len(b), nil
}

var requests = regexp.MustCompile(`^-- \d+ \w+ in (\d+) Requests?\.`)

// countQueue counts objects, one a line, or reads the number that stands there.
func countQueue(r io.Reader) (n int, ok bool) {
	lines := bufio.NewReaderSize(r, 64<<10)
	objects, empty := 0, true
	for {
		line, more, err := lines.ReadLine()
		if err != nil {
			// postqueue -j prints nothing for an empty queue.
			return objects, (objects > 0 || empty) && errors.Is(err, io.EOF)
		}
		text := strings.TrimSpace(string(line)) // before the buffer is used again
		for m := more; m && err == nil; {
			_, m, err = lines.ReadLine()
		}
		if text == "" {
			continue
		}
		empty = false
		if strings.HasPrefix(text, "{") {
			objects++
			continue
		}
		if m := requests.FindStringSubmatch(text); m != nil {
			n, err := strconv.Atoi(m[1])
			return n, err == nil
		}
		if text == "Mail queue is empty" {
			return 0, true
		}
		if n, err := strconv.Atoi(text); err == nil && n >= 0 && objects == 0 {
			return n, true
		}
	}
}

// queueFolders are where Postfix keeps messages that wait.
var queueFolders = []string{"maildrop", "incoming", "active", "deferred"}

// QueueFolder counts the files of Postfix's queue, or of any folder with one
// file for each message.
func QueueFolder(dir string, most int) func(context.Context) (Answer, error) {
	return func(ctx context.Context) (Answer, error) {
		n, found := 0, false
		count := func(dir string) error {
			return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				switch {
				case ctx.Err() != nil:
					return ctx.Err()
				case errors.Is(err, fs.ErrNotExist) && path != dir:
					return nil // it was sent meanwhile
				case err != nil:
					return err
				case d.Type().IsRegular():
					n++
				}
				return nil
			})
		}
		for _, name := range queueFolders {
			err := count(filepath.Join(dir, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return Answer{}, queueFailure(ctx, err)
			}
			found = true
		}
		if !found {
			if err := count(dir); err != nil {
				return Answer{}, queueFailure(ctx, err)
			}
		}
		return Answer{Queued: n, Most: most}, nil
	}
}

func queueFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return explain(ctx, "counting the queue", err)
	}
	return failuref(Setup, "the queue cannot be counted: %s; the watch's user may need the group of the mail server", plainError(err))
}

// Certificate looks at the certificate of any server that speaks TLS at once,
// or after STARTTLS in the protocol (imap, pop3, smtp).
func Certificate(s Server, protocol string) func(context.Context) (Answer, error) {
	return func(ctx context.Context) (Answer, error) {
		if s.Security == Plain {
			return Answer{}, failuref(Setup, "a server without TLS has no certificate to look at; correct security")
		}
		conn, err := dial(ctx, "the server", s)
		if err != nil {
			return Answer{}, err
		}
		defer conn.Close()
		if s.Security == StartTLS {
			if err := conn.startTLS(ctx, protocol); err != nil {
				return conn.answer(), err
			}
			if err := conn.secure(ctx, s); err != nil {
				return conn.answer(), err
			}
		}
		return conn.answer(), nil
	}
}

// startTLS asks for TLS in the words of the protocol.
func (c *connection) startTLS(ctx context.Context, protocol string) error {
	r := bufio.NewReader(io.LimitReader(c, lineLimit))
	ask := func(command, last string) error {
		if command != "" {
			if _, err := io.WriteString(c, command+"\r\n"); err != nil {
				return explain(ctx, "securing "+c.step, err)
			}
		}
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return explain(ctx, "securing "+c.step, err)
			}
			if strings.HasPrefix(line, last) {
				return nil
			}
			if protocol == "smtp" && len(line) > 3 && line[3] == '-' && line[:3] == strings.TrimSpace(last) {
				continue
			}
			if protocol == "imap" && strings.HasPrefix(line, "* ") && command != "" {
				continue
			}
			return failuref(Protocol, "securing %s: the server does not go on to TLS (%s)", c.step, said(line))
		}
	}
	var steps [][2]string
	switch protocol {
	case "imap":
		steps = [][2]string{{"", "* OK"}, {"a STARTTLS", "a OK"}}
	case "pop3":
		steps = [][2]string{{"", "+OK"}, {"STLS", "+OK"}}
	default:
		steps = [][2]string{{"", "220 "}, {"EHLO " + literal(c), "250 "}, {"STARTTLS", "220 "}}
	}
	for _, s := range steps {
		if err := ask(s[0], s[1]); err != nil {
			return err
		}
	}
	return nil
}
