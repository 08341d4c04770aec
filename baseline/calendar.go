package baseline

import (
	"time"

	"mailvigil/traffic"
)

// Class is the kind of a day, as far as traffic cares.
type Class uint8

// The classes. Weekends and holidays share what is learnt about rest days;
// a holiday never teaches the weekday it happens to fall on.
const (
	Workday Class = iota
	Weekend
	Holiday
)

// Calendar says what kind of day a date is, at the organisation's own place.
// It must give the same answer each time it is asked for the same date.
type Calendar interface {
	DayClass(year int, month time.Month, day int) Class
}

const (
	binMinutes = 5
	dayBins    = 24 * 60 / binMinutes
	holidayRow = 7 // the weekly profile has a row for each weekday and this one
	weekRows   = 8
	daySeconds = 24 * 60 * 60
)

// place is where a slot falls in the profiles.
type place struct {
	row  int // weekday, Sunday first, or holidayRow
	rest int // 0 work day, 1 weekend or holiday
	bin  int // five minutes of the local day
	day  int32
}

func (p place) hour() int { return p.bin * binMinutes / 60 }

// wallClock turns slots into places on the local wall clock. On the night the
// clock goes back both passes of the repeated hour fall in the same bins, and
// on the night it goes forward the skipped hour is simply never asked for.
//
// Asking time.Location and the Calendar for each slot would cost more than
// the model itself, so the zone's current offset and the class of the last
// few days are kept.
type wallClock struct {
	loc         *time.Location
	cal         Calendar
	from, until int64 // Unix seconds during which offset holds
	offset      int64
	days        [4]struct {
		day   int64
		known bool
		row   int8
		rest  int8
	}
}

func (c *wallClock) place(s traffic.Slot) place {
	unix := s.Unix()
	if unix < c.from || unix >= c.until {
		c.findOffset(unix)
	}
	local := unix + c.offset
	day := floorDiv(local, daySeconds)
	d := &c.days[day&3]
	if !d.known || d.day != day {
		d.day, d.known = day, true
		d.row, d.rest = c.classify(day)
	}
	return place{row: int(d.row), rest: int(d.rest), bin: int(local-day*daySeconds) / (binMinutes * 60), day: int32(day)}
}

func (c *wallClock) findOffset(unix int64) {
	t := time.Unix(unix, 0).In(c.loc)
	_, offset := t.Zone()
	start, end := t.ZoneBounds()
	c.offset = int64(offset)
	c.from, c.until = -1<<62, 1<<62
	if !start.IsZero() {
		c.from = start.Unix()
	}
	if !end.IsZero() {
		c.until = end.Unix()
	}
}

func (c *wallClock) classify(day int64) (row, rest int8) {
	date := time.Unix(day*daySeconds, 0).UTC() // the local date, spelt in UTC
	class := Workday
	if c.cal != nil {
		class = c.cal.DayClass(date.Date())
	} else if wd := date.Weekday(); wd == time.Saturday || wd == time.Sunday {
		class = Weekend
	}
	switch class {
	case Holiday:
		return holidayRow, 1
	case Weekend:
		return int8(date.Weekday()), 1
	default:
		return int8(date.Weekday()), 0
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
