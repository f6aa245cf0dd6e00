package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aim-control/aimlock/firmware/durable"
)

var (
	errNotRun  = errors.New("the fence did not run what it was given")
	errNoFence = errors.New("a fence is needed: the lease's Commit")
)

func unsure(err error) bool { return errors.Is(err, durable.ErrUnsure) }

// Adopt takes the drone's first configuration as generation 1: what the first
// patch goes back to. The live file is not touched. ErrNotFirst afterwards.
func (s *Store) Adopt(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.cur.Load()
	switch {
	case len(st.Generations) > 0:
		return fmt.Errorf("store: adopt: %w", ErrNotFirst)
	case len(data) > MaxContent:
		return fmt.Errorf("store: adopt: %w: %d bytes, at most %d", durable.ErrTooLarge, len(data), MaxContent)
	}
	m := Meta{SHA256: hash(data), Local: true}
	if err := errors.Join(s.keep(data, m.SHA256), s.hold(data)); err != nil {
		return fmt.Errorf("store: adopt: %w", err)
	}
	next := st.clone()
	g := next.forget(m.SHA256) // in the history already, as an edit
	if g.N == 0 {
		g = next.numbered(m, s.o.Wall())
	}
	next.Generations, next.data = []generation{g}, slices.Clone(data)
	return wrap("adopt", s.save(next))
}

// Stage prepares a patch: its content is kept in the store and lies beside the
// live file as the shadow, synced and read back. A patch that was staged
// before is replaced. m.SHA256 must be the content's.
func (s *Store) Stage(data []byte, m Meta) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.cur.Load()
	switch {
	case st.open():
		return fmt.Errorf("store: stage: %w", ErrOpen)
	case len(st.Generations) == 0:
		return fmt.Errorf("store: stage: %w", ErrNothingCommitted)
	case len(data) > MaxContent:
		return fmt.Errorf("store: stage: %w: %d bytes, at most %d", durable.ErrTooLarge, len(data), MaxContent)
	case !validID(m.Patch) || !validID(m.Rollout):
		return fmt.Errorf("store: stage: %w: patch and rollout are names of at most %d printable bytes", ErrContent, maxID)
	case hash(data) != m.SHA256:
		return fmt.Errorf("store: stage: %w: its SHA-256 is another", ErrContent)
	case !m.Local && m.Version <= st.High:
		return fmt.Errorf("store: stage: %w: %d, highest is %d", ErrVersion, m.Version, st.High)
	}
	if err := errors.Join(s.keep(data, m.SHA256), s.hold(st.data)); err != nil {
		return fmt.Errorf("store: stage: %w", err)
	}
	if err := s.stage(data); err != nil {
		return fmt.Errorf("store: stage: %w", err)
	}
	next := st.clone()
	next.Op = Status{Phase: Staged, Meta: m, Since: s.o.Wall()}
	return wrap("stage", s.save(next))
}

// Drop ends a staged patch that is not to be tried: REJECTED with this reason.
// Where nothing is staged it does nothing; ErrOpen while a trial or a revert is
// open.
func (s *Store) Drop(reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.cur.Load()
	if st.open() {
		return fmt.Errorf("store: drop: %w", ErrOpen)
	}
	if st.Op.Phase != Staged {
		return nil
	}
	next := st.clone()
	next.end(Rejected, plain(reason), s.o.Wall())
	if err := s.save(next); err != nil {
		return fmt.Errorf("store: drop: %w", err)
	}
	s.unstage()
	return nil
}

// Try switches to what is staged. After an error Status tells what holds:
// STAGED: nothing was switched (a refusing fence too), Try or Drop it;
// REVERTED: it was switched and is taken back; TRIAL or REVERTING: it is not,
// because storage failed again: Revert it.
func (s *Store) Try(f Fence) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == nil {
		return fmt.Errorf("store: try: %w", errNoFence)
	}
	st := s.cur.Load()
	if st.open() {
		return fmt.Errorf("store: try: %w", ErrOpen)
	}
	if st.Op.Phase != Staged {
		return fmt.Errorf("store: try: %w: it is %v", ErrPhase, st.Op.Phase)
	}
	if err := s.ready(); err != nil {
		return fmt.Errorf("store: try: %w", err)
	}
	s.tried = false
	next := s.cur.Load().clone()
	next.Op.Phase, next.Op.Since = Trial, s.o.Wall()
	if err := s.save(next); err != nil {
		return fmt.Errorf("store: try: %w", err)
	}
	data, err := s.copied(next.Op.Meta)
	if err == nil {
		err = s.hold(data)
	}
	switched := false
	if err == nil {
		switched, err = s.shift(f)
	}
	if err == nil {
		err = s.proves(s.o.Live, next.Op.Meta)
	}
	switch {
	case err == nil:
		s.tried = true
		return nil
	case !switched: // as it was
		back := s.cur.Load().clone()
		back.Op.Phase = Staged
		err = errors.Join(err, s.save(back), s.hold(back.data))
	default:
		err = errors.Join(err, s.takeBack(f, "the switch failed", false))
	}
	return fmt.Errorf("store: try: %w", err)
}

// ready checks, before anything is switched, both the way forth and back.
func (s *Store) ready() error {
	if err := s.heal(); err != nil {
		return err
	}
	return s.proves(s.shadow, s.cur.Load().Op.Meta)
}

// proves reads the file and compares it with what it should be.
func (s *Store) proves(path string, m Meta) error {
	data, err := durable.Read(s.sys, path, MaxContent)
	if err == nil && hash(data) != m.SHA256 {
		err = fmt.Errorf("%s: %w", path, ErrChanged)
	}
	return err
}

// Commit makes the trial the committed generation and raises HighVersion. A
// trial from before a restart is ErrOpen: it is not confirmed. ErrChanged: the
// live file is not the trial's any more.
func (s *Store) Commit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.cur.Load()
	switch {
	case st.Op.Phase != Trial:
		return fmt.Errorf("store: commit: %w: it is %v", ErrPhase, st.Op.Phase)
	case !s.tried:
		return fmt.Errorf("store: commit: %w", ErrOpen)
	}
	m := st.Op.Meta
	data, err := s.copied(m)
	if err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	if err := s.proves(s.o.Live, m); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	next := st.clone()
	next.end(Committed, "", s.o.Wall())
	g := generation{m, next.Last, next.Op.Since}
	next.Generations, next.data = newest(append(next.Generations, g), s.o.Keep), data
	if !m.Local {
		next.High = max(next.High, m.Version)
	}
	return wrap("commit", s.save(next))
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	return nil
}
