package store_test

import (
	"bytes"
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable/faultfs"
	"github.com/aim-control/aimlock/firmware/store"
)

// started runs the play's steps in a process of its own until one fails.
func (p play) started(t *testing.T, disk *faultfs.FS, arm func(*faultfs.Proc)) (s *store.Store, proc *faultfs.Proc, done int, err error) {
	t.Helper()
	proc = disk.Process()
	s, err = store.Open(proc, store.Options{Live: live, Dir: dir, Keep: 2})
	must(t, err)
	if p.prepare != nil {
		must(t, p.prepare(s))
	}
	arm(proc)
	for _, step := range p.steps {
		if err = step(s); err != nil {
			break
		}
		done++
	}
	return s, proc, done, err
}

// The process is killed at every call, and again at every call of the
// recovery; then the power goes.
func TestKilledAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, p := range short(append(plays(), fatPlays("commit", "revert")...)) {
		t.Run(p.title(), func(t *testing.T) {
			t.Parallel()
			bad := findings{}
			kills := 0
			p.seen = map[[2]any]bool{}
			for k, lived := 1, false; !lived; k++ {
				for j := 1; ; j++ {
					disk := p.disk()
					var before int
					_, proc, done, _ := p.started(t, disk, func(p *faultfs.Proc) { before = p.Calls(); p.KillAt(k) })
					lived = proc.Calls()-before < k
					proc.Kill()
					if kills++; j == 1 && p.known(disk, past(disk, done)) || !p.killedAgain(disk, j, done, bad) {
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

// past is what is not yet on the disk as well: nothing is synced by a kill.
func past(disk *faultfs.FS, before any) any {
	return [3]any{before, disk.Unsynced(), disk.Crash(func(int) bool { return false }).Key(untemp)}
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
	p.finds(found, done, bad)
	before := first.Calls()
	first.KillAt(j)
	_, _ = s.Recover(free)
	killed := first.Calls()-before >= j
	first.Kill()
	if p.known(disk, past(disk, found.st)) {
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
	for _, p := range short(append(plays(), fatPlays("commit", "revert")...)) {
		t.Run(p.title(), func(t *testing.T) {
			t.Parallel()
			for _, f := range faults() {
				bad := findings{}
				for k, more := 1, true; more; k++ {
					for _, restart := range []bool{false, true} {
						more = p.failing(t, f, k, restart, bad)
					}
				}
				for what, n := range bad {
					t.Errorf("%s: %d times: %s", f.Name, n, what)
				}
			}
		})
	}
}

func (p play) failing(t *testing.T, f faultfs.Fault, k int, restart bool, bad findings) (failed bool) {
	disk := p.disk()
	var before int
	s, proc, done, err := p.started(t, disk, func(p *faultfs.Proc) { before = p.Calls(); f.Arm(p, k) })
	failed = proc.Calls()-before >= k
	proc.Heal()
	p.unclear(f, err, bad)
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
	nextAttempt(disk, s, bad)
	return failed
}

// nextAttempt: with the fault gone a patch goes through, and nothing of the
// failed attempt is left.
func nextAttempt(disk *faultfs.FS, s *store.Store, bad findings) {
	err := s.Adopt(content(1))
	if errors.Is(err, store.ErrNotFirst) {
		err = nil
	}
	if err = errors.Join(err, s.Drop("again"), apply(s, 8)); err != nil {
		bad.add("the next attempt: %v", err)
	}
	if !bytes.Equal(disk.Files()[live], content(8)) {
		bad.add("the next attempt is not live")
	}
	for name := range disk.Files() {
		if path.Ext(name) == ".tmp" {
			bad.add("a temporary file is left in %s", path.Dir(name))
		}
	}
}

// unclear adds an error that does not say what failed, on what, and what to do.
func (p play) unclear(f faultfs.Fault, err error, bad findings) {
	if err == nil {
		return
	}
	text := err.Error()
	if !errors.Is(err, f.Errno) || !strings.HasPrefix(text, "store: ") || !strings.Contains(text, "/") || !strings.Contains(text, " (") {
		bad.add("unclear: %v", err)
	}
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
