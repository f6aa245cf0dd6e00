package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal"
)

// memory is what the agent that runs now has resident and anonymous, in kB,
// looked at every two seconds. The first seconds are left out: then the agent
// gives back what its start needed.
type memory struct {
	mu        sync.Mutex
	rss, anon []int
}

func (m *memory) watch(pid int) {
	m.mu.Lock()
	m.rss, m.anon = nil, nil
	m.mu.Unlock()
	time.Sleep(7 * time.Second)
	for {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return
		}
		m.mu.Lock()
		for line := range strings.Lines(string(b)) {
			var kb int
			if _, err := fmt.Sscanf(line, "Rss: %d kB", &kb); err == nil {
				m.rss = append(m.rss, kb)
			}
			if _, err := fmt.Sscanf(line, "Anonymous: %d kB", &kb); err == nil {
				m.anon = append(m.anon, kb)
			}
		}
		m.mu.Unlock()
		time.Sleep(2 * time.Second)
	}
}

// words are the least, the median and the greatest of both, and of how many.
func (m *memory) words() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := min(len(m.rss), len(m.anon))
	if n == 0 {
		return "none yet"
	}
	out := ""
	for _, v := range [][]int{m.rss, m.anon} {
		v = slices.Sorted(slices.Values(v))
		out += fmt.Sprintf("%d %d %d ", v[0], v[len(v)/2], v[len(v)-1])
	}
	return out + fmt.Sprint(n)
}

// bare makes the transfers of the agent's sampling, and nothing else, for 5 s,
// and says what of that time this program ran, as "cpu" does.
func bare() string {
	b, err := board.Lookup("ast2600-evb")
	if err != nil {
		return err.Error()
	}
	bus, err := hal.Kernel{}.Bus(b.Buses[0])
	if err != nil {
		return err.Error()
	}
	defer bus.Close()
	w, r := []byte{0}, make([]byte, 2)
	before, _ := cpu(os.Getpid())
	began := uptime()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 50 {
		<-tick.C
		for _, m := range b.Motors {
			if err := bus.Tx(m.Addr, w, r); err != nil {
				return err.Error()
			}
		}
	}
	after, err := cpu(os.Getpid())
	return fmt.Sprintf("%d %d %v", (after - before).Microseconds(), (uptime() - began).Microseconds(), err)
}

// cpu is what all threads of a process have run.
func cpu(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	var sum time.Duration
	for _, t := range tasks {
		b, e := os.ReadFile(t)
		var ns int64
		if e == nil {
			_, e = fmt.Sscan(string(b), &ns)
		}
		if e != nil {
			err = e
		}
		sum += time.Duration(ns)
	}
	return sum, err
}

// sleeper says by how much sleeps of a millisecond are overslept, p50 and p99
// in µs: what this machine adds to anything.
func sleeper() string {
	var over []time.Duration
	for end := uptime() + 2*time.Second; uptime() < end; {
		began := uptime()
		time.Sleep(time.Millisecond) // what is measured is this sleep
		over = append(over, uptime()-began-time.Millisecond)
	}
	slices.Sort(over)
	return fmt.Sprintf("%d %d", over[len(over)/2].Microseconds(), over[len(over)*99/100].Microseconds())
}
