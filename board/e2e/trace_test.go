//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
)

// tracing has QEMU note, with its own clock, every byte that the chips send or
// get and every register of the GPIO that is written.
func (m *machine) tracing(on bool) {
	m.t.Helper()
	if on {
		if at, err := os.Stat(m.trace); err == nil {
			m.traceFrom = at.Size()
		}
	}
	for _, name := range []string{"i2c_event", "i2c_send", "i2c_recv", "aspeed_gpio_write"} {
		if err := m.q.do("trace-event-set-state", map[string]any{"name": name, "enable": on}, nil); err != nil {
			m.t.Fatal(err)
		}
	}
}

// traced is one line of QEMU's trace: what, two values, when.
type traced struct {
	at     time.Time
	what   string
	first  uint64 // address on the bus, or offset of the register
	second uint64 // byte, or value
}

var traceLine = regexp.MustCompile(`^\d+@(\d+)\.(\d+):(i2c_event start|i2c_send|i2c_recv|aspeed_gpio_write)\b\D*(?:addr|offset): ?0x([0-9a-f]+)\)?(?:,? (?:data|value) ?0?:? ?0x([0-9a-f]+))?`)

// traces is what was noted since tracing began.
func (m *machine) traces() (all []traced) {
	m.t.Helper()
	b, err := os.ReadFile(m.trace)
	if err != nil {
		m.t.Fatal(err)
	}
	for in := bufio.NewScanner(bytes.NewReader(b[m.traceFrom:])); in.Scan(); {
		f := traceLine.FindStringSubmatch(in.Text())
		if f == nil {
			continue
		}
		var n [4]uint64
		for i, base := range []int{10, 10, 16, 16} {
			text := f[i+1]
			if i > 1 {
				text = f[i+2]
			}
			if text == "" { // an event of the bus has no value
				continue
			}
			if n[i], err = strconv.ParseUint(text, base, 64); err != nil {
				m.t.Fatal(err)
			}
		}
		all = append(all, traced{time.Unix(int64(n[0]), int64(n[1])*1000), f[3], n[2], n[3]})
	}
	return all
}

// transfers counts the transfers on the bus, and lists those that wrote to a
// chip: that sent more than the number of a register. Each begins with a start.
func transfers(all []traced) (n int, written []string) {
	sent := map[uint64]int{}
	for _, tr := range all {
		switch tr.what {
		case "i2c_event start":
			n, sent[tr.first] = n+1, 0
		case "i2c_send":
			if sent[tr.first]++; sent[tr.first] > 1 {
				written = append(written, fmt.Sprintf("%#x to %#x", tr.second, tr.first))
			}
		}
	}
	return n, written
}

// requestEdges are the changes of the request line in a trace, at whose begin it
// was on or not.
func requestEdges(all []traced, was bool) (edges []edge) {
	const offset = regData & 0xFFF
	for _, tr := range all {
		if tr.what != "aspeed_gpio_write" || tr.first != offset {
			continue
		}
		on := tr.second>>(groupG+lineRequest)&1 == 1
		if on != was {
			edges = append(edges, edge{tr.at, lineRequest, on})
		}
		was = on
	}
	return edges
}

// proofs are the moments at which three samples in a row, each of at least
// 95 °C, had come from one chip.
func proofs(all []traced) (at []time.Time) {
	pointer, bytes, hot := map[uint64]uint64{}, map[uint64]int{}, map[uint64]int{}
	for _, tr := range all {
		switch tr.what {
		case "i2c_send":
			if tr.first < 0x48 || tr.first > 0x4B {
				continue
			}
			pointer[tr.first], bytes[tr.first] = tr.second, 0
		case "i2c_recv":
			if pointer[tr.first] != 0 {
				continue
			}
			bytes[tr.first]++
			switch {
			case bytes[tr.first] == 1 && tr.second >= 95 && tr.second < 128:
				hot[tr.first]++
			case bytes[tr.first] == 1:
				hot[tr.first] = 0
			case bytes[tr.first] == 2 && hot[tr.first] == 3:
				at = append(at, tr.at)
			}
		}
	}
	return at
}

// after pairs each edge of one direction with the latest cause before it.
func after(causes []time.Time, edges []edge, on bool) (d []time.Duration, err error) {
	for _, e := range edges {
		if e.on != on {
			continue
		}
		best := time.Duration(-1)
		for _, c := range causes {
			if gap := e.at.Sub(c); gap >= 0 && (best < 0 || gap < best) {
				best = gap
			}
		}
		if best < 0 {
			return nil, fmt.Errorf("the line changed at %v and nothing had proven it", e.at)
		}
		d = append(d, best)
	}
	return d, nil
}
