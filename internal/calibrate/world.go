package main

import (
	"math"
	"math/rand/v2"
	"time"

	"mailvigil/baseline"
	"mailvigil/traffic"
)

// organisation is some months of a simulated organisation: correlated series
// of counts a minute in which nothing happens that should raise an alarm.
//
// What the series share: the organisation's clock (weekends, holidays, both
// clock changes), the days' busyness, a level that wanders for hours, growth,
// and gaps in the logs they come from. What is their own: size (from a count
// an hour to hundreds a minute), shape of the day, overdispersion that differs
// by hour, jobs of the clock, and, in every fourth, sessions: one person's
// click that brings a clump of requests over minutes.
type organisation struct {
	start  traffic.Slot
	days   int
	loc    *time.Location
	cal    baseline.Calendar
	series [][]float64 // NaN where the logs have a gap
	mean   [][]float64 // the truth: expected counts, the wandering level included
	clock  []minuteOf
}

type holidays map[[3]int]bool

func (h holidays) DayClass(y int, m time.Month, d int) baseline.Class {
	if h[[3]int{y, int(m), d}] {
		return baseline.Holiday
	}
	switch time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday, time.Sunday:
		return baseline.Weekend
	}
	return baseline.Workday
}

var daysOff = holidays{
	{2026, 4, 3}: true, {2026, 4, 6}: true, {2026, 5, 1}: true, {2026, 5, 14}: true,
	{2026, 10, 2}: true, {2026, 11, 2}: true, {2026, 11, 11}: true,
}

const minutesOfDay = 24 * 60

// wander is a lognormal level with the given relative spread and memory in
// minutes.
func wander(r *rand.Rand, n int, sd, memory float64) []float64 {
	out := make([]float64, n)
	keep := math.Exp(-1 / memory)
	fresh := sd * math.Sqrt(1-keep*keep)
	x := sd * r.NormFloat64()
	for i := range out {
		x = x*keep + fresh*r.NormFloat64()
		out[i] = x
	}
	return out
}

// minuteOf is what the wall clock says of a minute since the start.
type minuteOf struct {
	day, minute int32
	rest        bool
}

func newOrganisation(seed uint64, days, k int, clean bool) *organisation {
	r := rand.New(rand.NewPCG(seed, 0xca11b))
	loc, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		panic(err) // time/tzdata is embedded
	}
	// In half of them the clock goes forward, in the other half back.
	start := time.Date(2026, 2, 25+r.IntN(7), 0, 0, 0, 0, loc)
	if seed%2 == 1 {
		start = time.Date(2026, 9, 7+r.IntN(7), 0, 0, 0, 0, loc)
	}
	o := &organisation{start: traffic.SlotOf(start.UnixNano()), days: days, loc: loc, cal: daysOff}
	n := int(traffic.SlotOf(start.AddDate(0, 0, days).UnixNano()) - o.start)
	clock := make([]minuteOf, n)
	for i := 0; i < n; i += 15 {
		t := time.Unix((o.start + traffic.Slot(i)).Unix(), 0).In(loc)
		y, m, d := t.Date()
		rest := daysOff.DayClass(y, m, d) != baseline.Workday
		date := int32(time.Date(y, m, d, 12, 0, 0, 0, time.UTC).Unix() / 86400)
		for j := i; j < min(i+15, n); j++ {
			clock[j] = minuteOf{date, int32(t.Hour()*60 + t.Minute() + j - i), rest}
		}
	}
	o.clock = clock
	// What all share.
	shared := wander(r, n, 0.015, 8*60)
	busy := map[int32]float64{}
	for _, c := range clock {
		if _, ok := busy[c.day]; !ok {
			busy[c.day] = 0.02 * r.NormFloat64()
		}
	}
	services := make([][]float64, 6)
	for i := range services {
		services[i] = wander(r, n, 0.02, 6*60)
	}
	growth := 0.02 * r.NormFloat64() // a week
	var gaps [3][]bool
	for l := range gaps {
		gaps[l] = make([]bool, n)
		for range max(1, days/25) {
			at, long := r.IntN(n), 20+r.IntN(12*60)
			for i := at; i < min(n, at+long); i++ {
				gaps[l][i] = true
			}
		}
		for i := range gaps[l] {
			if r.IntN(2000) == 0 {
				gaps[l][i] = true
			}
		}
	}
	for s := range k {
		sr := rand.New(rand.NewPCG(seed, uint64(s)+1))
		c, m := o.draw(sr, s, clock, func(i int) float64 {
			return shared[i] + busy[clock[i].day] + services[s%len(services)][i] + growth*float64(i)/(7*minutesOfDay)
		}, clean)
		if !clean {
			for i := range c {
				if gaps[s%len(gaps)][i] {
					c[i] = math.NaN()
				}
			}
		}
		o.series, o.mean = append(o.series, c), append(o.mean, m)
	}
	return o
}

