package locksmith

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// victim is one stormer and what the nemesis has done to it.
type victim struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	life    *os.File // closing it ends its leak
	leak    bool     // it has one; under storm.mu
	stopped bool
	told    bool // to leak
	gone    chan struct{}
}

// try is one attempt to write N into the file.
type try struct {
	epoch uint64
	acked bool
}

// storm is what the stormers have said.
type storm struct {
	dir string

	mu      sync.Mutex
	tries   map[int][]try
	got     map[uint64]int  // epoch → how often it was told
	deaths  map[int]int64   // pid → not alive from then on, or a little later
	took    []tookOver      // reclaims
	leaks   map[int]*victim // pid of the leak → of whom
	holder  *victim         // the last that was granted a lease
	wrong   []string
	acked   int
	refused int
	kills   int
	stops   int
	unlinks int
	last    int64 // ns, of the latest acked commit
	gap     int64 // the longest time without one
}

type tookOver struct {
	pid int
	old uint64
	at  int64
}

func newStorm(dir string) *storm {
	return &storm{dir: dir, tries: map[int][]try{}, got: map[uint64]int{}, deaths: map[int]int64{}, leaks: map[int]*victim{}, last: bootNow()}
}

func (st *storm) start() (*victim, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	v := &victim{cmd: again("stormer", "LOCKSMITH_TEST_DIR="+st.dir), life: w, gone: make(chan struct{})}
	v.cmd.ExtraFiles = []*os.File{r}
	if v.in, err = v.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := v.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(v.gone)
		ended := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			ended = ended || lines.Text() == "end"
			st.hear(v, lines.Text())
		}
		_ = v.cmd.Wait()
		if sig := v.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal(); sig != unix.SIGKILL && !ended {
			st.say("a process ended by itself: %v", v.cmd.ProcessState)
		}
	}()
	return v, nil
}

func (st *storm) say(format string, args ...any) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.wrong = append(st.wrong, fmt.Sprintf(format, args...))
}

// hear takes down one line.
func (st *storm) hear(v *victim, line string) {
	word, rest, _ := strings.Cut(line, " ")
	st.mu.Lock()
	defer st.mu.Unlock()
	var n int
	var epoch uint64
	var at int64
	var err error
	switch word {
	case "got":
		_, err = fmt.Sscan(rest, &epoch)
		st.got[epoch]++
		st.holder = v
	case "took":
		_, err = fmt.Sscan(rest, &n, &epoch, &at)
		st.took = append(st.took, tookOver{n, epoch, at})
	case "try":
		_, err = fmt.Sscan(rest, &n, &epoch)
		st.tries[n] = append(st.tries[n], try{epoch: epoch})
	case "done":
		if _, err = fmt.Sscan(rest, &n, &epoch); err == nil {
			err = st.ack(n, epoch)
		}
		now := bootNow()
		st.gap = max(st.gap, now-st.last)
		st.acked, st.last = st.acked+1, now
	case "refused":
		st.refused++
	case "leak":
		_, err = fmt.Sscan(rest, &n)
		st.leaks[n], v.leak = v, true
	case "end":
	default:
		err = fmt.Errorf("%d: %s", v.cmd.Process.Pid, line)
	}
	if err != nil {
		st.wrong = append(st.wrong, err.Error())
	}
}

func (st *storm) ack(n int, epoch uint64) error {
	for i, t := range st.tries[n] {
		if t.epoch == epoch && !t.acked {
			st.tries[n][i].acked = true
			return nil
		}
	}
	return fmt.Errorf("commit %d under epoch %d was never tried", n, epoch)
}

// judge says what went wrong; counter is what the file says at the end.
func (st *storm) judge(counter int) []string {
	wrong := st.wrong
	note := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for epoch, times := range st.got {
		if times != 1 {
			note("epoch %d was granted %d times", epoch, times)
		}
	}
	acked, before := 0, uint64(0)
	for n := 1; n <= counter; n++ {
		var newest try
		for _, t := range st.tries[n] {
			if t.acked {
				if acked++; t.epoch < before {
					note("update %d: epoch %d wrote after epoch %d", n, t.epoch, before)
				}
				before = t.epoch
			}
			if newest.acked && t.epoch > newest.epoch || t.acked && t.epoch < newest.epoch {
				note("update %d was lost: epochs %d and %d wrote it, the older one was told that it had", n, t.epoch, newest.epoch)
			}
			if t.epoch >= newest.epoch {
				newest = t
			}
		}
		if len(st.tries[n]) == 0 {
			note("nobody wrote %d", n)
		}
	}
	if acked != st.acked {
		note("the file says %d: %d updates were lost", counter, st.acked-acked)
	}
	if counter-acked > st.kills+len(st.leaks)+st.refused {
		note("%d updates that nobody was told of; %d were killed", counter-acked, st.kills)
	}
	living := 0
	for _, t := range st.took {
		if died, ok := st.deaths[t.pid]; !ok || died > t.at {
			living++
		}
	}
	if st.unlinks > 0 { // who lost its lock file lost its lock, or could not say that it gave it back
		living = max(0, living-st.unlinks-st.refused)
	}
	if living > 0 {
		note("%d false reclaims", living)
	}
	return wrong
}
