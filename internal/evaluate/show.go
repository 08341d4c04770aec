package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// show prints, world by world, what was simulated beside what was told of it:
// where a figure is bad, this says what was named instead of the truth.
func (e *evaluation) show(ctx context.Context, networks, only string, each int) error {
	if err := e.prepare(networks); err != nil {
		return err
	}
	kinds, err := e.kinds(only)
	if err != nil {
		return err
	}
	for _, k := range kinds {
		for range each {
			w, err := e.next(k, 1)
			if err != nil {
				return err
			}
			r := &result{world: w}
			if r.truth, r.found, err = e.look(ctx, w); err != nil {
				return fmt.Errorf("%s: %w", w.command(), err)
			}
			r.show(os.Stdout)
		}
	}
	return nil
}

func (r *result) show(to io.Writer) {
	fmt.Fprintf(to, "%s\n  %s instead of %s, confidence %.2f, focus %s instead of %s\n", r.command(), r.found.Verdict, r.truth.Verdict, r.found.Confidence, r.found.Focus, r.truth.Focus)
	real, told := told(&r.truth), told(&r.found)
	for _, in := range real {
		fmt.Fprintf(to, "  true %s %s since %s, %s\n", in.Kind, in.Name, in.Onset.Format(time.DateTime), spell(in.Cause))
		if best := nearest(in, told); best != nil {
			fmt.Fprintf(to, "       onset off by %.0f min\n", best.Onset.Sub(in.Onset).Minutes())
		}
		if len(in.Cause) > 0 && len(in.Cause[0]) > 0 {
			fmt.Fprintf(to, "       cause F1 %.2f\n", causeScore(in, told[:min(len(told), len(real)+1)]))
		}
	}
	for i := range r.found.Incidents {
		in := &r.found.Incidents[i]
		fmt.Fprintf(to, "  told %s %q since %s (%s), %s\n", in.Kind, in.Name, in.Onset.Format(time.DateTime), span(in.Interval), spell(in.Cause))
		for _, h := range in.Hypotheses {
			fmt.Fprintf(to, "       %.3f %s\n", h.Probability, h.Name)
		}
	}
}

func span(interval []time.Time) string {
	if len(interval) != 2 {
		return "no interval"
	}
	return interval[1].Sub(interval[0]).String()
}

// spell writes the sets of a cause.
func spell(list causes) string {
	var out []string
	for _, m := range list {
		out = append(out, fmt.Sprint(m))
	}
	return strings.Join(out, " or ")
}
