package locksmith

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// use is all that a holder does once; the epoch that it was told, 0 if none.
func use(s *Smith) (told uint64, err error) {
	l, err := s.Acquire(context.Background(), claim("holder"))
	if err != nil {
		return 0, err
	}
	err = errors.Join(l.Renew(), l.Commit(func() error { return nil }), l.Release())
	return l.Epoch(), err
}

// Whatever call of a use fails: a clear error, no descriptor and no temporary
// file is left, and the next use, with the fault gone, gets an epoch that
// nobody was told, in the same process and after a power cut.
func TestEveryCallOfAUseFails(t *testing.T) {
	t.Parallel()
	for _, f := range faultfs.Faults() {
		for _, grants := range []int{0, 2} {
			failed := 0
			for k, calls := 1, 1; calls >= k-1; k++ {
				var err error
				if calls, err = useFailing(t, f, k, grants); err != nil {
					failed++
				}
			}
			if f.Errno != nil && failed < 30 {
				t.Errorf("%s after %d grants: only %d calls failed", f.Name, grants, failed)
			}
		}
	}
}

func useFailing(t *testing.T, f faultfs.Fault, k, grants int) (calls int, err error) {
	disk := settled(t, grants)
	p := disk.Process()
	s := boot(t, p, 1)
	before := p.Calls()
	f.Arm(p, k)
	told, err := use(s)
	calls = p.Calls() - before
	p.Heal()
	wrong := func(what string, with ...any) { t.Errorf("%s, call %d: %s: %v: %v", f.Name, k, what, with, err) }
	if text := ""; err != nil {
		if text = err.Error(); !errors.Is(err, f.Errno) || !strings.Contains(text, "locksmith: ") || !strings.ContainsAny(text, ";(") {
			wrong("unclear")
		}
	}
	told = max(told, uint64(grants))
	lost := disk.Crash(func(int) bool { return false })
	s.slots.close()
	if n := p.Descriptors(); n != 0 {
		wrong("descriptors left", n)
	}
	for _, next := range []*Smith{s, boot(t, disk.Process(), 1), boot(t, lost, 2)} {
		again, err := use(next)
		if err != nil || again <= told {
			wrong("the next use", again, told, err)
		}
	}
	for name := range disk.Files() {
		if strings.HasSuffix(name, ".tmp") {
			wrong("left behind", name)
		}
	}
	return calls, err
}
