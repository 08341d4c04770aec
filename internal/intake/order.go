package intake

import (
	"cmp"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailvigil/maillog"
)

var (
	nameDate = regexp.MustCompile(`(?:^|[._-])(20\d\d)[._-]?(0[1-9]|1[0-2])[._-]?(0[1-9]|[12]\d|3[01])(?:[._T-]?(?:[01]\d|2[0-3])(?:[._:-]?[0-5]\d){0,2})?(?:$|[._-])`)
	// logrotate's dateformat %s: Unix seconds, to the year 2033.
	nameEpoch = regexp.MustCompile(`[._-](1\d{9})(?:$|[._-])`)
	// Not the last number of an address: some name a file after the host.
	nameNumber = regexp.MustCompile(`[^0-9]\.(\d{1,4})(?:\.log)?$`)
)

// rotation takes a file's name apart: what it was before rotation, the end of
// the day that it names (zero: none) and the number of the rotation (-1:
// none). "mail.log-20240107.gz", "access.2024-01-07.log" and
// "userlogins.log.2.gz" are what logrotate, cronolog and Debian write.
func rotation(base string, loc *time.Location) (stem string, date time.Time, number int) {
	stem, number = base, -1
	switch ext := filepath.Ext(stem); strings.ToLower(ext) {
	case ".gz", ".zst", ".zstd":
		stem = strings.TrimSuffix(stem, ext)
	}
	if m := nameDate.FindStringSubmatchIndex(stem); m != nil {
		n := func(i int) int { v, _ := strconv.Atoi(stem[m[i]:m[i+1]]); return v }
		day := time.Date(n(2), time.Month(n(4)), n(6)+1, 0, 0, 0, 0, loc)
		// The 31st of a month of thirty days is not a date.
		if day.AddDate(0, 0, -1).Day() == n(6) {
			stem, date = without(stem, m[0], m[1]), day
		}
	} else if m := nameEpoch.FindStringSubmatchIndex(stem); m != nil {
		sec, _ := strconv.ParseInt(stem[m[2]:m[3]], 10, 64)
		stem, date = without(stem, m[0], m[1]), time.Unix(sec, 0).In(loc)
	}
	if m := nameNumber.FindStringSubmatchIndex(stem); m != nil {
		number, _ = strconv.Atoi(stem[m[2]:m[3]])
		stem = stem[:m[2]-1] + stem[m[3]:]
	}
	return stem, date, number
}

// without removes s[from:to], of which the separator after it stays.
func without(s string, from, to int) string {
	if to < len(s) && from > 0 {
		to--
	}
	return s[:from] + s[to:]
}

// arrange gives every file its source and its Reference, and puts the files
// of each source in the order of time.
func (d *discovery) arrange() []*File {
	bySource := map[string][]*candidate{}
	for _, c := range d.found {
		// Several programs write to one syslog file, and which of them a sample
		// shows is chance.
		kind := c.Format.String()
		if c.Format.Syslog() {
			kind = maillog.Syslog.String()
		}
		c.Source += " (" + kind + ")"
		bySource[c.Source] = append(bySource[c.Source], c)
	}
	stated := d.statedEnd()
	var files []*File
	names := make([]string, 0, len(bySource))
	for name := range bySource {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		source := bySource[name]
		slices.SortFunc(source, byRotation)
		d.refer(source, stated)
		// Times decide where they are known; a file without one stays behind
		// the one that rotation puts before it.
		at := make(map[*candidate]time.Time, len(source))
		var before time.Time
		for _, c := range source {
			if !c.First.IsZero() {
				before = c.First
			}
			at[c] = before
		}
		slices.SortStableFunc(source, func(a, b *candidate) int { return at[a].Compare(at[b]) })
		for _, c := range source {
			files = append(files, c.File)
		}
	}
	return files
}

