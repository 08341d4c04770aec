// Command watchbench measures a watch from the outside: how soon it tells what
// a single line gives away, how soon after the end of a minute what that minute
// counted, and how many lines a second it takes in and archives, with the
// processor time and memory that it takes for it. It prints a table and, as the
// last line, the same figures as one JSON object.
//
// It is called by "make watch-bench".
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"mailvigil/internal/api"
)

// Goals, which are those of the project.
const (
	goalFinding = 2.0     // seconds, of 99 in 100
	goalSlot    = 5.0     // seconds after the end of the minute
	goalRate    = 200_000 // lines a second
	goalMemory  = 500.0   // MB
)

// result is what came of it. Seconds of the processor are of the watch alone.
type result struct {
	Accounts int     `json:"accounts"`
	Days     int     `json:"days"`
	Cores    int     `json:"cores"`
	Load     float64 `json:"load_before"`

	Past        int64   `json:"past_lines"`
	PastSeconds float64 `json:"past_seconds"`
	PastRate    float64 `json:"past_lines_per_second"`
	PastCPU     float64 `json:"past_cpu_seconds"`

	Rate        int     `json:"everyday_lines_per_second"`
	EverydayCPU float64 `json:"everyday_cores"` // of the processor, while nothing happens
	Slots       int     `json:"slot_alarms"`
	SlotFirst   float64 `json:"slot_first_seconds"`
	SlotWorst   float64 `json:"slot_worst_seconds"`
	Findings    int     `json:"findings"`
	Missed      int     `json:"findings_missed"`
	Finding50   float64 `json:"finding_50_seconds"`
	Finding90   float64 `json:"finding_90_seconds"`
	Finding99   float64 `json:"finding_99_seconds"`

	FloodRate    int     `json:"flood_written_per_second"`
	Flood        int64   `json:"flood_lines"`
	FloodSeconds float64 `json:"flood_seconds"` // until all of it was archived
	FloodTaken   float64 `json:"flood_lines_per_second"`
	FloodCPU     float64 `json:"flood_cpu_seconds"`
	FloodBehind  int64   `json:"flood_lines_behind"` // when the last was written

	MemoryPast     float64 `json:"memory_past_mb"`
	MemoryEveryday float64 `json:"memory_everyday_mb"`
	MemoryPeak     float64 `json:"memory_peak_mb"`
}

type bench struct {
	program string
	options options
	dir     string
	world   *world
	client  *api.Client
	watch   *exec.Cmd
	ended   chan error
	writer  *writer
	r       result
}

type options struct {
	accounts, days, rate, flood, seconds, findings, slots int
	profile                                               string
	keep                                                  bool
}

func main() {
	var o options
	program := flag.String("program", "bin/mailvigil", "the `mailvigil` to measure")
	flag.IntVar(&o.accounts, "accounts", 10_000, "`NUMBER` of people")
	flag.IntVar(&o.days, "days", 7, "`DAYS` of logs that are there at the start")
	flag.IntVar(&o.rate, "rate", 10_000, "everyday `LINES` a second")
	flag.IntVar(&o.flood, "flood", goalRate, "`LINES` a second in the flood")
	flag.IntVar(&o.seconds, "seconds", 30, "`SECONDS` that the flood lasts")
	flag.IntVar(&o.findings, "findings", 100, "`NUMBER` of sign-ins after guessing")
	flag.IntVar(&o.slots, "slots", 3, "`NUMBER` of minutes with a burst")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the watch to `FILE`")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	path, err := filepath.Abs(*program)
	if err == nil {
		b := &bench{program: path, options: o}
		if err = b.run(ctx); err == nil {
			b.print()
			return
		}
	}
	fmt.Fprintln(os.Stderr, "watchbench:", err)
	os.Exit(1)
}

