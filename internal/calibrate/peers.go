package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// peer is a method in common use, at its usual setting, on the same counts.
type peer struct {
	Name     string  `json:"name"`
	PerMonth float64 `json:"per_month"`
	Seen     float64 `json:"seen"`
}

// method says whether the quarter of an hour i is an alarm, of sums of
// fifteen minutes of the past (NaN where not seen).
type method struct {
	name  string
	alarm func(q []float64, i int) bool
}

const quarters = 96 // a day

var methods = []method{
	{"half more than last week, and 10 more", func(q []float64, i int) bool {
		return q[i] > 1.5*q[i-7*quarters] && q[i] > q[i-7*quarters]+10
	}},
	{"median ± 5 MAD of the same quarter of 14 days", func(q []float64, i int) bool {
		m, mad := around(q, i, quarters, 14)
		return math.Abs(q[i]-m) > 5*1.4826*mad+1
	}},
	{"STL-like: season of the week, trend of a day, residual beyond 4σ", func(q []float64, i int) bool {
		var res [14]float64
		trend := meanOf(q[i-quarters:i]) / max(1e-9, meanOf(q[i-8*quarters:i-7*quarters]))
		for d := range res {
			j := i - (d+1)*quarters
			if j < 8*quarters {
				res[d] = math.NaN()
				continue
			}
			res[d] = q[j] - q[j-7*quarters]
		}
		var s []float64
		for _, x := range res {
			if !math.IsNaN(x) {
				s = append(s, math.Abs(x))
			}
		}
		if len(s) == 0 {
			return false
		}
		return math.Abs(q[i]-trend*q[i-7*quarters]) > 4*1.4826*median(s)+1
	}},
	{"PromQL rules: mean of 26 hours ± 3σ", func(q []float64, i int) bool {
		w := q[i-104 : i]
		m := meanOf(w)
		v := 0.0
		for _, x := range w {
			if !math.IsNaN(x) {
				v += (x - m) * (x - m)
			}
		}
		return math.Abs(q[i]-m) > 3*math.Sqrt(v/float64(len(w)))+1
	}},
}

func meanOf(x []float64) float64 {
	s, n := 0.0, 0.0
	for _, v := range x {
		if !math.IsNaN(v) {
			s, n = s+v, n+1
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return s / n
}

func around(q []float64, i, step, n int) (m, mad float64) {
	var x []float64
	for d := 1; d <= n && i-d*step >= 0; d++ {
		if v := q[i-d*step]; !math.IsNaN(v) {
			x = append(x, v)
		}
	}
	m = median(x)
	for k := range x {
		x[k] = math.Abs(x[k] - m)
	}
	return m, median(x)
}

func quartersOf(counts []float64, offset int) []float64 {
	out := make([]float64, (len(counts)-offset)/riseWindow)
	for i := range out {
		for _, c := range counts[offset+i*riseWindow : offset+(i+1)*riseWindow] {
			out[i] += c
		}
	}
	return out
}

// peers runs them on some of the quiet organisations, and on one rise.
func peers(orgs int) []peer {
	out := make([]peer, len(methods))
	var mu sync.Mutex
	each(orgs, func(s int) {
		o := newOrganisation(uint64(s), orgDays, orgSeries, false)
		found := make([]float64, len(methods))
		for _, c := range o.series {
			q := quartersOf(c, 0)
			for m := range methods {
				last := -100
				for i := 15 * quarters; i < len(q); i++ {
					if !methods[m].alarm(q, i) {
						continue
					}
					if i > last+4 {
						found[m]++
					}
					last = i
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for m, n := range found {
			out[m].PerMonth += n
		}
	})
	rises := riseQuarters()
	for _, q := range rises {
		for m := range methods {
			if methods[m].alarm(q, len(q)-1) {
				out[m].Seen += 1 / float64(len(rises))
			}
		}
	}
	for m := range out {
		out[m].Name = methods[m].name
		out[m].PerMonth /= float64(orgs) * (orgDays - 15) / 30
	}
	if f, err := farrington(rises); err == nil {
		out = append(out, f)
	} else {
		fmt.Println("Farrington's method was left out:", err)
	}
	return out
}

// riseQuarters are series that end with the quarter of an hour of a rise of
// 30 %, at 400 in five minutes and twice the variance of Poisson's.
func riseQuarters() (out [][]float64) {
	for t := range uint64(60) {
		r := rand.New(rand.NewPCG(t, 5))
		onset := trainDays*minutesOfDay + 60 + r.IntN(220)
		counts, _ := flat(r, rise{Rate: 400, Phi: 2}, trainDays+1, onset)
		end := onset + riseWindow
		out = append(out, quartersOf(counts[:end], end%riseWindow))
	}
	return out
}

//go:embed farrington.R
var farringtonR string

// farrington runs R's surveillance, where it is installed, on every fifth
// series of one organisation over a week, and on the rises.
func farrington(rises [][]float64) (peer, error) {
	p := peer{Name: "Farrington flexible (R's surveillance), quarters of an hour, one alarm a month for each series"}
	o := newOrganisation(0, orgDays, orgSeries, false)
	var quiet [][]float64
	for k := 0; k < len(o.series); k += 5 {
		quiet = append(quiet, quartersOf(o.series[k], 0))
	}
	const first, days = 28 * quarters, 7
	found, err := runFarrington(quiet, first, first+days*quarters)
	if err != nil {
		return p, err
	}
	for _, n := range found {
		p.PerMonth += n * 30 / days * orgSeries / float64(len(quiet))
	}
	// The series differ in length: the past is cut, the last row judged.
	const kept = 20 * quarters
	ends := make([][]float64, len(rises))
	for i, q := range rises {
		ends[i] = q[len(q)-kept:]
	}
	if found, err = runFarrington(ends, kept, kept); err != nil {
		return p, err
	}
	for _, n := range found {
		p.Seen += n / float64(len(rises))
	}
	return p, nil
}

func runFarrington(series [][]float64, from, to int) ([]float64, error) {
	rscript, err := exec.LookPath("Rscript")
	if err != nil {
		return nil, fmt.Errorf("the program R is not installed (Debian: r-cran-surveillance)")
	}
	var b bytes.Buffer
	for i := range series[0] {
		for k, s := range series {
			if k > 0 {
				b.WriteByte(',')
			}
			if math.IsNaN(s[i]) {
				b.WriteString("NA")
				continue
			}
			b.WriteString(strconv.FormatFloat(s[i], 'f', 0, 64))
		}
		b.WriteByte('\n')
	}
	cmd := exec.Command(rscript, "-e", farringtonR, strconv.Itoa(from), strconv.Itoa(to))
	cmd.Stdin = &b
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("the program R: %w: %s", err, strings.TrimSpace(errs.String()))
	}
	var counts []float64
	for line := range strings.FieldsSeq(string(out)) {
		n, err := strconv.ParseFloat(line, 64)
		if err != nil {
			return nil, fmt.Errorf("the program R printed %q", line)
		}
		counts = append(counts, n)
	}
	if len(counts) != len(series) {
		return nil, fmt.Errorf("the program R judged %d of %d series", len(counts), len(series))
	}
	return counts, nil
}
