// Package baseline knows what count to expect of a series of counts in a
// minute, and how far a harmless count may stray from it: the profile of the
// local week, holidays, growth and spread, learnt online from the counts
// themselves.
//
// It does not know what the counts are of, keeps no history, and does not
// judge: package anomaly asks it, decides what is suspicious, and tells it
// what to learn and at what weight.
package baseline

import (
	"math"
	"time"

	"mailvigil/traffic"
)

// Options of a Model.
type Options struct {
	Location *time.Location // nil: UTC
	Calendar Calendar       // nil: Monday to Friday are work days
}

// Expectation is what a Model expects of one slot.
type Expectation struct {
	// Mean count of the minute.
	Mean float64
	// Dispersion φ: the variance around a known mean is φ·mean; 1 is Poisson.
	Dispersion float64
	// Uncertainty is the relative variance of Mean itself: what is not known
	// of the profile, and what days differ by. Neighbouring slots share it,
	// so it does not average out over a window.
	Uncertainty float64
	// Burst is the share of Mean that a job of the clock brings: it may come
	// all at once in any one minute of the local five.
	Burst float64
	// Ready is false until enough was learnt to judge by.
	Ready bool
}

// Variance of a count with this expectation.
func (e Expectation) Variance() float64 {
	return e.Dispersion*e.Mean + e.Uncertainty*e.Mean*e.Mean
}

// WarmUp is how much must be learnt before a Model is Ready.
const WarmUp = 3 * 24 * 60 // minutes

// The relative spreads τ between a layer of the profile and its parent: how
// differently five minutes of a day, of a work or rest day, and of one
// weekday may behave.
const (
	tauDay   = 1.0
	tauClass = 1.0
	tauBurst = 0.15
	tauSpike = 3.0 // of a bin that is clearly no part of a smooth day

	spikeNoise = 0.3 * 0.3 // a job's share differs with the traffic around it
	tauWeek    = 0.05
)

// How many minutes of learning a profile remembers. The class profile takes
// part of its neighbours' minutes too, four for each of its own.
const (
	memoryWeek  = 5 * 10       // ten weeks
	memoryBurst = 5 * 40       // forty days
	memoryClass = 5 * 40 * 4   // forty days of the class
	memoryDay   = 5 * 60 * 4   // sixty days
	memoryAll   = 60 * 24 * 60 // sixty days
	memoryLevel = 2 * 24 * 60  // two days
	memoryNoise = 8 * 60       // three-hour blocks: sixty days
	memoryPhi   = 12 * 40      // five-minute bins: forty days of an hour
)

const (
	priorPhi     = 1.5
	priorPhiBins = 12
	priorLevel   = 400 // events that the level must outweigh

	// What days differ by, before it is known: 4 %, as if seen for a block or
	// two in which nothing else hid it.
	priorNoise       = 0.04 * 0.04
	priorNoiseBlocks = 1.5
	minNoise         = 0.01 * 0.01
	blockMinutes     = 3 * 60
	clipSD           = 4
	studentLoss      = 10
)

// smoothing over ±15 minutes: counts are shared with neighbouring bins of the
// day and class profiles.
var smoothing = [...]float32{0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25}

// shared is how many minutes of one day a bin of the class profile takes in.
const shared = 4 * binMinutes

// cell is a gamma posterior's sufficient statistics: events seen, and the
// exposure they were seen in, both divided by the dispersion.
type cell struct{ Events, Exposure float32 }

func (c *cell) learn(events, exposure, weight, memory float32) {
	keep := 1 - weight/memory
	c.Events = c.Events*keep + events
	c.Exposure = c.Exposure*keep + exposure
}

// under gives the posterior mean and relative variance of a rate, of which the
// parent layer says that it is around mean with relative variance tau².
func (c *cell) under(mean, tau2 float64) (rate, variance float64) {
	k := 1 / tau2
	shape := k + float64(c.Events)
	return shape / (k/mean + float64(c.Exposure)), 1 / shape
}

