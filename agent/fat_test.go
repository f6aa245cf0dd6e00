package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/hal/sim"
)

// vfat is a file system that says that it is one.
type vfat struct{ durable.Sys }

func (vfat) Fstatfs(int) (durable.FileSystem, error) { return unix.MSDOS_SUPER_MAGIC, nil }

// TestLiveFileOnFAT: a patch goes through there, and the agent says how it keeps
// the file; a live file that a power cut took is what was committed again before
// it has readers, and an edit stays.
func TestLiveFileOnFAT(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, func(s *Start) { s.sys = vfat{durable.Linux} })
	b.offer(b.patch("p8", 8, newFile, nil), nil)
	b.reported("p8", patchCommitted)
	b.lies(newFile)
	live := b.Identity.Paths.Config
	slots := filepath.Join(filepath.Dir(live), "."+filepath.Base(live)+".slots")
	if got, _, err := durable.PeekSlots(durable.Linux, slots); err != nil || string(got) != newFile {
		t.Errorf("the slots hold %q, %v", got, err)
	}
	restart := func(change func() error, until string) string {
		t.Helper()
		before := len(b.log.String())
		b.stop()
		if err := <-b.done; err != nil {
			t.Fatal(err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		b.begin()
		b.until(until, func(sim.State) bool { return strings.Contains(b.log.String()[before:], until) })
		return b.log.String()[before:]
	}
	log := restart(func() error { return os.Remove(live) }, "kept in two slots")
	b.lies(newFile)
	for _, want := range []string{"the live file lies on vfat: kept in two slots", "was lost and is what was committed again"} {
		if n := strings.Count(log, want); n != 1 {
			t.Errorf("%d times %q:\n%s", n, want, log)
		}
	}
	edit := strings.Replace(newFile, "50", "60", 1)
	log = restart(func() error { return os.WriteFile(live, []byte(edit), 0o644) }, "was changed on the drone")
	b.lies(edit)
	if strings.Contains(log, "was lost") {
		t.Error(log)
	}
}
