package anomaly

import "math"

// level is how busy the series is just now, as a share above what is expected
// of the slot, and how well that is known. Days differ by some per cent for
// hours; what the last hours showed says most of it, and the fast test need
// not allow for it again. It is a Kalman filter of an Ornstein–Uhlenbeck
// process whose variance is the model's Uncertainty.
//
// It knows nothing of the fifteen minutes that are tested, and nothing of an
// episode. It follows what rises over hours; the slow test, which does not
// use it, finds that.
type level struct{ share, variance float64 }

const (
	levelMemory = 6 * 60 // minutes
	levelClip   = 2.5    // deviates of one minute
)

var (
	levelKeep  = math.Exp(-1.0 / levelMemory)
	windowKeep = math.Exp(-float64(window) * 0.75 / levelMemory)
)

// drift goes on by a minute.
func (l *level) drift(uncertainty float64) {
	if l.variance == 0 {
		l.variance = uncertainty
	}
	l.share *= levelKeep
	l.variance = l.variance*levelKeep*levelKeep + uncertainty*(1-levelKeep*levelKeep)
}

func (l *level) observe(w *seen, uncertainty float64) {
	noise := w.noise / (w.mean * w.mean)
	total := l.variance + noise
	d := w.count/w.mean - 1 - l.share
	limit := levelClip*math.Sqrt(total) + 1/w.mean
	d = min(max(d, -limit), limit)
	gain := l.variance / total
	l.share += gain * d
	l.variance *= 1 - gain
	limit = min(0.8, 3*math.Sqrt(uncertainty))
	l.share = min(max(l.share, -limit), limit)
}

// ahead is the level over the window that is tested, and its variance.
func (l *level) ahead(uncertainty float64) (share, variance float64) {
	return l.share * windowKeep, l.variance*windowKeep*windowKeep + uncertainty*(1-windowKeep*windowKeep)
}

func (d *Detector) ahead(uncertainty float64) (share, variance float64) {
	if !d.follows {
		return 0, uncertainty
	}
	return d.level.ahead(uncertainty)
}