// Model is the profile of one series. It is not safe for concurrent use. Its
// size is fixed (about 30 kB), and neither Expect nor Learn allocates.
//
// The mean of a slot is L·r: a slowly moving level L, and the rate r of the
// slot's five minutes of the local week. A single week says little about five
// minutes of it, so rates are drawn towards what is known more broadly, each
// layer a gamma prior of the next (a hierarchical gamma–Poisson model, with
// exponential discounting as West and Harrison's dynamic models have it):
//
//	all ─τ=1→ five minutes of any day ─τ=1→ of a work or rest day ─τ=.05→ of the weekday
//
// The day and class layers are smoothed over ±15 minutes; a factor for single
// bins of the day, narrow around 1, lets cron jobs stand out between the two
// smooth layers and the last. A parent is only ever a prior of its child:
// layers that multiply each other lock in on whatever the first days showed.
// A parent that is itself uncertain is a weaker prior: its relative variance
// adds to τ², so the first weekend is expected to be a surprise.
type Model struct {
	clock wallClock
	state
}

// state is all that a Model has learnt. Its fields, in this order, are the
// binary form: a change of either is a new formatVersion.
type state struct {
	Week  [weekRows * dayBins]cell
	Class [2 * dayBins]cell
	Day   [dayBins]cell
	Burst [dayBins]cell
	Jobs  [dayBins]job
	All   struct{ Events, Exposure float64 }
	Level struct{ Events, Expected float64 }

	Spread  [24]struct{ Sum, Bins float32 }
	Pooled  struct{ Sum, Bins float64 }
	Noise   struct{ Sum, Blocks float64 }
	Bin     span // the five minutes going on
	LastBin span
	Block   span // the three hours going on

	Learnt float64 // minutes
}

// job is on how many days a bin of the day had a minute far above the smooth
// day, each at most ten days after the last. One day is an accident, such as
// all phones coming back after a restart; more are a job of the clock.
type job struct{ Last, Days int32 }

const jobDays, jobGap = 2, 10

func (j *job) seen(day int32) (became bool) {
	if day == j.Last {
		return false
	}
	if day-j.Last > jobGap {
		j.Days = 0
	}
	j.Last = day
	j.Days++
	return j.Days == jobDays
}

// span gathers counts whose residual is judged as one.
type span struct {
	Key         traffic.Slot
	Hour        int32
	Minutes     float64
	Count, Mean float64
	Noise       float64 // Σ φ·mean
	Uncertainty float64 // Σ mean·relative variance that bins share
	Jobs        float64 // Σ mean·burst
}

func (o *span) add(count float64, e Expectation, profile float64) {
	o.Minutes++
	o.Count += count
	o.Mean += e.Mean
	o.Noise += e.Dispersion * e.Mean
	o.Uncertainty += e.Mean * profile
	o.Jobs += e.Mean * e.Burst
}

// New returns a Model that has learnt nothing.
func New(o Options) *Model {
	loc := o.Location
	if loc == nil {
		loc = time.UTC
	}
	return &Model{clock: wallClock{loc: loc, cal: o.Calendar}}
}

// rates are what the layers say of one place.
type rates struct {
	class float64 // smooth rate of the day's class, without the burst factor
	burst float64
	week  float64 // the rate that counts
	// Relative variances: of week, and of what neighbouring bins of it share.
	variance, common float64
}

func (m *Model) rates(p place) rates {
	// Half an event in a minute never seen: a series of zeros has a small
	// rate, not none.
	mean := (m.All.Events + 0.5) / (m.All.Exposure + 1)
	v := 1 / (m.All.Events + 0.5)
	mean, v = m.Day[p.bin].under(mean, tauDay*tauDay+v)
	mean, v = m.Class[p.rest*dayBins+p.bin].under(mean, tauClass*tauClass+v)
	common := v
	burst, vBurst := m.burstOf(p.bin)
	week, vWeek := m.Week[p.row*dayBins+p.bin].under(mean*burst, tauWeek*tauWeek+v+vBurst)
	return rates{class: mean, burst: burst, week: week, variance: vWeek, common: min(common, vWeek)}
}

// burstOf is the factor of one bin over the smooth day around it. Most bins
// are part of the smooth day, a few are far outside it: a bin whose counts
// are out of the question for the narrow prior gets the wide one.
func (m *Model) burstOf(bin int) (factor, variance float64) {
	c := &m.Burst[bin]
	d := float64(c.Events - c.Exposure)
	if x := float64(c.Exposure); m.Jobs[bin].Days >= jobDays && d*d > 36*(x+x*x*tauBurst*tauBurst+1) {
		f, v := c.under(1, tauSpike*tauSpike)
		return f, v + spikeNoise
	}
	return c.under(1, tauBurst*tauBurst)
}

func (m *Model) growth() float64 {
	return (priorLevel + m.Level.Events) / (priorLevel + m.Level.Expected)
}

