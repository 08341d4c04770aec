package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/config"
	"mailvigil/internal/enrich"
	"mailvigil/internal/pseudonym"
	"mailvigil/internal/report"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// reports are the forms in which a verdict is wanted, each a file or "".
type reports struct {
	json, html, pdf, csv string
	reader               string
	pseudonyms           bool
	key                  string // file that undoes them
}

func (o *reports) register(cmd *cobra.Command) {
	jsonFlag(cmd, &o.json, "the verdict")
	flags := cmd.Flags()
	flags.StringVar(&o.html, "html", "", "write the report as one page of HTML to `FILE`, - for standard output")
	flags.StringVar(&o.pdf, "pdf", "", "write the same as PDF to `FILE`, by a browser that is installed here (Chromium)")
	flags.StringVar(&o.csv, "csv", "", "write the indicators as CSV to `FILE`, - for standard output")
	flags.StringVar(&o.reader, "for", "", "write HTML and PDF for one `READER`: director (one page), postmaster (what to do now) or analyst (the evidence); default: for all three")
	flags.BoolVar(&o.pseudonyms, "pseudonyms", false, "replace accounts, addresses, devices, sessions and files by words that say nothing, and leave raw lines out, everywhere")
	flags.StringVar(&o.key, "key", "", "with --pseudonyms: key `FILE` by which \"mailvigil reveal\" finds the names again; made where there is none")
	_ = cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(readers(), cobra.ShellCompDirectiveNoFileComp))
}

func readers() []string {
	var names []string
	for _, r := range report.Readers {
		names = append(names, string(r))
	}
	return names
}

// check finds what is wrong with the flags before hours are spent on logs.
func (o *reports) check() error {
	if o.reader != "" && !slices.Contains(readers(), o.reader) {
		return usagef("--for cannot be %q; it is %s", o.reader, strings.Join(readers(), ", "))
	}
	if o.reader != "" && o.html == "" && o.pdf == "" {
		return usagef("--for says for whom --html and --pdf are written; name one of them too")
	}
	if o.key != "" && !o.pseudonyms {
		return usagef("--key is the key of --pseudonyms; name both, or neither")
	}
	if len(o.onStdout()) > 1 {
		return usagef("%s cannot all be standard output", strings.Join(o.onStdout(), " and "))
	}
	for _, f := range append(o.files(), target{"--key", o.key}) {
		if err := f.hasPlace(); err != nil {
			return err
		}
	}
	if o.pdf != "" {
		if _, err := report.Browser(); err != nil {
			return err
		}
	}
	return nil
}

// target is a file and the flag that names it.
type target struct{ flag, file string }

// hasPlace says where a file cannot be written, as far as that shows before it
// is: a folder that is not there must not cost the verdict of an hour.
func (f target) hasPlace() error {
	if f.file == "" || f.file == "-" {
		return nil
	}
	if i, err := os.Stat(f.file); err == nil && i.IsDir() {
		return usagef("%s: %s is a folder; name a file in it", f.flag, f.file)
	}
	if folder := filepath.Dir(f.file); folder != "." {
		if i, err := os.Stat(folder); err != nil || !i.IsDir() {
			return usagef("%s: there is no folder %s; make it first, or name another", f.flag, folder)
		}
	}
	return nil
}

// files are all forms with their flags.
func (o *reports) files() []target {
	return []target{{"--json", o.json}, {"--html", o.html}, {"--pdf", o.pdf}, {"--csv", o.csv}}
}

// onStdout are the flags whose file is standard output.
func (o *reports) onStdout() (flags []string) {
	for _, f := range o.files() {
		if f.file == "-" {
			flags = append(flags, f.flag)
		}
	}
	return flags
}

// some says that any form was asked for.
func (o *reports) some() bool { return o.json != "" || o.html != "" || o.pdf != "" || o.csv != "" }

// named gives the verdict as it may be shown: under pseudonyms, where they are
// asked for.
func (a *app) named(o *reports, v *verdict.Verdict, networks *enrich.Networks) (*verdict.Verdict, error) {
	if !o.pseudonyms {
		return v, nil
	}
	network := func(addr netip.Addr) string { return networkWord(networks, addr) }
	key := pseudonym.New(network)
	if o.key != "" {
		var err error
		if key, err = pseudonym.Open(o.key, network); err != nil {
			return nil, err
		}
	} else {
		fmt.Fprintln(a.stderr, "Without --key, nobody can find the names behind these pseudonyms again.")
	}
	shown, err := key.Verdict(v)
	if err != nil {
		return nil, err
	}
	return shown, key.Save()
}

