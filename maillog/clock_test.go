package maillog

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Each case is one file: lines as its wall clock states them, and the
// instants that they are.
func TestClock(t *testing.T) {
	load := func(name string) *time.Location {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return loc
	}
	brussels, lordHowe, newYork := load("Europe/Brussels"), load("Australia/Lord_Howe"), load("America/New_York")
	date := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name  string
		loc   *time.Location
		ref   time.Time
		lines [][2]string // stated, and in UTC
	}{
		{"the day of the reference", brussels, date(2026, 2, 21), [][2]string{{"Feb 21 00:03:02", "2026-02-20T23:03:02Z"}, {"Feb 21 23:59:59", "2026-02-21T22:59:59Z"}}},
		{"a day after the reference", brussels, date(2026, 2, 20), [][2]string{{"Feb 21 00:30:00", "2026-02-20T23:30:00Z"}}},
		{"two days after it: the year before", brussels, date(2026, 2, 20), [][2]string{{"Feb 22 00:30:00", "2025-02-21T23:30:00Z"}}},
		{"reference on New Year", brussels, date(2026, 1, 1), [][2]string{{"Dec 31 23:59:59", "2025-12-31T22:59:59Z"}, {"Jan  1 00:00:00", "2025-12-31T23:00:00Z"}}},
		{"reference on New Year's Eve", brussels, date(2025, 12, 31), [][2]string{{"Jan  1 00:10:00", "2025-12-31T23:10:00Z"}}},
		{"the year turns", nil, date(2026, 2, 1), [][2]string{{"Dec 30 10:00:00", "2025-12-30T10:00:00Z"}, {"Dec 31 23:59:59", "2025-12-31T23:59:59Z"}, {"Jan  1 00:00:01", "2026-01-01T00:00:01Z"}, {"Jan 15 00:00:01", "2026-01-15T00:00:01Z"}}},
		{"a straggler after New Year", nil, date(2026, 2, 1), [][2]string{{"Dec 31 23:59:59", "2025-12-31T23:59:59Z"}, {"Jan  1 00:00:00", "2026-01-01T00:00:00Z"}, {"Dec 31 23:59:59", "2025-12-31T23:59:59Z"}, {"Jan  1 00:00:01", "2026-01-01T00:00:01Z"}}},
		{"followed over New Year", nil, date(2025, 10, 1), [][2]string{{"Oct  1 10:00:00", "2025-10-01T10:00:00Z"}, {"Dec 24 10:00:00", "2025-12-24T10:00:00Z"}, {"Jan  2 10:00:00", "2026-01-02T10:00:00Z"}, {"Dec 31 10:00:00", "2025-12-31T10:00:00Z"}, {"Jan  3 10:00:00", "2026-01-03T10:00:00Z"}}},
		{"a damaged month", nil, date(2026, 7, 12), [][2]string{{"Jul 10 10:00:00", "2026-07-10T10:00:00Z"}, {"Jan 10 10:00:01", "2026-01-10T10:00:01Z"}, {"Jul 10 10:00:02", "2026-07-10T10:00:02Z"}}},
		{"half a year of silence", nil, date(2026, 12, 1), [][2]string{{"Jan 10 00:00:00", "2026-01-10T00:00:00Z"}, {"Nov 30 00:00:00", "2026-11-30T00:00:00Z"}}},
		{"the clock is set back", nil, date(2026, 12, 1), [][2]string{{"Mar 10 10:00:00", "2026-03-10T10:00:00Z"}, {"Mar 10 09:58:00", "2026-03-10T09:58:00Z"}, {"Feb 10 09:58:00", "2026-02-10T09:58:00Z"}}},
		{"29 February", nil, date(2024, 3, 7), [][2]string{{"Feb 28 23:59:59", "2024-02-28T23:59:59Z"}, {"Feb 29 12:00:00", "2024-02-29T12:00:00Z"}, {"Mar  1 00:00:00", "2024-03-01T00:00:00Z"}}},
		{"29 February of an older year", nil, date(2026, 3, 7), [][2]string{{"Feb 29 12:00:00", "2024-02-29T12:00:00Z"}}},
		{"no reference", nil, time.Time{}, [][2]string{{"Mar  7 02:09:33", "1970-03-07T02:09:33Z"}, {"Mar 7 02:09:34", "1970-03-07T02:09:34Z"}}},
		{"no reference, 29 February", nil, time.Time{}, [][2]string{{"Feb 29 00:00:00", "1972-02-29T00:00:00Z"}}},
		{"spring night", brussels, date(2025, 3, 31), [][2]string{{"Mar 30 01:59:59", "2025-03-30T00:59:59Z"}, {"Mar 30 03:00:00", "2025-03-30T01:00:00Z"}}},
		{"an hour that was not", brussels, date(2025, 3, 31), [][2]string{{"Mar 30 01:59:59", "2025-03-30T00:59:59Z"}, {"Mar 30 02:10:00", "2025-03-30T01:10:00Z"}, {"Mar 30 03:20:00", "2025-03-30T01:20:00Z"}}},
		{"autumn night", brussels, date(2025, 10, 27), [][2]string{
			{"Oct 26 01:30:00", "2025-10-25T23:30:00Z"},
			{"Oct 26 02:00:00", "2025-10-26T00:00:00Z"},
			{"Oct 26 02:59:59", "2025-10-26T00:59:59Z"},
			{"Oct 26 02:00:00", "2025-10-26T01:00:00Z"},
			{"Oct 26 02:30:00", "2025-10-26T01:30:00Z"},
			{"Oct 26 02:29:58", "2025-10-26T01:29:58Z"},
			{"Oct 26 03:00:00", "2025-10-26T02:00:00Z"},
		}},
		{"autumn night, lines a little out of order", brussels, date(2025, 10, 27), [][2]string{
			{"Oct 26 02:20:00", "2025-10-26T00:20:00Z"},
			{"Oct 26 02:19:58", "2025-10-26T00:19:58Z"},
			{"Oct 26 02:59:00", "2025-10-26T00:59:00Z"},
			{"Oct 26 02:01:00", "2025-10-26T01:01:00Z"},
		}},
		{"autumn night, few lines", brussels, date(2025, 10, 27), [][2]string{
			{"Oct 26 02:50:00", "2025-10-26T00:50:00Z"},
			{"Oct 26 02:20:00", "2025-10-26T01:20:00Z"},
			{"Oct 26 02:55:00", "2025-10-26T01:55:00Z"},
		}},
		{"autumn night in New York", newYork, date(2025, 11, 3), [][2]string{
			{"Nov  2 01:59:00", "2025-11-02T05:59:00Z"},
			{"Nov  2 01:00:00", "2025-11-02T06:00:00Z"},
		}},
		{"half an hour twice", lordHowe, date(2025, 4, 7), [][2]string{
			{"Apr  6 01:29:00", "2025-04-05T14:29:00Z"},
			{"Apr  6 01:45:00", "2025-04-05T14:45:00Z"},
			{"Apr  6 01:30:00", "2025-04-05T15:00:00Z"},
			{"Apr  6 02:00:00", "2025-04-05T15:30:00Z"},
		}},
		{"a stated zone", brussels, date(2026, 2, 22), [][2]string{
			{"2026-02-21T00:03:04.5+05:30", "2026-02-20T18:33:04.5Z"},
			{"2026-02-21T00:03:04.123456-0800", "2026-02-21T08:03:04.123456Z"},
			{"2026-02-21T00:03:04Z", "2026-02-21T00:03:04Z"},
		}},
		{"a year and no zone", brussels, date(2020, 2, 22), [][2]string{{"2026-07-21 00:03:04", "2026-07-20T22:03:04Z"}}},
		{"leap second", nil, date(2017, 1, 2), [][2]string{{"Dec 31 23:59:60", "2017-01-01T00:00:00Z"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := NewParser(Options{Format: Syslog, Location: c.loc, Reference: c.ref})
			for i, l := range c.lines {
				var ev Event
				r := p.Parse(fmt.Appendf(nil, "%s mx1 postfix/smtpd[7]: lost connection after AUTH from unknown[192.0.2.1]", l[0]), &ev)
				if r.Kind != Parsed {
					t.Fatalf("%d: %v", i, r)
				}
				if got := time.Unix(0, ev.Time).UTC().Format(time.RFC3339Nano); got != l[1] {
					t.Errorf("%d: %s is %s, want %s", i, l[0], got, l[1])
				}
			}
		})
	}
}

