package store_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/store"
)

// A patch whose staging failed at any call is staged once more and committed:
// that survives, whatever the failure had left half done.
func TestStagedAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	for k, failed := 1, true; failed; k++ {
		disk := newDisk()
		s := adopted(t, disk)
		before := disk.Calls()
		disk.FailAt(k, unix.EIO)
		_ = s.Stage(content(2), meta(2))
		failed = disk.Calls()-before >= k
		disk.Heal()
		must(t, apply(s, 2))
		lost := disk.Crash(func(int) bool { return false })
		s = open(t, lost)
		committed(t, s, 2)
		phase(t, s, store.Committed, "")
		inForce(t, lost, content(2))
	}
}

// A switch that is not known to be durable cannot be committed, not even where
// a trial before it was.
func TestAFailedTryIsNotCommitted(t *testing.T) {
	t.Parallel()
	for k, failed := 1, true; failed; k++ {
		disk := newDisk()
		s := adopted(t, disk)
		must(t, apply(s, 2), s.Stage(content(3), meta(3)))
		before := disk.Calls()
		disk.FailFrom(k, unix.EIO)
		err := s.Try(free)
		failed = disk.Calls()-before >= k
		disk.Heal()
		if err == nil {
			must(t, s.Commit())
		} else if s.Commit() == nil {
			t.Errorf("call %d: committed after %v", k, err)
		}
	}
}

// A copy that cannot be read at the start is read again when it is needed.
func TestOpeningFails(t *testing.T) {
	t.Parallel()
	opened := 0
	for k, failed := 1, true; failed; k++ {
		disk := newDisk()
		must(t, onTrial(open(t, disk)))
		disk.Kill()
		p := disk.Process()
		p.FailAt(k, unix.EIO)
		s, err := store.Open(p, store.Options{Live: live, Dir: dir})
		failed = p.Calls() >= k
		p.Heal()
		if err != nil {
			if n := p.Descriptors(); n != 0 {
				t.Errorf("call %d: %d descriptors left", k, n)
			}
			s = open(t, p)
		} else if failed {
			opened++
		}
		_, err = s.Recover(free)
		must(t, err)
		inForce(t, disk, first)
		committed(t, s, 1)
	}
	if opened < 3 {
		t.Errorf("only %d failures were survived", opened)
	}
}
