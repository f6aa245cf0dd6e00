package agent

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/firmware/durable"
)

// TestLeaseEvents: a lease that is over says so with who, since when, why, until
// and what proves it, whatever it was used for.
func TestLeaseEvents(t *testing.T) {
	t.Parallel()
	s, _ := newDrone(t, "mqtt://127.0.0.1:9")
	p := locksmith.Paths{Run: t.TempDir(), State: t.TempDir(), Name: LockName}
	smith, err := locksmith.Open(durable.Linux, p, s.Host, func() time.Duration { return time.Minute })
	if err != nil {
		t.Fatal(err)
	}
	claim := locksmith.Claim{Role: locksmith.RoleAgent, Holder: "aimd", Reason: "patch p8", TTL: time.Nanosecond}
	for op, use := range map[string]func(*locksmith.Lease) error{
		"lock.renewal-failed": (*locksmith.Lease).Renew,
		"lock.late-write":     func(l *locksmith.Lease) error { return l.Commit(func() error { return nil }) },
	} {
		lease, err := smith.Acquire(t.Context(), claim)
		if err != nil {
			t.Fatal(err)
		}
		if r := granted(lease, s.Host.Now()); r.kind != "lock.granted" || !strings.Contains(r.text, "patch p8") || len(r.pairs) != 4 {
			t.Errorf("%+v", r)
		}
		err = use(lease)
		var over *locksmith.Lost
		if !errors.As(err, &over) {
			t.Fatalf("%s: %v", op, err)
		}
		r := lost(over, s.Host.Now())
		got := map[string]string{}
		for _, e := range r.pairs {
			got[e.Key] = e.Value
		}
		if r.kind != op || got["reason"] != "patch p8" || got["since"] == "" || got["until"] == "" || got["proof"] == "" || !strings.Contains(got["holder"], "aimd") {
			t.Errorf("%s: %+v", op, r)
		}
		_ = lease.Release()
	}
}
