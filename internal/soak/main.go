// Command soak holds a watch to its word that nothing is lost: it writes logs
// that rotate, kills the watch again and again at random moments, and counts in
// the end whether every line is in the archive, and only once. It prints a table
// and, as the last line, the same figures as one JSON object.
//
// It is called by "make soak" and knows the program only from the outside, but
// for the archive, which it reads with internal/state and internal/archive.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"mailvigil/internal/archive"
	"mailvigil/internal/state"
	"mailvigil/maillog"
)

// result is what came of it.
type result struct {
	Seconds    int     `json:"seconds"`
	Written    int64   `json:"written"` // lines of followed files
	Archived   int64   `json:"archived"`
	Lost       int64   `json:"lost"`
	Duplicated int64   `json:"duplicated"`
	Foreign    int64   `json:"foreign"`    // archived and never written
	Sent       int64   `json:"sent"`       // lines over the network that were acknowledged
	SentLost   int64   `json:"sent_lost"`  // of them
	SentTwice  int64   `json:"sent_twice"` // and archived more than once, which may be
	Kills      int     `json:"kills"`
	Rotations  int     `json:"rotations"`
	Rate       float64 `json:"lines_per_second"`
}

func main() {
	program := flag.String("program", "bin/mailvigil", "the `mailvigil` to hold to its word")
	seconds := flag.Int("seconds", 60, "how many `SECONDS` it goes on")
	rate := flag.Int("rate", 5000, "`LINES` a second, of all logs together")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "`NUMBER` that all chance follows from")
	keep := flag.Bool("keep", false, "keep the folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	path, err := filepath.Abs(*program)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	s := &soak{program: path, rng: rand.New(rand.NewPCG(*seed, 1)), rate: *rate}
	r, err := s.run(ctx, *seconds, *keep)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	fmt.Printf("seed %d\n", *seed)
	for _, row := range []struct {
		name  string
		value any
	}{
		{"seconds", r.Seconds},
		{"lines a second", fmt.Sprintf("%.0f", r.Rate)},
		{"kills", r.Kills},
		{"rotations", r.Rotations},
		{"written", r.Written},
		{"archived", r.Archived},
		{"lost", r.Lost},
		{"duplicated", r.Duplicated},
		{"never written", r.Foreign},
		{"acknowledged", r.Sent},
		{"of them lost", r.SentLost},
		{"of them twice", r.SentTwice},
	} {
		fmt.Printf("%-16s %v\n", row.name, row.value)
	}
	line, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
	if r.Lost > 0 || r.Duplicated > 0 || r.Foreign > 0 || r.SentLost > 0 {
		os.Exit(1)
	}
}

type soak struct {
	program string
	rng     *rand.Rand
	rate    int
	dir     string
	logs    []*logFile
	sender  *sender
	watch   *exec.Cmd
	ended   chan error
	kills   int
}

// run writes and kills for so many seconds, lets the watch catch up, and counts.
func (s *soak) run(ctx context.Context, seconds int, keep bool) (r result, err error) {
	if s.dir, err = os.MkdirTemp("", "mailvigil-soak-"); err != nil {
		return r, err
	}
	if keep {
		fmt.Println("folder", s.dir)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	}
	if err := os.Mkdir(filepath.Join(s.dir, "logs"), 0o755); err != nil {
		return r, err
	}
	for _, kind := range kinds {
		l, err := newLog(filepath.Join(s.dir, "logs", kind.file), kind.line)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, l.close()) }()
		s.logs = append(s.logs, l)
	}
	if s.sender, err = newSender(); err != nil {
		return r, err
	}
	if err := os.WriteFile(s.config(), fmt.Appendf(nil, `timezone: UTC
logs: [logs]
data: data
control: {socket: control.sock}
intake:
  http:
    - address: %s
`, s.sender.address), 0o600); err != nil {
		return r, err
	}
	if err := s.start(); err != nil {
		return r, err
	}
	defer func() { _ = s.kill() }()
	sending, quiet := context.WithCancel(ctx)
	defer quiet()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		s.sender.run(sending)
	}()
	began := time.Now()
	end := began.Add(time.Duration(seconds) * time.Second)
	nextKill, nextTurn := began.Add(s.between(1, 5)), began.Add(s.between(1, 4))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	written := int64(0)
	for now := began; now.Before(end); {
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case err := <-s.ended:
			return r, fmt.Errorf("the watch ended by itself: %w\n%s", err, s.said())
		case now = <-tick.C:
		}
		for due := int64(now.Sub(began).Seconds() * float64(s.rate)); written < due; written++ {
			if err := s.logs[s.rng.IntN(len(s.logs))].write(s.rng, now); err != nil {
				return r, err
			}
		}
		if now.After(nextKill) {
			if err := s.kill(); err != nil {
				return r, err
			}
			s.kills++
			nextKill = now.Add(s.between(1, 6))
			if err := s.start(); err != nil {
				return r, err
			}
		}
		if now.After(nextTurn) {
			nextTurn = now.Add(s.between(1, 8))
			if err := s.logs[s.rng.IntN(len(s.logs))].turn(s.rng); err != nil {
				return r, err
			}
			r.Rotations++
		}
	}
	quiet()
	<-sent
	for _, l := range s.logs {
		if err := l.finish(); err != nil {
			return r, err
		}
		r.Written += l.written
	}
	r.Seconds, r.Kills, r.Rate = seconds, s.kills, float64(r.Written)/time.Since(began).Seconds()
	r.Sent = int64(len(s.sender.acknowledged))
	if err := s.catchUp(ctx, r.Written+r.Sent); err != nil {
		return r, err
	}
	return r, s.count(ctx, &r)
}