func TestClockRefuses(t *testing.T) {
	for _, s := range []string{
		"Feb 30 00:00:00", "Feb 00 00:00:00", "Fab 21 00:00:00", "Feb 21 24:00:00", "Feb 21 00:60:00", "Feb 21 00:00:61",
		"Feb 21 00:0", "Feb 21 0:00:00", "Feb  x 00:00:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "0026-01-01T00:00:00Z", "2026-02-21T00:00:00+9900",
	} {
		p := NewParser(Options{Format: Syslog, Reference: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)})
		var ev Event
		if r := p.Parse([]byte(s+" mx1 postfix/smtpd[7]: lost connection after AUTH from unknown[192.0.2.1]"), &ev); r.Kind != Rejected {
			t.Errorf("%s: %s", s, dump(r, &ev))
		}
	}
}

// Wherever a wall clock shows one time only, the clock agrees with the time
// package, hour by hour through a year of changes.
func TestClockAgreesWithTime(t *testing.T) {
	for _, zone := range []string{"Europe/Brussels", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Chatham", "UTC"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		c := newClock(loc, time.Date(2025, 12, 30, 12, 0, 0, 0, loc))
		for at := time.Date(2025, 1, 1, 0, 0, 0, 0, loc); at.Year() == 2025; at = at.Add(7 * time.Minute) {
			s := stamp{month: int(at.Month()), day: at.Day(), hour: at.Hour(), minute: at.Minute(), second: at.Second()}
			if got := c.resolve(&s); got != at.UnixNano() {
				t.Fatalf("%v: got %v", at, time.Unix(0, got).In(loc))
			}
		}
	}
}

