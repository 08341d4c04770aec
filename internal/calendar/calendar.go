// Package calendar knows on which days an organisation works: Monday to
// Friday, save the public holidays of its country and its own. It is
// baseline's Calendar.
//
// School holidays, bridge days and the sittings of a parliament are the
// organisation's own: they stand in its configuration.
package calendar

import (
	"fmt"
	"sync"
	"time"

	"github.com/rickar/cal/v2"

	"mailvigil/baseline"
	"mailvigil/internal/config"
)

// Calendar is a working week with holidays. It may be asked by several
// goroutines at once.
type Calendar struct {
	off    map[config.Date]bool
	public []*cal.Holiday

	mu    sync.Mutex
	years map[int]map[config.Date]bool // public holidays
}

// New returns the calendar of an organisation with these holidays of its own.
func New(holidays []config.Date) *Calendar {
	c := &Calendar{off: make(map[config.Date]bool, len(holidays)), years: make(map[int]map[config.Date]bool)}
	for _, d := range holidays {
		c.off[d] = true
	}
	return c
}

// Add adds the public holidays of a country, or of a part of one, by its ISO
// 3166 code, such as BE or DE-BY. It must be called before DayClass.
func (c *Calendar) Add(code string) error {
	list, ok := known(code)
	if !ok {
		if near := config.Closest(code, Countries()); near != "" {
			return fmt.Errorf("no public holidays are known of %q; did you mean %s?", code, near)
		}
		return fmt.Errorf("no public holidays are known of %q; write a code such as BE or DE-BY, or list the days under holidays", code)
	}
	c.public = append(c.public, list...)
	return nil
}

// DayClass implements baseline.Calendar.
func (c *Calendar) DayClass(year int, month time.Month, day int) baseline.Class {
	d := config.Date{Year: year, Month: month, Day: day}
	if c.off[d] || c.isPublic(d) {
		return baseline.Holiday
	}
	switch time.Date(year, month, day, 12, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday, time.Sunday:
		return baseline.Weekend
	}
	return baseline.Workday
}

func (c *Calendar) isPublic(d config.Date) bool {
	if len(c.public) == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	days, ok := c.years[d.Year]
	if !ok {
		days = make(map[config.Date]bool)
		// A holiday of the next year may be observed in this one.
		for year := d.Year - 1; year <= d.Year+1; year++ {
			for _, h := range c.public {
				actual, observed := h.Calc(year)
				for _, t := range []time.Time{actual, observed} {
					if !t.IsZero() && t.Year() == d.Year {
						days[config.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}] = true
					}
				}
			}
		}
		c.years[d.Year] = days
	}
	return days[d]
}
