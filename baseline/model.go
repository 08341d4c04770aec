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
	// Parent is the Model of a series that this one's is a part of, such as
	// a service of which this one counts a client; nil where there is none.
	// It has the same Location and Calendar, and must not be used by others
	// while this one is asked or taught.
	Parent *Model
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
	tauPart  = 0.5 // of a part of a larger series, beside what that does
	tauBurst = 0.15
	tauQuiet = 0.01 // of a bin that does not clearly differ from its neighbours
	tauSpike = 3.0  // of a bin that is clearly no part of a smooth day

	spikeNoise = 0.3 * 0.3 // a job's share differs with the traffic around it

	// What weekdays differ by, bin by bin, before it is known, and how surely.
	tauWeek     = 0.05
	tauWeekSure = 0.0015
	minTauWeek  = 0.01
	maxTauWeek  = 0.3
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

	memoryWeekdays = 288 * 60 // five-minute bins
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

func (c *cell) learn(events, exposure, forget float32) {
	c.Events = c.Events*(1-forget) + events
	c.Exposure = c.Exposure*(1-forget) + exposure
}

// under gives the posterior mean and relative variance of a rate, of which the
// parent layer says that it is around mean with relative variance tau².
func (c cell) under(mean, tau2 float64) (rate, variance float64) {
	k := 1 / tau2
	shape := k + float64(c.Events)
	return shape / (k/mean + float64(c.Exposure)), 1 / shape
}

// half is a non-negative number in two bytes: six bits of exponent, ten of
// mantissa, right to a twentieth of a per cent between 2⁻³¹ and 2³¹. The
// profile of the week is by far the largest part of a Model, and each of its
// numbers is learnt from too few counts to be known better than that.
type half uint16

const halfBias = (127 - 31) << 23

func (h half) float() float32 {
	if h == 0 {
		return 0
	}
	return math.Float32frombits(uint32(h)<<13 + halfBias)
}

func halfOf(x float32) half {
	b := math.Float32bits(x) + 1<<12 // rounded to the nearest
	if !(x > 0) || b < halfBias+1<<13 {
		return 0
	}
	return half(min((b-halfBias)>>13, math.MaxUint16))
}

// weekCell is a cell in half the room.
type weekCell struct{ Events, Exposure half }

func (c weekCell) cell() cell { return cell{c.Events.float(), c.Exposure.float()} }

func (c *weekCell) learn(events, exposure, forget float32) {
	x := c.cell()
	x.learn(events, exposure, forget)
	*c = weekCell{halfOf(x.Events), halfOf(x.Exposure)}
}

// Model is the profile of one series. It is not safe for concurrent use. Its
// size is fixed (about 20 kB), and neither Expect nor Learn allocates.
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
//
// A series that is part of a larger one (a client of a service) may have that
// one's Model as its Parent: until it knows its own week it is expected to
// have a steady share of the parent's.
type Model struct {
	clock  wallClock
	parent *Model
	state

	// What was expected of the five minutes asked for last.
	asked  traffic.Slot
	fresh  bool
	answer Expectation
}

// state is all that a Model has learnt. Its fields, in this order, are the
// binary form: a change of either is a new formatVersion.
type state struct {
	Week  [weekRows * dayBins]weekCell
	Class [2 * dayBins]cell
	Day   [dayBins]cell
	Burst [dayBins]cell
	Jobs  [dayBins]job
	All   struct{ Events, Exposure float64 }
	Level struct{ Events, Expected float64 }

	Spread  [24]struct{ Sum, Bins float32 }
	Pooled  struct{ Sum, Bins float64 }
	Noise   struct{ Sum, Blocks float64 }
	Weekday struct{ Sum, Worth float64 }
	LastBin span // the five minutes learnt last
	Block   span // the three hours going on

	Learnt float64 // minutes
}

