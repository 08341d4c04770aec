package anomaly

import (
	"math"
	"slices"
	"time"

	"mailvigil/traffic"
)

// Clock is a window of the local clock, in minutes since midnight. Where Until
// is not after From it ends on the next day; where both are 0 it is the whole
// day.
type Clock struct{ From, Until int }

// ClockOf is the window that a time falls in, the whole day where it lasts for
// one.
func ClockOf(from, until traffic.Slot, loc *time.Location) Clock {
	if until-from >= 24*60 {
		return Clock{}
	}
	of := func(s traffic.Slot) int {
		t := time.Unix(s.Unix(), 0).In(loc)
		return t.Hour()*60 + t.Minute()
	}
	return Clock{of(from), of(until)}
}

func (c Clock) minutes() int {
	if n := c.Until - c.From; n > 0 {
		return n
	}
	return 24*60 + c.Until - c.From
}

// OnsetDay says on which local day something began that comes back at the same
// hours: the nights of an attack, the mornings of a new sync. It is Onset over
// the sums of that window of each day, from start until the last day whose
// window is whole. How far days may stray by themselves is measured from the
// quieter half of them, so that it holds where up to half of the days are
// affected. The change's slots are the windows' first ones; ok is false where
// there are fewer than four days.
func OnsetDay(start traffic.Slot, counts, expected []float64, c Clock, loc *time.Location) (change Change, ok bool) {
	n := min(len(counts), len(expected))
	first := time.Unix(start.Unix(), 0).In(loc)
	var windows []traffic.Slot
	var y, m, strange []float64
	for day := 0; ; day++ {
		at := time.Date(first.Year(), first.Month(), first.Day()+day, 0, c.From, 0, 0, loc)
		end := time.Date(first.Year(), first.Month(), first.Day()+day, 0, c.From+c.minutes(), 0, 0, loc)
		from, until := int(traffic.SlotOf(at.UnixNano())-start), int(traffic.SlotOf(end.UnixNano())-start)
		if until > n {
			break
		}
		if from < 0 {
			continue
		}
		var sum, mean float64
		for i := from; i < until; i++ {
			if counts[i] >= 0 && expected[i] > 0 {
				sum += counts[i]
				mean += expected[i]
			}
		}
		windows = append(windows, start+traffic.Slot(from))
		if mean <= 0 {
			sum = -1
		} else {
			strange = append(strange, (sum-mean)*(sum-mean)/mean)
		}
		y, m = append(y, sum), append(m, mean)
	}
	if len(strange) < 4 {
		return Change{}, false
	}
	slices.Sort(strange)
	// A quarter of the squares of normal deviates lie below 0.1015.
	const quarter = 0.1015
	spread := math.Max(1, strange[len(strange)/4]/quarter)
	phi := make([]float64, len(y))
	for i := range phi {
		phi[i] = spread
	}
	change = Onset(0, 1, y, m, phi)
	change.Onset = windows[change.Onset]
	for i, d := range change.Interval {
		change.Interval[i] = windows[d]
	}
	return change, true
}
