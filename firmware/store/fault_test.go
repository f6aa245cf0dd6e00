package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable/faultfs"
	"github.com/aim-control/aimlock/firmware/store"
)

// started runs the play's steps in a process of its own until one fails.
func (p play) started(t *testing.T, disk *faultfs.FS, arm func(*faultfs.Proc)) (s *store.Store, proc *faultfs.Proc, done int) {
	t.Helper()
	proc = disk.Process()
	s, err := store.Open(proc, store.Options{Live: live, Dir: dir, Keep: 2})
	must(t, err)
	if p.prepare != nil {
		must(t, p.prepare(s))
	}
	arm(proc)
	for _, step := range p.steps {
		if step(s) != nil {
			break
		}
		done++
	}
	return s, proc, done
}

// The process is killed at every call, and again at every call of the
// recovery; then the power goes.
func TestKilledAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, p := range plays() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			bad := findings{}
			kills := 0
			p.seen = map[uint64]bool{}
			for k, lived := 1, false; !lived; k++ {
				for j := 1; ; j++ {
					disk := newDisk()
					var before int
					_, proc, done := p.started(t, disk, func(p *faultfs.Proc) { before = p.Calls(); p.KillAt(k) })
					lived = proc.Calls()-before < k
					proc.Kill()
					if kills++; j == 1 && p.known(disk, done) || !p.killedAgain(disk, j, done, bad) {
						break
					}
				}
			}
			for what, n := range bad {
				t.Errorf("%d times: %s", n, what)
			}
			t.Logf("%d kills", kills)
			if kills < 20 {
				t.Errorf("only %d kills", kills)
			}
		})
	}
}

// killedAgain recovers and is killed at call j; false: it ended before.
func (p play) killedAgain(disk *faultfs.FS, j, done int, bad findings) bool {
	first := disk.Process()
	s, err := store.Open(first, store.Options{Live: live, Dir: dir, Keep: 2})
	if err != nil {
		bad.add("open: %v", err)
		return false
	}
	found := view{disk.Files()[live], s.Status(), s}
	p.found(found, done, bad)
	before := first.Calls()
	first.KillAt(j)
	_, _ = s.Recover(free)
	killed := first.Calls()-before >= j
	first.Kill()
	if p.known(disk, found.st) {
		return killed
	}
	again, ok := look(disk, bad)
	if !ok {
		return false
	}
	if _, rerr := again.s.Recover(free); rerr != nil {
		bad.add("recover: %v", rerr)
	}
	p.finish(disk, again.s, found, done, bad)
	return killed
}

// Whatever call fails, and for how long: the process itself, once storage is
// well again, or else a restart brings it to an end that is one of the two.
func TestEveryCallFails(t *testing.T) {
	t.Parallel()
	for _, p := range plays() {
		for _, once := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, once %v", p.name, once), func(t *testing.T) {
				t.Parallel()
				bad := findings{}
				for k, failed := 1, true; failed; k++ {
					for _, restart := range []bool{false, true} {
						failed = p.failing(t, func(p *faultfs.Proc) {
							if once {
								p.FailAt(k, unix.EIO)
							} else {
								p.FailFrom(k, unix.EIO)
							}
						}, k, restart, bad)
					}
				}
				for what, n := range bad {
					t.Errorf("%d times: %s", n, what)
				}
			})
		}
	}
}

func (p play) failing(t *testing.T, arm func(*faultfs.Proc), k int, restart bool, bad findings) (failed bool) {
	disk := newDisk()
	var before int
	s, proc, done := p.started(t, disk, func(p *faultfs.Proc) { before = p.Calls(); arm(p) })
	failed = proc.Calls()-before >= k
	proc.Heal()
	cut := disk.Crash(func(int) bool { return false })
	if v, ok := look(cut, bad); ok { // the power goes at once
		_, err := v.s.Recover(free)
		coherent(cut, v.s, err, done, p, bad)
	}
	if restart {
		proc.Kill()
		v, ok := look(disk, bad)
		if !ok {
			return failed
		}
		s = v.s
		_, err := s.Recover(free)
		coherent(disk, s, err, done, p, bad)
	} else {
		coherent(disk, s, goesOn(s), done, p, bad)
		if n := proc.Descriptors(); n != 2 {
			bad.add("%d descriptors open, want the state's and the lock's", n)
		}
	}
	lost := disk.Crash(func(int) bool { return false })
	if v, ok := look(lost, bad); ok {
		coherent(lost, v.s, nil, done, p, bad)
	}
	return failed
}

// goesOn is what the agent does after an error.
func goesOn(s *store.Store) error {
	switch s.Status().Phase {
	case store.Trial, store.Reverting:
		return s.Revert(free, "failed", false)
	}
	return errors.Join(s.Drop("failed"), s.UseNonce("another")) // it is of use again
}

// coherent: an end, and the live file is the committed generation.
func coherent(disk *faultfs.FS, s *store.Store, err error, done int, p play, bad findings) {
	st := s.Status()
	if err != nil {
		bad.add("not brought to an end: %v", err)
	}
	if st.Phase == store.Trial || st.Phase == store.Reverting || st.Phase == store.Staged {
		bad.add("left %v", st.Phase)
	}
	data, _, ok := s.Committed()
	if !ok {
		if p.name != "adopt" || done == 1 {
			bad.add("%v: nothing is committed", st.Phase)
		}
	} else if !bytes.Equal(disk.Files()[live], data) {
		bad.add("%v: the live file is not the committed one", st.Phase)
	}
	if st.Phase == store.Committed && st.Meta == meta(2) && !bytes.Equal(data, content(2)) {
		bad.add("success said of what is not in force")
	}
	if done == len(p.steps) && p.name == "commit" && st.Phase != store.Committed {
		bad.add("acknowledged, then %v", st.Phase)
	}
}
