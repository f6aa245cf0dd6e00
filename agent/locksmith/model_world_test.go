package locksmith

import (
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/aim-control/aimlock/firmware/durable"
)

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
	m.file++
}

// loseLock: a child with a copy of the descriptor unlocks it. The holder does
// not know, its file is the right one: only the epoch fences it.
func (m *model) loseLock(t *rapid.T) {
	if m.owner == nil || m.owner.lease.fd < 0 || !m.alive[m.owner.self] {
		t.Skip("nobody has the lock")
	}
	if err := m.owner.proc.Unlock(m.owner.lease.fd); err != nil {
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
