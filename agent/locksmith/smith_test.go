package locksmith

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

func TestAcquireAndRelease(t *testing.T) {
	t.Parallel()
	s := open(t, folder(t), nil)
	look(t, s, Free)
	for epoch := uint64(1); epoch <= 3; epoch++ {
		l := acquire(t, s, Claim{Role: RoleOrchestrator, Holder: "fleet-updater", Reason: "cycle", TTL: 10 * time.Second})
		if l.Epoch() != epoch || l.Reclaimed() != nil {
			t.Errorf("epoch %d, want %d; reclaimed %v", l.Epoch(), epoch, l.Reclaimed())
		}
		seen := look(t, s, Held)
		if seen.Record != l.Record() || seen.Deadline-seen.Record.Acquired != 10*sec {
			t.Errorf("seen %+v, have %+v", seen.Record, l.Record())
		}
		if !strings.HasPrefix(seen.Who(), "fleet-updater (pid ") || !strings.HasSuffix(seen.Who(), ", orchestrator)") {
			t.Errorf("who: %s", seen.Who())
		}
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(context.Cause(l.Context()), ErrReleased) {
			t.Errorf("context: %v", context.Cause(l.Context()))
		}
		if free := look(t, s, Free); free.Record.Epoch != epoch || free.Who() != "nobody" {
			t.Errorf("kept as evidence: %+v", free)
		}
	}
}

func TestRefusedNamesTheHolder(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := acquire(t, open(t, dir, nil), claim("first"))
	defer l.Release()
	second, err := open(t, dir, nil).Acquire(context.Background(), claim("second"))
	var refused *Refused
	if !errors.As(err, &refused) || second != nil {
		t.Fatalf("got %v, %v", second, err)
	}
	if refused.Look.Verdict != Held || refused.Look.Record != l.Record() || refused.Err != nil {
		t.Errorf("refused by %+v", refused.Look)
	}
	if !strings.Contains(err.Error(), "first (pid ") {
		t.Errorf("error: %v", err)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	first := acquire(t, open(t, dir, nil), claim("first"))
	var told []Verdict
	l, err := open(t, dir, nil).Wait(context.Background(), claim("second"), func(l Look) {
		if told = append(told, l.Verdict); len(told) == 1 {
			if err := first.Release(); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(told) == 0 || told[0] != Held {
		t.Errorf("told %v", told)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = open(t, dir, nil).Wait(ctx, claim("third"), func(Look) { cancel() })
	var refused *Refused
	if !errors.As(err, &refused) || !errors.Is(err, context.Canceled) || refused.Look.Record.Holder != "second" {
		t.Errorf("cancelled: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}

// The wall clock is a hint: 1970 and ten years ahead change nothing.
func TestWallClockDecidesNothing(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	at := func(year int) func(*Host) {
		return func(h *Host) { h.Wall = func() time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) } }
	}
	l := acquire(t, open(t, dir, at(1970)), claim("early"))
	seen := look(t, open(t, dir, at(2036)), Held)
	if seen.Record.WallMS != 0 || strings.Contains(seen.Words(), "1970") {
		t.Errorf("%d: %s", seen.Record.WallMS, seen.Words())
	}
	if err := l.Renew(); err != nil {
		t.Error(err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

// Another reference to the same open file, as a child has between fork and
// exec, must not keep the lock after a release.
func TestReleaseUnlocksDuplicates(t *testing.T) {
	t.Parallel()
	s := open(t, folder(t), nil)
	l := acquire(t, s, claim("holder"))
	fd, err := unix.Dup(l.fd)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	look(t, s, Free)
}

// The collector must not close what nobody refers to any more: the kernel lock
// would be gone while the holder works on.
func TestCollectorKeepsTheLock(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	func() { acquire(t, open(t, dir, nil), claim("forgotten")) }()
	collected(t)
	seen := look(t, open(t, dir, nil), Held)
	if seen.Record.Holder != "forgotten" {
		t.Errorf("held by %q", seen.Who())
	}
}

// collected returns when the collector has closed a file that became
// unreachable now, and so every other.
func collected(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	runtime.KeepAlive(w) // for the last time
	if err := r.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { _, err := r.Read(make([]byte, 1)); closed <- err }()
	for tick := time.Tick(time.Millisecond); ; {
		runtime.GC()
		select {
		case err := <-closed:
			if !errors.Is(err, io.EOF) {
				t.Fatalf("the collector closes nothing: %v", err)
			}
			runtime.GC()
			return
		case <-tick:
		}
	}
}

func TestGoroutinesOfOneSmithExcludeEachOther(t *testing.T) {
	t.Parallel()
	s := open(t, folder(t), nil)
	var inside, total atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				l, err := s.Wait(context.Background(), claim("goroutine"), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two at once")
				}
				total.Add(1)
				inside.Add(-1)
				if err := l.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if l := acquire(t, s, claim("last")); l.Epoch() != uint64(total.Load())+1 {
		t.Errorf("epoch %d after %d grants", l.Epoch(), total.Load())
	}
}

func TestBadUse(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := open(t, dir, nil)
	for _, c := range []Claim{{}, {Role: "root", Holder: "x"}, {Role: RoleAgent}, {Role: RoleAgent, Holder: "x", TTL: -1}} {
		if _, err := s.Acquire(context.Background(), c); err == nil {
			t.Errorf("%+v was granted", c)
		}
	}
	p := paths(dir)
	for name, change := range map[string]func(*Paths, *Host){
		"name with a slash": func(p *Paths, _ *Host) { p.Name = "../x" },
		"no name":           func(p *Paths, _ *Host) { p.Name = "" },
		"no boot id":        func(_ *Paths, h *Host) { h.BootID = "" },
		"no clock":          func(_ *Paths, h *Host) { h.Now = nil },
		"no run folder":     func(p *Paths, _ *Host) { p.Run += "x" },
		"state is a file":   func(p *Paths, _ *Host) { p.State = "/proc/version" },
	} {
		q, h := p, host(t, nil)
		change(&q, &h)
		if _, err := Open(durable.Linux, q, h, ttl(time.Second)); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	l := acquire(t, s, Claim{Role: RoleAgent, Holder: "a\x1b[2J" + strings.Repeat("ä", 99), Reason: strings.Repeat("r", 999)})
	defer l.Release()
	if seen := look(t, s, Held); seen.Record.Holder[:5] != "a?[2J" || len(seen.Record.Reason) != maxReason {
		t.Errorf("%+v", seen.Record)
	}
}
