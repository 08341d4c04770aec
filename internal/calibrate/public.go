package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"mailvigil/anomaly"
	"mailvigil/baseline"
	"mailvigil/traffic"
)

// public is what real series show: nothing here is tuned on their labels.
type public struct {
	Series   int                   `json:"series"`
	Windows  int                   `json:"windows"`
	Hit      int                   `json:"windows_hit"`
	Outside  int                   `json:"episodes_outside"`
	Months   float64               `json:"months"`
	PerMonth float64               `json:"outside_per_month"`
	Tail     map[string][2]float64 `json:"tail_exceedance"`
}

// publicSeries scans the labelled tweet counts of a folder, each alone.
func publicSeries(folder string) (public, error) {
	var out public
	labels := map[string][][2]string{}
	b, err := os.ReadFile(filepath.Join(folder, "windows.json"))
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(b, &labels); err != nil {
		return out, fmt.Errorf("read the labels: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "Twitter_volume_*.csv"))
	if err != nil {
		return out, err
	}
	windows := 0.0
	beyond := make([][2]float64, len(tailsAsked))
	for _, file := range files {
		start, counts, err := readPublic(file)
		if err != nil {
			return out, err
		}
		o := anomaly.Options{Options: baseline.Options{Location: time.UTC}}
		r := anomaly.ScanAll(start, [][]float64{counts}, o, 1)[0]
		days := float64(len(counts)) / minutesOfDay
		out.Months += (days - 3) / 30
		out.Series++
		w, x := countTails(start, counts, o, 3*minutesOfDay, uint64(out.Series))
		windows += w
		for i := range beyond {
			beyond[i][0] += x[i][0]
			beyond[i][1] += x[i][1]
		}
		hit := make([]bool, len(labels[filepath.Base(file)]))
		for _, e := range r.Episodes {
			if !e.Told {
				continue
			}
			inside := false
			for i, l := range labels[filepath.Base(file)] {
				from, err1 := time.Parse(time.DateTime, l[0])
				to, err2 := time.Parse(time.DateTime, l[1])
				if err1 != nil || err2 != nil {
					return out, fmt.Errorf("%s: label %q is no time", file, l)
				}
				if e.ToldAt <= traffic.SlotOf(to.UnixNano()) && max(e.End, e.ToldAt) >= traffic.SlotOf(from.UnixNano()) {
					inside, hit[i] = true, true
				}
			}
			if !inside {
				out.Outside++
			}
		}
		out.Windows += len(hit)
		for _, h := range hit {
			if h {
				out.Hit++
			}
		}
	}
	if out.Months > 0 {
		out.PerMonth = float64(out.Outside) / out.Months
	}
	out.Tail = tailShares(windows, beyond)
	return out, nil
}

// readPublic spreads counts of five minutes over their minutes.
func readPublic(file string) (traffic.Slot, []float64, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", file, err)
	}
	var start traffic.Slot
	var counts []float64
	for i, row := range rows[1:] {
		t, err1 := time.Parse(time.DateTime, strings.TrimSpace(row[0]))
		v, err2 := strconv.ParseFloat(row[1], 64)
		if err1 != nil || err2 != nil {
			return 0, nil, fmt.Errorf("%s: row %d is no count", file, i+2)
		}
		s := traffic.SlotOf(t.UnixNano())
		if i == 0 {
			start = s
		}
		for int(s-start)+5 > len(counts) {
			counts = append(counts, 0)
		}
		for k := range 5 {
			counts[int(s-start)+k] += v / 5
		}
	}
	return start, counts, nil
}
