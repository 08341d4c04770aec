package main

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// Sizes of what is compared. The organisation's fortnight is some ten million
// lines; the slow programs read the beginning of a file, since their speed
// does not depend on its length and a person waits.
const (
	accounts = "10000"
	days     = "14"
	zone     = "Europe/Brussels"

	goaccessLines = 500_000
	fail2banLines = 200_000
	crowdsecLines = 40_000
)

// runner is a program over one input.
type runner struct {
	Name    string   `json:"name"`
	Version string   `json:"version,omitempty"`
	Command string   `json:"command"` // as a reader would type it
	Lines   int64    `json:"lines"`
	argv    []string // what is run
	codes   []int    // exit codes that are answers

	Seconds []float64 `json:"seconds"` // wall clock, a run each
	CPU     []float64 `json:"cpu_seconds"`
	PeakMB  float64   `json:"peak_mb"`
}

// speed is in lines a second, over the median run.
func (r *runner) speed() float64 { return float64(r.Lines) / median(r.Seconds) }

// contest is one input and the programs that read it, in turn. Each ratio is
// Mailvigil's lines a second over the other's.
type contest struct {
	Input   string    `json:"input"`
	Runners []*runner `json:"runners"` // Mailvigil first
	Goals   []goal    `json:"goals"`
	Skipped []string  `json:"skipped,omitempty"`
}

// goal is what was set out for a contest, and what was reached.
type goal struct {
	Text    string  `json:"text"`
	Against string  `json:"against,omitempty"` // runner; "": a rate of lines a second
	AtLeast float64 `json:"at_least"`
	Reached float64 `json:"reached"`
	Met     bool    `json:"met"`
}

// comparison runs the contests over logs that it has the program write.
type comparison struct {
	program string // the mailvigil to run
	folder  string // for logs, kept from run to run
	peers   string // where tools/peers put CrowdSec
	rounds  int
	log     io.Writer
}

func (c *comparison) run() ([]*contest, error) {
	in, err := c.inputs()
	if err != nil {
		return nil, err
	}
	contests := []*contest{c.nginx(in), c.compressed(in), c.daily(in), c.dovecot(in)}
	for _, contest := range contests {
		fmt.Fprintf(c.log, "bench: %s\n", contest.Input)
		if err := contest.run(c.rounds); err != nil {
			return nil, err
		}
		for _, r := range contest.Runners {
			fmt.Fprintf(c.log, "bench:   %-28s %8.2f s %12.0f lines/s\n", r.Name, median(r.Seconds), r.speed())
		}
	}
	return contests, nil
}

// run lets the programs take turns, so that what else the machine does meets
// all of them. The first round warms the page cache and is not counted.
func (c *contest) run(rounds int) error {
	for round := range rounds + 1 {
		for _, r := range c.Runners {
			wall, cpu, peak, err := measure(r)
			if err != nil {
				return fmt.Errorf("%s: %w", r.Command, err)
			}
			if round == 0 {
				continue
			}
			r.Seconds, r.CPU = append(r.Seconds, wall), append(r.CPU, cpu)
			r.PeakMB = max(r.PeakMB, peak)
		}
	}
	ours := c.Runners[0]
	for i := range c.Goals {
		g := &c.Goals[i]
		if g.Against == "" {
			g.Reached = ours.speed()
		} else if k := slices.IndexFunc(c.Runners, func(r *runner) bool { return r.Name == g.Against }); k >= 0 {
			g.Reached = ours.speed() / c.Runners[k].speed()
		}
		g.Met = g.Reached >= g.AtLeast
	}
	return nil
}

