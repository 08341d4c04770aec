// Command calibrate measures whether baseline and anomaly keep their promise:
// how many false alarms a month an organisation gets, which rises are seen,
// and whether probabilities are what they say.
package main

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"mailvigil/anomaly"
	"mailvigil/baseline"
	"mailvigil/traffic"
	_ "time/tzdata"
)

func main() {
	orgs, days, k := 6, 74, 50
	var n atomic.Int64
	cand, told := 0, 0
	var mu sync.Mutex
	work := make(chan uint64)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := range work {
				o := newOrganisation(seed, days, k, false)
				opt := anomaly.Options{Options: baseline.Options{Location: o.loc, Calendar: o.cal}}
				rs := anomaly.ScanAll(o.start, o.series, opt, 1)
				mu.Lock()
				last := map[traffic.Slot]bool{}
				for i, r := range rs {
					for _, e := range r.Episodes {
						if e.Start > o.start+14*1440 {
							cand++
							if e.Told {
								told++
								last[e.ToldAt/120] = true
								m := 0.0
								for _, x := range o.mean[i] {
									m += x
								}
								fmt.Printf("org %d series %d mean %.2f day %.2f up %v z %.1f exp %.0f obs %.0f size %.2f\n", seed, i, m/float64(len(o.mean[i])), float64(e.Start-o.start)/1440, e.Up, e.Z, e.Expected, e.Observed, e.Size)
							}
						}
					}
				}
				n.Add(int64(len(last)))
				mu.Unlock()
			}
		})
	}
	for s := range uint64(orgs) {
		work <- s
	}
	close(work)
	wg.Wait()
	months := float64(orgs) * float64(days-14) / 30
	fmt.Println(cand, "candidates", told, "told")
	fmt.Println(n.Load(), "episodes", float64(n.Load())/months, "per org-month", math.Sqrt(float64(n.Load()))/months)
}