func (m *Model) phi(hour int) float64 {
	pooled := (priorPhi*priorPhiBins + m.Pooled.Sum) / (priorPhiBins + m.Pooled.Bins)
	h := &m.Spread[hour]
	return max(1, (pooled*priorPhiBins+float64(h.Sum))/(priorPhiBins+float64(h.Bins)))
}

// dayNoise is the relative variance of what lasts for hours, as it is
// estimated from few blocks that resemble their neighbours.
func (m *Model) dayNoise() float64 {
	return max(minNoise, (priorNoise*priorNoiseBlocks+m.Noise.Sum)/(priorNoiseBlocks+m.Noise.Blocks))
}

// dayNoiseBound widens dayNoise for that: four deviates of a variance known
// from n draws (Student's t) are those of a variance larger by about 10/n.
func (m *Model) dayNoiseBound() float64 {
	return m.dayNoise() * (1 + studentLoss/(2+priorNoiseBlocks+m.Noise.Blocks))
}

// Expect says what count to expect in a slot, past or to come.
func (m *Model) Expect(s traffic.Slot) Expectation {
	p := m.clock.place(s)
	e := m.expect(p, m.rates(p))
	e.Ready = m.Learnt >= WarmUp
	return e
}

func (m *Model) expect(p place, r rates) Expectation {
	mean := m.growth() * r.week
	return Expectation{
		Mean: mean,
		// What is not known of one bin alone is new with every bin, so it
		// is noise among the others.
		Dispersion:  m.phi(p.hour()) + binMinutes*mean*(r.variance-r.common),
		Uncertainty: r.common + m.dayNoiseBound(),
		Burst:       max(0, 1-1/r.burst),
	}
}

// Hour is the hour of the local day that a slot falls in.
func (m *Model) Hour(s traffic.Slot) int { return m.clock.place(s).hour() }

// Learn takes one minute's count into the Model. The weight is between 0 (no
// trust at all: nothing is learnt) and 1. A minute that was not seen must not
// be learnt; a count that is negative or no number is not.
func (m *Model) Learn(s traffic.Slot, count, weight float64) { m.learn(s, count, weight, -1) }

// LearnJudged is Learn for a minute of which expected was the Mean when it was
// judged. What days differ by shows in what was expected before anything of
// the day was learnt; with Learn alone it is not estimated but assumed.
func (m *Model) LearnJudged(s traffic.Slot, count, weight, expected float64) {
	m.learn(s, count, weight, expected)
}

func (m *Model) learn(s traffic.Slot, count, weight, expected float64) {
	if !(weight > 0) || !(count >= 0) || math.IsInf(count, 0) {
		return
	}
	weight = min(weight, 1)
	p := m.clock.place(s)
	r := m.rates(p)
	e := m.expect(p, r)
	m.learnSpread(s, p, count, expected, e, r)

	if m.Learnt >= WarmUp {
		m.learnLevel(count, weight, r, e)
	}
	// A minute's worth of evidence: what lasts for hours is shared by all the
	// minutes that a bin of the class takes in on one day, so a day can tell
	// no more about it than one draw of that noise.
	worth := weight / (m.phi(p.hour()) + shared*e.Mean*m.dayNoise())
	level := m.growth()
	exposure := worth * level
	// The smooth layers learn what is smooth: a minute far above it would
	// raise the hour around it. The others learn it once it is a job.
	smooth := level * r.class
	smooth += 6*math.Sqrt(e.Dispersion*smooth+e.Uncertainty*smooth*smooth) + 3
	w, y := float32(weight), float32(worth*min(count, smooth))
	own := y
	if count > smooth && m.Jobs[p.bin].seen(p.day) {
		// What was learnt of the bin so far was cut short.
		m.Burst[p.bin] = cell{}
		for row := range weekRows {
			m.Week[row*dayBins+p.bin] = cell{}
		}
	}
	if m.Jobs[p.bin].Days >= jobDays {
		own = float32(worth * count)
	}
	m.Week[p.row*dayBins+p.bin].learn(own, float32(exposure), w, memoryWeek)
	m.Burst[p.bin].learn(own, float32(exposure*r.class), w, memoryBurst)
	if r.burst > 1.5 {
		w = 0
	}
	class := m.Class[p.rest*dayBins : (p.rest+1)*dayBins]
	x := float32(exposure * r.burst)
	bin := p.bin - len(smoothing)/2
	if bin < 0 {
		bin += dayBins
	}
	for _, k := range smoothing {
		if w == 0 {
			break
		}
		class[bin].learn(k*y, k*x, k*w, memoryClass)
		m.Day[bin].learn(k*y, k*x, k*w, memoryDay)
		if bin++; bin == dayBins {
			bin = 0
		}
	}
	keep := 1 - weight/memoryAll
	m.All.Events = m.All.Events*keep + worth*count
	m.All.Exposure = m.All.Exposure*keep + exposure
	m.Learnt += weight
}

