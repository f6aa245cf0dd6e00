// Package store keeps the generations of the live file: it stages a new one
// beside it, switches to it, and commits it or takes it back. Nobody else
// renames the live file.
//
//	Adopt → IDLE ──Stage──► STAGED ──Try──► TRIAL ──Commit──► COMMITTED
//	                          │Drop           │Revert, or a restart (Recover)
//	                          ▼               ▼
//	                       REJECTED       REVERTING ──► REVERTED
//	COMMITTED ──Restore──► REVERTING ──► REVERTED
//
// What is on disk when:
//   - The content of a generation lies in the store's folder under its hash,
//     synced before anything names it. A trial has a file of its own, so that
//     no trial can overwrite the last committed one.
//   - The state is one value in two slots; each arrow above is one synced
//     write of it. TRIAL and REVERTING are on disk before the live file is
//     touched, COMMITTED and REVERTED after it is durable.
//   - A local edit that was in force (Noted) is kept by its hash too, for the
//     history (Peek) alone: it is no generation, and nothing goes back to it.
//   - The live file changes only by a rename of the shadow beside it, followed
//     by a sync of the directory, both inside the caller's [Fence]. Where that is
//     not enough, as on FAT, two slots beside it hold the truth ([SlotsName]).
//
// So at every moment the live file is the old one or the new one, and the
// state tells which of them is to be in force: while TRIAL or REVERTING is on
// disk it is the last committed one, whatever the live file holds.
package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// MaxContent bounds a generation, bytes.
const MaxContent = 64 << 10

// maxKeep bounds Options.Keep.
const maxKeep = 16

// Errors that callers tell apart; all else is storage's.
var (
	// ErrOpen: a trial or a revert is under way.
	ErrOpen = errors.New("a trial or a revert is open: end it with Revert, after a restart with Recover")
	// ErrPhase: there is nothing staged, or nothing on trial.
	ErrPhase = errors.New("not in this state: stage it, then try it, then commit it")
	// ErrNothingCommitted: there is nothing to go back to.
	ErrNothingCommitted = errors.New("no generation is committed: adopt the live file first")
	// ErrNotFirst: a generation exists; a local edit never becomes one.
	ErrNotFirst = errors.New("only the first configuration is adopted, and there is one")
	// ErrContent: data do not match their Meta.
	ErrContent = errors.New("the content is not what its description says")
	// ErrVersion: not above the highest version that was ever committed.
	ErrVersion = errors.New("the version is not above the highest committed: make the patch with a higher one")
	// ErrChanged: another program changed the shadow or the live file.
	ErrChanged = errors.New("changed by another program")
	// ErrRestore: the generation to restore is not the one before the patch.
	ErrRestore = errors.New("it is not what was before the current patch")
	// ErrUsed: this nonce was used before.
	ErrUsed = errors.New("it was used before and counts once: sign a new one")
	// ErrOldEpoch: a newer controller, or another of this epoch, has spoken.
	ErrOldEpoch = errors.New("not the current controller of the rollouts")
	// ErrDamaged: the copy of a generation is missing or altered.
	ErrDamaged = errors.New("the store's copy of it is damaged")
)

// Meta describes a generation.
type Meta struct {
	Patch   string `json:",omitempty"` // id, at most 64 bytes; "": Adopt's
	Rollout string `json:",omitempty"` // id, at most 64 bytes
	Version int64  `json:",omitempty"` // of the configuration; 0 for Adopt's, which the store does not read
	SHA256  string // of the content, lower-case hexadecimal
	Local   bool   `json:",omitempty"` // not from a signed patch: never raises HighVersion
}

// Status is the newest operation. One that has ended stays until the next.
type Status struct {
	Phase  Phase
	Meta   Meta   // of the patch, also of one that was reverted
	Reason string // why it was rejected or reverted, or is to be reverted
	Since  int64  // Unix ms, for display only
}

// Entry is an operation that has ended: COMMITTED, REVERTED or REJECTED.
type Entry struct {
	Meta   Meta
	Phase  Phase
	Reason string `json:",omitempty"`
	At     int64  // Unix ms, for display only
	N      uint64 `json:",omitempty"` // number in the history, rising
}

// Fence runs write only if its caller may still change the live file, with
// nobody else changing it meanwhile, and returns its error: the lease's Commit.
// An error without write having run leaves everything as it was.
type Fence func(write func() error) error

