package pipeline

import (
	"fmt"
	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
	"strings"
	"time"
)

// coverage says what was read.
func (r *run) coverage() verdict.Coverage {
	c := verdict.Coverage{
		Files: len(r.set.Files),
		From:  r.time(r.cells.Start),
		To:    r.time(r.cells.Start + traffic.Slot(r.cells.Slots)),
	}
	seen := make(map[maillog.Format]bool)
	for i, t := range r.tallies {
		f := r.set.Files[i]
		c.Lines += t.read.Lines
		c.Bytes += t.read.Bytes
		c.Parsed += t.parsed
		c.Ignored += t.ignored
		c.Rejected += t.rejected
		in := verdict.Input{
			File: f.Name, Format: f.Format.String(), Lines: t.read.Lines, Rejected: t.rejected,
		}
		if t.read.SHA256 != [32]byte{} {
			in.SHA256 = fmt.Sprintf("%x", t.read.SHA256)
		}
		if t.first <= t.last {
			in.From, in.To = time.Unix(0, t.first).In(r.opt.Location), time.Unix(0, t.last).In(r.opt.Location)
			seen[f.Format] = true
		}
		c.Inputs = append(c.Inputs, in)
		if t.err != nil {
			c.Problems = append(c.Problems, t.err.Error())
		} else if t.read.Changed {
			c.Problems = append(c.Problems, f.Name+" changed while it was read; what it held at first was used")
		}
		if t.by > 0 {
			c.Problems = append(c.Problems, fmt.Sprintf("%s: from line %d on the time lies back by %v: a clock was set back, or logs were put one behind the other; every line was counted", f.Name, t.back, t.by))
		}
		for _, s := range t.samples {
			if len(c.Samples) < 10 {
				c.Samples = append(c.Samples, verdict.Rejected{
					Evidence: verdict.Evidence{File: f.Name, Line: s.line, Offset: s.offset, Text: s.text, SHA256: s.hash},
					Why:      s.why,
				})
			}
		}
	}
	if r.astray > 0 {
		c.Problems = append(c.Problems, fmt.Sprintf("%d events are dated so far from all others that a clock must have been wrong; they were left out", r.astray))
	}
	for _, p := range r.set.Problems {
		c.Problems = append(c.Problems, p.Error())
	}
	c.Assumed = r.found
	for _, g := range r.gaps {
		c.Gaps = append(c.Gaps, verdict.Gap{Format: g.format.String(), From: r.time(g.from), To: r.time(g.to)})
	}
	c.CannotTell = r.cannotTell(seen)
	return c
}

// cannotTell lists what these logs could not show.
func (r *run) cannotTell(seen map[maillog.Format]bool) []string {
	var out []string
	for _, f := range maillog.Formats() {
		if seen[f.Format] && len(f.CannotTell) > 0 {
			out = append(out, f.Software+" does not say "+strings.Join(f.CannotTell, ", or ")+".")
		}
	}
	absent := func(what string, fs ...maillog.Format) {
		for _, f := range fs {
			if seen[f] {
				return
			}
		}
		out = append(out, "There are no "+what)
	}
	absent("web server logs: what was done in webmail and by phones over ActiveSync is not seen.", maillog.Combined)
	absent("Dovecot logs: sign-ins over IMAP and what was read there are not seen.", maillog.Dovecot, maillog.DovecotSyslog)
	absent("Postfix logs: what was sent is not seen.", maillog.Postfix)
	if r.opt.NetworksMissing {
		out = append(out, "There is no network data: providers and countries of addresses are not known (docs/networks.md says how to get it).")
	}
	if n := r.profiles.Forgotten; n > 0 {
		out = append(out, fmt.Sprintf("%d addresses that did next to nothing were not remembered one by one.", n))
	}
	if to := r.cells.Slots; to > 0 {
		out = append(out, "How surely an attack would have been seen has not been measured in this run.")
	}
	return out
}
