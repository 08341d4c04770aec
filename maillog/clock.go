package maillog

import "time"

const (
	day = 86400
	// late is how far a line may lag behind the one before it, in seconds,
	// and still be counted as out of order rather than as a wall clock that
	// was set back.
	late = 300
	// quarter: every change of a zone's offset in use today falls on a
	// multiple of fifteen minutes of wall-clock time.
	quarter = 900
)

// clock turns the wall-clock times of one file's lines into instants.
//
// Lines without a year: the first gets the latest year in which it is not
// later than the reference plus a day; from there the year turns where the
// month falls by half a year or more (December to January). A file that spans
// more than a year cannot be told from one that does not: its early lines
// come out a year late.
//
// Lines without a zone are read in loc. In autumn an hour of the wall clock
// comes twice: a line is of the first pass unless that put it more than five
// minutes before the line above it. In spring an hour is missing: a line that
// states it anyway is read with the offset before the change.
type clock struct {
	loc      *time.Location
	limit    int64 // no line is later, Unix seconds
	hasLimit bool

	started             bool
	year, month, dayOf  int   // of the line before
	last                int64 // instant of the line before, Unix seconds
	cached              bool
	slot                int64 // the quarter that first and second belong to
	first, second       int64 // seconds east of UTC in the first and second pass
	dateY, dateM, dateD int
	dateSeconds         int64
	minute              minute
}

func newClock(loc *time.Location, reference time.Time) clock {
	if loc == nil {
		loc = time.UTC
	}
	c := clock{loc: loc}
	if !reference.IsZero() {
		c.hasLimit, c.limit = true, reference.Unix()+day
	}
	return c
}

// stamp is a time as a line states it.
type stamp struct {
	year                             int // 0: not stated
	month, day, hour, minute, second int
	nano                             int64
	zoned                            bool
	east                             int64 // seconds east of UTC, if zoned
}

func (s *stamp) valid() bool {
	return 1 <= s.month && s.month <= 12 && 1 <= s.day && s.day <= 31 &&
		(s.year == 0 && s.day <= daysIn(2000, s.month) || 1970 <= s.year && s.year < 2200 && s.day <= daysIn(s.year, s.month)) &&
		0 <= s.hour && s.hour < 24 && 0 <= s.minute && s.minute < 60 && 0 <= s.second && s.second <= 60
}

// resolve returns the instant of a valid stamp in Unix nanoseconds.
func (c *clock) resolve(s *stamp) int64 {
	year := s.year
	if year == 0 {
		year = c.yearOf(s)
	}
	wall := c.wall(year, s)
	if s.zoned {
		return (wall-s.east)*1e9 + s.nano
	}
	c.minute.known = false
	c.offsets(wall)
	t := wall - c.first
	if c.first != c.second && c.started && t < c.last-late {
		t = wall - c.second
	}
	if s.year == 0 && c.started && year < c.year {
		return t*1e9 + s.nano // a straggler from before New Year
	}
	c.started, c.last = true, t
	c.year, c.month, c.dayOf = year, s.month, s.day
	return t*1e9 + s.nano
}

// minute remembers the minute of the line before: lines come in the order of
// time, so that of the next one only the seconds differ. It knows the two forms
// in which syslog writes: "Feb 21 00:03:02 ", as Dovecot does too, and
// "2026-02-21T00:03:02.123456+01:00 ".
type minute struct {
	known, iso       bool
	head, tail, zone uint64 // the text of the minute and the zone in words, which overlap
	start            int64  // its first instant, Unix seconds
}

// again reads the time at the start of a line that is of the same minute as the
// line before. Whoever takes it says so by keep.
//
// It comes to what parseStamp and resolve do: the year cannot turn, and where an
// hour comes twice, a line that lags by less than a minute is of the same pass.
func (c *clock) again(b []byte) (ns int64, rest []byte, ok bool) {
	m := &c.minute
	if !m.known || len(b) < 33 || word(b, 0) != m.head {
		return 0, nil, false
	}
	if !m.iso {
		if sec := two(b, 13); word(b, 5) == m.tail && b[15] == ' ' && 0 <= sec && sec <= 60 {
			return (m.start + int64(sec)) * 1e9, b[15:], true
		}
		return 0, nil, false
	}
	micros := word(b, 20) ^ '0'*each
	if sec := two(b, 17); word(b, 8) == m.tail && b[16] == ':' && 0 <= sec && sec <= 60 && b[19] == '.' &&
		noDigits(micros)<<16 == 0 && word(b, 25)>>8 == m.zone {
		return (m.start+int64(sec))*1e9 + eightDigits(micros<<16)*1000, b[32:], true
	}
	return 0, nil, false
}

