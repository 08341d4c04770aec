package health

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Options of a Monitor.
type Options struct {
	// Atonce is how many probes may ask side by side, 4 if zero.
	Atonce int
	// Jitter draws from [0,1) where in its interval a probe asks, so that a
	// restart does not ask everything at once; the process's own chance if nil.
	Jitter func() float64
}

// Monitor asks probes, each in its own interval.
type Monitor struct {
	probes []Probe
	free   chan struct{}
	jitter func() float64
}

// NewMonitor takes probes with an interval and a time-out.
func NewMonitor(probes []Probe, o Options) *Monitor {
	if o.Atonce <= 0 {
		o.Atonce = 4
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	return &Monitor{probes: probes, free: make(chan struct{}, o.Atonce), jitter: o.Jitter}
}

// Run asks until the context ends, and reports each answer, one at a time and
// never after it has returned. A probe that takes longer than its interval
// leaves out what it missed; report must not be slow, for the probes wait.
func (m *Monitor) Run(ctx context.Context, report func(Result)) {
	var wg sync.WaitGroup
	var one sync.Mutex
	for _, p := range m.probes {
		wg.Go(func() {
			m.repeat(ctx, p, func(r Result) {
				one.Lock()
				defer one.Unlock()
				report(r)
			})
		})
	}
	wg.Wait()
}

// repeat spreads the first askings over the interval, and moves the others by
// up to a tenth of it either way, so that probes do not fall into step with
// each other or with what happens every minute.
func (m *Monitor) repeat(ctx context.Context, p Probe, report func(Result)) {
	due := time.Now().Add(time.Duration(m.jitter() * float64(p.Interval)))
	for {
		moved := due.Add(time.Duration((m.jitter() - 0.5) * 0.2 * float64(p.Interval)))
		timer := time.NewTimer(time.Until(moved))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		select {
		case <-ctx.Done():
			return
		case m.free <- struct{}{}:
		}
		r := Ask(ctx, p)
		<-m.free
		if ctx.Err() != nil {
			return // an answer that was cut off says nothing of the service
		}
		report(r)
		for now := time.Now(); !due.After(now); {
			due = due.Add(max(p.Interval, time.Second))
		}
	}
}

// Ask asks a probe once and judges the answer.
func Ask(ctx context.Context, p Probe) (r Result) {
	r = Result{Probe: p.Name, Service: p.Service, Time: time.Now()}
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Timeout)
		defer cancel()
	}
	// Answers come from outside; one that trips a client must not end the watch.
	defer func() {
		if broken := recover(); broken != nil {
			r.Duration = time.Since(r.Time)
			r.Kind, r.Text = Setup, fmt.Sprintf("the probe %s broke on an answer: %s", p.Name, said(fmt.Sprint(broken)))
		}
	}()
	answer, err := p.Ask(ctx)
	r.Duration = time.Since(r.Time)
	r.CertificateEnds, r.Source = answer.Ends, answer.Source
	if err == nil && answer.Most > 0 {
		r.Queued = &answer.Queued
	}
	switch {
	case err != nil:
		f := explain(ctx, "asking "+p.Name, err)
		r.Kind, r.Text = f.Kind, f.Text
	case r.Queued != nil && *r.Queued > answer.Most:
		r.Kind = Backlog
		r.Text = fmt.Sprintf("%d messages wait to be sent, more than %d; see with postqueue -p where they go and why they stay", *r.Queued, answer.Most)
	case p.Slow > 0 && r.Duration > p.Slow:
		r.Kind = Slow
		r.Text = fmt.Sprintf("the answer was right, but took %s, more than %s", roughly(r.Duration), roughly(p.Slow))
	case !answer.Ends.IsZero() && answer.Ends.Sub(r.Time) < expiryWarnings[0]:
		r.Kind = Expiring
		r.Text = fmt.Sprintf("the certificate ends in %s, on %s; renew it and reload the server", roughly(answer.Ends.Sub(r.Time)), answer.Ends.UTC().Format("2 January 2006 15:04 MST"))
	}
	return r
}

// roughly says a duration as people do.
func roughly(d time.Duration) string {
	plural := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f seconds", d.Seconds())
	case d < 2*time.Minute:
		return plural(int(d.Round(time.Second).Seconds()), "second")
	case d < 2*time.Hour:
		return plural(int(d.Round(time.Minute).Minutes()), "minute")
	case d < 48*time.Hour:
		return plural(int(d.Round(time.Hour).Hours()), "hour")
	}
	return plural(int(d.Hours()/24), "day")
}

// AskAll asks each probe once, a few side by side, and gives the results in
// the order of the probes.
func AskAll(ctx context.Context, probes []Probe) []Result {
	results := make([]Result, len(probes))
	free := make(chan struct{}, 4)
	var wg sync.WaitGroup
	for i, p := range probes {
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			results[i] = Ask(ctx, p)
		})
	}
	wg.Wait()
	return results
}
