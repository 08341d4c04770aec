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
	// odds is e to the tilt.
	var tilt, odds, deviance, spread float64
	if math.IsInf(k, 1) {
		odds = y / mean
		tilt = math.Log(odds)
		deviance = y*tilt - (y - mean)
		spread = y
	} else {
		share, ratio := y/mean, (k+y)/(k+mean)
		odds = share / ratio
		tilt = math.Log(odds)
		deviance = y*tilt - k*math.Log(ratio)
		spread = y + y*y/k
	}
	r := math.Sqrt(2 * max(deviance, 0))
	if tilt < 0 {
		r = -r
	}
	if math.Abs(r) < 0.05 { // the correction's limit is smooth, its terms are not
		return (y - mean) / math.Sqrt(max(variance, mean))
	}
	u := 2 * (odds - 1) / (odds + 1) * math.Sqrt(spread) // halfway between P(Y ≥ y) and P(Y > y)
	return r + math.Log(u/r)/r
}

// tail is the probability that a standard normal deviate exceeds z.
func tail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// deviate is the z whose tail has the probability p, of which log is the
// natural logarithm; at most 37. Odeh and Evans (1974) have it right within
// 2e-8 to a tail of 1e-20; further out a step of Newton's on the logarithm does.
func deviate(log float64) float64 {
	if log > -1 {
		return math.Sqrt2 * math.Erfcinv(2*math.Exp(log))
	}
	if log < -680 {
		return 37
	}
	y := math.Sqrt(-2 * log)
	z := y - ((((4.53642210148e-5*y+0.0204231210245)*y+0.342242088547)*y+1)*y+0.322232431088)/
		((((0.0038560700634*y+0.103537752850)*y+0.531103462366)*y+0.588581570495)*y+0.099348462606)
	if y > 9 {
		p := tail(z)
		z += (math.Log(p) - log) * p * math.Sqrt(2*math.Pi) * math.Exp(z*z/2)
	}
	return z
}
