package pipeline

import (
	"math"

	"mailvigil/internal/message"
	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// plot shows the series around the excess: from two days before to a day
// after, in steps that leave a few hundred points.
func (r *run) plot(x *excess) *verdict.Plot {
	if x.series.result.Expected == nil {
		return nil // a what-if has no picture
	}
	w := x.whole()
	from := max(r.cells.Start, w.from-2*24*60)
	to := min(r.cells.Start+traffic.Slot(r.cells.Slots), w.to+24*60)
	if to-from > 14*24*60 {
		to = from + 14*24*60
	}
	step := traffic.Slot(10)
	for (to-from)/step > 400 {
		step += 10
	}
	p := &verdict.Plot{Title: title(x.series), Start: r.time(from), Step: int(step) * 60}
	at := func(list []float64, s traffic.Slot) float64 {
		sum := 0.0
		for k := s; k < s+step && k < to; k++ {
			sum += list[k-r.cells.Start]
		}
		return sum
	}
	for s := from; s < to; s += step {
		o := at(x.series.counts, s)
		if math.IsNaN(o) {
			o = -1
		}
		p.Observed = append(p.Observed, o)
		mean := at(x.series.result.Expected, s)
		// The band is per minute: over a step the spread grows with its root.
		up := (at(x.series.result.Upper, s) - mean) / math.Sqrt(float64(step))
		down := (mean - at(x.series.result.Lower, s)) / math.Sqrt(float64(step))
		if math.IsNaN(mean) {
			mean, up, down = 0, 0, 0
		}
		p.Expected = append(p.Expected, mean)
		p.Upper = append(p.Upper, mean+up)
		p.Lower = append(p.Lower, max(0, mean-down))
	}
	return p
}

func title(s *series) string {
	name := message.Service(s.service.String())
	if s.service == maillog.ServiceNone {
		name = "all services"
	}
	switch s.family {
	case failures:
		return "failed sign-ins, " + name
	case faults:
		return "errors, " + name
	case hosting:
		return "use from hosting networks"
	}
	return name
}