// draw makes one series.
func (o *organisation) draw(r *rand.Rand, s int, clock []minuteOf, common func(int) float64, clean bool) (counts, mean []float64) {
	n := len(clock)
	peak := math.Exp(math.Log(0.02) + r.Float64()*math.Log(300/0.02))
	night := 0.02 + 0.2*r.Float64()
	weekend := 0.15 + 0.5*r.Float64()
	phi := 1 + 2*r.Float64()*r.Float64()
	nightPhi := phi * (1 + r.Float64())
	machine := r.IntN(6) == 0 // devices know neither night nor weekend
	job := 0.0
	if r.IntN(8) == 0 {
		job = 2 * peak
	}
	clump := 0.0
	if r.IntN(4) == 0 {
		clump = 2 + 4*r.Float64()
	}
	own := wander(r, n, 0.01, 3*60)
	shift := r.NormFloat64() * 0.5
	var shape [2][minutesOfDay]float64
	for i := range minutesOfDay {
		hour := float64(i)/60 + shift
		bump := func(at, width float64) float64 { d := (hour - at) / width; return math.Exp(-d * d / 2) }
		shape[0][i] = night + (1-night)*min(1, bump(10, 1.8)+0.8*bump(15, 2)+0.15*bump(20.5, 1.5))
		shape[1][i] = night + (1-night)*weekend*(bump(12, 3)+0.6*bump(19, 2.5))
		if machine {
			shape[0][i], shape[1][i] = 0.8+0.2*shape[0][i], 0.8+0.2*shape[1][i]
		}
		if job > 0 && i%60 == 0 {
			shape[0][i] += job / peak
			shape[1][i] += job / peak
		}
	}
	counts, mean = make([]float64, n), make([]float64, n)
	for i, c := range clock {
		row := 0
		if c.rest {
			row = 1
		}
		m := peak * shape[row][c.minute] * math.Exp(common(i)+own[i])
		mean[i] += m
		p := phi
		if c.minute < 7*60 || c.minute >= 22*60 {
			p = nightPhi
		}
		if clump == 0 {
			counts[i] += draw(r, m, p)
			continue
		}
		for range int(draw(r, m/clump, 1)) {
			// A session: geometric in size, over up to eight minutes.
			for x := i; x < n; x = min(i+r.IntN(8), n) {
				counts[x]++
				if r.Float64() < 1/clump {
					break
				}
			}
		}
	}
	return counts, mean
}

// draw is a count with this mean and variance phi·mean.
func draw(r *rand.Rand, mean, phi float64) float64 {
	if phi > 1 && mean > 0 {
		b := phi - 1
		mean = gamma(r, mean/b) * b
	}
	return poisson(r, mean)
}

func poisson(r *rand.Rand, mean float64) float64 {
	if mean > 30 {
		// Cornish and Fisher's expansion, right in the tails to a hundredth.
		z, sd := r.NormFloat64(), math.Sqrt(mean)
		return max(0, math.Round(mean+sd*z+(z*z-1)/6-(z*z*z-z)/(72*sd)))
	}
	u, p, k := r.Float64(), math.Exp(-mean), 0.0
	for sum := p; sum < u && k < 200; sum += p {
		k++
		p *= mean / k
	}
	return k
}

// gamma is Marsaglia and Tsang's method (2000).
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
