package baseline_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"mailvigil/baseline"
	"mailvigil/traffic"
)

func berlin(t testing.TB) *time.Location {
	l, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func at(t time.Time) traffic.Slot { return traffic.SlotOf(t.UnixNano()) }

// teach lets the model learn the counts of slots from one on, with a weight.
func teach(m *baseline.Model, from, until traffic.Slot, weight float64, count func(traffic.Slot) float64) {
	var f baseline.Five
	for s := from; s < until; s++ {
		if f.Minutes == 0 {
			f = baseline.Five{Start: s, Weight: weight}
		}
		y := count(s)
		f.Minutes++
		f.Count += y
		f.Top = max(f.Top, y)
		if baseline.FiveOf(s+1) != baseline.FiveOf(s) || s+1 == until {
			m.Learn(f)
			f = baseline.Five{}
		}
	}
}

// learn teaches days of a rate, by local time, as it is, or as Poisson counts.
func learn(m *baseline.Model, from time.Time, days int, r *rand.Rand, rate func(time.Time) float64) {
	teach(m, at(from), at(from.AddDate(0, 0, days)), 1, func(s traffic.Slot) float64 {
		y := rate(time.Unix(s.Unix(), 0).In(from.Location()))
		if r != nil {
			y = max(0, math.Round(y+math.Sqrt(y)*r.NormFloat64()))
		}
		return y
	})
}

func office(t time.Time) float64 {
	rate := 4.0
	if h := t.Hour(); h >= 8 && h < 17 {
		rate = 80
	}
	if wd := t.Weekday(); wd == time.Saturday || wd == time.Sunday {
		rate /= 4
	}
	return rate
}

type holidays map[string]baseline.Class

func (h holidays) DayClass(y int, m time.Month, d int) baseline.Class {
	date := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	if c, ok := h[date.Format(time.DateOnly)]; ok {
		return c
	}
	if wd := date.Weekday(); wd == time.Saturday || wd == time.Sunday {
		return baseline.Weekend
	}
	return baseline.Workday
}

func TestExpect(t *testing.T) {
	loc := berlin(t)
	monday := time.Date(2026, 1, 12, 0, 0, 0, 0, loc)
	calendar := holidays{"2026-01-14": baseline.Holiday, "2026-02-05": baseline.Holiday}
	for _, c := range []struct {
		name      string
		start     time.Time
		days      int
		calendar  baseline.Calendar
		rate      func(time.Time) float64
		ask       time.Time
		want      float64
		tolerance float64 // share
	}{
		{"a work day's morning", monday, 21, nil, office, time.Date(2026, 2, 3, 11, 0, 0, 0, loc), 80, 0.05},
		{"a work day's night", monday, 21, nil, office, time.Date(2026, 2, 3, 3, 0, 0, 0, loc), 4, 0.1},
		{"a Saturday", monday, 21, nil, office, time.Date(2026, 2, 7, 11, 0, 0, 0, loc), 20, 0.1},
		{"the second weekend is known from the first", monday, 11, nil, office, time.Date(2026, 1, 25, 11, 0, 0, 0, loc), 20, 0.15},
		{
			"summer time: the wall clock rules", time.Date(2026, 3, 9, 0, 0, 0, 0, loc), 20, nil, office,
			time.Date(2026, 3, 30, 8, 2, 0, 0, loc), 80, 0.1,
		},
		{
			"summer time: an hour earlier it is night", time.Date(2026, 3, 9, 0, 0, 0, 0, loc), 20, nil, office,
			time.Date(2026, 3, 30, 7, 20, 0, 0, loc), 4, 0.1,
		},
		{
			"winter time", time.Date(2026, 10, 5, 0, 0, 0, 0, loc), 20, nil, office,
			time.Date(2026, 10, 26, 8, 2, 0, 0, loc), 80, 0.1,
		},
		{
			"a holiday is like a weekend before there was one", monday, 21,
			holidays{"2026-02-05": baseline.Holiday},
			office, time.Date(2026, 2, 5, 11, 0, 0, 0, loc), 20, 0.2,
		},
		{
			"a holiday does not teach its weekday", monday, 21, calendar,
			func(t time.Time) float64 {
				if t.Day() == 14 {
					return 10
				}
				return office(t)
			},
			time.Date(2026, 2, 4, 11, 0, 0, 0, loc), 80, 0.05,
		},
		{
			"growth of 10 % a week", monday, 21, nil,
			func(t time.Time) float64 { return 50 * math.Pow(1.1, t.Sub(monday).Hours()/168) },
			time.Date(2026, 2, 3, 11, 0, 0, 0, loc), 50 * 1.348, 0.06,
		},
		{
			"an hourly job", monday, 21, nil,
			func(t time.Time) float64 {
				if t.Minute() == 0 {
					return 64
				}
				return 4
			},
			time.Date(2026, 2, 3, 11, 2, 0, 0, loc), 16, 0.2,
		},
		{
			"and not the minutes beside it", monday, 21, nil,
			func(t time.Time) float64 {
				if t.Minute() == 0 {
					return 64
				}
				return 4
			},
			time.Date(2026, 2, 3, 11, 12, 0, 0, loc), 4, 0.2,
		},
		{"zeros", monday, 14, nil, func(time.Time) float64 { return 0 }, time.Date(2026, 2, 3, 11, 0, 0, 0, loc), 0, 0.001},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := baseline.New(baseline.Options{Location: loc, Calendar: c.calendar})
			learn(m, c.start, c.days, nil, c.rate)
			e := m.Expect(at(c.ask))
			if d := math.Abs(e.Mean - c.want); d > c.tolerance*max(c.want, 1) {
				t.Errorf("mean %.3f, want %.3f within %.0f %%", e.Mean, c.want, 100*c.tolerance)
			}
			if !e.Ready || e.Dispersion < 1 || e.Uncertainty <= 0 || e.Variance() < e.Mean {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestReadyAndUncertain(t *testing.T) {
	loc := berlin(t)
	monday := time.Date(2026, 1, 12, 0, 0, 0, 0, loc)
	m := baseline.New(baseline.Options{Location: loc})
	if e := m.Expect(at(monday)); e.Ready || math.IsNaN(e.Mean) || e.Mean < 0 {
		t.Errorf("knows something of nothing: %+v", e)
	}
	r := rand.New(rand.NewPCG(1, 1))
	learn(m, monday, 2, r, office)
	if m.Expect(at(monday.AddDate(0, 0, 2))).Ready {
		t.Error("ready after two days")
	}
	learn(m, monday.AddDate(0, 0, 2), 2, r, office)
	friday, saturday := m.Expect(at(monday.AddDate(0, 0, 4).Add(11*time.Hour))), m.Expect(at(monday.AddDate(0, 0, 5).Add(11*time.Hour)))
	if !friday.Ready || friday.Uncertainty > 0.03 {
		t.Errorf("a fifth work day: %+v", friday)
	}
	if saturday.Uncertainty < 0.3 {
		t.Errorf("the first weekend is not known: %+v", saturday)
	}
}

func TestDispersion(t *testing.T) {
	loc := berlin(t)
	monday := time.Date(2026, 1, 12, 0, 0, 0, 0, loc)
	for _, phi := range []float64{1, 2, 4, 10} {
		r := rand.New(rand.NewPCG(1, 1))
		m := baseline.New(baseline.Options{Location: loc})
		end := at(monday.AddDate(0, 0, 21))
		teach(m, at(monday), end, 1, func(traffic.Slot) float64 { return max(0, math.Round(100+math.Sqrt(100*phi)*r.NormFloat64())) })
		got := m.Expect(end + 600).Dispersion
		// What is not known of one bin counts as noise, so a little more.
		if got < 0.8*phi || got > 1.4*phi+0.6 {
			t.Errorf("φ %.2f, want %.2f", got, phi)
		}
	}
}

// TestWeight: what has no weight is not learnt, and neither is what is no
// count.
func TestWeight(t *testing.T) {
	loc := berlin(t)
	monday := time.Date(2026, 1, 12, 0, 0, 0, 0, loc)
	a, b := baseline.New(baseline.Options{Location: loc}), baseline.New(baseline.Options{Location: loc})
	learn(a, monday, 7, nil, office)
	learn(b, monday, 7, nil, office)
	next := at(monday.AddDate(0, 0, 7))
	for i := range traffic.Slot(1440) {
		for _, f := range []baseline.Five{
			{Count: 5000, Minutes: 5},
			{Count: math.NaN(), Minutes: 5, Weight: 1},
			{Count: -1, Minutes: 5, Weight: 1},
			{Count: math.Inf(1), Minutes: 5, Weight: 1},
			{Count: 7, Minutes: 5, Weight: math.NaN()},
			{Count: 7, Weight: 1},
		} {
			f.Start = next + i
			b.Learn(f)
		}
	}
	for i := range traffic.Slot(7 * 1440) {
		if x, y := a.Expect(next+i), b.Expect(next+i); x != y {
			t.Fatalf("%+v, want %+v", y, x)
		}
	}
}

// TestClockChanges: the skipped hour teaches nothing, the repeated hour
// teaches twice, and every bin of the day stays where it was.
func TestClockChanges(t *testing.T) {
	loc := berlin(t)
	for _, c := range []struct {
		name    string
		night   time.Time
		minutes int
	}{
		{"forward", time.Date(2026, 3, 29, 0, 0, 0, 0, loc), 23 * 60},
		{"back", time.Date(2026, 10, 25, 0, 0, 0, 0, loc), 25 * 60},
		{"neither", time.Date(2026, 7, 5, 0, 0, 0, 0, loc), 24 * 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			start, end := at(c.night), at(c.night.AddDate(0, 0, 1))
			if got := int(end - start); got != c.minutes {
				t.Fatalf("%d minutes, want %d", got, c.minutes)
			}
			m := baseline.New(baseline.Options{Location: loc})
			for s := start; s < end; s++ {
				if want := time.Unix(s.Unix(), 0).In(loc).Hour(); m.Hour(s) != want {
					t.Fatalf("minute %d of the night: hour %d, want %d", s-start, m.Hour(s), want)
				}
			}
		})
	}
}

func TestBinary(t *testing.T) {
	loc := berlin(t)
	monday := time.Date(2026, 1, 12, 0, 0, 0, 0, loc)
	m := baseline.New(baseline.Options{Location: loc})
	learn(m, monday, 9, rand.New(rand.NewPCG(1, 1)), office)
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again := baseline.New(baseline.Options{Location: loc})
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	learn(m, monday.AddDate(0, 0, 9), 1, nil, office)
	learn(again, monday.AddDate(0, 0, 9), 1, nil, office)
	for i := range traffic.Slot(7 * 1440) {
		s := at(monday.AddDate(0, 0, 10)) + i
		if x, y := m.Expect(s), again.Expect(s); x != y {
			t.Fatalf("%+v, want %+v", y, x)
		}
	}
	newer := append([]byte(nil), b...)
	newer[4]++
	for _, c := range []struct {
		name string
		b    []byte
	}{
		{"nothing", nil},
		{"something else", []byte("PAR1")},
		{"the name alone", b[:4]},
		{"cut short", b[:len(b)-1]},
		{"too long", append(append([]byte(nil), b...), 0)},
		{"another version", newer},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := again.Expect(at(monday))
			if err := again.UnmarshalBinary(c.b); !errors.Is(err, baseline.ErrFormat) {
				t.Errorf("error %v", err)
			}
			if again.Expect(at(monday)) != before {
				t.Error("the model has changed")
			}
		})
	}
}

func FuzzUnmarshal(f *testing.F) {
	b, _ := baseline.New(baseline.Options{}).MarshalBinary()
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m := baseline.New(baseline.Options{})
		if m.UnmarshalBinary(b) == nil {
			m.Learn(baseline.Five{Start: 1, Minutes: 5, Count: 1, Top: 1, Weight: 1})
			m.Expect(2)
		}
	})
}

