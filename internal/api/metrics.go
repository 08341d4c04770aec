package api

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// gatherWithin is how long a status may take when metrics are asked for.
const gatherWithin = 10 * time.Second

// Collector tells a Status as metrics of Prometheus. Nothing in them names an
// account, an address or a line of a log.
type Collector struct {
	status func(context.Context) (*Status, error)
}

// NewCollector asks for the status whenever metrics are asked for.
func NewCollector(status func(context.Context) (*Status, error)) *Collector {
	return &Collector{status}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("mailvigil_"+name, help, labels, nil)
}

var metrics = struct {
	up, since, slot, incidents, observed, expected, lower, upper, unusual, open     *prometheus.Desc
	lines, rejected, lost, behind, last, segments, events, bytes, held, most, raise *prometheus.Desc
	probe, asked, duration, problems, config, read                                  *prometheus.Desc
}{
	up:        desc("up", "1 where the watch could say how it does."),
	since:     desc("start_time_seconds", "When the watch began."),
	slot:      desc("last_slot_time_seconds", "Start of the last minute of event time that was judged."),
	incidents: desc("incidents_open", "Open incidents.", "kind", "severity"),
	observed:  desc("service_observed_events", "Events of the last span that was counted.", "service"),
	expected:  desc("service_expected_events", "What was expected of it.", "service"),
	lower:     desc("service_expected_lower_events", "Lower end of what is usual.", "service"),
	upper:     desc("service_expected_upper_events", "Upper end of what is usual.", "service"),
	unusual:   desc("service_unusual", "1 where a service is more or less busy than usual.", "service"),
	open:      desc("service_state", "1 for the state that a service is in.", "service", "state"),
	lines:     desc("intake_lines_total", "Lines that were read.", "source", "kind"),
	rejected:  desc("intake_rejected_lines_total", "Lines that were not understood.", "source", "kind"),
	lost:      desc("intake_lost_lines_total", "Lines that are known to be lost.", "source", "kind"),
	behind:    desc("intake_behind_bytes", "What waits to be read or kept.", "source", "kind"),
	last:      desc("intake_last_event_time_seconds", "Time of the last event.", "source", "kind"),
	segments:  desc("archive_segments", "Segments in the archive."),
	events:    desc("archive_events", "Events in the archive."),
	bytes:     desc("archive_bytes", "What the archive takes."),
	held:      desc("archive_held_bytes", "What is kept for incidents beyond the retention."),
	most:      desc("archive_limit_bytes", "What the archive may take; missing where that is not bounded."),
	raise:     desc("vigilance_raised", "1 while vigilance is raised."),
	probe:     desc("probe_state", "1 for the state that a probe found.", "probe", "service", "state"),
	asked:     desc("probe_time_seconds", "When a probe last asked.", "probe", "service"),
	duration:  desc("probe_duration_seconds", "How long the last answer took.", "probe", "service"),
	problems:  desc("problems", "What is wrong with the watch itself.", "code", "grave"),
	config:    desc("configuration_holds", "1 where the file holds as it was last read, 0 where a newer one was refused."),
	read:      desc("configuration_read_time_seconds", "When the configuration that holds was read."),
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	m := &metrics
	for _, d := range []*prometheus.Desc{
		m.up, m.since, m.slot, m.incidents, m.observed, m.expected, m.lower, m.upper, m.unusual, m.open, m.lines, m.rejected, m.lost, m.behind, m.last,
		m.segments, m.events, m.bytes, m.held, m.most, m.raise, m.probe, m.asked, m.duration, m.problems, m.config, m.read,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	m := &metrics
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		for i, l := range labels {
			labels[i] = strings.ToValidUTF8(l, "\uFFFD") // names of files need not be
		}
		out <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) { send(d, prometheus.GaugeValue, v, labels...) }
	known := func(d *prometheus.Desc, t time.Time, labels ...string) {
		if !t.IsZero() {
			gauge(d, float64(t.UnixNano())/1e9, labels...)
		}
	}
	if c.status == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), gatherWithin)
	defer cancel()
	s, err := c.status(ctx)
	if err != nil {
		gauge(m.up, 0)
		return
	}
	gauge(m.up, 1)
	known(m.since, s.Since)
	known(m.slot, s.LastSlot)
	open := map[[2]string]float64{}
	for _, in := range s.Incidents {
		if in.Status != StatusOpen {
			continue
		}
		open[[2]string{in.Kind, in.Severity}]++
	}
	for labels, n := range open {
		gauge(m.incidents, n, labels[0], labels[1])
	}
	if len(open) == 0 {
		gauge(m.incidents, 0, "attack", "high") // so that an alarm on it has something to compare
	}
	seen := map[string]bool{}
	once := func(kind, name string) bool {
		first := !seen[kind+"\x00"+name]
		seen[kind+"\x00"+name] = true
		return first // the same labels twice would make all metrics unreadable
	}
	for _, sv := range s.Services {
		if !once("service", sv.Service) {
			continue
		}
		for _, v := range []struct {
			d *prometheus.Desc
			v *float64
		}{{m.observed, sv.Observed}, {m.expected, sv.Expected}, {m.lower, sv.Lower}, {m.upper, sv.Upper}} {
			if v.v != nil {
				gauge(v.d, *v.v, sv.Service)
			}
		}
		gauge(m.unusual, truth(sv.Unusual), sv.Service)
		gauge(m.open, 1, sv.Service, string(sv.State))
	}
	for _, in := range s.Intake {
		if !once("intake", in.Name+"\x00"+in.Kind) {
			continue
		}
		for _, v := range []struct {
			d *prometheus.Desc
			v int64
		}{{m.lines, in.Lines}, {m.rejected, in.Rejected}, {m.lost, in.Lost}} {
			send(v.d, prometheus.CounterValue, float64(v.v), in.Name, in.Kind)
		}
		gauge(m.behind, float64(in.Behind), in.Name, in.Kind)
		known(m.last, in.Last, in.Name, in.Kind)
	}
	gauge(m.segments, float64(s.Archive.Segments))
	gauge(m.events, float64(s.Archive.Events))
	gauge(m.bytes, float64(s.Archive.Bytes))
	gauge(m.held, float64(s.Archive.Held))
	if s.Archive.Most > 0 {
		gauge(m.most, float64(s.Archive.Most))
	}
	gauge(m.raise, truth(s.Vigilance.Raised))
	for _, p := range s.Probes {
		if !once("probe", p.Name) {
			continue
		}
		gauge(m.probe, 1, p.Name, p.Service, p.State)
		known(m.asked, p.Time, p.Name, p.Service)
		gauge(m.duration, p.Duration, p.Name, p.Service)
	}
	count := map[[2]string]float64{}
	for _, p := range s.Problems {
		grave := "no"
		if p.Grave {
			grave = "yes"
		}
		count[[2]string{p.Code, grave}]++
	}
	for labels, n := range count {
		gauge(m.problems, n, labels[0], labels[1])
	}
	gauge(m.config, truth(s.Configuration.Problem == ""))
	known(m.read, s.Configuration.Read)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
