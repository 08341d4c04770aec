package simulate

import "time"

// publicHolidays of Belgium that have a fixed date: month times 100 plus day.
var publicHolidays = []int{101, 501, 721, 815, 1101, 1111, 1225}

// isHoliday says whether nobody is expected in the office on a local date for
// a reason other than the weekend.
func isHoliday(y int, m time.Month, d int) bool {
	for _, h := range publicHolidays {
		if h == int(m)*100+d {
			return true
		}
	}
	days := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(easter(y)).Hours() / 24)
	return days == 1 || days == 39 || days == 50 // Easter Monday, Ascension, Whit Monday
}

// workday is the first day of the World from one on on which people are
// expected in the office; that one itself where none is.
func (w *World) workday(from int) int {
	for i := from; i < w.opt.Days; i++ {
		t := w.midnight(i)
		if y, m, d := t.Date(); t.Weekday() != time.Saturday && t.Weekday() != time.Sunday && !isHoliday(y, m, d) {
			return i
		}
	}
	return from
}

// easter is Easter Sunday of the Gregorian calendar (Meeus, Jones, Butcher).
func easter(y int) time.Time {
	a, b, c := y%19, y/100, y%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 19*l) / 433
	month := (h + l - 7*m + 90) / 25
	day := (h + l - 7*m + 33*month + 19) % 32
	return time.Date(y, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}
