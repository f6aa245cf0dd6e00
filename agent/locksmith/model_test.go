package locksmith

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// TestModel drives the real code, on a disk in memory, through random histories
// of three processes: grants, renewals, commits, releases, deaths, leaked
// descriptors, power cuts, failing calls, removed lock files, garbled records.
// It knows on its own who has the lock, and compares.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"":              m.check,
			"acquire":       m.acquire,
			"acquire fails": m.acquireFailing,
			"reclaim":       m.reclaim,
			"renew":         m.renew,
			"commit":        m.commit,
			"release":       m.release,
			"kill":          m.kill,
			"kill, leaking": m.killLeaking,
			"end a leak":    m.endLeak,
			"time passes":   m.advance,
			"unlink":        m.unlink,
			"garble":        m.garble,
			"power cut":     m.powerCut,
		})
	})
}

const modelTTL = 30 * time.Second

// actor is one process; its pid is never used again, that is TestReusedPid's.
type actor struct {
	self Process
	proc *faultfs.Proc
	s    *Smith
}

// grantee is a lease that was granted and not released by its holder.
type grantee struct {
	*actor
	lease *Lease
	lost  error // what ended it, as far as its holder was told
}

type model struct {
	t        *rapid.T
	disk     *faultfs.FS
	boot     int
	now      int64
	pid      int
	alive    map[Process]bool
	actors   [3]*actor
	leaks    []*actor
	grants   []*grantee
	observer *Smith

	owner   *grantee // whose open file has the kernel lock on the path
	told    uint64   // the highest epoch ever granted
	visible uint64   // the epoch on disk
	record  sight    // what should be on record
}

