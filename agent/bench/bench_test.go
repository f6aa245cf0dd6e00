package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

func TestP99(t *testing.T) {
	t.Parallel()
	var d []time.Duration
	for i := range 200 {
		d = append(d, time.Duration(200-i))
	}
	if got := p99(d); got != 199 {
		t.Errorf("p99 of 1…200 is %d, want 199", got)
	}
	if got := p99([]time.Duration{7}); got != 7 {
		t.Errorf("p99 of one is %d", got)
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	got := figures("goos: linux\nBenchmarkReplace-2      \t     990\t         1.029 x-bare\t       611.1 µs-bare\nBenchmarkMessages/status/encode/json-2 \t20000\t 1565 ns/op\t 907.0 bytes\nok\n")
	if got["Replace"]["x-bare"] != 1.029 || got["Messages/status/encode/json"]["bytes"] != 907 || len(got) != 2 {
		t.Errorf("got %v", got)
	}
}

func TestField(t *testing.T) {
	t.Parallel()
	text := "00400000-7ff 00:00 [rollup]\nRss:                5000 kB\nAnonymous:          1000 kB\n"
	if got := field(text, "Rss:"); got != 5.12 {
		t.Errorf("Rss is %v MB, want 5.12", got)
	}
	if got := field(text, "Swap:"); got != 0 {
		t.Errorf("a missing field is %v", got)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		r     row
		word  string
		fails bool
	}{
		{row{Budget: "≤ 1", OK: true}, "ok", false},
		{row{Budget: "≤ 1"}, "OVER", true},
		{row{OK: true}, "", false},
		{row{Measured: "failed: no broker"}, "OVER", true},
		{row{Budget: "≤ 1", NotBuilt: true}, "none", false},
	} {
		if c.r.verdict() != c.word || c.r.fails() != c.fails {
			t.Errorf("%+v: %q, fails %v; want %q, %v", c.r, c.r.verdict(), c.r.fails(), c.word, c.fails)
		}
	}
}

// TestCPUTime holds the process's clock against what getrusage(2) says of it.
func TestCPUTime(t *testing.T) {
	spent := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	low := spent()
	got, err := cpuTime(os.Getpid())
	if high := spent(); err != nil || got < low-20*time.Millisecond || got > high+20*time.Millisecond || got == 0 {
		t.Errorf("CPU time is %v (%v), want %v to %v", got, err, low, high)
	}
	if _, err := cpuTime(1 << 22); err == nil {
		t.Error("a process beyond the highest pid has a CPU time")
	}
}

func TestSyncsAreCounted(t *testing.T) {
	t.Parallel()
	s := &syncs{Sys: durable.Linux}
	if err := durable.Replace(s, filepath.Join(t.TempDir(), "file"), []byte("x"), 0o600); err != nil || s.n != 2 {
		t.Errorf("a replacement makes %d syncs (%v), want the file's and the folder's", s.n, err)
	}
}

func TestProofReadsTheDataSheet(t *testing.T) {
	t.Parallel()
	p := &proof{}
	hot, cool, extended := []byte{0x5f, 0x00}, []byte{0x5e, 0xf0}, []byte{0x2f, 0x81} // 95 °C, 94.9375 °C, 95 °C with EM
	for i, r := range [][]byte{hot, hot, cool, hot, hot, extended} {
		p.sample(0x48, r, nil)
		if _, proven := p.since(); proven != (i == 5) {
			t.Errorf("after sample %d proven is %v", i+1, proven)
		}
	}
}

// A second look at a reading that jumped is no further sample.
func TestProofSecondLook(t *testing.T) {
	t.Parallel()
	hot := []byte{0x3C, 0x01} // 120 °C, extended mode
	p := &proof{look: time.Hour}
	for range 5 {
		p.sample(0x48, hot, nil)
	}
	if _, proven := p.since(); proven || p.hot[0x48] != 1 {
		t.Errorf("five looks of one round count as %d samples", p.hot[0x48])
	}
}