// Options say where things are.
type Options struct {
	Live string       // the live file; the shadow lies beside it
	Dir  string       // the store's own folder, made if missing; FAT will do
	Keep int          // generations to keep, the current one included, 2 … 16; 0: 8
	Wall func() int64 // Unix ms, for display only; nil: 0
}

// Shadow is the name of the shadow of the live file: NAME_shadow.EXT beside
// NAME.EXT.
func Shadow(live string) string {
	ext := filepath.Ext(live)
	return strings.TrimSuffix(live, ext) + "_shadow" + ext
}

// Store is safe for concurrent use. What reads never waits for what writes.
type Store struct {
	sys    durable.Sys
	o      Options
	shadow string // path

	mu     sync.Mutex // one operation at a time
	slots  *durable.Slots
	failed bool // the last write to the slots
	untidy bool // the last staging failed
	lock   int  // descriptor: one process at a time
	tried  bool // the trial is of this run: after a restart none may be committed
	cur    atomic.Pointer[state]
}

// Open opens the store, or creates an empty one. One process may have it open
// (durable.ErrBusy). The live file is not touched: call Recover before the rest.
func Open(sys durable.Sys, o Options) (*Store, error) {
	if o.Keep == 0 {
		o.Keep = 8
	}
	if o.Keep < 2 || o.Keep > maxKeep || o.Live == "" || o.Dir == "" {
		return nil, fmt.Errorf("store: open: live %q, folder %q, keep %d: name both, and keep 2 … %d", o.Live, o.Dir, o.Keep, maxKeep)
	}
	if o.Wall == nil {
		o.Wall = func() int64 { return 0 }
	}
	s := &Store{sys: sys, o: o, shadow: Shadow(o.Live), lock: -1}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("store: open %s: %w", o.Dir, err), s.Close())
	}
	return s, nil
}

func (s *Store) open() error {
	err := s.sys.Mkdirat(unix.AT_FDCWD, s.o.Dir, 0o755)
	if err != nil && err != unix.EEXIST {
		return fmt.Errorf("make the folder: %w", err)
	}
	// An existing folder's name too: its maker may have died before its sync.
	if err := durable.SyncDir(s.sys, filepath.Dir(filepath.Clean(s.o.Dir))); err != nil {
		return err
	}
	if s.lock, err = s.sys.Openat(unix.AT_FDCWD, s.path("lock"), unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW, 0o644); err != nil {
		return fmt.Errorf("open the lock: %w", err)
	}
	if err := s.sys.SetLock(s.lock); err == unix.EAGAIN {
		return durable.ErrBusy
	} else if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if s.slots, err = durable.OpenSlots(s.sys, s.path("state"), maxState); err != nil {
		return err
	}
	st, err := s.read()
	if err != nil {
		return err
	}
	st.data, _ = s.load(st.current())
	// Written once more: what a killed process wrote and did not live to sync
	// shows as well, and a COMMITTED must not be a TRIAL again after a power cut.
	return s.save(st)
}

// Close frees the descriptors. All that was reported as done is durable.
func (s *Store) Close() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slots != nil {
		err = s.slots.Close()
	}
	if s.lock >= 0 {
		err = errors.Join(err, s.sys.Close(s.lock))
		s.lock = -1
	}
	return err
}

func (s *Store) path(name string) string { return filepath.Join(s.o.Dir, name) }

// Status is the newest operation.
func (s *Store) Status() Status { return s.cur.Load().Op }

// Committed is the generation that is to be in force, whatever the live file
// holds; false: there is none, or its copy is damaged. data are the caller's.
func (s *Store) Committed() (data []byte, m Meta, ok bool) {
	st := s.cur.Load()
	return append([]byte(nil), st.data...), st.current(), st.data != nil
}

// Before is the generation before the current one, that Restore brings back.
func (s *Store) Before() (Meta, bool) {
	st := s.cur.Load()
	n := len(st.Generations)
	if n < 2 {
		return Meta{}, false
	}
	return st.Generations[n-2].Meta, true
}

// HighVersion is the highest version ever committed from a patch. A revert
// does not lower it.
func (s *Store) HighVersion() int64 { return s.cur.Load().High }

// History is what has ended, oldest first: the last few.
func (s *Store) History() []Entry { return append([]Entry(nil), s.cur.Load().History...) }
