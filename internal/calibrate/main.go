// Command calibrate measures whether baseline and anomaly keep their promise:
// how many false alarms a month an organisation gets, which rises are seen,
// and whether probabilities are what they say.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	_ "time/tzdata"
)

// each runs f for 0..n-1 on all cores.
func each(n int, f func(int)) {
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	wg.Wait()
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	slices.Sort(x)
	return x[len(x)/2]
}

func quantileFromTop(x []float64, k int) float64 {
	slices.Sort(x)
	if len(x) == 0 {
		return 0
	}
	return x[max(0, len(x)-1-k)]
}

// figures is everything that was measured.
type figures struct {
	Quiet  quiet   `json:"quiet"`
	Rises  []rise  `json:"rises"`
	Onsets []dated `json:"onsets"`
	Public *public `json:"public,omitempty"`
	Young  young   `json:"young_parts"`
	Peers  []peer  `json:"peers"`
	Cost   cost    `json:"cost"`
}

func main() {
	orgs := flag.Int("organisations", 50, "simulated organisations, of two measured months each")
	tries := flag.Int("tries", 40, "tries of each rise and onset")
	folder := flag.String("series", "", "`FOLDER` with public labelled series")
	page := flag.String("page", "", "write the figures as a page to `FILE`")
	only := flag.String("only", "alarms,rises,onsets,young,public,peers,cost", "what to measure, a `LIST`; a page needs all of it")
	flag.Parse()
	asked := func(what string) bool { return slices.Contains(strings.Split(*only, ","), what) }
	var f figures
	if asked("alarms") {
		f.Quiet = alarms(*orgs)
	}
	if asked("rises") {
		f.Rises = seeAll(*tries)
	}
	if asked("onsets") {
		f.Onsets = onsets(*tries)
	}
	if asked("young") {
		f.Young = youngParts(*orgs)
	}
	if asked("cost") {
		f.Cost = costOf()
	}
	if asked("peers") {
		f.Peers = peers(max(2, *orgs/10))
	}
	if *folder != "" && asked("public") {
		p, err := publicSeries(*folder)
		if err != nil {
			fmt.Fprintln(os.Stderr, "calibrate:", err)
			os.Exit(1)
		}
		f.Public = &p
	}
	text := f.tables()
	fmt.Println(text)
	if *page != "" {
		if err := os.WriteFile(*page, []byte(pageHead+text), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "calibrate:", err)
			os.Exit(1)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(f); err != nil {
		fmt.Fprintln(os.Stderr, "calibrate:", err)
		os.Exit(1)
	}
}

const pageHead = `# Calibration

What was measured of the baseline and its alarms, written by "make calibrate".
How it works, and what it cannot do, stands in [baseline](baseline.md).

`

func (f *figures) tables() string {
	var b strings.Builder
	q := f.Quiet
	fmt.Fprintf(&b, "## False alarms\n\n%d simulated series an organisation, %.0f organisation-months in which nothing happens, with\nweekends, holidays, growth, both clock changes, gaps, jobs and clumps of requests;\none false alarm a month allowed.\n\n", q.Series, q.Months)
	fmt.Fprintf(&b, "| what | figure | wanted |\n|---|---:|---:|\n")
	fmt.Fprintf(&b, "| false alarms a month, whole organisation | %.2f | |\n| upper end of the 95 %% interval | %.2f | 1.00 |\n", q.PerMonth, q.Upper)
	fmt.Fprintf(&b, "| days 4 to 14 of a start from nothing, a month | %.2f | 2.00 |\n| candidates a month, which are looked into and not told | %.1f | |\n\n", q.WarmMonth, q.Candidates)
	fmt.Fprintf(&b, "## Tails\n\nHow often counts exceed the tail of a stated probability, as a multiple of it (wanted: 0.5 to 2).\n\n| tail | simulated, up | down |")
	if f.Public != nil {
		fmt.Fprintf(&b, " public, up | down |")
	}
	fmt.Fprintf(&b, "\n|---|---:|---:|")
	if f.Public != nil {
		fmt.Fprintf(&b, "---:|---:|")
	}
	b.WriteString("\n")
	for _, t := range tailsAsked {
		fmt.Fprintf(&b, "| %s | %.2f | %.2f |", t.name, q.Tail[t.name][0], q.Tail[t.name][1])
		if f.Public != nil {
			fmt.Fprintf(&b, " %.2f | %.2f |", f.Public.Tail[t.name][0], f.Public.Tail[t.name][1])
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\n## A rise of 30 %%, seen within 15 minutes\n\nOne series with one false alarm a month. The oracle knows the true mean of every minute,\nwandering level included, and the true spread; its threshold gives it one false alarm a month too.\n\n| in 5 min | variance/mean | level noise | attacked nights | seen | oracle | share | smallest rise stated |\n|---:|---:|---:|---|---:|---:|---:|---:|\n")
	for _, h := range f.Rises {
		share, said, nights := "", "none", "no"
		if h.Oracle > 0 {
			share = fmt.Sprintf("%.0f %%", 100*h.Seen/h.Oracle)
		}
		if h.Said >= 0 {
			said = fmt.Sprintf("+%.0f %%", 100*h.Said)
		}
		if h.Attacked {
			nights = "five"
		}
		fmt.Fprintf(&b, "| %.0f | %.0f | %.0f %% | %s | %.2f | %.2f | %s | %s |\n", h.Rate, h.Phi, 100*h.Level, nights, h.Seen, h.Oracle, share, said)
	}
	fmt.Fprintf(&b, "\n## When it began, an hour after\n\n| in 5 min | factor | found | median error, minutes | 90 %% interval holds | of the size |\n|---:|---:|---:|---:|---:|---:|\n")
	for _, d := range f.Onsets {
		fmt.Fprintf(&b, "| %.0f | %.1f | %d of %d | %.0f | %.2f | %.2f |\n", d.Rate, d.Factor, d.Found, d.Tries, d.Error, d.Coverage, d.Size)
	}
	y := f.Young
	fmt.Fprintf(&b, "\n## A new part of a known service\n\nA tenth of the busiest series, first seen in the third week, in %d organisations: the median of\n|ln(expected/true)| by the hour, from its fourth day to its tenth.\n\n| hours | alone | leaning on the whole |\n|---|---:|---:|\n| all | %.3f | %.3f |\n| of its first day of rest | %.3f | %.3f |\n", y.Parts, y.Alone, y.Beside, y.EndAlone, y.EndWhole)
	if p := f.Public; p != nil {
		fmt.Fprintf(&b, "\n## Public series\n\n%d series of tweet counts (Numenta Anomaly Benchmark), each alone with one alarm a month, nothing tuned\non the labels, which are disputed: %d of %d labelled windows hit, %d episodes outside them in %.1f months, %.2f in 30 days.\n", p.Series, p.Hit, p.Windows, p.Outside, p.Months, p.PerMonth)
	}
	fmt.Fprintf(&b, "\n## Peers\n\nThe same quiet organisations (a part of them), and a rise of 30 %% at 400 in 5 minutes, variance twice the mean. Alarms are counted for each series, an hour of quiet between two.\n\n| method | false alarms a month, all series | rise seen in 15 minutes |\n|---|---:|---:|\n")
	for _, h := range f.Rises {
		if h.Rate == 400 && h.Phi == 2 && h.Level == 0 && !h.Attacked {
			fmt.Fprintf(&b, "| Mailvigil, one alarm a month for all | %.1f | %.2f |\n", q.PerMonth, h.Seen)
		}
	}
	for _, p := range f.Peers {
		fmt.Fprintf(&b, "| %s | %.1f | %.2f |\n", p.Name, p.PerMonth, p.Seen)
	}
	fmt.Fprintf(&b, "\n## Cost\n\nA minute of one series, judged and learnt, on the fastest of some hundred days: %.0f ns, %.0f allocations (wanted: below 500 ns, none).\nWhat is kept of a series: %d bytes (wanted: below 32,000).\n", f.Cost.Nanoseconds, f.Cost.Allocations, f.Cost.Bytes)
	return b.String()
}
