package durable_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

func TestSlotsRefuseBadUse(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	for _, size := range []int{-1, 0, durable.MaxSlot + 1} {
		if _, err := durable.OpenSlots(disk, "/s", size); err == nil || !strings.Contains(err.Error(), "must be") {
			t.Errorf("size %d: %v", size, err)
		}
	}
	s, err := durable.OpenSlots(disk, "/s", 5000)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(make([]byte, 5001)); !errors.Is(err, durable.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if err := s.Write(nil); err != nil {
		t.Fatal(err)
	}
	if data, seq, err := s.Read(); data == nil || len(data) > 0 || seq != 1 || err != nil {
		t.Errorf("an empty value: %v, seq %d, %v", data, seq, err)
	}
	if _, err := durable.OpenSlots(disk, "/s", 8); !errors.Is(err, durable.ErrDamaged) {
		t.Errorf("another size: %v, want ErrDamaged", err)
	}
	if n := disk.Descriptors(); n != 1 {
		t.Errorf("%d descriptors, want 1", n)
	}
}

// A look must work where writing does not.
func TestSlotsReadOnly(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	for i, errno := range []error{nil, unix.EROFS, unix.EACCES} {
		if errno != nil {
			disk.FailAt(1, errno)
		}
		s, err := durable.OpenSlots(disk, slotsFile, slotSize)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Write(value(1)); !errors.Is(err, errno) {
			t.Errorf("write: %v, want %v", err, errno)
		}
		if got, seq, err := s.Read(); seq != 1 || err != nil || !bytes.Equal(got, value(1)) {
			t.Errorf("%d: read %d bytes, seq %d, %v", i, len(got), seq, err)
		}
	}
}

// After a failed sync the old value shows, and this handle promises no more.
func TestSlotsDieWithAFailedSync(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	s, err := durable.OpenSlots(disk, slotsFile, slotSize)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(value(1)); err != nil {
		t.Fatal(err)
	}
	calls := disk.Calls()
	disk.Trace(func(call, _ string) {
		if calls++; call == "fdatasync" {
			t.Logf("the sync is call %d", calls)
		}
	})
	disk.FailAt(4, unix.EIO) // two reads, the write, the sync
	if err := s.Write(value(2)); !errors.Is(err, unix.EIO) || !strings.Contains(err.Error(), "sync") {
		t.Fatalf("%v, want EIO at the sync", err)
	}
	if err := s.Write(value(2)); !errors.Is(err, durable.ErrDead) {
		t.Errorf("%v, want ErrDead", err)
	}
	if got, seq, err := s.Read(); seq != 1 || err != nil || !bytes.Equal(got, value(1)) {
		t.Errorf("read %d bytes, seq %d, %v; want the old value", len(got), seq, err)
	}
}
