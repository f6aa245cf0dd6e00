//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// bootIn bounds a boot, of Linux and aimd together: 10 s on an idle machine.
const bootIn = 90 * time.Second

// TestFirst is the earliest check of real input and output: one edge and one
// temperature, and the request line is on.
func TestFirst(t *testing.T) {
	r := newRig(t, boardA)
	r.on(t, flashed(t))
	_, from := r.m.says(0, "@e2e aimd", bootIn)
	t.Logf("aimd started %v after power-on", time.Since(r.m.began).Round(time.Millisecond))
	r.m.says(from, "configuration version 7 is in force", bootIn)
	r.takesOff(t)
	t.Log("DISARMED fell, and the status says armed")
	r.m.heat(2, 96000)
	began := time.Now()
	at, err := r.w.until(lineRequest, true, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("request line on %v after the heat", at.Sub(began).Round(time.Millisecond))
}
