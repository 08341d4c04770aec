package pipeline

import (
	"math"
	"time"

	"mailvigil/anomaly"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// when says when it began and ended, on the series of the cause itself where
// the Cells hold it: there the beginning is sharper than in the whole service.
func (r *run) when(x *excess, own []map[string]string, e *verdict.Excess) {
	eps := x.episodes
	var sharper func(*verdict.Excess)
	if counts, ok := r.causeSeries(x, own); ok {
		res := anomaly.ScanAll(r.cells.Start, [][]float64{counts}, r.anomalyOptions(), 1)[0]
		near := interval{x.whole().from - 12*60, x.whole().to + 60}
		var mine []anomaly.Episode
		for _, p := range res.Episodes {
			if p.Up == x.up && near.overlaps(interval{p.Onset, max(p.End, p.Onset+1)}) {
				mine = append(mine, p)
			}
		}
		if len(mine) > 0 {
			eps = mine
		}
		if x.up {
			sharper = func(e *verdict.Excess) { r.sharpen(counts, eps[0].Onset, e) }
		}
	}
	days := make(map[string]bool)
	for _, p := range eps {
		days[r.time(p.Onset).Format(time.DateOnly)] = true
	}
	first, last := eps[0], eps[len(eps)-1]
	e.Onset = r.time(first.Onset)
	e.Interval = [2]time.Time{r.time(first.OnsetInterval[0]), r.time(first.OnsetInterval[1] + 1)}
	e.End = r.time(last.End)
	e.Ongoing = last.Ongoing
	e.Nights = len(days)
	if sharper != nil {
		sharper(e)
	}
}

// sharpen dates the beginning on the counts of the cause alone. A cause that
// is new has no past to be measured against, only a level before and after.
func (r *run) sharpen(counts []float64, onset traffic.Slot, e *verdict.Excess) {
	const before, after = 4 * 60, 90
	from := max(0, int(onset-r.cells.Start)-before)
	to := min(len(counts), int(onset-r.cells.Start)+after)
	c, ok := anomaly.Shift(r.cells.Start+traffic.Slot(from), counts[from:to])
	if !ok || c.Size < 1.5 {
		return
	}
	// Where there was nothing at all before, it may have begun with the first
	// events, however few.
	first := from
	for first < to && counts[first] == 0 {
		first++
	}
	if s := r.cells.Start + traffic.Slot(first); first > from+before/2 {
		c.Interval[0] = min(c.Interval[0], s)
	}
	e.Onset = r.time(c.Onset)
	e.Interval = [2]time.Time{r.time(c.Interval[0]), r.time(max(c.Interval[1], r.underWay(counts, c.Onset)) + 1)}
}

// underWay is the end of the first quarter of an hour that holds half of what
// the quarters of the next hour and a half do: what rises slowly has begun by
// then.
func (r *run) underWay(counts []float64, onset traffic.Slot) traffic.Slot {
	const quarter, later = 15, 90
	from := int(onset - r.cells.Start)
	sum := func(a, n int) (s float64) {
		for _, y := range counts[min(a, len(counts)):min(a+n, len(counts))] {
			if !math.IsNaN(y) {
				s += y
			}
		}
		return s
	}
	level := sum(from, later) / later * quarter
	for i := from; i < from+later; i++ {
		if sum(i, quarter) >= level/2 {
			return r.cells.Start + traffic.Slot(i+quarter-1)
		}
	}
	return onset
}

// causeSeries counts the events of a cause per slot, where all its attributes
// are among those of a Cell.
func (r *run) causeSeries(x *excess, own []map[string]string) ([]float64, bool) {
	if len(own) == 0 || x.series.family == failures || x.series.family == faults {
		return nil, false
	}
	for _, m := range own {
		for name := range m {
			switch name {
			case "prefix", "ip", "account", "device":
				return nil, false
			}
		}
	}
	// People who are elsewhere use every service from there.
	place := true
	for _, m := range own {
		place = place && (m["asn"] != "" || m["country"] != "") && m["os"] == "" && m["client"] == ""
	}
	all := &series{family: x.series.family}
	n := 0.0
	counts := r.cells.Series(func(l *traffic.Leaf) bool {
		k := leafKey{Leaf: *l}
		for _, m := range own {
			ok := true
			for name, v := range m {
				if place && name == "service" {
					continue
				}
				if valueOf(&k, name) != v {
					ok = false
					break
				}
			}
			if ok {
				n++
				return x.series.match(l) || place && all.match(l)
			}
		}
		return false
	})
	return counts, n > 0
}

// jump is the earliest time (Unix nanoseconds) at which the failures of an
// excess may have gone from their usual level to that of the attack.
func (r *run) jump(x *excess) int64 {
	from := max(0, int(x.intervals[0].from-r.cells.Start)-6*60)
	to := min(int(x.intervals[0].to-r.cells.Start), len(x.series.counts))
	c, ok := anomaly.Shift(r.cells.Start+traffic.Slot(from), x.series.counts[from:to])
	if !ok {
		return math.MinInt64
	}
	return c.Interval[0].Unix() * int64(time.Second)
}
