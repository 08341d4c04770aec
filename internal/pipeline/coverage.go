package pipeline

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
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
			c.Problems = append(c.Problems, fmt.Sprintf("%s: from line %d on the time lies back by %s: a clock was set back, or logs were put one behind the other", f.Name, t.back, roughly(t.by)))
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
		are := "events are"
		if r.astray == 1 {
			are = "event is"
		}
		c.Problems = append(c.Problems, fmt.Sprintf("%d %s dated so far from all others that a clock must have been wrong: left out of every count over time", r.astray, are))
	}
	for _, p := range r.set.Problems {
		c.Problems = append(c.Problems, p.Error())
	}
	c.Assumed = r.found
	for _, g := range r.gaps {
		c.Gaps = append(c.Gaps, verdict.Gap{Format: g.format.String(), From: r.time(g.from), To: r.time(g.to)})
	}
	c.LookedAt = r.lookedAt()
	c.CannotTell = r.cannotTell(seen)
	return c
}

// limits names the formats as people do, for what their lines do not tell.
var limits = map[maillog.Format]string{
	maillog.Combined:        "nginx or Apache",
	maillog.Dovecot:         "Dovecot",
	maillog.DovecotSyslog:   "Dovecot",
	maillog.Postfix:         "Postfix",
	maillog.RoundcubeLogins: "Roundcube's sign-ins",
}

// mostLimits is how much of what a format does not tell is said: the first
// weigh most, and the page on the formats has them all.
const mostLimits = 3

// cannotTell lists what these logs could not show, a line or two for each.
func (r *run) cannotTell(seen map[maillog.Format]bool) []string {
	var out []string
	told := make(map[string]bool)
	for _, f := range maillog.Formats() {
		name := cmp.Or(limits[f.Format], f.Software)
		if !seen[f.Format] || name == "" || told[name] {
			continue
		}
		told[name] = true
		out = append(out, name+": "+strings.Join(f.CannotTell[:min(len(f.CannotTell), mostLimits)], "; ")+".")
	}
	absent := func(what string, services ...maillog.Service) {
		for _, s := range services {
			if len(r.mix[s]) > 0 {
				return
			}
		}
		out = append(out, what)
	}
	absent("Webmail, and phones over ActiveSync: there are no logs of them.", maillog.Webmail, maillog.OWA, maillog.ActiveSync)
	absent("IMAP and POP3, who signed in there and what they read: there are no logs of them.", maillog.IMAP, maillog.POP3)
	absent("What was sent: there are no logs of mail submission.", maillog.Submission, maillog.SMTP)
	if r.opt.NetworksMissing {
		out = append(out, "No network data: providers and countries of addresses (docs/networks.md says how to get it).")
	}
	if n := r.profiles.Forgotten; n > 0 {
		out = append(out, fmt.Sprintf("The addresses that did next to nothing, one by one: %d of them were only counted.", n))
	}
	return out
}

// roughly is a length of time as people say it.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day {
		return fmt.Sprintf("%d days", d/day)
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}