func (b *bench) print() {
	r := &b.r
	goal := func(measured, ok bool) string {
		switch {
		case !measured:
			return "not measured"
		case ok:
			return "met"
		}
		return "missed"
	}
	for _, row := range []struct{ name, value, goal string }{
		{"accounts", fmt.Sprint(r.Accounts), ""},
		{"processors", fmt.Sprint(r.Cores), ""},
		{"load before the start", fmt.Sprintf("%.1f", r.Load), ""},
		{"past: lines", fmt.Sprint(r.Past), ""},
		{"past: lines a second", fmt.Sprintf("%.0f", r.PastRate), ""},
		{"past: lines a processor second", fmt.Sprintf("%.0f", float64(r.Past)/r.PastCPU), ""},
		{"everyday: lines a second", fmt.Sprint(r.Rate), ""},
		{"everyday: processors", fmt.Sprintf("%.2f", r.EverydayCPU), ""},
		{"slot: first alarm, seconds", fmt.Sprintf("%.1f", r.SlotFirst), ""},
		{"slot: latest alarm, seconds", fmt.Sprintf("%.1f", r.SlotWorst), fmt.Sprintf("at most %.0f: %s", goalSlot, goal(b.options.slots > 0, r.SlotWorst <= goalSlot))},
		{"finding: median, seconds", fmt.Sprintf("%.2f", r.Finding50), ""},
		{"finding: 90 in 100, seconds", fmt.Sprintf("%.2f", r.Finding90), ""},
		{"finding: 99 in 100, seconds", fmt.Sprintf("%.2f", r.Finding99), fmt.Sprintf("at most %.0f: %s", goalFinding, goal(r.Findings > 0, r.Missed == 0 && r.Finding99 <= goalFinding))},
		{"finding: missed", fmt.Sprintf("%d of %d", r.Missed, r.Findings), ""},
		{"flood: lines written a second", fmt.Sprint(r.FloodRate), ""},
		{"flood: lines archived a second", fmt.Sprintf("%.0f", r.FloodTaken), fmt.Sprintf("%d: %s", goalRate, goal(r.Flood > 0, r.FloodTaken >= 0.95*goalRate))},
		{"flood: lines a processor second", fmt.Sprintf("%.0f", float64(r.Flood)/r.FloodCPU), ""},
		{"flood: lines behind at its end", fmt.Sprint(r.FloodBehind), ""},
		{"memory after the past, MB", fmt.Sprintf("%.0f", r.MemoryPast), ""},
		{"memory everyday, MB", fmt.Sprintf("%.0f", r.MemoryEveryday), ""},
		{"memory at the most, MB", fmt.Sprintf("%.0f", r.MemoryPeak), fmt.Sprintf("below %.0f: %s", goalMemory, goal(true, r.MemoryPeak < goalMemory))},
	} {
		fmt.Printf("%-34s %12s  %s\n", row.name, row.value, row.goal)
	}
	line, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "mailvigil-watchbench-"); err != nil {
		return err
	}
	if b.options.keep {
		fmt.Println("folder", b.dir)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	}
	o := b.options
	b.r = result{Accounts: o.accounts, Days: o.days, Cores: runtime.NumCPU(), Load: load(), Rate: o.rate, FloodRate: o.flood}
	b.say("simulating %d people for %d days", o.accounts, o.days)
	if b.world, err = newWorld(b.program, filepath.Join(b.dir, "logs"), o.accounts, o.days, time.Now()); err != nil {
		return err
	}
	b.r.Past = b.world.past
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if err := b.start(stop); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.end()) }()
	b.writer = &writer{world: b.world}
	for _, phase := range []func(context.Context) error{b.catchUp, b.everyday, b.slots, b.findings, b.flooded} {
		if err := phase(ctx); err != nil {
			b.say("it ends: %v", err)
			return cmp.Or(context.Cause(ctx), err)
		}
	}
	_, b.r.MemoryPeak, err = memory(b.watch.Process.Pid)
	return err
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// start starts the watch; ended is called with its end, should it come early.
func (b *bench) start(ended context.CancelCauseFunc) error {
	out, err := os.Create(filepath.Join(b.dir, "watch.log"))
	if err != nil {
		return err
	}
	defer out.Close()
	socket := filepath.Join(b.dir, "socket")
	args := []string{"watch", "--tz", "UTC", "--data", filepath.Join(b.dir, "data"), "--socket", socket}
	if b.options.profile != "" {
		args = append(args, "--cpuprofile", b.options.profile)
	}
	b.watch = exec.Command(b.program, append(args, b.world.folder)...)
	b.watch.Dir, b.watch.Stdout, b.watch.Stderr = b.dir, out, out
	b.client = api.NewClient(socket)
	b.ended = make(chan error, 1)
	if err := b.watch.Start(); err != nil {
		return err
	}
	go func() {
		err := b.watch.Wait()
		ended(fmt.Errorf("the watch ended by itself: %w\n%s", err, said(filepath.Join(b.dir, "watch.log"))))
		b.ended <- err
	}()
	return nil
}

