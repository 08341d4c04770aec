package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/calendar"
	"mailvigil/internal/config"
	"mailvigil/internal/doctor"
	"mailvigil/internal/enrich"
	"mailvigil/internal/intake"
	"mailvigil/internal/pipeline"
	"mailvigil/maillog"
)

// beginning is what init was asked for.
type beginning struct {
	paths    []string
	out      string
	root     string
	tz       string
	force    bool
	networks string
}

func (a *app) initCommand() *cobra.Command {
	var in beginning
	cmd := &cobra.Command{
		Use:   "init [PATH…]",
		Short: "Find servers and logs on this host, and write a configuration to begin with",
		Long: `Looks for mail software and its logs, in the usual places or in PATH, guesses the
zone and the mail domains, and writes them into mailvigil.yaml with a word on every
key. What was guessed is marked. It says which settings of which server would let
the logs tell more, and what to do next. A file that is there already is not
touched.`,
		Example: `  mailvigil init
  mailvigil init --out - /srv/logs
  mailvigil init --root /mnt/image --tz Europe/Brussels`,
		RunE: func(cmd *cobra.Command, args []string) error {
			in.paths = args
			return a.begin(cmd.Context(), in)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&in.out, "out", config.Name, "write the configuration to `FILE`, - for standard output")
	flags.BoolVar(&in.force, "force", false, "write over a FILE that is there already")
	flags.StringVar(&in.root, "root", "/", "look at the system below `FOLDER`, as of a disk that is mounted there")
	flags.StringVar(&in.tz, "tz", "", "`ZONE` of logs that state none, as in Europe/Brussels (default: this machine's, marked as guessed)")
	flags.StringVar(&in.networks, "networks", "", "networks database `FILE` (default: networks.db beside the program)")
	_ = cmd.RegisterFlagCompletionFunc("tz", cobra.FixedCompletions(config.Zones(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) begin(ctx context.Context, in beginning) (err error) {
	draft := config.Draft{}
	zone, err := in.zone(&draft)
	if err != nil {
		return err
	}
	if in.out != "-" && !in.force {
		// Said before the logs are read.
		if _, err := os.Lstat(in.out); err == nil {
			return thereAlready(in.out)
		}
	}
	servers := intake.FindServers(in.root)
	o := intake.Options{Location: zone, Now: a.now(), Stdin: a.stdin}
	if filepath.Clean(in.root) != "/" {
		o.Places = intake.PlacesBelow(in.root)
	}
	set, err := intake.Discover(ctx, in.paths, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	// With --out - the file is what a program reads.
	say := a.stdout
	if in.out == "-" {
		say = a.stderr
	}
	if len(set.Files) == 0 {
		if err := tellServers(say, servers, nil); err != nil {
			return err
		}
		return noLogs(in.paths, set)
	}

	examiner := doctor.New(doctor.Options{Location: zone, ZoneTold: in.tz != ""})
	seen := make(map[string]bool)
	var problems []error
	for _, files := range bySource(set.Files) {
		found, err := examine(ctx, examiner, files)
		if err != nil {
			return err
		}
		problems = append(problems, found...)
	}
	r := examiner.Report()
	for _, s := range r.Sources {
		for _, f := range s.Formats {
			seen[f.Format] = true
		}
	}
	po, err := a.pipelineOptions(&config.Config{Networks: config.Networks{File: in.networks}}, zone)
	if err != nil {
		return err
	}
	known, found, err := pipeline.Survey(ctx, set, po)
	if err != nil {
		return err
	}
	draft.Found = found
	guessDomains(&draft, known)
	if draft.Logs, err = logsOf(in.paths, set); err != nil {
		return err
	}

	if err := writeNew(a, in, draft.YAML()); err != nil {
		return err
	}
	if err := tellServers(say, servers, seen); err != nil {
		return err
	}
	return a.tellBegun(say, in, &draft, r, append(problems, problemsOf(set)...))
}

func problemsOf(set *intake.Set) (problems []error) {
	for _, p := range set.Problems {
		problems = append(problems, &p)
	}
	return problems
}

func bySource(files []*intake.File) (sources [][]*intake.File) {
	for from := 0; from < len(files); {
		to := from + 1
		for to < len(files) && files[to].Source == files[from].Source {
			to++
		}
		sources = append(sources, files[from:to])
		from = to
	}
	return sources
}

// zone is that of the command line, else a guess.
func (in beginning) zone(d *config.Draft) (*time.Location, error) {
	if in.tz != "" {
		zone, err := config.Zone(in.tz)
		if err != nil {
			return nil, usagef("--tz: %v", err)
		}
		d.Zone = zone.String()
		return zone, nil
	}
	zone, why := config.Local(), "this machine's zone; the servers may write in another"
	if filepath.Clean(in.root) != "/" {
		if zone = config.ZoneOf(in.root); zone == nil {
			return time.UTC, nil
		}
		why = "the zone of the system below " + in.root
	}
	if zone.String() != "Local" {
		d.Zone, d.ZoneWhy = zone.String(), why
	}
	return zone, nil
}

// guessDomains takes the domains that the logs name, and from the first of them
// a country.
func guessDomains(d *config.Draft, known enrich.Config) {
	d.Domains = known.Domains
	if len(d.Domains) == 0 {
		return
	}
	d.DomainsWhy = "successful sign-ins name them most"
	top := strings.ToUpper(d.Domains[0][strings.LastIndexByte(d.Domains[0], '.')+1:])
	if top == "UK" {
		top = "GB"
	}
	if slices.Contains(calendar.Countries(), top) {
		d.Country = top
	}
}

// logsOf is what to read from now on: what was named, else a pattern for every
// log that was found, so that tomorrow's files are read too.
func logsOf(paths []string, set *intake.Set) (logs []string, err error) {
	add := func(path string) error {
		path, err := filepath.Abs(path)
		if err == nil && !slices.Contains(logs, path) {
			logs = append(logs, path)
		}
		return err
	}
	for _, p := range paths {
		if p == "-" {
			continue
		}
		if err := add(p); err != nil {
			return nil, fmt.Errorf("name the logs: %w", err)
		}
	}
	if len(paths) > 0 {
		return logs, nil
	}
	for _, files := range bySource(set.Files) {
		dir, stem := filepath.Dir(files[0].Path), intake.Stem(filepath.Base(files[0].Path))
		pattern := filepath.Join(dir, stem+"*")
		for _, f := range files {
			if ok, err := filepath.Match(pattern, f.Path); err != nil || !ok {
				pattern = dir // names that differ in front: all of the folder
				break
			}
		}
		if err := add(pattern); err != nil {
			return nil, fmt.Errorf("name the logs: %w", err)
		}
	}
	return logs, nil
}

func thereAlready(path string) error {
	return fmt.Errorf("%s is there already and stays as it is; --force writes over it, --out FILE beside it, --out - shows what would be written", printable(path))
}

// writeNew writes the configuration, and over nothing unless it may.
func writeNew(a *app, in beginning, data []byte) error {
	write := func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
	if in.out == "-" || in.force {
		return a.output(in.out, write)
	}
	f, err := os.OpenFile(in.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return thereAlready(in.out)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// tellServers says which servers are set up, and of which no log was found.
func tellServers(w io.Writer, servers []intake.Server, seen map[string]bool) error {
	var b bytes.Buffer
	if len(servers) > 0 {
		b.WriteString("Mail software that is set up here:\n")
	}
	for _, s := range servers {
		fmt.Fprintf(&b, "  %-14s %s", s.Name, printable(s.Place))
		logged := slices.ContainsFunc(s.Formats, func(f maillog.Format) bool { return seen[f.String()] })
		switch {
		case logged:
		case s.Journal != "":
			fmt.Fprintf(&b, ": no log of it was found; if it writes to the journal, \"journalctl -u %s -o json\" gives it", s.Journal)
		default:
			b.WriteString(": no log of it was found; name its folder: mailvigil init PATH")
		}
		b.WriteByte('\n')
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

// tellBegun says what was found, what to switch on, and the next command.
func (a *app) tellBegun(w io.Writer, in beginning, d *config.Draft, r doctor.Report, problems []error) error {
	var b strings.Builder
	b.WriteString("Logs that were found:\n")
	for _, s := range r.Sources {
		var formats []string
		for _, f := range s.Formats {
			formats = append(formats, f.Format)
		}
		fmt.Fprintf(&b, "  %s: %s, %d files", printable(s.Name), cmp.Or(strings.Join(formats, ", "), "nothing of mail"), s.Files)
		if s.To != "" {
			fmt.Fprintf(&b, ", to %s", s.To)
		}
		b.WriteByte('\n')
	}
	const shown = 10
	for _, p := range problems[:min(len(problems), shown)] {
		fmt.Fprintf(&b, "  not read, or not all of it: %s\n", printable(p.Error()))
	}
	if n := len(problems) - shown; n > 0 {
		fmt.Fprintf(&b, "  and %d more, which investigate names\n", n)
	}
	b.WriteString("\nGuessed, so look it over:\n")
	guessed := false
	if d.ZoneWhy != "" {
		fmt.Fprintf(&b, "  timezone %s: %s\n", d.Zone, d.ZoneWhy)
		guessed = true
	}
	if d.Zone == "" {
		b.WriteString("  no timezone is known: write it into the file\n")
		guessed = true
	}
	if len(d.Domains) > 0 {
		fmt.Fprintf(&b, "  domains %s: %s\n", printable(strings.Join(d.Domains, ", ")), d.DomainsWhy)
		guessed = true
	}
	if d.Country != "" {
		fmt.Fprintf(&b, "  country %s, which is commented out\n", d.Country)
		guessed = true
	}
	if !guessed {
		b.WriteString("  nothing\n")
	}
	if len(r.Advice) > 0 {
		b.WriteString("\nThe logs would tell more:\n")
		for i, advice := range r.Advice {
			fmt.Fprintf(&b, "  %d. %s\n", i+1, advice.Title)
			for _, c := range advice.Changes {
				fmt.Fprintf(&b, "     %s", c.Server)
				if c.File != "" {
					fmt.Fprintf(&b, " (%s)", c.File)
				}
				fmt.Fprintf(&b, ": %s\n", printable(strings.Join(c.Lines, " ")))
			}
		}
		fmt.Fprintf(&b, "  \"mailvigil doctor %s\" says why, and shows the lines.\n", printable(strings.Join(quoted(d.Logs), " ")))
	}
	b.WriteByte('\n')
	next := "mailvigil investigate"
	switch in.out {
	case "-":
		next = "mailvigil init, then " + next
	case config.Name:
		fmt.Fprintf(&b, "Written: %s\n", in.out)
	default:
		fmt.Fprintf(&b, "Written: %s\n", printable(in.out))
		next += " --config " + printable(shellQuote(in.out))
	}
	fmt.Fprintf(&b, "Next: %s\n", next)
	_, err := io.WriteString(w, b.String())
	return err
}

// quoted leaves patterns to the shell, and keeps other odd letters from it.
func quoted(paths []string) (out []string) {
	for _, p := range paths {
		stem, star := strings.CutSuffix(p, "*")
		q := shellQuote(stem)
		if star {
			q += "*"
		}
		out = append(out, q)
	}
	return out
}

func shellQuote(s string) string {
	if strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/._-+=:,@%", r)
	}) < 0 && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