// learnLevel moves the level towards what was counted, a gamma filter with a
// memory of two days. A slot counts by how well its own rate is known, taken
// over five minutes: without that the first weekend, expected to be like the
// work days before it, would drag the level down.
func (m *Model) learnLevel(count, weight float64, r rates, e Expectation) {
	const keep = 1 - 1.0/memoryLevel
	w := weight / (e.Dispersion + binMinutes*e.Mean*r.common)
	m.Level.Events = m.Level.Events*keep + w*count
	m.Level.Expected = m.Level.Expected*keep + w*r.week
}

// learnSpread estimates φ for each hour of the day from the residuals of five
// minutes at a time (single minutes would miss what neighbouring minutes have
// in common), and what days differ by from the residuals of three hours.
// Residuals are winsorised at four standard deviations and one event, so
// that a burst is not taken for spread. They all count alike, whatever the
// weight: weights fall with the residual, and a spread learnt from residuals
// that were chosen to be small stays too small for ever.
func (m *Model) learnSpread(s traffic.Slot, p place, count, expected float64, e Expectation, r rates) {
	if key := traffic.Slot(floorDiv(int64(s), binMinutes)); m.Bin.Key != key {
		m.closeBin()
		m.Bin = span{Key: key, Hour: int32(p.hour())}
	}
	if key := traffic.Slot(floorDiv(int64(s), blockMinutes)); m.Block.Key != key {
		m.closeBlock()
		m.Block = span{Key: key}
	}
	m.Bin.add(count, e, r.common)
	if expected > 0 {
		e.Mean = expected
		m.Block.add(count, e, r.common)
	}
}

// firstResidual is how much is learnt before residuals say anything.
const firstResidual = 24 * 60 // minutes

// closeBin estimates φ from two neighbouring fives of minutes with counts Y
// and means M, of which E(Y₁M₂−Y₂M₁)² = φ·M₁M₂(M₁+M₂): what the two share,
// an error of the profile or a busy day, falls out, as in von Neumann's
// estimator.
func (m *Model) closeBin() {
	o, last := &m.Bin, m.LastBin
	m.LastBin = *o
	if o.Key != last.Key+1 || o.Minutes < binMinutes || last.Minutes < binMinutes || m.Learnt < firstResidual {
		return
	}
	if jobs := 0.1; o.Jobs > jobs*o.Mean || last.Jobs > jobs*last.Mean || o.Mean <= 0 || last.Mean <= 0 {
		return
	}
	phi := m.phi(int(o.Hour))
	v := o.Mean * last.Mean * (o.Mean + last.Mean)
	d := math.Abs(o.Count*last.Mean - last.Count*o.Mean)
	d = min(d, clipSD*math.Sqrt(phi*v)+max(o.Mean, last.Mean))
	estimate := d * d / v
	w := min(1, o.Mean)
	h := &m.Spread[o.Hour]
	keep := 1 - w/memoryPhi
	h.Sum = float32(float64(h.Sum)*keep + w*estimate)
	h.Bins = float32(float64(h.Bins)*keep + w)
	keep = 1 - w/(24*memoryPhi)
	m.Pooled.Sum = m.Pooled.Sum*keep + w*estimate
	m.Pooled.Bins = m.Pooled.Bins*keep + w
}

// closeBlock solves E(Y−M)² = φM + M²(v_profile + v_noise) for the last, and
// weighs the answer by how much of the residual it can account for.
func (m *Model) closeBlock() {
	o := &m.Block
	if o.Minutes < blockMinutes/2 || o.Mean <= 0 {
		return
	}
	noise := m.dayNoise()
	known := o.Noise/(o.Mean*o.Mean) + o.Uncertainty/o.Mean
	d := (o.Count - o.Mean) / o.Mean
	d2 := min(d*d, clipSD*clipSD*(known+noise))
	share := noise / (known + noise)
	w := share * share
	keep := 1 - w/memoryNoise
	m.Noise.Sum = m.Noise.Sum*keep + w*(d2-known)
	m.Noise.Blocks = m.Noise.Blocks*keep + w
}