func (s *soak) between(from, to float64) time.Duration {
	return time.Duration((from + (to-from)*s.rng.Float64()) * float64(time.Second))
}

// start starts the watch.
func (s *soak) start() error {
	out, err := os.OpenFile(filepath.Join(s.dir, "watch.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	s.watch = exec.Command(s.program, "watch", "--config", s.config())
	s.watch.Dir, s.watch.Stdout, s.watch.Stderr = s.dir, out, out
	if err := s.watch.Start(); err != nil {
		return err
	}
	s.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan<- error) { ended <- cmp(cmd.Wait()) }(s.watch, s.ended)
	return nil
}

func cmp(err error) error {
	if err == nil {
		return errors.New("without an error")
	}
	return err
}

func (s *soak) config() string { return filepath.Join(s.dir, "mailvigil.yaml") }

func (s *soak) data() string { return filepath.Join(s.dir, "data") }

// kill ends the watch without a word.
func (s *soak) kill() error {
	if s.watch == nil {
		return nil
	}
	err := s.watch.Process.Kill()
	<-s.ended
	s.watch = nil
	if errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("the watch had ended by itself\n%s", s.said())
	}
	return err
}

// said is the end of what the watch wrote.
func (s *soak) said() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "watch.log"))
	return string(b[max(0, len(b)-2000):])
}

// catchUp waits until the archive grows no more, or holds everything, and stops
// the watch.
func (s *soak) catchUp(ctx context.Context, written int64) error {
	const patience = 30 // seconds without a line more
	grown, before := 0, int64(-1)
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.ended:
			return fmt.Errorf("the watch ended by itself: %w\n%s", err, s.said())
		case <-time.After(time.Second):
		}
		rows, err := s.recorded(ctx)
		if err != nil {
			return err
		}
		if rows != before {
			before, grown = rows, i
		}
		// A last line without a newline is only taken once its file was left
		// alone for a while; lines of the network may be there twice.
		if rows >= written && i-grown >= 8 || i-grown >= patience {
			break
		}
	}
	if err := s.watch.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-s.ended
	s.watch = nil
	return nil
}

// recorded is how many rows the segments hold that the state knows, read beside
// the watch.
func (s *soak) recorded(ctx context.Context) (int64, error) {
	dir, err := os.MkdirTemp(s.dir, "copy-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := state.Backup(ctx, s.data(), filepath.Join(dir, state.File)); err != nil {
		return 0, err
	}
	list, err := segments(ctx, dir)
	rows := int64(0)
	for _, x := range list {
		rows += x.Rows
	}
	return rows, err
}

// segments are those that a data folder records.
func segments(ctx context.Context, dir string) (_ []state.Segment, err error) {
	st, err := state.Open(ctx, dir, time.Now)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return st.Segments(ctx)
}

// count holds the archive against what was written.
func (s *soak) count(ctx context.Context, r *result) error {
	list, err := segments(ctx, s.data())
	if err != nil {
		return err
	}
	all := make([]archive.Segment, len(list))
	for i, x := range list {
		all[i] = archive.Segment{Name: x.Name, Day: x.Day, Service: x.Service, First: time.Unix(0, x.First), Last: time.Unix(0, x.Last), Rows: x.Rows, Bytes: x.Bytes, SHA256: x.SHA256}
	}
	seen := make(map[string]int, r.Written)
	problems, err := archive.Select(ctx, filepath.Join(s.data(), "archive"), all, archive.Wanted{Raw: true, NoEvent: true}, func(_ *maillog.Event, o archive.Origin) error {
		r.Archived++
		seen[number(o.Raw)]++
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range problems {
		return p
	}
	for _, l := range s.logs {
		first := int64(-1)
		for i := range l.written + 1 {
			k := l.number(i)
			gone := i < l.written && seen[k] == 0
			switch {
			case gone && first < 0:
				first = i
			case !gone && first >= 0:
				fmt.Printf("%s: lines %d to %d of %d are lost\n", filepath.Base(l.path), first+1, i, l.written)
				first = -1
			}
			if i == l.written {
				break
			}
			switch n := seen[k]; {
			case n == 0:
				r.Lost++
			case n > 1:
				r.Duplicated += int64(n - 1)
			}
			delete(seen, k)
		}
	}
	for _, k := range s.sender.acknowledged {
		switch n := seen[k]; {
		case n == 0:
			r.SentLost++
		case n > 1:
			r.SentTwice++
		}
	}
	for k, n := range seen {
		if strings.HasPrefix(k, s.sender.mark) {
			r.Archived -= int64(n) // of the network
			continue
		}
		r.Foreign += int64(n)
	}
	return nil
}