// keep tells that the line of again was read.
func (c *clock) keep(ns int64) {
	if !c.minute.iso {
		c.last = ns / 1e9
	}
}

// learn remembers the minute of a line that resolve gave ns.
func (c *clock) learn(b []byte, s *stamp, ns int64) {
	m := &c.minute
	m.known = false
	if len(b) < 33 {
		return
	}
	start := (ns-s.nano)/1e9 - int64(s.second)
	switch {
	case s.year == 0 && !s.zoned:
		// A straggler from before New Year leaves the clock as it was.
		if b[9] == ':' && b[12] == ':' && b[15] == ' ' && c.last*1e9 == ns {
			*m = minute{true, false, word(b, 0), word(b, 5), 0, start}
		}
	case s.zoned && b[10] == 'T' && b[19] == '.' && (b[26] == '+' || b[26] == '-') && b[29] == ':' && b[32] == ' ' &&
		noDigits(word(b, 20)^'0'*each)<<16 == 0:
		*m = minute{true, true, word(b, 0), word(b, 8), word(b, 25) >> 8, start}
	}
}

// yearOf finds the year of a stamp that states none. Without a reference it
// is 1970 (1972 for 29 February): plainly wrong rather than likely wrong.
func (c *clock) yearOf(s *stamp) int {
	year := c.year
	switch {
	case !c.started && !c.hasLimit:
		year = 1970
		for s.day > daysIn(year, s.month) {
			year++
		}
		return year
	case !c.started:
		year = time.Unix(c.limit, 0).In(c.loc).Year()
		for year > 1970 && (s.day > daysIn(year, s.month) || c.after(year, s)) {
			year--
		}
	case s.month-c.month <= -6:
		// Beyond the limit only where the line above is near: a file that is
		// followed outlives its reference, a damaged month does not count.
		gap := daysSince1970(year+1, s.month, s.day) - daysSince1970(c.year, c.month, c.dayOf)
		if gap <= 45 || !c.after(year+1, s) {
			year++
		}
	case c.month == 1 && c.dayOf <= 2 && s.month == 12 && s.day >= 30:
		year--
	}
	for s.day > daysIn(year, s.month) {
		year--
	}
	return year
}

// after reports whether a stamp read in that year is later than the limit.
func (c *clock) after(year int, s *stamp) bool {
	if !c.hasLimit {
		return false
	}
	t := time.Date(year, time.Month(s.month), s.day, s.hour, s.minute, s.second, 0, c.loc)
	return t.Unix() > c.limit
}

// wall returns the Unix seconds of a wall-clock time read as UTC.
func (c *clock) wall(year int, s *stamp) int64 {
	if year != c.dateY || s.month != c.dateM || s.day != c.dateD {
		c.dateY, c.dateM, c.dateD = year, s.month, s.day
		c.dateSeconds = daysSince1970(year, s.month, s.day) * day
	}
	return c.dateSeconds + int64(s.hour*3600+s.minute*60+s.second)
}

// offsets finds the zone's offset at a wall-clock time: one, or in the hour
// that comes twice both. It looks at the offsets a day before and a day after
// and keeps those that are true of the instant they lead to.
func (c *clock) offsets(wall int64) {
	slot := wall / quarter
	if c.cached && slot == c.slot {
		return
	}
	c.cached, c.slot = true, slot
	start := slot * quarter
	before, after := c.offset(start-day), c.offset(start+day)
	c.first, c.second = before, before
	if before == after {
		return
	}
	isBefore, isAfter := c.offset(start-before) == before, c.offset(start-after) == after
	switch {
	case isBefore && isAfter:
		c.second = after
	case isAfter:
		c.first, c.second = after, after
	}
}

