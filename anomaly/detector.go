// Package anomaly says where a series of counts departs from what baseline
// expects of it: rises and drops, since when, by how much, and how sure that
// is, with a stated number of false alarms a month.
//
// It does not know what the counts are of, nor why they departed: package
// explain asks the second, and internal/pipeline brings the series. Scan
// runs a series of the past; a Detector is the same thing live.
package anomaly

import (
	"math"

	"mailvigil/baseline"
	"mailvigil/traffic"
)

// Options of a Detector or a Scan.
type Options struct {
	baseline.Options
	// AlarmsPerMonth is how many false alarms may be raised in thirty days,
	// by all series together; 0 is 1.
	AlarmsPerMonth float64
	// Series is how many series share AlarmsPerMonth; 0 is 1.
	Series int
	// Candidates is how many episodes may be raised for each of
	// AlarmsPerMonth that a Budget tells; 0 is 1. It is counted in
	// AlarmsPerMonth already.
	Candidates float64
	// KeepLevel holds counts against the profile alone, and not against the
	// level of the last hours: rises over hours are found more surely, and
	// small ones later. A search for causes sets it.
	KeepLevel bool
	// Parents gives, for each series of a ScanAll, the index of the series
	// that it is a part of, lower than its own, or -1; nil where there are none.
	Parents []int
	// Saves is every how many minutes a ScanAll keeps where it stands, so that
	// a Rescan can go on from there; 0: never. Each takes about 31 kB a series.
	Saves int
	// Feedback is what people said, each from its own time on.
	Feedback []Feedback
}

// Episode is a time in which a series was not as expected.
type Episode struct {
	Start, End    traffic.Slot    // alarm raised, alarm over; End is the last slot seen where Ongoing
	Ongoing       bool            // not over when the series ended
	Up            bool            // a rise, not a drop
	Onset         traffic.Slot    // when it is thought to have begun
	OnsetInterval [2]traffic.Slot // 90 %
	Observed      float64         // counts from Onset to End
	Expected      float64         // as expected without the episode: the counterfactual
	// ExpectedInterval holds 90 % of what would have been counted without it.
	ExpectedInterval [2]float64
	Size             float64    // θ, observed as a multiple of expected
	SizeInterval     [2]float64 // 90 %
	Z                float64    // standard normal deviate at its largest; negative for drops
	P                float64    // its tail probability
	// AlarmsPerMonth is how many alarms as strong as this one to expect in
	// thirty days from all series together, were nothing the matter.
	AlarmsPerMonth float64
	// Told says that the Budget of all series let this one be told, and ToldAt
	// when. Episodes that are not told are candidates: they do not teach the
	// baseline, and what looks into causes may take them up.
	Told   bool
	ToldAt traffic.Slot
	// Known is what people had said when it was raised, of it or of the first
	// of the times that it came back from; 0 where nothing was.
	Known Kind

	highs         []high  // when it grew stronger than it had been
	noise, shared float64 // Σ variance that is new every minute; Σ of what they share, as a deviate
}

func (e *Episode) add(count, mean, phi, share float64) {
	e.Observed += count
	e.Expected += mean
	e.noise += mean * phi
	e.shared += mean * share
	e.setInterval()
}

func (e *Episode) setInterval() {
	half := 1.645 * math.Sqrt(e.noise+e.shared*e.shared)
	e.ExpectedInterval = [2]float64{max(0, e.Expected-half), e.Expected + half}
}

// high is a moment at which an episode was more improbable than before.
type high struct {
	slot     traffic.Slot
	surprise float64 // -ln of the tail probability
}

// Judgement of one slot.
type Judgement struct {
	Expected, Lower, Upper float64 // 99 % of harmless counts lie between Lower and Upper
	Ready                  bool    // the slot was judged: enough was learnt, and it was seen
	Z                      float64 // the strongest of the tests' deviates
	Alarm                  bool    // within an episode
	Raised, Over           bool    // the episode began or ended with this slot: see Detector.Episode
}