// byRotation orders the files of a source by their names alone: those with a
// date, those with a number from the highest down, then the current one.
func byRotation(a, b *candidate) int {
	class := func(c *candidate) int {
		switch {
		case !c.date.IsZero():
			return 0
		case c.number >= 0:
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(class(a), class(b)), a.date.Compare(b.date), cmp.Compare(b.number, a.number), cmp.Compare(a.Name, b.Name))
}

// statedEnd is the latest time that any file states together with its year,
// in its lines or in its name; zero where none does.
func (d *discovery) statedEnd() time.Time {
	var end time.Time
	for _, c := range d.found {
		t := c.date
		if !c.yearless && !c.First.IsZero() {
			if t = c.Last; t.IsZero() {
				t = c.First
			}
		}
		if t.After(end) && (d.o.Now.IsZero() || t.Before(d.o.Now.AddDate(0, 0, 2))) {
			end = t
		}
	}
	return end
}

// refer decides, for the files of one source in the order of rotation, which
// date the lines without a year are measured against: no line is later than a
// day after it.
//
// A date in the name decides. Otherwise the file's own stamp (what gzip wrote
// down, or when the file was last written) is believed where the lines agree
// with it: a log is last written when its last line is. Logs that were copied
// without their times do not agree; then no line is taken for later than what
// the neighbours state with a year. And a file that was rotated before another
// ends before that one begins, which carries the year back through any number
// of files whose stamps say nothing.
//
// What this cannot tell: a log that was copied without its times, has no
// neighbour with a year, and is older than a year.
func (d *discovery) refer(source []*candidate, stated time.Time) {
	var bound time.Time
	for i := len(source) - 1; i >= 0; i-- {
		c := source[i]
		if i+1 < len(source) && !c.date.IsZero() && source[i+1].date.IsZero() {
			bound = time.Time{} // whether dates or numbers are older, names do not say
		}
		stamp := d.stamp(c)
		switch {
		case !c.yearless && !c.Last.IsZero():
			c.Reference = c.Last
		case !c.date.IsZero():
			c.Reference = c.date
			// Some name the day on which a file was begun.
			if later := stamp.Sub(c.date); later > 0 && later < 35*24*time.Hour {
				c.Reference = stamp
			}
		default:
			c.Reference = stamp
			if !stated.IsZero() && (stamp.IsZero() || stated.Before(stamp) && !d.agrees(c, stamp)) {
				// Not all logs of a case end on the same day.
				if c.Reference = stated.AddDate(0, 0, 7); !stamp.IsZero() && stamp.Before(c.Reference) {
					c.Reference = stamp
				}
			}
			if !bound.IsZero() && c.Reference.After(bound) {
				c.Reference = bound
			}
		}
		if c.yearless {
			c.First = d.timer.time(c.firstLine, c.Format, c.Reference, d.loc)
			c.Last = d.timer.time(c.lastLine, c.Format, c.Reference, d.loc)
		}
		if !c.First.IsZero() {
			bound = c.First
		}
	}
}

// stamp is the time at which the file was last written, as far as that is
// known.
func (d *discovery) stamp(c *candidate) time.Time {
	t := c.ModTime
	if !c.headerTime.IsZero() {
		t = c.headerTime
	}
	if t.IsZero() || !d.o.Now.IsZero() && t.After(d.o.Now) {
		t = d.o.Now
	}
	return t.In(d.loc)
}

// agrees tells whether the file's lines end at its stamp. Of a compressed
// file only the beginning is known, which is a rotation earlier.
func (d *discovery) agrees(c *candidate, stamp time.Time) bool {
	line, within := c.lastLine, 2*24*time.Hour
	if line == nil {
		line, within = c.firstLine, 8*24*time.Hour
		if !c.headerTime.IsZero() {
			within = 32 * 24 * time.Hour // copying does not change it
		}
	}
	t := d.timer.time(line, c.Format, stamp, d.loc)
	return !t.IsZero() && stamp.Sub(t) < within
}

// Stem is a file's name before rotation: "mail.log" of "mail.log-20240107.gz"
// and of "mail.log.2".
func Stem(base string) string {
	stem, _, _ := rotation(base, time.UTC)
	return stem
}