func (b *bench) end() error {
	if err := b.watch.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-b.ended
	return nil
}

// archived is how many lines are in the archive, and the end of the last minute
// that was closed.
func (b *bench) archived(ctx context.Context) (int64, time.Time, error) {
	s, err := b.client.Status(ctx)
	if err != nil {
		var silent *api.SilentError
		if errors.As(err, &silent) {
			return 0, time.Time{}, nil // not yet
		}
		return 0, time.Time{}, err
	}
	return s.Archive.Events, s.LastSlot, nil
}

// until waits until what was written is archived, and returns when it was.
func (b *bench) until(ctx context.Context, lines int64, more func(last time.Time) bool) (time.Time, error) {
	var at time.Time
	for {
		n, last, err := b.archived(ctx)
		if err != nil {
			return at, err
		}
		if at.IsZero() && n >= lines {
			at = time.Now()
		}
		if !at.IsZero() && more(last) {
			return at, nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return at, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// spent is the processor time of a phase of the watch.
func (b *bench) spent() func() (float64, error) {
	before, err := cpuSeconds(b.watch.Process.Pid)
	return func() (float64, error) {
		after, err2 := cpuSeconds(b.watch.Process.Pid)
		return after - before, errors.Join(err, err2)
	}
}

// catchUp has the watch read the past.
func (b *bench) catchUp(ctx context.Context) error {
	b.say("the watch reads %d lines of the past", b.world.past)
	began := time.Now()
	at, err := b.until(ctx, b.world.past, func(time.Time) bool { return true })
	if err != nil {
		return err
	}
	b.r.PastSeconds = at.Sub(began).Seconds()
	b.r.PastRate = float64(b.world.past) / b.r.PastSeconds
	if b.r.PastCPU, err = cpuSeconds(b.watch.Process.Pid); err != nil {
		return err
	}
	_, b.r.MemoryPast, err = memory(b.watch.Process.Pid)
	b.writer.start(ctx, b.options.rate)
	return err
}

// everyday waits until the watch is level with the present and has judged.
func (b *bench) everyday(ctx context.Context) error {
	b.say("everyday life, %d lines a second", b.options.rate)
	if _, err := b.until(ctx, b.world.past, func(last time.Time) bool { return time.Since(last) < 2*time.Minute }); err != nil {
		return err
	}
	spent, began := b.spent(), time.Now()
	if err := pause(ctx, 20*time.Second); err != nil {
		return err
	}
	cpu, err := spent()
	b.r.EverydayCPU = cpu / time.Since(began).Seconds()
	return err
}

// incidents are those that are not closed, by number, with what they were last.
func (b *bench) incidents(ctx context.Context) (map[int64]api.Summary, error) {
	page, err := b.client.Incidents(ctx, api.Query{Limit: 500})
	if err != nil {
		return nil, err
	}
	out := make(map[int64]api.Summary)
	for _, s := range page.Incidents {
		out[s.Number] = s
	}
	return out, nil
}

// slots writes bursts of requests of phones, each within a minute, and
// measures from the end of that minute until an incident is opened or changed.
func (b *bench) slots(ctx context.Context) error {
	for i := range b.options.slots {
		minute := time.Now().Truncate(time.Minute).Add(time.Minute)
		b.say("a burst in the minute of %s", minute.UTC().Format(time.TimeOnly))
		if err := pause(ctx, time.Until(minute.Add(5*time.Second))); err != nil {
			return err
		}
		before, err := b.incidents(ctx)
		if err != nil {
			return err
		}
		for k := range 100 { // ten seconds
			if err := b.writer.phones(20, k); err != nil {
				return err
			}
			if err := pause(ctx, 100*time.Millisecond); err != nil {
				return err
			}
		}
		end := minute.Add(time.Minute)
		if err := pause(ctx, time.Until(end)); err != nil {
			return err
		}
		seconds := math.Inf(1)
		for time.Since(end) < 50*time.Second && math.IsInf(seconds, 1) {
			now, err := b.incidents(ctx)
			if err != nil {
				return err
			}
			for n, s := range now {
				if old, ok := before[n]; !ok || !s.Updated.Equal(old.Updated) && s.Updated.After(end) {
					seconds = time.Since(end).Seconds()
					b.say("after %.1f seconds: %s", seconds, s.Text)
					break
				}
			}
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
		if math.IsInf(seconds, 1) {
			return errors.New("a burst of phones raised no alarm")
		}
		b.r.Slots++
		if i == 0 {
			b.r.SlotFirst = seconds
		}
		b.r.SlotWorst = max(b.r.SlotWorst, seconds)
	}
	var err error
	_, b.r.MemoryEveryday, err = memory(b.watch.Process.Pid)
	return err
}

// findings has passwords guessed from one address after the other, each of
// which gets in in the end, and measures from that line until an incident
// names the account.
func (b *bench) findings(ctx context.Context) error {
	b.say("%d sign-ins after guessing", b.options.findings)
	people := b.world.people
	var took []float64
	const strangers = 6
	for i := range b.options.findings {
		from := fmt.Sprintf("104.248.%d.%d", 1+i/200, 1+i%200)
		for k := range strangers {
			name := people[(i*strangers+k)*7919%len(people)]
			if err := b.writer.write(dovecot, failedLine(name, from, time.Now(), i*strangers+k)); err != nil {
				return err
			}
		}
		if err := pause(ctx, time.Duration(1000+i*137%900)*time.Millisecond); err != nil {
			return err
		}
		name := people[(i*104729+13)%len(people)]
		began := time.Now()
		if err := b.writer.write(dovecot, loginLine(name, from, began, i)); err != nil {
			return err
		}
		seconds := math.Inf(1)
		for time.Since(began) < 20*time.Second && math.IsInf(seconds, 1) {
			ok, err := b.names(ctx, name)
			if err != nil {
				return err
			}
			if ok {
				seconds = time.Since(began).Seconds()
			} else if err := pause(ctx, 25*time.Millisecond); err != nil {
				return err
			}
		}
		if math.IsInf(seconds, 1) {
			b.r.Missed++
			seconds = 20
		}
		took = append(took, seconds)
	}
	slices.Sort(took)
	b.r.Findings = len(took)
	at := func(share float64) float64 { return took[min(len(took)-1, int(math.Ceil(share*float64(len(took))))-1)] }
	if len(took) > 0 {
		b.r.Finding50, b.r.Finding90, b.r.Finding99 = at(0.5), at(0.9), at(0.99)
	}
	return nil
}

// names reports whether an incident holds an account for one in other hands.
func (b *bench) names(ctx context.Context, account string) (bool, error) {
	now, err := b.incidents(ctx)
	if err != nil {
		return false, err
	}
	for n, s := range now {
		if s.Accounts == 0 {
			continue
		}
		in, err := b.client.Incident(ctx, n)
		if err != nil {
			return false, err
		}
		if slices.Contains(in.Compromised, account) {
			return true, nil
		}
	}
	return false, nil
}

// flooded writes lines of all services as fast as asked for.
func (b *bench) flooded(ctx context.Context) error {
	if err := b.writer.stop(); err != nil {
		return err
	}
	before, _, err := b.archived(ctx)
	if err != nil {
		return err
	}
	// What was written so far has to be in the archive.
	if _, err := b.until(ctx, b.world.past+b.writer.written, func(time.Time) bool { return true }); err != nil {
		return err
	}
	b.say("a flood of %d lines a second for %d seconds (%d lines archived so far)", b.options.flood, b.options.seconds, before)
	spent, began, already := b.spent(), time.Now(), b.writer.written
	if err := b.writer.flood(ctx, b.options.flood, time.Duration(b.options.seconds)*time.Second); err != nil {
		return err
	}
	b.r.Flood = b.writer.written - already
	total := b.world.past + b.writer.written
	n, _, err := b.archived(ctx)
	if err != nil {
		return err
	}
	b.r.FloodBehind = total - n
	at, err := b.until(ctx, total, func(time.Time) bool { return true })
	if err != nil {
		return err
	}
	b.r.FloodSeconds = at.Sub(began).Seconds()
	b.r.FloodTaken = float64(b.r.Flood) / b.r.FloodSeconds
	b.r.FloodCPU, err = spent()
	return err
}
