package simulate

import (
	"testing"
	"time"
)

func TestIsHoliday(t *testing.T) {
	for name, c := range map[string]struct {
		date string
		want bool
	}{
		"New Year":                    {"2024-01-01", true},
		"Easter Monday":               {"2024-04-01", true},
		"Easter Monday, a late one":   {"2038-04-26", true},
		"Easter Monday, an early one": {"2008-03-24", true},
		"Ascension":                   {"2025-05-29", true},
		"Whit Monday":                 {"2025-06-09", true},
		"national day":                {"2025-07-21", true},
		"an ordinary Monday":          {"2024-03-25", false},
		"2 January":                   {"2024-01-02", false},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := time.Parse(time.DateOnly, c.date)
			if err != nil {
				t.Fatal(err)
			}
			if got := isHoliday(d.Date()); got != c.want {
				t.Errorf("%s is a holiday: %v", c.date, got)
			}
		})
	}
}