const (
	window     = 15      // minutes of the fast test
	delay      = 24 * 60 // minutes from judging a slot to learning it
	binMinutes = 5       // of the model's profile
	bins       = delay / binMinutes
	recent     = 256 // minutes of which each count is kept
	before     = 60  // minutes before an onset that are not learnt either

	// Looks a month of thirty days offers to chance, for one series. The
	// fast test slides by minutes over windows that overlap, the slow one
	// adds its own, and both look up and down; simulated series-months
	// (TestFalseAlarms) put the sum at about this many independent looks.
	looks = 6 * 8640

	jobSpread = 0.3 // of what a job brings

	slowRise, slowDrop = 1.3, 0.7 // θ that the slow test is made for
	logRise, logDrop   = 0.26236426446749106, -0.35667494393873245

	minExcess = 10 // events; fewer are no episode, however rare the series

	penalty      = 1.5            // what a false alarm adds to the threshold
	penaltyDecay = 10 * 24 * 60.0 // minutes in which it falls by e

	// acceptAfter is when a departure that keeps coming back is learnt as
	// the new normal.
	acceptAfter = 14 * 24 * 60
	// chainGap is how long it may be away and still be coming back.
	chainGap = 36 * 60

	overEvidence = 5.0 // log likelihood ratio at which an episode is over

	trusted = 2.58 // |z| up to which a slot is learnt at full weight
	target  = 2.054
)

// five is what is kept of five minutes until they are learnt.
type five struct {
	key     int32   // baseline.FiveOf its slots
	clipped float32 // counts, no minute counting for more than is possible
	top     float32 // the fullest minute
	mean    float32 // expected
	z       float32 // the model's deviate of the fifteen minutes that end with these
	trust   float32 // Σ weights of its minutes
	minutes uint8   // seen
	barred  bool    // it must not teach
	pending bool    // not learnt yet
}

// weight of all its minutes together.
func (f *five) weight() float64 {
	if f.barred || f.minutes == 0 {
		return 0
	}
	return float64(f.trust) / float64(f.minutes)
}

// seen is a minute within the fast test's window.
type seen struct {
	slot                             traffic.Slot
	count, mean, noise, shared, jobs float64
}

// slow is one side of the slow test: a CUSUM of log likelihood ratios.
type slow struct {
	sum           float64
	since         traffic.Slot
	count, expect float64
	noise, shared float64
}

// Detector judges one series, minute by minute. It is not safe for concurrent
// use, has a fixed size, and Step allocates nothing unless an alarm is raised
// or ends.
type Detector struct {
	model      *baseline.Model
	candidates float64
	feedback   []Feedback
	looks      float64 // of all series, for each false alarm allowed
	threshold  float64

	started bool
	next    traffic.Slot
	ready   traffic.Slot // first slot judged
	judged  bool

	past     [bins]five
	counts   [recent]float32 // of each minute; -1: not judged
	fast     [window]seen
	held     seen // of five minutes in which a job runs
	up       slow
	down     slow
	worth    [24]fit // Σ z² by hour: how much too large the tests' deviates are
	worthAll fit
	rises    tailFit
	drops    tailFit
	level    level
	follows  bool
	blind    traffic.Slot // first slot after a job's five minutes that were not all seen

	penalty    float64
	active     bool
	episode    Episode
	recovery   slow
	searchEnd  traffic.Slot // of the last episode: onsets are not sought before
	lastBarred bool         // the same five minutes of the day before did not teach
	chain      traffic.Slot // start of the departure that keeps coming back
	chained    bool
}

// NewDetector returns a Detector that has learnt nothing.
func NewDetector(o Options) *Detector {
	alarms := o.AlarmsPerMonth
	if !(alarms > 0) {
		alarms = 1
	}
	l := looks * float64(max(1, o.Series)) / alarms
	d := &Detector{follows: !o.KeepLevel, candidates: o.Candidates, feedback: o.Feedback, model: baseline.New(o.Options), looks: l, threshold: deviate(-math.Log(max(2, l)))}
	d.rises, d.drops = newTail(), newTail()
	for i := range d.counts {
		d.counts[i] = -1
	}
	return d
}

// Episode returns the episode that is going on, or else the last one.
func (d *Detector) Episode() Episode {
	e := d.episode
	e.Ongoing = d.active
	return e
}

// Confirm says that the last alarm was justified: it no longer counts as a
// false alarm against those that may follow.
func (d *Detector) Confirm() { d.penalty = max(0, d.penalty-penalty) }

// Step judges the count of a slot, then learns what is due. Slots come in
// order; those left out were not seen, and so was a count that is NaN or
// negative. A slot that comes again or too late is ignored: what it was added
// to has been judged already.
func (d *Detector) Step(s traffic.Slot, count float64) Judgement {
	if !d.started {
		d.started, d.next = true, s
	}
	if s < d.next {
		return Judgement{}
	}
	if s-d.next > 2*delay {
		// All that waits to be learnt is learnt, and nothing lies between.
		for i := range d.past {
			d.learn(&d.past[(int(mod(baseline.FiveOf(d.next), bins))+1+i)%bins])
		}
		d.forget(s)
		d.next = s
	}
	for d.next < s {
		d.step(d.next, math.NaN())
	}
	return d.step(s, count)
}