func BenchmarkLearn(b *testing.B) {
	m := baseline.New(baseline.Options{Location: berlin(b)})
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		m.Learn(baseline.Five{Start: 29000000 + 5*traffic.Slot(i), Minutes: 5, Count: float64(i % 100), Top: float64(i % 20), Weight: 1})
	}
	b.ReportMetric(float64(unsafe.Sizeof(*m)), "B/model")
}

func BenchmarkExpect(b *testing.B) {
	m := baseline.New(baseline.Options{Location: berlin(b)})
	teach(m, 29000000, 29000000+7*1440, 1, func(s traffic.Slot) float64 { return float64(s % 100) })
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		m.Expect(29000000 + traffic.Slot(i))
	}
}

// TestMerge: two models that learnt every other week know what one does that
// learnt them all.
func TestMerge(t *testing.T) {
	loc := berlin(t)
	monday := time.Date(2026, 1, 12, 0, 0, 0, 0, loc)
	all := baseline.New(baseline.Options{Location: loc})
	var half [2]*baseline.Model
	for i := range half {
		half[i] = baseline.New(baseline.Options{Location: loc})
	}
	for week := range 6 {
		from := monday.AddDate(0, 0, 7*week)
		learn(all, from, 7, rand.New(rand.NewPCG(1, uint64(week))), office)
		learn(half[week%2], from, 7, rand.New(rand.NewPCG(1, uint64(week))), office)
	}
	alone := half[0].Expect(at(monday.AddDate(0, 0, 42)))
	half[0].Merge(half[1])
	for hour := range 24 * 7 {
		s := at(monday.AddDate(0, 0, 42).Add(time.Duration(hour) * time.Hour))
		got, want := half[0].Expect(s), all.Expect(s)
		if math.Abs(got.Mean/want.Mean-1) > 0.05 {
			t.Errorf("hour %d: mean %.2f, want %.2f", hour, got.Mean, want.Mean)
		}
	}
	if merged := half[0].Expect(at(monday.AddDate(0, 0, 42))); merged.Uncertainty >= alone.Uncertainty {
		t.Errorf("merging did not make it surer: %.5f, was %.5f", merged.Uncertainty, alone.Uncertainty)
	}
}