// job is on how many days a bin of the day had a minute far above the smooth
// day, each at most ten days after the last. One day is an accident, such as
// all phones coming back after a restart; more are a job of the clock. Last is
// a day since 1970, which two bytes hold until 2149.
type job struct{ Last, Days uint16 }

const jobDays, jobGap = 2, 10

// burstSure is how many deviates make a bin differ clearly.
const burstSure = 3

func (j *job) seen(day int32) (became bool) {
	d := uint16(day)
	if d == j.Last {
		return false
	}
	if d-j.Last > jobGap {
		j.Days = 0
	}
	j.Last = d
	j.Days = min(j.Days+1, math.MaxUint16-1)
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

	Class     float64 // expected of the class of the day, of five minutes alone
	Past      float64 // the weekday's own rate as a multiple of that; 0: not known
	PastNoise float64 // its relative variance
}

func (o *span) add(minutes, count, mean float64, e Expectation, profile float64) {
	o.Minutes += minutes
	o.Count += count
	o.Mean += mean
	o.Noise += e.Dispersion * mean
	o.Uncertainty += mean * profile
	o.Jobs += mean * e.Burst
}

// Five is what was counted in five minutes of the profile.
type Five struct {
	Start   traffic.Slot // any slot of the five
	Minutes float64      // that were seen
	Count   float64      // in all of them
	Top     float64      // in the fullest
	// Weight is between 0 (no trust at all: nothing is learnt) and 1.
	Weight float64
	// Expected is what was expected of the minutes seen when they were judged;
	// 0 where they were not. What days differ by shows in what was expected
	// before anything of the day was learnt: without it, it is not estimated
	// but assumed.
	Expected float64
}

// FiveOf is the number of the five minutes that a slot falls in. Zones are
// whole fives of minutes apart, so it serves every one of them.
func FiveOf(s traffic.Slot) traffic.Slot { return traffic.Slot(floorDiv(int64(s), binMinutes)) }

// New returns a Model that has learnt nothing.
func New(o Options) *Model {
	loc := o.Location
	if loc == nil {
		loc = time.UTC
	}
	return &Model{clock: wallClock{loc: loc, cal: o.Calendar}, parent: o.Parent}
}

// LeanOn makes another Model the Parent: that of a copy is the original's.
func (m *Model) LeanOn(parent *Model) { m.parent, m.fresh = parent, false }

// rates are what the layers say of one place.
type rates struct {
	all, day float64
	class    float64 // smooth rate of the day's class, without the burst factor
	burst    float64
	week     float64 // the rate that counts
	// Relative variances: of day and class, of week, and of what neighbouring
	// bins of it share.
	vDay, vClass, variance, common float64
}

func (m *Model) rates(p place) (r rates) {
	// Half an event in a minute never seen: a series of zeros has a small
	// rate, not none.
	r.all = (m.All.Events + 0.5) / (m.All.Exposure + 1)
	v := 1 / (m.All.Events + 0.5)
	mean, day, class, turn := r.all, tauDay*tauDay, tauClass*tauClass, 1.0
	if m.parent != nil {
		up := m.parent.rates(p)
		mean *= up.day / up.all
		turn = up.class / up.day
		day = min(day, tauPart*tauPart+up.vDay)
		class = min(class, tauPart*tauPart+up.vClass)
	}
	r.day, r.vDay = m.Day[p.bin].under(mean, day+v)
	r.class, r.vClass = m.Class[p.rest*dayBins+p.bin].under(r.day*turn, class+r.vDay)
	var vBurst float64
	r.burst, vBurst = m.burstOf(p.bin)
	r.week, r.variance = m.Week[p.row*dayBins+p.bin].cell().under(r.class*r.burst, m.weekdays()+r.vClass+vBurst)
	r.common = min(r.vClass, r.variance)
	return r
}