func (d *Detector) forget(s traffic.Slot) {
	clear(d.fast[:])
	d.up, d.down, d.recovery = slow{since: s}, slow{since: s}, slow{since: s}
	d.level = level{}
	for i := range d.counts {
		d.counts[i] = -1
	}
}

// open gives the five minutes of a slot. Where it is the first of them, those
// of the day before are learnt and make room. The delay is what lets an alarm
// take back its own beginning; before anything is judged there is none.
func (d *Detector) open(s traffic.Slot) *five {
	key := int32(baseline.FiveOf(s))
	p := &d.past[mod(traffic.Slot(key), bins)]
	if p.key == key {
		return p
	}
	d.learn(p)
	d.lastBarred = p.key == key-bins && p.minutes > 0 && p.barred
	*p = five{key: key}
	if !d.judged {
		d.learn(&d.past[mod(traffic.Slot(key-1), bins)])
	}
	return p
}

func (d *Detector) step(s traffic.Slot, count float64) Judgement {
	d.next = s + 1
	p := d.open(s)
	e := d.model.Expect(s)
	sd := math.Sqrt(e.Variance())
	j := Judgement{Expected: e.Mean, Lower: max(0, e.Mean-trusted*sd), Upper: e.Mean + trusted*sd, Alarm: d.active}
	d.counts[mod(s, recent)] = -1
	f := &d.fast[mod(s, window)]
	if d.follows {
		d.level.drift(e.Uncertainty)
		if f.slot == s-window && f.mean > 0 && f.jobs <= 0.1*f.mean && !d.active {
			d.level.observe(f, e.Uncertainty)
		}
	}
	*f = seen{}
	if !(count >= 0) || math.IsInf(count, 0) {
		if e.Burst > 0.1 {
			d.hideJob(s)
		}
		return j
	}
	if !e.Ready {
		// Nothing is judged yet, so nothing is suspected: it is learnt at once.
		p.add(count, 0, 1)
		return j
	}
	if !d.judged {
		d.judged, d.ready = true, s
		d.forget(s)
	}
	j.Ready = true

	if s < d.blind {
		return j // whether the job ran was not seen
	}
	// One minute alone is never an episode (a backup's burst, a log written
	// late), so no minute may count for more than six standard deviations.
	jobs := e.Burst * e.Mean
	*f = seen{
		slot: s, count: min(count, e.Mean+6*sd+3+(binMinutes-1)*jobs), mean: e.Mean,
		noise: e.Dispersion * e.Mean, shared: e.Uncertainty * e.Mean, jobs: jobs,
	}
	y, m, noise, shared, minutes := d.sum(s)
	if minutes < window*2/3 {
		return j
	}
	now, left := d.ahead(e.Uncertainty)
	scale := d.scaleOf(d.model.Hour(s))
	whole := max(1, scale) // of tests that the fast test's record says nothing of
	raw := score(y, m*(1+now), noise*(1+now)+sq(m*(1+now))*left)
	z := raw / scale
	if v := noise + m*shared; d.follows && sq(y-m) > 4*v {
		// The level follows what rises over hours, so counts are held against
		// the profile alone as well, with all that days differ by.
		if plain := score(y, m, v) / whole; math.Abs(plain) > max(3, math.Abs(z)) {
			raw, z = plain*scale, plain
		}
	}
	from, excess := s-window+1, y-m

	phi := (noise + m*shared) / m * scale * scale
	own := noise / m * scale * scale                        // without what the window's minutes share
	calm := min(f.count, e.Mean+3*sd+2+(binMinutes-1)*jobs) // the slow test waits for more than a few minutes
	if w := d.hold(s, f, calm, e.Burst); w.mean > 0 {
		d.up.add(s, w, slowRise, logRise, own)
		d.down.add(s, w, slowDrop, logDrop, own)
	}
	if u := d.up.deviate(whole, max(z, 2)); u > max(z, 2) {
		z, from, excess = u, d.up.since, d.up.count-d.up.expect
	}
	if u := d.down.deviate(whole, max(math.Abs(z), 2)); u > max(math.Abs(z), 2) {
		z, from, excess = -u, d.down.since, d.down.count-d.down.expect
	}
	z = d.calibrated(z)
	j.Z = z

	weight := 1.0
	if a := math.Abs(z); a > trusted {
		weight = trusted * trusted / (a * a)
	}
	d.penalty *= 1 - 1/penaltyDecay
	d.counts[mod(s, recent)] = float32(count)
	p.add(f.count, e.Mean, weight)
	p.z = float32(raw)
	if d.lastBarred && lasting(d.episode.Up, y, m) && !d.accepted(s) {
		p.barred = true
	}

	switch {
	case d.active:
		j.Over = d.follow(s, count, z, f.count, e.Mean, phi)
	case math.Abs(z) > d.threshold+d.penalty+d.warm(s) && math.Abs(excess) >= minExcess && (z > 0) == (excess > 0):
		d.raise(s, from, z)
		j.Raised = true
	}
	j.Alarm = d.active
	if d.active && !d.accepted(s) {
		p.barred = true
	}
	return j
}

