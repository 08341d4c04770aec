package calendar_test

import (
	"testing"

	"mailvigil/baseline"
	"mailvigil/internal/calendar"
	"mailvigil/internal/config"
)

func TestDayClass(t *testing.T) {
	c := calendar.New([]config.Date{{Year: 2025, Month: 7, Day: 21}, {Year: 2025, Month: 11, Day: 1}})
	for _, tc := range []struct {
		name string
		day  config.Date
		want baseline.Class
	}{
		{"a Monday", config.Date{Year: 2025, Month: 7, Day: 14}, baseline.Workday},
		{"a Monday that is a holiday", config.Date{Year: 2025, Month: 7, Day: 21}, baseline.Holiday},
		{"the same date a year before", config.Date{Year: 2024, Month: 7, Day: 21}, baseline.Weekend},
		{"a Saturday that is a holiday", config.Date{Year: 2025, Month: 11, Day: 1}, baseline.Holiday},
		{"a Saturday", config.Date{Year: 2025, Month: 11, Day: 8}, baseline.Weekend},
	} {
		if got := c.DayClass(tc.day.Year, tc.day.Month, tc.day.Day); got != tc.want {
			t.Errorf("%s: class %v, want %v", tc.name, got, tc.want)
		}
	}
}
