package calendar_test

import (
	"strings"
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

func TestPublicHolidays(t *testing.T) {
	for _, tc := range []struct {
		code string
		day  config.Date
		want baseline.Class
	}{
		{"BE", config.Date{Year: 2026, Month: 7, Day: 21}, baseline.Holiday},
		{"be", config.Date{Year: 2026, Month: 4, Day: 6}, baseline.Holiday}, // Easter Monday
		{"BE", config.Date{Year: 2026, Month: 4, Day: 7}, baseline.Workday},
		{"DE", config.Date{Year: 2026, Month: 8, Day: 15}, baseline.Weekend},
		{"DE", config.Date{Year: 2026, Month: 1, Day: 6}, baseline.Workday},
		{"DE-BY", config.Date{Year: 2026, Month: 1, Day: 6}, baseline.Holiday},
		{"GB", config.Date{Year: 2026, Month: 12, Day: 28}, baseline.Holiday}, // for Boxing Day, a Saturday
	} {
		c := calendar.New(nil)
		if err := c.Add(tc.code); err != nil {
			t.Fatal(err)
		}
		if got := c.DayClass(tc.day.Year, tc.day.Month, tc.day.Day); got != tc.want {
			t.Errorf("%s %s: class %v, want %v", tc.code, tc.day, got, tc.want)
		}
	}
	err := calendar.New(nil).Add("XX-YY")
	if err == nil || !strings.Contains(err.Error(), "no public holidays are known") {
		t.Errorf("error %v", err)
	}
	if len(calendar.Countries()) < 40 {
		t.Errorf("%d codes", len(calendar.Countries()))
	}
}