// add takes a minute in.
func (f *five) add(count, mean, weight float64) {
	f.pending = true
	f.minutes++
	f.clipped += float32(count)
	f.top = max(f.top, float32(count))
	f.mean += float32(mean)
	f.trust += float32(weight)
}

// sum adds up the fast test's window. A job of the clock falls in one minute
// that is not known, of five: where the window's edge cuts such a five, what
// of it lies inside is uncertain.
func (d *Detector) sum(s traffic.Slot) (count, mean, noise, shared float64, minutes int) {
	edge := 0.0
	inside := 0
	for i := range d.fast {
		w := &d.fast[i]
		if w.mean == 0 || s-w.slot >= window {
			continue
		}
		minutes++
		count, mean = count+w.count, mean+w.mean
		noise += w.noise
		shared += w.shared
		// How much a job brings differs from day to day.
		if w.jobs > 0.1*w.mean {
			edge += binMinutes * sq(jobSpread*w.jobs) * binMinutes
		}
	}
	// Zones are whole fives of minutes apart, so local fives are fives of UTC.
	first := s - window + 1
	for _, t := range [...]traffic.Slot{first, s} {
		w := &d.fast[mod(t, window)]
		if w.slot != t || w.jobs == 0 {
			continue
		}
		if t == s {
			inside = int(mod(s, binMinutes)) + 1
		} else {
			inside = int(binMinutes - mod(first, binMinutes))
		}
		share := float64(inside) / binMinutes
		edge += sq(binMinutes*w.jobs) * share * (1 - share)
	}
	return count, mean, noise + edge, shared, minutes
}

func sq(x float64) float64 { return x * x }

// lasting says whether counts still look like the episode of the day before
// at the same hour. They do not teach then, even where too little is known to
// call them an alarm: an incident that comes back each night would else teach
// the first weekend that its nights are busy.
func lasting(up bool, count, mean float64) bool {
	if up {
		return count > 1.25*mean
	}
	return count < 0.75*mean
}

// hold gives the minute that the slow tests go on by: this one, or, where a
// job of the clock runs in some minute of the five, the five at their end.
func (d *Detector) hold(s traffic.Slot, f *seen, count, burst float64) seen {
	w := *f
	w.count = count
	if burst < 0.1 {
		return w
	}
	if h := &d.held; h.slot/binMinutes == s/binMinutes {
		w.count, w.mean = w.count+h.count, w.mean+h.mean
		w.noise, w.shared = w.noise+h.noise, w.shared+h.shared
	}
	d.held = w
	if mod(s, binMinutes) < binMinutes-1 {
		return seen{}
	}
	return w
}

func (c *slow) add(s traffic.Slot, w seen, theta, log, phi float64) {
	c.sum += (w.count*log - w.mean*(theta-1)) / phi
	if c.sum <= 0 {
		*c = slow{since: s + 1}
		return
	}
	c.count += w.count
	c.expect += w.mean
	c.noise += w.noise
	c.shared += w.shared
}

// deviate puts the sum on the scale of the fast test: a CUSUM reaches h about
// once in e^h looks. That holds for noise that is new every minute; what is
// shared by the whole run must be out of the question too.
//
// What is below least is of no interest: it gives 0 then. A deviate z has a
// surprise of at least ln(z·√2π) + z²/2 (Mills' ratio is below 1/z).
func (c *slow) deviate(scale, least float64) float64 {
	if c.sum < 3 || c.sum < least*least/2 {
		return 0
	}
	run := math.Abs(score(c.count, c.expect, c.noise+c.expect*c.shared)) / scale
	return min(deviate(-c.sum), run)
}

