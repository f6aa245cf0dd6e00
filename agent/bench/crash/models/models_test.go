package models

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
)

// expected is what a protocol covers. Asserted, so that nobody shrinks the
// proof unawares.
type expected struct {
	states, again int // on faultfs: disks after a cut, different ones after one in a recovery
	mem           int // on the MemFS: disks after a cut; its clones are drawn, so that those in a recovery vary
	syncs         int
	// spared are syncs without which nothing breaks here, and why they stay.
	spared map[int]string
	coarse map[int]string // the same for the MemFS alone, which cannot show it
}

const (
	covered  = "the value's own sync covers the size: it is for OpenSlots' promise of a whole file (TestSlotsSurviveEveryPowerCut)"
	others   = "only for a value that a killed process left, of more than a sector (Slots, after a killed writer)"
	oneBlock = "the state fits in one of its blocks of 4 KiB, which cannot be torn"
	made     = "only for what a killed process made (Journal, after a killed maker)"
)

var want = map[string]expected{
	"Replace":                        {states: 29, again: 22, mem: 15, syncs: 2},
	"Stage and Switch":               {states: 34, again: 24, mem: 17, syncs: 2},
	"Slots":                          {states: 23, again: 21, mem: 28, syncs: 4, spared: map[int]string{2: covered}},
	"Slots, after a killed writer":   {states: 33, again: 40, mem: 33, syncs: 3},
	"Journal":                        {states: 34, again: 28, mem: 27, syncs: 7},
	"Journal, after a killed writer": {states: 22, again: 16, mem: 16, syncs: 6, spared: map[int]string{1: made, 3: made}},
	"Journal, after a killed maker":  {states: 23, again: 16, mem: 18, syncs: 4},
	"Store: a patch":                 {states: 77, again: 568, mem: 40, syncs: 7},
	"Store: a trial taken back":      {states: 79, again: 895, mem: 22, syncs: 4, coarse: map[int]string{1: oneBlock}},
	"Store: a patch taken back":      {states: 81, again: 2011, mem: 22, syncs: 4},
	"Epoch: the first grant":         {states: 187, again: 117, mem: 83, syncs: 3, spared: map[int]string{2: covered}},
	"Epoch: the third grant":         {states: 1240, again: 824, mem: 56, syncs: 2, spared: map[int]string{1: others}},
}

// result is of one protocol on one model: without a loss, and without each sync.
type result struct {
	full    Tally
	mutants []Tally
}

// The real code over both models: nothing is torn, missing, acknowledged but
// old, a trial left as committed or an epoch granted twice, after any power cut
// and any second one in the recovery. With any sync swallowed something is, on
// both.
func TestBothModels(t *testing.T) {
	var mu sync.Mutex
	got := map[string][2]result{}
	t.Run("all", func(t *testing.T) {
		for _, p := range Protocols {
			for i, m := range Models {
				t.Run(p.Name+" on "+m.Name, func(t *testing.T) {
					t.Parallel()
					r := prove(t, p, m)
					mu.Lock()
					defer mu.Unlock()
					both := got[p.Name]
					both[i] = r
					got[p.Name] = both
				})
			}
		}
	})
	for _, p := range Protocols {
		r, w := got[p.Name], want[p.Name]
		is := expected{r[0].full.States, r[0].full.Again, r[1].full.States, len(r[0].mutants), nil, nil}
		if is.states != w.states || is.again != w.again || is.mem != w.mem || is.syncs != w.syncs || len(r[1].mutants) != w.syncs {
			t.Errorf("%q: covered {%d, %d, %d, %d}, want {%d, %d, %d, %d}", p.Name, is.states, is.again, is.mem, is.syncs, w.states, w.again, w.mem, w.syncs)
		}
		for k := range min(len(r[0].mutants), len(r[1].mutants)) {
			for i, m := range Models {
				spared := w.spared[k+1] != "" || i == 1 && w.coarse[k+1] != ""
				if (r[i].mutants[k].Broken() == 0) != spared {
					t.Errorf("%s on %s without sync %d: %d disks broken; spared: %v", p.Name, m.Name, k+1, r[i].mutants[k].Broken(), spared)
				}
			}
		}
	}
	t.Log("\n" + table(got))
}

func prove(t *testing.T, p Protocol, m Model) (r result) {
	t.Helper()
	full, syncs, err := p.Cover(m, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	if r.full = full; full.Broken() > 0 || full.Again == 0 {
		t.Errorf("%+v", full)
	}
	for k := 1; k <= syncs; k++ {
		bad, _, _ := p.Cover(m, k, false)
		r.mutants = append(r.mutants, bad)
	}
	return r
}

func table(got map[string][2]result) string {
	var b strings.Builder
	out := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "\t%s: states\tin recovery\tbroken\t%s: states\tin recovery\tbroken\n", Models[0].Name, Models[1].Name)
	for _, p := range Protocols {
		r := got[p.Name]
		a, c := &r[0].full, &r[1].full
		fmt.Fprintf(out, "%s\t%d\t%d\t%s\t%d\t%d\t%s\n", p.Name, a.States, a.Again, a.words(), c.States, c.Again, c.words())
		for k := range r[0].mutants {
			if a := &r[0].mutants[k]; k < len(r[1].mutants) {
				c := &r[1].mutants[k]
				fmt.Fprintf(out, "  without sync %d\t%d\t\t%s\t%d\t\t%s\t%s\n", k+1, a.States, a.words(), c.States, c.words(), want[p.Name].spared[k+1]+want[p.Name].coarse[k+1])
			}
		}
	}
	out.Flush()
	return b.String()
}

// words says which promises are broken, on how many disks.
func (t *Tally) words() string {
	var w []string
	for _, c := range []struct {
		n    int
		what string
	}{{t.Torn, "torn"}, {t.Missing, "missing"}, {t.Old, "acknowledged but old"}, {t.Trial, "trial left"}, {t.Twice, "epoch twice"}} {
		if c.n > 0 {
			w = append(w, fmt.Sprint(c.n, " ", c.what))
		}
	}
	for what, n := range t.Other {
		w = append(w, fmt.Sprintf("%d %.30s", n, what))
	}
	if slices.Sort(w); len(w) == 0 {
		return "0"
	}
	return strings.Join(w, ", ")
}
