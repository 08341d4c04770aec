package pipeline

import (
	"math"

	"mailvigil/internal/message"
	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// plot shows the series around the excess in steps that leave a few hundred
// points.
func (r *run) plot(x *excess) *verdict.Plot {
	from, to := r.around(x)
	step := traffic.Slot(10)
	for (to-from)/step > 400 {
		step += 10
	}
	return r.steps(x, from, to, step)
}

// hourly shows the same by the hour. Its steps are whole local hours wherever
// the offset of the zone is a multiple of them.
func (r *run) hourly(x *excess) *verdict.Plot {
	from, to := r.around(x)
	first := r.cells.Start
	if over := r.time(from).Minute(); from-traffic.Slot(over) >= first {
		from -= traffic.Slot(over)
	} else {
		from += traffic.Slot(60 - over)
	}
	to -= (to - from) % 60
	if to <= from {
		return nil
	}
	return r.steps(x, from, to, 60)
}

// around is the time from two days before an excess to a day after, at most
// two weeks.
func (r *run) around(x *excess) (from, to traffic.Slot) {
	w := x.whole()
	from = max(r.cells.Start, w.from-2*24*60)
	to = min(r.cells.Start+traffic.Slot(r.cells.Slots), w.to+24*60)
	if to-from > 14*24*60 {
		to = from + 14*24*60
	}
	return from, to
}

// steps sums the series of x in equal steps.
func (r *run) steps(x *excess, from, to, step traffic.Slot) *verdict.Plot {
	if x.series.result.Expected == nil {
		return nil // a what-if has no picture
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
		p.Expected = append(p.Expected, thousandths(mean))
		p.Upper = append(p.Upper, thousandths(mean+up))
		p.Lower = append(p.Lower, thousandths(max(0, mean-down)))
	}
	return p
}

// thousandths is as exact as an expectation is worth writing down.
func thousandths(x float64) float64 { return math.Round(x*1000) / 1000 }

// split divides what is left of an excess among its causes, every leaf given to
// the first that picks it out; the rest comes last. It counts in the hours that
// were looked at closely and in their reference hours. It is nil where there is
// nothing to compare with or to divide.
func split(w *window, causes []map[string]string, left func(*leafKey) bool) []verdict.Part {
	if len(causes) == 0 || w.references() == 0 {
		return nil
	}
	parts := make([]verdict.Part, len(causes)+1)
	mine := make([]func(*leafKey) bool, len(causes))
	for i, c := range causes {
		parts[i].Cause, mine[i] = c, claims([]map[string]string{c})
	}
	for i := range w.rows {
		k := &w.rows[i]
		if !left(&k.leafKey) {
			continue
		}
		to := len(causes)
		for j, claim := range mine {
			if claim(&k.leafKey) {
				to = j
				break
			}
		}
		parts[to].Observed += k.n
		parts[to].Expected += k.past
	}
	if rest := &parts[len(causes)]; len(causes) == 1 && rest.Observed == 0 && rest.Expected == 0 {
		return nil // nothing is divided
	}
	for i := range parts {
		parts[i].Observed, parts[i].Expected = thousandths(parts[i].Observed), thousandths(parts[i].Expected)
	}
	return parts
}

func title(s *series) string {
	name := message.Service(s.service.String())
	if s.service == maillog.ServiceNone {
		name = "all services"
	}
	if p := s.part.String(); p != "" {
		name += " from " + p
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
