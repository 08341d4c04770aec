// Package pipeline is the one path of an Event: line, Event, Record, Cell,
// and from there to baseline, anomaly, explain, abuse and verdict. It owns
// slots, order, the second pass and feedback; it decides nothing itself.
//
// Investigate runs it over files of the past. Counts only add up, so files
// are read side by side and the result does not depend on who was faster.
// The first pass counts in bounded memory; the second re-reads only the
// windows that matter, with every attribute.
package pipeline

import (
	"context"
	"errors"
	"math"
	"runtime"
	"time"

	"mailvigil/abuse"
	"mailvigil/anomaly"
	"mailvigil/baseline"
	"mailvigil/internal/enrich"
	"mailvigil/internal/intake"
	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// Announcement is a change that was announced for a time.
type Announcement struct {
	From, Until time.Time
	What        string
}

// Options of a run.
type Options struct {
	Location     *time.Location
	Since, Until time.Time // zero: everything. What was over before Since is not told, but teaches; what came from Until on is not read
	Workers      int       // 0: one per core, at most 8
	// Detailed watches parts of services too: what comes from one kind of
	// network, or from one country. Their number is bounded.
	Detailed        bool
	AlarmsPerMonth  float64 // 0: one false alarm a month for the whole organisation
	Enrich          enrich.Config
	Progress        *intake.Progress   // may be nil
	NetworksMissing bool               // no network data: said in the verdict
	Calendar        baseline.Calendar  // nil: Monday to Friday
	Feedback        []anomaly.Feedback // what people said of times: announced changes, incidents, false alarms
	Announced       []Announcement     // what was announced, in words
	Sensitivity     Sensitivity        // how hard to ask what an attack would have looked like
	Import          *Import            // findings of others, nil for none

	streams []Stream // in place of what the files hold
	live    *Live    // whose archive is read again, nil for files
}

// maxWorkers bounds how many readers are started by themselves: the bounds on
// memory hold for each.
const maxWorkers = 8

// ErrTooEarly means that the logs end before Since.
var ErrTooEarly = errors.New("the logs end before --since; name later logs, or an earlier time")

// ErrNoEvents means that no line could be read as an Event.
var ErrNoEvents = errors.New("no line of these logs could be read as an event of a mail service")

type run struct {
	set      *intake.Set
	opt      Options
	since    int64
	until    int64
	enricher *enrich.Enricher
	found    []string // what the survey found, for people
	cells    *traffic.Cells
	profiles *abuse.Profiles
	units    []unit
	blocks   [][]block // by unit
	tallies  []tally   // by file
	days     map[int64]int64
	hours    map[maillog.Format]map[int64]bool
	mix      map[maillog.Service]map[maillog.Format]int64
	gaps     []gap
	astray   int64 // events on days apart from all others

	// What look found, for those who ask what if.
	series []*series
	excess []*excess
}

// counting is the visitor of the first pass.
type counting struct {
	counter  *traffic.Counter
	profiles *abuse.Profiles
	days     map[int64]int64
	hours    map[maillog.Format]map[int64]bool
	mix      map[maillog.Format]*[256]int64 // by service

	hour     int64 // of the last event, with its format: most events share both
	format   maillog.Format
	services *[256]int64 // mix of the format
	n        int64
}

func newCounting() *counting {
	return &counting{
		counter: traffic.NewCounter(), profiles: abuse.NewProfiles(),
		days: make(map[int64]int64), hours: make(map[maillog.Format]map[int64]bool),
		mix:  make(map[maillog.Format]*[256]int64),
		hour: math.MinInt64,
	}
}

func (*counting) wants(int64) bool { return true }

func (c *counting) visit(r *traffic.Record) {
	e := r.Event
	if h := e.Time / 3600e9; h != c.hour || e.Format != c.format {
		c.settle()
		c.hour, c.format = h, e.Format
		if c.services = c.mix[e.Format]; c.services == nil {
			c.services = new([256]int64)
			c.mix[e.Format] = c.services
		}
	}
	c.n++
	c.services[e.Service]++
	c.counter.Add(r)
	c.profiles.Add(r)
}

func (c *counting) settle() {
	if c.n == 0 {
		return
	}
	c.days[c.hour/24] += c.n
	h := c.hours[c.format]
	if h == nil {
		h = make(map[int64]bool)
		c.hours[c.format] = h
	}
	h[c.hour] = true
	c.n = 0
}

// addMix adds what was counted of each service by format.
func (c *counting) addMix(mix map[maillog.Service]map[maillog.Format]int64) {
	for f, services := range c.mix {
		for s, n := range services {
			if n == 0 {
				continue
			}
			s := maillog.Service(s)
			if mix[s] == nil {
				mix[s] = make(map[maillog.Format]int64)
			}
			mix[s][f] += n
		}
	}
}

const unmeasured = "How surely an attack would have shown: that was not measured."

// Investigate reads the files of the set and gives the verdict.
func Investigate(ctx context.Context, set *intake.Set, o Options) (*verdict.Verdict, error) {
	r, err := first(ctx, set, o)
	if err != nil {
		return nil, err
	}
	found, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	v := verdict.Judge(found)
	if v.Sensitivity, err = r.sensitivity(ctx, found); err != nil {
		return nil, err
	}
	v.Measured()
	if len(v.Sensitivity) == 0 {
		v.Coverage.CannotTell = append(v.Coverage.CannotTell, unmeasured)
	}
	if err := r.extents(ctx, v); err != nil {
		return nil, err
	}
	v.Charge()
	if err := r.cite(ctx, v); err != nil {
		return nil, err
	}
	v.Manifest = r.manifest()
	return v, nil
}

// Survey looks at a sample of the files for what the configuration does not
// state, as Investigate does before it begins: the configuration completed, and
// what was added in sentences.
func Survey(ctx context.Context, set *intake.Set, o Options) (enrich.Config, []string, error) {
	if o.Location == nil {
		o.Location = time.UTC
	}
	r := &run{set: set, opt: o}
	r.survey(ctx)
	return r.opt.Enrich, r.found, ctx.Err()
}

// first is the survey and the first pass.
func first(ctx context.Context, set *intake.Set, o Options) (*run, error) {
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.Workers <= 0 {
		o.Workers = min(runtime.GOMAXPROCS(0), maxWorkers)
	}
	if o.AlarmsPerMonth <= 0 {
		o.AlarmsPerMonth = 1
	}
	r := &run{set: set, opt: o, since: math.MinInt64 / 2, until: math.MaxInt64}
	if !o.Since.IsZero() {
		r.since = o.Since.UnixNano()
	}
	if !o.Until.IsZero() {
		r.until = o.Until.UnixNano()
	}
	r.survey(ctx)
	r.enricher = enrich.New(r.opt.Enrich)

	counts := make([]*counting, o.Workers)
	visitors := make([]visitor, o.Workers)
	for i := range counts {
		counts[i] = newCounting()
		visitors[i] = counts[i]
	}
	r.units = units(set.Files, o.Workers)
	if err := r.firstPass(ctx, visitors); err != nil {
		return nil, err
	}

	counters := make([]*traffic.Counter, len(counts))
	r.profiles = counts[0].profiles
	r.days = make(map[int64]int64)
	r.hours = make(map[maillog.Format]map[int64]bool)
	r.mix = make(map[maillog.Service]map[maillog.Format]int64)
	for i, c := range counts {
		c.settle()
		c.profiles.Close()
		counters[i] = c.counter
		if i > 0 {
			r.profiles.Merge(c.profiles)
		}
		for d, n := range c.days {
			r.days[d] += n
		}
		for f, hours := range c.hours {
			if r.hours[f] == nil {
				r.hours[f] = make(map[int64]bool)
			}
			for h := range hours {
				r.hours[f][h] = true
			}
		}
		c.addMix(r.mix)
	}
	from, to, ok := span(r.days)
	if !ok {
		return r, ErrNoEvents
	}
	for d, n := range r.days {
		if d < from || d > to {
			r.astray += n
		}
	}
	r.cells = traffic.Close(traffic.SlotOf(from*dayNs), traffic.SlotOf((to+1)*dayNs-1), counters...)
	if end := r.cells.Start + traffic.Slot(r.cells.Slots); traffic.SlotOf(r.since) >= end {
		return r, ErrTooEarly
	}
	r.findGaps()
	return r, nil
}
