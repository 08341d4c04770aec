package app

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/anomaly"
	"mailvigil/baseline"
	"mailvigil/internal/chart"
	"mailvigil/internal/config"
	"mailvigil/traffic"
)

func (a *app) seriesCommand() *cobra.Command {
	var s settings
	var known knowledge
	var off []string
	var alarms float64
	var plot bool
	var svg string
	cmd := &cobra.Command{
		Use:   "series FILE.csv",
		Short: "Say what is normal in your own counts, and what is not",
		Long: `Reads counts over time, a table with the header timestamp,value, and writes what
was expected of each, as known when it came, and whether it raised an alarm:
timestamp,value,expected,lower,upper,p,alarm. p is the probability of counts this
far from the expected, were nothing the matter. An empty or negative value was
not seen; the same time twice is added up. "-" reads standard input.

The first three days are learnt and not judged.`,
		Example: `  mailvigil series --tz Europe/Brussels logins.csv > judged.csv
  mailvigil series --plot --holidays 2026-04-06,2026-05-01 logins.csv
  mailvigil series --svg logins.svg --alarms-per-month 0.5 logins.csv`,
		Args: cobra.MatchAll(atLeast(1, "the table of counts"), atMost(1, "one table at a time")),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, zone, err := s.load()
			if err != nil {
				return err
			}
			if !(alarms > 0) || math.IsInf(alarms, 0) {
				return usagef("--alarms-per-month must be above 0; 1 is usual")
			}
			days, err := holidayDates(off)
			if err != nil {
				return err
			}
			if err := known.add(cfg); err != nil {
				return err
			}
			cal, err := calendarOf(cfg, days...)
			if err != nil {
				return err
			}
			c, name, err := a.readSeries(args[0], zone)
			if err != nil {
				return err
			}
			for _, n := range c.notes {
				fmt.Fprintf(a.stderr, "mailvigil: %s: %s\n", name, n)
			}
			o := anomaly.Options{
				Options:        baseline.Options{Location: zone, Calendar: cal},
				AlarmsPerMonth: alarms, Feedback: feedbackOf(cfg, zone),
			}
			j := judge(c, o)
			if svg != "" {
				if err := a.output(svg, func(w io.Writer) error {
					_, err := io.WriteString(w, chart.SVG(j.chart(name), chart.Options{Width: 1200, Height: 360, Location: zone}))
					return err
				}); err != nil || svg == "-" {
					return err
				}
			}
			if plot {
				r := a.reportOptions(zone)
				o := chart.Options{Width: r.Width, Color: r.Color, Unicode: r.Unicode, Location: zone}
				if _, err := io.WriteString(a.stdout, chart.Terminal(j.chart(name), o)); err != nil {
					return err
				}
				return j.tell(a.stdout, zone)
			}
			return j.write(a.stdout)
		},
	}
	s.registerZone(cmd)
	known.register(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&off, "holidays", nil, "`DAYS` off besides the configuration's, as in 2026-12-25,2026-12-26")
	flags.Float64Var(&alarms, "alarms-per-month", 1, "false alarms allowed in thirty days, a `NUMBER`")
	flags.BoolVar(&plot, "plot", false, "draw the series in the terminal and list its alarms instead of the table")
	flags.StringVar(&svg, "svg", "", "draw the series as SVG to `FILE`, - for standard output")
	return cmd
}

func holidayDates(texts []string) (out []config.Date, err error) {
	for _, t := range texts {
		d, err := time.Parse(time.DateOnly, strings.TrimSpace(t))
		if err != nil {
			return nil, usagef("--holidays: %q is no day; write 2026-12-25", t)
		}
		out = append(out, config.Date{Year: d.Year(), Month: d.Month(), Day: d.Day()})
	}
	return out, nil
}

// maxSeriesMinutes bounds what a table may span: ten years.
const maxSeriesMinutes = 10 * 366 * 24 * 60

// counted is a table of counts, in the order of time.
type counted struct {
	times  []time.Time
	values []float64 // NaN: not seen
	step   int       // minutes
	notes  []string
}

func (a *app) readSeries(path string, zone *time.Location) (*counted, string, error) {
	in, name := a.stdin, "standard input"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, "", fmt.Errorf("read the counts: %w", err)
		}
		defer f.Close()
		in, name = f, path
	}
	c, err := readCounts(in, zone)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	return c, name, nil
}

// countLayouts are the ways in which a table writes a time.
var countLayouts = []string{
	time.RFC3339, "2006-01-02T15:04Z07:00", time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly,
}

