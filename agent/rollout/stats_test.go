package rollout

import (
	"math"
	"testing"
)

// Published values; each row names where it stands.
func TestExcluded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failures, n      int
		confidence, want float64
		where            string
	}{
		// The upper limit of a two-sided interval at 90 % is one-sided at 95 %.
		{4, 20, 0.95, 0.401029, "NIST/SEMATECH e-Handbook 7.2.4.2, its example"},
		{0, 10, 0.975, 0.3085, "Clopper and Pearson 1934; tables of exact 95 % intervals, n = 10"},
		{1, 10, 0.975, 0.4450, "the same"},
		{5, 10, 0.975, 0.8129, "the same"},
		{0, 20, 0.975, 0.1684, "the same, n = 20"},
		{0, 3, 0.95, 1 - math.Cbrt(0.05), "closed form for no failures: 1 - (1 - confidence)^(1/n)"},
		{0, 59, 0.95, 1 - math.Pow(0.05, 1.0/59), "the same"},
		{0, 0, 0.95, 1, "no drone proves nothing"},
		{3, 3, 0.95, 1, "all failed"},
	} {
		if got := Excluded(c.failures, c.n, c.confidence); math.Abs(got-c.want) > 6e-5 {
			t.Errorf("%d of %d at %v: %.6f, want %.6f (%s)", c.failures, c.n, c.confidence, got, c.want, c.where)
		}
	}
	// The lower limit of 4 in 20, 0.071354 in the Handbook, is 1 less the upper
	// one of 16 in 20.
	if got := 1 - Excluded(16, 20, 0.95); math.Abs(got-0.071354) > 6e-6 {
		t.Errorf("lower limit %.6f", got)
	}
	for rate, want := range map[float64]int{0.05: 59, 0.1: 29, 0.01: 299} { // the "rule of 59" and its kin
		if got := Needed(rate, 0.95); got != want {
			t.Errorf("%v needs %d drones, want %d", rate, got, want)
		}
	}
}

// spread makes arms of n and m values without ties of which a's have the
// statistic u.
func spread(n, m, u int) (a, b []float64) {
	place := make([]int, n) // b values below each of a
	for i := n - 1; u > 0; i-- {
		place[i] = min(u, m)
		u -= place[i]
	}
	for i, p := range place {
		a = append(a, float64(p)+float64(i+1)/100)
	}
	for j := range m {
		b = append(b, float64(j)+0.5)
	}
	return a, b
}

// critical are the largest U that are significant, two-sided at 0.05: the
// table that textbooks print (Siegel, Nonparametric Statistics, 1956, table K;
// after Auble 1953).
var critical = []struct{ n, m, u int }{
	{4, 4, 0}, {5, 5, 2}, {5, 6, 3}, {5, 8, 6}, {5, 20, 20}, {6, 6, 5}, {7, 7, 8}, {8, 8, 13}, {9, 10, 20},
	{10, 10, 23}, {10, 20, 55}, {12, 12, 37}, {13, 16, 59}, {15, 15, 64}, {20, 20, 127}, {3, 5, 0}, {2, 8, 0},
}

func TestRanks(t *testing.T) {
	t.Parallel()
	for _, c := range critical {
		for _, u := range []int{c.u, c.u + 1} {
			a, b := spread(c.n, c.m, u)
			got, p := Ranks(a, b)
			if got != float64(u) || (p <= 0.05) != (u == c.u) {
				t.Errorf("%d against %d, U %v (want %d): p %.4f; critical is %d", c.n, c.m, got, u, p, c.u)
			}
			if back, q := Ranks(b, a); back != float64(c.n*c.m)-got || math.Abs(p-q) > 1e-12 {
				t.Errorf("%d against %d, the arms changed: U %v, p %v; was %v, %v", c.n, c.m, back, q, got, p)
			}
		}
	}
	for _, c := range []struct {
		n, m, u int
		half    float64 // one-sided
	}{ // Mann and Whitney 1947, table I, n = m = 3, 4, 5
		{3, 3, 0, .050}, {3, 3, 1, .100}, {3, 3, 2, .200}, {3, 3, 3, .350},
		{4, 4, 0, .014}, {4, 4, 1, .029}, {4, 4, 2, .057}, {4, 4, 3, .100}, {4, 4, 4, .171}, {4, 4, 5, .243},
		{5, 5, 0, .004}, {5, 5, 1, .008}, {5, 5, 2, .016}, {5, 5, 3, .028}, {5, 5, 4, .048}, {5, 5, 5, .075},
	} {
		a, b := spread(c.n, c.m, c.u)
		if _, p := Ranks(a, b); math.Abs(p/2-c.half) > 5.1e-4 {
			t.Errorf("%d against %d, U %d: one-sided %.4f, want %.3f", c.n, c.m, c.u, p/2, c.half)
		}
	}
}

func TestRanksElsewhere(t *testing.T) {
	t.Parallel()
	// SciPy's documentation of mannwhitneyu: U1 17, exact p 0.1111 (14/126).
	u, p := Ranks([]float64{19, 22, 16, 29, 24}, []float64{20, 11, 17, 12})
	if u != 17 || math.Abs(p-14.0/126) > 1e-12 {
		t.Errorf("U %v, p %v", u, p)
	}
	// Ties: of the six ways to deal {1, 1, 2, 2} in pairs, two are as far apart.
	if u, p := Ranks([]float64{1, 1}, []float64{2, 2}); u != 0 || math.Abs(p-2.0/6) > 1e-12 {
		t.Errorf("ties: U %v, p %v", u, p)
	}
	if _, p := Ranks([]float64{5, 5, 5}, []float64{5, 5}); p != 1 {
		t.Errorf("all equal: p %v", p)
	}
	if _, p := Ranks(nil, []float64{1}); p != 1 {
		t.Errorf("an empty arm: p %v", p)
	}
	// Where the approximation takes over it agrees with the count.
	for _, u := range []int{300, 360, 420} {
		a, b := spread(30, 30, u)
		_, exact := Ranks(a, b)
		_, near := Ranks(append(a, -1), append(b, 1e9)) // one more in each arm
		a2, b2 := append(a, -1), append(b, 1e9)
		ranks, _ := midranks(append(append([]float64{}, a2...), b2...))
		sum := 0
		for i := range a2 {
			sum += ranks[i]
		}
		full := dealt(ranks, 31, math.Abs(float64(sum-31*63)))
		if math.Abs(near-full) > 0.1*full {
			t.Errorf("U %d: approximation %.5f, count %.5f (one less: %.5f)", u, near, full, exact)
		}
	}
}

func TestPowered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n, m int
		want bool
	}{{3, 3, false}, {3, 4, false}, {3, 5, true}, {4, 4, true}, {3, 9, true}, {2, 7, false}, {2, 8, true}, {1, 38, false}, {0, 100, false}} {
		if Powered(c.n, c.m, 0.05) != c.want {
			t.Errorf("%d against %d: want %v", c.n, c.m, c.want)
		}
	}
	if s := Shift([]float64{3, 5, 10}, []float64{1, 2}); s != 3.5 {
		t.Errorf("shift %v", s)
	}
}
