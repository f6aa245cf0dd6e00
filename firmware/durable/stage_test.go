package durable_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

const staged = "live_shadow.conf"

// stageAndSwitch is Replace in two halves.
func stageAndSwitch(sys durable.Sys, path string, data []byte, mode uint32) error {
	if err := durable.Stage(sys, path, staged, data, mode); err != nil {
		return err
	}
	return durable.Switch(sys, path, staged)
}

// The recovery of a shadow that was not switched is its owner's, so that none
// is tried here.
func TestStageAndSwitchSurviveEveryPowerCut(t *testing.T) {
	t.Parallel()
	proof{enumerateReplace(oldData, stageAndSwitch, false), covered{first: faultfs.Count{Moments: 7, States: 34}}, 2}.run(t)
}

func TestSwitchTakesOwnerAndModeOver(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	disk.Put(file, oldData, 0o640)
	if err := durable.Stage(disk, file, staged, newData, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := disk.Openat(unix.AT_FDCWD, file, unix.O_RDWR, 0)
	err = errors.Join(err, disk.Fchown(fd, 7, 8), disk.Fchmod(fd, 0o604), disk.Fsync(fd), disk.Close(fd))
	if err != nil {
		t.Fatal(err)
	}
	if err := durable.Switch(disk, file, staged); err != nil {
		t.Fatal(err)
	}
	// Durably: nothing that is unsynced survives.
	st, err := disk.Crash(func(int) bool { return false }).Fstatat(unix.AT_FDCWD, file, 0)
	if err != nil || st.UID != 7 || st.GID != 8 || st.Perm() != 0o604 || st.Size != int64(len(newData)) {
		t.Errorf("%+v %v", st, err)
	}
}

// Whatever call of either half fails: the old file or the new one, a clear
// error, no descriptor and no temporary file; both halves again go well.
func TestStageAndSwitchAfterAFailedCall(t *testing.T) {
	t.Parallel()
	for _, f := range faultfs.Faults() {
		for k, calls := 1, 1; calls >= k-1; k++ {
			disk := faultfs.New()
			disk.Put(file, oldData, 0o640)
			bad := findings{}
			f.Arm(disk.Proc, k)
			err := stageAndSwitch(disk, file, newData, 0)
			calls = disk.Calls()
			disk.Heal()
			got, rerr := durable.Read(disk, file, 1<<16)
			if isNew := string(got) == string(newData); rerr != nil || isNew != (err == nil || errors.Is(err, durable.ErrUnsure)) {
				bad.add("new %v, %v", isNew, rerr)
			}
			bad.leaks(disk)
			bad.unclear(f, err, file)
			for name := range disk.Files() {
				if strings.HasSuffix(name, ".tmp") && !f.Lasts {
					bad.add("%s is left", name)
				}
			}
			if err := stageAndSwitch(disk, file, newData, 0); err != nil {
				bad.add("again: %v", err)
			}
			lost := disk.Crash(func(int) bool { return false })
			if judgeFile(lost, bad, true, oldData, newData); bad.total() > 0 {
				t.Errorf("%s at call %d: %v: %v", f.Name, k, err, bad)
			}
		}
	}
}
