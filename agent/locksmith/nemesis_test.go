package locksmith

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// nemesis does to processes what the world does.
type nemesis struct {
	st      *storm
	chance  *rand.Rand
	unlink  bool
	victims []*victim
}

// enough says whether everything has happened that is to be survived.
func (n *nemesis) enough() bool {
	n.st.mu.Lock()
	defer n.st.mu.Unlock()
	return n.st.acked >= 20 && n.st.kills > 0 && n.st.stops > 0 && len(n.st.took) > 0 && len(n.st.leaks) > 0 && n.unlink == (n.st.unlinks > 0)
}

// strike does one thing. A stopped process goes on, and a leak ends, after ten
// or so strikes: well inside a lease and inside the five seconds of suspicion.
func (n *nemesis) strike() {
	i := n.chance.IntN(len(n.victims))
	v := n.victims[i]
	switch k := n.chance.IntN(100); {
	case k < 25:
		n.kill(i)
	case k < 50:
		n.stop(v)
	case k < 60 && !v.told:
		v.told = true
		_, _ = v.in.Write([]byte("leak\n"))
	case k < 80 && n.unlink:
		n.unlock()
	default:
		n.relieve(false)
	}
	n.replace()
}

func (n *nemesis) stop(v *victim) {
	if v == nil || v.stopped || v.cmd.Process.Signal(syscall.SIGSTOP) != nil {
		return
	}
	v.stopped = true
	n.st.mu.Lock()
	n.st.stops++
	n.st.mu.Unlock()
}

// unlock removes the lock file under its holder, who is stopped first: it
// wakes up in the middle of its update, when another has the lease.
func (n *nemesis) unlock() {
	n.st.mu.Lock()
	holder := n.st.holder
	n.st.mu.Unlock()
	n.stop(holder)
	if os.Remove(filepath.Join(n.st.dir, "run", "aim_lock_config.lock")) == nil {
		n.st.mu.Lock()
		n.st.unlinks++
		n.st.mu.Unlock()
	}
}

func (n *nemesis) kill(i int) {
	v := n.victims[i]
	n.st.died(v.cmd.Process.Pid)
	n.st.mu.Lock()
	n.st.kills++
	n.st.mu.Unlock()
	_ = v.cmd.Process.Kill()
	<-v.gone
}

// died notes that a process is dead from now on, or a little later.
func (st *storm) died(pid int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.deaths[pid] = bootNow()
}

// relieve lets some or all of the stopped go on, and ends leaks alike.
func (n *nemesis) relieve(all bool) {
	for _, v := range n.victims {
		if v.stopped && (all || n.chance.IntN(5) < 2) {
			_ = v.cmd.Process.Signal(syscall.SIGCONT)
			v.stopped = false
		}
	}
	n.st.mu.Lock()
	leaks := map[int]*victim{}
	for pid, v := range n.st.leaks {
		leaks[pid] = v
	}
	n.st.mu.Unlock()
	for _, v := range leaks {
		select {
		case <-v.gone:
		default:
			continue // stopped between its word and its death
		}
		if v.life != nil && (all || n.chance.IntN(5) < 2) {
			n.st.died(v.cmd.Process.Pid)
			v.life.Close()
			v.life = nil
		}
	}
}

// replace starts a process for each that is gone.
func (n *nemesis) replace() {
	for i, v := range n.victims {
		select {
		case <-v.gone:
		default:
			continue
		}
		v.in.Close()
		n.st.mu.Lock()
		if !v.leak {
			v.life.Close()
		}
		n.st.mu.Unlock()
		next, err := n.st.start()
		if err != nil {
			n.st.say("start: %v", err)
			return
		}
		n.victims[i] = next
	}
}

// calm ends the nemesis's doing; then everybody comes to an end by itself.
func (n *nemesis) calm(t *testing.T) {
	for _, v := range n.victims {
		_ = v.cmd.Process.Signal(syscall.SIGCONT)
		v.in.Close()
	}
	defer n.relieve(true) // the last may have leaked
	limit := time.After(stormWait)
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		n.relieve(true)
		left := 0
		for _, v := range n.victims {
			select {
			case <-v.gone:
			default:
				left++
			}
		}
		if left == 0 {
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Errorf("%d processes are stuck", left)
			return
		}
	}
}

// away ends whatever is left of it.
func (n *nemesis) away() {
	for _, v := range n.victims {
		_ = unix.Kill(v.cmd.Process.Pid, unix.SIGKILL)
		<-v.gone
		if v.life != nil {
			v.life.Close()
		}
	}
}
