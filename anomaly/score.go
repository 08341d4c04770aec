package anomaly

import "math"

// score says how far a count y lies in the tail, as the standard normal
// deviate of the same (mid-)probability: positive above the mean, negative
// below. The count has the given mean, and is negative binomial with the
// given variance, or Poisson where that is no larger than the mean.
//
// A normal deviate of counts is badly wrong in the tails (a count of 5 where
// 0.5 is usual), and summing the negative binomial's tail costs more than all
// the rest of a step. The saddlepoint approximation of Lugannani and Rice
// (1980), in Barndorff-Nielsen's form r + ln(u/r)/r, has the probability right
// within a third as far out as alarms are raised (TestScore), mostly within a
// twentieth, and costs a few logarithms. It has no meaning at y = 0, where the probability is exact.
func score(y, mean, variance float64) float64 {
	if mean <= 0 {
		return 0
	}
	k := math.Inf(1) // the negative binomial's size
	if variance > mean*1.0001 {
		k = mean * mean / (variance - mean)
	}
	if y == 0 {
		log := -mean // of the probability
		if !math.IsInf(k, 1) {
			log = -k * math.Log1p(mean/k)
		}
		return -deviate(log - math.Ln2)
	}
	var tilt, deviance, spread float64
	if math.IsInf(k, 1) {
		tilt = math.Log(y / mean)
		deviance = y*tilt - (y - mean)
		spread = y
	} else {
		l := math.Log((k + y) / (k + mean))
		tilt = math.Log(y/mean) - l
		deviance = y*math.Log(y/mean) - (y+k)*l
		spread = y + y*y/k
	}
	r := math.Sqrt(2 * max(deviance, 0))
	if tilt < 0 {
		r = -r
	}
	if math.Abs(r) < 0.05 { // the correction's limit is smooth, its terms are not
		return (y - mean) / math.Sqrt(max(variance, mean))
	}
	u := 2 * math.Tanh(tilt/2) * math.Sqrt(spread) // halfway between P(Y ≥ y) and P(Y > y)
	return r + math.Log(u/r)/r
}

// tail is the probability that a standard normal deviate exceeds z.
func tail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// deviate is the z whose tail has the probability p, of which log is the
// natural logarithm; at most 37. math.Erfcinv has no digits left below 1e-16.
func deviate(log float64) float64 {
	if log > -1 {
		return math.Sqrt2 * math.Erfcinv(2*math.Exp(log))
	}
	if log < -680 {
		return 37
	}
	z := math.Sqrt(max(0.2, -2*log-math.Log(-4*math.Pi*log)))
	for range 4 {
		p := tail(z)
		z += (math.Log(p) - log) * p * math.Sqrt(2*math.Pi) * math.Exp(z*z/2)
	}
	return z
}