// burstOf is the factor of one bin over the smooth day around it. Most bins
// are part of the smooth day, a few are far outside it: a bin whose counts
// are out of the question for the narrow prior gets the wide one. A bin that
// does not clearly differ from its neighbours is taken to be like them: else
// the noise of each would be learnt for a trait, and taken out of the class.
func (m *Model) burstOf(bin int) (factor, variance float64) {
	c := &m.Burst[bin]
	d := float64(c.Events - c.Exposure)
	if x := float64(c.Exposure); m.Jobs[bin].Days >= jobDays && d*d > 36*(x+x*x*tauBurst*tauBurst+1) {
		f, v := c.under(1, tauSpike*tauSpike)
		return f, v + spikeNoise
	}
	if x := float64(c.Exposure); d*d < burstSure*burstSure*x {
		return c.under(1, tauQuiet*tauQuiet)
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

// weekdays is the τ² by which weekdays differ from their class.
func (m *Model) weekdays() float64 {
	const prior = 1 / (tauWeekSure * tauWeekSure)
	tau2 := (prior*tauWeek*tauWeek + m.Weekday.Sum) / (prior + m.Weekday.Worth)
	return min(max(tau2, minTauWeek*minTauWeek), maxTauWeek*maxTauWeek)
}

// learnWeekdays estimates τ²: what this week's five minutes and those of the
// same weekday before have in common, beyond their class. Noise is new each
// week, so the product of the two residuals is τ² on average, however large the
// noise. Neighbouring bins share the level of the day, which their difference
// is free of.
func (m *Model) learnWeekdays(o, last *span, phi float64) {
	if o.Past == 0 || last.Past == 0 || o.Mean <= 0 || last.Mean <= 0 {
		return
	}
	now := o.Count/o.Class - last.Count/last.Class
	past := o.Past - last.Past
	vNow := phi * (1/o.Mean + 1/last.Mean)
	w := 1 / ((vNow + 2*tauWeek*tauWeek) * (o.PastNoise + last.PastNoise + 2*tauWeek*tauWeek))
	limit := clipSD / math.Sqrt(w)
	x := min(max(now*past/2, -limit), limit)
	const keep = 1 - 1.0/memoryWeekdays
	m.Weekday.Sum = m.Weekday.Sum*keep + w*x
	m.Weekday.Worth = m.Weekday.Worth*keep + w
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
	if five := FiveOf(s); !m.fresh || m.asked != five {
		p := m.clock.place(s)
		m.answer, m.asked, m.fresh = m.expect(p, m.rates(p)), five, true
		m.answer.Ready = m.Learnt >= WarmUp
	}
	return m.answer
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

// Learn takes what five minutes showed into the Model. Minutes that were not
// seen must not be in it; where the count is negative or no number, nothing is
// learnt.
func (m *Model) Learn(f Five) {
	if !(f.Weight > 0) || !(f.Count >= 0) || math.IsInf(f.Count, 0) || !(f.Minutes > 0) {
		return
	}
	m.fresh = false
	weight := min(f.Weight, 1) * f.Minutes
	p := m.clock.place(f.Start)
	r := m.rates(p)
	e := m.expect(p, r)
	m.learnSpread(f, p, e, r)

	if m.Learnt >= WarmUp {
		m.learnLevel(f, weight/f.Minutes, r, e)
	}
	// A minute's worth of evidence: what lasts for hours is shared by all the
	// minutes that a bin of the class takes in on one day, so a day can tell
	// no more about it than one draw of that noise.
	worth := weight / f.Minutes / (m.phi(p.hour()) + shared*e.Mean*m.dayNoise())
	level := m.growth()
	exposure := worth * level * f.Minutes
	// The smooth layers learn what is smooth: a minute far above it would
	// raise the hour around it. The others learn it once it is a job.
	smooth := level * r.class
	smooth += 6*math.Sqrt(e.Dispersion*smooth+e.Uncertainty*smooth*smooth) + 3
	y := float32(worth * (f.Count - max(0, f.Top-smooth)))
	own := y
	if f.Top > smooth && m.Jobs[p.bin].seen(p.day) {
		// What was learnt of the bin so far was cut short.
		m.Burst[p.bin] = cell{}
		for row := range weekRows {
			m.Week[row*dayBins+p.bin] = weekCell{}
		}
	}
	if m.Jobs[p.bin].Days >= jobDays {
		own = float32(worth * f.Count)
	}
	w := float32(weight)
	m.Week[p.row*dayBins+p.bin].learn(own, float32(exposure), w/memoryWeek)
	m.Burst[p.bin].learn(own, float32(exposure*r.class), w/memoryBurst)
	if r.burst <= 1.5 {
		class := m.Class[p.rest*dayBins : (p.rest+1)*dayBins]
		x := float32(exposure * r.burst)
		bin := p.bin - len(smoothing)/2
		if bin < 0 {
			bin += dayBins
		}
		for _, k := range smoothing {
			class[bin].learn(k*y, k*x, k*w/memoryClass)
			m.Day[bin].learn(k*y, k*x, k*w/memoryDay)
			if bin++; bin == dayBins {
				bin = 0
			}
		}
	}
	keep := 1 - weight/memoryAll
	m.All.Events = m.All.Events*keep + worth*f.Count
	m.All.Exposure = m.All.Exposure*keep + exposure
	m.Learnt += weight
}

// learnLevel moves the level towards what was counted, a gamma filter with a
// memory of two days. A slot counts by how well its own rate is known, taken
// over five minutes: without that the first weekend, expected to be like the
// work days before it, would drag the level down.
func (m *Model) learnLevel(f Five, weight float64, r rates, e Expectation) {
	keep := 1 - f.Minutes/memoryLevel
	w := weight / (e.Dispersion + binMinutes*e.Mean*r.common)
	m.Level.Events = m.Level.Events*keep + w*f.Count
	m.Level.Expected = m.Level.Expected*keep + w*r.week*f.Minutes
}

// learnSpread estimates φ for each hour of the day from the residuals of five
// minutes at a time (single minutes would miss what neighbouring minutes have
// in common), and what days differ by from the residuals of three hours.
// Residuals are winsorised at four standard deviations and one event, so
// that a burst is not taken for spread. They all count alike, whatever the
// weight: weights fall with the residual, and a spread learnt from residuals
// that were chosen to be small stays too small for ever.
func (m *Model) learnSpread(f Five, p place, e Expectation, r rates) {
	bin := span{Key: FiveOf(f.Start), Hour: int32(p.hour())}
	bin.add(f.Minutes, f.Count, e.Mean*f.Minutes, e, r.common)
	if c := m.Week[p.row*dayBins+p.bin].cell(); m.Learnt > 7*24*60 && f.Minutes == binMinutes && r.burst < 1.2 && c.Exposure > 0 {
		expect := r.class * r.burst
		bin.Class = expect * m.growth() * binMinutes
		bin.Past, bin.PastNoise = float64(c.Events/c.Exposure)/expect, 1/(float64(c.Exposure)*expect)
		if m.LastBin.Key == bin.Key-1 {
			m.learnWeekdays(&bin, &m.LastBin, m.phi(p.hour()))
		}
	}
	m.closeBin(&bin)
	m.LastBin = bin
	if key := traffic.Slot(floorDiv(int64(f.Start), blockMinutes)); m.Block.Key != key {
		m.closeBlock()
		m.Block = span{Key: key}
	}
	if f.Expected > 0 {
		m.Block.add(f.Minutes, f.Count, f.Expected, e, r.common)
	}
}

// firstResidual is how much is learnt before residuals say anything.
const firstResidual = 24 * 60 // minutes

// closeBin estimates φ from two neighbouring fives of minutes with counts Y
// and means M, of which E(Y₁M₂−Y₂M₁)² = φ·M₁M₂(M₁+M₂): what the two share,
// an error of the profile or a busy day, falls out, as in von Neumann's
// estimator.
func (m *Model) closeBin(o *span) {
	last := m.LastBin
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
