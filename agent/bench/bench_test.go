package main

import (
	"testing"
	"time"
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
