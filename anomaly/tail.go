package anomaly

import (
	"math"

	"mailvigil/traffic"
)

// tailFit is how much heavier than the model's the tail of a series is.
//
// Clicks bring clumps of requests, and clumps come in clumps: however well the
// spread is known, the far tail is heavier than a negative binomial's. Of what
// exceeds the 2 % tail, -ln p should exceed ln 50 by 1 on average. Where it
// exceeds it by β, the tail is taken to go on so, and -ln p beyond is divided
// by β: the peaks over a threshold (Pickands 1975; for streams, Siffer and
// others 2017), with an exponential tail on the scale of the model's own
// surprise. It extrapolates from one exceedance in fifty to one in a million;
// a tail that grows heavier further out is left to the Budget.
type tailFit struct {
	n, sum float64
	wide   float64 // what deviates are divided by, for one in fifty to exceed the 2 % tail
}

const (
	tailStart  = 3.9120230054 // ln 50
	tailPriorN = 24           // exceedances that the prior is worth
	tailPrior  = 1.1
	tailMemory = 300 // exceedances
	tailClip   = 3   // of its own mean, so that one attack does not teach the tail
	minGrowth  = 0.25

	warmDeviates = 0.8
	tailBend     = 0.05

	tailShare = 0.02
	wideStep  = 0.01
	maxWide   = 4
)

func newTail() tailFit { return tailFit{tailPriorN, tailPriorN * tailPrior, 1} }

// see takes in a deviate of this side, or 0 where it was of the other. One in
// fifty should exceed the 2 % tail: a running quantile (Robbins and Monro
// 1951), since counts that come in clumps are lopsided, and no spread that
// serves both sides is right for either.
func (t *tailFit) see(z float64) {
	over := -tailShare
	if z/t.wide > target {
		over++
		t.learn(surprise(z / t.wide))
	}
	t.wide = min(max(1, t.wide*(1+wideStep*over)), maxWide)
}

func (t *tailFit) beta() float64 { return max(1, t.sum/t.n) }

func (t *tailFit) learn(surprise float64) {
	x := surprise - tailStart
	if x <= 0 {
		return
	}
	x = min(x, tailClip*t.beta())
	const keep = 1 - 1.0/tailMemory
	t.n = t.n*keep + 1
	t.sum = t.sum*keep + x
}

func (d *Detector) tail(z float64) *tailFit {
	if z > 0 {
		return &d.rises
	}
	return &d.drops
}

// calibrated brings a deviate of the model to what it is worth in the tail
// that the series has shown.
func (d *Detector) calibrated(z float64) float64 {
	z /= d.tail(z).wide
	if math.Abs(z) <= target {
		return z
	}
	beta := d.tail(z).beta()
	if beta == 1 {
		return z
	}
	// The heavier a tail is than the model's, the further it is from
	// exponential too.
	xi := tailBend * (beta - 1)
	s := tailStart + math.Log1p(xi*(surprise(z)-tailStart)/beta)/xi
	return math.Copysign(deviate(-s), z)
}

// surprise is -ln of the probability that a standard normal deviate exceeds
// |z|.
func surprise(z float64) float64 {
	z = math.Abs(z)
	if z < 30 {
		return -math.Log(tail(z))
	}
	return z*z/2 + math.Log(z*math.Sqrt(2*math.Pi))
}

// hideJob forgets the five minutes in which a job of the clock runs when one of
// them was not seen: it may have run in that one.
func (d *Detector) hideJob(s traffic.Slot) {
	first := s - mod(s, binMinutes)
	d.blind = first + binMinutes
	for t := first; t < s; t++ {
		if w := &d.fast[mod(t, window)]; w.slot == t {
			*w = seen{}
		}
	}
	d.held = seen{}
}

// Probability is the upper tail probability of the fifteen minutes judged last,
// randomised: u in [0, 1) says where within the observed count's own
// probability, so that it is uniform where the model is right, however small
// the counts. NaN where nothing was judged. It is for checking calibration;
// alarms go by the mid-probability.
func (d *Detector) Probability(u float64) float64 {
	s := d.next - 1
	y, m, noise, shared, minutes := d.sum(s)
	if minutes < window || m <= 0 {
		return math.NaN()
	}
	scale := d.scaleOf(d.model.Hour(s))
	now, left := d.ahead(shared / m)
	m *= 1 + now
	variance := noise*(1+now) + m*m*left
	above := func(y float64) float64 { // P(Y > y), by the mid-probabilities of its neighbours
		if y < 0 {
			return 1
		}
		a, b := d.calibrated(score(y, m, variance)/scale), d.calibrated(score(y+1, m, variance)/scale)
		return (tail(a) + tail(b)) / 2
	}
	y = math.Round(y)
	hi, lo := above(y-1), above(y)
	return lo + u*(hi-lo)
}

// needs is the deviate of the model that a rise must reach to be a candidate,
// and to be told while nothing was told of late.
func (d *Detector) needs() (candidate, told float64) {
	raise := func(s float64) float64 {
		if beta := d.rises.beta(); beta > 1 && s > tailStart {
			xi := tailBend * (beta - 1)
			s = tailStart + math.Expm1(xi*(s-tailStart))/xi*beta
		}
		return deviate(-s) * d.rises.wide
	}
	l := math.Log(max(2, d.looks))
	warm := d.warm(d.next)
	return raise(l) + warm, raise(l+math.Log(max(1, d.candidates))) + warm
}

// fit is a discounted sum.
type fit struct{ sum, n float64 }

func (f *fit) add(x, memory float64) {
	keep := 1 - 1/memory
	f.sum, f.n = f.sum*keep+x, f.n*keep+1
}

const (
	worthClip   = 9.0    // z² counts no more than that
	worthMean   = 0.9985 // E min(z², 9) of a normal deviate is a little below 1
	worthPrior  = 150.0  // windows of fifteen minutes: what all hours show counts as so many of one
	worthMemory = 4 * 40.0
	minWorth    = 0.8
)

// scaleOf is what the model's deviates of an hour are too large by. It is below 1
// where the model is more cautious than the counts ask for: what is not known of
// a profile weighs less than its prior once days have shown that it does not.
func (d *Detector) scaleOf(hour int) float64 {
	all := (worthPrior + d.worthAll.sum) / (worthPrior + d.worthAll.n)
	h := &d.worth[hour]
	least := 1.0
	if d.follows {
		least = minWorth
	}
	return math.Sqrt(max(least, (worthPrior*all+h.sum)/(worthPrior+h.n)))
}

// warm is what a series must show besides while little is known of its tails,
// in deviates: less every day, and nothing after two weeks.
func (d *Detector) warm(s traffic.Slot) float64 {
	return warmDeviates * max(0, 1-float64(s-d.ready)/warmTime)
}
