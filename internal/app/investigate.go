package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mailvigil/internal/config"
	"mailvigil/internal/enrich"
	"mailvigil/internal/intake"
	"mailvigil/internal/ledger"
	"mailvigil/internal/pipeline"
	"mailvigil/internal/report"
	"mailvigil/verdict"
)

// investigation is what one run of investigate was asked for.
type investigation struct {
	paths        []string // empty: the configuration's, else the usual places
	config       *config.Config
	zone         *time.Location
	since, until time.Time // zero: open
	quiet        bool      // no report and no progress, the exit code says it
	out          reports
	findings     []string // files of what antivirus, EDR and mail filters found
	sensitivity  string

	// used are the files besides logs and findings that decide too.
	used []verdict.Used
	// ledger is the folder of the ledger, "" for none.
	ledger string
}

func (a *app) investigateCommand() *cobra.Command {
	var (
		s            settings
		known        knowledge
		since, until string
		folder       string
		in           investigation
	)
	cmd := &cobra.Command{
		Use:   "investigate [PATH…]",
		Short: "Say what happened in the logs of the past",
		Long: `Reads files and folders of logs (plain, .gz or .zst, "-" for standard input),
whatever they are called: each format is known by its content. Without PATH it
looks where mail and web servers usually write.

Exit code: 0 quiet, 10 benign or fault, 20 attack or mixed, 30 undetermined,
1 error, 2 wrong command line.`,
		Example: `  mailvigil investigate --tz Europe/Brussels /var/log/nginx /var/log/dovecot
  mailvigil investigate --since "2024-04-05 18:00" --json verdict.json logs/
  mailvigil investigate --html report.html --csv indicators.csv logs/
  zcat mail.log.gz | mailvigil investigate --quiet -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if err = in.out.check(); err != nil {
				return err
			}
			if in.config, in.zone, err = s.load(); err != nil {
				return err
			}
			if s.config != "" {
				u, err := used(verdict.UsedConfiguration, s.config)
				if err != nil {
					return err
				}
				in.used = append(in.used, u)
			}
			if in.since, in.until, err = window(since, until, in.zone); err != nil {
				return err
			}
			if err = known.add(in.config); err != nil {
				return err
			}
			in.paths, in.ledger = args, cmp.Or(folder, in.config.Ledger)
			v, err := a.investigate(cmd.Context(), in)
			if err != nil {
				return err
			}
			if code := exitCode(v.Verdict); code != 0 {
				return &exitError{code}
			}
			return nil
		},
	}
	s.register(cmd)
	known.register(cmd)
	in.out.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&since, "since", "", "tell nothing that was over before `TIME`; older lines still teach what is normal (RFC 3339, or local as in 2024-04-05 or \"2024-04-05 18:30\")")
	flags.StringVar(&until, "until", "", "read nothing from `TIME` on")
	flags.StringArrayVar(&in.findings, "findings", nil, "what antivirus, EDR or mail filters found: `FILE` of CSV or JSON; may be repeated")
	flags.StringVar(&in.sensitivity, "sensitivity", "quick", "how hard to ask whether an attack would have been seen: `LEVEL` off, quick or full")
	_ = cmd.RegisterFlagCompletionFunc("sensitivity", cobra.FixedCompletions([]string{"off", "quick", "full"}, cobra.ShellCompDirectiveNoFileComp))
	flags.StringVar(&folder, "ledger", "", "record the run in the ledger in `FOLDER`, which \"mailvigil ledger init\" begins (default: the configuration's)")
	flags.BoolVarP(&in.quiet, "quiet", "q", false, "no report and no progress; the exit code says the verdict")
	profileFlag(cmd)
	return cmd
}

// imported reads what others found.
func imported(files []string, zone *time.Location) (*pipeline.Import, error) {
	if len(files) == 0 {
		return nil, nil
	}
	im := &pipeline.Import{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--findings: %w; name a file of CSV or JSON", err)
		}
		err = errors.Join(im.AddFile(name, f, zone), f.Close())
		if err != nil {
			return nil, fmt.Errorf("--findings: %w", err)
		}
	}
	return im, nil
}

// exitCode is the contract with scripts.
func exitCode(k verdict.Kind) int {
	switch k {
	case verdict.Quiet:
		return 0
	case verdict.Benign, verdict.Fault:
		return 10
	case verdict.Attack, verdict.Mixed:
		return 20
	}
	return 30
}

// investigate runs the pipeline over what was named and shows what it found.
func (a *app) investigate(ctx context.Context, in investigation) (_ *verdict.Verdict, err error) {
	paths := in.paths
	if len(paths) == 0 {
		if paths, err = expand(in.config.Logs); err != nil {
			return nil, err
		}
	}
	set, err := a.discover(ctx, paths, in.zone, in.quiet)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	if len(set.Files) == 0 {
		return nil, noLogs(paths, set)
	}
	if len(paths) == 0 && !in.quiet && !in.out.pseudonyms {
		a.tellFound(set)
	}
	return a.run(ctx, set, in)
}

// expand finds the files that the configuration's patterns stand for. A pattern
// without any is an error only where no other names a file either.
func expand(patterns []string) (paths []string, err error) {
	for _, p := range patterns {
		if _, err := os.Lstat(p); err == nil || !strings.ContainsAny(p, "*?[") {
			paths = append(paths, p)
			continue
		}
		found, err := filepath.Glob(p)
		if err != nil {
			return nil, fmt.Errorf("logs: %q is no pattern: %w", p, err)
		}
		paths = append(paths, found...)
	}
	if len(paths) == 0 && len(patterns) > 0 {
		return nil, fmt.Errorf("logs: nothing is named %s; see the configuration, or name PATH", printable(strings.Join(patterns, ", ")))
	}
	return paths, nil
}

// run investigates the files of a set.
func (a *app) run(ctx context.Context, set *intake.Set, in investigation) (*verdict.Verdict, error) {
	o, err := a.pipelineOptions(in.config, in.zone)
	if err != nil {
		return nil, err
	}
	o.Since, o.Until = in.since, in.until
	switch in.sensitivity {
	case "", "off":
	case "quick":
		o.Sensitivity = pipeline.SensitivityQuick
	case "full":
		o.Sensitivity = pipeline.SensitivityFull
	default:
		return nil, usagef("--sensitivity: there is no level %q; write off, quick or full", in.sensitivity)
	}
	if o.Import, err = imported(in.findings, in.zone); err != nil {
		return nil, err
	}
	var book *ledger.Ledger
	if in.ledger != "" {
		// What cannot be recorded is said before an hour of reading.
		if book, err = ledger.Open(in.ledger, a.now); err != nil {
			return nil, err
		}
		if _, _, err = book.Entries(); err != nil {
			return nil, fmt.Errorf("%w; \"mailvigil ledger verify %s\" says more", err, printable(in.ledger))
		}
	}
	defer stayModest()()
	var meter reading
	for _, f := range set.Files {
		meter.total += f.Size
	}
	o.Progress = &meter.read
	stop := func() {}
	if !in.quiet {
		stop = a.watch(ctx, &meter)
	}
	v, err := pipeline.Investigate(ctx, set, o)
	stop()
	if err != nil {
		return nil, err
	}
	if err := a.completeManifest(v, in); err != nil {
		return nil, err
	}
	inputs := inputsOf(v) // as they are, also where the verdict has pseudonyms
	if v, err = a.named(&in.out, v, o.Enrich.Networks); err != nil {
		return nil, err
	}
	var unrecorded error
	if book != nil {
		// The verdict is shown all the same: it may have taken an hour.
		unrecorded = a.record(book, v, inputs)
	}
	if err := a.write(ctx, &in.out, v, in.zone); err != nil {
		return nil, errors.Join(err, unrecorded)
	}
	if in.quiet || len(in.out.onStdout()) > 0 {
		return v, unrecorded
	}
	return v, errors.Join(report.Terminal(a.stdout, v, a.reportOptions(in.zone)), unrecorded)
}

// completeManifest adds what a verdict was made of besides the logs.
func (a *app) completeManifest(v *verdict.Verdict, in investigation) error {
	v.Manifest = append(v.Manifest, in.used...)
	add := func(kind verdict.UsedKind, path string) error {
		u, err := used(kind, path)
		if err == nil {
			v.Manifest = append(v.Manifest, u)
		}
		return err
	}
	if file, found := networksFile(in.config); found {
		if err := add(verdict.UsedNetworks, file); err != nil {
			return err
		}
	}
	for _, file := range in.findings {
		if err := add(verdict.UsedFindings, file); err != nil {
			return err
		}
	}
	return nil
}

// networksFile is the networks database: the configuration's, else the one
// that is found.
func networksFile(c *config.Config) (file string, found bool) {
	if c.Networks.File != "" {
		return c.Networks.File, true
	}
	return enrich.FindNetworks()
}

// reading is the progress of a run.
type reading struct {
	read  intake.Progress
	total int64
}

// Stored counts the first pass as the whole: the second reads far less.
func (r *reading) Stored() (done, total int64) { return min(r.read.Stored.Load(), r.total), r.total }

// Lines implements progress.
func (r *reading) Lines() int64 { return r.read.Lines.Load() }

// pipelineOptions puts the configuration in the words of the pipeline.
func (a *app) pipelineOptions(c *config.Config, zone *time.Location) (pipeline.Options, error) {
	o := pipeline.Options{
		Location: zone,
		Enrich: enrich.Config{
			Domains: c.Domains, Aliases: c.Aliases, Own: c.Networks.Own, Relays: c.Networks.Relays,
		},
		Feedback: feedbackOf(c, zone),
	}
	o.Announced = announcedOf(c, zone)
	var err error
	if o.Calendar, err = calendarOf(c); err != nil {
		return o, err
	}
	if o.Enrich.Networks, err = networksOf(c); err != nil {
		return o, err
	}
	o.NetworksMissing = o.Enrich.Networks == nil
	return o, nil
}

// reportOptions fit the report to where it goes: the width and colours of a
// terminal, plain text of 80 columns in a pipe.
func (a *app) reportOptions(zone *time.Location) report.Options {
	o := report.Options{Width: 80, Unicode: true, Location: zone}
	f, ok := a.stdout.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return o
	}
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w >= 60 {
		o.Width = min(w, 120)
	}
	// https://no-color.org
	o.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return o
}

// noLogs says what was looked at, and what to do.
func noLogs(paths []string, set *intake.Set) error {
	var b strings.Builder
	if len(paths) == 0 {
		b.WriteString("no logs of mail or web servers in the usual places; name the files or folders to read")
	} else {
		b.WriteString("there is no log to read")
	}
	for i, p := range set.Problems {
		if i == 10 {
			fmt.Fprintf(&b, "\n  and %d more", len(set.Problems)-i)
			break
		}
		b.WriteString("\n  " + printable(p.Error()))
	}
	return errors.New(b.String())
}

// tellFound says what was found where nothing was named.
func (a *app) tellFound(set *intake.Set) {
	fmt.Fprintf(a.stderr, "Found %d log files:\n", len(set.Files))
	for i, f := range set.Files {
		if i == 12 {
			fmt.Fprintf(a.stderr, "  and %d more\n", len(set.Files)-i)
			break
		}
		fmt.Fprintf(a.stderr, "  %s (%s)\n", printable(f.Name), f.Format)
	}
}
