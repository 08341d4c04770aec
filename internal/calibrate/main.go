// Command calibrate measures whether baseline and anomaly keep their promise:
// how many false alarms a month an organisation gets, which rises are seen,
// and whether probabilities are what they say.
package main

import (
	"flag"
	"fmt"
	"math"
	"runtime"
	"slices"
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

func main() {
	orgs := flag.Int("organisations", 6, "")
	tries := flag.Int("tries", 40, "")
	flag.Parse()
	f := alarms(*orgs)
	fmt.Printf("%+v\n", f)
	for _, h := range seeAll(*tries) {
		fmt.Printf("%6.0f φ%.0f level %.2f attacked %-5v seen %.2f oracle %.2f said %.2f\n", h.Rate, h.Phi, h.Level, h.Attacked, h.Seen, h.Oracle, h.Said)
	}
}
