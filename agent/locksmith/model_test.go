package locksmith

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

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
			"supersede":     m.supersede,
			"renew":         m.renew,
			"commit":        m.commit,
			"release":       m.release,
			"kill":          m.kill,
			"kill, leaking": m.killLeaking,
			"end a leak":    m.endLeak,
			"time passes":   m.advance,
			"unlink":        m.unlink,
			"lose the lock": m.loseLock,
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
	file  int   // which lock file it is on
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

	file    int      // how many lock files were removed
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
	m.owner = &grantee{actor: a, lease: l, file: m.file}
	m.grants = append(m.grants, m.owner)
	m.record = sight{state: ValidRecord, record: l.Record()}
}