func countTime(text string, zone *time.Location) (time.Time, bool) {
	for _, l := range countLayouts {
		if t, err := time.ParseInLocation(l, text, zone); err == nil {
			return t, true
		}
	}
	// Unix seconds, but no year and no number of a line.
	if n, err := strconv.ParseFloat(text, 64); err == nil && n > 1e8 && n < 1e11 {
		return time.Unix(int64(n), 0), true
	}
	return time.Time{}, false
}

func readCounts(in io.Reader, zone *time.Location) (*counted, error) {
	r := csv.NewReader(bufio.NewReader(in))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the table is empty; it needs the header timestamp,value and a count on each line")
	}
	if err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	at, value := -1, -1
	for i, h := range header {
		switch strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))) {
		case "timestamp", "time", "date":
			at = i
		case "value", "count":
			value = i
		}
	}
	if at < 0 || value < 0 {
		return nil, fmt.Errorf("header %q: it must name the columns timestamp and value", printable(strings.Join(header, ",")))
	}
	type row struct {
		t time.Time
		v float64
	}
	var rows []row
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the table: %w", err)
		}
		line, _ := r.FieldPos(0)
		if len(rec) <= max(at, value) {
			return nil, fmt.Errorf("line %d has %d columns; timestamp and value are needed", line, len(rec))
		}
		t, ok := countTime(strings.TrimSpace(rec[at]), zone)
		if !ok {
			return nil, fmt.Errorf("line %d: %q is no time; write 2024-04-05 18:30 or 2024-04-05T18:30:00+02:00", line, printable(rec[at]))
		}
		v := math.NaN()
		if text := strings.TrimSpace(rec[value]); text != "" && !strings.EqualFold(text, "nan") && !strings.EqualFold(text, "null") {
			if v, err = strconv.ParseFloat(text, 64); err != nil || math.IsInf(v, 0) {
				return nil, fmt.Errorf("line %d: %q is no count; leave it empty where none was taken", line, printable(rec[value]))
			}
		}
		rows = append(rows, row{t, v})
	}
	c := &counted{}
	unsorted := 0
	for i := 1; i < len(rows); i++ {
		if rows[i].t.Before(rows[i-1].t) {
			unsorted++
		}
	}
	if unsorted > 0 {
		c.notes = append(c.notes, fmt.Sprintf("%d times go back; the table was put in order. Local times without an offset go back in the night the clock does: write RFC 3339 to keep both hours", unsorted))
	}
	slices.SortStableFunc(rows, func(a, b row) int { return a.t.Compare(b.t) })
	again, negative := 0, 0
	for _, x := range rows {
		if x.v < 0 {
			x.v = math.NaN()
			negative++
		}
		if n := len(c.times); n > 0 && c.times[n-1].Equal(x.t) {
			again++
			if math.IsNaN(c.values[n-1]) {
				c.values[n-1] = x.v
			} else if !math.IsNaN(x.v) {
				c.values[n-1] += x.v
			}
			continue
		}
		c.times, c.values = append(c.times, x.t), append(c.values, x.v)
	}
	if again > 0 {
		c.notes = append(c.notes, fmt.Sprintf("%d times came more than once; their counts were added up", again))
	}
	if negative > 0 {
		c.notes = append(c.notes, fmt.Sprintf("%d counts are negative; they were taken for not seen", negative))
	}
	c.step = stepOf(c.times)
	if n := len(c.times); n > 0 && c.times[n-1].Sub(c.times[0]).Minutes() > maxSeriesMinutes {
		return nil, errors.New("the table spans more than ten years; is a time in it wrong? Cut it to the time that matters")
	}
	if n := len(c.times); n == 0 || c.times[n-1].Sub(c.times[0]).Minutes() < baseline.WarmUp {
		c.notes = append(c.notes, "fewer than three days: nothing is judged")
	}
	return c, nil
}

// stepOf is the usual distance of the times, in whole minutes.
func stepOf(times []time.Time) int {
	var d []time.Duration
	for i := 1; i < len(times); i++ {
		d = append(d, times[i].Sub(times[i-1]))
	}
	if len(d) == 0 {
		return 1
	}
	slices.Sort(d)
	return max(1, int(math.Round(d[len(d)/2].Minutes())))
}

// judged is a table with what is thought of it.
type judged struct {
	*counted
	expected, lower, upper, p []float64 // NaN: not judged
	alarm                     []bool
	episodes                  []anomaly.Episode
	nights                    []returning
	rises                     [24]float64
}

