package locksmith

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// The wall clock is set back, ten years ahead and to 1970 while a lease runs:
// it decides nothing.
func TestWallClockIsSetInALease(t *testing.T) {
	t.Parallel()
	wall := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var now clock
	now.Store(1000 * sec)
	s := open(t, folder(t), func(h *Host) {
		now.host(h)
		h.Wall = func() time.Time { return wall }
	})
	l := acquire(t, s, Claim{Role: RoleAgent, Holder: "aimd", TTL: 10 * time.Second})
	for _, to := range []time.Time{wall.AddDate(-1, 0, 0), wall.AddDate(10, 0, 0), time.Unix(0, 0), {}} {
		wall = to
		now.Add(6 * sec)
		if seen := look(t, s, Held); seen.Deadline != l.Record().Deadline {
			t.Errorf("%v: until %d, want %d", to, seen.Deadline, l.Record().Deadline)
		}
		if err := l.Renew(); err != nil {
			t.Errorf("%v: %v", to, err)
		}
		if err := l.Commit(func() error { return nil }); err != nil {
			t.Errorf("%v: %v", to, err)
		}
	}
	now.Add(10 * sec)
	wall = time.Unix(0, 0)
	look(t, s, Overdue)
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

// CLOCK_BOOTTIME goes on in suspend. A lease that is longer than the sleep is
// as it was; one that is shorter is over, its holder alive: HOT, not reclaimed.
func TestSuspendInALease(t *testing.T) {
	t.Parallel()
	var now clock
	now.Store(1000 * sec)
	dir := folder(t)
	s := open(t, dir, now.host)
	s.maxTTL = ttl(maxLease)
	l := acquire(t, s, Claim{Role: RoleAgent, Holder: "aimd", TTL: time.Hour})
	now.Add(3500 * sec)
	look(t, s, Held)
	if err := l.Renew(); err != nil {
		t.Error(err)
	}
	now.Add(8 * 3600 * sec)
	look(t, s, Overdue)
	if e, err := s.Reclaim(context.Background(), claim("tech")); e != nil || err != nil {
		t.Errorf("reclaimed from a live holder: %v, %v", e, err)
	}
	var refused *Refused
	if _, err := open(t, dir, now.host).Acquire(context.Background(), claim("next")); !errors.As(err, &refused) || refused.Look.Verdict != Overdue {
		t.Errorf("acquire: %v", err)
	}
	if err := l.Commit(func() error { t.Error("committed"); return nil }); !errors.Is(err, ErrExpired) {
		t.Errorf("commit: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	look(t, s, Free)
}

// A record from the future of this boot's clock, or of a boot that was up for
// ten years, explains nothing and stands in nobody's way.
func TestRecordFromTheFuture(t *testing.T) {
	t.Parallel()
	const years = 10 * 365 * 86400 * sec
	for name, row := range map[string]struct {
		boot    string
		refused Verdict
		free    Verdict
	}{
		"this boot":    {"", Unknown, Dead},
		"another boot": {"the-boot-before", Unknown, Boot},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, folder(t), nil)
			l := acquire(t, s, claim("holder"))
			r := l.Record()
			if row.boot != "" {
				r.BootID = row.boot
			}
			r.Acquired, r.Renewed, r.Deadline = r.Acquired+years, r.Renewed+years, r.Deadline+years
			r.WallMS += years / 1e6
			if err := os.WriteFile(s.record, r.Encode(), 0o600); err != nil {
				t.Fatal(err)
			}
			look(t, s, row.refused)
			if err := l.Commit(func() error { return nil }); err != nil {
				t.Errorf("the holder, whose epoch is current: %v", err)
			}
			lose(l)
			if seen := look(t, s, row.free); !printable(seen.Words()) {
				t.Error(seen.Words())
			}
			next := acquire(t, s, claim("next"))
			if e := next.Reclaimed(); e == nil || e.Verdict != row.free || next.Epoch() != 2 {
				t.Errorf("epoch %d, evidence %v", next.Epoch(), e)
			}
			look(t, s, Held)
			if err := next.Release(); err != nil {
				t.Error(err)
			}
		})
	}
}