func (c *clock) offset(unix int64) int64 {
	_, east := time.Unix(unix, 0).In(c.loc).Zone()
	return int64(east)
}

// daysSince1970 counts days of the Gregorian calendar (Howard Hinnant,
// "chrono-Compatible Low-Level Date Algorithms"), for years from 0 on.
func daysSince1970(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	era := y / 400
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era*146097 + doe - 719468)
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// monthOf reads the three letters of an English month; 0 where they are none.
func monthOf(b []byte) int {
	switch string(b[:3]) {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

// timeOfDay reads "15:04:05" and an optional fraction.
func (s *stamp) timeOfDay(b []byte) (rest []byte, ok bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return nil, false
	}
	s.hour, s.minute, s.second = two(b, 0), two(b, 3), two(b, 6)
	b = b[8:]
	if len(b) > 1 && (b[0] == '.' || b[0] == ',') && isDigit(b[1]) {
		unit := int64(1e8)
		for b = b[1:]; len(b) > 0 && isDigit(b[0]); b = b[1:] {
			s.nano += int64(b[0]-'0') * unit
			unit /= 10
		}
	}
	return b, true
}

// zone reads "+0100", "+01:00" or "Z".
func (s *stamp) zone(b []byte) (rest []byte, ok bool) {
	if len(b) > 0 && b[0] == 'Z' {
		s.zoned = true
		return b[1:], true
	}
	if len(b) < 5 || b[0] != '+' && b[0] != '-' {
		return nil, false
	}
	h, i := two(b, 1), 3
	if b[3] == ':' {
		i = 4
	}
	if len(b) < i+2 {
		return nil, false
	}
	m := two(b, i)
	if h < 0 || h > 15 || m < 0 || m > 59 {
		return nil, false
	}
	s.zoned, s.east = true, int64(h*3600+m*60)
	if b[0] == '-' {
		s.east = -s.east
	}
	return b[i+2:], true
}

// parseStamp reads a time at the start of a line: "Feb 21 00:03:02",
// "Feb  1 …", "Feb 1 …", or "2026-02-21T00:03:02.123456+01:00" with a space
// for T and without zone as well.
func parseStamp(b []byte) (s stamp, rest []byte, ok bool) {
	if len(b) < 15 {
		return s, nil, false
	}
	if isDigit(b[0]) {
		if len(b) < 19 || b[4] != '-' || b[7] != '-' || b[10] != 'T' && b[10] != ' ' || two(b, 0) < 0 || two(b, 2) < 0 {
			return s, nil, false
		}
		s.year, s.month, s.day = two(b, 0)*100+two(b, 2), two(b, 5), two(b, 8)
		if rest, ok = s.timeOfDay(b[11:]); !ok {
			return s, nil, false
		}
		if r, ok := s.zone(rest); ok {
			rest = r
		}
		return s, rest, s.year != 0
	}
	if s.month = monthOf(b); s.month == 0 || b[3] != ' ' {
		return s, nil, false
	}
	b = b[4:]
	if b[0] == ' ' {
		b = b[1:]
	}
	switch {
	case !isDigit(b[0]):
		return s, nil, false
	case b[1] == ' ':
		s.day, b = int(b[0]-'0'), b[2:]
	case isDigit(b[1]) && b[2] == ' ':
		s.day, b = two(b, 0), b[3:]
	default:
		return s, nil, false
	}
	rest, ok = s.timeOfDay(b)
	return s, rest, ok
}

// parseCLF reads the 26 bytes "21/Feb/2026:00:03:02 +0100" of web servers and
// "21-Feb-2026 00:03:02 +0100" of Roundcube.
func parseCLF(b []byte) (s stamp, ok bool) {
	if len(b) != 26 || b[2] != b[6] || b[2] != '/' && b[2] != '-' || b[20] != ' ' {
		return s, false
	}
	hi, lo := two(b, 7), two(b, 9)
	if hi < 0 || lo < 0 {
		return s, false
	}
	s.year, s.month, s.day = hi*100+lo, monthOf(b[3:6]), two(b, 0)
	if _, ok = s.timeOfDay(b[12:20]); !ok {
		return s, false
	}
	_, ok = s.zone(b[21:])
	return s, ok && s.year != 0
}
