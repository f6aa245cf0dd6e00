package store

import "fmt"

// Reasons that the store gives by itself.
const (
	ReasonRestart = "restart in trial"
	ReasonRestore = "revert ordered"
)

// Revert puts the last committed generation back in the place of the trial.
// With quarantine its content is not to be tried again. Reason and quarantine
// are on disk first: if the power goes, Recover ends it with the same report.
// While a revert is open it goes on with that one. Calling it again after an
// error is the remedy.
func (s *Store) Revert(f Fence, reason string, quarantine bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == nil {
		return fmt.Errorf("store: revert: %w", errNoFence)
	}
	if st := s.cur.Load(); !st.open() {
		return fmt.Errorf("store: revert: %w: it is %v", ErrPhase, st.Op.Phase)
	}
	return wrap("revert", s.takeBack(f, reason, quarantine))
}

// Restore takes the current patch back after it was committed: the generation
// before it is put in its place and is the committed one. sha is that
// generation's, "" for whichever it is. HighVersion stays. If it fails after
// its intent is on disk, Status is REVERTING: Revert or Recover ends it.
func (s *Store) Restore(sha string, f Fence) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.cur.Load()
	n := len(st.Generations)
	switch {
	case f == nil:
		return fmt.Errorf("store: restore: %w", errNoFence)
	case st.open() || st.Op.Phase == Staged:
		return fmt.Errorf("store: restore: %w", ErrOpen)
	case n < 2 || st.current().Local:
		return fmt.Errorf("store: restore: %w: no patch is current, or nothing before it is kept", ErrRestore)
	case sha != "" && sha != st.Generations[n-2].SHA256:
		return fmt.Errorf("store: restore: %w: that is %.12s…", ErrRestore, st.Generations[n-2].SHA256)
	}
	before, err := s.load(st.Generations[n-2].Meta)
	if err != nil { // or nothing could be put back
		return fmt.Errorf("store: restore: %w", err)
	}
	next := st.clone()
	next.Op = Status{Phase: Reverting, Meta: st.current(), Reason: ReasonRestore, Since: s.o.Wall()}
	next.Generations, next.data = next.Generations[:n-1], before
	if err := s.save(next); err != nil {
		return fmt.Errorf("store: restore: %w", err)
	}
	return wrap("restore", s.putBack(f))
}

// Recover drives what a restart has left open to an end, with nothing else
// touched. A trial is reverted (ReasonRestart); a revert is finished, with its
// own reason; what was only staged is dropped and counts as never offered
// (IDLE), so that its offer may be taken again. A live file that was edited
// while nothing was open is left alone; one that is Lost is rebuilt, if there is
// a fence. After an error, call it again; it may be called at any time.
func (s *Store) Recover(f Fence) (Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.recover(f)
	return s.cur.Load().Op, wrap("recover", err)
}

func (s *Store) recover(f Fence) error {
	st := s.cur.Load()
	switch {
	case st.open() && f == nil:
		return errNoFence
	case st.open():
		return s.takeBack(f, ReasonRestart, false)
	case st.Op.Phase == Staged:
		next := st.clone()
		next.Op = Status{Since: s.o.Wall()}
		if err := s.save(next); err != nil {
			return err
		}
	}
	s.unstage()
	if f != nil && s.Lost() {
		return s.rebuild(f)
	}
	return nil
}

// takeBack notes why, unless that is on disk already, and puts back.
func (s *Store) takeBack(f Fence, reason string, quarantine bool) error {
	if err := s.heal(); err != nil {
		return err
	}
	if st := s.cur.Load(); st.Op.Phase == Trial {
		next := st.clone()
		next.Op.Phase, next.Op.Reason, next.Op.Since = Reverting, plain(reason), s.o.Wall()
		if m := next.Op.Meta; quarantine {
			next.Quarantine = newest(append(next.Quarantine, quarantined{m.Version, m.SHA256, next.Op.Reason}), maxQuarantine)
		}
		if err := s.save(next); err != nil {
			return err
		}
	}
	return s.putBack(f)
}

// putBack makes the live file the committed generation and ends the operation.
func (s *Store) putBack(f Fence) error {
	if err := s.rebuild(f); err != nil {
		return err
	}
	st := s.cur.Load()
	next := st.clone()
	next.end(Reverted, st.Op.Reason, s.o.Wall())
	if err := s.save(next); err != nil {
		return err
	}
	s.unstage()
	return nil
}
