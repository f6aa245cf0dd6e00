package locksmith

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// A late write, a failed renewal and a late release say whose lease was over,
// since when it ran, and who has the lock now.
func TestLostSaysWhoHasTheLockNow(t *testing.T) {
	t.Parallel()
	var now clock
	now.Store(1000 * sec)
	dir := folder(t)
	s := open(t, dir, now.host)
	late := acquire(t, s, Claim{Role: RoleOrchestrator, Holder: "fleet-updater", Reason: "update cycle 7", TTL: time.Second})
	ours := late.Record()
	now.Add(5 * sec)
	for op, use := range map[string]func() error{"commit": func() error { return late.Commit(nil) }, "renew": late.Renew} {
		var lost *Lost
		if err := use(); !errors.As(err, &lost) || !errors.Is(err, ErrExpired) || lost.Op != op || lost.Ours != ours || lost.Now.Verdict != Overdue {
			t.Errorf("%s past the deadline: %v", op, err)
		}
	}
	next, err := s.Supersede(context.Background(), claim("tess"), Expect{Holder: "fleet-updater"})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Release()
	if err := s.sys.Unlock(late.fd); err != nil { // lost without a word
		t.Fatal(err)
	}
	acquire(t, s, claim("bob"))
	err = late.Release()
	var lost *Lost
	if !errors.As(err, &lost) || !errors.Is(err, ErrStale) || lost.Ours != ours || lost.Now.Verdict != Held || lost.Now.Record.Holder != "bob" {
		t.Fatalf("late release: %v", err)
	}
	for _, part := range []string{"locksmith: release: lease lost", "ours was 1, current is 3", "HELD", "bob (pid "} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %q", part, err)
		}
	}
	if err := late.Release(); !errors.As(err, &lost) || !errors.Is(err, ErrReleased) || lost.Now.Verdict != 0 {
		t.Errorf("second release: %v", err)
	}
}
