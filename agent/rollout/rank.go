package rollout

import (
	"math"
	"slices"
)

// maxExact is up to how many values in both arms the rank test counts every
// way to deal the ranks; beyond it the normal approximation is good to some
// percent of its p (7 % at 0.01).
const maxExact = 60

// Ranks is the test of Mann and Whitney (Annals of Mathematical Statistics 18,
// 1947): whether values of one arm tend to be larger than the other's. u counts
// the pairs in which the one of a is larger, ties half; p is two-sided, exact
// for up to 60 values, ties included (midranks), and else the normal
// approximation with the corrections for ties and continuity. Without values in
// an arm p is 1.
func Ranks(a, b []float64) (u, p float64) {
	n, m := len(a), len(b)
	if n == 0 || m == 0 {
		return 0, 1
	}
	all := slices.Concat(a, b)
	ranks, ties := midranks(all)
	sum := 0 // twice the rank sum of a
	for i := range a {
		sum += ranks[i]
	}
	u = float64(sum-n*(n+1)) / 2
	off := math.Abs(float64(sum - n*(n+m+1))) // twice the distance from the mean
	if n+m <= maxExact {
		return u, dealt(ranks, n, off)
	}
	all2 := float64(n + m)
	sigma := math.Sqrt(float64(n*m) / 12 * (all2 + 1 - ties/(all2*(all2-1))))
	if sigma == 0 {
		return u, 1
	}
	return u, math.Min(1, math.Erfc((off/2-0.5)/sigma/math.Sqrt2))
}

// midranks are twice the ranks, from 2 on, equal values sharing theirs; ties is
// the sum of t³-t over groups of t equal values.
func midranks(values []float64) (ranks []int, ties float64) {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case values[i] < values[j]:
			return -1
		case values[i] > values[j]:
			return 1
		}
		return 0
	})
	ranks = make([]int, len(values))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = from + 1 + to
		}
		t := float64(to - from)
		ties += t*t*t - t
		from = to
	}
	return ranks, ties
}

// dealt is the part of all ways to deal n of the ranks whose sum is at least
// off from its mean.
func dealt(ranks []int, n int, off float64) float64 {
	top := 0
	for _, r := range ranks {
		top += r
	}
	ways := make([][]float64, n+1) // [how many were taken][their sum]
	for i := range ways {
		ways[i] = make([]float64, top+1)
	}
	ways[0][0] = 1
	for _, r := range ranks {
		for k := n; k > 0; k-- {
			for s := top; s >= r; s-- {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	far, all := 0.0, 0.0
	mean := float64(n * (len(ranks) + 1))
	for s, w := range ways[n] {
		all += w
		if math.Abs(float64(s)-mean) >= off {
			far += w
		}
	}
	return far / all
}

// Powered reports whether arms of n and m values could give a p below alpha at
// all: 3 against 3 reach 0.10 at best, 3 against 9 reach 0.009.
func Powered(n, m int, alpha float64) bool {
	return n > 0 && m > 0 && 2*math.Exp(-choose(n+m, n)) < alpha
}

// Shift is by how much the values of a are larger than those of b: the median
// of all differences (Hodges and Lehmann, Annals of Mathematical Statistics 34,
// 1963), in their unit; 0 without values in an arm.
func Shift(a, b []float64) float64 {
	var all []float64
	for _, x := range a {
		for _, y := range b {
			all = append(all, x-y)
		}
	}
	return median(all)
}

// median sorts its values; 0 of none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
