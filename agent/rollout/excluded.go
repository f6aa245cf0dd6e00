package rollout

import "math"

// Confidence is that of every statement about a failure rate.
const Confidence = 0.95

// Excluded is the failure rate above which nothing is left to believe, at
// confidence (0 … 1), after failures among n drones: the one-sided upper limit
// of Clopper and Pearson (Biometrika 26, 1934), 0 … 1. 0 of 3 exclude only rates
// above 0.63; without drones nothing is excluded, and it is 1.
func Excluded(failures, n int, confidence float64) float64 {
	if n < 1 || failures >= n || failures < 0 {
		return 1
	}
	return root(func(p float64) float64 { return atMost(failures, n, p) - (1 - confidence) })
}

// Needed is how many drones without a failure exclude rates above rate
// (0 … 1, both outside), at confidence: 59 for 0.05 at 0.95.
func Needed(rate, confidence float64) int {
	return int(math.Ceil(math.Log(1-confidence)/math.Log(1-rate) - 1e-9))
}

// atMost is the chance of at most k failures among n at rate p.
func atMost(k, n int, p float64) float64 {
	sum := 0.0
	for i := 0; i <= k; i++ {
		sum += math.Exp(choose(n, i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

// choose is the logarithm of n over k.
func choose(n, k int) float64 {
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x + 1)); return v }
	return lg(n) - lg(k) - lg(n-k)
}

// root finds where a falling f crosses zero between 0 and 1.
func root(f func(float64) float64) float64 {
	lo, hi := 0.0, 1.0
	for range 60 { // to the last bit of a float64
		if mid := (lo + hi) / 2; f(mid) > 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}
