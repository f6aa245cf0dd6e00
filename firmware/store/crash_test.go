package store_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
	"github.com/aim-control/aimlock/firmware/store"
)

// findings counts what is wrong with the disks that power cuts left, by kind.
type findings map[string]int

func (f findings) add(format string, args ...any) { f[fmt.Sprintf(format, args...)]++ }

// deaf swallows its k-th sync, once it is armed.
type deaf struct {
	durable.Sys
	armed bool
	k, n  int
}

func (d *deaf) swallow() bool {
	if d.armed {
		d.n++
	}
	return d.armed && d.n == d.k
}

func (d *deaf) Fsync(fd int) error {
	if d.swallow() {
		return nil
	}
	return d.Sys.Fsync(fd)
}

func (d *deaf) Fdatasync(fd int) error {
	if d.swallow() {
		return nil
	}
	return d.Sys.Fdatasync(fd)
}

// view is what a restart finds, before or after Recover.
type view struct {
	live []byte
	st   store.Status
	s    *store.Store
}

func look(disk *faultfs.FS, bad findings) (view, bool) {
	s, err := store.Open(disk, store.Options{Live: live, Dir: dir, Keep: 2})
	if err != nil {
		bad.add("open: %v", err)
		return view{}, false
	}
	return view{disk.Files()[live], s.Status(), s}, true
}

// on reports which configuration is live: 0 for neither.
func (v view) on(ns ...int) int {
	for _, n := range ns {
		if bytes.Equal(v.live, content(n)) {
			return n
		}
	}
	return 0
}

// play is one protocol under every power cut.
type play struct {
	name    string
	prepare func(s *store.Store) error
	steps   []func(s *store.Store) error
	// found judges what a restart finds when done steps were acknowledged;
	// ended judges it once Recover has ended it, knowing what was found.
	found func(v view, done int, bad findings)
	ended func(v, found view, done int, bad findings)

	seen  map[[2]any]bool // disks that were judged
	twice *int            // of those that a power cut in a recovery has left
	fat   *fat            // live file and store on FAT
	count faultfs.Count   // asserted, so that nobody shrinks the proof unawares
	syncs int             // asserted too; each is removed in turn
}

// run enumerates the power cuts, with the k-th sync swallowed (0: none). With
// again the power is cut during each recovery too, at every moment.
func (p *play) run(t *testing.T, k int, again bool, bad findings) (faultfs.Count, int) {
	t.Helper()
	p.seen, p.twice = map[[2]any]bool{}, new(int)
	disk := p.disk()
	sys := &deaf{Sys: disk, k: k}
	s, err := store.Open(sys, store.Options{Live: live, Dir: dir, Keep: 2})
	must(t, err)
	if p.prepare != nil {
		must(t, p.prepare(s))
	}
	sys.armed = true
	done := 0
	c := faultfs.Enumerate(disk, func() {
		for i, step := range p.steps {
			if err := step(s); err != nil {
				bad.add("step %d: %v", i, err)
			}
			done++
		}
	}, func(after *faultfs.FS) { p.judge(after, done, again, bad) })
	return c, sys.n
}

func (p play) judge(after *faultfs.FS, done int, again bool, bad findings) {
	if p.known(after, done) {
		return
	}
	// Opening writes: a look gets a disk of its own, so that with again the
	// recovery is cut from its first call on.
	p.whole(after, bad)
	found, ok := look(after.Crash(all), bad)
	if !ok {
		return
	}
	p.finds(found, done, bad)
	var s *store.Store
	recovery := func() {
		v, ok := look(after, bad)
		if s = v.s; !ok {
			return
		}
		if _, err := s.Recover(free); err != nil {
			bad.add("recover: %v", err)
		}
	}
	if !again {
		recovery()
	} else {
		faultfs.Enumerate(after, recovery, func(twice *faultfs.FS) { p.judgeAgain(twice, found, done, bad) })
	}
	if s != nil {
		p.finish(after, s, found, done, bad)
	}
}

// judgeAgain judges a disk that a power cut in the recovery has left.
func (p play) judgeAgain(twice *faultfs.FS, found view, done int, bad findings) {
	if p.known(twice, [2]any{found.st, done}) {
		return
	}
	*p.twice++
	p.whole(twice, bad)
	second, ok := look(twice, bad)
	if !ok {
		return
	}
	if second.on(1, 2) == 0 && !p.gap(second) {
		bad.add("neither, while recovering")
	}
	if _, err := second.s.Recover(free); err != nil {
		bad.add("recover again: %v", err)
	}
	p.finish(twice, second.s, found, done, bad)
}

func all(int) bool { return true }