// learn lets the model learn five minutes, where they wait for it.
func (d *Detector) learn(p *five) {
	if !p.pending {
		return
	}
	p.pending = false
	start := traffic.Slot(p.key) * binMinutes
	weight := p.weight()
	switch said(d.feedback, start, start+delay) {
	case Fine, Announced:
		weight, p.barred = 1, false
	case Incident:
		weight, p.barred = 0, true
	}
	if weight == 0 {
		return
	}
	d.model.Learn(baseline.Five{
		Start: start, Minutes: float64(p.minutes), Count: float64(p.clipped), Top: float64(p.top),
		Weight: weight, Expected: float64(p.mean),
	})
	// The tests' deviates are no better than the model behind them. Their
	// own upper quantile says by how much they are too large.
	if d.judged && mod(traffic.Slot(p.key), window/binMinutes) == window/binMinutes-1 {
		hour := d.model.Hour(start)
		z := float64(p.z)
		scaled := z / d.scaleOf(hour)
		d.rises.see(max(0, scaled))
		d.drops.see(max(0, -scaled))
		x := min(z*z, worthClip*sq(d.scaleOf(hour))) / worthMean
		d.worth[hour].add(x, worthMemory)
		d.worthAll.add(x, 24*worthMemory)
	}
}

// accepted says that what goes on is the new normal: it has kept coming back
// for long enough, or somebody said so.
func (d *Detector) accepted(s traffic.Slot) bool {
	if !d.chained {
		return false
	}
	switch d.known(s) {
	case Fine, Announced:
		return true
	case Incident:
		return false
	}
	return s-d.chain > acceptAfter
}

// known is what people had said by now of this episode, or of the first of the
// times that it came back from.
func (d *Detector) known(now traffic.Slot) Kind {
	if len(d.feedback) == 0 {
		return 0
	}
	if k := said(d.feedback, d.episode.Start, now); k != 0 {
		return k
	}
	return said(d.feedback, d.chain, now)
}

func (d *Detector) raise(s, from traffic.Slot, z float64) {
	d.active = true
	d.level = level{}
	again := d.chained && d.episode.End+chainGap >= s && d.episode.Up == (z > 0)
	if !d.chained || d.episode.End+chainGap < s {
		// What comes back every night is one alarm.
		d.chained, d.chain = true, s
		if d.candidates == 0 {
			d.penalty = min(d.penalty+penalty, 2*penalty)
		}
	}
	d.episode = Episode{Start: s, End: s, Up: z > 0, Z: z}
	d.episode.Known = d.known(s)
	d.recovery = slow{since: s}
	d.episode.highs = append(make([]high, 0, 8), high{s, surprise(z)})
	// Its minutes will not teach: what it says of the tail is learnt here,
	// once, however long it lasts.
	if !again {
		d.tail(z).learn(surprise(z))
	}
	d.date(s, from)
	if !d.accepted(s) {
		for key := baseline.FiveOf(max(d.episode.Onset-before, s-delay+binMinutes)); key <= baseline.FiveOf(s); key++ {
			if p := &d.past[mod(key, bins)]; p.key == int32(key) {
				p.barred = true
			}
		}
	}
}

// history gives what was seen from start to s, in steps of one minute where
// each minute's count is still kept, else in fives.
func (d *Detector) history(start, s traffic.Slot) (first traffic.Slot, step int, observed, expected, phi []float64) {
	first, step = start, 1
	n := int(s-start) + 1
	if n > recent {
		first, step = baseline.FiveOf(start)*binMinutes, binMinutes
		n = int(baseline.FiveOf(s)-baseline.FiveOf(start)) + 1
	}
	buffer := make([]float64, 3*n)
	observed, expected, phi = buffer[:n], buffer[n:2*n], buffer[2*n:]
	for i := range n {
		t := first + traffic.Slot(i*step)
		p := &d.past[mod(baseline.FiveOf(t), bins)]
		observed[i] = -1
		if p.key != int32(baseline.FiveOf(t)) || p.minutes == 0 || p.mean <= 0 {
			continue
		}
		observed[i], expected[i] = float64(p.clipped), float64(p.mean)
		if step == 1 {
			observed[i], expected[i] = float64(d.counts[mod(t, recent)]), float64(p.mean)/float64(p.minutes)
		}
		phi[i] = d.model.Expect(t).Dispersion * sq(d.scaleOf(d.model.Hour(t)))
	}
	return first, step, observed, expected, phi
}