// TestParent: a part of a larger series, learnt for three work days, is
// expected to have the larger one's weekend, and its own days all the same.
func TestParent(t *testing.T) {
	loc := berlin(t)
	monday := time.Date(2026, 1, 12, 0, 0, 0, 0, loc)
	whole := baseline.New(baseline.Options{Location: loc})
	learn(whole, monday, 21, rand.New(rand.NewPCG(1, 1)), office)
	part, orphan := baseline.New(baseline.Options{Location: loc, Parent: whole}), baseline.New(baseline.Options{Location: loc})
	// A tenth of the whole, but as busy by night as by day.
	tenth := func(tm time.Time) float64 {
		rate := 4.0
		if wd := tm.Weekday(); wd == time.Saturday || wd == time.Sunday {
			rate /= 4
		}
		return rate
	}
	for _, m := range []*baseline.Model{part, orphan} {
		learn(m, monday.AddDate(0, 0, 21), 3, rand.New(rand.NewPCG(1, 2)), tenth)
	}
	saturday, thursday := at(monday.AddDate(0, 0, 26).Add(11*time.Hour)), at(monday.AddDate(0, 0, 24).Add(11*time.Hour))
	got, without := part.Expect(saturday), orphan.Expect(saturday)
	if math.Abs(got.Mean-1) > 0.75 || without.Mean < 2*got.Mean {
		t.Errorf("the first Saturday: %.2f with a parent, %.2f without; want 1, and 4 where nothing is known of it", got.Mean, without.Mean)
	}
	if got.Uncertainty >= without.Uncertainty {
		t.Errorf("no surer with a parent: %.3f, %.3f", got.Uncertainty, without.Uncertainty)
	}
	if e := part.Expect(thursday); math.Abs(e.Mean-4) > 0.6 {
		t.Errorf("its own day: %.2f, want 4", e.Mean)
	}
}
