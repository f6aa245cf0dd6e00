package led

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// render draws two seconds of every pattern, a column for each 20 ms, with
// what it looks like and means: a reader sees what the LEDs do.
func render() []byte {
	var b bytes.Buffer
	const column = 20 * time.Millisecond
	for _, p := range Patterns() {
		fmt.Fprintf(&b, "%s: %s: %s\n", p, p.Looks(), p.Means())
		var blue, amber strings.Builder
		for t := time.Duration(0); t < 2*time.Second; t += column {
			bl, am, _ := p.At(int64(t))
			blue.WriteByte(mark(bl))
			amber.WriteByte(mark(am))
		}
		fmt.Fprintf(&b, "  blue  |%s|\n  amber |%s|\n", blue.String(), amber.String())
	}
	return b.Bytes()
}

func mark(lit bool) byte {
	if lit {
		return '#'
	}
	return '.'
}

func TestGoldenRendering(t *testing.T) {
	const golden = "testdata/patterns.txt"
	got := render()
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("patterns differ from %s (rewrite with -update and look at the difference):\n%s", golden, got)
	}
}

// Every pattern's edges in two seconds, from the table of the hardware page.
func TestRates(t *testing.T) {
	for _, c := range []struct {
		p           Pattern
		blue, amber int           // times it lights up
		blueLit     time.Duration // in 2 s
		amberLit    time.Duration
	}{
		{Off, 0, 0, 0, 0},
		{Button, 4, 4, time.Second, time.Second},
		{Bundled, 2, 2, 1800 * time.Millisecond, 1800 * time.Millisecond},
		{Lost, 0, 16, 0, time.Second},
		{Asking, 4, 4, time.Second, time.Second},
		{Holding, 0, 1, 0, 1900 * time.Millisecond},
		{Leaving, 0, 4, 0, time.Second},
		{Applying, 8, 0, time.Second, 0},
		{RolledBack, 0, 3, 0, 300 * time.Millisecond},
		{Trial, 2, 0, 120 * time.Millisecond, 0},
		{Warm, 0, 2, 0, time.Second},
		{Healthy, 2, 0, 120 * time.Millisecond, 0},
	} {
		var blue, amber int
		var blueLit, amberLit time.Duration
		const from, to = int64(8 * time.Second), int64(10 * time.Second)
		wasBlue, wasAmber, _ := c.p.At(from - 1)
		for now := from; now < to; {
			b, a, next := c.p.At(now)
			if next <= 0 {
				t.Fatalf("%v at %d: next = %d", c.p, now, next)
			}
			next = min(next, to-now)
			if b && !wasBlue {
				blue++
			}
			if a && !wasAmber {
				amber++
			}
			if b {
				blueLit += time.Duration(next)
			}
			if a {
				amberLit += time.Duration(next)
			}
			wasBlue, wasAmber, now = b, a, now+next
		}
		if blue != c.blue || amber != c.amber || blueLit != c.blueLit || amberLit != c.amberLit {
			t.Errorf("%v in 2 s: blue %d× %v, amber %d× %v; want %d× %v, %d× %v", c.p,
				blue, blueLit, amber, amberLit, c.blue, c.blueLit, c.amber, c.amberLit)
		}
	}
}

// next is a promise: nothing changes before it, at any time, even before the
// epoch.
func TestNextIsExact(t *testing.T) {
	t.Parallel()
	for _, p := range Patterns() {
		for i := int64(-300); i < 300; i++ {
			at := i * int64(7*time.Millisecond)
			b, a, next := p.At(at)
			for _, d := range []int64{1, next / 2, next - 1} {
				if d >= next {
					continue
				}
				if b2, a2, n2 := p.At(at + d); b2 != b || a2 != a || n2 != next-d {
					t.Fatalf("%v at %d + %d of %d: changed too early", p, at, d, next)
				}
			}
		}
	}
	for _, at := range []int64{-1 << 63, 1<<63 - 1} {
		if _, _, next := Healthy.At(at); next <= 0 {
			t.Errorf("At(%d): next = %d", at, next)
		}
	}
}

// Steps are the period that At draws.
func TestSteps(t *testing.T) {
	t.Parallel()
	for _, p := range Patterns() {
		at := int64(0)
		for range 2 {
			for i, s := range p.Steps() {
				if b, a, next := p.At(at); b != s.Blue || a != s.Amber || next != int64(s.Lasts) {
					t.Errorf("%v, step %d: %+v, but At(%d) says %v, %v for %d", p, i, s, at, b, a, next)
				}
				at += int64(s.Lasts)
			}
		}
	}
}

// All 1024 views: the winner is the first true field, and never Off.
func TestPickPrecedence(t *testing.T) {
	for bits := range 1024 {
		on := func(i int) bool { return bits>>i&1 == 1 }
		v := View{on(0), on(1), on(2), on(3), on(4), on(5), on(6), on(7), on(8), on(9)}
		want := Healthy
		for i := 9; i >= 0; i-- {
			if on(i) {
				want = Button + Pattern(i)
			}
		}
		if got := Pick(v); got != want {
			t.Errorf("Pick(%+v) = %v, want %v", v, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	want := "off button bundled lost asking holding leaving applying rolled-back trial warm healthy"
	var words []string
	for _, p := range Patterns() {
		words = append(words, p.String())
		if got, err := Parse(p.String()); err != nil || got != p {
			t.Errorf("Parse(%q) = %v, %v", p, got, err)
		}
	}
	if got := strings.Join(words, " "); got != want {
		t.Errorf("words %q, want %q", got, want)
	}
	if _, err := Parse("purple"); err == nil || !strings.Contains(err.Error(), "rolled-back") {
		t.Errorf("Parse(purple) = %v; want an error that lists the words", err)
	}
	if got := Pattern(99).String(); got != "pattern(99)" {
		t.Errorf("Pattern(99) = %q", got)
	}
	if b, a, next := Pattern(99).At(5); b || a || next <= 0 {
		t.Error("an unknown pattern must be dark")
	}
}

func TestAtAllocatesNothing(t *testing.T) {
	var now int64
	if n := testing.AllocsPerRun(1000, func() {
		for p := Off; p <= Healthy; p++ {
			_, _, next := p.At(now)
			now += next
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