func newModel(t *rapid.T) *model {
	m := &model{t: t, disk: faultfs.New(), alive: map[Process]bool{}, record: sight{state: NoRecord}}
	for _, dir := range []string{"/run", "/state"} {
		if err := m.disk.Mkdirat(unix.AT_FDCWD, dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := m.disk.Openat(unix.AT_FDCWD, "/", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err == nil {
		err = m.disk.Fsync(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.powerUp()
	return m
}

func (m *model) powerUp() {
	m.boot++
	m.now = int64(m.boot) * sec
	for i := range m.actors {
		m.actors[i] = m.newActor()
	}
	m.observer = m.newActor().s
}

func (m *model) newActor() *actor {
	m.pid++
	a := &actor{self: Process{m.pid, uint64(m.now)}, proc: m.disk.Process()}
	m.alive[a.self] = true
	h := Host{
		BootID: fmt.Sprintf("boot-%d", m.boot), Self: a.self,
		Now:   func() int64 { return m.now },
		Wall:  func() time.Time { return time.UnixMilli(0) },
		Alive: func(p Process) bool { return m.alive[p] },
	}
	s, err := Open(a.proc, Paths{"/run", "/state", "aim_lock_config"}, h, ttl(modelTTL))
	if err != nil {
		m.t.Fatal(err)
	}
	s.check, s.brief, s.patience = 0, 0, time.Second // no guard: it lives in real time
	a.s = s
	return a
}

func (m *model) some(t *rapid.T) int { return rapid.IntRange(0, len(m.actors)-1).Draw(t, "process") }

func (m *model) someGrant(t *rapid.T) *grantee {
	if len(m.grants) == 0 {
		t.Skip("no lease")
	}
	return rapid.SampledFrom(m.grants).Draw(t, "lease")
}

// verdict is what the state of the world amounts to, by the table in words.
func (m *model) verdict() Verdict {
	r := m.record.record
	claimed := m.record.state == ValidRecord && r.Held
	ours := r.BootID == fmt.Sprintf("boot-%d", m.boot)
	switch {
	case m.owner == nil && !claimed:
		return Free
	case m.owner == nil && ours:
		return Dead
	case m.owner == nil:
		return Boot
	case !claimed || !ours:
		return Unknown
	case !m.alive[r.Process]:
		return Orphan
	case m.now >= min(r.Deadline, r.Renewed+int64(modelTTL)):
		return Overdue
	}
	return Held
}

func (m *model) check(t *rapid.T) {
	look, err := m.observer.Look()
	if err != nil {
		t.Fatalf("look: %v", err)
	}
	if want := m.verdict(); look.Verdict != want {
		t.Fatalf("verdict %v, want %v: %s", look.Verdict, want, look.Evidence)
	}
	if look.HasRecord != (m.record.state == ValidRecord) || look.Record != m.record.record {
		t.Fatalf("record %+v, want %+v", look.Record, m.record.record)
	}
	epoch, err := m.observer.readEpoch()
	if err != nil || epoch != m.visible {
		t.Fatalf("epoch %d, want %d: %v", epoch, m.visible, err)
	}
}

// reread takes over what an action of uncertain outcome has left on disk.
func (m *model) reread() {
	rec, err := m.observer.readRecord()
	if err != nil {
		m.t.Fatal(err)
	}
	rec.note = ""
	m.record = rec
	if m.visible, err = m.observer.readEpoch(); err != nil {
		m.t.Fatal(err)
	}
	if m.visible < m.told {
		m.t.Fatalf("epoch %d on disk, %d was granted", m.visible, m.told)
	}
}

func (m *model) granted(t *rapid.T, a *actor, l *Lease) {
	if l.Epoch() <= m.told || l.Epoch() <= m.visible {
		t.Fatalf("epoch %d granted; %d was granted, %d visible before", l.Epoch(), m.told, m.visible)
	}
	m.told, m.visible = l.Epoch(), l.Epoch()
	m.owner = &grantee{actor: a, lease: l}
	m.grants = append(m.grants, m.owner)
	m.record = sight{state: ValidRecord, record: l.Record()}
}

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

// right says what a use of the lease must answer; nil: it goes through.
func (m *model) right(g *grantee) error {
	r := g.lease.rec
	switch {
	case g.lost != nil:
		return g.lost
	case r.Epoch != m.visible || g != m.owner:
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
	if m.use(t, "renew", g, g.lease.Renew) {
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
	if current {
		m.record = sight{state: ValidRecord, record: g.lease.rec}
		m.record.record.Held = false
	}
	if err := g.lease.Release(); !errors.Is(err, ErrReleased) {
		t.Fatalf("second release: %v", err)
	}
	m.forget(func(x *grantee) bool { return x == g }, true)
}

// forget drops leases; freed says whether their kernel locks are gone as well.
func (m *model) forget(which func(*grantee) bool, freed bool) {
	var rest []*grantee
	for _, g := range m.grants {
		if !which(g) {
			rest = append(rest, g)
			continue
		}
		if g == m.owner && freed {
			m.owner = nil
		}
	}
	m.grants = rest
}

func (m *model) kill(t *rapid.T) {
	i := m.some(t)
	a := m.actors[i]
	a.proc.Kill()
	delete(m.alive, a.self)
	m.forget(func(g *grantee) bool { return g.actor == a }, true)
	m.actors[i] = m.newActor()
}

// killLeaking: the process dies, a child of it keeps its descriptors.
func (m *model) killLeaking(t *rapid.T) {
	i := m.some(t)
	a := m.actors[i]
	delete(m.alive, a.self)
	m.forget(func(g *grantee) bool { return g.actor == a }, false)
	m.leaks = append(m.leaks, a)
	m.actors[i] = m.newActor()
}

func (m *model) endLeak(t *rapid.T) {
	if len(m.leaks) == 0 {
		t.Skip("no leak")
	}
	last := len(m.leaks) - 1
	m.leaks[last].proc.Kill()
	if m.owner != nil && m.owner.actor == m.leaks[last] {
		m.owner = nil
	}
	m.leaks = m.leaks[:last]
}

func (m *model) advance(t *rapid.T) {
	m.now += rapid.SampledFrom([]int64{1, sec, 9 * sec, 31 * sec, 3600 * sec}).Draw(t, "ns")
}

func (m *model) unlink(t *rapid.T) {
	err := m.disk.Unlinkat(unix.AT_FDCWD, "/run/aim_lock_config.lock", 0)
	if err != nil && err != unix.ENOENT {
		t.Fatal(err)
	}
	m.owner = nil
}

func (m *model) garble(t *rapid.T) {
	const path = "/state/aim_lock_config.rec"
	content := rapid.SampledFrom([]string{"", "\x00\x00", "text\n", "another's", "none"}).Draw(t, "content")
	switch content {
	case "none":
		if err := m.disk.Unlinkat(unix.AT_FDCWD, path, 0); err != nil && err != unix.ENOENT {
			t.Fatal(err)
		}
		m.record = sight{state: NoRecord}
		return
	case "another's":
		content = string(held(func(r *Record) { r.Name = "other" }).Encode())
	}
	if err := durable.ReplaceUnsynced(m.disk, path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	m.record = sight{state: DamagedRecord}
}

// powerCut loses any part of what is not synced, all processes, and the tmpfs.
func (m *model) powerCut(t *rapid.T) {
	m.forget(func(*grantee) bool { return true }, true)
	m.owner, m.leaks, m.alive = nil, nil, map[Process]bool{}
	m.disk = m.disk.Crash(func(int) bool { return rapid.Bool().Draw(t, "reached the disk") })
	for _, name := range []string{"lock", "commit"} {
		err := m.disk.Unlinkat(unix.AT_FDCWD, "/run/aim_lock_config."+name, 0)
		if err != nil && err != unix.ENOENT {
			t.Fatal(err)
		}
	}
	m.powerUp()
	m.reread()
}