// networkWord says of an address what stays known under a pseudonym.
func networkWord(networks *enrich.Networks, addr netip.Addr) string {
	if addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() {
		return string(traffic.KindInternal)
	}
	n := networks.Lookup(addr)
	word := string(n.Kind)
	if n.ASN != 0 {
		if word != "" {
			word += "-"
		}
		word += fmt.Sprintf("AS%d", n.ASN)
	}
	return word
}

// networksOf opens the networks database that a configuration names, or the one
// beside the program; nil where there is none.
func networksOf(c *config.Config) (*enrich.Networks, error) {
	file, found := networksFile(c)
	if !found {
		return nil, nil
	}
	return enrich.OpenNetworks(file)
}

// write writes v in the forms that were asked for.
func (a *app) write(ctx context.Context, o *reports, v *verdict.Verdict, zone *time.Location) error {
	if o.json != "" {
		if err := a.output(o.json, func(w io.Writer) error { return report.JSON(w, v) }); err != nil {
			return err
		}
	}
	if o.csv != "" {
		if err := a.output(o.csv, func(w io.Writer) error { return report.CSV(w, v) }); err != nil {
			return err
		}
	}
	if o.html == "" && o.pdf == "" {
		return nil
	}
	var page bytes.Buffer
	if err := report.HTML(&page, v, report.Page{
		Location: zone, For: report.Reader(o.reader), Version: releaseName(), Pseudonyms: o.pseudonyms,
	}); err != nil {
		return err
	}
	if o.html != "" {
		if err := a.output(o.html, func(w io.Writer) error { _, err := w.Write(page.Bytes()); return err }); err != nil {
			return err
		}
	}
	if o.pdf != "" {
		return a.output(o.pdf, func(w io.Writer) error { return report.PDF(ctx, w, page.Bytes()) })
	}
	return nil
}

func (a *app) reportCommand() *cobra.Command {
	var out reports
	var tz string
	cmd := &cobra.Command{
		Use:   "report VERDICT.json",
		Short: "Show a verdict of earlier, as a page, a PDF or a table",
		Long: `Reads what "mailvigil investigate --json" wrote ("-" for standard input) and
shows it: on the terminal, or as HTML, PDF or CSV. No log is read again.

The page is one file without script that needs no other host. It is written for
three readers, one after the other: the director (one page), the postmaster (what
to do now) and the analyst (the evidence); --for takes one of them.`,
		Example: `  mailvigil investigate --json verdict.json --html report.html /var/log
  mailvigil report verdict.json
  mailvigil report verdict.json --pdf for-the-director.pdf --for director
  mailvigil report verdict.json --csv indicators.csv
  mailvigil report verdict.json --html shared.html --pseudonyms --key names.key`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usagef("the file of a verdict is missing; mailvigil investigate --json writes one")
			case len(args) > 1:
				return usagef("%q is one too many; a report is made of one verdict", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			v, err := a.readVerdict(args[0])
			if err != nil {
				return err
			}
			zone, err := verdictZone(tz, v)
			if err != nil {
				return err
			}
			var networks *enrich.Networks
			if out.pseudonyms {
				if networks, err = networksOf(&config.Config{}); err != nil {
					return err
				}
			}
			if v, err = a.named(&out, v, networks); err != nil {
				return err
			}
			if err := a.write(cmd.Context(), &out, v, zone); err != nil || out.some() {
				return err
			}
			return report.Terminal(a.stdout, v, a.reportOptions(zone))
		},
	}
	out.register(cmd)
	cmd.Flags().StringVar(&tz, "tz", "", "show times in `ZONE` (default: the verdict's)")
	_ = cmd.RegisterFlagCompletionFunc("tz", cobra.FixedCompletions(config.Zones(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// verdictZone is the zone in which a verdict is shown: the flag's, else its own.
func verdictZone(tz string, v *verdict.Verdict) (*time.Location, error) {
	if tz != "" {
		zone, err := config.Zone(tz)
		if err != nil {
			return nil, usagef("--tz: %v", err)
		}
		return zone, nil
	}
	zone, err := time.LoadLocation(v.Timezone)
	if err != nil {
		return time.UTC, nil
	}
	return zone, nil
}

// readVerdict reads a verdict that was written as JSON.
func (a *app) readVerdict(name string) (_ *verdict.Verdict, err error) {
	in := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read the verdict: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	v, err := report.Read(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", printable(name), err)
	}
	return v, nil
}