// The minute that is remembered comes to what reading every line anew does, in
// nights in which an hour comes twice or is missing, over New Year, and where
// lines are out of order.
func TestMinuteIsReadOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const iso = "2006-01-02T15:04:05.000000-07:00"
	forms := []string{time.Stamp, time.Stamp, time.Stamp, "Jan 2 15:04:05", iso, iso, "2006-01-02T15:04:05.000000", "2006-01-02T15:04:05.000-07:00"}
	for _, zone := range []string{"UTC", "Europe/Brussels", "Australia/Lord_Howe"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, start := range []string{"2025-10-25T23:30:00Z", "2026-03-29T00:00:00Z", "2025-12-31T22:00:00Z", "2026-04-04T14:00:00Z", "2026-02-28T22:00:00Z"} {
			at, _ := time.Parse(time.RFC3339, start)
			for _, reference := range []time.Time{{}, at.AddDate(0, 0, 2)} {
				p, plain := NewParser(Options{Location: loc, Reference: reference}), newClock(loc, reference)
				again, form := 0, time.Stamp
				for range 20_000 {
					switch random.IntN(50) {
					case 6:
						at = at.Add(time.Duration(random.IntN(3)-1) * time.Hour)
					case 0:
						at = at.Add(time.Duration(random.IntN(9000)-4000) * time.Second)
					case 1, 2, 3:
						at = at.Add(time.Duration(random.IntN(90)-60) * time.Second)
					case 4, 5: // about as late as a line may be
						at = at.Add(-time.Duration(late-2+random.IntN(4)) * time.Second)
					default:
						at = at.Add(time.Duration(random.IntN(3000)) * time.Millisecond)
					}
					if random.IntN(30) == 0 {
						form = forms[random.IntN(len(forms))]
					}
					line := []byte(at.In(loc).Format(form) + " mx1 postfix/smtpd[7]: connect from unknown")
					if _, _, ok := p.clock.again(line); ok {
						again++
					}
					if random.IntN(20) == 0 { // damage
						line[13+random.IntN(20)] = "0 :.+x"[random.IntN(6)]
					}
					s, plainRest, plainOK := parseStamp(line)
					if plainOK && s.valid() && random.IntN(10) == 0 { // read by another way
						if got, want := p.clock.resolve(&s), plain.resolve(&s); got != want {
							t.Fatalf("%s, %s: %v, want %v", zone, line, time.Unix(0, got).In(loc), time.Unix(0, want).In(loc))
						}
						continue
					}
					var ev Event
					rest, ok := p.stamped(line, &ev)
					if plainOK = plainOK && hasPrefix(plainRest, " ") && s.valid(); ok != plainOK || ok && string(rest) != string(plainRest) {
						t.Fatalf("%s: %q, want %q", line, rest, plainRest)
					}
					if !ok {
						continue
					}
					if want := plain.resolve(&s); ev.Time != want {
						t.Fatalf("%s, %s: %v, want %v", zone, line, time.Unix(0, ev.Time).In(loc), time.Unix(0, want).In(loc))
					}
				}
				if again < 5_000 {
					t.Errorf("%s, %s: only %d lines of the minute of the line before", zone, start, again)
				}
			}
		}
	}
}

// Whatever else is read in between decides too which of two hours it is.
func TestMinuteIsForgotten(t *testing.T) {
	p := NewParser(Options{Location: brussels(t), Reference: time.Date(2025, 10, 27, 0, 0, 0, 0, time.UTC)})
	read := func(line string) string {
		var ev Event
		if _, ok := p.stamped([]byte(line), &ev); !ok {
			t.Fatal(line)
		}
		return time.Unix(0, ev.Time).UTC().Format(time.TimeOnly)
	}
	if got := read("Oct 26 02:30:10 mx1 postfix/smtpd[7]: connect"); got != "00:30:10" {
		t.Error(got)
	}
	s, _, _ := parseStamp([]byte("Oct 26 02:50:00"))
	p.clock.resolve(&s)
	if got := read("Oct 26 02:30:11 mx1 postfix/smtpd[7]: connect"); got != "01:30:11" {
		t.Error(got)
	}
}