// returning is a departure that came back day after day, and on which it began.
type returning struct {
	up    bool
	days  int
	onset anomaly.Change
}

// judge spreads each count evenly over its minutes, runs model and detector,
// and sums up. Even spreading makes counts of long steps look steadier within
// them than they were; between steps it changes nothing, and the detector
// measures the spread over its own windows.
func judge(c *counted, o anomaly.Options) *judged {
	n := len(c.times)
	j := &judged{counted: c, alarm: make([]bool, n)}
	buffer := make([]float64, 4*n)
	for i := range buffer {
		buffer[i] = math.NaN()
	}
	j.expected, j.lower, j.upper, j.p = buffer[:n], buffer[n:2*n], buffer[2*n:3*n], buffer[3*n:]
	if n == 0 {
		return j
	}
	first := traffic.SlotOf(c.times[0].UnixNano())
	last := traffic.SlotOf(c.times[n-1].UnixNano()) + traffic.Slot(c.step)
	counts := make([]float64, last-first)
	for i := range counts {
		counts[i] = math.NaN()
	}
	bounds := func(i int) (int, int) {
		from := int(traffic.SlotOf(c.times[i].UnixNano()) - first)
		to := from + c.step
		if i+1 < n {
			to = min(to, int(traffic.SlotOf(c.times[i+1].UnixNano())-first))
		}
		return from, max(to, from+1)
	}
	for i, v := range c.values {
		if math.IsNaN(v) {
			continue
		}
		from, to := bounds(i)
		for k := from; k < to; k++ {
			old := counts[k]
			if math.IsNaN(old) {
				old = 0
			}
			counts[k] = old + v/float64(to-from)
		}
	}
	r := anomaly.ScanAll(first, [][]float64{counts}, o, 1)[0]
	j.rises = r.SmallestRise
	for _, e := range r.Episodes {
		if e.Told {
			j.episodes = append(j.episodes, e)
		}
	}
	for _, up := range []bool{true, false} {
		j.nights = append(j.nights, comesBack(first, counts, r.Expected, r.Episodes, up, o.Location)...)
	}
	for i := range c.times {
		from, to := bounds(i)
		s := first + traffic.Slot(from)
		if s < r.Ready {
			continue
		}
		var mean, width float64
		for k := from; k < to; k++ {
			mean += r.Expected[k]
			width = max(width, r.Upper[k]-r.Expected[k])
		}
		spread := width * math.Sqrt(float64(to-from))
		j.expected[i], j.lower[i], j.upper[i] = mean, max(0, mean-spread), mean+spread
		if !math.IsNaN(c.values[i]) {
			j.p[i] = r.P[to-1]
		}
		for _, e := range j.episodes {
			j.alarm[i] = j.alarm[i] || s+traffic.Slot(to-from) > e.ToldAt && s <= e.End
		}
	}
	return j
}

// comesBack finds what came back for days on end, of which at least one was
// told, and dates it to a day.
func comesBack(start traffic.Slot, counts, expected []float64, all []anomaly.Episode, up bool, loc *time.Location) (out []returning) {
	var run []anomaly.Episode
	flush := func() {
		defer func() { run = nil }()
		if len(run) < 2 || !slices.ContainsFunc(run, func(e anomaly.Episode) bool { return e.Told }) {
			return
		}
		days := make(map[string]bool)
		longest := run[0]
		for _, e := range run {
			days[time.Unix(e.Onset.Unix(), 0).In(loc).Format(time.DateOnly)] = true
			if e.End-e.Onset > longest.End-longest.Onset {
				longest = e
			}
		}
		until := min(len(counts), int(run[len(run)-1].End-start)+24*60)
		c, ok := anomaly.OnsetDay(start, counts[:until], expected[:until], anomaly.ClockOf(longest.Onset, longest.End, loc), loc)
		if ok && len(days) > 1 && (c.Size > 1) == up {
			out = append(out, returning{up, len(days), c})
		}
	}
	for _, e := range all {
		if e.Up != up {
			continue
		}
		if len(run) > 0 && e.Onset-run[len(run)-1].End > 26*60 {
			flush()
		}
		run = append(run, e)
	}
	flush()
	return out
}