// known: the same disk with the same past was judged before. What a temporary
// file is called is random and decides nothing.
func (p play) known(disk *faultfs.FS, past any) bool {
	k := [2]any{disk.Key(untemp), past}
	was := p.seen[k]
	p.seen[k] = true
	return was
}

func untemp(name string) string {
	if i := len(name) - len("0123456789abcdef.tmp"); i > 0 && strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".tmp") {
		return name[:i]
	}
	return name
}

// finish judges what Recover made of it, as it is now, for the next start, and
// after a power cut that spares nothing unsynced.
func (p play) finish(disk *faultfs.FS, s *store.Store, found view, done int, bad findings) {
	p.ended(view{disk.Files()[live], s.Status(), s}, found, done, bad)
	p.onFAT(disk, s, bad)
	for _, d := range []*faultfs.FS{disk.Crash(func(int) bool { return false }), disk.Crash(func(int) bool { return true })} {
		if v, ok := look(d, bad); ok {
			p.ended(v, found, done, bad)
		}
	}
	before := disk.Files()
	if _, err := s.Recover(stale); err != nil { // nothing is left to do
		bad.add("recover is not idempotent: %v", err)
	}
	for name, data := range disk.Files() {
		if !bytes.Equal(data, before[name]) {
			bad.add("recover changed %s once more", name)
		}
	}
}

func (p *play) prove(t *testing.T) {
	bad := findings{}
	got, syncs := p.run(t, 0, true, bad)
	for what, n := range bad {
		t.Errorf("%d disks: %s", n, what)
	}
	want := inRecovery[p.name]
	if n, ok := inPlay[p.name]; ok && p.fat == nil {
		p.count = n
	}
	if p.fat != nil {
		want, p.count, p.syncs = p.fat.again, p.fat.count, p.fat.syncs
	}
	if got != p.count || syncs != p.syncs {
		t.Errorf("covered %+v with %d syncs, want %+v and %d", got, syncs, p.count, p.syncs)
	}
	if *p.twice != want {
		t.Errorf("%d disks after a cut in a recovery, want %d", *p.twice, want)
	}
	for k := 1; k <= syncs; k++ {
		bad := findings{}
		p.run(t, k, false, bad)
		if (len(bad) == 0) != p.idle(k) {
			t.Errorf("mutant without sync %d of %d passes, %v: either the sync or the test is of no use", k, syncs, len(bad) == 0)
		}
		t.Logf("mutant without sync %d: %v", k, bad)
	}
}

// holds judges that generation n, and only it, is in force, in this phase.
func (v view) holds(bad findings, n int, high int64, p store.Phase, reason string) {
	if v.on(n) == 0 {
		bad.add("ended %v, but the live file is not generation %d's", v.st.Phase, n)
	}
	if data, _, ok := v.s.Committed(); !ok || !bytes.Equal(data, content(n)) {
		bad.add("ended %v, but committed is not generation %d", v.st.Phase, n)
	}
	if v.st.Phase != p || v.st.Reason != reason {
		bad.add("ended %v %q instead of %v %q", v.st.Phase, v.st.Reason, p, reason)
	}
	if got := v.s.HighVersion(); got != high {
		bad.add("highest version %d instead of %d", got, high)
	}
}

// among judges the phase that a restart finds.
func (v view) among(bad findings, done int, ps ...store.Phase) {
	for _, p := range ps {
		if v.st.Phase == p {
			return
		}
	}
	bad.add("found %v after %d steps", v.st.Phase, done)
}

// short leaves the short plays where the race detector looks.
func short(all []play) []play {
	if !raced {
		return all
	}
	return slices.DeleteFunc(all, func(p play) bool { return p.name != "adopt" && p.name != "drop" })
}

func TestEveryPowerCut(t *testing.T) {
	t.Parallel()
	for _, p := range short(plays()) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.prove(t)
		})
	}
}

// Opening writes as well: it must lose nothing, in whatever state it finds it.
func TestPowerCutWhileOpening(t *testing.T) {
	t.Parallel()
	for _, p := range plays() {
		if p.name == "adopt" {
			continue
		}
		bad := findings{}
		disk := p.disk()
		s, err := store.Open(disk, store.Options{Live: live, Dir: dir, Keep: 2})
		must(t, err, p.prepare(s), s.Close())
		want := s.Status()
		c := faultfs.Enumerate(disk, func() {
			_, err := store.Open(disk, store.Options{Live: live, Dir: dir, Keep: 2})
			must(t, err)
		}, func(after *faultfs.FS) {
			if v, ok := look(after, bad); ok && v.st != want {
				bad.add("%v became %v", want, v.st)
			}
		})
		if len(bad) > 0 || c.States < 3 {
			t.Errorf("%s, %+v: %v", p.name, c, bad)
		}
	}
}
