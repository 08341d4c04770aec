package anomaly_test

import (
	"math"
	"math/rand/v2"
	"time"

	"mailvigil/anomaly"
	"mailvigil/baseline"
	"mailvigil/traffic"
)

// world makes a series of counts with a known truth.
type world struct {
	name     string
	start    time.Time // midnight, local
	days     int
	peak     float64 // events a minute on a work day's late morning
	phi      float64 // 1 is Poisson
	weekend  float64 // share of a work day's rate
	night    float64 // share of the peak at night
	growth   float64 // a week
	level    float64 // standard deviation of a noise that lasts for hours
	cron     float64 // events in the first minute of each hour
	calendar baseline.Calendar
	effects  []effect
}

// effect multiplies the rate on the days [from, until), between two hours of
// the local clock.
type effect struct {
	from, until float64 // days since the start
	hours       [2]float64
	factor      float64
	add         float64
}

func (e effect) holds(day, hour float64) bool {
	if day < e.from || day >= e.until {
		return false
	}
	if e.hours == [2]float64{} {
		return true
	}
	if e.hours[0] < e.hours[1] {
		return hour >= e.hours[0] && hour < e.hours[1]
	}
	return hour >= e.hours[0] || hour < e.hours[1]
}

func day(w world, s traffic.Slot) float64 { return float64(s-w.slot(0)) / (24 * 60) }

func berlin() *time.Location {
	l, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return l
}

// monday is a Monday without a change of the clock in the five weeks after.
var monday = time.Date(2026, 1, 12, 0, 0, 0, 0, berlin())

func (w world) slot(day float64) traffic.Slot {
	return traffic.SlotOf(w.start.UnixNano()) + traffic.Slot(math.Round(day*24*60))
}

func (w world) options() anomaly.Options {
	return anomaly.Options{Options: baseline.Options{Location: w.start.Location(), Calendar: w.calendar}, KeepLevel: true}
}

func (w world) counts(seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	out := make([]float64, w.days*24*60)
	first := w.slot(0)
	level := r.NormFloat64() * w.level
	const keep = 1 - 1.0/(6*60) // the noise lasts six hours
	for i := range out {
		t := time.Unix((first + traffic.Slot(i)).Unix(), 0).In(w.start.Location())
		level = level*keep + w.level*math.Sqrt(1-keep*keep)*r.NormFloat64()
		out[i] = w.draw(r, w.rate(t, float64(i)/(24*60))*math.Exp(level))
	}
	return out
}

func (w world) rate(t time.Time, day float64) float64 {
	hour := float64(t.Hour()) + float64(t.Minute())/60
	bump := func(at, width float64) float64 { d := (hour - at) / width; return math.Exp(-d * d / 2) }
	shape := w.night + (1-w.night)*min(1, bump(10, 1.8)+0.8*bump(15, 2)+0.15*bump(20.5, 1.5))
	rate := w.peak * shape
	weekday := t.Weekday()
	rest := weekday == time.Saturday || weekday == time.Sunday
	if w.calendar != nil {
		rest = w.calendar.DayClass(t.Date()) != baseline.Workday
	}
	if rest && w.weekend > 0 {
		rate *= w.weekend
	}
	rate *= math.Pow(1+w.growth, day/7)
	if t.Minute() == 0 {
		rate += w.cron
	}
	for _, e := range w.effects {
		if e.holds(day, hour) {
			rate = rate*e.factor + e.add
		}
	}
	return rate
}

func (w world) draw(r *rand.Rand, mean float64) float64 {
	if w.phi > 1 && mean > 0 {
		b := w.phi - 1
		mean = gamma(r, mean/b) * b
	}
	return poisson(r, mean)
}

func poisson(r *rand.Rand, mean float64) float64 {
	if mean > 50 {
		return max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64()+(sq(r.NormFloat64())-1)/6))
	}
	n, p, limit := 0.0, r.Float64(), math.Exp(-mean)
	for p > limit {
		p *= r.Float64()
		n++
	}
	return n
}

func sq(x float64) float64 { return x * x }

// gamma is Marsaglia and Tsang's method.
func gamma(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(r, shape+1) * math.Pow(r.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(r.Float64()) < x*x/2+d*(1-v+math.Log(v)) {
			return d * v
		}
	}
}
