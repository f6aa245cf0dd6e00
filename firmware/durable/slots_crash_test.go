package durable_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

const (
	slotsFile = "/lock.epoch"
	slotSize  = 1100 // three sectors
)

// value is what the test writes with sequence number seq.
func value(seq uint64) []byte { return pattern(byte('a'+seq), 600+100*int(seq)) }

// judgeSlots: at least acked, at most attempted, and the value that belongs to it.
func judgeSlots(disk *faultfs.FS, bad findings, created bool, acked, attempted uint64) (seq uint64) {
	if data, ok := disk.Files()[slotsFile]; created && (!ok || len(data) != 8192) {
		bad.add("created, but not there in full")
	}
	s, err := durable.OpenSlots(disk, slotsFile, slotSize)
	if err != nil {
		bad.add("open: %v", err)
		return 0
	}
	defer s.Close()
	data, seq, err := s.Read()
	switch {
	case err != nil:
		bad.add("read: %v", err)
	case seq < acked:
		bad.add("acknowledged but old")
	case seq > attempted:
		bad.add("from nowhere")
	case seq > 0 && !bytes.Equal(data, value(seq)):
		bad.add("torn")
	}
	return seq
}

// writeSlots opens the slots and writes n values, and tells judge how far it came.
type slotWriter struct {
	created          bool
	acked, attempted uint64
}

func (w *slotWriter) run(sys durable.Sys, n int, bad findings) error {
	s, err := durable.OpenSlots(sys, slotsFile, slotSize)
	if err != nil {
		return err
	}
	defer s.Close()
	w.created = true
	for range n {
		_, seq, err := s.Read()
		if err != nil {
			return err
		}
		w.attempted = max(w.attempted, seq+1)
		if err := s.Write(value(seq + 1)); err != nil {
			return err
		}
		w.acked = seq + 1
	}
	return nil
}

// enumerateSlots creates the slots and writes three values; on every disk left
// it writes one more, with the power cut during that too.
func enumerateSlots(sys func(*faultfs.FS) durable.Sys, bad findings) (c covered) {
	disk := faultfs.New()
	s := sys(disk)
	var w slotWriter
	c.first = faultfs.Enumerate(disk, func() {
		if err := w.run(s, 3, bad); err != nil {
			bad.add("%v", err)
		}
	}, func(after *faultfs.FS) {
		// A look opens the slots and thereby completes them: it gets a disk of
		// its own, so that the recovery is cut from its first call on.
		seq := judgeSlots(after.Crash(all), bad, w.created, w.acked, w.attempted)
		next := slotWriter{acked: seq, attempted: seq}
		c.recovery(faultfs.Enumerate(after, func() {
			if err := next.run(after, 1, bad); err != nil {
				bad.add("recovery: %v", err)
			}
		}, func(again *faultfs.FS) { judgeSlots(again, bad, next.created, next.acked, next.attempted) }))
	})
	return c
}

func TestSlotsSurviveEveryPowerCut(t *testing.T) {
	t.Parallel()
	proof{enumerateSlots, covered{faultfs.Count{Moments: 7, States: 19}, faultfs.Count{Moments: 75, States: 131}}, 5}.run(t)
}

// Slots need no rename, so FAT does them no harm.
func TestSlotsSurviveOnFAT(t *testing.T) {
	t.Parallel()
	bad := findings{}
	enumerateSlots(func(fs *faultfs.FS) durable.Sys { fs.SplitRename = true; return fs }, bad)
	if bad.total() > 0 {
		t.Error(bad)
	}
}

// killedSlots kills a first process at its call k; a second one goes on
// without its sync number skip (0: with all), and the power is cut.
func killedSlots(k, skip int, bad findings) (seq uint64, err error) {
	disk := faultfs.New()
	first := disk.Process()
	first.KillAt(k)
	var w slotWriter
	err = w.run(first, 2, bad)
	first.Kill()
	if len(disk.Files()[slotsFile]) == 8192 {
		s, _ := durable.OpenSlots(disk, slotsFile, slotSize)
		_, seq, _ = s.Read()
		s.Close()
	}
	second := faultfs.SkipSync(disk, skip)
	faultfs.Enumerate(disk, func() {
		if err := w.run(second, 2, bad); err != nil {
			bad.add("%v", err)
		}
	}, func(after *faultfs.FS) { judgeSlots(after, bad, false, w.acked, w.attempted) })
	return seq, err
}

// A process that wrote and died may have left nothing durable: the next one
// must not build on that.
func TestSlotsAfterAKilledWriter(t *testing.T) {
	t.Parallel()
	caught := map[string]int{}
	err := errors.New("killed")
	k := 0
	for err != nil {
		k++
		bad := findings{}
		var seq uint64
		if seq, err = killedSlots(k, 0, bad); bad.total() > 0 {
			t.Errorf("killed at call %d: %v", k, bad)
		}
		if seq > 0 {
			bad := findings{}
			killedSlots(k, 2, bad)
			caught["what was there"] += bad.total()
		} else if k > 4 { // the file is there in full
			bad := findings{}
			killedSlots(k, 1, bad)
			caught["the name"] += bad.total()
		}
	}
	if k < 15 {
		t.Errorf("only %d calls", k)
	}
	for _, name := range []string{"what was there", "the name"} {
		if caught[name] == 0 {
			t.Errorf("a second process that does not sync %s passes", name)
		}
	}
}

// Whatever call fails, and however the process goes on, a later acknowledged
// write survives; the kernel keeps in its cache, marked clean, what a failed
// sync did not write.
func TestSlotsAfterAFailedCall(t *testing.T) {
	t.Parallel()
	for _, f := range faultfs.Faults() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			failed := 0
			for k := 1; ; k++ {
				calls, err := slotsFailing(t, f, k)
				if calls < k {
					break
				}
				if err != nil {
					failed++
				}
			}
			if f.Errno != nil && failed < 15 {
				t.Errorf("only %d calls failed", failed)
			}
		})
	}
}

func slotsFailing(t *testing.T, f faultfs.Fault, k int) (calls int, err error) {
	disk := faultfs.New()
	var w slotWriter
	bad := findings{}
	faultfs.Enumerate(disk, func() {
		f.Arm(disk.Proc, k)
		err = w.run(disk, 2, bad)
		calls = disk.Calls()
		disk.Heal()
		bad.leaks(disk)
		bad.unclear(f, err, slotsFile)
		if err2 := w.run(disk, 2, bad); err2 != nil {
			bad.add("after the failure: %v", err2)
		}
		if n := len(disk.Files()); n != 1 {
			bad.add("%d files", n)
		}
	}, func(after *faultfs.FS) { judgeSlots(after, bad, false, w.acked, w.attempted) })
	if bad.total() > 0 {
		t.Errorf("call %d: %v: %v", k, err, bad)
	}
	return calls, err
}
