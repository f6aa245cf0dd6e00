package store_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
	"github.com/aim-control/aimlock/firmware/store"
)

const (
	live   = "/etc/aimlock/aim_lock_config.conf"
	shadow = "/etc/aimlock/aim_lock_config_shadow.conf"
	dir    = "/var/lib/aimlock/store"
)

var errStale = errors.New("the lease is not current")

// first is what the drone was provisioned with; content(n) is patch n's.
var first = content(1)

func content(n int) []byte {
	return bytes.Repeat([]byte{byte('a' + n)}, contentSize+n)
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func meta(n int) store.Meta {
	return store.Meta{Patch: fmt.Sprintf("patch-%d", n), Rollout: "r", Version: int64(n), SHA256: hash(content(n))}
}

func free(write func() error) error  { return write() }
func stale(write func() error) error { return errStale }

// newDisk has a live file and the folder of the drone's state.
func newDisk() *faultfs.FS {
	disk := faultfs.New()
	disk.Put(live, first, 0o644)
	disk.Put("/var/lib/aimlock/other", nil, 0o644)
	return disk
}

func open(t testing.TB, sys durable.Sys) *store.Store {
	t.Helper()
	s, err := store.Open(sys, store.Options{Live: live, Dir: dir, Wall: func() int64 { return 42 }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// adopted is a store whose generation 1 is the live file.
func adopted(t testing.TB, disk *faultfs.FS) *store.Store {
	t.Helper()
	s := open(t, disk)
	must(t, s.Adopt(first))
	return s
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// apply carries patch n through.
func apply(s *store.Store, n int) error {
	return errors.Join(s.Stage(content(n), meta(n)), s.Try(free), s.Commit())
}

func inForce(t testing.TB, disk *faultfs.FS, want []byte) {
	t.Helper()
	if got := disk.Files()[live]; !bytes.Equal(got, want) {
		t.Errorf("the live file is %.8q…, want %.8q…", got, want)
	}
}

func phase(t testing.TB, s *store.Store, want store.Phase, reason string) {
	t.Helper()
	if st := s.Status(); st.Phase != want || st.Reason != reason {
		t.Errorf("%v %q, want %v %q", st.Phase, st.Reason, want, reason)
	}
}

func committed(t testing.TB, s *store.Store, n int) {
	t.Helper()
	data, m, ok := s.Committed()
	if !ok || !bytes.Equal(data, content(n)) || m.SHA256 != hash(content(n)) {
		t.Errorf("committed: %.8q… %+v %v, want %.8q…", data, m, ok, content(n))
	}
}

// only asserts what lies in the two folders.
func only(t testing.TB, disk *faultfs.FS, ns ...int) {
	t.Helper()
	if extra := leftovers(disk, ns...); extra != "" {
		t.Error(extra)
	}
}

func leftovers(disk *faultfs.FS, ns ...int) string {
	want := []string{live, dir + "/lock", dir + "/state", "/var/lib/aimlock/other"}
	for _, n := range ns {
		want = append(want, path.Join(dir, hash(content(n))+".toml"))
	}
	if disk.Kind != 0 {
		want = append(want, store.SlotsName(live))
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(disk.Files())); !slices.Equal(got, want) {
		return fmt.Sprintf("files:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return ""
}

func TestAPatchIsCommitted(t *testing.T) {
	t.Parallel()
	disk := newDisk()
	s := adopted(t, disk)
	must(t, s.Stage(content(2), meta(2)))
	phase(t, s, store.Staged, "")
	inForce(t, disk, first)
	if !bytes.Equal(disk.Files()[shadow], content(2)) {
		t.Error("the shadow is not the patch")
	}
	must(t, s.Try(free))
	phase(t, s, store.Trial, "")
	inForce(t, disk, content(2))
	committed(t, s, 1) // a trial is no generation
	if s.HighVersion() != 0 {
		t.Error("a trial, or what was adopted, has raised the high-water mark")
	}
	must(t, s.Commit())
	phase(t, s, store.Committed, "")
	committed(t, s, 2)
	only(t, disk, 1, 2)
	if s.HighVersion() != 2 {
		t.Errorf("highest version %d, want 2", s.HighVersion())
	}
	if b, ok := s.Before(); !ok || b.SHA256 != hash(first) || !b.Local {
		t.Errorf("before: %+v %v", b, ok)
	}
	want := []store.Entry{{Meta: meta(2), Phase: store.Committed, At: 42, N: 2}}
	if got := s.History(); !slices.Equal(got, want) {
		t.Errorf("history %+v", got)
	}
	is(t, s.Stage(content(3), store.Meta{Version: 2, SHA256: hash(content(3))}), store.ErrVersion)
}

func TestATrialIsReverted(t *testing.T) {
	t.Parallel()
	for _, quarantine := range []bool{false, true} {
		disk := newDisk()
		s := adopted(t, disk)
		must(t, s.Stage(content(2), meta(2)), s.Try(free), s.Revert(free, "check", quarantine))
		phase(t, s, store.Reverted, "check")
		inForce(t, disk, first)
		committed(t, s, 1)
		only(t, disk, 1)
		why, ok := s.Quarantined(2, hash(content(2)))
		if ok != quarantine || ok && why != "check" {
			t.Errorf("quarantined: %q %v, want %v", why, ok, quarantine)
		}
		if _, ok := s.Quarantined(3, hash(content(2))); ok {
			t.Error("another version counts as quarantined")
		}
		if s.HighVersion() != 0 {
			t.Error("a reverted trial has raised the high-water mark")
		}
		must(t, apply(s, 2)) // the store does not judge, its caller does
	}
}

func TestOrdersBringBackWhatWasBefore(t *testing.T) {
	t.Parallel()
	disk := newDisk()
	s := adopted(t, disk)
	is(t, s.Restore("", free), store.ErrRestore)
	must(t, apply(s, 2), apply(s, 3))
	is(t, s.Restore(hash(first), free), store.ErrRestore)
	committed(t, s, 3)
	must(t, s.Restore(hash(content(2)), free))
	phase(t, s, store.Reverted, store.ReasonRestore)
	inForce(t, disk, content(2))
	committed(t, s, 2)
	only(t, disk, 1, 2)
	if s.HighVersion() != 3 || s.Status().Meta != meta(3) {
		t.Errorf("highest version %d, of %+v", s.HighVersion(), s.Status().Meta)
	}
	must(t, s.Restore("", free))
	inForce(t, disk, first)
	is(t, s.Restore("", free), store.ErrRestore)
	is(t, s.Stage(content(3), meta(3)), store.ErrVersion)
}

func TestARefusingFenceChangesNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fence store.Fence
		want  error
	}{
		{"lost lease", stale, errStale},
		{"does nothing", func(func() error) error { return nil }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			disk := newDisk()
			s := adopted(t, disk)
			must(t, s.Stage(content(2), meta(2)))
			err := s.Try(tt.fence)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("try: %v", err)
			}
			phase(t, s, store.Staged, "")
			inForce(t, disk, first)
			must(t, s.Try(free)) // the lease is back
			if err := s.Revert(tt.fence, "cause", true); err == nil {
				t.Error("reverted without the fence")
			}
			phase(t, s, store.Reverting, "cause")
			inForce(t, disk, content(2))
			disk.Put(live, first, 0o644) // reads right, but who says that it is durable
			if err := s.Revert(tt.fence, "cause", true); err == nil {
				t.Error("reverted without the fence")
			}
			is(t, s.Commit(), store.ErrPhase)
			is(t, s.Stage(content(3), meta(3)), store.ErrOpen)
			is(t, s.Drop("x"), store.ErrOpen)
			must(t, s.Revert(free, "another reason", false))
			phase(t, s, store.Reverted, "cause")
			inForce(t, disk, first)
		})
	}
}

func TestAFenceThatFailsAfterTheSwitch(t *testing.T) {
	t.Parallel()
	disk := newDisk()
	s := adopted(t, disk)
	must(t, s.Stage(content(2), meta(2)))
	calls := 0
	is(t, s.Try(func(write func() error) error {
		if calls++; calls == 1 {
			return errors.Join(write(), errStale)
		}
		return write()
	}), errStale)
	phase(t, s, store.Reverted, "the switch failed")
	inForce(t, disk, first)
	must(t, s.Drop("whatever")) // nothing is staged
	phase(t, s, store.Reverted, "the switch failed")
}
