package main

import "math"

// clopperPearson returns the exact 95 % bounds of a share of which so many of n
// were seen (Clopper and Pearson, Biometrika 26, 1934): the shares at which as
// many or more, and as few or fewer, would be seen once in forty times.
func clopperPearson(seen, n int) (low, high float64) {
	const tail = 0.025
	low, high = 0, 1
	if n == 0 {
		return low, high
	}
	if seen > 0 {
		low = solve(func(p float64) bool { return 1-atMost(seen-1, n, p) < tail })
	}
	if seen < n {
		high = solve(func(p float64) bool { return atMost(seen, n, p) > tail })
	}
	return low, high
}

// solve finds where a condition that holds for small shares ends to hold.
func solve(holds func(p float64) bool) float64 {
	low, high := 0.0, 1.0
	for range 60 {
		if mid := (low + high) / 2; holds(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// atMost is the binomial probability of k or fewer of n.
func atMost(k, n int, p float64) float64 {
	if p <= 0 {
		return 1
	}
	if p >= 1 {
		return 0
	}
	all, _ := math.Lgamma(float64(n + 1))
	sum := 0.0
	for i := range k + 1 {
		a, _ := math.Lgamma(float64(i + 1))
		b, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(all - a - b + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

// poissonUpper is the one-sided 95 % upper bound of the mean of a Poisson count
// of which n were seen.
func poissonUpper(n int) float64 {
	low, high := float64(n), float64(n)+10+6*math.Sqrt(float64(n)+1)
	for range 60 {
		mid := (low + high) / 2
		p, sum := math.Exp(-mid), 0.0
		for k := range n + 1 {
			sum += p
			p *= mid / float64(k+1)
		}
		if sum > 0.05 {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}
