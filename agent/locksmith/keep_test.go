package locksmith

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// keptSys tells of every fsync of the record.
type keptSys struct {
	durable.Sys
	path   string
	synced chan struct{}
}

func (k *keptSys) Fsync(fd int) error {
	at, err := k.Sys.Fstatat(unix.AT_FDCWD, k.path, 0)
	mine, merr := k.Sys.Fstat(fd)
	if err == nil && merr == nil && at.Ino == mine.Ino {
		select {
		case k.synced <- struct{}{}:
		default:
		}
	}
	return k.Sys.Fsync(fd)
}

// A lease that lasts has its record brought to the disk: once a renewal, and at
// its release, or the disk would say held after a power cut.
func TestRecordOfALastingLeaseIsSynced(t *testing.T) {
	t.Parallel()
	k := &keptSys{Sys: durable.Linux, synced: make(chan struct{}, 16)}
	turns := make(chan struct{})
	kernel := host(t, nil)
	watched := kernel
	watched.Now = func() int64 { // the guard asks at each turn
		select {
		case turns <- struct{}{}:
		default:
		}
		return kernel.Now()
	}
	s, err := Open(k, paths(folder(t)), watched, ttl(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	k.path, s.check = s.record, 5*time.Millisecond
	expect := func(when string) {
		t.Helper()
		select {
		case <-k.synced:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the record is not synced", when)
		}
	}
	l := acquire(t, s, claim("lasting"))
	expect("after the grant")
	if err := l.Renew(); err != nil {
		t.Fatal(err)
	}
	expect("after a renewal")
	for range 6 { // at least two more turns of the guard
		select {
		case <-turns:
		case <-time.After(10 * time.Second):
			t.Fatal("the guard stands still")
		}
	}
	l.keepMu.Lock() // the sync is told before it is done
	if l.kept != l.rec.Renewed {
		t.Errorf("kept %d, renewed %d", l.kept, l.rec.Renewed)
	}
	l.keepMu.Unlock()
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	expect("at the release")
	if n := len(k.synced); n != 0 {
		t.Errorf("%d syncs too many", n)
	}
	if err := l.Release(); !errors.Is(err, ErrReleased) || len(k.synced) != 0 {
		t.Errorf("second release: %v, %d syncs", err, len(k.synced))
	}
}

// What a power cut brings back may be older than the last grant: the evidence
// says so instead of blaming the wrong one.
func TestEvidenceOfAnOlderRecordSaysSo(t *testing.T) {
	t.Parallel()
	s := open(t, folder(t), nil)
	for range 3 {
		acquire(t, s, claim("later")).Release()
	}
	for _, c := range []struct {
		recorded, last uint64
		older          bool
	}{{3, 3, false}, {2, 4, true}} {
		r := held(func(r *Record) { r.Epoch, r.BootID = c.recorded, "another boot" })
		if err := os.WriteFile(s.record, r.Encode(), 0o600); err != nil {
			t.Fatal(err)
		}
		l := acquire(t, s, claim("next"))
		e := l.Reclaimed()
		if e == nil || e.Epoch != c.last+1 || strings.Contains(e.Proof, "not of the last grant, epoch ") != c.older {
			t.Errorf("%+v: evidence %v", c, e)
		}
		l.Release()
	}
}
