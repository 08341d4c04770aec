// Package calendar knows on which days an organisation works: Monday to
// Friday, save its own holidays. It is baseline's Calendar; public holidays of
// countries are not in it yet.
package calendar

import (
	"time"

	"mailvigil/baseline"
	"mailvigil/internal/config"
)

// Calendar is a working week with holidays. It is not changed once made.
type Calendar struct{ off map[config.Date]bool }

// New returns the calendar of an organisation with these holidays.
func New(holidays []config.Date) *Calendar {
	c := &Calendar{off: make(map[config.Date]bool, len(holidays))}
	for _, d := range holidays {
		c.off[d] = true
	}
	return c
}

// DayClass implements baseline.Calendar.
func (c *Calendar) DayClass(year int, month time.Month, day int) baseline.Class {
	if c.off[config.Date{Year: year, Month: month, Day: day}] {
		return baseline.Holiday
	}
	switch time.Date(year, month, day, 12, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday, time.Sunday:
		return baseline.Weekend
	}
	return baseline.Workday
}