// measure runs a program once, its output thrown away.
func measure(r *runner) (wall, cpu, peakMB float64, err error) {
	cmd := exec.Command(r.argv[0], r.argv[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	began := time.Now()
	err = cmd.Run()
	wall = time.Since(began).Seconds()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && slices.Contains(r.codes, exit.ExitCode()) {
		err = nil
	}
	if err != nil {
		return 0, 0, 0, fmt.Errorf("%w: %s", err, lastLines(stderr.String(), 3))
	}
	s := cmd.ProcessState
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		peakMB = float64(u.Maxrss) / 1024
	}
	return wall, s.UserTime().Seconds() + s.SystemTime().Seconds(), peakMB, nil
}

// inputs are the logs of one simulated organisation.
type inputs struct {
	nginx, nginxGz, nginxDays, dovecot      string
	goaccess, fail2ban, crowdsec            string
	nginxLines, dovecotLines                int64
	goaccessLines, banLines, crowdsecdLines int64
}

// nginxFile is the log of the first contest.
func (c *comparison) nginxFile() string { return filepath.Join(c.folder, "access.log") }

func (c *comparison) inputs() (*inputs, error) {
	at := func(name string) string { return filepath.Join(c.folder, name) }
	in := &inputs{
		nginx: c.nginxFile(), nginxGz: at("access.log.gz"), nginxDays: at("days"), dovecot: at("dovecot.log"),
		goaccess: at("access-head.log"), fail2ban: at("dovecot-head.log"), crowdsec: at("dovecot-short.log"),
	}
	made := at("made")
	if was, err := os.ReadFile(made); err != nil || string(was) != accounts+" "+days {
		fmt.Fprintf(c.log, "bench: simulating %s days of %s people\n", days, accounts)
		if err := c.make(in); err != nil {
			return nil, err
		}
		if err := os.WriteFile(made, []byte(accounts+" "+days), 0o644); err != nil {
			return nil, err
		}
	}
	for path, n := range map[string]*int64{
		in.nginx: &in.nginxLines, in.dovecot: &in.dovecotLines,
		in.goaccess: &in.goaccessLines, in.fail2ban: &in.banLines, in.crowdsec: &in.crowdsecdLines,
	} {
		var err error
		if *n, err = countLines(path); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func (c *comparison) make(in *inputs) error {
	if err := os.RemoveAll(c.folder); err != nil {
		return err
	}
	logs := filepath.Join(c.folder, "logs")
	cmd := exec.Command(c.program, "simulate", "--accounts", accounts, "--days", days, "--tz", zone, "--scenario", "phone-storm", logs)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", cmd, err, out)
	}
	defer os.RemoveAll(logs)
	if err := os.MkdirAll(in.nginxDays, 0o755); err != nil {
		return err
	}
	access, err := filepath.Glob(filepath.Join(logs, "nginx", "access.log-*"))
	if err != nil {
		return err
	}
	for _, day := range access {
		if err := compress(day, filepath.Join(in.nginxDays, filepath.Base(day)+".gz")); err != nil {
			return err
		}
	}
	sessions, err := filepath.Glob(filepath.Join(logs, "dovecot", "dovecot.log-*"))
	if err != nil {
		return err
	}
	return errors.Join(
		copyLines(in.nginx, access, -1, nil),
		copyLines(in.goaccess, access, goaccessLines, nil),
		copyLines(in.dovecot, sessions, -1, throughSyslog),
		copyLines(in.fail2ban, sessions, fail2banLines, throughSyslog),
		copyLines(in.crowdsec, sessions, crowdsecLines, throughSyslog),
		compress(in.nginx, in.nginxGz),
	)
}

// throughSyslog makes a line of Dovecot's own log file what syslog makes of
// it: the form that all the programs read.
//
//	Sep 09 00:00:04 imap-login: Info: Login: user=…
//	Sep  9 00:00:04 mx2 dovecot: imap-login: Login: user=…
func throughSyslog(line []byte) []byte {
	const stamp = len("Sep 09 00:00:04 ")
	if len(line) < stamp {
		return line
	}
	out := append([]byte(nil), line[:stamp]...)
	if out[4] == '0' {
		out[4] = ' '
	}
	out = append(out, "mx2 dovecot: "...)
	return append(out, bytes.Replace(line[stamp:], []byte(": Info: "), []byte(": "), 1)...)
}

func copyLines(to string, from []string, limit int, change func([]byte) []byte) (err error) {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriterSize(f, 1<<20)
	n := 0
	for _, path := range from {
		if err := func() error {
			in, err := os.Open(path)
			if err != nil {
				return err
			}
			defer in.Close()
			lines := bufio.NewScanner(in)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() && n != limit {
				line := lines.Bytes()
				if change != nil {
					line = change(line)
				}
				_, _ = out.Write(line)
				_ = out.WriteByte('\n')
				n++
			}
			return lines.Err()
		}(); err != nil {
			return err
		}
	}
	return out.Flush()
}

func compress(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := gzip.NewWriter(f) // level 6, as logrotate's gzip
	if _, err := io.Copy(z, in); err != nil {
		return err
	}
	return z.Close()
}

func countLines(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	buf, n := make([]byte, 1<<20), int64(0)
	for {
		k, err := f.Read(buf)
		n += int64(bytes.Count(buf[:k], []byte{'\n'}))
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// mailvigil is the whole investigation: from the start of the process to the
// verdict. Whatever the verdict is, it is an answer.
func (c *comparison) mailvigil(lines int64, path string) *runner {
	return &runner{
		Name: "mailvigil", Lines: lines, codes: []int{10, 20, 30},
		Command: "mailvigil investigate --tz " + zone + " --quiet --json verdict.json " + filepath.Base(path),
		argv:    []string{c.program, "investigate", "--tz", zone, "--sensitivity", "off", "--quiet", "--json", filepath.Join(c.folder, "verdict.json"), path},
	}
}

func (c *comparison) nginx(in *inputs) *contest {
	t := &contest{
		Input:   "nginx, combined format, one file",
		Runners: []*runner{c.mailvigil(in.nginxLines, in.nginx)},
		Goals: []goal{
			{Text: "3 million lines/s", AtLeast: 3e6},
			{Text: "30 × GoAccess", Against: "goaccess", AtLeast: 30},
			{Text: "a tenth of wc -l", Against: "wc -l", AtLeast: 0.1},
		},
	}
	t.add(&runner{Name: "wc -l", Lines: in.nginxLines, Command: "wc -l access.log", argv: []string{"wc", "-l", in.nginx}})
	t.add(&runner{
		Name: "goaccess", Lines: in.goaccessLines, Version: version("goaccess", "--version"),
		Command: "goaccess --log-format=COMBINED --no-progress -o report.html access-head.log",
		argv:    []string{"goaccess", "--log-format=COMBINED", "--no-progress", "-o", filepath.Join(c.folder, "report.html"), in.goaccess},
	})
	return t
}

func (c *comparison) compressed(in *inputs) *contest {
	t := &contest{
		Input:   "nginx, combined format, one .gz file",
		Runners: []*runner{c.mailvigil(in.nginxLines, in.nginxGz)},
		Goals:   []goal{{Text: "0.8 of zcat | wc -l", Against: "zcat | wc -l", AtLeast: 0.8}},
	}
	t.add(&runner{
		Name: "zcat | wc -l", Lines: in.nginxLines, Command: "zcat access.log.gz | wc -l",
		argv: []string{"sh", "-c", `zcat "$1" | wc -l`, "sh", in.nginxGz},
	})
	return t
}

func (c *comparison) daily(in *inputs) *contest {
	t := &contest{
		Input:   "nginx, combined format, a .gz file for each of " + days + " days",
		Runners: []*runner{c.mailvigil(in.nginxLines, in.nginxDays)},
		Goals:   []goal{{Text: "0.8 of zcat | wc -l", Against: "zcat | wc -l", AtLeast: 0.8}},
	}
	t.add(&runner{
		Name: "zcat | wc -l", Lines: in.nginxLines, Command: "zcat days/*.gz | wc -l",
		argv: []string{"sh", "-c", `zcat "$1"/*.gz | wc -l`, "sh", in.nginxDays},
	})
	return t
}

func (c *comparison) dovecot(in *inputs) *contest {
	t := &contest{
		Input:   "Dovecot through syslog, one file",
		Runners: []*runner{c.mailvigil(in.dovecotLines, in.dovecot)},
		Goals: []goal{
			{Text: "40 × fail2ban-regex", Against: "fail2ban-regex", AtLeast: 40},
			{Text: "300 × CrowdSec", Against: "crowdsec", AtLeast: 300},
		},
	}
	t.add(&runner{
		Name: "fail2ban-regex", Lines: in.banLines, Version: version("fail2ban-regex", "--version"),
		Command: "fail2ban-regex --print-no-missed dovecot-head.log dovecot",
		argv:    []string{"fail2ban-regex", "--print-no-missed", in.fail2ban, "dovecot"},
	})
	crowdsec := filepath.Join(c.peers, "crowdsec")
	t.add(&runner{
		Name: "crowdsec", Lines: in.crowdsecdLines, Version: version(crowdsec, "version"),
		Command: "crowdsec -dsn file://dovecot-short.log -type syslog (parser dovecot-logs, scenario dovecot-spam)",
		argv:    []string{crowdsec, "read", in.crowdsec},
	})
	return t
}

// add takes a program in where it is there; its goals go with it.
func (c *contest) add(r *runner) {
	if _, err := exec.LookPath(r.argv[0]); err == nil {
		c.Runners = append(c.Runners, r)
		return
	}
	c.Skipped = append(c.Skipped, r.Name+" is not installed")
	c.Goals = slices.DeleteFunc(c.Goals, func(g goal) bool { return g.Against == r.Name })
}

// version is the first number with a dot that a program tells of itself.
func version(argv ...string) string {
	out, _ := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	for _, word := range strings.Fields(string(out)) {
		word = strings.TrimRight(strings.TrimLeft(word, "v"), ".,")
		if strings.Contains(word, ".") && word[0] >= '0' && word[0] <= '9' {
			return word
		}
	}
	return ""
}

// table prints the contests for people.
func table(w io.Writer, contests []*contest) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, c := range contests {
		fmt.Fprintf(w, "\n%s\n", c.Input)
		fmt.Fprintln(out, "PROGRAM\tLINES\tSECONDS\tCPU s\tLINES/s\tMAILVIGIL IS\tPEAK MB\t")
		ours := c.Runners[0]
		for _, r := range c.Runners {
			fmt.Fprintf(out, "%s\t%d\t%.2f\t%.2f\t%.0f\t%s\t%.0f\t\n", r.Name, r.Lines, median(r.Seconds), median(r.CPU), r.speed(), times(ours.speed()/r.speed()), r.PeakMB)
		}
		out.Flush()
		for _, g := range c.Goals {
			fmt.Fprintf(w, "  goal %s: %s\n", g.Text, g.verdict())
		}
		for _, s := range c.Skipped {
			fmt.Fprintf(w, "  %s\n", s)
		}
	}
	fmt.Fprintln(w)
}

func (g goal) verdict() string {
	reached := times(g.Reached)
	if g.Against == "" {
		reached = fmt.Sprintf("%.2f million lines/s", g.Reached/1e6)
	}
	if g.Met {
		return "met, " + reached
	}
	return "missed, " + reached
}

// times writes a ratio with two digits that count.
func times(x float64) string {
	switch {
	case x >= 10:
		return fmt.Sprintf("%.0f ×", x)
	case x >= 1:
		return fmt.Sprintf("%.1f ×", x)
	}
	return fmt.Sprintf("%.2f ×", x)
}

func median(xs []float64) float64 {
	s := slices.SortedFunc(slices.Values(xs), cmp.Compare[float64])
	if len(s) == 0 {
		return 0
	}
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}
