package intake

import (
	"testing"
	"time"
)

func TestRotation(t *testing.T) {
	loc := time.FixedZone("", 3600)
	for _, tc := range []struct {
		base, stem, date string // date: the day in the name
		number           int
	}{
		{"mail.log", "mail.log", "", -1},
		{"maillog", "maillog", "", -1},
		{"mail.log.gz", "mail.log", "", -1},
		{"mail.log.1", "mail.log", "", 1},
		{"mail.log.0", "mail.log", "", 0},
		{"mail.log.2.gz", "mail.log", "", 2},
		{"mail.log.10.zst", "mail.log", "", 10},
		{"access.1.log", "access.log", "", 1},
		{"mail.log-20240107", "mail.log", "2024-01-07", -1},
		{"mail.log-20240107.gz", "mail.log", "2024-01-07", -1},
		{"mail.log-20240107.ZST", "mail.log", "2024-01-07", -1},
		{"mail.log.20240107", "mail.log", "2024-01-07", -1},
		{"mail.log-2024010713.gz", "mail.log", "2024-01-07", -1},
		{"mail.log-20240107-130500", "mail.log", "2024-01-07", -1},
		{"mail.log-20240107.1", "mail.log", "2024-01-07", 1},
		{"access-20240107.log", "access.log", "2024-01-07", -1},
		{"access.2024-01-07.log", "access.log", "2024-01-07", -1},
		{"access_2024_01_07.log.gz", "access.log", "2024-01-07", -1},
		{"2024-01-07-mail.log", "mail.log", "2024-01-07", -1},
		{"20240107.log", "log", "2024-01-07", -1},
		{"mail.log-1704585600.gz", "mail.log", "2024-01-07", -1},
		{"no such day 20240231", "no such day 20240231", "", -1},
		{"mail.log-20240230", "mail.log-20240230", "", -1},
		{"mail.log-20241301", "mail.log-20241301", "", -1},
		{"10.0.0.1.log", "10.0.0.1.log", "", -1},
		{"10.0.0.1.log.3.gz", "10.0.0.1.log", "", 3},
		{"web.shop.example.access.log", "web.shop.example.access.log", "", -1},
	} {
		t.Run(tc.base, func(t *testing.T) {
			stem, date, number := rotation(tc.base, loc)
			day := ""
			if !date.IsZero() {
				day = date.Add(-time.Second).Format(time.DateOnly)
			}
			if stem != tc.stem || day != tc.date || number != tc.number {
				t.Errorf("got %q %q %d, want %q %q %d", stem, day, number, tc.stem, tc.date, tc.number)
			}
		})
	}
}
