package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/store"
)

// onDisk is a store on a real file system, in a folder apart from the live file.
func onDisk(t *testing.T) (s *store.Store, conf string) {
	t.Helper()
	conf = filepath.Join(t.TempDir(), "aim_lock_config.conf")
	must(t, os.WriteFile(conf, first, 0o640))
	s, err := store.Open(durable.Linux, store.Options{Live: conf, Dir: filepath.Join(t.TempDir(), "store")})
	must(t, err, s.Adopt(first))
	t.Cleanup(func() { must(t, s.Close()) })
	return s, conf
}

func perm(t *testing.T, path string) os.FileMode {
	t.Helper()
	fi, err := os.Lstat(path)
	must(t, err)
	return fi.Mode()
}

func TestModeIsKept(t *testing.T) {
	t.Parallel()
	s, conf := onDisk(t)
	must(t, s.Stage(content(2), meta(2)))
	if m := perm(t, store.Shadow(conf)); m != 0o640 {
		t.Errorf("the shadow's mode is %v", m)
	}
	must(t, os.Chmod(conf, 0o604)) // while it waits
	must(t, s.Try(free))
	if m := perm(t, conf); m != 0o604 {
		t.Errorf("on trial the mode is %v", m)
	}
	must(t, s.Revert(free, "check", true))
	if m := perm(t, conf); m != 0o604 {
		t.Errorf("reverted, the mode is %v", m)
	}
}

// A symbolic link is replaced by a file with its target's mode; the target stays.
func TestASymbolicLinkIsReplaced(t *testing.T) {
	t.Parallel()
	s, conf := onDisk(t)
	target := conf + ".target"
	must(t, os.Rename(conf, target), os.Symlink(target, conf))
	must(t, apply(s, 2))
	if m := perm(t, conf); m != 0o640 {
		t.Errorf("mode %v, want a file's of 0640", m)
	}
	if b, err := os.ReadFile(target); err != nil || string(b) != string(first) {
		t.Errorf("the target was changed: %v", err)
	}
}

func TestALiveFileThatIsMissing(t *testing.T) {
	t.Parallel()
	s, conf := onDisk(t)
	must(t, os.Remove(conf), apply(s, 2))
	if m := perm(t, conf); m != 0o644 {
		t.Errorf("mode %v", m)
	}
}

// What reads neither waits nor sees a mixture.
func TestReadersDuringATry(t *testing.T) {
	t.Parallel()
	s, _ := onDisk(t)
	must(t, s.Stage(content(2), meta(2)))
	must(t, s.Try(func(write func() error) error {
		phase(t, s, store.Trial, "") // on disk before the switch; and this does not deadlock
		committed(t, s, 1)
		return write()
	}))
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				data, m, ok := s.Committed()
				if !ok || hash(data) != m.SHA256 {
					t.Error("committed is a mixture")
					return
				}
				_, _, _ = s.Status(), s.History(), s.NonceUsed("x")
			}
		})
	}
	must(t, s.Commit())
	for n := 3; n < 12; n++ {
		must(t, apply(s, n))
	}
	close(stop)
	wg.Wait()
}

// A trial that a restart interrupts can only be reverted.
func TestATrialIsNotCommittedAfterARestart(t *testing.T) {
	t.Parallel()
	disk := newDisk()
	s := adopted(t, disk)
	must(t, s.Stage(content(2), meta(2)), s.Try(free), s.Close())
	s = open(t, disk)
	phase(t, s, store.Trial, "")
	is(t, s.Commit(), store.ErrOpen)
	_, err := s.Recover(stale)
	is(t, err, errStale)
	if _, err := s.Recover(nil); err == nil {
		t.Error("recovered without a fence")
	}
	inForce(t, disk, content(2))
	st, err := s.Recover(free)
	must(t, err)
	if st.Phase != store.Reverted || st.Reason != store.ReasonRestart || st.Meta != meta(2) {
		t.Errorf("%+v", st)
	}
	inForce(t, disk, first)
	only(t, disk, 1)
}

func TestADamagedStateIsSaid(t *testing.T) {
	t.Parallel()
	disk := newDisk()
	must(t, adopted(t, disk).Close())
	b := disk.Files()[dir+"/state"]
	for i := range b {
		b[i] ^= 0x55
	}
	disk.Put(dir+"/state", b, 0o644)
	_, err := store.Open(disk, store.Options{Live: live, Dir: dir})
	is(t, err, durable.ErrDamaged)
	if n := disk.Descriptors(); n != 0 {
		t.Errorf("%d descriptors left", n)
	}
	if errors.Is(err, durable.ErrBusy) {
		t.Error("the lock was kept")
	}
}