// date finds onset and size of the episode from what was seen up to s.
func (d *Detector) date(s, from traffic.Slot) {
	first := from - 3*60
	if kept := s - recent + 1; first < kept && kept <= from-60 {
		first = kept // an hour before it in minutes serves better than three in fives
	}
	start, step, observed, expected, phi := d.history(max(first, s-delay+binMinutes, d.ready, d.searchEnd), s)
	n := len(observed)
	index := func(t traffic.Slot) int { return max(0, int(t-start)) / step }
	c := Onset(start, step, observed, expected, phi)
	e := &d.episode
	if (c.Size > 1) != e.Up || c.Onset > e.Start {
		// The largest change of the window is another one.
		if s > e.Start {
			return
		}
		i := index(from)
		first := start + traffic.Slot(i*step)
		c = Onset(first, step, observed[i:], expected[i:], phi[i:])
		c.Onset, c.Interval = first, [2]traffic.Slot{first, s}
	}
	if step > 1 {
		c.Interval[1] = min(c.Interval[1]+traffic.Slot(step-1), s)
	}
	e.Onset, e.OnsetInterval, e.Size, e.SizeInterval = c.Onset, c.Interval, c.Size, c.SizeInterval
	// Onset takes the expectation for known; what is not known of it widens
	// the interval of the size.
	if f := &d.fast[mod(s, window)]; c.Size > 0 && f.mean > 0 {
		shared := 1.645 * 1.645 * f.shared / f.mean
		for i, limit := range c.SizeInterval {
			w := math.Log(max(limit, 1e-9) / c.Size)
			e.SizeInterval[i] = c.Size * math.Exp(math.Copysign(math.Sqrt(w*w+shared), w))
		}
	}
	e.Observed, e.Expected, e.noise, e.shared = 0, 0, 0, 0
	share := math.Sqrt(d.model.Expect(s).Uncertainty)
	for i := index(c.Onset); i < n; i++ {
		if observed[i] >= 0 {
			e.add(observed[i], expected[i], phi[i], share)
		}
	}
	e.P = tail(math.Abs(e.Z))
	e.AlarmsPerMonth = e.P * d.looks
}

// follow takes an episode on by a minute and says whether it is over: whether
// counts have been normal for long enough that it cannot be going on. A night
// whose counts are too few to tell does not end an outage.
func (d *Detector) follow(s traffic.Slot, count, z, clipped, mean, phi float64) bool {
	e := &d.episode
	e.End = s
	e.add(count, mean, phi, math.Sqrt(d.model.Expect(s).Uncertainty))
	if (z > 0) == e.Up && math.Abs(z) > math.Abs(e.Z) {
		e.Z = z
		if h := surprise(z); h > e.highs[len(e.highs)-1].surprise+minGrowth {
			e.highs = append(e.highs, high{s, h})
		}
		e.P = tail(math.Abs(z))
		e.AlarmsPerMonth = e.P * d.looks
	}
	// The log likelihood ratio of normal against an effect between the two:
	// an episode that has shrunk goes on.
	theta := min(max(e.Size, 0.5), 0.9)
	if e.Up {
		theta = max(min(max(e.Size, 1.1), 1.25), math.Sqrt(e.Size))
	}
	d.recovery.sum += (mean*(theta-1) - clipped*math.Log(theta)) / phi
	if d.recovery.sum <= 0 {
		d.recovery = slow{since: s + 1}
	} else {
		d.recovery.count += count
		d.recovery.expect += mean
	}
	if again := s - e.Start; d.recovery.sum == 0 && (again == 15 || again == 30 || again == 60 || again == 180) {
		d.date(s, min(e.Start, e.OnsetInterval[0]))
	}
	if d.recovery.sum < overEvidence {
		return false
	}
	e.End = max(d.recovery.since, e.Start)
	if e.Expected > 0 {
		left := max(0, 1-d.recovery.expect/e.Expected)
		e.noise, e.shared = e.noise*left, e.shared*left
	}
	e.Observed = max(0, e.Observed-d.recovery.count)
	e.Expected = max(0, e.Expected-d.recovery.expect)
	e.setInterval()
	d.active = false
	d.searchEnd = e.End
	d.up, d.down = slow{since: s + 1}, slow{since: s + 1}
	clear(d.fast[:])
	return true
}

func mod(s traffic.Slot, n traffic.Slot) traffic.Slot {
	r := s % n
	if r < 0 {
		r += n
	}
	return r
}