func (j *judged) write(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "timestamp,value,expected,lower,upper,p,alarm")
	number := func(x float64, digits int) string {
		if math.IsNaN(x) {
			return ""
		}
		return strconv.FormatFloat(x, 'f', digits, 64)
	}
	for i, t := range j.times {
		p := ""
		if !math.IsNaN(j.p[i]) {
			p = strconv.FormatFloat(j.p[i], 'g', 3, 64)
		}
		value := ""
		if !math.IsNaN(j.values[i]) {
			value = strconv.FormatFloat(j.values[i], 'f', -1, 64)
		}
		alarm := "0"
		if j.alarm[i] {
			alarm = "1"
		}
		fmt.Fprintf(b, "%s,%s,%s,%s,%s,%s,%s\n", t.Format(time.RFC3339), value, number(j.expected[i], 2), number(j.lower[i], 2), number(j.upper[i], 2), p, alarm)
	}
	return b.Flush()
}

// chart is the series in equal steps.
func (j *judged) chart(title string) chart.Series {
	s := chart.Series{Title: printable(title), Step: time.Duration(j.step) * time.Minute}
	if len(j.times) == 0 {
		return s
	}
	s.Start = j.times[0]
	n := int(j.times[len(j.times)-1].Sub(s.Start)/s.Step) + 1
	list := func() []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = math.NaN()
		}
		return x
	}
	s.Observed, s.Expected, s.Lower, s.Upper = list(), list(), list(), list()
	for i, t := range j.times {
		k := int(t.Sub(s.Start) / s.Step)
		s.Observed[k], s.Expected[k], s.Lower[k], s.Upper[k] = j.values[i], j.expected[i], j.lower[i], j.upper[i]
	}
	if len(j.episodes) > 0 {
		best := slices.MaxFunc(j.episodes, func(a, b anomaly.Episode) int {
			return int(math.Copysign(1, math.Abs(a.Z)-math.Abs(b.Z)))
		})
		at := func(x traffic.Slot) time.Time { return time.Unix(x.Unix(), 0) }
		s.Onset = &[3]time.Time{at(best.OnsetInterval[0]), at(best.Onset), at(best.OnsetInterval[1])}
	}
	return s
}

// tell lists the alarms in words.
func (j *judged) tell(w io.Writer, zone *time.Location) error {
	if len(j.episodes) == 0 {
		fmt.Fprintln(w, "No alarm.")
	}
	for _, e := range j.episodes {
		at := func(s traffic.Slot) string { return time.Unix(s.Unix(), 0).In(zone).Format("Mon 2 Jan 2006 15:04") }
		what, until := "rise", "over by "+at(e.End)
		if !e.Up {
			what = "drop"
		}
		if e.Ongoing {
			until = "not over"
		}
		fmt.Fprintf(w, "%s: a %s to %.2f times the expected (%.2f to %.2f), thought to have begun %s (between %s and %s), %s. Observed %.0f; without it %.0f would have been counted (%.0f to %.0f). p %.1g, as many as %.2g such alarms a month to expect of chance.\n",
			at(e.ToldAt), what, e.Size, e.SizeInterval[0], e.SizeInterval[1], at(e.Onset), at(e.OnsetInterval[0]), at(e.OnsetInterval[1]), until, e.Observed, e.Expected, e.ExpectedInterval[0], e.ExpectedInterval[1], e.P, e.AlarmsPerMonth)
	}
	for _, n := range j.nights {
		what := "rise"
		if !n.up {
			what = "drop"
		}
		at := func(s traffic.Slot) string { return time.Unix(s.Unix(), 0).In(zone).Format("Mon 2 Jan 2006") }
		fmt.Fprintf(w, "The %s came back on %d days; it is thought to have begun on %s (between %s and %s).\n", what, n.days, at(n.onset.Onset), at(n.onset.Interval[0]), at(n.onset.Interval[1]))
	}
	lo, hi := math.Inf(1), 0.0
	for _, x := range j.rises {
		lo, hi = min(lo, x), max(hi, x)
	}
	var err error
	switch {
	case math.IsInf(lo, 0):
		_, err = fmt.Fprintln(w, "No rise is sure to show within 15 minutes.")
	case math.IsInf(hi, 0):
		_, err = fmt.Fprintf(w, "The smallest rise that shows within 15 minutes: %+.0f %% in the busiest hour, none in the quietest.\n", 100*lo)
	default:
		_, err = fmt.Fprintf(w, "The smallest rise that shows within 15 minutes: %+.0f %% in the busiest hour, %+.0f %% in the quietest.\n", 100*lo, 100*hi)
	}
	return err
}
