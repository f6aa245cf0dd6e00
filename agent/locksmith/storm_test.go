package locksmith

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestStorm: a short one in every run; "make histories" has a minute of 50.
func TestStorm(t *testing.T) {
	t.Parallel()
	t.Run("killed, stopped, leaking", func(t *testing.T) { t.Parallel(); weather(t, 12, 1500*time.Millisecond, false) })
	t.Run("lock files removed too", func(t *testing.T) { t.Parallel(); weather(t, 6, time.Second, true) })
}

// weather lets so many processes contend for a lock and add to a counter in the
// live file, under a nemesis. Nothing but the lease protects the counter. No
// update is lost, nobody is reclaimed from alive, nobody gets stuck, and an
// agent's watch, which reclaims too, is never HOT.
func weather(t *testing.T, processes int, d time.Duration, unlink bool) {
	dir := folder(t)
	if err := os.WriteFile(live(dir), []byte("0"), 0o600); err != nil {
		t.Fatal(err)
	}
	st := newStorm(dir)
	stopWatch := st.watch(t)
	n := &nemesis{st: st, chance: rand.New(rand.NewPCG(1, uint64(processes))), unlink: unlink}
	for range processes {
		v, err := st.start()
		if err != nil {
			t.Fatal(err)
		}
		n.victims = append(n.victims, v)
	}
	defer n.away()
	began := time.Now()
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		n.strike()
		if took := time.Since(began); took > d && (n.enough() || took > d+stormWait) {
			tick.Stop()
			break
		}
	}
	if !n.enough() {
		t.Error("too little happened")
	}
	n.calm(t)
	stopWatch()

	s := open(t, dir, nil)
	l, err := s.Wait(t.Context(), claim("after the storm"), nil) // the last leak may be ending
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(live(dir))
	counter, err2 := strconv.Atoi(string(b))
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for i, what := range st.judge(counter) {
		if i < 20 {
			t.Error(what)
		}
	}
	t.Logf("%d processes, %v: counter %d, %d of it acknowledged, %d grants, %d reclaims; %d killed, %d stopped, %d leaks, %d lock files removed, %d leases refused; longest time without a commit %v",
		processes, d, counter, st.acked, len(st.got), len(st.took), st.kills, st.stops, len(st.leaks), st.unlinks, st.refused, time.Duration(st.gap).Round(time.Millisecond))
	if !unlink && st.refused > 0 {
		t.Errorf("%d leases were lost with nobody to lose them to", st.refused)
	}
}

// watch is the agent's, in this process.
func (st *storm) watch(t *testing.T) (stop func()) {
	s := open(t, st.dir, nil)
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan Report)
	var both sync.WaitGroup
	both.Go(func() { _ = s.Watch(ctx, ttl(time.Second), out) })
	both.Go(func() {
		for {
			select {
			case r := <-out:
				if r.Hot {
					st.say("HOT: %v, %s", r.Look.Verdict, r.Look.Words())
				}
				if r.Err != nil {
					st.say("watch: %v", r.Err)
				}
				if e := r.Reclaimed; e != nil {
					st.mu.Lock()
					st.took = append(st.took, tookOver{e.PID, e.OldEpoch, e.At})
					st.got[e.Epoch]++
					st.mu.Unlock()
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); both.Wait() }
}

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
