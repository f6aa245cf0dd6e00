package store_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
	"github.com/aim-control/aimlock/firmware/store"
)

// fat is what differs of a play with the live file and the store on FAT.
type fat struct {
	count faultfs.Count
	again int // disks after a cut in a recovery
	syncs int
	// idle are syncs of the slots that this run does not need: the one of their
	// creation, because the first write's is enough, and the one of a value that
	// another process may have left unsynced. Package durable shows them needed.
	idle []int
}

// fatPlays are the plays of these names, or all, on FAT.
func fatPlays(names ...string) (out []play) {
	for _, p := range plays() {
		if f := onFAT[p.name]; names == nil || slices.Contains(names, p.name) {
			p.fat = &f
			out = append(out, p)
		}
	}
	return out
}

func (p play) title() string {
	if p.fat != nil {
		return p.name + " on FAT"
	}
	return p.name
}

func (p play) idle(sync int) bool { return p.fat != nil && slices.Contains(p.fat.idle, sync) }

func (p play) disk() *faultfs.FS {
	if p.fat != nil {
		return newDisk().FAT()
	}
	return newDisk()
}

// gap: on FAT the name may be missing while the state says that the live file
// is about to change, and only then. That is what Recover mends.
func (p play) gap(v view) bool {
	return p.fat != nil && v.live == nil && (v.st.Phase == store.Trial || v.st.Phase == store.Reverting)
}

// finds judges what a restart finds, also while the name is missing: that must
// have been before the step which said that the file is there.
func (p play) finds(v view, done int, bad findings) {
	told := len(p.steps)
	if told == 3 { // stage, try, commit: Try tells
		told = 2
	}
	switch {
	case !p.gap(v):
		p.found(v, done, bad)
	case done >= told:
		bad.add("missing after %d steps", done)
	}
}

// whole: no name ever shows a torn copy.
func (p play) whole(disk *faultfs.FS, bad findings) {
	if p.fat == nil {
		return
	}
	for name, data := range disk.Files() {
		if sha, ok := strings.CutSuffix(name, ".toml"); ok && sha != dir+"/"+hash(data) {
			bad.add("a torn copy")
		}
	}
}

// onFAT judges what FAT can spoil apart from the live file: the slots and the
// copy have the committed generation each by itself, and no entry of free
// clusters was met.
func (p play) onFAT(disk *faultfs.FS, s *store.Store, bad findings) {
	if p.fat == nil {
		return
	}
	if disk.ReadOnly() {
		bad.add("the file system is read-only")
	}
	data, m, ok := s.Committed()
	if !ok {
		return
	}
	if got, _, err := durable.PeekSlots(disk, store.SlotsName(live)); err != nil || !bytes.Equal(got, data) {
		bad.add("the newest slot is not what is committed: %v", err)
	}
	if got, err := durable.Read(disk, dir+"/"+m.SHA256+".toml", 1<<16); err != nil || !bytes.Equal(got, data) {
		bad.add("the copy is not what is committed: %v", err)
	}
}

func TestEveryPowerCutOnFAT(t *testing.T) {
	t.Parallel()
	for _, p := range short(fatPlays(namesOnFAT...)) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.prove(t)
		})
	}
}

// A file that was lost is rebuilt under the fence; what somebody wrote stays.
func TestLostAndEditedOnFAT(t *testing.T) {
	t.Parallel()
	disk := newDisk().FAT()
	s := adopted(t, disk)
	must(t, apply(s, 2))
	if fs := s.Slotted(); fs != "vfat" {
		t.Errorf("it lies on %q", fs)
	}
	restart := func(f store.Fence) {
		t.Helper()
		must(t, s.Close())
		s = open(t, disk)
		_, err := s.Recover(f)
		must(t, err)
	}
	for _, data := range [][]byte{content(1), []byte("edit"), content(2)[:200]} {
		disk.Put(live, data, 0o644)
		if s.Lost() {
			t.Errorf("%.8q is lost", data)
		}
		restart(stale)
		inForce(t, disk, data)
	}
	for _, lose := range []func(){
		func() { disk.Put(live, nil, 0o644) },
		func() { must(t, disk.Unlinkat(unix.AT_FDCWD, live, 0)) },
	} {
		lose()
		restart(nil) // nothing of it without a fence
		if !s.Lost() {
			t.Error("not lost")
		}
		_, err := s.Recover(stale)
		is(t, err, errStale)
		restart(free)
		inForce(t, disk, content(2))
		phase(t, s, store.Committed, "")
		only(t, disk, 1, 2)
	}
}

// The copies are gone: the slots have the committed generation, also in a trial.
func TestSlotsHoldTheCommittedGeneration(t *testing.T) {
	t.Parallel()
	disk := newDisk().FAT()
	s := adopted(t, disk)
	for n := 2; n < 6; n++ { // tried, refused, dropped, taken back: none takes generation 1's slot
		if n == 5 { // made anew
			must(t, disk.Unlinkat(unix.AT_FDCWD, store.SlotsName(live), 0))
		}
		must(t, s.Stage(content(n), meta(n)), refused(s.Try(stale)), s.Drop("no"))
		must(t, s.Stage(content(n), meta(n)), s.Try(free))
		if n%2 == 0 {
			must(t, s.Revert(free, "check", true))
		}
		for name := range disk.Files() {
			if strings.HasSuffix(name, ".toml") {
				must(t, disk.Unlinkat(unix.AT_FDCWD, name, 0))
			}
		}
		disk = disk.Crash(func(int) bool { return true })
		s = open(t, disk)
		committed(t, s, 1)
		_, err := s.Recover(free)
		must(t, err)
		inForce(t, disk, first)
	}
}

// On a proven file system there are none.
func TestNoSlotsWhereRenamesAreProven(t *testing.T) {
	t.Parallel()
	disk := newDisk()
	s := adopted(t, disk)
	must(t, apply(s, 2), disk.Unlinkat(unix.AT_FDCWD, live, 0))
	if s.Lost() || s.Slotted() != "" || disk.Files()[store.SlotsName(live)] != nil {
		t.Errorf("lost %v, slotted %q", s.Lost(), s.Slotted())
	}
}
