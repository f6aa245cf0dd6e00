package locksmith

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func (m *model) acquire(t *rapid.T) {
	a := m.actors[m.some(t)]
	want := m.verdict()
	before := m.record.record
	d := time.Duration(rapid.SampledFrom([]int64{0, sec, 10 * sec, 7200 * sec}).Draw(t, "ttl"))
	l, err := a.s.Acquire(context.Background(), Claim{Role: RoleTechnician, Holder: "p", TTL: d})
	if want.Refused() {
		var refused *Refused
		if !errors.As(err, &refused) || refused.Look.Verdict != want {
			t.Fatalf("acquire under %v: %v, %v", want, l, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("acquire under %v: %v", want, err)
	}
	m.granted(t, a, l)
	e := l.Reclaimed()
	if want.Stale() != (e != nil) {
		t.Fatalf("grant under %v with evidence %v", want, e)
	}
	if e != nil && (e.Verdict != want || e.OldEpoch != before.Epoch || e.PID != before.Process.PID || e.Epoch != l.Epoch()) {
		t.Fatalf("evidence %+v of %+v", e, before)
	}
}

// acquireFailing makes one system call of an acquire fail. A lease that is not
// granted must leave the lock free.
func (m *model) acquireFailing(t *rapid.T) {
	a := m.actors[m.some(t)]
	want := m.verdict()
	errno := rapid.SampledFrom([]error{unix.EIO, unix.ENOSPC}).Draw(t, "errno")
	a.proc.FailAt(rapid.IntRange(1, 45).Draw(t, "call"), errno)
	l, err := a.s.Acquire(context.Background(), Claim{Role: RoleTechnician, Holder: "p"})
	a.proc.Heal()
	switch {
	case err == nil && want.Refused():
		t.Fatalf("granted under %v", want)
	case err == nil:
		m.granted(t, a, l)
	default:
		m.reread()
	}
}

func (m *model) reclaim(t *rapid.T) {
	want := m.verdict()
	e, err := m.actors[m.some(t)].s.Reclaim(context.Background(), Claim{Role: RoleAgent, Holder: "aimd"})
	if err != nil || want.Stale() != (e != nil) {
		t.Fatalf("reclaim under %v: %v, %v", want, e, err)
	}
	if e == nil {
		return
	}
	if e.Verdict != want || e.Epoch <= m.told {
		t.Fatalf("evidence %v under %v after epoch %d", e, want, m.told)
	}
	m.told = e.Epoch
	m.reread()
	if m.record.record.Held || m.visible != e.Epoch {
		t.Fatalf("after a reclaim: %+v, epoch %d", m.record, m.visible)
	}
}

// supersede raises the epoch past whoever has the kernel lock, which stays its,
// as does the record. One system call may fail.
func (m *model) supersede(t *rapid.T) {
	a, want := m.actors[m.some(t)], m.verdict()
	x := Expect{Holder: "unknown"}
	if r := m.record.record; m.record.state == ValidRecord && r.Held {
		x = Expect{r.Holder, r.Process.PID, r.Epoch}
	}
	fails := rapid.IntRange(0, 40).Draw(t, "call that fails")
	if fails > 0 {
		a.proc.FailAt(fails, unix.EIO)
	}
	l, err := a.s.Supersede(context.Background(), Claim{Role: RoleAgent, Holder: "aimd"}, x)
	a.proc.Heal()
	if err != nil {
		if fails == 0 && (want.Stale() || want == Free) != errors.Is(err, ErrGone) || fails == 0 && (want == Held) != errors.Is(err, ErrNotOverdue) {
			t.Fatalf("supersede under %v: %v", want, err)
		}
		record := m.record
		if m.reread(); m.record != record {
			t.Fatalf("supersede touched the record: %+v, was %+v", m.record, record)
		}
		return
	}
	if !want.Refused() || want == Held || l.Epoch() <= m.told || l.Epoch() <= m.visible {
		t.Fatalf("superseded under %v with epoch %d after %d", want, l.Epoch(), m.told)
	}
	m.told, m.visible = l.Epoch(), l.Epoch()
	m.grants = append(m.grants, &grantee{actor: a, lease: l, file: m.file})
}

// right says what a use of the lease must answer; nil: it goes through.
func (m *model) right(g *grantee) error {
	r := g.lease.rec
	switch {
	case g.lost != nil:
		return g.lost
	case r.Epoch != m.visible || g.file != m.file:
		return ErrStale
	case m.now >= min(r.Deadline, r.Renewed+int64(modelTTL)):
		return ErrExpired
	}
	return nil
}

func (m *model) use(t *rapid.T, what string, g *grantee, do func() error) bool {
	want := m.right(g)
	err := do()
	if !errors.Is(err, want) || (err == nil) != (want == nil) {
		t.Fatalf("%s: %v, want %v", what, err, want)
	}
	g.lost = want
	return want == nil
}

func (m *model) renew(t *rapid.T) {
	g := m.someGrant(t)
	if m.use(t, "renew", g, g.lease.Renew) && g.lease.passed == nil {
		m.record = sight{state: ValidRecord, record: g.lease.Record()}
		if m.record.record.Renewed != m.now {
			t.Fatalf("renewed at %d, now is %d", m.record.record.Renewed, m.now)
		}
	}
}

func (m *model) commit(t *rapid.T) {
	g, ran := m.someGrant(t), false
	ok := m.use(t, "commit", g, func() error {
		return g.lease.Commit(func() error { ran = true; return nil })
	})
	if ok != ran || ran && g.lease.Epoch() != m.told {
		t.Fatalf("commit of epoch %d: ran %v; %d is current", g.lease.Epoch(), ran, m.told)
	}
}

func (m *model) release(t *rapid.T) {
	g := m.someGrant(t)
	err := g.lease.Release()
	current := g.lease.rec.Epoch == m.visible
	if current && err != nil || !current && !errors.Is(err, ErrStale) {
		t.Fatalf("release of epoch %d, current is %d: %v", g.lease.rec.Epoch, m.visible, err)
	}
	if current && g.lease.passed == nil {
		m.record = sight{state: ValidRecord, record: g.lease.rec}
		m.record.record.Held = false
	}
	if err := g.lease.Release(); !errors.Is(err, ErrReleased) {
		t.Fatalf("second release: %v", err)
	}
	m.forget(func(x *grantee) bool { return x == g }, true)
}
